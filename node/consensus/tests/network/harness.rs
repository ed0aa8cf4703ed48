//! Any number of hosts on one thread, under a virtual clock, with links, disks and faults made of a
//! seed: the same seed gives the same run, to the byte.
//!
//! Each node here is a tiny engine that does what the crate's page asks of one. Oracles watch every
//! run: no two blocks at one height, no validator that says two things, nothing sent before it is on
//! disk, every certificate good by the chain's own rule. What they see lands in [`Net::violations`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use salus_consensus::{
    Evidence, Fatal, Host, Ignored, Input, Peer, Position, Proposal, SignedProposal, SignedRecord, SignedVote,
    Timeouts, Timer, Vote, WireMessage,
};
use salus_primitives::{
    Hash, Header, Height,
    commit::CommitCertificate,
    crypto::{KeyPair, Sha256Stream, sha256},
    header::Digest,
    validator_set::ValidatorSet,
};

use crate::{
    chance::{Conduct, Links, Xorshift},
    disk::Disk,
};

/// Where the virtual clock starts, in ms since the epoch.
pub const EPOCH: u64 = 1_800_000_000_000;

/// What travels.
#[derive(Clone)]
pub enum Frame {
    Message(Vec<u8>),
    Body(Header),
    Ask(Hash),
    WantFinal(Height),
    Final(Header, CommitCertificate),
}

pub enum Event {
    Deliver { to: usize, from: usize, frame: Frame },
    Timer { node: usize, life: u64, timer: Timer, set: u64 },
    Start { node: usize, life: u64, height: Height },
    Restart { node: usize },
}

pub struct Node {
    pub key: KeyPair,
    pub conduct: Conduct,
    pub disk: Disk,
    /// Fast (or slow) by so many ms.
    pub clock_error: i64,
    /// None while it is down.
    pub host: Option<Host>,
    /// Why it stopped for good.
    pub fatal: Option<Fatal>,
    pub observed: Vec<Height>,
    /// What its key was seen to have signed although its record does not know of it.
    pub record_old: Vec<Position>,
    pub ignored: Vec<Ignored>,
    pub evidence: Vec<Evidence>,
    /// Dies when so many more acts are done.
    pub dies_after: Option<usize>,
    /// How many of its unsynced writes outlive that; none: as chance has it.
    pub dies_keeping: Option<usize>,
    /// What is then done to its disk.
    pub mishap: Option<fn(&mut Disk)>,
    pub chain: BTreeMap<Height, (Header, CommitCertificate)>,
    pub syncs: usize,
    /// A record that waits for the next sync.
    pub record: Option<SignedRecord>,
    pub tip: Header,
    pub held: BTreeMap<Hash, Header>,
    pub wanted: BTreeMap<Hash, Height>,
    pub timers: BTreeMap<Timer, u64>,
    pub life: u64,
}

pub struct Net {
    pub now: u64,
    pub nodes: Vec<Node>,
    pub links: Links,
    pub violations: Vec<String>,
    pub genesis: Header,
    /// The set from each height on.
    pub sets: BTreeMap<u32, ValidatorSet>,
    /// Pause between a block and the start of the next height, in ms.
    pub pause: u64,
    pub timeouts: Timeouts,
    pub rounds: BTreeMap<Height, u32>,
    pub sent: u64,
    /// Write the signer's record together with the next sync, as an engine may, instead of at once.
    pub record_at_sync: bool,
    /// Heights above this are not started.
    pub last_height: u32,
    rng: Xorshift,
    events: BTreeMap<(u64, u64), Event>,
    pub next_event: u64,
    pub decided: BTreeMap<Height, Hash>,
    said: BTreeMap<(usize, Height, u32, u8), Hash>,
    pub trace: Sha256Stream,
}

pub fn keys(count: u8) -> Vec<KeyPair> {
    let mut keys: Vec<_> = (1..=count).map(|i| KeyPair::from_seed(&[i; 32])).collect();
    keys.sort_by_key(KeyPair::public);
    keys
}

pub fn set_of(keys: &[KeyPair]) -> ValidatorSet {
    ValidatorSet::new(0, keys.iter().map(KeyPair::public).collect()).expect("the keys differ")
}

pub fn genesis() -> Header {
    Header {
        parent_hash: Hash::ZERO,
        number: Height::GENESIS,
        state_root: sha256(b"genesis"),
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    }
}

impl Net {
    /// `count` honest validators, all idle at genesis.
    pub fn new(count: u8, seed: u64) -> Self {
        Self::with_keys(keys(count), count, seed)
    }

