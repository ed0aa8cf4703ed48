//! Calendars as full as they may be.

use salus_appointments::{
    Call, Error,
    storage::{BookingKeys, Pages, Slots},
    types::{Booking, CALENDAR_DAYS, Change, Line, Page, SLOTS_MAX, Slot, SlotRef, Status},
};
use salus_primitives::{
    Moment, PractitionerId, Window,
    crypto::KeyPair,
    signed,
    subject::Roles,
    time::{DAY, HOUR, MINUTE},
};
use salus_support::Overlay;

use crate::{
    people::{HOSPITAL, NOTE, doctor, key, list, officer},
    scene::{Builder, GENESIS, NOW},
};

/// Slots on a full page.
const SLOTS: usize = SLOTS_MAX as usize;

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    publish(builder);
    on_a_full_page(builder);
}

fn day(number: usize) -> u32 {
    NOW.day() + u32::try_from(number).expect("a scene has few days")
}

fn at(day: u32, ms: u64) -> Moment {
    Moment(u64::from(day) * DAY + ms)
}

/// Hours of ten minutes each from eight o'clock on.
fn hours(day: u32, place: usize) -> Window {
    let from = at(day, 8 * HOUR + 10 * MINUTE * place as u64);
    Window { from, until: from.plus(10 * MINUTE) }
}

/// Write a full page. The last place was given back by whoever had it, where `given_back`.
fn full_page(state: &mut Overlay<'_>, practitioner: PractitionerId, day: u32, given_back: bool) {
    let line = |place| Line { hours: hours(day, place), taken: !given_back || place + 1 < SLOTS };
    let page = Page { day, lines: list((0..SLOTS).map(line).collect()) };
    Pages::insert(state, &(practitioner, day % CALENDAR_DAYS), &page);
}

/// Write the slot at a place of a page, taken by the key of this name and number.
fn taken(state: &mut Overlay<'_>, practitioner: PractitionerId, day: u32, place: usize, status: Status, by: &KeyPair) {
    let name = SlotRef { practitioner, from: hours(day, place).from };
    let booking = Some(Booking { key: by.public(), sealed: NOTE });
    let slot = Slot { organisation: HOSPITAL, hours: hours(day, place), status, booking };
    let number = (day % CALENDAR_DAYS) * SLOTS_MAX + u32::try_from(place).expect("a page has few places");
    Slots::insert(state, &(practitioner, number), &slot);
    BookingKeys::insert(state, &by.public(), &name);
}

/// 64 nights, each with a full page before, after and on the day it begins, where one place was given back.
fn publish(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "publishes");
    let nights = (0..SLOTS).map(|night| {
        let state = &mut builder.state;
        let first = day(3 * night + 1);
        let begins = first + 1;
        full_page(state, practitioner, first, false);
        full_page(state, practitioner, begins, true);
        full_page(state, practitioner, begins + 1, false);
        taken(state, practitioner, begins, SLOTS - 1, Status::Cancelled, &key("gave back", night));
        Window { from: at(begins, 20 * HOUR), until: at(begins + 1, 8 * HOUR) }
    });
    let nights: Vec<Window> = nights.collect();
    let publish = |nights| Call::Publish { practitioner, organisation: HOSPITAL, hours: list(nights) };
    let call = publish(nights.clone());
    builder.case("64 nights in a full calendar, on places that were given back", &signs, call);
    let mut meeting = nights;
    meeting[SLOTS - 1] = meeting[0];
    builder.refused("64 nights, of which the last meets the first", &signs, publish(meeting), Error::Overlap);
}

fn on_a_full_page(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "is booked");
    let (day, state) = (day(5), &mut builder.state);
    full_page(state, practitioner, day, false);
    let [free, held] = [0, 1];
    taken(state, practitioner, day, free, Status::Free, &key("never booked", 0));
    let booker = key("booked", 0);
    taken(state, practitioner, day, held, Status::Held, &booker);
    let name = |place| SlotRef { practitioner, from: hours(day, place).from };
    let gateway = officer(HOSPITAL, Roles::GATEWAY);

    let one_time = key("books", 0);
    let message = signed::booking(&GENESIS, &practitioner, &HOSPITAL, &hours(day, free), &NOTE);
    let call =
        Call::Book { slot: name(free), key: one_time.public(), signature: one_time.sign(&message), sealed: NOTE };
    builder.verifying(1, "one of 64 slots of a day", &gateway, call);
    let message = signed::booking_cancelled(&GENESIS, &practitioner, &HOSPITAL, &hours(day, held));
    let to = Change::GiveBack { signature: booker.sign(&message) };
    builder.verifying(1, "one of 64 slots is given back", &gateway, Call::Set { slot: name(held), to });
    builder.case("one of 64 slots is declined", &signs, Call::Set { slot: name(held), to: Change::Decline });
}
