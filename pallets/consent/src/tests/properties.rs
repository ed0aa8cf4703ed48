//! The decision against the model: in random worlds, and along random histories of calls.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use salus_patients::{
    storage::Patients,
    types::{DECEASED_DELAY, FrozenBy, PatientState},
};
use salus_primitives::{Hash, Moment, Window, time::DAY};
use salus_registry::{
    storage::{Affiliations, Organisations, Practitioners},
    types::{Affiliation, DisplayName, Organisation, OrganisationStatus, Practitioner, PractitionerStatus, Url},
};
use salus_system::{Parameters, Policy, storage::ChainParameters};

use super::{
    model::{Answer, Condition, Facts, Person, Post, Written, answer, exceeds},
    *,
};
use crate::{
    Call, Question, decide, record_uses, rules,
    storage::{Ledgers, Rules},
    testing::lab,
    traced,
};

const ROLE: u64 = 5;
const SPECIALITY: u64 = 6;
const PLACES: [OrganisationId; 2] = [HOSPITAL, CLINIC];
const PEOPLE: [PractitionerId; 2] = [DOCTOR, SURGEON];
const PATIENT: PatientId = PatientId([42; 16]);
/// The moment of every question.
const NOW: u64 = 1_800_000_000_000;

/// The same cases in every run.
pub(super) fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() }
}

/// A moment before, at or after the question's.
fn around() -> impl Strategy<Value = u64> {
    prop_oneof![Just(NOW - 1), Just(NOW), Just(NOW + 1), Just(NOW + 1_000)]
}

/// The end of a licence or an affiliation: mostly ahead.
fn an_end() -> impl Strategy<Value = u64> {
    prop_oneof![20 => Just(NOW + 9), 1 => around()]
}

/// Mostly yes.
fn mostly() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.97)
}

/// Mostly the hospital, for which most questions are asked.
fn a_place() -> impl Strategy<Value = OrganisationId> {
    prop_oneof![3 => Just(HOSPITAL), 1 => Just(CLINIC)]
}

fn a_grantee() -> impl Strategy<Value = Grantee> {
    let code = |code| prop::option::of(prop_oneof![3 => Just(code), 1 => Just(99)]);
    let person = prop_oneof![3 => Just(DOCTOR), 1 => Just(SURGEON)];
    let attribute = (a_place(), code(SPECIALITY), code(ROLE))
        .prop_map(|(organisation, speciality, role)| Grantee::Attribute(Attribute { organisation, speciality, role }));
    prop_oneof![
        2 => (person, a_place()).prop_map(|(who, place)| Grantee::Practitioner(who, place)),
        2 => a_place().prop_map(Grantee::Organisation),
        1 => Just(Grantee::Everyone),
        2 => attribute,
    ]
}

fn a_tag_list() -> impl Strategy<Value = Tags> {
    prop::sample::subsequence(vec![1u8, 2, 3], 0..3).prop_map(|list| tags(&list))
}

/// Two of three times no condition by tags, else a random one.
fn a_condition() -> impl Strategy<Value = Tags> {
    prop_oneof![2 => Just(Tags::new()), 1 => a_tag_list()]
}

/// A set of bits: two of three times all of `all`, else any but none.
fn bits(all: u16) -> impl Strategy<Value = u16> {
    prop_oneof![2 => Just(all), 1 => 1..=all]
}

fn a_window() -> impl Strategy<Value = Window> {
    let live = Window { from: Moment(NOW - 50), until: Moment(NOW + 50) };
    let other = (around(), around()).prop_map(|(from, until)| Window { from: Moment(from), until: Moment(until) });
    prop_oneof![3 => Just(live), 1 => other]
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let what = (
        prop_oneof![6 => Just(Effect::Permit), 1 => Just(Effect::Deny)],
        a_grantee(),
        prop_oneof![1 => Just(7), 2 => 1u16..8],
        prop::option::weighted(0.3, prop::sample::subsequence(vec![1u8, 2, 3], 1..3)),
        (a_condition(), a_condition()),
    );
    let asked = (bits(7), prop_oneof![2 => Just(1), 1 => bits(15)]);
    (what, asked, a_window(), prop::option::weighted(0.3, 1u32..3))
        .prop_map(|((effect, grantee, kinds, ids, (any_of, none_of)), (purposes, actions), window, max_uses)| Terms {
            effect,
            grantee,
            scope: Scope { kinds: Kinds(kinds), records: ids.and_then(|ids| records(&ids)), any_of, none_of },
            purposes: Purposes(purposes),
            actions: Actions(actions as u8),
            window,
            max_uses: max_uses.filter(|_| effect == Effect::Permit),
            obligations: Obligations::default(),
        })
        .prop_filter("only rules that a grant would take", |terms| terms.check().is_ok())
}

