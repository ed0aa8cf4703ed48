//! Guardians: they answer, open and object for a patient, within what is not excluded from them.

use salus_patients::{
    storage::Guardianships,
    types::{GuardianTerms, Guardianship, Powers},
};
use salus_primitives::{
    Moment,
    time::{DAY, HOUR},
};
use salus_registry::{Standing, types::OrganisationStatus};

use super::*;
use crate::{Error, storage::DeniedOpenings};

const EXCLUDED: u8 = 7;

/// A world with a guardian of the patient until a year from now, from whom tag 7 is excluded.
fn guarded(powers: Powers) -> (World, Person) {
    let mut world = World::new();
    let guardian = confirmed(&mut world.chain, account(REGISTRAR_KEY), 2);
    let terms = GuardianTerms {
        guardians: BoundedVec::try_from(vec![guardian.id]).unwrap(),
        threshold: 1,
        powers,
        excluded: BoundedVec::try_from(vec![Tag([EXCLUDED; 8])]).unwrap(),
        until: world.chain.now().plus(365 * DAY),
    };
    let patient = world.patient;
    world.chain.prepare(|state| Guardianships::insert(state, &patient, &Guardianship::from(terms)));
    (world, guardian)
}

impl World {
    fn family(&self, organisation: OrganisationId, purpose: Purpose, records: &[u8]) -> Call {
        Call::Open { patient: self.patient, organisation, purpose, records: ids(records) }
    }

    fn for_family(&self, records: &[u8]) -> Call {
        self.family(HOSPITAL, Purpose::FamilyRequest, records)
    }
}

