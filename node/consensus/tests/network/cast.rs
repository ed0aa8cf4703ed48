//! One host, and the other validators of its set played by the test.

use salus_consensus::{
    Act, Fatal, Host, Input, Judgement, Peer, PolkaCertificate, Proposal, SignedProposal, SignedRecord, SignedVote,
    Signer, Timeouts, Timer, Vote, WireMessage,
};
use salus_primitives::{
    Hash, Height,
    commit::{CommitCertificate, VoteKind},
    crypto::{KeyPair, sha256},
    validator_set::ValidatorSet,
};

use crate::harness::{keys, set_of};

pub const GENESIS: Hash = Hash([7; 32]);

pub struct Cast {
    pub keys: Vec<KeyPair>,
    pub set: ValidatorSet,
    pub host: Host,
    /// All acts so far.
    pub acts: Vec<Act>,
}

pub fn value(name: &str) -> Hash {
    sha256(name.as_bytes())
}

pub fn sound(build_round: u32) -> Judgement {
    Judgement::Sound { build_round, timely: true }
}

impl Cast {
    /// The host is validator `ours` of `count`, at tip 0 and idle.
    pub fn idle(count: u8, ours: usize) -> Self {
        let keys = keys(count);
        let set = set_of(&keys);
        let signer = Signer::new(GENESIS, keys[ours].clone());
        let host = Host::new(GENESIS, Height(0), Some(signer), Timeouts::default());
        Self { keys, set, host, acts: Vec::new() }
    }

    /// As [`Self::idle`], then height 1 is started.
    pub fn running(count: u8, ours: usize) -> Self {
        let mut cast = Self::idle(count, ours);
        cast.start(1);
        cast
    }

    /// The same node after a restart, with what was written.
    pub fn restarted(&self, ours: usize) -> Result<Self, Fatal> {
        let key = self.keys[ours].clone();
        let signer = match self.record() {
            Some(record) => Signer::with_record(GENESIS, key, &record.to_bytes())?,
            None => Signer::new(GENESIS, key),
        };
        let host = Host::new(GENESIS, Height(0), Some(signer), Timeouts::default());
        let mut cast = Self { keys: self.keys.clone(), set: self.set.clone(), host, acts: Vec::new() };
        cast.acts = cast.host.start_height(Height(1), cast.set.clone(), &self.log())?;
        Ok(cast)
    }

    pub fn start(&mut self, height: u32) -> Vec<Act> {
        let acts = self.host.start_height(Height(height), self.set.clone(), &[]).expect("it is its turn");
        self.acts.extend(acts.clone());
        acts
    }

    pub fn feed(&mut self, input: Input) -> Vec<Act> {
        let acts = self.host.input(input).expect("nothing fatal");
        self.acts.extend(acts.clone());
        acts
    }

    pub fn hear(&mut self, message: WireMessage) -> Vec<Act> {
        self.feed(Input::Message { from: Peer(9), message })
    }

    pub fn block(&mut self, value: Hash, judgement: Judgement) -> Vec<Act> {
        let height = self.host.tip().next();
        self.feed(Input::Block { height, value, judgement })
    }

    /// The log as written so far.
    pub fn log(&self) -> Vec<Vec<u8>> {
        let entries = self.acts.iter().filter_map(|act| match act {
            Act::WalAppend { entry, .. } => Some(entry.clone()),
            _ => None,
        });
        entries.collect()
    }

    pub fn record(&self) -> Option<SignedRecord> {
        self.acts.iter().rev().find_map(|act| match act {
            Act::SaveSigned(record) => Some(*record),
            _ => None,
        })
    }

    pub fn vote(&self, from: usize, height: u32, round: u32, kind: VoteKind, value: Option<Hash>) -> WireMessage {
        WireMessage::Vote(self.signed_vote(from, height, round, kind, value))
    }

    pub fn signed_vote(&self, from: usize, height: u32, round: u32, kind: VoteKind, value: Option<Hash>) -> SignedVote {
        let vote = Vote { height: Height(height), round, kind, value, authority: self.keys[from].public() };
        SignedVote { vote, signature: self.keys[from].sign(&vote.bytes(&GENESIS)) }
    }

    /// By whoever's turn it is.
    pub fn proposal(&self, height: u32, round: u32, pol_round: Option<u32>, value: Hash) -> WireMessage {
        let turn = usize::from(self.set.proposer_index(Height(height), round));
        let key = &self.keys[turn];
        let proposal = Proposal { height: Height(height), round, pol_round, value, authority: key.public() };
        WireMessage::Proposal(SignedProposal { proposal, signature: key.sign(&proposal.bytes(&GENESIS)) })
    }

    pub fn polka(&self, from: &[usize], height: u32, round: u32, value: Hash) -> WireMessage {
        let signatures: Vec<_> = from
            .iter()
            .map(|from| self.signed_vote(*from, height, round, VoteKind::Prevote, Some(value)))
            .map(|signed| (signed.vote.authority, signed.signature))
            .collect();
        let signatures = signatures.try_into().expect("a few");
        WireMessage::Polka(PolkaCertificate { height: Height(height), round, value, signatures })
    }

    pub fn certificate(&self, from: &[u16], height: u32, round: u32, value: Hash) -> CommitCertificate {
        let signatures: Vec<_> = from
            .iter()
            .map(|index| {
                let from = usize::from(*index) % self.keys.len();
                (*index, self.signed_vote(from, height, round, VoteKind::Precommit, Some(value)).signature)
            })
            .collect();
        let signatures = signatures.try_into().expect("a few");
        CommitCertificate { height: Height(height), round, value, signatures }
    }
}

/// The votes among the messages sent: round, kind and value.
pub fn votes(acts: &[Act]) -> Vec<(u32, VoteKind, Option<Hash>)> {
    let votes = acts.iter().filter_map(|act| match act {
        Act::Broadcast(WireMessage::Vote(signed)) => Some((signed.vote.round, signed.vote.kind, signed.vote.value)),
        _ => None,
    });
    votes.collect()
}

pub fn timers(acts: &[Act]) -> Vec<Timer> {
    let timers = acts.iter().filter_map(|act| match act {
        Act::SetTimer(timer, _) => Some(*timer),
        _ => None,
    });
    timers.collect()
}

pub fn finalised(acts: &[Act]) -> Option<&CommitCertificate> {
    acts.iter().find_map(|act| match act {
        Act::Finalised { certificate, .. } => Some(certificate),
        _ => None,
    })
}
