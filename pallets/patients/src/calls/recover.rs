//! Recovery: new keys for a patient who lost theirs, slowly enough that a patient who did not can object.

use salus_primitives::{AccountId, Moment, PatientId, Subject, crypto, signed::CoSigns, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, StateReader, ensure};
use salus_system::{
    self as system, BindError, keys,
    storage::{Account, ChainParameters},
};

use super::{exactly, second_registrar};
use crate::{
    Error, Event, guardians,
    state::{self, KeyKind},
    storage::{Guardianships, Invitations, Patients, PendingChanges, Recoveries, RecoveryApprovals, Thaws},
    types::{
        APPROVAL_MAX, Approval, Freeze, Guardianship, Patient, PatientState, Powers, RECOVERY_OPEN, REGISTRARS_DELAY,
        RecoveredBy, Recovery, RecoveryKeys, RecoveryNews, RecoveryStep, VETO_ONCE,
    },
};

/// Propose, finish or veto a recovery.
///
/// # Errors
/// See [`crate::Call::Recover`].
pub fn recover(ctx: &mut Ctx<'_, '_>, patient: PatientId, step: RecoveryStep, cosign: &CoSigns) -> Result<(), Error> {
    let news = match step {
        RecoveryStep::Propose(keys) => match caller(ctx)? {
            Subject::Organisation(_) => propose_by_registrars(ctx, patient, keys, cosign)?,
            _ => propose_by_guardian(ctx, patient, keys, cosign)?,
        },
        RecoveryStep::Finish => finish(ctx, patient, cosign)?,
        RecoveryStep::Cancel => veto(ctx, patient, cosign)?,
    };
    ctx.emit(Event::Recovery { patient, news });
    Ok(())
}

fn caller(ctx: &Ctx<'_, '_>) -> Result<Subject, Error> {
    Ok(system::caller(ctx).map_err(|_| Error::NotRegistered)?.subject)
}

/// A guardian of this patient with the power to recover, who signed with a lasting key.
fn guardian(ctx: &Ctx<'_, '_>, patient: PatientId) -> Result<(PatientId, Guardianship), Error> {
    let caller = Subject::Patient(state::patient(ctx, KeyKind::Lasting)?);
    let found = guardians::guarded(ctx.state(), &patient, caller, ctx.now());
    found.filter(|(_, held)| held.terms.powers.contains(Powers::RECOVER)).ok_or(Error::NotAuthorised)
}

/// Each guardian sends the same keys; the delay starts when the threshold is reached.
fn propose_by_guardian(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    proposed: RecoveryKeys,
    cosign: &CoSigns,
) -> Result<RecoveryNews, Error> {
    let now = ctx.now();
    let (guardian, held) = guardian(ctx, patient)?;
    guardians::settle(ctx.state_mut(), &patient, now);
    let found = state::at(ctx.state(), &patient, now)?;
    ensure(may_begin(ctx.state(), patient, &found, RecoveredBy::Guardians), Error::BadState)?;
    check(ctx.state(), &proposed)?;
    let mut approvals = RecoveryApprovals::get(ctx.state(), &patient);
    approvals.retain(|approval| now < approval.at.plus(APPROVAL_MAX));
    let repeated = approvals.iter().any(|approval| approval.guardian == guardian && approval.keys == proposed);
    ensure(!repeated, Error::AlreadyApproved)?;
    exactly(ctx, cosign, &proposed)?;
    approvals.retain(|approval| approval.guardian != guardian);
    let approval = Approval { guardian, keys: proposed.clone(), at: now };
    approvals.try_push(approval).map_err(|_| Error::BadState)?;
    let stand = |approval: &&Approval| {
        approval.keys == proposed && guardians::may_stand_in(ctx.state(), &approval.guardian, now)
    };
    let agreed = approvals.iter().filter(stand).count();
    if agreed < usize::from(held.terms.threshold) {
        RecoveryApprovals::insert(ctx.state_mut(), &patient, &approvals);
        return Ok(RecoveryNews::Approved { guardian, keys: proposed });
    }

    let delay = ChainParameters::get(ctx.state()).recovery_delay;
    let vetoable = held.vetoed.is_none_or(|vetoed| vetoed.plus(VETO_ONCE) <= now);
    let recovery = Recovery { keys: proposed, by: RecoveredBy::Guardians, ripe: now.plus(delay), vetoable };
    Ok(begin(ctx, patient, &found, recovery))
}

