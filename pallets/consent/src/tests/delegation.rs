//! Passing a permission on: who may, how far it goes, and that it goes with its parent.

use salus_patients::{
    Problem,
    storage::Patients,
    types::{FrozenBy, PatientState},
};
use salus_primitives::{
    Window,
    time::{DAY, HOUR},
};
use salus_registry::{
    Standing,
    types::{OrganisationStatus, PractitionerStatus},
};
use salus_support::Pallet;

use super::*;
use crate::{Call, Consent, Error, Event, Fault, Question, Verdict, decide, record_uses, testing::lab};

/// What the doctor of the hospital got: to view and share everything for treatment.
fn shared(world: &World) -> Terms {
    let actions = Actions::of(&[Action::View, Action::Share]);
    Terms { actions, ..world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)) }
}

/// What the doctor passes on to the surgeon of the clinic: to view it.
fn passed_on(world: &World) -> Terms {
    world.permit(Grantee::Practitioner(SURGEON, CLINIC))
}

impl World {
    fn delegating(&self, parent: RuleRef, terms: Terms) -> Call {
        Call::Delegate { patient: self.patient, parent, terms }
    }

    /// The doctor delegates; the new rule.
    #[track_caller]
    fn delegate(&mut self, parent: RuleRef, terms: Terms) -> RuleRef {
        let rule = RuleRef { grantee: terms.grantee.key(), id: self.ledger().next_id };
        self.chain.ok(account(DOCTOR_KEY), self.delegating(parent, terms));
        rule
    }

    fn rule(&self, reference: RuleRef) -> Option<Rule> {
        crate::rules::find(self.chain.state(), self.patient, &reference)
    }

    /// What the surgeon may do with a laboratory record of the hospital.
    fn surgeons(&self, action: Action) -> Verdict {
        let (patient, at) = (self.patient, self.chain.now());
        let purpose = Purpose::Treatment;
        let question = Question { patient, actor: SURGEON, organisation: CLINIC, action, purpose, at };
        decide(self.chain.state(), &question, &lab(record_id(1), HOSPITAL))
    }
}

#[test]
fn a_grantee_who_may_share_passes_a_part_on_and_the_parent_lists_it() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    assert!(!world.surgeons(Action::View).is_permit());
    let child = world.delegate(parent, passed_on(&world));
    let by = Subject::Practitioner(DOCTOR);
    world.chain.emitted(Event::Delegated { patient: world.patient, parent, rule: child, by });
    assert_eq!(world.surgeons(Action::View).rule(), Some(child));
    assert!(!world.surgeons(Action::Share).is_permit());
    assert_eq!(world.rule(parent).unwrap().children[..], [child]);
    assert_eq!(world.rule(child).unwrap().origin, Origin::Delegated(parent));
    assert_eq!(world.rule(parent).unwrap().origin, Origin::Patient);
}

#[test]
fn an_organisation_passes_on_by_a_privacy_officer() {
    let mut world = World::new();
    let parent = world.grant(Terms { grantee: Grantee::Organisation(HOSPITAL), ..shared(&world) });
    let call = world.delegating(parent, passed_on(&world));
    for caller in [account(DOCTOR_KEY), account(REGISTRAR_KEY), account(2), world.me] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    world.chain.ok(account(PRIVACY_KEY), call);
    assert!(world.surgeons(Action::View).is_permit());
}

#[test]
fn nobody_but_the_grantee_itself_passes_on() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    let attribute = Attribute { organisation: HOSPITAL, speciality: None, role: Some(registry::DOCTOR) };
    let attributes = world.grant(Terms { grantee: Grantee::Attribute(attribute), ..shared(&world) });
    let session = world.session(Subject::Practitioner(DOCTOR));
    let call = world.delegating(parent, passed_on(&world));
    world.chain.refused(account(99), call.clone(), Error::NotRegistered);
    for caller in [session, account(SURGEON_KEY), account(PRIVACY_KEY), world.me] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    // A rule by attribute is nobody's own.
    let by_attribute = world.delegating(attributes, passed_on(&world));
    world.chain.refused(account(DOCTOR_KEY), by_attribute, Error::NotAuthorised);
    let unknown = world.delegating(RuleRef { id: 77, ..parent }, passed_on(&world));
    world.chain.refused(account(DOCTOR_KEY), unknown, Error::NoSuchRule);
    registry::set_status(&mut world.chain, HOSPITAL, OrganisationStatus::Suspended);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    world.chain.refused(account(DOCTOR_KEY), call, suspended);
}

