//! Emergencies: two tiers, what each opens, and what stands in the way when reviews are missing.

use salus_consent::Tier;
use salus_patients::{Problem, types::FrozenBy};
use salus_primitives::{
    Moment,
    signed::CoSigns,
    time::{DAY, HOUR, MINUTE},
};
use salus_registry::{Standing, types::OrganisationStatus};
use salus_support::{Class, Pallet};

use super::*;
use crate::{
    Error,
    cases::{Caseload, Emergency, OPEN_CASES_MAX, OpenCase},
    storage::{Activities, Caseloads, Cases},
};

/// The patient's emergency summary.
pub(super) const SUMMARY: u8 = 9;

impl World {
    /// Give the patient an emergency summary that the hospital keeps.
    pub(super) fn with_summary(mut self) -> Self {
        self.file(SUMMARY, |record| record.kind = Kind::Summary);
        let patient = self.patient;
        self.chain.prepare(|state| {
            salus_records::storage::Summary::insert(state, &patient, &record_id(SUMMARY));
        });
        self
    }

    pub(super) fn emergency(&self, tier: Tier, records: &[u8]) -> Call {
        Call::EmergencyOpen {
            patient: self.patient,
            organisation: CLINIC,
            tier,
            records: ids(records),
            reason: 3,
            note: Hash([8; 32]),
            late: None,
            cosign: CoSigns::new(),
        }
    }

    /// The surgeon opens the summary in an emergency; the receipt and its index.
    #[track_caller]
    pub(super) fn summary(&mut self) -> (u32, Receipt) {
        self.in_emergency(Tier::Summary, &[SUMMARY])
    }

    #[track_caller]
    pub(super) fn in_emergency(&mut self, tier: Tier, records: &[u8]) -> (u32, Receipt) {
        let index = self.log().count;
        self.chain.ok(account(SURGEON_KEY), self.emergency(tier, records));
        (index, self.receipt(index))
    }

    /// The call with these officers' co-signatures for the surgeon.
    pub(super) fn along(&self, call: Call, signers: &[u8]) -> Call {
        let signers: Vec<KeyPair> = signers.iter().map(|seed| key(*seed)).collect();
        let cosign = self.chain.cosigns(account(SURGEON_KEY), call.clone(), &signers.iter().collect::<Vec<_>>());
        let Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, .. } = call else {
            panic!("only an emergency has co-signatures here");
        };
        Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, cosign }
    }

    pub(super) fn caseload(&self) -> Caseload {
        Caseloads::get(self.chain.state(), &SURGEON)
    }

    /// As many cases of the surgeon wait since now as state lists.
    fn fill_caseload(&mut self) {
        let (patient, since) = (STRANGER, self.chain.now());
        let mut caseload = self.caseload();
        (0..OPEN_CASES_MAX).for_each(|receipt| caseload.add(OpenCase { patient, receipt, since }));
        self.chain.prepare(|state| Caseloads::insert(state, &SURGEON, &caseload));
    }
}

fn in_tier(tier: Tier) -> Verdict {
    Verdict::Permit(Basis::Emergency(tier))
}

#[test]
fn the_summary_opens_without_a_rule_for_four_hours_and_leaves_a_case() {
    let mut world = World::new().with_summary();
    let (index, receipt) = world.summary();
    assert_eq!(World::verdicts(&receipt), [in_tier(Tier::Summary)]);
    assert_eq!((receipt.purpose, receipt.until), (Purpose::EmergencyTreatment, world.chain.now().plus(4 * HOUR)));
    world.chain.emitted(Event::EmergencyOpened {
        patient: world.patient,
        receipt: index,
        opener: SURGEON,
        organisation: CLINIC,
        tier: Tier::Summary,
        permitted: 1,
        late: None,
    });
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    let emergency = Emergency { tier: Tier::Summary, reason: 3, note: Hash([8; 32]), officer: None, late: None };
    assert_eq!((case.emergency, case.is_pending(), case.is_open()), (Some(emergency), true, true));
    let open = OpenCase { patient: world.patient, receipt: index, since: world.chain.now() };
    assert_eq!(world.caseload().open[..], [open]);
    world.chain.advance(4 * HOUR - 1);
    assert_eq!(world.releasable(&receipt, 0), Ok(Basis::Emergency(Tier::Summary)));
    world.chain.advance(1);
    assert_eq!(world.releasable(&receipt, 0), Err(Withheld::Over));
}

