//! Commits: what is refused, what a kill leaves, and the bytes of every column family.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use salus_primitives::runtime_api::StateReader;

use super::*;
use crate::{Identity, StorageError, testing::*};

fn made() -> Changes {
    changes(&[(b"council", Some(b"two of two"))])
}

#[test]
fn a_block_that_does_not_follow_the_tip_is_refused() {
    let (_folder, db) = start();
    let (block, certificate, tree) = next(&db, &made());
    db.commit(&block, Some(&certificate), &made(), tree.clone()).unwrap();
    let again = db.commit(&block, Some(&certificate), &made(), tree).err().unwrap();
    assert!(matches!(again, CommitError::NotNext { number: Height(1), .. }), "{again}");
    assert!(again.to_string().contains(&format!("{} at height 1", block.header.hash())), "{again}");

    let (mut stranger, certificate, tree) = next(&db, &made());
    stranger.header.parent_hash = Hash([3; 32]);
    let refused = db.commit(&stranger, Some(&certificate), &made(), tree).err().unwrap();
    assert!(matches!(refused, CommitError::NotNext { parent: Hash([3, ..]), .. }), "{refused}");
}

#[test]
fn only_genesis_comes_first_and_only_this_chains() {
    let folder = tempfile::tempdir().unwrap();
    let other = Identity { genesis: Hash([3; 32]), ..identity() };
    let db = Database::open(folder.path(), &other, options()).unwrap();
    let (block, tree) = genesis();
    let refused = db.commit(&block, None, &genesis_changes(), tree.clone()).err().unwrap();
    assert!(matches!(refused, CommitError::Genesis { expected: Hash([3, ..]), .. }), "{refused}");

    let mut later = block;
    later.header.number = Height(1);
    let refused = db.commit(&later, None, &genesis_changes(), tree).err().unwrap();
    assert!(matches!(refused, CommitError::NotNext { .. }), "{refused}");
    assert!(!db.has_genesis());
}

#[test]
fn a_certificate_that_does_not_belong_is_refused() {
    let (_folder, db) = start();
    let (block, certificate, tree) = next(&db, &made());
    let refused = |certificate: Option<&CommitCertificate>, what: &str| {
        let refused = db.commit(&block, certificate, &made(), tree.clone()).err().unwrap();
        assert!(matches!(refused, CommitError::Certificate { .. }), "{refused}");
        assert!(refused.to_string().contains(what), "{refused}");
    };
    refused(None, "there is none");
    refused(Some(&CommitCertificate { height: Height(2), ..certificate.clone() }), "another height");
    refused(Some(&CommitCertificate { value: Hash::ZERO, ..certificate.clone() }), "another header");
    db.commit(&block, Some(&certificate), &made(), tree.clone()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).unwrap();
    let (block, tree) = genesis();
    let refused = db.commit(&block, Some(&certificate), &genesis_changes(), tree).err().unwrap();
    assert!(refused.to_string().contains("genesis has none"), "{refused}");
}

#[test]
fn a_tree_of_other_changes_is_refused() {
    let (_folder, db) = start();
    let (block, certificate, _) = next(&db, &made());
    let (_, other) = db.root_after(&genesis_changes()).unwrap();
    let refused = db.commit(&block, Some(&certificate), &made(), other).err().unwrap();
    assert!(matches!(refused, CommitError::Tree { .. }), "{refused}");
    assert_eq!(db.tip().0.number, Height(0));
}

#[test]
fn several_blocks_may_be_tried_on_one_tip() {
    let (_folder, db) = start();
    let (_, given_up) = db.root_after(&changes(&[(b"council", None), (b"other", Some(b"block"))])).unwrap();
    let (root, _) = db.root_after(&made()).unwrap();
    assert_ne!(given_up.root(), root);
    commit(&db, &made());
    assert_eq!(db.tip().0.state_root, root);
    assert_eq!(db.state().get(b"other"), None);
}

#[test]
fn a_block_that_changes_nothing_keeps_the_root() {
    let (_folder, db) = start();
    let root = db.tip().0.state_root;
    commit(&db, &Changes::new());
    commit(&db, &changes(&[(b"never there", None)]));
    assert_eq!(db.tip().0.state_root, root);
    commit(&db, &made());
    assert_ne!(db.tip().0.state_root, root);
    db.check().unwrap();
}

#[test]
fn old_states_stay_provable() {
    let (_folder, db) = start();
    for number in 0..5u8 {
        commit(&db, &changes(&[(b"council", (number != 2).then_some(&[number]))]));
    }
    for number in 0..5u8 {
        let height = Height(u32::from(number) + 1);
        let header = db.header(&db.hash_at(height).unwrap().unwrap()).unwrap().unwrap();
        let proof = db.prove(&[b"council"], height).unwrap();
        let value = [number];
        let value = (number != 2).then_some(&value[..]);
        assert_eq!(salus_primitives::state_proof::verify_proof(&header.state_root, b"council", value, &proof), Ok(()));
    }
}

