//! Freezing, death and closing.

use salus_primitives::time::{DAY, HOUR};
use salus_registry::{Call as RegistryCall, Error as RegistryError, keys_locked};

use super::*;
use crate::{
    state::{hold_lifted, hold_set},
    types::{DECEASED_DELAY, FREEZE, FREEZE_EVERY, FrozenBy},
};

fn set(person: &Person, to: Change) -> Call {
    Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() }
}

/// The same call, by the hospital's Registrar and co-signed by these.
fn cosigned(chain: &Chain, person: &Person, to: Change, signers: &[&KeyPair]) -> Call {
    let cosign = chain.cosigns(account(registrar()), set(person, to), signers);
    Call::StatusSet { patient: person.id, to, cosign }
}

fn with_patient() -> (Chain, Person) {
    let mut chain = chain();
    let person = confirmed(&mut chain, account(registrar()), 1);
    (chain, person)
}

/// What the patient's state allows: care, default policy and emergencies, new rules.
fn allowed(chain: &Chain, person: &Person) -> (Result<(), Problem>, Result<(), Problem>, Result<(), Problem>) {
    let (state, now) = (chain.state(), chain.now());
    (
        may_receive_care(state, &person.id, now),
        may_use_default(state, &person.id, now),
        may_change_rules(state, &person.id, now),
    )
}

#[test]
fn a_frozen_patient_changes_no_key_and_no_rule_while_care_goes_on() {
    let (mut chain, person) = with_patient();
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), Ok(())));
    chain
        .ok(person.account(), set(&person, Change::Freeze))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Freeze });
    let until = chain.now().plus(FREEZE);
    assert_eq!(state_of(&chain, &person), PatientState::Frozen { until, by: FrozenBy::Patient });
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), Err(Problem::Frozen)));
    assert_eq!(may_revoke(chain.state(), &person.id), Ok(()));
    let change = RegistryCall::KeysSet {
        add: Default::default(),
        drop: Default::default(),
        kem: Some(crate::testing::kem(2)),
        cosign: CoSigns::new(),
    };
    chain.refused(person.account(), change.clone(), RegistryError::BadState);

    chain.advance(FREEZE);
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), Ok(())), "a freeze ends by itself");
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    chain.ok(person.account(), change);
}

#[test]
fn the_patient_thaws() {
    let (mut chain, person) = with_patient();
    chain
        .ok(person.account(), set(&person, Change::Freeze))
        .ok(person.account(), set(&person, Change::Thaw))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Thaw });
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), Ok(())));
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.refused(person.account(), set(&person, Change::Thaw), Error::BadState);
}

#[test]
fn a_patient_freezes_once_in_thirty_days() {
    let (mut chain, person) = with_patient();
    chain.ok(person.account(), set(&person, Change::Freeze));
    chain.refused(person.account(), set(&person, Change::Freeze), Error::BadState);
    chain.ok(person.account(), set(&person, Change::Thaw)).advance(FREEZE_EVERY - 1);
    chain.refused(person.account(), set(&person, Change::Freeze), Error::RateLimited);
    chain.advance(1).ok(person.account(), set(&person, Change::Freeze));
}

#[test]
fn nobody_freezes_thaws_or_revives_another() {
    let (mut chain, person) = with_patient();
    let other = confirmed(&mut chain, account(registrar()), 2);
    let session = give_key(&mut chain, &person, 60, true);
    for to in [Change::Freeze, Change::Thaw, Change::Living] {
        chain.refused(account(key(99)), set(&person, to), Error::NotRegistered);
        for caller in [other.account(), session, account(registrar()), account(clerk())] {
            chain.refused(caller, set(&person, to), Error::NotAuthorised);
        }
    }
}

#[test]
fn what_the_patient_does_alone_takes_no_cosignature() {
    let (mut chain, person) = with_patient();
    for to in [Change::Freeze, Change::Thaw, Change::Close, Change::Living] {
        let cosign = chain.cosigns(person.account(), set(&person, to), &[&registrar()]);
        chain.refused(person.account(), Call::StatusSet { patient: person.id, to, cosign }, Error::BadCoSign);
    }
}

#[test]
fn a_provisional_patient_is_neither_frozen_nor_closed() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    for to in [Change::Freeze, Change::Thaw, Change::Close, Change::Living] {
        chain.refused(person.account(), set(&person, to), Error::BadState);
    }
}

