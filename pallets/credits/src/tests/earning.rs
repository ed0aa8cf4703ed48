//! What earns a credit, and what does not.

use super::*;

#[test]
fn a_custodian_earns_a_credit_for_each_record_that_another_organisation_reads() {
    let mut chain = chain();
    let patient = patient(&mut chain, 1);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 3), 3);
    chain.emitted(Event::Earned { organisation: HOSPITAL, user: CLINIC, credits: 3 });
    assert_eq!(balance(chain.state(), CLINIC), 0, "who reads earns nothing");
    assert_eq!(AllTime::get(chain.state()), Totals { earned: 3, redeemed: 0 });
}

#[test]
fn own_use_earns_nothing() {
    let mut chain = chain();
    let patient = patient(&mut chain, 1);
    assert_eq!(share(&mut chain, HOSPITAL, HOSPITAL, patient, 3), 0);
    assert_eq!(chain.events(), []);
}

#[test]
fn a_patient_whom_nobody_confirmed_earns_nothing() {
    let mut chain = chain();
    let unconfirmed = registered(&mut chain, registrar(), 1, false).id;
    let provisional = registered(&mut chain, registrar(), 2, true).id;
    for patient in [unconfirmed, provisional, Person::number(99).id] {
        assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 3), 0);
    }
}

#[test]
fn a_closed_patient_earns_nothing_any_more() {
    use salus_patients::{Call::StatusSet, Change};
    use salus_primitives::signed::CoSigns;
    let mut chain = chain();
    let person = confirmed(&mut chain, registrar(), 1);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, person.id, 1), 1);
    chain.ok(person.account(), StatusSet { patient: person.id, to: Change::Close, cosign: CoSigns::new() });
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, person.id, 1), 0);
}

#[test]
fn a_suspended_organisation_neither_earns_nor_lets_others_earn() {
    let mut chain = chain();
    let patient = patient(&mut chain, 1);
    for suspended in [HOSPITAL, CLINIC] {
        set_status(&mut chain, suspended, OrganisationStatus::Suspended);
        assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 1), 0);
        set_status(&mut chain, suspended, OrganisationStatus::Active);
    }
    assert_eq!(share(&mut chain, HOSPITAL, OrganisationId([9; 16]), patient, 1), 0, "nobody's use");
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 1), 1);
}

#[test]
fn one_patient_earns_no_more_than_the_days_limit_in_one_slot_that_is_overwritten() {
    let mut chain = chain();
    let (first, second) = (patient(&mut chain, 1), patient(&mut chain, 2));
    let most = u64::from(PER_PATIENT_DAY);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, first, PER_PATIENT_DAY - 1), most - 1);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, first, u32::MAX), 1, "what is left of the day");
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, first, 1), 0);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, second, 1), 1, "another patient has a limit of their own");
    assert_eq!(share(&mut chain, CLINIC, HOSPITAL, first, 1), 1, "and so has another custodian");
    let keys = chain.entries().len();
    chain.advance(DAY);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, first, 64), most);
    assert_eq!(chain.entries().len(), keys, "the slot of the day before was overwritten");
    let slot = ByPatient::get(chain.state(), &(HOSPITAL, first));
    assert_eq!(slot, DayCount { day: chain.now().day(), credits: PER_PATIENT_DAY });
}

#[test]
fn when_the_total_is_full_nothing_more_is_earned() {
    let mut chain = chain();
    let patient = patient(&mut chain, 1);
    chain.prepare(|state| AllTime::put(state, &Totals { earned: u64::MAX - 1, redeemed: u64::MAX - 1 }));
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 2), 0);
    assert_eq!(share(&mut chain, HOSPITAL, CLINIC, patient, 1), 1);
}
