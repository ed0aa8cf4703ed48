//! Dropping keys while there are guardians: 72 hours in which any key objects.

use salus_primitives::{Moment, time::HOUR};
use salus_registry::{DROP_DELAY, Error as RegistryError, Event as RegistryEvent, types::NewKey};
use salus_system::{Ended, storage::Account};

use super::*;
use crate::types::{FREEZE, GUARDIANS_DELAY};
use salus_system::types::RECOVERY_DELAY;

/// A patient with two guardians and a second lasting key, of seed 50.
fn with_two_keys() -> (Chain, Person, Vec<Person>, AccountId) {
    let (mut chain, person, friends) = with_guardians(2, 2);
    let second = give_key(&mut chain, &person, 50, false);
    (chain, person, friends, second)
}

fn end_of(chain: &Chain, key: AccountId) -> Ended {
    Account::get(chain.state(), &key).data.ended
}

#[test]
fn a_dropped_key_speaks_for_a_patient_with_guardians_another_seventy_two_hours() {
    let (mut chain, person, _, second) = with_two_keys();
    let going = vec![person.account()].try_into().unwrap();
    chain.ok(second, keys_set(&[], &[person.account()])).emitted(RegistryEvent::KeysSet {
        subject: Subject::Patient(person.id),
        added: Default::default(),
        dropped: Default::default(),
        kem: false,
        going,
        kept: Default::default(),
    });
    assert_eq!(end_of(&chain, person.account()), Ended::At(chain.now().plus(DROP_DELAY)));
    chain.advance(DROP_DELAY - 1);
    assert_eq!(live(&chain, &person), [person.account(), second]);
    chain.advance(1);
    assert_eq!(live(&chain, &person), [second]);
    chain.refused(person.account(), keys_set(&[person.account()], &[]), RegistryError::NotRegistered);
    chain.refused(second, keys_set(&[], &[person.account()]), RegistryError::UnknownKey);
    let cosign = chain.cosigns(second, keys_set(&[person.account()], &[]), &[&person.key]);
    let salus_registry::Call::KeysSet { add, drop, kem, .. } = keys_set(&[person.account()], &[]) else { panic!() };
    let back = salus_registry::Call::KeysSet { add, drop, kem, cosign };
    chain.refused(second, back, RegistryError::KeyTaken);
}

#[test]
fn any_live_key_of_the_patient_cancels_a_drop_that_waits() {
    let (mut chain, person, friends, second) = with_two_keys();
    let session = give_key(&mut chain, &person, 60, true);
    for objector in [person.account(), second, session] {
        chain.ok(second, keys_set(&[], &[person.account()]));
        let kept = vec![person.account()].try_into().unwrap();
        chain.ok(objector, keys_set(&[person.account()], &[])).emitted(RegistryEvent::KeysSet {
            subject: Subject::Patient(person.id),
            added: Default::default(),
            dropped: Default::default(),
            kem: false,
            going: Default::default(),
            kept,
        });
        assert_eq!(end_of(&chain, person.account()), Ended::No);
    }
    chain.ok(second, keys_set(&[], &[person.account()])).advance(DROP_DELAY - 1);
    chain.refused(friends[0].account(), keys_set(&[person.account()], &[]), RegistryError::KeyTaken);
    chain.ok(person.account(), keys_set(&[person.account()], &[])).advance(1);
    assert_eq!(live(&chain, &person), [person.account(), second], "it was cancelled at the last moment");
}

#[test]
fn a_session_key_cancels_a_drop_and_does_nothing_besides() {
    let (mut chain, person, _, second) = with_two_keys();
    let session = give_key(&mut chain, &person, 60, true);
    chain.refused(session, keys_set(&[person.account()], &[]), RegistryError::NotAuthorised);
    chain.ok(second, keys_set(&[], &[person.account()]));
    chain.refused(session, keys_set(&[person.account()], &[second]), RegistryError::NotAuthorised);
    chain.refused(session, keys_set(&[person.account(), account(key(51))], &[]), RegistryError::NotAuthorised);
    chain.ok(session, keys_set(&[person.account()], &[]));
}

