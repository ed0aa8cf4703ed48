//! Erasure: the patient asks, the custodian refuses or erases, and each custodian attests that its key is destroyed.

use salus_primitives::{BoundedVec, PatientId, RecordId, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, ensure};
use salus_system::Caller;

use super::{by_patient, status::no_longer_summary};
use crate::{
    Error, Event,
    storage::{Erasures, Records},
    types::{Erasure, Record, RecordKey, RecordStatus},
};

/// The patient asks for a record to be erased.
pub(super) fn request(ctx: &mut Ctx<'_, '_>, caller: &Caller, key: &RecordKey, record: &Record) -> Result<(), Error> {
    by_patient(ctx, caller, key.0)?;
    let waits = matches!(Erasures::get(ctx.state(), key), Some(Erasure::Requested { .. }));
    ensure(record.status != RecordStatus::Erased && !waits, Error::BadState)?;

    let at = ctx.now();
    Erasures::insert(ctx.state_mut(), key, &Erasure::Requested { at });
    Ok(())
}

/// The custodian refuses what the patient asked.
pub(super) fn refuse(ctx: &mut Ctx<'_, '_>, key: &RecordKey, record: &Record, basis: u8) -> Result<(), Error> {
    answers(ctx, key, record, basis)?;

    let at = ctx.now();
    Erasures::insert(ctx.state_mut(), key, &Erasure::Refused { at, basis });
    Ok(())
}

/// The custodian does what the patient asked: from here on nobody is given the record, and each custodian owes an
/// attestation.
pub(super) fn erase(ctx: &mut Ctx<'_, '_>, key: &RecordKey, record: Record, basis: u8) -> Result<(), Error> {
    answers(ctx, key, &record, basis)?;
    ensure(!record.hold, Error::Held)?;
    let owing = record.custodians().collect::<Vec<_>>();
    let open = BoundedVec::try_from(owing).expect("a record has as many custodians as there may be duties");

    let at = ctx.now();
    Erasures::insert(ctx.state_mut(), key, &Erasure::Ordered { at, open });
    Records::insert(ctx.state_mut(), key, &Record { status: RecordStatus::Erased, ..record });
    no_longer_summary(ctx.state_mut(), key);
    Ok(())
}

/// The caller is a Privacy officer of the custodian, who answers a request of the patient and says by what law.
fn answers(ctx: &Ctx<'_, '_>, key: &RecordKey, record: &Record, basis: u8) -> Result<(), Error> {
    ensure(registry::officer(ctx, Roles::PRIVACY)? == record.custodian, Error::NotAuthorised)?;
    let waits = matches!(Erasures::get(ctx.state(), key), Some(Erasure::Requested { .. }));
    ensure(waits, Error::BadState)?;
    ensure(basis != 0, Error::NoBasis)
}

/// A custodian of an erased record attests that it destroyed the content key, every wrap of it and the ciphertext.
///
/// # Errors
/// See [`crate::Call::ShredAttest`].
pub fn shred_attest(ctx: &mut Ctx<'_, '_>, patient: PatientId, id: RecordId, key_epoch: u32) -> Result<(), Error> {
    let custodian = registry::officer(ctx, Roles::GATEWAY)?;
    let key = (patient, id);
    let record = Records::get(ctx.state(), &key).ok_or(Error::NoSuchRecord)?;
    let Some(Erasure::Ordered { at, mut open }) = Erasures::get(ctx.state(), &key) else {
        return Err(Error::NoDuty);
    };
    ensure(open.contains(&custodian) && record.key_epoch == key_epoch, Error::NoDuty)?;

    open.retain(|owing| *owing != custodian);
    let complete = open.is_empty();
    if complete {
        Erasures::remove(ctx.state_mut(), &key);
    } else {
        Erasures::insert(ctx.state_mut(), &key, &Erasure::Ordered { at, open });
    }
    ctx.emit(Event::Shredded { patient, record: id, custodian, key_epoch });
    if complete {
        ctx.emit(Event::ErasureComplete { patient, record: id });
    }
    Ok(())
}
