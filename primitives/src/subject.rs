//! Subjects: who a key speaks for (domain.md section 1).

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{OrganisationId, PatientId, PractitionerId};

/// Whom a key speaks for. A key serves one subject, ever.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Debug,
)]
pub enum Subject {
    /// The administrators; a member's key.
    #[codec(index = 0)]
    Council,
    /// An organisation; an officer's key.
    #[codec(index = 1)]
    Organisation(OrganisationId),
    /// A practitioner.
    #[codec(index = 2)]
    Practitioner(PractitionerId),
    /// A patient.
    #[codec(index = 3)]
    Patient(PatientId),
}

/// Roles of an officer's key, a set of bits. Other subjects' keys have none.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Roles(pub u8);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);
    /// Names officers and keeps the organisation's entry.
    pub const ADMIN: Self = Self(1);
    /// Enrols practitioners and patients.
    pub const REGISTRAR: Self = Self(1 << 1);
    /// Answers for erasure and provisional patients.
    pub const PRIVACY: Self = Self(1 << 2);
    /// Reviews emergencies and disputes.
    pub const REVIEWER: Self = Self(1 << 3);
    /// The key of the organisation's gateway: signs custody receipts and reports releases.
    pub const GATEWAY: Self = Self(1 << 4);
    /// Every role there is.
    pub const ALL: Self = Self(0b1_1111);

    /// Both sets joined.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is every role of `other` here?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Are there only roles that exist?
    pub const fn is_valid(self) -> bool {
        self.0 & !Self::ALL.0 == 0
    }

    /// No role at all?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
