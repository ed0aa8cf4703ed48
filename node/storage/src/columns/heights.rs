//! `heights`: which block stands at a height.
//!
//! ```text
//! key    height u32 BE [4]
//! value  block hash [32]
//! ```

use salus_primitives::{Hash, Height};

use super::Column;

pub(crate) struct Heights;

impl Column for Heights {
    const NAME: &'static str = "heights";
    type Key<'a> = Height;
    type Value<'a> = &'a Hash;
    type Owned = Hash;

    fn key(height: Height) -> Vec<u8> {
        height.0.to_be_bytes().to_vec()
    }

    fn value(hash: &Hash) -> Vec<u8> {
        hash.0.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Hash> {
        Some(Hash(bytes.try_into().ok()?))
    }
}
