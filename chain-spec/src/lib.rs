//! salus-chain-spec
