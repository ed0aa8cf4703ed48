//! The calendar of a practitioner: pages used over and over, and the slots on them.

use salus_primitives::{Moment, PractitionerId, Window};
use salus_support::{Overlay, StateReader, ensure};

use crate::{
    Error,
    storage::{BookingKeys, Pages, Slots},
    types::{CALENDAR_DAYS, Line, Page, SLOTS_MAX, Slot, SlotRef},
};

/// The slot of this name, if it is in state.
pub fn slot(state: &dyn StateReader, slot: SlotRef) -> Option<Slot> {
    Slots::get(state, &find(state, slot)?.1)
}

/// The place of a slot on its page, and its key in state.
fn find(state: &dyn StateReader, slot: SlotRef) -> Option<(usize, (PractitionerId, u32))> {
    let day = slot.from.day();
    let page = page(state, slot.practitioner, day);
    let place = page.lines.iter().position(|line| line.hours.from == slot.from)?;
    Some((place, key(slot.practitioner, day, place)))
}

/// The page of a day, empty where state still has that of a day long before.
fn page(state: &dyn StateReader, practitioner: PractitionerId, day: u32) -> Page {
    let page = Pages::get(state, &(practitioner, day % CALENDAR_DAYS));
    if page.day == day { page } else { Page { day, ..Page::default() } }
}

fn key(practitioner: PractitionerId, day: u32, place: usize) -> (PractitionerId, u32) {
    // Below 512 * 64: `place` is one of a page, of which there are at most 64.
    (practitioner, (day % CALENDAR_DAYS) * SLOTS_MAX + place as u32)
}

/// Put a free slot into the calendar.
///
/// # Errors
/// [`Error::Overlap`] or [`Error::TooMany`].
pub(crate) fn add(state: &mut Overlay<'_>, practitioner: PractitionerId, slot: &Slot) -> Result<(), Error> {
    let (hours, day) = (slot.hours, slot.hours.from.day());
    // A slot is shorter than a day: what overlaps it begins the day before, on its day, or on the day it ends.
    let last = Moment(hours.until.0.saturating_sub(1)).day();
    for near in day.saturating_sub(1)..=last {
        let meets = |line: &Line| line.taken && overlap(&line.hours, &hours);
        ensure(!page(state, practitioner, near).lines.iter().any(meets), Error::Overlap)?;
    }
    let mut page = page(state, practitioner, day);
    let line = Line { hours, taken: true };
    let given_up = |line: &Line| !line.taken;
    // First the one that begins at the same moment, so that a moment names one slot.
    let reused = page
        .lines
        .iter()
        .position(|line| line.hours.from == hours.from)
        .or_else(|| page.lines.iter().position(given_up));
    let place = match reused {
        Some(place) => {
            if let Some(old) = page.lines.get_mut(place) {
                *old = line;
            }
            place
        }
        None => {
            page.lines.try_push(line).map_err(|_| Error::TooMany)?;
            page.lines.len() - 1
        }
    };
    let key = key(practitioner, day, place);
    // What was there is over or given up: its key is kept no longer.
    if let Some(booking) = Slots::get(state, &key).and_then(|old| old.booking) {
        BookingKeys::remove(state, &booking.key);
    }
    Slots::insert(state, &key, slot);
    Pages::insert(state, &(practitioner, day % CALENDAR_DAYS), &page);
    Ok(())
}

/// Write a slot that is in the calendar.
pub(crate) fn write(state: &mut Overlay<'_>, name: SlotRef, slot: &Slot) {
    let Some((place, key)) = find(state, name) else { return };
    Slots::insert(state, &key, slot);
    if !slot.status.takes_hours() {
        let mut page = page(state, name.practitioner, name.from.day());
        if let Some(line) = page.lines.get_mut(place) {
            line.taken = false;
        }
        Pages::insert(state, &(name.practitioner, page.day % CALENDAR_DAYS), &page);
    }
}

/// Have two windows a moment in common?
pub(crate) fn overlap(one: &Window, other: &Window) -> bool {
    one.from < other.until && other.from < one.until
}
