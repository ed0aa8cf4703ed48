//! Rules: what they mean, making, withdrawing and passing them on.

use super::{Model, Record, has, need, twice};
use crate::words::*;

/// Who made a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Patient,
    Guardian(Pat),
    /// The grantee of this one.
    Part(RuleName),
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: u32,
    pub terms: Terms,
    pub origin: Origin,
    /// Sees labelled records only.
    pub labelled_only: bool,
    pub used: u32,
    pub last_use: u64,
    pub parts: Vec<RuleName>,
}

fn subset<T: PartialEq>(inner: &[T], outer: &[T]) -> bool {
    inner.iter().all(|item| outer.contains(item))
}

fn meet<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.iter().any(|item| other.contains(item))
}

impl Terms {
    /// Does a scope of these kinds, records and tags match the record, for a Permit or a Deny?
    pub fn matches(&self, record: &Record) -> bool {
        let listed = self.records.as_ref().is_none_or(|list| list.contains(&record.id));
        if !has(self.kinds, record.kind) || !listed {
            return false;
        }
        let any = self.any_of.is_empty() || meet(&self.any_of, &record.tags);
        match self.deny {
            true => any || !record.labelled,
            false if self.any_of.is_empty() && self.none_of.is_empty() => true,
            false => record.labelled && any && !meet(&self.none_of, &record.tags),
        }
    }

    /// Is it within `whole` in every dimension, with these uses left of it?
    pub fn is_part_of(&self, whole: &Self, uses_left: Option<u32>) -> bool {
        let records = match (&self.records, &whole.records) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ours), Some(theirs)) => subset(ours, theirs),
        };
        let any_of = whole.any_of.is_empty() || (!self.any_of.is_empty() && subset(&self.any_of, &whole.any_of));
        let uses = uses_left.is_none_or(|left| self.max_uses.is_some_and(|uses| uses <= left));
        let duties = (self.no_redisclose || !whole.no_redisclose)
            && (self.local_only || !whole.local_only)
            && whole.erase_by.is_none_or(|by| self.erase_by.is_some_and(|own| own <= by));
        self.kinds & !whole.kinds == 0
            && records
            && any_of
            && subset(&whole.none_of, &self.none_of)
            && self.purposes & !whole.purposes == 0
            && self.actions & !whole.actions == 0
            && whole.from <= self.from
            && self.until <= whole.until
            && uses
            && duties
    }

    fn has_sound_scope(&self) -> bool {
        let records = self.records.as_ref().is_none_or(|list| !list.is_empty() && !twice(list));
        let tags = !twice(&self.any_of) && !twice(&self.none_of) && !meet(&self.any_of, &self.none_of);
        self.kinds != 0 && self.kinds < 1 << 9 && records && tags
    }

    /// Is it what a rule may say?
    fn is_sound(&self) -> bool {
        let adds = has(self.actions.into(), ADD) || has(self.actions.into(), AMEND);
        let to = match self.to {
            To::Everyone => self.deny,
            To::Attribute { speciality: None, role: None, .. } => false,
            To::Attribute { .. } => self.deny || !adds,
            To::Doc(..) | To::Org(_) => true,
        };
        let duties = self.no_redisclose || self.local_only || self.erase_by.is_some();
        let limits = match self.deny {
            true => self.none_of.is_empty() && self.max_uses.is_none() && !duties,
            false => self.max_uses != Some(0),
        };
        let known = self.purposes != 0 && self.purposes < 1 << 9 && self.actions != 0 && self.actions < 1 << 4;
        self.has_sound_scope() && known && to && limits && self.erase_by.is_none_or(|by| by >= self.until)
    }

    /// Is it what a request may ask for?
    pub fn is_request(&self) -> bool {
        let known = self.purposes != 0 && self.purposes < 1 << 9 && self.actions != 0 && self.actions < 1 << 4;
        self.has_sound_scope() && known
    }

    pub fn has_window(&self, now: u64) -> bool {
        let ends = self.until - self.from.min(self.until) <= 5 * YEAR && self.until <= now.saturating_add(5 * YEAR);
        self.from < self.until && now < self.until && ends
    }
}

impl Rule {
    pub fn name(&self) -> RuleName {
        (self.terms.to.page(), self.id)
    }

    /// Is it in force, `uncounted` of its uses aside?
    pub fn is_live(&self, at: u64, uncounted: u32) -> bool {
        let left = self.terms.max_uses.is_none_or(|max| self.used - uncounted.min(self.used) < max);
        self.terms.from <= at && at < self.terms.until && left
    }

    pub fn sees(&self, record: &Record) -> bool {
        (record.labelled || !self.labelled_only) && self.terms.matches(record)
    }

    /// Does its place go to the next rule of the page?
    pub fn is_over(&self, now: u64) -> bool {
        let used_up = self.terms.max_uses.is_some_and(|max| max <= self.used) && self.used > 0;
        let forgotten = used_up && now >= self.last_use + 15 * MINUTE && self.parts.is_empty();
        now >= self.terms.until || forgotten
    }

