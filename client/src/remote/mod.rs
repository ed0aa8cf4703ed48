//! A hospital's gateway from the caller's side: uploading a record's ciphertext, fetching it by receipt, and keeping
//! nothing of it that is not whole and authentic. The requests are those of [`crate::door`].
//!
//! Nothing a gateway says is believed that the chain says too: digest, size, version and key epoch come from the
//! chain, a custody receipt is verified, and a blob is compared with the chain before a byte of it is decrypted.

mod error;
mod fetch;
mod gateway;
mod records;
mod upload;

pub use error::RemoteError;
pub use fetch::{Fetched, Wanted, fetch};
pub use gateway::Gateway;
pub use records::{get, put};
pub use upload::{Upload, upload};

/// Longest JSON answer that is read, bytes. Metadata apart, the door has no longer one.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How often a transfer is begun before a connection that breaks is reported.
const ATTEMPTS: u32 = 3;
/// Bytes sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod liar_tests;
