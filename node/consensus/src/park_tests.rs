//! What may wait, and how much of it.

use super::*;
use crate::message::{SignedVote, Vote};
use salus_primitives::{AccountId, commit::VoteKind, crypto::Signature};

fn vote(height: u32, round: u32) -> Parked {
    let authority = AccountId([1; 32]);
    let vote = Vote { height: Height(height), round, kind: VoteKind::Prevote, value: None, authority };
    Parked::Message(WireMessage::Vote(SignedVote { vote, signature: Signature([0; 64]) }))
}

#[test]
fn what_is_parked_comes_out_once_in_order_and_for_its_height_only() {
    let mut park = Park::default();
    assert!(park.push(Peer(1), vote(5, 0)));
    assert!(park.push(Peer(2), vote(4, 0)));
    assert!(park.push(Peer(1), vote(5, 1)));
    let taken: Vec<_> = park.take(Height(5)).collect();
    assert_eq!(taken, [(Peer(1), vote(5, 0)), (Peer(1), vote(5, 1))]);
    assert_eq!(park.take(Height(5)).count() + park.take(Height(4)).count(), 0);
}

#[test]
fn a_peer_fills_its_own_share_to_the_byte_and_no_other() {
    let size = vote(5, 0).bytes();
    let mut park = Park::default();
    for _ in 0..PARKED_BYTES_PER_PEER / size {
        assert!(park.push(Peer(1), vote(5, 0)));
    }
    assert!(!park.push(Peer(1), vote(5, 0)));
    assert!(park.push(Peer(2), vote(5, 0)));
    assert_eq!(park.take(Height(5)).count(), PARKED_BYTES_PER_PEER / size + 1);
    assert!(park.push(Peer(1), vote(6, 0)), "there is room again after the height has started");
}

#[test]
fn there_is_room_for_so_many_peers_and_no_more() {
    let mut park = Park::default();
    for peer in 0..PARKED_PEERS as u64 {
        assert!(park.push(Peer(peer), vote(5, 0)));
    }
    assert!(!park.push(Peer(1_000), vote(5, 0)));
    assert!(park.push(Peer(0), vote(5, 1)), "who is in already may go on");
}
