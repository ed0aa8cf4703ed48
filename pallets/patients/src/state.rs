//! What other pallets ask about a patient. Functions that read, and the count of holds that records keeps up.

use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, Subject};
use salus_support::{Ctx, Overlay, StateReader};
use salus_system as system;

use crate::{
    storage::{BeforeDeath, Holds, Invitations, Patients},
    types::{DECEASED_DELAY, Patient, PatientState, Problem},
};

/// Which of a patient's keys a call takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// Lasting keys only: what changes keys or rules.
    Lasting,
    /// Session keys too: what opens or requests.
    Any,
}

/// The patient who signed this call, with a key of this kind. Says nothing about the patient's state.
///
/// # Errors
/// [`Problem::NotRegistered`], [`Problem::NotPatient`] or [`Problem::SessionKey`].
pub fn patient(ctx: &Ctx<'_, '_>, kind: KeyKind) -> Result<PatientId, Problem> {
    let caller = system::caller(ctx).map_err(|system::keys::NotRegistered| Problem::NotRegistered)?;
    let Subject::Patient(patient) = caller.subject else { return Err(Problem::NotPatient) };
    if caller.session && kind == KeyKind::Lasting {
        return Err(Problem::SessionKey);
    }
    Ok(patient)
}

/// What state keeps of a patient, with the state judged at `now`.
///
/// # Errors
/// [`Problem::UnknownPatient`].
pub fn at(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Result<Patient, Problem> {
    let patient = Patients::get(state, patient).ok_or(Problem::UnknownPatient)?;
    Ok(Patient { state: patient.state_at(now), ..patient })
}

/// Do the rules the patient made go on? They do while the patient is Active, Frozen, Recovering or Provisional, and
/// run out by themselves after a death.
///
/// # Errors
/// [`Problem::UnknownPatient`], [`Problem::Lapsed`] or [`Problem::Closed`].
pub fn may_receive_care(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Result<(), Problem> {
    match at(state, patient, now)?.state {
        PatientState::Provisional { until } if until <= now => Err(Problem::Lapsed),
        // What had lapsed before a death, or does after it, does not open again.
        PatientState::Deceased { .. } => match BeforeDeath::get(state, patient) {
            Some(PatientState::Provisional { until }) if until <= now => Err(Problem::Lapsed),
            _ => Ok(()),
        },
        PatientState::Closed => Err(Problem::Closed),
        PatientState::Provisional { .. }
        | PatientState::Active
        | PatientState::Frozen { .. }
        | PatientState::Recovering { .. } => Ok(()),
    }
}

/// May access rest on anything but a rule of the patient: the chain's default policy, or an emergency? Not after
/// a death. While a declaration of death can still be cancelled the patient counts as living here, for a false
/// declaration must not close the door on a living patient's emergency.
///
/// # Errors
/// As [`may_receive_care`], or [`Problem::Deceased`].
pub fn may_use_default(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Result<(), Problem> {
    may_receive_care(state, patient, now)?;
    match at(state, patient, now)?.state {
        PatientState::Deceased { declared } if declared.plus(DECEASED_DELAY) <= now => Err(Problem::Deceased),
        _ => Ok(()),
    }
}

/// May the patient make or replace rules? Not while frozen or recovering, and not from the moment a death is
/// declared, even while that can still be cancelled.
///
/// # Errors
/// Each [`Problem`] of the patient's state.
pub fn may_change_rules(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Result<(), Problem> {
    match at(state, patient, now)?.state {
        PatientState::Provisional { until } if until <= now => Err(Problem::Lapsed),
        PatientState::Provisional { .. } | PatientState::Active => Ok(()),
        PatientState::Frozen { .. } => Err(Problem::Frozen),
        PatientState::Deceased { .. } => Err(Problem::Deceased),
        PatientState::Closed => Err(Problem::Closed),
        PatientState::Recovering { .. } => Err(Problem::Recovering),
    }
}

/// May rules of the patient be withdrawn? Always, while there is such a patient: less access harms no privacy.
///
/// # Errors
/// [`Problem::UnknownPatient`].
pub fn may_revoke(state: &dyn StateReader, patient: &PatientId) -> Result<(), Problem> {
    if Patients::contains(state, patient) { Ok(()) } else { Err(Problem::UnknownPatient) }
}

/// May a record be filed for this patient, as far as the patient is concerned? Not before a Registrar confirmed
/// the person, unless the patient is provisional.
///
/// # Errors
/// As [`may_receive_care`], or [`Problem::Unconfirmed`].
pub fn may_be_filed_for(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Result<(), Problem> {
    may_receive_care(state, patient, now)?;
    let unconfirmed = assurance(state, patient)? == 0 && !is_provisional(state, patient);
    if unconfirmed { Err(Problem::Unconfirmed) } else { Ok(()) }
}

/// The patient's level of assurance, 0 to 2.
///
/// # Errors
/// [`Problem::UnknownPatient`].
pub fn assurance(state: &dyn StateReader, patient: &PatientId) -> Result<u8, Problem> {
    Patients::get(state, patient).map(|patient| patient.assurance).ok_or(Problem::UnknownPatient)
}

/// Is the patient provisional, its keys held by a Privacy officer, or was until declared dead? Such a patient reads
/// nothing without `decide()`.
pub fn is_provisional(state: &dyn StateReader, patient: &PatientId) -> bool {
    let provisional = |state| matches!(state, PatientState::Provisional { .. });
    match Patients::get(state, patient).map(|patient| patient.state) {
        Some(PatientState::Deceased { .. }) => BeforeDeath::get(state, patient).is_some_and(provisional),
        found => found.is_some_and(provisional),
    }
}

/// Who made the invitation under this key: whose quota a registration with it is charged to.
pub fn inviting(state: &dyn StateReader, invite: &AccountId) -> Option<OrganisationId> {
    Invitations::get(state, invite).map(|invitation| invitation.organisation)
}

/// A record of the patient came under a hold. Called by the records pallet alone.
pub fn hold_set(state: &mut Overlay<'_>, patient: &PatientId) {
    let held = Holds::get(state, patient).saturating_add(1);
    Holds::insert(state, patient, &held);
}

/// A record's hold was lifted. Called by the records pallet alone.
pub fn hold_lifted(state: &mut Overlay<'_>, patient: &PatientId) {
    match Holds::get(state, patient) {
        0 | 1 => Holds::remove(state, patient),
        held => Holds::insert(state, patient, &(held - 1)),
    }
}
