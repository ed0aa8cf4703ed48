//! Each oracle sees what it is there for: an oracle that cannot speak guards nothing.

use salus_consensus::{Proposal, SignedProposal, SignedVote, Vote};
use salus_primitives::crypto::KeyPair;

use super::*;

const GENESIS: Hash = Hash([7; 32]);

fn key() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

fn oracles() -> Oracles {
    Oracles::new(GENESIS, BTreeSet::new())
}

fn vote(round: u32, kind: VoteKind, value: Option<u8>) -> WireMessage {
    let value = value.map(|byte| Hash([byte; 32]));
    let vote = Vote { height: Height(3), round, kind, value, authority: key().public() };
    WireMessage::Vote(SignedVote { vote, signature: key().sign(&vote.bytes(&GENESIS)) })
}

fn proposal(value: u8, pol_round: Option<u32>) -> WireMessage {
    let proposal =
        Proposal { height: Height(3), round: 2, pol_round, value: Hash([value; 32]), authority: key().public() };
    WireMessage::Proposal(SignedProposal { proposal, signature: key().sign(&proposal.bytes(&GENESIS)) })
}

#[test]
fn saying_the_same_thing_again_is_no_double_signature_and_another_thing_is() {
    let own = key().public();
    let mut oracles = oracles();
    for _ in 0..3 {
        oracles.said(&own, &vote(0, VoteKind::Prevote, Some(1)));
        oracles.said(&own, &vote(0, VoteKind::Precommit, None));
        oracles.said(&own, &vote(1, VoteKind::Prevote, Some(2)));
        oracles.said(&own, &proposal(1, None));
    }
    assert_eq!(oracles.violations, Vec::<String>::new());
    oracles.said(&own, &vote(0, VoteKind::Precommit, Some(1)));
    assert_eq!(oracles.violations.len(), 1);
    oracles.said(&own, &proposal(1, Some(0)));
    assert_eq!(oracles.violations.len(), 2, "the round of the polka counts too");
}

#[test]
fn what_others_signed_is_not_held_against_who_sends_it() {
    let mut oracles = oracles();
    let other = KeyPair::from_seed(&[2; 32]).public();
    oracles.said(&other, &vote(0, VoteKind::Prevote, Some(1)));
    oracles.said(&other, &vote(0, VoteKind::Prevote, Some(2)));
    assert_eq!(oracles.violations, Vec::<String>::new());
}

#[test]
fn a_vote_for_another_block_after_a_precommit_is_marked_as_unlocked() {
    let own = key().public();
    let mut oracles = oracles();
    oracles.said(&own, &vote(0, VoteKind::Precommit, Some(1)));
    oracles.said(&own, &vote(1, VoteKind::Prevote, Some(1)));
    assert_eq!(oracles.marks.count("unlocked"), 0);
    oracles.said(&own, &vote(2, VoteKind::Prevote, Some(2)));
    assert_eq!(oracles.marks.count("unlocked"), 1);
}

#[test]
fn a_node_that_comes_back_with_less_than_it_had_is_noticed() {
    let mut oracles = oracles();
    oracles.returned(1, Height(5), Height(5));
    assert_eq!(oracles.violations, Vec::<String>::new());
    oracles.returned(1, Height(4), Height(5));
    assert_eq!(oracles.violations.len(), 1);
}

#[test]
fn an_extrinsic_that_stands_twice_is_noticed_and_so_is_one_that_is_none() {
    let set = || ValidatorSet::new(0, vec![key().public()]).unwrap();
    let call = RuntimeCall::System(salus_system::Call::Noop {}).encode();
    let chain = salus_primitives::extrinsic::ChainContext { spec_version: 1, transaction_version: 1, genesis: GENESIS };
    let era = salus_primitives::extrinsic::Era::Immortal;
    let raw = salus_primitives::extrinsic::sign(&key(), call, era, 0, &chain, &GENESIS);
    let mut oracles = oracles();
    oracles.first(Height(1), Hash([1; 32]), std::slice::from_ref(&raw), set());
    assert_eq!(oracles.violations, Vec::<String>::new());
    oracles.first(Height(2), Hash([2; 32]), std::slice::from_ref(&raw), set());
    assert_eq!(oracles.violations.len(), 1);
    oracles.first(Height(3), Hash([3; 32]), &[RawExtrinsic(vec![1, 2, 3])], set());
    assert_eq!(oracles.violations.len(), 2);
}

#[test]
fn a_certificate_is_counted_by_good_signatures_of_different_validators() {
    let keys: Vec<_> = (1..=4u8).map(|seed| KeyPair::from_seed(&[seed; 32])).collect();
    let set = ValidatorSet::new(0, keys.iter().map(KeyPair::public).collect()).unwrap();
    let value = Hash([9; 32]);
    let signed = |index: u16, kind| {
        let authority = set.keys()[usize::from(index)];
        let key = keys.iter().find(|key| key.public() == authority).unwrap();
        (index, key.sign(&vote_bytes(&GENESIS, Height(1), 0, kind, Some(value), &authority)))
    };
    let precommit = |index| signed(index, VoteKind::Precommit);
    let mut oracles = oracles();
    let mut check = |signatures: Vec<_>| {
        let signatures = signatures.try_into().unwrap();
        let certificate = CommitCertificate { height: Height(1), round: 0, value, signatures };
        oracles.check(0, Height(1), value, &certificate, &set);
        std::mem::take(&mut oracles.violations).len()
    };
    assert_eq!(check(vec![precommit(0), precommit(1), precommit(3)]), 0);
    assert_eq!(check(vec![precommit(0), precommit(1)]), 1, "too few");
    assert_eq!(check(vec![precommit(0), precommit(1), precommit(1)]), 1, "one twice");
    assert_eq!(check(vec![precommit(0), precommit(1), signed(2, VoteKind::Prevote)]), 1, "another step");
}
