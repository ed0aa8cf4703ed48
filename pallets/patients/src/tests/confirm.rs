//! Confirmation.

use salus_registry::Call as RegistryCall;

use super::*;
use crate::types::PROVISIONAL_MAX;

#[test]
fn a_confirmed_patient_can_be_filed_for() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, false);
    let filing = |chain: &Chain| may_be_filed_for(chain.state(), &person.id, chain.now());
    assert_eq!(filing(&chain), Err(Problem::Unconfirmed));
    chain
        .ok(account(registrar()), Call::Confirm { patient: person.id, assurance: 1 })
        .emitted(Event::Confirmed { patient: person.id, assurance: 1 });
    assert_eq!(filing(&chain), Ok(()));
    assert_eq!(assurance(chain.state(), &person.id), Ok(1));
}

#[test]
fn nobody_confirms_but_a_registrar_of_the_active_organisation_that_invited() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, false);
    let call = Call::Confirm { patient: person.id, assurance: 1 };
    chain.refused(account(key(99)), call.clone(), Error::NotRegistered);
    for other in [clinic_registrar(), clerk(), person.key.clone()] {
        chain.refused(account(other), call.clone(), Error::NotAuthorised);
    }
    suspend(&mut chain, HOSPITAL);
    chain.refused(account(registrar()), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn assurance_is_one_or_two_and_only_rises() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, false);
    let call = |assurance| Call::Confirm { patient: person.id, assurance };
    for bad in [0, 3, 255] {
        chain.refused(account(registrar()), call(bad), Error::BadAssurance);
    }
    chain.ok(account(registrar()), call(1)).refused(account(registrar()), call(1), Error::BadState);
    chain.ok(account(registrar()), call(2)).refused(account(registrar()), call(1), Error::BadState);
}

#[test]
fn an_unknown_patient_is_not_confirmed() {
    let call = Call::Confirm { patient: Person::number(1).id, assurance: 1 };
    chain().refused(account(registrar()), call, Error::UnknownPatient);
}

#[test]
fn a_closed_patient_is_not_confirmed() {
    let mut chain = chain();
    let person = confirmed(&mut chain, account(registrar()), 1);
    chain.ok(person.account(), Call::StatusSet { patient: person.id, to: Change::Close, cosign: CoSigns::new() });
    let call = Call::Confirm { patient: person.id, assurance: 2 };
    chain.refused(account(registrar()), call, Error::BadState);
}

#[test]
fn a_provisional_patient_is_confirmed_only_when_the_key_that_was_held_for_them_is_gone() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    let call = Call::Confirm { patient: person.id, assurance: 1 };
    chain.refused(account(registrar()), call.clone(), Error::KeyHeld);
    let own = give_key(&mut chain, &person, 50, false);
    chain.refused(account(registrar()), call.clone(), Error::KeyHeld);
    let drop = RegistryCall::KeysSet {
        add: Default::default(),
        drop: vec![person.account()].try_into().unwrap(),
        kem: None,
        cosign: CoSigns::new(),
    };
    chain.ok(own, drop).ok(account(registrar()), call);
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!is_provisional(chain.state(), &person.id));
}

#[test]
fn a_lapsed_provisional_patient_can_still_be_confirmed() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    give_key(&mut chain, &person, 50, false);
    chain.prepare(|state| salus_system::keys::end(state, person.account()));
    chain.advance(PROVISIONAL_MAX);
    chain.ok(account(registrar()), Call::Confirm { patient: person.id, assurance: 1 });
    assert_eq!(may_receive_care(chain.state(), &person.id, chain.now()), Ok(()));
}
