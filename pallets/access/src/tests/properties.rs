//! Invariants along random histories: grants, revocations, openings, reports, changes of records and of the
//! standing of people, in any order.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};
use salus_consent::{Question, traced};
use salus_primitives::{
    Window,
    time::{DAY, MINUTE},
};
use salus_registry::types::OrganisationStatus;

use super::*;
use crate::{judge, storage::Receipts};

#[derive(Clone, Debug)]
enum Step {
    Grant { terms: Box<Terms>, lasts: u64 },
    Revoke(usize),
    RevokeAll,
    Open(Vec<u8>),
    Serve { receipt: u32, entries: u64, second: bool },
    Erase(u8),
    Suspend(bool),
    Close(bool),
    Wait(u64),
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let grantee = prop_oneof![
        4 => Just(Grantee::Practitioner(SURGEON, CLINIC)),
        2 => Just(Grantee::Organisation(CLINIC)),
        1 => Just(Grantee::Practitioner(DOCTOR, HOSPITAL)),
    ];
    let list = || prop_oneof![3 => Just(vec![]), 1 => Just(vec![7u8])];
    let deny = prop::bool::weighted(0.15);
    (grantee, deny, 1u16..512, list(), list(), prop::option::of(1u32..3)).prop_map(
        |(grantee, denies, kinds, any_of, none_of, max_uses)| {
            let tags = |list: Vec<u8>| Tags::try_from(list.into_iter().map(|byte| Tag([byte; 8])).collect::<Vec<_>>());
            let none_of = if denies || !any_of.is_empty() { vec![] } else { none_of };
            let base = if denies { deny_now(grantee) } else { permit_now(grantee) };
            let max_uses = max_uses.filter(|_| !denies);
            let scope = Scope {
                kinds: Kinds(kinds),
                records: None,
                any_of: tags(any_of).unwrap(),
                none_of: tags(none_of).unwrap(),
            };
            Terms { scope, max_uses, ..base }
        },
    )
}

fn permit_now(grantee: Grantee) -> Terms {
    permit(Default::default(), grantee)
}

fn deny_now(grantee: Grantee) -> Terms {
    deny(Default::default(), grantee)
}

fn a_step() -> impl Strategy<Value = Step> {
    let records = prop::sample::subsequence(vec![1u8, 2, 3, 4, 5, 77], 1..6);
    prop_oneof![
        6 => (some_terms(), MINUTE..90 * MINUTE)
            .prop_map(|(terms, lasts)| Step::Grant { terms: Box::new(terms), lasts }),
        2 => (0usize..20).prop_map(Step::Revoke),
        1 => Just(Step::RevokeAll),
        8 => records.prop_map(Step::Open),
        3 => (0u32..12, 1u64..64, prop::bool::ANY)
            .prop_map(|(receipt, entries, second)| Step::Serve { receipt, entries, second }),
        1 => (1u8..6).prop_map(Step::Erase),
        1 => prop::bool::ANY.prop_map(Step::Suspend),
        1 => prop::bool::weighted(0.2).prop_map(Step::Close),
        4 => (1u64..20 * MINUTE).prop_map(Step::Wait),
        1 => Just(Step::Wait(DAY)),
    ]
}

/// The chain and what the tests know of its past.
struct History {
    world: World,
    /// Rules ever made, with their terms.
    made: Vec<(RuleRef, Terms)>,
    /// Rules withdrawn.
    gone: Vec<RuleRef>,
    /// Facts that the events of accepted calls speak of.
    facts: u32,
    /// Uses that receipts made, by rule.
    uses: BTreeMap<RuleRef, u32>,
}

impl History {
    fn new() -> Self {
        let mut world = World::new();
        world.file(4, |record| record.tags = Tags::try_from(vec![Tag([7; 8])]).unwrap());
        world.file(5, |record| record.labelled = false);
        Self { world, made: Vec::new(), gone: Vec::new(), facts: 0, uses: BTreeMap::new() }
    }

    fn question(&self) -> Question {
        Question {
            patient: self.world.patient,
            actor: SURGEON,
            organisation: CLINIC,
            action: Action::View,
            purpose: Purpose::Treatment,
            at: self.world.chain.now(),
        }
    }

