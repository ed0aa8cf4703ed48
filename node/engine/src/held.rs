//! Bodies that came before they were asked for, or that were asked for and have not come.
//!
//! A proposer sends its block just before its proposal, and the links of a network do not keep that order; and who
//! decides a height first is heard speaking of the next while others still decide it. So what comes early waits here,
//! unjudged: executing what nobody proposed would be work for whoever sends it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use salus_consensus::Peer;
use salus_primitives::{Block, Hash, Height};

/// How many blocks of one peer wait; its oldest makes room. A peer proposes one block a round.
const PER_PEER: usize = 2;

/// Blocks of the next two heights that nobody asked for yet, and hashes of those asked for.
#[derive(Default)]
pub(crate) struct Held {
    early: BTreeMap<Peer, VecDeque<(Hash, Block)>>,
    asked: BTreeSet<Hash>,
}

impl Held {
    /// Keep a block that came early.
    pub fn keep(&mut self, from: Peer, value: Hash, block: Block) {
        let blocks = self.early.entry(from).or_default();
        if blocks.iter().any(|(held, _)| *held == value) {
            return;
        }
        if blocks.len() >= PER_PEER {
            blocks.pop_front();
        }
        blocks.push_back((value, block));
    }

    /// The block whose header has this SHA-256, if it came.
    pub fn take(&mut self, value: &Hash) -> Option<Block> {
        let blocks = self.early.values_mut().find(|blocks| blocks.iter().any(|(held, _)| held == value))?;
        let index = blocks.iter().position(|(held, _)| held == value)?;
        blocks.remove(index).map(|(_, block)| block)
    }

    /// A block is being asked for.
    pub fn ask(&mut self, value: Hash) {
        self.asked.insert(value);
    }

    /// Was this block asked for? Then it is no longer.
    pub fn answered(&mut self, value: &Hash) -> bool {
        self.asked.remove(value)
    }

    /// `tip` is final: what was about it or before it is of no use any more.
    pub fn moved(&mut self, tip: Height) {
        self.asked.clear();
        for blocks in self.early.values_mut() {
            blocks.retain(|(_, block)| block.header.number > tip);
        }
        self.early.retain(|_, blocks| !blocks.is_empty());
    }

    /// A peer is no longer there: nothing of it is kept.
    pub fn gone(&mut self, peer: &Peer) {
        self.early.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use salus_primitives::{Header, header::Digest};

    use super::*;

    fn block(number: u32, root: u8) -> (Hash, Block) {
        let header = Header {
            parent_hash: Hash::ZERO,
            number: Height(number),
            state_root: Hash([root; 32]),
            extrinsics_root: Hash::ZERO,
            digest: Digest::default(),
        };
        (header.vote_value(), Block { header, extrinsics: Vec::new() })
    }

    #[test]
    fn what_came_early_is_there_once_when_it_is_asked_for() {
        let mut held = Held::default();
        let (value, early) = block(2, 1);
        held.keep(Peer(1), value, early.clone());
        held.keep(Peer(1), value, early.clone());
        assert_eq!(held.take(&value), Some(early));
        assert_eq!(held.take(&value), None);
    }

    #[test]
    fn a_peer_pushes_out_its_own_blocks_only() {
        let mut held = Held::default();
        let (honest, body) = block(2, 0);
        held.keep(Peer(1), honest, body);
        for root in 1..=9 {
            let (value, body) = block(2, root);
            held.keep(Peer(2), value, body);
        }
        assert!(held.take(&honest).is_some());
        let left = (1..=9).filter(|root| held.take(&block(2, *root).0).is_some()).count();
        assert_eq!(left, PER_PEER);
    }

    #[test]
    fn a_final_height_takes_what_was_about_it_and_leaves_the_next() {
        let mut held = Held::default();
        let ((old, old_body), (new, new_body)) = (block(2, 1), block(3, 1));
        held.keep(Peer(1), old, old_body);
        held.keep(Peer(1), new, new_body);
        held.ask(old);
        held.moved(Height(2));
        assert!(!held.answered(&old));
        assert!(held.take(&old).is_none());
        assert!(held.take(&new).is_some());
    }

    #[test]
    fn a_peer_that_left_leaves_nothing() {
        let mut held = Held::default();
        let (value, body) = block(2, 1);
        held.keep(Peer(1), value, body);
        held.gone(&Peer(1));
        assert!(held.take(&value).is_none());
    }
}
