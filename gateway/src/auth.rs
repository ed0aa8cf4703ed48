//! Who asks: the signature on a request, then on whose behalf its key speaks.

use http::request::Parts;
use salus_client::door::{EXPIRY_MAX, Refusal, SignedRequest};
use salus_patients::types::Problem;
use salus_primitives::{AccountId, Hash, Moment, Subject};
use salus_registry::Standing;
use salus_support::StateReader;
use salus_system::{Caller, keys::speaker};

use crate::{app::App, refused::Refused};

/// Check everything about a request but its body: headers, gateway, expiry, signature, nonce. The nonce is used up by
/// whoever holds its signature alone, so that nobody spends another's.
///
/// # Errors
/// [`Refusal::NotSigned`], [`Refusal::WrongGateway`], [`Refusal::Expired`], [`Refusal::ExpiryTooFar`],
/// [`Refusal::UnknownNonce`] or [`Refusal::BadSignature`].
pub fn authenticate(app: &App, parts: &Parts) -> Result<SignedRequest, Refused> {
    let header = |name: &'static str| {
        let mut values = parts.headers.get_all(name).iter();
        // Two of one header: whoever reads the other one would check another signature.
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let signed =
        SignedRequest::parse(header).map_err(|problem| Refused::new(Refusal::NotSigned, problem.to_string()))?;
    let organisation = app.identity.organisation;
    if signed.gateway != organisation {
        let message = format!("signed for the gateway of {}, this is the one of {organisation}", signed.gateway);
        return Err(Refused::new(Refusal::WrongGateway, message));
    }
    let now = app.now();
    if signed.expires <= now {
        let message = format!("void since {} ms by the gateway's clock", now - signed.expires);
        return Err(Refused::new(Refusal::Expired, message));
    }
    if signed.expires - now > EXPIRY_MAX {
        let message = format!("expires {} ms ahead, at most {EXPIRY_MAX} are allowed", signed.expires - now);
        return Err(Refused::new(Refusal::ExpiryTooFar, message));
    }
    let unknown = || Refused::new(Refusal::UnknownNonce, "the nonce was not given out here, was used or is too old");
    if !app.nonces.waits(now, signed.nonce) {
        return Err(unknown());
    }
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if !signed.is_signed(&app.identity.genesis, parts.method.as_str(), target) {
        let message = "the signature is not the account's over this request on this chain";
        return Err(Refused::new(Refusal::BadSignature, message));
    }
    if app.nonces.take(now, signed.nonce) { Ok(signed) } else { Err(unknown()) }
}

/// Is the body the one that was signed?
///
/// # Errors
/// [`Refusal::BodyMismatch`].
pub fn same_body(signed: &SignedRequest, found: Hash) -> Result<(), Refused> {
    if signed.body == found {
        return Ok(());
    }
    let message = format!("the body has digest {found}, signed was {}", signed.body);
    Err(Refused::new(Refusal::BodyMismatch, message))
}

/// Whom the account speaks for.
///
/// # Errors
/// [`Refusal::NotRegistered`].
pub fn caller(state: &dyn StateReader, account: AccountId, now: Moment) -> Result<Caller, Refused> {
    speaker(state, account, now)
        .ok_or_else(|| Refused::new(Refusal::NotRegistered, "the key is bound to nobody, or no longer"))
}

/// The refusal of somebody who does not act, with the reason.
pub fn inactive(standing: Standing) -> Refused {
    match standing {
        Standing::NotRegistered => Refused::new(Refusal::NotRegistered, standing.to_string()),
        Standing::NotAuthorised => Refused::new(Refusal::NotAuthorised, standing.to_string()),
        other => Refused::new(Refusal::NotActive, other.to_string()),
    }
}

/// The refusal that the state of a patient leads to.
pub fn patient_problem(problem: Problem) -> Refused {
    Refused::new(Refusal::PatientState, problem.to_string())
}

/// The caller as this very patient, whose keys are their own and who is not closed.
///
/// # Errors
/// [`Refusal::NotAuthorised`], [`Refusal::Provisional`] or [`Refusal::PatientState`].
pub fn as_patient(
    state: &dyn StateReader,
    caller: &Caller,
    patient: salus_primitives::PatientId,
    now: Moment,
) -> Result<(), Refused> {
    if caller.subject != Subject::Patient(patient) {
        return Err(Refused::new(Refusal::NotAuthorised, "only the patient may ask this"));
    }
    if salus_patients::is_provisional(state, &patient) {
        let message = "the patient is provisional: their keys are held by an officer, and read nothing";
        return Err(Refused::new(Refusal::Provisional, message));
    }
    salus_patients::may_receive_care(state, &patient, now).map_err(patient_problem)
}
