//! Proposes blocks that are sound but for their time: far ahead, far behind, at the edge, or not after the parent's.

use super::{Behaviour, Forger, Hand};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct BadTimestamp(Forger);

impl Behaviour for BadTimestamp {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        self.0.sends(hand, out, |hand, block| {
            let slot = block.header.slot().ok()?;
            // At the edge the clocks of honest validators disagree about it.
            let off = hand.chance.pick(&[4_000, 4_800, 5_500, 7_000, 3_600_000]);
            match hand.chance.below(4) {
                0 | 1 => hand.rebuild(block, |slot| slot.time = slot.time.plus(off)),
                2 => hand.rebuild(block, |slot| slot.time.0 = slot.time.0.saturating_sub(off)),
                _ => {
                    // No runtime executes this one, so that its root is of another time.
                    let mut forged = block.clone();
                    let mut slot = slot;
                    slot.time.0 = slot.time.0.saturating_sub(3_600_000);
                    *forged.header.digest.logs.first_mut()? = slot.item();
                    Some(forged)
                }
            }
        });
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        self.0.hears(hand, from, frame);
        true
    }
}
