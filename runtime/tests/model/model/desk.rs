//! Appointments and credits.

use super::{Model, need};
use crate::words::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotState {
    Free,
    Held,
    Confirmed,
    CheckedIn,
    Completed,
    /// Given back, taken back or declined: its hours are free again.
    Cancelled,
    Declined,
    NoShow,
}

#[derive(Clone, Debug)]
pub struct Slot {
    pub doc: Doc,
    pub org: Org,
    pub from: u64,
    pub until: u64,
    pub state: SlotState,
    pub key: Option<Key>,
}

impl Slot {
    fn takes_hours(&self) -> bool {
        !matches!(self.state, SlotState::Cancelled | SlotState::Declined)
    }
}

impl Model {
    fn slot_mut(&mut self, doc: Doc, from: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().rfind(|slot| slot.doc == doc && slot.from == from)
    }

    pub(super) fn publish(&mut self, by: Key, doc: Doc, org: Org, hours: &[(u64, u64)]) -> Option<()> {
        let now = self.now;
        let own = self.lasting(by) == Some(Who::Doc(doc));
        need(own || self.officer(by, REGISTRAR) == Some(org))?;
        self.acts(doc, org, now)?;
        let offered = |(from, until): &(u64, u64)| {
            now <= *from && *from <= now + 366 * DAY && from < until && *until <= from + 12 * HOUR
        };
        need(!hours.is_empty() && hours.iter().all(offered))?;
        let mut slots = self.slots.clone();
        for (from, until) in hours.iter().copied() {
            let meets = |slot: &Slot| slot.doc == doc && slot.takes_hours() && slot.from < until && from < slot.until;
            need(!slots.iter().any(meets))?;
            slots.push(Slot { doc, org, from, until, state: SlotState::Free, key: None });
        }
        self.slots = slots;
        Some(())
    }

    /// The organisation whose Registrar or Gateway calls.
    fn desk(&self, by: Key) -> Option<Org> {
        self.officer(by, REGISTRAR).or(self.officer(by, GATEWAY))
    }

    pub(super) fn book(&mut self, by: Key, doc: Doc, from: u64, key: Key, signed_by: Key) -> Option<()> {
        let (now, desk) = (self.now, self.desk(by)?);
        self.acts(doc, desk, now)?;
        need(self.is_new(key) && !self.slots.iter().any(|slot| slot.key == Some(key)) && signed_by == key)?;
        let slot = self.slot_mut(doc, from)?;
        need(slot.org == desk && slot.state == SlotState::Free && now < slot.from)?;
        (slot.state, slot.key) = (SlotState::Held, Some(key));
        Some(())
    }

    pub(super) fn set_slot(&mut self, by: Key, doc: Doc, from: u64, to: SlotChange) -> Option<()> {
        use SlotState::{Cancelled, CheckedIn, Completed, Confirmed, Declined, Free, Held, NoShow};
        let now = self.now;
        let slot = self.slot_mut(doc, from)?.clone();
        if let SlotChange::GiveBack { key } = to {
            need(self.desk(by)? == slot.org && slot.key == Some(key))?;
        } else {
            need(self.lasting(by)? == Who::Doc(doc))?;
            self.acts(doc, slot.org, now)?;
        }
        let (after, in_time) = match (slot.state, to) {
            (Held, SlotChange::Confirm) => (Confirmed, now < slot.from),
            (Held, SlotChange::Decline) => (Declined, true),
            (Confirmed, SlotChange::CheckIn) => (CheckedIn, slot.from <= now + 4 * HOUR && now < slot.until),
            (CheckedIn, SlotChange::Complete) => (Completed, slot.from <= now),
            (Confirmed, SlotChange::NoShow) => (NoShow, slot.until <= now),
            (Free | Held | Confirmed, SlotChange::Cancel) | (Held | Confirmed, SlotChange::GiveBack { .. }) => {
                (Cancelled, now < slot.from)
            }
            _ => return None,
        };
        need(in_time)?;
        self.slot_mut(doc, from)?.state = after;
        Some(())
    }

    /// `user` read what `earner` keeps: a credit each, eight by one patient a day.
    pub(super) fn earn(&mut self, earner: Org, user: Org, pat: Pat, records: u32) {
        let (now, day) = (self.now, self.day());
        let patient = &self.pats[pat];
        let confirmed = patient.assurance > 0 && patient.provisional.is_none() && patient.has_defaults(now);
        if earner == user || !self.is_active(earner) || !self.is_active(user) || !confirmed {
            return;
        }
        let counts = &mut self.orgs[earner].by_patient;
        let today: u32 = counts.iter().filter(|(of, on, _)| *of == pat && *on == day).map(|(_, _, n)| n).sum();
        let credits = records.min(8 - today);
        counts.push((pat, day, credits));
        self.orgs[earner].balance += u64::from(credits);
        self.earned += u64::from(credits);
        if credits > 0 {
            self.seen.push("credits earned");
        }
        if credits < records {
            self.seen.push("credits capped");
        }
    }

    pub(super) fn redeem(&mut self, by: Key, credits: u64) -> Option<()> {
        let (day, org) = (self.day(), self.officer(by, ADMIN)?);
        need(credits > 0 && credits <= self.orgs[org].balance)?;
        self.orgs[org].balance -= credits;
        self.redeemed += credits;
        let weights = &mut self.orgs[org].weights;
        let before = if weights.extra_day == day { weights.extra } else { 0 };
        (weights.extra, weights.extra_day) = (before + credits * 10_000, day);
        Some(())
    }
}
