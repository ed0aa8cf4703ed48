//! Emergencies and their reviews.

use super::{
    Model, No, Question, Receipt, Verdict,
    access::{Emergency, Entry},
    need, twice,
};
use crate::words::*;

const H72: u64 = 72 * HOUR;

impl Model {
    /// One record in an emergency: the decision, asked for emergency treatment, of which it overrides that no rule
    /// permits it, and for the summary that one denies it.
    pub(super) fn decide_emergency(&self, pat: Pat, doc: Doc, org: Org, full: bool, rec: Rec, at: u64) -> Verdict {
        let record = self.record(pat, rec);
        let question = Question { pat, doc, org, action: VIEW, purpose: ETREAT, at };
        let ordinary = self.decide(&question, record, &[]);
        if ordinary == Verdict::No(No::Standing) {
            return ordinary;
        }
        if self.orgs[org].caps & EMERGENCY == 0 {
            return Verdict::No(No::WithoutCapability);
        }
        if full && at < self.docs[doc].closed_until {
            return Verdict::No(No::FullClosed);
        }
        if !self.pats.get(pat).is_some_and(|patient| patient.has_defaults(at)) {
            return Verdict::No(No::Patient);
        }
        if !full && record.is_some_and(|record| record.kind != SUMMARY) {
            return Verdict::No(No::NotSummary);
        }
        match ordinary {
            Verdict::No(No::DenyRule(_)) if full => ordinary,
            Verdict::No(No::WithoutConsent | No::DenyRule(_)) => Verdict::Emergency { full },
            Verdict::No(_) => ordinary,
            _ => Verdict::Emergency { full },
        }
    }

    /// Is an emergency of the practitioner, or a late one of the organisation, overdue for its review?
    fn is_behind(&self, doc: Doc, org: Org) -> bool {
        self.orgs[org].late_holds > 0 || self.docs[doc].cases.iter().any(|(_, _, since)| self.now >= since + H72)
    }

    pub(super) fn emergency(
        &mut self,
        by: Key,
        pat: Pat,
        org: Org,
        full: bool,
        recs: &[Rec],
        along: &[Key],
    ) -> Option<()> {
        let now = self.now;
        let Who::Doc(doc) = self.speaks(by)? else { return None };
        self.acts(doc, org, now)?;
        need(self.orgs[org].caps & EMERGENCY != 0 && self.pats.get(pat)?.exists)?;
        need(!full || now >= self.docs[doc].closed_until)?;
        need(!recs.is_empty() && !twice(recs))?;
        need(along.iter().all(|officer| self.officer(*officer, 0) == Some(org)) && along.len() < 2)?;
        let behind = self.is_behind(doc, org);
        if full {
            let today = self.docs[doc].full.iter().filter(|at| **at / DAY == now / DAY).count();
            if behind {
                self.seen.push("full emergency refused while a review is overdue");
            }
            need(!behind && self.docs[doc].cases.len() < 16 && today < 10)?;
            self.docs[doc].full.push(now);
        } else {
            need(recs == [self.summary(pat)?])?;
            need(!along.is_empty() || !behind)?;
        }
        let entries = self.entries(pat, doc, org, full, recs, now);
        let emergency = Emergency { late: None, reviewed: false };
        let receipt = self.emergency_receipt((doc, org), (now, now + 4 * HOUR), entries, emergency, along);
        self.docs[doc].cases.push((pat, self.pats[pat].log.places.len() as u32, now));
        self.leave_emergency(pat, receipt);
        Some(())
    }

    fn entries(&self, pat: Pat, doc: Doc, org: Org, full: bool, recs: &[Rec], at: u64) -> Vec<Entry> {
        let entry = |rec: &Rec| Entry {
            rec: *rec,
            verdict: self.decide_emergency(pat, doc, org, full, *rec, at),
            served: Vec::new(),
        };
        recs.iter().map(entry).collect()
    }

