//! The state root and proofs against it, as pure functions over bytes (formats.md 8).
//!
//! The state is a set of leaves in a binary tree of depth 256, addressed by the bits of
//! SHA-256(storage key), highest first:
//!
//! ```text
//! leaf    SHA-256("JMT::LeafNode" ++ SHA-256(key) ++ SHA-256(value))
//! branch  SHA-256("JMT::IntrnalNode" ++ left ++ right)
//! empty   the 32 ASCII bytes "SPARSE_MERKLE_PLACEHOLDER_HASH__"
//! ```
//!
//! A subtree with one leaf is that leaf's hash, one with none is the empty hash: also the root of a
//! state with no keys. A proof of a value or of its absence is the terminal its key's path ends in
//! and the hashes of the siblings on the way up.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

use crate::{Hash, crypto::sha256};

/// Root of a state without keys.
pub const EMPTY_ROOT: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// Most siblings on a path: one per bit of a tree key.
const SIBLINGS_MAX: usize = 256;

/// Where the tree keeps a storage key.
pub fn tree_key(key: &[u8]) -> Hash {
    sha256(key)
}

/// Hash of the leaf of a key with a value.
pub fn leaf_hash(tree_key: &Hash, value_hash: &Hash) -> Hash {
    const TAG: &[u8; 13] = b"JMT::LeafNode";
    let mut bytes = [0; 13 + 64];
    bytes[..13].copy_from_slice(TAG);
    bytes[13..45].copy_from_slice(&tree_key.0);
    bytes[45..].copy_from_slice(&value_hash.0);
    sha256(&bytes)
}

/// Hash over two subtrees, of which at least one holds more than a leaf or both hold one.
pub fn branch_hash(left: &Hash, right: &Hash) -> Hash {
    const TAG: &[u8; 16] = b"JMT::IntrnalNode";
    let mut bytes = [0; 16 + 64];
    bytes[..16].copy_from_slice(TAG);
    bytes[16..48].copy_from_slice(&left.0);
    bytes[48..].copy_from_slice(&right.0);
    sha256(&bytes)
}

/// Bit `index` of a tree key, the highest first.
fn bit(key: &Hash, index: usize) -> bool {
    key.0[index / 8] >> (7 - index % 8) & 1 == 1
}

/// The root over a whole state, computed from nothing else. Costs three hashes and more per key: for
/// genesis, for `check`, and as the oracle of the tree's tests.
pub fn state_root<'a>(state: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Hash {
    let leaves: BTreeMap<Hash, Hash> = state
        .map(|(key, value)| {
            let key = tree_key(key);
            (key, leaf_hash(&key, &sha256(value)))
        })
        .collect();
    root_of(&leaves.into_iter().collect::<Vec<_>>(), 0)
}

/// The root over leaf hashes sorted by tree key, from bit `depth` down: (tree key, leaf hash) each.
pub fn root_of(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [(_, leaf)] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)));
            branch_hash(&root_of(left, depth + 1), &root_of(right, depth + 1))
        }
    }
}

/// Proofs for some keys against one root. Hashes that several need stand in the pool once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking)]
pub struct Proof {
    /// Sibling hashes.
    pub pool: Vec<Hash>,
    /// One per key, in the order in which they were asked for.
    pub keys: Vec<KeyProof>,
}

/// The path of one key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking)]
pub struct KeyProof {
    /// SHA-256 of the storage key.
    pub tree_key: Hash,
    /// What its path ends in.
    pub terminal: Terminal,
    /// Places in the pool, from the terminal up to the root.
    pub siblings: Vec<u32>,
}

/// What a path ends in.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking)]
pub enum Terminal {
    /// Its own leaf: the key has a value.
    #[codec(index = 0)]
    Value,
    /// Nothing: the key has no value.
    #[codec(index = 1)]
    Empty,
    /// Another key's leaf, the only one there: the key has no value.
    #[codec(index = 2)]
    Other {
        /// SHA-256 of that storage key.
        tree_key: Hash,
        /// SHA-256 of its value.
        value_hash: Hash,
    },
}

