//! Ids that do not exist: each call that names one says which.

use salus_access::{Answer, Finding, RequestRef};
use salus_consent::{
    Grantee, GranteeKey, Purpose, Reason, RuleRef, Terms, Tier, Verdict, Withdrawal, types::Attribute,
};
use salus_patients::{
    Change, Problem,
    types::{GuardianChange, GuardianTerms, Powers, RecoveryStep},
};
use salus_primitives::{
    Hash, RecordId, Window,
    crypto::Signature,
    signed::CoSigns,
    time::{DAY, HOUR, YEAR},
};
use salus_registry::Standing;

use crate::world::*;

const NO_RECORD: RecordId = RecordId([99; 16]);

#[test]
fn a_rule_speaks_only_to_whom_the_register_knows() {
    let mut world = World::new();
    let attribute = Attribute { organisation: NOWHERE, speciality: Some(1), role: None };
    for grantee in [
        Grantee::Practitioner(NO_PRACTITIONER, CLINIC),
        Grantee::Practitioner(SURGEON, NOWHERE),
        Grantee::Organisation(NOWHERE),
        Grantee::Attribute(attribute),
    ] {
        let terms = Terms { grantee, ..world.permit() };
        let call = salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None };
        world.refused(PATIENT_KEY, call, salus_consent::Error::UnknownGrantee);
    }
}

#[test]
fn a_rule_that_is_not_there_is_neither_replaced_withdrawn_nor_passed_on() {
    let mut world = World::new();
    let terms = world.permit();
    let rule = world.grant(terms);
    for name in [
        RuleRef { id: rule.id + 1, ..rule },
        RuleRef { grantee: GranteeKey::Everyone, ..rule },
        RuleRef { id: u32::MAX, ..rule },
    ] {
        let grant = salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: Some(name) };
        world.refused(PATIENT_KEY, grant, salus_consent::Error::NoSuchRule);
        world.refused(PATIENT_KEY, revocation(name), salus_consent::Error::NoSuchRule);
        let terms = world.permit();
        let delegate = salus_consent::Call::Delegate { patient: PATIENT, parent: name, terms };
        world.refused(SURGEON_KEY, delegate, salus_consent::Error::NoSuchRule);
    }
    for what in
        [Withdrawal::Rules(list([])), Withdrawal::Pages(list([])), Withdrawal::Pages(list([GranteeKey::ByAttribute]))]
    {
        let call = salus_consent::Call::Revoke { patient: PATIENT, what };
        world.refused(PATIENT_KEY, call, salus_consent::Error::NoSuchRule);
    }
}

#[test]
fn a_patient_who_is_not_there_has_no_rules_to_make_or_withdraw() {
    let mut world = World::new();
    let grant = salus_consent::Call::Grant { patient: NO_PATIENT, terms: world.permit(), replaces: None };
    let what = Withdrawal::Pages(list([surgeons_page()]));
    let revoke = salus_consent::Call::Revoke { patient: NO_PATIENT, what };
    world.refused(PATIENT_KEY, grant, salus_consent::Error::NotAuthorised);
    world.refused(PATIENT_KEY, revoke.clone(), salus_consent::Error::NotAuthorised);
    world.refused(SURGEON_KEY, revoke, salus_consent::Error::NoSuchRule);
}

#[test]
fn a_patient_who_is_not_there_is_neither_asked_opened_nor_disputed() {
    use salus_access::{Call, Error};
    let mut world = World::new();
    let unknown = Error::Patient(Problem::UnknownPatient);
    let Terms { scope, purposes, actions, window, .. } = world.permit();
    let ask =
        Call::Request { patient: NO_PATIENT, organisation: CLINIC, scope, purposes, actions, window, note: Hash::ZERO };
    world.refused(SURGEON_KEY, ask, unknown);
    let records = || list([record_id(1)]);
    let open =
        Call::Open { patient: NO_PATIENT, organisation: CLINIC, purpose: Purpose::Treatment, records: records() };
    world.refused(SURGEON_KEY, open, unknown);
    let emergency = |tier| Call::EmergencyOpen {
        patient: NO_PATIENT,
        organisation: CLINIC,
        tier,
        records: records(),
        reason: 1,
        note: Hash::ZERO,
        late: None,
        cosign: CoSigns::new(),
    };
    world.refused(SURGEON_KEY, emergency(Tier::Full), unknown);
    world.refused(SURGEON_KEY, emergency(Tier::Summary), unknown);
    let dispute = Call::Dispute { patient: NO_PATIENT, receipt: 0, note: Hash::ZERO };
    world.refused(PATIENT_KEY, dispute, Error::NotAuthorised);
}

