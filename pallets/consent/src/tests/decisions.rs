//! The decision, case by case, in the order it is taken.

use std::collections::{BTreeMap, BTreeSet};

use salus_patients::{
    Problem,
    storage::Patients,
    types::{DECEASED_DELAY, PatientState},
};
use salus_primitives::{
    Moment, Window,
    time::{DAY, YEAR},
};
use salus_registry::{
    Standing,
    storage::{Affiliations, Organisations, Practitioners},
    types::{OrganisationStatus, PractitionerStatus},
};
use salus_system::{Parameters, Policy, storage::ChainParameters};

use super::*;
use crate::{
    Actor, Basis, Denial, Grounds, Question, Reason, Verdict, decide, denies_request, record_uses, storage::Rules,
    testing::lab, traced,
};

impl World {
    /// May the hospital's doctor view for treatment?
    fn question(&self) -> Question {
        Question {
            patient: self.patient,
            actor: DOCTOR,
            organisation: HOSPITAL,
            action: Action::View,
            purpose: Purpose::Treatment,
            at: self.chain.now(),
        }
    }

    fn decide(&self, record: &RecordView) -> Verdict {
        decide(self.chain.state(), &self.question(), record)
    }

    fn set_policy(&mut self, policy: Policy) {
        let parameters = Parameters { policy, ..Parameters::default() };
        self.chain.prepare(|state| ChainParameters::put(state, &parameters));
    }

    fn set_patient(&mut self, to: PatientState) {
        let id = self.patient;
        self.chain.prepare(|state| {
            let mut patient = Patients::get(state, &id).unwrap();
            patient.state = to;
            Patients::insert(state, &id, &patient);
        });
    }
}

fn no(reason: Reason) -> Verdict {
    Verdict::Denied(Denial { reason, rule: None })
}

fn no_by(rule: RuleRef) -> Verdict {
    Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(rule) })
}

fn by(rule: RuleRef) -> Verdict {
    Verdict::Permit(Basis::Rule(rule))
}

fn own_record() -> RecordView {
    lab(record_id(1), HOSPITAL)
}

#[test]
fn nothing_is_permitted_without_a_rule() {
    assert_eq!(World::new().decide(&own_record()), no(Reason::NoConsent));
}

#[test]
fn a_permit_in_any_page_that_concerns_the_actor_permits() {
    for grantee in [
        Grantee::Practitioner(DOCTOR, HOSPITAL),
        Grantee::Organisation(HOSPITAL),
        Grantee::Attribute(Attribute {
            organisation: HOSPITAL,
            speciality: Some(registry::GENERAL_MEDICINE),
            role: None,
        }),
        Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: None, role: Some(registry::DOCTOR) }),
    ] {
        let mut world = World::new();
        let rule = world.grant(world.permit(grantee));
        assert_eq!(world.decide(&own_record()), by(rule));
    }
}

#[test]
fn a_permit_to_somebody_else_permits_nothing() {
    let speciality = registry::GENERAL_MEDICINE;
    for grantee in [
        Grantee::Practitioner(SURGEON, HOSPITAL),
        Grantee::Practitioner(DOCTOR, CLINIC),
        Grantee::Organisation(CLINIC),
        Grantee::Attribute(Attribute { organisation: CLINIC, speciality: Some(speciality), role: None }),
        Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: Some(speciality + 1), role: None }),
        Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: Some(speciality), role: Some(1) }),
    ] {
        let mut world = World::new();
        world.grant(world.permit(grantee));
        assert_eq!(world.decide(&own_record()), no(Reason::NoConsent), "{grantee:?}");
    }
}

#[test]
fn a_grant_does_not_follow_a_practitioner_to_another_employer() {
    let mut world = World::new();
    let rule = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    registry::affiliate(&mut world.chain, DOCTOR, CLINIC);
    assert_eq!(world.decide(&own_record()), by(rule));
    let elsewhere = Question { organisation: CLINIC, ..world.question() };
    assert_eq!(decide(world.chain.state(), &elsewhere, &own_record()), no(Reason::NoConsent));
}

