//! The chain as everything in the node shares it: database, runtime, pool and who watches.
//!
//! Only the engine commits blocks. Submitting works from any thread: the signature is verified outside the
//! pool's lock, so that many submitters use many cores.

use std::sync::{Arc, Mutex, MutexGuard};

use salus_pool::{Limits, Pool, Refused};
use salus_primitives::{
    AccountId, Block, Hash, RawExtrinsic,
    dispatch::InvalidTransaction,
    runtime_api::{Changes, RuntimeApi},
};
use salus_storage::Database;
use tokio::sync::Notify;

use crate::{
    budget::{Metered, SignatureBudget},
    clock::Clock,
    watch::{Listener, Watchers},
};

/// Told of every block, its changes and its hash, once it is final and can be read.
pub type OnFinalised = Box<dyn Fn(Arc<Block>, Changes, Hash) + Send + Sync>;

/// Locks are held for short work that does not panic; and a panic ends the process.
const LOCK: &str = "a panic ends the process, so no lock is poisoned";

/// What the parts of a node share.
pub struct Chain {
    /// Blocks and state.
    pub database: Database,
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
    on_finalised: OnFinalised,
}

impl Chain {
    /// Join a database that has its genesis, a runtime and a clock. `on_finalised` is told of every block.
    pub fn new(
        database: Database,
        runtime: Arc<dyn RuntimeApi>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        on_finalised: OnFinalised,
    ) -> Arc<Self> {
        Arc::new(Self {
            database,
            runtime,
            clock,
            signatures: SignatureBudget::default(),
            pool: Mutex::new(Pool::new(limits)),
            watchers: Mutex::new(Watchers::default()),
            wake: Notify::new(),
            on_finalised,
        })
    }

    /// The pool.
    pub fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect(LOCK)
    }

    /// Take an extrinsic into the pool.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn submit(&self, raw: RawExtrinsic) -> Result<Hash, Refused> {
        self.enter(raw, None)
    }

    /// Take an extrinsic into the pool and tell `listener` what becomes of it, beginning with whether it is ready.
    ///
    /// # Errors
    /// [`Refused`] with the reason; then the listener is dropped unheard.
    pub fn submit_and_watch(&self, raw: RawExtrinsic, listener: Listener) -> Result<Hash, Refused> {
        self.enter(raw, Some(listener))
    }

    fn enter(&self, raw: RawExtrinsic, listener: Option<Listener>) -> Result<Hash, Refused> {
        let (parent, _) = self.database.tip();
        let known = {
            let mut pool = self.pool();
            pool.look_over(&raw, self.clock.now().0)?;
            pool.verified()
        };
        let valid = {
            let state = self.database.state();
            let metered = Metered::new(&known, &self.signatures);
            let valid = self.runtime.validate(&state, &parent, &raw, &metered);
            if let Some(wait) = metered.refused() {
                return Err(Refused::busy(wait));
            }
            valid.map_err(Refused::Invalid)?
        };
        let submitted = {
            // Anew under the lock, on the newest state: only the signature is not verified again.
            let mut pool = self.pool();
            let (parent, _) = self.database.tip();
            let now = self.clock.now().0;
            pool.trust(valid.signature_key);
            let submitted = pool.submit(raw, now, &*self.runtime, &self.database.state(), &parent)?;
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

    /// The nonce `account` should use next, what is pending counted in; none when nothing of it is pending.
    pub fn next_nonce(&self, account: &AccountId) -> Option<u32> {
        self.pool().next_nonce(account)
    }

    /// A block was committed: empty the pool of it, tell who watches, announce it.
    pub(crate) fn finalised(&self, block: Block, changes: Changes, hash: Hash) {
        let pool_changes = {
            let mut pool = self.pool();
            pool.on_block(&block.extrinsics, &*self.runtime, &self.database.state(), &block.header)
        };
        let block = Arc::new(block);
        (self.on_finalised)(Arc::clone(&block), changes, hash);
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
