//! The chain without trust in the node that is asked: what a node says counts only with its proof.
//!
//! ```text
//! what is trusted        a genesis with its validators, or one block by HEIGHT:HASH
//!   └ jumps              each change of the validators, certified by those before       salus_jumps
//!       └ certificate    more than two thirds of the validators precommitted a header   salus_proof
//!           └ header     height, time, state root
//!               └ proof  each key has this value, or none, in the state of that root
//! ```
//!
//! [`Verifier`], [`Certified`] and [`ProvenState`] are that ladder as pure functions over bytes. [`Light`] walks it by
//! asking a node, and runs a decision such as `salus_access::releasable` on what was proven: [`Light::judge`].
//!
//! What a node can still do is to say nothing, or to show a block that was the newest a while ago. The first is
//! [`LightError::Unreachable`]; the second is bounded: never a block before one that was seen, and no answer on a
//! block older than [`Options::stale_after`].
//!
//! # What it rests on
//! The answer is true unless more than two thirds of the validators, of now or of a set in the past since the trusted
//! point, signed for another chain; keys of long ago may be stolen. Who fears that trusts a recent checkpoint.

mod error;
mod follow;
mod node;
mod proven;
#[cfg(any(test, feature = "light-testing"))]
pub mod testing;
mod verifier;

pub use error::{Lie, LightError};
pub use follow::{Judged, Light, Options, Trust};
pub use node::{Ask, RpcNode};
pub use proven::{ProofFault, ProvenState, Unproven};
pub use verifier::{Certified, Checkpoint, NotACheckpoint, Verifier, VerifyError};

/// Largest answer that is looked at, bytes: thirty-two jumps of a hundred validators are 1 MiB of hex, five hundred
/// keys with their proofs less.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most keys that one judgement may read. An opening of 64 records reads some 80.
pub const KEYS_MAX: usize = 512;
/// Most times that a judgement is run again because it read keys that were not proven yet. Each level of what leads
/// to what takes one; the decisions of this chain have seven.
pub const ROUNDS_MAX: usize = 16;
/// How long a node may take for one answer, ms.
pub const ANSWER_TIME_MAX: u64 = 10_000;

#[cfg(test)]
mod lies_tests;
#[cfg(test)]
#[path = "releasable_tests.rs"]
mod releasable_tests;
