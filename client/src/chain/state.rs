//! Reading state as it was after a block.
//!
//! [`Chain::view`] runs the pallets' own reading functions on a node's state: it runs the function, fetches by
//! name what it missed, and runs it again, until it missed nothing. So nothing is written twice, and every read of
//! one view is of one block.

use std::{cell::RefCell, collections::BTreeMap};

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{AccountId, Hash, Moment, runtime_api::StateReader};
use subxt::utils::H256;

use super::{Chain, ChainError, error::BlockName};

/// Most keys asked for at once: a node's limit is higher.
const KEYS_AT_ONCE: usize = 256;
/// Keys per page of a listing.
const PAGE: u32 = 500;

/// What is known of a state, and what was asked for and is not.
struct Known<'k> {
    values: &'k BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    missed: RefCell<Vec<Vec<u8>>>,
}

impl StateReader for Known<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(value) = self.values.get(key) {
            return value.clone();
        }
        let mut missed = self.missed.borrow_mut();
        if !missed.iter().any(|missing| missing == key) {
            missed.push(key.to_vec());
        }
        None
    }
}

impl Chain {
    /// Hash of the newest final block.
    ///
    /// # Errors
    /// When the node cannot be asked.
    pub async fn finalised(&self) -> Result<Hash, ChainError> {
        Ok(Hash(self.rpc.chain_get_finalized_head().await?.0))
    }

    /// The bytes under `key` after block `at`.
    ///
    /// # Errors
    /// When the node cannot be asked or does not know the block.
    pub async fn get_raw(&self, key: &[u8], at: Hash) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(self.rpc.state_get_storage(key, Some(H256(at.0))).await?)
    }

    /// The value under `key`, as a pallet's `storage!` row computes it, after block `at`.
    ///
    /// # Errors
    /// As [`Chain::get_raw`], or [`ChainError::Malformed`].
    pub async fn get<T: Decode>(&self, key: &[u8], at: Hash) -> Result<Option<T>, ChainError> {
        self.get_raw(key, at).await?.map(|bytes| decode("state", &bytes)).transpose()
    }

    /// The values under `keys` after block `at`, in their order.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn get_many(&self, keys: &[Vec<u8>], at: Hash) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let mut values = BTreeMap::new();
        for some in keys.chunks(KEYS_AT_ONCE) {
            let sets = self.rpc.state_query_storage_at(some.iter().map(Vec::as_slice), Some(H256(at.0))).await?;
            for (key, value) in sets.into_iter().flat_map(|set| set.changes) {
                values.insert(key.0, value.map(|value| value.0));
            }
        }
        Ok(keys.iter().map(|key| values.get(key).cloned().flatten()).collect())
    }

    /// What `read` finds in the state after block `at`. It is run several times and must only read.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn view<T>(&self, at: Hash, read: impl Fn(&dyn StateReader) -> T) -> Result<T, ChainError> {
        let mut values = BTreeMap::new();
        loop {
            let (result, missed) = attempt(&values, &read);
            if missed.is_empty() {
                return Ok(result);
            }
            let fetched = self.get_many(&missed, at).await?;
            values.extend(missed.into_iter().zip(fetched));
        }
    }

    /// What `read` finds in the newest final state.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn view_now<T>(&self, read: impl Fn(&dyn StateReader) -> T) -> Result<T, ChainError> {
        self.view(self.finalised().await?, read).await
    }

    /// Keys that begin with `prefix`, with their values, after block `at`, in the order of keys; at most `max`.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn entries(&self, prefix: &[u8], at: Hash, max: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ChainError> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        while keys.len() < max {
            let start = keys.last().map(Vec::as_slice);
            let page = self.rpc.state_get_keys_paged(prefix, PAGE, start, Some(H256(at.0))).await?;
            let last = page.len() < PAGE as usize;
            keys.extend(page);
            if last {
                break;
            }
        }
        keys.truncate(max);
        let values = self.get_many(&keys, at).await?;
        Ok(keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect())
    }

    /// Block time of the newest final block.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn now(&self) -> Result<Moment, ChainError> {
        Ok(Moment(self.view_now(salus_system::timestamp::Now::get).await?))
    }

    /// Number of the next extrinsic of `account`, as of the newest final block.
    ///
    /// # Errors
    /// As [`Chain::get_raw`].
    pub async fn nonce(&self, account: &AccountId) -> Result<u32, ChainError> {
        let at = self.finalised().await?;
        let arguments = account.encode();
        let bytes = self.rpc.state_call("AccountNonceApi_account_nonce", Some(&arguments), Some(H256(at.0))).await?;
        decode("nonce", &bytes)
    }

    /// Hash of the block at `height`, final as all blocks are.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] when the chain is not that long.
    pub async fn hash_at(&self, height: salus_primitives::Height) -> Result<Hash, ChainError> {
        let hash = self.rpc.chain_get_block_hash(Some(height.0.into())).await?;
        Ok(Hash(hash.ok_or(ChainError::UnknownBlock(BlockName::Height(height)))?.0))
    }
}

/// Run `read` on what is known; what it missed comes back too.
fn attempt<T>(values: &BTreeMap<Vec<u8>, Option<Vec<u8>>>, read: impl Fn(&dyn StateReader) -> T) -> (T, Vec<Vec<u8>>) {
    let known = Known { values, missed: RefCell::default() };
    let result = read(&known);
    (result, known.missed.into_inner())
}

pub(crate) fn decode<T: Decode>(what: &'static str, mut bytes: &[u8]) -> Result<T, ChainError> {
    let malformed = |reason: &str| ChainError::Malformed { what, reason: reason.to_owned() };
    let value = T::decode(&mut bytes).map_err(|error| malformed(&error.to_string()))?;
    if bytes.is_empty() { Ok(value) } else { Err(malformed("bytes follow its end")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_asks_for_each_missed_key_once_and_then_sees_it() {
        let read = |state: &dyn StateReader| (state.get(b"a"), state.get(b"a"), state.get(b"b"));
        let mut values = BTreeMap::new();
        let (_, missed) = attempt(&values, read);
        assert_eq!(missed, [b"a".to_vec(), b"b".to_vec()]);
        values.insert(b"a".to_vec(), Some(vec![1]));
        values.insert(b"b".to_vec(), None);
        assert_eq!(attempt(&values, read), ((Some(vec![1]), Some(vec![1]), None), vec![]));
    }

    #[test]
    fn bytes_left_over_after_a_value_are_an_error() {
        assert_eq!(decode::<u8>("state", &[1]), Ok(1));
        assert!(decode::<u8>("state", &[1, 2]).is_err());
        assert!(decode::<u32>("state", &[1, 2]).is_err());
    }
}
