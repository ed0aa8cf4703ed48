//! Vocabulary of consent: kinds, tags, purposes, actions, scopes, grantees and rules.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
pub use salus_primitives::Tag;
use salus_primitives::{
    BoundedVec, Moment, OrganisationId, PractitionerId, RecordId, Window,
    time::{MINUTE, YEAR},
};
use salus_support::storage::KeyPart;
use scale_info::TypeInfo;

/// Most rules in one page.
pub const PAGE_RULES_MAX: u32 = 16;
/// Largest page, SCALE bytes: with it a decision's read-set stays small enough to prove.
pub const PAGE_BYTES_MAX: usize = 2 * 1024;
/// Most pages of one patient.
pub const PAGES_MAX: u16 = 256;
/// Longest window of a rule, ms, and the furthest its end may lie ahead.
pub const WINDOW_MAX: u64 = 5 * YEAR;
/// Most records a scope names one by one, and most records of one opening.
pub const RECORDS_MAX: u32 = 64;
/// Most tags in each list of a scope, and most tags of a record.
pub const TAGS_MAX: u32 = 8;
/// Most rules, or pages, one call revokes.
pub const REVOKE_MAX: u32 = 32;
/// How long a receipt lets its records be released, ms. A rule whose last use was made stays in its page
/// at least as long, since the receipt that made that use still rests on it.
pub const RECEIPT_LIFE: u64 = 15 * MINUTE;

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

/// Tags of a record, or of one list of a scope.
pub type Tags = BoundedVec<Tag, TAGS_MAX>;

/// Can a record's content be given to anybody at all?
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Servable {
    /// It can.
    #[codec(index = 0)]
    Yes,
    /// It was filed in error.
    #[codec(index = 1)]
    EnteredInError,
    /// It was erased.
    #[codec(index = 2)]
    Erased,
}

/// What a decision needs to know of a record: read from state by whoever asks, or, before it is filed,
/// taken from what is to be filed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordView {
    /// Which record.
    pub id: RecordId,
    /// Its kind.
    pub kind: Kind,
    /// Its sensitivity labels, blinded.
    pub tags: Tags,
    /// Are the labels complete? A record whose author had no tag tokens is not labelled.
    pub labelled: bool,
    /// Does any sensitivity label apply, or is that unknown?
    pub restricted: bool,
    /// Who keeps it, or will.
    pub custodian: OrganisationId,
    /// Can it be given to anybody?
    pub servable: Servable,
}

/// Which records: kinds AND records AND `any_of` AND `none_of`.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Scope {
    /// Of these kinds.
    pub kinds: Kinds,
    /// Only these records; none for any.
    pub records: Option<BoundedVec<RecordId, RECORDS_MAX>>,
    /// With at least one of these tags; empty for no such condition. A Permit with tags matches labelled
    /// records only; a Deny with tags hits those that are not labelled too.
    pub any_of: Tags,
    /// With none of these tags. A Deny may not use it.
    pub none_of: Tags,
}

impl Scope {
    /// Every record of these kinds.
    pub const fn kinds(kinds: Kinds) -> Self {
        Self { kinds, records: None, any_of: Tags::new(), none_of: Tags::new() }
    }
}

/// Duties of whoever reads by a rule. More duties make a rule narrower.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Obligations {
    /// Not to pass it on.
    pub no_redisclose: bool,
    /// To erase all copies by this moment.
    pub erase_by: Option<Moment>,
    /// Not to take it out of the organisation's own systems.
    pub local_only: bool,
}

/// To whom a rule speaks.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Grantee {
    /// One practitioner at one organisation: it does not follow them to another employer.
    #[codec(index = 0)]
    Practitioner(PractitionerId, OrganisationId),
    /// Everyone who acts for an organisation.
    #[codec(index = 1)]
    Organisation(OrganisationId),
    /// Everyone. Only a Deny may say so.
    #[codec(index = 2)]
    Everyone,
    /// Whoever has an attribute at an organisation.
    #[codec(index = 3)]
    Attribute(Attribute),
}

/// An attribute of a practitioner: where they act, and a speciality or a role or both.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Attribute {
    /// Where they act.
    pub organisation: OrganisationId,
    /// Their speciality code, as the register has it; none for any.
    pub speciality: Option<u64>,
    /// A role code of their affiliation; none for any.
    pub role: Option<u64>,
}

