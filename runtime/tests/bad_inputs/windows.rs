//! Windows that end before they begin, are empty, are over, never end, are too long or overflow.

use salus_access::{Answer, RequestRef};
use salus_consent::{Action, Actions, Fault, Obligations, Purpose, Purposes, Terms};
use salus_patients::types::{GuardianChange, GuardianTerms, Powers};
use salus_primitives::{
    Hash, Moment, Window,
    signed::CoSigns,
    time::{DAY, HOUR, YEAR},
};
use salus_registry::types::{NewKey, PractitionerStatus, Terms as AffiliationTerms};

use crate::world::*;

/// The end of time, as far as numbers go.
const NEVER: Moment = Moment(u64::MAX);

/// Windows of which none may be a rule's in a block at `now`.
fn bad_windows(now: Moment) -> Vec<Window> {
    let window = |from, until| Window { from, until };
    vec![
        window(now.plus(DAY), now),
        window(now.plus(DAY), now.plus(DAY)),
        window(Moment(now.0 - DAY), now),
        window(now, NEVER),
        window(now, now.plus(5 * YEAR + 1)),
        window(now.plus(DAY), now.plus(5 * YEAR + DAY)),
        window(Moment(0), now.plus(DAY)),
        window(Moment(u64::MAX - 1), NEVER),
        window(NEVER, Moment(0)),
    ]
}

/// Ends of which none may be that of something that lasts `longest` ms at most.
fn bad_ends(now: Moment, longest: u64) -> [Moment; 5] {
    [Moment(0), Moment(now.0 - 1), now, now.plus(longest + 1), NEVER]
}

fn how_many() -> usize {
    bad_windows(GENESIS_TIME).len()
}

#[test]
fn no_rule_is_made_whose_window_is_none() {
    let mut world = World::new();
    for number in 0..how_many() {
        let terms = Terms { window: bad_windows(world.now())[number], ..world.permit() };
        let call = salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None };
        world.refused(PATIENT_KEY, call, salus_consent::Error::BadWindow);
    }
}

#[test]
fn no_denial_is_without_an_end_either() {
    let mut world = World::new();
    let window = Window { from: world.now(), until: NEVER };
    let terms = Terms { effect: salus_consent::Effect::Deny, window, ..world.permit() };
    let call = salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None };
    world.refused(PATIENT_KEY, call, salus_consent::Error::BadWindow);
}

#[test]
fn nobody_asks_for_a_window_that_is_none() {
    let mut world = World::new();
    for number in 0..how_many() {
        let window = bad_windows(world.now())[number];
        world.refused(SURGEON_KEY, asking(&world.permit(), window), salus_access::Error::BadWindow);
    }
}

#[test]
fn no_request_is_answered_by_a_window_that_ends_before_it_begins() {
    let mut world = World::new();
    let terms = world.permit();
    let Window { from, until } = terms.window;
    world.ok(SURGEON_KEY, asking(&terms, terms.window));
    let answer = Answer::Approve(Terms { window: Window { from: until, until: from }, ..terms });
    let request = RequestRef { requester: SURGEON, number: 0 };
    let call = salus_access::Call::Respond { patient: PATIENT, request, answer };
    world.refused(PATIENT_KEY, call, salus_access::Error::Rule(salus_consent::Error::BadWindow));
}

#[test]
fn nothing_is_passed_on_for_a_window_that_is_none() {
    let mut world = World::new();
    let actions = Actions::of(&[Action::View, Action::Share]);
    let parent = world.grant(Terms { actions, ..world.permit() });
    for number in 0..how_many() {
        let terms = Terms { window: bad_windows(world.now())[number], ..world.permit() };
        let call = salus_consent::Call::Delegate { patient: PATIENT, parent, terms };
        world.refused(SURGEON_KEY, call, salus_consent::Error::BadWindow);
    }
}

#[test]
fn no_copy_is_to_be_erased_before_the_window_ends() {
    let mut world = World::new();
    let terms = world.permit();
    let obligations = Obligations { erase_by: Some(Moment(terms.window.until.0 - 1)), ..Obligations::default() };
    let call = salus_consent::Call::Grant { patient: PATIENT, terms: Terms { obligations, ..terms }, replaces: None };
    world.refused(PATIENT_KEY, call, salus_consent::Error::BadTerms(Fault::EraseBy));
}

