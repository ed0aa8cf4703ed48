//! What is decided: paths around consent, conflicts without an answer, emergencies without a review, keys that are lost
//! with the records, guardians who never leave.

use salus_access::{
    Error as AccessError, Finding,
    storage::{Caseloads, Cases},
};
use salus_consent::{
    Action, Actions, Basis, Denial, Effect, Error, Grantee, Kind, Reason, Scope, Tag, Terms, Tier, Verdict,
};
use salus_patients::{
    Change,
    types::{GuardianTerms, Powers, RecoveryStep},
};
use salus_primitives::{
    AccountId, Hash, Window,
    dispatch::InvalidTransaction,
    signed::CoSigns,
    time::{DAY, HOUR},
};
use salus_records::RecordStatus;
use salus_runtime::RuntimeEvent;
use salus_system::{Parameters, Policy};

use crate::world::*;

const TAG: Tag = Tag([7; 8]);

/// The patient's emergency summary.
const SUMMARY: u8 = 3;

fn verdicts(world: &World, receipt: u32) -> Vec<Verdict> {
    world.receipt(receipt).entries.iter().map(|entry| entry.verdict).collect()
}

fn no(reason: Reason) -> Verdict {
    Verdict::Denied(reason.into())
}

/// HAPI FHIR (#2369, #6854, #6127): paging, bulk export and the children of a bundle went around consent.
#[test]
fn each_record_of_an_opening_is_decided_for_itself() {
    let mut world = World::new();
    let terms = world.permit();
    let rule = world.grant(terms.clone());
    let scope = Scope { any_of: list([TAG]), ..terms.scope.clone() };
    let denial = world.grant(Terms { effect: Effect::Deny, scope, ..terms });
    world.file(2, |record| record.tags = list([TAG]));
    world.file(3, |record| record.status = RecordStatus::EnteredInError);
    world.file(4, |record| record.labelled = false);
    let receipt = world.open(&[1, 2, 3, 4, 99]);
    let denied = Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(denial) });
    let permitted = Verdict::Permit(Basis::Rule(rule));
    let expected = [permitted, denied, no(Reason::EnteredInError), denied, no(Reason::UnknownRecord)];
    assert_eq!(verdicts(&world, receipt), expected);
}

/// OpenEMR (#11284): documents of high sensitivity were visible to whoever saw the rest.
#[test]
fn what_is_sensitive_or_may_be_is_not_opened_with_the_rest() {
    let mut world =
        World::with(Parameters { policy: Policy::CustodianTreatment, root_delay: 0, ..Parameters::default() });
    world.file(2, |record| record.restricted = true);
    let open = |organisation, records: &[u8]| {
        let records = list(records.iter().map(|byte| record_id(*byte)));
        let purpose = salus_consent::Purpose::Treatment;
        salus_access::Call::Open { patient: PATIENT, organisation, purpose, records }
    };
    world.ok(DOCTOR_KEY, open(HOSPITAL, &[1, 2]));
    assert_eq!(verdicts(&world, 0), [Verdict::Permit(Basis::Default), no(Reason::NoConsent)]);
    // A rule that leaves a label out does not open what may bear it.
    let terms = world.permit();
    let scope = Scope { none_of: list([TAG]), ..terms.scope.clone() };
    let rule = world.grant(Terms { scope, ..terms });
    world.file(2, |record| record.tags = list([TAG]));
    world.file(3, |record| record.labelled = false);
    let receipt = world.open(&[1, 2, 3]);
    assert_eq!(
        verdicts(&world, receipt),
        [Verdict::Permit(Basis::Rule(rule)), no(Reason::NoConsent), no(Reason::NoConsent)]
    );
}

/// torch (#409, #513): what holds where one consent permits and another denies was not defined.
#[test]
fn a_denial_wins_whichever_was_made_first() {
    for denial_first in [true, false] {
        let mut world = World::new();
        let terms = world.permit();
        let denial = Terms { effect: Effect::Deny, grantee: Grantee::Organisation(CLINIC), ..terms.clone() };
        let order = if denial_first { [denial, terms] } else { [terms, denial] };
        let rules = order.map(|terms| world.grant(terms));
        let denial = rules[usize::from(!denial_first)];
        let receipt = world.open(&[1]);
        let denied = Denial { reason: Reason::DenyRule, rule: Some(denial) };
        assert_eq!(verdicts(&world, receipt), [Verdict::Denied(denied)]);
    }
}

/// PhenoTips (#2649): who opened a record to edit it had seen it, and the log did not say so.
#[test]
fn who_may_amend_may_not_thereby_look() {
    let mut world = World::new();
    let actions = Actions::of(&[Action::Add, Action::Amend, Action::Share]);
    let terms = Terms { actions, ..world.permit() };
    world.grant(terms);
    let receipt = world.open(&[1]);
    assert_eq!(verdicts(&world, receipt), [no(Reason::NoConsent)], "and that it was tried stands in the log");
}

fn emergency(tier: Tier, records: &[u8]) -> salus_access::Call {
    salus_access::Call::EmergencyOpen {
        patient: PATIENT,
        organisation: CLINIC,
        tier,
        records: list(records.iter().map(|byte| record_id(*byte))),
        reason: 1,
        note: Hash::ZERO,
        late: None,
        cosign: CoSigns::new(),
    }
}

