//! Full disks and damaged files, for real.

use std::{fs, os::unix::fs::symlink};

use salus_primitives::{Height, runtime_api::StateReader};

use super::*;
use crate::{CommitError, Database, testing::*};

/// Files of the database whose names end so, oldest first.
fn files(path: &Path, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect();
    files.sort();
    files
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[offset] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

/// Give the database a column that this release does not know.
pub(crate) fn add_column(path: &Path, name: &str) {
    let mut db = DB::open_cf(&rocksdb::Options::default(), path, columns::ALL).unwrap();
    db.create_cf(name, &rocksdb::Options::default()).unwrap();
}

/// Make a database as another program would.
pub(crate) fn make_foreign(path: &Path) {
    let mut rocks = rocksdb::Options::default();
    rocks.create_if_missing(true);
    rocks.create_missing_column_families(true);
    let db = DB::open_cf(&rocks, path, ["photos"]).unwrap();
    db.put_cf(db.cf_handle("photos").unwrap(), b"cat", b"picture").unwrap();
}

/// The columns of the database in `path`.
pub(crate) fn columns_of(path: &Path) -> Vec<String> {
    DB::list_cf(&rocksdb::Options::default(), path).unwrap()
}

#[test]
fn the_options_that_promises_rest_on_are_in_force() {
    let (folder, _db) = start();
    // RocksDB writes down what it runs with.
    let in_force = fs::read_to_string(
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("OPTIONS"))
            .max()
            .unwrap(),
    )
    .unwrap();
    for option in [
        "paranoid_checks=true",
        "track_and_verify_wals_in_manifest=true",
        "wal_recovery_mode=kTolerateCorruptedTailRecords",
        "manual_wal_flush=false",
        // Recycled logs would make a torn end look like a damaged record.
        "recycle_log_file_num=0",
        "unordered_write=false",
        "use_fsync=false",
        "force_consistency_checks=true",
    ] {
        assert!(in_force.lines().any(|line| line.trim() == option), "{option} is not in force");
    }
}

#[test]
fn a_full_disk_is_its_own_error_stops_all_writes_and_loses_nothing() {
    let (folder, db) = start();
    commit(&db, &changes(&[(b"kept", Some(b"yes"))]));
    // The next logs go to a device without room.
    for number in 0..200 {
        let log = folder.path().join(format!("{number:06}.log"));
        if !log.exists() {
            symlink("/dev/full", log).unwrap();
        }
    }
    db.store.roll_log();
    let late = changes(&[(b"late", Some(b"too late"))]);
    let (block, certificate, tree) = next(&db, &late);
    let failed = db.commit(&block, Some(&certificate), &late, tree.clone()).err().unwrap();
    assert!(matches!(failed, CommitError::Storage(StorageError::DiskFull { .. })), "{failed}");
    assert!(failed.to_string().contains("the disk is full"), "{failed}");

    let again = db.commit(&block, Some(&certificate), &late, tree).err().unwrap();
    assert!(matches!(again, CommitError::Storage(StorageError::Stopped)), "{again}");
    assert!(matches!(db.signer_save(b"record").err().unwrap(), StorageError::Stopped));
    assert!(matches!(db.wal_sync().err().unwrap(), StorageError::Stopped));
    assert_eq!(db.tip().0.number, Height(1));
    drop(db);

    for log in files(folder.path(), ".log") {
        if fs::symlink_metadata(&log).unwrap().is_symlink() {
            fs::remove_file(log).unwrap();
        }
    }
    let db = open(folder.path()).unwrap();
    assert_eq!(db.tip().0.number, Height(1));
    assert_eq!(db.state().get(b"kept"), Some(b"yes".to_vec()));
    assert_eq!(db.state().get(b"late"), None);
    db.check().unwrap();
    commit(&db, &late);
    assert_eq!(db.state().get(b"late"), Some(b"too late".to_vec()));
}

#[test]
fn a_damaged_record_inside_the_log_refuses_to_open() {
    let (folder, db) = start();
    for _ in 0..5 {
        commit(&db, &changes(&[(b"key", Some(b"value"))]));
    }
    drop(db);
    let log = files(folder.path(), ".log").pop().unwrap();
    let length = fs::metadata(&log).unwrap().len() as usize;
    flip(&log, length / 2);
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(&refused, OpenError::Storage { source: StorageError::Damaged { .. }, .. }), "{refused}");
    assert!(refused.to_string().contains("the database is damaged"), "{refused}");
}

#[test]
fn a_torn_end_of_the_log_loses_only_what_was_torn() {
    let (folder, db) = start();
    for _ in 0..5 {
        commit(&db, &changes(&[(b"key", Some(b"value"))]));
    }
    drop(db);
    let log = files(folder.path(), ".log").pop().unwrap();
    let length = fs::metadata(&log).unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 3).unwrap();
    let db = open(folder.path()).unwrap();
    assert_eq!(db.tip().0.number, Height(4));
    db.check().unwrap();
}

#[test]
fn a_damaged_table_is_noticed_when_it_is_read() {
    let (folder, db) = start();
    commit(&db, &changes(&[(b"key", Some(&[7; 3_000]))]));
    db.store.compact();
    drop(db);
    // The start of a table is its data: all tables, so that whichever is read first is among them.
    for table in files(folder.path(), ".sst") {
        flip(&table, 10);
    }
    let noticed = match open(folder.path()) {
        Err(OpenError::Storage { source, .. }) => source,
        Err(other) => panic!("{other}"),
        Ok(db) => db.check().err().unwrap(),
    };
    assert!(matches!(noticed, StorageError::Damaged { .. }), "{noticed}");
}

#[test]
fn a_damaged_manifest_refuses_to_open() {
    let (folder, db) = start();
    drop(db);
    let manifest = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("MANIFEST"))
        .unwrap();
    flip(&manifest, 20);
    let refused = Database::open(folder.path(), &identity(), options()).err().unwrap();
    assert!(matches!(&refused, OpenError::Storage { source: StorageError::Damaged { .. }, .. }), "{refused}");
}
