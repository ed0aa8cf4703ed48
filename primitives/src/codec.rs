//! The one door for bytes from outside: whole input, canonical, bounded in depth and memory
//! (formats.md 9).

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, Error, Input};

/// What strict decoding refuses. Codes, not chains of text: the text of a deep error grows with its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Bytes are missing, an enum index is unknown or a bound is exceeded.
    #[error("malformed: a field is missing, unknown or beyond its bound")]
    Malformed,
    /// Nested deeper than allowed.
    #[error("nested deeper than {max} levels")]
    Depth {
        /// The limit.
        max: u32,
    },
    /// Would take more heap than allowed.
    #[error("needs more than {max} bytes of memory")]
    Memory {
        /// The limit in bytes.
        max: usize,
    },
    /// Bytes are left over.
    #[error("{extra} bytes follow the end")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A different encoding of the same value.
    #[error("not the canonical encoding of its value")]
    NonCanonical,
}

/// Deepest nesting of an extrinsic.
pub const EXTRINSIC_DEPTH_MAX: u32 = 16;
/// Deepest nesting of a message between nodes.
pub const MESSAGE_DEPTH_MAX: u32 = 8;

/// Decode all of `bytes` as a `T`: nothing left over, at most `depth_max` levels, at most four times
/// the input plus 64 KiB of heap (8 MiB in all), and re-encoding gives the same bytes.
///
/// # Errors
/// One [`DecodeError`] per rule.
pub fn decode_strict<T: Decode + DecodeWithMemTracking + Encode>(
    bytes: &[u8],
    depth_max: u32,
) -> Result<T, DecodeError> {
    let memory_max = bytes.len().saturating_mul(4).saturating_add(64 * 1024).min(8 * 1024 * 1024);
    let mut input = StrictInput { bytes, depth: 0, depth_max, memory: 0, memory_max, refused: None };
    let value = T::decode(&mut input).map_err(|_| input.refused.unwrap_or(DecodeError::Malformed))?;
    if !input.bytes.is_empty() {
        return Err(DecodeError::Trailing { extra: input.bytes.len() });
    }
    if value.encode() != bytes {
        return Err(DecodeError::NonCanonical);
    }
    Ok(value)
}

/// Input that counts depth and memory and remembers which rule it refused by.
struct StrictInput<'a> {
    bytes: &'a [u8],
    depth: u32,
    depth_max: u32,
    memory: usize,
    memory_max: usize,
    refused: Option<DecodeError>,
}

impl Input for StrictInput<'_> {
    fn remaining_len(&mut self) -> Result<Option<usize>, Error> {
        self.bytes.remaining_len()
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.bytes.read(into)
    }

    fn descend_ref(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > self.depth_max {
            self.refused = Some(DecodeError::Depth { max: self.depth_max });
            return Err(Error::from("too deep"));
        }
        Ok(())
    }

    fn ascend_ref(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn on_before_alloc_mem(&mut self, size: usize) -> Result<(), Error> {
        self.memory = self.memory.saturating_add(size);
        if self.memory > self.memory_max {
            self.refused = Some(DecodeError::Memory { max: self.memory_max });
            return Err(Error::from("too much memory"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_byte_is_refused() {
        let mut bytes = 7u32.encode();
        assert_eq!(decode_strict::<u32>(&bytes, 1), Ok(7));
        bytes.push(0);
        assert_eq!(decode_strict::<u32>(&bytes, 1), Err(DecodeError::Trailing { extra: 1 }));
    }

    #[test]
    fn a_missing_byte_is_refused() {
        assert_eq!(decode_strict::<u32>(&[1, 2, 3], 1), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_set_out_of_order_is_refused_as_another_encoding() {
        use std::collections::BTreeSet;
        let unsorted = vec![2u8, 1].encode();
        assert_eq!(decode_strict::<BTreeSet<u8>>(&unsorted, 2), Err(DecodeError::NonCanonical));
    }

    #[test]
    fn nesting_has_a_limit() {
        // A vector of bytes is read in one piece: it is no level of its own.
        let nested = vec![vec![vec![1u8]]];
        assert_eq!(decode_strict::<Vec<Vec<Vec<u8>>>>(&nested.encode(), 2), Ok(nested.clone()));
        assert_eq!(decode_strict::<Vec<Vec<Vec<u8>>>>(&nested.encode(), 1), Err(DecodeError::Depth { max: 1 }));
    }

    #[test]
    fn a_memory_bomb_is_refused() {
        // A megabyte of zeros is a million empty vectors of 24 bytes each.
        let bomb = vec![Vec::<u8>::new(); 1 << 20].encode();
        assert!(matches!(decode_strict::<Vec<Vec<u8>>>(&bomb, 4), Err(DecodeError::Memory { .. })));
    }
}