#[test]
fn a_closed_patient_stays_closed() {
    let (mut chain, person) = with_patient();
    chain
        .ok(person.account(), set(&person, Change::Close))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Close });
    let closed = Err(Problem::Closed);
    assert_eq!(allowed(&chain, &person), (closed, closed, closed));
    assert_eq!(may_be_filed_for(chain.state(), &person.id, chain.now()), closed);
    for to in [Change::Freeze, Change::Thaw, Change::Close, Change::Living] {
        chain.refused(person.account(), set(&person, to), Error::BadState);
    }
    let call = cosigned(&chain, &person, Change::Deceased, &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::BadState);
    assert!(keys_locked(chain.state(), Subject::Patient(person.id), chain.now().plus(1_000 * DAY)));
}

#[test]
fn a_frozen_patient_is_not_closed() {
    let (mut chain, person) = with_patient();
    chain
        .ok(person.account(), set(&person, Change::Freeze))
        .refused(person.account(), set(&person, Change::Close), Error::BadState)
        .advance(FREEZE)
        .ok(person.account(), set(&person, Change::Close));
}

#[test]
fn a_patient_with_a_held_record_is_not_closed() {
    let (mut chain, person) = with_patient();
    chain.prepare(|state| {
        hold_set(state, &person.id);
        hold_set(state, &person.id);
        hold_lifted(state, &person.id);
    });
    chain.refused(person.account(), set(&person, Change::Close), Error::Held);
    chain.prepare(|state| hold_lifted(state, &person.id)).ok(person.account(), set(&person, Change::Close));
}

#[test]
fn nobody_closes_a_living_patient_but_the_patient() {
    let (mut chain, person) = with_patient();
    let other = confirmed(&mut chain, account(registrar()), 2);
    let session = give_key(&mut chain, &person, 60, true);
    chain.refused(account(key(99)), set(&person, Change::Close), Error::NotRegistered);
    for caller in [other.account(), session, account(clerk())] {
        chain.refused(caller, set(&person, Change::Close), Error::NotAuthorised);
    }
    chain.refused(account(registrar()), set(&person, Change::Close), Error::BadCoSign);
    let call = cosigned(&chain, &person, Change::Close, &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::BadState);
}

#[test]
fn two_registrars_declare_a_death_and_earlier_rules_run_out() {
    let (mut chain, person) = with_patient();
    let call = cosigned(&chain, &person, Change::Deceased, &[&clinic_registrar()]);
    chain.ok(account(registrar()), call).emitted(Event::PatientStatus { patient: person.id, to: Change::Deceased });
    let dead = Err(Problem::Deceased);
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), dead), "it can still be cancelled");
    assert!(keys_locked(chain.state(), Subject::Patient(person.id), chain.now().plus(1_000 * DAY)));
    chain.advance(DECEASED_DELAY);
    assert_eq!(allowed(&chain, &person), (Ok(()), dead, dead));
    assert_eq!(may_revoke(chain.state(), &person.id), Ok(()));
    let again = cosigned(&chain, &person, Change::Deceased, &[&clinic_registrar()]);
    chain.refused(account(registrar()), again, Error::BadState);
}

#[test]
fn a_death_takes_registrars_of_two_active_organisations() {
    let (mut chain, person) = with_patient();
    let second = key(70);
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &second);
    let gateway = key(71);
    officer(&mut chain, CLINIC, Roles::GATEWAY, &gateway);
    let bare = set(&person, Change::Deceased);
    chain.refused(account(key(99)), bare.clone(), Error::NotRegistered);
    chain.refused(person.account(), bare.clone(), Error::NotAuthorised);
    chain.refused(account(clerk()), bare.clone(), Error::NotAuthorised);
    chain.refused(account(registrar()), bare, Error::BadCoSign);
    for signers in
        [&[&second][..], &[&gateway], &[&person.key], &[&key(99)], &[&registrar()], &[&clinic_registrar(), &second]]
    {
        let call = cosigned(&chain, &person, Change::Deceased, signers);
        chain.refused(account(registrar()), call, Error::BadCoSign);
    }
    let stale = cosigned(&chain, &person, Change::Deceased, &[&clinic_registrar()]);
    suspend(&mut chain, CLINIC);
    chain.refused(account(registrar()), stale.clone(), Error::BadCoSign);
    salus_registry::testing::set_status(&mut chain, CLINIC, OrganisationStatus::Active);
    chain.refused(account(registrar()), stale, Error::BadCoSign);
    suspend(&mut chain, HOSPITAL);
    let call = cosigned(&chain, &person, Change::Deceased, &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn an_unknown_patient_neither_dies_nor_closes() {
    let mut chain = chain();
    let nobody = Person::number(9);
    for to in [Change::Deceased, Change::Close] {
        let call = cosigned(&chain, &nobody, to, &[&clinic_registrar()]);
        chain.refused(account(registrar()), call, Error::UnknownPatient);
    }
}

#[test]
fn the_patient_cancels_a_death_within_seventy_two_hours() {
    let (mut chain, person) = with_patient();
    declare(&mut chain, &person);
    chain.advance(DECEASED_DELAY - 1);
    chain
        .ok(person.account(), set(&person, Change::Living))
        .emitted(Event::PatientStatus { patient: person.id, to: Change::Living });
    assert_eq!(allowed(&chain, &person), (Ok(()), Ok(()), Ok(())));
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));

    declare(&mut chain, &person);
    chain.advance(DECEASED_DELAY).refused(person.account(), set(&person, Change::Living), Error::TooLate);
}