    /// Make a call; when it is refused nothing but its nonce has changed (I12).
    fn call(&mut self, caller: AccountId, call: impl Into<RuntimeCall>) -> bool {
        let before = self.world.chain.entries().clone();
        let accepted = self.world.chain.call(caller, call).is_ok();
        assert!(accepted || *self.world.chain.entries() == before, "a refused call changes nothing");
        if accepted {
            let facts = |event: &&RuntimeEvent| {
                matches!(event, RuntimeEvent::Access(Event::Opened { .. } | Event::Served { .. }))
            };
            self.facts += self.world.chain.events().iter().filter(facts).count() as u32;
        }
        accepted
    }

    fn take(&mut self, step: Step) {
        let (me, patient, now) = (self.world.me, self.world.patient, self.world.chain.now());
        match step {
            Step::Grant { terms, lasts } => {
                let terms = Terms { window: Window { from: now, until: now.plus(lasts) }, ..*terms };
                let id = salus_consent::storage::Ledgers::get(self.world.chain.state(), &patient).next_id;
                let call = salus_consent::Call::Grant { patient, terms: terms.clone(), replaces: None };
                if self.call(me, call) {
                    self.made.push((RuleRef { grantee: terms.grantee.key(), id }, terms));
                }
            }
            Step::Revoke(place) if !self.made.is_empty() => {
                let rule = self.made[place % self.made.len()].0;
                let what = Withdrawal::Rules(BoundedVec::try_from(vec![rule]).unwrap());
                self.call(me, salus_consent::Call::Revoke { patient, what });
                self.gone.push(rule);
            }
            Step::Revoke(_) => {}
            Step::RevokeAll => {
                let pages = GranteeKey::concerning(SURGEON, CLINIC).to_vec();
                let what = Withdrawal::Pages(BoundedVec::try_from(pages.clone()).unwrap());
                self.call(me, salus_consent::Call::Revoke { patient, what });
                let all = self.made.iter().map(|(rule, _)| *rule).filter(|rule| pages.contains(&rule.grantee));
                self.gone.extend(all);
            }
            Step::Open(records) => self.open(&records),
            Step::Serve { receipt, entries, second } => self.serve(receipt, entries, second),
            Step::Erase(byte) => self.world.file(byte, |record| record.status = RecordStatus::Erased),
            Step::Suspend(yes) => {
                let to = if yes { OrganisationStatus::Suspended } else { OrganisationStatus::Active };
                registry::set_status(&mut self.world.chain, CLINIC, to);
            }
            Step::Close(yes) => {
                self.world.set_patient(if yes { PatientState::Closed } else { PatientState::Active });
            }
            Step::Wait(ms) => {
                self.world.chain.advance(ms);
            }
        }
    }

    fn open(&mut self, records: &[u8]) {
        let before = self.world.chain.entries().clone();
        let index = self.world.log().count;
        let call = self.world.opening(records);
        if !self.call(account(SURGEON_KEY), call) {
            return;
        }
        let receipt = self.world.receipt(index);
        assert_eq!(receipt.entries.len(), records.len());
        for entry in &receipt.entries {
            // I1: it re-derives from the state just before, and from the keys it read alone.
            let question = Question { at: receipt.at, ..self.question() };
            let (verdict, keys) = traced(&before, |state| judge(state, &question, entry.record));
            assert_eq!(entry.verdict, verdict);
            let proven: BTreeMap<Vec<u8>, Vec<u8>> =
                keys.into_iter().filter_map(|key| Some((key.clone(), before.get(&key)?.clone()))).collect();
            assert_eq!(judge(&proven, &question, entry.record), verdict);
            self.check_permit(&receipt, entry);
        }
        // One use of each rule, as the rules' own counts say, and never more than a rule allows.
        for rule in receipt.rules() {
            let uses = self.uses.entry(rule).or_default();
            *uses += 1;
            let page =
                salus_consent::storage::Rules::get(self.world.chain.state(), &(self.world.patient, rule.grantee));
            let page = page.unwrap();
            let written = page.iter().find(|written| written.id == rule.id).unwrap();
            match written.terms.max_uses {
                Some(max) => assert!(*uses <= max && written.uses.unwrap().count == *uses),
                None => assert!(written.uses.is_none()),
            }
        }
    }

