//! Records filed wrongly, labelled wrongly, answered or handed over wrongly.

use salus_consent::{Action, Actions, Kind, Reason, Tag, Terms};
use salus_primitives::{
    Hash, OrganisationId, RecordId, Subject,
    crypto::Signature,
    signed::{CoSigns, custody_receipt},
};
use salus_records::{Call, Change, CustodyReceipt, Error, RecordKey, RecordStatus, types::RecordKeys};

use crate::world::*;

const NEW: u8 = 9;

/// A record that is to be filed.
#[derive(Clone)]
struct Draft {
    id: RecordId,
    prev: Option<RecordId>,
    kind: Kind,
    tags: Vec<Tag>,
    labelled: bool,
    restricted: bool,
    size: u64,
    custodian: OrganisationId,
    second: Option<OrganisationId>,
    /// Seeds of keys that say it is stored, and the size they say it of.
    stored_by: Vec<u8>,
    stored_size: u64,
}

fn draft() -> Draft {
    Draft {
        id: record_id(NEW),
        prev: None,
        kind: Kind::Lab,
        tags: vec![],
        labelled: true,
        restricted: false,
        size: 4_096,
        custodian: CLINIC,
        second: None,
        stored_by: vec![CLINIC_GATEWAY_KEY],
        stored_size: 4_096,
    }
}

/// The surgeon files it for the clinic.
fn put(world: &World, draft: Draft) -> Call {
    let (digest, author) = (Hash([9; 32]), Subject::Practitioner(SURGEON));
    let message = custody_receipt(&world.genesis, &PATIENT, &draft.id, &digest, draft.stored_size, &author);
    let receipts = draft
        .stored_by
        .iter()
        .map(|seed| CustodyReceipt { account: account(*seed), signature: key(*seed).sign(&message) });
    let receipts = list(receipts);
    let Draft { id, prev, kind, tags, labelled, restricted, size, custodian, second, .. } = draft;
    let (patient, organisation, tags) = (PATIENT, CLINIC, list(tags));
    Call::Put {
        patient,
        organisation,
        id,
        prev,
        kind,
        tags,
        labelled,
        restricted,
        digest,
        size,
        custodian,
        second,
        receipts,
    }
}

/// The surgeon may add and amend.
fn world() -> World {
    let mut world = World::new();
    let actions = Actions::of(&[Action::View, Action::Add, Action::Amend]);
    let terms = Terms { actions, ..world.permit() };
    world.grant(terms);
    world
}

#[test]
fn nothing_is_filed_that_contradicts_itself_or_nobody_keeps() {
    let mut world = world();
    let tag = Tag([1; 8]);
    for (draft, error) in [
        (Draft { tags: vec![tag, Tag([2; 8]), tag], ..draft() }, Error::BadTags),
        (Draft { labelled: false, restricted: false, ..draft() }, Error::BadTags),
        (Draft { size: 0, stored_size: 0, ..draft() }, Error::BadSize),
        (Draft { id: record_id(1), ..draft() }, Error::IdTaken),
        (Draft { prev: Some(record_id(8)), ..draft() }, Error::NotHead),
        (Draft { prev: Some(record_id(1)), kind: Kind::Imaging, ..draft() }, Error::BadKind),
        (Draft { second: Some(CLINIC), stored_by: vec![CLINIC_GATEWAY_KEY; 2], ..draft() }, Error::BadCustodian),
        (Draft { custodian: NOWHERE, ..draft() }, Error::BadCustodian),
        (Draft { stored_by: vec![], ..draft() }, Error::BadReceipt),
        (Draft { stored_by: vec![CLINIC_GATEWAY_KEY; 2], ..draft() }, Error::BadReceipt),
        (Draft { stored_by: vec![GATEWAY_KEY], ..draft() }, Error::BadReceipt),
        (Draft { stored_by: vec![CLINIC_ADMIN_KEY], ..draft() }, Error::BadReceipt),
        (Draft { stored_size: 4_095, ..draft() }, Error::BadReceipt),
        (Draft { second: Some(HOSPITAL), ..draft() }, Error::BadReceipt),
        (
            Draft { second: Some(HOSPITAL), stored_by: vec![GATEWAY_KEY, CLINIC_GATEWAY_KEY], ..draft() },
            Error::BadReceipt,
        ),
    ] {
        let call = put(&world, draft);
        world.refused(SURGEON_KEY, call, error);
    }
    let call = put(&world, draft());
    world.ok(SURGEON_KEY, call.clone()).refused(SURGEON_KEY, call, Error::IdTaken);
}