prop_compose! {
    fn some_facts()(
        active in prop::collection::vec(mostly(), 2),
        people in prop::collection::vec((mostly(), an_end(), prop::bool::ANY), 2),
        posts in prop::collection::vec((mostly(), an_end(), prop::bool::ANY), 4),
        patient in prop_oneof![
            12 => Just(Condition::Living), 2 => Just(Condition::Frozen),
            1 => Just(Condition::Dead), 1 => Just(Condition::Closed)
        ],
        custodians_may_treat in prop::bool::ANY,
        rules in prop::collection::vec((some_terms(), 0u32..3, prop::bool::weighted(0.2)), 0..20),
    ) -> Facts {
        let people = PEOPLE.iter().zip(people).map(|(id, (active, licence_until, special))| {
            Person { id: *id, active, licence_until, speciality: if special { SPECIALITY } else { 1 } }
        });
        let places = PEOPLE.iter().flat_map(|person| PLACES.iter().map(move |place| (*person, *place)));
        let posts = places.zip(posts).filter(|(_, (there, ..))| *there).map(|((person, place), (_, until, has))| {
            Post { person, place, until, roles: if has { vec![1, ROLE] } else { vec![] } }
        });
        let rules = rules.into_iter().zip(0..).map(|((terms, used, labelled_only), id)| {
            let used = if terms.max_uses.is_some() { used } else { 0 };
            Written { id, used, labelled_only: labelled_only && terms.effect == Effect::Permit, parent: None, terms }
        });
        Facts {
            active_places: PLACES.iter().zip(active).filter(|(_, active)| *active).map(|(place, _)| *place).collect(),
            people: people.collect(),
            posts: posts.collect(),
            patient,
            custodians_may_treat,
            rules: rules.collect(),
        }
    }
}

prop_compose! {
    fn a_record()(
        kind in prop::sample::select(&[Kind::General, Kind::Encounter, Kind::Lab, Kind::Other][..]),
        id in 1u8..5,
        list in a_tag_list(),
        (labelled, restricted) in (mostly(), prop::bool::ANY),
        custodian in a_place(),
        servable in prop_oneof![
            20 => Just(Servable::Yes), 1 => Just(Servable::EnteredInError), 1 => Just(Servable::Erased)
        ],
    ) -> RecordView {
        RecordView { kind, tags: list, labelled, restricted, servable, ..lab(record_id(id), custodian) }
    }
}

prop_compose! {
    fn a_question()(
        actor in prop_oneof![16 => Just(DOCTOR), 3 => Just(SURGEON), 1 => Just(NOBODY)],
        organisation in prop_oneof![16 => Just(HOSPITAL), 3 => Just(CLINIC), 1 => Just(NOWHERE)],
        action in prop::sample::select(&[Action::View, Action::View, Action::Add, Action::Amend, Action::Share][..]),
        purpose in prop::sample::select(
            &[Purpose::Treatment, Purpose::Treatment, Purpose::EmergencyTreatment, Purpose::Payment][..],
        ),
    ) -> Question {
        Question { patient: PATIENT, actor, organisation, action, purpose, at: Moment(NOW) }
    }
}

