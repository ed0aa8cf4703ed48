//! The pages of rules: the only writer of `Rules` and `Ledgers`.

use parity_scale_codec::{Encode, MaxEncodedLen};
use salus_primitives::{BoundedVec, Moment, PatientId};
use salus_support::{Overlay, ensure};

use crate::{
    storage::{Ledgers, Rules},
    types::{GranteeKey, Ledger, PAGE_BYTES_MAX, PAGE_RULES_MAX, PAGES_MAX, Page, Rule, RuleRef, Terms, Uses},
};

/// Why a rule cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritten {
    /// The page has no room: 16 rules, or 2 KiB.
    PageFull,
    /// The patient has 256 pages, or has made 2^32 rules.
    TooMany,
    /// The rule to be replaced is not there.
    NoSuchRule,
}

/// Write a rule into its page, in place of `replaces` where given, and give its number. Rules of that page
/// that are over make room. The caller has checked who writes, and what.
///
/// # Errors
/// [`Unwritten`]; then nothing is changed.
pub fn write(
    state: &mut Overlay<'_>,
    now: Moment,
    patient: PatientId,
    terms: Terms,
    replaces: Option<RuleRef>,
) -> Result<u32, Unwritten> {
    let key = terms.grantee.key();
    let found = Rules::get(state, &(patient, key));
    let ledger = Ledgers::get(state, &patient);
    let pages = ledger.pages + u16::from(found.is_none());
    let mut page = found.unwrap_or_default();
    let mut elsewhere = None;
    match replaces {
        Some(old) if old.grantee == key => take(&mut page, old.id)?,
        Some(old) => {
            let mut other = Rules::get(state, &(patient, old.grantee)).ok_or(Unwritten::NoSuchRule)?;
            take(&mut other, old.id)?;
            elsewhere = Some((old.grantee, other));
        }
        None => {}
    }
    page.retain(|rule| !rule.is_over(now));
    let id = ledger.next_id;
    page.try_push(Rule { id, terms, uses: None }).map_err(|_| Unwritten::PageFull)?;
    ensure(grown_size(&page) <= PAGE_BYTES_MAX, Unwritten::PageFull)?;
    let emptied = elsewhere.as_ref().is_some_and(|(_, other): &(GranteeKey, Page)| other.is_empty());
    ensure(pages - u16::from(emptied) <= PAGES_MAX, Unwritten::TooMany)?;
    let next_id = id.checked_add(1).ok_or(Unwritten::TooMany)?;

    Rules::insert(state, &(patient, key), &page);
    Ledgers::insert(state, &patient, &Ledger { next_id, pages });
    if let Some((key, page)) = elsewhere {
        keep(state, patient, key, &page);
    }
    Ok(id)
}

/// Take the rules that `which` says yes to out of a page, and give their numbers.
pub fn withdraw(
    state: &mut Overlay<'_>,
    patient: PatientId,
    key: GranteeKey,
    mut which: impl FnMut(&Rule) -> bool,
) -> BoundedVec<u32, PAGE_RULES_MAX> {
    let (withdrawn, kept): (Vec<Rule>, Vec<Rule>) =
        Rules::get(state, &(patient, key)).unwrap_or_default().into_iter().partition(|rule| which(rule));
    if !withdrawn.is_empty() {
        keep(state, patient, key, &Page::try_from(kept).expect("no more are kept than the page held"));
    }
    let ids: Vec<u32> = withdrawn.iter().map(|rule| rule.id).collect();
    BoundedVec::try_from(ids).expect("no more are withdrawn than the page held")
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
fn take(page: &mut Page, id: u32) -> Result<(), Unwritten> {
    let place = page.iter().position(|rule| rule.id == id).ok_or(Unwritten::NoSuchRule)?;
    page.remove(place);
    Ok(())
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
