//! A person's own keys: call 9.

use salus_primitives::{AccountId, BoundedVec, Moment, Subject, signed::CoSigns, subject::Roles};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::{
    Caller, keys as system_keys,
    storage::{Account, Keys},
    types::{AccountData, SESSION_MAX},
};

use super::new_keys_agree;
use crate::{
    DROP_MAX, Error, Event, keys,
    storage::Practitioners,
    types::{KemKey, NewKey, PractitionerStatus, Standing},
};

/// The fields of [`crate::Call::KeysSet`], its co-signatures apart.
pub struct KeyChange {
    /// New keys, and keys whose drop is cancelled.
    pub add: BoundedVec<NewKey, 2>,
    /// Keys to drop.
    pub drop: BoundedVec<AccountId, DROP_MAX>,
    /// The new KEM key.
    pub kem: Option<KemKey>,
}

/// Call 9.
///
/// # Errors
/// As [`crate::Call::KeysSet`] says.
pub fn keys_set(ctx: &mut Ctx<'_, '_>, change: KeyChange, cosign: &CoSigns) -> Result<(), Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    let (subject, now, KeyChange { add, drop, kem }) = (caller.subject, ctx.now(), change);
    let (kept, new): (Vec<NewKey>, Vec<NewKey>) =
        add.into_iter().partition(|key| is_going(ctx.state(), subject, &key.account, now));
    let objects = !kept.is_empty() && new.is_empty() && drop.is_empty() && kem.is_none();
    may_change(ctx, &caller, objects)?;
    ensure(!kept.is_empty() || !new.is_empty() || !drop.is_empty() || kem.is_some(), Error::BadState)?;
    let in_time = |key: &NewKey| key.until.is_none_or(|until| now < until && until <= now.plus(SESSION_MAX));
    ensure(new.iter().all(in_time) && kept.iter().all(|key| key.until.is_none()), Error::BadWindow)?;
    if let Some(kem) = kem {
        kem.check()?;
    }
    may_drop(ctx.state(), subject, &drop, now)?;
    let kept: Vec<AccountId> = kept.iter().map(|key| key.account).collect();
    let stays = !kept.is_empty() || stays_lasting(ctx.state(), subject, &drop, now);
    ensure(stays || new.iter().any(|key| key.until.is_none()), Error::LastKey)?;
    let added: Vec<AccountId> = new.iter().map(|key| key.account).collect();
    new_keys_agree(ctx, cosign, &added)?;

    let waits = keys::keys_guarded(ctx.state(), subject, now);
    let state = ctx.state_mut();
    let (mut dropped, mut going) = (Vec::new(), Vec::new());
    for key in drop {
        if waits && account(state, &key).until.is_none() {
            system_keys::end_at(state, key, now, now.plus(keys::DROP_DELAY));
            going.push(key);
        } else {
            system_keys::end(state, key);
            dropped.push(key);
        }
    }
    for key in &kept {
        system_keys::keep(state, *key, now);
    }
    for key in &new {
        system_keys::bind(state, now, key.account, subject, Roles::NONE, key.until)?;
    }
    if let Some(kem) = kem {
        keys::set_kem(state, subject, kem)?;
    }
    let event = Event::KeysSet {
        subject,
        added: BoundedVec::try_from(added).map_err(|_| Error::TooMany)?,
        dropped: BoundedVec::try_from(dropped).map_err(|_| Error::TooMany)?,
        kem: kem.is_some(),
        going: BoundedVec::try_from(going).map_err(|_| Error::TooMany)?,
        kept: BoundedVec::try_from(kept).map_err(|_| Error::TooMany)?,
    };
    ctx.emit(event);
    Ok(())
}

/// A person's lasting key changes keys, unless they are locked or the person was struck off. Whoever only objects to a
/// drop may by any live key and at any time: then everything stays as it is.
fn may_change(ctx: &Ctx<'_, '_>, caller: &Caller, objects: bool) -> Result<(), Error> {
    ensure(objects || !caller.session, Error::NotAuthorised)?;
    match caller.subject {
        Subject::Patient(_) => {}
        Subject::Practitioner(id) => {
            let struck = Practitioners::get(ctx.state(), &id).is_some_and(|p| p.status == PractitionerStatus::Struck);
            ensure(!struck, Error::NotActive(Standing::PractitionerStruck))?;
        }
        Subject::Council | Subject::Organisation(_) => return Err(Error::NotAuthorised),
    }
    ensure(objects || !keys::keys_locked(ctx.state(), caller.subject, ctx.now()), Error::BadState)
}

/// Each of these is a live key of `subject`, once, and no drop of it waits already.
fn may_drop(state: &dyn StateReader, subject: Subject, drop: &[AccountId], now: Moment) -> Result<(), Error> {
    let held = Keys::get(state, &subject).keys;
    let twice = drop.iter().enumerate().any(|(place, key)| drop[..place].contains(key));
    let own = |key: &AccountId| held.contains(key) && !has_gone(state, key, now);
    ensure(!twice && drop.iter().all(own), Error::UnknownKey)?;
    ensure(!drop.iter().any(|key| is_going(state, subject, key, now)), Error::BadState)
}

/// Is there a lasting key of `subject` whose drop is neither asked for here nor waits already?
fn stays_lasting(state: &dyn StateReader, subject: Subject, drop: &[AccountId], now: Moment) -> bool {
    let lasting = system_keys::lasting(state, subject, now);
    lasting.iter().any(|key| !drop.contains(key) && !is_going(state, subject, key, now))
}

/// Does a drop of this key of `subject` wait?
fn is_going(state: &dyn StateReader, subject: Subject, key: &AccountId, now: Moment) -> bool {
    let data = account(state, key);
    data.subject == Some(subject) && data.dropped_at(now).is_some()
}

/// Has the drop of this lasting key come? A session key that ran out can still be dropped.
fn has_gone(state: &dyn StateReader, key: &AccountId, now: Moment) -> bool {
    let data = account(state, key);
    data.until.is_none() && data.speaks_for(now).is_none()
}

fn account(state: &dyn StateReader, key: &AccountId) -> AccountData {
    Account::get(state, key).data
}
