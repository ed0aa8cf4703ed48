//! Kinds, purposes and actions: the codes that stand in clear on chain, and sets of them.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// A set of bits over a small enum: one bit per variant, by its index.
macro_rules! bit_sets {
    ($($(#[doc = $doc:literal])+ $set:ident($bits:ty) of $item:ident, last $last:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
        )]
        pub struct $set(pub $bits);

        impl $set {
            /// None.
            pub const NONE: Self = Self(0);
            /// All there are.
            pub const ALL: Self = Self(((1 as $bits) << ($item::$last as u8 + 1)) - 1);

            /// These and no others.
            pub fn of(items: &[$item]) -> Self {
                Self(items.iter().fold(0, |bits, item| bits | ((1 as $bits) << (*item as u8))))
            }

            /// Is it in the set?
            pub const fn contains(self, item: $item) -> bool {
                self.0 & ((1 as $bits) << (item as u8)) != 0
            }

            /// Is each of these in `outer` too?
            pub const fn is_within(self, outer: Self) -> bool {
                self.0 & !outer.0 == 0
            }

            /// Have both sets one in common?
            pub const fn meets(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// At least one, and only such as exist?
            pub const fn is_some_and_known(self) -> bool {
                self.0 != 0 && self.is_within(Self::ALL)
            }
        }
    )+};
}

/// What sort of document a record is: coarse, since it stands in clear on chain.
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
pub enum Kind {
    /// General information: vital signs, blood group, measurements.
    #[codec(index = 0)]
    General,
    /// A visit or a stay.
    #[codec(index = 1)]
    Encounter,
    /// Laboratory results.
    #[codec(index = 2)]
    Lab,
    /// Images and their reports.
    #[codec(index = 3)]
    Imaging,
    /// Prescriptions and dispensing.
    #[codec(index = 4)]
    Medication,
    /// Letters and other documents.
    #[codec(index = 5)]
    Document,
    /// Data of a device.
    #[codec(index = 6)]
    Device,
    /// The emergency summary: one Current per patient.
    #[codec(index = 7)]
    Summary,
    /// Anything else.
    #[codec(index = 8)]
    Other,
}

/// Why somebody acts: HL7 v3 ActReason, whose code [`Purpose::code`] gives.
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
pub enum Purpose {
    /// TREAT: treatment.
    #[codec(index = 0)]
    Treatment,
    /// ETREAT: emergency treatment.
    #[codec(index = 1)]
    EmergencyTreatment,
    /// HPAYMT: payment.
    #[codec(index = 2)]
    Payment,
    /// HOPERAT: operations of the organisation.
    #[codec(index = 3)]
    Operations,
    /// CAREMGT: care management.
    #[codec(index = 4)]
    CareManagement,
    /// HRESCH: research.
    #[codec(index = 5)]
    Research,
    /// PUBHLTH: public health.
    #[codec(index = 6)]
    PublicHealth,
    /// PATRQT: the patient asked for it.
    #[codec(index = 7)]
    PatientRequest,
    /// FAMRQT: the family asked for it.
    #[codec(index = 8)]
    FamilyRequest,
}

impl Purpose {
    /// Its HL7 v3 ActReason code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Treatment => "TREAT",
            Self::EmergencyTreatment => "ETREAT",
            Self::Payment => "HPAYMT",
            Self::Operations => "HOPERAT",
            Self::CareManagement => "CAREMGT",
            Self::Research => "HRESCH",
            Self::PublicHealth => "PUBHLTH",
            Self::PatientRequest => "PATRQT",
            Self::FamilyRequest => "FAMRQT",
        }
    }
}

/// What somebody does with a record.
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
pub enum Action {
    /// Read it.
    #[codec(index = 0)]
    View,
    /// File a new one.
    #[codec(index = 1)]
    Add,
    /// File one that takes another's place.
    #[codec(index = 2)]
    Amend,
    /// Pass the permission on, once.
    #[codec(index = 3)]
    Share,
}

bit_sets! {
    /// A set of kinds, one bit each by index.
    Kinds(u16) of Kind, last Other;
    /// A set of purposes, one bit each by index.
    Purposes(u16) of Purpose, last FamilyRequest;
    /// A set of actions, one bit each by index.
    Actions(u8) of Action, last Share;
}
