//! What genesis writes of the council, and what it refuses.

use salus_primitives::{
    AccountId, Moment, Subject,
    crypto::{KeyError, check_key},
    subject::Roles,
};
use salus_support::Overlay;
use salus_system::{BindError, keys};

use crate::{storage::Threshold, types::MEMBERS_MAX};

/// Why these keys make no council. The index is the place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Nobody.
    #[error("a council needs at least one member")]
    Empty,
    /// Over the bound.
    #[error("{count} council members, the limit is {MEMBERS_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One key twice.
    #[error("council members {first} and {index} have the same key: each member needs their own")]
    Twice {
        /// The one before.
        first: usize,
        /// Which member.
        index: usize,
    },
    /// A key that may not enter state.
    #[error("the key of council member {index}: {reason}")]
    Key {
        /// Which member.
        index: usize,
        /// What is wrong.
        reason: KeyError,
    },
    /// Zero, or more than there are members.
    #[error("the council's threshold is {threshold}, with {members} members it is 1 to {members}")]
    Threshold {
        /// The threshold.
        threshold: u8,
        /// How many members there are.
        members: usize,
    },
    /// The state has keys of other subjects, or a council, already.
    #[error("the key of council member {index}: {reason}; genesis is written once, to an empty state")]
    Bind {
        /// Which member.
        index: usize,
        /// What is wrong.
        reason: BindError,
    },
}

/// Do these keys and this threshold make a council?
///
/// # Errors
/// [`GenesisError`] by its rule.
pub fn check(members: &[AccountId], threshold: u8) -> Result<(), GenesisError> {
    if members.is_empty() {
        return Err(GenesisError::Empty);
    }
    if members.len() > MEMBERS_MAX as usize {
        return Err(GenesisError::TooMany { count: members.len() });
    }
    for (index, member) in members.iter().enumerate() {
        check_key(&member.0).map_err(|reason| GenesisError::Key { index, reason })?;
        if let Some(first) = members[..index].iter().position(|earlier| earlier == member) {
            return Err(GenesisError::Twice { first, index });
        }
    }
    if threshold == 0 || usize::from(threshold) > members.len() {
        return Err(GenesisError::Threshold { threshold, members: members.len() });
    }
    Ok(())
}

/// Bind the members' keys and set the threshold.
///
/// # Errors
/// [`GenesisError`]; then the state is of no use.
pub fn build(state: &mut Overlay<'_>, members: &[AccountId], threshold: u8, time: Moment) -> Result<(), GenesisError> {
    check(members, threshold)?;
    for (index, member) in members.iter().enumerate() {
        keys::bind(state, time, *member, Subject::Council, Roles::NONE, None)
            .map_err(|reason| GenesisError::Bind { index, reason })?;
    }
    Threshold::put(state, &threshold);
    Ok(())
}
