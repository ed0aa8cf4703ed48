//! What a patient's rule says, in plain words of its own: the bridge between the chain's rules and FHIR's Consent.

use core::{fmt, str::FromStr};
use std::collections::BTreeSet;

use crate::{
    identifier::{Id, from_hex},
    kind::Kind,
    labels::Sensitivity,
};

/// Does a rule open or close?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It opens: `permit`.
    Permit,
    /// It closes: `deny`.
    Deny,
}

/// To whom a rule speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grantee {
    /// One practitioner at one organisation.
    Practitioner {
        /// Who.
        practitioner: Id,
        /// Where they act.
        organisation: Id,
    },
    /// Everyone who acts for an organisation.
    Organisation(Id),
    /// Everyone. Only a denial says so.
    Everyone,
    /// Whoever has a speciality or a role, or both, at an organisation; codes as the register has them.
    Attribute {
        /// Where they act.
        organisation: Id,
        /// Their speciality.
        speciality: Option<u64>,
        /// Their role.
        role: Option<u64>,
    },
}

/// What a rule selects records by, besides their kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Label {
    /// A class of sensitive information, in clear: of a rule that is not on chain yet, or whose tags the patient's
    /// key has told.
    Class(Sensitivity),
    /// A blinded tag, as the chain has it.
    Tag([u8; 8]),
}

impl Label {
    /// A tag from its 16 hex digits.
    pub(crate) fn tag(text: &str) -> Option<Self> {
        from_hex(text).map(Self::Tag)
    }
}

/// Coded words: the variants of an enum, each with its code.
macro_rules! coded {
    ($(#[doc = $doc:literal])+ $name:ident, $all:ident, $error:ident, $expected:literal: $($(#[doc = $words:literal])+ $variant:ident = $code:literal,)+) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[doc = $words])+ $variant,)+
        }

        /// The text is no code of this list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($expected)]
        pub struct $error;

        impl $name {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL.iter().find(|one| one.code() == text).copied().ok_or($error)
            }
        }
    };
}

coded! {
    /// Why somebody acts: HL7 v3 ActReason.
    Purpose, ALL, NotAPurpose, "not a purpose: expected TREAT, ETREAT, HPAYMT, HOPERAT, CAREMGT, HRESCH, PUBHLTH, PATRQT or FAMRQT":
    /// Treatment.
    Treatment = "TREAT",
    /// Emergency treatment.
    EmergencyTreatment = "ETREAT",
    /// Payment.
    Payment = "HPAYMT",
    /// Operations of the organisation.
    Operations = "HOPERAT",
    /// Care management.
    CareManagement = "CAREMGT",
    /// Research.
    Research = "HRESCH",
    /// Public health.
    PublicHealth = "PUBHLTH",
    /// The patient asked for it.
    PatientRequest = "PATRQT",
    /// The family asked for it.
    FamilyRequest = "FAMRQT",
}

coded! {
    /// What somebody does with a record, by HL7's code of a consent's action.
    Action, ALL, NotAnAction, "not an action of a consent: expected access, collect, correct or disclose":
    /// View: read it.
    View = "access",
    /// Add: file a new one.
    Add = "collect",
    /// Amend: file one that takes another's place.
    Amend = "correct",
    /// Share: pass the permission on.
    Share = "disclose",
}

/// A rule of a patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose.
    pub patient: Id,
    /// Opens or closes.
    pub effect: Effect,
    /// To whom.
    pub grantee: Grantee,
    /// Records of these kinds; at least one.
    pub kinds: BTreeSet<Kind>,
    /// Only these records; none for any.
    pub records: Option<BTreeSet<Id>>,
    /// Records with at least one of these labels; empty for no such condition.
    pub any_of: BTreeSet<Label>,
    /// Records with none of these labels. A denial has none.
    pub none_of: BTreeSet<Label>,
    /// For what; at least one.
    pub purposes: BTreeSet<Purpose>,
    /// To do what; at least one.
    pub actions: BTreeSet<Action>,
    /// First moment of it, ms since 1970.
    pub from: u64,
    /// First moment after it, ms since 1970; after `from`.
    pub until: u64,
    /// How many openings; none for any number.
    pub max_uses: Option<u32>,
    /// The reader may not pass it on.
    pub no_redisclose: bool,
    /// The reader may not take it out of its own systems.
    pub local_only: bool,
    /// The reader erases every copy by then, ms since 1970.
    pub erase_by: Option<u64>,
    /// Is it in force, revocation and use considered?
    pub active: bool,
}