#[test]
fn a_denial_in_any_page_overrides_every_permit() {
    for grantee in [
        Grantee::Practitioner(DOCTOR, HOSPITAL),
        Grantee::Organisation(HOSPITAL),
        Grantee::Everyone,
        Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: None, role: Some(registry::DOCTOR) }),
    ] {
        let mut world = World::new();
        world.set_policy(Policy::CustodianTreatment);
        world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
        let rule = world.grant(world.deny(grantee));
        world.grant(world.deny(grantee));
        assert_eq!(world.decide(&own_record()), no_by(rule), "the oldest denial is named");
    }
}

#[test]
fn of_several_permits_the_oldest_is_the_basis_whatever_its_page() {
    let mut world = World::new();
    let first = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let second = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    assert_eq!(world.decide(&own_record()), by(first));
    world.chain.ok(world.me, world.revoke(single(&[first])));
    assert_eq!(world.decide(&own_record()), by(second));
}

#[test]
fn a_rule_answers_for_its_own_purposes_and_actions_only() {
    let mut world = World::new();
    let rule = world.grant(Terms {
        purposes: Purposes::of(&[Purpose::Treatment, Purpose::Research]),
        actions: Actions::of(&[Action::View, Action::Add]),
        ..world.permit(Grantee::Organisation(HOSPITAL))
    });
    let ask =
        |purpose, action| decide(world.chain.state(), &Question { purpose, action, ..world.question() }, &own_record());
    assert_eq!(ask(Purpose::Research, Action::Add), by(rule));
    assert_eq!(ask(Purpose::Payment, Action::View), no(Reason::NoConsent));
    assert_eq!(ask(Purpose::Treatment, Action::Amend), no(Reason::NoConsent));
}

#[test]
fn a_window_opens_at_its_start_and_is_closed_at_its_end() {
    let mut world = World::new();
    let now = world.chain.now();
    let window = Window { from: now.plus(10), until: now.plus(20) };
    let rule = world.grant(Terms { window, ..world.permit(Grantee::Organisation(HOSPITAL)) });
    let at = |at: Moment| decide(world.chain.state(), &Question { at, ..world.question() }, &own_record());
    assert_eq!(at(now.plus(9)), no(Reason::NoConsent));
    assert_eq!(at(now.plus(10)), by(rule));
    assert_eq!(at(now.plus(19)), by(rule));
    assert_eq!(at(now.plus(20)), no(Reason::NoConsent));
}

#[test]
fn after_its_last_use_a_rule_permits_nothing_and_an_unlimited_one_is_never_written() {
    let mut world = World::new();
    let limited = world.grant(Terms { max_uses: Some(2), ..world.permit(Grantee::Organisation(HOSPITAL)) });
    let unlimited = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    let (patient, now) = (world.patient, world.chain.now());
    let before = world.chain.entries().clone();
    world.chain.prepare(|state| record_uses(state, now, patient, &[unlimited, unlimited]));
    assert!(*world.chain.entries() == before);
    for _ in 0..2 {
        assert_eq!(world.decide(&own_record()), by(limited));
        world.chain.prepare(|state| record_uses(state, now, patient, &[limited, limited]));
    }
    assert_eq!(world.decide(&own_record()), by(unlimited));
    assert_eq!(world.page(limited.grantee).unwrap()[0].uses, Some(Uses { count: 2, last: now }));
}

#[test]
fn a_use_of_ones_own_is_not_counted_and_nobody_elses_is_left_out() {
    let mut world = World::new();
    let rule = world.grant(Terms { max_uses: Some(1), ..world.permit(Grantee::Organisation(HOSPITAL)) });
    let (patient, now) = (world.patient, world.chain.now());
    world.chain.prepare(|state| record_uses(state, now, patient, &[rule]));
    let again =
        |uncounted: &[RuleRef]| Grounds::of(world.chain.state(), &world.question(), uncounted).judge(&own_record());
    assert_eq!(again(&[]), no(Reason::NoConsent));
    assert_eq!(again(&[rule]), by(rule));
    assert_eq!(again(&[RuleRef { id: 7, ..rule }]), no(Reason::NoConsent));
    world.chain.prepare(|state| record_uses(state, now, patient, &[rule]));
    let again = Grounds::of(world.chain.state(), &world.question(), &[rule, rule]).judge(&own_record());
    assert_eq!(again, no(Reason::NoConsent), "one use only is one's own");
}

