//! Any number of hosts on one thread, under a virtual clock, with links, disks and faults made of a
//! seed: the same seed gives the same run, to the byte.
//!
//! Each node here is a tiny engine that does what the crate's page asks of one. Oracles watch every
//! run: no two blocks at one height, no validator that says two things, nothing sent before it is on
//! disk, every certificate good by the chain's own rule. What they see lands in [`Net::violations`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use salus_consensus::{
    Act, Evidence, Fatal, Host, Ignored, Input, Judgement, Peer, Proposal, SignedProposal, SignedVote, Signer,
    TimeVerdict, Timeouts, Timer, Vote, Why, WireMessage, block_time, judge_time,
};
use salus_primitives::{
    Hash, Header, Height, Moment,
    commit::CommitCertificate,
    crypto::{KeyPair, Sha256Stream, sha256, sha256_of},
    header::{Digest, Slot},
    validator_set::ValidatorSet,
};

use crate::disk::{Disk, Write};

/// Where the virtual clock starts, in ms since the epoch.
pub const EPOCH: u64 = 1_800_000_000_000;
/// A block with this root is invalid.
const BAD_ROOT: Hash = Hash([0xbb; 32]);

/// Numbers that look random and are the same in every run.
pub struct Xorshift(u64);

impl Xorshift {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// How the links behave.
#[derive(Clone, Copy)]
pub struct Links {
    /// Delay in ms, from and to.
    pub delay: (u64, u64),
    /// Frames lost, per thousand.
    pub lost: u64,
    /// Frames delivered twice, per thousand.
    pub doubled: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self { delay: (5, 30), lost: 0, doubled: 0 }
    }
}

/// How a node behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conduct {
    Honest,
    /// Says nothing and hears nothing.
    Silent,
    /// Votes and proposes one thing to one half and another to the other.
    Equivocating,
    /// Proposes blocks that are invalid.
    BadBlocks,
    /// Proposes blocks with a time this far ahead of its clock, in ms.
    Hasty(u64),
}

/// What travels.
#[derive(Clone)]
pub enum Frame {
    Message(Vec<u8>),
    Body(Header),
    Ask(Hash),
    WantFinal(Height),
    Final(Header, CommitCertificate),
}

enum Event {
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
    tip: Header,
    held: BTreeMap<Hash, Header>,
    wanted: BTreeMap<Hash, Height>,
    timers: BTreeMap<Timer, u64>,
    life: u64,
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
    /// Heights above this are not started.
    pub last_height: u32,
    rng: Xorshift,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    decided: BTreeMap<Height, Hash>,
    said: BTreeMap<(usize, Height, u32, u8), Hash>,
    trace: Sha256Stream,
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

fn time_of(header: &Header) -> Moment {
    header.slot().map_or(Moment(EPOCH - 1_000), |slot| slot.time)
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
        it.dies_after = None;
        it.life += 1;
        self.at(ms, Event::Restart { node });
    }

    pub fn random(&mut self, end: u64) -> u64 {
        self.rng.below(end)
    }

