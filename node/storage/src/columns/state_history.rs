//! `state_history`: every value a storage key ever had.
//!
//! ```text
//! key    storage key, escaped ++ 00 00 ++ inverted height [4]
//!          escaped:  each byte 00 becomes 00 FF
//!          inverted: FFFFFFFF - height, u32 BE
//! value  00              the key went at this height
//!        01 ++ value     it had this value from this height on
//! ```
//!
//! The end mark 00 00 sorts before 00 FF and before any other byte, so escaped keys sort as the keys
//! themselves do and none is the beginning of another. Newer heights come first: the value at height
//! `h` is the first entry at or after `key ++ inverted h`, found by one seek.

use salus_primitives::Height;

use super::{Column, split_u32};

pub(crate) struct StateHistory;

impl Column for StateHistory {
    const NAME: &'static str = "state_history";
    type Key<'a> = (&'a [u8], Height);
    type Value<'a> = Option<&'a [u8]>;
    type Owned = Option<Vec<u8>>;

    fn key((key, height): (&[u8], Height)) -> Vec<u8> {
        let mut bytes = escaped(key);
        bytes.extend([0, 0]);
        bytes.extend(invert(height).to_be_bytes());
        bytes
    }

    fn value(value: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + value.map_or(0, <[u8]>::len));
        match value {
            None => bytes.push(0),
            Some(value) => {
                bytes.push(1);
                bytes.extend(value);
            }
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Option<Vec<u8>>> {
        match bytes.split_first()? {
            (0, []) => Some(None),
            (1, value) => Some(Some(value.to_vec())),
            _ => None,
        }
    }
}

impl StateHistory {
    /// Where the entries of keys that start with `prefix` start.
    pub(crate) fn start_of(prefix: &[u8]) -> Vec<u8> {
        escaped(prefix)
    }

    /// Just after the last entry of `key`, before any other key's.
    pub(crate) fn after(key: &[u8]) -> Vec<u8> {
        let mut bytes = escaped(key);
        bytes.extend([0, 1]);
        bytes
    }

    /// The storage key and height of an entry.
    pub(crate) fn read_key(mut bytes: &[u8]) -> Option<(Vec<u8>, Height)> {
        let mut key = Vec::with_capacity(bytes.len());
        loop {
            match bytes {
                [0, 0, height @ ..] => {
                    let (inverted, []) = split_u32(height)? else { return None };
                    return Some((key, Height(!inverted)));
                }
                [0, 0xff, rest @ ..] => {
                    key.push(0);
                    bytes = rest;
                }
                [0, ..] | [] => return None,
                [byte, rest @ ..] => {
                    key.push(*byte);
                    bytes = rest;
                }
            }
        }
    }
}

/// So that newer heights sort first.
pub(crate) fn invert(height: Height) -> u32 {
    !height.0
}

fn escaped(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 8);
    for byte in key {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
    bytes
}
