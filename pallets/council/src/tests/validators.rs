//! Acts on validators: who may enter, when it takes effect, and why it cannot.

use salus_primitives::{Height, peer::peer_of, validator_set::ValidatorSet};
use salus_validators::{
    storage::{Entries, Set},
    types::{Added, Authorities, NewValidator, PeerId},
};

use super::*;

/// The hospital that runs the validators of these tests.
const HOSPITAL: OrganisationId = OrganisationId([0xb0; 16]);

fn validator(seed: u8) -> NewValidator {
    NewValidator { authority: account(seed), peer_id: peer_of(&account(seed + 50)), organisation: HOSPITAL }
}

/// A council of one over the validators 101 to 100 + `count`, with a hospital that may run more.
fn network(count: u8) -> Chain {
    let mut chain = council(1, 1);
    salus_registry::testing::organisation(&mut chain, HOSPITAL, Caps::VALIDATOR, &key(20));
    let validators: Vec<NewValidator> = (101..=100 + count).map(validator).collect();
    chain.prepare(|state| salus_validators::genesis::build(state, &validators, &[account(1), account(20)]).unwrap());
    chain
}

fn set(add: &[NewValidator], drop: &[u8]) -> Act {
    let drop: Vec<AccountId> = drop.iter().map(|seed| account(*seed)).collect();
    Act::ValidatorsSet { add: Added::try_from(add.to_vec()).unwrap(), drop: Authorities::try_from(drop).unwrap() }
}

fn current(chain: &Chain) -> ValidatorSet {
    salus_validators::current(chain.state())
}

#[track_caller]
fn bad_act(chain: &mut Chain, act: Act, reason: ActError) {
    chain.refused(account(1), propose(act), Error::BadAct(reason));
}

#[test]
fn validators_change_at_the_first_block_after_the_delay() {
    let mut chain = network(4);
    let due = chain.now().plus(DELAY);
    chain.ok(account(1), propose(set(&[validator(110)], &[101]))).emitted(Event::Passed { motion: 0, due });
    assert_eq!(current(&chain).set_id, 0);
    chain.advance(DELAY);
    let (added, dropped) = (vec![account(110)].try_into().unwrap(), vec![account(101)].try_into().unwrap());
    let changed = salus_validators::Event::ValidatorsSet { set_id: 1, added, dropped };
    let events = [RuntimeEvent::Validators(changed), RuntimeEvent::Council(Event::Executed { motion: 0 })];
    assert_eq!(start_block(&mut chain), events);
    let expected: Vec<_> = [102, 103, 104, 110].map(account).into();
    assert_eq!(current(&chain), ValidatorSet::new(1, expected).unwrap());
}

#[test]
fn without_a_delay_they_change_at_once() {
    let mut chain = network(4);
    chain.prepare(|state| ChainParameters::put(state, &Parameters { root_delay: 0, ..Parameters::default() }));
    chain.ok(account(1), propose(set(&[validator(110)], &[]))).emitted(Event::Executed { motion: 0 });
    assert_eq!((current(&chain).len(), current(&chain).set_id), (5, 1));
    // A second change in this block is one too many; in the next one it is not.
    bad_act(&mut chain, set(&[validator(111)], &[]), ActError::TooFast);
    chain.advance(1).ok(account(1), propose(set(&[validator(111)], &[])));
    assert_eq!((current(&chain).len(), current(&chain).set_id), (6, 2));
}

#[test]
fn an_organisation_that_may_not_run_a_validator_gets_none() {
    let mut chain = network(4);
    let of = |organisation| set(&[NewValidator { organisation, ..validator(110) }], &[]);
    bad_act(&mut chain, of(OrganisationId([9; 16])), ActError::BadOrganisation);
    salus_registry::testing::organisation(&mut chain, CLINIC, Caps::CUSTODIAN, &key(21));
    bad_act(&mut chain, of(CLINIC), ActError::BadOrganisation);
    salus_registry::testing::set_status(&mut chain, HOSPITAL, OrganisationStatus::Suspended);
    bad_act(&mut chain, of(HOSPITAL), ActError::BadOrganisation);
    chain.ok(account(1), propose(set(&[], &[101])));
}

