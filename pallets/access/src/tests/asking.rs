//! Requests and their answers.

use salus_consent::Fault;
use salus_patients::{Problem, types::FrozenBy};
use salus_primitives::{
    Moment, Window,
    time::{DAY, YEAR},
};
use salus_registry::{Standing, types::OrganisationStatus};

use super::*;
use crate::{
    Error,
    storage::{Activities, Requests},
};

const FIRST: RequestRef = RequestRef { requester: SURGEON, number: 0 };

impl World {
    /// The surgeon asks to view labs and images for treatment for a year.
    fn asking(&self) -> Call {
        let now = self.chain.now();
        Call::Request {
            patient: self.patient,
            organisation: CLINIC,
            scope: Scope::kinds(Kinds::of(&[Kind::Lab, Kind::Imaging])),
            purposes: Purposes::of(&[Purpose::Treatment]),
            actions: Actions::of(&[Action::View]),
            window: Window { from: now, until: now.plus(YEAR) },
            note: Hash([6; 32]),
        }
    }

    #[track_caller]
    pub(super) fn ask(&mut self) {
        self.chain.ok(account(SURGEON_KEY), self.asking());
    }

    pub(super) fn answer(&self, request: RequestRef, answer: Answer) -> Call {
        Call::Respond { patient: self.patient, request, answer }
    }

    /// A rule as asked for.
    pub(super) fn as_asked(&self) -> Terms {
        Terms { scope: Scope::kinds(Kinds::of(&[Kind::Lab, Kind::Imaging])), ..self.permit() }
    }

    fn request(&self) -> Request {
        Requests::get(self.chain.state(), &(self.patient, SURGEON)).unwrap()
    }
}

/// The same request, changed.
fn changed(call: Call, change: impl FnOnce(&mut Scope, &mut Purposes, &mut Actions, &mut Window)) -> Call {
    let Call::Request { patient, organisation, mut scope, mut purposes, mut actions, mut window, note } = call else {
        panic!("it is a request");
    };
    change(&mut scope, &mut purposes, &mut actions, &mut window);
    Call::Request { patient, organisation, scope, purposes, actions, window, note }
}

#[test]
fn a_practitioner_asks_and_the_patient_approves_less_than_was_asked() {
    let mut world = World::new();
    world.ask();
    world.chain.emitted(Event::Requested { patient: world.patient, request: FIRST, organisation: CLINIC });
    assert!(world.request().is_open(world.chain.now()));
    let mut narrower = world.as_asked();
    narrower.scope.kinds = Kinds::of(&[Kind::Lab]);
    narrower.max_uses = Some(2);
    narrower.obligations.no_redisclose = true;
    let call = world.answer(FIRST, Answer::Approve(narrower));
    world.chain.ok(world.me, call);
    let rule = RuleRef { grantee: GranteeKey::Practitioner(SURGEON, CLINIC), id: 0 };
    let granted = salus_consent::Event::Granted { patient: world.patient, rule, replaced: None };
    world.chain.emitted(Event::Approved { patient: world.patient, request: FIRST, rule }).emitted(granted);
    assert_eq!(world.request().status, RequestStatus::Approved(rule));
    let (_, receipt) = world.open(&[1, 2]);
    assert_eq!(World::verdicts(&receipt), [by(rule), no(Reason::NoConsent)]);
}

#[test]
fn an_approval_that_goes_beyond_the_request_is_refused() {
    let mut world = World::new();
    world.ask();
    let asked = world.as_asked();
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut terms = asked.clone();
        change(&mut terms);
        terms
    };
    for wider in [
        with(&|terms| terms.scope.kinds = Kinds::ALL),
        with(&|terms| terms.purposes = Purposes::ALL),
        with(&|terms| terms.actions = Actions::of(&[Action::View, Action::Add])),
        with(&|terms| terms.window.until = terms.window.until.plus(1)),
        with(&|terms| terms.window.from = Moment(terms.window.from.0 - 1)),
        with(&|terms| terms.grantee = Grantee::Practitioner(DOCTOR, HOSPITAL)),
        with(&|terms| terms.grantee = Grantee::Practitioner(SURGEON, HOSPITAL)),
        with(&|terms| terms.grantee = Grantee::Organisation(CLINIC)),
        with(&|terms| terms.effect = Effect::Deny),
    ] {
        let call = world.answer(FIRST, Answer::Approve(wider));
        world.chain.refused(world.me, call, Error::Wider);
    }
    let call = world.answer(FIRST, Answer::Approve(asked));
    world.chain.ok(world.me, call);
}