#[test]
fn a_database_dropped_without_a_word_reopens_where_it_was() {
    let (folder, db) = start();
    for _ in 0..3 {
        commit(&db, &made());
    }
    let tip = db.tip();
    drop(db);
    let db = open(folder.path()).unwrap();
    assert_eq!(db.tip(), tip);
    assert_eq!(commit(&db, &made()), Height(4));
}

/// Changes that touch many keys, so that a commit takes a while and is hit in its middle.
fn broad(number: u32) -> Changes {
    (0..200u32).map(|key| ((key * 7 + number).to_be_bytes().to_vec(), Some(number.to_le_bytes().to_vec()))).collect()
}

/// Not a test by itself: the process that the test below kills.
#[test]
fn child_commits_until_killed() {
    let Some(path) = std::env::var_os("SALUS_STORAGE_TEST_COMMIT") else { return };
    let db = open(Path::new(&path)).unwrap();
    loop {
        let number = db.tip().0.number.next();
        db.wal_append(number, b"proposal").unwrap();
        db.wal_sync_with_signer(&number.0.to_le_bytes()).unwrap();
        let (block, certificate, tree) = next(&db, &broad(number.0));
        db.undecided_block_save(&block).unwrap();
        db.commit(&block, Some(&certificate), &broad(number.0), tree).unwrap();
        println!("committed {number}");
    }
}

#[test]
fn a_killed_process_loses_no_block_it_acknowledged_and_leaves_no_half_of_one() {
    let (folder, db) = start();
    drop(db);
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "commit::tests::child_commits_until_killed", "--nocapture"])
            .env("SALUS_STORAGE_TEST_COMMIT", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = (&mut lines)
            .filter_map(|line| line.unwrap().strip_prefix("committed ").map(|number| number.parse::<u32>().unwrap()))
            .nth(round)
            .expect("the process commits until it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("committed ").and_then(|number| number.parse().ok()))
            .last()
            .unwrap_or(acknowledged);

        let db = open(folder.path()).unwrap();
        let tip = db.tip().0.number;
        assert!(tip.0 >= acknowledged, "{acknowledged} was acknowledged, the tip is {tip}");
        assert_eq!(db.check().unwrap().blocks, u64::from(tip.0) + 1);
        let signed = u32::from_le_bytes(db.signer_load().unwrap().unwrap().try_into().unwrap());
        assert!(signed == tip.0 || signed == tip.0 + 1, "signed {signed}, the tip is {tip}");
        assert_eq!(db.wal_entries(tip).unwrap(), Vec::<Vec<u8>>::new());
    }
}

/// Every entry of every column family, as text.
fn dump(db: &Database) -> String {
    let mut text = String::new();
    let view = db.store.view();
    for name in crate::columns::ALL {
        let mut cursor = view.cursor_of(name);
        cursor.seek(&[]);
        while let Some((key, value)) = cursor.entry().unwrap() {
            text += &format!("{name} {} = {}\n", hex::encode(key), hex::encode(value));
            cursor.advance();
        }
    }
    text
}

/// The bytes on disk are a promise. To approve a change of them, raise `FORMAT_VERSION` and run this test
/// with `SALUS_APPROVE=1`: it writes the fixture anew, for review.
#[test]
fn the_bytes_of_every_column_after_blocks_0_1_and_2_are_the_committed_ones() {
    let (_folder, db) = start();
    let mut text = format!("# after block 0\n{}", dump(&db));

    commit(&db, &changes(&[(b"council", Some(b"two of two")), (b"with\0zero", Some(b"")), (&[5; 40], Some(b"map"))]));
    text += &format!("# after block 1\n{}", dump(&db));

    commit(&db, &changes(&[(b"council", None), (b"with\0zero", Some(b"now")), (b"never there", None)]));
    let (undecided, ..) = next(&db, &made());
    db.undecided_block_save(&undecided).unwrap();
    db.wal_append(Height(3), b"proposal").unwrap();
    db.wal_append(Height(3), b"prevote").unwrap();
    db.wal_sync_with_signer(b"height 3, round 0, prevote").unwrap();
    text += &format!("# after block 2, with block 3 under way\n{}", dump(&db));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/columns.txt");
    if std::env::var_os("SALUS_APPROVE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in text.lines().zip(committed.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of fixtures/columns.txt", number + 1);
    }
    assert_eq!(text.lines().count(), committed.lines().count(), "lines of fixtures/columns.txt");
}

#[test]
fn an_update_can_only_be_committed_on_the_state_it_was_made_on() {
    let (_folder, db) = start();
    let (_, stale) = db.root_after(&made()).unwrap();
    commit(&db, &Changes::new());
    let (mut block, _, _) = next(&db, &made());
    block.header.state_root = stale.root();
    let certificate = CommitCertificate {
        height: Height(2),
        round: 0,
        value: block.header.vote_value(),
        signatures: Default::default(),
    };
    let refused = db.commit(&block, Some(&certificate), &made(), stale).err().unwrap();
    assert!(matches!(refused, CommitError::Tree { height: Height(1), number: Height(2), .. }), "{refused}");
    assert!(!matches!(refused, CommitError::Storage(StorageError::Stopped)));
}
