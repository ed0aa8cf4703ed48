//! Says one thing to one half of the others and another thing to the other half: two sound blocks in one round, and
//! votes for the one here and for the other there.

use std::{collections::BTreeMap, rc::Rc};

use salus_consensus::{Proposal, Vote, WireMessage};
use salus_primitives::{Block, Hash};

use super::{Behaviour, Hand, message};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct Equivocate {
    twins: BTreeMap<Hash, Block>,
}

impl Equivocate {
    fn two_faced(&self, hand: &mut Hand<'_>, one: &Frame, other: &Frame) {
        hand.lies += 1;
        let split = hand.chance.index(2);
        // Now and then both halves hear both, which is what proves it.
        let both = hand.chance.permille(400);
        for to in hand.others() {
            let (first, second) = if to % 2 == split { (one, other) } else { (other, one) };
            hand.send(to, first.clone());
            if both {
                hand.send(to, second.clone());
            }
        }
    }
}

impl Behaviour for Equivocate {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        match out {
            Out::Block(block) => {
                let value = block.header.vote_value();
                let twin = match self.twins.get(&value) {
                    Some(twin) => Some(twin.clone()),
                    None => hand.rebuild(&block, |slot| slot.time = slot.time.plus(1)),
                };
                let Some(twin) = twin else { return hand.pass(Out::Block(block)) };
                self.twins.insert(value, twin.clone());
                self.two_faced(hand, &Frame::Block(Rc::new(block)), &Frame::Block(Rc::new(twin)));
            }
            Out::Message(WireMessage::Proposal(signed)) if signed.proposal.authority == hand.key.public() => {
                match self.twins.get(&signed.proposal.value) {
                    Some(twin) => {
                        let value = twin.header.vote_value();
                        let other = hand.proposal(Proposal { value, ..signed.proposal });
                        self.two_faced(hand, &message(WireMessage::Proposal(signed)), &message(other));
                    }
                    None => hand.pass(Out::Message(WireMessage::Proposal(signed))),
                }
            }
            Out::Message(WireMessage::Vote(signed)) if signed.vote.authority == hand.key.public() => {
                let value = match signed.vote.value {
                    Some(value) => self.twins.get(&value).map(|twin| twin.header.vote_value()),
                    None => self.twins.keys().last().copied(),
                };
                let other = hand.vote(Vote { value, ..signed.vote });
                if value == signed.vote.value {
                    return hand.pass(Out::Message(other));
                }
                self.two_faced(hand, &message(WireMessage::Vote(signed)), &message(other));
            }
            other => hand.pass(other),
        }
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        if let Frame::AskBlock(_, wanted) = frame
            && let Some(twin) = self.twins.values().find(|twin| twin.header.vote_value() == *wanted)
        {
            hand.send(from, Frame::Block(Rc::new(twin.clone())));
        }
        true
    }
}
