//! `wal`: what consensus must remember of the height in progress, in the order it was told.
//!
//! ```text
//! key    height u32 BE [4] ++ sequence u32 BE [4], from 0 without gaps
//! value  an entry's bytes, which only consensus understands
//! ```

use salus_primitives::Height;

use super::{Column, split_u32};

pub(crate) struct Wal;

impl Column for Wal {
    const NAME: &'static str = "wal";
    type Key<'a> = (Height, u32);
    type Value<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn key((height, sequence): (Height, u32)) -> Vec<u8> {
        [height.0.to_be_bytes(), sequence.to_be_bytes()].concat()
    }

    fn value(entry: &[u8]) -> Vec<u8> {
        entry.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

impl Wal {
    /// The height and sequence of an entry.
    pub(crate) fn read_key(bytes: &[u8]) -> Option<(Height, u32)> {
        let (height, rest) = split_u32(bytes)?;
        let (sequence, []) = split_u32(rest)? else { return None };
        Some((Height(height), sequence))
    }
}
