//! What becomes of a slot.

use super::*;

#[test]
fn an_appointment_is_confirmed_checked_in_and_completed() {
    let (mut chain, hours) = held();
    chain
        .ok(doctors(), set(hours, Change::Confirm))
        .emitted(Event::AppointmentSet { slot: at(hours), status: Status::Confirmed });
    until(&mut chain, Moment(hours.from.0 - CHECK_IN_EARLY));
    chain.ok(doctors(), set(hours, Change::CheckIn));
    until(&mut chain, hours.from);
    chain.ok(doctors(), set(hours, Change::Complete));
    assert_eq!(status(&chain, hours), Status::Completed);
}

#[test]
fn each_change_has_its_time() {
    let (mut chain, hours) = confirmed();
    until(&mut chain, Moment(hours.from.0 - CHECK_IN_EARLY - 1));
    chain.refused(doctors(), set(hours, Change::CheckIn), Error::NotNow);
    chain.refused(doctors(), set(hours, Change::NoShow), Error::NotNow);
    chain.advance(1).ok(doctors(), set(hours, Change::CheckIn));
    chain.refused(doctors(), set(hours, Change::Complete), Error::NotNow);

    let (mut chain, hours) = confirmed();
    until(&mut chain, hours.from);
    chain.refused(doctors(), set(hours, Change::Cancel), Error::NotNow);
    let given_back = giving_back(&chain, hours, 1);
    chain.refused(registrar(), given_back, Error::NotNow);
    until(&mut chain, Moment(hours.until.0 - 1));
    chain.refused(doctors(), set(hours, Change::NoShow), Error::NotNow);
    chain.advance(1).refused(doctors(), set(hours, Change::CheckIn), Error::NotNow);
    chain.ok(doctors(), set(hours, Change::NoShow));
    assert_eq!(status(&chain, hours), Status::NoShow);

    let (mut chain, hours) = held();
    until(&mut chain, hours.from);
    chain.refused(doctors(), set(hours, Change::Confirm), Error::NotNow);
    chain.ok(doctors(), set(hours, Change::Decline));

    let (mut chain, hours) = published();
    until(&mut chain, hours.from);
    chain.refused(doctors(), set(hours, Change::Cancel), Error::NotNow);
}

#[test]
fn whoever_booked_gives_back_through_the_desk_and_nobody_else_for_them() {
    let (mut chain, hours) = confirmed();
    let call = giving_back(&chain, hours, 1);
    chain.refused(key(99).public(), call.clone(), Error::NotRegistered);
    for caller in [clerk(), clinic_registrar(), doctors()] {
        chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    let others = giving_back(&chain, hours, 2);
    chain.refused(registrar(), others, Error::BadSignature);
    let booked = once(1).sign(&signed::booking(&chain.genesis(), &DOCTOR, &HOSPITAL, &hours, &SEALED));
    chain.refused(registrar(), set(hours, Change::GiveBack { signature: booked }), Error::BadSignature);
    chain
        .ok(gateway(), call.clone())
        .emitted(Event::AppointmentSet { slot: at(hours), status: Status::Cancelled })
        .refused(gateway(), call, Error::BadState);
}

#[test]
fn giving_back_needs_a_booking_and_works_when_the_practitioner_left() {
    let (mut chain, hours) = published();
    let call = giving_back(&chain, hours, 1);
    chain.refused(registrar(), call, Error::BadState);
    let call = giving_back(&chain, minutes(1, 2), 1);
    chain.refused(registrar(), call, Error::NoSuchSlot);

    let (mut chain, hours) = held();
    chain.prepare(|state| salus_registry::storage::Affiliations::remove(state, &(DOCTOR, HOSPITAL)));
    chain.refused(doctors(), set(hours, Change::Confirm), Error::NotActive(Standing::NotAffiliated));
    let call = giving_back(&chain, hours, 1);
    chain.ok(registrar(), call);
    assert_eq!(status(&chain, hours), Status::Cancelled);
}

#[test]
fn only_the_practitioner_sets_and_only_with_a_lasting_key() {
    let (mut chain, hours) = held();
    let session = session(&mut chain, DOCTOR);
    let call = set(hours, Change::Confirm);
    chain.refused(key(99).public(), call.clone(), Error::NotRegistered);
    for caller in [registrar(), gateway(), surgeons(), session] {
        chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    chain.refused(doctors(), set(minutes(1, 2), Change::Confirm), Error::NoSuchSlot);
    set_status(&mut chain, HOSPITAL, OrganisationStatus::Suspended);
    chain.refused(doctors(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn no_change_leads_out_of_a_state_but_along_its_arrows() {
    use Status::{Cancelled, CheckedIn, Completed, Confirmed, Declined, Free, Held, NoShow};
    let changes = [Change::Confirm, Change::Decline, Change::CheckIn, Change::Complete, Change::NoShow, Change::Cancel];
    for (from, may) in [
        (Free, &[Change::Cancel][..]),
        (Held, &[Change::Confirm, Change::Decline, Change::Cancel]),
        (Confirmed, &[Change::CheckIn, Change::NoShow, Change::Cancel]),
        (CheckedIn, &[Change::Complete]),
        (Completed, &[]),
        (Cancelled, &[]),
        (Declined, &[]),
        (NoShow, &[]),
    ] {
        for change in changes {
            let (mut chain, hours) = held();
            chain.prepare(|state| {
                let slot = slot(state, at(hours)).unwrap();
                crate::calendar::write(state, at(hours), &Slot { status: from, ..slot });
            });
            let call = RuntimeCall::from(set(hours, change));
            let refused = chain.call(doctors(), call) == Err(RuntimeError::Appointments(Error::BadState));
            assert_eq!(refused, !may.contains(&change), "{from:?} {change:?}");
        }
    }
}
