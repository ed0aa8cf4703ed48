//! A node of the simulation: the real engine, pool and runtime, on a disk in memory and a clock that is told the time.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use salus_consensus::{Peer, Timeouts, WireMessage};
use salus_engine::{Chain, Clock, Engine, EngineConfig, EngineError, Hooks, Offence, Outbox};
use salus_pool::Limits;
use salus_primitives::{
    Block, Hash, Height, Moment, RawExtrinsic, archive::Record, crypto::KeyPair, runtime_api::RuntimeApi,
};

use crate::{
    byzantine::Behaviour,
    disk::{Power, SimLedger},
    planted::Planted,
};

/// Where virtual time starts, in ms since the epoch.
pub const EPOCH: u64 = 1_800_000_000_000;

/// What an engine or a pool wants sent or told.
#[derive(Clone, Debug)]
pub enum Out {
    /// To all validators.
    Message(WireMessage),
    /// A body, to all validators.
    Block(Block),
    /// A body is missing.
    AskBlock(Height, Hash, Option<Peer>),
    /// Final blocks are missing.
    AskRange(Peer, Height, u32),
    /// This height is final here.
    Tip(Height),
    /// A peer misbehaved.
    Report(Peer, Offence),
    /// An extrinsic came in here.
    Extrinsic(RawExtrinsic),
    /// Users were told that these are final, in this block.
    Announced(Height, Hash, Vec<Hash>),
}

/// What travels between nodes.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A consensus message.
    Message(Rc<WireMessage>),
    /// A body.
    Block(Rc<Block>),
    /// The question for one.
    AskBlock(Height, Hash),
    /// The question for final blocks.
    AskRange(Height, u32),
    /// Final blocks.
    Range(Rc<Vec<Record>>),
    /// The question for final blocks is refused.
    NoRange,
    /// This height is final there.
    Tip(Height),
    /// An extrinsic by gossip.
    Extrinsic(Rc<RawExtrinsic>),
    /// The connection is gone.
    Gone,
}

impl Out {
    /// For people.
    pub fn in_words(&self) -> String {
        match self {
            Self::Message(message) => words_of(message),
            Self::Block(block) => {
                format!("block {} of height {}", short(&block.header.vote_value()), block.header.number)
            }
            Self::Extrinsic(raw) => format!("extrinsic {}", short(&raw.hash())),
            Self::Announced(height, ..) => format!("news of height {height}"),
            other => format!("{other:?}"),
        }
    }
}

impl Frame {
    /// For people.
    pub fn in_words(&self) -> String {
        match self {
            Self::Message(message) => words_of(message),
            Self::Block(block) => {
                format!("block {} of height {}", short(&block.header.vote_value()), block.header.number)
            }
            Self::AskBlock(height, value) => format!("wants block {} of height {height}", short(value)),
            Self::Range(records) => format!("{} final blocks", records.len()),
            Self::Extrinsic(raw) => format!("extrinsic {}", short(&raw.hash())),
            other => format!("{other:?}"),
        }
    }
}

