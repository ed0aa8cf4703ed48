//! Freezing, thawing, death and closing.

use salus_primitives::{Moment, PatientId, Subject, signed::CoSigns, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, ensure};

use crate::{
    Error, Event,
    state::{self, KeyKind},
    storage::{BeforeDeath, Holds, Patients},
    types::{Change, DECEASED_DELAY, FREEZE, FREEZE_EVERY, FrozenBy, Patient, PatientState},
};

/// Change a patient's state.
///
/// # Errors
/// See [`crate::Call::StatusSet`].
pub fn status_set(ctx: &mut Ctx<'_, '_>, patient: PatientId, to: Change, cosigns: &CoSigns) -> Result<(), Error> {
    let found = |ctx: &Ctx<'_, '_>| state::at(ctx.state(), &patient, ctx.now());
    match to {
        Change::Freeze => {
            by_patient(ctx, patient, cosigns)?;
            freeze(ctx, patient, found(ctx)?)?;
        }
        Change::Thaw => {
            by_patient(ctx, patient, cosigns)?;
            thaw(ctx, patient, found(ctx)?)?;
        }
        Change::Close => close(ctx, patient, cosigns)?,
        Change::Deceased => {
            by_two_registrars(ctx, cosigns)?;
            declare(ctx, patient, found(ctx)?)?;
        }
        Change::Living => {
            by_patient(ctx, patient, cosigns)?;
            cancel(ctx, patient, found(ctx)?)?;
        }
    }
    ctx.emit(Event::PatientStatus { patient, to });
    Ok(())
}

/// The caller is this patient, with a lasting key, and nobody co-signed.
fn by_patient(ctx: &Ctx<'_, '_>, patient: PatientId, cosigns: &CoSigns) -> Result<(), Error> {
    ensure(state::patient(ctx, KeyKind::Lasting)? == patient, Error::NotAuthorised)?;
    ensure(cosigns.is_empty(), Error::BadCoSign)
}

/// The caller and the one co-signer are Registrars of two Active organisations.
fn by_two_registrars(ctx: &Ctx<'_, '_>, cosigns: &CoSigns) -> Result<(), Error> {
    let first = registry::officer(ctx, Roles::REGISTRAR)?;
    let cosigners = ctx.cosigners(cosigns).ok_or(Error::BadCoSign)?;
    let [other] = cosigners[..] else { return Err(Error::BadCoSign) };
    let second =
        registry::officer_key(ctx.state(), other, Roles::REGISTRAR, ctx.now()).map_err(|_| Error::BadCoSign)?;
    ensure(first != second, Error::BadCoSign)
}

fn freeze(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    let now = ctx.now();
    ensure(found.state == PatientState::Active, Error::BadState)?;
    ensure(found.frozen_at.is_none_or(|last| last.plus(FREEZE_EVERY) <= now), Error::RateLimited)?;

    let until = now.plus(FREEZE);
    let frozen = PatientState::Frozen { until, by: FrozenBy::Patient };
    Patients::insert(ctx.state_mut(), &patient, &Patient { state: frozen, frozen_at: Some(now), ..found });
    registry::lock_keys(ctx.state_mut(), Subject::Patient(patient), until);
    Ok(())
}

fn thaw(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    ensure(matches!(found.state, PatientState::Frozen { by: FrozenBy::Patient, .. }), Error::BadState)?;

    Patients::insert(ctx.state_mut(), &patient, &Patient { state: PatientState::Active, ..found });
    registry::unlock_keys(ctx.state_mut(), Subject::Patient(patient));
    Ok(())
}

/// By the patient while Active, or by two Registrars after a death that can no longer be cancelled.
fn close(ctx: &mut Ctx<'_, '_>, patient: PatientId, cosigns: &CoSigns) -> Result<(), Error> {
    let now = ctx.now();
    let is_patient = match state::patient(ctx, KeyKind::Lasting) {
        Ok(caller) => {
            ensure(caller == patient, Error::NotAuthorised)?;
            ensure(cosigns.is_empty(), Error::BadCoSign)?;
            true
        }
        Err(_) => {
            by_two_registrars(ctx, cosigns)?;
            false
        }
    };
    let found = state::at(ctx.state(), &patient, now)?;
    match found.state {
        PatientState::Active if is_patient => {}
        PatientState::Deceased { declared } if !is_patient => {
            ensure(declared.plus(DECEASED_DELAY) <= now, Error::TooEarly)?;
        }
        _ => return Err(Error::BadState),
    }
    ensure(Holds::get(ctx.state(), &patient) == 0, Error::Held)?;

    Patients::insert(ctx.state_mut(), &patient, &Patient { state: PatientState::Closed, ..found });
    BeforeDeath::remove(ctx.state_mut(), &patient);
    registry::lock_keys(ctx.state_mut(), Subject::Patient(patient), Moment(u64::MAX));
    Ok(())
}

fn declare(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    ensure(!matches!(found.state, PatientState::Deceased { .. } | PatientState::Closed), Error::BadState)?;

    let dead = PatientState::Deceased { declared: ctx.now() };
    BeforeDeath::insert(ctx.state_mut(), &patient, &found.state);
    Patients::insert(ctx.state_mut(), &patient, &Patient { state: dead, ..found });
    registry::lock_keys(ctx.state_mut(), Subject::Patient(patient), Moment(u64::MAX));
    Ok(())
}

/// The patient lives: what they were before stands again, a freeze that still runs included.
fn cancel(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    let PatientState::Deceased { declared } = found.state else { return Err(Error::BadState) };
    ensure(ctx.now() < declared.plus(DECEASED_DELAY), Error::TooLate)?;
    let before = BeforeDeath::get(ctx.state(), &patient).ok_or(Error::BadState)?;

    Patients::insert(ctx.state_mut(), &patient, &Patient { state: before, ..found });
    BeforeDeath::remove(ctx.state_mut(), &patient);
    match before {
        PatientState::Frozen { until, .. } => registry::lock_keys(ctx.state_mut(), Subject::Patient(patient), until),
        _ => registry::unlock_keys(ctx.state_mut(), Subject::Patient(patient)),
    }
    Ok(())
}
