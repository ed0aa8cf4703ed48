//! Organisations, officers, practitioners, who works where, and people's own keys.

use super::{Model, Weights, need, twice};
use crate::words::*;

#[derive(Clone, Default, Debug)]
pub struct Organisation {
    /// None before the council made it.
    pub standing: Option<Standing>,
    pub caps: u8,
    pub successor: Option<Org>,
    pub balance: u64,
    /// Emergencies written down after 72 hours that wait for a review.
    pub late_holds: u32,
    /// Credits earned by each patient on a day: patient, day, credits.
    pub by_patient: Vec<(Pat, u64, u32)>,
    pub weights: Weights,
}

/// A practitioner works at an organisation.
#[derive(Clone, Debug)]
pub struct Post {
    pub org: Org,
    pub until: u64,
    pub roles: Vec<u64>,
    pub enrolled_by: Key,
}

#[derive(Clone, Default, Debug)]
pub struct Doctor {
    /// None before a Registrar enrolled them.
    pub standing: Option<Standing>,
    /// Suspended by the council, which alone lifts that.
    pub by_council: bool,
    pub licence_until: u64,
    pub speciality: u64,
    pub licensing: Org,
    pub enrolled_by: Key,
    pub posts: Vec<Post>,
    /// Emergencies that wait for a review: whose, which receipt, since when.
    pub cases: Vec<(Pat, u32, u64)>,
    /// First moment at which no review closes the full tier.
    pub closed_until: u64,
    /// When they opened in full.
    pub full: Vec<u64>,
    pub weights: Weights,
}

pub fn may_become(from: Standing, to: Standing) -> bool {
    match from {
        Standing::Active => to != Standing::Gone,
        Standing::Suspended => true,
        Standing::Gone => false,
    }
}

impl Model {
    pub fn is_active(&self, org: Org) -> bool {
        self.orgs.get(org).is_some_and(|found| found.standing == Some(Standing::Active))
    }

    pub fn is_custodian(&self, org: Org) -> bool {
        self.is_active(org) && self.orgs[org].caps & CUSTODIAN != 0
    }

    /// The organisation at which the key has this role, whatever its state.
    pub fn employer(&self, key: Key, role: u8) -> Option<Org> {
        match self.speaks(key)? {
            Who::Org(org) if self.keys[key].roles & role == role => Some(org),
            _ => None,
        }
    }

    /// As [`Model::employer`], and the organisation is Active.
    pub fn officer(&self, key: Key, role: u8) -> Option<Org> {
        self.employer(key, role).filter(|org| self.is_active(*org))
    }

    pub fn is_licensed(&self, doc: Doc, at: u64) -> bool {
        self.docs.get(doc).is_some_and(|found| found.standing == Some(Standing::Active) && at < found.licence_until)
    }

    /// The post by which a practitioner acts for an organisation at a moment.
    pub fn acts(&self, doc: Doc, org: Org, at: u64) -> Option<&Post> {
        let post = self.docs.get(doc)?.posts.iter().find(|post| post.org == org)?;
        (self.is_active(org) && self.is_licensed(doc, at) && at < post.until).then_some(post)
    }

    pub(super) fn officer_set(&mut self, by: Key, account: Key, roles: Option<u8>, along: &[Key]) -> Option<()> {
        let org = self.officer(by, ADMIN)?;
        need(roles.is_none_or(|roles| roles != 0 && roles < 32))?;
        let found = &self.keys[account];
        let Some(whom) = found.whom else {
            let roles = roles?;
            need(along == [account])?;
            self.bind(account, Who::Org(org), roles, None);
            return Some(());
        };
        need(whom == Who::Org(org) && !found.ended && along.is_empty())?;
        let admins = self.keys_of(whom).into_iter().filter(|key| self.keys[*key].roles & ADMIN != 0).count();
        let stays = roles.is_some_and(|roles| roles & ADMIN != 0);
        need(stays || self.keys[account].roles & ADMIN == 0 || admins > 1)?;
        match roles {
            Some(roles) => self.keys[account].roles = roles,
            None => self.end_key(account),
        }
        Some(())
    }