#[test]
fn a_change_that_could_not_be_is_refused_by_its_reason() {
    let mut chain = network(4);
    let mut weak = AccountId([0; 32]);
    weak.0[0] = 1;
    let with = |change: &dyn Fn(&mut NewValidator)| {
        let mut new = validator(110);
        change(&mut new);
        set(&[new], &[])
    };
    bad_act(&mut chain, set(&[], &[]), ActError::BadSet);
    bad_act(&mut chain, set(&[], &[101, 101]), ActError::BadSet);
    bad_act(&mut chain, set(&[], &[110]), ActError::NotValidator);
    bad_act(&mut chain, set(&[], &[101, 102]), ActError::TooFast);
    bad_act(&mut chain, with(&|new| new.authority = account(1)), ActError::KeyTaken);
    bad_act(&mut chain, with(&|new| new.authority = weak), ActError::WeakKey);
    bad_act(&mut chain, with(&|new| new.peer_id = validator(101).peer_id), ActError::KeyTaken);
    bad_act(&mut chain, with(&|new| new.peer_id = peer_of(&weak)), ActError::WeakKey);
    bad_act(&mut chain, with(&|new| new.peer_id = PeerId::new()), ActError::BadPeer);
    bad_act(&mut network(1), set(&[], &[101]), ActError::BadSet);
    chain.prepare(|state| {
        let mut seat = salus_validators::storage::Seats::get(state, &account(101)).unwrap();
        seat.struck = true;
        salus_validators::storage::Seats::insert(state, &account(101), &seat);
    });
    bad_act(&mut chain, set(&[validator(101)], &[]), ActError::Struck);
}

#[test]
fn a_validators_key_joins_no_council_and_no_organisation() {
    let mut chain = network(4);
    bad_act(&mut chain, council_set(&[1, 101], 1), ActError::KeyTaken);
    bad_act(&mut chain, council_set(&[1, 151], 1), ActError::KeyTaken);
    let call = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(101)), &[101]);
    chain.refused(account(1), call, Error::BadAct(ActError::KeyTaken));
}

#[test]
fn a_change_is_judged_as_of_when_it_would_run() {
    let mut chain = network(4);
    chain.ok(account(1), propose(set(&[validator(110)], &[]))).advance(DELAY);
    start_block(&mut chain);
    assert_eq!(current(&chain).len(), 5);
    // One changed just now; this one waits as long as that counts.
    chain.ok(account(1), propose(set(&[validator(111)], &[]))).advance(DELAY);
    assert_eq!(start_block(&mut chain).last(), Some(&RuntimeEvent::Council(Event::Executed { motion: 1 })));
    assert_eq!(current(&chain).len(), 6);
}

#[test]
fn of_two_changes_that_are_due_together_the_second_fails_where_only_one_may() {
    let mut chain = network(4);
    chain.ok(account(1), propose(set(&[validator(110)], &[]))).ok(account(1), propose(set(&[validator(111)], &[])));
    chain.advance(DELAY);
    let events = start_block(&mut chain);
    let failed = Event::Failed { motion: 1, reason: ActError::TooFast };
    assert_eq!(events.last(), Some(&RuntimeEvent::Council(failed)));
    assert_eq!((current(&chain).len(), Set::get(chain.state()).set_id), (5, 1));
    assert!(!Entries::contains(chain.state(), &account(111)), "nothing of it remains");
}

#[test]
fn evidence_against_one_does_not_spoil_a_motion_about_another() {
    use salus_primitives::{
        commit::VoteKind,
        evidence::{Evidence, SignedVote, Vote},
    };
    let mut chain = network(4);
    chain.ok(account(1), propose(set(&[validator(110)], &[])));
    let [one, two] = [Some(salus_primitives::Hash([1; 32])), None].map(|value| {
        let vote = Vote { height: Height(1), round: 0, kind: VoteKind::Prevote, value, authority: account(102) };
        SignedVote { vote, signature: key(102).sign(&vote.bytes(&chain.genesis())) }
    });
    let evidence = Evidence::Votes(one, two);
    chain.ok(AccountId([0; 32]), salus_validators::Call::ReportEquivocation { evidence }).advance(DELAY);
    assert_eq!(start_block(&mut chain).last(), Some(&RuntimeEvent::Council(Event::Executed { motion: 0 })));
    let expected: Vec<_> = [101, 103, 104, 110].map(account).into();
    assert_eq!(current(&chain), ValidatorSet::new(2, expected).unwrap());
}

#[test]
fn a_change_that_waits_can_be_cancelled() {
    let mut chain = network(4);
    chain.ok(account(1), propose(set(&[], &[101]))).ok(account(1), propose(Act::CancelMotion { motion: 0 }));
    chain.advance(DELAY);
    assert_eq!(start_block(&mut chain), []);
    assert_eq!(current(&chain).len(), 4);
}

#[test]
fn the_largest_change_weighs_less_than_the_heaviest_act() {
    let many: Vec<NewValidator> = (101..134).map(validator).collect();
    let drop: Vec<u8> = (1..34).collect();
    assert!(set(&many, &drop).weight() <= crate::types::COUNCIL_SET_WEIGHT);
}
