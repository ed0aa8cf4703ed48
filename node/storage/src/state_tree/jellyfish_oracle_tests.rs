//! The tree of the `jmt` crate, which ours is held against: its roots, its nodes and its proofs.

use std::collections::BTreeMap;

use borsh::BorshDeserialize;
use jmt::{
    JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher, Version,
    proof::SparseMerkleProof,
    storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader, TreeUpdateBatch},
};
use salus_primitives::{
    Hash, Height,
    crypto::Sha256Stream,
    runtime_api::Changes,
    state_proof::{EMPTY_ROOT, KeyProof, Proof, Terminal, branch_hash, leaf_hash, tree_key},
};

use crate::{
    StorageError,
    commitment::{Commitment, Nodes, next_height},
};

/// SHA-256 from the one file that names it, in the form `jmt` asks for.
struct Sha256(Sha256Stream);

impl SimpleHasher for Sha256 {
    fn new() -> Self {
        Self(Sha256Stream::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finish().0
    }
}

/// The tree of the `jmt` crate.
pub(super) struct Jellyfish;

/// What one block does to it: new nodes by their keys, and the keys of those that they replace.
pub(super) struct JellyfishUpdate {
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    pub stale: Vec<Vec<u8>>,
}

impl Commitment for Jellyfish {
    type Update = JellyfishUpdate;

    fn root_after(
        &self,
        nodes: &dyn Nodes,
        parent: Option<Height>,
        changes: &Changes,
    ) -> Result<(Hash, JellyfishUpdate), StorageError> {
        let height = next_height(parent);
        let (root, batch) = put(&Reader { nodes, value: None }, height, changes).map_err(tree_error)?;
        let update = JellyfishUpdate {
            nodes: batch.node_batch.nodes().iter().map(|(key, node)| (key_bytes(key), node_bytes(node))).collect(),
            stale: batch.stale_node_index_batch.iter().map(|stale| key_bytes(&stale.node_key)).collect(),
        };
        Ok((root, update))
    }

    fn root_at(&self, nodes: &dyn Nodes, height: Height) -> Result<Option<Hash>, StorageError> {
        let reader = Reader { nodes, value: None };
        let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
        Ok(tree.get_root_hash_option(version(height)).map_err(tree_error)?.map(|root| Hash(root.0)))
    }

    fn prove(&self, nodes: &dyn Nodes, keys: &[&[u8]], height: Height) -> Result<Proof, StorageError> {
        let reader = Reader { nodes, value: Some(Vec::new()) };
        let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
        let mut proof = Proof::default();
        let mut places = BTreeMap::new();
        for key in keys {
            let tree_key = tree_key(key);
            let (_, path) = tree.get_with_proof(KeyHash(tree_key.0), version(height)).map_err(tree_error)?;
            let path = JmtProof::mirror(&path);
            let terminal = match path.leaf {
                None => Terminal::Empty,
                Some(leaf) if leaf.key == tree_key.0 => Terminal::Value,
                Some(leaf) => Terminal::Other { tree_key: Hash(leaf.key), value_hash: Hash(leaf.value) },
            };
            let mut siblings = Vec::with_capacity(path.siblings.len());
            for sibling in path.siblings {
                let hash = sibling.hash();
                let place = *places.entry(hash).or_insert_with(|| {
                    proof.pool.push(hash);
                    pool_place(proof.pool.len() - 1)
                });
                siblings.push(place);
            }
            proof.keys.push(KeyProof { tree_key, terminal, siblings });
        }
        Ok(proof)
    }

    fn committed(&self, _: JellyfishUpdate) {}
}

fn pool_place(index: usize) -> u32 {
    u32::try_from(index).expect("a proof is far smaller than 2^32 hashes")
}

/// What `changes` do to the tree at `height`.
///
/// The crate inserts in bulk, hashing each branch once, but deletes one by one, hashing the whole path
/// each time. So deletions come first, and the insertions build on their result as if it were the
/// parent's tree; the order makes no difference to the root.
fn put(reader: &Reader<'_>, height: Height, changes: &Changes) -> anyhow::Result<(Hash, TreeUpdateBatch)> {
    let version = version(height);
    let mut inserted = Vec::new();
    let mut deleted = Vec::new();
    for (key, value) in changes {
        let key = KeyHash(tree_key(key).0);
        match value {
            Some(value) => inserted.push((key, value.clone())),
            None => deleted.push((key, None)),
        }
    }
    // Before genesis there is nothing to delete.
    if height == Height::GENESIS {
        deleted.clear();
    }
    if deleted.is_empty() && !inserted.is_empty() {
        let (roots, batch) =
            JellyfishMerkleTree::<_, Sha256>::new(reader).batch_put_value_sets(vec![inserted], None, version)?;
        return Ok((Hash(roots[0].0), batch));
    }
    let (root, first) = JellyfishMerkleTree::<_, Sha256>::new(reader).put_value_set(deleted, version)?;
    if inserted.is_empty() {
        return Ok((Hash(root.0), first));
    }
    let overlay = Overlay { below: reader, version, batch: first };
    let (roots, second) =
        JellyfishMerkleTree::<_, Sha256>::new(&overlay).batch_put_value_sets(vec![inserted], None, version)?;
    Ok((Hash(roots[0].0), overlay.then(second)))
}

/// The parent's tree with the deletions of this height done.
struct Overlay<'a> {
    below: &'a Reader<'a>,
    version: Version,
    batch: TreeUpdateBatch,
}

