//! Keys and subjects: who signed, and how keys come and go. The only writer of `Account`, `Keys` and `Purposes`.

use salus_primitives::{AccountId, Moment, Subject, crypto, subject::Roles};
use salus_support::{Ctx, Overlay, StateReader};

use crate::{
    storage::{Account, Keys, Purposes},
    types::{AccountData, Ended, PERSON_KEYS_MAX, Purpose, SESSION_KEYS_MAX},
};

/// The key is bound to nobody, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRegistered;

/// Who signed a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub account: AccountId,
    /// Whom it speaks for.
    pub subject: Subject,
    /// Its roles, when it is an officer's.
    pub roles: Roles,
    /// Is it a session key? Those may open and request, not change keys or rules.
    pub session: bool,
}

impl AccountData {
    /// The subject this key speaks for at `now`, if any.
    pub fn speaks_for(&self, now: Moment) -> Option<Subject> {
        let dropped = match self.ended {
            Ended::No => false,
            Ended::Yes => true,
            Ended::At(end) => end <= now,
        };
        let live = !dropped && self.until.is_none_or(|until| now < until);
        self.subject.filter(|_| live)
    }

    /// When this key, which still speaks for its subject at `now`, is dropped, if that was decided.
    pub fn dropped_at(&self, now: Moment) -> Option<Moment> {
        match self.ended {
            Ended::At(end) if self.speaks_for(now).is_some() => Some(end),
            _ => None,
        }
    }
}

/// Who signed this call.
///
/// # Errors
/// [`NotRegistered`] when the key is bound to nobody, was dropped, or was a session key that ran out.
pub fn caller(ctx: &Ctx<'_, '_>) -> Result<Caller, NotRegistered> {
    speaker(ctx.state(), ctx.caller(), ctx.now()).ok_or(NotRegistered)
}

/// Whom `account` speaks for at `now`.
pub fn speaker(state: &dyn StateReader, account: AccountId, now: Moment) -> Option<Caller> {
    let data = Account::get(state, &account).data;
    let subject = data.speaks_for(now)?;
    Some(Caller { account, subject, roles: data.roles, session: data.until.is_some() })
}

/// Why a key cannot be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// It was bound before, or is a validator's: a key serves one subject and one purpose, ever.
    #[error("the key was bound before, or is a validator's")]
    Taken,
    /// Of small order, not canonical, or no key at all.
    #[error("not an acceptable key: {0}")]
    Weak(crypto::KeyError),
    /// The subject has as many keys as it may.
    #[error("the subject has as many keys as it may")]
    TooMany,
}

/// Bind `account` to `subject`, lasting or as a session key that ends at `until`. Keys of the subject that ran out or
/// whose drop has come make room.
///
/// # Errors
/// [`BindError`]; then nothing is changed.
pub fn bind(
    state: &mut Overlay<'_>,
    now: Moment,
    account: AccountId,
    subject: Subject,
    roles: Roles,
    until: Option<Moment>,
) -> Result<(), BindError> {
    crypto::check_key(&account.0).map_err(BindError::Weak)?;
    let mut info = Account::get(state, &account);
    if info.data.subject.is_some() || Purposes::contains(state, &account) {
        return Err(BindError::Taken);
    }
    let run_out: Vec<AccountId> = Keys::get(state, &subject)
        .keys
        .iter()
        .copied()
        .filter(|key| Account::get(state, key).data.speaks_for(now).is_none())
        .collect();
    let mut keys = Keys::get(state, &subject);
    keys.keys.retain(|key| !run_out.contains(key));
    if matches!(subject, Subject::Practitioner(_) | Subject::Patient(_)) {
        let sessions = keys.keys.iter().filter(|key| Account::get(state, key).data.until.is_some()).count();
        let (held, max) = match until {
            Some(_) => (sessions, SESSION_KEYS_MAX),
            None => (keys.keys.len() - sessions, PERSON_KEYS_MAX),
        };
        if held >= max {
            return Err(BindError::TooMany);
        }
    }
    keys.keys.try_push(account).map_err(|_| BindError::TooMany)?;
    keys.admins += u16::from(roles.contains(Roles::ADMIN));
    for key in run_out {
        end_account(state, key);
    }
    info.data = AccountData { subject: Some(subject), roles, until, ended: Ended::No };
    Account::insert(state, &account, &info);
    Keys::insert(state, &subject, &keys);
    Ok(())
}

