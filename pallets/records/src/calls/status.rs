//! Errors and holds; what concerns erasure goes on to [`super::erasure`].

use salus_patients as patients;
use salus_primitives::{PatientId, RecordId, Subject, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, Overlay, ensure};

use super::{caller, erasure};
use crate::{
    Error, Event,
    storage::{Records, Summary},
    types::{Change, Record, RecordKey, RecordStatus},
};

/// For whom the caller speaks about a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Author,
    Custodian,
}

/// Mark a record as an error, hold it or lift the hold; ask for its erasure, refuse or order it.
///
/// # Errors
/// See [`crate::Call::StatusSet`].
pub fn status_set(ctx: &mut Ctx<'_, '_>, patient: PatientId, id: RecordId, to: Change, basis: u8) -> Result<(), Error> {
    let (caller, key) = (caller(ctx)?, (patient, id));
    let record = Records::get(ctx.state(), &key).ok_or(Error::NoSuchRecord)?;
    ensure(!caller.session, Error::NotAuthorised)?;
    match to {
        Change::EnteredInError => entered_in_error(ctx, caller.subject, &key, record)?,
        Change::Hold => hold(ctx, caller.subject, &key, record)?,
        Change::LiftHold => lift_hold(ctx, caller.subject, &key, record)?,
        Change::RequestErase => erasure::request(ctx, &caller, &key, &record)?,
        Change::Erase => erasure::erase(ctx, &key, record, basis)?,
        Change::RefuseErase => erasure::refuse(ctx, &key, &record, basis)?,
    }
    ctx.emit(Event::RecordStatus { patient, record: id, to, basis });
    Ok(())
}

fn entered_in_error(ctx: &mut Ctx<'_, '_>, caller: Subject, key: &RecordKey, record: Record) -> Result<(), Error> {
    side(ctx, caller, &record)?;
    ensure(matches!(record.status, RecordStatus::Current | RecordStatus::Superseded), Error::BadState)?;
    ensure(!record.hold, Error::Held)?;

    Records::insert(ctx.state_mut(), key, &Record { status: RecordStatus::EnteredInError, ..record });
    no_longer_summary(ctx.state_mut(), key);
    Ok(())
}

fn hold(ctx: &mut Ctx<'_, '_>, caller: Subject, key: &RecordKey, record: Record) -> Result<(), Error> {
    side(ctx, caller, &record)?;
    ensure(record.status != RecordStatus::Erased && !record.hold, Error::BadState)?;

    Records::insert(ctx.state_mut(), key, &Record { hold: true, ..record });
    patients::state::hold_set(ctx.state_mut(), &key.0);
    Ok(())
}

fn lift_hold(ctx: &mut Ctx<'_, '_>, caller: Subject, key: &RecordKey, record: Record) -> Result<(), Error> {
    ensure(side(ctx, caller, &record)? == Side::Custodian, Error::NotAuthorised)?;
    ensure(record.hold, Error::BadState)?;

    Records::insert(ctx.state_mut(), key, &Record { hold: false, ..record });
    patients::state::hold_lifted(ctx.state_mut(), &key.0);
    Ok(())
}

/// A record that nobody is given any more is not the patient's summary.
pub(super) fn no_longer_summary(state: &mut Overlay<'_>, (patient, id): &RecordKey) {
    if Summary::get(state, patient) == Some(*id) {
        Summary::remove(state, patient);
    }
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
