//! The council: motions, votes, and what the acts do.

use super::{Model, need, registry::may_become};
use crate::words::*;

/// How long acts on parameters wait after they passed.
const ROOT_DELAY: u64 = DAY;
/// Ayes that pass a motion, of three members.
const THRESHOLD: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Open,
    Waiting(u64),
    Executed,
    Failed,
    Rejected,
    Cancelled,
}

#[derive(Clone, Debug)]
pub struct Motion {
    pub proposer: Key,
    pub act: CouncilAct,
    /// The Admin's key that a new organisation gets.
    pub admin: Option<Key>,
    pub proposed: u64,
    pub ayes: Vec<Key>,
    pub nays: Vec<Key>,
    pub stage: Stage,
}

impl Motion {
    pub fn is_open(&self, now: u64) -> bool {
        self.stage == Stage::Open && now < self.proposed + 7 * DAY
    }
}

impl Model {
    /// A new organisation's Admin signs along: no other act has one here.
    pub(super) fn propose(&mut self, by: Key, act: CouncilAct, along: &[Key]) -> Option<()> {
        need(self.speaks(by)? == Who::Council)?;
        need(!self.motions.iter().any(|motion| motion.proposer == by && motion.is_open(self.now)))?;
        assert!(self.motions.len() < 32, "the slots of motions are not used a second time");
        need(self.would_run(act))?;
        let first = matches!(act, CouncilAct::Organisation { org, .. } if self.orgs[org].standing.is_none());
        match along {
            [admin] => need(first && self.is_new(*admin))?,
            _ => need(!first && along.is_empty())?,
        }
        let (admin, ayes, nays) = (along.first().copied(), vec![by], Vec::new());
        self.motions.push(Motion { proposer: by, act, admin, proposed: self.now, ayes, nays, stage: Stage::Open });
        Some(())
    }

    pub(super) fn vote(&mut self, by: Key, number: u32, aye: bool) -> Option<()> {
        need(self.speaks(by)? == Who::Council)?;
        let (now, number) = (self.now, number as usize);
        let motion = self.motions.get_mut(number)?;
        need(motion.is_open(now) && !motion.ayes.contains(&by) && !motion.nays.contains(&by))?;
        if aye {
            motion.ayes.push(by)
        } else {
            motion.nays.push(by)
        }
        if motion.ayes.len() >= THRESHOLD {
            let waits = matches!(motion.act, CouncilAct::Parameters { .. });
            if waits {
                motion.stage = Stage::Waiting(now + ROOT_DELAY);
            } else {
                self.run(number);
            }
        } else if motion.nays.len() + THRESHOLD > 3 {
            motion.stage = Stage::Rejected;
        }
        Some(())
    }

    /// What waits and is due runs at the beginning of a block.
    pub(super) fn run_motions(&mut self) {
        for number in 0..self.motions.len() {
            if matches!(self.motions[number].stage, Stage::Waiting(due) if due <= self.now) {
                self.run(number);
            }
        }
    }

    fn run(&mut self, number: usize) {
        let act = self.motions[number].act;
        let runs = self.would_run(act);
        self.motions[number].stage = if runs { Stage::Executed } else { Stage::Failed };
        if !runs {
            return;
        }
        match act {
            CouncilAct::Organisation { org, to, caps } => {
                if self.orgs[org].standing == Some(Standing::Active) && to == Standing::Suspended {
                    self.seen.push("organisation suspended");
                }
                (self.orgs[org].standing, self.orgs[org].caps) = (Some(to), caps);
                if let Some(admin) = self.motions[number].admin {
                    self.bind(admin, Who::Org(org), ADMIN, None);
                }
            }
            CouncilAct::Practitioner { doc, to } => {
                self.docs[doc].standing = Some(to);
                self.docs[doc].by_council = to == Standing::Suspended;
            }
            CouncilAct::Parameters { custodians_treat, patient_weight } => {
                (self.custodians_treat, self.patient_weight) = (custodians_treat, patient_weight);
            }
            CouncilAct::Successor { removed, new } => self.orgs[removed].successor = Some(new),
            CouncilAct::Cancel { motion } => self.motions[motion as usize].stage = Stage::Cancelled,
        }
    }

    fn would_run(&self, act: CouncilAct) -> bool {
        match act {
            CouncilAct::Organisation { org, to, .. } => match self.orgs[org].standing {
                Some(from) => may_become(from, to),
                None => to == Standing::Active,
            },
            CouncilAct::Practitioner { doc, to } => {
                self.docs.get(doc).and_then(|doc| doc.standing).is_some_and(|from| may_become(from, to))
            }
            CouncilAct::Parameters { patient_weight, .. } => patient_weight >= 1_000,
            CouncilAct::Successor { removed, new } => {
                self.orgs.get(removed).is_some_and(|org| org.standing == Some(Standing::Gone)) && self.is_custodian(new)
            }
            CouncilAct::Cancel { motion } => {
                self.motions.get(motion as usize).is_some_and(|motion| matches!(motion.stage, Stage::Waiting(_)))
            }
        }
    }
}
