//! Vocabulary of the patients pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, Moment, OrganisationId,
    time::{DAY, HOUR},
};
use scale_info::TypeInfo;

/// Longest life of an invitation, and the window in which an organisation's invitations are counted, ms.
pub const INVITATION_MAX: u64 = 30 * DAY;
/// How long a provisional patient lasts from registration, ms.
pub const PROVISIONAL_MAX: u64 = 30 * DAY;
/// How long a freeze lasts, ms.
pub const FREEZE: u64 = 14 * DAY;
/// Shortest time from the start of one freeze to the start of the next, ms.
pub const FREEZE_EVERY: u64 = 30 * DAY;
/// How long a declaration of death can be cancelled by the patient's key, ms.
pub const DECEASED_DELAY: u64 = 72 * HOUR;
/// Highest level of assurance.
pub const ASSURANCE_MAX: u8 = 2;
/// How many expired invitations one call clears away at most.
pub const SWEEP_MAX: u32 = 2;

/// Who froze a patient, and so who may thaw.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum FrozenBy {
    /// The patient, who may thaw.
    #[codec(index = 0)]
    Patient,
    // 1: a guardian; then only guardians at threshold or a recovery thaw.
}

/// State of a patient as it was last written: judge it with [`Patient::state_at`], since nothing expires by a timer.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum PatientState {
    /// Registered for someone who cannot act; keys are held by the organisation's Privacy officer.
    #[codec(index = 0)]
    Provisional {
        /// When it lapses.
        until: Moment,
    },
    /// The usual state.
    #[codec(index = 1)]
    Active,
    /// No key, guardian or rule change takes effect; revocation, care and emergencies go on.
    #[codec(index = 2)]
    Frozen {
        /// When the freeze ends by itself.
        until: Moment,
        /// Who froze.
        by: FrozenBy,
    },
    /// Declared dead by Registrars of two organisations.
    #[codec(index = 3)]
    Deceased {
        /// When it was declared; the patient's key may cancel for [`DECEASED_DELAY`].
        declared: Moment,
    },
    /// For ever: nothing is granted, opened or filed any more.
    #[codec(index = 4)]
    Closed,
    /// A recovery of the keys was proposed; written by the call that comes with guardians.
    #[codec(index = 5)]
    Recovering,
}

/// A patient: nothing here says who it is.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Patient {
    /// State as it was last written.
    pub state: PatientState,
    /// 0 until a Registrar confirmed the person, then 1 or 2.
    pub assurance: u8,
    /// Who invited, and so who may confirm.
    pub inviting: OrganisationId,
    /// The key a provisional patient was registered with: it must be dropped before the patient is confirmed.
    pub held_key: Option<AccountId>,
    /// When the last freeze began.
    pub frozen_at: Option<Moment>,
}

impl Patient {
    /// The state at `now`: a freeze that ran out is over.
    pub fn state_at(&self, now: Moment) -> PatientState {
        match self.state {
            PatientState::Frozen { until, .. } if until <= now => PatientState::Active,
            state => state,
        }
    }
}

/// An invitation, under the key that was handed to the person invited.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Invitation {
    /// Who invites.
    pub organisation: OrganisationId,
    /// When it ends.
    pub until: Moment,
    /// Does it make a provisional patient?
    pub provisional: bool,
    /// Has a patient registered with it?
    pub spent: bool,
}

/// One place in an organisation's ring of invitations.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Slot {
    /// The invitation's key.
    pub key: AccountId,
    /// When it was made.
    pub at: Moment,
}

/// Which places of an organisation's ring are taken: `[first, next)`, oldest first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Ring {
    /// The oldest still kept.
    pub first: u32,
    /// The place the next one takes.
    pub next: u32,
}

/// What `status_set` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Change {
    /// The patient freezes for 14 days.
    #[codec(index = 0)]
    Freeze,
    /// The patient ends their own freeze.
    #[codec(index = 1)]
    Thaw,
    /// The patient, or Registrars of two organisations after a death, end everything.
    #[codec(index = 2)]
    Close,
    /// Registrars of two organisations declare the patient dead.
    #[codec(index = 3)]
    Deceased,
    /// The patient cancels a declaration of death within 72 hours.
    #[codec(index = 4)]
    Living,
}

/// Why a patient's state does not allow something. One byte on the wire.
#[derive(
    Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug, thiserror::Error,
)]
pub enum Problem {
    /// No patient has this id.
    #[error("no patient has this id")]
    #[codec(index = 0)]
    UnknownPatient,
    /// The caller's key is bound to nobody, or no longer.
    #[error("the key is bound to nobody, or no longer")]
    #[codec(index = 1)]
    NotRegistered,
    /// The caller is not a patient.
    #[error("the caller is not a patient")]
    #[codec(index = 2)]
    NotPatient,
    /// A session key may open and request only.
    #[error("a session key may open and request, not change keys or rules")]
    #[codec(index = 3)]
    SessionKey,
    /// A provisional patient's 30 days are over: confirm the person.
    #[error("the provisional patient's 30 days are over: a Registrar of the inviting organisation must confirm")]
    #[codec(index = 4)]
    Lapsed,
    /// No record is filed before a Registrar confirmed the patient.
    #[error("the patient is not confirmed yet: a Registrar of the inviting organisation must confirm first")]
    #[codec(index = 5)]
    Unconfirmed,
    /// The patient is frozen: nothing is granted, while revocation and care go on.
    #[error("the patient is frozen: no key, guardian or rule changes until it is thawed")]
    #[codec(index = 6)]
    Frozen,
    /// The patient was declared dead.
    #[error("the patient was declared dead")]
    #[codec(index = 7)]
    Deceased,
    /// The patient is closed for ever.
    #[error("the patient is closed")]
    #[codec(index = 8)]
    Closed,
    /// A recovery of the patient's keys runs.
    #[error("a recovery of the patient's keys is running")]
    #[codec(index = 9)]
    Recovering,
}
