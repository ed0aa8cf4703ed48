//! Guardians: who sets them, and how long that waits.

use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, Subject, signed::CoSigns, subject::Roles};
use salus_registry::{self as registry, Standing};
use salus_support::{Ctx, StateReader, ensure};
use salus_system as system;

use super::one_cosigner;
use crate::{
    Error, Event, guardians,
    state::{self, KeyKind},
    storage::PendingChanges,
    types::{
        Appointment, GUARDIANS_DELAY, GUARDIANSHIP_MAX, GuardianChange, GuardianTerms, Guardianship, INCAPACITY_DELAY,
        Patient, PatientState, PendingGuardians,
    },
};

/// Set or end a patient's guardians, or cancel a change of them that waits.
///
/// # Errors
/// See [`crate::Call::GuardiansSet`].
pub fn guardians_set(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    change: GuardianChange,
    cosign: &CoSigns,
) -> Result<(), Error> {
    match change {
        GuardianChange::Set(terms) => set(ctx, patient, terms, cosign),
        GuardianChange::End => end(ctx, patient, cosign),
        GuardianChange::Cancel => cancel(ctx, patient, cosign),
    }
}

fn set(ctx: &mut Ctx<'_, '_>, patient: PatientId, terms: GuardianTerms, cosign: &CoSigns) -> Result<(), Error> {
    let now = ctx.now();
    let (by, found) = appointment(ctx, patient, cosign)?;
    let state_allows = match by {
        Appointment::Patient => found.state == PatientState::Active,
        Appointment::Minor => found.assurance == 0 && may_be_appointed_for(found.state, now),
        Appointment::Incapacity => may_be_appointed_for(found.state, now),
    };
    ensure(state_allows, Error::BadState)?;
    check(ctx.state(), patient, &terms, now)?;
    let delay = match by {
        Appointment::Incapacity => INCAPACITY_DELAY,
        _ if guardians::guardianship(ctx.state(), &patient, now).is_some() => GUARDIANS_DELAY,
        _ => 0,
    };
    let from = now.plus(delay);
    ensure(from < terms.until && terms.until <= now.plus(GUARDIANSHIP_MAX), Error::BadWindow)?;
    ensure(guardians::waiting(ctx.state(), &patient, now).is_none(), Error::ChangeWaits)?;

    let state = ctx.state_mut();
    guardians::settle(state, &patient, now);
    if delay == 0 {
        guardians::replace(state, &patient, Some(Guardianship::from(terms.clone())));
    } else {
        PendingChanges::insert(state, &patient, &PendingGuardians { terms: Some(terms.clone()), from });
    }
    guardians::guard_keys(state, &patient);
    ctx.emit(Event::GuardiansSet { patient, terms: Some(terms), by, from });
    Ok(())
}

fn end(ctx: &mut Ctx<'_, '_>, patient: PatientId, cosign: &CoSigns) -> Result<(), Error> {
    let now = ctx.now();
    ensure(state::patient(ctx, KeyKind::Lasting)? == patient, Error::NotAuthorised)?;
    ensure(cosign.is_empty(), Error::BadCoSign)?;
    ensure(state::at(ctx.state(), &patient, now)?.state == PatientState::Active, Error::BadState)?;
    ensure(guardians::guardianship(ctx.state(), &patient, now).is_some(), Error::BadState)?;
    ensure(guardians::waiting(ctx.state(), &patient, now).is_none(), Error::ChangeWaits)?;

    let (state, from) = (ctx.state_mut(), now.plus(GUARDIANS_DELAY));
    guardians::settle(state, &patient, now);
    PendingChanges::insert(state, &patient, &PendingGuardians { terms: None, from });
    guardians::guard_keys(state, &patient);
    ctx.emit(Event::GuardiansSet { patient, terms: None, by: Appointment::Patient, from });
    Ok(())
}

