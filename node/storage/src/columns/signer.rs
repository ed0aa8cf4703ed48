//! `signer`: what this validator signed last. Written and synced before a signature leaves.
//!
//! ```text
//! key    "last"
//! value  the record's bytes, which only the signer understands
//! ```

use super::Column;

pub(crate) struct Signer;

impl Column for Signer {
    const NAME: &'static str = "signer";
    type Key<'a> = ();
    type Value<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn key((): ()) -> Vec<u8> {
        b"last".to_vec()
    }

    fn value(record: &[u8]) -> Vec<u8> {
        record.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}