#[test]
fn nothing_is_filed_without_consent() {
    let mut world = World::new();
    let call = put(&world, draft());
    world.refused(SURGEON_KEY, call, Error::NoConsent(Reason::NoConsent));
    let call = put(&world, Draft { prev: Some(record_id(1)), ..draft() });
    world.refused(SURGEON_KEY, call, Error::NoConsent(Reason::NoConsent));
}

#[test]
fn a_version_is_amended_once() {
    let mut world = world();
    let amending = |byte| Draft { id: record_id(byte), prev: Some(record_id(1)), ..draft() };
    let first = put(&world, amending(NEW));
    let second = put(&world, amending(NEW + 1));
    world.ok(SURGEON_KEY, first).refused(SURGEON_KEY, second, Error::NotHead);
}

#[test]
fn tags_carried_over_count_among_the_eight() {
    let mut world = world();
    let tags = |numbers: core::ops::Range<u8>| -> Vec<Tag> { numbers.map(|byte| Tag([byte; 8])).collect() };
    world.file(1, |record| record.tags = list(tags(0..8)));
    let draft = Draft { prev: Some(record_id(1)), tags: tags(8..9), ..draft() };
    let call = put(&world, draft);
    world.refused(SURGEON_KEY, call, Error::TooMany);
}

#[test]
fn a_patient_has_one_current_summary() {
    let mut world = world();
    world.file(1, |record| record.kind = Kind::Summary);
    let call = put(&world, Draft { kind: Kind::Summary, ..draft() });
    world.refused(SURGEON_KEY, call, Error::SummaryExists);
}

fn status(id: u8, to: Change, basis: u8) -> Call {
    Call::StatusSet { patient: PATIENT, id: record_id(id), to, basis }
}

#[test]
fn a_record_goes_along_its_arrows_only() {
    let mut world = World::new();
    world.refused(PRIVACY_KEY, status(1, Change::LiftHold, 0), Error::BadState);
    world.ok(PRIVACY_KEY, status(1, Change::Hold, 0)).refused(PRIVACY_KEY, status(1, Change::Hold, 0), Error::BadState);
    world.refused(PRIVACY_KEY, status(1, Change::EnteredInError, 0), Error::Held);
    for change in [Change::Erase, Change::RefuseErase] {
        world.refused(PRIVACY_KEY, status(1, change, 1), Error::BadState);
    }
    world.ok(PATIENT_KEY, status(1, Change::RequestErase, 0));
    world.refused(PATIENT_KEY, status(1, Change::RequestErase, 0), Error::BadState);
    world.refused(PRIVACY_KEY, status(1, Change::Erase, 1), Error::Held);
    world.ok(PRIVACY_KEY, status(1, Change::LiftHold, 0));
    for change in [Change::Erase, Change::RefuseErase] {
        world.refused(PRIVACY_KEY, status(1, change, 0), Error::NoBasis);
    }
    world.ok(PRIVACY_KEY, status(1, Change::Erase, 1));
    for change in [Change::Erase, Change::RefuseErase, Change::Hold, Change::EnteredInError] {
        world.refused(PRIVACY_KEY, status(1, change, 1), Error::BadState);
    }
    world.refused(PATIENT_KEY, status(1, Change::RequestErase, 0), Error::BadState);
}

#[test]
fn an_erasure_is_attested_once_by_who_owes_it_and_for_its_own_key() {
    let mut world = World::new();
    let attest = |key_epoch| Call::ShredAttest { patient: PATIENT, id: record_id(1), key_epoch };
    world.refused(GATEWAY_KEY, attest(1), Error::NoDuty);
    world.ok(PATIENT_KEY, status(1, Change::RequestErase, 0)).ok(PRIVACY_KEY, status(1, Change::Erase, 1));
    for (by, epoch) in [(GATEWAY_KEY, 0), (GATEWAY_KEY, 2), (GATEWAY_KEY, u32::MAX), (CLINIC_GATEWAY_KEY, 1)] {
        world.refused(by, attest(epoch), Error::NoDuty);
    }
    world.ok(GATEWAY_KEY, attest(1)).refused(GATEWAY_KEY, attest(1), Error::NoDuty);
}

