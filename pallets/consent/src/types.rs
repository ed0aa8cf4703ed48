//! Vocabulary of consent: tags, scopes, grantees and rules.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
pub use salus_primitives::Tag;
use salus_primitives::{
    BoundedVec, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Window,
    time::{MINUTE, YEAR},
};
use salus_support::storage::KeyPart;
use scale_info::TypeInfo;

use crate::codes::{Actions, Kind, Kinds, Purposes};

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
/// Most rules that were delegated from one rule.
pub const CHILDREN_MAX: u32 = 4;
/// Most rules, or pages, one call revokes.
pub const REVOKE_MAX: u32 = 32;
/// How long a receipt lets its records be released, ms. A rule whose last use was made stays in its page
/// at least as long, since the receipt that made that use still rests on it.
pub const RECEIPT_LIFE: u64 = 15 * MINUTE;

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
    /// To erase all copies by this moment: not before the rule's window ends, for who may read need not have
    /// erased.
    pub erase_by: Option<Moment>,
    /// Not to take it out of the organisation's own systems, nor to pass the permission on to another
    /// organisation.
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

    /// Where those it speaks to act; none for everyone.
    pub const fn organisation(&self) -> Option<OrganisationId> {
        match *self {
            Self::Practitioner(_, organisation) | Self::Organisation(organisation) => Some(organisation),
            Self::Attribute(attribute) => Some(attribute.organisation),
            Self::Everyone => None,
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

/// How often a rule with a limit was used. Uses that it gave to a delegated rule are used, for the rule itself.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Uses {
    /// Times.
    pub count: u32,
    /// The last time.
    pub last: Moment,
}

/// Who made a rule.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Origin {
    /// The patient.
    #[codec(index = 0)]
    Patient,
    /// A guardian with the power to act, for the patient.
    #[codec(index = 1)]
    Guardian(PatientId),
    /// The grantee of this rule, which let its grantee share it. It lies within that rule in every dimension and
    /// goes with it.
    #[codec(index = 2)]
    Delegated(RuleRef),
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
    /// Who made it.
    pub origin: Origin,
    /// Does it match labelled records only, also where its scope names no tag? So do a guardian's rules and what
    /// was delegated from them: a record without labels may bear one that is excluded from the guardian.
    pub labelled_only: bool,
    /// Rules that were delegated from it and may be there still.
    pub children: BoundedVec<RuleRef, CHILDREN_MAX>,
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
