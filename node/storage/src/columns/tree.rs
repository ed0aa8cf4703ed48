//! `tree`: the nodes of the authenticated tree, by the height that made them and their path.
//!
//! Nodes are never rewritten, and each block's lie behind those of all earlier blocks: compaction has
//! next to nothing to merge.
//!
//! ```text
//! key    height u32 BE [4] ++ number of nibbles [1] ++ path, two nibbles a byte, high one first
//! value  00                                             the empty tree (root only)
//!        01 ++ children ++ count u64 ++ leaves u64      branch
//!        02 ++ SHA-256(key) [32] ++ SHA-256(value) [32] leaf
//!   children: sixteen of
//!        00                                             none
//!        01 ++ hash [32] ++ height u64 ++ 00            a leaf
//!        01 ++ hash [32] ++ height u64 ++ 01 ++ leaves u64   a branch
//!   integers in values are little-endian: this is the borsh form of the `jmt` crate's nodes
//! ```

use super::Column;

pub(crate) struct Tree;

impl Column for Tree {
    const NAME: &'static str = "tree";
    type Key<'a> = &'a [u8];
    type Value<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn key(key: &[u8]) -> Vec<u8> {
        key.to_vec()
    }

    fn value(node: &[u8]) -> Vec<u8> {
        node.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}
