//! Openings, emergencies and their reviews: a reviewer who had a part in the case, and all that is asked twice, too
//! often or of nothing.

use salus_access::{Error, Evidence, Finding};
use salus_consent::{Kind, Purpose, Tier};
use salus_primitives::{
    Hash, Moment, RecordId,
    crypto::KeyPair,
    signed::{CoSign, CoSigns, EmergencyRelease, emergency_receipt},
    subject::Roles,
    time::{DAY, HOUR},
};
use salus_registry::{Standing, types::Caps};

use crate::world::*;

/// The patient's emergency summary.
const SUMMARY: u8 = 3;

fn world() -> World {
    let mut world = World::new();
    world.file(SUMMARY, |record| record.kind = Kind::Summary);
    world
}

fn emergency(tier: Tier, records: &[u8]) -> salus_access::Call {
    with_officer(tier, records, CoSigns::new())
}

fn with_officer(tier: Tier, records: &[u8], cosign: CoSigns) -> salus_access::Call {
    let records = list(records.iter().map(|byte| record_id(*byte)));
    salus_access::Call::EmergencyOpen {
        patient: PATIENT,
        organisation: CLINIC,
        tier,
        records,
        reason: 1,
        note: Hash::ZERO,
        late: None,
        cosign,
    }
}

fn review(receipt: u32) -> salus_access::Call {
    salus_access::Call::Review { patient: PATIENT, receipt, finding: Finding::Unjustified, note: Hash::ZERO }
}

fn dispute(receipt: u32) -> salus_access::Call {
    salus_access::Call::Dispute { patient: PATIENT, receipt, note: Hash::ZERO }
}

fn serve(receipt: u32, entries: u64) -> salus_access::Call {
    salus_access::Call::Serve { patient: PATIENT, receipt, entries, digest: Hash::ZERO }
}

fn also(world: &mut World, seed: u8, roles: Roles) {
    world.prepare(|state| salus_system::keys::set_roles(state, account(seed), roles.with(Roles::REVIEWER)));
}

#[test]
fn who_opened_the_case_does_not_review_it() {
    let mut world = world();
    world.ok(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]));
    world.refused(SURGEON_KEY, review(0), Error::NotAuthorised);
    world.ok(CLINIC_REVIEWER_KEY, review(0));
}

#[test]
fn nor_does_who_enrolled_the_opener_or_signed_along() {
    let mut world = world();
    also(&mut world, CLINIC_REGISTRAR_KEY, Roles::REGISTRAR);
    let call =
        world.cosigned(SURGEON_KEY, |cosign| with_officer(Tier::Summary, &[SUMMARY], cosign), &[CLINIC_REVIEWER_KEY]);
    world.ok(SURGEON_KEY, call);
    world.refused(CLINIC_REGISTRAR_KEY, review(0), Error::SelfReview);
    world.refused(CLINIC_REVIEWER_KEY, review(0), Error::SelfReview);
    // The role given to another officer, who had no part in it, does.
    also(&mut world, CLINIC_PRIVACY_KEY, Roles::PRIVACY);
    world.ok(CLINIC_PRIVACY_KEY, review(0));
}

#[test]
fn another_organisation_does_not_review_an_emergency_nor_the_own_one_a_dispute() {
    let mut world = world();
    world.ok(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]));
    world.refused(REVIEWER_KEY, review(0), Error::NotAuthorised);
    world.ok(CLINIC_REVIEWER_KEY, review(0));
    world.ok(PATIENT_KEY, dispute(0));
    world.refused(CLINIC_REVIEWER_KEY, review(0), Error::SelfReview);
    world.ok(REVIEWER_KEY, review(0));
}

#[test]
fn no_case_is_reviewed_twice_and_no_receipt_disputed_twice() {
    let mut world = world();
    world.ok(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]));
    world.ok(CLINIC_REVIEWER_KEY, review(0)).refused(CLINIC_REVIEWER_KEY, review(0), Error::NotPending);
    world.ok(PATIENT_KEY, dispute(0)).refused(PATIENT_KEY, dispute(0), Error::AlreadyDisputed);
    world.ok(REVIEWER_KEY, review(0)).refused(REVIEWER_KEY, review(0), Error::NotPending);
}

