//! The calls, one file each, and what they share.

pub mod custody;
pub mod erasure;
pub mod put;
pub mod relabel;
pub mod status;

use salus_patients::{self as patients, Problem};
use salus_primitives::{OrganisationId, PatientId, Subject};
use salus_registry::{self as registry, Standing, storage::Organisations, types::Caps};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::Caller;

use crate::Error;

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotRegistered => Self::NotRegistered,
            Problem::NotPatient | Problem::SessionKey => Self::NotAuthorised,
            problem => Self::Patient(problem),
        }
    }
}

/// Who signed.
fn caller(ctx: &Ctx<'_, '_>) -> Result<Caller, Error> {
    salus_system::caller(ctx).map_err(|salus_system::keys::NotRegistered| Error::NotRegistered)
}

/// The caller is this patient in person, by a lasting key, and may change rules. A provisional patient's key is the
/// Privacy officer's, so that patient decides nothing about records.
fn by_patient(ctx: &Ctx<'_, '_>, caller: &Caller, patient: PatientId) -> Result<(), Error> {
    let own = caller.subject == Subject::Patient(patient) && !caller.session;
    ensure(own && !patients::is_provisional(ctx.state(), &patient), Error::NotAuthorised)?;
    Ok(patients::may_change_rules(ctx.state(), &patient, ctx.now())?)
}

/// Is this an Active organisation that may keep records?
fn is_custodian(state: &dyn StateReader, organisation: OrganisationId) -> bool {
    registry::organisation_active(state, organisation).is_ok()
        && Organisations::get(state, &organisation).is_some_and(|found| found.caps.contains(Caps::CUSTODIAN))
}
