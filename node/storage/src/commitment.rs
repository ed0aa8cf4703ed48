//! State commitment behind a trait: what another engine would have to do (decision 4).

use std::borrow::Cow;
#[cfg(test)]
use std::collections::BTreeMap;

use salus_primitives::{Hash, Height, runtime_api::Changes, state_proof::Proof};

use crate::{
    StorageError,
    state_tree::{StateTree, TreeUpdate},
};

/// Where a tree finds its nodes, by key, as bytes only the tree understands. A tree may ask from several threads.
pub trait Nodes: Sync {
    /// The node of `key`, none when it is not there.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    fn node(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError>;
}

/// An authenticated tree over the state after each height.
pub trait Commitment {
    /// What one block does to the tree.
    type Update;

    /// The root after `changes` on the state of `parent`, none meaning the empty state before genesis,
    /// and what to write so that it can be built on. Nothing is written here, and several blocks on one
    /// parent may be tried.
    ///
    /// # Errors
    /// [`StorageError`] when a node cannot be read, or the parent's tree is not there.
    fn root_after(
        &self,
        nodes: &dyn Nodes,
        parent: Option<Height>,
        changes: &Changes,
    ) -> Result<(Hash, Self::Update), StorageError>;

    /// The root after `height`, none when there is no such tree.
    ///
    /// # Errors
    /// [`StorageError`] when a node cannot be read.
    fn root_at(&self, nodes: &dyn Nodes, height: Height) -> Result<Option<Hash>, StorageError>;

    /// Proofs of the values or absences of `keys` in the state after `height`.
    ///
    /// # Errors
    /// [`StorageError`] when a node cannot be read, or there is no such tree.
    fn prove(&self, nodes: &dyn Nodes, keys: &[&[u8]], height: Height) -> Result<Proof, StorageError>;

    /// `update` is written: what it replaced will hardly be asked for again, and the next one builds on it.
    fn committed(&self, update: Self::Update);
}

/// A tree in memory that keeps its newest state only: for replays and simulations without a disk.
pub struct MemoryTree {
    tree: StateTree,
    height: Option<Height>,
}

/// No node is ever read: the tree has all of them.
struct Nowhere;

impl Nodes for Nowhere {
    fn node(&self, _: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(None)
    }
}

#[cfg(test)]
impl Nodes for BTreeMap<Vec<u8>, Vec<u8>> {
    fn node(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(self.get(key).map(|node| Cow::Borrowed(&node[..])))
    }
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self { tree: StateTree::holding(usize::MAX), height: None }
    }
}

impl MemoryTree {
    /// Nothing, not even genesis.
    pub fn new() -> Self {
        Self::default()
    }

    /// The root after `changes` on what was applied last, and the update to apply.
    pub fn root_after(&self, changes: &Changes) -> (Hash, TreeUpdate) {
        self.tree.root_after(&Nowhere, self.height, changes).expect("memory does not fail, and every node is kept")
    }

    /// Make `update` the newest state.
    ///
    /// # Panics
    /// When it was not made on what was applied last.
    pub fn apply(&mut self, update: TreeUpdate) {
        assert_eq!(update.height(), next_height(self.height), "updates are applied in order");
        self.height = Some(update.height());
        self.tree.committed(update);
    }
}

/// The height that follows `parent`: genesis after nothing.
pub(crate) fn next_height(parent: Option<Height>) -> Height {
    parent.map_or(Height::GENESIS, Height::next)
}
