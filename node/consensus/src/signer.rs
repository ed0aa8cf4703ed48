//! The one place that signs for consensus, and what it remembers so as never to say two things.
//!
//! Consensus signs in a strictly rising order of (height, round, step). The signer keeps the last
//! of them and refuses whatever lies before it or differs at it, so even a node whose write-ahead
//! log is gone cannot contradict itself. It does not remember locks: whether it is safe to go on
//! *after* the last signature is the host's decision (see [`Host::start_height`](crate::Host)).

use core::fmt;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    AccountId, Hash, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    commit::VoteKind,
    crypto::{KeyPair, Signature, sha256},
};

use crate::message::{Proposal, Vote};

/// The record's form. A record of another form is refused, never guessed at.
const RECORD_VERSION: u8 = 1;
/// Length of the digest that closes a record's bytes.
const CHECKSUM: usize = 32;

/// The three things signed in a round, in the order they are signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum Step {
    /// The proposer's proposal.
    #[codec(index = 0)]
    Proposal,
    /// The first vote.
    #[codec(index = 1)]
    Prevote,
    /// The second vote.
    #[codec(index = 2)]
    Precommit,
}

impl From<VoteKind> for Step {
    fn from(kind: VoteKind) -> Self {
        match kind {
            VoteKind::Prevote => Self::Prevote,
            VoteKind::Precommit => Self::Precommit,
        }
    }
}

/// A place in the order of signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Position {
    /// Height.
    pub height: Height,
    /// Round.
    pub round: u32,
    /// Step.
    pub step: Step,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Proposal => "proposal",
            Step::Prevote => "prevote",
            Step::Precommit => "precommit",
        };
        write!(f, "{step} of height {}, round {}", self.height, self.round)
    }
}

/// The last thing a key signed: what must be on disk before the signature leaves the node.
///
/// [`Self::to_bytes`] is SCALE of (version u8 = 1, genesis, key, height u32, round u32, step u8, Option of the value,
/// digest of the signed bytes), closed by the SHA-256 of all that, so that a damaged record is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct SignedRecord {
    version: u8,
    genesis: Hash,
    key: AccountId,
    /// Where.
    pub position: Position,
    /// What was proposed or voted for, none for nil.
    pub value: Option<Hash>,
    /// SHA-256 of the bytes that were signed.
    pub digest: Hash,
}

impl SignedRecord {
    /// A record by which `key` signs nothing at `height` or below, whatever was lost: for an operator who restores a
    /// network too small to have a spare validator and states the last height that may have been signed (decision 24).
    pub fn resume_after(genesis: Hash, key: AccountId, height: Height) -> Self {
        let position = Position { height, round: u32::MAX, step: Step::Precommit };
        Self { version: RECORD_VERSION, genesis, key, position, value: None, digest: Hash::ZERO }
    }

    /// Its bytes, for storage.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.encode();
        let checksum = sha256(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    /// Read a record of any chain and key; [`Signer::with_record`] asks whose it is.
    ///
    /// # Errors
    /// [`SignerError::Damaged`], [`SignerError::Version`] or [`SignerError::Decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignerError> {
        let split = bytes.len().checked_sub(CHECKSUM).ok_or(SignerError::Damaged)?;
        let (body, checksum) = bytes.split_at(split);
        if sha256(body).as_bytes() != checksum {
            return Err(SignerError::Damaged);
        }
        match body.first() {
            Some(&RECORD_VERSION) => Ok(decode_strict(body, MESSAGE_DEPTH_MAX)?),
            Some(&found) => Err(SignerError::Version { found, expected: RECORD_VERSION }),
            None => Err(SignerError::Damaged),
        }
    }
}