    /// Nodes for all `keys`, of which the first `validators` form the first set.
    pub fn with_keys(keys: Vec<KeyPair>, validators: u8, seed: u64) -> Self {
        let genesis = genesis();
        let set = set_of(&keys[..usize::from(validators)]);
        let nodes = keys.into_iter().map(|key| Node::new(key, &genesis)).collect();
        let mut net = Self {
            now: 0,
            nodes,
            links: Links::default(),
            violations: Vec::new(),
            genesis,
            sets: BTreeMap::from([(1, set)]),
            pause: 0,
            timeouts: Timeouts::default(),
            rounds: BTreeMap::new(),
            sent: 0,
            record_at_sync: false,
            last_height: u32::MAX,
            rng: Xorshift::new(seed),
            events: BTreeMap::new(),
            next_event: 0,
            decided: BTreeMap::new(),
            said: BTreeMap::new(),
            trace: Sha256Stream::new(),
        };
        for node in 0..net.nodes.len() {
            net.at(0, Event::Restart { node });
        }
        net
    }

    pub fn set_at(&self, height: Height) -> ValidatorSet {
        self.sets.range(..=height.0).next_back().expect("there is a set from height 1 on").1.clone()
    }

    /// A digest of everything that happened.
    pub fn trace(&self) -> Hash {
        self.trace.clone().finish()
    }

    pub fn height_of(&self, node: usize) -> u32 {
        self.nodes[node].tip.number.0
    }

    /// Heights that every honest node which is up has decided.
    pub fn common_height(&self) -> u32 {
        let honest = self.nodes.iter().filter(|node| node.conduct == Conduct::Honest && node.fatal.is_none());
        honest.map(|node| node.tip.number.0).min().unwrap_or(0)
    }

    /// Run until every honest node has decided `height`, at most `limit` ms of virtual time.
    pub fn run_to(&mut self, height: u32, limit: u64) {
        let end = self.now + limit;
        while self.common_height() < height && self.now < end {
            if !self.step() {
                break;
            }
        }
        assert!(self.common_height() >= height, "at {} ms: {:?}", self.now, self.heights());
    }

