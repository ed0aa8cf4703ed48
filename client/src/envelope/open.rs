//! Blob in, plaintext out, segment by authenticated segment, in constant memory.

use flate2::{Decompress, FlushDecompress, Status};
use salus_primitives::{Hash, crypto::Sha256Stream};
use std::io::{self, Read, Seek, Write};
use zeroize::Zeroizing;

use super::{
    Anchor, ContentKey, HeaderError,
    header::{Cipher, Compression, FRAME_PREFIX, HEADER_BYTES, Header, RecordRef, SEGMENT_BYTES, TAG_BYTES},
    padding,
};

/// What to allow a plaintext at most where nothing better is known: 1 GiB.
pub const PLAIN_BYTES_MAX: u64 = 1 << 30;
/// How far from its place a segment is looked for, once it has failed, to say that the order was changed.
const ORDER_REACH: u32 = 64;

/// Why a blob was not opened. What was written by then is to be thrown away.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The header is not the one asked for, or the key does not fit.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The blob is not the one whose digest is on chain.
    #[error(
        "the blob's digest is {found}, the chain says {expected}; fetch it again, from the other custodian if need be"
    )]
    Digest {
        /// The digest on chain.
        expected: Hash,
        /// The digest of the bytes at hand.
        found: Hash,
    },
    /// The blob is not as long as the chain says.
    #[error("the blob has {found} bytes, the chain says {expected}; fetch it again")]
    Size {
        /// The size on chain.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// The end is missing.
    #[error("the blob ends early, after {bytes} bytes; fetch it again")]
    Truncated {
        /// How many bytes there are.
        bytes: u64,
    },
    /// Something follows the last segment.
    #[error("bytes follow the blob's last segment, number {segment}; fetch it again")]
    Trailing {
        /// Number of the last segment.
        segment: u32,
    },
    /// A segment stands in another's place.
    #[error("segment {belongs} stands in place {place}: the blob's segments were moved; fetch it again")]
    Reordered {
        /// Where it stands.
        place: u32,
        /// Where it was sealed.
        belongs: u32,
    },
    /// A segment does not authenticate.
    #[error("segment {segment} was altered; fetch the blob again")]
    Altered {
        /// Its number.
        segment: u32,
    },
    /// The author's program wrote something that is not of this format.
    #[error("the blob is authentic but malformed: {reason}; it has to be filed again by its author")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// The plaintext is longer than the reader allows.
    #[error("the record has more than the {max} bytes allowed here; allow more if this is expected")]
    TooLarge {
        /// The limit in bytes.
        max: u64,
    },
    /// The blob could not be read.
    #[error("reading the blob failed: {0}")]
    Read(#[source] io::Error),
    /// The plaintext could not be written.
    #[error("writing the record failed: {0}")]
    Write(#[source] io::Error),
}

/// A blob that was opened to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Digest and size of the blob as read: to be compared with the chain's where that has not been done.
    pub anchor: Anchor,
    /// Length of the plaintext in bytes.
    pub plain_bytes: u64,
}

/// Decrypt the blob of record version `of` and write its plaintext, at most `plain_bytes_max` bytes, to `plain`.
/// Works in one pass and less than 1 MiB of memory.
///
/// # Errors
/// [`OpenError`]; then what was written to `plain` is to be thrown away.
pub fn open(
    key: &ContentKey,
    of: &RecordRef,
    plain_bytes_max: u64,
    blob: impl Read,
    plain: impl Write,
) -> Result<Opened, OpenError> {
    let mut source = Source { blob, digest: Sha256Stream::new(), size: 0 };
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    source.fill(&mut bytes, HEADER_BYTES)?;
    let header = Header::parse(&bytes)?;
    header.check(of, key)?;
    let cipher = Cipher::new(&header, key);
    let mut sink = Sink::new(header.compression, plain_bytes_max, plain);

    let whole = SEGMENT_BYTES + TAG_BYTES;
    let mut current = Zeroizing::new(Vec::with_capacity(whole));
    let mut next = Zeroizing::new(Vec::with_capacity(whole));
    source.fill(&mut current, whole)?;
    let (mut segment, mut payload, mut frames, mut ended) = (0u32, 0u64, 0u64, false);
    loop {
        source.fill(&mut next, whole)?;
        let last = next.is_empty();
        let Some(frame) = cipher.decrypt(segment, last, &mut current) else {
            return Err(diagnose(&cipher, segment, last, &current, source.size));
        };
        let part = payload_of(frame)?;
        if ended && !part.is_empty() {
            return Err(OpenError::Malformed { reason: "payload follows the padding" });
        }
        ended = part.len() < SEGMENT_BYTES - FRAME_PREFIX;
        payload += part.len() as u64;
        frames += frame.len() as u64;
        sink.write(payload_of(frame)?)?;
        if last {
            break;
        }
        let too_long = OpenError::Malformed { reason: "more than 2^32 segments" };
        segment = segment.checked_add(1).ok_or(too_long)?;
        core::mem::swap(&mut current, &mut next);
    }
    if frames != padding::frames_bytes(payload) {
        return Err(OpenError::Malformed { reason: "padded to another length than its bucket" });
    }
    let plain_bytes = sink.finish()?;
    Ok(Opened { anchor: Anchor { digest: source.digest.finish(), size: source.size }, plain_bytes })
}

/// [`open()`], but not before the whole blob was found to be the one whose digest and size are on chain. This is
/// the door for blobs that come from elsewhere; it reads the blob twice.
///
/// # Errors
/// [`OpenError`]; on any but [`OpenError::Digest`] and [`OpenError::Size`] something may have been written to
/// `plain`, and is to be thrown away.
pub fn open_anchored(
    key: &ContentKey,
    of: &RecordRef,
    anchor: &Anchor,
    plain_bytes_max: u64,
    mut blob: impl Read + Seek,
    plain: impl Write,
) -> Result<Opened, OpenError> {
    compare(anchor, &Anchor::of(&mut blob).map_err(OpenError::Read)?)?;
    blob.rewind().map_err(OpenError::Read)?;
    let opened = open(key, of, plain_bytes_max, blob, plain)?;
    compare(anchor, &opened.anchor)?;
    Ok(opened)
}

fn compare(expected: &Anchor, found: &Anchor) -> Result<(), OpenError> {
    if expected.size != found.size {
        return Err(OpenError::Size { expected: expected.size, found: found.size });
    }
    if expected.digest != found.digest {
        return Err(OpenError::Digest { expected: expected.digest, found: found.digest });
    }
    Ok(())
}

/// The payload of an authenticated frame.
fn payload_of(frame: &[u8]) -> Result<&[u8], OpenError> {
    let malformed = |reason| OpenError::Malformed { reason };
    let (length, rest) =
        frame.split_first_chunk::<FRAME_PREFIX>().ok_or(malformed("a frame without payload length"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (payload, zeros) = rest.split_at_checked(length).ok_or(malformed("a payload longer than its frame"))?;
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(malformed("padding that is not zero"));
    }
    Ok(payload)
}

/// Why did `sealed`, read as number `segment` of a blob of `size` bytes, not authenticate? Decides nothing but
/// which error is reported.
fn diagnose(cipher: &Cipher, segment: u32, last: bool, sealed: &[u8], size: u64) -> OpenError {
    let authentic = |counter, last, sealed: &[u8]| {
        let mut copy = Zeroizing::new(sealed.to_vec());
        cipher.decrypt(counter, last, &mut copy).is_some()
    };
    if last && (sealed.is_empty() || authentic(segment, false, sealed)) {
        return OpenError::Truncated { bytes: size };
    }
    let shorter = padding::last_frame_sizes(segment).map(|frame| frame + TAG_BYTES);
    if shorter.filter_map(|end| sealed.get(..end)).any(|start| authentic(segment, true, start)) {
        return OpenError::Trailing { segment };
    }
    let near = segment.saturating_sub(ORDER_REACH)..=segment.saturating_add(ORDER_REACH);
    for belongs in near.filter(|counter| *counter != segment) {
        if authentic(belongs, false, sealed) || authentic(belongs, true, sealed) {
            return OpenError::Reordered { place: segment, belongs };
        }
    }
    let lawful = padding::last_frame_sizes(segment).any(|frame| frame + TAG_BYTES == sealed.len());
    if last && !lawful {
        return OpenError::Truncated { bytes: size };
    }
    OpenError::Altered { segment }
}

/// The blob, counted and digested as it is read.
struct Source<R> {
    blob: R,
    digest: Sha256Stream,
    size: u64,
}

impl<R: Read> Source<R> {
    /// Replace what is in `buffer` by the next `bytes` bytes, fewer only at the end of the blob.
    fn fill(&mut self, buffer: &mut Vec<u8>, bytes: usize) -> Result<(), OpenError> {
        buffer.clear();
        let read = self.blob.by_ref().take(bytes as u64).read_to_end(buffer).map_err(OpenError::Read)?;
        self.digest.update(buffer);
        self.size += read as u64;
        Ok(())
    }
}

/// Where authenticated payload becomes plaintext.
struct Sink<W> {
    plain: W,
    written: u64,
    max: u64,
    inflate: Option<Inflate>,
}

struct Inflate {
    state: Decompress,
    ended: bool,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sink<W> {
    fn new(compression: Compression, max: u64, plain: W) -> Self {
        let inflate = match compression {
            Compression::None => None,
            Compression::Zlib => {
                let buffer = Zeroizing::new(vec![0; SEGMENT_BYTES]);
                Some(Inflate { state: Decompress::new(true), ended: false, buffer })
            }
        };
        Self { plain, written: 0, max, inflate }
    }

    fn write(&mut self, mut payload: &[u8]) -> Result<(), OpenError> {
        let Some(mut inflate) = self.inflate.take() else { return self.put(payload) };
        loop {
            if inflate.ended && !payload.is_empty() {
                return Err(OpenError::Malformed { reason: "bytes follow the compressed record" });
            }
            if inflate.ended {
                break;
            }
            let (read, made) = (inflate.state.total_in(), inflate.state.total_out());
            let status = inflate
                .state
                .decompress(payload, &mut inflate.buffer, FlushDecompress::None)
                .map_err(|_| OpenError::Malformed { reason: "not a zlib stream" })?;
            let (read, made) = (moved(inflate.state.total_in(), read), moved(inflate.state.total_out(), made));
            payload = &payload[read..];
            inflate.ended = status == Status::StreamEnd;
            self.put(&inflate.buffer[..made])?;
            if payload.is_empty() && made < inflate.buffer.len() {
                break;
            }
            if read == 0 && made == 0 && !inflate.ended {
                return Err(OpenError::Malformed { reason: "a zlib stream that does not go on" });
            }
        }
        self.inflate = Some(inflate);
        Ok(())
    }

    fn put(&mut self, plain: &[u8]) -> Result<(), OpenError> {
        self.written += plain.len() as u64;
        if self.written > self.max {
            return Err(OpenError::TooLarge { max: self.max });
        }
        self.plain.write_all(plain).map_err(OpenError::Write)
    }

    fn finish(mut self) -> Result<u64, OpenError> {
        if self.inflate.is_some_and(|inflate| !inflate.ended) {
            return Err(OpenError::Malformed { reason: "the compressed record has no end" });
        }
        self.plain.flush().map_err(OpenError::Write)?;
        Ok(self.written)
    }
}

/// How many bytes of a buffer one step used, from the totals after and before it.
fn moved(after: u64, before: u64) -> usize {
    usize::try_from(after - before).expect("no more than the buffer holds")
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
