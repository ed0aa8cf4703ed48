//! Headers and blocks: Substrate's shape, our digest items (formats.md 3 to 6).

use parity_scale_codec::{Compact, Decode, DecodeWithMemTracking, Encode, Error, Input, Output};
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};

use crate::{
    Hash, Height, Moment, RawExtrinsic,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    crypto, merkle,
    validator_set::ValidatorSet,
};

/// Our four letters in digest items and justifications.
pub const ENGINE: [u8; 4] = *b"SALS";

/// Digest items a client library can decode; nothing else may stand in a header.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum DigestItem {
    /// Free bytes.
    #[codec(index = 0)]
    Other(Vec<u8>),
    /// What executing the block tells consensus: a new validator set.
    #[codec(index = 4)]
    Consensus([u8; 4], Vec<u8>),
    /// Unused: the commit certificate is a justification, outside the header.
    #[codec(index = 5)]
    Seal([u8; 4], Vec<u8>),
    /// What the proposer tells execution: time, round and its own index.
    #[codec(index = 6)]
    PreRuntime([u8; 4], Vec<u8>),
    /// The runtime's version changed in this block.
    #[codec(index = 8)]
    RuntimeEnvironmentUpdated,
}

impl TypeInfo for DigestItem {
    type Identity = Self;

    fn type_info() -> Type {
        let tagged = || {
            Fields::unnamed()
                .field(|f| f.ty::<[u8; 4]>().type_name("ConsensusEngineId"))
                .field(|f| f.ty::<Vec<u8>>().type_name("Vec<u8>"))
        };
        Type::builder()
            .path(
                Path::from_segments(["sp_runtime", "generic", "digest", "DigestItem"])
                    .expect("all segments are identifiers"),
            )
            .variant(
                Variants::new()
                    .variant("PreRuntime", |v| v.index(6).fields(tagged()))
                    .variant("Consensus", |v| v.index(4).fields(tagged()))
                    .variant("Seal", |v| v.index(5).fields(tagged()))
                    .variant("Other", |v| {
                        v.index(0).fields(Fields::unnamed().field(|f| f.ty::<Vec<u8>>().type_name("Vec<u8>")))
                    })
                    .variant("RuntimeEnvironmentUpdated", |v| v.index(8)),
            )
    }
}

/// The digest items of a header.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Digest {
    /// In order.
    pub logs: Vec<DigestItem>,
}

impl TypeInfo for Digest {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(
                Path::from_segments(["sp_runtime", "generic", "digest", "Digest"])
                    .expect("all segments are identifiers"),
            )
            .composite(Fields::named().field(|f| f.ty::<Vec<DigestItem>>().name("logs").type_name("Vec<DigestItem>")))
    }
}

/// What the proposer of a block states in its PreRuntime item (formats.md 4).
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Slot {
    /// Block time in ms.
    pub time: Moment,
    /// The round it was built in.
    pub build_round: u32,
    /// Index of its proposer: `(number + build_round) mod n`.
    pub proposer_index: u16,
    /// Which validator set decides it; genesis is set 0.
    pub set_id: u64,
}

/// The set that is valid from the next height (formats.md 6).
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct SetChange {
    /// The new set's id: the old one's plus one.
    pub set_id: u64,
    /// Hash of the new set.
    pub hash: Hash,
}

/// A block's header. Its SCALE bytes are the pre-image of the block hash and of the vote value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Hash of the parent's header, zero at genesis.
    pub parent_hash: Hash,
    /// Height.
    pub number: Height,
    /// Root of the state after this block.
    pub state_root: Hash,
    /// RFC 6962 root of the extrinsics.
    pub extrinsics_root: Hash,
    /// One PreRuntime item, and one Consensus item where the validator set changes; none at genesis.
    pub digest: Digest,
}

/// Why a header's digest is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// A first item that is not our PreRuntime item, or none.
    #[error("the header's first digest item is not a SALS pre-runtime item")]
    NoSlot,
    /// Bytes that do not decode.
    #[error("digest item: {0}")]
    Decode(#[from] DecodeError),
    /// An item that has no place there.
    #[error("the header has a digest item that does not belong")]
    Unexpected,
}

/// Why a header may not follow its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Another parent.
    #[error("the header's parent is {found}, the newest block is {expected}")]
    Parent {
        /// What it names.
        found: Hash,
        /// What it must name.
        expected: Hash,
    },
    /// Another height.
    #[error("the header's height is {found}, the next one is {expected}")]
    Number {
        /// What it has.
        found: Height,
        /// What it must have.
        expected: Height,
    },
    /// A digest of another form.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Another validator set.
    #[error("the header names validator set {found}, this height is decided by set {expected}")]
    Set {
        /// What it names.
        found: u64,
        /// What it must name.
        expected: u64,
    },
    /// Another proposer than the one whose turn it is.
    #[error("the header names proposer {found}, in round {round} it is the turn of {expected}")]
    Proposer {
        /// What it names.
        found: u16,
        /// Whose turn it is.
        expected: u16,
        /// The round it was built in.
        round: u32,
    },
    /// Time does not rise.
    #[error("block time {found} is not after its parent's {parent}")]
    Time {
        /// The block's, ms.
        found: Moment,
        /// The parent's, ms.
        parent: Moment,
    },
}

