//! The tree against a root computed from nothing, and against the crate's own one-by-one path.

use std::collections::BTreeMap;

use proptest::prelude::*;
use salus_primitives::runtime_api::Changes;

use super::*;
use crate::{
    MemoryTree,
    proof::{ProofError, state_root, verify_proof},
};

type Flat = BTreeMap<Vec<u8>, Vec<u8>>;

fn root_of_flat(state: &Flat) -> Hash {
    state_root(state.iter().map(|(key, value)| (&key[..], &value[..])))
}

fn apply(state: &mut Flat, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
}

/// Up to eight changes of forty keys, half of them deletions, so that keys come, go and come again.
fn block() -> impl Strategy<Value = Changes> {
    let change = (0u8..40, prop::option::of(0u8..3));
    prop::collection::btree_map(
        change.clone().prop_map(|(key, _)| vec![key]),
        change.prop_map(|(_, value)| value.map(|v| vec![v])),
        0..8,
    )
}

/// The crate's way of doing one change after another, without our order or overlay.
fn one_by_one(nodes: &BTreeMap<Vec<u8>, Vec<u8>>, height: Height, changes: &Changes) -> Hash {
    let reader = Reader { nodes, value: None };
    let set = changes.iter().map(|(key, value)| (KeyHash(tree_key(key).0), value.clone()));
    let (root, _) = JellyfishMerkleTree::<_, Sha256>::new(&reader).put_value_set(set, version(height)).unwrap();
    Hash(root.0)
}

/// Every node any root of `heights` needs, and nothing that is never read.
fn reachable(nodes: &BTreeMap<Vec<u8>, Vec<u8>>, height: Height) -> Vec<Vec<u8>> {
    fn walk(nodes: &BTreeMap<Vec<u8>, Vec<u8>>, height: u64, path: &[u8], found: &mut Vec<Vec<u8>>) {
        let path_key: NibblePath = path.iter().map(|nibble| (*nibble).into()).collect();
        let key = key_bytes(&NodeKey::new(height, path_key));
        let node = Node::try_from_slice(&nodes[&key]).unwrap();
        found.push(key);
        if let Node::Internal(branch) = node {
            for (nibble, child) in branch.children_sorted() {
                walk(nodes, child.version, &[path, &[u8::from(nibble)]].concat(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(nodes, version(height), &[], &mut found);
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_root_is_that_of_its_state_and_every_proof_of_it_holds(
        genesis in block(),
        blocks in prop::collection::vec(block(), 1..12),
    ) {
        let mut flat = Flat::new();
        let mut nodes = BTreeMap::new();
        let mut memory = MemoryTree::new();
        let mut parent = None;
        for changes in std::iter::once(&genesis).chain(&blocks) {
            let (root, update) = Jellyfish.root_after(&nodes, parent, changes).unwrap();
            let height = update.height;
            if parent.is_some() {
                prop_assert_eq!(root, one_by_one(&nodes, height, changes));
            }
            apply(&mut flat, changes);
            prop_assert_eq!(root, root_of_flat(&flat));
            prop_assert_eq!(memory.root_after(changes), (root, update.clone()));
            memory.apply(update.clone());
            nodes.extend(update.nodes);
            prop_assert_eq!(Jellyfish.root_at(&nodes, height).unwrap(), Some(root));

            let keys: Vec<Vec<u8>> = (0u8..44).map(|key| vec![key]).collect();
            let asked: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            let proof = Jellyfish.prove(&nodes, &asked, height).unwrap();
            for key in &keys {
                let value = flat.get(key).map(|value| &value[..]);
                prop_assert_eq!(verify_proof(&root, key, value, &proof), Ok(()));
                let false_value = value.is_none().then_some(&b"false"[..]);
                prop_assert_eq!(
                    verify_proof(&root, key, false_value, &proof),
                    Err(ProofError::Presence { proven: value.is_some() })
                );
            }
            parent = Some(height);
        }
    }

    #[test]
    fn stale_nodes_are_exactly_those_the_newest_root_does_not_reach(
        genesis in block(),
        blocks in prop::collection::vec(block(), 1..12),
    ) {
        let mut nodes = BTreeMap::new();
        let mut parent = None;
        for changes in std::iter::once(&genesis).chain(&blocks) {
            let (_, update) = Jellyfish.root_after(&nodes, parent, changes).unwrap();
            parent = Some(update.height);
            for key in &update.stale {
                prop_assert!(nodes.remove(key).is_some(), "a stale node was never there");
            }
            nodes.extend(update.nodes);
            // The root of an empty tree, and one copied because nothing changed, are left behind.
            let kept: Vec<_> = nodes.keys().filter(|key| key[4] != 0 || Some(Height(u32::from_be_bytes(key[..4].try_into().unwrap()))) == parent).cloned().collect();
            prop_assert_eq!(kept, reachable(&nodes, update.height));
        }
    }
}

#[test]
fn the_parents_tree_must_be_there() {
    let changes = Changes::from([(b"key".to_vec(), Some(b"value".to_vec()))]);
    let missing = Jellyfish.root_after(&BTreeMap::new(), Some(Height(4)), &changes).err().unwrap();
    assert!(matches!(missing, StorageError::Damaged { .. }), "{missing}");
    assert_eq!(Jellyfish.root_at(&BTreeMap::new(), Height(4)).unwrap(), None);
}

#[test]
fn an_undecodable_node_is_damage_and_not_absence() {
    let changes = Changes::from([(b"key".to_vec(), Some(b"value".to_vec()))]);
    let (_, update) = Jellyfish.root_after(&BTreeMap::new(), None, &changes).unwrap();
    let nodes: BTreeMap<_, _> = update.nodes.into_iter().map(|(key, _)| (key, vec![0xee])).collect();
    let damaged = Jellyfish.root_after(&nodes, Some(Height(0)), &changes).err().unwrap();
    assert!(damaged.to_string().contains("`tree` does not decode"), "{damaged}");
}
