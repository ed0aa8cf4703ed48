//! salus-rpc