fn propose_by_registrars(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    proposed: RecoveryKeys,
    cosign: &CoSigns,
) -> Result<RecoveryNews, Error> {
    let now = ctx.now();
    let first = registry::officer(ctx, Roles::REGISTRAR)?;
    let found = state::at(ctx.state(), &patient, now)?;
    let second = second_registrar(ctx, first, cosign, &proposed)?;
    let by = RecoveredBy::Registrars(first, second);
    ensure(may_begin(ctx.state(), patient, &found, by), Error::BadState)?;
    check(ctx.state(), &proposed)?;

    guardians::settle(ctx.state_mut(), &patient, now);
    let recovery = Recovery { keys: proposed, by, ripe: now.plus(REGISTRARS_DELAY), vetoable: true };
    Ok(begin(ctx, patient, &found, recovery))
}

/// A patient is recovered who is Active or frozen. Guardians at threshold overtake Registrars, never the other way:
/// else two Registrars could keep from a patient the guardians they chose.
fn may_begin(state: &dyn StateReader, patient: PatientId, found: &Patient, by: RecoveredBy) -> bool {
    match found.state {
        PatientState::Active | PatientState::Frozen { .. } => true,
        PatientState::Recovering { .. } => {
            let runs = Recoveries::get(state, &patient).map(|recovery| recovery.by);
            by == RecoveredBy::Guardians && matches!(runs, Some(RecoveredBy::Registrars(..)))
        }
        _ => false,
    }
}

/// Keys that may be bound: one or two, strong, nobody's, and no invitation's, whose private half others know.
fn check(state: &dyn StateReader, proposed: &[AccountId]) -> Result<(), Error> {
    ensure(!proposed.is_empty(), Error::KeyMissing)?;
    ensure(proposed.iter().all(|key| crypto::check_key(&key.0).is_ok()), Error::WeakKey)?;
    let twice = proposed.iter().enumerate().any(|(place, key)| proposed[..place].contains(key));
    let free = |key: &AccountId| {
        Account::get(state, key).data.subject.is_none()
            && keys::purpose(state, *key).is_none()
            && !Invitations::contains(state, key)
    };
    ensure(!twice && proposed.iter().all(free), Error::KeyTaken)
}

/// The recovery runs from here on: nothing of the patient changes until it is finished, vetoed or lapses.
fn begin(ctx: &mut Ctx<'_, '_>, patient: PatientId, found: &Patient, recovery: Recovery) -> RecoveryNews {
    let now = ctx.now();
    let until = recovery.ripe.plus(RECOVERY_OPEN);
    let freeze = match found.state {
        PatientState::Frozen { until, by } => Some(Freeze { until, by }),
        PatientState::Recovering { freeze, .. } => freeze,
        _ => None,
    };
    let locked = freeze.map_or(until, |freeze| freeze.until.max(until));
    let after = Patient { state: PatientState::Recovering { until, freeze }, ..*found };
    let state = ctx.state_mut();
    Patients::insert(state, &patient, &after);
    RecoveryApprovals::remove(state, &patient);
    Recoveries::insert(state, &patient, &recovery);
    registry::lock_keys(state, Subject::Patient(patient), now, locked);
    let Recovery { keys, by, ripe, vetoable } = recovery;
    RecoveryNews::Begun { keys, by, ripe, vetoable }
}

