//! `headers`: the header of every committed block, by its hash.
//!
//! ```text
//! key    block hash [32]
//! value  SCALE header
//! ```

use parity_scale_codec::{DecodeAll, Encode};
use salus_primitives::{Hash, Header};

use super::Column;

pub(crate) struct Headers;

impl Column for Headers {
    const NAME: &'static str = "headers";
    type Key<'a> = &'a Hash;
    type Value<'a> = &'a Header;
    type Owned = Header;

    fn key(hash: &Hash) -> Vec<u8> {
        hash.0.to_vec()
    }

    fn value(header: &Header) -> Vec<u8> {
        header.encode()
    }

    fn read(mut bytes: &[u8]) -> Option<Header> {
        Header::decode_all(&mut bytes).ok()
    }
}
