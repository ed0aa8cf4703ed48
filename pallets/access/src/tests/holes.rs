//! Holes that were found in other systems, each tried here: the same attempt fails. What was found where stands above
//! each test, in the words of the design's evidence.

use salus_patients::types::{GuardianChange, GuardianTerms, Powers};
use salus_primitives::{
    Window,
    signed::CoSigns,
    time::{DAY, MINUTE},
};
use salus_registry::{Standing, types::OrganisationStatus};

use super::*;
use crate::Error;

/// MedRec: the function that names a custodian of a patient's records asked nobody who called it.
#[test]
fn nobody_makes_themselves_a_patients_guardian() {
    let mut world = World::new();
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 2);
    let terms = GuardianTerms {
        guardians: BoundedVec::try_from(vec![other.id]).unwrap(),
        threshold: 1,
        powers: Powers::ACT,
        excluded: BoundedVec::new(),
        until: world.chain.now().plus(365 * DAY),
    };
    let change = GuardianChange::Set(terms);
    let call = salus_patients::Call::GuardiansSet { patient: world.patient, change, cosign: CoSigns::new() };
    for caller in [other.account(), account(SURGEON_KEY), account(GATEWAY_KEY)] {
        world.chain.refused(caller, call.clone(), salus_patients::Error::NotAuthorised);
    }
    world.chain.refused(account(UNBOUND_KEY), call, salus_patients::Error::NotRegistered);
}

/// A Fabric record system: the function that grants took the patient's id as an argument and believed it.
#[test]
fn nobody_grants_in_a_patients_name() {
    let mut world = World::new();
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 2);
    let (patient, terms) = (world.patient, world.permit());
    let call = salus_consent::Call::Grant { patient, terms, replaces: None };
    for caller in [other.account(), account(SURGEON_KEY), account(DOCTOR_KEY), account(REGISTRAR_KEY)] {
        world.chain.refused(caller, call.clone(), salus_consent::Error::NotAuthorised);
    }
}

/// The same: what updates records, and what shows their history, asked no permission that reading asked.
#[test]
fn an_older_version_is_opened_by_the_same_rules_as_the_newest() {
    let mut world = World::new();
    world.file(1, |record| record.status = RecordStatus::Superseded);
    let (_, receipt) = world.open(&[1, 2]);
    assert_eq!(World::verdicts(&receipt), [no(Reason::NoConsent), no(Reason::NoConsent)]);
}

/// MedRecChain: whoever called could remove others' entries and delete others' requests.
#[test]
fn nobody_withdraws_anothers_request_or_anothers_rule() {
    let mut world = World::new();
    world.ask();
    let withdraw = world.answer(RequestRef { requester: SURGEON, number: 0 }, Answer::Withdraw);
    world.chain.refused(account(DOCTOR_KEY), withdraw, Error::NotAuthorised);
    let rule = world.grant(world.permit());
    let what = Withdrawal::Rules(BoundedVec::try_from(vec![rule]).unwrap());
    let revoke = salus_consent::Call::Revoke { patient: world.patient, what };
    world.chain.refused(account(DOCTOR_KEY), revoke, salus_consent::Error::NotAuthorised);
}

/// Medblock: consent was to end after an hour, and the task that ended it was commented out. ABDM's consent manager: a
/// scheduled job turned what had ended into what had ended, some time later.
#[test]
fn a_grant_ends_by_itself_at_its_very_millisecond() {
    let mut world = World::new();
    let from = world.chain.now();
    let window = Window { from, until: from.plus(HOUR) };
    let rule = world.grant(Terms { window, ..world.permit() });
    world.chain.advance(HOUR - MINUTE);
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [by(rule)]);
    let left = window.until.since(world.chain.now());
    world.chain.advance(left - 1);
    assert!(world.releasable(&receipt, 0).is_ok(), "the last millisecond counts");
    world.chain.advance(1);
    assert!(matches!(world.releasable(&receipt, 0), Err(Withheld::Withdrawn(_))), "nothing ran in between");
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [no(Reason::NoConsent)]);
}

/// LEAP's enforcement point: the purpose came from the client's token, and was treatment where none was given.
#[test]
fn a_purpose_is_never_assumed() {
    let mut world = World::new();
    world.grant(Terms { purposes: Purposes::of(&[Purpose::Research]), ..world.permit() });
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [no(Reason::NoConsent)]);
}

/// HAPI FHIR and openmed: what a cache had permitted stayed permitted after consent was withdrawn. gICS, ABDM's
/// wrapper: consent that was withdrawn still called itself active.
#[test]
fn no_permission_outlives_its_revocation() {
    let mut world = World::new();
    let rule = world.grant(world.permit());
    let (_, receipt) = world.open(&[1]);
    assert!(world.releasable(&receipt, 0).is_ok());
    world.revoke(rule);
    let denial = Denial { reason: Reason::NoConsent, rule: None };
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Withdrawn(denial)));
}

/// OpenEMR: the account for emergencies could do everything, administration included.
#[test]
fn an_emergency_opens_what_it_names_and_gives_no_other_power() {
    let mut world = World::new().with_summary();
    let (_, receipt) = world.summary();
    assert!(receipt.entries[0].verdict.is_permit());
    let (_, ordinary) = world.open(&[1]);
    assert_eq!(World::verdicts(&ordinary), [no(Reason::NoConsent)]);
    let (patient, terms) = (world.patient, world.permit());
    let grant = salus_consent::Call::Grant { patient, terms, replaces: None };
    world.chain.refused(account(SURGEON_KEY), grant, salus_consent::Error::NotAuthorised);
}

/// OpenMRS: the audit log knew who had changed something, not who had looked.
#[test]
fn looking_and_trying_to_look_both_leave_a_fact() {
    let mut world = World::new();
    let (denied, _) = world.open(&[1]);
    world.grant(world.permit());
    let (permitted, _) = world.open(&[1]);
    assert_eq!((denied, permitted, world.log().count), (0, 1, 2));
}

/// Consumer data standards: revoking a whole organisation was a nightly batch.
#[test]
fn a_suspended_hospital_opens_nothing_from_that_moment_on() {
    let mut world = World::new();
    for grantee in [Grantee::Organisation(CLINIC), Grantee::Practitioner(SURGEON, CLINIC)] {
        world.grant(Terms { grantee, ..world.permit() });
    }
    let (_, receipt) = world.open(&[1]);
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    let call = world.opening(&[1]);
    world.chain.refused(account(SURGEON_KEY), call, Error::NotActive(Standing::OrganisationSuspended));
    assert!(world.releasable(&receipt, 0).is_err(), "what was opened before is not released either");
}

/// HAPI FHIR: totals and pages told of what the caller might not see.
#[test]
fn a_denied_opening_lists_what_was_named_and_nothing_else() {
    let mut world = World::new();
    let (_, receipt) = world.open(&[2]);
    assert_eq!(World::verdicts(&receipt), [no(Reason::NoConsent)]);
    assert_eq!(receipt.entries[0].record, record_id(2));
}
