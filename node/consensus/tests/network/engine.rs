//! The engine of one node of the harness: it carries out what the host says.

use std::collections::VecDeque;

use salus_consensus::{
    Act, Fatal, Host, Ignored, Input, Judgement, Peer, Signer, TimeVerdict, Why, block_time, judge_time,
};
use salus_primitives::{
    Hash, Header, Height, Moment,
    commit::CommitCertificate,
    crypto::sha256_of,
    header::{Digest, Slot},
};

use crate::{
    chance::Conduct,
    disk::Write,
    harness::{EPOCH, Event, Frame, Net},
};

/// A block with this root is invalid.
const BAD_ROOT: Hash = Hash([0xbb; 32]);

fn time_of(header: &Header) -> Moment {
    header.slot().map_or(Moment(EPOCH - 1_000), |slot| slot.time)
}

impl Net {
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

    pub fn start(&mut self, index: usize, height: Height) {
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

    pub fn carry_out(&mut self, index: usize, result: Result<Vec<Act>, Fatal>) {
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
            Act::SaveSigned(record) if self.record_at_sync => self.nodes[index].record = Some(record),
            Act::SaveSigned(record) => self.nodes[index].disk.write(Write::Signed(record)),
            Act::WalAppend { height, index: number, entry } => {
                self.nodes[index].disk.write(Write::Log { height, index: number, entry });
            }
            Act::WalSync => {
                let node = &mut self.nodes[index];
                node.syncs += 1;
                if let Some(record) = node.record.take() {
                    node.disk.write(Write::Signed(record));
                }
                node.disk.sync();
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
            Act::RecordIsOld { seen, .. } => self.nodes[index].record_old.push(seen),
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

    pub fn offer(&mut self, from: usize, to: usize, height: Height) {
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
    pub fn judge(&mut self, index: usize, value: Hash, queue: &mut VecDeque<Input>) {
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
}
