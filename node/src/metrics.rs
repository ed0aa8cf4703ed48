//! What a node tells Prometheus: what it measures itself, and how all of it becomes one page.
//!
//! ```text
//!  chain's hooks, RPC, peers --feed--> Metrics --+
//!  engine, pool, storage, RPC server, network ---+--> Sources --Snapshot--> page --> Exporter <-- Prometheus
//! ```
//! Nothing here is asked for unless somebody scrapes; measuring is a few atomic additions a block.
//! docs/operations/metrics.md says what each metric means and when to worry.

mod exporter;
mod page;
mod pending;
mod sources;

pub use exporter::{Exporter, ExporterError, Limits};
pub use page::Snapshot;
pub use sources::{Counter, Sources, serve};

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use salus_pool::Refused;
use salus_primitives::{Block, Moment, RawExtrinsic};
use salus_storage::{Timing, TimingFigures};

use self::pending::Pending;

/// Upper bounds for the time from an extrinsic's acceptance to its finality. A network on one continent is expected
/// between 30 ms and 2 s; the highest show a network that stood still.
const FINALITY_BOUNDS: &[Duration] = &[
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_millis(750),
    Duration::from_secs(1),
    Duration::from_millis(1_500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

/// Upper bounds for the time from one block to the next. The heartbeat is at 4 s: what lies beyond took more rounds.
const INTERVAL_BOUNDS: &[Duration] = &[
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
    Duration::from_secs(7),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// Why the pool refuses, as labels, in the order of [`place_of`].
const REFUSALS: [&str; 13] = [
    "too_large",
    "malformed",
    "already_pending",
    "already_included",
    "rate_limited",
    "invalid",
    "nonce_gap",
    "nonce_taken",
    "account_full",
    "organisation_full",
    "bare_full",
    "pool_full",
    "busy",
];

/// Where a refusal is counted.
fn place_of(refused: &Refused) -> usize {
    match refused {
        Refused::TooLarge { .. } => 0,
        Refused::Malformed(_) => 1,
        Refused::AlreadyPending => 2,
        Refused::AlreadyIncluded { .. } => 3,
        Refused::RateLimited { .. } => 4,
        Refused::Invalid(_) => 5,
        Refused::NonceGap { .. } => 6,
        Refused::NonceTaken { .. } => 7,
        Refused::AccountFull { .. } => 8,
        Refused::OrganisationFull { .. } => 9,
        Refused::BareFull { .. } => 10,
        Refused::PoolFull { .. } => 11,
        Refused::Busy { .. } => 12,
    }
}

/// Locks are held for short work that does not panic; and a panic ends the process.
const LOCK: &str = "a panic ends the process, so no lock is poisoned";

/// The newest block, as far as it matters here.
#[derive(Debug)]
struct Newest {
    /// When it became final here; at first, when the node started.
    at: Instant,
    /// The time in its header; none before the first.
    time: Option<Moment>,
}

/// What a node measures of itself while it runs. Any thread may feed it; nobody waits.
#[derive(Debug)]
pub struct Metrics {
    started: SystemTime,
    newest: Mutex<Newest>,
    pending: Mutex<Pending>,
    finality: Timing,
    interval: Timing,
    blocks: AtomicU64,
    extrinsics: AtomicU64,
    accepted: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
    scrapes: AtomicU64,
    scrapes_refused: AtomicU64,
}

/// What [`Metrics`] has measured at a moment. Everything since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFigures {
    /// Blocks that became final here.
    pub blocks: u64,
    /// Extrinsics in them.
    pub extrinsics: u64,
    /// Extrinsics taken at this node's own door.
    pub accepted: u64,
    /// Extrinsics refused at this node's own door, by reason.
    pub refused: [(&'static str, u64); REFUSALS.len()],
    /// Pages served to Prometheus.
    pub scrapes: u64,
    /// Requests to its port that were refused.
    pub scrapes_refused: u64,
    /// From acceptance to finality.
    pub finality: TimingFigures,
    /// From block to block.
    pub interval: TimingFigures,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: SystemTime::now(),
            newest: Mutex::new(Newest { at: Instant::now(), time: None }),
            pending: Mutex::default(),
            finality: Timing::new(FINALITY_BOUNDS),
            interval: Timing::new(INTERVAL_BOUNDS),
            blocks: AtomicU64::default(),
            extrinsics: AtomicU64::default(),
            accepted: AtomicU64::default(),
            refused: Default::default(),
            scrapes: AtomicU64::default(),
            scrapes_refused: AtomicU64::default(),
        }
    }
}

impl Metrics {
    /// Nothing measured yet; the node starts now.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// This node's own door took an extrinsic: how long until it is final?
    pub fn accepted(&self, extrinsic: &RawExtrinsic) {
        let hash = extrinsic.hash();
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.pending().accepted(hash, Instant::now());
    }

    /// An extrinsic was refused at this node's own door.
    pub fn refused(&self, refused: &Refused) {
        self.refused[place_of(refused)].fetch_add(1, Ordering::Relaxed);
    }

    /// A block is final here.
    pub fn finalised(&self, block: &Block) {
        self.finalised_at(block, Instant::now());
    }

    fn finalised_at(&self, block: &Block, now: Instant) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.extrinsics.fetch_add(block.extrinsics.len() as u64, Ordering::Relaxed);
        let time = block.header.slot().ok().map(|slot| slot.time);
        let before = std::mem::replace(&mut *self.newest.lock().expect(LOCK), Newest { at: now, time });
        // By the headers' times, so that a node that catches up tells how the chain went, and not how it reads.
        if let (Some(before), Some(time)) = (before.time, time) {
            self.interval.add(Duration::from_millis(time.0.saturating_sub(before.0)));
        }
        // Hashing is the only work here, and not needed where nothing is awaited.
        if self.pending().is_empty() {
            return;
        }
        let hashes: Vec<_> = block.extrinsics.iter().map(RawExtrinsic::hash).collect();
        let mut pending = self.pending();
        for accepted in hashes.iter().filter_map(|hash| pending.finalised(hash)) {
            self.finality.add(now.saturating_duration_since(accepted));
        }
    }

    /// How long ago the newest block became final here; without one, how long ago the node started.
    pub fn heartbeat_age(&self) -> Duration {
        self.newest.lock().expect(LOCK).at.elapsed()
    }

    /// When the node started, since the Unix epoch.
    pub fn started(&self) -> Duration {
        self.started.duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// What was measured so far.
    pub fn figures(&self) -> OwnFigures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OwnFigures {
            blocks: count(&self.blocks),
            extrinsics: count(&self.extrinsics),
            accepted: count(&self.accepted),
            refused: std::array::from_fn(|place| (REFUSALS[place], count(&self.refused[place]))),
            scrapes: count(&self.scrapes),
            scrapes_refused: count(&self.scrapes_refused),
            finality: self.finality.figures(),
            interval: self.interval.figures(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().expect(LOCK)
    }
}

#[cfg(test)]
#[path = "metrics/metrics_tests.rs"]
mod tests;