/// Put facts into state.
fn chain_of(facts: &Facts) -> Chain {
    let mut chain = Chain::new();
    let state = match facts.patient {
        Condition::Living => PatientState::Active,
        Condition::Frozen => PatientState::Frozen { until: Moment(NOW + 1), by: FrozenBy::Patient },
        Condition::Dead => PatientState::Deceased { declared: Moment(NOW - DECEASED_DELAY) },
        Condition::Closed => PatientState::Closed,
    };
    let patient =
        salus_patients::types::Patient { state, assurance: 1, inviting: HOSPITAL, held_key: None, frozen_at: None };
    let policy = if facts.custodians_may_treat { Policy::CustodianTreatment } else { Policy::DenyAll };
    chain.prepare(|state| {
        Patients::insert(state, &PATIENT, &patient);
        for place in PLACES {
            let active = facts.active_places.contains(&place);
            let entry = Organisation {
                status: if active { OrganisationStatus::Active } else { OrganisationStatus::Suspended },
                display_name: DisplayName::new(),
                profile: Hash::ZERO,
                url: Url::new(),
                caps: Caps::ALL,
                peer_ids: BoundedVec::new(),
            };
            Organisations::insert(state, &place, &entry);
        }
        ChainParameters::put(state, &Parameters { policy, ..Parameters::default() });
        for person in &facts.people {
            let status = if person.active { PractitionerStatus::Active } else { PractitionerStatus::Suspended };
            let entry = Practitioner {
                status,
                licence: Hash::ZERO,
                licence_until: Moment(person.licence_until),
                speciality: person.speciality,
                licensing: HOSPITAL,
                enrolled_by: AccountId([1; 32]),
            };
            Practitioners::insert(state, &person.id, &entry);
        }
        for post in &facts.posts {
            let roles = BoundedVec::try_from(post.roles.clone()).unwrap();
            let entry = Affiliation { roles, until: Moment(post.until), enrolled_by: AccountId([1; 32]) };
            Affiliations::insert(state, &(post.person, post.place), &entry);
        }
        for rule in &facts.rules {
            // Written long ago, so that nothing in the page is over yet.
            let (origin, labelled_only) = (Origin::Patient, rule.labelled_only);
            let draft = rules::Draft { terms: rule.terms.clone(), origin, labelled_only };
            let (id, _) = rules::write(state, Moment(0), PATIENT, draft, None).unwrap();
            let reference = RuleRef { grantee: rule.terms.grantee.key(), id };
            assert_eq!(id, rule.id);
            for _ in 0..rule.used {
                record_uses(state, Moment(NOW), PATIENT, &[reference]);
            }
        }
    });
    chain
}

/// A Permit never comes out of `decide()` when the model says no, nor the reverse; each rests on the rule the
/// model names; and the keys it read are enough to decide again. Each kind of answer occurs often enough.
#[test]
fn the_decision_is_the_models() {
    let worlds = (some_facts(), prop::collection::vec((a_question(), a_record()), 4..16));
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    let outcome = TestRunner::new(fixed(300)).run(&worlds, |(facts, asked)| {
        let chain = chain_of(&facts);
        for (question, record) in asked {
            let (verdict, keys) = traced(chain.state(), |state| decide(state, &question, &record));
            let expected = answer(&facts, &question, &record);
            prop_assert_eq!(Answer::from(verdict), expected, "{:?} {:?}", question, record);
            // Of who was declared dead also what they were before: a provisional patient lapses all the same.
            prop_assert!(keys.len() <= 9 + usize::from(facts.patient == Condition::Dead));
            let proven: BTreeMap<Vec<u8>, Vec<u8>> =
                keys.into_iter().filter_map(|key| Some((key.clone(), chain.state().get(&key)?))).collect();
            prop_assert_eq!(decide(&proven, &question, &record), verdict);
            *seen.borrow_mut().entry(expected.kind()).or_default() += 1;
        }
        Ok(())
    });
    outcome.unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 6 && seen.values().all(|times| *times >= 50), "{seen:?}");
}

/// One step of a patient's history. Places name a rule or page by where it stands among those ever made.
#[derive(Clone, Debug)]
enum Step {
    Grant {
        terms: Box<Terms>,
        replaces: Option<usize>,
    },
    /// Pass a part of a rule on: these terms, or what they have in common with the rule's.
    Delegate {
        parent: usize,
        terms: Box<Terms>,
        common: bool,
    },
    RevokeRules(Vec<usize>),
    RevokePage(usize),
    Use(usize),
    Wait(u64),
}

