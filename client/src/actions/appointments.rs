//! Appointments: offering hours, taking and giving them back, and what became of them.

use salus_appointments::{
    Call, Change, Hours, Slot, SlotRef, slot,
    storage::Pages,
    types::{CALENDAR_DAYS, Page},
};
use salus_primitives::{Moment, OrganisationId, PractitionerId, Subject, Window, crypto::KeyPair};
use salus_registry::storage::KemKeys;
use salus_runtime::RuntimeCall;
use salus_support::StateReader;

use super::{ActionError, booking::Booking};
use crate::{
    chain::{Chain, Receipt},
    envelope::KemPublic,
};

/// Offer hours of a practitioner. By the practitioner, or a Registrar of the organisation.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn publish(
    chain: &Chain,
    key: &KeyPair,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    hours: Hours,
) -> Result<Receipt, ActionError> {
    let call = Call::Publish { practitioner, organisation, hours };
    Ok(chain.submit(key, RuntimeCall::Appointments(call)).await?)
}

/// Book hours, or give them back, for whoever made `booking`. By a Registrar or the Gateway of the organisation.
///
/// # Errors
/// [`ActionError::Submit`], or [`ActionError::Booking`] when it is for another chain.
pub async fn enter(chain: &Chain, desk: &KeyPair, booking: &Booking) -> Result<Receipt, ActionError> {
    Ok(chain.submit(desk, booking.call(chain.genesis())?).await?)
}

/// Say what became of a slot. By the practitioner.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn set(chain: &Chain, practitioner: &KeyPair, slot: SlotRef, to: Change) -> Result<Receipt, ActionError> {
    Ok(chain.submit(practitioner, RuntimeCall::Appointments(Call::Set { slot, to })).await?)
}

/// One slot.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, name: SlotRef) -> Result<Slot, ActionError> {
    let found = chain.view_now(|state| slot(state, name)).await?;
    found.ok_or_else(|| {
        let id = format!("{} of practitioner {}", crate::fhir::instant(name.from), name.practitioner);
        ActionError::Unknown { what: "a slot that begins at", id }
    })
}

/// The slots of a practitioner that begin within `days` from now on, today's earlier ones included, in their order.
///
/// # Errors
/// What asking failed with.
pub async fn slots(chain: &Chain, practitioner: PractitionerId, days: u32) -> Result<Vec<Slot>, ActionError> {
    let read = |state: &dyn StateReader| {
        let today = Moment(salus_system::timestamp::Now::get(state)).day();
        let pages = (today..today.saturating_add(days)).map(|day| page(state, practitioner, day));
        let lines = pages.flat_map(|page| page.lines.to_vec());
        let mut slots: Vec<Slot> =
            lines.filter_map(|line| slot(state, SlotRef { practitioner, from: line.hours.from })).collect();
        slots.sort_by_key(|slot| slot.hours.from);
        slots
    };
    Ok(chain.view_now(read).await?)
}

/// The page of a day, empty where state has another day's in its place.
fn page(state: &dyn StateReader, practitioner: PractitionerId, day: u32) -> Page {
    let page = Pages::get(state, &(practitioner, day % CALENDAR_DAYS));
    if page.day == day { page } else { Page::default() }
}

/// The key that who takes an appointment at `organisation` is sealed to.
///
/// # Errors
/// [`ActionError::NoKemKey`], or what asking failed with.
pub async fn sealed_to(chain: &Chain, organisation: OrganisationId) -> Result<KemPublic, ActionError> {
    let found = chain.view_now(|state| KemKeys::get(state, &Subject::Organisation(organisation))).await?;
    let missing = || ActionError::NoKemKey { who: format!("organisation {organisation}") };
    found.map(|kem| KemPublic(kem.key)).ok_or_else(missing)
}

/// Slots of `each` milliseconds that fill `hours` without a gap; none where they do not fill them, or are no slots.
pub fn divide(hours: Window, each: u64) -> Option<Vec<Window>> {
    let length = hours.until.since(hours.from);
    if each == 0 || length == 0 || !length.is_multiple_of(each) {
        return None;
    }
    let slot = |place: u64| Window { from: hours.from.plus(place * each), until: hours.from.plus((place + 1) * each) };
    Some((0..length / each).map(slot).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::time::{HOUR, MINUTE};

    #[test]
    fn hours_are_divided_into_slots_that_touch() {
        let hours = Window { from: Moment(9 * HOUR), until: Moment(10 * HOUR) };
        let slots = divide(hours, 20 * MINUTE).unwrap();
        assert_eq!(slots.len(), 3);
        assert_eq!((slots[0].from, slots[2].until), (hours.from, hours.until));
        assert!(slots.windows(2).all(|two| two[0].until == two[1].from));
    }

    #[test]
    fn hours_that_leave_a_rest_are_not_divided() {
        let hours = Window { from: Moment(9 * HOUR), until: Moment(10 * HOUR) };
        for each in [0, 25 * MINUTE, 2 * HOUR] {
            assert_eq!(divide(hours, each), None, "{each}");
        }
        assert_eq!(divide(Window { from: hours.until, until: hours.from }, HOUR), None);
    }
}
