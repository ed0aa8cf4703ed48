//! The 79 bytes before a blob's segments, and what they bind.

use aes_gcm::{Aes256Gcm, KeyInit};
use salus_primitives::{PatientId, RecordId, crypto::hmac_sha256};

use super::{ContentKey, SUITE_1};

/// First bytes of every blob.
pub const BLOB_MAGIC: [u8; 4] = *b"SREC";
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 79;
/// Length of a frame in bytes, every one but the last.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// Length of the tag that follows each encrypted frame, in bytes.
pub const TAG_BYTES: usize = 16;
/// Length in bytes of the payload length at the start of a frame.
pub(super) const FRAME_PREFIX: usize = 4;
/// Most payload in a frame, in bytes.
pub(super) const FRAME_PAYLOAD: usize = SEGMENT_BYTES - FRAME_PREFIX;

const FORMAT: u8 = 1;
/// The header up to the key commitment.
const BOUND_BYTES: usize = HEADER_BYTES - 32;
/// Where the associated data of segments begins in the header; it ends where the commitment begins.
const AAD_START: usize = 6;
const COMMITMENT_LABEL: &[u8] = b"salus/1/commitment";

/// Which record version a blob is: what it is sealed for and what a reader asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordRef {
    /// Whose record.
    pub patient: PatientId,
    /// Which record.
    pub record: RecordId,
    /// Its version as the chain counts it.
    pub version: u32,
}

/// What is done to the plaintext before it is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// Nothing: for images and other bytes that do not shrink.
    None,
    /// Zlib (RFC 1950): a FHIR bundle shrinks to a tenth.
    #[default]
    Zlib,
}

impl Compression {
    fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Zlib => 1,
        }
    }
}

/// Why a header is not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The file ends within the header.
    #[error("{found} bytes are no record blob, its header alone has {HEADER_BYTES}; fetch it again")]
    Short {
        /// How many bytes there are.
        found: usize,
    },
    /// It starts with something else.
    #[error("not a record blob: it does not start with \"SREC\"")]
    Magic,
    /// A newer format.
    #[error("record blob format {found}, this program reads format {FORMAT}; update it")]
    Format {
        /// The version found.
        found: u8,
    },
    /// An unknown suite.
    #[error("cipher suite {found}, this program knows suite {SUITE_1}; update it")]
    Suite {
        /// The suite found.
        found: u8,
    },
    /// An unknown compression.
    #[error("compression {found}, this program knows 0 (none) and 1 (zlib); update it")]
    Compression {
        /// The id found.
        found: u8,
    },
    /// Another segment size.
    #[error("segments of {found} bytes, format {FORMAT} has segments of {SEGMENT_BYTES}")]
    SegmentSize {
        /// The size found.
        found: u32,
    },
    /// The blob of another patient.
    #[error("the blob is of patient {found}, asked for patient {expected}; do not open it, tell the custodian")]
    Patient {
        /// Who was asked for.
        expected: PatientId,
        /// Whose it is.
        found: PatientId,
    },
    /// The blob of another record.
    #[error("the blob is of record {found}, asked for record {expected}; fetch the right one")]
    Record {
        /// Which was asked for.
        expected: RecordId,
        /// Which it is.
        found: RecordId,
    },
    /// The blob of another version of the record.
    #[error("the blob is version {found} of the record, asked for version {expected}; fetch the right one")]
    Version {
        /// Which was asked for.
        expected: u32,
        /// Which it is.
        found: u32,
    },
    /// The key does not fit.
    #[error(
        "the content key does not fit this blob: it is another record's, or the header was altered; fetch both again"
    )]
    Key,
}

/// A blob's header, read and found to be of this format. Nothing in it is authenticated until
/// [`Header::check`] has passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which record version the blob says it is.
    pub of: RecordRef,
    /// How the payload is compressed.
    pub compression: Compression,
    commitment: [u8; 32],
}

impl Header {
    /// The header of a new blob under `key`.
    pub(super) fn new(of: RecordRef, compression: Compression, key: &ContentKey) -> Self {
        let commitment = commitment(key, &bound_bytes(&of, compression));
        Self { of, compression, commitment }
    }

