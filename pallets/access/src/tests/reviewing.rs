//! Reviews of emergencies, and disputes.

use salus_consent::Tier;
use salus_primitives::{
    patient_log::LogHead,
    time::{DAY, HOUR, MINUTE},
};
use salus_registry::{
    Standing,
    storage::{Affiliations, Practitioners},
    types::OrganisationStatus,
};
use salus_support::{Class, Pallet};

use super::*;
use crate::{
    Error, Finding,
    cases::{Disputed, Review, Reviewed},
    history,
    storage::{Caseloads, Cases, Disputes},
};

/// A Reviewer of the clinic, where the surgeon works.
const REVIEWER_KEY: u8 = 41;
/// A Reviewer of the hospital.
const OTHER_REVIEWER_KEY: u8 = 42;

const NOTE: Hash = Hash([4; 32]);

fn world() -> World {
    let mut world = World::new().with_summary();
    registry::officer(&mut world.chain, CLINIC, Roles::REVIEWER, &key(REVIEWER_KEY));
    registry::officer(&mut world.chain, HOSPITAL, Roles::REVIEWER, &key(OTHER_REVIEWER_KEY));
    world
}

impl World {
    fn reviewing(&self, receipt: u32, finding: Finding) -> Call {
        Call::Review { patient: self.patient, receipt, finding, note: NOTE }
    }

    fn disputing(&self, receipt: u32) -> Call {
        Call::Dispute { patient: self.patient, receipt, note: NOTE }
    }
}

#[test]
fn a_reviewer_closes_a_case_and_its_opener_is_free_of_it() {
    let mut world = world();
    let (index, _) = world.summary();
    world.chain.advance(HOUR);
    let mut expected: LogHead = world.log();
    let call = world.reviewing(index, Finding::Justified);
    world.chain.ok(account(REVIEWER_KEY), call);
    world.chain.emitted(Event::Reviewed {
        patient: world.patient,
        fact: 1,
        receipt: index,
        of_dispute: false,
        by: CLINIC,
        finding: Finding::Justified,
    });
    let at = world.chain.now();
    let review = Review { finding: Finding::Justified, by: CLINIC, note: NOTE, at };
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    assert_eq!((case.review, case.is_open(), world.caseload().open.len()), (Some(review), false, 0));
    let reviewed = Reviewed { height: world.chain.height(), receipt: index, of_dispute: false, review };
    use parity_scale_codec::Encode;
    let fact = Fact::Reviewed(reviewed).encode();
    assert_eq!(fact[0], 4);
    expected.push(&world.chain.genesis(), &world.patient, &fact);
    assert_eq!(world.log(), expected);
    // What was reviewed stays so.
    for finding in [Finding::Justified, Finding::Unjustified] {
        let call = world.reviewing(index, finding);
        world.chain.refused(account(REVIEWER_KEY), call, Error::NotPending);
    }
}

