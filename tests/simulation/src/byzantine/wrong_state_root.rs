//! Proposes blocks whose state root is not what executing them gives.

use salus_primitives::Hash;

use super::{Behaviour, Forger, Hand};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct WrongStateRoot(Forger);

impl Behaviour for WrongStateRoot {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        self.0.sends(hand, out, |hand, block| {
            let mut forged = block.clone();
            forged.header.state_root = Hash([0xbb; 32]);
            hand.chance.permille(700).then_some(forged)
        });
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        self.0.hears(hand, from, frame);
        true
    }
}