#[test]
fn the_fact_says_that_it_was_an_emergency() {
    use parity_scale_codec::Encode;
    let mut world = World::new().with_summary();
    let (_, receipt) = world.summary();
    let emergency = Emergency { tier: Tier::Summary, reason: 3, note: Hash([8; 32]), officer: None, late: None };
    let mut expected = salus_primitives::patient_log::LogHead::default();
    let fact = Fact::Emergency { receipt, emergency };
    expected.push(&world.chain.genesis(), &world.patient, &fact.encode());
    assert_eq!(world.log(), expected);
    assert_eq!(fact.encode()[0], 3);
}

#[test]
fn tier_summary_opens_exactly_the_patients_summary() {
    let mut world = World::new();
    let call = world.emergency(Tier::Summary, &[1]);
    world.chain.refused(account(SURGEON_KEY), call, Error::NotSummary);
    let mut world = world.with_summary();
    for records in [&[1][..], &[SUMMARY, 1], &[77]] {
        let call = world.emergency(Tier::Summary, records);
        world.chain.refused(account(SURGEON_KEY), call, Error::NotSummary);
    }
    for (tier, records) in [(Tier::Summary, &[][..]), (Tier::Full, &[]), (Tier::Full, &[1, 1])] {
        let call = world.emergency(tier, records);
        world.chain.refused(account(SURGEON_KEY), call, Error::BadRecords);
    }
    world.summary();
}

#[test]
fn tier_full_opens_what_no_denial_for_emergencies_closes_each_record_alone() {
    let mut world = World::new().with_summary();
    let mut label = world.deny(Grantee::Everyone);
    label.scope.any_of = Tags::try_from(vec![Tag([7; 8])]).unwrap();
    label.purposes = Purposes::of(&[Purpose::EmergencyTreatment]);
    let denial = world.grant(label);
    let mut treatment = world.deny(Grantee::Everyone);
    treatment.purposes = Purposes::of(&[Purpose::Treatment]);
    world.grant(treatment);
    world.file(4, |record| record.tags = Tags::try_from(vec![Tag([7; 8])]).unwrap());
    world.file(5, |record| record.status = RecordStatus::EnteredInError);
    world.file(6, |record| record.status = RecordStatus::Erased);
    world.file(7, |record| (record.restricted, record.labelled) = (true, false));
    let (_, receipt) = world.in_emergency(Tier::Full, &[1, 4, 5, 6, 7, 77, SUMMARY]);
    let denied = Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(denial) });
    assert_eq!(
        World::verdicts(&receipt),
        [
            in_tier(Tier::Full),
            denied,
            no(Reason::EnteredInError),
            no(Reason::Erased),
            denied,
            no(Reason::UnknownRecord),
            in_tier(Tier::Full),
        ]
    );
}

#[test]
fn a_denial_of_everything_closes_the_full_tier_and_never_the_summary() {
    let mut world = World::new().with_summary();
    world.grant(world.deny(Grantee::Everyone));
    let (index, full) = world.in_emergency(Tier::Full, &[1]);
    assert_eq!(full.permitted(), 0);
    // The attempt is a fact, and has to be reviewed.
    assert!(Cases::get(world.chain.state(), &(world.patient, index)).unwrap().is_pending());
    let (_, summary) = world.summary();
    assert_eq!(World::verdicts(&summary), [in_tier(Tier::Summary)]);
    assert_eq!(world.releasable(&summary, 0), Ok(Basis::Emergency(Tier::Summary)));
}

#[test]
fn an_emergency_uses_no_rule_even_where_one_permits_it() {
    let mut world = World::new();
    let mut once = Terms { max_uses: Some(1), ..world.permit() };
    once.purposes = Purposes::ALL;
    let rule = world.grant(once);
    let (_, receipt) = world.in_emergency(Tier::Full, &[1]);
    assert_eq!(World::verdicts(&receipt), [in_tier(Tier::Full)]);
    let (_, receipt) = world.open(&[1]);
    assert_eq!(World::verdicts(&receipt), [by(rule)]);
}

