//! Messages of the next height, kept until it starts. Nobody has checked them yet, so what one peer
//! may leave here is bounded in bytes, and a peer cannot push out another's.

use std::collections::{BTreeMap, VecDeque};

use parity_scale_codec::Encode;
use salus_primitives::{Height, commit::CommitCertificate};

use crate::{api::Peer, message::WireMessage};

/// Bytes of messages kept for one peer: the votes of a round of 100 validators, twice over.
pub(crate) const PARKED_BYTES_PER_PEER: usize = 64 * 1024;
/// Peers with messages kept: all validators and some more.
pub(crate) const PARKED_PEERS: usize = 128;

/// Something to be looked at later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Parked {
    Message(WireMessage),
    Certified(CommitCertificate),
}

impl Parked {
    pub fn height(&self) -> Height {
        match self {
            Self::Message(message) => message.height(),
            Self::Certified(certificate) => certificate.height,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.encoded_size(),
            Self::Certified(certificate) => certificate.encoded_size(),
        }
    }
}

/// In the order they came, with what each peer uses.
#[derive(Default, Debug)]
pub(crate) struct Park {
    waiting: VecDeque<(Peer, Parked)>,
    used: BTreeMap<Peer, usize>,
}

impl Park {
    /// Keep it; no, where the peer's share or the number of peers is used up.
    pub fn push(&mut self, from: Peer, parked: Parked) -> bool {
        if !self.used.contains_key(&from) && self.used.len() >= PARKED_PEERS {
            return false;
        }
        let used = self.used.get(&from).copied().unwrap_or(0).saturating_add(parked.bytes());
        if used > PARKED_BYTES_PER_PEER {
            return false;
        }
        self.used.insert(from, used);
        self.waiting.push_back((from, parked));
        true
    }

    /// Take all of `height`, in order, and forget the rest: only one height is ever parked for.
    pub fn take(&mut self, height: Height) -> impl Iterator<Item = (Peer, Parked)> {
        self.used.clear();
        core::mem::take(&mut self.waiting).into_iter().filter(move |(_, parked)| parked.height() == height)
    }
}

#[cfg(test)]
#[path = "park_tests.rs"]
mod tests;
