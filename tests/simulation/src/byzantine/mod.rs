//! Validators that lie, one way in each file. A liar runs the real engine; its behaviour stands between the engine and
//! the links, with the validator's key in its hand.

mod bad_timestamp;
mod equivocate;
mod lying_height;
mod other_body;
mod stale_lock;
mod withhold;
mod wrong_proposer;
mod wrong_state_root;

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use salus_consensus::{Proposal, SignedProposal, SignedVote, Vote, WireMessage};
use salus_engine::execution::{self, Ground};
use salus_primitives::{
    Block, Hash, Height, Moment, RawExtrinsic,
    crypto::KeyPair,
    header::Slot,
    runtime_api::{NoneVerified, RuntimeApi},
    validator_set::ValidatorSet,
};

use crate::{
    chance::Chance,
    disk::SimLedger,
    node::{Frame, Out},
};

/// A way to lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Says one thing to one half and another to the other.
    Equivocate,
    /// Holds back blocks, proposals, votes and answers.
    Withhold,
    /// Proposes blocks with a wrong state root.
    WrongStateRoot,
    /// Proposes out of turn, or as somebody else, or a block of another round.
    WrongProposer,
    /// Proposes blocks with a wrong time.
    BadTimestamp,
    /// Votes for whatever is proposed last, as if it had never been locked.
    StaleLock,
    /// Claims heights it does not have, and answers with forged blocks.
    LyingHeight,
    /// Sends headers with the bodies of other blocks.
    OtherBody,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Equivocate,
        Self::Withhold,
        Self::WrongStateRoot,
        Self::WrongProposer,
        Self::BadTimestamp,
        Self::StaleLock,
        Self::LyingHeight,
        Self::OtherBody,
    ];

    /// The mark that says it was met.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Equivocate => "equivocate",
            Self::Withhold => "withhold",
            Self::WrongStateRoot => "wrong-state-root",
            Self::WrongProposer => "wrong-proposer",
            Self::BadTimestamp => "bad-timestamp",
            Self::StaleLock => "stale-lock",
            Self::LyingHeight => "lying-sync-height",
            Self::OtherBody => "other-body",
        }
    }

    /// The behaviour itself.
    pub fn behaviour(self) -> Box<dyn Behaviour> {
        match self {
            Self::Equivocate => Box::new(equivocate::Equivocate::default()),
            Self::Withhold => Box::new(withhold::Withhold::default()),
            Self::WrongStateRoot => Box::new(wrong_state_root::WrongStateRoot::default()),
            Self::WrongProposer => Box::new(wrong_proposer::WrongProposer::default()),
            Self::BadTimestamp => Box::new(bad_timestamp::BadTimestamp::default()),
            Self::StaleLock => Box::new(stale_lock::StaleLock::default()),
            Self::LyingHeight => Box::new(lying_height::LyingHeight),
            Self::OtherBody => Box::new(other_body::OtherBody::default()),
        }
    }
}

/// How a liar deals with what its engine sends and with what it hears.
pub trait Behaviour {
    /// The engine wants this sent.
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        hand.pass(out);
    }

    /// This comes in: shall the engine hear of it?
    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        let _ = (hand, from, frame);
        true
    }
}

/// What a liar has at hand.
pub struct Hand<'a> {
    /// Which node it is.
    pub me: usize,
    /// How many nodes there are.
    pub nodes: usize,
    /// Its validator key.
    pub key: &'a KeyPair,
    /// Its disk.
    pub ledger: &'a SimLedger,
    /// The true runtime.
    pub runtime: &'a Arc<dyn RuntimeApi>,
    /// The genesis hash.
    pub genesis: Hash,
    /// Its clock.
    pub now: Moment,
    /// Its dice.
    pub chance: &'a mut Chance,
    /// What goes over the links.
    pub sent: Vec<(usize, Frame)>,
    /// What goes the honest way.
    pub passed: Vec<Out>,
    /// How often it lied.
    pub lies: u64,
}

