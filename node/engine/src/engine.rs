//! The loop: wakes when a timer runs out, a peer speaks, the pool has work or the heartbeat is due; hands the
//! event to consensus and performs the acts it answers with, in order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use salus_consensus::{
    Act, Fatal, Host, Input, Judgement, Peer, TimeVerdict, Timeouts, Timer, WireMessage, block_time, judge_time,
};
use salus_primitives::{
    Block, Hash, Height, Moment, commit::CommitCertificate, crypto::KeyPair, dispatch::InvalidTransaction,
};
use salus_storage::{CommitError, StorageError};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::{
    Chain,
    execution::{self, BlockError, Prepared},
};

/// Where messages for other validators go. The network implements it.
pub trait Outbox: Send {
    /// Send to all validators.
    fn broadcast(&mut self, message: &WireMessage);
    /// Send a block's body to all validators.
    fn send_block(&mut self, block: &Block);
    /// Ask a peer, or anybody, for the block whose header has this SHA-256.
    fn request_block(&mut self, height: Height, value: Hash, from: Option<Peer>);
}

/// A network of one: nobody to send to.
pub struct Solitude;

impl Outbox for Solitude {
    fn broadcast(&mut self, _: &WireMessage) {}
    fn send_block(&mut self, _: &Block) {}
    fn request_block(&mut self, _: Height, _: Hash, _: Option<Peer>) {}
}

/// What peers bring.
pub enum Incoming {
    /// A consensus message.
    Message(Peer, WireMessage),
    /// A block somebody proposed.
    Block(Peer, Box<Block>),
}

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// A block is made at least this often, even an empty one: it shows life and gives fresh time.
    pub heartbeat: Duration,
    /// Waits of consensus.
    pub timeouts: Timeouts,
    /// Below this many free bytes on disk the node stops while it can still do so cleanly.
    pub free_bytes_min: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(4), timeouts: Timeouts::default(), free_bytes_min: 2 << 30 }
    }
}

/// Why the engine stopped. The node ends with it: going on would be worse.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Consensus cannot go on.
    #[error("consensus: {0}")]
    Consensus(#[from] Fatal),
    /// The disk failed.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// A block that was decided could not be committed.
    #[error("commit: {0}")]
    Commit(#[from] CommitError),
    /// A block that this node built or that was decided cannot be executed.
    #[error("block: {0}")]
    Block(#[from] BlockError),
    /// The decided block is not here.
    #[error("the block decided at height {height} is not on this node's disk: restore the data folder")]
    Missing {
        /// Which.
        height: Height,
    },
    /// Too little room.
    #[error(
        "DiskLow: {free} bytes are free on the disk of the data folder, {min} are needed: free some, then start again"
    )]
    DiskLow {
        /// How many are free.
        free: u64,
        /// How many are needed.
        min: u64,
    },
}

/// How many blocks pass between two looks at the disk's free space.
const DISK_LOOK_EVERY: u32 = 64;

/// The engine of one node.
pub struct Engine {
    chain: Arc<Chain>,
    config: EngineConfig,
    host: Host,
    outbox: Box<dyn Outbox>,
    /// Timers that run, by when they end.
    timers: BTreeMap<Timer, Instant>,
    /// Blocks of the height being decided, executed, by the SHA-256 of their headers.
    prepared: BTreeMap<Hash, Prepared>,
    /// The signer's record, to be synced with the log.
    record: Option<Vec<u8>>,
    acts: VecDeque<Act>,
    /// When the last block was committed.
    committed: Instant,
    /// A peer speaks of the next height, or a restart must go on with it.
    wanted: bool,
}

impl Engine {
    /// An engine on `chain`: a validator with a key, a follower without.
    ///
    /// # Errors
    /// [`EngineError::Consensus`] when the signer's record is another key's or damaged.
    pub fn new(
        chain: Arc<Chain>,
        key: Option<KeyPair>,
        outbox: Box<dyn Outbox>,
        config: EngineConfig,
    ) -> Result<Self, EngineError> {
        let genesis = chain.database.identity().genesis;
        let tip = chain.database.tip().0.number;
        let signer = match (key, chain.database.signer_load()?) {
            (None, _) => None,
            (Some(key), None) => Some(salus_consensus::Signer::new(genesis, key)),
            (Some(key), Some(record)) => {
                let signer = salus_consensus::Signer::with_record(genesis, key, &record).map_err(Fatal::from)?;
                Some(signer)
            }
        };
        let host = Host::new(genesis, tip, signer, config.timeouts);
        let wanted = host.must_start(chain.database.wal_entries(tip.next())?.len());
        Ok(Self {
            chain,
            config,
            host,
            outbox,
            timers: BTreeMap::new(),
            prepared: BTreeMap::new(),
            record: None,
            acts: VecDeque::new(),
            committed: Instant::now(),
            wanted,
        })
    }

