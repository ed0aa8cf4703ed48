//! salus-engine
