//! The validators that decide a height (formats.md 6).

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

use crate::{AccountId, BoundedVec, Hash, Height, crypto::sha256_of};

/// Most validators a set may have.
pub const VALIDATORS_MAX: u32 = 100;

/// A set of authority keys, sorted, without duplicates.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct ValidatorSet {
    /// 0 at genesis, one more with every change.
    pub set_id: u64,
    /// Sorted.
    keys: BoundedVec<AccountId, VALIDATORS_MAX>,
}

/// Why keys do not make a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No key.
    #[error("a chain needs at least one validator")]
    Empty,
    /// Over the bound.
    #[error("{count} validators, the limit is {VALIDATORS_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One key twice.
    #[error("validator key {0} stands twice")]
    Duplicate(AccountId),
}

impl ValidatorSet {
    /// The set of `keys`, sorted here.
    ///
    /// # Errors
    /// [`SetError`] by its rule.
    pub fn new(set_id: u64, mut keys: Vec<AccountId>) -> Result<Self, SetError> {
        keys.sort_unstable();
        if keys.is_empty() {
            return Err(SetError::Empty);
        }
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SetError::Duplicate(pair[0]));
        }
        let count = keys.len();
        Ok(Self { set_id, keys: keys.try_into().map_err(|_| SetError::TooMany { count })? })
    }

    /// The keys, sorted.
    pub fn keys(&self) -> &[AccountId] {
        &self.keys
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The index of `key`, if it is in.
    pub fn index_of(&self, key: &AccountId) -> Option<usize> {
        self.keys.binary_search(key).ok()
    }

    /// Index of the proposer of `height` in `round`: `(height + round) mod n`.
    pub fn proposer_index(&self, height: Height, round: u32) -> u16 {
        let index = (u64::from(height.0) + u64::from(round)) % self.len() as u64;
        u16::try_from(index).expect("a set has at most 100 keys")
    }

    /// The proposer of `height` in `round`.
    pub fn proposer(&self, height: Height, round: u32) -> AccountId {
        self.keys[usize::from(self.proposer_index(height, round))]
    }

    /// How many votes decide: strictly more than two thirds.
    pub fn quorum(&self) -> usize {
        self.len() * 2 / 3 + 1
    }

    /// The set's hash: SHA-256(b"salus/set/1" ++ set_id ++ SCALE keys).
    pub fn hash(&self) -> Hash {
        sha256_of(&[b"salus/set/1", &self.set_id.encode(), &self.keys.encode()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: u8) -> ValidatorSet {
        ValidatorSet::new(0, (0..count).map(|i| AccountId([i; 32])).collect()).unwrap()
    }

    #[test]
    fn the_quorum_is_more_than_two_thirds_for_every_size() {
        let expected = [1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15];
        for (count, quorum) in (1u8..=21).zip(expected) {
            assert_eq!(set(count).quorum(), quorum, "{count} validators");
        }
    }

    #[test]
    fn the_turn_goes_round_by_height_and_round() {
        let set = set(4);
        assert_eq!(set.proposer_index(Height(1), 0), 1);
        assert_eq!(set.proposer_index(Height(1), 3), 0);
        assert_eq!(set.proposer_index(Height(u32::MAX), u32::MAX), 2);
    }

    #[test]
    fn no_key_and_a_key_twice_make_no_set() {
        assert_eq!(ValidatorSet::new(0, vec![]), Err(SetError::Empty));
        let key = AccountId([1; 32]);
        assert_eq!(ValidatorSet::new(0, vec![key, key]), Err(SetError::Duplicate(key)));
        let many = (0..101u8).map(|i| AccountId([i; 32])).collect();
        assert_eq!(ValidatorSet::new(0, many), Err(SetError::TooMany { count: 101 }));
    }
}