#[test]
fn a_practitioner_who_does_not_act_any_more_passes_nothing_on() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    world.chain.prepare(|state| {
        let mut doctor = salus_registry::storage::Practitioners::get(state, &DOCTOR).unwrap();
        doctor.status = PractitionerStatus::Struck;
        salus_registry::storage::Practitioners::insert(state, &DOCTOR, &doctor);
    });
    let call = world.delegating(parent, passed_on(&world));
    world.chain.refused(account(DOCTOR_KEY), call, Error::NotActive(Standing::PractitionerStruck));
}

#[test]
fn only_a_live_permit_that_says_so_is_shared_and_only_once() {
    let mut world = World::new();
    let now = world.chain.now();
    let no_redisclose = Obligations { no_redisclose: true, ..Obligations::default() };
    let cases = [
        (Terms { actions: Actions::of(&[Action::View]), ..shared(&world) }, Error::NotShared),
        (Terms { obligations: no_redisclose, ..shared(&world) }, Error::NotShared),
        (world.deny(Grantee::Practitioner(DOCTOR, HOSPITAL)), Error::NotShared),
        (Terms { window: Window { from: now.plus(1), until: now.plus(DAY) }, ..shared(&world) }, Error::BadState),
    ];
    for (terms, error) in cases {
        let mut world = World::new();
        let parent = world.grant(terms);
        let call = world.delegating(parent, passed_on(&world));
        world.chain.refused(account(DOCTOR_KEY), call, error);
    }
    // What was passed on is not passed on again, whatever it says.
    let parent = world.grant(shared(&world));
    let child = world.delegate(parent, Terms { grantee: Grantee::Practitioner(SURGEON, CLINIC), ..shared(&world) });
    let call = world.delegating(child, world.permit(Grantee::Organisation(CLINIC)));
    world.chain.refused(account(SURGEON_KEY), call, Error::TooDeep);
}

#[test]
fn a_part_lies_within_what_is_left_of_the_whole_in_every_dimension() {
    let mut world = World::new();
    let now = world.chain.now();
    let until = now.plus(30 * DAY);
    let mut whole = Terms {
        window: Window { from: now, until },
        max_uses: Some(5),
        obligations: Obligations { erase_by: Some(until.plus(DAY)), ..Obligations::default() },
        ..shared(&world)
    };
    whole.scope = Scope {
        kinds: Kinds::of(&[Kind::Lab, Kind::Imaging]),
        records: records(&[1, 2]),
        any_of: tags(&[1, 2]),
        none_of: tags(&[3]),
    };
    let parent = world.grant(whole.clone());
    let (patient, rule) = (world.patient, parent);
    world.chain.prepare(|state| record_uses(state, now, patient, &[rule]));
    let part = Terms {
        grantee: Grantee::Practitioner(SURGEON, CLINIC),
        actions: Actions::of(&[Action::View]),
        max_uses: Some(4),
        ..whole
    };
    let scoped = |change: &dyn Fn(&mut Scope)| {
        let mut terms = part.clone();
        change(&mut terms.scope);
        terms
    };
    let wider = [
        scoped(&|scope| scope.kinds = Kinds::ALL),
        scoped(&|scope| scope.records = None),
        scoped(&|scope| scope.records = records(&[1, 3])),
        scoped(&|scope| scope.any_of = Tags::new()),
        scoped(&|scope| scope.any_of = tags(&[1, 4])),
        scoped(&|scope| scope.none_of = Tags::new()),
        Terms { purposes: Purposes::of(&[Purpose::Treatment, Purpose::Research]), ..part.clone() },
        Terms { actions: Actions::of(&[Action::View, Action::Add]), ..part.clone() },
        Terms { window: Window { from: now, until: until.plus(1) }, ..part.clone() },
        Terms { max_uses: None, ..part.clone() },
        // One of five is used.
        Terms { max_uses: Some(5), ..part.clone() },
        Terms { obligations: Obligations::default(), ..part.clone() },
        Terms {
            obligations: Obligations { erase_by: Some(until.plus(2 * DAY)), ..Obligations::default() },
            ..part.clone()
        },
    ];
    for terms in wider {
        let call = world.delegating(parent, terms);
        world.chain.refused(account(DOCTOR_KEY), call, Error::NotSubset);
    }
    let denial = world.delegating(parent, world.deny(Grantee::Practitioner(SURGEON, CLINIC)));
    world.chain.refused(account(DOCTOR_KEY), denial, Error::NotSubset);
    world.delegate(parent, part);
}

