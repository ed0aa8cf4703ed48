//! salus-validators
