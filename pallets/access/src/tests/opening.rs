//! Opening and releasing.

use salus_consent::Question;
use salus_patients::Problem;
use salus_primitives::time::{DAY, MINUTE};
use salus_registry::{Standing, types::OrganisationStatus};
use salus_system::{Parameters, Policy, storage::ChainParameters};

use super::*;
use crate::{Error, judge_traced, storage::Activities};

#[test]
fn what_is_permitted_leaves_a_receipt_that_says_who_why_when_and_by_which_rule() {
    let mut world = World::new();
    let rule = world.grant(world.permit());
    let (index, receipt) = world.open(&[1, 2]);
    let entry = |byte| Entry { record: record_id(byte), verdict: by(rule), served: ServedBy::default() };
    let expected = Receipt {
        opener: Subject::Practitioner(SURGEON),
        organisation: CLINIC,
        purpose: Purpose::Treatment,
        height: world.chain.height(),
        at: world.chain.now(),
        until: world.chain.now().plus(15 * MINUTE),
        entries: BoundedVec::try_from(vec![entry(1), entry(2)]).unwrap(),
    };
    assert_eq!((index, &receipt), (0, &expected));
    world.chain.emitted(Event::Opened {
        patient: world.patient,
        receipt: 0,
        opener: Subject::Practitioner(SURGEON),
        organisation: CLINIC,
        permitted: 0b11,
    });
    assert_eq!(world.releasable(&receipt, 0), Ok(Basis::Rule(rule)));
    assert_eq!(world.releasable(&receipt, 2), Err(Withheld::NoSuchEntry));
}

#[test]
fn a_denial_takes_effect_and_is_a_fact_too() {
    let mut world = World::new();
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [no(Reason::NoConsent)]);
    world.chain.emitted(Event::Opened {
        patient: world.patient,
        receipt: 0,
        opener: Subject::Practitioner(SURGEON),
        organisation: CLINIC,
        permitted: 0,
    });
    let denial = Denial { reason: Reason::NoConsent, rule: None };
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Denied(denial)));
    // A grant that comes later does not turn it.
    world.grant(world.permit());
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Denied(denial)));
}

#[test]
fn each_record_is_decided_alone_with_its_own_reason() {
    let mut world = World::new();
    let mut labs = world.permit();
    labs.scope.kinds = Kinds::of(&[Kind::Lab, Kind::Document]);
    let rule = world.grant(labs);
    let mut label = world.deny(Grantee::Everyone);
    label.scope.any_of = Tags::try_from(vec![Tag([7; 8])]).unwrap();
    let denial = world.grant(label);
    world.file(4, |record| record.tags = Tags::try_from(vec![Tag([7; 8])]).unwrap());
    world.file(5, |record| record.status = RecordStatus::EnteredInError);
    world.file(6, |record| record.status = RecordStatus::Erased);
    world.file(7, |record| record.status = RecordStatus::Superseded);
    let (_, receipt) = world.open(&[1, 2, 4, 5, 6, 7, 77]);
    assert_eq!(
        World::verdicts(&receipt),
        [
            by(rule),
            no(Reason::NoConsent),
            Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(denial) }),
            no(Reason::EnteredInError),
            no(Reason::Erased),
            by(rule),
            no(Reason::UnknownRecord),
        ]
    );
    assert_eq!(receipt.permitted(), 0b010_0001);
}

#[test]
fn an_opening_is_one_use_of_each_rule_it_rests_on_however_many_records_it_covers() {
    let mut world = World::new();
    let once = Terms { max_uses: Some(1), ..world.permit() };
    let mut labs = once.clone();
    labs.scope.kinds = Kinds::of(&[Kind::Lab]);
    let (labs, all) = (world.grant(labs), world.grant(Terms { max_uses: Some(2), ..once }));
    let (_, first) = world.open(&[1, 2, 3]);
    assert_eq!(World::verdicts(&first), [by(labs), by(all), by(all)]);
    let (_, second) = world.open(&[1, 2]);
    assert_eq!(World::verdicts(&second), [by(all), by(all)], "the first rule is used up");
    let (_, third) = world.open(&[1]);
    assert_eq!(World::verdicts(&third), [no(Reason::NoConsent)]);
    // The receipts of the last uses still rest on them: their own use is not counted.
    assert_eq!(world.releasable(&first, 0), Ok(Basis::Rule(labs)));
    assert_eq!(world.releasable(&second, 1), Ok(Basis::Rule(all)));
}

