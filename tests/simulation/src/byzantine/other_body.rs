//! Sends the headers of others, and its own, with the extrinsics of another block, so that who believes that a header
//! names its body calls an honest block invalid.

use std::{collections::BTreeSet, rc::Rc};

use salus_primitives::{Block, Hash, RawExtrinsic};

use super::{Behaviour, Hand};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct OtherBody {
    /// Blocks of others that were spoiled: once, else two such liars would never end.
    spoiled: BTreeSet<Hash>,
}

fn spoiled(block: &Block) -> Frame {
    let mut spoiled = block.clone();
    if spoiled.extrinsics.pop().is_none() {
        spoiled.extrinsics.push(RawExtrinsic(vec![4, 0, 0]));
    }
    Frame::Block(Rc::new(spoiled))
}

impl Behaviour for OtherBody {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        if let Out::Block(block) = &out {
            hand.lies += 1;
            let frame = spoiled(block);
            for to in hand.others() {
                if hand.chance.permille(500) {
                    hand.send(to, frame.clone());
                }
            }
        }
        hand.pass(out);
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        match frame {
            Frame::Block(block) if self.spoiled.insert(block.header.vote_value()) => {
                hand.lies += 1;
                hand.send_all(&spoiled(block));
            }
            Frame::AskBlock(height, value) if hand.chance.permille(500) => {
                if let Some(block) = hand.ledger.block_of(*height, value) {
                    hand.lies += 1;
                    hand.send(from, spoiled(&block));
                }
            }
            _ => {}
        }
        true
    }
}
