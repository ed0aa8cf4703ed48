//! What a validator signs, taken apart, and the proof that one of them signed two things at one place.
//!
//! Consensus sends these, and the runtime judges them (call 4): both must see the same bytes, so they stand here.
//! No genesis hash travels with them: the bytes that are signed are rebuilt from the fields and the genesis hash the
//! reader knows. What another chain's validator signed therefore has a signature that does not fit.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

use crate::{
    AccountId, Hash, Height,
    commit::{VoteKind, proposal_bytes, vote_bytes},
    crypto::{Signature, verify},
};

/// One vote of one validator in one step of one round.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
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

/// Two messages that no honest validator signs both: proof of misbehaviour that stands by itself.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
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

    /// The height both are said to be about.
    pub fn height(&self) -> Height {
        match self {
            Self::Votes(first, _) => first.vote.height,
            Self::Proposals(first, _) => first.proposal.height,
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
#[path = "evidence_tests.rs"]
mod tests;