#[test]
fn only_a_reviewer_of_the_organisation_reviews_its_emergencies() {
    let mut world = world();
    let (index, _) = world.summary();
    let call = world.reviewing(index, Finding::Justified);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [world.me, account(SURGEON_KEY), account(CLINIC_GATEWAY_KEY), account(OTHER_REVIEWER_KEY)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    let unknown = world.reviewing(77, Finding::Justified);
    world.chain.refused(account(REVIEWER_KEY), unknown, Error::NoSuchCase);
    world.grant(world.permit());
    let (ordinary, _) = world.open(&[1]);
    let no_case = world.reviewing(ordinary, Finding::Justified);
    world.chain.refused(account(REVIEWER_KEY), no_case, Error::NoSuchCase);
    // Where nobody there can review, anybody may.
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    world.chain.refused(account(REVIEWER_KEY), call.clone(), suspended);
    world.chain.ok(account(OTHER_REVIEWER_KEY), call);
}

#[test]
fn who_enrolled_or_employed_the_opener_then_or_now_does_not_review() {
    let enrolled = |then: bool, licence: bool| {
        let mut world = world();
        let set = |world: &mut World, by: AccountId| {
            world.chain.prepare(|state| {
                if licence {
                    let mut surgeon = Practitioners::get(state, &SURGEON).unwrap();
                    surgeon.enrolled_by = by;
                    Practitioners::insert(state, &SURGEON, &surgeon);
                } else {
                    let mut place = Affiliations::get(state, &(SURGEON, CLINIC)).unwrap();
                    place.enrolled_by = by;
                    Affiliations::insert(state, &(SURGEON, CLINIC), &place);
                }
            });
        };
        if then {
            set(&mut world, account(REVIEWER_KEY));
        }
        let (index, _) = world.summary();
        set(&mut world, account(if then { 2 } else { REVIEWER_KEY }));
        let call = world.reviewing(index, Finding::Justified);
        world.chain.refused(account(REVIEWER_KEY), call.clone(), Error::SelfReview);
        // Another one does.
        registry::officer(&mut world.chain, CLINIC, Roles::REVIEWER, &key(43));
        world.chain.ok(account(43), call);
    };
    for then in [true, false] {
        for licence in [true, false] {
            enrolled(then, licence);
        }
    }
}

#[test]
fn an_unjustified_emergency_closes_the_full_tier_for_thirty_days() {
    let mut world = world();
    let (index, full) = world.in_emergency(Tier::Full, &[1]);
    assert!(world.releasable(&full, 0).is_ok());
    let call = world.reviewing(index, Finding::Unjustified);
    world.chain.ok(account(REVIEWER_KEY), call);
    // What it opened is not released any more.
    let denial = Denial { reason: Reason::FullClosed, rule: None };
    assert_eq!(world.releasable(&full, 0), Err(Withheld::Withdrawn(denial)));
    let call = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::FullClosed);
    world.summary();
    let summary = world.log().count - 1;
    let review = world.reviewing(summary, Finding::Inconclusive);
    world.chain.ok(account(REVIEWER_KEY), review);
    world.chain.advance(30 * DAY - 1).refused(account(SURGEON_KEY), call.clone(), Error::FullClosed);
    world.chain.advance(1).ok(account(SURGEON_KEY), call);
}

#[test]
fn a_justified_or_inconclusive_review_closes_nothing() {
    for finding in [Finding::Justified, Finding::Inconclusive] {
        let mut world = world();
        let (index, full) = world.in_emergency(Tier::Full, &[1]);
        let call = world.reviewing(index, finding);
        world.chain.ok(account(REVIEWER_KEY), call);
        assert!(world.releasable(&full, 0).is_ok());
        world.in_emergency(Tier::Full, &[1]);
    }
}

#[test]
fn a_review_of_what_is_only_counted_counts_it_down() {
    let mut world = world();
    let (index, _) = world.summary();
    let mut caseload = world.caseload();
    caseload.open.retain(|_| false);
    (caseload.more, caseload.more_since) = (1, world.chain.now());
    world.chain.prepare(|state| Caseloads::insert(state, &SURGEON, &caseload));
    let call = world.reviewing(index, Finding::Justified);
    world.chain.ok(account(REVIEWER_KEY), call);
    assert_eq!(world.caseload().more, 0);
}

#[test]
fn a_patient_disputes_an_opening_and_another_organisation_reviews_it() {
    let mut world = world();
    world.grant(world.permit());
    let (index, _) = world.open(&[1]);
    let mut expected: LogHead = world.log();
    let call = world.disputing(index);
    world.chain.ok(world.me, call);
    let by = world.patient;
    world.chain.emitted(Event::Disputed { patient: by, fact: 1, receipt: index, by });
    use parity_scale_codec::Encode;
    let (height, at) = (world.chain.height(), world.chain.now());
    let fact = Fact::Disputed(Disputed { height, at, receipt: index, by, note: NOTE }).encode();
    assert_eq!(fact[0], 5);
    expected.push(&world.chain.genesis(), &world.patient, &fact);
    assert_eq!(world.log(), expected);
    assert_eq!(Disputes::get(world.chain.state(), &world.patient)[..], [index]);

    let call = world.reviewing(index, Finding::Unjustified);
    world.chain.refused(account(REVIEWER_KEY), call.clone(), Error::SelfReview);
    world.chain.ok(account(OTHER_REVIEWER_KEY), call.clone());
    world.chain.emitted(Event::Reviewed {
        patient: world.patient,
        fact: 2,
        receipt: index,
        of_dispute: true,
        by: HOSPITAL,
        finding: Finding::Unjustified,
    });
    assert!(Disputes::get(world.chain.state(), &world.patient).is_empty());
    world.chain.refused(account(OTHER_REVIEWER_KEY), call, Error::NotPending);
    // It weighs as an unjustified emergency does.
    let full = world.emergency(Tier::Full, &[1]);
    world.chain.refused(account(SURGEON_KEY), full, Error::FullClosed);
}

