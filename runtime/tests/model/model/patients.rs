//! Patients: invitations, states, guardians and recovery. Each thing ends, or takes effect, at its own moment.

use super::{Model, Price, Record, Request, Rule, Weights, access::Log, need, twice};
use crate::words::*;

const H72: u64 = 72 * HOUR;
const FORTNIGHT: u64 = 14 * DAY;
const MONTH: u64 = 30 * DAY;

#[derive(Clone, Debug)]
pub struct Invite {
    pub key: Key,
    pub org: Org,
    pub at: u64,
    pub until: u64,
    pub provisional: bool,
    pub spent: bool,
}

/// Guardians as they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub terms: Guards,
    /// When the patient vetoed a recovery by these.
    pub vetoed: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Recovery {
    pub key: Key,
    /// The two organisations whose Registrars recover; none for guardians.
    pub registrars: Option<(Org, Org)>,
    pub ripe: u64,
    pub vetoable: bool,
}

#[derive(Clone, Default, Debug)]
pub struct Patient {
    pub exists: bool,
    pub assurance: u8,
    pub inviting: Org,
    /// Until when a patient who was registered for by others lasts.
    pub provisional: Option<u64>,
    /// The key such a patient was registered with.
    pub held_key: Option<Key>,
    /// Until when, and whether by a guardian.
    pub frozen: Option<(u64, bool)>,
    pub own_freeze: Option<u64>,
    pub guardians_freeze: Option<u64>,
    pub thaws: Vec<Pat>,
    pub recovery: Option<Recovery>,
    pub dead: Option<u64>,
    pub closed: bool,
    pub guardians: Option<Held>,
    /// Guardians there will be, or none, and from when.
    pub change: Option<(Option<Guards>, u64)>,
    /// Who approved which key of a recovery, and when.
    pub approvals: Vec<(Pat, Key, u64)>,
    pub records: Vec<Record>,
    pub rules: Vec<Rule>,
    pub next_rule: u32,
    pub log: Log,
    pub requests: Vec<Request>,
    /// Openings that were denied: whose, on which day, how many.
    pub denied: Vec<(Who, u64, u8)>,
    pub weights: Weights,
}

impl Patient {
    /// May nothing of keys and guardians change?
    pub fn is_locked(&self) -> bool {
        self.closed || self.dead.is_some() || self.recovery.is_some() || self.frozen.is_some()
    }

    pub fn is_active(&self) -> bool {
        self.exists && !self.is_locked() && self.provisional.is_none()
    }

    /// May others appoint guardians?
    fn is_appointable(&self, now: u64) -> bool {
        self.exists && !self.is_locked() && self.provisional.is_none_or(|until| now < until)
    }

    /// Does a dropped key speak on for 72 hours?
    pub fn is_guarded(&self) -> bool {
        self.guardians.is_some() || self.change.is_some()
    }

    pub fn stands_in(&self) -> bool {
        self.is_active() && self.assurance > 0
    }

    /// Do the patient's rules go on?
    pub fn has_care(&self, at: u64) -> bool {
        self.exists && !self.closed && self.provisional.is_none_or(|until| at < until)
    }

    /// May access rest on anything but a rule?
    pub fn has_defaults(&self, at: u64) -> bool {
        self.has_care(at) && self.dead.is_none_or(|declared| at < declared + H72)
    }

    pub fn may_rule(&self, now: u64) -> bool {
        self.exists && !self.is_locked() && self.provisional.is_none_or(|until| now < until)
    }

    pub fn may_be_filed_for(&self, now: u64) -> bool {
        self.has_care(now) && (self.assurance > 0 || self.provisional.is_some())
    }

    fn appoint(&mut self, terms: Option<Guards>) {
        self.guardians = terms.map(|terms| Held { terms, vetoed: None });
        self.approvals.clear();
        self.thaws.clear();
    }

    fn rested(&self, last: Option<u64>, now: u64) -> bool {
        last.is_none_or(|last| last + MONTH <= now)
    }