/// OpenEMR: the account for emergencies had to be switched on by an administrator first, was nobody's in particular, and
/// told nobody unless it was configured to. ipfs/notes #292: an unconscious stranger can grant nothing.
#[test]
fn an_emergency_needs_nobodys_switch_is_in_the_openers_name_and_always_a_case() {
    let mut world = World::new();
    world.file(SUMMARY, |record| record.kind = Kind::Summary);
    // The patient knows nobody at the clinic and can do nothing.
    world.ok(
        PATIENT_KEY,
        salus_patients::Call::StatusSet { patient: PATIENT, to: Change::Freeze, cosign: CoSigns::new() },
    );
    world.ok(SURGEON_KEY, emergency(Tier::Summary, &[SUMMARY]));
    assert_eq!(verdicts(&world, 0), [Verdict::Permit(Basis::Emergency(Tier::Summary))]);
    let told = |event: &RuntimeEvent| {
        matches!(event, RuntimeEvent::Access(salus_access::Event::EmergencyOpened { opener: SURGEON, receipt: 0, .. }))
    };
    assert!(events(&world.state).iter().any(|record| told(&record.event)));
    assert!(Cases::get(&world.state, &(PATIENT, 0)).unwrap().is_pending());
    assert_eq!(Caseloads::get(&world.state, &SURGEON).open.len(), 1);
}

/// IHE ITI.PCF #20, carlos-emr #214, outcome-metrics #34: no standard has a way to declare an emergency, and none has
/// the review after it.
#[test]
fn an_emergency_goes_from_its_opening_to_its_review_and_an_overdue_one_closes_the_next() {
    let mut world = World::new();
    world.ok(SURGEON_KEY, emergency(Tier::Full, &[1])).advance(72 * HOUR);
    world.refused(SURGEON_KEY, emergency(Tier::Full, &[1]), AccessError::CasesOverdue);
    let (finding, note) = (Finding::Justified, Hash::ZERO);
    world.ok(CLINIC_REVIEWER_KEY, salus_access::Call::Review { patient: PATIENT, receipt: 0, finding, note });
    let case = Cases::get(&world.state, &(PATIENT, 0)).unwrap();
    assert_eq!((case.is_open(), case.review.unwrap().finding), (false, Finding::Justified));
    world.ok(SURGEON_KEY, emergency(Tier::Full, &[1]));
}

fn guardians(world: &mut World, powers: Powers, lasting: u64) -> GuardianTerms {
    let until = world.now().plus(lasting);
    let terms = GuardianTerms { guardians: list([ANNA]), threshold: 1, powers, excluded: list([]), until };
    world.prepare(|state| salus_patients::storage::Guardianships::insert(state, &PATIENT, &terms.clone().into()));
    terms
}

/// LitGrants #39, keybase #21225, mist #396: who had lost the key had lost what it opened.
#[test]
fn a_patient_who_lost_every_key_keeps_records_and_rules() {
    let mut world = World::new();
    let terms = world.permit();
    let rule = world.grant(terms);
    guardians(&mut world, Powers::ALL, 30 * DAY);
    let new: u8 = 200;
    let keys: Vec<AccountId> = vec![account(new)];
    let propose = |cosign| salus_patients::Call::Recover {
        patient: PATIENT,
        step: RecoveryStep::Propose(list(keys.clone())),
        cosign,
    };
    let call = world.cosigned(ANNA_KEY, propose, &[new]);
    world.ok(ANNA_KEY, call).advance(72 * HOUR);
    let finish = salus_patients::Call::Recover { patient: PATIENT, step: RecoveryStep::Finish, cosign: CoSigns::new() };
    world.ok(ANNA_KEY, finish);
    let receipt = world.open(&[1]);
    assert_eq!(verdicts(&world, receipt), [Verdict::Permit(Basis::Rule(rule))]);
    world.ok(new, revocation(rule));
    world.invalid(&world.signed(PATIENT_KEY, salus_system::Call::Noop {}), InvalidTransaction::UnknownSigner);
}

/// solid/user-stories #88, ehealth.api #2623: the child grew up, and the representative was one still.
#[test]
fn a_guardianship_ends_by_itself_with_all_that_was_granted_under_it() {
    let mut world = World::new();
    let terms = guardians(&mut world, Powers::ACT, 30 * DAY);
    let granting = |world: &World| {
        let window = Window { from: world.now(), until: terms.until };
        salus_consent::Call::Grant { patient: PATIENT, terms: Terms { window, ..world.permit() }, replaces: None }
    };
    let call = granting(&world);
    world.ok(ANNA_KEY, call);
    let receipt = world.open(&[1]);
    assert!(verdicts(&world, receipt)[0].is_permit());
    world.advance(30 * DAY);
    let call = salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None };
    world.refused(ANNA_KEY, call.clone(), Error::NotAuthorised);
    let receipt = world.open(&[1]);
    assert_eq!(verdicts(&world, receipt), [no(Reason::NoConsent)]);
    world.ok(PATIENT_KEY, call);
}

/// MedRecChain: a permission had no end.
#[test]
fn no_grant_is_for_ever() {
    let mut world = World::new();
    let window = Window { from: world.now(), until: salus_primitives::Moment(u64::MAX) };
    let terms = Terms { window, ..world.permit() };
    world.refused(
        PATIENT_KEY,
        salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None },
        Error::BadWindow,
    );
}
