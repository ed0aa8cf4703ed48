//! A slot booked twice, and all else that does not fit a calendar.

use salus_appointments::{Call, Change, Error, SlotRef};
use salus_primitives::{
    AccountId, Hash, Moment, Window,
    crypto::Signature,
    signed::{booking, booking_cancelled},
    time::{DAY, HOUR},
};
use salus_registry::Standing;

use crate::world::*;

/// A key made for a booking.
const ONE_TIME_KEY: u8 = 210;

/// Hours of the doctor, an hour each from tomorrow on.
fn hours(number: u64) -> Window {
    let from = GENESIS_TIME.plus(DAY + number * HOUR);
    Window { from, until: from.plus(HOUR) }
}

fn slot(number: u64) -> SlotRef {
    SlotRef { practitioner: DOCTOR, from: hours(number).from }
}

fn publishing(windows: &[Window]) -> Call {
    Call::Publish { practitioner: DOCTOR, organisation: HOSPITAL, hours: list(windows.iter().copied()) }
}

/// Hours 0, 1 and 2 are offered.
fn published() -> World {
    let mut world = World::new();
    world.ok(DOCTOR_KEY, publishing(&[hours(0), hours(1), hours(2)]));
    world
}

/// The booking of a slot with the key of this seed, signed for the slot `signed_for`.
fn book(world: &World, number: u64, seed: u8, signed_for: u64) -> Call {
    let sealed = Hash([4; 32]);
    let message = booking(&world.genesis, &DOCTOR, &HOSPITAL, &hours(signed_for), &sealed);
    Call::Book { slot: slot(number), key: account(seed), signature: key(seed).sign(&message), sealed }
}

fn set(number: u64, to: Change) -> Call {
    Call::Set { slot: slot(number), to }
}

#[test]
fn a_slot_is_booked_once() {
    let mut world = published();
    let (first, other) = (book(&world, 0, ONE_TIME_KEY, 0), book(&world, 0, ONE_TIME_KEY + 1, 0));
    world.ok(REGISTRAR_KEY, first.clone());
    for by in [REGISTRAR_KEY, GATEWAY_KEY] {
        world.refused(by, first.clone(), Error::Taken);
        world.refused(by, other.clone(), Error::Taken);
    }
}

#[test]
fn two_bookings_of_one_slot_in_one_block_are_decided_by_their_order() {
    let mut world = published();
    let by_desk = world.signed(REGISTRAR_KEY, book(&world, 0, ONE_TIME_KEY, 0));
    let by_gateway = world.signed(GATEWAY_KEY, book(&world, 0, ONE_TIME_KEY + 1, 0));
    assert_eq!(world.block(&[by_gateway, by_desk]), [Ok(()), Err(Error::Taken.into())]);
    let held = salus_appointments::slot(&world.state, slot(0)).unwrap();
    assert_eq!(held.booking.unwrap().key, account(ONE_TIME_KEY + 1));
}

#[test]
fn a_slot_that_was_confirmed_given_back_or_declined_is_not_booked_again() {
    let mut world = published();
    for number in [0, 1, 2] {
        let call = book(&world, number, ONE_TIME_KEY + number as u8, number);
        world.ok(REGISTRAR_KEY, call);
    }
    let message = booking_cancelled(&world.genesis, &DOCTOR, &HOSPITAL, &hours(1));
    let give_back = Change::GiveBack { signature: key(ONE_TIME_KEY + 1).sign(&message) };
    world.ok(DOCTOR_KEY, set(0, Change::Confirm));
    world.ok(GATEWAY_KEY, set(1, give_back));
    world.ok(DOCTOR_KEY, set(2, Change::Decline));
    for number in [0, 1, 2] {
        let call = book(&world, number, ONE_TIME_KEY + 10, number);
        world.refused(REGISTRAR_KEY, call, Error::Taken);
    }
    world.refused(GATEWAY_KEY, set(1, give_back), Error::BadState);
}