#[test]
fn labels_are_sound_and_the_patients() {
    let mut world = World::new();
    let relabel = |tags: &[Tag], labelled, restricted| Call::Relabel {
        patient: PATIENT,
        id: record_id(1),
        tags: list(tags.iter().copied()),
        labelled,
        restricted,
    };
    let tag = Tag([1; 8]);
    world.refused(PATIENT_KEY, relabel(&[tag, tag], true, true), Error::BadTags);
    world.refused(PATIENT_KEY, relabel(&[], false, false), Error::BadTags);
    for by in [ANNA_KEY, DOCTOR_KEY, PRIVACY_KEY] {
        world.refused(by, relabel(&[], true, false), Error::NotAuthorised);
    }
    world.file(1, |record| record.status = RecordStatus::EnteredInError);
    world.refused(PATIENT_KEY, relabel(&[], true, false), Error::BadState);
}

#[test]
fn records_are_handed_over_each_once_by_who_has_them_to_who_agrees() {
    let mut world = World::new();
    let custody = |records: &[RecordKey], organisation| {
        let records = RecordKeys::try_from(records.to_vec()).unwrap();
        move |cosign: CoSigns| Call::CustodySet { records: records.clone(), organisation, cosign }
    };
    let [one, two] = [1, 2].map(|byte| (PATIENT, record_id(byte)));
    for (records, signers, error) in [
        (&[][..], &[CLINIC_GATEWAY_KEY][..], Error::BadRecords),
        (&[one, two, one], &[CLINIC_GATEWAY_KEY], Error::BadRecords),
        (&[one, (PATIENT, record_id(8))], &[CLINIC_GATEWAY_KEY], Error::NoSuchRecord),
        (&[one], &[], Error::BadCoSign),
        (&[one], &[CLINIC_ADMIN_KEY], Error::BadCoSign),
        (&[one], &[GATEWAY_KEY], Error::BadCoSign),
        (&[one], &[CLINIC_GATEWAY_KEY, CLINIC_ADMIN_KEY], Error::BadCoSign),
    ] {
        let call = world.cosigned(PRIVACY_KEY, custody(records, CLINIC), signers);
        world.refused(PRIVACY_KEY, call, error);
    }
    // A taker takes nothing by itself, and a giver gives away only what it has.
    world.refused(CLINIC_GATEWAY_KEY, custody(&[one], CLINIC)(CoSigns::new()), Error::NotAuthorised);
    let call = world.cosigned(CLINIC_PRIVACY_KEY, custody(&[one], HOSPITAL), &[GATEWAY_KEY]);
    world.refused(CLINIC_PRIVACY_KEY, call, Error::NotAuthorised);
    // One record that cannot be handed over keeps all others where they are.
    world.file(2, |record| record.status = RecordStatus::Erased);
    let call = world.cosigned(PRIVACY_KEY, custody(&[one, two], CLINIC), &[CLINIC_GATEWAY_KEY]);
    world.refused(PRIVACY_KEY, call, Error::BadState);
}

#[test]
fn a_made_up_signature_is_nobodys_word() {
    let mut world = world();
    let Call::Put {
        patient,
        organisation,
        id,
        prev,
        kind,
        tags,
        labelled,
        restricted,
        digest,
        size,
        custodian,
        second,
        ..
    } = put(&world, draft())
    else {
        unreachable!()
    };
    let receipts = list([CustodyReceipt { account: account(CLINIC_GATEWAY_KEY), signature: Signature([0; 64]) }]);
    let call = Call::Put {
        patient,
        organisation,
        id,
        prev,
        kind,
        tags,
        labelled,
        restricted,
        digest,
        size,
        custodian,
        second,
        receipts,
    };
    world.refused(SURGEON_KEY, call, Error::BadReceipt);
}
