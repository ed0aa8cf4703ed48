//! Emergencies of the time when the chain stood still, written down later.

use salus_consent::Tier;
use salus_patients::Problem;
use salus_primitives::{
    Moment,
    crypto::Signature,
    signed::{CoSign, CoSigns, EmergencyRelease, emergency_receipt},
    time::{DAY, HOUR},
};
use salus_registry::types::OrganisationStatus;
use salus_support::{Class, Pallet};

use super::{emergency::SUMMARY, *};
use crate::{
    Error, Evidence, Finding, Late,
    storage::{Anchored, Cases, LateHolds},
};

impl World {
    /// What was signed by these keys for the surgeon of the clinic.
    fn evidence(&self, record: u8, happened: Moment, opener: u8, officer: u8) -> Evidence {
        let release = EmergencyRelease {
            patient: self.patient,
            organisation: CLINIC,
            practitioner: SURGEON,
            record: record_id(record),
            reason: 3,
            note: Hash([8; 32]),
            happened,
        };
        let message = emergency_receipt(&self.chain.genesis(), &release);
        let sign = |seed: u8| CoSign { account: account(seed), signature: key(seed).sign(&message) };
        Evidence { practitioner: SURGEON, happened, opener: sign(opener), officer: sign(officer) }
    }

    fn anchoring(&self, record: u8, evidence: Evidence) -> Call {
        Call::EmergencyOpen {
            patient: self.patient,
            organisation: CLINIC,
            tier: Tier::Summary,
            records: ids(&[record]),
            reason: 3,
            note: Hash([8; 32]),
            late: Some(evidence),
            cosign: CoSigns::new(),
        }
    }

    /// Write down that the summary was given out `ago` ms ago; the receipt and its index.
    #[track_caller]
    fn anchor(&mut self, ago: u64) -> (u32, Receipt) {
        let happened = Moment(self.chain.now().0 - ago);
        let call = self.anchoring(SUMMARY, self.evidence(SUMMARY, happened, SURGEON_KEY, CLINIC_GATEWAY_KEY));
        let index = self.log().count;
        self.chain.ok(account(SURGEON_KEY), call);
        (index, self.receipt(index))
    }
}

#[test]
fn a_summary_given_out_during_a_halt_is_written_down_and_flagged() {
    let mut world = World::new().with_summary();
    let (index, receipt) = world.anchor(HOUR);
    let happened = Moment(world.chain.now().0 - HOUR);
    assert_eq!(World::verdicts(&receipt), [Verdict::Permit(Basis::Emergency(Tier::Summary))]);
    world.chain.emitted(Event::EmergencyOpened {
        patient: world.patient,
        receipt: index,
        opener: SURGEON,
        organisation: CLINIC,
        tier: Tier::Summary,
        permitted: 1,
        late: Some(Late { happened, overdue: false }),
    });
    // Nothing more is released on it, and a report of what was carries its flag.
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Over));
    let call = world.serving(index, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags_of_report(), (true, 0));
    // It waits for its review since it happened.
    assert_eq!(world.caseload().open[0].since, happened);
    world.chain.advance(71 * HOUR);
    let full = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), full, Error::CasesOverdue);
}

#[test]
fn either_hands_it_in_even_from_a_suspended_organisation_or_with_a_key_that_ended() {
    for caller in [SURGEON_KEY, CLINIC_GATEWAY_KEY, 2] {
        let mut world = World::new().with_summary();
        registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
        let evidence = world.evidence(SUMMARY, world.chain.now(), SURGEON_KEY, CLINIC_GATEWAY_KEY);
        let call = world.anchoring(SUMMARY, evidence);
        world.chain.ok(account(caller), call);
        // The registers of today say otherwise, which is written down, not refused.
        assert_eq!(world.receipt(0).permitted(), 0);
    }
    let mut world = World::new().with_summary();
    let evidence = world.evidence(SUMMARY, world.chain.now(), SURGEON_KEY, CLINIC_GATEWAY_KEY);
    world.chain.prepare(|state| {
        salus_system::keys::end(state, account(SURGEON_KEY));
        salus_system::keys::end(state, account(CLINIC_GATEWAY_KEY));
    });
    let call = world.anchoring(SUMMARY, evidence);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::NotRegistered);
    world.chain.ok(account(2), call);
    assert_eq!(world.receipt(0).permitted(), 1);
}

