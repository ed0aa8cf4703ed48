//! salus-runtime
