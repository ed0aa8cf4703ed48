//! Erasure: asked for by the patient, refused or done by the custodian, attested by all who kept the record.

use salus_consent::{Question, Servable, Verdict, decide};
use salus_patients::{Change as PatientChange, testing::registered};
use salus_primitives::signed::CoSigns;

use super::*;
use crate::storage::Erasures;

fn set(draft: &Draft, to: Change, basis: u8) -> Call {
    Call::StatusSet { patient: draft.patient, id: draft.id, to, basis }
}

fn attest(draft: &Draft, key_epoch: u32) -> Call {
    Call::ShredAttest { patient: draft.patient, id: draft.id, key_epoch }
}

/// How the erasure of a record stands.
fn erasure(chain: &Chain, draft: &Draft) -> Option<Erasure> {
    Erasures::get(chain.state(), &(draft.patient, draft.id))
}

fn owing(organisations: &[OrganisationId]) -> BoundedVec<OrganisationId, { types::CUSTODIANS_MAX }> {
    BoundedVec::try_from(organisations.to_vec()).unwrap()
}

/// A chain with one record that the hospital and the clinic keep.
fn kept_twice() -> (Chain, Person, Draft) {
    let (mut chain, person) = chain();
    let draft = Draft { second: Some(CLINIC), ..Draft::lab(person.id, HOSPITAL, 1) };
    draft.file(&mut chain, doctor_account(), &DOCTOR_SUBJECT, &[&gateway(), &clinic_gateway()]);
    (chain, person, draft)
}

/// The same, with the patient's request.
fn requested() -> (Chain, Person, Draft) {
    let (mut chain, person, draft) = kept_twice();
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0));
    (chain, person, draft)
}

/// The same, erased.
fn erased() -> (Chain, Person, Draft) {
    let (mut chain, person, draft) = requested();
    chain.ok(privacy(), set(&draft, Change::Erase, 17));
    (chain, person, draft)
}

/// What the hospital's doctor gets when they want to view it.
fn decision(chain: &Chain, draft: &Draft) -> Verdict {
    let question = Question {
        patient: draft.patient,
        actor: DOCTOR,
        organisation: HOSPITAL,
        action: Action::View,
        purpose: Purpose::Treatment,
        at: chain.now(),
    };
    decide(chain.state(), &question, &view(chain.state(), draft.patient, draft.id).unwrap())
}

#[test]
fn a_patient_asks_and_care_goes_on_until_the_custodian_answers() {
    let (mut chain, person, draft) = requested();
    chain.emitted(Event::RecordStatus { patient: person.id, record: draft.id, to: Change::RequestErase, basis: 0 });
    assert_eq!(erasure(&chain, &draft), Some(Erasure::Requested { at: chain.now() }));
    assert!(decision(&chain, &draft).is_permit());
    file(&mut chain, &amendment(&draft, 2));
    assert_eq!(kept(&chain, &person, draft.id).status, RecordStatus::Superseded);
    chain.refused(person.account(), set(&draft, Change::RequestErase, 0), Error::BadState);
}

#[test]
fn the_custodian_refuses_by_law_and_the_patient_may_ask_again() {
    let (mut chain, person, draft) = requested();
    chain.ok(privacy(), set(&draft, Change::RefuseErase, 3)).emitted(Event::RecordStatus {
        patient: person.id,
        record: draft.id,
        to: Change::RefuseErase,
        basis: 3,
    });
    assert_eq!(erasure(&chain, &draft), Some(Erasure::Refused { at: chain.now(), basis: 3 }));
    assert!(decision(&chain, &draft).is_permit());
    for to in [Change::Erase, Change::RefuseErase] {
        chain.refused(privacy(), set(&draft, to, 3), Error::BadState);
    }
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0)).ok(privacy(), set(&draft, Change::Erase, 3));
}

#[test]
fn an_erased_record_is_given_to_nobody_and_each_custodian_owes_an_attestation() {
    let (mut chain, person, draft) = erased();
    chain.emitted(Event::RecordStatus { patient: person.id, record: draft.id, to: Change::Erase, basis: 17 });
    let open = owing(&[HOSPITAL, CLINIC]);
    assert_eq!(erasure(&chain, &draft), Some(Erasure::Ordered { at: chain.now(), open }));
    assert_eq!(view(chain.state(), person.id, draft.id).unwrap().servable, Servable::Erased);
    assert_eq!(decision(&chain, &draft), Verdict::Denied(Reason::Erased.into()));
}

