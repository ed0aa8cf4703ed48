//! Who waits to hear what becomes of an extrinsic.

use std::collections::HashMap;

use salus_pool::{Changes, DropReason};
use salus_primitives::Hash;

/// What becomes of an extrinsic. The last three end the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Can stand in the next block.
    Ready,
    /// Waits for a lower nonce.
    Waiting,
    /// In a finalised block.
    Finalised {
        /// Which.
        block: Hash,
        /// Its place in it.
        index: u32,
    },
    /// Left the pool without.
    Dropped(DropReason),
}

impl Status {
    /// Does nothing follow?
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Finalised { .. } | Self::Dropped(_))
    }
}

/// Called with each status, in order; says whether it still wants to hear.
pub type Listener = Box<dyn FnMut(Status) -> bool + Send>;

/// Listeners by extrinsic.
#[derive(Default)]
pub struct Watchers(HashMap<Hash, Vec<Listener>>);

impl Watchers {
    /// Tell `listener` what becomes of `extrinsic` from now on.
    pub fn add(&mut self, extrinsic: Hash, listener: Listener) {
        self.0.entry(extrinsic).or_default().push(listener);
    }

    /// How many extrinsics are watched.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tell what changed in the pool.
    pub fn changed(&mut self, changes: &Changes) {
        for hash in &changes.ready {
            self.tell(hash, Status::Ready);
        }
        for hash in &changes.waiting {
            self.tell(hash, Status::Waiting);
        }
        for dropped in &changes.dropped {
            self.tell(&dropped.hash, Status::Dropped(dropped.reason));
        }
    }

    /// Tell that a block with these extrinsics is final.
    pub fn finalised(&mut self, block: Hash, extrinsics: impl Iterator<Item = Hash>) {
        for (hash, index) in extrinsics.zip(0u32..) {
            self.tell(&hash, Status::Finalised { block, index });
        }
    }

    fn tell(&mut self, extrinsic: &Hash, status: Status) {
        let Some(listeners) = self.0.get_mut(extrinsic) else { return };
        listeners.retain_mut(|listener| listener(status) && !status.is_last());
        if listeners.is_empty() {
            self.0.remove(extrinsic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const EXTRINSIC: Hash = Hash([1; 32]);

    #[test]
    fn a_watch_ends_with_the_last_status_and_leaves_nothing() {
        let mut watchers = Watchers::default();
        let (sender, heard) = mpsc::channel();
        watchers.add(EXTRINSIC, Box::new(move |status| sender.send(status).is_ok()));
        watchers.changed(&Changes { ready: vec![EXTRINSIC], ..Changes::default() });
        watchers.finalised(Hash([9; 32]), [Hash([7; 32]), EXTRINSIC].into_iter());
        assert!(watchers.is_empty());
        let statuses: Vec<_> = heard.iter().collect();
        assert_eq!(statuses, [Status::Ready, Status::Finalised { block: Hash([9; 32]), index: 1 }]);
    }

    #[test]
    fn who_no_longer_listens_is_forgotten() {
        let mut watchers = Watchers::default();
        let (sender, heard) = mpsc::channel();
        watchers.add(EXTRINSIC, Box::new(move |status| sender.send(status).is_ok()));
        drop(heard);
        watchers.changed(&Changes { ready: vec![EXTRINSIC], ..Changes::default() });
        assert!(watchers.is_empty());
    }
}
