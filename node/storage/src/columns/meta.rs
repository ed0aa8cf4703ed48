//! `meta`: what the database is, and where the chain stands.
//!
//! ```text
//! key        value
//! "format"   format version u32 BE [4]
//! "chain"    chain id, UTF-8
//! "genesis"  genesis block hash [32]
//! "tip"      height u32 BE [4] ++ block hash [32]
//! ```

use salus_primitives::{Hash, Height};

use super::{Column, split_u32};

pub(crate) struct Meta;

/// The rows of `meta`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Row {
    Format,
    Chain,
    Genesis,
    Tip,
}

impl Column for Meta {
    const NAME: &'static str = "meta";
    type Key<'a> = Row;
    type Value<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn key(row: Row) -> Vec<u8> {
        match row {
            Row::Format => b"format".to_vec(),
            Row::Chain => b"chain".to_vec(),
            Row::Genesis => b"genesis".to_vec(),
            Row::Tip => b"tip".to_vec(),
        }
    }

    fn value(value: &[u8]) -> Vec<u8> {
        value.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

/// The bytes of the row [`Row::Tip`].
pub(crate) fn tip_bytes(height: Height, hash: &Hash) -> Vec<u8> {
    [&height.0.to_be_bytes()[..], &hash.0].concat()
}

/// The tip again.
pub(crate) fn read_tip(bytes: &[u8]) -> Option<(Height, Hash)> {
    let (height, rest) = split_u32(bytes)?;
    Some((Height(height), Hash(rest.try_into().ok()?)))
}
