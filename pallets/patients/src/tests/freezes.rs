//! Freezes by guardians, and who ends them.

use salus_primitives::time::DAY;
use salus_registry::keys_locked;

use super::*;
use crate::{
    state::may_change_rules,
    storage::Thaws,
    types::{FREEZE, FREEZE_EVERY, FrozenBy},
};

#[test]
fn any_guardian_freezes_for_fourteen_days_whatever_their_powers() {
    let (mut chain, person, friends) = with_friends(2);
    let terms = GuardianTerms { powers: Powers::ACT, ..terms(&chain, &friends, 2) };
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(terms)));
    chain
        .ok(friends[1].account(), status_set(&person, Change::Freeze))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Freeze });
    let until = chain.now().plus(FREEZE);
    assert_eq!(state_of(&chain, &person), PatientState::Frozen { until, by: FrozenBy::Guardian });
    assert_eq!(may_change_rules(chain.state(), &person.id, chain.now()), Err(Problem::Frozen));
    chain.advance(FREEZE - 1);
    assert!(keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.advance(1);
    assert_eq!(state_of(&chain, &person), PatientState::Active);
}

#[test]
fn guardians_freeze_once_in_thirty_days_together_and_apart_from_the_patient() {
    let (mut chain, person, friends) = with_guardians(2, 2);
    chain
        .ok(person.account(), status_set(&person, Change::Freeze))
        .ok(person.account(), status_set(&person, Change::Thaw));
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze)).advance(FREEZE);
    for friend in &friends {
        chain.refused(friend.account(), status_set(&person, Change::Freeze), Error::RateLimited);
    }
    chain.advance(FREEZE_EVERY - FREEZE - 1);
    chain.refused(friends[1].account(), status_set(&person, Change::Freeze), Error::RateLimited);
    chain.advance(1).ok(friends[1].account(), status_set(&person, Change::Freeze));
}

#[test]
fn a_guardian_freezes_over_the_patients_own_freeze_and_not_over_a_guardians() {
    let (mut chain, person, friends) = with_guardians(2, 2);
    chain.ok(person.account(), status_set(&person, Change::Freeze)).advance(DAY);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze));
    let until = chain.now().plus(FREEZE);
    assert_eq!(state_of(&chain, &person), PatientState::Frozen { until, by: FrozenBy::Guardian });
    chain.refused(friends[1].account(), status_set(&person, Change::Freeze), Error::BadState);
    chain.refused(person.account(), status_set(&person, Change::Thaw), Error::BadState);
}

#[test]
fn only_guardians_at_threshold_thaw_what_a_guardian_froze() {
    let (mut chain, person, friends) = with_guardians(3, 2);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze));
    chain.refused(person.account(), status_set(&person, Change::Thaw), Error::BadState);
    chain
        .ok(friends[0].account(), status_set(&person, Change::Thaw))
        .emitted(Event::ThawApproved { patient: person.id, guardian: friends[0].id });
    assert!(matches!(state_of(&chain, &person), PatientState::Frozen { .. }));
    chain.refused(friends[0].account(), status_set(&person, Change::Thaw), Error::AlreadyApproved);
    chain
        .ok(friends[2].account(), status_set(&person, Change::Thaw))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Thaw });
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    assert!(!Thaws::contains(chain.state(), &person.id));
    chain.refused(friends[1].account(), status_set(&person, Change::Thaw), Error::BadState);
}

#[test]
fn an_approval_counts_for_one_freeze_only_and_while_its_guardian_stands() {
    let (mut chain, person, friends) = with_guardians(3, 2);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze));
    chain.ok(friends[0].account(), status_set(&person, Change::Thaw)).advance(FREEZE_EVERY);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze));
    chain.ok(friends[1].account(), status_set(&person, Change::Thaw));
    assert!(matches!(state_of(&chain, &person), PatientState::Frozen { .. }), "the first was for another freeze");
    chain.ok(friends[1].account(), status_set(&friends[1], Change::Freeze));
    chain.ok(friends[2].account(), status_set(&person, Change::Thaw));
    assert!(matches!(state_of(&chain, &person), PatientState::Frozen { .. }), "a frozen guardian does not count");
    chain.ok(friends[0].account(), status_set(&person, Change::Thaw));
    assert_eq!(state_of(&chain, &person), PatientState::Active);
}

#[test]
fn guardians_do_not_thaw_the_patients_own_freeze() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    chain.ok(person.account(), status_set(&person, Change::Freeze));
    chain.refused(friends[0].account(), status_set(&person, Change::Thaw), Error::BadState);
}

#[test]
fn what_a_guardian_does_takes_no_cosignature_and_stops_with_the_guardianship() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    for to in [Change::Freeze, Change::Thaw] {
        let cosign = chain.cosigns(friends[0].account(), status_set(&person, to), &[&registrar()]);
        let call = Call::StatusSet { patient: person.id, to, cosign };
        chain.refused(friends[0].account(), call, Error::BadCoSign);
    }
    for to in [Change::Close, Change::Living] {
        chain.refused(friends[0].account(), status_set(&person, to), Error::NotAuthorised);
    }
    chain.advance(YEAR);
    chain.refused(friends[0].account(), status_set(&person, Change::Freeze), Error::NotAuthorised);
}

#[test]
fn a_guardian_freezes_only_who_is_active() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    approve(&mut chain, &person, &friends[0], &[&key(200)]);
    chain.refused(friends[0].account(), status_set(&person, Change::Freeze), Error::BadState);
    chain.refused(friends[0].account(), status_set(&person, Change::Thaw), Error::BadState);
    declare(&mut chain, &person);
    chain.refused(friends[0].account(), status_set(&person, Change::Freeze), Error::NotAuthorised);
    let child = registered(&mut chain, account(registrar()), 3, true);
    let named = terms(&chain, &friends, 1);
    let call = guardians_cosigned(&chain, &child, &named, &registrar(), &[&clerk()]);
    chain.ok(account(registrar()), call);
    chain.refused(friends[0].account(), status_set(&child, Change::Freeze), Error::BadState);
}
