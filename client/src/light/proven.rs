//! State of which each key was proven: a value or its absence.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use salus_primitives::{
    Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    runtime_api::StateReader,
    state_proof::{Proof, ProofError, verify_proof},
};

use super::Certified;

/// Why values are not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// More or fewer values than keys that were asked for.
    #[error("{found} values came for {asked} keys")]
    Values {
        /// Keys.
        asked: usize,
        /// Values.
        found: usize,
    },
    /// More or fewer paths than keys that were asked for.
    #[error("{found} paths came for {asked} keys")]
    Paths {
        /// Keys.
        asked: usize,
        /// Paths.
        found: usize,
    },
    /// The proof does not decode.
    #[error("the proof does not decode: {0}")]
    Bytes(DecodeError),
    /// The proof does not show a value, or an absence.
    #[error("key number {index}: {reason}")]
    Key {
        /// Which of those asked for, from 0.
        index: usize,
        /// What is wrong.
        reason: ProofError,
    },
    /// The state proven has no validators.
    #[error("the trusted block's state has no set of validators, or that was not proven")]
    NoSet,
    /// Keys of two blocks.
    #[error("values of two blocks, at heights {0} and {1}, make no state")]
    TwoBlocks(Height, Height),
}

/// Keys that were read without being proven: the answer is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} keys that were not proven were read", .keys.len())]
pub struct Unproven {
    /// Which.
    pub keys: BTreeSet<Vec<u8>>,
}

/// Some keys of the state after a block, each with its value or proven to have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProvenState {
    at: Certified,
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Certified {
    /// The `values` of `keys`, none meaning absent, in the state after this block, by a proof of docs/protocol.md
    /// (SCALE, one path per key in their order).
    ///
    /// # Errors
    /// [`ProofFault`] by its rule; then nothing of it is proven.
    pub fn prove<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        values: Vec<Option<Vec<u8>>>,
        proof: &[u8],
    ) -> Result<ProvenState, ProofFault> {
        let asked = keys.len();
        if values.len() != asked {
            return Err(ProofFault::Values { asked, found: values.len() });
        }
        let proof: Proof = decode_strict(proof, MESSAGE_DEPTH_MAX).map_err(ProofFault::Bytes)?;
        if proof.keys.len() != asked {
            return Err(ProofFault::Paths { asked, found: proof.keys.len() });
        }
        let mut proven = BTreeMap::new();
        for (index, (key, value)) in keys.iter().zip(values).enumerate() {
            verify_proof(&self.state_root, key.as_ref(), value.as_deref(), &proof)
                .map_err(|reason| ProofFault::Key { index, reason })?;
            proven.insert(key.as_ref().to_vec(), value);
        }
        Ok(ProvenState { at: *self, values: proven })
    }
}

impl ProvenState {
    /// The block it is after.
    pub fn at(&self) -> &Certified {
        &self.at
    }

    /// The keys that are proven.
    pub fn keys(&self) -> BTreeSet<Vec<u8>> {
        self.values.keys().cloned().collect()
    }

    /// How many keys are proven.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Is nothing proven?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `key`, none where it is proven to have none.
    ///
    /// # Errors
    /// [`Unproven`] when nothing is known of it.
    pub fn value(&self, key: &[u8]) -> Result<Option<&[u8]>, Unproven> {
        match self.values.get(key) {
            Some(value) => Ok(value.as_deref()),
            None => Err(Unproven { keys: BTreeSet::from([key.to_vec()]) }),
        }
    }

    /// What `read` finds. An answer for which a key was read that is not proven is thrown away: such a key looks
    /// absent to `read`, and taking it for absent could turn a Deny into silence.
    ///
    /// # Errors
    /// [`Unproven`] with those keys, so that they can be had.
    pub fn read<T>(&self, read: impl FnOnce(&dyn StateReader) -> T) -> Result<T, Unproven> {
        let watched = Watched { values: &self.values, unproven: RefCell::default() };
        let answer = read(&watched);
        let keys = watched.unproven.into_inner();
        if keys.is_empty() { Ok(answer) } else { Err(Unproven { keys }) }
    }

    /// Know what `other` knows, too.
    ///
    /// # Errors
    /// [`ProofFault::TwoBlocks`] when it is of another block.
    pub fn join(&mut self, other: Self) -> Result<(), ProofFault> {
        if other.at != self.at {
            return Err(ProofFault::TwoBlocks(self.at.height, other.at.height));
        }
        self.values.extend(other.values);
        Ok(())
    }
}

struct Watched<'a> {
    values: &'a BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    unproven: RefCell<BTreeSet<Vec<u8>>>,
}

impl StateReader for Watched<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.values.get(key) {
            Some(value) => value.clone(),
            None => {
                self.unproven.borrow_mut().insert(key.to_vec());
                None
            }
        }
    }
}