#[test]
fn what_the_patient_was_not_asked_or_was_not_opened_is_not_answered_served_or_reviewed() {
    use salus_access::{Call, Error};
    let mut world = World::new();
    for (requester, number) in [(SURGEON, 0), (SURGEON, u32::MAX), (NO_PRACTITIONER, 0)] {
        let request = RequestRef { requester, number };
        let refuse = Call::Respond { patient: PATIENT, request, answer: Answer::Refuse(0) };
        world.refused(PATIENT_KEY, refuse, Error::NoSuchRequest);
    }
    for receipt in [0, u32::MAX] {
        let serve = Call::Serve { patient: PATIENT, receipt, entries: 1, digest: Hash::ZERO };
        world.refused(GATEWAY_KEY, serve, Error::NoSuchReceipt);
        let review = Call::Review { patient: PATIENT, receipt, finding: Finding::Justified, note: Hash::ZERO };
        world.refused(REVIEWER_KEY, review, Error::NoSuchCase);
        let dispute = Call::Dispute { patient: PATIENT, receipt, note: Hash::ZERO };
        world.refused(PATIENT_KEY, dispute, Error::NoSuchReceipt);
    }
}

#[test]
fn nobody_acts_for_an_organisation_that_is_not_there() {
    use salus_access::{Call, Error};
    let mut world = World::new();
    let unknown = Error::NotActive(Standing::UnknownOrganisation);
    let Terms { scope, purposes, actions, window, .. } = world.permit();
    let ask =
        Call::Request { patient: PATIENT, organisation: NOWHERE, scope, purposes, actions, window, note: Hash::ZERO };
    world.refused(SURGEON_KEY, ask, unknown);
    let records = list([record_id(1)]);
    let open = Call::Open { patient: PATIENT, organisation: NOWHERE, purpose: Purpose::Treatment, records };
    world.refused(SURGEON_KEY, open, unknown);
}

#[test]
fn a_record_that_is_not_there_is_denied_in_an_opening_and_refused_to_every_other_call() {
    use salus_records::{Call, Change, Error};
    let mut world = World::new();
    let terms = world.permit();
    world.grant(terms);
    let receipt = world.open(&[1, 99]);
    let verdicts: Vec<Verdict> = world.receipt(receipt).entries.iter().map(|entry| entry.verdict).collect();
    assert!(verdicts[0].is_permit());
    assert_eq!(verdicts[1], Verdict::Denied(Reason::UnknownRecord.into()));
    for (patient, id) in [(PATIENT, NO_RECORD), (ANNA, record_id(1)), (NO_PATIENT, record_id(1))] {
        let status = Call::StatusSet { patient, id, to: Change::Hold, basis: 0 };
        world.refused(PRIVACY_KEY, status, Error::NoSuchRecord);
        let relabel = Call::Relabel { patient, id, tags: list([]), labelled: true, restricted: false };
        world.refused(PATIENT_KEY, relabel, Error::NoSuchRecord);
        world.refused(GATEWAY_KEY, Call::ShredAttest { patient, id, key_epoch: 1 }, Error::NoSuchRecord);
        let hand_over = |cosign| Call::CustodySet { records: list([(patient, id)]), organisation: CLINIC, cosign };
        let call = world.cosigned(PRIVACY_KEY, hand_over, &[CLINIC_GATEWAY_KEY]);
        world.refused(PRIVACY_KEY, call, Error::NoSuchRecord);
    }
}