fn a_step() -> impl Strategy<Value = Step> {
    let place = 0usize..20;
    prop_oneof![
        6 => (some_terms(), prop::option::weighted(0.3, place.clone()), 1u64..3 * DAY, prop::bool::ANY).prop_map(
            |(mut terms, replaces, length, shared)| {
                // Live from the start, so that it matters; ends within days. Half of all Permits may be shared.
                terms.window = Window { from: Moment(0), until: Moment(length) };
                if shared && terms.effect == Effect::Permit && !matches!(terms.grantee, Grantee::Attribute(_)) {
                    terms.actions = Actions::ALL;
                }
                Step::Grant { terms: Box::new(terms), replaces }
            }
        ),
        6 => (place.clone(), some_terms(), 1u64..3 * DAY, prop::bool::weighted(0.8)).prop_map(
            |(parent, mut terms, length, common)| {
                terms.window = Window { from: Moment(0), until: Moment(length) };
                Step::Delegate { parent, terms: Box::new(terms), common }
            }
        ),
        2 => prop::collection::vec(place.clone(), 1..4).prop_map(Step::RevokeRules),
        1 => place.clone().prop_map(Step::RevokePage),
        3 => place.prop_map(Step::Use),
        2 => (1u64..DAY).prop_map(Step::Wait),
    ]
}

/// A patient's history: the chain, and the model's list of the rules that are there.
struct History {
    world: World,
    facts: Facts,
    made: Vec<RuleRef>,
    /// How many parts were passed on.
    delegated: u32,
}

impl History {
    fn new() -> Self {
        let world = World::new();
        let person = |id| Person { id, active: true, licence_until: u64::MAX, speciality: registry::GENERAL_MEDICINE };
        let post = |person, place| Post { person, place, until: u64::MAX, roles: vec![registry::DOCTOR] };
        let facts = Facts {
            active_places: BTreeSet::from(PLACES),
            people: vec![person(DOCTOR), person(SURGEON)],
            posts: vec![post(DOCTOR, HOSPITAL), post(SURGEON, CLINIC)],
            patient: Condition::Living,
            custodians_may_treat: false,
            rules: Vec::new(),
        };
        Self { world, facts, made: Vec::new(), delegated: 0 }
    }

    fn rule(&self, place: usize) -> Option<RuleRef> {
        (!self.made.is_empty()).then(|| self.made[place % self.made.len()])
    }

    fn forget(&mut self, gone: impl Fn(RuleRef) -> bool) {
        let (gone, kept): (Vec<Written>, Vec<Written>) = std::mem::take(&mut self.facts.rules)
            .into_iter()
            .partition(|rule| gone(RuleRef { grantee: rule.terms.grantee.key(), id: rule.id }));
        // What was passed on from a rule goes with it.
        let orphaned = |rule: &Written| rule.parent.is_some_and(|parent| gone.iter().any(|rule| rule.id == parent));
        self.facts.rules = kept.into_iter().filter(|rule| !orphaned(rule)).collect();
    }

    /// Whoever the rule speaks to passes a part of it on.
    fn delegate(&mut self, parent: RuleRef, mut terms: Terms, common: bool) {
        let (patient, now) = (self.world.patient, self.world.chain.now());
        terms.window = Window { from: now, until: now.plus(terms.window.until.0) };
        let Some(whole) = self.facts.rules.iter().find(|rule| rule.id == parent.id).cloned() else { return };
        if common {
            terms = in_common(terms, &whole);
        }
        let caller = match whole.terms.grantee {
            Grantee::Practitioner(DOCTOR, _) => DOCTOR_KEY,
            Grantee::Practitioner(..) => SURGEON_KEY,
            _ => PRIVACY_KEY,
        };
        let rule = RuleRef { grantee: terms.grantee.key(), id: self.world.ledger().next_id };
        let call = Call::Delegate { patient, parent, terms: terms.clone() };
        if self.world.chain.call(account(caller), call).is_err() {
            return;
        }
        // I4: it does not exceed what was left of the whole, which may be shared and was not delegated itself.
        let mut left = whole.terms.clone();
        left.max_uses = left.max_uses.map(|max| max - whole.used);
        assert!(!exceeds(&terms, &left, &universe(), &moments(now)), "{terms:?} exceeds {whole:?}");
        assert!(whole.parent.is_none() && whole.terms.actions.contains(Action::Share));
        let given = terms.max_uses.filter(|_| whole.terms.max_uses.is_some()).unwrap_or(0);
        for written in self.facts.rules.iter_mut().filter(|rule| rule.id == parent.id) {
            written.used += given;
        }
        self.facts.rules.push(Written {
            id: rule.id,
            terms,
            used: 0,
            labelled_only: whole.labelled_only,
            parent: Some(parent.id),
        });
        self.made.push(rule);
        self.delegated += 1;
    }

