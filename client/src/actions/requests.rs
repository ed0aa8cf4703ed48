//! Asking a patient for access, and the answers.

use parity_scale_codec::{Decode as _, Encode};
use salus_access::{Answer, Call, Event, Request, RequestRef, storage::Requests};
use salus_consent::{Actions, Effect, Grantee, Obligations, Purposes, RuleRef, Scope, Terms};
use salus_primitives::{Hash, OrganisationId, PatientId, PractitionerId, Window, crypto::KeyPair};
use salus_runtime::{RuntimeCall, RuntimeEvent};

use super::ActionError;
use crate::chain::{Chain, Receipt};

/// What a practitioner asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// For whom they act.
    pub organisation: OrganisationId,
    /// To which records.
    pub scope: Scope,
    /// For what purposes.
    pub purposes: Purposes,
    /// For what actions.
    pub actions: Actions,
    /// From when until when.
    pub window: Window,
    /// Commitment to a note to the patient, who gets the note off chain; zero for none.
    pub note: Hash,
}

/// A request was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Made {
    /// Which.
    pub request: RequestRef,
    /// Where that stands.
    pub receipt: Receipt,
}

/// A request was approved.
#[derive(Clone, PartialEq, Debug)]
pub struct Approved {
    /// The rule that was made.
    pub rule: RuleRef,
    /// Where that stands.
    pub receipt: Receipt,
}

/// Ask a patient for access. By a practitioner.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn make(
    chain: &Chain,
    practitioner: &KeyPair,
    patient: PatientId,
    asked: Asked,
) -> Result<Made, ActionError> {
    let Asked { organisation, scope, purposes, actions, window, note } = asked;
    let call = Call::Request { patient, organisation, scope, purposes, actions, window, note };
    let receipt = chain.submit(practitioner, RuntimeCall::Access(call)).await?;
    let request = receipt.find(|event| match event {
        RuntimeEvent::Access(Event::Requested { request, .. }) => Some(*request),
        _ => None,
    })?;
    Ok(Made { request, receipt })
}

/// The rule that gives all that `request` of `requester` asks for: narrow its parts to approve less.
pub fn terms_of(requester: PractitionerId, request: &Request) -> Terms {
    Terms {
        effect: Effect::Permit,
        grantee: Grantee::Practitioner(requester, request.organisation),
        scope: request.scope.clone(),
        purposes: request.purposes,
        actions: request.actions,
        window: request.window,
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// Approve a request by a rule within it. By the patient.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn approve(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    request: RequestRef,
    terms: Terms,
) -> Result<Approved, ActionError> {
    let receipt = answer(chain, key, patient, request, Answer::Approve(terms)).await?;
    let rule = receipt.find(|event| match event {
        RuntimeEvent::Access(Event::Approved { rule, .. }) => Some(*rule),
        _ => None,
    })?;
    Ok(Approved { rule, receipt })
}

/// Refuse a request with a code for the reader's program. By the patient.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn refuse(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    request: RequestRef,
    code: u8,
) -> Result<Receipt, ActionError> {
    answer(chain, key, patient, request, Answer::Refuse(code)).await
}

/// Take a request back. By who made it.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn withdraw(
    chain: &Chain,
    practitioner: &KeyPair,
    patient: PatientId,
    request: RequestRef,
) -> Result<Receipt, ActionError> {
    answer(chain, practitioner, patient, request, Answer::Withdraw).await
}

async fn answer(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    request: RequestRef,
    answer: Answer,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(key, RuntimeCall::Access(Call::Respond { patient, request, answer })).await?)
}

/// The latest request of each practitioner to a patient.
///
/// # Errors
/// What asking failed with.
pub async fn list(chain: &Chain, patient: PatientId) -> Result<Vec<(PractitionerId, Request)>, ActionError> {
    let at = chain.finalised().await?;
    let prefix = super::records::partial_key(Requests::prefix(), &patient.encode());
    let found = chain.entries(&prefix, at, 10_000).await?;
    found
        .into_iter()
        .filter_map(|(key, bytes)| {
            let who = PractitionerId::decode(&mut super::records::tail(&key)?).ok()?;
            Some(crate::chain::decode_value("request", &bytes).map(|request| (who, request)).map_err(Into::into))
        })
        .collect()
}

/// One request of a patient.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, patient: PatientId, requester: PractitionerId) -> Result<Request, ActionError> {
    let found = chain.view_now(|state| Requests::get(state, &(patient, requester))).await?;
    found.ok_or_else(|| ActionError::Unknown { what: "a request of practitioner", id: requester.to_string() })
}