#[test]
fn a_guardian_opens_what_is_labelled_and_not_excluded_without_a_rule() {
    let (mut world, guardian) = guarded(Powers::ACT);
    world.file(4, |record| record.tags = Tags::try_from(vec![Tag([EXCLUDED; 8])]).unwrap());
    world.file(5, |record| record.labelled = false);
    world.file(6, |record| record.tags = Tags::try_from(vec![Tag([8; 8])]).unwrap());
    let call = world.for_family(&[1, 4, 5, 6, 77]);
    world.chain.ok(guardian.account(), call);
    let receipt = world.receipt(0);
    let yes = Verdict::Permit(Basis::Guardianship);
    let (excluded, unknown) = (no(Reason::Excluded), no(Reason::UnknownRecord));
    assert_eq!(World::verdicts(&receipt), [yes, excluded, excluded, yes, unknown]);
    assert_eq!((receipt.opener, receipt.purpose), (Subject::Patient(guardian.id), Purpose::FamilyRequest));
    assert_eq!(world.releasable(&receipt, 0), Ok(Basis::Guardianship));
    let call = world.serving(0, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
}

#[test]
fn a_guardian_opens_for_the_family_only_and_through_an_active_organisation() {
    let (mut world, guardian) = guarded(Powers::ACT);
    for purpose in [Purpose::Treatment, Purpose::EmergencyTreatment, Purpose::PatientRequest] {
        let call = world.family(HOSPITAL, purpose, &[1]);
        world.chain.refused(guardian.account(), call, Error::BadPurpose);
    }
    let call = world.family(NOWHERE, Purpose::FamilyRequest, &[1]);
    world.chain.refused(guardian.account(), call, Error::NotActive(Standing::UnknownOrganisation));
    registry::set_status(&mut world.chain, HOSPITAL, OrganisationStatus::Suspended);
    let call = world.for_family(&[1]);
    world.chain.refused(guardian.account(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn who_is_no_guardian_with_the_power_to_act_does_not_open() {
    let (mut world, guardian) = guarded(Powers::RECOVER);
    let call = world.for_family(&[1]);
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 3);
    for caller in [guardian.account(), other.account(), world.me] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    let (mut world, guardian) = guarded(Powers::ACT);
    world.chain.advance(365 * DAY - 1).ok(guardian.account(), call.clone());
    world.chain.advance(1).refused(guardian.account(), call, Error::NotAuthorised);
}

#[test]
fn a_guardianship_that_ends_or_a_denial_to_everyone_stops_the_release() {
    let stopped = |change: &dyn Fn(&mut World)| {
        let (mut world, guardian) = guarded(Powers::ACT);
        let call = world.for_family(&[1]);
        world.chain.ok(guardian.account(), call);
        change(&mut world);
        match world.releasable(&world.receipt(0), 0) {
            Err(Withheld::Withdrawn(denial)) => denial.reason,
            other => panic!("{other:?}"),
        }
    };
    let ended = stopped(&|world| {
        let patient = world.patient;
        world.chain.prepare(|state| Guardianships::remove(state, &patient));
    });
    assert_eq!(ended, Reason::Standing(Standing::NotAuthorised));
    let denied = stopped(&|world| {
        world.grant(world.deny(Grantee::Everyone));
    });
    assert_eq!(denied, Reason::DenyRule);
    let relabelled =
        stopped(&|world| world.file(1, |record| record.tags = Tags::try_from(vec![Tag([EXCLUDED; 8])]).unwrap()));
    assert_eq!(relabelled, Reason::Excluded);
}

#[test]
fn a_guardian_is_held_to_the_same_quotas() {
    let (mut world, guardian) = guarded(Powers::ACT);
    for _ in 0..5 {
        let call = world.for_family(&[77]);
        world.chain.ok(guardian.account(), call);
    }
    let call = world.for_family(&[1]);
    world.chain.refused(guardian.account(), call.clone(), Error::RateLimited);
    let key = (Subject::Patient(guardian.id), world.patient);
    assert_eq!(DeniedOpenings::get(world.chain.state(), &key).count, 5);
    world.chain.advance(DAY).ok(guardian.account(), call);
}

#[test]
fn a_guardian_answers_a_request_by_a_guardians_rule() {
    let (mut world, guardian) = guarded(Powers::ACT);
    world.ask();
    let request = RequestRef { requester: SURGEON, number: 0 };
    let approve = |world: &World, none_of: &[u8], until: Moment| {
        let mut terms = world.as_asked();
        terms.scope.none_of = Tags::try_from(none_of.iter().map(|byte| Tag([*byte; 8])).collect::<Vec<_>>()).unwrap();
        terms.window.until = until;
        world.answer(request, Answer::Approve(terms))
    };
    let soon = world.chain.now().plus(HOUR);
    let bare = approve(&world, &[], soon);
    let refused = Error::Rule(salus_consent::Error::GuardianRule);
    world.chain.refused(guardian.account(), bare, refused);
    let call = approve(&world, &[EXCLUDED], soon);
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 3);
    world.chain.refused(other.account(), call.clone(), Error::NotAuthorised);
    world.chain.ok(guardian.account(), call);
    world.file(5, |record| record.labelled = false);
    let (_, receipt) = world.open(&[1, 5]);
    assert!(receipt.entries[0].verdict.is_permit());
    assert_eq!(receipt.entries[1].verdict, no(Reason::NoConsent));
}

#[test]
fn a_guardian_refuses_a_request_and_one_without_the_power_does_not() {
    let (mut world, guardian) = guarded(Powers::RECOVER);
    world.ask();
    let request = RequestRef { requester: SURGEON, number: 0 };
    let call = world.answer(request, Answer::Refuse(4));
    world.chain.refused(guardian.account(), call, Error::NotAuthorised);
    let (mut world, guardian) = guarded(Powers::ACT);
    world.ask();
    let call = world.answer(request, Answer::Refuse(4));
    world.chain.ok(guardian.account(), call);
    world.chain.emitted(Event::Refused { patient: world.patient, request, code: 4 });
}

#[test]
fn any_guardian_disputes() {
    let (mut world, guardian) = guarded(Powers::RECOVER);
    let (index, _) = world.open(&[1]);
    let call = Call::Dispute { patient: world.patient, receipt: index, note: Hash([4; 32]) };
    world.chain.ok(guardian.account(), call);
    let (patient, by) = (world.patient, guardian.id);
    world.chain.emitted(Event::Disputed { patient, fact: 1, receipt: index, by });
}
