//! The frames that two peers send each other directly, each on a stream that stays open.
//!
//! ```text
//! kind[1] length[4, little-endian] body[length]
//! 0  consensus message  SCALE WireMessage
//! 1  block              SCALE (header, extrinsics)
//! 2  tip                height[4]
//! 3  records            SCALE BoundedVec<signed peer record>
//! ```

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_consensus::WireMessage;
use salus_primitives::{
    Block, BoundedVec, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
};

use crate::limits::{BLOCK_FRAME_MAX, MESSAGE_FRAME_MAX, RECORD_BYTES_MAX, RECORDS_FRAME_MAX, RECORDS_MAX};

/// Bytes before the body.
pub(crate) const HEAD_LEN: usize = 5;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Message = 0,
    Block = 1,
    Tip = 2,
    Records = 3,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Message, Self::Block, Self::Tip, Self::Records].into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Longest body.
    pub(crate) fn max(self) -> usize {
        match self {
            Self::Message => MESSAGE_FRAME_MAX,
            Self::Block => BLOCK_FRAME_MAX,
            Self::Tip => size_of::<Height>(),
            Self::Records => RECORDS_FRAME_MAX,
        }
    }
}

/// A signed peer record, as its bytes.
pub(crate) type RecordBytes = BoundedVec<u8, { RECORD_BYTES_MAX as u32 }>;
/// The body of a frame of records.
pub(crate) type Records = BoundedVec<RecordBytes, RECORDS_MAX>;

/// A whole frame.
pub(crate) fn frame(kind: Kind, body: &impl Encode) -> Bytes {
    let mut bytes = vec![kind as u8, 0, 0, 0, 0];
    body.encode_to(&mut bytes);
    let length = u32::try_from(bytes.len() - HEAD_LEN).expect("what is sent is far shorter than 4 GiB");
    bytes[1..HEAD_LEN].copy_from_slice(&length.to_le_bytes());
    Bytes::from(bytes)
}

/// What a frame held.
#[derive(Debug)]
pub(crate) enum Body {
    Message(WireMessage),
    Block(Box<Block>),
    Tip(Height),
    Records(Records),
}

/// Why a stream of frames cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The peer closed it between two frames, or the connection broke.
    #[error("the stream ended: {0}")]
    Ended(#[from] std::io::Error),
    #[error("kind {0} of frame, 0 to 3 are known")]
    Kind(u8),
    #[error("a frame of {length} bytes, at most {max} are allowed")]
    Length { length: usize, max: usize },
    #[error("the body does not decode: {0}")]
    Body(#[from] DecodeError),
}

impl FrameError {
    /// Did the peer send what no honest program sends?
    pub(crate) fn is_malformed(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

/// Read the head of the next frame: its kind and the length of its body, which is within its bound.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Kind, usize), FrameError> {
    let mut head = [0; HEAD_LEN];
    stream.read_exact(&mut head).await?;
    let [kind, length @ ..] = head;
    let kind = Kind::of(kind).ok_or(FrameError::Kind(kind))?;
    let length = u32::from_le_bytes(length) as usize;
    if length > kind.max() {
        return Err(FrameError::Length { length, max: kind.max() });
    }
    Ok((kind, length))
}

/// Read a body. Memory is taken as bytes arrive, so that a length alone costs nothing.
pub(crate) async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    kind: Kind,
    length: usize,
) -> Result<Body, FrameError> {
    let mut bytes = Vec::new();
    stream.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    decode(kind, &bytes)
}

/// Skip a body.
pub(crate) async fn skip_body(stream: &mut (impl AsyncRead + Unpin), length: usize) -> Result<(), FrameError> {
    let skipped = futures::io::copy(stream.take(length as u64), &mut futures::io::sink()).await?;
    if skipped < length as u64 {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    Ok(())
}

fn decode(kind: Kind, bytes: &[u8]) -> Result<Body, FrameError> {
    fn strict<T: Decode + DecodeWithMemTracking + Encode>(bytes: &[u8]) -> Result<T, DecodeError> {
        decode_strict(bytes, MESSAGE_DEPTH_MAX)
    }
    Ok(match kind {
        Kind::Message => Body::Message(WireMessage::from_bytes(bytes)?),
        Kind::Block => Body::Block(Box::new(strict(bytes)?)),
        Kind::Tip => Body::Tip(strict(bytes)?),
        Kind::Records => Body::Records(strict(bytes)?),
    })
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
