//! The entries of the write-ahead log: what the core must see again after a crash, in order, so
//! that it derives what it already signed.
//!
//! ```text
//!  byte 0     version, 1
//!  bytes 1..  SCALE of the entry
//!  last 8     first 8 bytes of SHA-256(b"salus/wal/1" ++ genesis ++ height u32 ++ index u32 ++ all before)
//! ```
//! The digest binds an entry to its chain and place: a damaged, misplaced, missing or foreign entry
//! is an error that names its index, and the node stops.

use arc_malachitebft_core_consensus::{Input as CoreInput, ProposedValue};
use arc_malachitebft_core_types::{Round, Timeout, TimeoutKind, Validity, ValueOrigin};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    Hash, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    crypto::sha256_of,
    validator_set::ValidatorSet,
};

use crate::{
    api::TimerKind,
    convert::{
        polka_to_core, polka_to_plain, round_to_plain, signed_proposal_to_core, signed_proposal_to_plain,
        signed_vote_to_core, signed_vote_to_plain,
    },
    ctx::{Address, CoreHeight, Ctx, Value},
    message::{PolkaCertificate, SignedProposal, SignedVote},
};

const ENTRY_VERSION: u8 = 1;
const CHECKSUM: usize = 8;

/// What the host thinks of a value it has been told about.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub(crate) enum Fate {
    /// The core knows it as valid.
    #[codec(index = 0)]
    Valid,
    /// Sound, but not acceptable as the fresh proposal it came as: untimely, or built for another round. The core
    /// knows it as invalid until a quorum stands behind it.
    #[codec(index = 1)]
    Withheld,
    /// Invalid for ever.
    #[codec(index = 2)]
    Invalid,
}

/// A block that was judged.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub(crate) struct Known {
    /// The round its header says it was built in; 0 for an invalid one.
    pub build_round: u32,
    pub fate: Fate,
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub(crate) enum WalEntry {
    #[codec(index = 0)]
    Vote(SignedVote),
    #[codec(index = 1)]
    Proposal(SignedProposal),
    #[codec(index = 2)]
    Timeout { kind: TimerKind, round: u32 },
    #[codec(index = 3)]
    Block { round: u32, pol_round: Option<u32>, value: Hash, known: Known },
    #[codec(index = 4)]
    Polka(PolkaCertificate),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// Written by another release.
    #[error("form {found}, this release reads form {expected}")]
    Version {
        /// The entry's.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// Changed, cut short, of another place or of another chain.
    #[error("its digest does not fit its bytes, its place and this chain")]
    Damaged,
    /// The digest fits but the fields do not decode.
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// A message of another height.
    #[error("its message is of height {found}")]
    Height {
        /// The message's.
        found: Height,
    },
}

/// The number of the entry at `index`.
pub(crate) fn entry_number(index: usize) -> u32 {
    u32::try_from(index).expect("a height has fewer than 2^32 log entries")
}

fn checksum(genesis: &Hash, height: Height, index: u32, bytes: &[u8]) -> [u8; CHECKSUM] {
    let (height, index) = (height.encode(), index.encode());
    let digest = sha256_of(&[b"salus/wal/1", genesis.as_bytes(), &height, &index, bytes]);
    digest.0[..CHECKSUM].try_into().expect("a digest is longer than 8 bytes")
}

impl WalEntry {
    /// Its bytes as the `index`-th entry of `height`.
    pub fn to_bytes(&self, genesis: &Hash, height: Height, index: u32) -> Vec<u8> {
        let mut bytes = vec![ENTRY_VERSION];
        self.encode_to(&mut bytes);
        let checksum = checksum(genesis, height, index, &bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Read the `index`-th entry of `height`.
    pub fn from_bytes(bytes: &[u8], genesis: &Hash, height: Height, index: u32) -> Result<Self, WalError> {
        let split = bytes.len().checked_sub(CHECKSUM).ok_or(WalError::Damaged)?;
        let (body, found) = bytes.split_at(split);
        if checksum(genesis, height, index, body) != found {
            return Err(WalError::Damaged);
        }
        let entry: Self = match body.split_first() {
            Some((&ENTRY_VERSION, entry)) => decode_strict(entry, MESSAGE_DEPTH_MAX)?,
            Some((&found, _)) => return Err(WalError::Version { found, expected: ENTRY_VERSION }),
            None => return Err(WalError::Damaged),
        };
        let own = match &entry {
            Self::Vote(message) => message.vote.height,
            Self::Proposal(message) => message.proposal.height,
            Self::Polka(certificate) => certificate.height,
            Self::Timeout { .. } | Self::Block { .. } => height,
        };
        if own == height { Ok(entry) } else { Err(WalError::Height { found: own }) }
    }

    /// The entry of what the core asks to log; none for an input that may not be logged. `known` says what the host
    /// knows of a value, which the core has only half of.
    pub fn of(input: &CoreInput<Ctx>, known: impl FnOnce(&Hash) -> Option<Known>) -> Option<Self> {
        match input {
            CoreInput::Vote(vote) => Some(Self::Vote(signed_vote_to_plain(vote))),
            CoreInput::Proposal(proposal) => Some(Self::Proposal(signed_proposal_to_plain(proposal))),
            CoreInput::PolkaCertificate(certificate) => Some(Self::Polka(polka_to_plain(certificate))),
            CoreInput::TimeoutElapsed(timeout) => {
                let kind = TimerKind::of(timeout.kind).filter(|kind| *kind != TimerKind::Rebroadcast)?;
                Some(Self::Timeout { kind, round: round_to_plain(timeout.round) })
            }
            CoreInput::ProposedValue(block, _) => Some(Self::Block {
                round: round_to_plain(block.round),
                pol_round: block.valid_round.as_u32(),
                value: block.value.0,
                known: known(&block.value.0)?,
            }),
            CoreInput::StartHeight(..)
            | CoreInput::RoundCertificate(_)
            | CoreInput::Propose(_)
            | CoreInput::SyncValueResponse(_) => None,
        }
    }

    /// The input it stands for, at `height` under `set`.
    pub fn to_core(&self, height: Height, set: &ValidatorSet) -> CoreInput<Ctx> {
        match self {
            Self::Vote(vote) => CoreInput::Vote(signed_vote_to_core(vote)),
            Self::Proposal(proposal) => CoreInput::Proposal(signed_proposal_to_core(proposal)),
            Self::Polka(certificate) => CoreInput::PolkaCertificate(polka_to_core(certificate)),
            Self::Timeout { kind, round } => {
                CoreInput::TimeoutElapsed(Timeout::new(Round::new(*round), TimeoutKind::from(*kind)))
            }
            Self::Block { round, pol_round, value, known } => CoreInput::ProposedValue(
                ProposedValue {
                    height: CoreHeight(height),
                    round: Round::new(*round),
                    valid_round: Round::from(*pol_round),
                    proposer: Address(set.proposer(height, *round)),
                    value: Value(*value),
                    validity: Validity::from_bool(known.fate == Fate::Valid),
                },
                ValueOrigin::Consensus,
            ),
        }
    }
}

#[cfg(test)]
#[path = "wal_tests.rs"]
mod tests;
