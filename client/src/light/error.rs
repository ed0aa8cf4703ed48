//! Why a light client has no answer.

use salus_primitives::{
    Hash, Height,
    jump::{FileError, JumpError},
};

use super::{KEYS_MAX, ProofFault, ROUNDS_MAX, VerifyError};
use crate::chain::ChainError;

/// Why there is no answer that counts. Each says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LightError {
    /// What the node answered is not what it is said to be.
    #[error("the node's answer does not hold: {what}; ask another node, and the operator of this one")]
    NodeLied {
        /// In what way.
        what: Lie,
    },
    /// The newest block that the node shows is too old to decide on.
    #[error(
        "the newest certified block, height {height}, is {} s old, at most {} s are taken: the chain stands still, the node is behind, or a clock is wrong",
        .age / 1_000, .max / 1_000
    )]
    Stale {
        /// Its height.
        height: Height,
        /// How old it is by this machine's clock, ms.
        age: u64,
        /// How old it may be, ms.
        max: u64,
    },
    /// No node answered, or it refused.
    #[error("no answer from the node: {0}")]
    Unreachable(#[from] ChainError),
    /// A decision that goes on asking for keys.
    #[error("after {ROUNDS_MAX} rounds the decision still reads keys that were not proven: it is no bounded decision")]
    TooManyRounds,
    /// A decision that asks for too many keys.
    #[error("the decision reads {found} keys, at most {KEYS_MAX} are proven for one")]
    TooManyKeys {
        /// How many.
        found: usize,
    },
    /// The chain's state is that of another release than this program's.
    #[error("the chain's runtime is {found}, this program knows {ours}; install the release of that version")]
    OtherRelease {
        /// The chain's, name and spec version.
        found: String,
        /// This program's.
        ours: String,
    },
}

/// In what way an answer of a node does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lie {
    /// Larger than any answer.
    #[error("it has {bytes} bytes, at most {max} are looked at")]
    Giant {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// Not of the form that was asked for.
    #[error("its {what} cannot be read")]
    Form {
        /// What.
        what: &'static str,
    },
    /// A header or certificate that is not a final block of the chain.
    #[error("{0}")]
    Block(#[from] VerifyError),
    /// Another block than the one asked for.
    #[error("it is about block {found}, asked for was {asked}")]
    OtherBlock {
        /// Whose header came.
        found: Hash,
        /// Whose was asked for.
        asked: Hash,
    },
    /// A block shown as the newest that is older than one seen before.
    #[error("height {found} is shown as the newest, {known} was seen before")]
    WentBack {
        /// What is shown.
        found: Height,
        /// The newest one seen.
        known: Height,
    },
    /// Two final blocks at one height. The validators did this: the chain is broken.
    #[error("there are two certified blocks at height {height}, {first} and {second}: tell the council")]
    Fork {
        /// Where.
        height: Height,
        /// The one seen first.
        first: Hash,
        /// The other.
        second: Hash,
    },
    /// Values that are not proven.
    #[error("{0}")]
    Proof(#[from] ProofFault),
    /// No jump file.
    #[error("{0}")]
    JumpFile(#[from] FileError),
    /// A jump that does not hold.
    #[error("{0}")]
    Jump(#[from] JumpError),
    /// No jumps, though a block of a later set was shown.
    #[error("a block of validator set {shown} is shown, and no jump leads on from set {known}")]
    NoJumps {
        /// The set of the block shown.
        shown: u64,
        /// The newest set known.
        known: u64,
    },
}

impl LightError {
    pub(super) fn lie(what: impl Into<Lie>) -> Self {
        Self::NodeLied { what: what.into() }
    }
}