#[test]
fn a_part_is_well_formed_itself() {
    let mut world = World::new();
    let now = world.chain.now();
    let parent = world.grant(shared(&world));
    let part = passed_on(&world);
    let cases = [
        (Terms { purposes: Purposes::NONE, ..part.clone() }, Error::BadTerms(Fault::Purposes)),
        (Terms { max_uses: Some(0), ..part.clone() }, Error::BadTerms(Fault::Uses)),
        (Terms { grantee: Grantee::Everyone, ..part.clone() }, Error::BadTerms(Fault::Everyone)),
        (Terms { window: Window { from: now, until: now }, ..part.clone() }, Error::BadWindow),
        (Terms { grantee: Grantee::Organisation(NOWHERE), ..part }, Error::UnknownGrantee),
    ];
    for (terms, error) in cases {
        let call = world.delegating(parent, terms);
        world.chain.refused(account(DOCTOR_KEY), call, error);
    }
}

#[test]
fn what_may_not_leave_an_organisation_is_passed_on_within_it_only() {
    let mut world = World::new();
    let local_only = Obligations { local_only: true, ..Obligations::default() };
    let parent = world.grant(Terms { obligations: local_only, ..shared(&world) });
    let to = |world: &World, grantee| Terms { obligations: local_only, ..world.permit(grantee) };
    let nurse = Attribute { organisation: HOSPITAL, speciality: None, role: Some(5) };
    let call = world.delegating(parent, to(&world, Grantee::Practitioner(SURGEON, CLINIC)));
    world.chain.refused(account(DOCTOR_KEY), call, Error::NotSubset);
    world.delegate(parent, to(&world, Grantee::Attribute(nurse)));
    // The part stays as local as the whole.
    let call = world.delegating(parent, world.permit(Grantee::Attribute(nurse)));
    world.chain.refused(account(DOCTOR_KEY), call, Error::NotSubset);
}

#[test]
fn a_denial_that_hits_the_part_or_the_passing_refuses() {
    let denied = |grantee: Grantee, actions: Actions| {
        let mut world = World::new();
        let parent = world.grant(shared(&world));
        let organisations = world.grant(Terms { grantee: Grantee::Organisation(HOSPITAL), ..shared(&world) });
        world.grant(Terms { actions, ..world.deny(grantee) });
        [(DOCTOR_KEY, parent), (PRIVACY_KEY, organisations)].map(|(caller, parent)| {
            let call = world.delegating(parent, passed_on(&world));
            world.chain.call(account(caller), call)
        })
    };
    let refused = Err(RuntimeError::Consent(Error::DeniedByRule));
    let share = Actions::of(&[Action::Share]);
    assert_eq!(denied(Grantee::Everyone, Actions::ALL), [refused; 2]);
    assert_eq!(denied(Grantee::Organisation(HOSPITAL), share), [refused; 2]);
    assert_eq!(denied(Grantee::Practitioner(DOCTOR, HOSPITAL), share), [refused, Ok(())]);
    assert_eq!(denied(Grantee::Organisation(CLINIC), share), [Ok(()); 2]);
    assert_eq!(denied(Grantee::Everyone, Actions::of(&[Action::Amend])), [Ok(()); 2]);
}

#[test]
fn while_the_patient_may_change_no_rules_nobody_delegates() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    let (id, until) = (world.patient, world.chain.now().plus(DAY));
    world.chain.prepare(|state| {
        let mut patient = Patients::get(state, &id).unwrap();
        patient.state = PatientState::Frozen { until, by: FrozenBy::Patient };
        Patients::insert(state, &id, &patient);
    });
    let call = world.delegating(parent, passed_on(&world));
    world.chain.refused(account(DOCTOR_KEY), call, Error::Patient(Problem::Frozen));
}

#[test]
fn a_rule_has_four_parts_until_one_is_gone_or_over() {
    let mut world = World::new();
    let now = world.chain.now();
    let parent = world.grant(shared(&world));
    let part = passed_on(&world);
    let short = Terms { window: Window { from: now, until: now.plus(HOUR) }, ..part.clone() };
    world.delegate(parent, short);
    let second = world.delegate(parent, part.clone());
    let third = world.delegate(parent, world.permit(Grantee::Organisation(CLINIC)));
    let fourth = world.delegate(parent, part.clone());
    let call = world.delegating(parent, part.clone());
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::ChildrenFull);
    // One that was revoked makes room, and one that is over.
    world.chain.ok(world.me, world.revoke(single(&[third])));
    let fifth = world.delegate(parent, part.clone());
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::ChildrenFull);
    world.chain.advance(HOUR);
    let sixth = world.delegate(parent, part.clone());
    assert_eq!(world.rule(parent).unwrap().children[..], [second, fourth, fifth, sixth]);
    world.chain.refused(account(DOCTOR_KEY), call, Error::ChildrenFull);
}