    /// Run until `stop` turns true.
    ///
    /// # Errors
    /// [`EngineError`]: the node must end.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), EngineError> {
        self.check_disk()?;
        loop {
            self.fire_timers()?;
            self.start_if_due()?;
            let deadline = tokio::time::Instant::from_std(self.deadline());
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                Some(event) = incoming.recv() => self.incoming(event)?,
                () = self.chain.wake.notified(), if self.host.running().is_none() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// When something is due next, if nothing happens before.
    fn deadline(&self) -> Instant {
        let timer = self.timers.values().min().copied();
        let start = self.host.running().is_none().then(|| {
            let wait = if self.chain.pool().has_ready() { self.interval() } else { self.config.heartbeat };
            self.committed + wait
        });
        timer.into_iter().chain(start).min().unwrap_or_else(|| Instant::now() + self.config.heartbeat)
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.chain.runtime.block_interval_min(&self.chain.database.state()))
    }

    fn fire_timers(&mut self) -> Result<(), EngineError> {
        let now = Instant::now();
        let due: Vec<Timer> = self.timers.iter().filter(|(_, end)| **end <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            if self.timers.remove(&timer).is_some() {
                self.input(Input::Timeout(timer))?;
            }
        }
        Ok(())
    }

    /// Start the next height if the pool has work, somebody speaks of it, or the heartbeat is due.
    fn start_if_due(&mut self) -> Result<(), EngineError> {
        while self.host.running().is_none() {
            let age = self.committed.elapsed();
            let work = age >= self.interval() && self.chain.pool().has_ready();
            if !(self.wanted || work || age >= self.config.heartbeat) {
                return Ok(());
            }
            self.wanted = false;
            let height = self.host.tip().next();
            let set = self.chain.runtime.validators(&self.chain.database.state());
            let log = self.chain.database.wal_entries(height)?;
            let acts = self.host.start_height(height, set, &log)?;
            self.perform(acts)?;
        }
        Ok(())
    }

    fn incoming(&mut self, event: Incoming) -> Result<(), EngineError> {
        match event {
            Incoming::Message(from, message) => self.input(Input::Message { from, message }),
            Incoming::Block(_, block) => {
                let (height, value) = (block.header.number, block.header.vote_value());
                match self.judge(*block)? {
                    Some(judgement) => self.input(Input::Block { height, value, judgement }),
                    None => Ok(()),
                }
            }
        }
    }

    fn input(&mut self, input: Input) -> Result<(), EngineError> {
        let acts = self.host.input(input)?;
        self.perform(acts)
    }

    /// Perform acts in order. What they lead to is queued behind them, never nested.
    fn perform(&mut self, acts: Vec<Act>) -> Result<(), EngineError> {
        self.acts.extend(acts);
        while let Some(act) = self.acts.pop_front() {
            if let Some(input) = self.act(act)? {
                let acts = self.host.input(input)?;
                self.acts.extend(acts);
            }
        }
        Ok(())
    }

    /// Perform one act; the answer it asks for, if it asks for one.
    fn act(&mut self, act: Act) -> Result<Option<Input>, EngineError> {
        let database = &self.chain.database;
        match act {
            Act::SaveSigned(record) => self.record = Some(record.to_bytes()),
            Act::WalAppend { height, entry, .. } => database.wal_append(height, &entry)?,
            Act::WalSync => match self.record.take() {
                Some(record) => database.wal_sync_with_signer(&record)?,
                None => database.wal_sync()?,
            },
            Act::Broadcast(message) => self.outbox.broadcast(&message),
            Act::SendBlock { value, .. } => {
                if let Some(prepared) = self.prepared.get(&value) {
                    self.outbox.send_block(&prepared.block);
                }
            }
            Act::RequestBlock { height, value, from, .. } => return self.find_block(height, value, from),
            Act::BuildBlock { height, round, .. } => return self.build(height, round).map(Some),
            Act::SetTimer(timer, wait) => {
                self.timers.insert(timer, Instant::now() + wait);
            }
            Act::CancelTimer(timer) => {
                self.timers.remove(&timer);
            }
            Act::CancelTimers => self.timers.clear(),
            Act::RoundStarted { height, round, proposer } => {
                if round > 0 {
                    info!(%height, round, ?proposer, "new round");
                } else {
                    debug!(%height, ?proposer, "height started");
                }
            }
            Act::Observing { height, last } => {
                warn!(%height, last = %last.position, "not signing at this height: its log does not lead back to the last signature");
            }
            Act::WantHeight(_) => self.wanted = true,
            Act::Ignored { from, why } => debug!(?from, ?why, "message not used"),
            Act::Finalised { certificate, .. } => self.commit(&certificate)?,
        }
        Ok(None)
    }

