//! Daily weight quotas: there are no fees, so every unit of work has an owner.

use salus_primitives::{Moment, Subject};
use salus_support::{Class, Cost, Overlay, StateReader, ensure};

use crate::{
    storage::{ChainParameters, WeightExtra, WeightUsed},
    types::Usage,
};

/// The quota would be more than doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day's quota is at most doubled: {raised} units were added to it of {most}")]
pub struct OverDouble {
    /// Units added to this day's quota so far.
    pub raised: u64,
    /// Most that may be added: the quota itself.
    pub most: u64,
}

/// Units `subject` may use on the day of `now`, what it was [given](raise) for this day included; none for the
/// council, which is bounded by its members' own votes.
pub fn quota(state: &dyn StateReader, subject: &Subject, now: Moment) -> Option<u64> {
    let base = base(state, subject)?;
    // The parameter may have fallen since: still no more than double.
    Some(base.saturating_add(raised(state, subject, now).min(base)))
}

/// The parameter that bounds `subject` on a day for which it was given nothing more.
fn base(state: &dyn StateReader, subject: &Subject) -> Option<u64> {
    let parameters = ChainParameters::get(state);
    match subject {
        Subject::Council => None,
        Subject::Organisation(_) => Some(parameters.organisation_weight),
        Subject::Practitioner(_) => Some(parameters.practitioner_weight),
        Subject::Patient(_) => Some(parameters.patient_weight),
    }
}

/// Units that were added to the quota of `subject` for the day of `now`.
pub fn raised(state: &dyn StateReader, subject: &Subject, now: Moment) -> u64 {
    on_day_of(WeightExtra::get(state, subject), now)
}

/// Let `subject` use `weight` units more on the day of `now`, and on that day only. The council has no quota to raise.
///
/// # Errors
/// [`OverDouble`]; then nothing is changed.
pub fn raise(state: &mut Overlay<'_>, subject: &Subject, weight: u64, now: Moment) -> Result<(), OverDouble> {
    let Some(most) = base(state, subject) else { return Ok(()) };
    let raised = raised(state, subject, now);
    let weight = raised.saturating_add(weight);
    ensure(weight <= most, OverDouble { raised, most })?;
    WeightExtra::insert(state, subject, &Usage { day: now.day(), weight });
    Ok(())
}

/// Would charging `cost` to `subject` stay within its quota? A protected call always may.
pub fn affords(state: &dyn StateReader, subject: &Subject, cost: Cost, now: Moment) -> bool {
    let Some(base) = base(state, subject) else { return true };
    let wanted = used(state, subject, now).saturating_add(cost.weight);
    // What the day was given besides is read only by who needs it.
    cost.class == Class::Protected || wanted <= base || quota(state, subject, now).is_none_or(|quota| wanted <= quota)
}

/// Charge `weight` units to `subject`.
pub fn charge(state: &mut Overlay<'_>, subject: &Subject, weight: u64, now: Moment) {
    if base(state, subject).is_none() {
        return;
    }
    let weight = used(state, subject, now).saturating_add(weight);
    WeightUsed::insert(state, subject, &Usage { day: now.day(), weight });
}

/// Units `subject` used on the day of `now`.
pub fn used(state: &dyn StateReader, subject: &Subject, now: Moment) -> u64 {
    on_day_of(WeightUsed::get(state, subject), now)
}

fn on_day_of(usage: Usage, now: Moment) -> u64 {
    if usage.day == now.day() { usage.weight } else { 0 }
}
