//! Consent: the rules of each patient, and the decision they lead to.
//!
//! # Who may call
//! The patient grants and denies; a guardian with the power to act grants for them, and revokes what they granted. The
//! patient revokes anything; whom a Permit speaks to may give it up, or, where
//! it says Share, pass a part of it on.
//!
//! # Invariants
//! 1. A rule's number is given once per patient and never again; a page holds each number at most once.
//! 2. A page that is in state is not empty, holds at most 16 rules and takes at most 2 KiB, also when every
//!    limited rule in it has been used; `Ledgers.pages` counts the patient's pages, at most 256.
//! 3. Every rule lies in the page of its grantee, is well formed and had at most five years to run when made.
//! 4. A rule changes in two ways only: its uses count up, where it has a limit, and it lists what was delegated
//!    from it.
//! 5. A Permit by [`decide()`] rests on a live rule whose scope sees the record, or on the chain's default policy;
//!    no Deny that matches is overridden.
//! 6. A delegated rule that is live lies within its parent in every dimension, its uses were taken from the parent's,
//!    and the parent is there and lists it: it goes in the call in which the parent goes.
//!
//! # Where the specification is silent
//! * No rule ends more than five years ahead, whenever it begins. A rule speaks only to whom the register knows: ids
//!   are chosen by whoever registers them, and an unknown one could be taken by anybody later.
//! * An attribute names a speciality or a role; without either it is the organisation, which has a page of its own.
//! * A guardian makes Permits only, for a Deny cannot leave out what is excluded from guardians. Their rule names all
//!   excluded tags in `none_of` as they are at the time, matches labelled records only, and ends with the guardianship
//!   at the latest. A guardian revokes and replaces their own rules, not those of the patient or another guardian, and
//!   not once the guardianship is over: the patient does.
//! * What is denied to everyone is denied to a guardian who opens, too.
//! * A Deny has neither a limit of uses nor obligations: it would end by being used, or bind nobody.
//! * Copies are not to be erased before a rule's window ends: who may read need not have erased.
//! * Only the grantee itself delegates: a practitioner who acts there at the time, or a Privacy officer of an
//!   organisation, each with a lasting key; from a rule by attribute nobody does. The rule is in force, and no Deny
//!   surely hits what is passed on or the passing. While the patient may change no rules nobody delegates.
//! * Uses given to a delegated rule are used up for the parent, whatever becomes of them. A parent that was used up so
//!   keeps its place as long as it lists a delegated rule, for the patient to find. It takes a new one in place of one
//!   that is gone or over.
//! * What is LocalOnly is passed on within the organisation only. What was delegated goes only with its parent, by the
//!   patient or by its own grantee, not by who delegated it.
//! * Of several Denies that match, the oldest is named.
//! * Filing by a Permit with a limit is one use, as an opening is: whoever acts on a Permit calls [`record_uses`].
//! * A rule that was used up keeps its place for 15 minutes after its last use, for the receipt of that use rests on
//!   it; then its place is free, as that of a rule whose window is over. Only a grant in the same page clears it.
//! * A page counts with the room that the uses of its limited rules will take, so that using a rule never fails.
//! * The patient revokes in whatever state; what is gone already does not stop the rest, and a revocation that finds
//!   nothing at all is refused. A grantee gives up Permits only, whole pages included. An organisation does so by a
//!   Privacy officer, and nobody does of a suspended organisation. A Permit by attribute is nobody's own.
//! * A session key makes and withdraws no rule.
//! * After a death rules run out unchanged, Add and Amend with them: late results still have to be filed.
//! * A Deny refuses a request when it surely hits a part of what is asked: [`denies_request`].

