//! Freezing, thawing, death and closing.

use salus_primitives::{Moment, PatientId, Subject, signed::CoSigns, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, ensure};

use super::second_registrar;
use crate::{
    Error, Event, guardians,
    state::{self, KeyKind},
    storage::{BeforeDeath, GuardianFreezes, Holds, Patients, Recoveries, Thaws},
    types::{Change, DECEASED_DELAY, FREEZE, FREEZE_EVERY, FrozenBy, Guardianship, Patient, PatientState, Thawing},
};

/// Change a patient's state.
///
/// # Errors
/// See [`crate::Call::StatusSet`].
pub fn status_set(ctx: &mut Ctx<'_, '_>, patient: PatientId, to: Change, cosigns: &CoSigns) -> Result<(), Error> {
    let found = |ctx: &Ctx<'_, '_>| state::at(ctx.state(), &patient, ctx.now());
    match to {
        Change::Freeze => {
            let by = person(ctx, patient, cosigns)?;
            freeze(ctx, patient, found(ctx)?, &by)?;
        }
        Change::Thaw => {
            let by = person(ctx, patient, cosigns)?;
            if let Thaw::Approved(guardian) = thaw(ctx, patient, found(ctx)?, &by)? {
                ctx.emit(Event::ThawApproved { patient, guardian });
                return Ok(());
            }
        }
        Change::Close => close(ctx, patient, cosigns)?,
        Change::Deceased => {
            by_two_registrars(ctx, cosigns)?;
            declare(ctx, patient, found(ctx)?)?;
        }
        Change::Living => {
            ensure(state::patient(ctx, KeyKind::Lasting)? == patient, Error::NotAuthorised)?;
            ensure(cosigns.is_empty(), Error::BadCoSign)?;
            cancel(ctx, patient, found(ctx)?)?;
        }
    }
    ctx.emit(Event::PatientStatus { patient, to });
    Ok(())
}

/// Who freezes or thaws.
enum Person {
    Patient,
    Guardian(PatientId, Guardianship),
}

/// What an approved thaw came to.
enum Thaw {
    Done,
    Approved(PatientId),
}

/// The caller is this patient or one of their guardians, with a lasting key, and nobody co-signed.
fn person(ctx: &Ctx<'_, '_>, patient: PatientId, cosigns: &CoSigns) -> Result<Person, Error> {
    let caller = state::patient(ctx, KeyKind::Lasting)?;
    let person = if caller == patient {
        Person::Patient
    } else {
        let found = guardians::guarded(ctx.state(), &patient, Subject::Patient(caller), ctx.now());
        let (guardian, guardianship) = found.ok_or(Error::NotAuthorised)?;
        Person::Guardian(guardian, guardianship)
    };
    ensure(cosigns.is_empty(), Error::BadCoSign)?;
    Ok(person)
}

/// The caller and the one co-signer are Registrars of two Active organisations.
fn by_two_registrars(ctx: &Ctx<'_, '_>, cosigns: &CoSigns) -> Result<(), Error> {
    let first = registry::officer(ctx, Roles::REGISTRAR)?;
    second_registrar(ctx, first, cosigns, &[]).map(|_| ())
}

/// A guardian also freezes who is frozen by their own key, for a thief who thaws it must not be quicker.
fn freeze(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient, by: &Person) -> Result<(), Error> {
    let (now, until) = (ctx.now(), ctx.now().plus(FREEZE));
    let (last, by) = match by {
        Person::Patient => {
            ensure(found.state == PatientState::Active, Error::BadState)?;
            (found.frozen_at, FrozenBy::Patient)
        }
        Person::Guardian(..) => {
            let own = matches!(found.state, PatientState::Frozen { by: FrozenBy::Patient, .. });
            ensure(found.state == PatientState::Active || own, Error::BadState)?;
            (GuardianFreezes::get(ctx.state(), &patient), FrozenBy::Guardian)
        }
    };
    ensure(last.is_none_or(|last| last.plus(FREEZE_EVERY) <= now), Error::RateLimited)?;

    let state = ctx.state_mut();
    guardians::settle(state, &patient, now);
    let frozen_at = match by {
        FrozenBy::Patient => Some(now),
        FrozenBy::Guardian => {
            GuardianFreezes::insert(state, &patient, &now);
            found.frozen_at
        }
    };
    Patients::insert(state, &patient, &Patient { state: PatientState::Frozen { until, by }, frozen_at, ..found });
    registry::lock_keys(state, Subject::Patient(patient), now, until);
    Ok(())
}

