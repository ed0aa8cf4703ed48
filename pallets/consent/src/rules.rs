//! The pages of rules: the only writer of `Rules` and `Ledgers`.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::{Encode, MaxEncodedLen};
use salus_primitives::{BoundedVec, Moment, PatientId};
use salus_support::{Overlay, StateReader, ensure};

use crate::{
    storage::{Ledgers, Rules},
    types::{GranteeKey, Ledger, Origin, PAGE_BYTES_MAX, PAGE_RULES_MAX, PAGES_MAX, Page, Rule, RuleRef, Terms, Uses},
};

/// Why a rule cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritten {
    /// The page has no room: 16 rules, or 2 KiB.
    PageFull,
    /// The patient has 256 pages, or has made 2^32 rules.
    TooMany,
    /// The rule to be replaced, or to delegate from, is not there.
    NoSuchRule,
    /// Four rules were delegated from this one and are there still.
    ChildrenFull,
}

/// A rule to be written.
pub struct Draft {
    /// What it says.
    pub terms: Terms,
    /// Who makes it.
    pub origin: Origin,
    /// Does it match labelled records only, whatever its scope says?
    pub labelled_only: bool,
}

/// Numbers of rules that were taken out, by their page.
pub type Gone = BTreeMap<GranteeKey, BoundedVec<u32, PAGE_RULES_MAX>>;

/// Write a rule into its page, in place of `replaces` where given, and give its number, and the rules that went
/// with the replaced one: those delegated from it. Rules of that page that are over make room. The caller has
/// checked who writes, and what.
///
/// # Errors
/// [`Unwritten`]; then nothing is changed.
pub fn write(
    state: &mut Overlay<'_>,
    now: Moment,
    patient: PatientId,
    draft: Draft,
    replaces: Option<RuleRef>,
) -> Result<(u32, Gone), Unwritten> {
    let key = draft.terms.grantee.key();
    let found = Rules::get(state, &(patient, key));
    let ledger = Ledgers::get(state, &patient);
    let pages = ledger.pages + u16::from(found.is_none());
    let mut page = found.unwrap_or_default();
    let mut elsewhere = None;
    let replaced = match replaces {
        Some(old) if old.grantee == key => Some(take(&mut page, old.id)?),
        Some(old) => {
            let mut other = Rules::get(state, &(patient, old.grantee)).ok_or(Unwritten::NoSuchRule)?;
            let replaced = take(&mut other, old.id)?;
            elsewhere = Some((old.grantee, other));
            Some(replaced)
        }
        None => None,
    };
    page.retain(|rule| !rule.is_over(now));
    let id = ledger.next_id;
    let Draft { terms, origin, labelled_only } = draft;
    let rule = Rule { id, terms, uses: None, origin, labelled_only, children: BoundedVec::new() };
    page.try_push(rule).map_err(|_| Unwritten::PageFull)?;
    ensure(grown_size(&page) <= PAGE_BYTES_MAX, Unwritten::PageFull)?;
    let emptied = elsewhere.as_ref().is_some_and(|(_, other): &(GranteeKey, Page)| other.is_empty());
    ensure(pages - u16::from(emptied) <= PAGES_MAX, Unwritten::TooMany)?;
    let next_id = id.checked_add(1).ok_or(Unwritten::TooMany)?;

    Rules::insert(state, &(patient, key), &page);
    Ledgers::insert(state, &patient, &Ledger { next_id, pages });
    if let Some((key, page)) = elsewhere {
        keep(state, patient, key, &page);
    }
    let mut gone = BTreeMap::new();
    if let Some(replaced) = replaced {
        withdraw_children(state, patient, &[replaced], &mut gone);
    }
    Ok((id, bounded(gone)))
}

/// Write a rule that the grantee of `parent` passes on: the parent lists it and gives it its uses. The caller has
/// checked that it lies within the parent, which is live.
///
/// # Errors
/// [`Unwritten`]; then the caller's call has to fail, for the rule itself is written already.
pub fn write_delegated(
    state: &mut Overlay<'_>,
    now: Moment,
    patient: PatientId,
    parent: RuleRef,
    draft: Draft,
) -> Result<u32, Unwritten> {
    let (given, grantee) = (draft.terms.max_uses, draft.terms.grantee.key());
    let (id, _) = write(state, now, patient, draft, None)?;
    let mut page = Rules::get(state, &(patient, parent.grantee)).ok_or(Unwritten::NoSuchRule)?;
    let rule = page.iter_mut().find(|rule| rule.id == parent.id).ok_or(Unwritten::NoSuchRule)?;
    rule.children.retain(|child| matters(state, patient, child, now));
    rule.children.try_push(RuleRef { grantee, id }).map_err(|_| Unwritten::ChildrenFull)?;
    if let Some(given) = given.filter(|_| rule.terms.max_uses.is_some()) {
        let count = rule.uses.map_or(0, |uses| uses.count).saturating_add(given);
        rule.uses = Some(Uses { count, last: now });
    }
    ensure(grown_size(&page) <= PAGE_BYTES_MAX, Unwritten::PageFull)?;
    keep(state, patient, parent.grantee, &page);
    Ok(id)
}

