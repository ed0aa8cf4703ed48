//! What proves that a validator signed two things at one place, and what does not.

use super::*;
use crate::{
    codec::{MESSAGE_DEPTH_MAX, decode_strict},
    crypto::KeyPair,
};

const GENESIS: Hash = Hash([5; 32]);

fn key() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

fn vote(value: Option<Hash>, round: u32) -> SignedVote {
    let vote = Vote { height: Height(7), round, kind: VoteKind::Prevote, value, authority: key().public() };
    SignedVote { vote, signature: key().sign(&vote.bytes(&GENESIS)) }
}

fn proposal(value: Hash, pol_round: Option<u32>) -> SignedProposal {
    let proposal = Proposal { height: Height(7), round: 3, pol_round, value, authority: key().public() };
    SignedProposal { proposal, signature: key().sign(&proposal.bytes(&GENESIS)) }
}

#[test]
fn a_signature_holds_for_its_chain_only() {
    assert!(vote(None, 0).verify(&GENESIS));
    assert!(!vote(None, 0).verify(&Hash([6; 32])));
    assert!(proposal(Hash([9; 32]), None).verify(&GENESIS));
    assert!(!proposal(Hash([9; 32]), None).verify(&Hash([6; 32])));
}

#[test]
fn two_signed_contents_at_one_place_are_proof() {
    let a = vote(Some(Hash([1; 32])), 2);
    let b = vote(None, 2);
    let votes = Evidence::Votes(a, b);
    assert!(votes.proves(&GENESIS) && Evidence::Votes(b, a).proves(&GENESIS));
    assert_eq!((votes.offender(), votes.height()), (key().public(), Height(7)));
    let c = proposal(Hash([1; 32]), None);
    let d = proposal(Hash([1; 32]), Some(0));
    let proposals = Evidence::Proposals(c, d);
    assert!(proposals.proves(&GENESIS), "the round of the polka counts too");
    assert_eq!((proposals.offender(), proposals.height()), (key().public(), Height(7)));
}

#[test]
fn nothing_less_is_proof() {
    let a = vote(Some(Hash([1; 32])), 2);
    assert!(!Evidence::Votes(a, a).proves(&GENESIS), "the same twice");
    assert!(!Evidence::Votes(a, vote(None, 3)).proves(&GENESIS), "another round");
    assert!(!Evidence::Votes(a, vote(None, 2)).proves(&Hash([6; 32])), "another chain");
    let mut forged = vote(None, 2);
    forged.signature = a.signature;
    assert!(!Evidence::Votes(a, forged).proves(&GENESIS), "a signature that does not fit");
    assert!(!Evidence::Votes(forged, a).proves(&GENESIS), "in either place");
    let resigned = |change: &dyn Fn(&mut Vote), by: &KeyPair| {
        let mut other = vote(None, 2);
        change(&mut other.vote);
        other.signature = by.sign(&other.vote.bytes(&GENESIS));
        other
    };
    let other_kind = resigned(&|vote| vote.kind = VoteKind::Precommit, &key());
    assert!(!Evidence::Votes(a, other_kind).proves(&GENESIS), "a prevote and a precommit");
    let other_height = resigned(&|vote| vote.height = Height(8), &key());
    assert!(!Evidence::Votes(a, other_height).proves(&GENESIS), "two heights");
    let other = KeyPair::from_seed(&[2; 32]);
    let two_people = resigned(&|vote| vote.authority = other.public(), &other);
    assert!(!Evidence::Votes(a, two_people).proves(&GENESIS), "two validators who disagree");
    let c = proposal(Hash([1; 32]), None);
    assert!(!Evidence::Proposals(c, c).proves(&GENESIS), "the same twice");
    let mut forged = proposal(Hash([2; 32]), None);
    forged.signature = c.signature;
    assert!(!Evidence::Proposals(c, forged).proves(&GENESIS), "a signature that does not fit");
}

#[test]
fn evidence_reads_back_from_its_own_bytes_and_from_no_others() {
    let all = [
        Evidence::Votes(vote(Some(Hash([1; 32])), 2), vote(None, 2)),
        Evidence::Proposals(proposal(Hash([1; 32]), None), proposal(Hash([2; 32]), Some(1))),
    ];
    for evidence in all {
        let bytes = evidence.encode();
        assert_eq!(decode_strict::<Evidence>(&bytes, MESSAGE_DEPTH_MAX), Ok(evidence));
        for end in 0..bytes.len() {
            assert!(decode_strict::<Evidence>(&bytes[..end], MESSAGE_DEPTH_MAX).is_err(), "cut at {end}");
        }
        assert!(decode_strict::<Evidence>(&[&bytes[..], &[0]].concat(), MESSAGE_DEPTH_MAX).is_err(), "one byte more");
    }
}
