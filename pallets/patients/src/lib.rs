//! Patients: invitations, registration, confirmation and the states of a patient. Nothing here says who anyone is.
//!
//! # Who may call
//! A Registrar invites and confirms. A new key, which needs no account, registers against an invitation. A patient
//! freezes, thaws and closes; Registrars of two organisations declare a death, and close after one.
//!
//! # Invariants
//! 1. An organisation makes at most `invitations_max` invitations in any 30 days, and state keeps no more of them
//!    than the largest `invitations_max` there ever was.
//! 2. An invitation is spent once, by whoever holds its key, for one account and one id.
//! 3. A patient is never removed: an id is used once, ever.
//! 4. Assurance never falls, and a provisional patient is confirmed only without the key it was registered with.
//! 5. `Closed` is final. A patient with a record under a hold is not closed.
//! 6. From the start of one freeze to the start of the next there are at least 30 days; a freeze lasts 14.
//! 7. While a patient is frozen, declared dead or closed, their keys are locked in the registry.
//!
//! # Where the specification is silent
//! * Who registers never uses the invitation's own key as their account: the organisation knows that key.
//! * A suspended organisation's invitations register nobody while it is suspended.
//! * Registering writes no rule: under `DenyAll` nothing is filed before the patient grants.
//! * A lapsed provisional patient can still be confirmed, else its records were lost to everybody.
//! * A declared death stops new rules and key changes at once, but default policy and emergencies only when the 72
//!   hours are over in which the patient's key may cancel it: a false declaration must not cost a life.
//! * `Close` is refused while frozen or provisional: whoever stole a key must not end what the freeze protects.
//! * After a death only Registrars of two organisations close, and only when the 72 hours are over.
//! * The keys of a closed patient stay bound, so that a gateway still knows who reads their own records.

