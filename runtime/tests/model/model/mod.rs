//! The reference model: domain.md over plain structs and vectors, without a line of a pallet. It says of each call
//! whether it takes effect, of each record opened why or why not, and what stands afterwards. Slow and simple.
//!
//! Where the chain judges at use what has run out, the model lets each thing happen at its own time.

mod access;
mod consent;
mod council;
mod desk;
mod emergencies;
mod patients;
mod records;
mod registry;
mod rules;

pub use access::{Entry, No, Receipt, Request, RequestState, Verdict};
pub use consent::Question;
pub use council::{Motion, Stage};
pub use desk::{Slot, SlotState};
pub use patients::{Invite, Patient};
pub use records::{Erasure, Record, Status};
pub use registry::{Doctor, Organisation};
pub use rules::{Origin, Rule};

use crate::words::*;

/// What is known of a key.
#[derive(Clone, Default, Debug)]
pub struct KeyState {
    pub whom: Option<Who>,
    pub roles: u8,
    /// End of a session key.
    pub until: Option<u64>,
    /// When its drop comes.
    pub going: Option<u64>,
    pub ended: bool,
    /// A validator's: it is never anybody's.
    pub apart: bool,
    pub nonce: u32,
}

/// Units of weight, and of which day.
#[derive(Clone, Copy, Default, Debug)]
pub struct Weights {
    pub day: u64,
    pub used: u64,
    pub extra_day: u64,
    pub extra: u64,
}

impl Weights {
    pub fn used_on(&self, day: u64) -> u64 {
        if self.day == day { self.used } else { 0 }
    }
}

/// What a call costs, as its pallet declares.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    pub weight: u64,
    pub protected: bool,
}

#[derive(Clone)]
pub struct Model {
    pub now: u64,
    pub keys: Vec<KeyState>,
    pub custodians_treat: bool,
    pub patient_weight: u64,
    pub motions: Vec<Motion>,
    pub orgs: Vec<Organisation>,
    pub docs: Vec<Doctor>,
    pub pats: Vec<Patient>,
    pub invites: Vec<Invite>,
    pub slots: Vec<Slot>,
    /// Emergencies that were written down late: each is once.
    pub anchored: Vec<(Pat, Org, Doc, Rec, u64)>,
    /// The number of the next record.
    pub next_rec: Rec,
    pub earned: u64,
    pub redeemed: u64,
    /// What the last call reported as released: late, and the entries that nothing permits, where that is known.
    pub flags: Option<(bool, Option<u64>)>,
    /// What the generator drew last: it often goes on with it.
    pub theme: usize,
    /// What happened besides that a call was accepted or refused, to count.
    pub seen: Vec<&'static str>,
}

/// Weight an organisation and a practitioner may use a day.
const ORG_WEIGHT: u64 = 1_000_000_000;
const DOC_WEIGHT: u64 = 2_000_000;

/// Not fulfilled: the call is refused.
pub fn need(condition: bool) -> Option<()> {
    condition.then_some(())
}

/// Does any item stand twice?
pub fn twice<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(place, item)| items[..place].contains(item))
}

/// Is the bit of this index set?
pub fn has(bits: u16, index: u8) -> bool {
    bits >> index & 1 == 1
}

impl Model {
    pub fn new(now: u64, council: &[Key], orgs: usize, docs: usize, pats: usize) -> Self {
        let mut keys = Vec::new();
        for key in council {
            keys.resize(keys.len().max(key + 1), KeyState::default());
            keys[*key].whom = Some(Who::Council);
        }
        Self {
            now,
            keys,
            custodians_treat: false,
            patient_weight: 20_000,
            motions: Vec::new(),
            orgs: vec![Organisation::default(); orgs],
            docs: vec![Doctor::default(); docs],
            pats: vec![Patient::default(); pats],
            invites: Vec::new(),
            slots: Vec::new(),
            anchored: Vec::new(),
            next_rec: 1,
            earned: 0,
            redeemed: 0,
            flags: None,
            theme: 0,
            seen: Vec::new(),
        }
    }

