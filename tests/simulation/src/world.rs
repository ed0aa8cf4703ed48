//! A world: nodes, links and users under one virtual clock, one event after the other.

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use salus_consensus::Peer;
use salus_engine::{Clock, EngineError, Incoming};
use salus_primitives::{Hash, Height, RawExtrinsic, crypto::Sha256Stream, runtime_api::RuntimeApi};

use crate::{
    byzantine::Hand,
    chance::Chance,
    disk::SimLedger,
    faults::Faults,
    link::Links,
    load::Load,
    node::{Frame, Node, Out, SimClock},
    oracles::Oracles,
    planted::{DiskFlaw, FlawedRuntime, Planted},
    setup::{self, Setup},
};

/// What happens at a moment.
pub enum Event {
    /// A frame arrives.
    Deliver {
        /// At.
        to: usize,
        /// Sent by.
        from: usize,
        /// What.
        frame: Frame,
    },
    /// An engine's deadline.
    Wake {
        /// Whose.
        node: usize,
        /// In which of its lives it was set.
        life: u64,
    },
    /// A node comes back.
    Restart {
        /// Which.
        node: usize,
    },
    /// A body that was asked for may still be missing.
    AskAgain {
        /// Whom.
        node: usize,
        /// In which life.
        life: u64,
        /// Of which height.
        height: Height,
        /// Which.
        value: Hash,
    },
    /// A user does something.
    User,
    /// Something about faults.
    Fault(crate::faults::Step),
}

/// Least time between two wakings of one node, µs: what its work takes.
const WORK: u64 = 20;
/// More wakings than this of one node in a second are a loop.
const WAKINGS_MAX: u64 = 20_000;
/// After how many µs a body is asked for again.
const ASK_AGAIN: u64 = 400_000;

/// A world.
pub struct World {
    /// What its seed says.
    pub setup: Setup,
    /// µs since the start.
    pub now: u64,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its links.
    pub links: Links,
    /// What must hold.
    pub oracles: Oracles,
    /// Its users.
    pub load: Load,
    /// Its faults.
    pub faults: Faults,
    /// For links.
    link_chance: Chance,
    /// For liars.
    liar_chance: Chance,
    user_chance: Chance,
    /// For everything else.
    pub chance: Chance,
    genesis: Hash,
    runtime: Arc<dyn RuntimeApi>,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    wakings: (u64, u64),
    trace: Sha256Stream,
    /// Is there nothing more to see?
    pub over: bool,
    /// Tell what happens, line by line.
    pub show: bool,
}

impl World {
    /// The world of a setup, with all its nodes about to start.
    pub fn new(setup: Setup) -> Self {
        let keys = setup::authorities(setup.validators + setup.spares);
        let runtime = setup::runtime();
        let origin = Arc::new(setup::genesis(&keys, setup.validators));
        let genesis = origin.0.header.hash();
        let disk_flaw: Option<DiskFlaw> = match setup.planted {
            Some(Planted::Disk(flaw)) => Some(flaw),
            _ => None,
        };
        let nodes: Vec<Node> = (0..setup.nodes())
            .map(|index| {
                let liar = setup.liars.iter().find(|(liar, _)| *liar == index).map(|(_, kind)| *kind);
                let key = keys.get(index).cloned();
                let clock = SimClock::default();
                clock.set_error(setup.skews[index]);
                let flawed = setup.flaw_of(index).filter(|_| liar.is_none());
                Node {
                    votes: key.is_some(),
                    key: key.unwrap_or_else(|| setup::network_key(index)),
                    ledger: SimLedger::new(
                        Arc::clone(&origin),
                        Arc::clone(&runtime),
                        disk_flaw.filter(|_| liar.is_none()),
                    ),
                    clock: Arc::new(clock),
                    skew: setup.skews[index],
                    running: None,
                    life: 0,
                    queue: Arc::default(),
                    wake: None,
                    frozen: 0,
                    behaviour: liar.map(|kind| kind.behaviour()),
                    byzantine: liar.is_some(),
                    runtime: match flawed {
                        Some(flaw) => Arc::new(FlawedRuntime::new(Arc::clone(&runtime), flaw)),
                        None => Arc::clone(&runtime),
                    },
                    seen: Height::GENESIS,
                    stopped: None,
                }
            })
            .collect();
        let seed = setup.seed;
        let mut world = Self {
            now: 0,
            links: Links::new(nodes.len(), setup.calm),
            oracles: Oracles::new(genesis, setup.liars.iter().map(|(liar, _)| keys[*liar].public()).collect()),
            load: Load::new(genesis, &setup),
            faults: Faults::new(&setup),
            link_chance: Chance::new(seed, 2),
            liar_chance: Chance::new(seed, 3),
            user_chance: Chance::new(seed, 4),
            chance: Chance::new(seed, 5),
            genesis,
            runtime,
            events: BTreeMap::new(),
            next_event: 0,
            wakings: (0, 0),
            trace: Sha256Stream::new(),
            over: false,
            show: false,
            nodes,
            setup,
        };
        for node in 0..world.nodes.len() {
            let delay = world.chance.below(300_000);
            world.at(delay, Event::Restart { node });
        }
        world.at(500_000, Event::User);
        crate::faults::begin(&mut world);
        world
    }