#[test]
fn what_is_no_case_is_not_reviewed() {
    let mut world = world();
    world.open(&[1]);
    for receipt in [0, 1, u32::MAX] {
        world.refused(CLINIC_REVIEWER_KEY, review(receipt), Error::NoSuchCase);
    }
    world.refused(PATIENT_KEY, dispute(1), Error::NoSuchReceipt);
    world.refused(ANNA_KEY, dispute(0), Error::NotAuthorised);
    world.advance(90 * DAY + 1).refused(PATIENT_KEY, dispute(0), Error::TooLate);
}

#[test]
fn an_opening_names_each_record_once_and_at_least_one() {
    let mut world = world();
    world.refused(SURGEON_KEY, opening(&[]), Error::BadRecords);
    world.refused(SURGEON_KEY, opening(&[1, 2, 1]), Error::BadRecords);
    for tier in [Tier::Full, Tier::Summary] {
        world.refused(SURGEON_KEY, emergency(tier, &[]), Error::BadRecords);
        world.refused(SURGEON_KEY, emergency(tier, &[SUMMARY, SUMMARY]), Error::BadRecords);
    }
}

#[test]
fn the_tier_summary_opens_the_summary_and_nothing_else() {
    let mut world = world();
    world.refused(SURGEON_KEY, emergency(Tier::Summary, &[1]), Error::NotSummary);
    world.refused(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY, 1]), Error::NotSummary);
    let mut without = World::new();
    without.refused(SURGEON_KEY, emergency(Tier::Summary, &[1]), Error::NotSummary);
}

#[test]
fn an_organisation_without_the_capability_opens_nothing_in_an_emergency() {
    let mut world = world();
    world.prepare(|state| {
        let mut clinic = salus_registry::storage::Organisations::get(state, &CLINIC).unwrap();
        clinic.caps = Caps(Caps::ALL.0 & !Caps::EMERGENCY.0);
        salus_registry::storage::Organisations::insert(state, &CLINIC, &clinic);
    });
    world.refused(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]), Error::NoEmergency);
    world.refused(DOCTOR_KEY, emergency(Tier::Summary, &[SUMMARY]), Error::NotActive(Standing::NotAffiliated));
    world.refused(PATIENT_KEY, emergency(Tier::Summary, &[SUMMARY]), Error::NotAuthorised);
}

#[test]
fn an_overdue_case_closes_the_full_tier_and_asks_for_an_officer() {
    let mut world = world();
    world.ok(SURGEON_KEY, emergency(Tier::Full, &[1])).advance(72 * HOUR);
    world.refused(SURGEON_KEY, emergency(Tier::Full, &[1]), Error::CasesOverdue);
    world.refused(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]), Error::CoSignNeeded);
    for signers in [&[DOCTOR_KEY][..], &[REVIEWER_KEY], &[CLINIC_REVIEWER_KEY, CLINIC_PRIVACY_KEY]] {
        let call = world.cosigned(SURGEON_KEY, |cosign| with_officer(Tier::Summary, &[SUMMARY], cosign), signers);
        world.refused(SURGEON_KEY, call, Error::BadCoSign);
    }
}

#[test]
fn an_unjustified_emergency_closes_the_full_tier() {
    let mut world = world();
    world.ok(SURGEON_KEY, emergency(Tier::Full, &[1])).ok(CLINIC_REVIEWER_KEY, review(0));
    world.refused(SURGEON_KEY, emergency(Tier::Full, &[1]), Error::FullClosed);
    world.ok(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]));
}

#[test]
fn ten_full_emergencies_a_day_and_sixteen_open_cases_are_the_most() {
    let mut world = world();
    world.at_midnight();
    for _ in 0..10 {
        world.ok(SURGEON_KEY, emergency(Tier::Full, &[1]));
    }
    world.refused(SURGEON_KEY, emergency(Tier::Full, &[1]), Error::RateLimited).advance(DAY);
    for _ in 10..16 {
        world.ok(SURGEON_KEY, emergency(Tier::Full, &[1]));
    }
    world.refused(SURGEON_KEY, emergency(Tier::Full, &[1]), Error::CaseloadFull);
}

#[test]
fn after_five_denied_openings_of_a_patient_the_day_is_over_for_that_patient() {
    let mut world = world();
    world.at_midnight();
    for _ in 0..5 {
        world.open(&[1]);
    }
    world.refused(SURGEON_KEY, opening(&[1]), Error::RateLimited);
}