/// The recovery that runs, and the patient.
fn running(state: &dyn StateReader, patient: PatientId, now: Moment) -> Result<(Recovery, Patient), Error> {
    let found = state::at(state, &patient, now)?;
    ensure(matches!(found.state, PatientState::Recovering { .. }), Error::NoRecovery)?;
    Ok((Recoveries::get(state, &patient).ok_or(Error::NoRecovery)?, found))
}

/// The new keys replace all others, and the KEM key goes with them: only its owner sets one.
fn finish(ctx: &mut Ctx<'_, '_>, patient: PatientId, cosign: &CoSigns) -> Result<RecoveryNews, Error> {
    let (now, subject) = (ctx.now(), Subject::Patient(patient));
    let (recovery, found) = match caller(ctx)? {
        Subject::Organisation(_) => {
            let organisation = registry::officer(ctx, Roles::REGISTRAR)?;
            let running = running(ctx.state(), patient, now)?;
            let theirs = match running.0.by {
                RecoveredBy::Registrars(first, second) => organisation == first || organisation == second,
                RecoveredBy::Guardians => false,
            };
            ensure(theirs, Error::NotAuthorised)?;
            running
        }
        _ => {
            guardian(ctx, patient)?;
            let running = running(ctx.state(), patient, now)?;
            ensure(running.0.by == RecoveredBy::Guardians, Error::NotAuthorised)?;
            running
        }
    };
    ensure(cosign.is_empty(), Error::BadCoSign)?;
    ensure(recovery.ripe <= now, Error::TooEarly)?;

    let state = ctx.state_mut();
    keys::end_all(state, subject);
    for key in &recovery.keys {
        keys::bind(state, now, *key, subject, Roles::NONE, None).map_err(|error| match error {
            BindError::Taken | BindError::TooMany => Error::KeyTaken,
            BindError::Weak(_) => Error::WeakKey,
        })?;
    }
    registry::drop_kem(state, subject);
    registry::unlock_keys(state, subject, now);
    Patients::insert(state, &patient, &Patient { state: PatientState::Active, ..found });
    Recoveries::remove(state, &patient);
    RecoveryApprovals::remove(state, &patient);
    Thaws::remove(state, &patient);
    PendingChanges::remove(state, &patient);
    if let Some(held) = Guardianships::get(state, &patient) {
        Guardianships::insert(state, &patient, &Guardianship { vetoed: None, ..held });
    }
    guardians::guard_keys(state, &patient);
    Ok(RecoveryNews::Recovered { keys: recovery.keys })
}

/// A key of the patient objects: everything is as before, and the same guardians are remembered to have tried.
fn veto(ctx: &mut Ctx<'_, '_>, patient: PatientId, cosign: &CoSigns) -> Result<RecoveryNews, Error> {
    let (now, subject) = (ctx.now(), Subject::Patient(patient));
    ensure(state::patient(ctx, KeyKind::Any)? == patient, Error::NotAuthorised)?;
    ensure(cosign.is_empty(), Error::BadCoSign)?;
    let (recovery, found) = running(ctx.state(), patient, now)?;
    ensure(recovery.vetoable, Error::NoVeto)?;
    ensure(now < recovery.ripe, Error::TooLate)?;
    let PatientState::Recovering { freeze, .. } = found.state else { return Err(Error::NoRecovery) };

    let state = ctx.state_mut();
    Patients::insert(state, &patient, &Patient { state: PatientState::frozen(freeze, now), ..found });
    Recoveries::remove(state, &patient);
    RecoveryApprovals::remove(state, &patient);
    if let (RecoveredBy::Guardians, Some(held)) = (recovery.by, Guardianships::get(state, &patient)) {
        Guardianships::insert(state, &patient, &Guardianship { vetoed: Some(now), ..held });
    }
    match freeze.filter(|freeze| now < freeze.until) {
        Some(freeze) => registry::lock_keys(state, subject, now, freeze.until),
        None => registry::unlock_keys(state, subject, now),
    }
    Ok(RecoveryNews::Vetoed)
}