    /// Let `event` happen after so many µs.
    pub fn at(&mut self, delay: u64, event: Event) -> (u64, u64) {
        self.next_event += 1;
        let key = (self.now + delay, self.next_event);
        self.events.insert(key, event);
        key
    }

    /// Run to the end, or to the first violation.
    pub fn run(&mut self) {
        while !self.over && self.oracles.violations.is_empty() {
            let Some(((time, number), event)) = self.events.pop_first() else { break };
            self.now = time;
            self.happen(number, event);
        }
        let honest: Vec<_> = self.nodes.iter().enumerate().filter(|(_, node)| node.is_good()).collect();
        let honest: Vec<_> = honest.into_iter().map(|(index, node)| (index, &node.ledger)).collect();
        self.oracles.conclude(&honest);
    }

    /// A digest of everything that happened.
    pub fn trace(&self) -> Hash {
        self.trace.clone().finish()
    }

    /// Say what happens, where somebody wants to read it.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.show {
            eprintln!("{:>12.6} {}", self.now as f64 / 1e6, what());
        }
    }

    fn note(&mut self, what: &[u8], place: [u64; 3]) {
        self.trace.update(&self.now.to_le_bytes());
        for number in place {
            self.trace.update(&number.to_le_bytes());
        }
        self.trace.update(what);
    }

    fn happen(&mut self, number: u64, event: Event) {
        match event {
            Event::Deliver { to, from, frame } => self.deliver(to, from, frame),
            Event::Wake { node, life } => {
                if self.nodes[node].life == life && self.nodes[node].wake.is_some_and(|(_, set)| set == number) {
                    self.nodes[node].wake = None;
                    self.wake(node);
                }
            }
            Event::Restart { node } => self.restart(node),
            Event::AskAgain { node, life, height, value } => {
                let it = &self.nodes[node];
                let missing = it.ledger.height() < height && it.ledger.block_of(height, &value).is_none();
                if it.life == life && it.running.is_some() && missing && height == it.ledger.height().next() {
                    self.send_all(node, &Frame::AskBlock(height, value));
                    self.at(ASK_AGAIN * 2, Event::AskAgain { node, life, height, value });
                }
            }
            Event::User => self.user(),
            Event::Fault(step) => crate::faults::take(self, step),
        }
    }

    fn wake(&mut self, node: usize) {
        let now = self.now;
        if self.nodes[node].frozen > now {
            return self.rewake(node, self.nodes[node].frozen);
        }
        let second = now / 1_000_000;
        self.wakings = if self.wakings.0 == second { (second, self.wakings.1 + 1) } else { (second, 1) };
        if self.wakings.1 > WAKINGS_MAX {
            return self.oracles.violation(format!("{WAKINGS_MAX} wakings in second {second}: a node spins"));
        }
        self.note(b"wake", [node as u64, 0, 0]);
        self.call(node, None);
    }

    /// Call a node's engine, with or without something that came, and do what it says.
    fn call(&mut self, node: usize, event: Option<Incoming>) {
        let it = &mut self.nodes[node];
        it.clock.tell(self.now);
        let Some(running) = it.running.as_mut() else { return };
        let now = Duration::from_micros(self.now);
        let engine = &mut running.engine;
        let result = match event {
            Some(event) => engine.incoming(now, event).and_then(|()| engine.wake(now)),
            None => engine.wake(now),
        };
        self.after(node, result);
    }

    /// Carry out what a call of a node's engine or pool left.
    fn after(&mut self, node: usize, result: Result<(), EngineError>) {
        let outs = std::mem::take(&mut *self.nodes[node].queue.lock().expect("one thread"));
        for out in outs {
            self.put_out(node, out);
        }
        let dead = self.nodes[node].ledger.power().is_out();
        if !dead {
            self.nodes[node].ledger.settle();
        }
        self.look_at_chain(node);
        if dead {
            return self.go_dark(node);
        }
        if let Err(error) = result {
            let it = &mut self.nodes[node];
            it.running = None;
            it.life += 1;
            it.stopped = Some(error.to_string());
            if !it.byzantine {
                self.oracles.violation(format!("node {node} stopped: {error}"));
            }
            return;
        }
        let Some(running) = &self.nodes[node].running else { return };
        let deadline = u64::try_from(running.engine.deadline().as_micros()).unwrap_or(u64::MAX);
        self.rewake(node, deadline);
    }

    fn rewake(&mut self, node: usize, deadline: u64) {
        let due = deadline.max(self.now + WORK);
        if let Some((time, number)) = self.nodes[node].wake {
            if time == due {
                return;
            }
            self.events.remove(&(time, number));
        }
        let life = self.nodes[node].life;
        let key = self.at(due - self.now, Event::Wake { node, life });
        self.nodes[node].wake = Some(key);
    }

    /// Show the oracles what a node committed.
    fn look_at_chain(&mut self, node: usize) {
        let tip = self.nodes[node].ledger.height();
        while self.nodes[node].seen < tip {
            let height = self.nodes[node].seen.next();
            self.nodes[node].seen = height;
            self.note(b"commit", [node as u64, u64::from(height.0), 0]);
            self.tell(|| format!("{node} commits height {height}"));
            if !self.nodes[node].byzantine {
                self.oracles.committed(node, height, &self.nodes[node].ledger);
                crate::faults::committed(self);
            }
        }
    }

    /// What a node puts out goes by its behaviour if it is a liar, then over the links.
    fn put_out(&mut self, node: usize, out: Out) {
        if !self.nodes[node].byzantine {
            return self.carry(node, out);
        }
        self.lie(node, |behaviour, hand| {
            behaviour.sends(hand, out);
            true
        });
    }

    /// Let a liar's behaviour do something; its word on whether the engine shall hear.
    fn lie(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut dyn crate::byzantine::Behaviour, &mut Hand<'_>) -> bool,
    ) -> bool {
        let Some(mut behaviour) = self.nodes[node].behaviour.take() else { return true };
        let nodes = self.nodes.len();
        let it = &self.nodes[node];
        it.clock.tell(self.now);
        let mut hand = Hand {
            me: node,
            nodes,
            key: &it.key,
            ledger: &it.ledger,
            runtime: &self.runtime,
            genesis: self.genesis,
            now: it.clock.now(),
            chance: &mut self.liar_chance,
            sent: Vec::new(),
            passed: Vec::new(),
            lies: 0,
        };
        let hear = act(&mut *behaviour, &mut hand);
        let Hand { sent, passed, lies, .. } = hand;
        self.nodes[node].behaviour = Some(behaviour);
        if lies > 0
            && let Some((_, kind)) = self.setup.liars.iter().find(|(liar, _)| *liar == node)
        {
            self.oracles.marks.add(kind.mark(), lies);
        }
        for (to, frame) in sent {
            self.send(node, to, frame);
        }
        for out in passed {
            self.carry(node, out);
        }
        hear
    }

    /// The honest way of what a node puts out.
    fn carry(&mut self, node: usize, out: Out) {
        self.tell(|| format!("{node} puts out {}", out.in_words()));
        let honest = !self.nodes[node].byzantine;
        match out {
            Out::Message(message) => {
                if honest {
                    self.oracles.said(&self.nodes[node].key.public(), &message);
                }
                self.send_validators(node, &Frame::Message(Rc::new(message)));
            }
            Out::Block(block) => self.send_validators(node, &Frame::Block(Rc::new(block))),
            Out::AskBlock(height, value, from) => {
                let ask = Frame::AskBlock(height, value);
                match from {
                    Some(Peer(peer)) => self.send(node, peer as usize, ask),
                    None => self.send_all(node, &ask),
                }
                let life = self.nodes[node].life;
                self.at(ASK_AGAIN, Event::AskAgain { node, life, height, value });
            }
            Out::AskRange(Peer(peer), from, max) => self.send(node, peer as usize, Frame::AskRange(from, max)),
            Out::Tip(tip) => self.send_all(node, &Frame::Tip(tip)),
            Out::Report(Peer(peer), offence) => {
                if honest && !self.nodes[peer as usize].byzantine {
                    self.oracles.violation(format!("node {node} reports honest node {peer}: {offence:?}"));
                }
            }
            Out::Extrinsic(raw) => self.send_all(node, &Frame::Extrinsic(Rc::new(raw))),
            Out::Announced(height, _, extrinsics) => {
                if honest {
                    self.oracles.announced(&extrinsics, height);
                }
            }
        }
    }

    /// To the validators of the height after the sender's tip, as far as the sender knows.
    fn send_validators(&mut self, from: usize, frame: &Frame) {
        let ledger = &self.nodes[from].ledger;
        let Some(set) = ledger.set_of(ledger.height().next()) else { return };
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            if set.index_of(&self.nodes[to].key.public()).is_some() {
                self.send(from, to, frame.clone());
            }
        }
    }

    fn send_all(&mut self, from: usize, frame: &Frame) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.send(from, to, frame.clone());
        }
    }

    /// Put a frame on a link.
    pub fn send(&mut self, from: usize, to: usize, frame: Frame) {
        for delay in self.links.carry(from, to, &mut self.link_chance) {
            self.at(delay, Event::Deliver { to, from, frame: frame.clone() });
        }
    }

    fn deliver(&mut self, to: usize, from: usize, frame: Frame) {
        if self.nodes[to].running.is_none() {
            return;
        }
        if self.nodes[to].frozen > self.now {
            let delay = self.nodes[to].frozen - self.now;
            self.at(delay, Event::Deliver { to, from, frame });
            return;
        }
        self.trace_frame(to, from, &frame);
        if self.nodes[to].byzantine && !self.lie(to, |behaviour, hand| behaviour.hears(hand, from, &frame)) {
            return;
        }
        let peer = Peer(from as u64);
        self.tell(|| format!("{from} -> {to}: {}", frame.in_words()));
        match frame {
            Frame::Message(message) => self.call(to, Some(Incoming::Message(peer, (*message).clone()))),
            Frame::Block(block) => self.call(to, Some(Incoming::Block(peer, Box::new((*block).clone())))),
            Frame::AskBlock(height, value) => {
                if let Some(block) = self.nodes[to].ledger.block_of(height, &value) {
                    self.send(to, from, Frame::Block(Rc::new(block)));
                }
            }
            Frame::AskRange(first, max) => {
                let ledger = &self.nodes[to].ledger;
                let heights = (first.0..).take(max as usize).map(Height);
                let records: Vec<_> = heights.map_while(|height| ledger.record(height)).collect();
                let answer = if records.is_empty() { Frame::NoRange } else { Frame::Range(Rc::new(records)) };
                self.send(to, from, answer);
            }
            Frame::Range(records) => self.call(to, Some(Incoming::Range(peer, (*records).clone()))),
            Frame::NoRange => self.call(to, Some(Incoming::RangeFailed(peer))),
            Frame::Tip(tip) => self.call(to, Some(Incoming::Tip(peer, tip))),
            Frame::Gone => self.call(to, Some(Incoming::Gone(peer))),
            Frame::Extrinsic(raw) => {
                let it = &self.nodes[to];
                it.clock.tell(self.now);
                let taken = it
                    .running
                    .as_ref()
                    .is_some_and(|running| running.chain.receive(vec![(*raw).clone()]).iter().all(Result::is_ok));
                self.after(to, Ok(()));
                if taken {
                    for other in (0..self.nodes.len()).filter(|other| *other != to && *other != from) {
                        self.send(to, other, Frame::Extrinsic(Rc::clone(&raw)));
                    }
                }
            }
        }
    }

    fn trace_frame(&mut self, to: usize, from: usize, frame: &Frame) {
        let place = |kind: u64| [to as u64, from as u64, kind];
        match frame {
            Frame::Message(message) => self.note(&message.to_bytes(), place(1)),
            Frame::Block(block) => self.note(&block.header.state_root.0, place(2)),
            Frame::AskBlock(_, value) => self.note(&value.0, place(3)),
            Frame::AskRange(first, _) => self.note(&first.0.to_le_bytes(), place(4)),
            Frame::Range(records) => self.note(&records.len().to_le_bytes(), place(5)),
            Frame::NoRange => self.note(b"", place(6)),
            Frame::Tip(tip) => self.note(&tip.0.to_le_bytes(), place(7)),
            Frame::Extrinsic(raw) => self.note(&raw.0[raw.0.len().saturating_sub(70)..], place(8)),
            Frame::Gone => self.note(b"", place(9)),
        }
    }

    /// A node starts, and says hello to those it reaches.
    fn restart(&mut self, node: usize) {
        if self.nodes[node].running.is_some() || self.nodes[node].stopped.is_some() {
            return;
        }
        let (now, planted) = (self.now, self.setup.planted);
        let planted = planted.filter(|_| !self.nodes[node].byzantine);
        let (tip, before) = (self.nodes[node].ledger.height(), self.nodes[node].seen);
        if !self.nodes[node].byzantine {
            self.oracles.returned(node, tip, before);
        }
        self.note(b"start", [node as u64, u64::from(tip.0), 0]);
        self.tell(|| format!("{node} starts at height {tip}"));
        let started = self.nodes[node].start(now, planted);
        if let Err(error) = started {
            self.nodes[node].stopped = Some(error.to_string());
            if !self.nodes[node].byzantine {
                self.oracles.violation(format!("node {node} does not start: {error}"));
            }
            return;
        }
        for other in 0..self.nodes.len() {
            self.hello(node, other);
        }
        self.call(node, None);
    }

    /// Two nodes that can reach each other say how far they are.
    pub fn hello(&mut self, a: usize, b: usize) {
        if a == b || self.nodes[a].running.is_none() || self.nodes[b].running.is_none() {
            return;
        }
        for (from, to) in [(a, b), (b, a)] {
            let tip = self.nodes[from].ledger.height();
            self.send(from, to, Frame::Tip(tip));
        }
    }

    /// The power of a node is gone: a part of what it wrote and did not sync is lost.
    pub fn go_dark(&mut self, node: usize) {
        self.oracles.marks.hit("power-cut");
        self.count_figures(node);
        let unsynced = self.nodes[node].ledger.unsynced();
        let kept = self.chance.index(unsynced + 1);
        let lost = self.nodes[node].ledger.lose_power(kept);
        self.oracles.marks.add("log-tail-lost", lost.entries as u64);
        self.note(b"dark", [node as u64, kept as u64, lost.writes as u64]);
        self.tell(|| format!("{node} goes dark, {kept} of {unsynced} unsynced writes survive"));
        let it = &mut self.nodes[node];
        it.running = None;
        it.life += 1;
        it.wake = None;
        it.frozen = 0;
        for other in 0..self.nodes.len() {
            if other != node && self.chance.permille(500) {
                self.send(node, other, Frame::Gone);
            }
        }
        crate::faults::went_dark(self, node);
    }

    /// Take what an engine counted into the marks, before it is gone.
    pub fn count_figures(&mut self, node: usize) {
        let it = &self.nodes[node];
        let Some(running) = it.running.as_ref().filter(|_| !it.byzantine) else { return };
        let figures = running.engine.figures();
        let marks = &mut self.oracles.marks;
        marks.add("round-3", u64::from(figures.round_max >= 3));
        marks.add("synced", figures.synced);
        marks.add("evidence-made", figures.evidence);
        marks.add("untimely", figures.untimely_blocks);
        marks.add("observed", figures.observed);
        if !it.votes {
            marks.add("followed", figures.synced);
        }
    }

    fn user(&mut self) {
        let wait = self.user_chance.within(0, 2 * self.setup.pace);
        self.at(wait.max(1_000), Event::User);
        let extrinsics = self.load.next(self.now, &mut self.user_chance, &self.oracles);
        for raw in extrinsics {
            self.submit(raw);
        }
    }

    /// A user of chance sends something new.
    pub fn probe(&mut self) {
        if let Some(raw) = self.load.probe(self.now, &mut self.user_chance) {
            self.submit(raw);
        }
    }

    /// A user sends to a node of chance.
    fn submit(&mut self, raw: RawExtrinsic) {
        let up: Vec<_> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].running.is_some() && self.nodes[*node].frozen <= self.now)
            .collect();
        if up.is_empty() {
            return;
        }
        let node = self.user_chance.pick(&up);
        self.note(&raw.0[raw.0.len().saturating_sub(70)..], [node as u64, 0, 10]);
        let it = &self.nodes[node];
        it.clock.tell(self.now);
        if let Some(running) = &it.running {
            // Refused is an answer too: the user sends it again, elsewhere.
            let _ = running.chain.submit(raw);
        }
        self.after(node, Ok(()));
    }
}
