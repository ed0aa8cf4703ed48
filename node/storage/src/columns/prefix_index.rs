//! `prefix_index`: at which heights a key under a 32-byte prefix changed.
//!
//! Tree keys are hashed, so no subtree belongs to a prefix; clients that watch a storage map compare
//! this instead. The 32 bytes are `twox128(pallet) ++ twox128(item)`; a shorter key is filled up with
//! zeros.
//!
//! ```text
//! key    first 32 bytes of the storage key [32] ++ inverted height [4]   (FFFFFFFF - height, u32 BE)
//! value  empty
//! ```

use salus_primitives::Height;

use super::{Column, split_u32, state_history::invert};

pub(crate) struct PrefixIndex;

/// The first 32 bytes of a storage key, filled up with zeros.
pub(crate) type Prefix = [u8; 32];

impl Column for PrefixIndex {
    const NAME: &'static str = "prefix_index";
    type Key<'a> = (&'a Prefix, Height);
    type Value<'a> = ();
    type Owned = ();

    fn key((prefix, height): (&Prefix, Height)) -> Vec<u8> {
        [&prefix[..], &invert(height).to_be_bytes()].concat()
    }

    fn value((): ()) -> Vec<u8> {
        Vec::new()
    }

    fn read(bytes: &[u8]) -> Option<()> {
        bytes.is_empty().then_some(())
    }
}

impl PrefixIndex {
    /// The prefix a storage key counts under.
    pub(crate) fn prefix_of(key: &[u8]) -> Prefix {
        let mut prefix = [0; 32];
        let length = key.len().min(32);
        prefix[..length].copy_from_slice(&key[..length]);
        prefix
    }

    /// Just after the last entry of `prefix`.
    pub(crate) fn after(prefix: &Prefix) -> Vec<u8> {
        [&prefix[..], &[0xff; 4], &[0]].concat()
    }

    /// The prefix and height of an entry.
    pub(crate) fn read_key(bytes: &[u8]) -> Option<(Prefix, Height)> {
        let (prefix, rest) = bytes.split_first_chunk::<32>()?;
        let (inverted, []) = split_u32(rest)? else { return None };
        Some((*prefix, Height(!inverted)))
    }
}