/// Why a proof does not show what it is said to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The key is not among those proven.
    #[error("the proof is not about this key")]
    NotCovered,
    /// A value is claimed, absence is proven, or the other way round.
    #[error("the proof shows the key {}, not that it is {}", presence(.proven), presence(&!.proven))]
    Presence {
        /// Does the proof show a value?
        proven: bool,
    },
    /// A path that cannot be one.
    #[error("the proof's path is malformed")]
    Malformed,
    /// Another value, another root, or a forged path.
    #[error("the proof leads to root {found}, expected {expected}")]
    Root {
        /// Where it leads.
        found: Hash,
        /// Where it should.
        expected: Hash,
    },
}

fn presence(present: &bool) -> &'static str {
    if *present { "present" } else { "absent" }
}

/// Does `proof` show that, in the state of `root`, `key` has `value`, or no value where that is none?
///
/// # Errors
/// [`ProofError`] by its rule.
pub fn verify_proof(root: &Hash, key: &[u8], value: Option<&[u8]>, proof: &Proof) -> Result<(), ProofError> {
    let tree_key = tree_key(key);
    let path = proof.keys.iter().find(|path| path.tree_key == tree_key).ok_or(ProofError::NotCovered)?;
    let depth = path.siblings.len();
    if depth > SIBLINGS_MAX {
        return Err(ProofError::Malformed);
    }
    let mut hash = match (&path.terminal, value) {
        (Terminal::Value, Some(value)) => leaf_hash(&tree_key, &sha256(value)),
        (Terminal::Empty, None) => EMPTY_ROOT,
        (Terminal::Other { tree_key: other, value_hash }, None) => {
            // It must lie where the key would, and be another.
            if *other == tree_key || (0..depth).any(|index| bit(other, index) != bit(&tree_key, index)) {
                return Err(ProofError::Malformed);
            }
            leaf_hash(other, value_hash)
        }
        (terminal, _) => return Err(ProofError::Presence { proven: *terminal == Terminal::Value }),
    };
    for (place, index) in path.siblings.iter().zip((0..depth).rev()) {
        let sibling =
            usize::try_from(*place).ok().and_then(|place| proof.pool.get(place)).ok_or(ProofError::Malformed)?;
        hash = if bit(&tree_key, index) { branch_hash(sibling, &hash) } else { branch_hash(&hash, sibling) };
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root { found: hash, expected: *root }) }
}

/// Prove what a whole state says of each of `keys`, from nothing else: as [`state_root`], the oracle of a tree that
/// does it by the path.
pub fn prove(state: &BTreeMap<Vec<u8>, Vec<u8>>, keys: &[impl AsRef<[u8]>]) -> Proof {
    let values: BTreeMap<Hash, Hash> = state.iter().map(|(key, value)| (tree_key(key), sha256(value))).collect();
    let leaves: Vec<(Hash, Hash)> = values.iter().map(|(key, value)| (*key, leaf_hash(key, value))).collect();
    let mut proof = Proof::default();
    let mut places = BTreeMap::new();
    for key in keys {
        let tree_key = tree_key(key.as_ref());
        let (mut siblings, mut near, mut depth) = (Vec::new(), &leaves[..], 0);
        while near.len() > 1 {
            let (left, right) = near.split_at(near.partition_point(|(key, _)| !bit(key, depth)));
            let far;
            (near, far) = if bit(&tree_key, depth) { (right, left) } else { (left, right) };
            depth += 1;
            siblings.push(root_of(far, depth));
        }
        let terminal = match near {
            [] => Terminal::Empty,
            [(found, _)] if *found == tree_key => Terminal::Value,
            [(found, _), ..] => Terminal::Other { tree_key: *found, value_hash: values[found] },
        };
        let pooled = siblings.into_iter().rev().map(|hash| {
            *places.entry(hash).or_insert_with(|| {
                proof.pool.push(hash);
                u32::try_from(proof.pool.len() - 1).expect("a proof is far smaller than 2^32 hashes")
            })
        });
        let siblings = pooled.collect();
        proof.keys.push(KeyProof { tree_key, terminal, siblings });
    }
    proof
}
