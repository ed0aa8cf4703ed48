//! The engine: hands what happens to consensus, performs the acts it answers with, in order, and catches up from
//! peers where it is behind. It has no clock of its own and waits for nothing: whoever drives it brings the time and
//! the events, so that a simulation drives the very engine a node runs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use salus_consensus::{Evidence, Fatal, Host, Ignored, Input, Peer, Signer, Timeouts, Timer};
use salus_primitives::{
    AccountId, Block, Hash, Height, archive::Record, crypto::KeyPair, header::extrinsics_root,
    runtime_api::InvalidBlock,
};
use salus_storage::{CommitError, StorageError};
use salus_sync::CatchUp;
use tracing::{debug, warn};

use crate::{
    Chain,
    execution::{BlockError, Prepared},
    held::Held,
    ledger::Ledger,
    outbox::{Incoming, Offence, Outbox},
};

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// A block is made at least this often, even an empty one: it shows life and gives fresh time.
    pub heartbeat: Duration,
    /// Waits of consensus.
    pub timeouts: Timeouts,
    /// Below this many free bytes on disk the node stops while it can still do so cleanly.
    pub free_bytes_min: u64,
    /// For so long after its start one of several validators starts no height: peers tell meanwhile which is final for
    /// them, and whoever is behind catches up before signing anything.
    pub settle: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(4),
            timeouts: Timeouts::default(),
            free_bytes_min: 2 << 30,
            settle: Duration::ZERO,
        }
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
    /// A block that more than two thirds of the validators finalised cannot be executed here.
    #[error(
        "the validators finalised block {height}, which is invalid by this node's execution: {error}; stop, and \
         compare releases and state with the other validators"
    )]
    FinalInvalid {
        /// Which.
        height: Height,
        /// Why.
        error: BlockError,
    },
    /// The council scheduled an upgrade that this release has not got.
    #[error("UpgradeNeeded: {0}, then start the node again; nothing was lost")]
    Upgrade(InvalidBlock),
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

/// What the engine has seen and done since it started, for metrics and for oracles.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The height being decided, or the next one.
    pub height: u32,
    /// The round being decided.
    pub round: u32,
    /// The highest round entered so far.
    pub round_max: u32,
    /// Rounds above 0 entered.
    pub rounds_more: u64,
    /// Blocks that consensus decided here.
    pub decided: u64,
    /// Blocks taken over from peers, by certificate.
    pub synced: u64,
    /// Pairs of messages no honest validator signs both.
    pub evidence: u64,
    /// Messages that no honest peer sends.
    pub unproven: u64,
    /// Blocks judged invalid.
    pub invalid_blocks: u64,
    /// Headers that came with the extrinsics of another block.
    pub other_bodies: u64,
    /// Blocks whose time was off this node's clock.
    pub untimely_blocks: u64,
    /// Synced writes of the consensus log.
    pub wal_syncs: u64,
    /// Heights at which this validator did not sign, since its log did not lead back to its last signature.
    pub observed: u64,
    /// How often it was seen that this validator's key signed what its folder does not know of.
    pub old_records: u64,
    /// The last height at which this validator does not sign, as far as is known; none while it signs.
    pub silent_until: Option<u32>,
    /// Behind the highest tip a peer claims by so many blocks.
    pub behind: u32,
}

/// A bug that the simulator plants, to see that it finds it. No configuration reaches it.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// More than half of the validators decide.
    QuorumOfHalf,
    /// A block that this clock called untimely stays invalid.
    UntimelyForEver,
    /// A range of blocks is taken without its certificates.
    CertificateUnchecked,
    /// A range of blocks is held against the clock.
    TimeJudgedInSync,
    /// A header is judged with whatever body comes with it.
    BodyUnchecked,
    /// Votes on a height tell nothing about the one below.
    NoHints,
}

/// How many blocks pass between two looks at the disk's free space.
const DISK_LOOK_EVERY: u32 = 64;