    /// A key that nobody has seen yet.
    pub fn new_key(&mut self) -> Key {
        self.keys.push(KeyState::default());
        self.keys.len() - 1
    }

    pub fn day(&self) -> u64 {
        self.now / DAY
    }

    /// Time passes until `now`: what runs out on the way does.
    pub fn wait_until(&mut self, now: u64) {
        self.now = now;
        for pat in 0..self.pats.len() {
            self.pass(pat);
        }
        self.run_motions();
    }

    /// Whom a key speaks for.
    pub fn speaks(&self, key: Key) -> Option<Who> {
        let state = self.keys.get(key)?;
        let live = !state.ended && state.until.is_none_or(|until| self.now < until);
        state.whom.filter(|_| live && state.going.is_none_or(|going| self.now < going))
    }

    /// Whom a lasting key speaks for.
    pub fn lasting(&self, key: Key) -> Option<Who> {
        self.speaks(key).filter(|_| self.keys[key].until.is_none())
    }

    /// The keys that speak for somebody.
    pub fn keys_of(&self, whom: Who) -> Vec<Key> {
        (0..self.keys.len()).filter(|key| self.speaks(*key) == Some(whom)).collect()
    }

    fn bind(&mut self, key: Key, whom: Who, roles: u8, until: Option<u64>) {
        let nonce = self.keys[key].nonce;
        self.keys[key] = KeyState { whom: Some(whom), roles, until, going: None, ended: false, apart: false, nonce };
    }

    fn end_key(&mut self, key: Key) {
        self.keys[key].ended = true;
        self.keys[key].roles = 0;
    }

    fn is_new(&self, key: Key) -> bool {
        self.keys.get(key).is_none_or(|state| state.whom.is_none() && !state.apart)
    }

    /// Is there room for one more key of a person: four lasting ones, two for a session?
    fn has_room(&self, whom: Who, session: bool) -> bool {
        let held = self.keys_of(whom).into_iter().filter(|key| self.keys[*key].until.is_some() == session).count();
        held < if session { 2 } else { 4 }
    }

    fn weights(&mut self, whom: Who) -> Option<(&mut Weights, u64)> {
        match whom {
            Who::Council => None,
            Who::Org(org) => Some((&mut self.orgs[org].weights, ORG_WEIGHT)),
            Who::Doc(doc) => Some((&mut self.docs[doc].weights, DOC_WEIGHT)),
            Who::Pat(pat) => Some((&mut self.pats[pat].weights, self.patient_weight)),
        }
    }

    /// May `whom` use so much more today?
    fn affords(&mut self, whom: Who, price: Price) -> bool {
        let day = self.day();
        let Some((weights, base)) = self.weights(whom) else { return true };
        let extra = if weights.extra_day == day { weights.extra.min(base) } else { 0 };
        price.protected || weights.used_on(day) + price.weight <= base + extra
    }

    fn charge(&mut self, whom: Who, weight: u64) {
        let day = self.day();
        if let Some((weights, _)) = self.weights(whom) {
            (weights.used, weights.day) = (weights.used_on(day) + weight, day);
        }
    }

    /// What becomes of a call; if it is done, everything stands as it should afterwards.
    pub fn take(&mut self, deed: &Deed, price: Price) -> Outcome {
        self.flags = None;
        self.seen.clear();
        match (self.speaks(deed.by), &deed.what) {
            (None, What::Register { pat, invite, possession_of }) => {
                let registered = self.register(deed.by, *pat, *invite, *possession_of, price).is_some();
                if !registered {
                    return Outcome::Invalid;
                }
                self.keys[deed.by].nonce += 1;
                return Outcome::Done;
            }
            (None, _) => return Outcome::Invalid,
            (Some(whom), _) if !self.affords(whom, price) => {
                self.seen.push("quota used up");
                return Outcome::Invalid;
            }
            (Some(whom), _) => self.charge(whom, price.weight),
        }
        self.keys[deed.by].nonce += 1;
        let done = self.apply(deed).is_some();
        if done {
            // What a call sets free happens at once.
            for pat in 0..self.pats.len() {
                self.pass(pat);
            }
        }
        if done { Outcome::Done } else { Outcome::Refused }
    }

