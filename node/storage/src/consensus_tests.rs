//! The consensus log, the signer's record and undecided blocks, across restarts and commits.

use super::*;
use crate::testing::*;

#[test]
fn the_log_keeps_its_order_across_a_restart() {
    let (folder, db) = start();
    assert_eq!(db.wal_entries(Height(1)).unwrap(), Vec::<Vec<u8>>::new());
    for entry in [&b"proposal"[..], b"prevote", b""] {
        db.wal_append(Height(1), entry).unwrap();
    }
    db.wal_append(Height(2), b"early").unwrap();
    db.wal_sync().unwrap();
    drop(db);

    let db = open(folder.path()).unwrap();
    db.wal_append(Height(1), b"after").unwrap();
    let expected = [&b"proposal"[..], b"prevote", b"", b"after"].map(<[u8]>::to_vec);
    assert_eq!(db.wal_entries(Height(1)).unwrap(), expected);
    assert_eq!(db.wal_entries(Height(2)).unwrap(), [b"early".to_vec()]);
}

#[test]
fn every_synced_write_is_timed_and_no_other() {
    let (_folder, db) = start();
    let count = || db.sync_times().count();
    let before = count();
    db.wal_append(Height(1), b"entry").unwrap();
    assert_eq!(count(), before);
    db.wal_sync().unwrap();
    assert_eq!(count(), before + 1);
    db.wal_sync_with_signer(b"record").unwrap();
    assert_eq!(count(), before + 2);
    assert!(db.sync_times().total > std::time::Duration::ZERO);
}

#[test]
fn the_log_grows_past_one_byte_of_sequence_in_order() {
    let (folder, db) = start();
    let entries: Vec<Vec<u8>> = (0..300u32).map(|number| number.to_le_bytes().to_vec()).collect();
    for entry in &entries {
        db.wal_append(Height(1), entry).unwrap();
    }
    drop(db);
    assert_eq!(open(folder.path()).unwrap().wal_entries(Height(1)).unwrap(), entries);
}

#[test]
fn a_gap_in_the_log_is_damage() {
    let (folder, db) = start();
    db.wal_append(Height(1), b"first").unwrap();
    db.wal_append(Height(1), b"second").unwrap();
    let mut batch = db.store.batch();
    batch.delete::<Wal>((Height(1), 0));
    db.store.write(batch, Durability::Synced).unwrap();
    drop(db);
    let refused = open(folder.path()).err().unwrap();
    assert!(refused.to_string().contains("entry 0 of height 1 is missing in `wal`"), "{refused}");
}

#[test]
fn the_signers_record_is_the_last_one_saved() {
    let (folder, db) = start();
    assert_eq!(db.signer_load().unwrap(), None);
    db.signer_save(b"first").unwrap();
    db.wal_append(Height(1), b"entry").unwrap();
    db.wal_sync_with_signer(b"second").unwrap();
    drop(db);
    let db = open(folder.path()).unwrap();
    assert_eq!(db.signer_load().unwrap(), Some(b"second".to_vec()));
    assert_eq!(db.wal_entries(Height(1)).unwrap(), [b"entry".to_vec()]);
}

#[test]
fn undecided_blocks_are_kept_by_height_and_hash() {
    let (folder, db) = start();
    let (one, ..) = next(&db, &changes(&[(b"key", Some(b"one"))]));
    let (two, ..) = next(&db, &changes(&[(b"key", Some(b"two"))]));
    for block in [&one, &two, &one] {
        db.undecided_block_save(block).unwrap();
    }
    db.wal_sync().unwrap();
    drop(db);

    let db = open(folder.path()).unwrap();
    let mut hashes = vec![one.header.hash(), two.header.hash()];
    hashes.sort();
    assert_eq!(db.undecided_block_list(Height(1)), hashes);
    assert_eq!(db.undecided_block_list(Height(2)), []);
    assert_eq!(db.undecided_block_load(Height(1), &one.header.hash()).unwrap(), Some(one.clone()));
    assert_eq!(db.undecided_block_load(Height(2), &one.header.hash()).unwrap(), None);

    db.undecided_block_prune(Height(0)).unwrap();
    assert_eq!(db.undecided_block_list(Height(1)).len(), 2);
    db.undecided_block_prune(Height(1)).unwrap();
    assert_eq!(db.undecided_block_list(Height(1)), []);
    assert_eq!(db.undecided_block_load(Height(1), &one.header.hash()).unwrap(), None);
}

#[test]
fn a_commit_forgets_its_height_and_earlier_ones_and_nothing_later() {
    let (folder, db) = start();
    db.wal_append(Height(1), b"old").unwrap();
    db.wal_append(Height(2), b"new").unwrap();
    db.wal_sync_with_signer(b"record").unwrap();
    let made = changes(&[(b"key", Some(b"one"))]);
    let (block, certificate, tree) = next(&db, &made);
    db.undecided_block_save(&block).unwrap();
    db.commit(&block, Some(&certificate), &made, tree).unwrap();
    let (later, ..) = next(&db, &made);
    db.undecided_block_save(&later).unwrap();

    let forgotten = |db: &Database| {
        assert_eq!(db.wal_entries(Height(1)).unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(db.wal_entries(Height(2)).unwrap(), [b"new".to_vec()]);
        assert_eq!(db.undecided_block_list(Height(1)), []);
        assert_eq!(db.undecided_block_list(Height(2)), [later.header.hash()]);
        assert_eq!(db.signer_load().unwrap(), Some(b"record".to_vec()));
    };
    forgotten(&db);
    drop(db);
    forgotten(&open(folder.path()).unwrap());
}