#[test]
fn nobody_else_hands_it_in() {
    let mut world = World::new().with_summary();
    let evidence = world.evidence(SUMMARY, world.chain.now(), SURGEON_KEY, CLINIC_GATEWAY_KEY);
    let call = world.anchoring(SUMMARY, evidence);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [world.me, account(DOCTOR_KEY), account(GATEWAY_KEY)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
}

#[test]
fn what_does_not_prove_itself_is_no_report() {
    let mut world = World::new().with_summary();
    let now = world.chain.now();
    let good = world.evidence(SUMMARY, now, SURGEON_KEY, CLINIC_GATEWAY_KEY);
    let forged = CoSign { signature: Signature([0; 64]), ..good.officer };
    let bad = [
        world.evidence(SUMMARY, now, DOCTOR_KEY, CLINIC_GATEWAY_KEY),
        world.evidence(SUMMARY, now, SURGEON_KEY, GATEWAY_KEY),
        world.evidence(SUMMARY, now, SURGEON_KEY, SURGEON_KEY),
        world.evidence(SUMMARY, now, SURGEON_KEY, UNBOUND_KEY),
        // Of another record, of the future, of another moment, not signed.
        world.evidence(1, now, SURGEON_KEY, CLINIC_GATEWAY_KEY),
        world.evidence(SUMMARY, now.plus(1), SURGEON_KEY, CLINIC_GATEWAY_KEY),
        Evidence { happened: Moment(now.0 - 1), ..good },
        Evidence { officer: forged, ..good },
        Evidence { opener: CoSign { account: good.opener.account, ..forged }, ..good },
    ];
    for evidence in bad {
        let call = world.anchoring(SUMMARY, evidence);
        world.chain.refused(account(SURGEON_KEY), call, Error::BadEvidence);
    }
    let parts = |call: Call| match call {
        Call::EmergencyOpen { patient, organisation, records, reason, note, late, .. } => {
            (patient, organisation, records, reason, note, late)
        }
        _ => panic!(),
    };
    let call = world.anchoring(SUMMARY, good);
    let (patient, organisation, records, reason, note, late) = parts(call.clone());
    let with = |patient, tier, records: RecordIds, cosign| Call::EmergencyOpen {
        patient,
        organisation,
        tier,
        records,
        reason,
        note,
        late,
        cosign,
    };
    let none = CoSigns::new;
    let surgeon = account(SURGEON_KEY);
    world.chain.refused(surgeon, with(patient, Tier::Full, records.clone(), none()), Error::BadEvidence);
    world.chain.refused(surgeon, with(patient, Tier::Summary, ids(&[]), none()), Error::BadRecords);
    world.chain.refused(surgeon, with(patient, Tier::Summary, ids(&[SUMMARY, 1]), none()), Error::BadRecords);
    let unknown = Error::Patient(Problem::UnknownPatient);
    world.chain.refused(surgeon, with(STRANGER, Tier::Summary, records.clone(), none()), unknown);
    let needless = CoSigns::try_from(vec![good.officer]).unwrap();
    world.chain.refused(surgeon, with(patient, Tier::Summary, records, needless), Error::BadCoSign);
    world.chain.ok(surgeon, call);
}

#[test]
fn a_session_key_that_had_run_out_signed_nothing() {
    let mut world = World::new().with_summary();
    world.session(Subject::Practitioner(SURGEON));
    world.chain.advance(2 * HOUR);
    let now = world.chain.now();
    let run_out = world.anchoring(SUMMARY, world.evidence(SUMMARY, now, SESSION_KEY, CLINIC_GATEWAY_KEY));
    world.chain.refused(account(SURGEON_KEY), run_out, Error::BadEvidence);
    let before = Moment(now.0 - 2 * HOUR);
    let live = world.anchoring(SUMMARY, world.evidence(SUMMARY, before, SESSION_KEY, CLINIC_GATEWAY_KEY));
    world.chain.ok(account(SURGEON_KEY), live);
}

#[test]
fn the_same_evidence_is_written_down_once() {
    let mut world = World::new().with_summary();
    let evidence = world.evidence(SUMMARY, world.chain.now(), SURGEON_KEY, CLINIC_GATEWAY_KEY);
    let call = world.anchoring(SUMMARY, evidence);
    world.chain.ok(account(SURGEON_KEY), call.clone());
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::AlreadyAnchored);
    world.chain.advance(200 * DAY).refused(account(2), call, Error::AlreadyAnchored);
    let prefix = Anchored::prefix();
    assert_eq!(world.chain.entries().keys().filter(|key| key.starts_with(&prefix)).count(), 1);
}

