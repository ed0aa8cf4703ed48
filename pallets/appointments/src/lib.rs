//! Appointments: the hours practitioners offer, and who took one, known by a key used once.
//!
//! No patient stands here. Whoever books makes a key for it; who they are is sealed to the organisation, and only the
//! digest of that is on chain. The consent an appointment carries is an ordinary rule of the patient's.
//!
//! ```text
//! Free -> Held -> Confirmed -> CheckedIn -> Completed
//!          |          |
//!          |          +-> NoShow
//!          +-> Declined
//! Free, Held, Confirmed -> Cancelled
//! ```
//!
//! # Who may call
//! A practitioner, or a Registrar of an organisation for which the practitioner acts, publishes hours. A Registrar or
//! the Gateway books for whoever holds a one-time key, and passes on that they give it back. All else is the
//! practitioner's.
//!
//! # Invariants
//! 1. No two slots of one practitioner that take up their hours overlap, at whatever organisation they are.
//! 2. A slot goes through its states along the arrows above only, and is booked at most once.
//! 3. A key books at most one of the slots in state.
//! 4. A practitioner has at most 512 pages and 64 slots on each; what is overwritten was over 145 days before.
//!
//! # Where the specification is silent
//! * Not only confirmed but all published hours of a practitioner do not overlap, also those at two organisations.
//! * What was cancelled or declined is not booked again: the hours are free to be published anew.
//! * A slot begins ahead of now by at most 366 days and lasts at most 12 hours; it may pass midnight.
//! * A booking that the practitioner has not confirmed when its time begins can only be declined.
//! * Session keys publish and set nothing.
//! * The practitioner must act for the organisation at that moment, to publish, to be booked and to set; whoever booked
//!   may give back whatever became of the practitioner.

