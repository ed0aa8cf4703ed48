//! Earning, from within other calls, and redeeming.

use salus_patients::{assurance, is_provisional, may_use_default};
use salus_primitives::{Moment, OrganisationId, PatientId, Subject, subject::Roles};
use salus_registry::{officer, organisation_active};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::usage;

use crate::{
    Error, Event,
    storage::{AllTime, Balances, ByPatient},
    types::{CREDIT_WEIGHT, DayCount, PER_PATIENT_DAY},
};

/// `user` read `records` records of `patient` that `earner` keeps. Earns a credit for each, up to the day's limit by
/// that patient, and nothing where use does not count; gives how many. Never refuses: the call within which it earns
/// has happened anyway. Who calls this says each record of a receipt once, and none that was not permitted.
pub fn earn(
    ctx: &mut Ctx<'_, '_>,
    earner: OrganisationId,
    user: OrganisationId,
    patient: PatientId,
    records: u32,
) -> u32 {
    let (now, state) = (ctx.now(), ctx.state());
    if earner == user
        || organisation_active(state, earner).is_err()
        || organisation_active(state, user).is_err()
        || !is_confirmed(state, patient, now)
    {
        return 0;
    }
    let before = ByPatient::get(state, &(earner, patient));
    let today = if before.day == now.day() { before.credits } else { 0 };
    let credits = records.min(PER_PATIENT_DAY.saturating_sub(today));
    let mut totals = AllTime::get(state);
    // No balance is above the total, so none overflows before it.
    let Some(earned) = totals.earned.checked_add(credits.into()).filter(|_| credits > 0) else { return 0 };
    let balance = Balances::get(state, &earner) + u64::from(credits);

    totals.earned = earned;
    let state = ctx.state_mut();
    AllTime::put(state, &totals);
    Balances::insert(state, &earner, &balance);
    ByPatient::insert(state, &(earner, patient), &DayCount { day: now.day(), credits: today + credits });
    ctx.emit(Event::Earned { organisation: earner, user, credits });
    credits
}

/// Did a Registrar confirm the person, and are they not closed, lapsed or dead for good?
fn is_confirmed(state: &dyn StateReader, patient: PatientId, now: Moment) -> bool {
    assurance(state, &patient).is_ok_and(|assurance| assurance > 0)
        && !is_provisional(state, &patient)
        && may_use_default(state, &patient, now).is_ok()
}

/// Call 34.
///
/// # Errors
/// As [`crate::Call::Redeem`] says.
pub(crate) fn redeem(ctx: &mut Ctx<'_, '_>, credits: u64) -> Result<(), Error> {
    let organisation = officer(ctx, Roles::ADMIN)?;
    ensure(credits > 0, Error::NoCredits)?;
    let balance = Balances::get(ctx.state(), &organisation).checked_sub(credits).ok_or(Error::Insufficient)?;
    let mut totals = AllTime::get(ctx.state());
    totals.redeemed = totals.redeemed.saturating_add(credits);
    let (now, subject) = (ctx.now(), Subject::Organisation(organisation));
    let weight = credits.saturating_mul(CREDIT_WEIGHT);
    usage::raise(ctx.state_mut(), &subject, weight, now).map_err(|_| Error::TooMany)?;

    let state = ctx.state_mut();
    AllTime::put(state, &totals);
    match balance {
        0 => Balances::remove(state, &organisation),
        balance => Balances::insert(state, &organisation, &balance),
    }
    let quota = usage::quota(state, &subject, now).unwrap_or(u64::MAX);
    ctx.emit(Event::Redeemed { organisation, credits, day: now.day(), quota });
    Ok(())
}