#[test]
fn an_approval_is_refused_where_a_grant_would_be() {
    let mut world = World::new();
    world.ask();
    let no_use = Terms { max_uses: Some(0), ..world.as_asked() };
    let call = world.answer(FIRST, Answer::Approve(no_use));
    world.chain.refused(world.me, call, Error::Rule(salus_consent::Error::BadTerms(Fault::Uses)));
    let approve = world.answer(FIRST, Answer::Approve(world.as_asked()));
    let now = world.chain.now();
    world.set_patient(PatientState::Frozen { until: now.plus(DAY), by: FrozenBy::Patient });
    let frozen = salus_consent::Error::Patient(Problem::Frozen);
    world.chain.refused(world.me, approve.clone(), Error::Rule(frozen));
    world.set_patient(PatientState::Active);
    for _ in 0..16 {
        world.grant(world.permit());
    }
    world.chain.refused(world.me, approve, Error::Rule(salus_consent::Error::PageFull));
}

#[test]
fn a_patient_refuses_and_a_requester_withdraws() {
    let mut world = World::new();
    world.ask();
    let call = world.answer(FIRST, Answer::Refuse(3));
    world.chain.ok(world.me, call);
    world.chain.emitted(Event::Refused { patient: world.patient, request: FIRST, code: 3 });
    assert_eq!(world.request().status, RequestStatus::Refused(3));

    world.ask();
    let second = RequestRef { number: 1, ..FIRST };
    let call = world.answer(second, Answer::Withdraw);
    world.chain.ok(account(SURGEON_KEY), call);
    world.chain.emitted(Event::Withdrawn { patient: world.patient, request: second });
    assert_eq!(world.request().status, RequestStatus::Withdrawn);
}

#[test]
fn only_the_patient_answers_and_only_the_requester_withdraws() {
    let mut world = World::new();
    world.ask();
    let session = world.session(Subject::Patient(world.patient));
    let approve = world.answer(FIRST, Answer::Approve(world.as_asked()));
    let refuse = world.answer(FIRST, Answer::Refuse(0));
    let withdraw = world.answer(FIRST, Answer::Withdraw);
    for call in [&approve, &refuse, &withdraw] {
        world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    }
    for caller in [account(SURGEON_KEY), account(DOCTOR_KEY), account(REGISTRAR_KEY), session] {
        world.chain.refused(caller, approve.clone(), Error::NotAuthorised);
        world.chain.refused(caller, refuse.clone(), Error::NotAuthorised);
    }
    for caller in [world.me, account(DOCTOR_KEY), account(2), session] {
        world.chain.refused(caller, withdraw.clone(), Error::NotAuthorised);
    }
}

#[test]
fn an_answer_meets_the_request_it_names_while_that_is_open() {
    let mut world = World::new();
    let none = world.answer(FIRST, Answer::Refuse(0));
    world.chain.refused(world.me, none.clone(), Error::NoSuchRequest);
    world.ask();
    let later = world.answer(RequestRef { number: 1, ..FIRST }, Answer::Refuse(0));
    world.chain.refused(world.me, later.clone(), Error::NoSuchRequest);
    world.chain.ok(world.me, none.clone()).refused(world.me, none.clone(), Error::BadState);
    world.ask();
    world.chain.refused(world.me, none, Error::NoSuchRequest);
    world.chain.advance(14 * DAY);
    world.chain.refused(world.me, later, Error::BadState);
    let withdraw = world.answer(RequestRef { number: 1, ..FIRST }, Answer::Withdraw);
    world.chain.refused(account(SURGEON_KEY), withdraw, Error::BadState);
}

#[test]
fn one_request_to_a_patient_is_open_at_a_time_for_fourteen_days() {
    let mut world = World::new();
    world.ask();
    let call = world.asking();
    world.chain.refused(account(SURGEON_KEY), call, Error::AlreadyOpen);
    world.chain.advance(14 * DAY - 1);
    let call = world.asking();
    world.chain.refused(account(SURGEON_KEY), call, Error::AlreadyOpen);
    world.chain.advance(1);
    world.ask();
    assert_eq!(world.request().number, 1);
}

#[test]
fn a_practitioner_asks_fifty_times_a_day() {
    let mut world = World::new();
    for _ in 0..REQUESTS_PER_DAY {
        world.ask();
        let withdraw = world.answer(RequestRef { number: world.request().number, ..FIRST }, Answer::Withdraw);
        world.chain.ok(account(SURGEON_KEY), withdraw);
    }
    let call = world.asking();
    world.chain.refused(account(SURGEON_KEY), call, Error::RateLimited);
    assert_eq!(Activities::get(world.chain.state(), &Subject::Practitioner(SURGEON)).requests, 50);
    world.chain.advance(DAY);
    world.ask();
}

