//! How a record is encrypted before it leaves the program, and how its key reaches a reader
//! (formats.md 14, domain.md 7.1).
//!
//! # The blob
//!
//! Integers are little-endian, except the segment counter in a nonce.
//!
//! ```text
//! offset size
//!      0    4  magic "SREC"
//!      4    1  format version, 1
//!      5    1  compression: 0 none, 1 zlib (RFC 1950)
//!      6    1  suite id, 1                       ┐
//!      7   16  record id                         │ the 41 bytes of associated
//!     23    4  record version                    │ data of every segment
//!     27   16  patient id                        │
//!     43    4  segment size in bytes, 65,536     ┘
//!     47   32  key commitment = HMAC-SHA256(content key, "salus/1/commitment" ++ bytes 0..47)
//!     79       segment 0, segment 1, … the last
//!
//! segment  AES-256-GCM(content key, nonce, associated data, frame) ++ tag[16]
//! nonce    counter[11, big-endian, from 0] ++ last[1: 1 in the last segment, else 0]
//! frame    payload length[4] ++ payload ++ zeros
//! ```
//!
//! Every frame but the last is as long as the segment size says; the last one is as long as the padding
//! leaves it. Payload fills one frame before the next begins, so the first frame that is not full ends the
//! payload. The payload is the plaintext, compressed as the header says. Thus the true length is known
//! inside the encryption alone.
//!
//! # Padding
//!
//! All frames together are as long as the smallest bucket that holds them: 4 KiB, and from there on eight
//! equal steps to each doubling, which costs at most an eighth.
//!
//! | Frames hold more than | up to | buckets every |
//! |---|---|---|
//! | 0 | 4 KiB | (one bucket) |
//! | 4 KiB | 8 KiB | 512 bytes |
//! | 8 KiB | 16 KiB | 1 KiB |
//! | 64 KiB | 128 KiB | 8 KiB |
//! | 1 MiB | 2 MiB | 128 KiB |
//! | 2^k | 2^(k+1) | 2^(k-3) |
//!
//! # Why it is safe
//!
//! - The content key is fresh for every record version, so a counter serves as nonce: [`seal()`] makes the key
//!   itself and there is no way to seal twice under one.
//! - GCM does not commit to its key: two keys could be made to open one segment to two texts. The key
//!   commitment in the header pins the key, and the header with it, before any plaintext leaves.
//! - A segment moved, dropped or added changes a counter or the last flag, and no longer authenticates.
//! - No byte of plaintext leaves before its segment is authenticated. What left before a later segment failed
//!   is a true beginning of the record, but not the record: whoever calls [`open()`] throws it away on an error.
//!
//! # The wraps
//!
//! A wrap is the content key sealed to one recipient by HPKE (RFC 9180), base mode, no associated data,
//! and kept beside the blob:
//!
//! ```text
//! offset size
//!      0    1  suite id, 1 = DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
//!      1   32  encapsulated key
//!     33   48  sealed content key
//!
//! info of a standing wrap  "salus/1/standing" ++ patient[16] ++ record[16] ++ record version[4] ++ key epoch[4]
//! info of a receipt's wrap "salus/1" ++ receipt (patient[16] ++ index[4]) ++ record[16] ++ key epoch[4]
//! ```
//!
//! `vectors/` beside this crate's sources holds worked examples of all this for other implementations.

mod header;
mod identity;
mod key;
mod open;
mod padding;
mod seal;
mod wrap;

pub use header::{BLOB_MAGIC, Compression, HEADER_BYTES, Header, HeaderError, RecordRef, SEGMENT_BYTES, TAG_BYTES};
pub use identity::{Appointment, IDENTITY_MAX, IdentityError, SEALED_IDENTITY_BYTES, open_identity, seal_identity};
pub use key::{ContentKey, KemPublic, KemSecret, NotAKemKey, RandomError};
pub(crate) use key::{random_bytes, secret_bytes};
pub use open::{OpenError, Opened, PLAIN_BYTES_MAX, open, open_anchored};
pub use padding::{BUCKET_MIN, bucket};
pub use seal::{Anchor, SealError, Sealed, seal};
pub use wrap::{WRAP_BYTES, Wrap, WrapContext, WrapError, unwrap_key, wrap_key};

/// Suite 1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM for wraps, AES-256-GCM for segments.
pub const SUITE_1: u8 = 1;

#[cfg(test)]
#[path = "vectors_tests.rs"]
pub(crate) mod vectors_tests;