#[test]
fn parts_go_in_the_call_that_revokes_the_whole_by_number_or_page_or_gives_it_up() {
    let withdrawn = |how: &dyn Fn(&World, RuleRef) -> Withdrawal, by: u8| {
        let mut world = World::new();
        let parent = world.grant(shared(&world));
        let first = world.delegate(parent, passed_on(&world));
        let second = world.delegate(parent, world.permit(Grantee::Organisation(CLINIC)));
        let kept = world.grant(passed_on(&world));
        let caller = if by == 0 { world.me } else { account(by) };
        let subject = if by == 0 { Subject::Patient(world.patient) } else { Subject::Practitioner(DOCTOR) };
        world.chain.ok(caller, world.revoke(how(&world, parent)));
        for rule in [parent, first, second] {
            let rules = BoundedVec::try_from(vec![rule.id]).unwrap();
            let patient = world.patient;
            world.chain.emitted(Event::Revoked { patient, grantee: rule.grantee, rules, by: subject });
            assert_eq!(world.rule(rule), None);
        }
        assert_eq!(world.surgeons(Action::View).rule(), Some(kept));
        assert_eq!(world.ledger().pages, 1);
    };
    withdrawn(&|_, parent| single(&[parent]), 0);
    withdrawn(&|_, parent| whole(&[parent.grantee]), 0);
    withdrawn(&|_, parent| single(&[parent]), DOCTOR_KEY);
}

#[test]
fn parts_go_in_the_call_that_replaces_the_whole() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    let child = world.delegate(parent, passed_on(&world));
    let terms = world.permit(Grantee::Organisation(HOSPITAL));
    world.chain.ok(world.me, Call::Grant { patient: world.patient, terms, replaces: Some(parent) });
    let (patient, by) = (world.patient, Subject::Patient(world.patient));
    let rules = BoundedVec::try_from(vec![child.id]).unwrap();
    world.chain.emitted(Event::Revoked { patient, grantee: child.grantee, rules, by });
    assert!(!world.surgeons(Action::View).is_permit());
    assert_eq!((world.rule(child), world.ledger().pages), (None, 1));
}

#[test]
fn who_was_passed_a_part_gives_it_up_and_who_passed_it_on_does_not_take_it_back() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    let child = world.delegate(parent, passed_on(&world));
    let call = world.revoke(single(&[child]));
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::NotAuthorised);
    world.chain.ok(account(SURGEON_KEY), call);
    assert_eq!(world.rule(child), None);
    assert!(world.rule(parent).is_some());
}

#[test]
fn uses_that_are_passed_on_are_used_up_for_the_whole() {
    let mut world = World::new();
    let parent = world.grant(Terms { max_uses: Some(3), ..shared(&world) });
    let child = world.delegate(parent, Terms { max_uses: Some(2), ..passed_on(&world) });
    assert_eq!(world.rule(parent).unwrap().uses.unwrap().count, 2);
    let call = world.delegating(parent, Terms { max_uses: Some(2), ..passed_on(&world) });
    world.chain.refused(account(DOCTOR_KEY), call, Error::NotSubset);
    let last = world.delegate(parent, Terms { max_uses: Some(1), ..passed_on(&world) });
    let call = world.delegating(parent, Terms { max_uses: Some(1), ..passed_on(&world) });
    world.chain.refused(account(DOCTOR_KEY), call, Error::BadState);
    // The parts go on; two uses of the first, then one of the other.
    let (patient, now) = (world.patient, world.chain.now());
    for expected in [Some(child), Some(child), Some(last), None] {
        assert_eq!(world.surgeons(Action::View).rule(), expected);
        world.chain.prepare(|state| record_uses(state, now, patient, &expected.into_iter().collect::<Vec<_>>()));
    }
}

