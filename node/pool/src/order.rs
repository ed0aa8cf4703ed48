//! The order in which extrinsics go into a block.

use std::{cmp::Reverse, collections::BinaryHeap};

use salus_primitives::{Hash, RawExtrinsic};

use crate::{Pool, account::Entry};

/// The ready extrinsics: higher priority first, then older first, by nonce within one account. Made by
/// [`Pool::ready`]; lazy, so that a builder that stops early pays for what it took.
pub struct Ready<'a> {
    pool: &'a Pool,
    /// The next one of each account, and every bare one.
    heads: BinaryHeap<(u64, Reverse<u64>, Hash)>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(pool: &'a Pool) -> Self {
        let mut ready = Self { pool, heads: BinaryHeap::new() };
        for entry in pool.bare.values() {
            ready.heads.push((entry.valid.priority, Reverse(entry.order), entry.hash));
        }
        for account in pool.accounts.values() {
            if let Some(entry) = account.entries.get(&account.next_nonce).filter(|entry| entry.is_ready()) {
                let priority = account.inherited_priority(account.next_nonce);
                ready.heads.push((priority, Reverse(entry.order), entry.hash));
            }
        }
        ready
    }

    /// Put forward the one after `taken` in its account.
    fn advance(&mut self, taken: &Entry) {
        let Some(account) = taken.valid.signer.and_then(|signer| self.pool.accounts.get(&signer)) else { return };
        let Some(nonce) = taken.valid.nonce.checked_add(1) else { return };
        if let Some(entry) = account.entries.get(&nonce).filter(|entry| entry.is_ready()) {
            self.heads.push((account.inherited_priority(nonce), Reverse(entry.order), entry.hash));
        }
    }
}

impl<'a> Iterator for Ready<'a> {
    type Item = &'a RawExtrinsic;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, _, hash) = self.heads.pop()?;
        let entry = self.pool.entry(&hash)?; // always there: the pool is borrowed
        self.advance(entry);
        Some(&entry.raw)
    }
}
