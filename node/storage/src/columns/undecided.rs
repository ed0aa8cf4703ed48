//! `undecided`: proposed blocks, stored before this validator votes for them.
//!
//! ```text
//! key    height u32 BE [4] ++ block hash [32]
//! value  SCALE block: header, then vector of extrinsics
//! ```

use parity_scale_codec::{DecodeAll, Encode};
use salus_primitives::{Block, Hash, Height};

use super::{Column, split_u32};

pub(crate) struct Undecided;

impl Column for Undecided {
    const NAME: &'static str = "undecided";
    type Key<'a> = (Height, &'a Hash);
    type Value<'a> = &'a Block;
    type Owned = Block;

    fn key((height, hash): (Height, &Hash)) -> Vec<u8> {
        [&height.0.to_be_bytes()[..], &hash.0].concat()
    }

    fn value(block: &Block) -> Vec<u8> {
        block.encode()
    }

    fn read(mut bytes: &[u8]) -> Option<Block> {
        Block::decode_all(&mut bytes).ok()
    }
}

impl Undecided {
    /// The height and hash of an entry.
    pub(crate) fn read_key(bytes: &[u8]) -> Option<(Height, Hash)> {
        let (height, rest) = split_u32(bytes)?;
        Some((Height(height), Hash(rest.try_into().ok()?)))
    }
}