impl Slot {
    /// May a block with this statement stand at `number`, decided by `set`, after a parent of time `parent_time`?
    ///
    /// # Errors
    /// [`HeaderError`] by its rule (formats.md 4 and 5).
    pub fn check(&self, number: Height, set: &ValidatorSet, parent_time: Moment) -> Result<(), HeaderError> {
        if self.set_id != set.set_id {
            return Err(HeaderError::Set { found: self.set_id, expected: set.set_id });
        }
        let expected = set.proposer_index(number, self.build_round);
        if self.proposer_index != expected {
            return Err(HeaderError::Proposer { found: self.proposer_index, expected, round: self.build_round });
        }
        if self.time <= parent_time {
            return Err(HeaderError::Time { found: self.time, parent: parent_time });
        }
        Ok(())
    }
}

impl Header {
    /// The statement of a header that names `parent` as its parent and the height after it.
    ///
    /// # Errors
    /// [`HeaderError`] by its rule; set, proposer and time are [`Slot::check`]'s.
    pub fn follows(&self, parent: &Self, parent_hash: Hash) -> Result<Slot, HeaderError> {
        if self.number != parent.number.next() {
            return Err(HeaderError::Number { found: self.number, expected: parent.number.next() });
        }
        if self.parent_hash != parent_hash {
            return Err(HeaderError::Parent { found: self.parent_hash, expected: parent_hash });
        }
        Ok(self.slot()?)
    }

    /// The block hash: BLAKE2b-256 of the SCALE header.
    pub fn hash(&self) -> Hash {
        crypto::blake2_256(&self.encode())
    }

    /// What validators vote on: SHA-256 of the SCALE header (formats.md 3).
    pub fn vote_value(&self) -> Hash {
        crypto::sha256(&self.encode())
    }

    /// The proposer's statement.
    ///
    /// # Errors
    /// [`DigestError`] when the digest is not of our form; genesis has none.
    pub fn slot(&self) -> Result<Slot, DigestError> {
        match self.digest.logs.first() {
            Some(DigestItem::PreRuntime(ENGINE, bytes)) => Ok(decode_strict(bytes, MESSAGE_DEPTH_MAX)?),
            _ => Err(DigestError::NoSlot),
        }
    }

    /// The set that rules from the next height on, if this block changed it.
    ///
    /// # Errors
    /// [`DigestError`] when the rest of the digest is not of our form.
    pub fn set_change(&self) -> Result<Option<SetChange>, DigestError> {
        match self.digest.logs.get(1..).unwrap_or_default() {
            [] => Ok(None),
            [DigestItem::Consensus(ENGINE, bytes)] => Ok(Some(decode_strict(bytes, MESSAGE_DEPTH_MAX)?)),
            _ => Err(DigestError::Unexpected),
        }
    }
}

impl Slot {
    /// The digest item that carries it.
    pub fn item(&self) -> DigestItem {
        DigestItem::PreRuntime(ENGINE, self.encode())
    }
}

impl SetChange {
    /// The digest item that carries it.
    pub fn item(&self) -> DigestItem {
        DigestItem::Consensus(ENGINE, self.encode())
    }
}

impl Encode for Header {
    fn encode_to<W: Output + ?Sized>(&self, dest: &mut W) {
        self.parent_hash.encode_to(dest);
        Compact(self.number.0).encode_to(dest);
        self.state_root.encode_to(dest);
        self.extrinsics_root.encode_to(dest);
        self.digest.encode_to(dest);
    }
}

impl Decode for Header {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            parent_hash: Hash::decode(input)?,
            number: Height(Compact::<u32>::decode(input)?.0),
            state_root: Hash::decode(input)?,
            extrinsics_root: Hash::decode(input)?,
            digest: Digest::decode(input)?,
        })
    }
}

impl DecodeWithMemTracking for Header {}

/// A header with its extrinsics.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The extrinsics, byte for byte as they were submitted.
    pub extrinsics: Vec<RawExtrinsic>,
}

/// Root over extrinsics (formats.md 7): RFC 6962 over the bytes with their length prefix.
pub fn extrinsics_root(extrinsics: &[RawExtrinsic]) -> Hash {
    merkle::root(extrinsics.iter().map(Encode::encode))
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
