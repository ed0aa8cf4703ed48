//! Labels set anew.

use salus_consent::Tag;
use salus_patients::{Change as PatientChange, testing::registered};
use salus_primitives::signed::CoSigns;

use super::*;

fn tags(numbers: &[u8]) -> Tags {
    Tags::try_from(numbers.iter().map(|number| Tag([*number; 8])).collect::<Vec<_>>()).unwrap()
}

fn relabel(draft: &Draft, tags: Tags, labelled: bool, restricted: bool) -> Call {
    Call::Relabel { patient: draft.patient, id: draft.id, tags, labelled, restricted }
}

/// A chain with one record without labels, hence restricted.
fn unlabelled() -> (Chain, Person, Draft) {
    let (mut chain, person) = chain();
    let draft = Draft { tags: tags(&[1]), labelled: false, restricted: true, ..Draft::lab(person.id, HOSPITAL, 1) };
    file(&mut chain, &draft);
    (chain, person, draft)
}

#[test]
fn the_patient_sets_labels_and_clears_restricted_and_nothing_else_changes() {
    let (mut chain, person, draft) = unlabelled();
    let before = kept(&chain, &person, draft.id);
    chain.ok(person.account(), relabel(&draft, tags(&[2, 3]), true, false)).emitted(Event::Relabelled {
        patient: person.id,
        record: draft.id,
        labelled: true,
        restricted: false,
    });
    let expected = Record { tags: tags(&[2, 3]), labelled: true, restricted: false, ..before };
    assert_eq!(kept(&chain, &person, draft.id), expected);
}

#[test]
fn an_amendment_after_it_carries_over_what_the_patient_set() {
    let (mut chain, person, draft) = unlabelled();
    chain.ok(person.account(), relabel(&draft, tags(&[2]), true, false));
    let second = amendment(&draft, 2);
    file(&mut chain, &second);
    let kept_second = kept(&chain, &person, second.id);
    assert_eq!((kept_second.tags, kept_second.labelled, kept_second.restricted), (tags(&[2]), true, false));
    chain.ok(person.account(), relabel(&draft, tags(&[]), true, true));
    assert!(kept(&chain, &person, draft.id).restricted, "an earlier version is read too");
    assert!(!kept(&chain, &person, second.id).restricted, "each version has its own labels");
}

#[test]
fn what_is_not_labelled_stays_restricted_and_no_tag_stands_twice() {
    let (mut chain, person, draft) = unlabelled();
    chain.refused(person.account(), relabel(&draft, tags(&[2]), false, false), Error::BadTags);
    chain.refused(person.account(), relabel(&draft, tags(&[2, 2]), true, true), Error::BadTags);
    chain.ok(person.account(), relabel(&draft, tags(&[]), false, true));
}

#[test]
fn nobody_but_the_patient_relabels() {
    let (mut chain, person, draft) = unlabelled();
    // A guardian is a patient with another id.
    let other = confirmed(&mut chain, registrar(), 2);
    let mine = session_key(&mut chain, Subject::Patient(person.id));
    let call = relabel(&draft, tags(&[]), true, false);
    chain.refused(key(99).public(), call.clone(), Error::NotRegistered);
    for caller in [mine, other.account(), doctor_account(), privacy(), registrar(), gateway().public()] {
        chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    let held = registered(&mut chain, registrar(), 5, true);
    let terms = full(&chain, Grantee::Organisation(HOSPITAL));
    grant(&mut chain, held.account(), held.id, terms);
    let draft = Draft::lab(held.id, HOSPITAL, 1);
    file(&mut chain, &draft);
    chain.refused(held.account(), relabel(&draft, tags(&[]), true, true), Error::NotAuthorised);
}

#[test]
fn a_frozen_patient_relabels_nothing() {
    let (mut chain, person, draft) = unlabelled();
    let to = PatientChange::Freeze;
    chain.ok(person.account(), salus_patients::Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() });
    let frozen = Error::Patient(Problem::Frozen);
    chain.refused(person.account(), relabel(&draft, tags(&[]), true, false), frozen);
}

#[test]
fn an_error_and_an_unknown_record_are_not_relabelled() {
    let (mut chain, person, draft) = unlabelled();
    let unknown = Draft::lab(person.id, HOSPITAL, 9);
    chain.refused(person.account(), relabel(&unknown, tags(&[]), true, false), Error::NoSuchRecord);
    let (patient, id) = (person.id, draft.id);
    chain.ok(privacy(), Call::StatusSet { patient, id, to: Change::EnteredInError, basis: 0 });
    chain.refused(person.account(), relabel(&draft, tags(&[]), true, false), Error::BadState);
}
