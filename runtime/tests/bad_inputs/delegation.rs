//! A child wider than its parent, in each dimension; and what may not be passed on at all.

use salus_consent::{
    Action, Actions, Effect, Grantee, Kind, Kinds, Obligations, Purpose, Purposes, RuleRef, Scope, Tag, Terms,
};
use salus_primitives::{Moment, Window, time::YEAR};

use crate::world::*;

const TAG: Tag = Tag([7; 8]);
const OTHER_TAG: Tag = Tag([8; 8]);

fn delegating(parent: RuleRef, terms: Terms) -> salus_consent::Call {
    salus_consent::Call::Delegate { patient: PATIENT, parent, terms }
}

/// A rule that is narrow in every dimension, and may be shared.
fn narrow(world: &World) -> Terms {
    Terms {
        scope: Scope {
            kinds: Kinds::of(&[Kind::Lab, Kind::Imaging]),
            records: Some(list([record_id(1), record_id(2)])),
            any_of: list([TAG]),
            none_of: list([OTHER_TAG]),
        },
        actions: Actions::of(&[Action::View, Action::Share]),
        max_uses: Some(5),
        obligations: Obligations { local_only: true, erase_by: Some(world.now().plus(2 * YEAR)), no_redisclose: false },
        ..world.permit()
    }
}

#[test]
fn no_child_is_wider_than_its_parent_in_any_dimension() {
    let mut world = World::new();
    let parent = narrow(&world);
    let name = world.grant(parent.clone());
    let Window { from, until } = parent.window;
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut terms = parent.clone();
        terms.grantee = Grantee::Organisation(CLINIC);
        change(&mut terms);
        terms
    };
    let later = until.plus(YEAR);
    for terms in [
        with(&|terms| terms.scope.kinds = Kinds::ALL),
        with(&|terms| terms.scope.records = Some(list([record_id(1), record_id(3)]))),
        with(&|terms| terms.scope.records = None),
        with(&|terms| terms.scope.any_of = list([])),
        with(&|terms| terms.scope.any_of = list([TAG, Tag([9; 8])])),
        with(&|terms| terms.scope.none_of = list([])),
        with(&|terms| terms.purposes = Purposes::of(&[Purpose::Treatment, Purpose::Payment])),
        with(&|terms| terms.actions = Actions::of(&[Action::View, Action::Add])),
        with(&|terms| terms.window = Window { from: Moment(from.0 - 1), until }),
        with(&|terms| terms.window = Window { from, until: until.plus(1) }),
        with(&|terms| terms.max_uses = None),
        with(&|terms| terms.max_uses = Some(6)),
        with(&|terms| terms.obligations.local_only = false),
        with(&|terms| terms.obligations.erase_by = None),
        with(&|terms| terms.obligations.erase_by = Some(later.plus(YEAR))),
        // Out of the organisation that the parent keeps it in.
        with(&|terms| terms.grantee = Grantee::Organisation(HOSPITAL)),
        with(&|terms| terms.effect = Effect::Deny),
    ] {
        let error = match terms.effect {
            // A Deny with uses, obligations and none_of is none at all.
            Effect::Deny => salus_consent::Error::BadTerms(salus_consent::Fault::NoneOf),
            Effect::Permit => salus_consent::Error::NotSubset,
        };
        world.refused(SURGEON_KEY, delegating(name, terms), error);
    }
    world.ok(SURGEON_KEY, delegating(name, with(&|_| {})));
}

#[test]
fn children_together_get_no_more_uses_than_their_parent_has() {
    let mut world = World::new();
    let parent = narrow(&world);
    let name = world.grant(parent.clone());
    let child = |uses| Terms { grantee: Grantee::Organisation(CLINIC), max_uses: Some(uses), ..parent.clone() };
    world.ok(SURGEON_KEY, delegating(name, child(3)));
    world.refused(SURGEON_KEY, delegating(name, child(3)), salus_consent::Error::NotSubset);
    world.ok(SURGEON_KEY, delegating(name, child(2)));
    world.refused(SURGEON_KEY, delegating(name, child(1)), salus_consent::Error::BadState);
}

#[test]
fn a_parent_has_four_children_and_no_grandchildren() {
    let mut world = World::new();
    let actions = Actions::of(&[Action::View, Action::Share]);
    let parent = Terms { actions, ..world.permit() };
    let name = world.grant(parent.clone());
    let child = Terms { grantee: Grantee::Organisation(CLINIC), ..parent.clone() };
    for _ in 0..4 {
        world.ok(SURGEON_KEY, delegating(name, child.clone()));
    }
    world.refused(SURGEON_KEY, delegating(name, child.clone()), salus_consent::Error::ChildrenFull);
    let first = RuleRef { grantee: child.grantee.key(), id: name.id + 1 };
    world.refused(CLINIC_PRIVACY_KEY, delegating(first, child), salus_consent::Error::TooDeep);
}

#[test]
fn what_does_not_say_share_or_says_no_redisclose_is_not_passed_on() {
    let mut world = World::new();
    let silent = world.grant(world.permit());
    let actions = Actions::of(&[Action::View, Action::Share]);
    let obligations = Obligations { no_redisclose: true, ..Obligations::default() };
    let bound = world.grant(Terms { actions, obligations, ..world.permit() });
    for parent in [silent, bound] {
        let terms = Terms { grantee: Grantee::Organisation(CLINIC), obligations, ..world.permit() };
        world.refused(SURGEON_KEY, delegating(parent, terms), salus_consent::Error::NotShared);
    }
}

#[test]
fn nobody_passes_on_what_the_patient_denies() {
    let mut world = World::new();
    let actions = Actions::of(&[Action::View, Action::Share]);
    let shared = Terms { actions, ..world.permit() };
    let parent = world.grant(shared.clone());
    let denial = Terms { effect: Effect::Deny, grantee: Grantee::Everyone, ..shared.clone() };
    world.grant(denial);
    let child = Terms { grantee: Grantee::Organisation(CLINIC), ..shared };
    world.refused(SURGEON_KEY, delegating(parent, child), salus_consent::Error::DeniedByRule);
}

#[test]
fn a_child_ends_with_its_parent() {
    let mut world = World::new();
    let shared = Terms { actions: Actions::of(&[Action::View, Action::Share]), ..world.permit() };
    let parent = world.grant(shared.clone());
    let child = RuleRef { grantee: Grantee::Organisation(CLINIC).key(), id: parent.id + 1 };
    world.ok(SURGEON_KEY, delegating(parent, Terms { grantee: Grantee::Organisation(CLINIC), ..shared.clone() }));
    world.ok(PATIENT_KEY, revocation(parent));
    world.refused(PATIENT_KEY, revocation(child), salus_consent::Error::NoSuchRule);
    world.refused(SURGEON_KEY, delegating(parent, shared), salus_consent::Error::NoSuchRule);
}
