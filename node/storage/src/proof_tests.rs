//! The root of small states by hand, and each way a proof of the database falls short.

use std::collections::BTreeMap;

use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Height,
    crypto::sha256,
    runtime_api::Changes,
    state_proof::{EMPTY_ROOT, Proof, ProofError, Terminal, branch_hash, leaf_hash, state_root, verify_proof},
};

use crate::testing::*;

fn state() -> Changes {
    changes(&[(b"a", Some(b"1")), (b"b", Some(b"2")), (b"c", Some(b"3")), (b"empty", Some(b""))])
}

#[test]
fn the_root_of_no_keys_is_the_placeholder_itself() {
    assert_eq!(EMPTY_ROOT.0, *b"SPARSE_MERKLE_PLACEHOLDER_HASH__");
    assert_eq!(state_root(std::iter::empty()), EMPTY_ROOT);
    let (folder, db) = start_with(&Changes::new());
    assert_eq!(db.tip().0.state_root, EMPTY_ROOT);
    let proof = db.prove(&[b"a"], Height(0)).unwrap();
    assert_eq!(verify_proof(&EMPTY_ROOT, b"a", None, &proof), Ok(()));
    drop((db, folder));
}

#[test]
fn the_root_of_one_key_is_its_leaf_and_of_two_a_branch() {
    let leaf = |key: &[u8], value: &[u8]| leaf_hash(&sha256(key), &sha256(value));
    let one: [(&[u8], &[u8]); 1] = [(b"a", b"1")];
    assert_eq!(state_root(one.into_iter()), leaf(b"a", b"1"));
    // SHA-256("a") starts with c, SHA-256("b") with 3: they part at the first bit.
    let two: [(&[u8], &[u8]); 2] = [(b"a", b"1"), (b"b", b"2")];
    assert_eq!(state_root(two.into_iter()), branch_hash(&leaf(b"b", b"2"), &leaf(b"a", b"1")));
}

#[test]
fn the_root_of_a_known_state_is_the_committed_one() {
    let state: BTreeMap<Vec<u8>, Vec<u8>> =
        state().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let root = state_root(state.iter().map(|(key, value)| (&key[..], &value[..])));
    assert_eq!(root.to_string(), "0x5e96547475cfc7091857f231200687f6d85ed2d87e7cb767e9d20abf54c9293c");
}

#[test]
fn a_proof_shows_values_and_absences() {
    let (_folder, db) = start_with(&state());
    let root = db.tip().0.state_root;
    let proof = db.prove(&[&b"a"[..], b"b", b"c", b"empty", b"absent", b""], Height(0)).unwrap();
    for (key, value) in [(&b"a"[..], &b"1"[..]), (b"b", b"2"), (b"c", b"3"), (b"empty", b"")] {
        assert_eq!(verify_proof(&root, key, Some(value), &proof), Ok(()));
    }
    assert_eq!(verify_proof(&root, b"absent", None, &proof), Ok(()));
    assert_eq!(verify_proof(&root, b"", None, &proof), Ok(()));
}

#[test]
fn a_proof_refuses_another_value_absence_root_or_key() {
    let (_folder, db) = start_with(&state());
    let root = db.tip().0.state_root;
    let proof = db.prove(&[&b"a"[..], b"absent"], Height(0)).unwrap();
    let verify = |root: &Hash, key: &[u8], value: Option<&[u8]>| verify_proof(root, key, value, &proof);

    assert!(matches!(verify(&root, b"a", Some(b"2")), Err(ProofError::Root { expected, .. }) if expected == root));
    assert_eq!(verify(&root, b"a", None), Err(ProofError::Presence { proven: true }));
    assert_eq!(verify(&root, b"absent", Some(b"1")), Err(ProofError::Presence { proven: false }));
    assert!(matches!(verify(&Hash([1; 32]), b"a", Some(b"1")), Err(ProofError::Root { .. })));
    assert_eq!(verify(&root, b"b", Some(b"2")), Err(ProofError::NotCovered));
    assert_eq!(
        ProofError::Presence { proven: false }.to_string(),
        "the proof shows the key absent, not that it is present"
    );
}

#[test]
fn a_forged_path_is_refused() {
    let (_folder, db) = start_with(&state());
    let root = db.tip().0.state_root;
    let proof = db.prove(&[&b"a"[..], b"absent"], Height(0)).unwrap();

    let mut forged = proof.clone();
    forged.pool[0] = Hash([3; 32]);
    assert!(matches!(verify_proof(&root, b"a", Some(b"1"), &forged), Err(ProofError::Root { .. })));

    let mut forged = proof.clone();
    forged.keys[0].siblings.push(99);
    assert_eq!(verify_proof(&root, b"a", Some(b"1"), &forged), Err(ProofError::Malformed));

    let mut forged = proof.clone();
    forged.keys[0].siblings = vec![0; 257];
    assert_eq!(verify_proof(&root, b"a", Some(b"1"), &forged), Err(ProofError::Malformed));

    // A present key cannot be denied by pointing at another leaf, nor at its own.
    for other in [sha256(b"b"), sha256(b"a")] {
        let mut forged = proof.clone();
        forged.keys[0].terminal = Terminal::Other { tree_key: other, value_hash: sha256(b"1") };
        assert_eq!(verify_proof(&root, b"a", None, &forged), Err(ProofError::Malformed));
    }

    let mut forged = proof;
    forged.keys[0].terminal = Terminal::Empty;
    assert!(matches!(verify_proof(&root, b"a", None, &forged), Err(ProofError::Root { .. })));
}

#[test]
fn a_proof_survives_its_encoding() {
    let (_folder, db) = start_with(&state());
    let proof = db.prove(&[&b"a"[..], b"absent"], Height(0)).unwrap();
    let decoded = salus_primitives::codec::decode_strict::<Proof>(&proof.encode(), 8);
    assert_eq!(decoded, Ok(proof));
}