    /// Each call checks first and writes last.
    fn apply(&mut self, deed: &Deed) -> Option<()> {
        let Deed { by, along, what } = deed;
        let by = *by;
        match what {
            What::Noop => Some(()),
            What::OrganisationUpdate { bad_url } => need(self.officer(by, ADMIN).is_some() && !bad_url),
            What::OfficerSet { account, roles } => self.officer_set(by, *account, *roles, along),
            What::PractitionerSet { doc, account, licence_until, speciality, status } => {
                self.practitioner_set(by, *doc, *account, (*licence_until, *speciality, *status), along)
            }
            What::AffiliationSet { doc, org, terms: Some((roles, until)) } => {
                self.affiliate(by, *doc, *org, roles, *until, along)
            }
            What::AffiliationSet { doc, org, terms: None } => self.leave(by, *doc, *org, along),
            What::AddKey { key, until } => self.add_key(by, *key, *until, along),
            What::DropKey { key } => self.drop_key(by, *key),
            What::KeepKey { key } => self.keep_key(by, *key),
            What::NewKem { weak } => need(self.may_change_keys(by) && !weak),
            What::Invite { key, until, provisional } => self.invite(by, *key, *until, *provisional),
            What::Register { .. } => None,
            What::Confirm { pat, level } => self.confirm(by, *pat, *level),
            What::SetGuardians { pat, guards } => self.set_guardians(by, *pat, guards, along),
            What::EndGuardians { pat } => self.end_guardians(by, *pat),
            What::KeepGuardians { pat } => self.keep_guardians(by, *pat),
            What::Recover { pat, key } => self.recover(by, *pat, *key, along),
            What::FinishRecovery { pat } => self.finish_recovery(by, *pat),
            What::Veto { pat } => self.veto(by, *pat),
            What::Patient { pat, to } => self.change_patient(by, *pat, *to, along),
            What::Put(filing) => self.put(by, filing),
            What::Mark { pat, rec, to, basis } => self.mark(by, *pat, *rec, *to, *basis),
            What::Relabel { pat, rec, labels } => self.relabel(by, *pat, *rec, labels),
            What::Shred { pat, rec, epoch } => self.shred(by, *pat, *rec, *epoch),
            What::Custody { records, to } => self.hand_over(by, records, *to, along),
            What::Grant { pat, terms, replaces } => self.grant(by, *pat, terms, *replaces).map(|_| ()),
            What::Revoke { pat, rules } => self.revoke(by, *pat, rules),
            What::RevokePages { pat, pages } => self.revoke_pages(by, *pat, pages),
            What::Delegate { pat, parent, terms } => self.delegate(by, *pat, *parent, terms),
            What::Request { pat, org, terms } => self.request(by, *pat, *org, terms),
            What::Respond { pat, doc, number, answer } => self.respond(by, *pat, *doc, *number, answer),
            What::Open { pat, org, purpose, recs } => self.open(by, *pat, *org, *purpose, recs),
            What::Serve { pat, receipt, entries } => self.serve(by, *pat, *receipt, *entries),
            What::Emergency { pat, org, full, recs } => self.emergency(by, *pat, *org, *full, recs, along),
            What::LateEmergency { pat, org, doc, rec, happened, opener, officer } => {
                self.late_emergency(by, *pat, *org, (*doc, *rec, *happened), *opener, *officer)
            }
            What::Review { pat, receipt, finding } => self.review(by, *pat, *receipt, *finding),
            What::Dispute { pat, receipt } => self.dispute(by, *pat, *receipt),
            What::Publish { doc, org, hours } => self.publish(by, *doc, *org, hours),
            What::Book { doc, hours, key, signed_by, .. } => self.book(by, *doc, hours.0, *key, *signed_by),
            What::Slot { doc, hours, to, .. } => self.set_slot(by, *doc, hours.0, *to),
            What::Redeem { credits } => self.redeem(by, *credits),
            What::Propose { act } => self.propose(by, *act, along),
            What::Vote { motion, aye } => self.vote(by, *motion, *aye),
        }
    }
}
