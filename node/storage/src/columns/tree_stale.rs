//! `tree_stale`: which nodes of the tree each block replaced, for pruning.
//!
//! One entry per block: a block replaces thousands of nodes, and nobody asks for one of them.
//!
//! ```text
//! key    height u32 BE [4] that replaced them
//! value  SCALE vector of keys of `tree`
//! ```

use parity_scale_codec::{DecodeAll, Encode};
use salus_primitives::Height;

use super::Column;

pub(crate) struct TreeStale;

impl Column for TreeStale {
    const NAME: &'static str = "tree_stale";
    type Key<'a> = Height;
    type Value<'a> = &'a [Vec<u8>];
    type Owned = Vec<Vec<u8>>;

    fn key(height: Height) -> Vec<u8> {
        height.0.to_be_bytes().to_vec()
    }

    fn value(nodes: &[Vec<u8>]) -> Vec<u8> {
        nodes.encode()
    }

    fn read(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        Vec::<Vec<u8>>::decode_all(&mut bytes).ok()
    }
}
