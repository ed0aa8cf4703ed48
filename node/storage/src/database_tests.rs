//! Opening, refusing to open, and reading blocks.

use std::{
    fs,
    process::{Command, Stdio},
};

use salus_primitives::RawExtrinsic;

use super::*;
use crate::testing::*;

#[test]
fn a_new_database_is_empty_and_keeps_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("on the way");
    let db = open(&path).unwrap();
    assert!(!db.has_genesis());
    assert_eq!(db.identity(), &identity());
    assert_eq!(db.path(), path);
    assert!(db.free_bytes().unwrap() > 0);
    drop(db);
    assert!(!open(&path).unwrap().has_genesis());
}

#[test]
fn threads_share_a_database_and_pass_states_on() {
    fn shared<T: Send + Sync>() {}
    shared::<Database>();
    shared::<State<'static>>();
}

#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let _db = open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn blocks_are_read_by_hash_and_by_height() {
    let (_folder, db) = start();
    let block_changes = changes(&[(b"council", Some(b"two of two"))]);
    let (block, certificate, tree) = next(&db, &block_changes);
    let hash = block.header.hash();
    db.commit(&block, Some(&certificate), &block_changes, tree).unwrap();

    assert_eq!(db.tip(), (block.header.clone(), hash));
    assert_eq!(db.hash_at(Height(1)).unwrap(), Some(hash));
    assert_eq!(db.hash_at(Height(0)).unwrap(), Some(identity().genesis));
    assert_eq!(db.hash_at(Height(2)).unwrap(), None);
    assert_eq!(db.header(&hash).unwrap(), Some(block.header.clone()));
    assert_eq!(db.body(&hash).unwrap(), Some(vec![RawExtrinsic(b"extrinsic of block 1".to_vec())]));
    assert_eq!(db.block(&hash).unwrap(), Some(block));
    assert_eq!(db.certificate(&hash).unwrap(), Some(certificate));
    assert_eq!(db.certificate(&identity().genesis).unwrap(), None);

    let unknown = Hash([9; 32]);
    assert_eq!(db.header(&unknown).unwrap(), None);
    assert_eq!(db.body(&unknown).unwrap(), None);
    assert_eq!(db.block(&unknown).unwrap(), None);
    assert_eq!(db.certificate(&unknown).unwrap(), None);
}

#[test]
fn a_database_of_another_chain_is_refused_with_both_named() {
    let (folder, db) = start();
    drop(db);
    let other_id = Identity { chain_id: "other".to_owned(), ..identity() };
    let other_genesis = Identity { genesis: Hash([7; 32]), ..identity() };
    for other in [other_id, other_genesis] {
        let refused = Database::open(folder.path(), &other, options()).err().unwrap();
        let text = refused.to_string();
        assert!(matches!(refused, OpenError::OtherChain { .. }), "{text}");
        assert!(text.contains(&identity().to_string()) && text.contains(&other.to_string()), "{text}");
    }
    assert!(open(folder.path()).unwrap().has_genesis());
}

#[test]
fn a_database_of_a_later_release_is_refused_by_version() {
    let (folder, db) = start();
    let mut batch = db.store.batch();
    batch.put::<Meta>(Row::Format, &(FORMAT_VERSION + 1).to_be_bytes());
    db.store.write(batch, Durability::Synced).unwrap();
    drop(db);
    let refused = open(folder.path()).err().unwrap();
    assert!(
        matches!(refused, OpenError::NewerFormat { found, known, .. } if found == FORMAT_VERSION + 1 && known == FORMAT_VERSION),
        "{refused}"
    );
}

#[test]
fn a_later_release_may_have_more_columns_and_is_still_refused_by_version() {
    let (folder, db) = start();
    let mut batch = db.store.batch();
    batch.put::<Meta>(Row::Format, &(FORMAT_VERSION + 1).to_be_bytes());
    db.store.write(batch, Durability::Synced).unwrap();
    drop(db);
    crate::store::tests::add_column(folder.path(), "invented_later");
    assert!(matches!(open(folder.path()).err().unwrap(), OpenError::NewerFormat { .. }));
}

#[test]
fn a_database_that_no_node_made_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    crate::store::tests::make_foreign(folder.path());
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert!(refused.to_string().contains(&folder.path().display().to_string()));
    assert!(!crate::store::tests::columns_of(folder.path()).contains(&"meta".to_owned()));
}

#[test]
fn a_database_that_was_cut_off_while_being_made_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), &options()).unwrap());
    assert!(!open(folder.path()).unwrap().has_genesis());
}

#[test]
fn a_database_with_entries_and_no_name_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let mut batch = store.batch();
    batch.put::<crate::columns::State>(b"key", b"value");
    store.write(batch, Durability::Synced).unwrap();
    drop(store);
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(&refused, OpenError::Storage { source: StorageError::Damaged { .. }, .. }), "{refused}");
    assert!(refused.to_string().contains("state"), "{refused}");
}

#[test]
fn a_database_open_in_this_process_is_refused_as_locked() {
    let (folder, db) = start();
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    drop(db);
    assert!(open(folder.path()).is_ok());
}

/// Not a test by itself: the other process of the test below.
#[test]
fn child_tries_to_open() {
    let Some(path) = std::env::var_os("SALUS_STORAGE_TEST_OPEN") else { return };
    match open(Path::new(&path)) {
        Ok(_) => println!("answer: open"),
        Err(error) => println!("answer: {error}"),
    }
}

#[test]
fn a_database_open_in_another_process_is_refused_with_its_folder_named() {
    let (folder, _db) = start();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "database::tests::child_tries_to_open", "--nocapture"])
        .env("SALUS_STORAGE_TEST_OPEN", folder.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let answer = String::from_utf8(child.stdout).unwrap();
    assert!(answer.contains("another node runs on this folder"), "{answer}");
    assert!(answer.contains(&folder.path().display().to_string()), "{answer}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_as_not_writable() {
    // Nobody, not even root, makes folders there.
    let path = Path::new("/sys/salus-storage-test");
    let refused = open(path).err().unwrap();
    assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused}");
    assert!(refused.to_string().contains("/sys/salus-storage-test"), "{refused}");
}

#[test]
fn a_read_only_folder_is_refused_as_not_writable() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let (folder, db) = start();
    drop(db);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let result = open(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    match result {
        // Permissions do not bind root.
        Ok(_) => assert_eq!(fs::metadata("/proc/self").unwrap().uid(), 0),
        Err(refused) => assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused}"),
    }
}

#[test]
fn a_file_in_the_folders_place_is_refused_as_not_writable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "not a folder").unwrap();
    assert!(matches!(open(&path).err().unwrap(), OpenError::NotWritable { .. }));
}
