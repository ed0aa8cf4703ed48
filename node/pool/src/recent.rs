//! Two memories of the recent past: what was finalised, and who submits how fast.

use std::collections::{HashMap, VecDeque};

use salus_primitives::{AccountId, Hash, Height};

/// Hashes of lately finalised extrinsics with their heights; the oldest give way.
pub(crate) struct Seen {
    max: usize,
    heights: HashMap<Hash, Height>,
    oldest_first: VecDeque<Hash>,
}

impl Seen {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, heights: HashMap::new(), oldest_first: VecDeque::new() }
    }

    pub(crate) fn insert(&mut self, hash: Hash, height: Height) {
        if self.heights.insert(hash, height).is_none() {
            self.oldest_first.push_back(hash);
        }
        while self.oldest_first.len() > self.max {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.heights.remove(&oldest);
            }
        }
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<Height> {
        self.heights.get(hash).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.heights.len()
    }
}

/// Submissions of each account within the current second. Counts only what was shown to be the account's own, so
/// that nobody uses up another's rate, and forgets all each second, so that it needs no bound of its own.
#[derive(Default)]
pub(crate) struct Rates {
    second: u64,
    counts: HashMap<AccountId, u32>,
}

impl Rates {
    pub(crate) fn count(&mut self, account: &AccountId, now_ms: u64) -> u32 {
        self.turn_to(now_ms);
        self.counts.get(account).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, account: AccountId, now_ms: u64) {
        self.turn_to(now_ms);
        let count = self.counts.entry(account).or_default();
        *count = count.saturating_add(1);
    }

    fn turn_to(&mut self, now_ms: u64) {
        let second = now_ms / 1_000;
        if second != self.second {
            self.second = second;
            self.counts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_hashes_give_way() {
        let mut seen = Seen::new(2);
        for i in 0..3 {
            seen.insert(Hash([i; 32]), Height(u32::from(i)));
        }
        assert_eq!((seen.get(&Hash([0; 32])), seen.get(&Hash([2; 32])), seen.len()), (None, Some(Height(2)), 2));
    }

    #[test]
    fn a_new_second_starts_at_zero_for_everyone() {
        let (mut rates, account) = (Rates::default(), AccountId([1; 32]));
        rates.add(account, 5_000);
        rates.add(account, 5_999);
        assert_eq!((rates.count(&account, 5_999), rates.count(&account, 6_000)), (2, 0));
    }
}