#[test]
fn no_guardianship_is_over_or_longer_than_two_years() {
    let mut world = World::new();
    for number in 0..5 {
        let until = bad_ends(world.now(), 2 * YEAR)[number];
        let terms =
            GuardianTerms { guardians: list([ANNA]), threshold: 1, powers: Powers::ALL, excluded: list([]), until };
        let change = GuardianChange::Set(terms);
        let call = salus_patients::Call::GuardiansSet { patient: PATIENT, change, cosign: CoSigns::new() };
        world.refused(PATIENT_KEY, call, salus_patients::Error::BadWindow);
    }
}

#[test]
fn no_invitation_is_over_or_longer_than_thirty_days() {
    let mut world = World::new();
    for number in 0..5 {
        let until = bad_ends(world.now(), 30 * DAY)[number];
        let call = salus_patients::Call::Invite { key: account(200), until, provisional: false };
        world.refused(REGISTRAR_KEY, call, salus_patients::Error::BadWindow);
    }
}

#[test]
fn no_licence_is_over_or_longer_than_five_years() {
    let mut world = World::new();
    for number in 0..5 {
        let call = salus_registry::Call::PractitionerSet {
            id: DOCTOR,
            account: None,
            licence: Hash([1; 32]),
            licence_until: bad_ends(world.now(), 5 * YEAR)[number],
            speciality: 1,
            status: PractitionerStatus::Active,
            cosign: CoSigns::new(),
        };
        world.refused(REGISTRAR_KEY, call, salus_registry::Error::BadWindow);
    }
}

#[test]
fn no_affiliation_is_over_or_longer_than_five_years() {
    let mut world = World::new();
    for number in 0..5 {
        let until = bad_ends(world.now(), 5 * YEAR)[number];
        let terms = AffiliationTerms { roles: list([]), until };
        let with = |cosign| salus_registry::Call::AffiliationSet {
            practitioner: DOCTOR,
            organisation: HOSPITAL,
            terms: Some(terms.clone()),
            cosign,
        };
        let call = world.cosigned(REGISTRAR_KEY, with, &[DOCTOR_KEY]);
        world.refused(REGISTRAR_KEY, call, salus_registry::Error::BadWindow);
    }
}

#[test]
fn no_session_key_is_over_or_longer_than_twelve_hours() {
    let mut world = World::new();
    for number in 0..5 {
        let until = Some(bad_ends(world.now(), 12 * HOUR)[number]);
        let add = NewKey { account: account(200), until };
        let with = |cosign| salus_registry::Call::KeysSet { add: list([add]), drop: list([]), kem: None, cosign };
        let call = world.cosigned(DOCTOR_KEY, with, &[200]);
        world.refused(DOCTOR_KEY, call, salus_registry::Error::BadWindow);
    }
}

#[test]
fn no_hours_are_offered_that_are_none() {
    let mut world = World::new();
    let bad = |now: Moment| {
        let window = |from, until| Window { from, until };
        [
            window(now.plus(HOUR), now),
            window(now.plus(HOUR), now.plus(HOUR)),
            window(Moment(now.0 - 1), now.plus(HOUR)),
            window(now, now.plus(12 * HOUR + 1)),
            window(now, NEVER),
            window(now.plus(366 * DAY + 1), now.plus(366 * DAY + HOUR)),
            window(Moment(u64::MAX - 1), NEVER),
            window(NEVER, NEVER),
        ]
    };
    for number in 0..bad(GENESIS_TIME).len() {
        let good = Window { from: world.now().plus(DAY), until: world.now().plus(DAY + HOUR) };
        let hours = list([good, bad(world.now())[number]]);
        let call = salus_appointments::Call::Publish { practitioner: DOCTOR, organisation: HOSPITAL, hours };
        world.refused(DOCTOR_KEY, call, salus_appointments::Error::BadWindow);
    }
}

fn asking(terms: &Terms, window: Window) -> salus_access::Call {
    salus_access::Call::Request {
        patient: PATIENT,
        organisation: CLINIC,
        scope: terms.scope.clone(),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: terms.actions,
        window,
        note: Hash::ZERO,
    }
}
