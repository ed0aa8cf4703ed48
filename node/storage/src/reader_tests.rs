//! State of any height against a model, pages of keys, and the prefix index.

use std::collections::BTreeMap;

use proptest::prelude::*;
use salus_primitives::runtime_api::Changes;

use super::*;
use crate::testing::*;

type Flat = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys that are each other's beginnings, with zeros in them.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xff]), 0..4)
}

fn block() -> impl Strategy<Value = Changes> {
    prop::collection::btree_map(key(), prop::option::of(prop::collection::vec(any::<u8>(), 0..3)), 0..6)
}

fn expected_page(state: &Flat, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    state
        .iter()
        .filter(|(key, _)| key.starts_with(prefix) && start_after.is_none_or(|start| &key[..] > start))
        .take(count)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_height_reads_as_the_model_does(
        blocks in prop::collection::vec(block(), 1..8),
        prefix in key(),
        start_after in prop::option::of(key()),
        count in 1usize..5,
    ) {
        let (_folder, db) = start_with(&Changes::new());
        let mut states = vec![Flat::new()];
        for changes in &blocks {
            commit(&db, changes);
            let mut state = states.last().unwrap().clone();
            for (key, value) in changes {
                match value {
                    Some(value) => state.insert(key.clone(), value.clone()),
                    None => state.remove(key),
                };
            }
            states.push(state);
        }
        let start_after = start_after.as_deref();
        let keys: Vec<&Vec<u8>> = blocks.iter().flat_map(|changes| changes.keys()).collect();
        for (height, state) in states.iter().enumerate() {
            let at = Height(u32::try_from(height).unwrap());
            let reader = db.state_at(at).unwrap();
            prop_assert_eq!(reader.height(), at);
            for key in &keys {
                prop_assert_eq!(reader.get(key), state.get(*key).cloned());
            }
            prop_assert_eq!(reader.get(b"never there"), None);
            prop_assert_eq!(
                reader.entries_paged(&prefix, start_after, count).unwrap(),
                expected_page(state, &prefix, start_after, count)
            );
            prop_assert_eq!(reader.keys_paged(&[], None, 1_000).unwrap(), state.keys().cloned().collect::<Vec<_>>());
            // All keys here are shorter than 32 bytes, so each counts for the prefixes it starts with.
            let changed = (1..=height).rev().find(|height| blocks[height - 1].keys().any(|key| key.starts_with(&prefix)));
            prop_assert_eq!(
                reader.prefix_changed_at(&prefix).unwrap().filter(|_| prefix.last() != Some(&0)),
                changed.map(|height| Height(height as u32)).filter(|_| prefix.last() != Some(&0))
            );
        }
        let newest = db.state();
        prop_assert_eq!(newest.keys_paged(&[], None, 1_000).unwrap().len(), states.last().unwrap().len());
        db.check().unwrap();
    }
}

#[test]
fn a_height_above_the_tip_is_unknown() {
    let (_folder, db) = start();
    let unknown = db.state_at(Height(1)).err().unwrap();
    assert!(matches!(unknown, QueryError::Unknown { height: Height(1), tip: Height(0) }), "{unknown}");
    assert!(matches!(db.prove(&[b"key"], Height(1)), Err(QueryError::Unknown { .. })));
}

#[test]
fn a_reader_does_not_see_blocks_committed_after_it_was_made() {
    let (_folder, db) = start();
    let before = db.state();
    let at_tip = db.state_at(Height(0)).unwrap();
    commit(&db, &changes(&[(b"council", Some(b"changed")), (b"new", Some(b"key"))]));
    for reader in [before, at_tip] {
        assert_eq!(reader.height(), Height(0));
        assert_eq!(reader.get(b"council"), Some(b"one of one".to_vec()));
        assert_eq!(reader.keys_paged(b"", None, 10).unwrap().len(), 2);
    }
    assert_eq!(db.state().get(b"council"), Some(b"changed".to_vec()));
}

#[test]
fn a_prefix_changes_when_a_key_under_it_comes_changes_or_goes() {
    let map = [5u8; 32];
    let entry = |number: u8| [&map[..], &[number]].concat();
    let (_folder, db) = start();
    let changed = |height| db.state_at(Height(height)).unwrap().prefix_changed_at(&map).unwrap();

    commit(&db, &Changes::from([(entry(1), Some(vec![1]))]));
    commit(&db, &changes(&[(b"council", Some(b"elsewhere"))]));
    commit(&db, &Changes::from([(entry(1), None)]));
    commit(&db, &Changes::from([(entry(2), Some(vec![2]))]));
    let heights = [None, Some(1), Some(1), Some(3), Some(4)];
    for (height, expected) in heights.into_iter().enumerate() {
        assert_eq!(changed(height as u32), expected.map(Height));
    }
    // What follows the first 32 bytes makes no difference; half of them means all under that half.
    let state = db.state_at(Height(2)).unwrap();
    assert_eq!(state.prefix_changed_at(&entry(9)).unwrap(), Some(Height(1)));
    assert_eq!(state.prefix_changed_at(&map[..16]).unwrap(), Some(Height(1)));
    assert_eq!(state.prefix_changed_at(&[6; 32]).unwrap(), None);
    assert_eq!(state.prefix_changed_at(b"").unwrap(), Some(Height(2)));
    assert_eq!(state.prefix_changed_at(b":code").unwrap(), Some(Height(0)));
}

#[test]
fn a_page_that_would_cost_too_much_is_an_error_and_never_a_shorter_page() {
    let many: Changes =
        (0..=SCAN_KEYS_MAX as u32).map(|number| (number.to_be_bytes().to_vec(), Some(vec![1]))).collect();
    let (_folder, db) = start_with(&many);
    let newest = db.state();
    assert_eq!(newest.keys_paged(b"", None, SCAN_KEYS_MAX).unwrap().len(), SCAN_KEYS_MAX);
    assert!(matches!(newest.keys_paged(b"", None, SCAN_KEYS_MAX + 1), Err(QueryError::TooMuch { .. })));

    let gone: Changes = many.keys().map(|key| (key.clone(), None)).collect();
    commit(&db, &gone);
    commit(&db, &changes(&[(&[0xff], Some(b"alone"))]));
    assert_eq!(db.state().keys_paged(b"", None, 1).unwrap(), vec![vec![0xff]]);
    // At height 1 nothing is live, and too much would have to be looked at to see it.
    let older = db.state_at(Height(1)).unwrap();
    assert!(matches!(older.keys_paged(b"", None, 1), Err(QueryError::TooMuch { max: SCAN_KEYS_MAX })));
    assert_eq!(older.keys_paged(b"", Some(&9_000u32.to_be_bytes()), 1).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(db.state_at(Height(0)).unwrap().keys_paged(b"", None, 10).unwrap().len(), 10);
}
