//! Patients: invitations, registration, confirmation, the states of a patient, guardians and recovery. Nothing here says
//! who anyone is.
//!
//! # Who may call
//! A Registrar invites and confirms. A new key, which needs no account, registers against an invitation. A patient
//! freezes, thaws, closes and chooses guardians; Registrars of two organisations declare a death, and close after one.
//! Each guardian freezes; guardians at threshold thaw what a guardian froze, and recover a patient who lost their keys,
//! as Registrars of two organisations do more slowly. The patient's keys object.
//!
//! # Invariants
//! 1. An organisation makes at most `invitations_max` invitations in any 30 days, and state keeps no more of them
//!    than the largest `invitations_max` there ever was.
//! 2. An invitation is spent once, by whoever holds its key, for one account and one id.
//! 3. A patient is never removed: an id is used once, ever.
//! 4. Assurance never falls, and a provisional patient is confirmed only without the key it was registered with.
//! 5. `Closed` is final. A patient with a record under a hold is not closed.
//! 6. From the start of one freeze by the patient to the start of the next there are at least 30 days, and as many from
//!    one by a guardian to the next by any guardian; a freeze lasts 14.
//! 7. While a patient is frozen, recovering, declared dead or closed, their keys are locked in the registry, and no
//!    change of guardians takes effect.
//! 8. All keys of a patient are replaced only by a recovery that waited its whole delay without a veto, or that the same
//!    guardians began again within 30 days of one.
//! 9. An approval counts for guardians who stand now, each once, and for one list of keys or one freeze.
//!
//! # Where the specification is silent
//! * Who registers never uses the invitation's own key as their account: the organisation knows that key.
//! * A suspended organisation's invitations register nobody while it is suspended.
//! * Registering writes no rule: under `DenyAll` nothing is filed before the patient grants.
//! * A lapsed provisional patient can still be confirmed, else its records were lost to everybody. After a death it lapses
//!   all the same.
//! * A declared death stops new rules and key changes at once, but default policy and emergencies only when the 72
//!   hours are over in which the patient's key may cancel it: a false declaration must not cost a life.
//! * `Close` is refused while frozen or provisional: whoever stole a key must not end what the freeze protects.
//! * After a death only Registrars of two organisations close, and only when the 72 hours are over.
//! * The keys of a closed patient stay bound, so that a gateway still knows who reads their own records.
//! * Guardians are confirmed and Active when they are named and when they act, and act by lasting keys.
//! * Registrar and Privacy officer of the organisation that invited appoint for a minor only while nobody confirmed the
//!   patient: a renewal is the patient's, or takes Registrars of two organisations.
//! * One change of guardians waits at a time. Whoever objects to it may by any key of the patient, a session key too,
//!   and so against a recovery: an objection changes nothing.
//! * What waits when a freeze, a recovery or a declaration of death begins takes effect when that is over, and not at
//!   all after a recovery.
//! * Each guardian's newest approval of a recovery is kept, for 14 days, so that none of them keeps others from agreeing.
//! * A recovery that has waited can be finished for 14 days and no longer be vetoed. Then it has lapsed.
//! * Registrars recover with one key: their second co-signature is the other Registrar's.
//! * Guardians at threshold overtake a recovery by Registrars, not the other way. A declaration of death ends one.
//! * Nobody recovers a provisional patient: Privacy holds its keys, and hands them over before it is confirmed.
//! * Only the guardians whose recovery was vetoed try again without a veto: others who follow them begin anew.
//! * A guardian also freezes who is frozen by their own key, since a thief could thaw it. Who recovers is not frozen.