    fn take(&mut self, step: Step) {
        let (me, patient, now) = (self.world.me, self.world.patient, self.world.chain.now());
        match step {
            Step::Grant { mut terms, replaces } => {
                terms.window = Window { from: now, until: now.plus(terms.window.until.0) };
                let replaces = replaces.and_then(|place| self.rule(place));
                let id = self.world.ledger().next_id;
                let rule = RuleRef { grantee: terms.grantee.key(), id };
                if self.world.chain.call(me, Call::Grant { patient, terms: (*terms).clone(), replaces }).is_ok() {
                    self.forget(|rule| Some(rule) == replaces);
                    let written = Written { id, terms: *terms, used: 0, labelled_only: false, parent: None };
                    self.facts.rules.push(written);
                    self.made.push(rule);
                }
            }
            Step::Delegate { parent, terms, common } => {
                if let Some(parent) = self.rule(parent) {
                    self.delegate(parent, *terms, common);
                }
            }
            Step::RevokeRules(places) => {
                let named: Vec<RuleRef> = places.into_iter().filter_map(|place| self.rule(place)).collect();
                let call = self.world.revoke(single(&named));
                // Refused only when all of them are gone: then forgetting them changes nothing.
                let _ = self.world.chain.call(me, call);
                self.forget(|rule| named.contains(&rule));
            }
            Step::RevokePage(place) => {
                if let Some(RuleRef { grantee, .. }) = self.rule(place) {
                    let _ = self.world.chain.call(me, self.world.revoke(whole(&[grantee])));
                    self.forget(|rule| rule.grantee == grantee);
                }
            }
            Step::Use(place) => {
                // What is used up permits nothing, and is not used.
                let left = |rule: &RuleRef| {
                    let written = self.facts.rules.iter().find(|written| written.id == rule.id);
                    written.is_none_or(|written| written.terms.max_uses.is_none_or(|max| written.used < max))
                };
                if let Some(rule) = self.rule(place).filter(left) {
                    self.world.chain.prepare(|state| record_uses(state, now, patient, &[rule]));
                    self.facts
                        .rules
                        .iter_mut()
                        .filter(|written| written.id == rule.id)
                        .for_each(|written| written.used += 1);
                }
            }
            Step::Wait(ms) => {
                self.world.chain.advance(ms);
            }
        }
    }

    /// The invariants of the pages, over every key there is.
    fn check_pages(&self) {
        let (state, patient) = (self.world.chain.state(), self.world.patient);
        let ledger = Ledgers::get(state, &patient);
        let prefix = Rules::prefix();
        let pages = self.world.chain.entries().iter().filter(|(key, _)| key.starts_with(&prefix));
        let pages: Vec<Page> =
            pages.map(|(_, bytes)| parity_scale_codec::Decode::decode(&mut &bytes[..]).unwrap()).collect();
        assert_eq!(pages.len(), usize::from(ledger.pages));
        let mut ids = BTreeSet::new();
        for page in pages {
            assert!(!page.is_empty() && parity_scale_codec::Encode::encoded_size(&page) <= PAGE_BYTES_MAX);
            let key = page[0].terms.grantee.key();
            for rule in page {
                assert!(rule.terms.grantee.key() == key && rule.id < ledger.next_id && ids.insert(rule.id));
                assert!(rule.terms.max_uses.is_some() || rule.uses.is_none());
                self.check_parent(&rule);
            }
        }
    }