    /// Is it a Deny that surely hits a part of what is asked?
    fn surely_denies(&self, asked: &Terms, now: u64) -> bool {
        let own = &self.terms;
        let records = match (&own.records, &asked.records) {
            (Some(ours), Some(theirs)) => meet(ours, theirs),
            _ => true,
        };
        own.deny
            && self.is_live(now, 0)
            && own.purposes & asked.purposes != 0
            && own.actions & asked.actions != 0
            && own.kinds & asked.kinds != 0
            && records
            && (own.any_of.is_empty() || meet(&own.any_of, &asked.any_of))
    }
}

impl Model {
    pub fn rule(&self, pat: Pat, name: RuleName) -> Option<&Rule> {
        self.pats.get(pat)?.rules.iter().find(|rule| rule.name() == name)
    }

    fn rule_mut(&mut self, pat: Pat, name: RuleName) -> Option<&mut Rule> {
        self.pats.get_mut(pat)?.rules.iter_mut().find(|rule| rule.name() == name)
    }

    /// Does a rule for `to` speak to the practitioner at the organisation?
    pub fn speaks_to(&self, to: To, doc: Doc, org: Org, at: u64) -> bool {
        match to {
            To::Doc(other, place) => other == doc && place == org,
            To::Org(place) => place == org,
            To::Everyone => true,
            To::Attribute { org: place, speciality, role } => {
                let special = speciality.is_none_or(|code| self.docs[doc].speciality == code);
                let works = |code| self.acts(doc, org, at).is_some_and(|post| post.roles.contains(&code));
                place == org && special && role.is_none_or(works)
            }
        }
    }

    pub fn denies_request(&self, pat: Pat, doc: Doc, org: Org, asked: &Terms) -> bool {
        let rules = &self.pats[pat].rules;
        rules
            .iter()
            .any(|rule| rule.surely_denies(asked, self.now) && self.speaks_to(rule.terms.to, doc, org, self.now))
    }

    /// Is whom it speaks to in the register?
    fn is_registered(&self, to: To) -> bool {
        let org = |org: Org| self.orgs.get(org).is_some_and(|found| found.standing.is_some());
        let doc = |doc: Doc| self.docs.get(doc).is_some_and(|found| found.standing.is_some());
        match to {
            To::Doc(who, place) => doc(who) && org(place),
            To::Org(place) | To::Attribute { org: place, .. } => org(place),
            To::Everyone => true,
        }
    }

    /// The patient, or a guardian for them, makes a rule.
    pub(super) fn grant(&mut self, by: Key, pat: Pat, terms: &Terms, replaces: Option<RuleName>) -> Option<RuleName> {
        let now = self.now;
        let origin = match self.lasting(by)? {
            Who::Pat(caller) if caller == pat => Origin::Patient,
            _ => Origin::Guardian(self.acts_for(by, pat)?.0),
        };
        need(self.pats[pat].may_rule(now) && terms.is_sound() && terms.has_window(now))?;
        need(self.is_registered(terms.to))?;
        if let Origin::Guardian(_) = origin {
            let held = self.acts_for(by, pat)?.1;
            need(!terms.deny && subset(&held.excluded, &terms.none_of) && terms.until <= held.until)?;
        }
        let replaced = match replaces {
            Some(name) => Some(self.rule(pat, name)?.clone()),
            None => None,
        };
        if let (Origin::Guardian(_), Some(old)) = (origin, &replaced) {
            need(old.origin == origin)?;
        }
        let page = terms.to.page();
        let stays = |rule: &Rule| rule.name().0 != page || !rule.is_over(now);
        let goes = |rule: &Rule| replaced.as_ref().is_some_and(|old| old.id == rule.id);
        let patient = &mut self.pats[pat];
        let left = patient.rules.iter().filter(|rule| rule.name().0 == page && stays(rule) && !goes(rule)).count();
        need(left < 16)?;
        patient.rules.retain(|rule| stays(rule) && !goes(rule));
        let id = patient.next_rule;
        patient.next_rule += 1;
        let labelled_only = origin != Origin::Patient;
        let terms = terms.clone();
        patient.rules.push(Rule { id, terms, origin, labelled_only, used: 0, last_use: 0, parts: Vec::new() });
        if let Some(old) = replaced {
            patient.rules.retain(|rule| !old.parts.contains(&rule.name()));
        }
        Some((page, id))
    }

    pub(super) fn revoke(&mut self, by: Key, pat: Pat, rules: &[RuleName]) -> Option<()> {
        let pages: Vec<Page> = rules.iter().map(|(page, _)| *page).collect();
        self.withdraw(by, pat, &pages, |rule| rules.contains(&rule.name()))
    }

