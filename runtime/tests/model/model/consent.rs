//! The decision: may this practitioner, for this organisation, do this with this record, for this purpose, then?

use super::{Model, No, Record, Status, Verdict, has};
use crate::words::*;

#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub pat: Pat,
    pub doc: Doc,
    pub org: Org,
    pub action: u8,
    pub purpose: u8,
    pub at: u64,
}

impl Model {
    /// One record, or an id under which the patient has none. One use of each rule of `uncounted` does not count.
    pub fn decide(&self, question: &Question, record: Option<&Record>, uncounted: &[u32]) -> Verdict {
        let Question { pat, doc, org, action, purpose, at } = *question;
        if self.acts(doc, org, at).is_none() {
            return Verdict::No(No::Standing);
        }
        if !self.pats.get(pat).is_some_and(|patient| patient.has_care(at)) {
            return Verdict::No(No::Patient);
        }
        let Some(record) = record else { return Verdict::No(No::Unknown) };
        if let Some(no) = unservable(record) {
            return Verdict::No(no);
        }
        let (mut denies, mut permits) = (Vec::new(), Vec::new());
        for rule in &self.pats[pat].rules {
            let asked = has(rule.terms.purposes, purpose) && has(rule.terms.actions.into(), action);
            let live = rule.is_live(at, u32::from(uncounted.contains(&rule.id)));
            if asked && live && self.speaks_to(rule.terms.to, doc, org, at) && rule.sees(record) {
                if rule.terms.deny { &mut denies } else { &mut permits }.push(rule.id);
            }
        }
        if let Some(oldest) = denies.into_iter().min() {
            return Verdict::No(No::DenyRule(oldest));
        }
        if let Some(oldest) = permits.into_iter().min() {
            return Verdict::Rule(oldest);
        }
        let treats = self.custodians_treat && purpose == TREAT && action != SHARE;
        if treats && record.custodian == org && !record.restricted && self.pats[pat].has_defaults(at) {
            return Verdict::Default;
        }
        Verdict::No(No::WithoutConsent)
    }

    /// The same for a guardian who views for the family, through the gateway of an organisation.
    pub fn decide_for_guardian(&self, pat: Pat, guardian: Pat, org: Org, record: Option<&Record>) -> Verdict {
        let acts = self.stands_for(guardian, pat).map(|held| &held.terms).filter(|terms| terms.act);
        let (true, Some(terms)) = (self.is_active(org), acts) else { return Verdict::No(No::Standing) };
        let Some(record) = record else { return Verdict::No(No::Unknown) };
        if let Some(no) = unservable(record) {
            return Verdict::No(no);
        }
        let denies = self.pats[pat].rules.iter().filter(|rule| {
            rule.terms.deny
                && rule.terms.to == To::Everyone
                && has(rule.terms.purposes, FAMILY)
                && has(rule.terms.actions.into(), VIEW)
                && rule.is_live(self.now, 0)
                && rule.sees(record)
        });
        match denies.map(|rule| rule.id).min() {
            Some(oldest) => Verdict::No(No::DenyRule(oldest)),
            None if !record.labelled || record.tags.iter().any(|tag| terms.excluded.contains(tag)) => {
                Verdict::No(No::Excluded)
            }
            None => Verdict::Guardian,
        }
    }
}

fn unservable(record: &Record) -> Option<No> {
    match record.status {
        Status::Current | Status::Superseded => None,
        Status::Error => Some(No::Error),
        Status::Erased => Some(No::Erased),
    }
}
