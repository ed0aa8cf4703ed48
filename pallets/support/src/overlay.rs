//! Changes over a state that is only read: layers that are kept or dropped whole.
//!
//! A call reads the same few keys again and again, and each read of the base may be one of the disk. So every key that
//! was read or written has an entry here, found by a short hash of the key, and a layer is no map of its own but the
//! list of what its writes replaced: keeping it costs nothing, dropping it puts everything back.

use std::{cell::RefCell, collections::BTreeMap};

use salus_primitives::{
    runtime_api::{Changes, StateReader},
    storage_key::twox_64,
};

/// A stack of layers of changes over a base state. Reads see the newest write of a key.
///
/// The base may not change meanwhile: each key of it is read once.
pub struct Overlay<'a> {
    base: &'a dyn StateReader,
    seen: RefCell<Seen>,
    /// What the writes of all open layers replaced, oldest first: an entry's place, and what it held.
    replaced: Vec<(usize, Held)>,
    /// Where each open layer begins in it.
    open: Vec<usize>,
}

/// Every key that was read or written.
#[derive(Default)]
struct Seen {
    entries: Vec<Entry>,
    /// Place of the newest entry of each hash. Keys hold BLAKE2b hashes of whatever a sender may choose, so hashes
    /// that meet are rare, and meeting costs no more than a look at the next entry.
    by_hash: BTreeMap<u64, usize>,
}

struct Entry {
    key: Vec<u8>,
    held: Held,
    /// Another entry of the same hash.
    next: Option<usize>,
}

/// What is known of a key.
enum Held {
    /// Nothing: it was written before it was read, in a layer that was dropped.
    Unknown,
    /// What the base has.
    Base(Option<Vec<u8>>),
    /// What was written; none where it was removed.
    Written(Option<Vec<u8>>),
}

impl Seen {
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mut next = self.by_hash.get(&hash).copied();
        while let Some(place) = next {
            let entry = &self.entries[place];
            if entry.key == key {
                break;
            }
            next = entry.next;
        }
        next
    }

    fn add(&mut self, hash: u64, key: Vec<u8>, held: Held) -> usize {
        let place = self.entries.len();
        let next = self.by_hash.insert(hash, place);
        self.entries.push(Entry { key, held, next });
        place
    }
}

impl<'a> Overlay<'a> {
    /// No changes yet over `base`.
    pub fn new(base: &'a dyn StateReader) -> Self {
        Self { base, seen: RefCell::default(), replaced: Vec::new(), open: Vec::new() }
    }

    /// Open a layer.
    pub fn begin(&mut self) {
        self.open.push(self.replaced.len());
    }

    /// Keep the newest layer's changes.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn commit(&mut self) {
        self.open.pop().expect("commit follows begin");
        if self.open.is_empty() {
            self.replaced.clear();
        }
    }

    /// Drop the newest layer's changes.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn rollback(&mut self) {
        let begun = self.open.pop().expect("rollback follows begin");
        let entries = &mut self.seen.get_mut().entries;
        for (place, held) in self.replaced.drain(begun..).rev() {
            entries[place].held = held;
        }
    }

    /// Set a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Some(value));
    }

    /// Remove a key.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.write(key, None);
    }

    /// All that was kept, in key order.
    ///
    /// # Panics
    /// When a layer is still open.
    pub fn into_changes(self) -> Changes {
        assert!(self.open.is_empty(), "each begin has its commit or rollback");
        let written = |entry: Entry| match entry.held {
            Held::Written(value) => Some((entry.key, value)),
            Held::Unknown | Held::Base(_) => None,
        };
        self.seen.into_inner().entries.into_iter().filter_map(written).collect()
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let seen = self.seen.get_mut();
        let hash = hash_of(&key);
        let (place, before) = match seen.find(hash, &key) {
            Some(place) => (place, core::mem::replace(&mut seen.entries[place].held, Held::Written(value))),
            None => (seen.add(hash, key, Held::Written(value)), Held::Unknown),
        };
        if !self.open.is_empty() {
            self.replaced.push((place, before));
        }
    }
}

fn hash_of(key: &[u8]) -> u64 {
    u64::from_le_bytes(twox_64(key))
}

impl StateReader for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let hash = hash_of(key);
        let mut seen = self.seen.borrow_mut();
        let found = seen.find(hash, key);
        if let Some(Held::Base(value) | Held::Written(value)) = found.map(|place| &seen.entries[place].held) {
            return value.clone();
        }
        let value = self.base.get(key);
        let held = Held::Base(value.clone());
        match found {
            Some(place) => seen.entries[place].held = held,
            None => {
                seen.add(hash, key.to_vec(), held);
            }
        }
        value
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
