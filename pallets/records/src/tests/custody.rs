//! Hand-over to another custodian.

use salus_patients::Change as PatientChange;
use salus_primitives::signed::CoSigns;
use salus_support::Pallet;

use super::*;
use crate::{
    storage::FormerCustodians,
    types::{FORMER_KEPT, FORMERS_MAX, Former, HAND_OVER_MAX, Place},
};

/// Keeps records too.
const ARCHIVE: OrganisationId = OrganisationId([0x0D; 16]);

fn archive_gateway() -> KeyPair {
    key(9)
}

/// A patient whose records 1 and 2 the hospital keeps, the second the clinic too.
fn with_records() -> (Chain, Person, [Draft; 2]) {
    let (mut chain, person) = chain();
    organisation(&mut chain, ARCHIVE, Caps::CUSTODIAN, &key(104));
    officer(&mut chain, ARCHIVE, Roles::GATEWAY, &archive_gateway());
    let first = Draft::lab(person.id, HOSPITAL, 1);
    let second = Draft { second: Some(CLINIC), ..Draft::lab(person.id, HOSPITAL, 2) };
    file(&mut chain, &first);
    second.file(&mut chain, doctor_account(), &DOCTOR_SUBJECT, &[&gateway(), &clinic_gateway()]);
    (chain, person, [first, second])
}

fn keys(drafts: &[&Draft]) -> RecordKeys {
    RecordKeys::try_from(drafts.iter().map(|draft| (draft.patient, draft.id)).collect::<Vec<_>>()).unwrap()
}

/// The call without anybody's agreement.
fn alone(drafts: &[&Draft], organisation: OrganisationId) -> Call {
    Call::CustodySet { records: keys(drafts), organisation, cosign: CoSigns::new() }
}

/// The call by `caller`, to whom `signers` agreed.
fn agreed(
    chain: &Chain,
    caller: AccountId,
    drafts: &[&Draft],
    organisation: OrganisationId,
    signers: &[&KeyPair],
) -> Call {
    let cosign = chain.cosigns(caller, alone(drafts, organisation), signers);
    Call::CustodySet { records: keys(drafts), organisation, cosign }
}

/// The hospital's Privacy officer hands over with the archive's agreement.
fn to_archive(chain: &Chain, drafts: &[&Draft]) -> Call {
    agreed(chain, privacy(), drafts, ARCHIVE, &[&archive_gateway()])
}

fn custodians(chain: &Chain, draft: &Draft) -> (OrganisationId, Option<OrganisationId>) {
    let record = record(chain.state(), draft.patient, draft.id).unwrap();
    (record.custodian, record.second)
}

fn formers(chain: &Chain, draft: &Draft) -> Vec<Former> {
    FormerCustodians::get(chain.state(), &(draft.patient, draft.id)).into_inner()
}

#[test]
fn a_custodian_hands_records_over_to_one_that_agrees_and_nothing_else_changes() {
    let (mut chain, person, [first, second]) = with_records();
    let before = kept(&chain, &person, second.id);
    let call = to_archive(&chain, &[&first, &second]);
    chain.ok(privacy(), call);
    for draft in [&first, &second] {
        let (patient, record) = (person.id, draft.id);
        chain.emitted(Event::CustodySet { patient, record, from: HOSPITAL, to: ARCHIVE });
    }
    assert_eq!(kept(&chain, &person, second.id), Record { custodian: ARCHIVE, ..before });
    assert_eq!(custodians(&chain, &first), (ARCHIVE, None));
    let former = Former { organisation: HOSPITAL, place: Place::First, until: chain.now() };
    assert_eq!(formers(&chain, &first), [former]);
    // From now on it is the archive's.
    let hold = Call::StatusSet { patient: person.id, id: first.id, to: Change::Hold, basis: 0 };
    chain.refused(privacy(), hold, Error::NotAuthorised);
    let again = to_archive(&chain, &[&first]);
    chain.refused(privacy(), again, Error::NotAuthorised);
}

