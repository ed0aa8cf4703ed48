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

impl Header {
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