    pub(super) fn practitioner_set(
        &mut self,
        by: Key,
        doc: Doc,
        account: Option<Key>,
        (licence_until, speciality, standing): (u64, u64, Standing),
        along: &[Key],
    ) -> Option<()> {
        let org = self.officer(by, REGISTRAR)?;
        need(self.orgs[org].caps & LICENSING != 0)?;
        let found = &self.docs[doc];
        match found.standing {
            Some(from) => {
                need(found.licensing == org && may_become(from, standing))?;
                need(standing != Standing::Gone || account.is_none())?;
                need(standing != Standing::Active || !found.by_council)?;
            }
            None => need(standing == Standing::Active && account.is_some())?,
        }
        let stays = found.standing.is_some() && found.licence_until == licence_until;
        need(stays || (self.now < licence_until && licence_until <= self.now + 5 * YEAR))?;
        match account {
            Some(account) => need(self.is_new(account) && along == [account])?,
            None => need(along.is_empty())?,
        }
        if let Some(account) = account {
            for key in 0..self.keys.len() {
                if self.keys[key].whom == Some(Who::Doc(doc)) {
                    self.end_key(key);
                }
            }
            self.bind(account, Who::Doc(doc), 0, None);
            self.docs[doc].enrolled_by = by;
        }
        let doctor = &mut self.docs[doc];
        doctor.standing = Some(standing);
        (doctor.licence_until, doctor.speciality, doctor.licensing) = (licence_until, speciality, org);
        Some(())
    }

    pub(super) fn affiliate(
        &mut self,
        by: Key,
        doc: Doc,
        org: Org,
        roles: &[u64],
        until: u64,
        along: &[Key],
    ) -> Option<()> {
        need(self.officer(by, REGISTRAR)? == org && self.is_licensed(doc, self.now))?;
        need(self.now < until && until <= self.now + 5 * YEAR && !twice(roles))?;
        let [agrees] = along else { return None };
        need(self.lasting(*agrees) == Some(Who::Doc(doc)))?;
        let posts = &mut self.docs[doc].posts;
        posts.retain(|post| post.org != org);
        posts.push(Post { org, until, roles: roles.to_vec(), enrolled_by: by });
        Some(())
    }

    pub(super) fn leave(&mut self, by: Key, doc: Doc, org: Org, along: &[Key]) -> Option<()> {
        let own = self.lasting(by) == Some(Who::Doc(doc));
        need((own || self.officer(by, REGISTRAR) == Some(org)) && along.is_empty())?;
        need(self.docs[doc].posts.iter().any(|post| post.org == org))?;
        self.docs[doc].posts.retain(|post| post.org != org);
        Some(())
    }

    /// May this key change its person's keys?
    pub(super) fn may_change_keys(&self, by: Key) -> bool {
        match self.lasting(by) {
            Some(Who::Doc(doc)) => self.docs[doc].standing != Some(Standing::Gone),
            Some(Who::Pat(pat)) => !self.pats[pat].is_locked(),
            _ => false,
        }
    }

    pub(super) fn add_key(&mut self, by: Key, key: Key, until: Option<u64>, along: &[Key]) -> Option<()> {
        need(self.may_change_keys(by))?;
        need(until.is_none_or(|until| self.now < until && until <= self.now + 12 * HOUR))?;
        let whom = self.speaks(by)?;
        need(self.is_new(key) && along == [key] && self.has_room(whom, until.is_some()))?;
        self.bind(key, whom, 0, until);
        Some(())
    }

    /// While a patient has guardians a lasting key goes on speaking for 72 hours.
    pub(super) fn drop_key(&mut self, by: Key, key: Key) -> Option<()> {
        need(self.may_change_keys(by))?;
        let whom = self.speaks(by)?;
        need(self.speaks(key) == Some(whom) && self.keys[key].going.is_none())?;
        let stays = |other: &Key| *other != key && self.keys[*other].going.is_none() && self.lasting(*other).is_some();
        need(self.keys_of(whom).iter().any(stays))?;
        let guarded = matches!(whom, Who::Pat(pat) if self.pats[pat].is_guarded());
        if guarded && self.keys[key].until.is_none() {
            self.keys[key].going = Some(self.now + 72 * HOUR);
        } else {
            self.end_key(key);
        }
        Some(())
    }

    /// Whoever only objects to a drop may by any live key and at any time.
    pub(super) fn keep_key(&mut self, by: Key, key: Key) -> Option<()> {
        let whom = self.speaks(by)?;
        need(matches!(whom, Who::Pat(_)) && self.speaks(key) == Some(whom) && self.keys[key].going.is_some())?;
        self.keys[key].going = None;
        Some(())
    }
}
