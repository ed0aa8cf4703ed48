//! What submitting and finalising do: refusals, and what changed for those who watch.

use salus_primitives::{Hash, Height, dispatch::InvalidTransaction, extrinsic::ExtrinsicError};

/// Why an extrinsic did not enter the pool. Nothing of a refused one is kept, so sending it again is judged anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Over the size limit.
    #[error("the extrinsic has {bytes} bytes, the limit is {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The bytes are not an extrinsic of this chain.
    #[error("not an extrinsic of this chain: {0}")]
    Malformed(#[from] ExtrinsicError),
    /// In the pool already: byte for byte, or a bare one that does the same.
    #[error("already in the pool: wait for it")]
    AlreadyPending,
    /// In a finalised block already, byte for byte.
    #[error("already in the finalised block {height}")]
    AlreadyIncluded {
        /// Which block.
        height: Height,
    },
    /// The account submits too fast.
    #[error("more than {max} submissions of this account within one second: wait a second and send again")]
    RateLimited {
        /// The limit per second.
        max: u32,
    },
    /// The node has as many signatures to verify for those who submit as it takes on. The pool never says so itself;
    /// whoever verifies before it does.
    #[error("this node verifies as many signatures as it takes on at the moment: send again in {retry_after_ms} ms")]
    Busy {
        /// When to send again, ms from now; at least one.
        retry_after_ms: u64,
    },
    /// The runtime refuses it.
    #[error("{0}")]
    Invalid(InvalidTransaction),
    /// The nonce is too far ahead.
    #[error("nonce {nonce} is too far ahead: the account's next is {next}, at most {max} is accepted")]
    NonceGap {
        /// The extrinsic's nonce.
        nonce: u32,
        /// The account's next one.
        next: u32,
        /// The highest one accepted now.
        max: u32,
    },
    /// Another extrinsic of the account holds this nonce, with a priority that is not lower.
    #[error(
        "nonce {nonce} is held by a pending extrinsic of priority {held}, this one has {offered}: use the next nonce"
    )]
    NonceTaken {
        /// The nonce.
        nonce: u32,
        /// Priority of the one that holds it.
        held: u64,
        /// Priority of the one refused.
        offered: u64,
    },
    /// The account's quota is used up.
    #[error("the account's quota is full: {txs} extrinsics and {bytes} bytes are pending, wait until one is final")]
    AccountFull {
        /// How many of the account are pending.
        txs: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The quota of the account's organisation is used up.
    #[error("the organisation's quota is full: {txs} extrinsics and {bytes} bytes are pending, wait and send again")]
    OrganisationFull {
        /// How many of the organisation are pending.
        txs: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// No room for another bare extrinsic.
    #[error("{txs} bare extrinsics of {bytes} bytes are pending: wait and send again")]
    BareFull {
        /// How many bare ones are pending.
        txs: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The pool is full of what ranks no lower.
    #[error("the pool is full: {txs} extrinsics and {bytes} bytes are pending, wait and send again")]
    PoolFull {
        /// How many are pending.
        txs: usize,
        /// Their bytes.
        bytes: usize,
    },
}

impl Refused {
    /// [`Refused::Busy`] for this long.
    pub fn busy(wait: core::time::Duration) -> Self {
        Self::Busy { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1) }
    }
}

/// Why an extrinsic left the pool without being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// The runtime refuses it now.
    #[error("{0}")]
    Invalid(InvalidTransaction),
    /// Its era ended.
    #[error("its era is over: sign it again")]
    Expired,
    /// It waited too long for the nonce before its own.
    #[error("it waited {blocks} blocks for the nonce before its own: send that one first")]
    Gap {
        /// How many blocks it waited.
        blocks: u32,
    },
    /// Another extrinsic of the account took its nonce.
    #[error("another extrinsic of the account took its nonce: {by}")]
    Usurped {
        /// Which one.
        by: Hash,
    },
    /// It made room for one that ranks higher.
    #[error("it made room for an extrinsic that goes before it: send it again later")]
    Evicted,
}

/// An extrinsic that left the pool without being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Which one.
    pub hash: Hash,
    /// Why.
    pub reason: DropReason,
}

/// What changed for the extrinsics in the pool; each appears at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Left by being in the block.
    pub included: Vec<Hash>,
    /// Left without.
    pub dropped: Vec<Dropped>,
    /// Can stand in the next block from now on.
    pub ready: Vec<Hash>,
    /// Wait for an earlier nonce from now on.
    pub waiting: Vec<Hash>,
}

/// An extrinsic entered the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its hash.
    pub hash: Hash,
    /// Can it stand in the next block? Otherwise it waits for an earlier nonce.
    pub ready: bool,
    /// What changed, this one included.
    pub changes: Changes,
}
