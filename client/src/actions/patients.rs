//! Patients: invitation, registration, confirmation and their states.

use salus_access::storage::Logs;
use salus_patients::{
    Call, Change, Event, Patient, Registration, check_register,
    storage::{Holds, Patients},
};
use salus_primitives::{AccountId, Moment, PatientId, Subject, crypto::KeyPair, patient_log::LogHead, signed};
use salus_registry::{KemKey, storage::KemKeys};
use salus_runtime::{RuntimeCall, RuntimeError, RuntimeEvent};
use salus_system::storage::Account;

use super::{
    ActionError,
    guardians::{self, Guarded},
    officers::kem_key,
};
use crate::{
    chain::{Chain, Receipt, SubmitError},
    envelope::KemPublic,
};

/// Make an invitation: whoever holds the private half of `invite` may register one patient until `until`, at most
/// 30 days ahead. By a Registrar.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn invite(
    chain: &Chain,
    registrar: &KeyPair,
    invite: AccountId,
    until: Moment,
    provisional: bool,
) -> Result<Receipt, ActionError> {
    let call = Call::Invite { key: invite, until, provisional };
    Ok(chain.submit(registrar, RuntimeCall::Patients(call)).await?)
}

/// Become a patient: `key` is the patient's own new key, `invite` the invitation's.
///
/// # Errors
/// [`ActionError::WouldRefuse`], for a registration that would be refused stands in no block, or
/// [`ActionError::Submit`].
pub async fn register(
    chain: &Chain,
    key: &KeyPair,
    id: PatientId,
    invite: &KeyPair,
    kem: KemPublic,
) -> Result<Receipt, ActionError> {
    let (account, invite_key, kem) = (key.public(), invite.public(), kem_key(kem));
    let possession = invite.sign(&signed::possession(&chain.genesis(), &account, &id));
    let call = Call::Register { id, invite: invite_key, possession, kem };
    match chain.submit(key, RuntimeCall::Patients(call)).await {
        // The node says that it would be refused, not why: the same check on its state does.
        Err(error @ SubmitError::Invalid { .. }) => {
            let genesis = chain.genesis();
            let checked = chain.view_now(|state| {
                let now = Moment(salus_system::timestamp::Now::get(state));
                let registration = Registration { id: &id, invite: &invite_key, possession: &possession, kem: &kem };
                check_register(state, now, &genesis, &account, &registration)
            });
            match checked.await? {
                Err(reason) => Err(ActionError::WouldRefuse { error: RuntimeError::Patients(reason) }),
                Ok(()) => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}

/// Say that the person was seen. By a Registrar of the organisation that invited; assurance is 1 or 2.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn confirm(
    chain: &Chain,
    registrar: &KeyPair,
    patient: PatientId,
    assurance: u8,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(registrar, RuntimeCall::Patients(Call::Confirm { patient, assurance })).await?)
}

/// Freeze, thaw, close, declare dead or cancel that. A declaration of death needs a Registrar of another
/// organisation to agree.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn set_status(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    to: Change,
    agreeing: &[&KeyPair],
) -> Result<Receipt, ActionError> {
    Ok(chain.submit_cosigned(key, status_call(patient, to), agreeing).await?)
}

/// The call that changes a patient's state.
pub fn status_call(patient: PatientId, to: Change) -> RuntimeCall {
    RuntimeCall::Patients(Call::StatusSet { patient, to, cosign: Default::default() })
}

/// Is whom the registration registered, that this is the receipt of, provisional?
pub fn is_provisional(receipt: &Receipt) -> bool {
    let provisional = |event: &RuntimeEvent| {
        matches!(event, RuntimeEvent::Patients(Event::PatientRegistered { provisional: true, .. }))
    };
    receipt.events.iter().any(provisional)
}

/// Did a guardian only approve that a freeze ends, by the call that this is the receipt of?
pub fn is_approval_only(receipt: &Receipt) -> bool {
    receipt.events.iter().any(|event| matches!(event, RuntimeEvent::Patients(Event::ThawApproved { .. })))
}

/// What the chain keeps of a patient, and their encryption key.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, id: PatientId) -> Result<(Patient, Option<KemKey>), ActionError> {
    let (patient, kem) =
        chain.view_now(|state| (Patients::get(state, &id), KemKeys::get(state, &Subject::Patient(id)))).await?;
    Ok((patient.ok_or_else(|| unknown(id))?, kem))
}

/// A key that speaks for a patient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveKey {
    /// Its address.
    pub account: AccountId,
    /// When it ends by itself, if it is a session key.
    pub session_until: Option<Moment>,
    /// When it ends because it was dropped while the patient has guardians.
    pub dropped_at: Option<Moment>,
}

/// A patient with all that hangs on them, as one state has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Overview {
    /// What the chain keeps of them, the state judged at the time.
    pub entry: Patient,
    /// Their encryption key.
    pub kem: Option<KemKey>,
    /// The keys that speak for them.
    pub keys: Vec<LiveKey>,
    /// Who stands in for them, and what of it waits or runs.
    pub guarded: Guarded,
    /// The log of who looked.
    pub log: LogHead,
    /// How many of their records are under a hold.
    pub holds: u32,
}

/// A patient with all that hangs on them.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn overview(chain: &Chain, id: PatientId) -> Result<Overview, ActionError> {
    let found = chain.view_now(|state| {
        let now = Moment(salus_system::timestamp::Now::get(state));
        let patient = Patients::get(state, &id)?;
        let (entry, subject) = (Patient { state: patient.state_at(now), ..patient }, Subject::Patient(id));
        let keys = salus_system::keys::live(state, subject, now).into_iter().map(|account| {
            let data = Account::get(state, &account).data;
            LiveKey { account, session_until: data.until, dropped_at: data.dropped_at(now) }
        });
        Some(Overview {
            kem: KemKeys::get(state, &subject),
            keys: keys.collect(),
            guarded: guardians::read(state, &id, entry.state, now),
            log: Logs::get(state, &id),
            holds: Holds::get(state, &id),
            entry,
        })
    });
    found.await?.ok_or_else(|| unknown(id))
}

pub(super) fn unknown(id: PatientId) -> ActionError {
    ActionError::Unknown { what: "patient", id: id.to_string() }
}
