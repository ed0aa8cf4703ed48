//! The one face the node sees of the runtime. A simulator may put a toy behind it.

use crate::{
    AccountId, Hash, Header, Height, Moment, RawExtrinsic,
    crypto::{Claim, Signature, blake2_256},
    dispatch::InvalidTransaction,
    evidence::Evidence,
    header::{DigestItem, HeaderError, Slot},
    peer::Peers,
    validator_set::ValidatorSet,
    version::RuntimeVersion,
};
use parity_scale_codec::Encode;

/// Reads of state by exact key. Storage errors are the implementor's: it stops the node (decision 18).
pub trait StateReader {
    /// The value of `key`, none when absent.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
}

impl StateReader for std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        std::collections::BTreeMap::get(self, key).cloned()
    }
}

/// What a block did to state, in key order: the new value, or none where the key went.
pub type Changes = std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What is known of a block before it is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Its height.
    pub number: Height,
    /// Hash of its parent.
    pub parent_hash: Hash,
    /// The proposer's statement.
    pub slot: Slot,
}

/// Signatures verified before, by [`signature_key`]: execution need not verify them again.
pub trait VerifiedSignatures {
    /// Was this one seen good?
    fn contains(&self, signature_key: &Hash) -> bool;
}

/// Nothing was verified before.
pub struct NoneVerified;

impl VerifiedSignatures for NoneVerified {
    fn contains(&self, _: &Hash) -> bool {
        false
    }
}

/// Names one (key, message, signature): the key of a cache of verdicts that no context can falsify.
pub fn signature_key(key: &AccountId, message: &[u8], signature: &Signature) -> Hash {
    blake2_256(&(key, signature, message).encode())
}

/// A block executed on its parent's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What it changed.
    pub changes: Changes,
    /// Digest items that execution adds after the PreRuntime item.
    pub digest: Vec<DigestItem>,
    /// Weight used, in units.
    pub weight: u64,
}

/// A block built on its parent's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What executing it gave.
    pub executed: Executed,
    /// The extrinsics that went in, in order.
    pub extrinsics: Vec<RawExtrinsic>,
    /// Those that will never go in as they are, by hash, with the reason. What merely found no room is not among them.
    pub invalid: Vec<(Hash, InvalidTransaction)>,
}

/// Why a proposed block is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// An extrinsic may not stand there.
    #[error("extrinsic {index}: {reason}")]
    Extrinsic {
        /// Its place.
        index: u32,
        /// Why not.
        reason: InvalidTransaction,
    },
    /// Its header is not one that may follow its parent's.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// Over a limit.
    #[error("the block is over its limit of {what}: {found}, at most {max}")]
    Overweight {
        /// Of what.
        what: &'static str,
        /// How much it has.
        found: u64,
        /// How much it may have.
        max: u64,
    },
    /// The runtime cannot execute this height.
    #[error("this release has spec version {ours}, height {height} needs {needed}: install the release that has it")]
    Version {
        /// This node's.
        ours: u32,
        /// The chain's.
        needed: u32,
        /// From where.
        height: Height,
    },
}

/// A valid extrinsic, as the pool orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidTransaction {
    /// Who sent it; none for a bare one.
    pub signer: Option<AccountId>,
    /// Whose quota of the pool it counts against: the signer's organisation where there is one.
    pub organisation: Option<crate::OrganisationId>,
    /// Its nonce.
    pub nonce: u32,
    /// The account's next nonce in state.
    pub next_nonce: u32,
    /// Higher goes first; revocations, emergencies and council acts stand above the rest.
    pub priority: u64,
    /// Static weight, units.
    pub weight: u64,
    /// First height at which it is no longer valid, none when immortal.
    pub expires: Option<Height>,
    /// Names the signature that was verified; the pool keeps it for [`VerifiedSignatures`].
    pub signature_key: Option<Hash>,
    /// What a bare one does that is done once: of several with one tag a pool needs no more than one, the first. A
    /// signed one has none, for it has a nonce.
    pub tag: Option<Hash>,
}