#[test]
fn the_organisation_is_looked_at_first_then_the_practitioner_then_the_affiliation() {
    let mut world = World::new();
    world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let now = world.chain.now();
    let ask = |world: &World, actor, organisation, at| {
        decide(world.chain.state(), &Question { actor, organisation, at, ..world.question() }, &own_record())
    };
    let standing = |standing| no(Reason::Standing(standing));
    assert_eq!(ask(&world, DOCTOR, NOWHERE, now), standing(Standing::UnknownOrganisation));
    assert_eq!(ask(&world, NOBODY, HOSPITAL, now), standing(Standing::UnknownPractitioner));
    assert_eq!(ask(&world, SURGEON, HOSPITAL, now), standing(Standing::NotAffiliated));
    assert_eq!(ask(&world, DOCTOR, HOSPITAL, now.plus(4 * YEAR)), standing(Standing::LicenceExpired));

    world.chain.prepare(|state| {
        let mut affiliation = Affiliations::get(state, &(DOCTOR, HOSPITAL)).unwrap();
        affiliation.until = now.plus(DAY);
        Affiliations::insert(state, &(DOCTOR, HOSPITAL), &affiliation);
    });
    assert_eq!(ask(&world, DOCTOR, HOSPITAL, now.plus(DAY)), standing(Standing::AffiliationExpired));
    for (status, reason) in [
        (PractitionerStatus::Suspended, Standing::PractitionerSuspended),
        (PractitionerStatus::Struck, Standing::PractitionerStruck),
    ] {
        world.chain.prepare(|state| {
            let mut practitioner = Practitioners::get(state, &DOCTOR).unwrap();
            practitioner.status = status;
            Practitioners::insert(state, &DOCTOR, &practitioner);
        });
        assert_eq!(ask(&world, DOCTOR, HOSPITAL, now), standing(reason));
    }
    for (status, reason) in [
        (OrganisationStatus::Suspended, Standing::OrganisationSuspended),
        (OrganisationStatus::Removed, Standing::OrganisationRemoved),
    ] {
        registry::set_status(&mut world.chain, HOSPITAL, status);
        assert_eq!(ask(&world, DOCTOR, HOSPITAL, now), standing(reason));
    }
}

#[test]
fn rules_go_on_while_the_patient_is_frozen_and_run_out_after_a_death() {
    let mut world = World::new();
    world.set_policy(Policy::CustodianTreatment);
    let now = world.chain.now();
    let rule = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    let frozen = PatientState::Frozen { until: now.plus(DAY), by: salus_patients::types::FrozenBy::Patient };
    let deceased = PatientState::Deceased { declared: Moment(now.0 - DECEASED_DELAY) };
    for state in [frozen, PatientState::Recovering { until: now.plus(DAY), freeze: None }, deceased] {
        world.set_patient(state);
        assert_eq!(world.decide(&own_record()), by(rule), "{state:?}");
    }
    world.chain.ok(world.me, world.revoke(single(&[rule])));
    assert_eq!(world.decide(&own_record()), no(Reason::NoConsent), "no default policy after a death");
    world.set_patient(PatientState::Active);
    assert_eq!(world.decide(&own_record()), Verdict::Permit(Basis::Default));
    world.set_patient(PatientState::Closed);
    assert_eq!(world.decide(&own_record()), no(Reason::Patient(Problem::Closed)));
    let unknown = Question { patient: PatientId([0; 16]), ..world.question() };
    let verdict = decide(world.chain.state(), &unknown, &own_record());
    assert_eq!(verdict, no(Reason::Patient(Problem::UnknownPatient)));
}