/// The engine of one node.
pub struct Engine<L: Ledger = salus_storage::Database> {
    pub(crate) chain: Arc<Chain<L>>,
    pub(crate) config: EngineConfig,
    pub(crate) host: Host,
    pub(crate) outbox: Box<dyn Outbox>,
    /// Monotonic time since some start, as the driver last told it.
    pub(crate) now: Duration,
    /// Timers that run, by when they end.
    pub(crate) timers: BTreeMap<Timer, Duration>,
    /// Blocks of the height being decided, executed, by the SHA-256 of their headers.
    pub(crate) prepared: BTreeMap<Hash, Prepared>,
    /// Blocks that came early, and which were asked for.
    pub(crate) held: Held,
    /// The signer's record, to be synced with the log.
    pub(crate) record: Option<Vec<u8>>,
    acts: VecDeque<salus_consensus::Act>,
    /// When the last block was committed.
    pub(crate) committed: Duration,
    /// Before this no height is started.
    settled: Duration,
    /// A peer speaks of the next height, or a restart must go on with it.
    pub(crate) wanted: bool,
    /// The key to vote with; none of a follower.
    authority: Option<AccountId>,
    pub(crate) catch_up: CatchUp<Peer>,
    /// Final blocks that a peer sent, to be verified and committed one by one.
    pub(crate) range: VecDeque<Record>,
    pub(crate) range_from: Option<Peer>,
    pub(crate) figures: Figures,
    pub(crate) proven: Vec<Evidence>,
    pub(crate) flaw: Option<Flaw>,
}

impl<L: Ledger> Engine<L> {
    /// An engine on `chain` at time `now`: a validator with a key, a follower without.
    ///
    /// # Errors
    /// [`EngineError::Consensus`] when the signer's record is another key's or damaged.
    pub fn new(
        chain: Arc<Chain<L>>,
        key: Option<KeyPair>,
        outbox: Box<dyn Outbox>,
        config: EngineConfig,
        now: Duration,
    ) -> Result<Self, EngineError> {
        let genesis = chain.database.genesis();
        let tip = chain.database.tip().0.number;
        let authority = key.as_ref().map(KeyPair::public);
        let signer = match (key, chain.database.signer_load()?) {
            (None, _) => None,
            (Some(key), None) => Some(Signer::new(genesis, key)),
            (Some(key), Some(record)) => Some(Signer::with_record(genesis, key, &record).map_err(Fatal::from)?),
        };
        let host = Host::new(genesis, tip, signer, config.timeouts);
        let wanted = host.must_start(chain.database.wal_entries(tip.next())?.len());
        let validators = chain.database.with_state(|state| chain.runtime.validators(state)).len();
        let settled = if authority.is_some() && validators > 1 { now + config.settle } else { now };
        let engine = Self {
            chain,
            config,
            host,
            outbox,
            now,
            timers: BTreeMap::new(),
            prepared: BTreeMap::new(),
            held: Held::default(),
            record: None,
            acts: VecDeque::new(),
            committed: now,
            settled,
            wanted,
            authority,
            catch_up: CatchUp::new(authority.is_some()),
            range: VecDeque::new(),
            range_from: None,
            figures: Figures::default(),
            proven: Vec::new(),
            flaw: None,
        };
        Ok(engine)
    }

