//! How the set changes: what the council's act does, and what evidence does. The only writer of `Set`, `Entries` and
//! `Seats` after genesis.

use salus_primitives::{
    AccountId, Height, Moment, OrganisationId,
    crypto::KeyError,
    peer::{PeerError, check_peer, peer_key},
    validator_set::{SetError, ValidatorSet},
};
use salus_support::{Overlay, ensure};
use salus_system::{
    BindError, Purpose,
    keys::{keep_apart, purpose, release},
    storage::ChainParameters,
};

use crate::{
    Event, current,
    storage::{ChangedAt, Entries, Recent, Seats, Set},
    types::{Added, Authorities, Change, NewValidator, StoredSet, Validator},
};

/// Why the validators cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nobody to add or to drop, or somebody named twice.
    #[error("a change names at least one validator, and nobody twice")]
    Names,
    /// What would be left makes no set.
    #[error("what would be left is no set: {0}")]
    Set(#[from] SetError),
    /// A validator to drop that is none.
    #[error("no validator has the key {0}")]
    Unknown(AccountId),
    /// More than may change at once.
    #[error("{found} validators would change within root_delay, of {validators} it may be {max}")]
    TooFast {
        /// How many would have changed, this time included.
        found: u32,
        /// How many may.
        max: u32,
        /// How many there are now.
        validators: usize,
    },
    /// A key that was struck.
    #[error("the key {0} signed two things at one place: it never returns")]
    Struck(AccountId),
    /// A peer id that may not enter state.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A key that may not enter state.
    #[error("not an acceptable key: {0}")]
    Weak(KeyError),
    /// A key that serves another purpose.
    #[error("the key {0} was bound before, or is a validator's: make a new one")]
    Taken(AccountId),
}

/// Add and drop validators, from the height after `height` on. Called by the council only, which vouches for the keys
/// and has checked the organisations. Adding one that is in the set gives it another peer id and organisation. The
/// event returned is the caller's to deposit.
///
/// # Errors
/// [`ChangeError`]; then some of it may be written: the caller drops its layer.
pub fn change(
    state: &mut Overlay<'_>,
    now: Moment,
    height: Height,
    add: &Added,
    drop: &Authorities,
) -> Result<Event, ChangeError> {
    let set = current(state);
    let names: Vec<AccountId> = add.iter().map(|new| new.authority).chain(drop.iter().copied()).collect();
    let twice = names.iter().enumerate().any(|(index, name)| names[..index].contains(name));
    ensure(!names.is_empty() && !twice, ChangeError::Names)?;
    if let Some(unknown) = drop.iter().find(|key| set.index_of(key).is_none()) {
        return Err(ChangeError::Unknown(*unknown));
    }
    count(state, now, set.len(), add.len().max(drop.len()))?;

    for leaving in drop {
        leave(state, height, *leaving);
    }
    // All that lets go of a peer id comes before all that takes one.
    let stays = |new: &&NewValidator| set.index_of(&new.authority).is_some();
    for staying in add.iter().filter(stays) {
        let_go(state, &staying.authority);
    }
    for new in add {
        enter(state, height, new)?;
    }
    let mut keys = set.keys().to_vec();
    keys.retain(|key| !drop.contains(key));
    keys.extend(add.iter().map(|new| new.authority).filter(|key| set.index_of(key).is_none()));
    let set_id = write(state, height, keys)?;
    let added = names[..add.len()].to_vec().try_into().expect("as many keys as validators to add");
    Ok(Event::ValidatorsSet { set_id, added, dropped: drop.clone() })
}

/// Strike `offender`, who has a seat and is not the last validator: it leaves the set after `height`, if it is in it,
/// and never returns. Who answered for it, if it was in.
pub(crate) fn strike(state: &mut Overlay<'_>, height: Height, offender: AccountId) -> Option<OrganisationId> {
    let entry = Entries::get(state, &offender);
    if entry.is_some() {
        leave(state, height, offender);
        let mut keys = current(state).keys().to_vec();
        keys.retain(|key| *key != offender);
        write(state, height, keys).expect("a set that loses one of several keys is a set");
    }
    let mut seat = Seats::get(state, &offender).unwrap_or_default();
    seat.struck = true;
    Seats::insert(state, &offender, &seat);
    entry.map(|entry| entry.organisation)
}