    /// Read a header.
    ///
    /// # Errors
    /// [`HeaderError`] for whatever this program cannot read.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let short = HeaderError::Short { found: bytes.len() };
        let mut rest = bytes;
        let magic = take::<4>(&mut rest).ok_or(short.clone())?;
        let [format, compression, suite] = take(&mut rest).ok_or(short.clone())?;
        let record = RecordId(take(&mut rest).ok_or(short.clone())?);
        let version = u32::from_le_bytes(take(&mut rest).ok_or(short.clone())?);
        let patient = PatientId(take(&mut rest).ok_or(short.clone())?);
        let segment_size = u32::from_le_bytes(take(&mut rest).ok_or(short.clone())?);
        let commitment = take(&mut rest).ok_or(short)?;
        if magic != BLOB_MAGIC {
            return Err(HeaderError::Magic);
        }
        if format != FORMAT {
            return Err(HeaderError::Format { found: format });
        }
        if suite != SUITE_1 {
            return Err(HeaderError::Suite { found: suite });
        }
        if segment_size as usize != SEGMENT_BYTES {
            return Err(HeaderError::SegmentSize { found: segment_size });
        }
        let compression = match compression {
            0 => Compression::None,
            1 => Compression::Zlib,
            found => return Err(HeaderError::Compression { found }),
        };
        Ok(Self { of: RecordRef { patient, record, version }, compression, commitment })
    }

    /// Is this the record version asked for, and is `key` the one it was sealed under? Once this has passed,
    /// every byte of the header is what the author wrote.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn check(&self, expected: &RecordRef, key: &ContentKey) -> Result<(), HeaderError> {
        let RecordRef { patient, record, version } = self.of;
        if patient != expected.patient {
            return Err(HeaderError::Patient { expected: expected.patient, found: patient });
        }
        if record != expected.record {
            return Err(HeaderError::Record { expected: expected.record, found: record });
        }
        if version != expected.version {
            return Err(HeaderError::Version { expected: expected.version, found: version });
        }
        if commitment(key, &bound_bytes(&self.of, self.compression)) != self.commitment {
            return Err(HeaderError::Key);
        }
        Ok(())
    }

    /// The bytes again.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..BOUND_BYTES].copy_from_slice(&bound_bytes(&self.of, self.compression));
        bytes[BOUND_BYTES..].copy_from_slice(&self.commitment);
        bytes
    }
}

/// Take `N` bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk::<N>()?;
    *rest = back;
    Some(*front)
}

fn bound_bytes(of: &RecordRef, compression: Compression) -> [u8; BOUND_BYTES] {
    let segment_size = u32::try_from(SEGMENT_BYTES).expect("64 KiB fits in four bytes");
    let mut bytes = Vec::with_capacity(BOUND_BYTES);
    bytes.extend(BLOB_MAGIC);
    bytes.extend([FORMAT, compression.id(), SUITE_1]);
    bytes.extend(of.record.0);
    bytes.extend(of.version.to_le_bytes());
    bytes.extend(of.patient.0);
    bytes.extend(segment_size.to_le_bytes());
    bytes.try_into().expect("the fields sum to 47 bytes")
}

fn commitment(key: &ContentKey, bound: &[u8; BOUND_BYTES]) -> [u8; 32] {
    hmac_sha256(key.expose(), &[COMMITMENT_LABEL, bound].concat())
}

/// What encrypts and decrypts the segments of one blob.
pub(super) struct Cipher {
    aead: Aes256Gcm,
    aad: [u8; BOUND_BYTES - AAD_START],
}

impl Cipher {
    pub(super) fn new(header: &Header, key: &ContentKey) -> Self {
        let bytes = header.to_bytes();
        let aad = bytes[AAD_START..BOUND_BYTES].try_into().expect("both ends are constants");
        Self { aead: Aes256Gcm::new(key.expose().into()), aad }
    }

    /// Encrypt a frame in place; gives the tag.
    pub(super) fn encrypt(&self, counter: u32, last: bool, frame: &mut [u8]) -> [u8; TAG_BYTES] {
        use aes_gcm::AeadInOut as _;
        self.aead
            .encrypt_inout_detached(&nonce(counter, last).into(), &self.aad, frame.into())
            .expect("a frame is far below GCM's limit of 64 GiB")
            .into()
    }

    /// Decrypt `sealed` (frame and tag) in place and give the frame; none when it does not authenticate.
    pub(super) fn decrypt<'a>(&self, counter: u32, last: bool, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        use aes_gcm::AeadInOut as _;
        let (frame, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
        let nonce = nonce(counter, last).into();
        self.aead.decrypt_inout_detached(&nonce, &self.aad, (&mut *frame).into(), &(*tag).into()).ok()?;
        Some(frame)
    }
}

fn nonce(counter: u32, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&counter.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}
