//! Asking a patient for access, and the answer.

use salus_consent::{
    Actions, Actor, Effect, Fault, Grantee, Purposes, Scope, Terms, calls::grant::make_rule, denies_request,
    terms::is_window,
};
use salus_patients::Problem;
use salus_primitives::{Hash, OrganisationId, PatientId, PractitionerId, Subject, Window};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::caller;

use crate::{
    Error, Event,
    storage::{Activities, Requests},
    types::{Answer, REQUESTS_PER_DAY, Request, RequestRef, RequestStatus},
};

/// What a practitioner asks for.
pub struct Asked {
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// To which records.
    pub scope: Scope,
    /// For what purposes.
    pub purposes: Purposes,
    /// For what actions.
    pub actions: Actions,
    /// From when until when.
    pub window: Window,
    /// Commitment to a note to the patient.
    pub note: Hash,
}

/// A practitioner asks a patient for access.
///
/// # Errors
/// As [`crate::Call::Request`] lists.
pub fn request(ctx: &mut Ctx<'_, '_>, patient: PatientId, asked: Asked) -> Result<(), Error> {
    let Asked { organisation, scope, purposes, actions, window, note } = asked;
    let (now, state) = (ctx.now(), ctx.state());
    let requester = salus_registry::practitioner(ctx)?;
    let affiliation = salus_registry::practitioner_acts(state, requester, organisation, now)?;
    may_be_asked(state, patient, now)?;
    scope.check().map_err(Error::BadTerms)?;
    ensure(purposes.is_some_and_known(), Error::BadTerms(Fault::Purposes))?;
    ensure(actions.is_some_and_known(), Error::BadTerms(Fault::Actions))?;
    ensure(is_window(&window, now), Error::BadWindow)?;
    let mut activity = Activities::get(state, &Subject::Practitioner(requester)).on(now.day());
    ensure(activity.requests < REQUESTS_PER_DAY, Error::RateLimited)?;
    let last = Requests::get(state, &(patient, requester));
    ensure(last.as_ref().is_none_or(|last| !last.is_open(now)), Error::AlreadyOpen)?;
    let number = last.map_or(Some(0), |last| last.number.checked_add(1)).ok_or(Error::RateLimited)?;
    let status = RequestStatus::Open;
    let request = Request { number, organisation, scope, purposes, actions, window, note, at: now, status };
    let actor = Actor { practitioner: requester, organisation, affiliation: &affiliation };
    ensure(!denies_request(state, patient, &actor, &request.extent(), now), Error::DeniedByRule)?;

    activity.requests += 1;
    Activities::insert(ctx.state_mut(), &Subject::Practitioner(requester), &activity);
    Requests::insert(ctx.state_mut(), &(patient, requester), &request);
    ctx.emit(Event::Requested { patient, request: RequestRef { requester, number }, organisation });
    Ok(())
}

/// May a patient be asked? While frozen or recovering too: the request can wait. Not when no rule can be made
/// any more.
fn may_be_asked(state: &dyn StateReader, patient: PatientId, now: salus_primitives::Moment) -> Result<(), Error> {
    match salus_patients::may_change_rules(state, &patient, now) {
        Ok(()) | Err(Problem::Frozen | Problem::Recovering) => Ok(()),
        Err(problem) => Err(Error::Patient(problem)),
    }
}

/// The patient, or a guardian, answers a request, or the requester withdraws it.
///
/// # Errors
/// As [`crate::Call::Respond`] lists.
pub fn respond(ctx: &mut Ctx<'_, '_>, patient: PatientId, reference: RequestRef, answer: Answer) -> Result<(), Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    let entitled = match answer {
        Answer::Withdraw => who.subject == Subject::Practitioner(reference.requester),
        Answer::Approve(_) | Answer::Refuse(_) => {
            who.subject == Subject::Patient(patient)
                || salus_patients::acts_for(ctx.state(), &patient, who.subject, ctx.now()).is_some()
        }
    };
    ensure(entitled && !who.session, Error::NotAuthorised)?;
    let key = (patient, reference.requester);
    let mut request = Requests::get(ctx.state(), &key)
        .filter(|request| request.number == reference.number)
        .ok_or(Error::NoSuchRequest)?;
    ensure(request.is_open(ctx.now()), Error::BadState)?;

    let event;
    (request.status, event) = match answer {
        Answer::Approve(terms) => {
            ensure(answers(&terms, reference.requester, &request), Error::Wider)?;
            let rule = make_rule(ctx, patient, terms, None).map_err(Error::Rule)?;
            (RequestStatus::Approved(rule), Event::Approved { patient, request: reference, rule })
        }
        Answer::Refuse(code) => (RequestStatus::Refused(code), Event::Refused { patient, request: reference, code }),
        Answer::Withdraw => {
            // The people of a suspended organisation report what they released, and nothing else.
            salus_registry::organisation_active(ctx.state(), request.organisation)?;
            (RequestStatus::Withdrawn, Event::Withdrawn { patient, request: reference })
        }
    };
    Requests::insert(ctx.state_mut(), &key, &request);
    ctx.emit(event);
    Ok(())
}

/// Is this rule an answer to the request: a Permit for the requester where they asked for it, within what they
/// asked for in every dimension?
fn answers(terms: &Terms, requester: PractitionerId, request: &Request) -> bool {
    terms.effect == Effect::Permit
        && terms.grantee == Grantee::Practitioner(requester, request.organisation)
        && terms.extent().is_within(&request.extent())
}
