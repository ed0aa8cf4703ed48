//! Vocabulary of the council: acts and motions.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, Height, Moment, OrganisationId, PractitionerId, peer::PeerError, time::DAY,
};
use salus_registry::{
    OrganisationError, PractitionerStatusError, SuccessorError,
    types::{Caps, DisplayName, OrganisationStatus, PractitionerStatus},
};
use salus_system::{BindError, Parameters};
use salus_validators::{
    ChangeError,
    types::{Added, Authorities},
};
use scale_info::TypeInfo;

/// Most members.
pub const MEMBERS_MAX: u32 = 32;
/// How many motions state keeps.
pub const SLOTS: u32 = 32;
/// A motion that has not passed lapses this long after it was proposed, ms.
pub const LAPSE: u64 = 7 * DAY;

/// Keys of members.
pub type Members = BoundedVec<AccountId, MEMBERS_MAX>;

/// What the council can do.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Act {
    /// Make an organisation with its first Admin, change its state, name and capabilities, or give it a
    /// further Admin in place of one that was lost. Runs as soon as it passed.
    #[codec(index = 0)]
    OrganisationSet {
        /// Which: a new id makes a new organisation.
        id: OrganisationId,
        /// Active <-> Suspended -> Removed; a new one starts Active.
        status: OrganisationStatus,
        /// What people read.
        display_name: DisplayName,
        /// What it may do.
        caps: Caps,
        /// A new key, which signs the proposal along, for an Admin. A new organisation needs one.
        admin: Option<AccountId>,
    },
    /// Replace the members and the threshold. Who stays keeps their key; a key that leaves never returns.
    /// Waits `root_delay` after it passed.
    #[codec(index = 1)]
    CouncilSet {
        /// All members: 1 to 32 keys, each once; new ones were never bound.
        members: Members,
        /// How many ayes pass a motion: 1 to as many as there are members.
        threshold: u8,
    },
    /// Add validators, drop validators, or both, from the height after the block in which it runs on. Each new one is
    /// answered for by an Active organisation with the Validator capability. Adding one that is in the set gives it
    /// another peer id and organisation. Of four validators or more at most (n-1)/3 change within `root_delay`, in
    /// one block where that is 0; to replace one by another is one change. Waits `root_delay` after it passed.
    #[codec(index = 2)]
    ValidatorsSet {
        /// Who enters, or gets another peer id or organisation.
        add: Added,
        /// Authority keys of those who leave; they may return, unless evidence struck them.
        drop: Authorities,
    },
    /// Replace the parameters of the chain. Waits `root_delay` after it passed.
    #[codec(index = 3)]
    ParametersSet {
        /// All of them.
        parameters: Parameters,
    },
    /// From a height on, blocks mean what a spec version says: a node whose release lacks it stops before that height.
    /// Replaces an upgrade whose height has not come. Waits `root_delay` after it passed.
    #[codec(index = 4)]
    UpgradeSchedule {
        /// Above the version in force when it runs.
        spec_version: u32,
        /// Above the height at which it runs.
        height: Height,
    },
    /// Cancel a motion that passed and waits. Runs as soon as it passed.
    #[codec(index = 5)]
    CancelMotion {
        /// Its number.
        motion: u32,
    },
    /// Suspend a practitioner, lift that, or strike them off. A suspension by the council is lifted by the council
    /// alone. Runs as soon as it passed.
    #[codec(index = 6)]
    PractitionerStatus {
        /// Whom.
        id: PractitionerId,
        /// Active <-> Suspended -> Struck.
        status: PractitionerStatus,
    },
    /// Name who may take over the records of a removed organisation, for which nobody can agree any more. Runs as
    /// soon as it passed.
    #[codec(index = 7)]
    Successor {
        /// Which was removed.
        removed: OrganisationId,
        /// An Active one with the Custodian capability.
        new: OrganisationId,
    },
}

impl Act {
    /// Does this wait `root_delay` after it passed, so that members can still cancel it?
    pub const fn waits(&self) -> bool {
        match self {
            Self::CouncilSet { .. }
            | Self::ValidatorsSet { .. }
            | Self::ParametersSet { .. }
            | Self::UpgradeSchedule { .. } => true,
            Self::OrganisationSet { .. }
            | Self::CancelMotion { .. }
            | Self::PractitionerStatus { .. }
            | Self::Successor { .. } => false,
        }
    }

