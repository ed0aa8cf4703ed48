//! Limits that belong to the chain itself. What a node allows beyond them is in the node's own crates.

/// Largest extrinsic, in bytes, with its length prefix.
pub const EXTRINSIC_BYTES_MAX: usize = 64 * 1024;
/// Most extrinsics in a block.
pub const BLOCK_EXTRINSICS_MAX: usize = 4_000;
/// Largest block body, in bytes, the header counted in.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Heaviest block, in weight units of about a microsecond on the reference machine; static, never measured.
pub const BLOCK_WEIGHT_MAX: u64 = 2_000_000;
/// How many recent block hashes the state keeps, for mortality; genesis is kept besides, for ever.
pub const BLOCK_HASH_COUNT: u32 = 4_096;