mod calendar;
mod calls;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{AccountId, Hash, OrganisationId, PractitionerId, crypto::Signature};
use salus_registry::Standing;
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use calendar::slot;
pub use types::{Change, Hours, Slot, SlotRef, Status};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Offer hours of a practitioner at an organisation, 64 at most.
    ///
    /// By the practitioner with a lasting key, or by a Registrar of the organisation; the practitioner acts for it.
    /// Each slot begins from now on and within 366 days, and lasts at most 12 hours. Emits `Published`. Refused with
    /// `NotRegistered`, `NotAuthorised`, `NotActive`, `NoHours` (none named), `BadWindow`, `Overlap` (with each other
    /// or with what was published), `TooMany` (64 slots begin on a day).
    #[codec(index = 0)]
    Publish {
        /// Whose hours.
        practitioner: PractitionerId,
        /// Where.
        organisation: OrganisationId,
        /// Which.
        hours: Hours,
    },
    /// Book a slot for whoever holds a one-time key.
    ///
    /// By a Registrar or the Gateway of the slot's organisation, before it begins. Emits `Held`. Refused with
    /// `NotRegistered`, `NotAuthorised`, `NotActive`, `NoSuchSlot`, `Taken`, `NotNow`, `WeakKey`, `KeyTaken` (an
    /// account's, a validator's, or used before), `BadSignature`.
    #[codec(index = 1)]
    Book {
        /// Which.
        slot: SlotRef,
        /// A key made for this booking.
        key: AccountId,
        /// Its signature over slot and digest, so that nobody books with another's key.
        signature: Signature,
        /// Digest of who it is, sealed to the organisation.
        sealed: Hash,
    },
    /// Say what became of a slot.
    ///
    /// By the practitioner with a lasting key; to give it back by a Registrar or the Gateway of its organisation,
    /// with the one-time key's signature. Emits `AppointmentSet`. Refused with `NotRegistered`, `NotAuthorised`,
    /// `NotActive`, `NoSuchSlot`, `BadState`, `NotNow`, `BadSignature`.
    #[codec(index = 2)]
    Set {
        /// Which.
        slot: SlotRef,
        /// What.
        to: Change,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// Hours are offered.
    #[codec(index = 0)]
    Published {
        /// Whose.
        practitioner: PractitionerId,
        /// Where.
        organisation: OrganisationId,
        /// Which.
        hours: Hours,
    },
    /// A slot was booked.
    #[codec(index = 1)]
    Held {
        /// Which.
        slot: SlotRef,
        /// By whom: a key used once.
        key: AccountId,
    },
    /// A slot stands elsewhere now.
    #[codec(index = 2)]
    AppointmentSet {
        /// Which.
        slot: SlotRef,
        /// Where.
        status: Status,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// The key's subject, roles or kind do not allow this.
    #[codec(index = 1)]
    #[error("the key's subject, roles or kind do not allow this")]
    NotAuthorised,
    /// The organisation is not Active, or the practitioner does not act for it at the moment.
    #[codec(index = 2)]
    #[error("{0}")]
    NotActive(Standing),
    /// No hours are named.
    #[codec(index = 3)]
    #[error("no hours are named")]
    NoHours,
    /// A slot ends before it begins, is longer than 12 hours, is past or too far ahead.
    #[codec(index = 4)]
    #[error("a slot begins from now on and within 366 days, ends after it begins and lasts at most 12 hours")]
    BadWindow,
    /// Hours of the practitioner overlap.
    #[codec(index = 5)]
    #[error("the practitioner has other hours at that time, here or elsewhere: cancel those first")]
    Overlap,
    /// A day has as many slots as it may.
    #[codec(index = 6)]
    #[error("64 slots of the practitioner begin on that day already")]
    TooMany,
    /// The practitioner has no slot that begins then.
    #[codec(index = 7)]
    #[error("the practitioner has no slot that begins at that moment")]
    NoSuchSlot,
    /// The slot is not free.
    #[codec(index = 8)]
    #[error("the slot is not free: choose another")]
    Taken,
    /// The slot's time does not allow this.
    #[codec(index = 9)]
    #[error("the slot's time does not allow this: it has begun, has not yet, or is over")]
    NotNow,
    /// Not from the state the slot is in.
    #[codec(index = 10)]
    #[error("the slot cannot go there from the state it is in")]
    BadState,
    /// A key that may not enter state.
    #[codec(index = 11)]
    #[error("not an acceptable key: make a new one")]
    WeakKey,
    /// The key was used before.
    #[codec(index = 12)]
    #[error("the key is an account's, a validator's, or booked before: make a new one for each booking")]
    KeyTaken,
    /// The signature is not the one-time key's over this.
    #[codec(index = 13)]
    #[error("the signature is not the one-time key's over this slot")]
    BadSignature,
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Appointments";
}

/// The pallet.
pub struct Appointments;

impl Pallet for Appointments {
    const NAME: &'static str = "Appointments";
    const DOCS: &'static str = "The hours practitioners offer, and who took one, known by a key used once.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new("AheadMax", &types::AHEAD_MAX, "How far ahead a slot may begin, ms."),
            ConstantEntry::new("LengthMax", &types::LENGTH_MAX, "Longest slot, ms."),
            ConstantEntry::new("CheckInEarly", &types::CHECK_IN_EARLY, "How long before its start one checks in, ms."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Standing is read; per slot up to three pages read, one written, an old slot read and a new one written.
            Call::Publish { hours, .. } => Cost::ordinary(120 + 100 * hours.len() as u64),
            // Standing, page, slot and key are read, slot and key written, one key and one signature checked.
            Call::Book { .. } => Cost::ordinary(250),
            Call::Set { to: Change::GiveBack { .. }, .. } => Cost::ordinary(220),
            Call::Set { .. } => Cost::ordinary(120),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Publish { practitioner, organisation, hours } => {
                calls::publish(ctx, practitioner, organisation, hours)
            }
            Call::Book { slot, key, signature, sealed } => calls::book(ctx, slot, key, &signature, sealed),
            Call::Set { slot, to } => calls::set(ctx, slot, to),
        }
    }
}

#[cfg(test)]
mod tests;