#[test]
fn a_denied_opening_uses_no_rule() {
    let mut world = World::new();
    let mut once = Terms { max_uses: Some(1), ..world.permit() };
    once.scope.kinds = Kinds::of(&[Kind::Lab]);
    let rule = world.grant(once);
    world.open(&[2]);
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [by(rule)]);
}

#[test]
fn a_revocation_stops_even_a_download_in_progress() {
    let mut world = World::new();
    let rule = world.grant(world.permit());
    let (_, receipt) = world.open(&[1]);
    world.chain.advance(MINUTE);
    assert!(world.releasable(&receipt, 0).is_ok());
    world.revoke(rule);
    let now_denied = |reason| Err(Withheld::Withdrawn(Denial { reason, rule: None }));
    assert_eq!(world.releasable(&receipt, 0), now_denied(Reason::NoConsent));
    let (_, later) = world.open(&[1]);
    assert_eq!(World::verdicts(&later), [no(Reason::NoConsent)]);
}

#[test]
fn a_later_denial_an_erasure_or_a_suspension_stops_the_release() {
    let stopped = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.grant(world.permit());
        let (_, receipt) = world.open(&[1]);
        change(&mut world);
        match world.releasable(&receipt, 0) {
            Err(Withheld::Withdrawn(denial)) => denial.reason,
            other => panic!("it should be withheld: {other:?}"),
        }
    };
    let denied = stopped(&|world| {
        world.grant(world.deny(Grantee::Everyone));
    });
    assert_eq!(denied, Reason::DenyRule);
    assert_eq!(stopped(&|world| world.file(1, |record| record.status = RecordStatus::Erased)), Reason::Erased);
    let suspended = stopped(&|world| registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended));
    assert_eq!(suspended, Reason::Standing(Standing::OrganisationSuspended));
    assert_eq!(stopped(&|world| world.set_patient(PatientState::Closed)), Reason::Patient(Problem::Closed));
}

#[test]
fn a_receipt_is_over_after_fifteen_minutes() {
    let mut world = World::new();
    world.grant(world.permit());
    let (_, receipt) = world.open(&[1]);
    world.chain.advance(15 * MINUTE - 1);
    assert!(world.releasable(&receipt, 0).is_ok());
    world.chain.advance(1);
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Over));
}

#[test]
fn a_receipt_of_somebody_who_cannot_open_by_a_rule_releases_nothing() {
    let mut world = World::new();
    world.grant(world.permit());
    let (_, receipt) = world.open(&[1]);
    let forged = Receipt { opener: Subject::Organisation(CLINIC), ..receipt };
    let reason = Reason::Standing(Standing::NotAuthorised);
    assert_eq!(world.releasable(&forged, 0), Err(Withheld::Withdrawn(Denial { reason, rule: None })));
}

#[test]
fn the_default_policy_opens_a_custodians_own_records_to_its_doctors() {
    let mut world = World::new();
    let parameters = Parameters { policy: Policy::CustodianTreatment, ..Parameters::default() };
    world.chain.prepare(|state| ChainParameters::put(state, &parameters));
    world.file(2, |record| record.restricted = true);
    let call = Call::Open {
        patient: world.patient,
        organisation: HOSPITAL,
        purpose: Purpose::Treatment,
        records: ids(&[1, 2]),
    };
    world.chain.ok(account(DOCTOR_KEY), call);
    let receipt = world.receipt(0);
    assert_eq!(World::verdicts(&receipt), [Verdict::Permit(Basis::Default), no(Reason::NoConsent)]);
    assert_eq!(world.releasable(&receipt, 0), Ok(Basis::Default));
}

#[test]
fn a_session_key_opens() {
    let mut world = World::new();
    world.grant(world.permit());
    let session = world.session(Subject::Practitioner(SURGEON));
    let call = world.opening(&[1]);
    world.chain.ok(session, call);
    assert_eq!(world.receipt(0).permitted(), 1);
}

#[test]
fn who_may_not_act_is_refused_and_leaves_no_fact() {
    let mut world = World::new();
    world.grant(world.permit());
    let call = world.opening(&[1]);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [world.me, account(REGISTRAR_KEY), account(GATEWAY_KEY), account(2)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::NotActive(Standing::NotAffiliated));
    let elsewhere =
        Call::Open { patient: world.patient, organisation: NOWHERE, purpose: Purpose::Treatment, records: ids(&[1]) };
    world.chain.refused(account(SURGEON_KEY), elsewhere, Error::NotActive(Standing::UnknownOrganisation));
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    world.chain.refused(account(SURGEON_KEY), call, Error::NotActive(Standing::OrganisationSuspended));
    assert_eq!(world.log().count, 0);
}

