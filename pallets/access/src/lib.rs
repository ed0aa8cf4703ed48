//! salus-access