#[test]
fn an_erased_record_changes_no_more() {
    let (mut chain, person, draft) = erased();
    for to in [Change::EnteredInError, Change::Hold, Change::LiftHold, Change::Erase, Change::RefuseErase] {
        chain.refused(privacy(), set(&draft, to, 17), Error::BadState);
    }
    chain.refused(person.account(), set(&draft, Change::RequestErase, 0), Error::BadState);
    let (patient, id) = (person.id, draft.id);
    let relabel = Call::Relabel { patient, id, tags: Tags::new(), labelled: true, restricted: false };
    chain.refused(person.account(), relabel, Error::BadState);
    refuses(&mut chain, &amendment(&draft, 2), Error::NotHead);
    refuses(&mut chain, &draft, Error::IdTaken);
}

#[test]
fn each_custodian_attests_once_and_with_the_last_the_erasure_is_complete() {
    let (mut chain, person, draft) = erased();
    let since = chain.now();
    let shredded =
        |custodian| Event::Shredded { patient: person.id, record: draft.id, custodian, key_epoch: types::FIRST_EPOCH };
    let complete: RuntimeEvent = Event::ErasureComplete { patient: person.id, record: draft.id }.into();
    chain.advance(DAY).ok(clinic_gateway().public(), attest(&draft, 1)).emitted(shredded(CLINIC));
    assert!(!chain.events().contains(&complete));
    let open = owing(&[HOSPITAL]);
    assert_eq!(erasure(&chain, &draft), Some(Erasure::Ordered { at: since, open }));
    chain.refused(clinic_gateway().public(), attest(&draft, 1), Error::NoDuty);
    chain.ok(gateway().public(), attest(&draft, 1)).emitted(shredded(HOSPITAL)).emitted(complete);
    assert_eq!(erasure(&chain, &draft), None);
    assert_eq!(kept(&chain, &person, draft.id).status, RecordStatus::Erased);
    chain.refused(gateway().public(), attest(&draft, 1), Error::NoDuty);
    chain.refused(person.account(), set(&draft, Change::RequestErase, 0), Error::BadState);
}

#[test]
fn nobody_attests_without_a_duty_for_this_record_and_this_key() {
    let (mut chain, person, draft) = kept_twice();
    let gateway = gateway().public();
    chain.refused(gateway, attest(&draft, 1), Error::NoDuty);
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0)).refused(gateway, attest(&draft, 1), Error::NoDuty);
    chain.ok(privacy(), set(&draft, Change::Erase, 17));
    for epoch in [0, 2] {
        chain.refused(gateway, attest(&draft, epoch), Error::NoDuty);
    }
    let unknown = Draft::lab(person.id, HOSPITAL, 9);
    chain.refused(gateway, attest(&unknown, 1), Error::NoSuchRecord);
    officer(&mut chain, PRACTICE, Roles::GATEWAY, &key(8));
    chain.refused(key(8).public(), attest(&draft, 1), Error::NoDuty);
}

#[test]
fn only_a_gateway_officer_of_an_active_organisation_attests() {
    let (mut chain, person, draft) = erased();
    chain.refused(key(99).public(), attest(&draft, 1), Error::NotRegistered);
    for caller in [privacy(), registrar(), key(101).public(), doctor_account(), person.account()] {
        chain.refused(caller, attest(&draft, 1), Error::NotAuthorised);
    }
    suspend(&mut chain, HOSPITAL);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    chain.refused(gateway().public(), attest(&draft, 1), suspended);
}

#[test]
fn nothing_is_erased_under_a_hold_though_it_can_be_asked_for_and_refused() {
    let (mut chain, person, draft) = kept_twice();
    chain.ok(privacy(), set(&draft, Change::Hold, 0)).ok(person.account(), set(&draft, Change::RequestErase, 0));
    chain.refused(privacy(), set(&draft, Change::Erase, 17), Error::Held);
    chain.ok(privacy(), set(&draft, Change::RefuseErase, 3)).ok(person.account(), set(&draft, Change::RequestErase, 0));
    chain.ok(privacy(), set(&draft, Change::LiftHold, 0)).ok(privacy(), set(&draft, Change::Erase, 17));
}

