//! Asking, opening, reporting and objecting; and the log, which shows the patient who looked.

use super::{Model, Question, need, twice};
use crate::words::*;

/// Why a record is opened, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Rule(u32),
    Default,
    Guardian,
    Emergency { full: bool },
    No(No),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum No {
    Standing,
    Patient,
    Unknown,
    Error,
    Erased,
    DenyRule(u32),
    WithoutConsent,
    NotSummary,
    WithoutCapability,
    FullClosed,
    Excluded,
}

impl Verdict {
    pub fn is_permit(self) -> bool {
        !matches!(self, Self::No(_))
    }
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub rec: Rec,
    pub verdict: Verdict,
    /// Custodians that reported its release.
    pub served: Vec<Org>,
}

/// What an emergency says of itself.
#[derive(Clone, Debug)]
pub struct Emergency {
    /// Written down later: was that overdue?
    pub late: Option<bool>,
    pub reviewed: bool,
}

#[derive(Clone, Debug)]
pub struct Receipt {
    pub opener: Who,
    pub org: Org,
    pub purpose: u8,
    pub at: u64,
    pub until: u64,
    pub entries: Vec<Entry>,
    pub emergency: Option<Emergency>,
    /// Disputed, and reviewed?
    pub dispute: Option<bool>,
    /// Keys that do not review it.
    pub involved: Vec<Key>,
}

impl Receipt {
    /// The rules it made a use of.
    pub fn rules(&self) -> Vec<u32> {
        let rule = |entry: &Entry| match entry.verdict {
            Verdict::Rule(rule) => Some(rule),
            _ => None,
        };
        self.entries.iter().filter_map(rule).collect()
    }

    /// Does anything wait for a review?
    pub fn is_open(&self) -> bool {
        self.emergency.as_ref().is_some_and(|emergency| !emergency.reviewed) || self.dispute == Some(false)
    }

    /// Did it open anything in an emergency, and in full?
    fn tier(&self) -> Option<bool> {
        self.entries.iter().find_map(|entry| match entry.verdict {
            Verdict::Emergency { full } => Some(full),
            _ => None,
        })
    }
}

/// A patient's log: one place for each fact, a receipt at each that is an opening still kept.
#[derive(Clone, Default, Debug)]
pub struct Log {
    pub places: Vec<Option<Receipt>>,
    /// No receipt is kept below.
    pub first: usize,
}

impl Log {
    /// One fact more; it clears up to two old places away.
    pub fn push(&mut self, receipt: Option<Receipt>, now: u64) {
        for _ in 0..2 {
            let Some(place) = self.places.get_mut(self.first) else { break };
            let young = |receipt: &Receipt| now - receipt.at < 90 * DAY;
            if place.as_ref().is_some_and(|receipt| young(receipt) || receipt.is_open()) {
                break;
            }
            *place = None;
            self.first += 1;
        }
        self.places.push(receipt);
    }

    pub fn receipt(&self, index: u32) -> Option<&Receipt> {
        self.places.get(index as usize)?.as_ref()
    }