    /// Weight of running it, units.
    pub fn weight(&self) -> u64 {
        match self {
            // A further Admin is bound beside up to 255 officers, each of whom is read.
            Self::OrganisationSet { .. } => 650,
            Self::CouncilSet { .. } => COUNCIL_SET_WEIGHT,
            // Two keys checked, and some reads, for each new one. At most 33 of each: below COUNCIL_SET_WEIGHT.
            Self::ValidatorsSet { add, drop } => 100 + 80 * add.len() as u64 + 30 * drop.len() as u64,
            Self::ParametersSet { .. }
            | Self::CancelMotion { .. }
            | Self::UpgradeSchedule { .. }
            | Self::Successor { .. } => 50,
            Self::PractitionerStatus { .. } => 60,
        }
    }
}

/// Weight of replacing all 32 members, each new key checked and each key's list read: the heaviest act.
pub const COUNCIL_SET_WEIGHT: u64 = 4_000;

/// Why an act cannot run.
#[derive(
    Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug, thiserror::Error,
)]
pub enum ActError {
    /// A name that people cannot read.
    #[codec(index = 0)]
    #[error("the display name is empty, no UTF-8 or has control characters")]
    BadText,
    /// Capabilities that do not exist.
    #[codec(index = 1)]
    #[error("capabilities that do not exist")]
    BadCaps,
    /// An organisation cannot go to that state from the one it is in.
    #[codec(index = 2)]
    #[error("no such transition: Active <-> Suspended -> Removed, and a new organisation starts Active")]
    BadState,
    /// A new organisation needs an Admin.
    #[codec(index = 3)]
    #[error("a new organisation needs an Admin's key")]
    AdminMissing,
    /// A key was bound before, or is a validator's: a key serves one subject and one purpose, ever.
    #[codec(index = 4)]
    #[error("the key was bound before, or is a validator's: make a new one")]
    KeyTaken,
    /// A key that may not enter state.
    #[codec(index = 5)]
    #[error("not an acceptable key: make a new one")]
    WeakKey,
    /// The organisation has as many officers as it may.
    #[codec(index = 6)]
    #[error("the organisation has as many officers as it may: end one first")]
    TooMany,
    /// No member, or one twice.
    #[codec(index = 7)]
    #[error("a council has at least one member, and nobody twice")]
    BadMembers,
    /// A threshold of zero or above the number of members.
    #[codec(index = 8)]
    #[error("the threshold is at least 1 and at most the number of members")]
    BadThreshold,
    /// A parameter outside its bounds.
    #[codec(index = 9)]
    #[error("a parameter is outside its bounds")]
    BadParameter,
    /// The motion to cancel is not one that waits.
    #[codec(index = 10)]
    #[error("no motion of this number waits")]
    NotWaiting,
    /// Validators that make no change, or would leave no set.
    #[codec(index = 11)]
    #[error("a change names a validator, nobody twice, and leaves 1 to 100 of them")]
    BadSet,
    /// A validator to drop that is none.
    #[codec(index = 12)]
    #[error("a key to drop is no validator's")]
    NotValidator,
    /// More validators than may change at once.
    #[codec(index = 13)]
    #[error("of four validators or more at most (n-1)/3 change within root_delay: do it in several motions")]
    TooFast,
    /// A key that evidence of equivocation struck.
    #[codec(index = 14)]
    #[error("the key signed two things at one place and never returns: make a new one")]
    Struck,
    /// A peer id of another kind of key.
    #[codec(index = 15)]
    #[error("a peer id is not that of an Ed25519 key (those begin with 12D3KooW)")]
    BadPeer,
    /// An organisation that may not run a validator.
    #[codec(index = 16)]
    #[error("a validator's organisation is registered, Active, and has the Validator capability")]
    BadOrganisation,
    /// An organisation that was not removed.
    #[codec(index = 17)]
    #[error("only a removed organisation has a successor: others hand their records over themselves")]
    NotRemoved,
    /// An organisation that may not keep records.
    #[codec(index = 18)]
    #[error("a successor is registered, Active, and has the Custodian capability")]
    BadSuccessor,
    /// An upgrade to what is in force already, or at a height that has come.
    #[codec(index = 19)]
    #[error("an upgrade names a version above the one in force, and a height ahead")]
    BadUpgrade,
    /// No such practitioner.
    #[codec(index = 20)]
    #[error("no practitioner has this id")]
    UnknownPractitioner,
    /// A practitioner cannot go to that state from the one they are in.
    #[codec(index = 21)]
    #[error("no such transition: a practitioner goes Active <-> Suspended -> Struck")]
    BadStatus,
}