#[test]
fn a_record_in_error_or_erased_is_given_to_nobody() {
    let mut world = World::new();
    world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    world.grant(world.deny(Grantee::Everyone));
    let with = |servable| RecordView { servable, ..own_record() };
    assert_eq!(world.decide(&with(Servable::EnteredInError)), no(Reason::EnteredInError));
    assert_eq!(world.decide(&with(Servable::Erased)), no(Reason::Erased));
}

#[test]
fn the_default_policy_lets_a_custodian_treat_with_what_is_not_restricted() {
    let mut world = World::new();
    let ask = |world: &World, action, purpose, record: &RecordView| {
        decide(world.chain.state(), &Question { action, purpose, ..world.question() }, record)
    };
    let own = own_record();
    assert_eq!(ask(&world, Action::View, Purpose::Treatment, &own), no(Reason::NoConsent), "DenyAll denies all");
    world.set_policy(Policy::CustodianTreatment);
    for action in [Action::View, Action::Add, Action::Amend] {
        assert_eq!(ask(&world, action, Purpose::Treatment, &own), Verdict::Permit(Basis::Default));
    }
    assert_eq!(ask(&world, Action::Share, Purpose::Treatment, &own), no(Reason::NoConsent));
    assert_eq!(ask(&world, Action::View, Purpose::Research, &own), no(Reason::NoConsent));
    assert_eq!(ask(&world, Action::View, Purpose::EmergencyTreatment, &own), no(Reason::NoConsent));
    let restricted = RecordView { restricted: true, ..own.clone() };
    assert_eq!(ask(&world, Action::View, Purpose::Treatment, &restricted), no(Reason::NoConsent));
    let others = RecordView { custodian: CLINIC, ..own.clone() };
    assert_eq!(ask(&world, Action::View, Purpose::Treatment, &others), no(Reason::NoConsent));
    let rule = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    assert_eq!(ask(&world, Action::View, Purpose::Treatment, &own), by(rule), "a patient's rule comes first");
}

#[test]
fn labs_only_does_not_open_what_a_denied_label_marks() {
    let mut world = World::new();
    let mut labs = world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL));
    labs.scope.kinds = Kinds::of(&[Kind::Lab]);
    let permit = world.grant(labs);
    let mut psychiatry = world.deny(Grantee::Everyone);
    psychiatry.scope.any_of = tags(&[7]);
    let deny = world.grant(psychiatry);
    assert_eq!(world.decide(&own_record()), by(permit));
    let marked = RecordView { tags: tags(&[7]), restricted: true, ..own_record() };
    assert_eq!(world.decide(&marked), no_by(deny));
    let unlabelled = RecordView { labelled: false, restricted: true, ..own_record() };
    assert_eq!(world.decide(&unlabelled), no_by(deny));
    let image = RecordView { kind: Kind::Imaging, ..own_record() };
    assert_eq!(world.decide(&image), no(Reason::NoConsent));
}

