//! Errors and holds.

use salus_consent::Servable;
use salus_patients::{Change as PatientChange, storage::Holds};
use salus_primitives::signed::CoSigns;

use super::*;

fn set(draft: &Draft, to: Change) -> Call {
    Call::StatusSet { patient: draft.patient, id: draft.id, to, basis: 3 }
}

/// A chain with one record, by the hospital's doctor.
fn with_record() -> (Chain, Person, Draft) {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &draft);
    (chain, person, draft)
}

#[test]
fn an_author_or_the_custodian_marks_an_error_and_it_is_served_to_nobody() {
    for who in [doctor_account(), privacy()] {
        let (mut chain, person, draft) = with_record();
        chain.ok(who, set(&draft, Change::EnteredInError)).emitted(Event::RecordStatus {
            patient: person.id,
            record: draft.id,
            to: Change::EnteredInError,
            basis: 3,
        });
        assert_eq!(view(chain.state(), person.id, draft.id).unwrap().servable, Servable::EnteredInError);
        chain.refused(who, set(&draft, Change::EnteredInError), Error::BadState);
    }
}

#[test]
fn a_superseded_record_can_be_an_error_too() {
    let (mut chain, person, draft) = with_record();
    file(&mut chain, &amendment(&draft, 2));
    chain.ok(doctor_account(), set(&draft, Change::EnteredInError));
    assert_eq!(kept(&chain, &person, draft.id).status, RecordStatus::EnteredInError);
    assert_eq!(kept(&chain, &person, amendment(&draft, 2).id).status, RecordStatus::Current);
}

#[test]
fn a_held_record_is_no_error_until_the_custodian_lifts_the_hold() {
    let (mut chain, person, draft) = with_record();
    chain.ok(doctor_account(), set(&draft, Change::Hold)).emitted(Event::RecordStatus {
        patient: person.id,
        record: draft.id,
        to: Change::Hold,
        basis: 3,
    });
    assert!(kept(&chain, &person, draft.id).hold);
    chain.refused(privacy(), set(&draft, Change::Hold), Error::BadState);
    chain.refused(privacy(), set(&draft, Change::EnteredInError), Error::Held);
    chain.refused(doctor_account(), set(&draft, Change::LiftHold), Error::NotAuthorised);
    chain.ok(privacy(), set(&draft, Change::LiftHold));
    chain.refused(privacy(), set(&draft, Change::LiftHold), Error::BadState);
    chain.ok(privacy(), set(&draft, Change::EnteredInError));
}

#[test]
fn a_held_record_can_be_amended() {
    let (mut chain, person, draft) = with_record();
    chain.ok(privacy(), set(&draft, Change::Hold));
    file(&mut chain, &amendment(&draft, 2));
    let held = kept(&chain, &person, draft.id);
    assert_eq!((held.status, held.hold), (RecordStatus::Superseded, true));
}

#[test]
fn a_patient_with_a_held_record_is_not_closed() {
    let (mut chain, person, draft) = with_record();
    let close =
        salus_patients::Call::StatusSet { patient: person.id, to: PatientChange::Close, cosign: CoSigns::new() };
    chain.ok(privacy(), set(&draft, Change::Hold));
    assert_eq!(Holds::get(chain.state(), &person.id), 1);
    chain.refused(person.account(), close.clone(), salus_patients::Error::Held);
    chain.ok(privacy(), set(&draft, Change::LiftHold)).ok(person.account(), close);
    assert_eq!(Holds::get(chain.state(), &person.id), 0);
}

#[test]
fn nobody_else_marks_or_holds() {
    let (mut chain, person, draft) = with_record();
    let doctors_session = session_key(&mut chain, DOCTOR_SUBJECT);
    for to in [Change::EnteredInError, Change::Hold, Change::LiftHold] {
        chain.refused(key(99).public(), set(&draft, to), Error::NotRegistered);
        let others =
            [registrar(), gateway().public(), clinic_privacy(), other_doctor(), person.account(), doctors_session];
        for caller in others {
            chain.refused(caller, set(&draft, to), Error::NotAuthorised);
        }
    }
}

#[test]
fn the_second_custodian_and_a_doctor_who_left_leave_it_to_the_custodian() {
    let (mut chain, person) = chain();
    let draft = Draft { second: Some(CLINIC), ..Draft::lab(person.id, HOSPITAL, 1) };
    draft.file(&mut chain, doctor_account(), &DOCTOR_SUBJECT, &[&gateway(), &clinic_gateway()]);
    chain.refused(clinic_privacy(), set(&draft, Change::EnteredInError), Error::NotAuthorised);
    chain.prepare(|state| salus_registry::storage::Affiliations::remove(state, &(DOCTOR, HOSPITAL)));
    let gone = Error::NotActive(Standing::NotAffiliated);
    chain.refused(doctor_account(), set(&draft, Change::EnteredInError), gone);
    chain.ok(privacy(), set(&draft, Change::EnteredInError));
}

#[test]
fn a_suspended_custodian_changes_nothing() {
    let (mut chain, _, draft) = with_record();
    suspend(&mut chain, HOSPITAL);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    chain.refused(privacy(), set(&draft, Change::Hold), suspended);
    chain.refused(doctor_account(), set(&draft, Change::Hold), suspended);
}

#[test]
fn a_patient_marks_their_own_contribution_unless_frozen() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    draft.file(&mut chain, person.account(), &Subject::Patient(person.id), &[&gateway()]);
    let freeze = |to| salus_patients::Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() };
    chain.ok(person.account(), freeze(PatientChange::Freeze));
    chain.refused(person.account(), set(&draft, Change::EnteredInError), Error::Patient(Problem::Frozen));
    chain.ok(person.account(), freeze(PatientChange::Thaw)).ok(person.account(), set(&draft, Change::EnteredInError));
}

#[test]
fn a_record_that_is_not_there_is_named_as_such() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    chain.refused(privacy(), set(&draft, Change::Hold), Error::NoSuchRecord);
}