    /// I3 and I13: a Permit rests on a rule that was made, is not withdrawn, not over, speaks to the opener and
    /// can see the record; and no live denial hits it.
    fn check_permit(&self, receipt: &Receipt, entry: &Entry) {
        let Some(rule) = entry.verdict.rule() else { return };
        let record = Records::get(self.world.chain.state(), &(self.world.patient, entry.record)).unwrap();
        assert!(!self.gone.contains(&rule), "a withdrawn rule permits nothing");
        let (_, terms) = self.made.iter().find(|(made, _)| *made == rule).unwrap();
        assert!(terms.effect == Effect::Permit && terms.window.contains(receipt.at));
        assert!(terms.grantee != Grantee::Practitioner(DOCTOR, HOSPITAL));
        assert!(record.status == RecordStatus::Current && terms.scope.kinds.contains(record.kind));
        let by_tags = !terms.scope.any_of.is_empty() || !terms.scope.none_of.is_empty();
        assert!(!by_tags || record.labelled, "a scope with tags sees labelled records only");
        let marked = record.tags.contains(&Tag([7; 8]));
        assert!(terms.scope.any_of.is_empty() || marked);
        assert!(terms.scope.none_of.is_empty() || !marked);
        for (rule, terms) in self.made.iter().filter(|(rule, _)| !self.gone.contains(rule)) {
            let live = terms.effect == Effect::Deny && terms.window.contains(receipt.at);
            let speaks = terms.grantee != Grantee::Practitioner(DOCTOR, HOSPITAL);
            let hits = terms.scope.kinds.contains(record.kind)
                && (terms.scope.any_of.is_empty() || marked || !record.labelled);
            assert!(!(live && speaks && hits), "{rule:?} denies it");
        }
    }

    fn serve(&mut self, receipt: u32, entries: u64, second: bool) {
        let patient = self.world.patient;
        let Some(before) = Receipts::get(self.world.chain.state(), &(patient, receipt)) else { return };
        let entries = entries & ((1 << before.entries.len()) - 1);
        let now = self.world.chain.now();
        let releasable: Vec<bool> =
            (0..before.entries.len()).map(|entry| self.world.releasable(&before, entry).is_ok()).collect();
        let call = self.world.serving(receipt, entries);
        if !self.call(account(if second { ARCHIVE_KEY } else { GATEWAY_KEY }), call) {
            return;
        }
        let flags = self.world.flags_of_report();
        assert_eq!(flags.0, now >= before.until);
        for (place, releasable) in releasable.into_iter().enumerate() {
            let (named, flagged) = (entries >> place & 1 == 1, flags.1 >> place & 1 == 1);
            assert!(named || !flagged);
            // Within its time, what may be released is what carries no flag (I6 with it).
            assert!(!named || now >= before.until || releasable != flagged);
        }
    }

    /// I3: nothing is releasable that a withdrawn, expired or foreign rule permitted, unless another rule does.
    fn check_releases(&self) {
        for (_, receipt) in crate::history(self.world.chain.state(), self.world.patient) {
            for (place, entry) in receipt.entries.iter().enumerate() {
                match self.world.releasable(&receipt, place) {
                    Ok(Basis::Rule(rule)) => {
                        assert!(entry.verdict.is_permit() && self.world.chain.now() < receipt.until);
                        let now = Entry { verdict: by(rule), ..*entry };
                        self.check_permit(&Receipt { at: self.world.chain.now(), ..receipt.clone() }, &now);
                    }
                    Ok(Basis::Default) => panic!("the policy is DenyAll"),
                    Err(_) => {}
                }
            }
        }
    }
}

impl World {
    fn flags_of_report(&self) -> (bool, u64) {
        let flags = self.chain.events().iter().find_map(|event| match event {
            RuntimeEvent::Access(Event::Served { late, after_revocation, .. }) => Some((*late, *after_revocation)),
            _ => None,
        });
        flags.unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// I1, I2, I3, I6, I12 and I13 along any history.
    #[test]
    fn along_any_history_receipts_uses_releases_and_the_log_agree(steps in prop::collection::vec(a_step(), 1..60)) {
        let mut history = History::new();
        for step in steps {
            history.take(step);
            history.check_releases();
            // I2: as many facts as events spoke of.
            prop_assert_eq!(history.world.log().count, history.facts);
        }
    }
}
