//! Invitations: a queue of slots per organisation, oldest first, so that one call reads and writes a fixed number
//! of keys however many invitations there are.

use salus_primitives::{AccountId, Moment, OrganisationId, crypto, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, Overlay, StateReader, ensure};
use salus_system::storage::{Account, ChainParameters};

use crate::{
    Error, Event,
    storage::{Invitations, Rings, Slots},
    types::{INVITATION_MAX, Invitation, Ring, SWEEP_MAX, Slot},
};

/// Make an invitation.
///
/// # Errors
/// See [`crate::Call::Invite`].
pub fn invite(ctx: &mut Ctx<'_, '_>, key: AccountId, until: Moment, provisional: bool) -> Result<(), Error> {
    let organisation = registry::officer(ctx, Roles::REGISTRAR)?;
    let now = ctx.now();
    ensure(now < until && until <= now.plus(INVITATION_MAX), Error::BadWindow)?;
    crypto::check_key(&key.0).map_err(|_| Error::WeakKey)?;
    ensure(Account::get(ctx.state(), &key).data.subject.is_none(), Error::KeyTaken)?;
    ensure(!Invitations::contains(ctx.state(), &key), Error::KeyTaken)?;
    ensure(has_room(ctx.state(), organisation, now), Error::RateLimited)?;
    let place = Rings::get(ctx.state(), &organisation).next;
    let next = place.checked_add(1).ok_or(Error::RateLimited)?;

    let first = sweep(ctx.state_mut(), organisation, now);
    Rings::insert(ctx.state_mut(), &organisation, &Ring { first, next });
    Slots::insert(ctx.state_mut(), &(organisation, place), &Slot { key, at: now });
    Invitations::insert(ctx.state_mut(), &key, &Invitation { organisation, until, provisional, spent: false });
    ctx.emit(Event::Invited { organisation, key, until, provisional });
    Ok(())
}

/// Did the organisation make fewer than `invitations_max` invitations in the last 30 days? It did exactly when the
/// one that many places back is older, or there is none.
fn has_room(state: &dyn StateReader, organisation: OrganisationId, now: Moment) -> bool {
    let max = ChainParameters::get(state).invitations_max;
    let Some(place) = Rings::get(state, &organisation).next.checked_sub(max) else { return true };
    Slots::get(state, &(organisation, place)).is_none_or(|slot| is_old(&slot, now))
}

/// Clear the oldest places when they are out of the window, at most [`SWEEP_MAX`]; the first place that is left.
fn sweep(state: &mut Overlay<'_>, organisation: OrganisationId, now: Moment) -> u32 {
    let Ring { first, next } = Rings::get(state, &organisation);
    for place in first..next.min(first.saturating_add(SWEEP_MAX)) {
        let Some(slot) = Slots::get(state, &(organisation, place)) else { return place };
        if !is_old(&slot, now) {
            return place;
        }
        Slots::remove(state, &(organisation, place));
        Invitations::remove(state, &slot.key);
    }
    next.min(first.saturating_add(SWEEP_MAX))
}

/// Is it 30 days old? Then the invitation, which lasted no longer, is over too.
fn is_old(slot: &Slot, now: Moment) -> bool {
    slot.at.plus(INVITATION_MAX) <= now
}
