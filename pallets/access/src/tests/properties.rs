//! Invariants along random histories: grants, revocations, openings, emergencies, reviews, disputes, reports, changes
//! of records and of the standing of people, in any order.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use salus_consent::{Question, Tier, traced};
use salus_primitives::{
    Moment, Window,
    time::{DAY, HOUR, MINUTE},
};
use salus_registry::types::OrganisationStatus;

use super::{emergency::SUMMARY, *};
use crate::{Finding, judge, storage::Receipts};

/// A Reviewer of the clinic, where the surgeon works.
const REVIEWER_KEY: u8 = 41;

#[derive(Clone, Debug)]
enum Step {
    Grant { terms: Box<Terms>, lasts: u64 },
    Revoke(usize),
    RevokeAll,
    Open(Vec<u8>),
    Serve { receipt: u32, entries: u64, second: bool },
    Emergency { full: bool, records: Vec<u8> },
    Review { place: usize, finding: Finding },
    Dispute(u32),
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
        5 => (prop::bool::weighted(0.7), prop::sample::subsequence(vec![1u8, 2, 3, 4, 5, SUMMARY, 77], 1..5))
            .prop_map(|(full, records)| Step::Emergency { full, records }),
        2 => (0usize..20, 0u8..10).prop_map(|(place, finding)| {
            // Justified for the most part, so that the full tier is not closed most of the time.
            let finding = match finding {
                0 => Finding::Unjustified,
                1 => Finding::Inconclusive,
                _ => Finding::Justified,
            };
            Step::Review { place, finding }
        }),
        1 => (0u32..12).prop_map(Step::Dispute),
        1 => prop_oneof![1u8..6, Just(SUMMARY)].prop_map(Step::Erase),
        1 => prop::bool::ANY.prop_map(Step::Suspend),
        1 => prop::bool::weighted(0.2).prop_map(Step::Close),
        4 => (1u64..20 * MINUTE).prop_map(Step::Wait),
        1 => Just(Step::Wait(DAY)),
        1 => Just(Step::Wait(2 * DAY)),
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
    /// The surgeon's emergencies that wait for a review: receipt and time.
    waiting: Vec<(u32, Moment)>,
    /// Did more wait at any time than state lists? Then what is only counted errs to the strict side.
    overfull: bool,
    /// First moment at which no review closes the surgeon's full tier.
    closed_until: Moment,
    /// When the surgeon opened in full.
    full: Vec<Moment>,
    /// Receipts that were disputed.
    disputed: BTreeSet<u32>,
    /// How often what matters happened.
    seen: BTreeMap<&'static str, u32>,
}

