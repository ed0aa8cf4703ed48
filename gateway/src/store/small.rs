//! The small objects of a place and their bytes.
//!
//! ```text
//! size
//!    n  body
//!    8  first bytes of SHA-256("salus/store/1" ++ key ++ body)
//! ```
//!
//! The key is bound so that an object that lies under another name, by a mistake in copying a backup for instance, is
//! found like a flipped bit. Bodies are SCALE; `meta` begins with its format.

use parity_scale_codec::{Decode, DecodeAll as _, Encode as _};
use salus_client::envelope::{Anchor, Wrap};
use salus_primitives::{Hash, Moment, OrganisationId, crypto::sha256_of};

use super::{
    error::StoreError,
    layout::{self, Holder, Item, Place},
};

const LABEL: &[u8] = b"salus/store/1";
const CHECKSUM_BYTES: usize = 8;
/// Format of `meta`.
const META_FORMAT: u8 = 1;

/// Length of a chunk in bytes: what is hashed by itself and read as one.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// What is known of a stored blob. Never changes, but for `stored_at` while it is not on the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// The record version, as on chain and in the blob's header.
    pub version: u32,
    /// The key epoch that its standing wraps are bound to, as on chain.
    pub key_epoch: u32,
    /// Digest and length of the ciphertext.
    pub anchor: Anchor,
    /// Whose quota it is on.
    pub uploader: OrganisationId,
    /// When it was stored, or last uploaded again: Unix milliseconds by the gateway's clock.
    pub stored_at: Moment,
    /// SHA-256 of each chunk in order.
    pub(super) chunks: Vec<Hash>,
}

type MetaFields = (u8, u32, u32, Hash, u64, OrganisationId, Moment, Vec<Hash>);

impl Meta {
    /// Number of chunks of a blob of `size` bytes.
    pub(super) fn chunk_count(size: u64) -> u64 {
        size.div_ceil(CHUNK_BYTES)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { version, key_epoch, anchor, uploader, stored_at, chunks } = self;
        (META_FORMAT, *version, *key_epoch, anchor.digest, anchor.size, *uploader, *stored_at, chunks).encode()
    }

    pub(super) fn decode(place: Place, body: &[u8]) -> Result<Self, StoreError> {
        if body.first().is_some_and(|format| *format != META_FORMAT) {
            return Err(damaged(place, Item::Meta, "another format than this program reads, update it"));
        }
        let (_, version, key_epoch, digest, size, uploader, stored_at, chunks) = MetaFields::decode_all(&mut &body[..])
            .map_err(|_| damaged(place, Item::Meta, "its fields do not decode"))?;
        if chunks.len() as u64 != Self::chunk_count(size) {
            return Err(damaged(place, Item::Meta, "it has another number of chunks than its size says"));
        }
        Ok(Self { version, key_epoch, anchor: Anchor { digest, size }, uploader, stored_at, chunks })
    }
}

/// The bytes of a small object.
pub(super) fn seal(place: Place, item: Item, body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.extend(checksum(place, item, body));
    bytes
}

/// The body of a small object.
pub(super) fn open(place: Place, item: Item, bytes: &[u8]) -> Result<&[u8], StoreError> {
    let (body, found) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| damaged(place, item, "it is shorter than a checksum"))?;
    if *found != checksum(place, item, body) {
        return Err(damaged(place, item, "its checksum does not fit"));
    }
    Ok(body)
}

/// A small object of plain SCALE.
pub(super) fn decode<T: Decode>(place: Place, item: Item, body: &[u8]) -> Result<T, StoreError> {
    T::decode_all(&mut &body[..]).map_err(|_| damaged(place, item, "it does not decode"))
}

/// A wrap.
pub(super) fn decode_wrap(holder: Holder, body: &[u8]) -> Result<Wrap, StoreError> {
    Wrap::from_bytes(body).map_err(|reason| StoreError::Wrap { holder, reason })
}

fn checksum(place: Place, item: Item, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = sha256_of(&[LABEL, layout::key(place, item).as_ref().as_bytes(), body]);
    *digest.0.first_chunk().expect("32 bytes hold 8")
}

/// What people read of an item.
pub(crate) fn what(item: Item) -> String {
    match item {
        Item::Blob => "the ciphertext".to_owned(),
        Item::Wrap(holder) => format!("the wrap of {holder}"),
        Item::Meta => "the description".to_owned(),
        Item::Anchored => "the mark that it is on the chain".to_owned(),
        Item::Scrubbed => "the time of the last scrub".to_owned(),
        Item::Damaged => "the note of damage".to_owned(),
        Item::Shredded => "the mark that it is shredded".to_owned(),
        Item::Pending(id) => format!("the note of a copy for {id}"),
        Item::Copied(id) => format!("the note of the copy at {id}"),
    }
}

pub(super) fn damaged(place: Place, item: Item, reason: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what(item), place, reason: reason.into() }
}