#[test]
fn a_key_that_is_kept_is_not_made_a_session_key_and_needs_no_signature() {
    let (mut chain, person, _, second) = with_two_keys();
    chain.ok(second, keys_set(&[], &[person.account()]));
    let until = Some(chain.now().plus(HOUR));
    let session = salus_registry::Call::KeysSet {
        add: vec![NewKey { account: person.account(), until }].try_into().unwrap(),
        drop: Default::default(),
        kem: None,
        cosign: CoSigns::new(),
    };
    chain.refused(second, session, RegistryError::BadWindow);
    let call = keys_set(&[person.account()], &[]);
    let cosign = chain.cosigns(second, call, &[&person.key]);
    let salus_registry::Call::KeysSet { add, drop, kem, .. } = keys_set(&[person.account()], &[]) else { panic!() };
    chain.refused(second, salus_registry::Call::KeysSet { add, drop, kem, cosign }, RegistryError::BadCoSign);
}

#[test]
fn a_drop_that_waits_is_neither_asked_for_twice_nor_counted_as_a_key_that_stays() {
    let (mut chain, person, _, second) = with_two_keys();
    chain.ok(second, keys_set(&[], &[person.account()])).advance(HOUR);
    chain.refused(second, keys_set(&[], &[person.account()]), RegistryError::BadState);
    chain.refused(person.account(), keys_set(&[], &[second]), RegistryError::LastKey);
    chain.ok(person.account(), keys_set(&[person.account()], &[second]));
    chain.advance(DROP_DELAY);
    assert_eq!(live(&chain, &person), [person.account()]);
}

#[test]
fn a_session_key_is_dropped_at_once_all_the_same() {
    let (mut chain, person, ..) = with_two_keys();
    let session = give_key(&mut chain, &person, 60, true);
    chain.ok(person.account(), keys_set(&[], &[session]));
    assert!(!live(&chain, &person).contains(&session));
}

#[test]
fn without_guardians_a_key_is_dropped_at_once() {
    let (mut chain, person, _, second) = with_two_keys();
    chain.ok(person.account(), guardians_set(&person, GuardianChange::End)).advance(GUARDIANS_DELAY - 1);
    chain.ok(person.account(), keys_set(&[], &[second])).advance(1);
    assert_eq!(live(&chain, &person), [person.account(), second], "what waits goes on waiting");
    chain.advance(DROP_DELAY - 1);
    assert_eq!(live(&chain, &person), [person.account()]);
    let third = give_key(&mut chain, &person, 51, false);
    chain.ok(person.account(), keys_set(&[], &[third]));
    assert_eq!(live(&chain, &person), [person.account()]);
}

#[test]
fn a_drop_whose_time_came_makes_room_for_another_key() {
    let (mut chain, person, _, second) = with_two_keys();
    for seed in [51, 52] {
        give_key(&mut chain, &person, seed, false);
    }
    let swap = |chain: &Chain| {
        let call = keys_set(&[account(key(53))], &[]);
        let cosign = chain.cosigns(person.account(), call.clone(), &[&key(53)]);
        let salus_registry::Call::KeysSet { add, drop, kem, .. } = call else { panic!() };
        salus_registry::Call::KeysSet { add, drop, kem, cosign }
    };
    chain.ok(person.account(), keys_set(&[], &[second]));
    let early = swap(&chain);
    chain.refused(person.account(), early, RegistryError::TooMany).advance(DROP_DELAY);
    let call = swap(&chain);
    chain.ok(person.account(), call);
    assert_eq!(end_of(&chain, second), Ended::Yes);
    assert_eq!(live(&chain, &person), [person.account(), account(key(51)), account(key(52)), account(key(53))]);
}