#[test]
fn a_key_books_once_and_is_made_for_it() {
    let mut world = published();
    let call = book(&world, 0, ONE_TIME_KEY, 0);
    world.ok(REGISTRAR_KEY, call);
    for seed in [ONE_TIME_KEY, PATIENT_KEY, DOCTOR_KEY, 20, 120] {
        let call = book(&world, 1, seed, 1);
        world.refused(REGISTRAR_KEY, call, Error::KeyTaken);
    }
    let Call::Book { slot, signature, sealed, .. } = book(&world, 1, ONE_TIME_KEY + 1, 1) else { unreachable!() };
    let weak = Call::Book { slot, key: AccountId([0; 32]), signature, sealed };
    world.refused(REGISTRAR_KEY, weak, Error::WeakKey);
}

#[test]
fn a_booking_signed_for_another_slot_books_nothing() {
    let mut world = published();
    let call = book(&world, 0, ONE_TIME_KEY, 1);
    world.refused(REGISTRAR_KEY, call, Error::BadSignature);
    let call = book(&world, 0, ONE_TIME_KEY, 0);
    world.ok(REGISTRAR_KEY, call);
    let message = booking_cancelled(&world.genesis, &DOCTOR, &HOSPITAL, &hours(0));
    for signature in [Signature([0; 64]), key(PATIENT_KEY).sign(&message)] {
        world.refused(REGISTRAR_KEY, set(0, Change::GiveBack { signature }), Error::BadSignature);
    }
}

#[test]
fn hours_do_not_overlap_those_published_or_each_other() {
    let mut world = published();
    let half_past = |number: u64| {
        let Window { from, until } = hours(number);
        Window { from: from.plus(HOUR / 2), until: until.plus(HOUR / 2) }
    };
    for windows in [&[hours(0)][..], &[half_past(2)], &[hours(5), half_past(5)], &[hours(5), hours(5)]] {
        world.refused(DOCTOR_KEY, publishing(windows), Error::Overlap);
    }
    world.refused(DOCTOR_KEY, publishing(&[]), Error::NoHours);
}

#[test]
fn sixty_four_slots_begin_on_a_day_at_most() {
    let mut world = World::new();
    let day = Moment(GENESIS_TIME.0 - GENESIS_TIME.0 % DAY).plus(2 * DAY);
    let minutes = |number: u64| {
        let from = day.plus(number * 60_000);
        Window { from, until: from.plus(60_000) }
    };
    let full: Vec<Window> = (0..64).map(minutes).collect();
    world.ok(DOCTOR_KEY, publishing(&full));
    world.refused(DOCTOR_KEY, publishing(&[minutes(64)]), Error::TooMany);
}

#[test]
fn a_slot_goes_along_its_arrows_and_at_its_time_only() {
    let mut world = published();
    for to in [Change::Confirm, Change::Decline, Change::CheckIn, Change::Complete, Change::NoShow] {
        world.refused(DOCTOR_KEY, set(0, to), Error::BadState);
    }
    let call = book(&world, 0, ONE_TIME_KEY, 0);
    world.ok(REGISTRAR_KEY, call).ok(DOCTOR_KEY, set(0, Change::Confirm));
    world.refused(DOCTOR_KEY, set(0, Change::Confirm), Error::BadState);
    world.refused(DOCTOR_KEY, set(0, Change::CheckIn), Error::NotNow);
    world.refused(DOCTOR_KEY, set(0, Change::NoShow), Error::NotNow);
    world.advance(DAY + HOUR).refused(DOCTOR_KEY, set(0, Change::Cancel), Error::NotNow);
    let late = book(&world, 1, ONE_TIME_KEY + 1, 1);
    world.refused(REGISTRAR_KEY, late, Error::NotNow);
}

#[test]
fn others_hours_are_not_theirs_to_offer_book_or_set() {
    let mut world = published();
    world.refused(SURGEON_KEY, publishing(&[hours(7)]), Error::NotAuthorised);
    world.refused(CLINIC_REGISTRAR_KEY, publishing(&[hours(7)]), Error::NotAuthorised);
    world.refused(SURGEON_KEY, set(0, Change::Cancel), Error::NotAuthorised);
    let call = book(&world, 0, ONE_TIME_KEY, 0);
    for by in [CLINIC_REGISTRAR_KEY, PATIENT_KEY, PRIVACY_KEY] {
        world.refused(by, call.clone(), Error::NotAuthorised);
    }
    let elsewhere = Call::Publish { practitioner: DOCTOR, organisation: CLINIC, hours: list([hours(7)]) };
    world.refused(DOCTOR_KEY, elsewhere, Error::NotActive(Standing::NotAffiliated));
}