/// Why a runtime function call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Substrate's words, which clients look for.
    #[error("Client error: Execution failed: Other: Exported method {0} is not found")]
    NotFound(String),
    /// The arguments do not decode.
    #[error("Client error: Execution failed: arguments of {0} do not decode")]
    BadArguments(String),
}

/// What the node asks of the runtime.
pub trait RuntimeApi: Send + Sync {
    /// Version of the runtime in force at `state`.
    fn version(&self, state: &dyn StateReader) -> RuntimeVersion;

    /// Metadata in format `version` (14, 15 or 16), prefix and all; none for another.
    fn metadata(&self, version: u32) -> Option<Vec<u8>>;

    /// The validators that decide the height after `state`.
    fn validators(&self, state: &dyn StateReader) -> ValidatorSet;

    /// Who may connect, by the block that `state` is after: reads by exact key, a few hundred at most.
    fn peers(&self, state: &dyn StateReader) -> Peers;

    /// The extrinsic that reports `evidence` (call 4): bare, so that whoever holds the proof may submit it. Whether it
    /// would be taken is for [`RuntimeApi::validate`].
    fn report(&self, evidence: &Evidence) -> RawExtrinsic;

    /// Has this release what blocks at `height` mean, as `state`, below that height, says? One read. A runtime that
    /// never changes has.
    ///
    /// # Errors
    /// [`InvalidBlock::Version`]: another release is needed.
    fn can_execute(&self, _state: &dyn StateReader, _height: Height) -> Result<(), InvalidBlock> {
        Ok(())
    }

    /// Time of the block that `state` is after; at genesis the chain's first moment.
    fn block_time(&self, state: &dyn StateReader) -> Moment;

    /// Shortest time between two blocks, ms.
    fn block_interval_min(&self, state: &dyn StateReader) -> u64;

    /// Could this stand in the block after `parent`? A nonce ahead of its turn is valid here and waits in
    /// the pool: compare `nonce` with `next_nonce`. A signature in `verified` is not verified again, so that
    /// the pool can afford to ask anew after each block.
    ///
    /// # Errors
    /// [`InvalidTransaction`] with the reason.
    fn validate(
        &self,
        state: &dyn StateReader,
        parent: &Header,
        extrinsic: &RawExtrinsic,
        verified: &dyn VerifiedSignatures,
    ) -> Result<ValidTransaction, InvalidTransaction>;

    /// The signatures of a block's extrinsics, so that a node may verify them in batches, on more threads, and
    /// hand the good ones to [`RuntimeApi::execute`]. What does not decode is left out: execution refuses it.
    fn claims(&self, state: &dyn StateReader, block: &BlockContext, extrinsics: &[RawExtrinsic]) -> Vec<Claim>;

    /// Execute a block's extrinsics on its parent's state.
    ///
    /// # Errors
    /// [`InvalidBlock`] with the reason; then nothing of it may be kept.
    fn execute(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        extrinsics: &[RawExtrinsic],
        verified: &dyn VerifiedSignatures,
    ) -> Result<Executed, InvalidBlock>;

    /// Build a block of as many `candidates` as fit, in order, leaving out what is invalid.
    ///
    /// # Errors
    /// [`InvalidBlock::Header`] when the slot itself may not stand there.
    fn build(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        candidates: &mut dyn Iterator<Item = RawExtrinsic>,
        verified: &dyn VerifiedSignatures,
    ) -> Result<Built, InvalidBlock>;

    /// Call a runtime function by its Substrate name (`Core_version`, …) on the state after `at`.
    ///
    /// # Errors
    /// [`CallError`].
    fn call(&self, state: &dyn StateReader, at: &Header, name: &str, arguments: &[u8]) -> Result<Vec<u8>, CallError>;
}
