//! `certificates`: what made each block final, by height. Genesis has none.
//!
//! ```text
//! key    height u32 BE [4]
//! value  SCALE commit certificate
//! ```

use parity_scale_codec::{DecodeAll, Encode};
use salus_primitives::{Height, commit::CommitCertificate};

use super::Column;

pub(crate) struct Certificates;

impl Column for Certificates {
    const NAME: &'static str = "certificates";
    type Key<'a> = Height;
    type Value<'a> = &'a CommitCertificate;
    type Owned = CommitCertificate;

    fn key(height: Height) -> Vec<u8> {
        height.0.to_be_bytes().to_vec()
    }

    fn value(certificate: &CommitCertificate) -> Vec<u8> {
        certificate.encode()
    }

    fn read(mut bytes: &[u8]) -> Option<CommitCertificate> {
        CommitCertificate::decode_all(&mut bytes).ok()
    }
}
