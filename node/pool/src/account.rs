//! A pending extrinsic, and the pending extrinsics of one account by nonce.

use std::collections::BTreeMap;

use salus_primitives::{Hash, Height, RawExtrinsic, runtime_api::ValidTransaction};

use crate::Changes;

/// How much is held: of the pool, of an account, of an organisation.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) txs: usize,
    pub(crate) bytes: usize,
}

impl Usage {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.txs += 1;
        self.bytes += bytes;
    }

    pub(crate) fn remove(&mut self, bytes: usize) {
        self.txs = self.txs.checked_sub(1).expect("what is removed was added once");
        self.bytes = self.bytes.checked_sub(bytes).expect("an extrinsic's size does not change");
    }

    /// This without `freed`.
    pub(crate) fn without(self, freed: Self) -> Self {
        Self { txs: self.txs.saturating_sub(freed.txs), bytes: self.bytes.saturating_sub(freed.bytes) }
    }

    /// Does one more of `bytes` fit under `max`?
    pub(crate) fn has_room(self, bytes: usize, max: Self) -> bool {
        self.txs < max.txs && self.bytes.saturating_add(bytes) <= max.bytes
    }
}

/// A pending extrinsic.
pub(crate) struct Entry {
    pub(crate) hash: Hash,
    pub(crate) raw: RawExtrinsic,
    /// Its size with the length prefix.
    pub(crate) bytes: usize,
    /// What the runtime last said of it.
    pub(crate) valid: ValidTransaction,
    /// Its place in order of arrival; no two have the same.
    pub(crate) order: u64,
    pub(crate) standing: Standing,
}

/// Can it stand in the next block?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Just entered: not yet told to anyone.
    New,
    /// Every nonce before it is in the pool.
    Ready,
    /// An earlier nonce is missing, since this height.
    Waiting(Height),
}

impl Entry {
    pub(crate) fn is_ready(&self) -> bool {
        self.standing == Standing::Ready
    }
}

/// The pending extrinsics of one account.
pub(crate) struct Account {
    /// The nonce that goes next.
    pub(crate) next_nonce: u32,
    pub(crate) usage: Usage,
    pub(crate) entries: BTreeMap<u32, Entry>,
}

impl Account {
    pub(crate) fn new(next_nonce: u32) -> Self {
        Self { next_nonce, usage: Usage::default(), entries: BTreeMap::new() }
    }

    /// The entries from `nonce` on, up to the first gap.
    pub(crate) fn run(&self, nonce: u32) -> impl Iterator<Item = &Entry> {
        self.entries
            .range(nonce..)
            .zip(u64::from(nonce)..)
            .map_while(|((held, entry), wanted)| (u64::from(*held) == wanted).then_some(entry))
    }

    /// The first nonce from the next one on that nothing here holds.
    pub(crate) fn first_free_nonce(&self) -> u32 {
        let run = u32::try_from(self.run(self.next_nonce).count()).unwrap_or(u32::MAX);
        self.next_nonce.saturating_add(run)
    }

    /// Highest priority among the run from `nonce` on: what the first of them inherits.
    pub(crate) fn inherited_priority(&self, nonce: u32) -> u64 {
        self.run(nonce).map(|entry| entry.valid.priority).max().unwrap_or(0)
    }

    /// Judge anew which entries are ready, and note those for which that changed.
    pub(crate) fn settle(&mut self, height: Height, changes: &mut Changes) {
        let free = self.first_free_nonce();
        for (nonce, entry) in &mut self.entries {
            let ready = (self.next_nonce..free).contains(nonce);
            match (ready, entry.standing) {
                (true, Standing::New | Standing::Waiting(_)) => {
                    entry.standing = Standing::Ready;
                    changes.ready.push(entry.hash);
                }
                (false, Standing::New | Standing::Ready) => {
                    entry.standing = Standing::Waiting(height);
                    changes.waiting.push(entry.hash);
                }
                (true, Standing::Ready) | (false, Standing::Waiting(_)) => {}
            }
        }
    }
}
