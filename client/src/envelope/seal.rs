//! Plaintext in, blob out, in constant memory.

use flate2::write::ZlibEncoder;
use salus_primitives::{Hash, crypto::Sha256Stream};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

use super::{
    ContentKey, RandomError,
    header::{Cipher, Compression, FRAME_PREFIX, Header, RecordRef, SEGMENT_BYTES},
    padding,
};

/// What the chain keeps of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// SHA-256 of all its bytes.
    pub digest: Hash,
    /// Its length in bytes.
    pub size: u64,
}

impl Anchor {
    /// The anchor of the bytes that `reader` gives, to its end.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let (mut digest, mut size) = (Sha256Stream::new(), 0);
        let mut buffer = vec![0; SEGMENT_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self { digest: digest.finish(), size }),
                Ok(n) => {
                    digest.update(&buffer[..n]);
                    size += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A record version, encrypted.
#[derive(Debug)]
pub struct Sealed {
    /// Its key: to be wrapped for the patient and the custodian, then dropped.
    pub key: ContentKey,
    /// What goes on chain.
    pub anchor: Anchor,
    /// Length of the plaintext in bytes.
    pub plain_bytes: u64,
}

/// Why a record could not be encrypted. The blob written so far is worthless.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No randomness for the key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The plaintext could not be read.
    #[error("reading the record failed: {0}")]
    Read(#[source] io::Error),
    /// The blob could not be written.
    #[error("writing the blob failed: {0}")]
    Write(#[source] io::Error),
}

/// Encrypt all that `plain` gives as record version `of`, under a fresh key. The blob goes to `blob` as it is
/// made; memory stays below 1 MiB whatever the length.
///
/// # Errors
/// [`SealError`]; then what was written to `blob` is to be deleted.
pub fn seal(of: RecordRef, compression: Compression, plain: impl Read, blob: impl Write) -> Result<Sealed, SealError> {
    let key = ContentKey::generate()?;
    let (anchor, plain_bytes) = seal_with(&key, of, compression, plain, blob)?;
    Ok(Sealed { key, anchor, plain_bytes })
}

/// [`seal()`] under a given key: for test vectors alone, since a key that seals twice protects nothing.
pub(super) fn seal_with(
    key: &ContentKey,
    of: RecordRef,
    compression: Compression,
    mut plain: impl Read,
    blob: impl Write,
) -> Result<(Anchor, u64), SealError> {
    let header = Header::new(of, compression, key);
    let mut out = Counted { out: blob, digest: Sha256Stream::new(), size: 0 };
    out.write_all(&header.to_bytes()).map_err(SealError::Write)?;
    let mut segments = Segments::new(Cipher::new(&header, key), out);
    let plain_bytes = match compression {
        Compression::None => pump(&mut plain, &mut segments)?,
        Compression::Zlib => {
            let mut encoder = ZlibEncoder::new(&mut segments, flate2::Compression::default());
            let plain_bytes = pump(&mut plain, &mut encoder)?;
            encoder.finish().map_err(SealError::Write)?;
            plain_bytes
        }
    };
    let mut out = segments.finish().map_err(SealError::Write)?;
    out.flush().map_err(SealError::Write)?;
    Ok((Anchor { digest: out.digest.finish(), size: out.size }, plain_bytes))
}

/// Everything from `from` into `to`, telling whose failure it was; gives the number of bytes.
fn pump(from: &mut impl Read, to: &mut impl Write) -> Result<u64, SealError> {
    let mut buffer = Zeroizing::new(vec![0; SEGMENT_BYTES]);
    let mut total = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(n) => {
                to.write_all(&buffer[..n]).map_err(SealError::Write)?;
                total += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SealError::Read(error)),
        }
    }
}

/// Counts and digests what goes through.
struct Counted<W> {
    out: W,
    digest: Sha256Stream,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.digest.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn frame_prefix(payload: usize) -> [u8; FRAME_PREFIX] {
    u32::try_from(payload).expect("a frame has at most 64 KiB").to_le_bytes()
}

/// Cuts payload into frames and encrypts each once it is known not to be the last.
struct Segments<W> {
    cipher: Cipher,
    out: Counted<W>,
    /// The frame being filled: room for its payload length, then payload.
    frame: Zeroizing<Vec<u8>>,
    counter: u32,
    payload: u64,
}

impl<W: Write> Segments<W> {
    fn new(cipher: Cipher, out: Counted<W>) -> Self {
        let mut frame = Zeroizing::new(Vec::with_capacity(SEGMENT_BYTES));
        frame.resize(FRAME_PREFIX, 0);
        Self { cipher, out, frame, counter: 0, payload: 0 }
    }

    /// Fill the frame with zeros to `size` bytes, encrypt and write it.
    fn seal_frame(&mut self, size: usize, last: bool) -> io::Result<()> {
        let prefix = frame_prefix(self.frame.len() - FRAME_PREFIX);
        self.frame[..FRAME_PREFIX].copy_from_slice(&prefix);
        self.frame.resize(size, 0);
        let tag = self.cipher.encrypt(self.counter, last, &mut self.frame);
        self.out.write_all(&self.frame)?;
        self.out.write_all(&tag)?;
        // What is in it is ciphertext by now.
        self.frame.truncate(FRAME_PREFIX);
        let too_long = || io::Error::new(io::ErrorKind::FileTooLarge, "a blob has at most 2^32 segments");
        self.counter = self.counter.checked_add(1).ok_or_else(too_long)?;
        Ok(())
    }

    /// Pad to the bucket and write what is left.
    fn finish(mut self) -> io::Result<Counted<W>> {
        let (last, size) = padding::last_frame(self.payload);
        while u64::from(self.counter) < last {
            self.seal_frame(SEGMENT_BYTES, false)?;
        }
        self.seal_frame(size, true)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Segments<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.len() == SEGMENT_BYTES && !bytes.is_empty() {
            self.seal_frame(SEGMENT_BYTES, false)?;
        }
        let n = bytes.len().min(SEGMENT_BYTES - self.frame.len());
        self.frame.extend_from_slice(&bytes[..n]);
        self.payload += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
