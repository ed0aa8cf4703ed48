//! Nodes of one tree: from memory, else from disk.

use std::sync::Arc;

use salus_primitives::{Height, state_proof::leaf_hash};

use super::{
    node::{Body, Branch, Child, Leaf, Node},
    path::Path,
};
use crate::{StorageError, commitment::Nodes};

/// Reads nodes that are not in memory.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a>(pub &'a dyn Nodes);

impl Reading<'_> {
    /// The root after `height`: none when there is no such tree, `Some(None)` for that of an empty state.
    pub(super) fn root(&self, height: Height) -> Result<Option<Option<Child>>, StorageError> {
        Ok(match self.read(&Path::ROOT, height)? {
            None => None,
            Some(Node::Empty) => Some(None),
            Some(Node::Leaf(leaf)) => Some(Some(Child::leaf(height, leaf))),
            Some(Node::Branch(branch)) => {
                let hash = branch.hash();
                Some(Some(Child::branch(height, hash, branch)))
            }
        })
    }

    /// The branch that `child`, at `path`, is.
    pub(super) fn branch(&self, path: &Path, child: &Child) -> Result<Arc<Branch>, StorageError> {
        if let Body::Branch { node: Some(branch), .. } = &child.body {
            return Ok(Arc::clone(branch));
        }
        match self.read(path, child.height)? {
            Some(Node::Branch(branch)) if !path.is_whole() => Ok(Arc::new(branch)),
            other => Err(missing("branch", path, child, other.is_some())),
        }
    }

    /// The leaf that `child`, at `path`, is.
    pub(super) fn leaf(&self, path: &Path, child: &Child) -> Result<Leaf, StorageError> {
        if let Body::Leaf(Some(leaf)) = child.body {
            return Ok(leaf);
        }
        match self.read(path, child.height)? {
            Some(Node::Leaf(leaf)) if leaf_hash(&leaf.key, &leaf.value) == child.hash => Ok(leaf),
            other => Err(missing("leaf", path, child, other.is_some())),
        }
    }

    fn read(&self, path: &Path, height: Height) -> Result<Option<Node>, StorageError> {
        let key = path.key(height);
        let Some(bytes) = self.0.node(&key)? else { return Ok(None) };
        Node::read(&bytes).map(Some).ok_or_else(|| StorageError::undecodable("tree", &key))
    }
}

fn missing(what: &str, path: &Path, child: &Child, other: bool) -> StorageError {
    let found = if other { "is another node" } else { "is missing" };
    StorageError::damaged(format!(
        "the state tree: a {what} of height {}, {} nibbles deep, {found}",
        child.height,
        path.count()
    ))
}
