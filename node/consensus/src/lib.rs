//! salus-consensus
