//! The tree against a root computed from nothing, and against the `jmt` crate.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use salus_primitives::{
    runtime_api::Changes,
    state_proof::{self, ProofError, leaf_hash, state_root, verify_proof},
};

use self::jellyfish::Jellyfish;
use super::*;
use crate::MemoryTree;

#[path = "jellyfish_oracle_tests.rs"]
mod jellyfish;

type Flat = BTreeMap<Vec<u8>, Vec<u8>>;
type Stored = BTreeMap<Vec<u8>, Vec<u8>>;

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

/// Up to so many changes of that many keys, half of them deletions, so that keys come, go and come again.
fn block(keys: u16, changes: usize) -> impl Strategy<Value = Changes> {
    prop::collection::btree_map(
        (0..keys).prop_map(|key| key.to_be_bytes().to_vec()),
        prop::option::of((0u8..3).prop_map(|value| vec![value])),
        0..changes,
    )
}

/// Few keys and small blocks, or many and larger ones, which make branches of many children.
fn blocks() -> impl Strategy<Value = Vec<Changes>> {
    prop_oneof![
        prop::collection::vec(block(40, 8), 1..12),
        prop::collection::vec(block(600, 300), 1..6),
        prop::collection::vec(block(600, 6), 1..12),
    ]
}

/// Those changes that change something, and all of them insertions, or all deletions. Of others the crate writes more
/// nodes than it must: it writes values anew that stay the same, and moves a leaf up for a deletion and down again
/// for an insertion.
fn plain(state: &Flat, changes: &Changes, insertions: bool) -> Changes {
    let is_plain = |(key, value): &(&Vec<u8>, &Option<Vec<u8>>)| {
        state.get(*key) != value.as_ref() && value.is_some() == insertions
    };
    changes.iter().filter(is_plain).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn keys(count: u16) -> Vec<Vec<u8>> {
    (0..count).map(|key| key.to_be_bytes().to_vec()).collect()
}

/// A tree that forgets every node, one that keeps few, and one that keeps all, each alone or with threads.
fn engines() -> Vec<StateTree> {
    [0, 9, usize::MAX].into_iter().flat_map(|held| [1, 3].map(|n| StateTree::holding(held).with_threads(n))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_root_is_that_of_its_state_and_every_proof_of_it_holds(blocks in blocks()) {
        let mut flat = Flat::new();
        let mut stored = Stored::new();
        let mut memory = MemoryTree::new();
        let engines = engines();
        let mut parent = None;
        for changes in &blocks {
            apply(&mut flat, changes);
            let expected = root_of_flat(&flat);
            // The crate goes on from nodes that we wrote.
            prop_assert_eq!(Jellyfish.root_after(&stored, parent, changes).unwrap().0, expected);
            let (root, update) = memory.root_after(changes);
            prop_assert_eq!(root, expected);
            let (nodes, stale) = (update.nodes(), update.stale());
            let height = update.height();
            memory.apply(update);
            for engine in &engines {
                let (root, update) = engine.root_after(&stored, parent, changes).unwrap();
                prop_assert_eq!(root, expected);
                prop_assert_eq!(update.nodes(), nodes.clone());
                prop_assert_eq!(update.stale(), stale.clone());
                engine.committed(update);
            }
            stored.extend(nodes);
            prop_assert_eq!(engines[0].root_at(&stored, height).unwrap(), Some(expected));

            let keys = keys(44);
            let asked: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            let proof = Jellyfish.prove(&stored, &asked, height).unwrap();
            for engine in &engines {
                prop_assert_eq!(engine.prove(&stored, &asked, height).unwrap(), proof.clone());
            }
            prop_assert_eq!(state_proof::prove(&flat, &keys), proof.clone());
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
    fn nodes_on_disk_are_those_of_the_crate(blocks in blocks()) {
        let mut flat = Flat::new();
        let mut stored = Stored::new();
        let tree = StateTree::default();
        let mut parent = None;
        for (changes, number) in blocks.iter().zip(0..) {
            let changes = plain(&flat, changes, number % 3 < 2);
            apply(&mut flat, &changes);
            let (expected, oracle) = Jellyfish.root_after(&stored, parent, &changes).unwrap();
            let (root, update) = tree.root_after(&stored, parent, &changes).unwrap();
            prop_assert_eq!(root, expected);
            prop_assert_eq!(update.nodes(), oracle.nodes);
            let stale = update.stale();
            prop_assert!(stale.is_sorted_by(|a, b| a < b), "each node is replaced once");
            // The crate leaves two roots behind that nobody asks for again: that of an empty state, and one that
            // was copied because nothing changed.
            let root = parent.map(|parent| Path::ROOT.key(parent));
            let but_root = |stale: Vec<Vec<u8>>| stale.into_iter().filter(|key| Some(key) != root.as_ref()).collect::<Vec<_>>();
            prop_assert_eq!(stale.iter().find(|key| Some(*key) == root.as_ref()), root.as_ref());
            prop_assert_eq!(but_root(stale), but_root(oracle.stale));
            parent = Some(update.height());
            stored.extend(update.nodes());
            tree.committed(update);
        }
    }

    #[test]
    fn stale_nodes_are_exactly_those_the_newest_root_does_not_reach(blocks in blocks()) {
        let mut stored = Stored::new();
        let tree = StateTree::default();
        let mut parent = None;
        for changes in &blocks {
            let (_, update) = tree.root_after(&stored, parent, changes).unwrap();
            for key in &update.stale() {
                prop_assert!(stored.remove(key).is_some(), "a stale node was never there");
            }
            let height = update.height();
            stored.extend(update.nodes());
            tree.committed(update);
            prop_assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), reachable(&stored, height));
            parent = Some(height);
        }
    }
}

/// Every node the root of `height` needs.
fn reachable(stored: &Stored, height: Height) -> BTreeSet<Vec<u8>> {
    fn walk(stored: &Stored, path: Path, height: Height, found: &mut BTreeSet<Vec<u8>>) {
        let key = path.key(height);
        if let Some(node::Node::Branch(branch)) = node::Node::read(&stored[&key]) {
            for (nibble, child) in branch.children() {
                walk(stored, path.down(nibble), child.height, found);
            }
        }
        found.insert(key);
    }
    let mut found = BTreeSet::new();
    walk(stored, Path::ROOT, height, &mut found);
    found
}

fn one_key() -> Changes {
    Changes::from([(b"key".to_vec(), Some(b"value".to_vec()))])
}

/// So many keys, each with this value.
fn many(count: u16, value: u8) -> Changes {
    keys(count).into_iter().map(|key| (key, Some(vec![value]))).collect()
}

#[test]
fn a_large_block_is_shared_among_threads_and_gives_the_same() {
    let mut alone = MemoryTree::new();
    let shared = StateTree::holding(usize::MAX).with_threads(5);
    let (mut flat, mut stored, mut parent) = (Flat::new(), Stored::new(), None);
    for changes in [many(3_000, 1), many(2_000, 2)] {
        assert!(changes.len() > SHARED_MIN);
        let (root, expected) = alone.root_after(&changes);
        let (shared_root, update) = shared.root_after(&stored, parent, &changes).unwrap();
        apply(&mut flat, &changes);
        assert_eq!(root, root_of_flat(&flat));
        assert_eq!(shared_root, root);
        assert_eq!(update.nodes(), expected.nodes());
        assert_eq!(update.stale(), expected.stale());
        stored.extend(update.nodes());
        parent = Some(update.height());
        alone.apply(expected);
        shared.committed(update);
    }
}

#[test]
fn two_blocks_tried_on_one_parent_know_nothing_of_each_other() {
    let tree = StateTree::default();
    let (_, genesis) = tree.root_after(&Stored::new(), None, &many(100, 1)).unwrap();
    let stored: Stored = genesis.nodes().into_iter().collect();
    tree.committed(genesis);
    let parent = Some(Height::GENESIS);
    let (first, kept) = tree.root_after(&stored, parent, &many(50, 2)).unwrap();
    let (other, _) = tree.root_after(&stored, parent, &many(60, 3)).unwrap();
    let (again, _) = tree.root_after(&stored, parent, &many(50, 2)).unwrap();
    assert_ne!(first, other);
    assert_eq!(first, again);
    tree.committed(kept);
    let stored = Stored::new();
    let (_, back) = tree.root_after(&stored, Some(Height(1)), &many(50, 1)).unwrap();
    assert_eq!(tree.root_at(&genesis_nodes(100), Height(0)).unwrap(), Some(back.root()));
}

/// The nodes of a genesis with so many keys.
fn genesis_nodes(count: u16) -> Stored {
    MemoryTree::new().root_after(&many(count, 1)).1.nodes().into_iter().collect()
}

#[test]
fn no_more_nodes_stay_in_memory_than_asked_for_but_the_newest_do() {
    let held_max = 300;
    let tree = StateTree::holding(held_max);
    let (mut stored, mut parent) = (Stored::new(), None);
    let held = |tree: &StateTree| tree.newest().as_ref().unwrap().root.as_ref().unwrap().held();
    for height in 0..60u16 {
        let changes: Changes =
            (0..20u16).map(|key| ((height * 20 + key).to_be_bytes().to_vec(), Some(vec![1]))).collect();
        let (_, update) = tree.root_after(&stored, parent, &changes).unwrap();
        parent = Some(update.height());
        let new = update.nodes();
        stored.extend(new.clone());
        tree.committed(update);
        assert!(held(&tree) <= held_max, "{} nodes at {height}", held(&tree));
        assert!(held(&tree) >= new.len(), "what a block wrote is not read again by the next");
    }
}

#[test]
fn the_parents_tree_must_be_there() {
    let missing = StateTree::default().root_after(&Stored::new(), Some(Height(4)), &one_key()).err().unwrap();
    assert!(matches!(missing, StorageError::Damaged { .. }), "{missing}");
    assert_eq!(StateTree::default().root_at(&Stored::new(), Height(4)).unwrap(), None);
    let missing = StateTree::default().prove(&Stored::new(), &[b"key"], Height(4)).err().unwrap();
    assert!(matches!(missing, StorageError::Damaged { .. }), "{missing}");
}

#[test]
fn an_undecodable_node_is_damage_and_not_absence() {
    for bytes in [vec![], vec![0xee], vec![0, 0], vec![2; 64], vec![2; 66], vec![1; 700]] {
        let stored = Stored::from([(Path::ROOT.key(Height(0)), bytes)]);
        let damaged = StateTree::default().root_after(&stored, Some(Height(0)), &one_key()).err().unwrap();
        assert!(damaged.to_string().contains("`tree` does not decode"), "{damaged}");
    }
}

#[test]
fn a_branch_that_is_cut_or_miscounts_does_not_decode() {
    let stored = genesis_nodes(40);
    let good = &stored[&Path::ROOT.key(Height(0))];
    assert!(node::Node::read(good).is_some());
    for length in 0..good.len() {
        assert!(node::Node::read(&good[..length]).is_none(), "{length} bytes");
    }
    for place in good.len() - 16..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(node::Node::read(&bad).is_none(), "another count at {place}");
    }
}

#[test]
fn a_missing_node_below_the_root_is_damage() {
    let stored = genesis_nodes(40);
    let below: Vec<_> = stored.keys().filter(|key| key[4] > 0).cloned().collect();
    for gone in &below {
        let mut stored = stored.clone();
        stored.remove(gone);
        let damaged = StateTree::default().root_after(&stored, Some(Height(0)), &many(40, 2)).err().unwrap();
        assert!(damaged.to_string().contains("is missing"), "{damaged}");
    }
}

#[test]
fn another_leaf_than_its_branch_names_is_damage() {
    let mut stored = genesis_nodes(40);
    let (key, leaf) =
        stored.iter().find(|(key, node)| key[4] > 0 && node[0] == 2).map(|(k, v)| (k.clone(), v.clone())).unwrap();
    let other = node::Leaf { key: Hash(leaf[1..33].try_into().unwrap()), value: sha256(b"forged") };
    assert_ne!(leaf_hash(&other.key, &other.value), EMPTY_ROOT);
    stored.insert(key, [&[2][..], &other.key.0, &other.value.0].concat());
    let damaged = StateTree::default().root_after(&stored, Some(Height(0)), &many(40, 2)).err().unwrap();
    assert!(damaged.to_string().contains("is another node"), "{damaged}");
}
