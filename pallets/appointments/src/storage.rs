//! State of the appointments pallet: a calendar of [`CALENDAR_DAYS`](crate::types::CALENDAR_DAYS) pages for each
//! practitioner, used over and over.

use salus_primitives::{AccountId, PractitionerId};

use crate::types::{Page, Slot, SlotRef};

salus_support::storage! { Appointments;
    /// A practitioner's days: the day modulo 512.
    Pages: counters (PractitionerId, u32) => Page;
    /// Slots by their place in the calendar: 64 times the page's number, and the place in the page.
    Slots: map (PractitionerId, u32) => Slot;
    /// Keys that took a slot still kept: a key takes one.
    BookingKeys: map AccountId => SlotRef;
}
