//! Forgets its lock: votes at once, in both steps, for whatever is proposed, and proposes something new where it should
//! propose what had a polka. It signs one thing at each place, so that nothing proves it.

use std::{collections::BTreeSet, rc::Rc};

use salus_consensus::{Proposal, Vote, WireMessage};
use salus_primitives::{Hash, Height, commit::VoteKind};

use super::{Behaviour, Hand, message, slot_at};
use crate::node::{Frame, Out};

/// See the file.
#[derive(Default)]
pub struct StaleLock {
    voted: BTreeSet<(Height, u32)>,
}

impl StaleLock {
    fn vote(&mut self, hand: &mut Hand<'_>, height: Height, round: u32, value: Hash) {
        if !self.voted.insert((height, round)) {
            return;
        }
        hand.lies += 1;
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            let vote = Vote { height, round, kind, value: Some(value), authority: hand.key.public() };
            let vote = hand.vote(vote);
            hand.send_all(&message(vote));
        }
    }
}

impl Behaviour for StaleLock {
    fn sends(&mut self, hand: &mut Hand<'_>, out: Out) {
        match out {
            Out::Message(WireMessage::Vote(signed)) if signed.vote.authority == hand.key.public() => {
                // Where nothing was proposed it may say so, once.
                if signed.vote.value.is_none() && !self.voted.contains(&(signed.vote.height, signed.vote.round)) {
                    hand.pass(Out::Message(WireMessage::Vote(signed)));
                }
            }
            Out::Message(WireMessage::Proposal(signed)) if signed.proposal.authority == hand.key.public() => {
                let Proposal { height, round, pol_round, value, .. } = signed.proposal;
                let mut value = value;
                if pol_round.is_some()
                    && height == hand.ledger.height().next()
                    && let Some(block) = hand.build(slot_at(hand, height, round), &[])
                {
                    value = block.header.vote_value();
                    hand.send_all(&Frame::Block(Rc::new(block)));
                }
                let mine = hand.proposal(Proposal { pol_round: None, value, ..signed.proposal });
                hand.send_all(&message(mine));
                self.vote(hand, height, round, value);
            }
            other => hand.pass(other),
        }
    }

    fn hears(&mut self, hand: &mut Hand<'_>, _: usize, frame: &Frame) -> bool {
        if let Frame::Message(heard) = frame
            && let WireMessage::Proposal(signed) = &**heard
            && signed.proposal.height == hand.ledger.height().next()
        {
            let Proposal { height, round, value, .. } = signed.proposal;
            self.vote(hand, height, round, value);
        }
        true
    }
}