#[test]
fn what_was_no_summary_is_written_down_as_denied() {
    let mut world = World::new().with_summary();
    let now = world.chain.now();
    for (record, reason) in [(1, Reason::NotSummary), (77, Reason::UnknownRecord)] {
        let index = world.log().count;
        let call = world.anchoring(record, world.evidence(record, now, SURGEON_KEY, CLINIC_GATEWAY_KEY));
        world.chain.ok(account(SURGEON_KEY), call);
        assert_eq!(World::verdicts(&world.receipt(index)), [no(reason)]);
    }
    // A summary that was amended meanwhile was the summary.
    world.file(SUMMARY, |record| record.status = RecordStatus::Superseded);
    let (_, receipt) = world.anchor(HOUR);
    assert_eq!(receipt.permitted(), 1);
}

#[test]
fn after_72_hours_it_is_taken_flagged_and_suspends_the_organisations_emergencies_until_reviewed() {
    let mut world = World::new().with_summary();
    world.anchor(72 * HOUR - 1);
    assert_eq!(LateHolds::get(world.chain.state(), &CLINIC), 0);
    let mut world = World::new().with_summary();
    registry::doctor(&mut world.chain, PractitionerId([13; 16]), CLINIC, &key(13));
    registry::officer(&mut world.chain, CLINIC, Roles::REVIEWER, &key(41));
    let (index, _) = world.anchor(72 * HOUR);
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    assert!(case.emergency.unwrap().late.unwrap().overdue);
    assert_eq!(LateHolds::get(world.chain.state(), &CLINIC), 1);
    // A colleague with no case of their own opens nothing in full, and the summary with an officer.
    let full = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(13), full.clone(), Error::EmergencySuspended);
    let summary = world.emergency(Tier::Summary, &[SUMMARY]);
    world.chain.refused(account(13), summary, Error::CoSignNeeded);
    // A further report is taken all the same.
    let (second, _) = world.anchor(80 * HOUR);
    assert_eq!(LateHolds::get(world.chain.state(), &CLINIC), 2);
    for receipt in [index, second] {
        world.chain.refused(account(13), full.clone(), Error::EmergencySuspended);
        let review = Call::Review { patient: world.patient, receipt, finding: Finding::Justified, note: Hash([4; 32]) };
        world.chain.ok(account(41), review);
    }
    assert_eq!(LateHolds::get(world.chain.state(), &CLINIC), 0);
    world.chain.ok(account(13), full);
}

#[test]
fn the_officer_who_signed_does_not_review() {
    let mut world = World::new().with_summary();
    registry::officer(&mut world.chain, CLINIC, Roles::REVIEWER, &key(41));
    let now = world.chain.now();
    let call = world.anchoring(SUMMARY, world.evidence(SUMMARY, now, SURGEON_KEY, 41));
    world.chain.ok(account(SURGEON_KEY), call);
    let review = Call::Review { patient: world.patient, receipt: 0, finding: Finding::Justified, note: Hash([4; 32]) };
    world.chain.refused(account(41), review, Error::SelfReview);
}

#[test]
fn a_late_report_is_protected_and_weighs_its_signatures() {
    let world = World::new();
    let late = world.anchoring(SUMMARY, world.evidence(SUMMARY, world.chain.now(), SURGEON_KEY, CLINIC_GATEWAY_KEY));
    let cost = crate::Access::cost(&late);
    assert_eq!(cost.class, Class::Protected);
    assert!(cost.weight > crate::Access::cost(&world.emergency(Tier::Summary, &[SUMMARY])).weight);
}