    /// The first moment at which something of this patient runs out or takes effect.
    fn next_event(&self, drops: impl Iterator<Item = u64>) -> Option<u64> {
        let change = self.change.as_ref().filter(|_| !self.is_locked()).map(|(_, from)| *from);
        let lapse = self.recovery.as_ref().map(|recovery| recovery.ripe + FORTNIGHT);
        let ends = [self.frozen.map(|(until, _)| until), lapse, self.guardians.as_ref().map(|held| held.terms.until)];
        ends.into_iter().chain([change]).flatten().chain(drops).min()
    }
}

impl Model {
    /// Let happen to a patient, one after the other, what is due until now.
    pub(super) fn pass(&mut self, pat: Pat) {
        loop {
            let patient = &self.pats[pat];
            let drops = self.keys.iter().filter(|key| key.whom == Some(Who::Pat(pat)) && !key.ended);
            let Some(at) = patient.next_event(drops.filter_map(|key| key.going)).filter(|at| *at <= self.now) else {
                return;
            };
            for key in &mut self.keys {
                let come = key.whom == Some(Who::Pat(pat)) && key.going.is_some_and(|going| going <= at);
                key.ended |= come;
            }
            let patient = &mut self.pats[pat];
            patient.frozen = patient.frozen.filter(|(until, _)| at < *until);
            patient.recovery = patient.recovery.take().filter(|recovery| at < recovery.ripe + FORTNIGHT);
            if !patient.is_locked() && patient.change.as_ref().is_some_and(|(_, from)| *from <= at) {
                let terms = patient.change.take().and_then(|(terms, _)| terms);
                patient.appoint(terms);
            }
            patient.guardians = patient.guardians.take().filter(|held| at < held.terms.until);
        }
    }

    /// The guardian who speaks by this key, and the guardianship.
    pub fn guarded(&self, key: Key, pat: Pat) -> Option<(Pat, &Held)> {
        let Some(Who::Pat(guardian)) = self.speaks(key) else { return None };
        self.stands_for(guardian, pat).map(|held| (guardian, held))
    }

    /// The guardianship in which `guardian` stands for the patient, while either's state allows it.
    pub fn stands_for(&self, guardian: Pat, pat: Pat) -> Option<&Held> {
        let patient = self.pats.get(pat)?;
        let held = patient.guardians.as_ref()?;
        let stood_in_for = patient.exists
            && !patient.closed
            && patient.dead.is_none()
            && patient.provisional.is_none_or(|until| self.now < until);
        let stands = held.terms.who.contains(&guardian) && self.pats[guardian].stands_in() && stood_in_for;
        stands.then_some(held)
    }

    /// As [`Model::guarded`], with the power to act.
    pub fn acts_for(&self, key: Key, pat: Pat) -> Option<(Pat, &Guards)> {
        let (guardian, held) = self.guarded(key, pat)?;
        held.terms.act.then_some((guardian, &held.terms))
    }

    pub(super) fn invite(&mut self, by: Key, key: Key, until: u64, provisional: bool) -> Option<()> {
        let org = self.officer(by, REGISTRAR)?;
        need(self.now < until && until <= self.now + MONTH)?;
        need(self.is_new(key) && !self.invites.iter().any(|invite| invite.key == key))?;
        // Two that are older than 30 days are forgotten.
        for _ in 0..2 {
            let oldest = self.invites.iter().position(|invite| invite.org == org);
            let Some(oldest) = oldest.filter(|place| self.invites[*place].at + MONTH <= self.now) else { break };
            self.invites.remove(oldest);
        }
        self.invites.push(Invite { key, org, at: self.now, until, provisional, spent: false });
        Some(())
    }