/// The patient ends their own freeze at once; each guardian approves to end a guardian's, until they are enough.
fn thaw(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient, by: &Person) -> Result<Thaw, Error> {
    let now = ctx.now();
    let PatientState::Frozen { until, by: frozen_by } = found.state else { return Err(Error::BadState) };
    match (by, frozen_by) {
        (Person::Patient, FrozenBy::Patient) => {}
        (Person::Guardian(guardian, guardianship), FrozenBy::Guardian) => {
            let approved = Thaws::get(ctx.state(), &patient).filter(|thawing| thawing.freeze == until);
            let mut thawing = approved.unwrap_or(Thawing { freeze: until, by: Default::default() });
            ensure(!thawing.by.contains(guardian), Error::AlreadyApproved)?;
            thawing.by.try_push(*guardian).map_err(|_| Error::BadState)?;
            let stand = |guardian: &&PatientId| guardians::may_stand_in(ctx.state(), guardian, now);
            if thawing.by.iter().filter(stand).count() < usize::from(guardianship.terms.threshold) {
                Thaws::insert(ctx.state_mut(), &patient, &thawing);
                return Ok(Thaw::Approved(*guardian));
            }
        }
        _ => return Err(Error::BadState),
    }

    let state = ctx.state_mut();
    Patients::insert(state, &patient, &Patient { state: PatientState::Active, ..found });
    Thaws::remove(state, &patient);
    registry::unlock_keys(state, Subject::Patient(patient), now);
    Ok(Thaw::Done)
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

    guardians::settle(ctx.state_mut(), &patient, now);
    Patients::insert(ctx.state_mut(), &patient, &Patient { state: PatientState::Closed, ..found });
    BeforeDeath::remove(ctx.state_mut(), &patient);
    registry::lock_keys(ctx.state_mut(), Subject::Patient(patient), now, Moment(u64::MAX));
    Ok(())
}

/// A recovery ends with it: nobody takes over the keys of the dead.
fn declare(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    ensure(!matches!(found.state, PatientState::Deceased { .. } | PatientState::Closed), Error::BadState)?;

    let now = ctx.now();
    let before = match found.state {
        PatientState::Recovering { freeze, .. } => PatientState::frozen(freeze, now),
        before => before,
    };
    let state = ctx.state_mut();
    guardians::settle(state, &patient, now);
    BeforeDeath::insert(state, &patient, &before);
    Patients::insert(state, &patient, &Patient { state: PatientState::Deceased { declared: now }, ..found });
    Recoveries::remove(state, &patient);
    registry::lock_keys(state, Subject::Patient(patient), now, Moment(u64::MAX));
    Ok(())
}

/// The patient lives: what they were before stands again, a freeze that still runs included.
fn cancel(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: Patient) -> Result<(), Error> {
    let PatientState::Deceased { declared } = found.state else { return Err(Error::BadState) };
    ensure(ctx.now() < declared.plus(DECEASED_DELAY), Error::TooLate)?;
    let before = BeforeDeath::get(ctx.state(), &patient).ok_or(Error::BadState)?;

    let (now, state) = (ctx.now(), ctx.state_mut());
    Patients::insert(state, &patient, &Patient { state: before, ..found });
    BeforeDeath::remove(state, &patient);
    match before {
        PatientState::Frozen { until, .. } => registry::lock_keys(state, Subject::Patient(patient), now, until),
        _ => registry::unlock_keys(state, Subject::Patient(patient), now),
    }
    Ok(())
}
