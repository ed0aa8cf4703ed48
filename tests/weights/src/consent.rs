//! Rules: made, withdrawn with all that hangs on them, and passed on.

use salus_consent::{
    Action, Actions, Call, Error, Grantee, GranteeKey, Kinds, Origin, Rule, RuleRef, Scope, Terms, Withdrawal,
    types::{CHILDREN_MAX, PAGES_MAX, REVOKE_MAX, Uses},
};
use salus_primitives::{OrganisationId, PatientId, Window, time::DAY};
use salus_support::Overlay;

use crate::{
    guardians::{Changes, guarded},
    people::{GRANTEE, HOSPITAL, doctor, guardian, id, list, patient, record_id, tags},
    rules::{PAGE, deny, denying_pages, grantees, page, permit, rule},
    scene::{Builder, NOW},
};

/// Rules that one rule lets go of.
const FOUR: usize = CHILDREN_MAX as usize;
/// Pages named in one withdrawal.
const NAMED: usize = REVOKE_MAX as usize;
/// Rules that fit on a page when each lists four delegated ones.
const PARENTS: usize = 14;

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    grant(builder);
    replace(builder);
    revoke_pages(builder);
    revoke_rules(builder);
    delegate(builder);
}

/// The organisation of this number whose page holds what was delegated.
fn child_page(number: usize) -> Grantee {
    Grantee::Organisation(OrganisationId(id("delegated to", number)))
}

/// A rule of this number that was delegated from a rule of `parent`'s page.
fn child(number: usize, page: usize, parent: GranteeKey) -> Rule {
    let origin = Origin::Delegated(RuleRef { grantee: parent, id: 1 });
    Rule { origin, ..rule(number, permit(child_page(page))) }
}

/// A page of `children`, filled up with others.
fn filled(state: &mut Overlay<'_>, patient: PatientId, grantee: Grantee, mut rules: Vec<Rule>, lines: usize) {
    let mut others: Vec<Rule> = (rules.len()..lines).map(|line| rule(50_000 + line, deny(grantee))).collect();
    others.append(&mut rules);
    page(state, patient, others);
}

/// What a guardian may grant to a practitioner: all that is excluded left out, four records named.
pub(crate) fn guardians_terms(grantee: Grantee) -> Terms {
    let scope = Scope {
        records: Some(list((0..FOUR).map(record_id).collect())),
        none_of: tags("excluded", 8),
        ..Scope::kinds(Kinds::ALL)
    };
    Terms { scope, ..permit(grantee) }
}

fn grant(builder: &mut Builder<'_>) {
    let (practitioner, _) = doctor(builder, "is granted");
    let (patient, _) = guarded(builder, "granted for", Changes::Waits);
    let grantee = Grantee::Practitioner(practitioner, HOSPITAL);
    filled(&mut builder.state, patient, grantee, Vec::new(), PAGE - 1);
    let call = Call::Grant { patient, terms: guardians_terms(grantee), replaces: None };
    builder.case("by one of eight guardians, as the last on a page", &guardian(0).1, call);
    let full = Grantee::Organisation(GRANTEE);
    filled(&mut builder.state, patient, full, Vec::new(), PAGE);
    let call = Call::Grant { patient, terms: guardians_terms(full), replaces: None };
    builder.refused("by one of eight guardians, where the page is full", &guardian(0).1, call, Error::PageFull);
}

fn replace(builder: &mut Builder<'_>) {
    let (practitioner, _) = doctor(builder, "is granted more");
    let (patient, _) = guarded(builder, "granted anew for", Changes::Waits);
    let grantee = Grantee::Practitioner(practitioner, HOSPITAL);
    let (by, signs) = guardian(0);
    let before = Grantee::Organisation(GRANTEE);
    let replaces = RuleRef { grantee: before.key(), id: 60_000 };
    let state = &mut builder.state;
    filled(state, patient, grantee, Vec::new(), PAGE - 1);
    let old = Rule { children: list(children(60_001)), origin: Origin::Guardian(by), ..rule(60_000, permit(before)) };
    filled(state, patient, before, vec![old], PAGE);
    for place in 0..FOUR {
        filled(state, patient, child_page(place), vec![child(60_001 + place, place, before.key())], PAGE);
    }
    let call = Call::Grant { patient, terms: guardians_terms(grantee), replaces: Some(replaces) };
    builder.case("in the place of a rule on another page, from which four were delegated", &signs, call);
}

