//! Vocabulary of the patients pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, Moment, OrganisationId, PatientId, Tag,
    time::{DAY, HOUR, YEAR},
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

/// Most guardians of one patient.
pub const GUARDIANS_MAX: u32 = 8;
/// Most tags that a guardianship excludes: as many as a record carries.
pub const EXCLUDED_MAX: u32 = 8;
/// Longest a guardianship lasts, 24 months, ms: then it is entered anew.
pub const GUARDIANSHIP_MAX: u64 = 2 * YEAR;
/// How long a change of guardians waits while the patient has guardians, ms.
pub const GUARDIANS_DELAY: u64 = 72 * HOUR;
/// How long a guardianship for incapacity waits, ms: any key of the patient cancels it meanwhile.
pub const INCAPACITY_DELAY: u64 = 14 * DAY;
/// How long a guardian's approval of a recovery counts, ms.
pub const APPROVAL_MAX: u64 = 14 * DAY;
/// How long a recovery by Registrars of two organisations waits, ms.
pub const REGISTRARS_DELAY: u64 = 14 * DAY;
/// How long a recovery that has waited can be finished, ms.
pub const RECOVERY_OPEN: u64 = 14 * DAY;
/// How long after a veto the same guardians' next recovery cannot be vetoed, ms.
pub const VETO_ONCE: u64 = 30 * DAY;
/// Most keys that one recovery gives: each signs along, and a call carries two co-signatures.
pub const RECOVERY_KEYS_MAX: u32 = 2;

/// Who froze a patient, and so who may thaw.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum FrozenBy {
    /// The patient, who may thaw.
    #[codec(index = 0)]
    Patient,
    /// A guardian: then guardians at threshold may thaw, and a recovery ends it.
    #[codec(index = 1)]
    Guardian,
}

/// A freeze that may still run.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Freeze {
    /// When it ends by itself.
    pub until: Moment,
    /// Who froze.
    pub by: FrozenBy,
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
    /// A recovery of the keys runs: as while frozen, no key, guardian or rule change takes effect.
    #[codec(index = 5)]
    Recovering {
        /// When it lapses, if it is neither finished nor vetoed before.
        until: Moment,
        /// The freeze it began in, which a veto leaves as it was.
        freeze: Option<Freeze>,
    },
}

impl PatientState {
    /// Active, or frozen so: a freeze that ran out at `now` is over.
    pub fn frozen(freeze: Option<Freeze>, now: Moment) -> Self {
        match freeze {
            Some(Freeze { until, by }) if now < until => Self::Frozen { until, by },
            _ => Self::Active,
        }
    }
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
    /// When the patient's own last freeze began.
    pub frozen_at: Option<Moment>,
}

impl Patient {
    /// The state at `now`: a freeze that ran out is over, and so is a recovery that nobody finished.
    pub fn state_at(&self, now: Moment) -> PatientState {
        match self.state {
            PatientState::Frozen { until, by } => PatientState::frozen(Some(Freeze { until, by }), now),
            PatientState::Recovering { until, freeze } if until <= now => PatientState::frozen(freeze, now),
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

/// What guardians may do besides freezing, which each of them may, and thawing, which they may at threshold.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Powers(pub u8);

impl Powers {
    /// Give the patient new keys, at threshold.
    pub const RECOVER: Self = Self(1);
    /// Grant, answer requests, open and dispute for the patient, each of them alone.
    pub const ACT: Self = Self(1 << 1);
    /// Everything there is.
    pub const ALL: Self = Self(0b11);

    /// Both sets joined.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is everything of `other` here?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is there a power at all, and only such as exist?
    pub const fn is_valid(self) -> bool {
        self.0 != 0 && self.0 & !Self::ALL.0 == 0
    }
}

/// Tags of records that guardians never touch.
pub type ExcludedTags = BoundedVec<Tag, EXCLUDED_MAX>;

/// Who stands in for a patient, for what and until when.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct GuardianTerms {
    /// Who: confirmed patients, each once, never the patient.
    pub guardians: BoundedVec<PatientId, GUARDIANS_MAX>,
    /// How many of them recover or thaw together: 1 to all of them.
    pub threshold: u8,
    /// What they may do.
    pub powers: Powers,
    /// Records with any of these tags are not theirs to touch.
    pub excluded: ExcludedTags,
    /// First moment without them.
    pub until: Moment,
}

/// A guardianship as state keeps it.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Guardianship {
    /// Who stands in, for what and until when.
    pub terms: GuardianTerms,
    /// When the patient vetoed a recovery by these guardians; none again after one that was finished.
    pub vetoed: Option<Moment>,
}

impl From<GuardianTerms> for Guardianship {
    fn from(terms: GuardianTerms) -> Self {
        Self { terms, vetoed: None }
    }
}

/// A change of guardians that waits.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct PendingGuardians {
    /// The guardians there will be; none ends the guardianship.
    pub terms: Option<GuardianTerms>,
    /// When it takes effect, unless it is cancelled; later while the patient is frozen, recovering or declared dead.
    pub from: Moment,
}