/// Is this rule there, and not over?
fn matters(state: &dyn StateReader, patient: PatientId, reference: &RuleRef, now: Moment) -> bool {
    find(state, patient, reference).is_some_and(|rule| !rule.is_over(now))
}

/// The rule of this name, if it is there.
pub fn find(state: &dyn StateReader, patient: PatientId, reference: &RuleRef) -> Option<Rule> {
    let page = Rules::get(state, &(patient, reference.grantee))?;
    page.into_iter().find(|rule| rule.id == reference.id)
}

/// Take the rules that `which` says yes to out of these pages, and with them what was delegated from them. Gives
/// their numbers.
pub fn withdraw(
    state: &mut Overlay<'_>,
    patient: PatientId,
    keys: &BTreeSet<GranteeKey>,
    which: impl Fn(GranteeKey, &Rule) -> bool,
) -> Gone {
    let mut gone = BTreeMap::new();
    let mut withdrawn = Vec::new();
    for &key in keys {
        withdrawn.extend(take_where(state, patient, key, |rule| which(key, rule), &mut gone));
    }
    // Of all at once: what was delegated from many pages lies on the same few, and each is taken up once.
    withdraw_children(state, patient, &withdrawn, &mut gone);
    bounded(gone)
}

/// Take out what was delegated from these rules, page by page.
fn withdraw_children(
    state: &mut Overlay<'_>,
    patient: PatientId,
    parents: &[Rule],
    gone: &mut BTreeMap<GranteeKey, Vec<u32>>,
) {
    let children: BTreeSet<RuleRef> = parents.iter().flat_map(|rule| rule.children.iter().copied()).collect();
    let keys: BTreeSet<GranteeKey> = children.iter().map(|child| child.grantee).collect();
    for grantee in keys {
        take_where(state, patient, grantee, |rule| children.contains(&RuleRef { grantee, id: rule.id }), gone);
    }
}

/// Take the rules that `which` says yes to out of one page, and note their numbers.
fn take_where(
    state: &mut Overlay<'_>,
    patient: PatientId,
    key: GranteeKey,
    which: impl Fn(&Rule) -> bool,
    gone: &mut BTreeMap<GranteeKey, Vec<u32>>,
) -> Vec<Rule> {
    let (withdrawn, kept): (Vec<Rule>, Vec<Rule>) =
        Rules::get(state, &(patient, key)).unwrap_or_default().into_iter().partition(|rule| which(rule));
    if !withdrawn.is_empty() {
        keep(state, patient, key, &Page::try_from(kept).expect("no more are kept than the page held"));
        gone.entry(key).or_default().extend(withdrawn.iter().map(|rule| rule.id));
    }
    withdrawn
}

fn bounded(gone: BTreeMap<GranteeKey, Vec<u32>>) -> Gone {
    let bounded = |mut ids: Vec<u32>| {
        ids.sort_unstable();
        BoundedVec::try_from(ids).expect("no more are withdrawn than the page held")
    };
    gone.into_iter().map(|(key, ids)| (key, bounded(ids))).collect()
}

/// Count one use of each of these rules, however often it stands in the list. Nothing is written for a rule
/// without a limit. Whoever acts on a Permit calls this, in the same call: one opening or filing is one use.
pub fn record_uses(state: &mut Overlay<'_>, now: Moment, patient: PatientId, used: &[RuleRef]) {
    let mut keys: Vec<GranteeKey> = used.iter().map(|rule| rule.grantee).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let Some(mut page) = Rules::get(state, &(patient, key)) else { continue };
        let mut changed = false;
        for rule in page.iter_mut() {
            if rule.terms.max_uses.is_some() && used.contains(&RuleRef { grantee: key, id: rule.id }) {
                let count = rule.uses.map_or(0, |uses| uses.count).saturating_add(1);
                rule.uses = Some(Uses { count, last: now });
                changed = true;
            }
        }
        if changed {
            keep(state, patient, key, &page);
        }
    }
}

/// How large a page can grow, SCALE bytes: as it is, and the uses of every rule with a limit counted.
fn grown_size(page: &Page) -> usize {
    let to_come = page.iter().filter(|rule| rule.terms.max_uses.is_some() && rule.uses.is_none()).count();
    page.encoded_size() + to_come * Uses::max_encoded_len()
}

/// Take one rule out of a page.
fn take(page: &mut Page, id: u32) -> Result<Rule, Unwritten> {
    let place = page.iter().position(|rule| rule.id == id).ok_or(Unwritten::NoSuchRule)?;
    Ok(page.remove(place))
}

/// Write a page that was there, or remove it when it is empty now.
fn keep(state: &mut Overlay<'_>, patient: PatientId, key: GranteeKey, page: &Page) {
    if page.is_empty() {
        Rules::remove(state, &(patient, key));
        let ledger = Ledgers::get(state, &patient);
        Ledgers::insert(state, &patient, &Ledger { pages: ledger.pages.saturating_sub(1), ..ledger });
    } else {
        Rules::insert(state, &(patient, key), page);
    }
}
