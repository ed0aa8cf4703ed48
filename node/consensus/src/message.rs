//! What validators send each other. Votes, proposals and the proof that somebody signed two of them at one place are
//! of `salus-primitives`, since the runtime judges such proofs too.
//!
//! These are plain data: a message carries no genesis hash, since the bytes that are signed are
//! rebuilt from its fields and the genesis hash the reader knows. A message of another chain
//! therefore has a signature that does not fit.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    commit::VoteKind,
    crypto::Signature,
    validator_set::VALIDATORS_MAX,
};

pub use salus_primitives::evidence::{Evidence, Proposal, SignedProposal, SignedVote, Vote};

/// Longest encoding of a [`WireMessage`], in bytes: a round certificate of 100 votes takes 13 KiB.
/// A transport may drop a longer frame unread.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Prevotes of more than two thirds of the validators for one value: the value may be proposed again.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct PolkaCertificate {
    /// Height of the prevotes.
    pub height: Height,
    /// Their round.
    pub round: u32,
    /// Their value.
    pub value: Hash,
    /// Who prevoted, with the signatures.
    pub signatures: BoundedVec<(AccountId, Signature), VALIDATORS_MAX>,
}

/// Why a round may be entered.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum RoundReason {
    /// Votes of more than one third of the validators in the round to be entered.
    #[codec(index = 0)]
    Skip,
    /// Precommits of more than two thirds of the validators in the round before, for no common value.
    #[codec(index = 1)]
    Precommits,
}

/// One vote of a [`RoundCertificate`]; height and round stand there once for all.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct RoundVote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The value, none for nil.
    pub value: Option<Hash>,
    /// Who voted.
    pub authority: AccountId,
    /// The vote's signature.
    pub signature: Signature,
}

/// Votes that let everybody enter a round, so that no validator stays behind in an earlier one.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct RoundCertificate {
    /// Height of the votes.
    pub height: Height,
    /// Their round.
    pub round: u32,
    /// What they justify.
    pub reason: RoundReason,
    /// The votes.
    pub votes: BoundedVec<RoundVote, VALIDATORS_MAX>,
}

/// A consensus message as it travels between nodes.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum WireMessage {
    /// A vote.
    #[codec(index = 0)]
    Vote(SignedVote),
    /// A proposal; the block itself travels apart.
    #[codec(index = 1)]
    Proposal(SignedProposal),
    /// A polka.
    #[codec(index = 2)]
    Polka(PolkaCertificate),
    /// Leave to enter a round.
    #[codec(index = 3)]
    Round(RoundCertificate),
}

impl WireMessage {
    /// The height it is about.
    pub fn height(&self) -> Height {
        match self {
            Self::Vote(message) => message.vote.height,
            Self::Proposal(message) => message.proposal.height,
            Self::Polka(certificate) => certificate.height,
            Self::Round(certificate) => certificate.height,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }

    /// Read one from the wire: whole, canonical and bounded. Signatures are not checked here.
    ///
    /// # Errors
    /// [`DecodeError`] by its rule; a frame over [`MESSAGE_BYTES_MAX`] is [`DecodeError::Memory`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::Memory { max: MESSAGE_BYTES_MAX });
        }
        decode_strict(bytes, MESSAGE_DEPTH_MAX)
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
