//! A person's own keys: call 9.

use salus_primitives::{AccountId, BoundedVec, Subject, signed::CoSigns, subject::Roles};
use salus_support::{Ctx, ensure};
use salus_system::{
    keys as system_keys,
    storage::{Account, Keys},
    types::SESSION_MAX,
};

use super::new_keys_agree;
use crate::{
    DROP_MAX, Error, Event, keys,
    storage::Practitioners,
    types::{KemKey, NewKey, PractitionerStatus, Standing},
};

/// Call 9.
///
/// # Errors
/// As [`crate::Call::KeysSet`] says.
pub fn keys_set(
    ctx: &mut Ctx<'_, '_>,
    add: BoundedVec<NewKey, 2>,
    drop: BoundedVec<AccountId, DROP_MAX>,
    kem: Option<KemKey>,
    cosign: &CoSigns,
) -> Result<(), Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    let (subject, now) = (caller.subject, ctx.now());
    ensure(!caller.session, Error::NotAuthorised)?;
    match subject {
        Subject::Patient(_) => {}
        Subject::Practitioner(id) => {
            let struck = Practitioners::get(ctx.state(), &id).is_some_and(|p| p.status == PractitionerStatus::Struck);
            ensure(!struck, Error::NotActive(Standing::PractitionerStruck))?;
        }
        Subject::Council | Subject::Organisation(_) => return Err(Error::NotAuthorised),
    }
    ensure(!keys::keys_locked(ctx.state(), subject, now), Error::BadState)?;
    ensure(!add.is_empty() || !drop.is_empty() || kem.is_some(), Error::BadState)?;
    let in_time = |key: &NewKey| key.until.is_none_or(|until| now < until && until <= now.plus(SESSION_MAX));
    ensure(add.iter().all(in_time), Error::BadWindow)?;

    if let Some(kem) = kem {
        kem.check()?;
    }

    let held = Keys::get(ctx.state(), &subject).keys;
    ensure(!drop.has_duplicates() && drop.iter().all(|key| held.contains(key)), Error::UnknownKey)?;
    let lasting = |key: &&AccountId| Account::get(ctx.state(), key).data.until.is_none();
    let kept = held.iter().filter(|key| !drop.contains(key)).filter(lasting).count();
    ensure(kept > 0 || add.iter().any(|key| key.until.is_none()), Error::LastKey)?;
    let new: Vec<AccountId> = add.iter().map(|key| key.account).collect();
    new_keys_agree(ctx, cosign, &new)?;

    let state = ctx.state_mut();
    for key in &drop {
        system_keys::end(state, *key);
    }
    for key in &add {
        system_keys::bind(state, now, key.account, subject, Roles::NONE, key.until)?;
    }
    if let Some(kem) = kem {
        keys::set_kem(state, subject, kem)?;
    }
    let added = BoundedVec::try_from(new).map_err(|_| Error::TooMany)?;
    ctx.emit(Event::KeysSet { subject, added, dropped: drop, kem: kem.is_some() });
    Ok(())
}