#[test]
fn a_whole_that_gave_away_its_last_use_keeps_its_place_for_the_patient_to_find() {
    let mut world = World::new();
    let parent = world.grant(Terms { max_uses: Some(1), ..shared(&world) });
    let child = world.delegate(parent, Terms { max_uses: Some(1), ..passed_on(&world) });
    world.chain.advance(DAY);
    world.grant(shared(&world));
    assert!(world.rule(parent).is_some(), "its place is not free: a part of it lives");
    world.chain.ok(world.me, world.revoke(single(&[parent])));
    assert_eq!(world.rule(child), None);
}

#[test]
fn a_page_without_room_for_the_list_of_parts_refuses() {
    let mut world = World::new();
    let parent = world.grant(shared(&world));
    let mut large = world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL));
    large.scope.records = records(&(0..57).collect::<Vec<u8>>());
    world.grant(large.clone());
    // The largest rule that fits, by steps of eight bytes: a record is two of them, a tag is one.
    let filled = (2..=128u8).rev().any(|steps| {
        large.scope.records = records(&(0..steps / 2).collect::<Vec<u8>>());
        large.scope.any_of = tags(&[1][..usize::from(steps % 2)]);
        world.chain.call(world.me, world.call(large.clone())).is_ok()
    });
    assert!(filled);
    let call = world.delegating(parent, passed_on(&world));
    world.chain.refused(account(DOCTOR_KEY), call, Error::PageFull);
}

#[test]
fn a_rule_for_labelled_records_only_passes_that_on_whatever_its_scope_says() {
    let mut world = World::new();
    let (now, patient, terms) = (world.chain.now(), world.patient, shared(&world));
    let draft = crate::rules::Draft { terms, origin: Origin::Guardian(PatientId([7; 16])), labelled_only: true };
    world.chain.prepare(|state| {
        crate::rules::write(state, now, patient, draft, None).unwrap();
    });
    let parent = RuleRef { grantee: GranteeKey::Practitioner(DOCTOR, HOSPITAL), id: 0 };
    let child = world.delegate(parent, passed_on(&world));
    let purpose = Purpose::Treatment;
    for (actor, organisation, rule) in [(DOCTOR, HOSPITAL, parent), (SURGEON, CLINIC, child)] {
        let question = Question { patient, actor, organisation, action: Action::View, purpose, at: now };
        let labelled = lab(record_id(1), HOSPITAL);
        assert_eq!(decide(world.chain.state(), &question, &labelled).rule(), Some(rule));
        let unlabelled = RecordView { labelled: false, ..labelled };
        assert!(!decide(world.chain.state(), &question, &unlabelled).is_permit());
    }
}

#[test]
fn delegating_is_an_ordinary_call_and_revoking_weighs_what_goes_with_it() {
    let terms = crate::testing::permit(salus_primitives::Moment(0), Grantee::Organisation(HOSPITAL));
    let parent = RuleRef { grantee: GranteeKey::Everyone, id: 0 };
    let patient = PatientId([0; 16]);
    assert_eq!(Consent::cost(&Call::Delegate { patient, parent, terms }).class, salus_support::Class::Ordinary);
    let revoke = |what| Consent::cost(&Call::Revoke { patient, what }).weight;
    assert!(revoke(whole(&[parent.grantee])) > revoke(single(&[parent])));
}

#[test]
fn ten_thousand_grants_for_one_patient_stay_within_the_bounds_and_a_decision_within_its_pages() {
    let mut world = World::new();
    let hospital = salus_registry::storage::Organisations::get(world.chain.state(), &HOSPITAL).unwrap();
    let id = |number: u16| {
        let [high, low] = number.to_be_bytes();
        OrganisationId([high, low, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8])
    };
    world.chain.prepare(|state| {
        (0..300).for_each(|number| salus_registry::storage::Organisations::insert(state, &id(number), &hospital));
    });
    let mut granted = 0;
    for number in 0..10_000u16 {
        let call = world.call(world.permit(Grantee::Organisation(id(number % 300))));
        match world.chain.call(world.me, call) {
            Ok(()) => granted += 1,
            Err(RuntimeError::Consent(Error::PageFull | Error::TooMany)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((granted, world.ledger()), (256 * 16, Ledger { next_id: 256 * 16, pages: 256 }));
    let (patient, at) = (world.patient, world.chain.now());
    let (action, purpose) = (Action::View, Purpose::Treatment);
    let question = Question { patient, actor: SURGEON, organisation: CLINIC, action, purpose, at };
    let record = lab(record_id(1), HOSPITAL);
    let (_, keys) = crate::traced(world.chain.state(), |state| decide(state, &question, &record));
    assert!(keys.len() <= 9);
}
