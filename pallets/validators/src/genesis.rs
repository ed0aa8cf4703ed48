//! What genesis writes of the validators pallet, and what it refuses.

use salus_primitives::{
    AccountId, Height,
    crypto::{KeyError, check_key},
    validator_set::{SetError, ValidatorSet},
};
use salus_support::Overlay;
use salus_system::{BindError, Purpose, keys::keep_apart};

use crate::{
    storage::{Entries, Seats, Set},
    types::{NewValidator, Seat, StoredSet, Validator, peer_key},
};

/// A validator of the first set; its organisation is registered later.
pub type GenesisValidator = NewValidator;

/// Why these validators make no first set. The index is the place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// None, too many, or an authority key twice.
    #[error(transparent)]
    Set(#[from] SetError),
    /// An authority key that may not enter state.
    #[error("the authority key of validator {index}: {reason}")]
    Authority {
        /// Which validator.
        index: usize,
        /// What is wrong.
        reason: KeyError,
    },
    /// No peer id of an Ed25519 key.
    #[error("the peer id of validator {index} is not that of an Ed25519 key")]
    PeerId {
        /// Which validator.
        index: usize,
    },
    /// The key in a peer id may not enter state.
    #[error("the key in the peer id of validator {index}: {reason}")]
    PeerKey {
        /// Which validator.
        index: usize,
        /// What is wrong.
        reason: KeyError,
    },
    /// Two validators with one peer id.
    #[error("validators {first} and {index} have the same peer id: each node needs its own")]
    PeerTwice {
        /// The one before.
        first: usize,
        /// Which validator.
        index: usize,
    },
    /// A key that serves two purposes.
    #[error("key {key} of validator {index} serves another purpose too: authority, peer and account keys are distinct")]
    Shared {
        /// Which validator.
        index: usize,
        /// The key.
        key: AccountId,
    },
    /// The state has this key already.
    #[error("the key {key} of validator {index}: {reason}; genesis is written once, to an empty state")]
    Bind {
        /// Which validator.
        index: usize,
        /// The key.
        key: AccountId,
        /// What is wrong.
        reason: BindError,
    },
}

/// Do these validators make a first set? `accounts` are the keys that genesis binds to subjects: no authority
/// and no peer has one of those, since a key that signs for two purposes is lost for both at once.
///
/// # Errors
/// [`GenesisError`] by its rule.
pub fn check(validators: &[GenesisValidator], accounts: &[AccountId]) -> Result<ValidatorSet, GenesisError> {
    let authorities: Vec<AccountId> = validators.iter().map(|validator| validator.authority).collect();
    let set = ValidatorSet::new(0, authorities.clone())?;
    for (index, validator) in validators.iter().enumerate() {
        let GenesisValidator { authority, peer_id, .. } = validator;
        check_key(&authority.0).map_err(|reason| GenesisError::Authority { index, reason })?;
        let peer = peer_key(peer_id).ok_or(GenesisError::PeerId { index })?;
        check_key(&peer.0).map_err(|reason| GenesisError::PeerKey { index, reason })?;
        if let Some(first) = validators[..index].iter().position(|earlier| earlier.peer_id == *peer_id) {
            return Err(GenesisError::PeerTwice { first, index });
        }
        for key in [*authority, peer] {
            if accounts.contains(&key) {
                return Err(GenesisError::Shared { index, key });
            }
        }
        if authorities.contains(&peer) {
            return Err(GenesisError::Shared { index, key: peer });
        }
    }
    Ok(set)
}

/// Write the first set.
///
/// # Errors
/// [`GenesisError`], as [`check`] says; then nothing is written. [`GenesisError::Bind`] on a state that is not empty;
/// then it is of no use.
pub fn build(
    state: &mut Overlay<'_>,
    validators: &[GenesisValidator],
    accounts: &[AccountId],
) -> Result<(), GenesisError> {
    let set = check(validators, accounts)?;
    Set::put(state, &StoredSet::from(&set));
    for (index, validator) in validators.iter().enumerate() {
        let GenesisValidator { authority, peer_id, organisation } = validator;
        let network = peer_key(peer_id).ok_or(GenesisError::PeerId { index })?;
        for (key, purpose) in [(*authority, Purpose::Authority), (network, Purpose::Network)] {
            keep_apart(state, key, purpose).map_err(|reason| GenesisError::Bind { index, key, reason })?;
        }
        let entry = Validator { peer_id: peer_id.clone(), organisation: *organisation };
        Entries::insert(state, authority, &entry);
        let mut seat = Seat::default();
        seat.begin(Height::GENESIS.next());
        Seats::insert(state, authority, &seat);
    }
    Ok(())
}