impl Overlay<'_> {
    /// Both steps as one.
    fn then(self, second: TreeUpdateBatch) -> TreeUpdateBatch {
        // Nodes of this height that the second step replaced were never written.
        let (unwritten, stale): (Vec<_>, Vec<_>) =
            second.stale_node_index_batch.into_iter().partition(|stale| stale.node_key.version() == self.version);
        let unwritten: Vec<_> = unwritten.into_iter().map(|stale| stale.node_key).collect();
        let mut merged = TreeUpdateBatch::default();
        for (key, node) in self.batch.node_batch.nodes() {
            if unwritten.binary_search(key).is_err() {
                merged.node_batch.insert_node(key.clone(), node.clone());
            }
        }
        for (key, node) in second.node_batch.nodes() {
            merged.node_batch.insert_node(key.clone(), node.clone());
        }
        merged.stale_node_index_batch = self.batch.stale_node_index_batch;
        merged.stale_node_index_batch.extend(stale);
        merged
    }
}

impl TreeReader for Overlay<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let nodes = &self.batch.node_batch;
        // The next step looks for its parent's root, which the first one has replaced.
        if key.nibble_path().is_empty() && key.version() != self.version {
            let root = NodeKey::new(self.version, key.nibble_path().clone());
            return Ok(nodes.get_node(&root).cloned());
        }
        match nodes.get_node(key) {
            Some(node) => Ok(Some(node.clone())),
            None => self.below.get_node_option(key),
        }
    }

    fn get_value_option(&self, version: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        self.below.get_value_option(version, key)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// Nodes as the crate wants to read them.
struct Reader<'a> {
    nodes: &'a dyn Nodes,
    /// What every key is said to hold: a proof is made of hashes, and its maker asks for the value only
    /// to hand it back.
    value: Option<OwnedValue>,
}

impl TreeReader for Reader<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        // Before genesis the crate looks for a tree of version `u64::MAX`.
        if key.version() > Version::from(u32::MAX) {
            return Ok(None);
        }
        let key = key_bytes(key);
        let Some(node) = self.nodes.node(&key)? else { return Ok(None) };
        Node::try_from_slice(&node).map(Some).map_err(|_| StorageError::undecodable("tree", &key).into())
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.value.clone())
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

fn version(height: Height) -> Version {
    u64::from(height.0)
}

/// The key of a node in `tree`.
fn key_bytes(key: &NodeKey) -> Vec<u8> {
    let path: &NibblePath = key.nibble_path();
    let version = u32::try_from(key.version()).expect("a tree's version is a height");
    let count = u8::try_from(path.num_nibbles()).expect("a path has at most 64 nibbles");
    let mut bytes = Vec::with_capacity(5 + path.num_nibbles().div_ceil(2));
    bytes.extend(version.to_be_bytes());
    bytes.push(count);
    let mut high = None;
    for nibble in path.nibbles() {
        let nibble = u8::from(nibble);
        match high.take() {
            None => high = Some(nibble << 4),
            Some(first) => bytes.push(first | nibble),
        }
    }
    bytes.extend(high);
    bytes
}

fn node_bytes(node: &Node) -> Vec<u8> {
    borsh::to_vec(node).expect("writing to memory does not fail")
}

/// What the crate wraps around ours, or its own words where a node is missing.
fn tree_error(error: anyhow::Error) -> StorageError {
    match error.downcast::<StorageError>() {
        Ok(error) => error,
        Err(error) => StorageError::damaged(format!("the state tree: {error:#}")),
    }
}

/// The crate's proof, whose siblings are private: the same bytes read with open fields.
#[derive(BorshDeserialize)]
struct JmtProof {
    leaf: Option<JmtLeaf>,
    siblings: Vec<JmtNode>,
}

impl JmtProof {
    fn mirror(proof: &SparseMerkleProof<Sha256>) -> Self {
        let bytes = borsh::to_vec(proof).expect("writing to memory does not fail");
        Self::try_from_slice(&bytes).expect("the mirror has the layout of the crate's proof")
    }
}

#[derive(BorshDeserialize)]
struct JmtLeaf {
    key: [u8; 32],
    value: [u8; 32],
}

#[derive(BorshDeserialize)]
enum JmtNode {
    Null,
    Internal { left: [u8; 32], right: [u8; 32] },
    Leaf(JmtLeaf),
}

impl JmtNode {
    fn hash(&self) -> Hash {
        match self {
            Self::Null => EMPTY_ROOT,
            Self::Internal { left, right } => branch_hash(&Hash(*left), &Hash(*right)),
            Self::Leaf(leaf) => leaf_hash(&Hash(leaf.key), &Hash(leaf.value)),
        }
    }
}