    /// Run for so many ms of virtual time.
    pub fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.events.first_key_value().is_some_and(|((time, _), _)| *time <= end) {
            self.step();
        }
        self.now = end;
    }

    pub fn heights(&self) -> Vec<u32> {
        (0..self.nodes.len()).map(|node| self.height_of(node)).collect()
    }

    pub fn expect_peace(&self) {
        assert_eq!(self.violations, Vec::<String>::new());
        for (index, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.fatal, None, "node {index}");
        }
    }

    /// The power of a node goes, with a part of its unsynced writes; it is back after `ms`.
    pub fn crash(&mut self, node: usize, ms: u64) {
        let unsynced = self.nodes[node].disk.unsynced() as u64;
        let chance = self.rng.below(unsynced + 1) as usize;
        let it = &mut self.nodes[node];
        it.disk.lose_power(it.dies_keeping.unwrap_or(chance));
        if let Some(mishap) = it.mishap.take() {
            mishap(&mut it.disk);
        }
        it.host = None;
        it.record = None;
        it.dies_after = None;
        it.life += 1;
        self.at(ms, Event::Restart { node });
    }

    pub fn random(&mut self, end: u64) -> u64 {
        self.rng.below(end)
    }

    pub fn at(&mut self, delay: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now + delay, self.next_event), event);
    }

    /// One event; false when there is none.
    pub fn step(&mut self) -> bool {
        let Some(((time, _), event)) = self.events.pop_first() else { return false };
        self.now = time;
        match event {
            Event::Restart { node } => self.restart(node),
            Event::Start { node, life, height } => {
                if self.nodes[node].life == life {
                    self.start(node, height);
                }
            }
            Event::Timer { node, life, timer, set } => {
                let it = &mut self.nodes[node];
                if it.life == life && it.timers.get(&timer) == Some(&set) {
                    it.timers.remove(&timer);
                    self.feed(node, Input::Timeout(timer));
                }
            }
            Event::Deliver { to, from, frame } => self.deliver(to, from, frame),
        }
        true
    }

    fn deliver(&mut self, to: usize, from: usize, frame: Frame) {
        if self.nodes[to].conduct == Conduct::Silent || self.nodes[to].host.is_none() {
            return;
        }
        let peer = Peer(from as u64);
        match frame {
            Frame::Message(bytes) => {
                let message = WireMessage::from_bytes(&bytes).expect("a node sends what can be read");
                self.feed(to, Input::Message { from: peer, message });
            }
            Frame::Body(header) => {
                let value = header.vote_value();
                self.nodes[to].held.insert(value, header);
                let mut queue = VecDeque::new();
                self.judge(to, value, &mut queue);
                for input in queue {
                    self.feed(to, input);
                }
            }
            Frame::Ask(value) => {
                if let Some(header) = self.nodes[to].held.get(&value).cloned() {
                    self.send(to, from, Frame::Body(header));
                }
            }
            Frame::WantFinal(height) => self.offer(to, from, height),
            Frame::Final(header, certificate) => {
                if header.number > self.nodes[to].tip.number {
                    self.nodes[to].held.insert(header.vote_value(), header);
                    self.feed(to, Input::Certified { from: peer, certificate });
                }
            }
        }
    }

    pub fn send_all(&mut self, from: usize, frame: Frame) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.send(from, to, frame.clone());
        }
    }

    pub fn send(&mut self, from: usize, to: usize, frame: Frame) {
        self.sent += 1;
        if self.nodes[from].conduct == Conduct::Silent || self.rng.below(1_000) < self.links.lost {
            return;
        }
        let copies = if self.rng.below(1_000) < self.links.doubled { 2 } else { 1 };
        for _ in 0..copies {
            let (least, most) = self.links.delay;
            let delay = least + self.rng.below(most - least + 1);
            self.at(delay, Event::Deliver { to, from, frame: frame.clone() });
        }
    }

    pub fn broadcast(&mut self, from: usize, message: WireMessage) {
        if !self.nodes[from].disk.is_synced() || self.nodes[from].record.is_some() {
            self.violations.push(format!("node {from} speaks before its disk is synced"));
        }
        if self.nodes[from].conduct == Conduct::Equivocating {
            return self.broadcast_two_faced(from, message);
        }
        self.overhear(from, &message);
        self.send_all(from, Frame::Message(message.to_bytes()));
    }

    /// Remember what a node said, and notice when it says something else.
    fn overhear(&mut self, from: usize, message: &WireMessage) {
        let own = self.nodes[from].key.public();
        let genesis = self.genesis.hash();
        let (place, bytes, good) = match message {
            WireMessage::Vote(signed) if signed.vote.authority == own => {
                let vote = &signed.vote;
                let place = (from, vote.height, vote.round, 1 + vote.kind as u8);
                (place, vote.bytes(&genesis), signed.verify(&genesis))
            }
            WireMessage::Proposal(signed) if signed.proposal.authority == own => {
                let proposal = &signed.proposal;
                let place = (from, proposal.height, proposal.round, 0);
                (place, proposal.bytes(&genesis), signed.verify(&genesis))
            }
            _ => return,
        };
        let digest = sha256(&bytes);
        if !good {
            self.violations.push(format!("node {from} sends a signature that does not fit"));
        }
        if *self.said.entry(place).or_insert(digest) != digest {
            self.violations.push(format!("DOUBLE SIGN by node {from}: {place:?}"));
        }
    }

    fn broadcast_two_faced(&mut self, from: usize, message: WireMessage) {
        let (key, genesis) = (self.nodes[from].key.clone(), self.genesis.hash());
        let other = match &message {
            WireMessage::Vote(signed) if signed.vote.authority == key.public() => {
                let value = if signed.vote.value.is_some() { None } else { Some(sha256(b"something else")) };
                let vote = Vote { value, ..signed.vote };
                WireMessage::Vote(SignedVote { vote, signature: key.sign(&vote.bytes(&genesis)) })
            }
            WireMessage::Proposal(signed)
                if signed.proposal.authority == key.public() && signed.proposal.pol_round.is_none() =>
            {
                let header = self.build(from, signed.proposal.height, signed.proposal.round, 1);
                let proposal = Proposal { value: header.vote_value(), ..signed.proposal };
                self.nodes[from].held.insert(proposal.value, header.clone());
                self.send_all(from, Frame::Body(header));
                WireMessage::Proposal(SignedProposal { proposal, signature: key.sign(&proposal.bytes(&genesis)) })
            }
            _ => message.clone(),
        };
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            let mine = if to % 2 == 0 { &message } else { &other };
            let late = if to % 2 == 0 { &other } else { &message };
            let (mine, late) = (Frame::Message(mine.to_bytes()), Frame::Message(late.to_bytes()));
            self.send(from, to, mine);
            self.send(from, to, late);
        }
    }
}

impl Node {
    fn new(key: KeyPair, genesis: &Header) -> Self {
        Self {
            key,
            conduct: Conduct::Honest,
            disk: Disk::default(),
            clock_error: 0,
            host: None,
            fatal: None,
            observed: Vec::new(),
            record_old: Vec::new(),
            ignored: Vec::new(),
            evidence: Vec::new(),
            dies_after: None,
            dies_keeping: None,
            mishap: None,
            chain: BTreeMap::new(),
            syncs: 0,
            record: None,
            tip: genesis.clone(),
            held: BTreeMap::new(),
            wanted: BTreeMap::new(),
            timers: BTreeMap::new(),
            life: 0,
        }
    }
}

/// The offenders named by `evidence`.
pub fn offenders(evidence: &[Evidence]) -> BTreeSet<[u8; 32]> {
    evidence.iter().map(|evidence| evidence.offender().0).collect()
}