/// Keep `key` apart for a validator: it will never be bound to a subject, nor kept for something else before it is
/// [released](release).
///
/// # Errors
/// [`BindError::Weak`], or [`BindError::Taken`] for a key that was bound or is kept already; then nothing is changed.
pub fn keep_apart(state: &mut Overlay<'_>, key: AccountId, purpose: Purpose) -> Result<(), BindError> {
    crypto::check_key(&key.0).map_err(BindError::Weak)?;
    if Account::get(state, &key).data.subject.is_some() || Purposes::contains(state, &key) {
        return Err(BindError::Taken);
    }
    Purposes::insert(state, &key, &purpose);
    Ok(())
}

/// End what `key` was kept apart for. An authority's key is never released.
pub fn release(state: &mut Overlay<'_>, key: AccountId) {
    Purposes::remove(state, &key);
}

/// What `key` is kept apart for, if for anything.
pub fn purpose(state: &dyn StateReader, key: AccountId) -> Option<Purpose> {
    Purposes::get(state, &key)
}

/// Give a bound key other roles.
pub fn set_roles(state: &mut Overlay<'_>, account: AccountId, roles: Roles) {
    let mut info = Account::get(state, &account);
    let Some(subject) = info.data.subject.filter(|_| info.data.ended != Ended::Yes) else { return };
    let mut keys = Keys::get(state, &subject);
    keys.admins -= u16::from(info.data.roles.contains(Roles::ADMIN));
    keys.admins += u16::from(roles.contains(Roles::ADMIN));
    info.data.roles = roles;
    Account::insert(state, &account, &info);
    Keys::insert(state, &subject, &keys);
}

/// End a key: it speaks for nobody any more, and never again. A key that speaks for nobody is left as it is.
pub fn end(state: &mut Overlay<'_>, account: AccountId) {
    let data = Account::get(state, &account).data;
    let Some(subject) = data.subject.filter(|_| data.ended != Ended::Yes) else { return };
    let mut keys = Keys::get(state, &subject);
    keys.keys.retain(|key| *key != account);
    keys.admins -= u16::from(data.roles.contains(Roles::ADMIN));
    Keys::insert(state, &subject, &keys);
    end_account(state, account);
}

/// End a key that speaks for its subject at `now`, but only from `end` on; a second `end` replaces the first.
pub fn end_at(state: &mut Overlay<'_>, account: AccountId, now: Moment, end: Moment) {
    let mut info = Account::get(state, &account);
    if info.data.speaks_for(now).is_some() {
        info.data.ended = Ended::At(end);
        Account::insert(state, &account, &info);
    }
}

/// Do not end, after all, a key that still speaks for its subject at `now`.
pub fn keep(state: &mut Overlay<'_>, account: AccountId, now: Moment) {
    let mut info = Account::get(state, &account);
    if info.data.dropped_at(now).is_some() {
        info.data.ended = Ended::No;
        Account::insert(state, &account, &info);
    }
}

/// End every key of a subject.
pub fn end_all(state: &mut Overlay<'_>, subject: Subject) {
    for account in Keys::get(state, &subject).keys {
        end(state, account);
    }
}

/// The keys that speak for `subject` at `now`, session keys included.
pub fn live(state: &dyn StateReader, subject: Subject, now: Moment) -> Vec<AccountId> {
    Keys::get(state, &subject)
        .keys
        .into_iter()
        .filter(|key| Account::get(state, key).data.speaks_for(now).is_some())
        .collect()
}

/// The lasting keys that speak for `subject` at `now`.
pub fn lasting(state: &dyn StateReader, subject: Subject, now: Moment) -> Vec<AccountId> {
    let lasts = |key: &AccountId| Account::get(state, key).data.until.is_none();
    live(state, subject, now).into_iter().filter(lasts).collect()
}

/// How many keys of `subject` have the Admin role.
pub fn admins(state: &dyn StateReader, subject: Subject) -> u16 {
    Keys::get(state, &subject).admins
}

fn end_account(state: &mut Overlay<'_>, account: AccountId) {
    let mut info = Account::get(state, &account);
    info.data.ended = Ended::Yes;
    info.data.roles = Roles::NONE;
    Account::insert(state, &account, &info);
}