    fn at(&mut self, delay: u64, event: Event) {
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

    /// Start a node from its disk.
    pub fn restart(&mut self, index: usize) {
        let (genesis, timeouts) = (self.genesis.clone(), self.timeouts);
        let node = &mut self.nodes[index];
        if node.host.is_some() {
            return;
        }
        let found = node.disk.read(&genesis);
        node.tip = found.tip;
        node.chain = found.chain;
        node.held = found.bodies;
        node.wanted.clear();
        node.timers.clear();
        node.fatal = None;
        let hash = genesis.hash();
        let signer = match &found.record {
            Some(record) => Signer::with_record(hash, node.key.clone(), &record.to_bytes()).expect("our own record"),
            None => Signer::new(hash, node.key.clone()),
        };
        let host = Host::new(hash, node.tip.number, Some(signer), timeouts);
        let (must, height, life) = (host.must_start(found.log.len()), node.tip.number.next(), node.life);
        node.host = Some(host);
        if must { self.start(index, height) } else { self.at(self.pause, Event::Start { node: index, life, height }) }
    }

    fn start(&mut self, index: usize, height: Height) {
        if height.0 > self.last_height {
            return;
        }
        let set = self.set_at(height);
        let node = &mut self.nodes[index];
        let Some(host) = node.host.as_mut().filter(|host| host.running().is_none() && host.tip().next() == height)
        else {
            return;
        };
        let log = node.disk.read(&self.genesis).log;
        let result = host.start_height(height, set, &log);
        self.carry_out(index, result);
    }

    /// Give a node an input and do what it says.
    pub fn feed(&mut self, index: usize, input: Input) {
        let Some(host) = &mut self.nodes[index].host else { return };
        let result = host.input(input);
        self.carry_out(index, result);
    }

    fn carry_out(&mut self, index: usize, result: Result<Vec<Act>, Fatal>) {
        let mut queue = VecDeque::new();
        let mut result = result;
        loop {
            match result {
                Ok(acts) => {
                    for act in acts {
                        if self.nodes[index].dies_after == Some(0) {
                            self.crash(index, 50);
                            return;
                        }
                        if let Some(left) = &mut self.nodes[index].dies_after {
                            *left -= 1;
                        }
                        self.act(index, act, &mut queue);
                    }
                }
                Err(fatal) => {
                    self.nodes[index].fatal = Some(fatal);
                    self.nodes[index].host = None;
                    self.nodes[index].life += 1;
                    return;
                }
            }
            let Some(input) = queue.pop_front() else { return };
            let Some(host) = &mut self.nodes[index].host else { return };
            result = host.input(input);
        }
    }

    fn act(&mut self, index: usize, act: Act, queue: &mut VecDeque<Input>) {
        self.trace.update(format!("{} {index} {act:?}\n", self.now).as_bytes());
        let life = self.nodes[index].life;
        match act {
            Act::SaveSigned(record) => self.nodes[index].disk.write(Write::Signed(record)),
            Act::WalAppend { height, index: number, entry } => {
                self.nodes[index].disk.write(Write::Log { height, index: number, entry });
            }
            Act::WalSync => {
                self.nodes[index].syncs += 1;
                self.nodes[index].disk.sync();
            }
            Act::Broadcast(message) => self.broadcast(index, message),
            Act::SendBlock { value, .. } => {
                let body = self.nodes[index].held.get(&value).cloned();
                match body {
                    Some(header) => self.send_all(index, Frame::Body(header)),
                    None => self.violations.push(format!("node {index} is to send a body it lacks")),
                }
            }
            Act::RequestBlock { height, value, why, from } => {
                self.nodes[index].wanted.insert(value, height);
                if self.nodes[index].held.contains_key(&value) {
                    self.judge(index, value, queue);
                } else {
                    let asked = match (why, from) {
                        (_, Some(Peer(peer))) => peer as usize,
                        (Why::Proposed { proposer, .. }, None) => {
                            self.nodes.iter().position(|node| node.key.public() == proposer).expect("a known proposer")
                        }
                        (Why::Certified, None) => return,
                    };
                    self.send(index, asked, Frame::Ask(value));
                }
            }
            Act::BuildBlock { height, round, .. } => {
                let header = self.build(index, height, round, 0);
                let node = &mut self.nodes[index];
                let value = header.vote_value();
                node.disk.write(Write::Body(header.clone()));
                node.held.insert(value, header);
                queue.push_back(Input::Built { height, round, value });
            }
            Act::SetTimer(timer, duration) => {
                let set = self.next_event + 1;
                self.nodes[index].timers.insert(timer, set);
                let delay = u64::try_from(duration.as_millis()).expect("a timer is short");
                self.at(delay, Event::Timer { node: index, life, timer, set });
            }
            Act::CancelTimer(timer) => {
                self.nodes[index].timers.remove(&timer);
            }
            Act::CancelTimers => self.nodes[index].timers.clear(),
            Act::RoundStarted { height, round, .. } => {
                let highest = self.rounds.entry(height).or_default();
                *highest = round.max(*highest);
            }
            Act::Observing { height, .. } => self.nodes[index].observed.push(height),
            Act::WantHeight(height) => self.at(0, Event::Start { node: index, life, height }),
            Act::Ignored { from: Peer(peer), why } => {
                self.nodes[index].ignored.push(why);
                match why {
                    Ignored::Old { height } => self.offer(index, peer as usize, height),
                    Ignored::Far { .. } => {
                        let next = self.nodes[index].tip.number.next();
                        self.send(index, peer as usize, Frame::WantFinal(next));
                    }
                    Ignored::Full | Ignored::Unproven | Ignored::Unfit => {}
                }
            }
            Act::Finalised { certificate, evidence } => {
                self.nodes[index].evidence.extend(evidence);
                self.finalise(index, certificate);
                self.at(self.pause, Event::Start { node: index, life, height: self.nodes[index].tip.number.next() });
            }
        }
    }

    fn offer(&mut self, from: usize, to: usize, height: Height) {
        if let Some((header, certificate)) = self.nodes[from].chain.get(&height).cloned() {
            self.send(from, to, Frame::Final(header, certificate));
        }
    }

    fn finalise(&mut self, index: usize, certificate: CommitCertificate) {
        let (height, value) = (certificate.height, certificate.value);
        let Some(header) = self.nodes[index].held.get(&value).cloned() else {
            self.violations.push(format!("node {index} finalised a block it lacks at {height}"));
            return;
        };
        if let Err(error) = certificate.verify(&header, &self.set_at(height), &self.genesis.hash()) {
            self.violations.push(format!("node {index} at {height}: {error}"));
        }
        if header.parent_hash != self.nodes[index].tip.hash() {
            self.violations.push(format!("node {index} finalised a block on another parent at {height}"));
        }
        if *self.decided.entry(height).or_insert(value) != value {
            self.violations.push(format!("FORK at {height}"));
        }
        let node = &mut self.nodes[index];
        node.disk.write(Write::Commit { header: header.clone(), certificate: certificate.clone() });
        node.disk.sync();
        node.chain.insert(height, (header.clone(), certificate));
        node.tip = header;
    }

    /// A block on the node's tip. Different `twist`s give different blocks.
    pub fn build(&mut self, index: usize, height: Height, round: u32, twist: u64) -> Header {
        let set = self.set_at(height);
        let node = &self.nodes[index];
        let parent = &node.tip;
        let clock = self.clock(index);
        let haste = if let Conduct::Hasty(ms) = node.conduct { ms } else { 0 };
        let slot = Slot {
            time: block_time(time_of(parent), clock).plus(haste),
            build_round: round,
            proposer_index: set.proposer_index(height, round),
            set_id: set.set_id,
        };
        let bad = node.conduct == Conduct::BadBlocks;
        Header {
            parent_hash: parent.hash(),
            number: height,
            state_root: sha256_of(&[parent.state_root.as_bytes(), &twist.to_le_bytes()]),
            extrinsics_root: if bad { BAD_ROOT } else { Hash::ZERO },
            digest: Digest { logs: vec![slot.item()] },
        }
    }

    fn clock(&self, index: usize) -> Moment {
        Moment((EPOCH + self.now).saturating_add_signed(self.nodes[index].clock_error))
    }

    /// Judge a wanted block that is here.
    fn judge(&mut self, index: usize, value: Hash, queue: &mut VecDeque<Input>) {
        let clock = self.clock(index);
        let node = &mut self.nodes[index];
        let Some(header) = node.held.get(&value).cloned() else { return };
        let Some(height) = node.wanted.remove(&value) else { return };
        node.disk.write(Write::Body(header.clone()));
        let sound = header.number == height
            && header.parent_hash == node.tip.hash()
            && header.extrinsics_root != BAD_ROOT
            && header.slot().is_ok();
        let judgement = match (sound, judge_time(time_of(&node.tip), time_of(&header), clock)) {
            (false, _) | (_, TimeVerdict::NotAfterParent) => Judgement::Invalid,
            (true, verdict) => {
                let build_round = header.slot().expect("looked at above").build_round;
                Judgement::Sound { build_round, timely: verdict == TimeVerdict::Timely }
            }
        };
        queue.push_back(Input::Block { height, value, judgement });
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

    fn send_all(&mut self, from: usize, frame: Frame) {
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

    fn broadcast(&mut self, from: usize, message: WireMessage) {
        if !self.nodes[from].disk.is_synced() {
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
            ignored: Vec::new(),
            evidence: Vec::new(),
            dies_after: None,
            dies_keeping: None,
            mishap: None,
            chain: BTreeMap::new(),
            syncs: 0,
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