/// What `guardians_set` asks for.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
pub enum GuardianChange {
    /// These guardians from now on, or after the delay.
    #[codec(index = 0)]
    Set(GuardianTerms),
    /// No guardians any more, after the delay.
    #[codec(index = 1)]
    End,
    /// The change that waits does not take effect.
    #[codec(index = 2)]
    Cancel,
}

/// On whose word guardians are set.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Appointment {
    /// The patient's own.
    #[codec(index = 0)]
    Patient,
    /// That of a Registrar and a Privacy officer of the organisation that invited, for a minor.
    #[codec(index = 1)]
    Minor,
    /// That of Registrars of two organisations, for someone who cannot act.
    #[codec(index = 2)]
    Incapacity,
}

/// The keys of a recovery.
pub type RecoveryKeys = BoundedVec<AccountId, RECOVERY_KEYS_MAX>;

/// What `recover` asks for.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
pub enum RecoveryStep {
    /// Let these keys replace all keys of the patient.
    #[codec(index = 0)]
    Propose(RecoveryKeys),
    /// The delay is over: replace them.
    #[codec(index = 1)]
    Finish,
    /// The patient vetoes.
    #[codec(index = 2)]
    Cancel,
}

/// One guardian's approval of a recovery.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Approval {
    /// Whose.
    pub guardian: PatientId,
    /// Of which keys.
    pub keys: RecoveryKeys,
    /// Since when; it counts for [`APPROVAL_MAX`].
    pub at: Moment,
}

/// Approvals below threshold: the newest of each guardian.
pub type Approvals = BoundedVec<Approval, GUARDIANS_MAX>;

/// Guardians who would end a freeze.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Thawing {
    /// The end of that freeze, which tells it from others.
    pub freeze: Moment,
    /// Who approved.
    pub by: BoundedVec<PatientId, GUARDIANS_MAX>,
}

/// Who recovers a patient's keys.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum RecoveredBy {
    /// Guardians at threshold.
    #[codec(index = 0)]
    Guardians,
    /// Registrars of these two organisations.
    #[codec(index = 1)]
    Registrars(OrganisationId, OrganisationId),
}

/// A recovery that runs.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Recovery {
    /// The keys there will be.
    pub keys: RecoveryKeys,
    /// On whose word.
    pub by: RecoveredBy,
    /// From when it can be finished, and no longer vetoed.
    pub ripe: Moment,
    /// May a key of the patient veto it before? Not the same guardians' second one soon after a veto.
    pub vetoable: bool,
}

/// What became of a recovery.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum RecoveryNews {
    /// A guardian approved, and the threshold is not reached.
    #[codec(index = 0)]
    Approved {
        /// Who.
        guardian: PatientId,
        /// Which keys there would be.
        keys: RecoveryKeys,
    },
    /// It runs.
    #[codec(index = 1)]
    Begun {
        /// The keys there will be.
        keys: RecoveryKeys,
        /// On whose word.
        by: RecoveredBy,
        /// From when it can be finished.
        ripe: Moment,
        /// May a key of the patient veto it before?
        vetoable: bool,
    },
    /// The keys were replaced. The KEM key went too: gateways seal to the next one once the patient has set it.
    #[codec(index = 2)]
    Recovered {
        /// The only keys there are now.
        keys: RecoveryKeys,
    },
    /// A key of the patient vetoed it.
    #[codec(index = 3)]
    Vetoed,
}

/// What `status_set` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Change {
    /// The patient, or one of the guardians, freezes for 14 days.
    #[codec(index = 0)]
    Freeze,
    /// The patient ends their own freeze, or guardians at threshold a guardian's.
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
