//! The core's view of our types.

use super::*;
use arc_malachitebft_core_types::{
    Height as _, SigningScheme as _, ThresholdParams, Validator as _, ValidatorSet as _,
};
use salus_primitives::crypto::KeyPair;

const GENESIS: Hash = Hash([5; 32]);

fn plain(count: u8) -> ValidatorSet {
    ValidatorSet::new(0, (1..=count).map(|i| KeyPair::from_seed(&[i; 32]).public()).collect()).unwrap()
}

#[test]
fn the_core_and_the_chain_agree_on_proposers() {
    for count in [1, 4, 5, 7] {
        let plain = plain(count);
        let set = Set::new(plain.clone());
        for height in [1, 2, 3, 1_000, u32::MAX] {
            for round in [0, 1, 5, u32::MAX] {
                let proposer = Ctx.select_proposer(&set, CoreHeight(Height(height)), Round::new(round));
                assert_eq!(proposer.address().0, plain.proposer(Height(height), round));
            }
        }
    }
}

#[test]
fn the_core_and_the_chain_agree_on_quorums() {
    for count in 1..=21 {
        let set = Set::new(plain(count));
        let least = ThresholdParams::default().quorum.min_expected(set.total_voting_power());
        assert_eq!(least, set.plain().quorum() as u64, "{count} validators");
    }
}

#[test]
fn validators_are_found_by_key_and_by_place() {
    let set = Set::new(plain(4));
    assert_eq!(set.count(), 4);
    for index in 0..4 {
        let validator = set.get_by_index(index).unwrap();
        assert_eq!(set.get_by_address(validator.address()), Some(validator));
        assert_eq!(*validator.public_key(), set.plain().keys()[index]);
    }
    assert_eq!(set.get_by_index(4), None);
    assert_eq!(set.get_by_address(&Address(AccountId([0; 32]))), None);
}

#[test]
fn a_vote_is_checked_over_the_committed_bytes_of_this_chain() {
    let key = KeyPair::from_seed(&[1; 32]);
    let address = Address(key.public());
    let value = Hash([3; 32]);
    let vote = Ctx.new_precommit(CoreHeight(Height(2)), Round::new(1), NilOrVal::Val(value), address);
    let kind = salus_primitives::commit::VoteKind::Precommit;
    let signature = Sig(key.sign(&vote_bytes(&GENESIS, Height(2), 1, kind, Some(value), &key.public())));
    let checker = Checker { genesis: GENESIS };
    assert!(checker.vote(&vote, &signature, &key.public()));
    assert!(!Checker { genesis: Hash([6; 32]) }.vote(&vote, &signature, &key.public()));
    let prevote = Ctx.new_prevote(vote.height, vote.round, vote.value, address);
    assert!(!checker.vote(&prevote, &signature, &key.public()), "a prevote is no precommit");
    let nil = CoreVote { value: NilOrVal::Nil, ..vote.clone() };
    assert!(!checker.vote(&nil, &signature, &key.public()), "nil is no value");
    let nowhere = CoreVote { round: Round::Nil, ..vote };
    assert!(!checker.vote(&nowhere, &signature, &key.public()), "the nil round is no round");
}

#[test]
fn a_proposal_is_checked_over_the_committed_bytes_of_this_chain() {
    let key = KeyPair::from_seed(&[1; 32]);
    let value = Hash([3; 32]);
    let height = CoreHeight(Height(2));
    let proposal = Ctx.new_proposal(height, Round::new(4), Value(value), Round::new(1), Address(key.public()));
    let signature = Sig(key.sign(&proposal_bytes(&GENESIS, Height(2), 4, Some(1), value, &key.public())));
    let checker = Checker { genesis: GENESIS };
    assert!(checker.proposal(&proposal, &signature, &key.public()));
    assert!(!Checker { genesis: Hash([6; 32]) }.proposal(&proposal, &signature, &key.public()));
    let fresh = CoreProposal { pol_round: Round::Nil, ..proposal };
    assert!(!checker.proposal(&fresh, &signature, &key.public()));
}

#[test]
fn heights_move_within_the_chain() {
    let height = CoreHeight(Height(5));
    assert_eq!(height.increment_by(2), CoreHeight(Height(7)));
    assert_eq!(height.decrement_by(5), Some(CoreHeight::ZERO));
    assert_eq!(height.decrement_by(6), None);
    assert_eq!(CoreHeight::default(), CoreHeight::ZERO);
}

#[test]
fn keys_and_signatures_have_one_length() {
    let signature = Sig(Signature([7; 64]));
    assert_eq!(Ed25519::decode_signature(&Ed25519::encode_signature(&signature)).unwrap(), signature);
    assert_eq!(Ed25519::decode_signature(&[0; 63]).unwrap_err().to_string(), "63 bytes, 64 are needed");
    let key = AccountId([7; 32]);
    assert_eq!(Ed25519::decode_public_key(&Ed25519::encode_public_key(&key)).unwrap(), key);
    assert_eq!(Ed25519::decode_public_key(&[0; 33]).unwrap_err().to_string(), "33 bytes, 32 are needed");
}
