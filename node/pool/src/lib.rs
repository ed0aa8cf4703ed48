//! salus-pool
