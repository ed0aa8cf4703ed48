//! The chain as everything in the node shares it: database, runtime, pool and who watches.
//!
//! Only the engine commits blocks. Submitting works from any thread: the signature is verified outside the
//! pool's lock, so that many submitters use many cores.

use std::sync::{Arc, Mutex, MutexGuard};

use salus_consensus::Evidence;
use salus_pool::{Limits, Pool, Refused};
use salus_primitives::{
    AccountId, Block, Hash, RawExtrinsic,
    dispatch::InvalidTransaction,
    runtime_api::{BlockContext, Changes, RuntimeApi},
};
use salus_storage::Database;
use tokio::sync::Notify;

use crate::{
    budget::{Metered, SignatureBudget},
    clock::Clock,
    execution::{good_claims, slot},
    ledger::Ledger,
    watch::{Listener, Watchers},
};

/// Who else is told of what happens to the chain. Each is called with nothing locked, and must not wait.
pub struct Hooks {
    /// A block, its changes and its hash, once it is final and can be read.
    pub finalised: Box<dyn Fn(Arc<Block>, Changes, Hash) + Send + Sync>,
    /// An extrinsic that came in here, and not by way of a peer: peers should have it too.
    pub accepted: Box<dyn Fn(&RawExtrinsic) + Send + Sync>,
}

impl Default for Hooks {
    /// Nobody is told.
    fn default() -> Self {
        Self { finalised: Box::new(|_, _, _| {}), accepted: Box::new(|_| {}) }
    }
}

/// Fewest extrinsics whose signatures are worth a batch.
const BATCH_MIN: usize = 4;

/// Locks are held for short work that does not panic; and a panic ends the process.
const LOCK: &str = "a panic ends the process, so no lock is poisoned";

/// What the parts of a node share.
pub struct Chain<L = Database> {
    /// Blocks and state.
    pub database: L,
    /// What blocks mean.
    pub runtime: Arc<dyn RuntimeApi>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What those who submit may have verified; without a limit until one is set.
    pub signatures: SignatureBudget,
    pool: Mutex<Pool>,
    watchers: Mutex<Watchers>,
    /// Wakes the engine when the pool has something for it.
    pub(crate) wake: Notify,
    hooks: Hooks,
}

impl<L: Ledger> Chain<L> {
    /// Join a database that has its genesis, a runtime and a clock.
    pub fn new(
        database: L,
        runtime: Arc<dyn RuntimeApi>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        hooks: Hooks,
    ) -> Arc<Self> {
        Arc::new(Self {
            database,
            runtime,
            clock,
            signatures: SignatureBudget::default(),
            pool: Mutex::new(Pool::new(limits)),
            watchers: Mutex::new(Watchers::default()),
            wake: Notify::new(),
            hooks,
        })
    }