#[test]
fn no_drop_takes_effect_while_the_patient_is_frozen_and_it_can_still_be_cancelled() {
    let (mut chain, person, friends, second) = with_two_keys();
    chain.ok(second, keys_set(&[], &[person.account()])).advance(DROP_DELAY - 1);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze)).advance(FREEZE - 1);
    assert_eq!(live(&chain, &person), [person.account(), second]);
    chain.refused(second, keys_set(&[], &[second]), RegistryError::BadState);
    chain.ok(person.account(), keys_set(&[person.account()], &[])).advance(1);
    assert_eq!(live(&chain, &person), [person.account(), second]);

    chain.ok(second, keys_set(&[], &[person.account()]));
    chain.ok(second, status_set(&person, Change::Freeze)).advance(FREEZE - 1);
    assert_eq!(live(&chain, &person), [person.account(), second]);
    chain.advance(1);
    assert_eq!(live(&chain, &person), [second], "it comes when the freeze is over");
}

#[test]
fn a_freeze_that_is_thawed_leaves_a_drop_seventy_two_hours_at_most() {
    let (mut chain, person, _, second) = with_two_keys();
    chain.ok(second, keys_set(&[], &[person.account()])).advance(HOUR);
    chain.ok(second, status_set(&person, Change::Freeze)).advance(HOUR);
    chain.ok(second, status_set(&person, Change::Thaw)).advance(DROP_DELAY - 1);
    assert_eq!(live(&chain, &person), [person.account(), second]);
    chain.advance(1);
    assert_eq!(live(&chain, &person), [second]);
}

#[test]
fn a_drop_waits_for_a_declaration_of_death_and_a_recovery_to_end() {
    let (mut chain, person, friends, second) = with_two_keys();
    chain.ok(second, keys_set(&[], &[person.account()]));
    declare(&mut chain, &person);
    chain.advance(DROP_DELAY - 1);
    chain.ok(person.account(), status_set(&person, Change::Living));
    assert_eq!(end_of(&chain, person.account()), Ended::At(chain.now().plus(DROP_DELAY)));

    for friend in &friends {
        approve(&mut chain, &person, friend, &[&key(200)]);
    }
    chain.advance(RECOVERY_DELAY - 1);
    chain.ok(person.account(), recover(&person, RecoveryStep::Cancel));
    assert_eq!(end_of(&chain, person.account()), Ended::At(chain.now().plus(DROP_DELAY)));
    assert_ne!(end_of(&chain, person.account()), Ended::At(Moment(u64::MAX)));
}

#[test]
fn a_provisional_patient_is_confirmed_when_the_drop_of_the_held_key_has_come() {
    let mut chain = chain();
    let parent = confirmed(&mut chain, account(registrar()), 2);
    let child = registered(&mut chain, account(registrar()), 3, true);
    let named = terms(&chain, &[parent], 1);
    let call = guardians_cosigned(&chain, &child, &named, &registrar(), &[&clerk()]);
    chain.ok(account(registrar()), call);
    let own = give_key(&mut chain, &child, 50, false);
    chain.ok(own, keys_set(&[], &[child.account()])).advance(DROP_DELAY - 1);
    let confirm = Call::Confirm { patient: child.id, assurance: 1 };
    chain.refused(account(registrar()), confirm.clone(), Error::KeyHeld);
    chain.advance(1).ok(account(registrar()), confirm);
}

#[test]
fn cancelling_a_drop_is_never_refused_for_weight() {
    use salus_registry::Registry;
    use salus_support::Class::{Ordinary, Protected};
    let (one, other) = (account(key(50)), account(key(51)));
    assert_eq!(Registry::cost(&keys_set(&[one], &[])).class, Protected);
    for call in [keys_set(&[], &[one]), keys_set(&[one], &[other]), keys_set(&[], &[])] {
        assert_eq!(Registry::cost(&call).class, Ordinary);
    }
}