    /// I4 in state: a part that is live lies within a whole that is there, lists it and has given it its uses.
    fn check_parent(&self, rule: &Rule) {
        let now = self.world.chain.now();
        let own = RuleRef { grantee: rule.terms.grantee.key(), id: rule.id };
        let Origin::Delegated(parent) = rule.origin else { return };
        if !rule.is_live(now, 0) {
            return;
        }
        let whole = rules::find(self.world.chain.state(), self.world.patient, &parent).expect("the parent is there");
        assert!(whole.children.contains(&own) && whole.origin == Origin::Patient);
        assert!(!exceeds(&rule.terms, &whole.terms, &universe(), &moments(now)));
        if let Some(max) = whole.terms.max_uses {
            let given: u32 = self
                .facts
                .rules
                .iter()
                .filter(|part| part.parent == Some(whole.id))
                .map(|part| part.terms.max_uses.expect("a part of a limited rule has a limit"))
                .sum();
            assert!(
                given <= whole.uses.map_or(0, |uses| uses.count) && whole.uses.is_none_or(|uses| uses.count <= max)
            );
        }
    }
}

/// What these terms have in common with a rule, for the grantee they name.
fn in_common(terms: Terms, whole: &Written) -> Terms {
    let outer = &whole.terms;
    let left = outer.max_uses.map(|max| max.saturating_sub(whole.used));
    Terms {
        effect: Effect::Permit,
        scope: Scope {
            kinds: Kinds(terms.scope.kinds.0 & outer.scope.kinds.0),
            records: outer.scope.records.clone().or(terms.scope.records),
            any_of: if outer.scope.any_of.is_empty() { terms.scope.any_of } else { outer.scope.any_of.clone() },
            none_of: outer.scope.none_of.clone(),
        },
        purposes: Purposes(terms.purposes.0 & outer.purposes.0),
        actions: Actions(terms.actions.0 & outer.actions.0),
        window: Window { until: terms.window.until.min(outer.window.until), ..terms.window },
        max_uses: match (terms.max_uses, left) {
            (Some(own), Some(left)) => Some(own.min(left)),
            (own, left) => own.or(left),
        },
        obligations: outer.obligations,
        ..terms
    }
}

/// Records that differ in all that the rules of a history can tell apart.
fn universe() -> Vec<RecordView> {
    let kinds = [Kind::General, Kind::Encounter, Kind::Lab, Kind::Other];
    let mut all = Vec::new();
    for kind in kinds {
        for id in 1..5 {
            for marks in [&[][..], &[1], &[2], &[3], &[1, 2], &[1, 3], &[2, 3], &[1, 2, 3]] {
                for labelled in [true, false] {
                    all.push(RecordView { kind, tags: tags(marks), labelled, ..lab(record_id(id), HOSPITAL) });
                }
            }
        }
    }
    all
}

/// Moments from now on for the longest a rule of a history lasts, and a little before.
fn moments(now: Moment) -> Vec<u64> {
    (0..200).map(|step| now.0 - 4 * DAY + step * DAY / 24).collect()
}

/// I3, I4, I12, I13 and the pages' invariants: along any history of grants, denials, delegations, revocations, uses
/// and waiting, the decision is the model's, which forgets a rule at once, with what was passed on from it, when it is
/// revoked or replaced. Delegations happen often enough to matter.
#[test]
fn along_any_history_the_decision_is_the_models() {
    let histories = (prop::collection::vec(a_step(), 1..40), prop::collection::vec((a_question(), a_record()), 6));
    let delegated = RefCell::new(0);
    let outcome = TestRunner::new(fixed(400)).run(&histories, |(steps, asked)| {
        let mut history = History::new();
        for step in steps {
            history.take(step);
            history.check_pages();
            for (question, record) in &asked {
                let question = Question { patient: history.world.patient, at: history.world.chain.now(), ..*question };
                let verdict = decide(history.world.chain.state(), &question, record);
                prop_assert_eq!(Answer::from(verdict), answer(&history.facts, &question, record));
            }
        }
        *delegated.borrow_mut() += history.delegated;
        Ok(())
    });
    outcome.unwrap();
    let delegated = delegated.into_inner();
    assert!(delegated >= 100, "{delegated}");
}
