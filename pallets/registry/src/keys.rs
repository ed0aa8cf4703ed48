//! KEM keys of all subjects, locks on a subject's keys and guards that put a drop off: written here, for the pallets
//! above too.

use salus_primitives::{Moment, Subject, time::HOUR};
use salus_support::{Overlay, StateReader};
use salus_system::{
    keys as system_keys,
    storage::{Account, Keys},
};

use crate::{
    storage::{KemKeys, KeyGuards, KeyLocks},
    types::{KemError, KemKey},
};

/// How long a dropped key of a guarded subject still speaks for it, ms: time for any of its keys to cancel.
pub const DROP_DELAY: u64 = 72 * HOUR;

/// Let content keys be sealed to `key` for `subject`. Only in a call that the subject signed.
///
/// # Errors
/// [`KemError`]; then nothing is changed.
pub fn set_kem(state: &mut Overlay<'_>, subject: Subject, key: KemKey) -> Result<(), KemError> {
    key.check()?;
    KemKeys::insert(state, &subject, &key);
    Ok(())
}

/// The key that content keys are sealed to for `subject`, if it has set one.
pub fn kem(state: &dyn StateReader, subject: Subject) -> Option<KemKey> {
    KemKeys::get(state, &subject)
}

/// Forget the KEM key of `subject`: until it sets another, nothing can be sealed to it.
pub fn drop_kem(state: &mut Overlay<'_>, subject: Subject) {
    KemKeys::remove(state, &subject);
}

/// Refuse key changes of `subject` by call 9 until `until`; `Moment(u64::MAX)` refuses them for good. A second
/// lock replaces the first. Drops that wait do not come before the lock ends.
pub fn lock_keys(state: &mut Overlay<'_>, subject: Subject, now: Moment, until: Moment) {
    KeyLocks::insert(state, &subject, &until);
    put_off_drops(state, subject, now, until);
}

/// Allow key changes of `subject` again. Drops that a lock had put off come within [`DROP_DELAY`].
pub fn unlock_keys(state: &mut Overlay<'_>, subject: Subject, now: Moment) {
    KeyLocks::remove(state, &subject);
    put_off_drops(state, subject, now, now);
}

/// Let each drop that waits come at `until` at the earliest, and no later than that or [`DROP_DELAY`] from now.
fn put_off_drops(state: &mut Overlay<'_>, subject: Subject, now: Moment, until: Moment) {
    for key in Keys::get(state, &subject).keys {
        if let Some(end) = Account::get(state, &key).data.dropped_at(now) {
            system_keys::end_at(state, key, now, end.clamp(until, until.max(now.plus(DROP_DELAY))));
        }
    }
}

/// Let drops of lasting keys of `subject` wait for [`DROP_DELAY`] until `until`; none lets them come at once. What
/// waits already goes on waiting.
pub fn guard_keys(state: &mut Overlay<'_>, subject: Subject, until: Option<Moment>) {
    match until {
        Some(until) => KeyGuards::insert(state, &subject, &until),
        None => KeyGuards::remove(state, &subject),
    }
}

/// Do drops of lasting keys of `subject` wait at `now`?
pub fn keys_guarded(state: &dyn StateReader, subject: Subject, now: Moment) -> bool {
    KeyGuards::get(state, &subject).is_some_and(|until| now < until)
}

/// Are key changes of `subject` refused at `now`?
pub fn keys_locked(state: &dyn StateReader, subject: Subject, now: Moment) -> bool {
    KeyLocks::get(state, &subject).is_some_and(|until| now < until)
}