#[test]
fn nothing_is_filed_for_a_patient_who_is_not_there() {
    use salus_records::{Call, Error};
    let mut world = World::new();
    let put = Call::Put {
        patient: NO_PATIENT,
        organisation: CLINIC,
        id: NO_RECORD,
        prev: None,
        kind: salus_consent::Kind::Lab,
        tags: list([]),
        labelled: true,
        restricted: false,
        digest: Hash([1; 32]),
        size: 1,
        custodian: CLINIC,
        second: None,
        receipts: list([]),
    };
    let unknown = Reason::Patient(Problem::UnknownPatient);
    world.refused(SURGEON_KEY, put.clone(), Error::NoConsent(unknown));
    world.refused(PATIENT_KEY, put, Error::NotAuthorised);
}

#[test]
fn a_patient_who_is_not_there_is_not_confirmed_guarded_recovered_or_declared_dead() {
    use salus_patients::{Call, Error};
    let mut world = World::new();
    let patient = NO_PATIENT;
    world.refused(REGISTRAR_KEY, Call::Confirm { patient, assurance: 1 }, Error::UnknownPatient);
    let until = world.now().plus(YEAR);
    let terms = GuardianTerms { guardians: list([ANNA]), threshold: 1, powers: Powers::ALL, excluded: list([]), until };
    let guard = |cosign| Call::GuardiansSet { patient, change: GuardianChange::Set(terms.clone()), cosign };
    let call = world.cosigned(REGISTRAR_KEY, guard, &[CLINIC_REGISTRAR_KEY]);
    world.refused(REGISTRAR_KEY, call, Error::UnknownPatient);
    let recover = |cosign| Call::Recover { patient, step: RecoveryStep::Propose(list([account(200)])), cosign };
    let call = world.cosigned(REGISTRAR_KEY, recover, &[200, CLINIC_REGISTRAR_KEY]);
    world.refused(REGISTRAR_KEY, call, Error::UnknownPatient);
    let call = world.cosigned(ANNA_KEY, recover, &[200]);
    world.refused(ANNA_KEY, call, Error::NotAuthorised);
    let dead = |cosign| Call::StatusSet { patient, to: Change::Deceased, cosign };
    let call = world.cosigned(REGISTRAR_KEY, dead, &[CLINIC_REGISTRAR_KEY]);
    world.refused(REGISTRAR_KEY, call, Error::UnknownPatient);
}

#[test]
fn a_practitioner_who_is_not_there_is_not_affiliated_and_offers_no_hours() {
    let mut world = World::new();
    let unknown = Standing::UnknownPractitioner;
    let terms = salus_registry::types::Terms { roles: list([]), until: world.now().plus(YEAR) };
    let set = |terms| salus_registry::Call::AffiliationSet {
        practitioner: NO_PRACTITIONER,
        organisation: HOSPITAL,
        terms,
        cosign: CoSigns::new(),
    };
    world.refused(REGISTRAR_KEY, set(Some(terms)), salus_registry::Error::NotActive(unknown));
    world.refused(REGISTRAR_KEY, set(None), salus_registry::Error::BadState);
    let from = world.now().plus(DAY);
    let hours = list([Window { from, until: from.plus(HOUR) }]);
    let publish = salus_appointments::Call::Publish { practitioner: NO_PRACTITIONER, organisation: HOSPITAL, hours };
    world.refused(REGISTRAR_KEY, publish, salus_appointments::Error::NotActive(unknown));
}

#[test]
fn a_slot_that_is_not_there_is_neither_booked_nor_set() {
    use salus_appointments::{Call, Change, Error, SlotRef};
    let mut world = World::new();
    for from in [world.now(), salus_primitives::Moment(u64::MAX), salus_primitives::Moment(0)] {
        let slot = SlotRef { practitioner: DOCTOR, from };
        let book = Call::Book { slot, key: account(210), signature: Signature([0; 64]), sealed: Hash::ZERO };
        world.refused(REGISTRAR_KEY, book, Error::NoSuchSlot);
        world.refused(DOCTOR_KEY, Call::Set { slot, to: Change::Confirm }, Error::NoSuchSlot);
        let give_back = Change::GiveBack { signature: Signature([0; 64]) };
        world.refused(GATEWAY_KEY, Call::Set { slot, to: give_back }, Error::NoSuchSlot);
    }
}
