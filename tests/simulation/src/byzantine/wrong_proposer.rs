//! Proposes when it is another's turn, in another's name, or a block that was built for another round.

use std::rc::Rc;

use salus_consensus::{Proposal, WireMessage};

use super::{Behaviour, Forger, Hand, message, slot_at};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct WrongProposer(Forger);

impl Behaviour for WrongProposer {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        self.0.sends(hand, out, |hand, block| {
            let count = hand.set().len();
            match hand.chance.below(3) {
                0 => {
                    let mut forged = block.clone();
                    let mut slot = block.header.slot().ok()?;
                    slot.proposer_index = slot.proposer_index.wrapping_add(1) % count as u16;
                    *forged.header.digest.logs.first_mut()? = slot.item();
                    Some(forged)
                }
                // Its turn too, but not now.
                1 => hand.rebuild(block, |slot| slot.build_round += count as u32),
                _ => None,
            }
        });
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        self.0.hears(hand, from, frame);
        if let Frame::Message(heard) = frame
            && let WireMessage::Proposal(signed) = &**heard
            && signed.proposal.authority != hand.key.public()
            && signed.proposal.height == hand.ledger.height().next()
            && hand.chance.permille(500)
        {
            let Proposal { height, round, .. } = signed.proposal;
            let slot = slot_at(hand, height, round);
            if let Some(block) = hand.build(slot, &[]) {
                hand.lies += 1;
                let value = block.header.vote_value();
                let mine = hand.proposal(Proposal { value, authority: hand.key.public(), ..signed.proposal });
                hand.send_all(&Frame::Block(Rc::new(block)));
                hand.send_all(&message(mine));
            }
        }
        true
    }
}
