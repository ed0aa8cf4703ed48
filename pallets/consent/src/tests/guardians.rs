//! Rules that guardians make for a patient.

use salus_patients::{
    storage::Guardianships,
    types::{GuardianTerms, Guardianship, Powers},
};
use salus_primitives::{Window, time::DAY};

use super::*;
use crate::{Call, Error, Event, Question, decide, testing::lab};

const EXCLUDED: u8 = 7;

/// A world with two guardians of the patient until 100 days from now, from whom tag 7 is excluded.
fn guarded(powers: Powers) -> (World, Person, Person) {
    let mut world = World::new();
    let first = confirmed(&mut world.chain, account(REGISTRAR_KEY), 3);
    let second = confirmed(&mut world.chain, account(REGISTRAR_KEY), 4);
    let terms = GuardianTerms {
        guardians: BoundedVec::try_from(vec![first.id, second.id]).unwrap(),
        threshold: 1,
        powers,
        excluded: tags(&[EXCLUDED]),
        until: world.chain.now().plus(100 * DAY),
    };
    let patient = world.patient;
    world.chain.prepare(|state| Guardianships::insert(state, &patient, &Guardianship::from(terms)));
    (world, first, second)
}

impl World {
    /// What a guardian may grant the hospital.
    fn guardians(&self) -> Terms {
        let now = self.chain.now();
        let mut terms = self.permit(Grantee::Organisation(HOSPITAL));
        terms.window = Window { from: now, until: now.plus(100 * DAY) };
        terms.scope.none_of = tags(&[EXCLUDED]);
        terms
    }
}

#[test]
fn a_guardian_grants_and_the_rule_matches_labelled_records_without_excluded_tags() {
    let (mut world, guardian, _) = guarded(Powers::ACT);
    let call = world.call(world.guardians());
    world.chain.ok(guardian.account(), call);
    let rule = RuleRef { grantee: GranteeKey::Organisation(HOSPITAL), id: 0 };
    world.chain.emitted(Event::Granted { patient: world.patient, rule, replaced: None });
    let written = crate::rules::find(world.chain.state(), world.patient, &rule).unwrap();
    assert_eq!((written.origin, written.labelled_only), (Origin::Guardian(guardian.id), true));
    let (action, purpose, at) = (Action::View, Purpose::Treatment, world.chain.now());
    let question = Question { patient: world.patient, actor: DOCTOR, organisation: HOSPITAL, action, purpose, at };
    let permits = |record: RecordView| decide(world.chain.state(), &question, &record).is_permit();
    let record = || lab(record_id(1), HOSPITAL);
    assert!(permits(record()));
    assert!(!permits(RecordView { labelled: false, ..record() }));
    assert!(!permits(RecordView { tags: tags(&[EXCLUDED]), ..record() }));
}

#[test]
fn a_guardians_rule_is_a_permit_with_all_excluded_tags_that_ends_with_the_guardianship() {
    let (mut world, guardian, _) = guarded(Powers::ACT);
    let good = world.guardians();
    let mut bare = good.clone();
    bare.scope.none_of = tags(&[6]);
    let longer = Terms { window: Window { until: good.window.until.plus(1), ..good.window }, ..good.clone() };
    for terms in [bare, longer, world.deny(Grantee::Organisation(HOSPITAL))] {
        let call = world.call(terms);
        world.chain.refused(guardian.account(), call, Error::GuardianRule);
    }
    let mut more = good;
    more.scope.none_of = tags(&[6, EXCLUDED]);
    let call = world.call(more);
    world.chain.ok(guardian.account(), call);
}

#[test]
fn without_the_power_to_act_or_after_its_end_a_guardian_makes_and_withdraws_nothing() {
    let (mut world, guardian, _) = guarded(Powers::RECOVER);
    let call = world.call(world.guardians());
    world.chain.refused(guardian.account(), call, Error::NotAuthorised);
    let (mut world, guardian, _) = guarded(Powers::ACT);
    let call = world.call(world.guardians());
    let session = world.session(Subject::Patient(guardian.id));
    world.chain.refused(session, call.clone(), Error::NotAuthorised);
    world.chain.ok(guardian.account(), call);
    let revoke = world.revoke(whole(&[GranteeKey::Organisation(HOSPITAL)]));
    world.chain.refused(session, revoke.clone(), Error::NotAuthorised);
    world.chain.advance(100 * DAY);
    let call = world.call(world.guardians());
    world.chain.refused(guardian.account(), call, Error::NotAuthorised);
    world.chain.refused(guardian.account(), revoke.clone(), Error::NotAuthorised);
    world.chain.ok(world.me, revoke);
}

#[test]
fn a_guardian_withdraws_and_replaces_their_own_rules_only() {
    let (mut world, guardian, other) = guarded(Powers::ACT);
    let patients = world.grant(world.guardians());
    let call = world.call(world.guardians());
    world.chain.ok(guardian.account(), call.clone()).ok(other.account(), call);
    let page = whole(&[GranteeKey::Organisation(HOSPITAL)]);
    let [own, others] = [1, 2].map(|id| RuleRef { id, ..patients });
    for rule in [patients, others] {
        let terms = world.guardians();
        let replace = Call::Grant { patient: world.patient, terms, replaces: Some(rule) };
        world.chain.refused(guardian.account(), replace, Error::NotAuthorised);
        let revoke = world.revoke(single(&[rule]));
        world.chain.refused(guardian.account(), revoke, Error::NoSuchRule);
    }
    let gone =
        Call::Grant { patient: world.patient, terms: world.guardians(), replaces: Some(RuleRef { id: 77, ..own }) };
    world.chain.refused(guardian.account(), gone, Error::NoSuchRule);
    let replace = Call::Grant { patient: world.patient, terms: world.guardians(), replaces: Some(own) };
    world.chain.ok(guardian.account(), replace);
    assert_eq!(world.ids(own.grantee), [0, 2, 3]);
    world.chain.ok(guardian.account(), world.revoke(page));
    assert_eq!(world.ids(own.grantee), [0, 2]);
}

#[test]
fn a_guardian_of_a_frozen_patient_revokes_but_does_not_grant() {
    let (mut world, guardian, _) = guarded(Powers::ACT);
    let call = world.call(world.guardians());
    world.chain.ok(guardian.account(), call.clone());
    let freeze = salus_patients::Call::StatusSet {
        patient: world.patient,
        to: salus_patients::types::Change::Freeze,
        cosign: Default::default(),
    };
    world.chain.ok(world.me, freeze);
    world.chain.refused(guardian.account(), call, Error::Patient(salus_patients::Problem::Frozen));
    world.chain.ok(guardian.account(), world.revoke(whole(&[GranteeKey::Organisation(HOSPITAL)])));
}