    /// The same engine with a bug in it, for the simulator alone.
    #[doc(hidden)]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self.host = match flaw {
            Flaw::QuorumOfHalf => self.host.with_flaw(salus_consensus::Flaw::QuorumOfHalf),
            Flaw::UntimelyForEver => self.host.with_flaw(salus_consensus::Flaw::UntimelyForEver),
            _ => self.host,
        };
        self
    }

    /// The chain.
    pub fn chain(&self) -> &Arc<Chain<L>> {
        &self.chain
    }

    /// What was seen and done so far.
    pub fn figures(&self) -> Figures {
        let (height, round) = self.host.running().unwrap_or((self.host.tip().next(), 0));
        let behind = self.catch_up.behind(self.host.tip());
        let silent_until = self.host.silent_until().map(|height| height.0);
        Figures { height: height.0, round, behind, silent_until, ..self.figures }
    }

    /// Is no height being decided? Then new work in the pool is a reason to wake.
    pub fn is_idle(&self) -> bool {
        self.host.running().is_none()
    }

    /// When something is due next, if nothing happens before.
    pub fn deadline(&self) -> Duration {
        if !self.range.is_empty() {
            return self.now;
        }
        let timer = self.timers.values().min().copied();
        let start = (self.is_idle() && self.votes()).then(|| {
            let wait = if self.chain.pool().has_ready() { self.interval() } else { self.config.heartbeat };
            (self.committed + wait).max(self.settled)
        });
        let wanted = (self.wanted && self.is_idle() && self.now < self.settled).then_some(self.settled);
        let ask = self.catch_up.deadline();
        timer.into_iter().chain(start).chain(wanted).chain(ask).min().unwrap_or(self.now + self.config.heartbeat)
    }

    /// It is `now`: do what is due.
    ///
    /// # Errors
    /// [`EngineError`]: the node must end.
    pub fn wake(&mut self, now: Duration) -> Result<(), EngineError> {
        self.now = now;
        self.take_one()?;
        let due: Vec<Timer> = self.timers.iter().filter(|(_, end)| **end <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            if self.timers.remove(&timer).is_some() {
                self.input(Input::Timeout(timer))?;
            }
        }
        self.start_if_due()?;
        self.ask_if_due();
        Ok(())
    }

    /// A peer brought something.
    ///
    /// # Errors
    /// [`EngineError`]: the node must end.
    pub fn incoming(&mut self, now: Duration, event: Incoming) -> Result<(), EngineError> {
        self.now = now;
        match event {
            Incoming::Message(from, message) => {
                self.hinted(from, message.height());
                self.input(Input::Message { from, message })
            }
            Incoming::Block(peer, block) => self.take_block(peer, *block),
            Incoming::Tip(peer, tip) => {
                self.catch_up.heard(peer, tip, self.host.tip(), now);
                Ok(())
            }
            Incoming::Range(peer, records) => {
                if !self.catch_up.answered(&peer) {
                    debug!(?peer, "a range nobody asked for");
                } else if records.is_empty() {
                    self.catch_up.failed(&peer, now);
                } else {
                    self.range = records.into();
                    self.range_from = Some(peer);
                }
                Ok(())
            }
            Incoming::RangeFailed(peer) => {
                self.catch_up.failed(&peer, now);
                Ok(())
            }
            Incoming::Gone(peer) => {
                self.catch_up.gone(&peer);
                self.held.gone(&peer);
                Ok(())
            }
        }
    }

    /// A peer sent a block. It is judged if consensus asked for it, and else waits until it does.
    fn take_block(&mut self, peer: Peer, block: Block) -> Result<(), EngineError> {
        let (height, value) = (block.header.number, block.header.vote_value());
        let next = self.chain.database.tip().0.number.next();
        if height != next && height != next.next() {
            return Ok(());
        }
        // The hash names the header alone. A body that is not its own says nothing about the block, else whoever
        // sends one first could have an honest block called invalid.
        let own_body = block.header.extrinsics_root == extrinsics_root(&block.extrinsics);
        if !own_body && self.flaw != Some(Flaw::BodyUnchecked) {
            self.figures.other_bodies += 1;
            self.outbox.report(peer, Offence::OtherBody);
            return Ok(());
        }
        if height != next || !self.held.answered(&value) {
            self.held.keep(peer, value, block);
            return Ok(());
        }
        match self.judge(block)? {
            Some(judgement) => self.input(Input::Block { height, value, judgement }),
            None => Ok(()),
        }
    }

    /// Is this node's key among the validators of the next height? Anybody else starts no height by itself.
    fn votes(&self) -> bool {
        let Some(authority) = &self.authority else { return false };
        let set = self.chain.database.with_state(|state| self.chain.runtime.validators(state));
        set.index_of(authority).is_some()
    }

    fn interval(&self) -> Duration {
        let ms = self.chain.database.with_state(|state| self.chain.runtime.block_interval_min(state));
        Duration::from_millis(ms)
    }

    /// Start the next height if the pool has work, somebody speaks of it, or the heartbeat is due. A chain of one
    /// decides at once, so there may be several to start.
    fn start_if_due(&mut self) -> Result<(), EngineError> {
        while self.is_idle() && self.range.is_empty() && self.now >= self.settled {
            let age = self.now.saturating_sub(self.committed);
            let work = || age >= self.interval() && self.chain.pool().has_ready();
            let due = self.wanted || (self.votes() && (age >= self.config.heartbeat || work()));
            if !due {
                return Ok(());
            }
            self.wanted = false;
            let height = self.host.tip().next();
            self.check_release(height)?;
            let set = self.chain.database.with_state(|state| self.chain.runtime.validators(state));
            let log = self.chain.database.wal_entries(height)?;
            let acts = self.host.start_height(height, set, &log)?;
            self.perform(acts)?;
        }
        Ok(())
    }

    /// May this release go on to `height`? Asked before anything is signed or executed for it.
    pub(crate) fn check_release(&self, height: Height) -> Result<(), EngineError> {
        self.chain
            .database
            .with_state(|state| self.chain.runtime.can_execute(state, height))
            .map_err(EngineError::Upgrade)
    }

    fn input(&mut self, input: Input) -> Result<(), EngineError> {
        let acts = self.host.input(input)?;
        self.perform(acts)
    }

    /// Perform acts in order. What they lead to is queued behind them, never nested.
    pub(crate) fn perform(&mut self, acts: Vec<salus_consensus::Act>) -> Result<(), EngineError> {
        self.acts.extend(acts);
        while let Some(act) = self.acts.pop_front() {
            if let Some(input) = self.act(act)? {
                let acts = self.host.input(input)?;
                self.acts.extend(acts);
            }
        }
        self.report_proven();
        Ok(())
    }

    /// Consensus did not use what a peer sent: a lie counts against the peer, and who is behind is told so.
    pub(crate) fn ignored(&mut self, from: Peer, why: Ignored) {
        debug!(?from, ?why, "message not used");
        match why {
            Ignored::Unproven | Ignored::Unfit => {
                self.figures.unproven += 1;
                self.outbox.report(from, Offence::Unproven);
            }
            Ignored::Far { height } => self.hinted(from, height),
            Ignored::Old { .. } => self.outbox.announce(self.host.tip()),
            Ignored::Full => {}
        }
    }

    /// A peer works on `height`: then the one below is final somewhere. Not only far heights tell: consensus parks what
    /// is one ahead, and a node that missed the news of a block would wait for it for ever.
    fn hinted(&mut self, from: Peer, height: Height) {
        let (least, tip) = (height.previous().unwrap_or_default(), self.host.tip());
        if least > tip && self.flaw != Some(Flaw::NoHints) {
            self.catch_up.hinted(from, least, tip, self.now);
        }
    }

    /// Put what proves a validator's misbehaviour into the pool, so that the next block can act on it.
    fn report_proven(&mut self) {
        for evidence in std::mem::take(&mut self.proven) {
            let offender = evidence.offender();
            match self.chain.report_evidence(&evidence) {
                Ok(hash) => warn!(%offender, %hash, "a validator signed two different things: reported"),
                Err(error) => debug!(%offender, %error, "evidence not reported"),
            }
        }
    }

    /// Tell operators of an upgrade that this release has not got, from when it is scheduled on.
    pub(crate) fn look_ahead(&self, height: Height) {
        if height.0.is_multiple_of(DISK_LOOK_EVERY)
            && let Err(error) = self.check_release(Height(u32::MAX))
        {
            warn!(%height, %error, "an upgrade is scheduled: this node will stop before it");
        }
    }

    pub(crate) fn check_disk(&self) -> Result<(), EngineError> {
        let (free, min) = (self.chain.database.free_bytes()?, self.config.free_bytes_min);
        if free < min { Err(EngineError::DiskLow { free, min }) } else { Ok(()) }
    }

    pub(crate) fn look_at_disk(&self, height: Height) -> Result<(), EngineError> {
        if height.0.is_multiple_of(DISK_LOOK_EVERY) { self.check_disk() } else { Ok(()) }
    }
}
