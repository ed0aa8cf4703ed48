//! `bodies`: the extrinsics of every committed block, by height.
//!
//! There are no forks, so a height names one block, and keys that only grow keep compaction cheap.
//!
//! ```text
//! key    height u32 BE [4]
//! value  SCALE vector of extrinsics, each with its length prefix
//! ```

use parity_scale_codec::{DecodeAll, Encode};
use salus_primitives::{Height, RawExtrinsic};

use super::Column;

pub(crate) struct Bodies;

impl Column for Bodies {
    const NAME: &'static str = "bodies";
    type Key<'a> = Height;
    type Value<'a> = &'a [RawExtrinsic];
    type Owned = Vec<RawExtrinsic>;

    fn key(height: Height) -> Vec<u8> {
        height.0.to_be_bytes().to_vec()
    }

    fn value(extrinsics: &[RawExtrinsic]) -> Vec<u8> {
        extrinsics.encode()
    }

    fn read(mut bytes: &[u8]) -> Option<Vec<RawExtrinsic>> {
        Vec::<RawExtrinsic>::decode_all(&mut bytes).ok()
    }
}
