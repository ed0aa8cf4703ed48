//! What a rule means: which records its scope matches, whether it is well formed and live, and when one rule
//! lies within another.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{Moment, Window};
use scale_info::TypeInfo;

use crate::{
    codes::{Action, Actions, Purposes},
    types::{Effect, Grantee, Obligations, RECEIPT_LIFE, RecordView, Rule, Scope, Terms, WINDOW_MAX},
};

/// What is wrong with a rule or a request. One byte on the wire.
#[derive(
    Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug, thiserror::Error,
)]
pub enum Fault {
    /// No kind of record, or one that does not exist.
    #[codec(index = 0)]
    #[error("the scope names no kind of record, or one that does not exist")]
    Kinds,
    /// A list of records that is empty or names one twice.
    #[codec(index = 1)]
    #[error("the scope's list of records is empty or names one twice")]
    Records,
    /// A tag stands twice, or in both lists.
    #[codec(index = 2)]
    #[error("a tag stands twice in the scope")]
    Tags,
    /// A Deny with `none_of`.
    #[codec(index = 3)]
    #[error("a denial may not say none_of: deny by any_of")]
    NoneOf,
    /// No purpose, or one that does not exist.
    #[codec(index = 4)]
    #[error("no purpose is named, or one that does not exist")]
    Purposes,
    /// No action, or one that does not exist.
    #[codec(index = 5)]
    #[error("no action is named, or one that does not exist")]
    Actions,
    /// A limit of no use at all.
    #[codec(index = 6)]
    #[error("the limit of uses is zero")]
    Uses,
    /// A Permit to everyone.
    #[codec(index = 7)]
    #[error("only a denial may speak to everyone")]
    Everyone,
    /// Add or Amend by attribute.
    #[codec(index = 8)]
    #[error("add and amend are granted to a practitioner or an organisation only")]
    AddByAttribute,
    /// An attribute that is none.
    #[codec(index = 9)]
    #[error("an attribute names a speciality or a role: grant to the organisation instead")]
    Attribute,
    /// A Deny with uses or obligations.
    #[codec(index = 10)]
    #[error("a denial has no limit of uses and no obligations")]
    DenyLimited,
    /// Copies to be erased while they may still be read.
    #[codec(index = 11)]
    #[error("copies would have to be erased before the window ends: end the window first, or erase later")]
    EraseBy,
}

impl Scope {
    /// Is it well formed, as the scope of a Permit or of a request?
    ///
    /// # Errors
    /// [`Fault`]: kinds, records or tags.
    pub fn check(&self) -> Result<(), Fault> {
        let fault = if !self.kinds.is_some_and_known() {
            Fault::Kinds
        } else if self.records.as_ref().is_some_and(|records| records.is_empty() || records.has_duplicates()) {
            Fault::Records
        } else if self.any_of.has_duplicates() || self.none_of.has_duplicates() || meet(&self.any_of, &self.none_of) {
            Fault::Tags
        } else {
            return Ok(());
        };
        Err(fault)
    }

    /// Does a Permit of this scope match the record? One that speaks of tags sees labelled records only.
    pub fn opens(&self, record: &RecordView) -> bool {
        let by_tags = !self.any_of.is_empty() || !self.none_of.is_empty();
        self.covers(record)
            && (!by_tags || record.labelled)
            && (self.any_of.is_empty() || meet(&self.any_of, &record.tags))
            && !meet(&self.none_of, &record.tags)
    }

    /// Does a Deny of this scope match the record? One that speaks of tags hits records that are not labelled
    /// too, since such a record may bear any label.
    pub fn closes(&self, record: &RecordView) -> bool {
        self.covers(record) && (self.any_of.is_empty() || !record.labelled || meet(&self.any_of, &record.tags))
    }

    /// Kind and id, tags left aside.
    fn covers(&self, record: &RecordView) -> bool {
        self.kinds.contains(record.kind) && self.records.as_ref().is_none_or(|records| records.contains(&record.id))
    }

    /// Does every record that a Permit of this scope opens lie within `outer` too?
    pub fn is_within(&self, outer: &Self) -> bool {
        let records = match (&self.records, &outer.records) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => is_subset(inner, outer),
        };
        let any_of = outer.any_of.is_empty() || (!self.any_of.is_empty() && is_subset(&self.any_of, &outer.any_of));
        self.kinds.is_within(outer.kinds) && records && any_of && is_subset(&outer.none_of, &self.none_of)
    }

    /// Does a Deny of this scope surely hit a part of what `wanted` asks for? A Deny by tags does only where a
    /// tag is asked for by name.
    pub fn closes_part_of(&self, wanted: &Self) -> bool {
        let records = match (&self.records, &wanted.records) {
            (Some(ours), Some(theirs)) => meet(ours, theirs),
            _ => true,
        };
        self.kinds.meets(wanted.kinds) && records && (self.any_of.is_empty() || meet(&self.any_of, &wanted.any_of))
    }
}

impl Obligations {
    /// Does it bind at least as `outer` does?
    pub fn is_within(&self, outer: &Self) -> bool {
        let erase = match (self.erase_by, outer.erase_by) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner <= outer,
        };
        (self.no_redisclose || !outer.no_redisclose) && (self.local_only || !outer.local_only) && erase
    }
}

