//! The commitment of the chain: a Jellyfish sparse Merkle tree over SHA-256 (decision 4), a block at a time.
//!
//! Roots, proofs and the nodes on disk are those of the `jmt` crate, which the tests hold it against. What differs is
//! the work: all changes of a block go down the tree together, only hashes over a changed key are computed, and the
//! nodes that changed last stay in memory. For a large block the hashing is shared among the cores.
//!
//! Values are not kept in the tree: `state` and `state_history` have them.

mod node;
mod nodes;
mod path;
mod prove;
mod update;

use std::{
    panic::resume_unwind,
    sync::{Mutex, MutexGuard},
    thread,
};

use salus_primitives::{
    Hash, Height,
    crypto::sha256,
    runtime_api::Changes,
    state_proof::{EMPTY_ROOT, Proof, tree_key},
};

use self::{
    node::{Body, Child, empty_bytes},
    nodes::Reading,
    path::Path,
    update::{Change, Replaced, SHARED_MIN, Update},
};
use crate::{
    StorageError,
    commitment::{Commitment, Nodes, next_height},
};

/// Most nodes the tree of a database keeps in memory: about 64 MiB.
const HELD_MAX: usize = 1 << 18;

/// The tree, of which the newest nodes are in memory.
pub(crate) struct StateTree {
    /// The newest tree, once it is known.
    newest: Mutex<Option<Newest>>,
    /// Most nodes in memory, and threads of one update.
    held_max: usize,
    threads: usize,
}

/// A tree, as far as it is in memory: none when it is empty.
#[derive(Clone)]
struct Newest {
    height: Height,
    root: Option<Child>,
}

/// What one block does to the tree.
#[derive(Clone)]
pub struct TreeUpdate {
    height: Height,
    hash: Hash,
    /// The whole tree after the block.
    root: Option<Child>,
    replaced: Vec<Replaced>,
}

impl Default for StateTree {
    fn default() -> Self {
        Self::holding(HELD_MAX)
    }
}

impl StateTree {
    /// A tree that keeps up to so many nodes in memory.
    pub(crate) fn holding(held_max: usize) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(16);
        Self { newest: Mutex::new(None), held_max, threads }
    }

    #[cfg(test)]
    fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    fn newest(&self) -> MutexGuard<'_, Option<Newest>> {
        self.newest.lock().expect("a panic ends the process, so no lock is poisoned")
    }

    /// The tree after `height`.
    fn root(&self, reading: Reading<'_>, height: Height) -> Result<Option<Child>, StorageError> {
        if let Some(newest) = self.newest().as_ref().filter(|newest| newest.height == height) {
            return Ok(newest.root.clone());
        }
        let missing = || StorageError::damaged(format!("the state tree: there is none for height {height}"));
        reading.root(height)?.ok_or_else(missing)
    }
}

impl Commitment for StateTree {
    type Update = TreeUpdate;

    fn root_after(
        &self,
        nodes: &dyn Nodes,
        parent: Option<Height>,
        changes: &Changes,
    ) -> Result<(Hash, TreeUpdate), StorageError> {
        let reading = Reading(nodes);
        let before = parent.map(|height| self.root(reading, height)).transpose()?.flatten();
        let update = Update { reading, height: next_height(parent), threads: self.threads };
        let (root, replaced) = update.root(parent, before.as_ref(), &hashed(changes, self.threads))?;
        let hash = root.as_ref().map_or(EMPTY_ROOT, |child| child.hash);
        Ok((hash, TreeUpdate { height: update.height, hash, root, replaced }))
    }

    fn root_at(&self, nodes: &dyn Nodes, height: Height) -> Result<Option<Hash>, StorageError> {
        let root = Reading(nodes).root(height)?;
        Ok(root.map(|root| root.map_or(EMPTY_ROOT, |child| child.hash)))
    }

    fn prove(&self, nodes: &dyn Nodes, keys: &[&[u8]], height: Height) -> Result<Proof, StorageError> {
        let reading = Reading(nodes);
        prove::prove(reading, self.root(reading, height)?.as_ref(), keys)
    }

    fn committed(&self, update: TreeUpdate) {
        let TreeUpdate { height, root, .. } = update;
        let root = root.map(|root| within(root, height, self.held_max));
        *self.newest() = Some(Newest { height, root });
    }
}

impl TreeUpdate {
    /// The height whose state it is.
    pub fn height(&self) -> Height {
        self.height
    }

    /// The state root.
    pub fn root(&self) -> Hash {
        self.hash
    }

    /// The new nodes by their keys, in order.
    pub(crate) fn nodes(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut nodes = Vec::with_capacity(self.replaced.len());
        let Some(root) = &self.root else {
            nodes.push((Path::ROOT.key(self.height), empty_bytes()));
            return nodes;
        };
        // All new nodes are of one height, so the shorter paths come first.
        let mut row = vec![(Path::ROOT, root)];
        while !row.is_empty() {
            let mut below = Vec::new();
            for (path, child) in row {
                let bytes = child.bytes().expect("what an update makes is in memory");
                nodes.push((path.key(self.height), bytes));
                if let Body::Branch { node: Some(branch), .. } = &child.body {
                    let new = branch.children().filter(|(_, child)| child.height == self.height);
                    below.extend(new.map(|(nibble, child)| (path.down(nibble), child)));
                }
            }
            row = below;
        }
        nodes
    }

    /// Keys of the nodes that it replaces, in order.
    pub(crate) fn stale(&self) -> Vec<Vec<u8>> {
        let mut replaced = self.replaced.clone();
        replaced.sort_unstable();
        replaced.iter().map(|replaced| replaced.path.key(replaced.height)).collect()
    }
}

/// The changes as the tree knows them, in its order.
fn hashed(changes: &Changes, threads: usize) -> Vec<Change> {
    let hash = |(key, value): &(&Vec<u8>, &Option<Vec<u8>>)| Change {
        key: tree_key(key),
        value: value.as_deref().map(sha256),
    };
    let list: Vec<_> = changes.iter().collect();
    let mut hashed: Vec<Change> = if threads > 1 && list.len() >= SHARED_MIN {
        thread::scope(|scope| {
            let share = list.len().div_ceil(threads);
            let work = |share: &[_]| share.iter().map(hash).collect::<Vec<_>>();
            let threads: Vec<_> = list.chunks(share).map(|share| scope.spawn(move || work(share))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    } else {
        list.iter().map(hash).collect()
    };
    hashed.sort_unstable();
    hashed
}

/// The tree with at most `held_max` nodes in memory but those of `height` itself: what changed last stays.
fn within(root: Child, height: Height, held_max: usize) -> Child {
    if root.held() <= held_max {
        return root;
    }
    // Half of it goes at the least, so that this is done seldom.
    let mut age = height.0;
    loop {
        age /= 2;
        let kept = root.without_older(Height(height.0 - age));
        if kept.held() <= held_max / 2 || age == 0 {
            return kept;
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
