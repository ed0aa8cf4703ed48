//! What a power cut leaves.

use salus_primitives::{Hash, Header, header::Digest};

use super::*;
use crate::setup;

fn ledger(flaw: Option<DiskFlaw>) -> SimLedger {
    let keys = setup::authorities(1);
    SimLedger::new(Arc::new(setup::genesis(&keys, 1)), setup::runtime(), flaw)
}

fn body(number: u32) -> Block {
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height(number),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    };
    Block { header, extrinsics: Vec::new() }
}

const NEXT: Height = Height(1);

#[test]
fn what_was_synced_outlives_a_power_cut_and_the_rest_goes_from_its_end() {
    let ledger = ledger(None);
    ledger.wal_append(NEXT, b"one").unwrap();
    ledger.wal_sync(Some(b"record")).unwrap();
    for entry in [b"two", b"thr", b"fou"] {
        ledger.wal_append(NEXT, entry).unwrap();
    }
    assert_eq!(ledger.wal_entries(NEXT).unwrap().len(), 4, "a read sees what is not synced");
    let lost = ledger.lose_power(1);
    assert_eq!(lost, Lost { entries: 2, writes: 2 });
    assert_eq!(ledger.wal_entries(NEXT).unwrap(), [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(ledger.signer_load().unwrap(), Some(b"record".to_vec()));
}

#[test]
fn a_body_and_a_record_are_lost_like_any_other_write() {
    let ledger = ledger(None);
    let value = body(1).header.vote_value();
    ledger.undecided_save(&body(1)).unwrap();
    assert!(ledger.undecided_load(NEXT, &value).unwrap().is_some());
    ledger.lose_power(0);
    assert!(ledger.undecided_load(NEXT, &value).unwrap().is_none());
    assert_eq!(ledger.signer_load().unwrap(), None);
}

#[test]
fn without_power_nothing_is_written_and_it_returns_with_the_power() {
    let ledger = ledger(None);
    ledger.power().cut_after(2);
    ledger.wal_append(NEXT, b"one").unwrap();
    assert!(ledger.wal_append(NEXT, b"two").is_err(), "the second step takes the last of it");
    assert!(ledger.power().is_out());
    ledger.lose_power(9);
    ledger.wal_append(NEXT, b"new").unwrap();
    assert_eq!(ledger.wal_entries(NEXT).unwrap(), [b"one".to_vec(), b"new".to_vec()]);
}

#[test]
fn a_sync_that_does_nothing_keeps_nothing() {
    let ledger = ledger(Some(DiskFlaw::SyncDoesNothing));
    ledger.wal_append(NEXT, b"one").unwrap();
    ledger.wal_sync(Some(b"record")).unwrap();
    assert_eq!(ledger.lose_power(0).writes, 2);
    assert_eq!(ledger.signer_load().unwrap(), None);
}

#[test]
fn a_block_out_of_its_turn_is_not_committed() {
    let ledger = ledger(None);
    let (_, tree) = MemoryTree::new().root_after(&Changes::new());
    let refused = ledger.commit(&body(7), None, &Changes::new(), tree);
    assert!(matches!(refused, Err(CommitError::NotNext { .. })));
}
