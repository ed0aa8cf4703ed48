//! KEM keys of all subjects, and locks on a subject's keys: written here, for the pallets above too.

use salus_primitives::{Moment, Subject};
use salus_support::{Overlay, StateReader};

use crate::{
    storage::{KemKeys, KeyLocks},
    types::{KemError, KemKey},
};

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
/// lock replaces the first.
pub fn lock_keys(state: &mut Overlay<'_>, subject: Subject, until: Moment) {
    KeyLocks::insert(state, &subject, &until);
}

/// Allow key changes of `subject` again.
pub fn unlock_keys(state: &mut Overlay<'_>, subject: Subject) {
    KeyLocks::remove(state, &subject);
}

/// Are key changes of `subject` refused at `now`?
pub fn keys_locked(state: &dyn StateReader, subject: Subject, now: Moment) -> bool {
    KeyLocks::get(state, &subject).is_some_and(|until| now < until)
}