    pub(super) fn register(&mut self, by: Key, pat: Pat, invite: Key, possession_of: Key, price: Price) -> Option<()> {
        let place = self.invites.iter().position(|found| found.key == invite)?;
        let Invite { org, until, provisional, spent, .. } = self.invites[place].clone();
        need(!spent && self.now < until && self.is_active(org) && !self.pats[pat].exists)?;
        need(self.is_new(by) && by != invite && !self.invites.iter().any(|found| found.key == by))?;
        need(possession_of == invite && self.affords(Who::Org(org), price))?;
        self.invites[place].spent = true;
        self.charge(Who::Org(org), price.weight);
        self.bind(by, Who::Pat(pat), 0, None);
        let patient = &mut self.pats[pat];
        (patient.exists, patient.inviting) = (true, org);
        if provisional {
            (patient.provisional, patient.held_key) = (Some(self.now + MONTH), Some(by));
        }
        Some(())
    }

    pub(super) fn confirm(&mut self, by: Key, pat: Pat, level: u8) -> Option<()> {
        let org = self.officer(by, REGISTRAR)?;
        let patient = self.pats.get(pat)?;
        need(patient.exists && patient.inviting == org && (level == 1 || level == 2) && level > patient.assurance)?;
        need(!patient.closed && patient.dead.is_none() && patient.recovery.is_none())?;
        need(patient.held_key.is_none_or(|key| self.speaks(key).is_none()))?;
        let patient = &mut self.pats[pat];
        (patient.assurance, patient.provisional, patient.held_key) = (level, None, None);
        Some(())
    }

    pub(super) fn set_guardians(&mut self, by: Key, pat: Pat, terms: &Guards, along: &[Key]) -> Option<()> {
        let now = self.now;
        let patient = self.pats.get(pat)?;
        let incapacity = match self.speaks(by)? {
            Who::Pat(caller) => {
                need(caller == pat && self.lasting(by).is_some() && along.is_empty() && patient.is_active())?;
                false
            }
            Who::Org(_) => {
                let [other] = along else { return None };
                let one_of = |key| self.officer(key, REGISTRAR).or(self.officer(key, PRIVACY));
                let (here, there) = (one_of(by)?, one_of(*other)?);
                let has = |key, role| self.officer(key, role).is_some();
                need(patient.is_appointable(now))?;
                if here == there {
                    let split =
                        has(by, REGISTRAR) && has(*other, PRIVACY) || has(by, PRIVACY) && has(*other, REGISTRAR);
                    need(by != *other && split && here == patient.inviting && patient.assurance == 0)?;
                    false
                } else {
                    need(has(by, REGISTRAR) && has(*other, REGISTRAR))?;
                    true
                }
            }
            _ => return None,
        };
        let fit = |guardian: &Pat| *guardian != pat && self.pats.get(*guardian).is_some_and(Patient::stands_in);
        need(!terms.who.is_empty() && !twice(&terms.who) && terms.who.iter().all(fit))?;
        need((1..=terms.who.len()).contains(&usize::from(terms.threshold)))?;
        need((terms.recover || terms.act) && !twice(&terms.excluded))?;
        let delay = match (incapacity, &patient.guardians) {
            (true, _) => FORTNIGHT,
            (false, Some(_)) => H72,
            (false, None) => 0,
        };
        need(now + delay < terms.until && terms.until <= now + 2 * YEAR && patient.change.is_none())?;
        match delay {
            0 => self.pats[pat].appoint(Some(terms.clone())),
            _ => self.pats[pat].change = Some((Some(terms.clone()), now + delay)),
        }
        Some(())
    }

    pub(super) fn end_guardians(&mut self, by: Key, pat: Pat) -> Option<()> {
        need(self.lasting(by)? == Who::Pat(pat))?;
        let patient = &mut self.pats[pat];
        need(patient.is_active() && patient.guardians.is_some() && patient.change.is_none())?;
        patient.change = Some((None, self.now + H72));
        Some(())
    }

    pub(super) fn keep_guardians(&mut self, by: Key, pat: Pat) -> Option<()> {
        need(self.speaks(by)? == Who::Pat(pat))?;
        self.pats[pat].change.take().map(|_| ())
    }

