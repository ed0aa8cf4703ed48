//! Vocabulary of the appointments pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PractitionerId, Window,
    crypto::Signature,
    time::{DAY, HOUR},
};
use scale_info::TypeInfo;

/// Most slots of one call, and most of one practitioner that begin on one day.
pub const SLOTS_MAX: u32 = 64;
/// How many days a practitioner's calendar has: a day's page is overwritten by that of the day so many later.
pub const CALENDAR_DAYS: u32 = 512;
/// How far ahead a slot may begin, ms. Well within the calendar, so that no page is overwritten that can matter.
pub const AHEAD_MAX: u64 = 366 * DAY;
/// Longest slot, ms.
pub const LENGTH_MAX: u64 = 12 * HOUR;
/// How long before its start somebody may be checked in, ms.
pub const CHECK_IN_EARLY: u64 = 4 * HOUR;

/// Hours to publish.
pub type Hours = BoundedVec<Window, SLOTS_MAX>;

/// Names a slot: a practitioner has one at most that begins at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct SlotRef {
    /// Whose hours.
    pub practitioner: PractitionerId,
    /// When it begins.
    pub from: Moment,
}

/// Where a slot stands. That its time is over is computed, never written.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Status {
    /// Published: may be booked.
    #[codec(index = 0)]
    Free,
    /// Booked; the practitioner has not answered.
    #[codec(index = 1)]
    Held,
    /// The practitioner expects whoever booked.
    #[codec(index = 2)]
    Confirmed,
    /// Whoever booked is there.
    #[codec(index = 3)]
    CheckedIn,
    /// Over, and it took place.
    #[codec(index = 4)]
    Completed,
    /// Given back or taken back before it began: its hours may be published anew.
    #[codec(index = 5)]
    Cancelled,
    /// The practitioner did not want the booking: its hours may be published anew.
    #[codec(index = 6)]
    Declined,
    /// Over, and nobody came.
    #[codec(index = 7)]
    NoShow,
}

impl Status {
    /// Does a slot that stands so take up its hours?
    pub const fn takes_hours(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Declined)
    }
}

/// What `set` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Change {
    /// The practitioner expects whoever booked: Held -> Confirmed, before it begins.
    #[codec(index = 0)]
    Confirm,
    /// The practitioner does not want the booking: Held -> Declined.
    #[codec(index = 1)]
    Decline,
    /// Whoever booked is there: Confirmed -> CheckedIn, from 4 hours before the beginning to the end.
    #[codec(index = 2)]
    CheckIn,
    /// It took place: CheckedIn -> Completed, once it began.
    #[codec(index = 3)]
    Complete,
    /// Nobody came: Confirmed -> NoShow, once it is over.
    #[codec(index = 4)]
    NoShow,
    /// The practitioner takes the hours back: Free, Held or Confirmed -> Cancelled, before it begins.
    #[codec(index = 5)]
    Cancel,
    /// Whoever booked gives the hours back: Held or Confirmed -> Cancelled, before it begins.
    #[codec(index = 6)]
    GiveBack {
        /// The one-time key's signature over [`salus_primitives::signed::booking_cancelled`].
        signature: Signature,
    },
}

/// Who took a slot. Nothing here says who it is, and the key is used for nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Booking {
    /// The one-time key.
    pub key: AccountId,
    /// Digest of who it is, sealed to the organisation.
    pub sealed: Hash,
}

/// Hours that a practitioner offers at an organisation.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Slot {
    /// Where.
    pub organisation: OrganisationId,
    /// When.
    pub hours: Window,
    /// Where it stands.
    pub status: Status,
    /// Who took it, once it is taken.
    pub booking: Option<Booking>,
}

/// What a day's page says of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Line {
    /// When.
    pub hours: Window,
    /// Does it take up its hours? Not when it was cancelled or declined.
    pub taken: bool,
}

/// The slots of one practitioner that begin on one day, by their place: all that is looked through for an overlap.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Page {
    /// Which day, counted since the epoch.
    pub day: u32,
    /// The slots, place by place.
    pub lines: BoundedVec<Line, SLOTS_MAX>,
}