    pub(super) fn revoke_pages(&mut self, by: Key, pat: Pat, pages: &[Page]) -> Option<()> {
        self.withdraw(by, pat, pages, |rule| pages.contains(&rule.name().0))
    }

    fn withdraw(&mut self, by: Key, pat: Pat, pages: &[Page], names: impl Fn(&Rule) -> bool) -> Option<()> {
        let who = self.speaks(by)?;
        let mine = |page: &Page| match (who, *page) {
            (Who::Doc(caller), Page::Doc(doc, org)) => {
                caller == doc && self.is_active(org) && self.lasting(by).is_some()
            }
            (Who::Org(caller), Page::Org(org)) => caller == org && self.officer(by, PRIVACY).is_some(),
            _ => false,
        };
        let guardian = match who {
            Who::Pat(caller) if caller == pat => {
                self.lasting(by)?;
                None
            }
            Who::Pat(_) => {
                self.lasting(by)?;
                Some(self.acts_for(by, pat)?.0)
            }
            _ => {
                need(pages.iter().all(mine))?;
                None
            }
        };
        let may = |rule: &Rule| match (who, guardian) {
            (_, Some(guardian)) => rule.origin == Origin::Guardian(guardian),
            (Who::Pat(_), None) => true,
            _ => !rule.terms.deny,
        };
        let patient = self.pats.get_mut(pat)?;
        let (gone, stay): (Vec<Rule>, Vec<Rule>) = patient.rules.drain(..).partition(|rule| names(rule) && may(rule));
        let parts: Vec<RuleName> = gone.iter().flat_map(|rule| rule.parts.clone()).collect();
        patient.rules = stay;
        patient.rules.retain(|rule| !parts.contains(&rule.name()));
        need(!gone.is_empty())
    }

    pub(super) fn delegate(&mut self, by: Key, pat: Pat, parent: RuleName, terms: &Terms) -> Option<()> {
        let now = self.now;
        let rule = self.rule(pat, parent)?.clone();
        let sharing = Terms { actions: terms.actions | 1 << SHARE, ..terms.clone() };
        let denied = match (self.lasting(by)?, rule.terms.to) {
            (Who::Doc(caller), To::Doc(doc, org)) if caller == doc => {
                self.acts(doc, org, now)?;
                self.denies_request(pat, doc, org, &sharing)
            }
            (Who::Org(caller), To::Org(org)) if caller == org => {
                self.officer(by, PRIVACY)?;
                let hits = |rule: &Rule| matches!(rule.terms.to, To::Everyone) || rule.terms.to == To::Org(org);
                self.pats[pat].rules.iter().any(|rule| hits(rule) && rule.surely_denies(&sharing, now))
            }
            _ => return None,
        };
        let parted = matches!(rule.origin, Origin::Part(_));
        let shared = has(rule.terms.actions.into(), SHARE) && !rule.terms.no_redisclose && !rule.terms.deny;
        need(self.pats[pat].may_rule(now) && shared && !parted && rule.is_live(now, 0) && !denied)?;
        need(terms.is_sound() && terms.has_window(now) && self.is_registered(terms.to) && !terms.deny)?;
        let left = rule.terms.max_uses.map(|max| max - rule.used.min(max));
        let stays_there = !rule.terms.local_only || terms.to.org() == rule.terms.to.org();
        need(terms.is_part_of(&rule.terms, left) && stays_there)?;
        let page = terms.to.page();
        let kept = |rule: &&Rule| rule.name().0 == page && !rule.is_over(now);
        need(self.pats[pat].rules.iter().filter(kept).count() < 16)?;
        let matters = |name: &RuleName| self.rule(pat, *name).is_some_and(|part| !part.is_over(now));
        let parts: Vec<RuleName> = rule.parts.iter().copied().filter(matters).collect();
        need(parts.len() < 4)?;

        let patient = &mut self.pats[pat];
        patient.rules.retain(|rule| rule.name().0 != page || !rule.is_over(now));
        let id = patient.next_rule;
        patient.next_rule += 1;
        let (labelled_only, origin, terms) = (rule.labelled_only, Origin::Part(parent), terms.clone());
        let given = terms.max_uses.filter(|_| rule.terms.max_uses.is_some());
        patient.rules.push(Rule { id, terms, origin, labelled_only, used: 0, last_use: 0, parts: Vec::new() });
        let whole = self.rule_mut(pat, parent)?;
        whole.parts = parts;
        whole.parts.push((page, id));
        if let Some(given) = given {
            whole.used += given;
            whole.last_use = now;
        }
        Some(())
    }

    /// One opening or filing is one use of each rule it rests on.
    pub(super) fn use_rules(&mut self, pat: Pat, used: &[u32]) {
        let now = self.now;
        for rule in self.pats[pat].rules.iter_mut() {
            if used.contains(&rule.id) && rule.terms.max_uses.is_some() {
                (rule.used, rule.last_use) = (rule.used + 1, now);
            }
        }
    }
}