    /// The pool.
    pub fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect(LOCK)
    }

    /// Take an extrinsic into the pool, and offer it to peers.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn submit(&self, raw: RawExtrinsic) -> Result<Hash, Refused> {
        let hash = self.enter(raw.clone(), None)?;
        (self.hooks.accepted)(&raw);
        Ok(hash)
    }

    /// Take extrinsics that a peer sent into the pool, their signatures verified as one batch. They came by gossip,
    /// which carries them on. One outcome each, in order: a [`Refused`] tells why it was not taken.
    pub fn receive(&self, extrinsics: Vec<RawExtrinsic>) -> Vec<Result<Hash, Refused>> {
        self.verify_ahead(&extrinsics);
        extrinsics.into_iter().map(|raw| self.enter(raw, None)).collect()
    }

    /// Verify the signatures of extrinsics nobody has looked at yet as one batch, so that none of the good ones is
    /// verified by itself.
    fn verify_ahead(&self, extrinsics: &[RawExtrinsic]) {
        let now = self.clock.now().0;
        let fresh: Vec<_> = {
            let mut pool = self.pool();
            extrinsics.iter().filter(|raw| pool.look_over(raw, now).is_ok()).cloned().collect()
        };
        if fresh.len() < BATCH_MIN {
            return;
        }
        let (parent, parent_hash) = self.database.tip();
        let good = self.database.with_state(|state| {
            let set = self.runtime.validators(state);
            let slot = slot(&parent, &set, 0, self.clock.now());
            let context = BlockContext { number: parent.number.next(), parent_hash, slot };
            good_claims(&self.runtime.claims(state, &context, &fresh))
        });
        self.pool().trust(good);
    }

    /// Take an extrinsic into the pool and tell `listener` what becomes of it, beginning with whether it is ready.
    ///
    /// # Errors
    /// [`Refused`] with the reason; then the listener is dropped unheard.
    pub fn submit_and_watch(&self, raw: RawExtrinsic, listener: Listener) -> Result<Hash, Refused> {
        let hash = self.enter(raw.clone(), Some(listener))?;
        (self.hooks.accepted)(&raw);
        Ok(hash)
    }

    fn enter(&self, raw: RawExtrinsic, listener: Option<Listener>) -> Result<Hash, Refused> {
        let known = {
            let mut pool = self.pool();
            pool.look_over(&raw, self.clock.now().0)?;
            pool.verified()
        };
        let (parent, _) = self.database.tip();
        let valid = {
            let metered = Metered::new(&known, &self.signatures);
            let valid = self.database.with_state(|state| self.runtime.validate(state, &parent, &raw, &metered));
            if let Some(wait) = metered.refused() {
                return Err(Refused::busy(wait));
            }
            valid.map_err(Refused::Invalid)?
        };
        let submitted = {
            let mut pool = self.pool();
            let (newest, _) = self.database.tip();
            let now = self.clock.now().0;
            let submitted = if newest.number == parent.number {
                pool.submit_valid(raw, now, valid, &newest)?
            } else {
                // A block came in between: anew on the newest state, only the signature is not verified again.
                pool.trust(valid.signature_key);
                self.database.with_state(|state| pool.submit(raw, now, &*self.runtime, state, &newest))?
            };
            if let Some(listener) = listener {
                self.watchers().add(submitted.hash, listener);
            }
            self.watchers().changed(&submitted.changes);
            submitted
        };
        if submitted.ready {
            self.wake.notify_one();
        }
        Ok(submitted.hash)
    }

    /// Put the proof of a validator's misbehaviour into the pool, and offer it to peers.
    ///
    /// # Errors
    /// [`Refused`], most often since somebody reported it before.
    pub(crate) fn report_evidence(&self, evidence: &Evidence) -> Result<Hash, Refused> {
        self.submit(self.runtime.report(evidence))
    }

    /// The nonce `account` should use next, what is pending counted in; none when nothing of it is pending.
    pub fn next_nonce(&self, account: &AccountId) -> Option<u32> {
        self.pool().next_nonce(account)
    }

    /// A block was committed: empty the pool of it, tell who watches, announce it.
    pub(crate) fn finalised(&self, block: Block, changes: Changes, hash: Hash) {
        let pool_changes = {
            let mut pool = self.pool();
            self.database.with_state(|state| pool.on_block(&block.extrinsics, &*self.runtime, state, &block.header))
        };
        let block = Arc::new(block);
        (self.hooks.finalised)(Arc::clone(&block), changes, hash);
        let mut watchers = self.watchers();
        if !watchers.is_empty() {
            watchers.finalised(hash, block.extrinsics.iter().map(RawExtrinsic::hash));
            watchers.changed(&pool_changes);
        }
    }

    /// Building a block showed that these can never go in.
    pub(crate) fn remove_invalid(&self, invalid: &[(Hash, InvalidTransaction)]) {
        let changes = self.pool().remove_invalid(invalid);
        self.watchers().changed(&changes);
    }

    /// How many extrinsics are watched.
    pub fn watched(&self) -> usize {
        self.watchers().len()
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().expect(LOCK)
    }
}
