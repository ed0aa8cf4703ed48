//! The keys a decision read, absent ones too: with their proofs, all that it takes to repeat it (formats.md 13).

use std::{cell::RefCell, collections::BTreeSet};

use salus_support::StateReader;

/// A state that remembers which keys were read.
pub struct ReadSet<'a> {
    state: &'a dyn StateReader,
    keys: RefCell<BTreeSet<Vec<u8>>>,
}

impl<'a> ReadSet<'a> {
    /// Nothing read yet of `state`.
    pub fn new(state: &'a dyn StateReader) -> Self {
        Self { state, keys: RefCell::new(BTreeSet::new()) }
    }

    /// What was read, in key order, each key once.
    pub fn into_keys(self) -> BTreeSet<Vec<u8>> {
        self.keys.into_inner()
    }
}

impl StateReader for ReadSet<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.keys.borrow_mut().insert(key.to_vec());
        self.state.get(key)
    }
}

/// The answer of `read` on `state`, and every key it read, absent ones too.
pub fn traced<T>(state: &dyn StateReader, read: impl FnOnce(&dyn StateReader) -> T) -> (T, BTreeSet<Vec<u8>>) {
    let reads = ReadSet::new(state);
    let answer = read(&reads);
    (answer, reads.into_keys())
}
