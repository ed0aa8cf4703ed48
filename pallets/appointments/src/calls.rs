//! What each call does: check first, write last.

use salus_primitives::{
    AccountId, Hash, Moment, OrganisationId, PractitionerId, Subject, Window,
    crypto::{Signature, check_key, verify},
    signed,
    subject::Roles,
};
use salus_registry::{Standing, officer, practitioner_acts};
use salus_support::{Ctx, ensure};
use salus_system::storage::{Account, Purposes};

use crate::{
    Error, Event, calendar,
    storage::BookingKeys,
    types::{AHEAD_MAX, Booking, CHECK_IN_EARLY, Change, Hours, LENGTH_MAX, Slot, SlotRef, Status},
};

/// Call 31.
///
/// # Errors
/// As [`crate::Call::Publish`] says.
pub(crate) fn publish(
    ctx: &mut Ctx<'_, '_>,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    hours: Hours,
) -> Result<(), Error> {
    match salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?.subject {
        Subject::Practitioner(_) => is_practitioner(ctx, practitioner)?,
        _ => ensure(officer(ctx, Roles::REGISTRAR)? == organisation, Error::NotAuthorised)?,
    }
    let now = ctx.now();
    practitioner_acts(ctx.state(), practitioner, organisation, now)?;
    ensure(!hours.is_empty(), Error::NoHours)?;
    ensure(hours.iter().all(|hours| may_be_offered(hours, now)), Error::BadWindow)?;

    for hours in &hours {
        let slot = Slot { organisation, hours: *hours, status: Status::Free, booking: None };
        calendar::add(ctx.state_mut(), practitioner, &slot)?;
    }
    ctx.emit(Event::Published { practitioner, organisation, hours });
    Ok(())
}

fn may_be_offered(hours: &Window, now: Moment) -> bool {
    now <= hours.from
        && hours.from <= now.plus(AHEAD_MAX)
        && hours.from < hours.until
        && hours.until <= hours.from.plus(LENGTH_MAX)
}

/// Call 32.
///
/// # Errors
/// As [`crate::Call::Book`] says.
pub(crate) fn book(
    ctx: &mut Ctx<'_, '_>,
    name: SlotRef,
    key: AccountId,
    signature: &Signature,
    sealed: Hash,
) -> Result<(), Error> {
    let desk = desk(ctx)?;
    let (now, state) = (ctx.now(), ctx.state());
    let slot = calendar::slot(state, name).ok_or(Error::NoSuchSlot)?;
    ensure(slot.organisation == desk, Error::NotAuthorised)?;
    practitioner_acts(state, name.practitioner, desk, now)?;
    ensure(slot.status == Status::Free, Error::Taken)?;
    ensure(now < slot.hours.from, Error::NotNow)?;
    check_key(&key.0).map_err(|_| Error::WeakKey)?;
    let used = Account::get(state, &key).data.subject.is_some() || Purposes::contains(state, &key);
    ensure(!used && !BookingKeys::contains(state, &key), Error::KeyTaken)?;
    let message = signed::booking(&ctx.genesis(), &name.practitioner, &desk, &slot.hours, &sealed);
    ensure(verify(&key, &message, signature), Error::BadSignature)?;

    let slot = Slot { status: Status::Held, booking: Some(Booking { key, sealed }), ..slot };
    calendar::write(ctx.state_mut(), name, &slot);
    BookingKeys::insert(ctx.state_mut(), &key, &name);
    ctx.emit(Event::Held { slot: name, key });
    Ok(())
}

/// Call 33.
///
/// # Errors
/// As [`crate::Call::Set`] says.
pub(crate) fn set(ctx: &mut Ctx<'_, '_>, name: SlotRef, change: Change) -> Result<(), Error> {
    let now = ctx.now();
    let slot = if let Change::GiveBack { signature } = change {
        let desk = desk(ctx)?;
        let slot = calendar::slot(ctx.state(), name).ok_or(Error::NoSuchSlot)?;
        ensure(slot.organisation == desk, Error::NotAuthorised)?;
        let booking = slot.booking.ok_or(Error::BadState)?;
        let message = signed::booking_cancelled(&ctx.genesis(), &name.practitioner, &desk, &slot.hours);
        ensure(verify(&booking.key, &message, &signature), Error::BadSignature)?;
        slot
    } else {
        is_practitioner(ctx, name.practitioner)?;
        let slot = calendar::slot(ctx.state(), name).ok_or(Error::NoSuchSlot)?;
        practitioner_acts(ctx.state(), name.practitioner, slot.organisation, now)?;
        slot
    };
    let status = after(&slot, change, now)?;

    calendar::write(ctx.state_mut(), name, &Slot { status, ..slot });
    ctx.emit(Event::AppointmentSet { slot: name, status });
    Ok(())
}

/// Where `slot` stands after `change` at `now`.
fn after(slot: &Slot, change: Change, now: Moment) -> Result<Status, Error> {
    let Window { from, until } = slot.hours;
    let (to, time_allows) = match (slot.status, change) {
        (Status::Held, Change::Confirm) => (Status::Confirmed, now < from),
        (Status::Held, Change::Decline) => (Status::Declined, true),
        (Status::Confirmed, Change::CheckIn) => (Status::CheckedIn, from <= now.plus(CHECK_IN_EARLY) && now < until),
        (Status::CheckedIn, Change::Complete) => (Status::Completed, from <= now),
        (Status::Confirmed, Change::NoShow) => (Status::NoShow, until <= now),
        (Status::Free | Status::Held | Status::Confirmed, Change::Cancel)
        | (Status::Held | Status::Confirmed, Change::GiveBack { .. }) => (Status::Cancelled, now < from),
        _ => return Err(Error::BadState),
    };
    ensure(time_allows, Error::NotNow)?;
    Ok(to)
}

/// The caller is this practitioner, with a lasting key.
fn is_practitioner(ctx: &Ctx<'_, '_>, practitioner: PractitionerId) -> Result<(), Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    ensure(caller.subject == Subject::Practitioner(practitioner) && !caller.session, Error::NotAuthorised)
}

/// The Active organisation for which the caller is a Registrar or the Gateway.
fn desk(ctx: &Ctx<'_, '_>) -> Result<OrganisationId, Standing> {
    match officer(ctx, Roles::REGISTRAR) {
        Err(Standing::NotAuthorised) => officer(ctx, Roles::GATEWAY),
        found => found,
    }
}