/// Note that `count` of `validators` change now, if so many may: a third, less one, within one `root_delay`. Block
/// times differ, so that without a delay this means one block.
fn count(state: &mut Overlay<'_>, now: Moment, validators: usize, count: usize) -> Result<(), ChangeError> {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let window = ChainParameters::get(state).root_delay.max(1);
    let mut recent = Recent::get(state);
    recent.retain(|change| now.since(change.at) < window);
    let before: u32 = recent.iter().fold(0, |sum, change| sum.saturating_add(change.count));
    let (found, max) = (before.saturating_add(number(count)), number(validators.saturating_sub(1) / 3));
    // Fewer than four cannot spare any, and could never change if that were the rule.
    ensure(validators < 4 || found <= max, ChangeError::TooFast { found, max, validators })?;
    let change = Change { at: now, count: number(count) };
    if recent.try_push(change).is_err() {
        // Only fewer than four validators change so often. The newest entry answers for both, and for longer.
        let last = recent.len() - 1;
        let last = recent.get_mut(last).expect("a full list has a last entry");
        *last = Change { at: now, count: last.count.saturating_add(change.count) };
    }
    Recent::put(state, &recent);
    Ok(())
}

/// Make an entry for `new`, and begin its term unless it sits already.
fn enter(state: &mut Overlay<'_>, height: Height, new: &NewValidator) -> Result<(), ChangeError> {
    let NewValidator { authority, peer_id, organisation } = new;
    let network = check_peer(peer_id)?;
    let mut seat = Seats::get(state, authority).unwrap_or_default();
    ensure(!seat.struck, ChangeError::Struck(*authority))?;
    // One that was a validator before is kept apart already.
    if purpose(state, *authority) != Some(Purpose::Authority) {
        keep_apart(state, *authority, Purpose::Authority).map_err(|error| unfit(*authority, error))?;
    }
    keep_apart(state, network, Purpose::Network).map_err(|error| unfit(network, error))?;
    if !Entries::contains(state, authority) {
        seat.begin(height.next());
        Seats::insert(state, authority, &seat);
    }
    let entry = Validator { peer_id: peer_id.clone(), organisation: *organisation };
    Entries::insert(state, authority, &entry);
    Ok(())
}

fn unfit(key: AccountId, error: BindError) -> ChangeError {
    match error {
        BindError::Weak(reason) => ChangeError::Weak(reason),
        BindError::Taken | BindError::TooMany => ChangeError::Taken(key),
    }
}

/// End the entry and the term of `authority`: `height` is the last one it decides.
fn leave(state: &mut Overlay<'_>, height: Height, authority: AccountId) {
    let_go(state, &authority);
    Entries::remove(state, &authority);
    if let Some(mut seat) = Seats::get(state, &authority) {
        seat.end(height.next());
        Seats::insert(state, &authority, &seat);
    }
}

/// Free the network key of `authority`'s entry.
fn let_go(state: &mut Overlay<'_>, authority: &AccountId) {
    if let Some(network) = Entries::get(state, authority).and_then(|entry| peer_key(&entry.peer_id)) {
        release(state, network);
    }
}

/// Write the keys of the set that decides from the height after `height` on; its id. A block raises the id once.
fn write(state: &mut Overlay<'_>, height: Height, keys: Vec<AccountId>) -> Result<u64, SetError> {
    let before = Set::get(state);
    let raised = ChangedAt::get(state) == height;
    let next = if raised { before.set_id } else { before.set_id.saturating_add(1) };
    let set = ValidatorSet::new(next, keys)?;
    if set.keys() == &before.keys[..] {
        return Ok(before.set_id);
    }
    Set::put(state, &StoredSet::from(&set));
    ChangedAt::put(state, &height);
    Ok(next)
}
