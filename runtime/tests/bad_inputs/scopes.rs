//! Scopes that are empty or too wide, sets with bits that mean nothing, and rules that contradict themselves.

use salus_access::{Answer, RequestRef};
use salus_consent::{
    Action, Actions, Effect, Fault, Grantee, Kind, Kinds, Obligations, Purpose, Purposes, Scope, Tag, Terms,
    types::Attribute,
};
use salus_primitives::{Hash, Window, time::YEAR};

use crate::world::*;

const TAG: Tag = Tag([7; 8]);
const OTHER_TAG: Tag = Tag([8; 8]);

fn scope() -> Scope {
    Scope::kinds(Kinds::ALL)
}

/// Scopes that are none, with what is wrong with each.
fn bad_scopes() -> Vec<(Scope, Fault)> {
    vec![
        (Scope::kinds(Kinds::NONE), Fault::Kinds),
        (Scope::kinds(Kinds(1 << 9)), Fault::Kinds),
        (Scope::kinds(Kinds(Kinds::ALL.0 | 1 << 9)), Fault::Kinds),
        (Scope::kinds(Kinds(u16::MAX)), Fault::Kinds),
        (Scope { records: Some(list([])), ..scope() }, Fault::Records),
        (Scope { records: Some(list([record_id(1), record_id(2), record_id(1)])), ..scope() }, Fault::Records),
        (Scope { any_of: list([TAG, TAG]), ..scope() }, Fault::Tags),
        (Scope { none_of: list([TAG, OTHER_TAG, TAG]), ..scope() }, Fault::Tags),
        (Scope { any_of: list([OTHER_TAG, TAG]), none_of: list([TAG]), ..scope() }, Fault::Tags),
    ]
}

fn bad_purposes() -> [Purposes; 4] {
    [Purposes::NONE, Purposes(1 << 9), Purposes(Purposes::ALL.0 | 1 << 15), Purposes(u16::MAX)]
}

fn bad_actions() -> [Actions; 4] {
    [Actions::NONE, Actions(1 << 4), Actions(Actions::ALL.0 | 1 << 7), Actions(u8::MAX)]
}

fn granting(terms: Terms) -> salus_consent::Call {
    salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None }
}

fn asking(terms: Terms) -> salus_access::Call {
    let Terms { scope, purposes, actions, window, .. } = terms;
    salus_access::Call::Request {
        patient: PATIENT,
        organisation: CLINIC,
        scope,
        purposes,
        actions,
        window,
        note: Hash::ZERO,
    }
}

/// What is wrong with rules and requests alike.
fn bad_terms(world: &World) -> Vec<(Terms, Fault)> {
    let with = |change: &dyn Fn(&mut Terms), fault| {
        let mut terms = world.permit();
        change(&mut terms);
        (terms, fault)
    };
    let scopes = bad_scopes().into_iter().map(|(scope, fault)| with(&|terms| terms.scope = scope.clone(), fault));
    let purposes = bad_purposes().into_iter().map(|set| with(&|terms| terms.purposes = set, Fault::Purposes));
    let actions = bad_actions().into_iter().map(|set| with(&|terms| terms.actions = set, Fault::Actions));
    scopes.chain(purposes).chain(actions).collect()
}

#[test]
fn no_rule_is_made_of_an_empty_scope_or_a_set_with_bits_that_mean_nothing() {
    let mut world = World::new();
    for (terms, fault) in bad_terms(&world) {
        world.refused(PATIENT_KEY, granting(terms.clone()), salus_consent::Error::BadTerms(fault));
        let denial = Terms { effect: Effect::Deny, ..terms };
        world.refused(PATIENT_KEY, granting(denial), salus_consent::Error::BadTerms(fault));
    }
}

#[test]
fn nobody_asks_for_an_empty_scope_or_a_set_with_bits_that_mean_nothing() {
    let mut world = World::new();
    for (terms, fault) in bad_terms(&world) {
        world.refused(SURGEON_KEY, asking(terms), salus_access::Error::BadTerms(fault));
    }
}

