//! Records: filing, labels, errors, holds, erasure and custody.

use super::{Model, Question, Verdict, need, twice};
use crate::words::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Current,
    Superseded,
    Error,
    Erased,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Erasure {
    Requested,
    Refused,
    /// Who still owes an attestation.
    Ordered(Vec<Org>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub id: Rec,
    pub version: u32,
    pub prev: Option<Rec>,
    pub kind: u8,
    pub tags: Vec<Tag>,
    pub labelled: bool,
    pub restricted: bool,
    pub author: Who,
    pub org: Org,
    pub custodian: Org,
    pub second: Option<Org>,
    pub status: Status,
    pub hold: bool,
    pub erasure: Option<Erasure>,
    /// Who kept it before: who, as the second custodian, until when.
    pub formers: Vec<(Org, bool, u64)>,
}

impl Record {
    pub fn custodians(&self) -> Vec<Org> {
        [self.custodian].into_iter().chain(self.second).collect()
    }

    /// Did, or does, the organisation keep it: when it was opened, or now?
    pub fn was_kept_by(&self, org: Org, opened: u64) -> bool {
        let then = |second: bool| self.formers.iter().find(|former| former.1 == second && opened <= former.2);
        let first = then(false).map_or(self.custodian, |former| former.0);
        let other = then(true).map(|former| former.0).or(self.second);
        first == org || other == Some(org) || self.custodians().contains(&org)
    }

    fn is_readable(&self) -> bool {
        matches!(self.status, Status::Current | Status::Superseded)
    }
}

fn are_sound(labels: &Labels) -> bool {
    !twice(&labels.tags) && (labels.labelled || labels.restricted)
}

impl Model {
    pub fn record(&self, pat: Pat, rec: Rec) -> Option<&Record> {
        self.pats.get(pat)?.records.iter().find(|record| record.id == rec)
    }

    fn record_mut(&mut self, pat: Pat, rec: Rec) -> Option<&mut Record> {
        self.pats.get_mut(pat)?.records.iter_mut().find(|record| record.id == rec)
    }

    /// The patient's emergency summary.
    pub fn summary(&self, pat: Pat) -> Option<Rec> {
        let records = &self.pats.get(pat)?.records;
        let is = |record: &&Record| record.kind == SUMMARY && record.status == Status::Current;
        records.iter().find(is).map(|record| record.id)
    }

    /// The patient in person, who may decide about records.
    fn by_patient(&self, by: Key, pat: Pat) -> Option<()> {
        let patient = self.pats.get(pat)?;
        need(self.lasting(by)? == Who::Pat(pat) && patient.provisional.is_none() && patient.may_rule(self.now))
    }

    pub(super) fn put(&mut self, by: Key, filing: &Filing) -> Option<()> {
        let Filing { pat, org, rec, prev, kind, labels, custodian, second, gateways } = filing.clone();
        let (now, author) = (self.now, self.lasting(by)?);
        match author {
            Who::Doc(doc) => need(self.acts(doc, org, now).is_some())?,
            Who::Pat(_) => self.by_patient(by, pat)?,
            _ => return None,
        }
        let prev = match prev {
            Some(prev) => Some(self.record(pat, prev)?.clone()),
            None => None,
        };
        need(prev.as_ref().is_none_or(|prev| prev.status == Status::Current && prev.kind == kind))?;
        need(are_sound(&labels) && self.record(pat, rec).is_none())?;
        let Labels { mut tags, mut labelled, mut restricted } = labels;
        let mut version = 1;
        if let Some(prev) = &prev {
            tags.extend(prev.tags.iter().filter(|tag| !filing.labels.tags.contains(tag)));
            labelled &= prev.labelled;
            restricted |= prev.restricted;
            version = prev.version + 1;
        }
        need(tags.len() <= 8)?;
        let record = Record {
            id: rec,
            version,
            prev: filing.prev,
            kind,
            tags,
            labelled,
            restricted,
            author,
            org,
            custodian,
            second,
            status: Status::Current,
            hold: false,
            erasure: None,
            formers: Vec::new(),
        };
        let mut used = Vec::new();
        match author {
            Who::Doc(doc) => {
                let action = if prev.is_some() { AMEND } else { ADD };
                let question = Question { pat, doc, org, action, purpose: TREAT, at: now };
                // What is amended stands under its own id, and so does what takes its place.
                let will_be = Record { id: filing.prev.unwrap_or(rec), ..record.clone() };
                for view in prev.iter().chain([&will_be]) {
                    match self.decide(&question, Some(view), &[]) {
                        Verdict::Rule(rule) => used.push(rule),
                        Verdict::Default => {}
                        _ => return None,
                    }
                }
            }
            _ => need(prev.as_ref().is_none_or(|prev| prev.author == author) && org == custodian)?,
        }
        need(self.pats[pat].may_be_filed_for(now))?;
        need(kind != SUMMARY || prev.is_some() || self.summary(pat).is_none())?;
        let custodians = record.custodians();
        need(!twice(&custodians) && custodians.iter().all(|org| self.is_custodian(*org)))?;
        need(gateways.len() == custodians.len())?;
        need(gateways.iter().zip(&custodians).all(|(key, org)| self.officer(*key, GATEWAY) == Some(*org)))?;

        self.use_rules(pat, &used);
        if let Some(prev) = filing.prev {
            self.record_mut(pat, prev)?.status = Status::Superseded;
        }
        self.pats[pat].records.push(record);
        Some(())
    }

    pub(super) fn mark(&mut self, by: Key, pat: Pat, rec: Rec, to: Mark, basis: u8) -> Option<()> {
        let record = self.record(pat, rec)?.clone();
        self.lasting(by)?;
        let custodian = self.officer(by, PRIVACY) == Some(record.custodian);
        let author = self.speaks(by)? == record.author
            && match record.author {
                Who::Doc(doc) => self.acts(doc, record.org, self.now).is_some(),
                Who::Pat(pat) => self.pats[pat].may_rule(self.now),
                _ => false,
            };
        let answers = custodian && record.erasure == Some(Erasure::Requested) && basis != 0;
        let allowed = match to {
            Mark::Error => (custodian || author) && record.is_readable() && !record.hold,
            Mark::Hold => (custodian || author) && record.status != Status::Erased && !record.hold,
            Mark::LiftHold => custodian && record.hold,
            Mark::RequestErase => {
                let asked = record.erasure == Some(Erasure::Requested);
                self.by_patient(by, pat).is_some() && record.status != Status::Erased && !asked
            }
            Mark::Erase => answers && !record.hold,
            Mark::RefuseErase => answers,
        };
        need(allowed)?;
        let record = self.record_mut(pat, rec)?;
        match to {
            Mark::Error => record.status = Status::Error,
            Mark::Hold => record.hold = true,
            Mark::LiftHold => record.hold = false,
            Mark::RequestErase => record.erasure = Some(Erasure::Requested),
            Mark::RefuseErase => record.erasure = Some(Erasure::Refused),
            Mark::Erase => {
                record.status = Status::Erased;
                record.erasure = Some(Erasure::Ordered(record.custodians()));
            }
        }
        Some(())
    }

    pub(super) fn relabel(&mut self, by: Key, pat: Pat, rec: Rec, labels: &Labels) -> Option<()> {
        self.by_patient(by, pat)?;
        let record = self.record_mut(pat, rec)?;
        need(record.is_readable() && are_sound(labels))?;
        record.tags = labels.tags.clone();
        (record.labelled, record.restricted) = (labels.labelled, labels.restricted);
        Some(())
    }

    pub(super) fn shred(&mut self, by: Key, pat: Pat, rec: Rec, epoch: u32) -> Option<()> {
        let org = self.officer(by, GATEWAY)?;
        let record = self.record_mut(pat, rec)?;
        let Some(Erasure::Ordered(open)) = &mut record.erasure else { return None };
        need(open.contains(&org) && epoch == 1)?;
        open.retain(|owing| *owing != org);
        if open.is_empty() {
            record.erasure = None;
        }
        Some(())
    }

    pub(super) fn hand_over(&mut self, by: Key, records: &[(Pat, Rec)], to: Org, along: &[Key]) -> Option<()> {
        let giver = match along {
            [] => {
                need(self.officer(by, GATEWAY)? == to)?;
                None
            }
            [taker] => {
                let giver = self.officer(by, PRIVACY)?;
                need(giver != to && self.officer(*taker, GATEWAY) == Some(to))?;
                Some(giver)
            }
            _ => return None,
        };
        need(self.is_custodian(to) && !records.is_empty() && !twice(records))?;
        let gives = |org: Org| match giver {
            Some(giver) => org == giver,
            None => self.orgs[org].successor == Some(to),
        };
        let mut after = Vec::new();
        for (pat, rec) in records {
            let mut record = self.record(*pat, *rec)?.clone();
            need(record.status != Status::Erased)?;
            let before = record.clone();
            if gives(record.custodian) {
                record.custodian = to;
            } else {
                need(record.second.is_some_and(&gives))?;
                record.second = Some(to);
            }
            // Who had the other place keeps it alone.
            record.second = record.second.filter(|second| *second != record.custodian);
            if before.custodian != record.custodian {
                record.formers.push((before.custodian, false, self.now));
            }
            if let Some(second) = before.second.filter(|second| record.second != Some(*second)) {
                record.formers.push((second, true, self.now));
            }
            let recent = |former: &&(Org, bool, u64)| self.now < former.2 + 90 * DAY;
            need(record.formers.iter().filter(recent).count() <= 8)?;
            after.push((*pat, record));
        }
        for (pat, record) in after {
            let id = record.id;
            *self.record_mut(pat, id)? = record;
        }
        Some(())
    }
}