    fn build(&mut self, height: Height, round: u32) -> Result<Input, EngineError> {
        let chain = Arc::clone(&self.chain);
        let (parent, _) = chain.database.tip();
        let set = chain.runtime.validators(&chain.database.state());
        let parent_time = parent.slot().map_or_else(|_| self.genesis_time(), |slot| slot.time);
        let slot = execution::slot(&parent, &set, round, block_time(parent_time, chain.clock.now()));
        let (candidates, verified) = {
            let pool = chain.pool();
            let candidates: Vec<_> = pool.ready().cloned().collect();
            (candidates, pool.verified())
        };
        let built = execution::build(&chain.database, &*chain.runtime, slot, &mut candidates.into_iter(), &verified)?;
        let invalid: Vec<(Hash, InvalidTransaction)> = built.invalid;
        if !invalid.is_empty() {
            chain.remove_invalid(&invalid);
        }
        let value = built.prepared.block.header.vote_value();
        chain.database.undecided_block_save(&built.prepared.block)?;
        self.prepared.insert(value, built.prepared);
        Ok(Input::Built { height, round, value })
    }

    /// Genesis has no slot: its time stands in the state.
    fn genesis_time(&self) -> Moment {
        self.chain.runtime.block_time(&self.chain.database.state())
    }

    /// Answer for a block that is here already; ask peers for one that is not.
    fn find_block(&mut self, height: Height, value: Hash, from: Option<Peer>) -> Result<Option<Input>, EngineError> {
        let block = match self.prepared.get(&value) {
            Some(prepared) => Some(prepared.block.clone()),
            None => self.load_undecided(height, &value)?,
        };
        let Some(block) = block else {
            self.outbox.request_block(height, value, from);
            return Ok(None);
        };
        let judgement = self.judge(block)?;
        Ok(judgement.map(|judgement| Input::Block { height, value, judgement }))
    }

    fn load_undecided(&self, height: Height, value: &Hash) -> Result<Option<Block>, EngineError> {
        for hash in self.chain.database.undecided_block_list(height) {
            if let Some(block) = self.chain.database.undecided_block_load(height, &hash)?
                && block.header.vote_value() == *value
            {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Execute a block on the tip and say what it is worth; none when it is not for the next height. A sound one is
    /// stored before anything is said for it.
    fn judge(&mut self, block: Block) -> Result<Option<Judgement>, EngineError> {
        let (tip, _) = self.chain.database.tip();
        if block.header.number != tip.number.next() {
            return Ok(None);
        }
        let value = block.header.vote_value();
        if !self.prepared.contains_key(&value) {
            let verified = self.chain.pool().verified();
            match execution::check(&self.chain.database, &*self.chain.runtime, block, &verified) {
                Ok(prepared) => {
                    self.chain.database.undecided_block_save(&prepared.block)?;
                    self.prepared.insert(value, prepared);
                }
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(error) => {
                    warn!(height = %tip.number.next(), %error, "a proposed block is invalid");
                    return Ok(Some(Judgement::Invalid));
                }
            }
        }
        let header = &self.prepared[&value].block.header;
        let Ok(slot) = header.slot() else { return Ok(Some(Judgement::Invalid)) };
        let parent_time = tip.slot().map_or_else(|_| self.genesis_time(), |slot| slot.time);
        Ok(Some(match judge_time(parent_time, slot.time, self.chain.clock.now()) {
            TimeVerdict::NotAfterParent => Judgement::Invalid,
            verdict => Judgement::Sound { build_round: slot.build_round, timely: verdict == TimeVerdict::Timely },
        }))
    }

    fn commit(&mut self, certificate: &CommitCertificate) -> Result<(), EngineError> {
        let prepared = match self.prepared.remove(&certificate.value) {
            Some(prepared) => prepared,
            None => {
                let height = certificate.height;
                let block = self.load_undecided(height, &certificate.value)?.ok_or(EngineError::Missing { height })?;
                let verified = self.chain.pool().verified();
                execution::check(&self.chain.database, &*self.chain.runtime, block, &verified)?
            }
        };
        let header = &prepared.block.header;
        let (number, hash) = (header.number, header.hash());
        let Prepared { block, changes, tree } = prepared;
        self.chain.database.commit(&block, Some(certificate), &changes, tree)?;
        self.prepared.clear();
        self.timers.clear();
        self.committed = Instant::now();
        let extrinsics = block.extrinsics.len();
        if extrinsics > 0 {
            info!(height = %number, %hash, extrinsics, round = certificate.round, "finalised");
        } else {
            debug!(height = %number, %hash, "finalised, empty");
        }
        self.chain.finalised(block, changes, hash);
        if number.0.is_multiple_of(DISK_LOOK_EVERY) {
            self.check_disk()?;
        }
        Ok(())
    }

    fn check_disk(&self) -> Result<(), EngineError> {
        let (free, min) = (self.chain.database.free_bytes()?, self.config.free_bytes_min);
        if free < min { Err(EngineError::DiskLow { free, min }) } else { Ok(()) }
    }
}
