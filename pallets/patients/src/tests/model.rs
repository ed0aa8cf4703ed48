//! Guardians, recovery, freezes and drops in any order, against a model that applies everything at its time.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use salus_primitives::time::{DAY, HOUR};

use super::*;
use crate::{guardians::waiting, types::FrozenBy};

const H72: u64 = 72 * HOUR;
const FORTNIGHT: u64 = 14 * DAY;
const MONTH: u64 = 30 * DAY;

/// One thing that somebody tries. Keys of the patient are chosen among all that ever were.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Freeze(Who),
    Thaw(Who),
    Propose { guardian: usize, candidate: usize },
    ProposeByRegistrars,
    Finish { guardian: Option<usize> },
    Veto { key: usize },
    SetGuardians { key: usize, threshold: u8, ms: u64 },
    EndGuardians { key: usize },
    CancelGuardians { key: usize },
    AddKey { key: usize },
    DropKey { key: usize, target: usize },
    KeepKey { key: usize, target: usize },
    Declare,
    Revive { key: usize },
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Key(usize),
    Guardian(usize),
}

/// What stands at this very moment: nothing here is judged later.
struct Model {
    now: u64,
    /// Keys that speak for the patient, by number, with the time a drop that waits comes.
    keys: BTreeMap<usize, Option<u64>>,
    known: usize,
    candidates: [usize; 2],
    frozen: Option<(u64, bool)>,
    own_freeze: Option<u64>,
    guardians_freeze: Option<u64>,
    thaws: BTreeSet<usize>,
    recovery: Option<Running>,
    dead: Option<u64>,
    guardians: Option<Guards>,
    change: Option<(Option<Guards>, u64)>,
    approvals: BTreeMap<usize, (usize, u64)>,
}

#[derive(Clone, Copy)]
struct Running {
    key: usize,
    by_guardians: bool,
    ripe: u64,
    vetoable: bool,
}

#[derive(Clone, Copy)]
struct Guards {
    threshold: u8,
    until: u64,
    vetoed: Option<u64>,
}

impl Model {
    fn new(now: u64) -> Self {
        Self {
            now,
            keys: BTreeMap::from([(0, None)]),
            known: 1,
            candidates: [1_000, 1_001],
            frozen: None,
            own_freeze: None,
            guardians_freeze: None,
            thaws: BTreeSet::new(),
            recovery: None,
            dead: None,
            guardians: None,
            change: None,
            approvals: BTreeMap::new(),
        }
    }

    fn is_active(&self) -> bool {
        self.dead.is_none() && self.recovery.is_none() && self.frozen.is_none()
    }