#[test]
fn an_emergencys_receipt_is_judged_again_by_its_own_terms() {
    let stopped = |tier, change: &dyn Fn(&mut World)| {
        let mut world = World::new().with_summary();
        let (_, receipt) = world.in_emergency(tier, &[SUMMARY]);
        change(&mut world);
        match world.releasable(&receipt, 0) {
            Ok(basis) => Ok(basis),
            Err(Withheld::Withdrawn(denial)) => Err(denial.reason),
            Err(other) => panic!("{other:?}"),
        }
    };
    let open = |tier| Ok(Basis::Emergency(tier));
    let deny: &dyn Fn(&mut World) = &|world| {
        world.grant(world.deny(Grantee::Everyone));
    };
    assert_eq!(stopped(Tier::Full, deny), Err(Reason::DenyRule));
    assert_eq!(stopped(Tier::Summary, deny), open(Tier::Summary));
    let superseded = &|world: &mut World| world.file(SUMMARY, |record| record.status = RecordStatus::Superseded);
    assert_eq!(stopped(Tier::Summary, superseded), open(Tier::Summary));
    let erased = &|world: &mut World| world.file(SUMMARY, |record| record.status = RecordStatus::Erased);
    assert_eq!(stopped(Tier::Summary, erased), Err(Reason::Erased));
    let suspended = &|world: &mut World| registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    let standing = Err(Reason::Standing(Standing::OrganisationSuspended));
    assert_eq!(stopped(Tier::Summary, suspended), standing);
    let no_longer = &|world: &mut World| world.set_caps(CLINIC, Caps::CUSTODIAN);
    assert_eq!(stopped(Tier::Summary, no_longer), Err(Reason::NoEmergency));
    let dead = &|world: &mut World| {
        let declared = Moment(world.chain.now().0 - 72 * HOUR);
        world.set_patient(PatientState::Deceased { declared });
    };
    assert_eq!(stopped(Tier::Full, dead), Err(Reason::Patient(Problem::Deceased)));
    let closed = &|world: &mut World| {
        let mut caseload = world.caseload();
        caseload.closed_until = world.chain.now().plus(1);
        world.chain.prepare(|state| Caseloads::insert(state, &SURGEON, &caseload));
    };
    assert_eq!(stopped(Tier::Full, closed), Err(Reason::FullClosed));
    assert_eq!(stopped(Tier::Summary, closed), open(Tier::Summary));
}

impl World {
    pub(super) fn set_caps(&mut self, place: OrganisationId, caps: Caps) {
        self.chain.prepare(|state| {
            let mut organisation = salus_registry::storage::Organisations::get(state, &place).unwrap();
            organisation.caps = caps;
            salus_registry::storage::Organisations::insert(state, &place, &organisation);
        });
    }
}

#[test]
fn who_may_not_act_or_has_no_capability_is_refused_and_leaves_no_fact() {
    let mut world = World::new().with_summary();
    let call = world.emergency(Tier::Summary, &[SUMMARY]);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [world.me, account(GATEWAY_KEY), account(2)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::NotActive(Standing::NotAffiliated));
    world.set_caps(CLINIC, Caps::CUSTODIAN);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::NoEmergency);
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::NotActive(Standing::OrganisationSuspended));
    let Call::EmergencyOpen { organisation, tier, records, reason, note, late, cosign, .. } = call else { panic!() };
    let stranger = Call::EmergencyOpen { patient: STRANGER, organisation, tier, records, reason, note, late, cosign };
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Active);
    world.set_caps(CLINIC, Caps::EMERGENCY);
    world.chain.refused(account(SURGEON_KEY), stranger, Error::Patient(Problem::UnknownPatient));
    assert_eq!(world.log().count, 0);
}

#[test]
fn a_frozen_patient_has_emergencies_and_a_dead_one_none() {
    let mut world = World::new().with_summary();
    let until = world.chain.now().plus(DAY);
    world.set_patient(PatientState::Frozen { until, by: FrozenBy::Patient });
    let (_, receipt) = world.summary();
    assert_eq!(receipt.permitted(), 1);
    // While a declaration can be cancelled the patient may be alive.
    world.set_patient(PatientState::Deceased { declared: world.chain.now() });
    let (_, receipt) = world.summary();
    assert_eq!(receipt.permitted(), 1);
    world.chain.advance(71 * HOUR);
    let call = world.emergency(Tier::Full, &[1]);
    world.chain.ok(account(SURGEON_KEY), call);
    assert_eq!(world.receipt(2).permitted(), 1);
    world.set_patient(PatientState::Deceased { declared: Moment(world.chain.now().0 - 72 * HOUR) });
    let call = world.emergency(Tier::Full, &[1]);
    world.chain.ok(account(SURGEON_KEY), call);
    assert_eq!(World::verdicts(&world.receipt(3)), [no(Reason::Patient(Problem::Deceased))]);
}

#[test]
fn a_session_key_opens_in_an_emergency() {
    let mut world = World::new().with_summary();
    let session = world.session(Subject::Practitioner(SURGEON));
    let call = world.emergency(Tier::Summary, &[SUMMARY]);
    world.chain.ok(session, call);
}