impl History {
    fn new() -> Self {
        let mut world = World::new().with_summary();
        registry::officer(&mut world.chain, CLINIC, Roles::REVIEWER, &key(REVIEWER_KEY));
        world.file(4, |record| record.tags = Tags::try_from(vec![Tag([7; 8])]).unwrap());
        world.file(5, |record| record.labelled = false);
        Self {
            world,
            made: Vec::new(),
            gone: Vec::new(),
            facts: 0,
            uses: BTreeMap::new(),
            waiting: Vec::new(),
            overfull: false,
            closed_until: Moment(0),
            full: Vec::new(),
            disputed: BTreeSet::new(),
            seen: BTreeMap::new(),
        }
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
                matches!(
                    event,
                    RuntimeEvent::Access(
                        Event::Opened { .. }
                            | Event::Served { .. }
                            | Event::EmergencyOpened { .. }
                            | Event::Reviewed { .. }
                            | Event::Disputed { .. }
                    )
                )
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
            Step::Emergency { full, records } => self.emergency(full, &records),
            Step::Review { place, finding } => self.review(place, finding),
            Step::Dispute(receipt) => {
                let call = Call::Dispute { patient, receipt, note: Hash([4; 32]) };
                if self.call(me, call) {
                    assert!(self.disputed.insert(receipt), "a receipt is disputed once");
                    self.saw("disputed");
                }
            }
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

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn is_active(&self) -> bool {
        salus_registry::organisation_active(self.world.chain.state(), CLINIC).is_ok()
    }

    /// I7: nothing is opened in full while the quota is zero, by the tests' own count of what waits for a review; and
    /// the summary never needs more than nothing overdue.
    fn emergency(&mut self, full: bool, records: &[u8]) {
        let now = self.world.chain.now();
        let overdue = self.waiting.iter().any(|(_, at)| now.0 >= at.0 + 72 * HOUR);
        let today = self.full.iter().filter(|at| at.0 / DAY == now.0 / DAY).count();
        let quota = !overdue && self.waiting.len() < 16 && now >= self.closed_until && today < 10;
        let allowed = self.is_active() && if full { quota } else { !overdue };
        let closed =
            Patients::get(self.world.chain.state(), &self.world.patient).unwrap().state == PatientState::Closed;
        let denied: Vec<bool> = records.iter().map(|record| self.is_denied(*record)).collect();
        let index = self.world.log().count;
        let tier = if full { Tier::Full } else { Tier::Summary };
        let records = if full { records } else { &[SUMMARY][..] };
        let call = self.world.emergency(tier, records);
        let accepted = self.call(account(SURGEON_KEY), call);
        assert!(accepted == allowed || (!accepted && self.overfull), "{accepted} {allowed}");
        if !accepted {
            match (self.is_active(), full) {
                (false, _) => self.saw("refused for standing"),
                (true, true) if overdue => self.saw("full refused, overdue"),
                (true, true) => self.saw("full refused, closed or too many"),
                (true, false) => self.saw("summary refused, overdue"),
            }
            return;
        }
        self.saw(if full { "opened in full" } else { "summary opened" });
        self.waiting.push((index, now));
        self.overfull |= self.waiting.len() > 16;
        if full {
            self.full.push(now);
        }
        let receipt = self.world.receipt(index);
        assert_eq!(receipt.until, now.plus(4 * HOUR));
        for (place, entry) in receipt.entries.iter().enumerate() {
            let record = Records::get(self.world.chain.state(), &(self.world.patient, entry.record));
            let there = record.is_some_and(|record| record.status == RecordStatus::Current);
            let expected = there && !closed && !(full && denied[place]);
            assert_eq!(entry.verdict.is_permit(), expected, "{entry:?}");
            assert_eq!(entry.verdict.rule(), None, "an emergency uses no rule");
        }
    }

    /// Does a live Deny of the patient hit this record, for the surgeon?
    fn is_denied(&self, record: u8) -> bool {
        let now = self.world.chain.now();
        let Some(record) = Records::get(self.world.chain.state(), &(self.world.patient, record_id(record))) else {
            return false;
        };
        let marked = record.tags.contains(&Tag([7; 8]));
        self.made.iter().filter(|(rule, _)| !self.gone.contains(rule)).any(|(_, terms)| {
            terms.effect == Effect::Deny
                && terms.window.contains(now)
                && terms.grantee != Grantee::Practitioner(DOCTOR, HOSPITAL)
                && terms.scope.kinds.contains(record.kind)
                && (terms.scope.any_of.is_empty() || marked || !record.labelled)
        })
    }

    fn review(&mut self, place: usize, finding: Finding) {
        if self.waiting.is_empty() {
            return;
        }
        let place = place % self.waiting.len();
        let (patient, receipt) = (self.world.patient, self.waiting[place].0);
        let call = Call::Review { patient, receipt, finding, note: Hash([4; 32]) };
        let accepted = self.call(account(REVIEWER_KEY), call);
        // A case that waits is there, however old.
        assert_eq!(accepted, self.is_active());
        if accepted {
            self.waiting.remove(place);
            self.saw("reviewed");
            if finding == Finding::Unjustified {
                self.closed_until = self.world.chain.now().plus(30 * DAY);
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
                    Ok(Basis::Emergency(tier)) => {
                        let record = Records::get(self.world.chain.state(), &(self.world.patient, entry.record));
                        let record = record.unwrap();
                        assert_eq!(entry.verdict, Verdict::Permit(Basis::Emergency(tier)));
                        assert!(self.world.chain.now() < receipt.at.plus(4 * HOUR) && self.is_active());
                        assert_eq!(record.status, RecordStatus::Current);
                        assert!(tier == Tier::Full || record.kind == Kind::Summary);
                        assert!(tier == Tier::Summary || !self.is_denied(entry.record.0[0]));
                        assert!(tier == Tier::Summary || self.world.chain.now() >= self.closed_until);
                    }
                    Ok(Basis::Default) => panic!("the policy is DenyAll"),
                    Ok(Basis::Guardianship) => panic!("there is no guardian"),
                    Err(_) => {}
                }
            }
        }
    }
}

impl World {
    pub(super) fn flags_of_report(&self) -> (bool, u64) {
        let flags = self.chain.events().iter().find_map(|event| match event {
            RuntimeEvent::Access(Event::Served { late, after_revocation, .. }) => Some((*late, *after_revocation)),
            _ => None,
        });
        flags.unwrap()
    }
}

/// I1, I2, I3, I6, I7, I12 and I13 along any history. Each thing that matters happens often enough.
#[test]
fn along_any_history_receipts_uses_releases_and_the_log_agree() {
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    let config = ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(a_step(), 1..60), |steps| {
        let mut history = History::new();
        for step in steps {
            history.take(step);
            history.check_releases();
            // What waits for a review is in state, with its receipt.
            for (receipt, _) in &history.waiting {
                prop_assert!(Receipts::get(history.world.chain.state(), &(history.world.patient, *receipt)).is_some());
            }
            // I2: as many facts as events spoke of.
            prop_assert_eq!(history.world.log().count, history.facts);
        }
        for (what, times) in history.seen {
            *seen.borrow_mut().entry(what).or_default() += times;
        }
        Ok(())
    });
    outcome.unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 8 && seen.values().all(|times| *times >= 10), "{seen:?}");
}