#[test]
fn a_second_custodian_hands_its_share_over() {
    let (mut chain, _, [_, second]) = with_records();
    let call = agreed(&chain, clinic_privacy(), &[&second], ARCHIVE, &[&archive_gateway()]);
    chain.ok(clinic_privacy(), call);
    assert_eq!(custodians(&chain, &second), (HOSPITAL, Some(ARCHIVE)));
    assert_eq!(formers(&chain, &second), [Former { organisation: CLINIC, place: Place::Second, until: chain.now() }]);
}

#[test]
fn a_custodian_that_takes_the_others_share_keeps_the_record_alone() {
    let (mut chain, _, [_, second]) = with_records();
    let opened = chain.now();
    chain.advance(HOUR);
    let call = agreed(&chain, privacy(), &[&second], CLINIC, &[&clinic_gateway()]);
    chain.ok(privacy(), call);
    assert_eq!(custodians(&chain, &second), (CLINIC, None));
    let then = custodians_at(chain.state(), second.patient, second.id, opened);
    assert_eq!(then, Some((HOSPITAL, Some(CLINIC))));

    let (mut chain, _, [_, second]) = with_records();
    let call = agreed(&chain, clinic_privacy(), &[&second], HOSPITAL, &[&gateway()]);
    chain.ok(clinic_privacy(), call);
    assert_eq!(custodians(&chain, &second), (HOSPITAL, None));
}

#[test]
fn who_kept_a_record_at_some_time_is_known_after_several_hand_overs() {
    let (mut chain, person, [first, _]) = with_records();
    let start = chain.now();
    chain.advance(HOUR);
    let call = to_archive(&chain, &[&first]);
    chain.ok(privacy(), call).advance(HOUR);
    officer(&mut chain, ARCHIVE, Roles::PRIVACY, &key(10));
    let call = agreed(&chain, key(10).public(), &[&first], CLINIC, &[&clinic_gateway()]);
    chain.ok(key(10).public(), call).advance(HOUR);
    let at = |ms| custodians_at(chain.state(), person.id, first.id, start.plus(ms)).unwrap().0;
    assert_eq!([0, HOUR, HOUR + 1, 2 * HOUR, 2 * HOUR + 1].map(at), [HOSPITAL, HOSPITAL, ARCHIVE, ARCHIVE, CLINIC]);
    assert_eq!(custodians_at(chain.state(), person.id, RecordId([0; 16]), start), None);
}

#[test]
fn nothing_is_handed_over_without_a_gateway_officers_word_of_the_taker() {
    let (mut chain, _, [first, _]) = with_records();
    for signers in [&[][..], &[&clinic_gateway()], &[&key(104)], &[&key(99)], &[&archive_gateway(), &clinic_gateway()]]
    {
        let call = agreed(&chain, privacy(), &[&first], ARCHIVE, signers);
        chain.refused(privacy(), call, Error::BadCoSign);
    }
    let another = Draft::lab(first.patient, HOSPITAL, 2);
    let Call::CustodySet { cosign, .. } = to_archive(&chain, &[&another]) else { panic!("it hands over") };
    chain.refused(
        privacy(),
        Call::CustodySet { records: keys(&[&first]), organisation: ARCHIVE, cosign },
        Error::BadCoSign,
    );
}