/// Whoever objects to a change leaves everything as it is: a session key may, and in any state.
fn cancel(ctx: &mut Ctx<'_, '_>, patient: PatientId, cosign: &CoSigns) -> Result<(), Error> {
    ensure(state::patient(ctx, KeyKind::Any)? == patient, Error::NotAuthorised)?;
    ensure(cosign.is_empty(), Error::BadCoSign)?;
    ensure(guardians::waiting(ctx.state(), &patient, ctx.now()).is_some(), Error::NothingWaits)?;

    PendingChanges::remove(ctx.state_mut(), &patient);
    guardians::guard_keys(ctx.state_mut(), &patient);
    ctx.emit(Event::GuardiansKept { patient });
    Ok(())
}

/// On whose word the caller and the co-signers set guardians, and the patient as they stand now.
fn appointment(ctx: &Ctx<'_, '_>, patient: PatientId, cosign: &CoSigns) -> Result<(Appointment, Patient), Error> {
    let caller = system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    match caller.subject {
        Subject::Patient(_) => {
            ensure(state::patient(ctx, KeyKind::Lasting)? == patient, Error::NotAuthorised)?;
            ensure(cosign.is_empty(), Error::BadCoSign)?;
            Ok((Appointment::Patient, state::at(ctx.state(), &patient, ctx.now())?))
        }
        Subject::Organisation(_) => {
            let here = Officer::of(ctx, caller.account)?;
            let found = state::at(ctx.state(), &patient, ctx.now())?;
            let there = Officer::of(ctx, one_cosigner(ctx, cosign)?).map_err(|_| Error::BadCoSign)?;
            Ok((here.appoint(&there, found.inviting)?, found))
        }
        Subject::Council | Subject::Practitioner(_) => Err(Error::NotAuthorised),
    }
}

/// What counts here of an officer.
struct Officer {
    organisation: OrganisationId,
    registers: bool,
    guards_privacy: bool,
}

impl Officer {
    /// The officer who holds this key: a Registrar or Privacy officer of an Active organisation.
    fn of(ctx: &Ctx<'_, '_>, account: AccountId) -> Result<Self, Error> {
        let role = |role| registry::officer_key(ctx.state(), account, role, ctx.now());
        let (registrar, privacy) = (role(Roles::REGISTRAR), role(Roles::PRIVACY));
        // The reason that says more: the key has the role, and the organisation does not act.
        let organisation = match (registrar, privacy) {
            (Ok(organisation), _) | (_, Ok(organisation)) => organisation,
            (Err(Standing::NotAuthorised), Err(reason)) | (Err(reason), _) => return Err(reason.into()),
        };
        Ok(Self { organisation, registers: registrar.is_ok(), guards_privacy: privacy.is_ok() })
    }

    /// What this officer and that one may do together, for a patient whom `inviting` invited.
    fn appoint(&self, other: &Self, inviting: OrganisationId) -> Result<Appointment, Error> {
        if self.organisation == other.organisation {
            let split = self.registers && other.guards_privacy || self.guards_privacy && other.registers;
            ensure(split, Error::BadCoSign)?;
            ensure(self.organisation == inviting, Error::NotAuthorised)?;
            return Ok(Appointment::Minor);
        }
        ensure(self.registers, Error::NotAuthorised)?;
        ensure(other.registers, Error::BadCoSign)?;
        Ok(Appointment::Incapacity)
    }
}

/// May others than the patient appoint guardians: is the patient Active, or Provisional and not lapsed?
fn may_be_appointed_for(state: PatientState, now: Moment) -> bool {
    match state {
        PatientState::Active => true,
        PatientState::Provisional { until } => now < until,
        _ => false,
    }
}

/// Can these be guardians of this patient?
fn check(state: &dyn StateReader, patient: PatientId, terms: &GuardianTerms, now: Moment) -> Result<(), Error> {
    let GuardianTerms { guardians, threshold, powers, excluded, .. } = terms;
    let fit = |guardian: &PatientId| *guardian != patient && guardians::may_stand_in(state, guardian, now);
    ensure(!guardians.is_empty() && !guardians.has_duplicates(), Error::BadGuardians)?;
    ensure(guardians.iter().all(fit), Error::BadGuardians)?;
    ensure((1..=guardians.len()).contains(&usize::from(*threshold)), Error::BadThreshold)?;
    ensure(powers.is_valid(), Error::BadPowers)?;
    ensure(!excluded.has_duplicates(), Error::BadTags)
}
