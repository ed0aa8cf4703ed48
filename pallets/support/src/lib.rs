//! salus-support
