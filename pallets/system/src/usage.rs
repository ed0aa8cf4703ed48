//! Daily weight quotas: there are no fees, so every unit of work has an owner.

use salus_primitives::{Moment, Subject};
use salus_support::{Class, Cost, Overlay, StateReader};

use crate::storage::{ChainParameters, WeightUsed};

/// Units `subject` may use a day; none for the council, which is bounded by its members' own votes.
pub fn quota(state: &dyn StateReader, subject: &Subject) -> Option<u64> {
    let parameters = ChainParameters::get(state);
    match subject {
        Subject::Council => None,
        Subject::Organisation(_) => Some(parameters.organisation_weight),
        Subject::Practitioner(_) => Some(parameters.practitioner_weight),
        Subject::Patient(_) => Some(parameters.patient_weight),
    }
}

/// Would charging `cost` to `subject` stay within its quota? A protected call always may.
pub fn affords(state: &dyn StateReader, subject: &Subject, cost: Cost, now: Moment) -> bool {
    let Some(quota) = quota(state, subject) else { return true };
    cost.class == Class::Protected || used(state, subject, now).saturating_add(cost.weight) <= quota
}

/// Charge `weight` units to `subject`.
pub fn charge(state: &mut Overlay<'_>, subject: &Subject, weight: u64, now: Moment) {
    if quota(state, subject).is_none() {
        return;
    }
    let weight = used(state, subject, now).saturating_add(weight);
    WeightUsed::insert(state, subject, &crate::types::Usage { day: now.day(), weight });
}

/// Units `subject` used on the day of `now`.
pub fn used(state: &dyn StateReader, subject: &Subject, now: Moment) -> u64 {
    let usage = WeightUsed::get(state, subject);
    if usage.day == now.day() { usage.weight } else { 0 }
}