#[test]
fn tier_full_is_ten_times_a_day_and_the_summary_as_often_as_needed() {
    let mut world = World::new().with_summary();
    for _ in 0..10 {
        world.in_emergency(Tier::Full, &[1]);
    }
    let call = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::RateLimited);
    world.summary();
    assert_eq!(Activities::get(world.chain.state(), &Subject::Practitioner(SURGEON)).emergencies, 10);
    world.chain.advance(DAY).ok(account(SURGEON_KEY), call);
}

#[test]
fn an_overdue_case_takes_the_full_tier_and_asks_for_an_officer_for_the_summary() {
    let mut world = World::new().with_summary();
    world.summary();
    world.chain.advance(72 * HOUR - 1);
    world.in_emergency(Tier::Full, &[1]);
    world.chain.advance(1);
    let full = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), full.clone(), Error::CasesOverdue);
    let along = world.along(full, &[CLINIC_GATEWAY_KEY]);
    world.chain.refused(account(SURGEON_KEY), along, Error::CasesOverdue);
    let summary = world.emergency(Tier::Summary, &[SUMMARY]);
    world.chain.refused(account(SURGEON_KEY), summary.clone(), Error::CoSignNeeded);
    // Not an officer of another organisation, a person, nobody, nor two.
    for signers in [&[GATEWAY_KEY][..], &[SURGEON_KEY], &[DOCTOR_KEY], &[UNBOUND_KEY], &[CLINIC_GATEWAY_KEY, 2]] {
        let call = world.along(summary.clone(), signers);
        world.chain.refused(account(SURGEON_KEY), call, Error::BadCoSign);
    }
    // Nor one who agreed to something else.
    let other = world.along(world.emergency(Tier::Full, &[SUMMARY]), &[2]);
    let Call::EmergencyOpen { cosign: moved, .. } = other else { panic!() };
    let Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, .. } = summary.clone() else {
        panic!()
    };
    let call = Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, cosign: moved };
    world.chain.refused(account(SURGEON_KEY), call, Error::BadCoSign);
    let index = world.log().count;
    let call = world.along(summary, &[CLINIC_GATEWAY_KEY]);
    world.chain.ok(account(SURGEON_KEY), call);
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    assert_eq!(case.emergency.unwrap().officer, Some(account(CLINIC_GATEWAY_KEY)));
    assert!(case.involved.contains(&account(CLINIC_GATEWAY_KEY)));
}

#[test]
fn an_officer_who_signs_along_where_nobody_has_to_is_welcome() {
    let mut world = World::new().with_summary();
    let call = world.along(world.emergency(Tier::Full, &[1]), &[2]);
    world.chain.ok(account(SURGEON_KEY), call);
}

#[test]
fn sixteen_open_cases_close_the_full_tier_and_further_summaries_are_counted() {
    let mut world = World::new().with_summary();
    world.fill_caseload();
    let full = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), full.clone(), Error::CaseloadFull);
    world.chain.advance(MINUTE);
    world.summary();
    let first = world.chain.now();
    world.chain.advance(MINUTE);
    world.summary();
    assert_eq!((world.caseload().open.len(), world.caseload().more, world.caseload().more_since), (16, 2, first));
    // Room in the list is none as long as more are counted.
    let mut caseload = world.caseload();
    caseload.close(STRANGER, 0);
    assert!(caseload.is_full() && !caseload.open.is_full());
    world.chain.prepare(|state| Caseloads::insert(state, &SURGEON, &caseload));
    world.chain.refused(account(SURGEON_KEY), full, Error::CaseloadFull);
    // What is only counted is overdue too.
    let mut caseload = Caseload { more: 1, more_since: first, ..Caseload::default() };
    assert!(!caseload.is_overdue(Moment(first.0 + 72 * HOUR - 1)));
    assert!(caseload.is_overdue(first.plus(72 * HOUR)));
    caseload.close(STRANGER, 77);
    assert!(!caseload.is_overdue(first.plus(72 * HOUR)));
}

#[test]
fn only_the_full_tier_is_refused_by_weight() {
    let world = World::new();
    let class = |call: &Call| crate::Access::cost(call).class;
    assert_eq!(class(&world.emergency(Tier::Summary, &[1])), Class::Protected);
    assert_eq!(class(&world.emergency(Tier::Full, &[1])), Class::Ordinary);
    let weight = |records: &[u8]| crate::Access::cost(&world.emergency(Tier::Full, records)).weight;
    assert!(weight(&[1, 2]) > weight(&[1]));
    let signed = world.along(world.emergency(Tier::Full, &[1]), &[2]);
    assert!(crate::Access::cost(&signed).weight > weight(&[1]));
}