    pub(super) fn recover(&mut self, by: Key, pat: Pat, key: Key, along: &[Key]) -> Option<()> {
        let now = self.now;
        let fresh = self.is_new(key) && !self.invites.iter().any(|invite| invite.key == key);
        let patient = self.pats.get(pat)?;
        let open = patient.exists && !patient.closed && patient.dead.is_none() && patient.provisional.is_none();
        if let Who::Org(_) = self.speaks(by)? {
            let first = self.officer(by, REGISTRAR)?;
            let [one, other] = along else { return None };
            let registrar = if *one == key { *other } else { *one };
            let second = self.officer(registrar, REGISTRAR)?;
            need(along.contains(&key) && first != second && open && patient.recovery.is_none() && fresh)?;
            let registrars = Some((first, second));
            self.begin_recovery(pat, Recovery { key, registrars, ripe: now + FORTNIGHT, vetoable: true });
            return Some(());
        }
        self.lasting(by)?;
        let (guardian, held) = self.guarded(by, pat)?;
        let Held { terms, vetoed } = held.clone();
        let overtakes = patient.recovery.as_ref().is_none_or(|recovery| recovery.registrars.is_some());
        need(terms.recover && open && overtakes && fresh && along == [key])?;
        let counts = |(_, _, at): &(Pat, Key, u64)| now < at + FORTNIGHT;
        let same = |approval: &(Pat, Key, u64)| approval.0 == guardian && approval.1 == key && counts(approval);
        need(!patient.approvals.iter().any(same))?;
        let vetoable = patient.rested(vetoed, now);
        let approvals = &mut self.pats[pat].approvals;
        approvals.retain(|approval| approval.0 != guardian && counts(approval));
        approvals.push((guardian, key, now));
        let approvals = &self.pats[pat].approvals;
        let agreed = approvals.iter().filter(|(who, seen, _)| *seen == key && self.pats[*who].stands_in()).count();
        if agreed >= usize::from(terms.threshold) {
            self.begin_recovery(pat, Recovery { key, registrars: None, ripe: now + H72, vetoable });
        }
        Some(())
    }

    fn begin_recovery(&mut self, pat: Pat, recovery: Recovery) {
        let patient = &mut self.pats[pat];
        patient.approvals.clear();
        let freeze = patient.frozen.map_or(0, |(until, _)| until);
        let until = freeze.max(recovery.ripe + FORTNIGHT);
        patient.recovery = Some(recovery);
        self.lock(pat, until);
    }

    /// Keys are locked until then: drops that wait come no earlier, and 72 hours from now at the latest otherwise.
    fn lock(&mut self, pat: Pat, until: u64) {
        let latest = until.max(self.now + H72);
        for key in self.keys.iter_mut().filter(|key| key.whom == Some(Who::Pat(pat)) && !key.ended) {
            key.going = key.going.map(|going| going.max(until).min(latest));
        }
    }

    /// What locked the keys is over before its time: only a freeze may go on.
    fn unlock(&mut self, pat: Pat) {
        let until = self.pats[pat].frozen.map_or(self.now, |(until, _)| until);
        self.lock(pat, until);
    }

    pub(super) fn finish_recovery(&mut self, by: Key, pat: Pat) -> Option<()> {
        let recovery = self.pats.get(pat)?.recovery.clone()?;
        match (self.speaks(by)?, recovery.registrars) {
            (Who::Org(_), Some((first, second))) => {
                let org = self.officer(by, REGISTRAR)?;
                need(org == first || org == second)?;
            }
            (Who::Pat(_), None) => {
                self.lasting(by)?;
                need(self.guarded(by, pat)?.1.terms.recover)?;
            }
            _ => return None,
        }
        need(recovery.ripe <= self.now)?;
        // The key may have come to speak for somebody while the delay ran.
        need(self.is_new(recovery.key))?;
        for key in self.keys_of(Who::Pat(pat)) {
            self.end_key(key);
        }
        self.bind(recovery.key, Who::Pat(pat), 0, None);
        let patient = &mut self.pats[pat];
        (patient.recovery, patient.frozen, patient.change) = (None, None, None);
        patient.approvals.clear();
        patient.thaws.clear();
        if let Some(held) = &mut patient.guardians {
            held.vetoed = None;
        }
        Some(())
    }

