//! Each thing that a check compares, broken by hand.

use super::*;
use crate::{
    OpenError,
    columns::{Meta, Tree, meta::Row, meta::tip_bytes},
    store::{Batch, Durability},
    testing::*,
};

/// A chain of three blocks with `breakage` done to it.
fn broken(breakage: impl FnOnce(&Database, &mut Batch<'_>)) -> (tempfile::TempDir, Database) {
    let (folder, db) = start();
    for number in 1..=3u8 {
        commit(&db, &changes(&[(b"council", Some(&[number])), (&[number], Some(b"value"))]));
    }
    let mut batch = db.store.batch();
    breakage(&db, &mut batch);
    db.store.write(batch, Durability::Synced).unwrap();
    (folder, db)
}

fn check_says(words: &str, breakage: impl FnOnce(&Database, &mut Batch<'_>)) {
    let (_folder, db) = broken(breakage);
    let damaged = db.check().err().unwrap_or_else(|| panic!("not noticed: {words}"));
    assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");
    assert!(damaged.to_string().contains(words), "{damaged}");
}

fn start_says(words: &str, breakage: impl FnOnce(&Database, &mut Batch<'_>)) {
    let (folder, db) = broken(breakage);
    drop(db);
    let refused = open(folder.path()).err().unwrap_or_else(|| panic!("not noticed: {words}"));
    assert!(matches!(refused, OpenError::Storage { source: StorageError::Damaged { .. }, .. }), "{refused}");
    assert!(refused.to_string().contains(words), "{refused}");
}

#[test]
fn a_sound_database_says_what_was_checked() {
    let (_folder, db) = broken(|_, _| {});
    assert_eq!(db.check().unwrap(), Checked { blocks: 4, extrinsics: 3, keys: 5 });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()).unwrap().check().unwrap(), Checked::default());
}

#[test]
fn a_tip_that_nothing_bears_out_is_noticed_at_the_start() {
    start_says("has no header", |_, batch| batch.put::<Meta>(Row::Tip, &tip_bytes(Height(3), &Hash([1; 32]))));
    start_says("is another block's", |db, batch| batch.put::<Meta>(Row::Tip, &tip_bytes(Height(2), &db.tip().1)));
    start_says("is another block's", |db, batch| {
        let (mut header, hash) = db.tip();
        header.state_root = Hash::ZERO;
        batch.put::<Headers>(&hash, &header);
    });
    start_says("but no tip", |_, batch| batch.delete::<Meta>(Row::Tip));
    start_says("does not decode", |_, batch| batch.put::<Meta>(Row::Tip, b"short"));
}

#[test]
fn heights_that_end_elsewhere_are_noticed_at_the_start() {
    start_says("does not end in the tip", |_, batch| batch.delete::<Heights>(Height(3)));
    start_says("does not end in the tip", |_, batch| batch.put::<Heights>(Height(4), &Hash([4; 32])));
    start_says("does not end in the tip", |_, batch| batch.put::<Heights>(Height(3), &Hash([4; 32])));
    start_says("is not the genesis", |_, batch| batch.put::<Heights>(Height(0), &Hash([4; 32])));
}

#[test]
fn a_tree_behind_the_tip_is_noticed_at_the_start() {
    let root = |height: u32| [&height.to_be_bytes()[..], &[0]].concat();
    start_says("the tree's root at 3 is none", |_, batch| batch.delete::<Tree>(&root(3)));
    start_says("the tree's root at 3 is", |db, batch| {
        let older = db.store.get::<Tree>(&root(2)).unwrap().unwrap();
        batch.put::<Tree>(&root(3), &older);
    });
}

#[test]
fn a_block_with_a_part_missing_or_changed_is_noticed() {
    check_says("block 2: no hash", |_, batch| batch.delete::<Heights>(Height(2)));
    check_says("block 2: no header", |_, batch| batch.put::<Heights>(Height(2), &Hash([2; 32])));
    check_says("block 2: no extrinsics", |_, batch| batch.delete::<Bodies>(Height(2)));
    check_says("block 2: its extrinsics are not", |_, batch| batch.put::<Bodies>(Height(2), &[]));
    check_says("block 2: no certificate", |_, batch| batch.delete::<Certificates>(Height(2)));
    check_says("block 2: its certificate is another block's", |db, batch| {
        let hash = db.hash_at(Height(1)).unwrap().unwrap();
        batch.put::<Certificates>(Height(2), &db.certificate(&hash).unwrap().unwrap());
    });
    check_says("block 2: the header is another block's", |db, batch| {
        batch.put::<Heights>(Height(2), &db.hash_at(Height(1)).unwrap().unwrap());
    });
    check_says("block 2: the header is another block's", |db, batch| {
        let hash = db.hash_at(Height(2)).unwrap().unwrap();
        let mut header = db.header(&hash).unwrap().unwrap();
        header.extrinsics_root = Hash::ZERO;
        batch.put::<Headers>(&hash, &header);
    });
    check_says("its parent is not the block below", |db, batch| {
        let mut header = db.header(&db.hash_at(Height(2)).unwrap().unwrap()).unwrap().unwrap();
        header.parent_hash = Hash::ZERO;
        batch.put::<Headers>(&header.hash(), &header);
        batch.put::<Heights>(Height(2), &header.hash());
    });
}

#[test]
fn a_value_that_is_not_the_chains_is_noticed() {
    check_says("not the newest of `state_history`", |_, batch| batch.put::<columns::State>(b"council", b"mine"));
    check_says("not the newest of `state_history`", |_, batch| batch.put::<columns::State>(b"invented", b"mine"));
    check_says("the values of `state` give root", |_, batch| batch.delete::<columns::State>(b"council"));
    check_says("the values of `state` give root", |_, batch| {
        batch.put::<columns::State>(b"council", b"mine");
        batch.put::<StateHistory>((b"council", Height(3)), Some(b"mine"));
    });
}
