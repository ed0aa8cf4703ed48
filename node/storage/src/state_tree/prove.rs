//! Proofs of values and absences.

use std::collections::BTreeMap;

use salus_primitives::{
    Hash,
    state_proof::{KeyProof, Proof, Terminal, tree_key},
};

use super::{
    node::{Alone, Body, Branch, Child},
    nodes::Reading,
    path::{Path, nibble},
};
use crate::StorageError;

/// Prove what the tree under `root` says of each of `keys`.
pub(super) fn prove(reading: Reading<'_>, root: Option<&Child>, keys: &[&[u8]]) -> Result<Proof, StorageError> {
    let mut proof = Proof::default();
    let mut places = BTreeMap::new();
    for key in keys {
        let tree_key = tree_key(key);
        let (terminal, siblings) = path_of(reading, root, &tree_key)?;
        let mut pooled = Vec::with_capacity(siblings.len());
        for hash in siblings.into_iter().rev() {
            let place = *places.entry(hash).or_insert_with(|| {
                proof.pool.push(hash);
                u32::try_from(proof.pool.len() - 1).expect("a proof is far smaller than 2^32 hashes")
            });
            pooled.push(place);
        }
        proof.keys.push(KeyProof { tree_key, terminal, siblings: pooled });
    }
    Ok(proof)
}

/// What the path of `key` ends in, and the siblings of the places it passes, from the root down.
fn path_of(reading: Reading<'_>, root: Option<&Child>, key: &Hash) -> Result<(Terminal, Vec<Hash>), StorageError> {
    let mut siblings = Vec::new();
    let Some(root) = root else { return Ok((Terminal::Empty, siblings)) };
    let mut child = root.clone();
    let mut path = Path::ROOT;
    loop {
        match child.body {
            Body::Leaf(_) => {
                let leaf = reading.leaf(&path, &child)?;
                let terminal = if leaf.key == *key {
                    Terminal::Value
                } else {
                    Terminal::Other { tree_key: leaf.key, value_hash: leaf.value }
                };
                return Ok((terminal, siblings));
            }
            Body::Branch { .. } => {
                let branch = reading.branch(&path, &child)?;
                let Some((nibble, below)) = descend(&branch, nibble(key, path.count()), &mut siblings) else {
                    return Ok((Terminal::Empty, siblings));
                };
                path = path.down(nibble);
                child = below.clone();
            }
        }
    }
}

/// Go down the four levels of a branch towards the child at `goal`, as far as there is more than one key.
fn descend<'a>(branch: &'a Branch, goal: u8, siblings: &mut Vec<Hash>) -> Option<(u8, &'a Child)> {
    let (mut start, mut width) = (0, 16);
    loop {
        match branch.alone(start, width) {
            Alone::Nothing => return None,
            Alone::Child(nibble, child) => return Some((nibble, child)),
            Alone::No => {
                width /= 2;
                let (left, right) = (start, start + width);
                let (near, far) = if goal < right { (left, right) } else { (right, left) };
                siblings.push(branch.hash_over(far, width));
                start = near;
            }
        }
    }
}
