//! Headers: fixture bytes and what the digest refuses.

use parity_scale_codec::{Decode, Encode};

use super::*;
use crate::{Hash, Height, Moment};

fn header() -> Header {
    let slot = Slot { time: Moment(1_700_000_000_123), build_round: 2, proposer_index: 1, set_id: 3 };
    Header {
        parent_hash: Hash([0x11; 32]),
        number: Height(70),
        state_root: Hash([0x22; 32]),
        extrinsics_root: Hash([0x33; 32]),
        digest: Digest { logs: vec![slot.item(), SetChange { set_id: 4, hash: Hash([0x44; 32]) }.item()] },
    }
}

#[test]
fn a_header_has_the_committed_bytes() {
    let expected = [
        &"11".repeat(32),
        "1901", // Compact(70)
        &"22".repeat(32),
        &"33".repeat(32),
        "08", // two items
        "0653414c5358",
        "7b68e5cf8b010000",
        "02000000",
        "0100",
        "0300000000000000",
        "0453414c53a0",
        "0400000000000000",
        &"44".repeat(32),
    ]
    .concat();
    assert_eq!(hex::encode(header().encode()), expected);
    assert_eq!(Header::decode(&mut &header().encode()[..]).unwrap(), header());
}

#[test]
fn one_header_has_two_hashes() {
    let bytes = header().encode();
    assert_eq!(header().hash(), crypto::blake2_256(&bytes));
    assert_eq!(header().vote_value(), crypto::sha256(&bytes));
}

#[test]
fn a_header_tells_its_time_and_its_set_change() {
    assert_eq!(header().slot().unwrap().time, Moment(1_700_000_000_123));
    assert_eq!(header().set_change().unwrap().unwrap().set_id, 4);
}

#[test]
fn a_digest_of_another_form_is_refused() {
    let mut none = header();
    none.digest.logs.clear();
    assert_eq!(none.slot(), Err(DigestError::NoSlot));

    let mut foreign = header();
    foreign.digest.logs[0] = DigestItem::PreRuntime(*b"BABE", vec![]);
    assert_eq!(foreign.slot(), Err(DigestError::NoSlot));

    let mut trailing = header();
    trailing.digest.logs[0] = DigestItem::PreRuntime(ENGINE, vec![0; 23]);
    assert!(matches!(trailing.slot(), Err(DigestError::Decode(_))));

    let mut extra = header();
    extra.digest.logs.push(DigestItem::Other(vec![]));
    assert_eq!(extra.set_change(), Err(DigestError::Unexpected));
}

#[test]
fn an_empty_body_has_the_root_of_the_empty_string() {
    assert_eq!(extrinsics_root(&[]), crypto::sha256(b""));
}
