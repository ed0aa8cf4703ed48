//! salus-system
