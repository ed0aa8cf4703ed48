//! Extrinsics that were accepted and are not final yet, to tell how long that takes.

use std::{collections::HashMap, time::Instant};

use salus_primitives::Hash;

/// Most extrinsics of one generation: twice what the pool holds, so that none is forgotten while it can still become
/// final.
pub(super) const GENERATION: usize = 8_192;

/// When each was accepted, by its hash.
///
/// Those that the pool drops are never heard of again. So there are two generations: when the younger is full, the
/// older is forgotten. What becomes final leaves at once, so that a generation fills up only with what was dropped.
#[derive(Debug, Default)]
pub(super) struct Pending {
    young: HashMap<Hash, Instant>,
    old: HashMap<Hash, Instant>,
}

impl Pending {
    /// It was accepted just now.
    pub fn accepted(&mut self, hash: Hash, now: Instant) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, now);
    }

    /// It is final: when it was accepted, if it was, and here.
    pub fn finalised(&mut self, hash: &Hash) -> Option<Instant> {
        self.young.remove(hash).or_else(|| self.old.remove(hash))
    }

    /// Is nothing awaited?
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// How many are awaited.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: usize) -> Hash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
        Hash(bytes)
    }

    #[test]
    fn what_is_final_is_told_once_and_forgotten() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.accepted(hash(1), now);
        assert_eq!(pending.finalised(&hash(2)), None);
        assert_eq!(pending.finalised(&hash(1)), Some(now));
        assert_eq!(pending.finalised(&hash(1)), None);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_never_becomes_final_takes_bounded_room() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        for number in 0..10 * GENERATION {
            pending.accepted(hash(number), now);
            assert!(pending.len() <= 2 * GENERATION);
        }
        assert_eq!(pending.finalised(&hash(0)), None, "long forgotten");
        assert_eq!(pending.finalised(&hash(10 * GENERATION - GENERATION - 1)), Some(now), "a full generation ago");
    }
}
