//! What nodes ask each other for, and the answers: plain data, read strictly and bounded.
//!
//! An answer is a claim. Blocks count once their certificates were verified, a tip once such blocks were seen.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    Block, BoundedVec, Hash, Height,
    archive::{RECORD_LEN_MAX, Record},
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
};

/// Most blocks in one answer. Small blocks are many; more of them would only make an answer late.
pub const RANGE_BLOCKS_MAX: u32 = 64;
/// Most bytes of blocks in one answer, so that nobody has to hold more of a peer's bytes than this. Two full blocks
/// fit; a single block always does.
pub const RANGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest encoding of a [`Request`], in bytes.
pub const REQUEST_BYTES_MAX: usize = 64;
/// Longest encoding of a [`Response`], in bytes: a range, its count and the byte that says which answer it is.
pub const RESPONSE_BYTES_MAX: usize = RANGE_BYTES_MAX + 16;

const _: () = assert!(RECORD_LEN_MAX <= RANGE_BYTES_MAX, "any single block must fit into an answer");

/// What a node asks a peer for.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum Request {
    /// Which block is the newest final one.
    #[codec(index = 0)]
    Status,
    /// Final blocks with their certificates, in order.
    #[codec(index = 1)]
    Blocks {
        /// The first.
        from: Height,
        /// At most so many; a peer gives fewer at its tip and where the bytes do not suffice.
        max: u32,
    },
    /// One block, which need not be final: the body of a proposal that did not come by itself.
    #[codec(index = 2)]
    Block {
        /// Its height.
        height: Height,
        /// SHA-256 of its header.
        value: Hash,
    },
}

impl Request {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }

    /// Read one from the wire: whole, canonical and bounded.
    ///
    /// # Errors
    /// [`DecodeError`] by its rule; more than [`REQUEST_BYTES_MAX`] bytes are [`DecodeError::Memory`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        bounded(bytes, REQUEST_BYTES_MAX)
    }
}

/// The blocks of one answer.
pub type Range = BoundedVec<Record, RANGE_BLOCKS_MAX>;

/// What a node answers.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum Response {
    /// To [`Request::Status`].
    #[codec(index = 0)]
    Status {
        /// The newest final height.
        tip: Height,
        /// Hash of that block.
        hash: Hash,
    },
    /// To [`Request::Blocks`]: none where the peer has no such block.
    #[codec(index = 1)]
    Blocks(Range),
    /// To [`Request::Block`]: none where the peer does not have it.
    #[codec(index = 2)]
    Block(Option<Block>),
    /// To anything: not now. Ask again later, or somebody else.
    #[codec(index = 3)]
    Busy,
}

impl Response {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }

    /// Read one from the wire: whole, canonical and bounded.
    ///
    /// # Errors
    /// [`DecodeError`] by its rule; more than [`RESPONSE_BYTES_MAX`] bytes are [`DecodeError::Memory`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        bounded(bytes, RESPONSE_BYTES_MAX)
    }

    /// May this answer `request`? A status answers no question for blocks, and more blocks than were asked for, or
    /// blocks of other heights, answer nothing.
    pub fn fits(&self, request: &Request) -> bool {
        match (request, self) {
            (_, Self::Busy) | (Request::Status, Self::Status { .. }) => true,
            (Request::Blocks { from, max }, Self::Blocks(range)) => {
                range.len() <= *max as usize
                    && range.iter().zip(from.0..).all(|(record, height)| record.block.header.number == Height(height))
            }
            (Request::Block { height, value }, Self::Block(block)) => {
                block.as_ref().is_none_or(|block| block.header.number == *height && block.header.vote_value() == *value)
            }
            _ => false,
        }
    }
}

fn bounded<T: Decode + DecodeWithMemTracking + Encode>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::Memory { max });
    }
    decode_strict(bytes, MESSAGE_DEPTH_MAX)
}

/// Fills an answer block by block until it is full.
#[derive(Default, Debug)]
pub struct RangeBuilder {
    range: Range,
    bytes: usize,
}

impl RangeBuilder {
    /// Add the next block. `false`: it has no room any more, and the answer is done.
    #[must_use]
    pub fn push(&mut self, record: Record) -> bool {
        let bytes = self.bytes.saturating_add(record.encoded_size());
        if bytes > RANGE_BYTES_MAX || self.range.try_push(record).is_err() {
            return false;
        }
        self.bytes = bytes;
        true
    }

    /// The blocks.
    pub fn finish(self) -> Range {
        self.range
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
