//! Confirmation of a person by who invited them.

use salus_primitives::{PatientId, Subject, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, ensure};
use salus_system::keys;

use crate::{
    Error, Event, state,
    storage::Patients,
    types::{ASSURANCE_MAX, Patient, PatientState},
};

/// Say that the person was seen.
///
/// # Errors
/// See [`crate::Call::Confirm`].
pub fn confirm(ctx: &mut Ctx<'_, '_>, patient: PatientId, assurance: u8) -> Result<(), Error> {
    let organisation = registry::officer(ctx, Roles::REGISTRAR)?;
    let found = state::at(ctx.state(), &patient, ctx.now())?;
    ensure(found.inviting == organisation, Error::NotAuthorised)?;
    ensure((1..=ASSURANCE_MAX).contains(&assurance), Error::BadAssurance)?;
    let confirmed = match found.state {
        PatientState::Provisional { .. } => PatientState::Active,
        PatientState::Active | PatientState::Frozen { .. } => found.state,
        PatientState::Deceased { .. } | PatientState::Closed | PatientState::Recovering { .. } => {
            return Err(Error::BadState);
        }
    };
    ensure(assurance > found.assurance, Error::BadState)?;
    let live = keys::live(ctx.state(), Subject::Patient(patient), ctx.now());
    let held = found.held_key.is_some_and(|key| live.contains(&key));
    ensure(!held, Error::KeyHeld)?;

    let after = Patient { state: confirmed, assurance, held_key: None, ..found };
    Patients::insert(ctx.state_mut(), &patient, &after);
    ctx.emit(Event::Confirmed { patient, assurance });
    Ok(())
}
