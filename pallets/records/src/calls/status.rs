//! Errors and holds.

use salus_patients as patients;
use salus_primitives::{PatientId, RecordId, Subject, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, ensure};
use salus_system as system;

use crate::{
    Error, Event,
    storage::{Records, Summary},
    types::{Change, Record, RecordStatus},
};

/// For whom the caller speaks about a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Author,
    Custodian,
}

/// Mark a record as an error, hold it or lift the hold.
///
/// # Errors
/// See [`crate::Call::StatusSet`].
pub fn status_set(ctx: &mut Ctx<'_, '_>, patient: PatientId, id: RecordId, to: Change, basis: u8) -> Result<(), Error> {
    let caller = system::caller(ctx).map_err(|system::keys::NotRegistered| Error::NotRegistered)?;
    let erasure = matches!(to, Change::RequestErase | Change::Erase | Change::RefuseErase);
    ensure(!erasure, Error::NotYetErasable)?;
    let record = Records::get(ctx.state(), &(patient, id)).ok_or(Error::NoSuchRecord)?;
    ensure(!caller.session, Error::NotAuthorised)?;
    let side = side(ctx, caller.subject, &record)?;
    ensure(record.status != RecordStatus::Erased, Error::BadState)?;
    let after = match to {
        Change::EnteredInError => {
            ensure(record.status != RecordStatus::EnteredInError, Error::BadState)?;
            ensure(!record.hold, Error::Held)?;
            Record { status: RecordStatus::EnteredInError, ..record }
        }
        Change::Hold => {
            ensure(!record.hold, Error::BadState)?;
            Record { hold: true, ..record }
        }
        Change::LiftHold => {
            ensure(side == Side::Custodian, Error::NotAuthorised)?;
            ensure(record.hold, Error::BadState)?;
            Record { hold: false, ..record }
        }
        Change::RequestErase | Change::Erase | Change::RefuseErase => return Err(Error::NotYetErasable),
    };

    match to {
        Change::Hold => patients::state::hold_set(ctx.state_mut(), &patient),
        Change::LiftHold => patients::state::hold_lifted(ctx.state_mut(), &patient),
        _ if Summary::get(ctx.state(), &patient) == Some(id) => Summary::remove(ctx.state_mut(), &patient),
        _ => {}
    }
    Records::insert(ctx.state_mut(), &(patient, id), &after);
    ctx.emit(Event::RecordStatus { patient, record: id, to, basis });
    Ok(())
}

/// The caller is the author, still where the record was filed, or a Privacy officer of the custodian.
fn side(ctx: &Ctx<'_, '_>, caller: Subject, record: &Record) -> Result<Side, Error> {
    match caller {
        Subject::Organisation(_) => {
            ensure(registry::officer(ctx, Roles::PRIVACY)? == record.custodian, Error::NotAuthorised)?;
            return Ok(Side::Custodian);
        }
        author if author != record.author => return Err(Error::NotAuthorised),
        Subject::Practitioner(id) => {
            registry::practitioner_acts(ctx.state(), id, record.organisation, ctx.now())?;
        }
        Subject::Patient(id) => patients::may_change_rules(ctx.state(), &id, ctx.now())?,
        Subject::Council => return Err(Error::NotAuthorised),
    }
    Ok(Side::Author)
}