fn short(hash: &Hash) -> String {
    hash.0[..3].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words_of(message: &WireMessage) -> String {
    match message {
        WireMessage::Vote(signed) => {
            let vote = &signed.vote;
            let value = vote.value.as_ref().map_or("nil".to_owned(), short);
            let who = short(&Hash(vote.authority.0));
            format!("{:?} by {who} for {value} at {}/{}", vote.kind, vote.height, vote.round)
        }
        WireMessage::Proposal(signed) => {
            let proposal = &signed.proposal;
            let (value, pol) = (short(&proposal.value), proposal.pol_round);
            format!("Proposal of {value} at {}/{}, polka {pol:?}", proposal.height, proposal.round)
        }
        WireMessage::Polka(polka) => format!("Polka for {} at {}/{}", short(&polka.value), polka.height, polka.round),
        WireMessage::Round(round) => format!("RoundCertificate at {}/{}", round.height, round.round),
    }
}

/// What nodes put out within one call, in order.
pub type Queue = Arc<Mutex<Vec<Out>>>;

/// The outbox of a simulated engine: a queue that the world empties after each call. Without power nothing leaves.
pub struct SimOutbox {
    queue: Queue,
    power: Arc<Power>,
}

impl SimOutbox {
    fn push(&self, out: Out) {
        if self.power.step() {
            self.queue.lock().expect("a world runs on one thread").push(out);
        }
    }
}

impl Outbox for SimOutbox {
    fn broadcast(&mut self, message: &WireMessage) {
        self.push(Out::Message(message.clone()));
    }

    fn send_block(&mut self, block: &Block) {
        self.push(Out::Block(block.clone()));
    }

    fn request_block(&mut self, height: Height, value: Hash, from: Option<Peer>) {
        self.push(Out::AskBlock(height, value, from));
    }

    fn request_range(&mut self, peer: Peer, from: Height, max: u32) {
        self.push(Out::AskRange(peer, from, max));
    }

    fn announce(&mut self, tip: Height) {
        self.push(Out::Tip(tip));
    }

    fn report(&mut self, peer: Peer, offence: Offence) {
        self.push(Out::Report(peer, offence));
    }
}

/// A wall clock that is told the time, and may be wrong.
#[derive(Default)]
pub struct SimClock {
    /// Virtual ms since the start.
    now: AtomicU64,
    /// Fast by so many ms, or slow.
    error: AtomicI64,
}

impl SimClock {
    /// It is so many virtual µs after the start.
    pub fn tell(&self, now: u64) {
        self.now.store(now / 1_000, Ordering::Relaxed);
    }

    /// Make it fast by so many ms, or slow.
    pub fn set_error(&self, error: i64) {
        self.error.store(error, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        let now = EPOCH + self.now.load(Ordering::Relaxed);
        Moment(now.saturating_add_signed(self.error.load(Ordering::Relaxed)))
    }
}

/// What runs while a node is up.
pub struct Running {
    /// The engine.
    pub engine: Engine<SimLedger>,
    /// The chain it works on.
    pub chain: Arc<Chain<SimLedger>>,
}

/// A node.
pub struct Node {
    /// Signs votes.
    pub key: KeyPair,
    /// Does it have that key, or only follow?
    pub votes: bool,
    /// Its disk.
    pub ledger: SimLedger,
    /// Its wall clock.
    pub clock: Arc<SimClock>,
    /// How far its clock is off in quiet times, ms.
    pub skew: i64,
    /// None while it is down.
    pub running: Option<Running>,
    /// Counts its starts: what was meant for an earlier one is dropped.
    pub life: u64,
    /// What its engine and pool put out.
    pub queue: Queue,
    /// When it is woken next, and the number of that event.
    pub wake: Option<(u64, u64)>,
    /// It stands still until then.
    pub frozen: u64,
    /// How it lies, if it does.
    pub behaviour: Option<Box<dyn Behaviour>>,
    /// Is it a liar? Stays true while the behaviour is borrowed.
    pub byzantine: bool,
    /// The runtime it runs, with a planted bug in it or not.
    pub runtime: Arc<dyn RuntimeApi>,
    /// Up to where the oracles looked at its chain.
    pub seen: Height,
    /// Why it stopped for good.
    pub stopped: Option<String>,
}

impl Node {
    /// Start it at virtual time `now`, from what is on its disk.
    ///
    /// # Errors
    /// What the engine says.
    pub fn start(&mut self, now: u64, planted: Option<Planted>) -> Result<(), EngineError> {
        self.clock.tell(now);
        self.queue.lock().expect("one thread").clear();
        let power = self.ledger.power();
        let (finalised, accepted) = (Arc::clone(&self.queue), Arc::clone(&self.queue));
        let (power_of_hook, power_of_gossip) = (Arc::clone(&power), Arc::clone(&power));
        let hooks = Hooks {
            finalised: Box::new(move |block, _, hash| {
                if !power_of_hook.is_out() {
                    let extrinsics = block.extrinsics.iter().map(RawExtrinsic::hash).collect();
                    let out = Out::Announced(block.header.number, hash, extrinsics);
                    finalised.lock().expect("one thread").push(out);
                }
            }),
            accepted: Box::new(move |raw| {
                if !power_of_gossip.is_out() {
                    accepted.lock().expect("one thread").push(Out::Extrinsic(raw.clone()));
                }
            }),
        };
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let chain = Chain::new(self.ledger.clone(), Arc::clone(&self.runtime), clock, Limits::default(), hooks);
        let outbox = SimOutbox { queue: Arc::clone(&self.queue), power };
        let mut timeouts = Timeouts::default();
        if planted == Some(Planted::TimeoutsDoNotGrow) {
            timeouts.propose_rise = Duration::ZERO;
            timeouts.vote_rise = Duration::ZERO;
        }
        let config = EngineConfig { timeouts, free_bytes_min: 0, ..EngineConfig::default() };
        let key = self.votes.then(|| self.key.clone());
        let mut engine = Engine::new(Arc::clone(&chain), key, Box::new(outbox), config, Duration::from_micros(now))?;
        if let Some(Planted::Engine(flaw)) = planted {
            engine = engine.with_flaw(flaw);
        }
        self.running = Some(Running { engine, chain });
        Ok(())
    }

    /// Is it up, honest and able to go on?
    pub fn is_good(&self) -> bool {
        !self.byzantine && self.stopped.is_none()
    }
}