impl Hand<'_> {
    /// Let it go the honest way.
    pub fn pass(&mut self, out: Out) {
        self.passed.push(out);
    }

    /// Send to one node.
    pub fn send(&mut self, to: usize, frame: Frame) {
        self.sent.push((to, frame));
    }

    /// Send to all others.
    pub fn send_all(&mut self, frame: &Frame) {
        for to in self.others() {
            self.send(to, frame.clone());
        }
    }

    /// All others.
    pub fn others(&self) -> Vec<usize> {
        (0..self.nodes).filter(|node| *node != self.me).collect()
    }

    /// The validators of the height after its tip.
    pub fn set(&self) -> ValidatorSet {
        let next = self.ledger.height().next();
        self.ledger.set_of(next).expect("a ledger knows the set after its tip")
    }

    /// Sign a vote.
    pub fn vote(&self, vote: Vote) -> WireMessage {
        WireMessage::Vote(SignedVote { signature: self.key.sign(&vote.bytes(&self.genesis)), vote })
    }

    /// Sign a proposal.
    pub fn proposal(&self, proposal: Proposal) -> WireMessage {
        WireMessage::Proposal(SignedProposal { signature: self.key.sign(&proposal.bytes(&self.genesis)), proposal })
    }

    /// Is this message its own?
    pub fn is_mine(&self, message: &WireMessage) -> bool {
        match message {
            WireMessage::Vote(signed) => signed.vote.authority == self.key.public(),
            WireMessage::Proposal(signed) => signed.proposal.authority == self.key.public(),
            _ => false,
        }
    }

    /// The block after its tip with this statement and these extrinsics, executed; none where it may not stand there.
    pub fn build(&self, slot: Slot, extrinsics: &[RawExtrinsic]) -> Option<Block> {
        let mut candidates = extrinsics.iter().cloned();
        let built = execution::build(self.ledger, &**self.runtime, slot, &mut candidates, &NoneVerified).ok()?;
        Some(built.prepared.block)
    }

    /// A block again, under another statement; none where it is not one for the height after its tip.
    pub fn rebuild(&self, block: &Block, change: impl FnOnce(&mut Slot)) -> Option<Block> {
        if block.header.number != self.ledger.tip().0.number.next() {
            return None;
        }
        let mut slot = block.header.slot().ok()?;
        change(&mut slot);
        self.build(slot, &block.extrinsics)
    }
}

/// A frame of a message.
pub fn message(message: WireMessage) -> Frame {
    Frame::Message(Rc::new(message))
}

/// Puts a forged block in the place of each the engine builds, in its proposals and votes alike.
#[derive(Default)]
pub struct Forger {
    forged: BTreeMap<Hash, Block>,
}

impl Forger {
    /// Deal with `out`; `forge` makes the forged block, or none to be honest this time.
    pub fn sends(&mut self, hand: &mut Hand<'_>, out: Out, forge: impl FnOnce(&mut Hand<'_>, &Block) -> Option<Block>) {
        match out {
            Out::Block(block) => {
                let value = block.header.vote_value();
                if !self.forged.contains_key(&value)
                    && let Some(forged) = forge(hand, &block)
                {
                    hand.lies += 1;
                    self.forged.insert(value, forged);
                }
                hand.pass(Out::Block(self.forged.get(&value).cloned().unwrap_or(block)));
            }
            Out::Message(message) if hand.is_mine(&message) => {
                let swapped = match &message {
                    WireMessage::Vote(signed) => signed
                        .vote
                        .value
                        .and_then(|value| self.value_for(&value))
                        .map(|value| hand.vote(Vote { value: Some(value), ..signed.vote })),
                    WireMessage::Proposal(signed) => self
                        .value_for(&signed.proposal.value)
                        .map(|value| hand.proposal(Proposal { value, ..signed.proposal })),
                    _ => None,
                };
                hand.pass(Out::Message(swapped.unwrap_or(message)));
            }
            other => hand.pass(other),
        }
    }

    fn value_for(&self, value: &Hash) -> Option<Hash> {
        self.forged.get(value).map(|block| block.header.vote_value())
    }

    /// Serve a forged block to who asks for it.
    pub fn hears(&self, hand: &mut Hand<'_>, from: usize, frame: &Frame) {
        if let Frame::AskBlock(_, wanted) = frame
            && let Some(block) = self.block(wanted)
        {
            hand.send(from, Frame::Block(Rc::new(block.clone())));
        }
    }

    fn block(&self, wanted: &Hash) -> Option<&Block> {
        self.forged.values().find(|block| block.header.vote_value() == *wanted)
    }
}

/// The statement of an honest proposer at `height` in `round`.
pub fn slot_at(hand: &Hand<'_>, height: Height, round: u32) -> Slot {
    let set = hand.set();
    let parent = hand.ledger.tip().0.slot().map_or(Moment(0), |slot| slot.time);
    Slot {
        time: hand.now.max(parent.plus(1)),
        build_round: round,
        proposer_index: set.proposer_index(height, round),
        set_id: set.set_id,
    }
}