#[test]
fn a_cancelled_death_restores_a_freeze_that_still_runs() {
    let (mut chain, person) = with_patient();
    chain.ok(person.account(), set(&person, Change::Freeze));
    let frozen = state_of(&chain, &person);
    declare(&mut chain, &person);
    chain.advance(HOUR).ok(person.account(), set(&person, Change::Living));
    assert_eq!(state_of(&chain, &person), frozen);
    assert!(keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now().plus(FREEZE)));
}

#[test]
fn a_declared_provisional_patient_lapses_all_the_same_and_returns_as_provisional() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    chain.advance(29 * DAY);
    declare(&mut chain, &person);
    assert_eq!(may_be_filed_for(chain.state(), &person.id, chain.now()), Ok(()));
    assert!(is_provisional(chain.state(), &person.id), "its keys are still held for it");
    chain.advance(DAY);
    assert_eq!(may_receive_care(chain.state(), &person.id, chain.now()), Err(Problem::Lapsed));
    chain.ok(person.account(), set(&person, Change::Living));
    assert!(is_provisional(chain.state(), &person.id));
}

#[test]
fn a_provisional_patient_who_lapsed_is_not_open_again_after_a_death() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    chain.advance(30 * DAY);
    declare(&mut chain, &person);
    let care = |chain: &Chain| may_receive_care(chain.state(), &person.id, chain.now());
    assert_eq!(care(&chain), Err(Problem::Lapsed));
    chain.advance(DECEASED_DELAY);
    assert_eq!(care(&chain), Err(Problem::Lapsed), "the declaration can no longer be cancelled");
}

#[test]
fn after_a_death_two_registrars_close_when_it_can_no_longer_be_cancelled() {
    let (mut chain, person) = with_patient();
    declare(&mut chain, &person);
    chain.refused(person.account(), set(&person, Change::Close), Error::BadState);
    let early = cosigned(&chain, &person, Change::Close, &[&clinic_registrar()]);
    chain.refused(account(registrar()), early, Error::TooEarly).advance(DECEASED_DELAY);
    chain.refused(person.account(), set(&person, Change::Close), Error::BadState);
    let alone = set(&person, Change::Close);
    chain.refused(account(registrar()), alone, Error::BadCoSign);
    let held = cosigned(&chain, &person, Change::Close, &[&clinic_registrar()]);
    chain.prepare(|state| hold_set(state, &person.id)).refused(account(registrar()), held, Error::Held);
    chain.prepare(|state| hold_lifted(state, &person.id));
    let call = cosigned(&chain, &person, Change::Close, &[&clinic_registrar()]);
    chain.ok(account(registrar()), call);
    assert_eq!(state_of(&chain, &person), PatientState::Closed);
}

#[test]
fn freeze_and_veto_are_never_refused_for_weight() {
    let person = Person::number(1);
    let class = |to| Patients::cost(&set(&person, to)).class;
    use salus_support::Class::{Ordinary, Protected};
    assert_eq!((class(Change::Freeze), class(Change::Living)), (Protected, Protected));
    assert_eq!((class(Change::Thaw), class(Change::Close), class(Change::Deceased)), (Ordinary, Ordinary, Ordinary));
}