pub mod calls;
pub mod state;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, crypto::Signature, signed::CoSigns};
use salus_registry::{KemKey, Standing};
use salus_support::{Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use calls::register::{Registration, check_register};
pub use state::{
    KeyKind, assurance, inviting, is_provisional, may_be_filed_for, may_change_rules, may_receive_care, may_revoke,
    may_use_default, patient,
};
pub use types::{Change, Patient, PatientState, Problem};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Make an invitation: whoever holds the private half of `key` may register one patient with it.
    ///
    /// By a Registrar. Emits `Invited`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `BadWindow` (an
    /// end not within the next 30 days), `WeakKey`, `KeyTaken` (the key is an account, or an invitation of the
    /// last 30 days) and `RateLimited` (as many invitations in 30 days as the chain allows).
    #[codec(index = 0)]
    Invite {
        /// The invitation's public key; its private half is handed to the person invited.
        key: AccountId,
        /// When the invitation ends.
        until: Moment,
        /// For someone who cannot act now: Privacy registers and keeps the key for at most 30 days.
        provisional: bool,
    },
    /// Become a patient. Signed by the key the patient will use, which is bound to nobody yet; charged to the
    /// organisation that invited. Writes no rule: the patient grants by a call of their own.
    ///
    /// Emits `PatientRegistered`. Never stands in a block when it would be refused with `NoInvitation`,
    /// `InvitationSpent`, `InvitationEnded`, `NotActive`, `IdTaken`, `KeyTaken` (also when it is the invitation's
    /// own key), `WeakKey`, `BadPossession`, `BadKemKey` or `RateLimited` (the organisation's daily weight).
    #[codec(index = 1)]
    Register {
        /// The patient's id, random.
        id: PatientId,
        /// The invitation's key.
        invite: AccountId,
        /// The invitation key's signature over the account that registers and the id, so that a copy registers
        /// nobody else.
        possession: Signature,
        /// Where records are sealed to for the patient.
        kem: KemKey,
    },
    /// Say that the person was seen: the six words on both screens were the same.
    ///
    /// By a Registrar of the organisation that invited. Emits `Confirmed`. Refused with `NotRegistered`,
    /// `NotAuthorised`, `NotActive`, `UnknownPatient`, `BadState` (dead, closed or recovering, or assurance would
    /// not rise), `BadAssurance` and `KeyHeld` (a provisional patient still has the key it was registered with).
    #[codec(index = 2)]
    Confirm {
        /// Whom.
        patient: PatientId,
        /// 1 or 2.
        assurance: u8,
    },
    // 3: guardians_set
    // 4: recover
    /// Freeze, thaw or close a patient, declare one dead or cancel that.
    ///
    /// `Freeze`, `Thaw`, `Close` and `Living` by a lasting key of the patient, without co-signature. `Deceased`, and
    /// `Close` after a death, by a Registrar with the co-signature of a Registrar of another organisation. Emits
    /// `PatientStatus`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `UnknownPatient`, `BadCoSign`,
    /// `BadState`, `RateLimited` (a second freeze within 30 days), `Held` (a record is under a hold), `TooLate` (72
    /// hours after the declaration) and `TooEarly` (closing before they are over).
    #[codec(index = 5)]
    StatusSet {
        /// Whom.
        patient: PatientId,
        /// What.
        to: Change,
        /// The second Registrar's agreement, where two are needed.
        cosign: CoSigns,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// An invitation was made.
    #[codec(index = 0)]
    Invited {
        /// By whom.
        organisation: OrganisationId,
        /// Its key.
        key: AccountId,
        /// Its end.
        until: Moment,
        /// For a provisional patient?
        provisional: bool,
    },
    /// A patient registered.
    #[codec(index = 1)]
    PatientRegistered {
        /// Who.
        patient: PatientId,
        /// Who invited.
        organisation: OrganisationId,
        /// With what key.
        account: AccountId,
        /// Provisional?
        provisional: bool,
    },
    /// A Registrar confirmed the person.
    #[codec(index = 2)]
    Confirmed {
        /// Whom.
        patient: PatientId,
        /// The level of assurance now.
        assurance: u8,
    },
    // 3: GuardiansSet
    // 4: Recovery
    /// The patient's state changed.
    #[codec(index = 5)]
    PatientStatus {
        /// Whose.
        patient: PatientId,
        /// How.
        to: Change,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    NotRegistered,
    /// The organisation does not act: why.
    #[codec(index = 1)]
    NotActive(Standing),
    /// The caller is not one who may do this.
    #[codec(index = 2)]
    NotAuthorised,
    /// The end is past, or further away than allowed.
    #[codec(index = 3)]
    BadWindow,
    /// The state of the patient does not allow it.
    #[codec(index = 4)]
    BadState,
    /// As often as it may be done in this time.
    #[codec(index = 5)]
    RateLimited,
    /// A co-signature is missing, needless, bad, or by someone who cannot give it.
    #[codec(index = 6)]
    BadCoSign,
    /// The key is bound already, is an invitation already, or is the invitation's own.
    #[codec(index = 7)]
    KeyTaken,
    /// The key is of small order, not canonical or no key at all.
    #[codec(index = 8)]
    WeakKey,
    /// A patient has this id.
    #[codec(index = 9)]
    IdTaken,
    /// There is no such invitation.
    #[codec(index = 10)]
    NoInvitation,
    /// A patient registered with this invitation before.
    #[codec(index = 11)]
    InvitationSpent,
    /// The invitation's time is over.
    #[codec(index = 12)]
    InvitationEnded,
    /// The possession signature is not the invitation key's over this account and id.
    #[codec(index = 13)]
    BadPossession,
    /// The KEM key has an unknown suite or is no key.
    #[codec(index = 14)]
    BadKemKey,
    /// A level of assurance is 1 or 2.
    #[codec(index = 15)]
    BadAssurance,
    /// The key a provisional patient was registered with must be dropped first.
    #[codec(index = 16)]
    KeyHeld,
    /// No patient has this id.
    #[codec(index = 17)]
    UnknownPatient,
    /// A record of the patient is under a hold.
    #[codec(index = 18)]
    Held,
    /// The 72 hours in which a declaration of death can be cancelled are over.
    #[codec(index = 19)]
    TooLate,
    /// The 72 hours in which a declaration of death can be cancelled are not over.
    #[codec(index = 20)]
    TooEarly,
    // 21 and on: guardians and recovery
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Patients";
}

/// The pallet.
pub struct Patients;

/// Weight of a registration: two signatures' worth of checks, and a dozen keys read or written.
const REGISTER_COST: Cost = Cost::ordinary(400);

impl Pallet for Patients {
    const NAME: &'static str = "Patients";
    const DOCS: &'static str = "Invitations, registration and states of patients; nothing here says who anyone is.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<salus_support::ConstantEntry> {
        use salus_support::ConstantEntry;
        vec![
            ConstantEntry::new("InvitationMax", &types::INVITATION_MAX, "Longest life of an invitation, ms."),
            ConstantEntry::new("ProvisionalMax", &types::PROVISIONAL_MAX, "How long a provisional patient lasts, ms."),
            ConstantEntry::new("Freeze", &types::FREEZE, "How long a freeze lasts, ms."),
            ConstantEntry::new("FreezeEvery", &types::FREEZE_EVERY, "Shortest time between two freezes, ms."),
            ConstantEntry::new(
                "DeceasedDelay",
                &types::DECEASED_DELAY,
                "How long the patient's key may cancel a declaration of death, ms.",
            ),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            Call::Invite { .. } => Cost::ordinary(300),
            Call::Register { .. } => REGISTER_COST,
            Call::Confirm { .. } => Cost::ordinary(150),
            Call::StatusSet { to, cosign, .. } => {
                let weight = 150 + 100 * cosign.len() as u64;
                match to {
                    Change::Freeze | Change::Living => Cost::protected(weight),
                    Change::Thaw | Change::Close | Change::Deceased => Cost::ordinary(weight),
                }
            }
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Invite { key, until, provisional } => calls::invite::invite(ctx, key, until, provisional),
            Call::Register { id, invite, possession, kem } => {
                calls::register::register(ctx, id, invite, possession, kem)
            }
            Call::Confirm { patient, assurance } => calls::confirm::confirm(ctx, patient, assurance),
            Call::StatusSet { patient, to, cosign } => calls::status::status_set(ctx, patient, to, &cosign),
        }
    }
}

#[cfg(test)]
mod tests;
