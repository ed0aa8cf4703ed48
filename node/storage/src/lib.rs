//! salus-storage