/// Why the signer does not sign, or does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// It has moved on.
    #[error("asked to sign the {asked}, but the last signature is for the {last}: signing only goes forward")]
    Behind {
        /// Where a signature was asked for.
        asked: Position,
        /// Where the last one was given.
        last: Position,
    },
    /// It signed something else there.
    #[error("asked to sign a second, different {asked}: signed was {signed:?}, asked for is {wanted:?}")]
    Conflict {
        /// Where.
        asked: Position,
        /// The value signed there, none for nil.
        signed: Option<Hash>,
        /// The value asked for, none for nil.
        wanted: Option<Hash>,
    },
    /// The message names another validator.
    #[error("asked to sign in the name of {asked:?}, the key is {key:?}")]
    NotOurs {
        /// The message's authority.
        asked: AccountId,
        /// The signer's key.
        key: AccountId,
    },
    /// The record is of another chain.
    #[error("the signer's record is of the chain {found}, this is {expected}: use this chain's data folder")]
    OtherChain {
        /// The record's genesis hash.
        found: Hash,
        /// This chain's.
        expected: Hash,
    },
    /// The record is of another key.
    #[error("the signer's record is of key {found:?}, the node's key is {expected:?}: put that key back")]
    OtherKey {
        /// The record's key.
        found: AccountId,
        /// The node's.
        expected: AccountId,
    },
    /// The record is of another release.
    #[error("the signer's record has form {found}, this release reads form {expected}")]
    Version {
        /// The record's.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// The record is cut short or changed.
    #[error("the signer's record is damaged: restore it from a backup, or join again under a new key")]
    Damaged,
    /// The record's fields do not decode although its digest fits.
    #[error("the signer's record: {0}")]
    Decode(#[from] DecodeError),
}

/// Holds the validator's key and the record of its last signature.
#[derive(Clone, Debug)]
pub struct Signer {
    genesis: Hash,
    key: KeyPair,
    public: AccountId,
    last: Option<SignedRecord>,
}

impl Signer {
    /// The signer of a key that has never signed on the chain of `genesis`.
    ///
    /// Only for a key that is new: one whose record was lost starts by [`SignedRecord::resume_after`].
    pub fn new(genesis: Hash, key: KeyPair) -> Self {
        let public = key.public();
        Self { genesis, key, public, last: None }
    }

    /// The signer that goes on from the stored `record`.
    ///
    /// # Errors
    /// [`SignerError`] where the record is unreadable, of another chain or of another key: the node must not start.
    pub fn with_record(genesis: Hash, key: KeyPair, record: &[u8]) -> Result<Self, SignerError> {
        let record = SignedRecord::from_bytes(record)?;
        let public = key.public();
        if record.genesis != genesis {
            return Err(SignerError::OtherChain { found: record.genesis, expected: genesis });
        }
        if record.key != public {
            return Err(SignerError::OtherKey { found: record.key, expected: public });
        }
        Ok(Self { genesis, key, public, last: Some(record) })
    }

    /// The public key it signs by.
    pub fn public(&self) -> AccountId {
        self.public
    }

    /// The last signature, none if there was none.
    pub fn last(&self) -> Option<&SignedRecord> {
        self.last.as_ref()
    }

    /// From now on sign nothing at `height` or below. The new record; none where the last signature is beyond.
    pub fn pass_over(&mut self, height: Height) -> Option<SignedRecord> {
        let record = SignedRecord::resume_after(self.genesis, self.public, height);
        if self.last.is_some_and(|last| last.position >= record.position) {
            return None;
        }
        self.last = Some(record);
        Some(record)
    }

    /// A signature of ours that the log gave back leaves the node again. The record may have been lost with a power cut
    /// that left the log entry: it knows of the signature from now on. The new record; none where it knew.
    pub(crate) fn remember(&mut self, position: Position, value: Option<Hash>, digest: Hash) -> Option<SignedRecord> {
        if self.last.is_some_and(|last| last.position >= position) {
            return None;
        }
        let (genesis, key) = (self.genesis, self.public);
        self.last = Some(SignedRecord { version: RECORD_VERSION, genesis, key, position, value, digest });
        self.last
    }

    /// Sign a vote. The caller stores [`Self::last`] durably before the signature leaves the node.
    ///
    /// # Errors
    /// [`SignerError`] where it lies before the last signature, or at it with other content.
    pub fn sign_vote(&mut self, vote: &Vote) -> Result<Signature, SignerError> {
        let position = Position { height: vote.height, round: vote.round, step: vote.kind.into() };
        self.sign(position, vote.value, &vote.authority, &vote.bytes(&self.genesis))
    }

    /// Sign a proposal; as [`Self::sign_vote`].
    ///
    /// # Errors
    /// As [`Self::sign_vote`].
    pub fn sign_proposal(&mut self, proposal: &Proposal) -> Result<Signature, SignerError> {
        let position = Position { height: proposal.height, round: proposal.round, step: Step::Proposal };
        self.sign(position, Some(proposal.value), &proposal.authority, &proposal.bytes(&self.genesis))
    }

    fn sign(
        &mut self,
        position: Position,
        value: Option<Hash>,
        authority: &AccountId,
        bytes: &[u8],
    ) -> Result<Signature, SignerError> {
        if *authority != self.public {
            return Err(SignerError::NotOurs { asked: *authority, key: self.public });
        }
        let digest = sha256(bytes);
        if let Some(last) = &self.last {
            if position < last.position {
                return Err(SignerError::Behind { asked: position, last: last.position });
            }
            if position == last.position && digest != last.digest {
                return Err(SignerError::Conflict { asked: position, signed: last.value, wanted: value });
            }
        }
        let (genesis, key) = (self.genesis, self.public);
        self.last = Some(SignedRecord { version: RECORD_VERSION, genesis, key, position, value, digest });
        Ok(self.key.sign(bytes))
    }
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
