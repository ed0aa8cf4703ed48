//! salus-client
