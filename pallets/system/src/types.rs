//! Vocabulary of the system pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, Moment, Subject,
    subject::Roles,
    time::{DAY, HOUR, SECOND},
};
use scale_info::{Path, Type, TypeInfo, TypeParameter, build::Fields, meta_type};

/// Most keys of one subject: officers of an organisation. People have fewer, see [`crate::keys`].
pub const KEYS_MAX: u32 = 256;
/// Most lasting keys of a practitioner or patient.
pub const PERSON_KEYS_MAX: usize = 4;
/// Most session keys of a practitioner or patient.
pub const SESSION_KEYS_MAX: usize = 2;
/// Longest life of a session key, ms.
pub const SESSION_MAX: u64 = 12 * HOUR;

/// Was a key dropped?
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Ended {
    /// No.
    #[default]
    #[codec(index = 0)]
    No,
    /// It speaks for nobody any more, and never again.
    #[codec(index = 1)]
    Yes,
    /// It will be from this moment on, unless that is cancelled before.
    #[codec(index = 2)]
    At(Moment),
}

/// Whom a key speaks for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, Debug)]
pub struct AccountData {
    /// The subject; none for a key that was never bound.
    pub subject: Option<Subject>,
    /// Roles of an officer's key.
    pub roles: Roles,
    /// End of a session key; none for a lasting one.
    pub until: Option<Moment>,
    /// Dropped?
    pub ended: Ended,
}

/// What a key signs that speaks for no subject.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Purpose {
    /// Blocks, as a validator; for good, since what it signed stays.
    #[codec(index = 0)]
    Authority,
    /// Connections of a validator's node, for as long as the validator is one.
    #[codec(index = 1)]
    Network,
}

/// What state keeps of a key, in Substrate's shape. Never removed, so that no nonce returns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, Debug)]
pub struct AccountInfo {
    /// Number of the next extrinsic.
    pub nonce: u32,
    /// Unused; clients expect it.
    pub consumers: u32,
    /// Unused; clients expect it.
    pub providers: u32,
    /// Unused; clients expect it.
    pub sufficients: u32,
    /// Whom it speaks for.
    pub data: AccountData,
}

/// As metadata tells it, `data` is empty and the parts of [`AccountData`] stand beside it: the bytes are the same,
/// and clients that look for balances in `data` find that there are none instead of failing.
impl TypeInfo for AccountInfo {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(Path::from_segments(["frame_system", "AccountInfo"]).expect("both segments are identifiers"))
            .type_params(vec![
                TypeParameter::new("Nonce", Some(meta_type::<u32>())),
                TypeParameter::new("AccountData", Some(meta_type::<()>())),
            ])
            .composite(
                Fields::named()
                    .field(|f| f.ty::<u32>().name("nonce").type_name("Nonce"))
                    .field(|f| f.ty::<u32>().name("consumers").type_name("RefCount"))
                    .field(|f| f.ty::<u32>().name("providers").type_name("RefCount"))
                    .field(|f| f.ty::<u32>().name("sufficients").type_name("RefCount"))
                    .field(|f| f.ty::<()>().name("data").type_name("AccountData"))
                    .field(|f| f.ty::<Option<Subject>>().name("subject").type_name("Option<Subject>"))
                    .field(|f| f.ty::<Roles>().name("roles").type_name("Roles"))
                    .field(|f| f.ty::<Option<Moment>>().name("until").type_name("Option<Moment>"))
                    .field(|f| f.ty::<Ended>().name("ended").type_name("Ended")),
            )
    }
}

/// The live keys of a subject.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct SubjectKeys {
    /// Bound and not ended; session keys that ran out, and keys whose drop was put off and has come, stay until their
    /// slot is needed.
    pub keys: BoundedVec<AccountId, KEYS_MAX>,
    /// How many of them have the Admin role.
    pub admins: u16,
}

/// Units of weight of one day: what a subject used, or may use besides its quota.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Usage {
    /// Which day, counted since the epoch.
    pub day: u32,
    /// Units.
    pub weight: u64,
}

/// What is decided when no rule matches (decision 10).
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub enum Policy {
    /// Nothing without a patient's rule.
    #[default]
    #[codec(index = 0)]
    DenyAll,
    /// A record's custodian may view, add and amend for treatment, unless the record is restricted.
    #[codec(index = 1)]
    CustodianTreatment,
}

/// How long a recovery by guardians waits where genesis says nothing else, ms.
pub const RECOVERY_DELAY: u64 = 72 * HOUR;

/// Parameters of the chain: set at genesis, changed by the council.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Parameters {
    /// What is decided when no rule matches.
    pub policy: Policy,
    /// How long acts on council, validators and parameters wait after they passed, ms.
    pub root_delay: u64,
    /// Shortest time between blocks, ms.
    pub block_interval_min: u64,
    /// Weight units an organisation's officers may use a day, together.
    pub organisation_weight: u64,
    /// Weight units a practitioner may use a day.
    pub practitioner_weight: u64,
    /// Weight units a patient may use a day.
    pub patient_weight: u64,
    /// Invitations an organisation may have open or spent within 30 days.
    pub invitations_max: u32,
    /// How long a recovery by guardians at threshold waits, so that a patient who still has a key can object, ms.
    pub recovery_delay: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            policy: Policy::DenyAll,
            root_delay: DAY,
            block_interval_min: 200,
            organisation_weight: 1_000_000_000,
            practitioner_weight: 2_000_000,
            patient_weight: 20_000,
            invitations_max: 100_000,
            recovery_delay: RECOVERY_DELAY,
        }
    }
}

/// A parameter outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("parameter {name} is {found}, allowed is {min} to {max}")]
pub struct ParameterError {
    /// Which.
    pub name: &'static str,
    /// What it is.
    pub found: u64,
    /// Least allowed.
    pub min: u64,
    /// Most allowed.
    pub max: u64,
}

impl Parameters {
    /// Are all parameters within the bounds a chain can live with?
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self) -> Result<(), ParameterError> {
        // A chain on which root acts wait is one whose patients need time to object, too.
        let recovery_delay_min = if self.root_delay == 0 { SECOND } else { DAY };
        let bounds = [
            ("root_delay", self.root_delay, 0, 30 * DAY),
            ("block_interval_min", self.block_interval_min, 1, 4_000),
            ("organisation_weight", self.organisation_weight, 100_000, 1_000_000_000_000),
            ("practitioner_weight", self.practitioner_weight, 10_000, 1_000_000_000_000),
            ("patient_weight", self.patient_weight, 1_000, 1_000_000_000_000),
            ("invitations_max", u64::from(self.invitations_max), 1, 10_000_000),
            ("recovery_delay", self.recovery_delay, recovery_delay_min, 30 * DAY),
        ];
        match bounds.into_iter().find(|(_, found, min, max)| found < min || found > max) {
            Some((name, found, min, max)) => Err(ParameterError { name, found, min, max }),
            None => Ok(()),
        }
    }
}