    fn emergency_receipt(
        &self,
        (doc, org): (Doc, Org),
        (at, until): (u64, u64),
        entries: Vec<Entry>,
        emergency: Emergency,
        along: &[Key],
    ) -> Receipt {
        let involved = self.enrollers(doc, org).into_iter().chain(along.iter().copied()).collect();
        let (opener, emergency) = (Who::Doc(doc), Some(emergency));
        Receipt { opener, org, purpose: ETREAT, at, until, entries, emergency, dispute: None, involved }
    }

    /// Whoever enrolled the practitioner, in the register and at the organisation.
    fn enrollers(&self, doc: Doc, org: Org) -> Vec<Key> {
        let employed = self.docs[doc].posts.iter().find(|post| post.org == org).map(|post| post.enrolled_by);
        [self.docs[doc].enrolled_by].into_iter().chain(employed).collect()
    }

    /// An emergency of the time of a halt is written down, whatever it says, once.
    pub(super) fn late_emergency(
        &mut self,
        by: Key,
        pat: Pat,
        org: Org,
        (doc, rec, happened): (Doc, Rec, u64),
        opener: Key,
        officer: Key,
    ) -> Option<()> {
        let now = self.now;
        let who = self.speaks(by)?;
        need(who == Who::Doc(doc) || who == Who::Org(org))?;
        need(self.pats.get(pat)?.exists && happened <= now)?;
        let signed = |key: Key, whom: Who| {
            self.keys[key].whom == Some(whom) && self.keys[key].until.is_none_or(|until| happened < until)
        };
        need(signed(opener, Who::Doc(doc)) && signed(officer, Who::Org(org)))?;
        let evidence = (pat, org, doc, rec, happened);
        need(!self.anchored.contains(&evidence))?;
        self.anchored.push(evidence);
        let overdue = now >= happened + H72;
        let entries = self.entries(pat, doc, org, false, &[rec], happened);
        let emergency = Emergency { late: Some(overdue), reviewed: false };
        let receipt = self.emergency_receipt((doc, org), (now, now), entries, emergency, &[officer]);
        self.orgs[org].late_holds += u32::from(overdue);
        self.docs[doc].cases.push((pat, self.pats[pat].log.places.len() as u32, happened));
        self.leave_emergency(pat, receipt);
        Some(())
    }

    pub(super) fn review(&mut self, by: Key, pat: Pat, index: u32, finding: Finding) -> Option<()> {
        let now = self.now;
        let org = self.officer(by, REVIEWER)?;
        let receipt = self.pats.get(pat)?.log.receipt(index)?.clone();
        let pending = receipt.emergency.as_ref().is_some_and(|emergency| !emergency.reviewed);
        let disputed = receipt.dispute == Some(false);
        let of_dispute = match (org == receipt.org, pending, disputed) {
            (true, true, _) => false,
            (false, _, true) => true,
            // Of an organisation that is not Active nobody is left to review.
            (false, true, false) if !self.is_active(receipt.org) => false,
            _ => return None,
        };
        let enrolled = match receipt.opener {
            Who::Doc(doc) => self.enrollers(doc, receipt.org),
            _ => Vec::new(),
        };
        need(!receipt.involved.contains(&by) && !enrolled.contains(&by))?;
        if let Who::Doc(doc) = receipt.opener {
            if finding == Finding::Unjustified {
                self.docs[doc].closed_until = self.docs[doc].closed_until.max(now + 30 * DAY);
            }
            if !of_dispute {
                self.docs[doc].cases.retain(|case| (case.0, case.1) != (pat, index));
                let overdue = receipt.emergency.and_then(|emergency| emergency.late) == Some(true);
                self.orgs[receipt.org].late_holds -= u32::from(overdue);
            }
        }
        let log = &mut self.pats[pat].log;
        let kept = log.receipt_mut(index)?;
        match (of_dispute, &mut kept.emergency) {
            (true, _) => kept.dispute = Some(true),
            (false, Some(emergency)) => emergency.reviewed = true,
            (false, None) => return None,
        }
        log.push(None, now);
        Some(())
    }
}
