//! Signatures verified once: execution and asking anew need not verify them again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock},
};

use salus_primitives::{Hash, Height, runtime_api::VerifiedSignatures};

/// The verdicts of the pool's own extrinsics, and for some blocks those of extrinsics that left it.
///
/// A cheap handle onto one shared set, so that a block can execute on another thread while the pool goes on. It
/// answers by a hash over key, message and signature, so that no answer can be wrong in another context: the
/// worst a missing entry costs is verifying again.
#[derive(Clone, Default)]
pub struct Verified(Arc<RwLock<Verdicts>>);

#[derive(Default)]
struct Verdicts {
    /// Since when the extrinsic is gone, none while it is in the pool.
    gone_since: HashMap<Hash, Option<Height>>,
    /// Those that are gone, longest first. A key that came back stands here still, with a height that no longer fits.
    gone: VecDeque<(Height, Hash)>,
}

impl Verified {
    /// How many verdicts are kept.
    pub fn len(&self) -> usize {
        self.read(|verdicts| verdicts.gone_since.len())
    }

    /// None kept?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read<T>(&self, with: impl FnOnce(&Verdicts) -> T) -> T {
        with(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, with: impl FnOnce(&mut Verdicts)) {
        with(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// An extrinsic with this signature is in the pool.
    pub(crate) fn insert(&self, key: Hash) {
        self.write(|verdicts| {
            verdicts.gone_since.insert(key, None);
        });
    }

    /// The extrinsic left the pool at `height`; at most `max` such verdicts are kept.
    pub(crate) fn retire(&self, key: Hash, height: Height, max: usize) {
        self.write(|verdicts| {
            verdicts.gone_since.insert(key, Some(height));
            verdicts.gone.push_back((height, key));
            while verdicts.gone.len() > max {
                verdicts.forget_oldest();
            }
        });
    }

    /// Forget what left the pool at or before `height`.
    pub(crate) fn forget(&self, height: Height) {
        self.write(|verdicts| {
            while verdicts.gone.front().is_some_and(|(gone, _)| *gone <= height) {
                verdicts.forget_oldest();
            }
        });
    }
}

impl Verdicts {
    fn forget_oldest(&mut self) {
        if let Some((height, key)) = self.gone.pop_front()
            && self.gone_since.get(&key) == Some(&Some(height))
        {
            self.gone_since.remove(&key);
        }
    }
}

impl VerifiedSignatures for Verified {
    fn contains(&self, signature_key: &Hash) -> bool {
        self.read(|verdicts| verdicts.gone_since.contains_key(signature_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_outlives_its_extrinsic_and_not_for_ever() {
        let verified = Verified::default();
        verified.insert(Hash([1; 32]));
        verified.forget(Height(100));
        assert!(verified.contains(&Hash([1; 32])));
        verified.retire(Hash([1; 32]), Height(5), 8);
        verified.forget(Height(4));
        assert!(verified.contains(&Hash([1; 32])));
        verified.forget(Height(5));
        assert!(verified.is_empty());
    }

    #[test]
    fn a_verdict_that_came_back_is_not_forgotten_for_its_first_leaving() {
        let verified = Verified::default();
        verified.retire(Hash([1; 32]), Height(5), 8);
        verified.insert(Hash([1; 32]));
        verified.forget(Height(5));
        assert!(verified.contains(&Hash([1; 32])));
        verified.retire(Hash([1; 32]), Height(9), 8);
        verified.forget(Height(9));
        assert!(verified.is_empty());
    }

    #[test]
    fn the_oldest_verdicts_give_way() {
        let verified = Verified::default();
        for i in 0..5 {
            verified.retire(Hash([i; 32]), Height(1), 3);
        }
        assert_eq!(verified.len(), 3);
        assert!(!verified.contains(&Hash([1; 32])));
        assert!(verified.contains(&Hash([2; 32])));
    }
}
