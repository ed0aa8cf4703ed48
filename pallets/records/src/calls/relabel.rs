//! Labels set anew by the patient.

use salus_primitives::{PatientId, RecordId};
use salus_support::{Ctx, ensure};

use super::{by_patient, caller, put::Labels};
use crate::{
    Error, Event,
    storage::Records,
    types::{Record, RecordStatus},
};

/// Replace a record's labels.
///
/// # Errors
/// See [`crate::Call::Relabel`].
pub fn relabel(ctx: &mut Ctx<'_, '_>, patient: PatientId, id: RecordId, labels: Labels) -> Result<(), Error> {
    let caller = caller(ctx)?;
    let record = Records::get(ctx.state(), &(patient, id)).ok_or(Error::NoSuchRecord)?;
    by_patient(ctx, &caller, patient)?;
    ensure(matches!(record.status, RecordStatus::Current | RecordStatus::Superseded), Error::BadState)?;
    ensure(labels.are_sound(), Error::BadTags)?;
    let Labels { tags, labelled, restricted } = labels;

    Records::insert(ctx.state_mut(), &(patient, id), &Record { tags, labelled, restricted, ..record });
    ctx.emit(Event::Relabelled { patient, record: id, labelled, restricted });
    Ok(())
}