#[test]
fn a_guardian_opens_for_the_family_only() {
    use salus_patients::types::{GuardianTerms, Powers};
    let mut world = world();
    let until = world.now().plus(DAY);
    let terms = GuardianTerms { guardians: list([ANNA]), threshold: 1, powers: Powers::ACT, excluded: list([]), until };
    world.prepare(|state| salus_patients::storage::Guardianships::insert(state, &PATIENT, &terms.into()));
    world.refused(ANNA_KEY, opening(&[1]), Error::BadPurpose);
    world.refused(BEN_KEY, opening(&[1]), Error::NotAuthorised);
}

#[test]
fn a_report_names_entries_of_a_receipt_that_its_custodian_has_not_reported() {
    let mut world = world();
    let terms = world.permit();
    world.grant(terms);
    let receipt = world.open(&[1, 2]);
    for entries in [0, 1 << 2, 0b111, u64::MAX] {
        world.refused(GATEWAY_KEY, serve(receipt, entries), Error::BadEntries);
    }
    world.refused(CLINIC_GATEWAY_KEY, serve(receipt, 1), Error::NotCustodian);
    world.refused(REGISTRAR_KEY, serve(receipt, 1), Error::NotAuthorised);
    world.ok(GATEWAY_KEY, serve(receipt, 0b01));
    world.refused(GATEWAY_KEY, serve(receipt, 0b11), Error::AlreadyServed);
    // The report itself is a fact, and no receipt.
    world.refused(GATEWAY_KEY, serve(receipt + 1, 1), Error::NoSuchReceipt);
}

/// An emergency of the time of a halt, as these keys signed it.
fn late(world: &World, happened: Moment, opener: &KeyPair, officer: &KeyPair, tier: Tier) -> salus_access::Call {
    let record: RecordId = record_id(SUMMARY);
    let (patient, organisation, practitioner, reason, note) = (PATIENT, CLINIC, SURGEON, 1, Hash::ZERO);
    let release = EmergencyRelease { patient, organisation, practitioner, record, reason, note, happened };
    let message = emergency_receipt(&world.genesis, &release);
    let sign = |key: &KeyPair| CoSign { account: key.public(), signature: key.sign(&message) };
    let late = Some(Evidence { practitioner, happened, opener: sign(opener), officer: sign(officer) });
    let (records, cosign) = (list([record]), CoSigns::new());
    salus_access::Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, cosign }
}

#[test]
fn a_late_emergency_proves_itself_and_is_written_down_once() {
    let mut world = world();
    let past = Moment(world.now().0 - HOUR);
    let (opener, officer) = (key(SURGEON_KEY), key(CLINIC_PRIVACY_KEY));
    for (happened, one, other, tier) in [
        (world.now().plus(DAY), &opener, &officer, Tier::Summary),
        (Moment(u64::MAX), &opener, &officer, Tier::Summary),
        (past, &opener, &officer, Tier::Full),
        (past, &key(DOCTOR_KEY), &officer, Tier::Summary),
        (past, &opener, &key(PRIVACY_KEY), Tier::Summary),
        (past, &opener, &opener, Tier::Summary),
        (past, &key(UNBOUND_KEY), &officer, Tier::Summary),
    ] {
        let call = late(&world, happened, one, other, tier);
        world.refused(SURGEON_KEY, call, Error::BadEvidence);
    }
    let good = late(&world, past, &opener, &officer, Tier::Summary);
    world.refused(DOCTOR_KEY, good.clone(), Error::NotAuthorised);
    world.ok(SURGEON_KEY, good.clone());
    world.refused(SURGEON_KEY, good.clone(), Error::AlreadyAnchored);
    world.refused(CLINIC_PRIVACY_KEY, good, Error::AlreadyAnchored);
}

#[test]
fn a_purpose_that_nothing_permits_is_denied_and_no_error() {
    let mut world = world();
    let terms = world.permit();
    world.grant(terms);
    let records = list([record_id(1)]);
    let purpose = Purpose::Research;
    let index = salus_access::storage::Logs::get(&world.state, &PATIENT).count;
    world.ok(SURGEON_KEY, salus_access::Call::Open { patient: PATIENT, organisation: CLINIC, purpose, records });
    assert_eq!(world.receipt(index).permitted(), 0);
}