#[test]
fn an_emergency_and_its_dispute_are_reviewed_apart() {
    let mut world = world();
    let (index, _) = world.summary();
    let dispute = world.disputing(index);
    world.chain.ok(world.me, dispute.clone()).refused(world.me, dispute.clone(), Error::AlreadyDisputed);
    let call = world.reviewing(index, Finding::Justified);
    world.chain.ok(account(OTHER_REVIEWER_KEY), call.clone());
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    assert!(case.is_pending() && !case.is_disputed());
    world.chain.ok(account(REVIEWER_KEY), call);
    let case = Cases::get(world.chain.state(), &(world.patient, index)).unwrap();
    assert!(!case.is_open());
    // Once reviewed, it is not disputed again.
    world.chain.refused(world.me, dispute, Error::AlreadyDisputed);
}

#[test]
fn only_the_patient_disputes_with_a_lasting_key() {
    let mut world = world();
    let (index, _) = world.open(&[1]);
    let session = world.session(Subject::Patient(world.patient));
    let other = confirmed(&mut world.chain, account(REGISTRAR_KEY), 2);
    let call = world.disputing(index);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [session, other.account(), account(SURGEON_KEY), account(REVIEWER_KEY)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    let unknown = world.disputing(77);
    world.chain.refused(world.me, unknown, Error::NoSuchReceipt);
    // A closed patient's receipts are disputed too.
    world.set_patient(PatientState::Closed);
    world.chain.ok(world.me, call);
}

#[test]
fn a_receipt_is_disputed_within_ninety_days() {
    let mut world = world();
    let (first, _) = world.open(&[1]);
    let (second, _) = world.open(&[1]);
    world.chain.advance(90 * DAY);
    let (early, late) = (world.disputing(first), world.disputing(second));
    world.chain.ok(world.me, early);
    world.chain.advance(1).refused(world.me, late, Error::TooLate);
}

#[test]
fn a_patient_has_twenty_open_disputes_at_most() {
    let mut world = world();
    world.grant(world.permit());
    for index in 0..21 {
        world.chain.advance(MINUTE);
        let (receipt, _) = (world.log().count, world.open(&[1]));
        let call = world.disputing(receipt);
        if index < 20 {
            world.chain.ok(world.me, call);
        } else {
            world.chain.refused(world.me, call.clone(), Error::TooMany);
            let review = world.reviewing(0, Finding::Justified);
            world.chain.ok(account(OTHER_REVIEWER_KEY), review).ok(world.me, call);
        }
    }
}

#[test]
fn a_receipt_with_an_open_case_stays_in_state_and_what_is_younger_with_it() {
    let mut world = world();
    world.grant(world.permit());
    world.open(&[1]);
    let (case, _) = world.summary();
    world.open(&[1]);
    world.chain.advance(200 * DAY);
    let indexes =
        |world: &World| history(world.chain.state(), world.patient).map(|(index, _)| index).collect::<Vec<_>>();
    for expected in [vec![1, 2, 3], vec![1, 2, 3, 4]] {
        world.open(&[1]);
        assert_eq!(indexes(&world), expected);
    }
    let review = world.reviewing(case, Finding::Justified);
    world.chain.ok(account(REVIEWER_KEY), review);
    // The review's own fact clears two.
    assert_eq!((indexes(&world), world.log().first), (vec![3, 4], 3));
    assert!(Cases::get(world.chain.state(), &(world.patient, case)).is_none());
    let gone = world.disputing(case);
    world.chain.refused(world.me, gone, Error::NoSuchReceipt);
}

#[test]
fn a_review_is_protected_and_a_dispute_is_not() {
    let world = World::new();
    assert_eq!(crate::Access::cost(&world.reviewing(0, Finding::Justified)).class, Class::Protected);
    assert_eq!(crate::Access::cost(&world.disputing(0)).class, Class::Ordinary);
}