    pub(super) fn veto(&mut self, by: Key, pat: Pat) -> Option<()> {
        need(self.speaks(by)? == Who::Pat(pat))?;
        let now = self.now;
        let patient = &mut self.pats[pat];
        let recovery = patient.recovery.as_ref()?;
        if !recovery.vetoable {
            self.seen.push("second recovery cannot be vetoed");
        }
        need(recovery.vetoable && now < recovery.ripe)?;
        if let (None, Some(held)) = (recovery.registrars, &mut patient.guardians) {
            held.vetoed = Some(now);
        }
        patient.recovery = None;
        patient.approvals.clear();
        self.unlock(pat);
        Some(())
    }

    pub(super) fn change_patient(&mut self, by: Key, pat: Pat, to: PatientChange, along: &[Key]) -> Option<()> {
        let now = self.now;
        let own = self.lasting(by) == Some(Who::Pat(pat)) && along.is_empty();
        let guardian = self.lasting(by).and(self.guarded(by, pat)).filter(|_| along.is_empty());
        let guardian = guardian.map(|(guardian, held)| (guardian, usize::from(held.terms.threshold)));
        let two_registrars = matches!(along, [other] if self.officer(by, REGISTRAR).is_some_and(|first| {
            self.officer(*other, REGISTRAR).is_some_and(|second| first != second)
        }));
        let patient = self.pats.get_mut(pat)?;
        need(patient.exists)?;
        match to {
            PatientChange::Freeze if own => {
                need(patient.is_active() && patient.rested(patient.own_freeze, now))?;
                (patient.own_freeze, patient.frozen) = (Some(now), Some((now + FORTNIGHT, false)));
                patient.thaws.clear();
                self.lock(pat, now + FORTNIGHT);
            }
            PatientChange::Freeze => {
                guardian?;
                let only_frozen = patient.dead.is_none() && patient.recovery.is_none() && !patient.closed;
                let over = only_frozen && matches!(patient.frozen, Some((_, false)));
                need((patient.is_active() || over) && patient.rested(patient.guardians_freeze, now))?;
                (patient.guardians_freeze, patient.frozen) = (Some(now), Some((now + FORTNIGHT, true)));
                patient.thaws.clear();
                self.lock(pat, now + FORTNIGHT);
            }
            PatientChange::Thaw => {
                let (_, by_guardian) = patient.frozen?;
                need(!patient.closed && patient.dead.is_none() && patient.recovery.is_none())?;
                if by_guardian {
                    let (guardian, threshold) = guardian?;
                    need(!patient.thaws.contains(&guardian))?;
                    patient.thaws.push(guardian);
                    let thaws = self.pats[pat].thaws.clone();
                    if thaws.iter().filter(|guardian| self.pats[**guardian].stands_in()).count() < threshold {
                        return Some(());
                    }
                } else {
                    need(own)?;
                }
                self.pats[pat].frozen = None;
                self.pats[pat].thaws.clear();
                self.unlock(pat);
            }
            PatientChange::Close => {
                let after_death = patient.dead.is_some_and(|declared| declared + H72 <= now) && !patient.closed;
                need(own && patient.is_active() || two_registrars && after_death)?;
                need(!patient.records.iter().any(|record| record.hold))?;
                patient.closed = true;
                self.lock(pat, u64::MAX);
            }
            PatientChange::Deceased => {
                need(two_registrars && patient.dead.is_none() && !patient.closed)?;
                (patient.dead, patient.recovery) = (Some(now), None);
                self.lock(pat, u64::MAX);
            }
            PatientChange::Living => {
                need(own && !patient.closed && patient.dead.is_some_and(|declared| now < declared + H72))?;
                patient.dead = None;
                self.unlock(pat);
            }
        }
        Some(())
    }
}