#[test]
fn an_opening_names_a_patient_there_is_and_each_record_once() {
    let mut world = World::new();
    let unknown =
        Call::Open { patient: STRANGER, organisation: CLINIC, purpose: Purpose::Treatment, records: ids(&[1]) };
    world.chain.refused(account(SURGEON_KEY), unknown, Error::Patient(Problem::UnknownPatient));
    for bad in [&[][..], &[1, 2, 1]] {
        let call = world.opening(bad);
        world.chain.refused(account(SURGEON_KEY), call, Error::BadRecords);
    }
}

#[test]
fn a_closed_patients_records_are_denied_and_the_attempt_is_seen() {
    let mut world = World::new();
    world.grant(world.permit());
    world.set_patient(PatientState::Closed);
    let (_, receipt) = world.open(&[1, 77]);
    let closed = no(Reason::Patient(Problem::Closed));
    assert_eq!(World::verdicts(&receipt), [closed, closed]);
}

#[test]
fn after_five_denied_openings_a_patient_is_shut_to_that_practitioner_for_the_day() {
    let mut world = World::new();
    for _ in 0..5 {
        world.open(&[1]);
    }
    let call = world.opening(&[1]);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::RateLimited);
    world.grant(world.permit());
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::RateLimited);
    assert_eq!(world.log().count, 5);
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 2);
    let of_other =
        Call::Open { patient: other.id, organisation: CLINIC, purpose: Purpose::Treatment, records: ids(&[1]) };
    world.chain.ok(account(SURGEON_KEY), of_other);
    world.chain.advance(DAY).ok(account(SURGEON_KEY), call);
}

#[test]
fn a_practitioner_opens_five_hundred_times_a_day() {
    let mut world = World::new();
    world.grant(world.permit());
    world.open(&[1]);
    let mut activity = Activities::get(world.chain.state(), &Subject::Practitioner(SURGEON));
    assert_eq!(activity.openings, 1);
    activity.openings = OPENINGS_PER_DAY - 1;
    world.chain.prepare(|state| Activities::insert(state, &Subject::Practitioner(SURGEON), &activity));
    world.open(&[1]);
    let call = world.opening(&[1]);
    world.chain.refused(account(SURGEON_KEY), call, Error::RateLimited);
    world.chain.advance(DAY);
    world.open(&[1]);
}

#[test]
fn suspending_an_organisation_is_one_write_however_many_rules_name_it_and_stops_all_its_openings() {
    for rules in [1, 10, 160] {
        let mut world = World::new();
        for _ in 0..rules.min(16) {
            world.grant(world.permit());
        }
        for number in 0..rules / 16 {
            // More patients with a full page each.
            let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 10 + number);
            for _ in 0..16 {
                let terms = permit(world.chain.now(), Grantee::Organisation(CLINIC));
                let call = salus_consent::Call::Grant { patient: other.id, terms, replaces: None };
                world.chain.ok(other.account(), call);
            }
        }
        let (_, receipt) = world.open(&[1]);
        let before = world.chain.entries().clone();
        registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
        let after = world.chain.entries();
        let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value)).count();
        assert_eq!((changed, after.len()), (1, before.len()));
        let call = world.opening(&[1]);
        world.chain.refused(account(SURGEON_KEY), call, Error::NotActive(Standing::OrganisationSuspended));
        assert!(world.releasable(&receipt, 0).is_err());
    }
}

#[test]
fn a_decision_is_proven_by_eleven_keys_the_signers_account_and_the_record_among_them() {
    let mut world = World::new();
    let rule = world.grant(world.permit());
    let question = Question {
        patient: world.patient,
        actor: SURGEON,
        organisation: CLINIC,
        action: Action::View,
        purpose: Purpose::Treatment,
        at: world.chain.now(),
    };
    let signer = account(SURGEON_KEY);
    let (verdict, keys) = judge_traced(world.chain.state(), signer, &question, record_id(1));
    assert_eq!((verdict, keys.len()), (by(rule), 11));
    assert!(keys.contains(&salus_system::storage::Account::key(&signer)));
    assert!(keys.contains(&Records::key(&(world.patient, record_id(1)))));
    let bytes: usize = keys.iter().filter_map(|key| world.chain.entries().get(key)).map(Vec::len).sum();
    assert!(bytes < 2_000, "{bytes}");
}