impl From<ChangeError> for ActError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Names | ChangeError::Set(_) => Self::BadSet,
            ChangeError::Unknown(_) => Self::NotValidator,
            ChangeError::TooFast { .. } => Self::TooFast,
            ChangeError::Struck(_) => Self::Struck,
            ChangeError::Peer(PeerError::NotEd25519) => Self::BadPeer,
            ChangeError::Peer(PeerError::Key(_)) | ChangeError::Weak(_) => Self::WeakKey,
            ChangeError::Taken(_) => Self::KeyTaken,
        }
    }
}

impl From<BindError> for ActError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Taken => Self::KeyTaken,
            BindError::Weak(_) => Self::WeakKey,
            BindError::TooMany => Self::TooMany,
        }
    }
}

impl From<OrganisationError> for ActError {
    fn from(error: OrganisationError) -> Self {
        match error {
            OrganisationError::Name => Self::BadText,
            OrganisationError::Caps => Self::BadCaps,
            OrganisationError::Transition => Self::BadState,
            OrganisationError::AdminMissing => Self::AdminMissing,
            OrganisationError::Admin(error) => error.into(),
        }
    }
}

impl From<SuccessorError> for ActError {
    fn from(error: SuccessorError) -> Self {
        match error {
            SuccessorError::NotRemoved => Self::NotRemoved,
            SuccessorError::Unfit => Self::BadSuccessor,
        }
    }
}

impl From<PractitionerStatusError> for ActError {
    fn from(error: PractitionerStatusError) -> Self {
        match error {
            PractitionerStatusError::Unknown => Self::UnknownPractitioner,
            PractitionerStatusError::Transition => Self::BadStatus,
        }
    }
}

/// What blocks mean from a height on.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Upgrade {
    /// The version from that height on.
    pub spec_version: u32,
    /// The first height of it.
    pub height: Height,
    /// The version before; 0 stands for the one the chain began with.
    pub before: u32,
}

impl Upgrade {
    /// The version in force at `height`.
    pub fn at(&self, height: Height) -> u32 {
        if self.height <= height { self.spec_version } else { self.before }
    }
}

/// Where a motion stands. That it lapsed is computed, see [`Motion::is_open`].
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Stage {
    /// Members vote, until it lapses.
    #[codec(index = 0)]
    Open,
    /// Passed; runs at the first block of this time or later.
    #[codec(index = 1)]
    Waiting(Moment),
    /// Passed and ran.
    #[codec(index = 2)]
    Executed,
    /// Passed and could not run; it is not tried again.
    #[codec(index = 3)]
    Failed(ActError),
    /// Can no longer reach the threshold.
    #[codec(index = 4)]
    Rejected,
    /// Passed, and cancelled by another motion while it waited.
    #[codec(index = 5)]
    Cancelled,
}

/// A proposal and its votes.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Motion {
    /// Counts up; its slot is the number modulo 32.
    pub number: u32,
    /// Who proposed it, which is their aye.
    pub proposer: AccountId,
    /// What it does.
    pub act: Act,
    /// When it was proposed.
    pub proposed: Moment,
    /// Who is for it.
    pub ayes: Members,
    /// Who is against it.
    pub nays: Members,
    /// Where it stands.
    pub stage: Stage,
}

impl Motion {
    /// Can members vote on it at `now`? It was neither decided, nor proposed seven days ago or more, nor by
    /// someone who left the council since.
    pub fn is_open(&self, members: &[AccountId], now: Moment) -> bool {
        self.stage == Stage::Open && now < self.proposed.plus(LAPSE) && members.contains(&self.proposer)
    }

    /// When it runs, if it waits.
    pub fn due(&self) -> Option<Moment> {
        match self.stage {
            Stage::Waiting(due) => Some(due),
            _ => None,
        }
    }
}
