//! Claims heights it does not have, higher and lower from one moment to the next, and answers who asks for blocks with
//! silence, with nothing, with good blocks under bad certificates, or with a block of its own that nobody voted for.

use std::rc::Rc;

use salus_primitives::{
    BoundedVec, Height,
    archive::Record,
    commit::{CommitCertificate, VoteKind, vote_bytes},
};

use super::{Behaviour, Hand, slot_at};
use crate::node::{Frame, Out};

/// See the file.
pub struct LyingHeight;

impl LyingHeight {
    /// A sound block on its tip, certified by itself alone, as often as a quorum has members.
    fn forged(hand: &Hand<'_>, height: Height) -> Option<Record> {
        let block = hand.build(slot_at(hand, height, 0), &[])?;
        let set = hand.set();
        let (value, mine) = (block.header.vote_value(), hand.key.public());
        let signature = hand.key.sign(&vote_bytes(&hand.genesis, height, 0, VoteKind::Precommit, Some(value), &mine));
        let signers = (0..set.quorum()).map(|index| (index as u16, signature)).collect::<Vec<_>>();
        let signatures = BoundedVec::try_from(signers).ok()?;
        Some(Record { block, certificate: Some(CommitCertificate { height, round: 0, value, signatures }) })
    }

    /// A final block under a certificate that lacks a signature.
    fn short_of_one(hand: &Hand<'_>, height: Height) -> Option<Record> {
        let mut record = hand.ledger.record(height)?;
        let certificate = record.certificate.as_mut()?;
        let mut signatures = certificate.signatures.to_vec();
        signatures.truncate(hand.ledger.set_of(height)?.quorum().saturating_sub(1));
        certificate.signatures = BoundedVec::try_from(signatures).ok()?;
        Some(record)
    }
}

impl Behaviour for LyingHeight {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        match out {
            Out::Tip(tip) => {
                hand.lies += 1;
                let above = hand.chance.pick(&[1, 1, 2, 3, 70, 1_000_000]);
                let claimed = Height(tip.0.saturating_add(above));
                hand.send_all(&Frame::Tip(claimed));
                if hand.chance.permille(300) {
                    hand.send_all(&Frame::Tip(Height(tip.0 / 2)));
                }
            }
            other => hand.pass(other),
        }
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: usize, frame: &Frame) -> bool {
        let Frame::AskRange(first, _) = frame else { return true };
        hand.lies += 1;
        let answer = match hand.chance.below(4) {
            0 => None,
            1 => Some(Vec::new()),
            _ if *first == hand.ledger.height().next() => Self::forged(hand, *first).map(|record| vec![record]),
            _ => Self::short_of_one(hand, *first).map(|record| vec![record]),
        };
        if let Some(records) = answer {
            hand.send(from, Frame::Range(Rc::new(records)));
        }
        false
    }
}