pub mod calls;
pub mod codes;
pub mod decide;
pub mod read_set;
pub mod rules;
pub mod storage;
pub mod terms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_patients::Problem;
use salus_primitives::{BoundedVec, PatientId, Subject};
use salus_registry::Standing;
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use codes::{Action, Actions, Kind, Kinds, Purpose, Purposes};
pub use decide::{Actor, Basis, Denial, Grounds, Question, Reason, Tier, Verdict, decide, denies_request};
pub use read_set::{ReadSet, traced};
pub use rules::record_uses;
pub use terms::{Extent, Fault};
pub use types::{
    Attribute, Effect, Grantee, GranteeKey, Obligations, Origin, Page, RecordView, Rule, RuleRef, Scope, Servable, Tag,
    Tags, Terms, Withdrawal,
};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Make a rule: a Permit or a Deny, in place of another where `replaces` names one.
    ///
    /// By the patient or a guardian with the power to act, with a lasting key, not while the patient is frozen,
    /// recovering, deceased or closed. Add and Amend are
    /// granted to a practitioner or an organisation only; everyone can only be denied; a Deny has no
    /// `none_of`, limit or obligation. The window ends, at most five years ahead. Emits `Granted` or
    /// `DenySet`, and `Revoked` for what was delegated from the rule it replaces. A guardian's is a Permit with the
    /// excluded tags in `none_of`, in place of one of their own only. Refused with `NotRegistered`, `NotAuthorised`, `Patient`, `BadTerms`, `BadWindow`,
    /// `UnknownGrantee`, `GuardianRule`, `NoSuchRule`, `PageFull`, `TooMany`.
    #[codec(index = 0)]
    Grant {
        /// Whose rule.
        patient: PatientId,
        /// What it says.
        terms: Terms,
        /// The rule it takes the place of.
        replaces: Option<RuleRef>,
    },
    /// Withdraw rules, one by one or by whole pages, and with them what was delegated from them. What is not there
    /// any more is passed over.
    ///
    /// By the patient, with a lasting key, in whatever state; by a guardian with the power to act, for rules they made;
    /// by the practitioner a Permit speaks to, or by a
    /// Privacy officer of the organisation it speaks to, for Permits only: nobody lifts a Deny but the patient.
    /// Emits `Revoked` for each page. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoSuchRule`.
    #[codec(index = 1)]
    Revoke {
        /// Whose rules.
        patient: PatientId,
        /// Which.
        what: Withdrawal,
    },
    /// Pass a part of a rule on, once: a Permit that lies within it in every dimension.
    ///
    /// By the practitioner the rule speaks to, who acts for its organisation, or by a Privacy officer of the
    /// organisation it speaks to, with a lasting key. The rule is in force, says Share and not NoRedisclose, was
    /// not delegated itself, and has at most 3 delegated rules. Uses are taken from its own. Emits `Delegated`.
    /// Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoSuchRule`, `Patient`, `NotShared`, `TooDeep`,
    /// `BadState`, `BadTerms`, `BadWindow`, `UnknownGrantee`, `NotSubset`, `DeniedByRule`, `ChildrenFull`, `PageFull`,
    /// `TooMany`.
    #[codec(index = 2)]
    Delegate {
        /// Whose rules.
        patient: PatientId,
        /// The rule it is a part of.
        parent: RuleRef,
        /// What it says.
        terms: Terms,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A patient permitted something.
    #[codec(index = 0)]
    Granted {
        /// Who.
        patient: PatientId,
        /// The rule.
        rule: RuleRef,
        /// The rule it took the place of.
        replaced: Option<RuleRef>,
    },
    /// A patient denied something.
    #[codec(index = 1)]
    DenySet {
        /// Who.
        patient: PatientId,
        /// The rule.
        rule: RuleRef,
        /// The rule it took the place of.
        replaced: Option<RuleRef>,
    },
    /// Rules of one page were withdrawn.
    #[codec(index = 2)]
    Revoked {
        /// Whose.
        patient: PatientId,
        /// The page.
        grantee: GranteeKey,
        /// The rules' numbers.
        rules: BoundedVec<u32, { types::PAGE_RULES_MAX }>,
        /// Who withdrew them.
        by: Subject,
    },
    /// The grantee of a rule passed a part of it on.
    #[codec(index = 3)]
    Delegated {
        /// Whose rules.
        patient: PatientId,
        /// The rule it is a part of.
        parent: RuleRef,
        /// The new rule.
        rule: RuleRef,
        /// Who passed it on.
        by: Subject,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// The organisation a grantee acts for is not active.
    #[codec(index = 1)]
    #[error("{0}")]
    NotActive(Standing),
    /// Only the patient or a guardian makes rules, with a lasting key, and only the patient lifts denials; a grantee
    /// gives up its own Permits, or passes a part of one on.
    #[codec(index = 2)]
    #[error("only the patient or a guardian makes rules, with a lasting key; a grantee may give up or share its own")]
    NotAuthorised,
    /// The window is empty, over, longer than five years, or ends more than five years ahead.
    #[codec(index = 3)]
    #[error("the window is empty, over, longer than five years or ends more than five years ahead")]
    BadWindow,
    /// The patient has rules about 256 grantees.
    #[codec(index = 4)]
    #[error("there are rules about too many grantees: revoke those no longer needed")]
    TooMany,
    /// The patient's state does not allow it.
    #[codec(index = 5)]
    #[error("{0}")]
    Patient(Problem),
    /// The rule is not well formed.
    #[codec(index = 6)]
    #[error("the rule is not well formed: {0}")]
    BadTerms(Fault),
    /// No such practitioner or organisation is registered.
    #[codec(index = 7)]
    #[error("the grantee is not registered: check the ids")]
    UnknownGrantee,
    /// There is no such rule, or no rule that could be withdrawn.
    #[codec(index = 8)]
    #[error("there is no such rule: it may have been revoked or replaced already")]
    NoSuchRule,
    /// The page of this grantee has no room: 16 rules, or 2 KiB.
    #[codec(index = 9)]
    #[error("there is no room for more rules about this grantee: revoke or replace one")]
    PageFull,
    /// The rule goes beyond the one it is a part of, or beyond the uses left of it.
    #[codec(index = 10)]
    #[error("the rule goes beyond what is left of the one it is a part of")]
    NotSubset,
    /// The rule does not let its grantee pass it on.
    #[codec(index = 11)]
    #[error("the rule may not be shared: it does not say so, or forbids to redisclose")]
    NotShared,
    /// The rule was delegated itself.
    #[codec(index = 12)]
    #[error("the rule was delegated itself: ask the patient")]
    TooDeep,
    /// The rule is not in force.
    #[codec(index = 13)]
    #[error("the rule is not in force: it has not begun, is over or used up")]
    BadState,
    /// Four rules were delegated from this one.
    #[codec(index = 14)]
    #[error("four rules were delegated from this one: one of them has to go first")]
    ChildrenFull,
    /// A Deny of the patient hits a part of what is passed on.
    #[codec(index = 15)]
    #[error("a rule of the patient denies a part of what is passed on")]
    DeniedByRule,
    /// A guardian's rule is not one that a guardian may make.
    #[codec(index = 16)]
    #[error("a guardian's rule is a permit with all excluded tags in none_of that ends with the guardianship")]
    GuardianRule,
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Consent";
}

/// The pallet.
pub struct Consent;

impl Pallet for Consent {
    const NAME: &'static str = "Consent";
    const DOCS: &'static str = "The rules of each patient, and the decision they lead to.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new("PageRulesMax", &types::PAGE_RULES_MAX, "Most rules about one grantee."),
            ConstantEntry::new("PageBytesMax", &(types::PAGE_BYTES_MAX as u32), "Largest page of rules, bytes."),
            ConstantEntry::new("ChildrenMax", &types::CHILDREN_MAX, "Most rules delegated from one rule."),
            ConstantEntry::new("PagesMax", &types::PAGES_MAX, "Most pages of one patient."),
            ConstantEntry::new("WindowMax", &types::WINDOW_MAX, "Longest window of a rule, ms."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Two pages, the ledger, the patient and the grantee are read; up to three values are written. What was
            // delegated from a rule that is replaced lies in up to four more pages.
            Call::Grant { replaces, .. } => Cost::ordinary(if replaces.is_some() { 300 } else { 200 }),
            // The caller, and for each item a page and the ledger, read and written; and the pages of up to four
            // delegated rules of each rule, of which a patient has no more than there are pages.
            Call::Revoke { what, .. } => {
                let (items, children) = (what.len() as u64, u64::from(types::CHILDREN_MAX));
                let pages = match what {
                    Withdrawal::Rules(_) => items * children,
                    Withdrawal::Pages(_) => items * children * u64::from(types::PAGE_RULES_MAX),
                };
                Cost::protected(80 + 60 * items + 25 * pages.min(u64::from(types::PAGES_MAX)))
            }
            // The caller's standing, the patient, four pages for denials, those of parent and child and of up to four
            // rules delegated before, and the ledger; three values are written.
            Call::Delegate { .. } => Cost::ordinary(400),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Grant { patient, terms, replaces } => calls::grant::grant(ctx, patient, terms, replaces),
            Call::Revoke { patient, what } => calls::revoke::revoke(ctx, patient, &what),
            Call::Delegate { patient, parent, terms } => calls::delegate::delegate(ctx, patient, parent, terms),
        }
    }
}

#[cfg(test)]
mod tests;