pub mod calls;
pub mod guardians;
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
pub use guardians::{Acting, acts_for, guardianship, is_guardian};
pub use state::{
    KeyKind, assurance, inviting, is_provisional, may_be_filed_for, may_change_rules, may_receive_care, may_revoke,
    may_use_default, patient,
};
use types::{Appointment, GuardianChange, GuardianTerms, RecoveryNews, RecoveryStep};
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
    /// Say who stands in for a patient, end that, or cancel such a change before it takes effect.
    ///
    /// `Set` by a lasting key of the patient; before a confirmation also by a Registrar and a Privacy officer of the
    /// organisation that invited; by Registrars of two organisations at any time: of officers one calls and the other
    /// signs along. `End` by a lasting key of the patient. Both wait 72 hours while the patient has guardians, and two
    /// organisations' Registrars always 14 days; meanwhile `Cancel`, by any live key of the patient. Emits
    /// `GuardiansSet` or `GuardiansKept`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `UnknownPatient`,
    /// `BadCoSign`, `BadState` (not Active, confirmed already, or nothing to end), `BadGuardians` (none, one twice, the
    /// patient, or one who is not confirmed and Active), `BadThreshold`, `BadPowers`, `BadTags`, `BadWindow` (over before
    /// it begins, or longer than 24 months), `ChangeWaits` (cancel it first) and `NothingWaits`.
    #[codec(index = 3)]
    GuardiansSet {
        /// Whose.
        patient: PatientId,
        /// What.
        change: GuardianChange,
        /// The second officer's agreement, where two are needed.
        cosign: CoSigns,
    },
    /// Give a patient new keys in place of all old ones.
    ///
    /// `Propose` by guardians with the power to recover, each sending the same keys: at the threshold the
    /// `recovery_delay` begins. Or by a Registrar with the co-signature of a Registrar of another organisation: then it is 14 days and one key.
    /// The new keys sign along, each time. `Finish` when that is over, within 14 days, by such a guardian or by a
    /// Registrar of either organisation; the KEM key goes too. `Cancel` before it is over by any live key of the
    /// patient; not when the same guardians begin again within 30 days of that. Emits `Recovery`. Refused with
    /// `NotRegistered`, `NotAuthorised`, `NotActive`, `UnknownPatient`, `BadCoSign`, `BadState` (neither Active nor
    /// frozen, or a recovery runs), `KeyMissing`, `WeakKey`, `KeyTaken`, `AlreadyApproved`, `NoRecovery`, `TooEarly`
    /// (to finish), `TooLate` (to veto) and `NoVeto`.
    #[codec(index = 4)]
    Recover {
        /// Whose keys.
        patient: PatientId,
        /// What.
        step: RecoveryStep,
        /// The new keys' agreement, and the second Registrar's, where it is proposed.
        cosign: CoSigns,
    },
    /// Freeze, thaw or close a patient, declare one dead or cancel that.
    ///
    /// `Freeze`, `Thaw`, `Close` and `Living` by a lasting key of the patient, without co-signature. `Freeze` also by
    /// any guardian, and `Thaw` of that only by guardians at threshold, each sending it. `Deceased`, and `Close` after
    /// a death, by a Registrar with the co-signature of a Registrar of another organisation. Emits `PatientStatus`, or
    /// `ThawApproved` below the threshold. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`,
    /// `UnknownPatient`, `BadCoSign`, `BadState`, `RateLimited` (a second freeze within 30 days), `AlreadyApproved`,
    /// `Held` (a record is under a hold), `TooLate` (72 hours after the declaration) and `TooEarly` (closing before
    /// they are over).
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
    /// Guardians were set or ended, at once or with a delay.
    #[codec(index = 3)]
    GuardiansSet {
        /// Whose.
        patient: PatientId,
        /// Who they are; none when the guardianship ends.
        terms: Option<GuardianTerms>,
        /// On whose word.
        by: Appointment,
        /// When it takes effect: now, or when nobody objects.
        from: Moment,
    },
    /// A recovery of keys went a step on.
    #[codec(index = 4)]
    Recovery {
        /// Whose keys.
        patient: PatientId,
        /// Which step.
        news: RecoveryNews,
    },
    /// The patient's state changed.
    #[codec(index = 5)]
    PatientStatus {
        /// Whose.
        patient: PatientId,
        /// How.
        to: Change,
    },
    /// A change of guardians that waited was cancelled.
    #[codec(index = 6)]
    GuardiansKept {
        /// Whose.
        patient: PatientId,
    },
    /// A guardian approved that a guardian's freeze ends, and the threshold is not reached.
    #[codec(index = 7)]
    ThawApproved {
        /// Of whom.
        patient: PatientId,
        /// Who.
        guardian: PatientId,
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
    /// The time in which a declaration of death or a recovery can be cancelled is over.
    #[codec(index = 19)]
    TooLate,
    /// The time in which a declaration of death or a recovery can be cancelled is not over.
    #[codec(index = 20)]
    TooEarly,
    /// There is no guardian, one stands twice, is the patient, or is not a confirmed and Active patient.
    #[codec(index = 21)]
    BadGuardians,
    /// The threshold is 0, or more than there are guardians.
    #[codec(index = 22)]
    BadThreshold,
    /// No power is given, or one that does not exist.
    #[codec(index = 23)]
    BadPowers,
    /// A tag stands twice.
    #[codec(index = 24)]
    BadTags,
    /// Another change of guardians waits.
    #[codec(index = 25)]
    ChangeWaits,
    /// No change of guardians waits.
    #[codec(index = 26)]
    NothingWaits,
    /// The guardian approved the same before.
    #[codec(index = 27)]
    AlreadyApproved,
    /// A recovery gives one key at least.
    #[codec(index = 28)]
    KeyMissing,
    /// No recovery of this patient runs.
    #[codec(index = 29)]
    NoRecovery,
    /// The same guardians tried before and were vetoed: this recovery cannot be.
    #[codec(index = 30)]
    NoVeto,
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
    const DOCS: &'static str = "Patients, their states, guardians and recovery; nothing here says who anyone is.";
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
            ConstantEntry::new("GuardianshipMax", &types::GUARDIANSHIP_MAX, "Longest a guardianship lasts, ms."),
            ConstantEntry::new(
                "GuardiansDelay",
                &types::GUARDIANS_DELAY,
                "How long a change of guardians waits while there are guardians, ms.",
            ),
            ConstantEntry::new(
                "IncapacityDelay",
                &types::INCAPACITY_DELAY,
                "How long guardians that two organisations appoint wait, ms.",
            ),
            ConstantEntry::new("ApprovalMax", &types::APPROVAL_MAX, "How long an approval of a recovery counts, ms."),
            ConstantEntry::new(
                "RegistrarsDelay",
                &types::REGISTRARS_DELAY,
                "How long a recovery by Registrars of two organisations waits, ms.",
            ),
            ConstantEntry::new(
                "RecoveryOpen",
                &types::RECOVERY_OPEN,
                "How long a recovery that has waited can be finished, ms.",
            ),
            ConstantEntry::new(
                "VetoOnce",
                &types::VETO_ONCE,
                "How long after a veto the same guardians' next recovery cannot be vetoed, ms.",
            ),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            Call::Invite { .. } => Cost::ordinary(300),
            Call::Register { .. } => REGISTER_COST,
            Call::Confirm { .. } => Cost::ordinary(150),
            Call::GuardiansSet { change, cosign, .. } => match change {
                // Each guardian is read.
                GuardianChange::Set(terms) => {
                    Cost::ordinary(250 + 20 * terms.guardians.len() as u64 + 100 * cosign.len() as u64)
                }
                GuardianChange::End => Cost::ordinary(250),
                GuardianChange::Cancel => Cost::protected(200),
            },
            Call::Recover { step, cosign, .. } => match step {
                // Each guardian that approved is read, and each key whose drop waits is put off.
                RecoveryStep::Propose(_) => Cost::ordinary(450 + 100 * cosign.len() as u64),
                // Up to six keys end and two are bound.
                RecoveryStep::Finish => Cost::ordinary(450),
                RecoveryStep::Cancel => Cost::protected(250),
            },
            Call::StatusSet { to, cosign, .. } => {
                let weight = 250 + 100 * cosign.len() as u64;
                match to {
                    Change::Freeze | Change::Living => Cost::protected(weight),
                    // A thaw by guardians reads each that approved.
                    Change::Thaw => Cost::ordinary(weight + 150),
                    Change::Close | Change::Deceased => Cost::ordinary(weight),
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
            Call::GuardiansSet { patient, change, cosign } => {
                calls::guardians_set::guardians_set(ctx, patient, change, &cosign)
            }
            Call::Recover { patient, step, cosign } => calls::recover::recover(ctx, patient, step, &cosign),
            Call::StatusSet { patient, to, cosign } => calls::status::status_set(ctx, patient, to, &cosign),
        }
    }
}

#[cfg(test)]
mod tests;
