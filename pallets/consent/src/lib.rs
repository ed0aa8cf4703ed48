//! Consent: the rules of each patient, and the decision they lead to.
//!
//! # Who may call
//! The patient grants and denies; nobody can do it for them. The patient revokes anything; whom a Permit
//! speaks to may give it up.
//!
//! # Invariants
//! 1. A rule's number is given once per patient and never again; a page holds each number at most once.
//! 2. A page that is in state is not empty, holds at most 16 rules and takes at most 2 KiB, also when every
//!    limited rule in it has been used; `Ledgers.pages` counts the patient's pages, at most 256.
//! 3. Every rule lies in the page of its grantee, is well formed and had at most five years to run when made.
//! 4. A rule changes in one way only: its uses count up, where it has a limit.
//! 5. A Permit by [`decide()`] rests on a live rule whose scope sees the record, or on the chain's default policy;
//!    no Deny that matches is overridden.

pub mod calls;
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

pub use decide::{Actor, Basis, Denial, Grounds, Question, Reason, Verdict, decide, denies_request};
pub use read_set::{ReadSet, traced};
pub use rules::record_uses;
pub use terms::{Extent, Fault};
pub use types::{
    Action, Actions, Attribute, Effect, Grantee, GranteeKey, Kind, Kinds, Obligations, Page, Purpose, Purposes,
    RecordView, Rule, RuleRef, Scope, Servable, Tag, Tags, Terms, Withdrawal,
};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Make a rule: a Permit or a Deny, in place of another where `replaces` names one.
    ///
    /// By the patient, with a lasting key, not while frozen, recovering, deceased or closed. Add and Amend are
    /// granted to a practitioner or an organisation only; everyone can only be denied; a Deny has no
    /// `none_of`, limit or obligation. The window ends, at most five years ahead. Emits `Granted` or
    /// `DenySet`. Refused with `NotRegistered`, `NotAuthorised`, `PatientState`, `BadTerms`, `BadWindow`,
    /// `UnknownGrantee`, `NoSuchRule`, `PageFull`, `TooMany`.
    #[codec(index = 0)]
    Grant {
        /// Whose rule.
        patient: PatientId,
        /// What it says.
        terms: Terms,
        /// The rule it takes the place of.
        replaces: Option<RuleRef>,
    },
    /// Withdraw rules, one by one or by whole pages. What is not there any more is passed over.
    ///
    /// By the patient, with a lasting key, in whatever state; by the practitioner a Permit speaks to, or by a
    /// Privacy officer of the organisation it speaks to, for Permits only: nobody lifts a Deny but the patient.
    /// Emits `Revoked` for each page. Refused with `NotRegistered`, `NotAuthorised`, `Standing`, `NoSuchRule`.
    #[codec(index = 1)]
    Revoke {
        /// Whose rules.
        patient: PatientId,
        /// Which.
        what: Withdrawal,
    },
    // 2: delegate (call 23 of the specification).
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
    // 3: Delegated.
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// Only the patient makes rules and lifts denials, with a lasting key; a grantee gives up its own Permits.
    #[codec(index = 1)]
    #[error("only the patient makes rules, with a lasting key; a grantee may give up its own")]
    NotAuthorised,
    /// The organisation a grantee acts for is not active.
    #[codec(index = 2)]
    #[error("{0}")]
    Standing(Standing),
    /// The patient's state does not allow it.
    #[codec(index = 3)]
    #[error("{0}")]
    PatientState(Problem),
    /// The rule is not well formed.
    #[codec(index = 4)]
    #[error("the rule is not well formed: {0}")]
    BadTerms(Fault),
    /// The window is empty, over, longer than five years, or ends more than five years ahead.
    #[codec(index = 5)]
    #[error("the window is empty, over, longer than five years or ends more than five years ahead")]
    BadWindow,
    /// No such practitioner or organisation is registered.
    #[codec(index = 6)]
    #[error("the grantee is not registered: check the ids")]
    UnknownGrantee,
    /// There is no such rule, or no rule that could be withdrawn.
    #[codec(index = 7)]
    #[error("there is no such rule: it may have been revoked or replaced already")]
    NoSuchRule,
    /// The page of this grantee has no room: 16 rules, or 2 KiB.
    #[codec(index = 8)]
    #[error("there is no room for more rules about this grantee: revoke or replace one")]
    PageFull,
    /// The patient has rules about 256 grantees.
    #[codec(index = 9)]
    #[error("there are rules about too many grantees: revoke those no longer needed")]
    TooMany,
    // 10: NotSubset, of delegate.
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
            ConstantEntry::new("PagesMax", &types::PAGES_MAX, "Most pages of one patient."),
            ConstantEntry::new("WindowMax", &types::WINDOW_MAX, "Longest window of a rule, ms."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Two pages, the ledger, the patient and the grantee are read; up to three values are written.
            Call::Grant { .. } => Cost::ordinary(200),
            // The caller, and for each item a page and the ledger, read and written.
            Call::Revoke { what, .. } => Cost::protected(80 + 60 * what.len() as u64),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Grant { patient, terms, replaces } => calls::grant(ctx, patient, terms, replaces),
            Call::Revoke { patient, what } => calls::revoke(ctx, patient, &what),
        }
    }
}

#[cfg(test)]
mod tests;