    pub fn receipt_mut(&mut self, index: u32) -> Option<&mut Receipt> {
        self.places.get_mut(index as usize)?.as_mut()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestState {
    Open,
    Approved,
    Refused,
    Withdrawn,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub doc: Doc,
    pub number: u32,
    pub org: Org,
    pub terms: Terms,
    pub at: u64,
    pub state: RequestState,
}

impl Request {
    pub fn is_open(&self, now: u64) -> bool {
        self.state == RequestState::Open && now < self.at + 14 * DAY
    }
}

impl Model {
    pub(super) fn request(&mut self, by: Key, pat: Pat, org: Org, terms: &Terms) -> Option<()> {
        let now = self.now;
        let Who::Doc(doc) = self.speaks(by)? else { return None };
        self.acts(doc, org, now)?;
        let patient = self.pats.get(pat)?;
        let waits = patient.frozen.is_some() || patient.recovery.is_some();
        let may = waits && patient.dead.is_none() && !patient.closed;
        need((may || patient.may_rule(now)) && terms.is_request() && terms.has_window(now))?;
        let last = patient.requests.iter().rfind(|request| request.doc == doc);
        need(last.is_none_or(|last| !last.is_open(now)) && !self.denies_request(pat, doc, org, terms))?;
        let number = last.map_or(0, |last| last.number + 1);
        let (terms, state) = (terms.clone(), RequestState::Open);
        self.pats[pat].requests.push(Request { doc, number, org, terms, at: now, state });
        Some(())
    }

    pub(super) fn respond(&mut self, by: Key, pat: Pat, doc: Doc, number: u32, answer: &Answer) -> Option<()> {
        let whom = self.lasting(by)?;
        let entitled = match answer {
            Answer::Withdraw => whom == Who::Doc(doc),
            Answer::Approve(_) | Answer::Refuse => whom == Who::Pat(pat) || self.acts_for(by, pat).is_some(),
        };
        let requests = &self.pats.get(pat)?.requests;
        // The last one of this practitioner is the only one that can be open.
        let place = requests.iter().rposition(|request| request.doc == doc)?;
        let request = requests[place].clone();
        need(entitled && request.number == number && request.is_open(self.now))?;
        let state = match answer {
            Answer::Approve(terms) => {
                let to = terms.to == To::Doc(doc, request.org) && !terms.deny;
                need(to && terms.is_part_of(&request.terms, None))?;
                self.grant(by, pat, terms, None)?;
                RequestState::Approved
            }
            Answer::Refuse => RequestState::Refused,
            // Whoever asked for a suspended organisation reports releases, and does nothing else for it.
            Answer::Withdraw => {
                need(self.is_active(request.org))?;
                RequestState::Withdrawn
            }
        };
        self.pats[pat].requests[place].state = state;
        Some(())
    }

    /// What an opener is told of each record at this moment, without opening it.
    fn verdict(&self, receipt: &Receipt, pat: Pat, rec: Rec, at: u64) -> Verdict {
        let record = self.record(pat, rec);
        match (receipt.opener, receipt.tier()) {
            (Who::Doc(doc), Some(full)) => self.decide_emergency(pat, doc, receipt.org, full, rec, at),
            (Who::Doc(doc), None) => {
                let (org, purpose) = (receipt.org, receipt.purpose);
                self.decide(&Question { pat, doc, org, action: VIEW, purpose, at }, record, &receipt.rules())
            }
            (Who::Pat(guardian), _) => self.decide_for_guardian(pat, guardian, receipt.org, record),
            (Who::Council | Who::Org(_), _) => Verdict::No(No::Standing),
        }
    }

    pub(super) fn open(&mut self, by: Key, pat: Pat, org: Org, purpose: u8, recs: &[Rec]) -> Option<()> {
        let now = self.now;
        let opener = self.speaks(by)?;
        need(self.pats.get(pat)?.exists)?;
        match opener {
            Who::Doc(doc) => {
                let suspended = self.orgs.get(org)?.standing == Some(Standing::Suspended);
                if suspended && self.docs[doc].posts.iter().any(|post| post.org == org) {
                    self.seen.push("opening at a suspended organisation");
                }
                self.acts(doc, org, now).map(|_| ())?;
            }
            Who::Pat(_) => {
                need(self.is_active(org) && purpose == FAMILY)?;
                self.acts_for(by, pat)?;
            }
            _ => return None,
        }
        need(!recs.is_empty() && !twice(recs))?;
        let day = self.day();
        let denied = self.pats[pat].denied.iter().position(|(who, on, _)| *who == opener && *on == day);
        let limit = denied.is_some_and(|place| self.pats[pat].denied[place].2 >= 5);
        if limit {
            self.seen.push("denied five times this day");
        }
        need(!limit)?;
        let mut receipt = Receipt {
            opener,
            org,
            purpose,
            at: now,
            until: now + 15 * MINUTE,
            entries: Vec::new(),
            emergency: None,
            dispute: None,
            involved: Vec::new(),
        };
        let entry = |rec: &Rec| Entry { rec: *rec, verdict: self.verdict(&receipt, pat, *rec, now), served: vec![] };
        receipt.entries = recs.iter().map(entry).collect();
        if !receipt.entries.iter().any(|entry| entry.verdict.is_permit()) {
            match denied {
                Some(place) => self.pats[pat].denied[place].2 += 1,
                None => self.pats[pat].denied.push((opener, day, 1)),
            }
        }
        self.use_rules(pat, &receipt.rules());
        self.note_openings(&receipt);
        self.pats[pat].log.push(Some(receipt), now);
        Some(())
    }

    fn note_openings(&mut self, receipt: &Receipt) {
        for entry in &receipt.entries {
            self.seen.push(match (entry.verdict, receipt.opener) {
                (Verdict::Rule(_), _) => "opened by a rule",
                (Verdict::Default, _) => "opened by default",
                (Verdict::Guardian, _) => "opened by a guardian",
                (Verdict::Emergency { full: true }, _) => "opened in full emergency",
                (Verdict::Emergency { full: false }, _) => "opened as emergency summary",
                (Verdict::No(No::DenyRule(_)), _) => "denied by a rule",
                (Verdict::No(No::WithoutConsent), _) => "denied without consent",
                (Verdict::No(No::Erased), _) => "denied as erased",
                (Verdict::No(No::Error), _) => "denied as an error",
                (Verdict::No(No::Patient), _) => "denied for the patient's state",
                (Verdict::No(No::Excluded), _) => "denied as excluded from guardians",
                (Verdict::No(_), _) => "denied otherwise",
            });
        }
    }

    pub(super) fn leave_emergency(&mut self, pat: Pat, receipt: Receipt) {
        self.note_openings(&receipt);
        let now = self.now;
        self.pats[pat].log.push(Some(receipt), now);
    }

    /// May an entry of a receipt be released at `at`, if nothing happens until then; and on what does that rest?
    pub fn releasable(&self, pat: Pat, receipt: &Receipt, entry: &Entry, at: u64) -> Option<Verdict> {
        let verdict = self.verdict(receipt, pat, entry.rec, at);
        (entry.verdict.is_permit() && at < receipt.until && verdict.is_permit()).then_some(verdict)
    }

    /// Moments at which a receipt may stop to release, if nothing happens until then, and those just before.
    pub fn last_moments(&self, pat: Pat, receipt: &Receipt) -> Vec<u64> {
        // Who is a guardian later, the model does not know before.
        let Who::Doc(doc) = receipt.opener else { return vec![receipt.until] };
        let doctor = &self.docs[doc];
        let rules = self.pats[pat].rules.iter().flat_map(|rule| [rule.terms.from, rule.terms.until]);
        let posts = doctor.posts.iter().map(|post| post.until);
        let ends = rules.chain(posts).chain([doctor.licence_until, doctor.closed_until, receipt.until]);
        let near = ends.filter(|end| self.now < *end && *end <= receipt.until);
        near.flat_map(|end| [end - 1, end]).collect()
    }

    pub(super) fn serve(&mut self, by: Key, pat: Pat, index: u32, entries: u64) -> Option<()> {
        let (now, org) = (self.now, self.employer(by, GATEWAY)?);
        need(self.orgs[org].standing != Some(Standing::Gone))?;
        let receipt = self.pats.get(pat)?.log.receipt(index)?.clone();
        need(entries != 0 && entries >> receipt.entries.len() == 0)?;
        let named = |place: usize| entries >> place & 1 == 1;
        for (_, entry) in receipt.entries.iter().enumerate().filter(|(place, _)| named(*place)) {
            need(self.record(pat, entry.rec)?.was_kept_by(org, receipt.at) && !entry.served.contains(&org))?;
        }
        let at = now.min(receipt.until - 1);
        let mut flagged = 0;
        for (place, entry) in receipt.entries.iter().enumerate().filter(|(place, _)| named(*place)) {
            let permitted = entry.verdict.is_permit() && self.verdict(&receipt, pat, entry.rec, at).is_permit();
            flagged |= u64::from(!permitted) << place;
            if !permitted && entry.verdict.is_permit() {
                self.seen.push("released after a revocation");
            }
        }
        let late = now >= receipt.until;
        // Who was a guardian at a moment that is past, the model does not know.
        let past = late && matches!(receipt.opener, Who::Pat(_));
        self.flags = Some((late, (!past).then_some(flagged)));
        let log = &mut self.pats[pat].log;
        for (place, entry) in log.receipt_mut(index)?.entries.iter_mut().enumerate() {
            if named(place) {
                entry.served.push(org);
            }
        }
        log.push(None, now);
        if matches!(receipt.opener, Who::Doc(_)) {
            self.earn(org, receipt.org, pat, (entries & !flagged).count_ones());
        }
        Some(())
    }

    pub(super) fn dispute(&mut self, by: Key, pat: Pat, index: u32) -> Option<()> {
        let now = self.now;
        let Who::Pat(caller) = self.lasting(by)? else { return None };
        need(caller == pat || self.guarded(by, pat).is_some())?;
        let log = &mut self.pats.get_mut(pat)?.log;
        let open = log.places.iter().flatten().filter(|receipt| receipt.dispute == Some(false)).count();
        let receipt = log.receipt_mut(index)?;
        need(now - receipt.at <= 90 * DAY && receipt.dispute.is_none() && open < 20)?;
        receipt.dispute = Some(false);
        log.push(None, now);
        Some(())
    }
}