#[test]
fn a_denial_keeps_the_requester_from_asking_for_what_it_surely_hits() {
    let asked = |change: &dyn Fn(&mut Terms)| {
        let mut terms = World::new().permit(Grantee::Practitioner(DOCTOR, HOSPITAL));
        change(&mut terms);
        terms
    };
    let refuses = |deny: &dyn Fn(&mut Terms), grantee: Grantee, asked: &Terms| {
        let mut world = World::new();
        let mut terms = world.deny(grantee);
        deny(&mut terms);
        world.grant(terms);
        let affiliation = Affiliations::get(world.chain.state(), &(DOCTOR, HOSPITAL)).unwrap();
        let actor = Actor { practitioner: DOCTOR, organisation: HOSPITAL, affiliation: &affiliation };
        denies_request(world.chain.state(), world.patient, &actor, &asked.extent(), world.chain.now())
    };
    let (me, everyone) = (Grantee::Practitioner(DOCTOR, HOSPITAL), Grantee::Everyone);
    let nurses = Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: None, role: Some(1) });
    let all = asked(&|_| {});
    let labs = asked(&|terms| terms.scope.kinds = Kinds::of(&[Kind::Lab]));
    let listed = asked(&|terms| terms.scope.records = records(&[1]));
    let tagged = asked(&|terms| terms.scope.any_of = tags(&[1, 2]));
    let imaging = |terms: &mut Terms| terms.scope.kinds = Kinds::of(&[Kind::Imaging]);
    let label = |terms: &mut Terms| terms.scope.any_of = tags(&[1]);
    let nothing = |_: &mut Terms| {};
    assert!(refuses(&nothing, me, &all));
    assert!(refuses(&nothing, everyone, &labs));
    assert!(refuses(&imaging, everyone, &all));
    assert!(!refuses(&imaging, everyone, &labs), "another kind is denied");
    assert!(!refuses(&label, everyone, &all), "a denied label does not keep everyone from asking");
    assert!(refuses(&label, everyone, &tagged), "but from asking for that label");
    assert!(!refuses(&nothing, Grantee::Practitioner(SURGEON, HOSPITAL), &all), "it speaks to somebody else");
    assert!(!refuses(&nothing, nurses, &all), "it speaks to others of the organisation");
    assert!(refuses(&|terms| terms.scope.records = records(&[1, 2]), me, &listed));
    assert!(!refuses(&|terms| terms.scope.records = records(&[2]), me, &listed));
    assert!(!refuses(&|terms| terms.purposes = Purposes::of(&[Purpose::Research]), me, &all));
    assert!(!refuses(&|terms| terms.actions = Actions::of(&[Action::Add]), me, &all));
    assert!(!refuses(&|terms| terms.window.from = terms.window.from.plus(DAY), me, &all), "it is not live yet");
}

/// The keys that may matter, computed from nothing but the question.
fn exact_keys(question: &Question) -> BTreeSet<Vec<u8>> {
    let pages =
        GranteeKey::concerning(question.actor, question.organisation).map(|page| Rules::key(&(question.patient, page)));
    let mut keys: BTreeSet<Vec<u8>> = pages.into_iter().collect();
    keys.insert(Organisations::key(&question.organisation));
    keys.insert(Practitioners::key(&question.actor));
    keys.insert(Affiliations::key(&(question.actor, question.organisation)));
    keys.insert(Patients::key(&question.patient));
    keys.insert(ChainParameters::key());
    keys
}

#[test]
fn a_decision_reads_nine_keys_however_many_rules_the_patient_has() {
    let mut world = World::new();
    let speciality = Some(registry::GENERAL_MEDICINE);
    for _ in 0..16 {
        for grantee in [
            Grantee::Practitioner(DOCTOR, HOSPITAL),
            Grantee::Organisation(HOSPITAL),
            Grantee::Organisation(CLINIC),
            Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality, role: None }),
        ] {
            world.grant(world.permit(grantee));
        }
        let (verdict, keys) = traced(world.chain.state(), |state| decide(state, &world.question(), &own_record()));
        assert!(verdict.is_permit());
        assert_eq!(keys, exact_keys(&world.question()));
    }
    let keys = exact_keys(&world.question());
    let bytes: usize = keys.iter().filter_map(|key| world.chain.state().get(key)).map(|value| value.len()).sum();
    assert!(bytes <= 4 * PAGE_BYTES_MAX + 512, "{bytes}");
}

#[test]
fn a_read_set_tells_absent_keys_too_and_is_enough_to_decide_again() {
    let mut world = World::new();
    world.grant(world.deny(Grantee::Everyone));
    let (verdict, keys) = traced(world.chain.state(), |state| decide(state, &world.question(), &own_record()));
    assert!(keys.contains(&Rules::key(&(world.patient, GranteeKey::ByAttribute))));
    let proven: BTreeMap<Vec<u8>, Vec<u8>> =
        keys.into_iter().filter_map(|key| Some((key.clone(), world.chain.state().get(&key)?))).collect();
    assert!(proven.len() < 9 && verdict == decide(&proven, &world.question(), &own_record()));
}
