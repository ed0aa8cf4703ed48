//! What validators send each other, and the proof that one of them sent two things.
//!
//! These are plain data: a message carries no genesis hash, since the bytes that are signed are
//! rebuilt from its fields and the genesis hash the reader knows. A message of another chain
//! therefore has a signature that does not fit.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    commit::{VoteKind, proposal_bytes, vote_bytes},
    crypto::{Signature, verify},
    validator_set::VALIDATORS_MAX,
};

/// Longest encoding of a [`WireMessage`], in bytes: a round certificate of 100 votes takes 13 KiB.
/// A transport may drop a longer frame unread.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// One vote of one validator in one step of one round.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Vote {
    /// Height voted on.
    pub height: Height,
    /// Round voted in.
    pub round: u32,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// SHA-256 of the header voted for, none for nil.
    pub value: Option<Hash>,
    /// Who votes.
    pub authority: AccountId,
}

impl Vote {
    /// The bytes its signature is over, on the chain of `genesis` (formats.md 3).
    pub fn bytes(&self, genesis: &Hash) -> Vec<u8> {
        vote_bytes(genesis, self.height, self.round, self.kind, self.value, &self.authority)
    }
}

/// A vote with its signature, which nobody has checked yet.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct SignedVote {
    /// The vote.
    pub vote: Vote,
    /// By its authority.
    pub signature: Signature,
}

impl SignedVote {
    /// Did its authority sign it, on the chain of `genesis`?
    pub fn verify(&self, genesis: &Hash) -> bool {
        verify(&self.vote.authority, &self.vote.bytes(genesis), &self.signature)
    }
}

/// The proposer's word that a value is the block to decide in a round.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Proposal {
    /// Height proposed for.
    pub height: Height,
    /// Round proposed in.
    pub round: u32,
    /// The earlier round in which the value had its polka, none for a fresh block.
    pub pol_round: Option<u32>,
    /// SHA-256 of the header.
    pub value: Hash,
    /// The proposer.
    pub authority: AccountId,
}

impl Proposal {
    /// The bytes its signature is over, on the chain of `genesis` (formats.md 3).
    pub fn bytes(&self, genesis: &Hash) -> Vec<u8> {
        proposal_bytes(genesis, self.height, self.round, self.pol_round, self.value, &self.authority)
    }
}

/// A proposal with its signature, which nobody has checked yet.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct SignedProposal {
    /// The proposal.
    pub proposal: Proposal,
    /// By its authority.
    pub signature: Signature,
}

impl SignedProposal {
    /// Did its authority sign it, on the chain of `genesis`?
    pub fn verify(&self, genesis: &Hash) -> bool {
        verify(&self.proposal.authority, &self.proposal.bytes(genesis), &self.signature)
    }
}

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

/// Two messages that no honest validator signs both: proof of misbehaviour that stands by itself.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum Evidence {
    /// Two votes of one kind in one round.
    #[codec(index = 0)]
    Votes(SignedVote, SignedVote),
    /// Two proposals in one round.
    #[codec(index = 1)]
    Proposals(SignedProposal, SignedProposal),
}

impl Evidence {
    /// Who is said to have signed both; [`Self::proves`] says whether it is so.
    pub fn offender(&self) -> AccountId {
        match self {
            Self::Votes(first, _) => first.vote.authority,
            Self::Proposals(first, _) => first.proposal.authority,
        }
    }

    /// Does it prove misbehaviour on the chain of `genesis`: the same place, different content, both signatures good?
    pub fn proves(&self, genesis: &Hash) -> bool {
        match self {
            Self::Votes(a, b) => {
                let place = |vote: &Vote| (vote.height, vote.round, vote.kind, vote.authority);
                place(&a.vote) == place(&b.vote)
                    && a.vote.value != b.vote.value
                    && a.verify(genesis)
                    && b.verify(genesis)
            }
            Self::Proposals(a, b) => {
                let place = |proposal: &Proposal| (proposal.height, proposal.round, proposal.authority);
                place(&a.proposal) == place(&b.proposal)
                    && a.proposal != b.proposal
                    && a.verify(genesis)
                    && b.verify(genesis)
            }
        }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
