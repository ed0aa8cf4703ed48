//! The column families: one file each, with its bytes drawn.
//!
//! Every key is made of fixed-width big-endian parts, so that the order of bytes is the order of
//! meaning and no key is the beginning of another one; the two keys of free length (a storage key in
//! `state` and in `state_history`) stand alone or are escaped and terminated.

pub(crate) mod bodies;
pub(crate) mod certificates;
pub(crate) mod headers;
pub(crate) mod heights;
pub(crate) mod meta;
pub(crate) mod prefix_index;
pub(crate) mod signer;
pub(crate) mod state;
pub(crate) mod state_history;
pub(crate) mod tree;
pub(crate) mod tree_stale;
pub(crate) mod undecided;
pub(crate) mod wal;

pub(crate) use bodies::Bodies;
pub(crate) use certificates::Certificates;
pub(crate) use headers::Headers;
pub(crate) use heights::Heights;
pub(crate) use meta::Meta;
pub(crate) use prefix_index::PrefixIndex;
pub(crate) use signer::Signer;
pub(crate) use state::State;
pub(crate) use state_history::StateHistory;
pub(crate) use tree::Tree;
pub(crate) use tree_stale::TreeStale;
pub(crate) use undecided::Undecided;
pub(crate) use wal::Wal;

/// A column family: its name, and how its keys and values are bytes.
pub(crate) trait Column {
    /// Its name in RocksDB.
    const NAME: &'static str;
    /// What a key means.
    type Key<'a>;
    /// What is written.
    type Value<'a>;
    /// What is read back.
    type Owned;

    /// The bytes of a key.
    fn key(key: Self::Key<'_>) -> Vec<u8>;

    /// The bytes of a value.
    fn value(value: Self::Value<'_>) -> Vec<u8>;

    /// The value again, none when the bytes are not one.
    fn read(bytes: &[u8]) -> Option<Self::Owned>;
}

/// Every column family of this format version, in the order in which they are made.
pub(crate) const ALL: [&str; 13] = [
    Bodies::NAME,
    Certificates::NAME,
    Headers::NAME,
    Heights::NAME,
    Meta::NAME,
    PrefixIndex::NAME,
    Signer::NAME,
    State::NAME,
    StateHistory::NAME,
    Tree::NAME,
    TreeStale::NAME,
    Undecided::NAME,
    Wal::NAME,
];

/// The big-endian `u32` at the start of `bytes`, and what follows it.
pub(crate) fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
