//! Changes over a state that is only read: layers that are kept or dropped whole.

use std::collections::BTreeMap;

use salus_primitives::runtime_api::{Changes, StateReader};

/// A stack of layers of changes over a base state. Reads see the newest layer that knows a key.
pub struct Overlay<'a> {
    base: &'a dyn StateReader,
    /// The lowest layer; what is here is kept.
    kept: Changes,
    /// Open layers, newest last.
    open: Vec<Changes>,
}

impl<'a> Overlay<'a> {
    /// No changes yet over `base`.
    pub fn new(base: &'a dyn StateReader) -> Self {
        Self { base, kept: BTreeMap::new(), open: Vec::new() }
    }

    /// Open a layer.
    pub fn begin(&mut self) {
        self.open.push(BTreeMap::new());
    }

    /// Keep the newest layer's changes.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn commit(&mut self) {
        let layer = self.open.pop().expect("commit follows begin");
        // One by one: `append` would rebuild the whole layer below for each extrinsic of a block.
        self.top().extend(layer);
    }

    /// Drop the newest layer's changes.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn rollback(&mut self) {
        self.open.pop().expect("rollback follows begin");
    }

    /// Set a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.top().insert(key, Some(value));
    }

    /// Remove a key.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.top().insert(key, None);
    }

    /// All that was kept, in key order.
    ///
    /// # Panics
    /// When a layer is still open.
    pub fn into_changes(self) -> Changes {
        assert!(self.open.is_empty(), "each begin has its commit or rollback");
        self.kept
    }

    fn top(&mut self) -> &mut Changes {
        self.open.last_mut().unwrap_or(&mut self.kept)
    }
}

impl StateReader for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let layers = self.open.iter().rev().chain(core::iter::once(&self.kept));
        match layers.into_iter().find_map(|layer| layer.get(key)) {
            Some(value) => value.clone(),
            None => self.base.get(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_layer_leaves_no_trace_and_a_kept_one_all() {
        let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
        let mut state = Overlay::new(&base);
        state.begin();
        state.put(b"a".to_vec(), b"2".to_vec());
        state.begin();
        state.remove(b"a".to_vec());
        assert_eq!(state.get(b"a"), None);
        state.rollback();
        assert_eq!(state.get(b"a"), Some(b"2".to_vec()));
        state.commit();
        assert_eq!(state.into_changes(), Changes::from([(b"a".to_vec(), Some(b"2".to_vec()))]));
    }

    #[test]
    fn a_removal_hides_the_base() {
        let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
        let mut state = Overlay::new(&base);
        state.remove(b"a".to_vec());
        assert_eq!(state.get(b"a"), None);
        assert_eq!(state.into_changes(), Changes::from([(b"a".to_vec(), None)]));
    }
}