    /// Let time pass, one event after the other.
    fn wait(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            self.now = at;
            self.happen();
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<u64> {
        let change = self.change.filter(|_| self.is_active()).map(|(_, from)| from.max(self.now));
        let lapse = self.recovery.map(|recovery| recovery.ripe + FORTNIGHT);
        let drops = self.keys.values().flatten().copied().filter(|at| *at < u64::MAX);
        [self.frozen.map(|(until, _)| until), lapse, self.guardians.map(|held| held.until), change]
            .into_iter()
            .flatten()
            .chain(drops)
            .min()
    }

    fn happen(&mut self) {
        let now = self.now;
        self.frozen = self.frozen.filter(|(until, _)| now < *until);
        self.recovery = self.recovery.filter(|recovery| now < recovery.ripe + FORTNIGHT);
        self.keys.retain(|_, going| going.is_none_or(|at| now < at));
        if let Some((guards, _)) = self.change.filter(|(_, from)| self.is_active() && *from <= now) {
            self.appoint(guards);
            self.change = None;
        }
        self.guardians = self.guardians.filter(|held| now < held.until);
    }

    fn appoint(&mut self, guards: Option<Guards>) {
        self.guardians = guards;
        self.approvals.clear();
    }

    /// Keys are locked until then, or no longer: drops that wait move with it.
    fn lock(&mut self, until: u64) {
        let latest = until.max(self.now + H72);
        for going in self.keys.values_mut().flatten() {
            *going = (*going).max(until).min(latest);
        }
    }

    /// What stops changes is over before its time: only a freeze may go on.
    fn unlock(&mut self) {
        let until = self.frozen.map_or(self.now, |(until, _)| until);
        self.lock(until);
    }

    /// A guardian stands in for who is not declared dead.
    fn guarded(&self) -> Option<Guards> {
        self.guardians.filter(|_| self.dead.is_none())
    }

    fn rested(&self, last: Option<u64>) -> bool {
        last.is_none_or(|last| last + MONTH <= self.now)
    }

    fn freeze(&mut self, who: Who) -> bool {
        let own = matches!(who, Who::Key(_));
        let may = match who {
            Who::Key(key) => self.keys.contains_key(&key) && self.is_active() && self.rested(self.own_freeze),
            Who::Guardian(_) => {
                let over = self.dead.is_none() && self.recovery.is_none() && matches!(self.frozen, Some((_, false)));
                self.guarded().is_some() && (self.is_active() || over) && self.rested(self.guardians_freeze)
            }
        };
        if may {
            self.frozen = Some((self.now + FORTNIGHT, !own));
            let last = if own { &mut self.own_freeze } else { &mut self.guardians_freeze };
            *last = Some(self.now);
            self.thaws.clear();
            self.lock(self.now + FORTNIGHT);
        }
        may
    }

    fn thaw(&mut self, who: Who) -> bool {
        let Some((_, by_guardian)) = self.frozen.filter(|_| self.dead.is_none() && self.recovery.is_none()) else {
            return false;
        };
        let done = match who {
            Who::Key(key) if self.keys.contains_key(&key) && !by_guardian => true,
            Who::Guardian(guardian) if by_guardian => {
                let Some(held) = self.guarded() else { return false };
                if !self.thaws.insert(guardian) {
                    return false;
                }
                self.thaws.len() >= usize::from(held.threshold)
            }
            _ => return false,
        };
        if done {
            self.frozen = None;
            self.unlock();
        }
        true
    }

    fn propose(&mut self, guardian: usize, key: usize) -> bool {
        let Some(held) = self.guarded() else { return false };
        let now = self.now;
        let repeated = self.approvals.get(&guardian).is_some_and(|(seen, at)| *seen == key && now < at + FORTNIGHT);
        if self.recovery.is_some_and(|recovery| recovery.by_guardians) || repeated {
            return false;
        }
        self.approvals.insert(guardian, (key, now));
        let agreed = self.approvals.values().filter(|(seen, at)| *seen == key && now < at + FORTNIGHT).count();
        if agreed >= usize::from(held.threshold) {
            let vetoable = self.rested(held.vetoed);
            self.begin(Running { key, by_guardians: true, ripe: now + H72, vetoable });
        }
        true
    }

    fn begin(&mut self, recovery: Running) {
        self.approvals.clear();
        self.recovery = Some(recovery);
        let freeze = self.frozen.map_or(0, |(until, _)| until);
        self.lock(freeze.max(recovery.ripe + FORTNIGHT));
    }

    fn finish(&mut self, guardian: bool) -> bool {
        let Some(recovery) = self.recovery.filter(|recovery| recovery.ripe <= self.now) else { return false };
        if recovery.by_guardians != guardian || guardian && self.guarded().is_none() {
            return false;
        }
        self.keys = BTreeMap::from([(recovery.key, None)]);
        (self.recovery, self.frozen, self.change) = (None, None, None);
        self.approvals.clear();
        self.thaws.clear();
        self.guardians = self.guardians.map(|held| Guards { vetoed: None, ..held });
        self.candidates = self.candidates.map(|candidate| candidate + 2);
        true
    }

    fn veto(&mut self, key: usize) -> bool {
        let Some(recovery) = self.recovery else { return false };
        if !self.keys.contains_key(&key) || !recovery.vetoable || recovery.ripe <= self.now {
            return false;
        }
        self.recovery = None;
        self.approvals.clear();
        if let Some(held) = self.guardians.as_mut().filter(|_| recovery.by_guardians) {
            held.vetoed = Some(self.now);
        }
        self.unlock();
        true
    }

    fn set_guardians(&mut self, key: usize, threshold: u8, ms: u64) -> bool {
        let delay = if self.guardians.is_some() { H72 } else { 0 };
        let may = self.keys.contains_key(&key) && self.is_active() && self.change.is_none();
        if !may || ms <= delay || ms > 2 * YEAR {
            return false;
        }
        let guards = Guards { threshold, until: self.now + ms, vetoed: None };
        match delay {
            0 => self.appoint(Some(guards)),
            _ => self.change = Some((Some(guards), self.now + delay)),
        }
        true
    }

    fn end_guardians(&mut self, key: usize) -> bool {
        let may = self.keys.contains_key(&key) && self.is_active() && self.change.is_none();
        if may && self.guardians.is_some() {
            self.change = Some((None, self.now + H72));
            return true;
        }
        false
    }

    fn drop_key(&mut self, key: usize, target: usize) -> bool {
        let stays = self.keys.iter().any(|(other, going)| *other != target && going.is_none());
        let is_there = self.keys.get(&target).is_some_and(Option::is_none);
        let may = self.keys.contains_key(&key) && self.is_active() && is_there && stays;
        if may && (self.guardians.is_some() || self.change.is_some()) {
            self.keys.insert(target, Some(self.now + H72));
        } else if may {
            self.keys.remove(&target);
        }
        may
    }

    fn keep_key(&mut self, key: usize, target: usize) -> bool {
        let may = self.keys.contains_key(&key) && self.keys.get(&target).is_some_and(Option::is_some);
        if may {
            self.keys.insert(target, None);
        }
        may
    }

    /// What comes of a step: was it accepted? What it sets free happens at once.
    fn take(&mut self, step: Step) -> bool {
        let accepted = self.accept(step);
        self.wait(0);
        accepted
    }

    fn accept(&mut self, step: Step) -> bool {
        match step {
            Step::Wait(ms) => {
                self.wait(ms);
                true
            }
            Step::Freeze(who) => self.freeze(who),
            Step::Thaw(who) => self.thaw(who),
            Step::Propose { guardian, candidate } => self.propose(guardian, self.candidates[candidate]),
            Step::ProposeByRegistrars => {
                let may = self.dead.is_none() && self.recovery.is_none();
                if may {
                    let key = self.candidates[0];
                    self.begin(Running { key, by_guardians: false, ripe: self.now + FORTNIGHT, vetoable: true });
                }
                may
            }
            Step::Finish { guardian } => self.finish(guardian.is_some()),
            Step::Veto { key } => self.veto(key),
            Step::SetGuardians { key, threshold, ms } => self.set_guardians(key, threshold, ms),
            Step::EndGuardians { key } => self.end_guardians(key),
            Step::CancelGuardians { key } => self.keys.contains_key(&key) && self.change.take().is_some(),
            Step::AddKey { key } => {
                let may = self.keys.contains_key(&key) && self.is_active() && self.keys.len() < 4;
                if may {
                    self.keys.insert(self.known, None);
                    self.known += 1;
                }
                may
            }
            Step::DropKey { key, target } => self.drop_key(key, target),
            Step::KeepKey { key, target } => self.keep_key(key, target),
            Step::Declare => {
                let may = self.dead.is_none();
                if may {
                    (self.dead, self.recovery) = (Some(self.now), None);
                    self.lock(u64::MAX);
                }
                may
            }
            Step::Revive { key } => {
                let in_time = self.dead.is_some_and(|declared| self.now < declared + H72);
                let may = self.keys.contains_key(&key) && in_time;
                if may {
                    self.dead = None;
                    self.unlock();
                }
                may
            }
        }
    }
}

/// The patient's key of this number: the one they registered with, one they added, or one of a recovery.
fn numbered(person: &Person, number: usize) -> KeyPair {
    let seed = || salus_primitives::crypto::sha256(&number.to_be_bytes()).0;
    if number == 0 { person.key.clone() } else { KeyPair::from_seed(&seed()) }
}

/// The same step on the chain: was it accepted?
fn take(chain: &mut Chain, person: &Person, guardians: &[Person], model: &Model, step: Step) -> bool {
    let owner = |key| numbered(person, key).public();
    let who = |who| match who {
        Who::Key(key) => owner(key),
        Who::Guardian(guardian) => guardians[guardian].account(),
    };
    let (caller, call): (AccountId, RuntimeCall) = match step {
        Step::Wait(ms) => {
            chain.advance(ms);
            return true;
        }
        Step::Freeze(by) => (who(by), status_set(person, Change::Freeze).into()),
        Step::Thaw(by) => (who(by), status_set(person, Change::Thaw).into()),
        Step::Propose { guardian, candidate } => {
            let (caller, key) = (guardians[guardian].account(), numbered(person, model.candidates[candidate]));
            (caller, proposal(chain, person, caller, &[&key], &[]).into())
        }
        Step::ProposeByRegistrars => {
            let key = numbered(person, model.candidates[0]);
            let caller = account(registrar());
            (caller, proposal(chain, person, caller, &[&key], &[&clinic_registrar()]).into())
        }
        Step::Finish { guardian } => {
            let caller = guardian.map_or(account(clinic_registrar()), |guardian| guardians[guardian].account());
            (caller, recover(person, RecoveryStep::Finish).into())
        }
        Step::Veto { key } => (owner(key), recover(person, RecoveryStep::Cancel).into()),
        Step::SetGuardians { key, threshold, ms } => {
            let until = chain.now().plus(ms);
            let change = GuardianChange::Set(GuardianTerms { until, ..terms(chain, guardians, threshold) });
            (owner(key), guardians_set(person, change).into())
        }
        Step::EndGuardians { key } => (owner(key), guardians_set(person, GuardianChange::End).into()),
        Step::CancelGuardians { key } => (owner(key), guardians_set(person, GuardianChange::Cancel).into()),
        Step::AddKey { key } => {
            let new = numbered(person, model.known);
            let call = keys_set(&[new.public()], &[]);
            let signed = chain.cosigns(owner(key), call.clone(), &[&new]);
            let salus_registry::Call::KeysSet { add, drop, kem, .. } = call else { panic!("it changes keys") };
            (owner(key), salus_registry::Call::KeysSet { add, drop, kem, cosign: signed }.into())
        }
        Step::DropKey { key, target } => (owner(key), keys_set(&[], &[owner(target)]).into()),
        Step::KeepKey { key, target } => (owner(key), keys_set(&[owner(target)], &[]).into()),
        Step::Declare => {
            let call = status_set(person, Change::Deceased);
            let cosign = chain.cosigns(account(registrar()), call, &[&clinic_registrar()]);
            let call = Call::StatusSet { patient: person.id, to: Change::Deceased, cosign };
            (account(registrar()), call.into())
        }
        Step::Revive { key } => (owner(key), status_set(person, Change::Living).into()),
    };
    chain.call(caller, call).is_ok()
}

/// Chain and model say the same of everything that can be seen.
fn agree(chain: &Chain, person: &Person, model: &Model) -> Result<(), TestCaseError> {
    let (state, now) = (chain.state(), chain.now());
    prop_assert_eq!(now.0, model.now);
    let expected: BTreeSet<AccountId> = model.keys.keys().map(|key| numbered(person, *key).public()).collect();
    prop_assert_eq!(live(chain, person).into_iter().collect::<BTreeSet<_>>(), expected);
    let locked = salus_registry::keys_locked(state, Subject::Patient(person.id), now);
    prop_assert_eq!(locked, !model.is_active(), "keys are locked exactly when nothing may change");
    match state_of(chain, person) {
        PatientState::Deceased { declared } => prop_assert_eq!(Some(declared.0), model.dead),
        PatientState::Recovering { until, .. } => {
            prop_assert_eq!(model.recovery.map(|recovery| recovery.ripe + FORTNIGHT), Some(until.0));
        }
        PatientState::Frozen { until, by } => {
            prop_assert!(model.dead.is_none() && model.recovery.is_none());
            prop_assert_eq!(model.frozen, Some((until.0, by == FrozenBy::Guardian)));
        }
        found => {
            prop_assert_eq!(found, PatientState::Active);
            prop_assert!(model.is_active());
        }
    }
    let held = guardianship(state, &person.id, now).map(|held| (held.terms.threshold, held.terms.until.0));
    prop_assert_eq!(held, model.guardians.map(|held| (held.threshold, held.until)));
    prop_assert_eq!(waiting(state, &person.id, now).map(|change| change.from.0), model.change.map(|(_, from)| from));
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<(Step, u8)>> {
    use prop::sample::select;
    let wait = select(vec![0, 1, HOUR, DAY, DAY, H72 - 1, H72, H72, H72, FORTNIGHT - 1, FORTNIGHT, MONTH, YEAR]);
    let who = prop_oneof![any::<u8>().prop_map(|key| Who::Key(key.into())), (0usize..3).prop_map(Who::Guardian)];
    let term = select(vec![H72, H72 + 1, MONTH, YEAR, YEAR, 2 * YEAR, 2 * YEAR + 1]);
    let key = || any::<u8>().prop_map(usize::from);
    let step = prop_oneof![
        8 => wait.prop_map(Step::Wait),
        2 => who.clone().prop_map(Step::Freeze),
        3 => who.prop_map(Step::Thaw),
        8 => (0usize..3, 0usize..2).prop_map(|(guardian, candidate)| Step::Propose { guardian, candidate }),
        1 => Just(Step::ProposeByRegistrars),
        4 => prop::option::weighted(0.8, 0usize..3).prop_map(|guardian| Step::Finish { guardian }),
        2 => key().prop_map(|key| Step::Veto { key }),
        4 => (key(), 1u8..4, term).prop_map(|(key, threshold, ms)| Step::SetGuardians { key, threshold, ms }),
        1 => key().prop_map(|key| Step::EndGuardians { key }),
        1 => key().prop_map(|key| Step::CancelGuardians { key }),
        2 => key().prop_map(|key| Step::AddKey { key }),
        2 => (key(), key()).prop_map(|(key, target)| Step::DropKey { key, target }),
        2 => (key(), key()).prop_map(|(key, target)| Step::KeepKey { key, target }),
        2 => prop_oneof![5 => key().prop_map(|key| Step::Revive { key }), 1 => Just(Step::Declare)],
    ];
    prop::collection::vec((step, any::<u8>()), 1..80)
}

/// Keys are drawn blindly: let most draws fall on one that speaks, and some on one that no longer does.
fn aimed(step: Step, aim: u8, model: &Model) -> Step {
    let pick = |drawn: usize| {
        let speaking: Vec<usize> = model.keys.keys().copied().collect();
        if aim.is_multiple_of(8) { drawn % model.known } else { speaking[drawn % speaking.len()] }
    };
    let of = |who| match who {
        Who::Key(key) => Who::Key(pick(key)),
        guardian => guardian,
    };
    match step {
        Step::Freeze(who) => Step::Freeze(of(who)),
        Step::Thaw(who) => Step::Thaw(of(who)),
        Step::Veto { key } => Step::Veto { key: pick(key) },
        Step::SetGuardians { key, threshold, ms } => Step::SetGuardians { key: pick(key), threshold, ms },
        Step::EndGuardians { key } => Step::EndGuardians { key: pick(key) },
        Step::CancelGuardians { key } => Step::CancelGuardians { key: pick(key) },
        Step::AddKey { key } => Step::AddKey { key: pick(key) },
        Step::DropKey { key, target } => Step::DropKey { key: pick(key), target: pick(target) },
        Step::KeepKey { key, target } => {
            let going = model.keys.iter().find(|(_, going)| going.is_some()).map(|(key, _)| *key);
            Step::KeepKey { key: pick(key), target: going.unwrap_or_else(|| pick(target)) }
        }
        Step::Revive { key } => Step::Revive { key: pick(key) },
        other => other,
    }
}

#[test]
fn whatever_keys_guardians_and_registrars_try_the_chain_and_the_model_agree() {
    let config = ProptestConfig {
        cases: 1_000,
        rng_seed: RngSeed::Fixed(14),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let accepted = RefCell::new(BTreeMap::<String, u32>::new());
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let (mut chain, person, guardians) = with_friends(3);
        let mut model = Model::new(chain.now().0);
        for (step, aim) in steps {
            let step = aimed(step, aim, &model);
            let done = take(&mut chain, &person, &guardians, &model, step);
            prop_assert_eq!(done, model.take(step), "{:?}", step);
            agree(&chain, &person, &model)?;
            if done {
                let name = format!("{step:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
                *accepted.borrow_mut().entry(name).or_default() += 1;
            }
        }
        Ok(())
    });
    outcome.unwrap();
    let accepted = accepted.into_inner();
    assert!(accepted.len() == 15 && accepted.values().all(|count| *count > 10), "each step happens: {accepted:?}");
}