#[test]
fn no_rule_contradicts_itself() {
    let mut world = World::new();
    let base = world.permit();
    let attribute = |speciality, role| Grantee::Attribute(Attribute { organisation: CLINIC, speciality, role });
    let adds = Actions::of(&[Action::View, Action::Add]);
    let amends = Actions::of(&[Action::Amend]);
    let denial = Terms { effect: Effect::Deny, ..base.clone() };
    let bound = Obligations { no_redisclose: true, ..Obligations::default() };
    for (terms, fault) in [
        (Terms { max_uses: Some(0), ..base.clone() }, Fault::Uses),
        (Terms { grantee: Grantee::Everyone, ..base.clone() }, Fault::Everyone),
        (Terms { grantee: attribute(None, None), ..base.clone() }, Fault::Attribute),
        (Terms { grantee: attribute(Some(1), None), actions: adds, ..base.clone() }, Fault::AddByAttribute),
        (Terms { grantee: attribute(None, Some(1)), actions: amends, ..base.clone() }, Fault::AddByAttribute),
        (Terms { scope: Scope { none_of: list([TAG]), ..scope() }, ..denial.clone() }, Fault::NoneOf),
        (Terms { max_uses: Some(3), ..denial.clone() }, Fault::DenyLimited),
        (Terms { obligations: bound, ..denial }, Fault::DenyLimited),
    ] {
        world.refused(PATIENT_KEY, granting(terms), salus_consent::Error::BadTerms(fault));
    }
}

#[test]
fn no_answer_is_wider_than_what_was_asked_in_any_dimension() {
    let mut world = World::new();
    let mut asked = world.permit();
    asked.scope = Scope {
        kinds: Kinds::of(&[Kind::Lab]),
        records: Some(list([record_id(1)])),
        any_of: list([TAG]),
        none_of: list([OTHER_TAG]),
    };
    world.ok(SURGEON_KEY, asking(asked.clone()));
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut terms = asked.clone();
        change(&mut terms);
        terms
    };
    let Window { from, until } = asked.window;
    for terms in [
        with(&|terms| terms.scope.kinds = Kinds::of(&[Kind::Lab, Kind::Imaging])),
        with(&|terms| terms.scope.records = Some(list([record_id(1), record_id(2)]))),
        with(&|terms| terms.scope.records = None),
        with(&|terms| terms.scope.any_of = list([])),
        with(&|terms| terms.scope.any_of = list([TAG, Tag([9; 8])])),
        with(&|terms| terms.scope.none_of = list([])),
        with(&|terms| terms.purposes = Purposes::of(&[Purpose::Treatment, Purpose::Research])),
        with(&|terms| terms.actions = Actions::of(&[Action::View, Action::Share])),
        with(&|terms| terms.window = Window { from, until: until.plus(1) }),
        with(&|terms| terms.window = Window { from: salus_primitives::Moment(from.0 - 1), until }),
        with(&|terms| terms.effect = Effect::Deny),
        with(&|terms| terms.grantee = Grantee::Organisation(CLINIC)),
        with(&|terms| terms.grantee = Grantee::Practitioner(SURGEON, HOSPITAL)),
        with(&|terms| terms.grantee = Grantee::Practitioner(DOCTOR, CLINIC)),
    ] {
        let (request, answer) = (RequestRef { requester: SURGEON, number: 0 }, Answer::Approve(terms));
        let call = salus_access::Call::Respond { patient: PATIENT, request, answer };
        world.refused(PATIENT_KEY, call, salus_access::Error::Wider);
    }
}

#[test]
fn a_request_is_answered_once_and_one_request_is_open_at_a_time() {
    let mut world = World::new();
    world.ok(SURGEON_KEY, asking(world.permit()));
    world.refused(SURGEON_KEY, asking(world.permit()), salus_access::Error::AlreadyOpen);
    let request = RequestRef { requester: SURGEON, number: 0 };
    let answering = |answer| salus_access::Call::Respond { patient: PATIENT, request, answer };
    world.ok(PATIENT_KEY, answering(Answer::Refuse(1)));
    for (by, answer) in [
        (PATIENT_KEY, Answer::Refuse(1)),
        (PATIENT_KEY, Answer::Approve(world.permit())),
        (SURGEON_KEY, Answer::Withdraw),
    ] {
        world.refused(by, answering(answer), salus_access::Error::BadState);
    }
}

#[test]
fn what_a_guardian_may_not_pass_on_the_guardian_does_not_grant() {
    use salus_patients::types::{GuardianTerms, Powers};
    let mut world = World::new();
    let until = world.now().plus(YEAR);
    let terms =
        GuardianTerms { guardians: list([ANNA]), threshold: 1, powers: Powers::ACT, excluded: list([TAG]), until };
    world.prepare(|state| salus_patients::storage::Guardianships::insert(state, &PATIENT, &terms.into()));
    let leaving_out = Scope { none_of: list([TAG]), ..scope() };
    let window = Window { from: world.now(), until };
    let good = Terms { scope: leaving_out, window, ..world.permit() };
    for terms in [
        Terms { scope: scope(), ..good.clone() },
        Terms { window: Window { from: window.from, until: until.plus(1) }, ..good.clone() },
        Terms { effect: Effect::Deny, scope: scope(), ..good.clone() },
    ] {
        world.refused(ANNA_KEY, granting(terms), salus_consent::Error::GuardianRule);
    }
    world.ok(ANNA_KEY, granting(good));
}