#[test]
fn only_a_privacy_officer_of_its_custodian_hands_a_record_over() {
    let (mut chain, person, [first, second]) = with_records();
    let stranger = key(99).public();
    let call = agreed(&chain, stranger, &[&first], ARCHIVE, &[&archive_gateway()]);
    chain.refused(stranger, call, Error::NotRegistered);
    let session = session_key(&mut chain, DOCTOR_SUBJECT);
    for caller in [
        clinic_privacy(),
        registrar(),
        gateway().public(),
        doctor_account(),
        person.account(),
        session,
        key(101).public(),
    ] {
        let call = agreed(&chain, caller, &[&first], ARCHIVE, &[&archive_gateway()]);
        chain.refused(caller, call, Error::NotAuthorised);
    }
    // All of them or none.
    let call = agreed(&chain, clinic_privacy(), &[&second, &first], ARCHIVE, &[&archive_gateway()]);
    chain.refused(clinic_privacy(), call, Error::NotAuthorised);
    suspend(&mut chain, HOSPITAL);
    let call = to_archive(&chain, &[&first]);
    chain.refused(privacy(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn who_takes_is_an_active_custodian() {
    let (mut chain, _, [first, _]) = with_records();
    officer(&mut chain, PRACTICE, Roles::GATEWAY, &key(8));
    let call = agreed(&chain, privacy(), &[&first], PRACTICE, &[&key(8)]);
    chain.refused(privacy(), call, Error::BadCustodian);
    suspend(&mut chain, ARCHIVE);
    let call = to_archive(&chain, &[&first]);
    chain.refused(privacy(), call, Error::BadCoSign);
}

#[test]
fn a_list_names_records_there_are_each_once() {
    let (mut chain, person, [first, _]) = with_records();
    for drafts in [&[][..], &[&first, &first]] {
        let call = to_archive(&chain, drafts);
        chain.refused(privacy(), call, Error::BadRecords);
    }
    let call = to_archive(&chain, &[&first, &Draft::lab(person.id, HOSPITAL, 9)]);
    chain.refused(privacy(), call, Error::NoSuchRecord);
}

#[test]
fn an_erased_record_stays_with_whose_duty_it_is_while_a_hold_and_a_request_go_along() {
    let (mut chain, person, [first, second]) = with_records();
    let set = |draft: &Draft, to, basis| Call::StatusSet { patient: person.id, id: draft.id, to, basis };
    chain.ok(privacy(), set(&first, Change::Hold, 0)).ok(person.account(), set(&first, Change::RequestErase, 0));
    chain.ok(person.account(), set(&second, Change::RequestErase, 0)).ok(privacy(), set(&second, Change::Erase, 17));
    let call = to_archive(&chain, &[&first, &second]);
    chain.refused(privacy(), call, Error::BadState);
    let call = to_archive(&chain, &[&first]);
    chain.ok(privacy(), call);
    officer(&mut chain, ARCHIVE, Roles::PRIVACY, &key(10));
    let archive_privacy = key(10).public();
    chain.refused(archive_privacy, set(&first, Change::Erase, 17), Error::Held);
    chain.ok(archive_privacy, set(&first, Change::LiftHold, 0)).ok(archive_privacy, set(&first, Change::Erase, 17));
    let close = PatientChange::Close;
    let close = salus_patients::Call::StatusSet { patient: person.id, to: close, cosign: CoSigns::new() };
    chain.ok(person.account(), close);
}

#[test]
fn a_successor_takes_over_alone_what_a_removed_organisation_kept() {
    let (mut chain, person, [first, second]) = with_records();
    let (both, taker) = ([&first, &second], archive_gateway().public());
    // Not before the council named it, and not of one that is there.
    chain.refused(taker, alone(&both, ARCHIVE), Error::NotAuthorised);
    salus_registry::testing::set_status(&mut chain, HOSPITAL, OrganisationStatus::Removed);
    chain.refused(taker, alone(&both, ARCHIVE), Error::NotAuthorised);
    let removed = Error::NotActive(Standing::OrganisationRemoved);
    let call = to_archive(&chain, &both);
    chain.refused(privacy(), call, removed);
    chain.prepare(|state| {
        salus_registry::successor_set(state, HOSPITAL, ARCHIVE).unwrap();
    });
    let call = agreed(&chain, taker, &both, ARCHIVE, &[&clinic_gateway()]);
    chain.refused(taker, call, Error::BadCoSign);
    for caller in [key(104).public(), clinic_gateway().public()] {
        chain.refused(caller, alone(&both, ARCHIVE), Error::NotAuthorised);
    }
    chain.refused(clinic_gateway().public(), alone(&both, CLINIC), Error::NotAuthorised);
    chain.ok(taker, alone(&both, ARCHIVE));
    chain.emitted(Event::CustodySet { patient: person.id, record: first.id, from: HOSPITAL, to: ARCHIVE });
    assert_eq!(custodians(&chain, &first), (ARCHIVE, None));
    assert_eq!(custodians(&chain, &second), (ARCHIVE, Some(CLINIC)));
    chain.refused(taker, alone(&[&first], ARCHIVE), Error::NotAuthorised);
}

#[test]
fn a_successor_of_both_custodians_keeps_the_record_alone() {
    let (mut chain, _, [_, second]) = with_records();
    for removed in [HOSPITAL, CLINIC] {
        salus_registry::testing::set_status(&mut chain, removed, OrganisationStatus::Removed);
        chain.prepare(|state| {
            salus_registry::successor_set(state, removed, ARCHIVE).unwrap();
        });
    }
    let taker = archive_gateway().public();
    chain.ok(taker, alone(&[&second], ARCHIVE));
    assert_eq!(custodians(&chain, &second), (ARCHIVE, Some(CLINIC)));
    chain.ok(taker, alone(&[&second], ARCHIVE));
    assert_eq!(custodians(&chain, &second), (ARCHIVE, None));
}

#[test]
fn a_successor_without_the_capability_takes_nothing_over() {
    let (mut chain, _, [first, _]) = with_records();
    salus_registry::testing::set_status(&mut chain, HOSPITAL, OrganisationStatus::Removed);
    chain.prepare(|state| {
        salus_registry::successor_set(state, HOSPITAL, ARCHIVE).unwrap();
        let found = salus_registry::storage::Organisations::get(state, &ARCHIVE).unwrap();
        let without = salus_registry::types::Organisation { caps: Caps::NONE, ..found };
        salus_registry::storage::Organisations::insert(state, &ARCHIVE, &without);
    });
    chain.refused(archive_gateway().public(), alone(&[&first], ARCHIVE), Error::BadCustodian);
}

#[test]
fn eight_hand_overs_within_90_days_are_enough() {
    let (mut chain, _, [first, _]) = with_records();
    officer(&mut chain, ARCHIVE, Roles::PRIVACY, &key(10));
    let (archive_privacy, hospital, archive) = (key(10).public(), gateway(), archive_gateway());
    for turn in 0..FORMERS_MAX {
        let (caller, to, signer) =
            if turn % 2 == 0 { (privacy(), ARCHIVE, &archive) } else { (archive_privacy, HOSPITAL, &hospital) };
        let call = agreed(&chain, caller, &[&first], to, &[signer]);
        chain.ok(caller, call).advance(HOUR);
    }
    let call = to_archive(&chain, &[&first]);
    chain.refused(privacy(), call, Error::TooMany);
    // The first of them left an hour times eight ago.
    chain.advance(FORMER_KEPT - u64::from(FORMERS_MAX) * HOUR - 1);
    let call = to_archive(&chain, &[&first]);
    chain.refused(privacy(), call, Error::TooMany).advance(1);
    let call = to_archive(&chain, &[&first]);
    chain.ok(privacy(), call);
    assert_eq!(formers(&chain, &first).len(), FORMERS_MAX as usize);
}

#[test]
fn as_many_records_as_a_call_may_name_change_hands_at_once_and_cost_by_their_number() {
    let (mut chain, person, [first, _]) = with_records();
    let like = kept(&chain, &person, first.id);
    let drafts: Vec<Draft> =
        (1_000..1_000 + HAND_OVER_MAX as u16).map(|n| Draft::lab(person.id, HOSPITAL, n)).collect();
    chain.prepare(|state| {
        for draft in &drafts {
            storage::Records::insert(state, &(draft.patient, draft.id), &like);
        }
    });
    let call = to_archive(&chain, &drafts.iter().collect::<Vec<_>>());
    let (one, all) = (Records::cost(&to_archive(&chain, &[&first])), Records::cost(&call));
    assert_eq!(all.weight - one.weight, 60 * u64::from(HAND_OVER_MAX - 1));
    chain.ok(privacy(), call);
    assert!(drafts.iter().all(|draft| custodians(&chain, draft) == (ARCHIVE, None)));
}