/// Which page of a patient's rules: there are four that can concern one practitioner at one organisation.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub enum GranteeKey {
    /// Rules for one practitioner at one organisation.
    #[codec(index = 0)]
    Practitioner(PractitionerId, OrganisationId),
    /// Rules for an organisation.
    #[codec(index = 1)]
    Organisation(OrganisationId),
    /// Rules for everyone.
    #[codec(index = 2)]
    Everyone,
    /// Rules by attribute, all in one page.
    #[codec(index = 3)]
    ByAttribute,
}

impl KeyPart for GranteeKey {}

impl Grantee {
    /// The page its rules lie in.
    pub const fn key(&self) -> GranteeKey {
        match *self {
            Self::Practitioner(practitioner, organisation) => GranteeKey::Practitioner(practitioner, organisation),
            Self::Organisation(organisation) => GranteeKey::Organisation(organisation),
            Self::Everyone => GranteeKey::Everyone,
            Self::Attribute(_) => GranteeKey::ByAttribute,
        }
    }
}

impl GranteeKey {
    /// The four pages that can concern `practitioner` at `organisation`.
    pub const fn concerning(practitioner: PractitionerId, organisation: OrganisationId) -> [Self; 4] {
        [
            Self::Practitioner(practitioner, organisation),
            Self::Organisation(organisation),
            Self::Everyone,
            Self::ByAttribute,
        ]
    }
}

/// Does a rule open or close? A Deny that matches overrides every Permit.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Effect {
    /// It opens.
    #[codec(index = 0)]
    Permit,
    /// It closes.
    #[codec(index = 1)]
    Deny,
}

/// What a rule says: what a patient signs when they grant or deny.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Terms {
    /// Opens or closes.
    pub effect: Effect,
    /// To whom.
    pub grantee: Grantee,
    /// Which records.
    pub scope: Scope,
    /// For what purposes.
    pub purposes: Purposes,
    /// For what actions.
    pub actions: Actions,
    /// From when until when, block time.
    pub window: Window,
    /// How often it may be used: one opening is one use, however many records it covers. None for any number.
    pub max_uses: Option<u32>,
    /// Duties of the reader.
    pub obligations: Obligations,
}

/// How often a rule with a limit was used.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Uses {
    /// Times.
    pub count: u32,
    /// The last time.
    pub last: Moment,
}

/// A rule as it lies in its page.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Rule {
    /// Its number among all rules of the patient, never given again.
    pub id: u32,
    /// What it says.
    pub terms: Terms,
    /// Its uses: written only where `max_uses` is set, none before the first.
    pub uses: Option<Uses>,
}

/// A page of rules: Permits and Denies for one grantee key together.
pub type Page = BoundedVec<Rule, PAGE_RULES_MAX>;

/// Names a rule of a patient.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct RuleRef {
    /// Its page.
    pub grantee: GranteeKey,
    /// Its number.
    pub id: u32,
}

/// How many rules a patient ever made, and how many pages lie in state.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Ledger {
    /// Number of the next rule.
    pub next_id: u32,
    /// Pages in state, at most [`PAGES_MAX`].
    pub pages: u16,
}

/// What `revoke` withdraws.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
pub enum Withdrawal {
    /// Single rules.
    #[codec(index = 0)]
    Rules(BoundedVec<RuleRef, REVOKE_MAX>),
    /// Every rule about these grantees.
    #[codec(index = 1)]
    Pages(BoundedVec<GranteeKey, REVOKE_MAX>),
}

impl Withdrawal {
    /// The pages it touches, as often as they are named.
    pub fn pages(&self) -> Vec<GranteeKey> {
        match self {
            Self::Rules(rules) => rules.iter().map(|rule| rule.grantee).collect(),
            Self::Pages(pages) => pages.to_vec(),
        }
    }

    /// Does it name this rule?
    pub fn names(&self, grantee: GranteeKey, id: u32) -> bool {
        match self {
            Self::Rules(rules) => rules.contains(&RuleRef { grantee, id }),
            Self::Pages(pages) => pages.contains(&grantee),
        }
    }

    /// How many rules or pages it names.
    pub fn len(&self) -> usize {
        match self {
            Self::Rules(rules) => rules.len(),
            Self::Pages(pages) => pages.len(),
        }
    }

    /// Does it name nothing?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