/// Four rules, the first of this number, on the first four pages.
fn children(first: usize) -> Vec<RuleRef> {
    (0..FOUR).map(|place| reference(first + place, place)).collect()
}

fn reference(number: usize, page: usize) -> RuleRef {
    RuleRef { grantee: child_page(page).key(), id: u32::try_from(number).expect("a scene has few rules") }
}

fn parent_page(number: usize) -> Grantee {
    Grantee::Organisation(OrganisationId(id("delegates", number)))
}

/// A patient with as many pages as may be. 32 of them are named, with 14 rules each, and each of those has four
/// delegated rules on four of the other pages: every page is taken up again and again.
fn revoke_pages(builder: &mut Builder<'_>) {
    let (patient, signs) = patient(builder, "withdraws pages");
    let others = usize::from(PAGES_MAX) - NAMED;
    let all = NAMED * PARENTS * FOUR;
    for number in 0..NAMED {
        let rules = (0..PARENTS).map(|line| {
            let first = (number * PARENTS + line) * FOUR;
            let children = (first..first + FOUR).map(|child| reference(child, child % others)).collect();
            Rule { children: list(children), ..rule(10_000 + line, permit(parent_page(number))) }
        });
        let rules = rules.collect();
        page(&mut builder.state, patient, rules);
    }
    for place in 0..others {
        let children = (place..all).step_by(others).map(|number| child(number, place, parent_page(0).key()));
        let children = children.collect();
        filled(&mut builder.state, patient, child_page(place), children, PAGE);
    }
    let what = Withdrawal::Pages(list((0..NAMED).map(|number| parent_page(number).key()).collect()));
    builder.case(
        "32 pages, whose rules have delegated ones on all the 224 others",
        &signs,
        Call::Revoke { patient, what },
    );
}

fn revoke_rules(builder: &mut Builder<'_>) {
    let (patient, signs) = patient(builder, "withdraws rules");
    for number in 0..NAMED {
        let children = (0..FOUR).map(|place| reference(place, number * FOUR + place)).collect();
        let parent = Rule { children: list(children), ..rule(10_000, permit(parent_page(number))) };
        filled(&mut builder.state, patient, parent_page(number), vec![parent], PAGE);
        for place in 0..FOUR {
            let on = number * FOUR + place;
            filled(
                &mut builder.state,
                patient,
                child_page(on),
                vec![child(place, on, parent_page(number).key())],
                PAGE,
            );
        }
    }
    let named = (0..NAMED).map(|number| RuleRef { grantee: parent_page(number).key(), id: 10_000 });
    let what = Withdrawal::Rules(list(named.collect()));
    builder.case("32 rules of 32 full pages, with four delegated ones each", &signs, Call::Revoke { patient, what });
}

/// The parent has four delegated rules, of which one is over and makes room.
fn delegate(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "passes on");
    let (colleague, _) = doctor(builder, "is passed on to");
    let (patient, _) = patient(builder, "of whom is passed on");
    let state = &mut builder.state;
    denying_pages(state, patient, practitioner, HOSPITAL);
    let own = grantees(practitioner, HOSPITAL)[0];
    let terms = Terms { actions: Actions::of(&[Action::View, Action::Share]), max_uses: Some(1_000), ..permit(own) };
    let uses = Some(Uses { count: 1, last: NOW });
    let parent = Rule { children: list(children(60_001)), uses, ..rule(60_000, terms) };
    filled(state, patient, own, vec![parent], PAGE);
    for place in 0..FOUR {
        let mut rule = child(60_001 + place, place, own.key());
        if place == 0 {
            rule.terms.window = Window { until: NOW, ..rule.terms.window };
        }
        filled(state, patient, child_page(place), vec![rule], PAGE);
    }
    let grantee = Grantee::Practitioner(colleague, GRANTEE);
    filled(state, patient, grantee, Vec::new(), PAGE - 1);
    let window = Window { from: NOW, until: NOW.plus(DAY) };
    let call = Call::Delegate {
        patient,
        parent: RuleRef { grantee: own.key(), id: 60_000 },
        terms: Terms { max_uses: Some(10), window, ..permit(grantee) },
    };
    builder.case("the fifth in the place of one that is over, among full pages", &signs, call);
}
