//! Holds back what others wait for: the body of its proposal, the proposal, its votes, its answers; from all or from
//! some, another way at each height.

use salus_consensus::WireMessage;
use salus_primitives::Height;

use super::{Behaviour, Hand};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct Withhold {
    height: Height,
    way: u64,
    /// Who gets nothing.
    shunned: Vec<usize>,
}

impl Withhold {
    fn choose(&mut self, hand: &mut Hand<'_>) {
        let next = hand.ledger.height().next();
        if next == self.height {
            return;
        }
        self.height = next;
        self.way = hand.chance.below(6);
        let mut others = hand.others();
        hand.chance.shuffle(&mut others);
        let count = hand.chance.index(others.len() + 1);
        self.shunned = others[..count].to_vec();
    }
}

impl Behaviour for Withhold {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        self.choose(hand);
        let held = match (&out, self.way) {
            (Out::Block(_), 0) | (Out::Message(WireMessage::Proposal(_)), 1) => true,
            (Out::Message(WireMessage::Vote(_)), 2) | (Out::Block(_) | Out::Message(_), 3) => true,
            (Out::Block(block), 4) => {
                let frame = Frame::Block(std::rc::Rc::new(block.clone()));
                self.to_some(hand, &frame);
                true
            }
            (Out::Message(heard), 4) => {
                let frame = super::message(heard.clone());
                self.to_some(hand, &frame);
                true
            }
            _ => false,
        };
        if held {
            hand.lies += 1;
        } else {
            hand.pass(out);
        }
    }

    fn hears(&mut self, _: &mut Hand<'_>, _: usize, frame: &Frame) -> bool {
        // Who asks gets no answer.
        !matches!(frame, Frame::AskBlock(..) | Frame::AskRange(..)) || self.way == 5
    }
}

impl Withhold {
    fn to_some(&self, hand: &mut Hand<'_>, frame: &Frame) {
        for to in hand.others().into_iter().filter(|to| !self.shunned.contains(to)) {
            hand.send(to, frame.clone());
        }
    }
}