#[test]
fn who_may_not_act_does_not_ask() {
    let mut world = World::new();
    let call = world.asking();
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [world.me, account(2), account(REGISTRAR_KEY)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    world.chain.refused(account(DOCTOR_KEY), call.clone(), Error::NotActive(Standing::NotAffiliated));
    let session = world.session(Subject::Practitioner(SURGEON));
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    world.chain.refused(session, call.clone(), Error::NotActive(Standing::OrganisationSuspended));
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Active);
    world.chain.ok(session, call);
}

#[test]
fn nobody_withdraws_a_request_for_a_suspended_organisation() {
    let mut world = World::new();
    world.ask();
    registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended);
    let withdraw = world.answer(FIRST, Answer::Withdraw);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    world.chain.refused(account(SURGEON_KEY), withdraw, suspended);
    let refuse = world.answer(FIRST, Answer::Refuse(0));
    world.chain.ok(world.me, refuse);
}

#[test]
fn a_request_is_well_formed() {
    let mut world = World::new();
    let call = world.asking();
    let faults: [(Call, Fault); 4] = [
        (changed(call.clone(), |scope, _, _, _| scope.kinds = Kinds::NONE), Fault::Kinds),
        (changed(call.clone(), |scope, _, _, _| scope.records = Some(BoundedVec::new())), Fault::Records),
        (changed(call.clone(), |_, purposes, _, _| *purposes = Purposes::NONE), Fault::Purposes),
        (changed(call.clone(), |_, _, actions, _| *actions = Actions(1 << 7)), Fault::Actions),
    ];
    for (call, fault) in faults {
        world.chain.refused(account(SURGEON_KEY), call, Error::BadTerms(fault));
    }
    for change in [
        |window: &mut Window| window.until = window.from,
        |window: &mut Window| window.until = Moment(u64::MAX),
        |window: &mut Window| window.until = window.until.plus(4 * YEAR + 1),
    ] {
        let bad = changed(call.clone(), |_, _, _, window| change(window));
        world.chain.refused(account(SURGEON_KEY), bad, Error::BadWindow);
    }
}

#[test]
fn a_patient_is_asked_while_frozen_but_not_when_closed_or_dead() {
    let mut world = World::new();
    let now = world.chain.now();
    let call = world.asking();
    for (state, problem) in [
        (PatientState::Closed, Problem::Closed),
        (PatientState::Deceased { declared: now }, Problem::Deceased),
        (PatientState::Provisional { until: now }, Problem::Lapsed),
    ] {
        world.set_patient(state);
        world.chain.refused(account(SURGEON_KEY), call.clone(), Error::Patient(problem));
    }
    world.set_patient(PatientState::Frozen { until: now.plus(DAY), by: FrozenBy::Patient });
    world.chain.ok(account(SURGEON_KEY), call);
}

#[test]
fn a_patient_who_is_not_there_is_not_asked() {
    let mut world = World::new();
    let Call::Request { organisation, scope, purposes, actions, window, note, .. } = world.asking() else {
        panic!("it is a request");
    };
    let call = Call::Request { patient: STRANGER, organisation, scope, purposes, actions, window, note };
    world.chain.refused(account(SURGEON_KEY), call, Error::Patient(Problem::UnknownPatient));
}

#[test]
fn a_denial_that_speaks_to_the_requester_refuses_the_request() {
    let mut world = World::new();
    let mut images = world.deny(Grantee::Practitioner(SURGEON, CLINIC));
    images.scope.kinds = Kinds::of(&[Kind::Imaging]);
    let rule = world.grant(images);
    let call = world.asking();
    world.chain.refused(account(SURGEON_KEY), call.clone(), Error::DeniedByRule);
    let less = changed(call.clone(), |scope, _, _, _| scope.kinds = Kinds::of(&[Kind::Lab]));
    world.chain.ok(account(SURGEON_KEY), less);
    let withdraw = world.answer(FIRST, Answer::Withdraw);
    world.chain.ok(account(SURGEON_KEY), withdraw);
    world.revoke(rule);
    world.chain.ok(account(SURGEON_KEY), call);
}

#[test]
fn an_answer_keeps_the_obligations_the_patient_adds() {
    let mut world = World::new();
    world.ask();
    let obligations =
        Obligations { no_redisclose: true, erase_by: Some(world.chain.now().plus(YEAR)), local_only: true };
    let call = world.answer(FIRST, Answer::Approve(Terms { obligations, ..world.as_asked() }));
    world.chain.ok(world.me, call);
    let page = salus_consent::storage::Rules::get(
        world.chain.state(),
        &(world.patient, GranteeKey::Practitioner(SURGEON, CLINIC)),
    );
    assert_eq!(page.unwrap()[0].terms.obligations, obligations);
}