#[test]
fn what_nobody_asked_for_is_neither_erased_nor_refused() {
    let (mut chain, person, draft) = kept_twice();
    for to in [Change::Erase, Change::RefuseErase] {
        chain.refused(privacy(), set(&draft, to, 17), Error::BadState);
    }
    chain.ok(doctor_account(), set(&draft, Change::EnteredInError, 0));
    chain.refused(privacy(), set(&draft, Change::Erase, 17), Error::BadState);
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0)).ok(privacy(), set(&draft, Change::Erase, 17));
    assert_eq!(view(chain.state(), person.id, draft.id).unwrap().servable, Servable::Erased);
}

#[test]
fn either_answer_names_its_legal_basis() {
    let (mut chain, _, draft) = requested();
    for to in [Change::Erase, Change::RefuseErase] {
        chain.refused(privacy(), set(&draft, to, 0), Error::NoBasis);
    }
}

#[test]
fn only_the_patient_asks_and_only_the_first_custodians_privacy_officer_answers() {
    let (mut chain, person, draft) = kept_twice();
    let other = confirmed(&mut chain, registrar(), 2);
    let (mine, doctors) = (session_key(&mut chain, Subject::Patient(person.id)), doctor_account());
    let others = [mine, other.account(), doctors, other_doctor(), privacy(), registrar(), gateway().public()];
    chain.refused(key(99).public(), set(&draft, Change::RequestErase, 0), Error::NotRegistered);
    for caller in others {
        chain.refused(caller, set(&draft, Change::RequestErase, 0), Error::NotAuthorised);
    }
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0));
    for to in [Change::Erase, Change::RefuseErase] {
        chain.refused(key(99).public(), set(&draft, to, 17), Error::NotRegistered);
        for caller in
            [person.account(), doctors, other_doctor(), registrar(), gateway().public(), clinic_privacy(), mine]
        {
            chain.refused(caller, set(&draft, to, 17), Error::NotAuthorised);
        }
    }
    suspend(&mut chain, HOSPITAL);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    chain.refused(privacy(), set(&draft, Change::Erase, 17), suspended);
}

#[test]
fn a_frozen_or_provisional_patient_asks_for_no_erasure_but_what_was_asked_is_done() {
    let (mut chain, person, draft) = kept_twice();
    let second = amendment(&draft, 2);
    file(&mut chain, &second);
    chain.ok(person.account(), set(&draft, Change::RequestErase, 0));
    let freeze = |to| salus_patients::Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() };
    chain.ok(person.account(), freeze(PatientChange::Freeze));
    let frozen = Error::Patient(Problem::Frozen);
    chain.refused(person.account(), set(&second, Change::RequestErase, 0), frozen);
    chain.ok(privacy(), set(&draft, Change::Erase, 17));

    let held = registered(&mut chain, registrar(), 5, true);
    let terms = full(&chain, Grantee::Organisation(HOSPITAL));
    grant(&mut chain, held.account(), held.id, terms);
    let draft = Draft::lab(held.id, HOSPITAL, 1);
    file(&mut chain, &draft);
    chain.refused(held.account(), set(&draft, Change::RequestErase, 0), Error::NotAuthorised);
}

#[test]
fn an_erased_summary_is_the_summary_no_more_and_another_may_be_filed() {
    let (mut chain, person) = chain();
    let first = Draft { kind: Kind::Summary, ..Draft::lab(person.id, HOSPITAL, 1) };
    file(&mut chain, &first);
    chain.ok(person.account(), set(&first, Change::RequestErase, 0));
    assert_eq!(summary(chain.state(), person.id), Some(first.id));
    chain.ok(privacy(), set(&first, Change::Hold, 0)).ok(privacy(), set(&first, Change::LiftHold, 0));
    assert_eq!(summary(chain.state(), person.id), Some(first.id));
    chain.ok(privacy(), set(&first, Change::Erase, 17));
    assert_eq!(summary(chain.state(), person.id), None);
    file(&mut chain, &Draft { id: RecordId([2; 16]), ..first });
}

#[test]
fn an_erasure_of_a_record_that_is_not_there_is_named_as_such() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    chain.refused(person.account(), set(&draft, Change::RequestErase, 0), Error::NoSuchRecord);
    chain.refused(privacy(), set(&draft, Change::Erase, 17), Error::NoSuchRecord);
}