/// The dimensions in which one rule lies within another, whoever it speaks to: what a patient's answer is
/// measured by, and a delegated rule.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Which records.
    pub scope: &'a Scope,
    /// For what purposes.
    pub purposes: Purposes,
    /// For what actions.
    pub actions: Actions,
    /// From when until when.
    pub window: Window,
    /// How many uses; none for any number.
    pub uses: Option<u32>,
    /// Duties of the reader.
    pub obligations: Obligations,
}

impl Extent<'_> {
    /// Does it lie within `outer` in every dimension?
    pub fn is_within(&self, outer: &Extent<'_>) -> bool {
        let uses = match (self.uses, outer.uses) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner <= outer,
        };
        self.scope.is_within(outer.scope)
            && self.purposes.is_within(outer.purposes)
            && self.actions.is_within(outer.actions)
            && self.window.is_within(&outer.window)
            && uses
            && self.obligations.is_within(&outer.obligations)
    }
}

/// May a rule have this window at `now`? It is not empty, not over, at most five years long and ends at most
/// five years ahead, so that no rule is never-ending.
pub fn is_window(window: &Window, now: Moment) -> bool {
    window.from < window.until
        && now < window.until
        && window.length() <= WINDOW_MAX
        && window.until <= now.plus(WINDOW_MAX)
}

impl Terms {
    /// Is the rule well formed? Its window is for [`is_window`].
    ///
    /// # Errors
    /// [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        self.scope.check()?;
        let adds = self.actions.contains(Action::Add) || self.actions.contains(Action::Amend);
        let permit = self.effect == Effect::Permit;
        let fault = if !self.purposes.is_some_and_known() {
            Fault::Purposes
        } else if !self.actions.is_some_and_known() {
            Fault::Actions
        } else if permit && self.max_uses == Some(0) {
            Fault::Uses
        } else if permit && self.grantee == Grantee::Everyone {
            Fault::Everyone
        } else if matches!(self.grantee, Grantee::Attribute(a) if a.speciality.is_none() && a.role.is_none()) {
            Fault::Attribute
        } else if permit && adds && matches!(self.grantee, Grantee::Attribute(_)) {
            Fault::AddByAttribute
        } else if !permit && !self.scope.none_of.is_empty() {
            Fault::NoneOf
        } else if !permit && (self.max_uses.is_some() || self.obligations != Obligations::default()) {
            Fault::DenyLimited
        } else if self.obligations.erase_by.is_some_and(|by| by < self.window.until) {
            Fault::EraseBy
        } else {
            return Ok(());
        };
        Err(fault)
    }

    /// Its dimensions.
    pub fn extent(&self) -> Extent<'_> {
        Extent {
            scope: &self.scope,
            purposes: self.purposes,
            actions: self.actions,
            window: self.window,
            uses: self.max_uses,
            obligations: self.obligations,
        }
    }
}

impl Rule {
    /// Is it in force at `now`, `uncounted` of its uses not counted?
    pub fn is_live(&self, now: Moment, uncounted: u32) -> bool {
        let used = self.uses.map_or(0, |uses| uses.count).saturating_sub(uncounted);
        self.terms.window.contains(now) && self.terms.max_uses.is_none_or(|max| used < max)
    }

    /// Does it, as a Permit, match the record?
    pub fn opens(&self, record: &RecordView) -> bool {
        (record.labelled || !self.labelled_only) && self.terms.scope.opens(record)
    }

    /// Is it a Deny, in force at `now`, that surely hits a part of what is `asked`?
    pub fn surely_denies(&self, asked: &Extent<'_>, now: Moment) -> bool {
        self.terms.effect == Effect::Deny
            && self.is_live(now, 0)
            && self.terms.purposes.meets(asked.purposes)
            && self.terms.actions.meets(asked.actions)
            && self.terms.scope.closes_part_of(asked.scope)
    }

    /// What can still be done by it, and so be passed on: its dimensions, with the uses that are left.
    pub fn left(&self) -> Extent<'_> {
        let used = self.uses.map_or(0, |uses| uses.count);
        Extent { uses: self.terms.max_uses.map(|max| max.saturating_sub(used)), ..self.terms.extent() }
    }

    /// Will it never matter again? Then its place in the page is free for the next. A rule that was used up
    /// matters as long as the receipt of its last use may, and as rules that were delegated from it, which are over
    /// when its window is.
    pub fn is_over(&self, now: Moment) -> bool {
        let used_up = self.uses.is_some_and(|uses| {
            self.terms.max_uses.is_some_and(|max| max <= uses.count) && now >= uses.last.plus(RECEIPT_LIFE)
        });
        now >= self.terms.window.until || (used_up && self.children.is_empty())
    }
}

/// Does an item stand in both?
fn meet<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    left.iter().any(|item| right.contains(item))
}

/// Does every item of `inner` stand in `outer`?
fn is_subset<T: PartialEq>(inner: &[T], outer: &[T]) -> bool {
    inner.iter().all(|item| outer.contains(item))
}
