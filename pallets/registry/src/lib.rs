//! salus-registry
