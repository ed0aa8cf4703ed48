//! What must hold in every world, whatever the seed.
//!
//! Each oracle judges by means of its own: the threshold of a certificate is counted here, the validators of a height
//! are read by the true runtime even where a node runs a flawed one, and what a validator signed is read off the wire.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::{Decode, Encode};
use salus_consensus::WireMessage;
use salus_primitives::{
    AccountId, Hash, Height, RawExtrinsic,
    archive::Record,
    commit::{CommitCertificate, VoteKind, vote_bytes},
    crypto::{sha256, verify},
    extrinsic::Extrinsic,
    state_proof::state_root,
    validator_set::ValidatorSet,
};
use salus_runtime::RuntimeCall;

use crate::{disk::SimLedger, marks::Marks};

/// Where a signature stands: who, at which height and round, in which step.
type Place = (AccountId, Height, u32, u8);

/// The watchers of one world.
pub struct Oracles {
    genesis: Hash,
    /// What went wrong, first things first.
    pub violations: Vec<String>,
    /// What was met.
    pub marks: Marks,
    /// Hash and validators by height, by whoever committed it first.
    chain: BTreeMap<Height, (Hash, ValidatorSet)>,
    /// Where each extrinsic stands.
    included: BTreeMap<Hash, Height>,
    /// What users were told is final.
    announced: BTreeMap<Hash, Height>,
    /// What honest validators signed.
    said: BTreeMap<Place, Hash>,
    /// What honest validators precommitted last, for the mark of an unlocked value.
    locked: BTreeMap<(AccountId, Height), Hash>,
    /// Who lies.
    liars: BTreeSet<AccountId>,
    /// Certificates found good.
    checked: BTreeSet<(Height, Hash)>,
}

impl Oracles {
    /// For a chain of `genesis` on which these lie.
    pub fn new(genesis: Hash, liars: BTreeSet<AccountId>) -> Self {
        Self {
            genesis,
            liars,
            violations: Vec::new(),
            marks: Marks::default(),
            chain: BTreeMap::new(),
            included: BTreeMap::new(),
            announced: BTreeMap::new(),
            said: BTreeMap::new(),
            locked: BTreeMap::new(),
            checked: BTreeSet::new(),
        }
    }

    /// Say that something must not have happened.
    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// The highest height that any honest node committed.
    pub fn height(&self) -> Height {
        self.chain.last_key_value().map_or(Height::GENESIS, |(height, _)| *height)
    }

    /// At which height an extrinsic stands, if an honest node committed it.
    pub fn included(&self, extrinsic: &Hash) -> Option<Height> {
        self.included.get(extrinsic).copied()
    }

    /// The validators of the highest height and whether an account is among them.
    pub fn newest_set(&self) -> Option<&ValidatorSet> {
        self.chain.last_key_value().map(|(_, (_, set))| set)
    }

    /// An honest node committed `height`.
    pub fn committed(&mut self, node: usize, height: Height, ledger: &SimLedger) {
        let (Some(Record { block, certificate }), Some(set)) = (ledger.record(height), ledger.set_of(height)) else {
            return self.violation(format!("node {node} has no block at height {height}, which is below its tip"));
        };
        let hash = block.header.hash();
        match self.chain.get(&height) {
            Some((known, _)) if *known == hash => {}
            Some((known, _)) => {
                let what = format!("FORK at height {height}: node {node} has {hash}, another has {known}");
                self.violation(what);
            }
            None => self.first(height, hash, &block.extrinsics, set.clone()),
        }
        match certificate {
            None => self.violation(format!("node {node} has no certificate at height {height}")),
            Some(certificate) => self.check(node, height, block.header.vote_value(), &certificate, &set),
        }
    }

    /// A height that nobody had yet.
    fn first(&mut self, height: Height, hash: Hash, extrinsics: &[RawExtrinsic], set: ValidatorSet) {
        for raw in extrinsics {
            self.look_into(raw);
            if let Some(before) = self.included.insert(raw.hash(), height) {
                self.violation(format!("extrinsic {} stands twice, at heights {before} and {height}", raw.hash()));
            }
        }
        let before = height.previous().and_then(|before| self.chain.get(&before)).map(|(_, set)| set.set_id);
        if before.is_some_and(|before| before != set.set_id) {
            self.marks.hit("set-changed");
        }
        self.chain.insert(height, (hash, set));
    }

    /// A report in a block strikes a liar, and nobody else; a registration never stands in one failing.
    fn look_into(&mut self, raw: &RawExtrinsic) {
        let call = match Extrinsic::parse(raw) {
            Ok(Extrinsic::Bare { call }) => RuntimeCall::decode(&mut &call[..]),
            Ok(Extrinsic::Signed(signed)) => RuntimeCall::decode(&mut &signed.call[..]),
            Err(error) => return self.violation(format!("what stands in a block does not parse: {error}")),
        };
        match call {
            Ok(RuntimeCall::Validators(salus_validators::Call::ReportEquivocation { evidence })) => {
                self.marks.hit("evidence-on-chain");
                if !self.liars.contains(&evidence.offender()) {
                    self.violation(format!("{} was struck and has never lied", evidence.offender()));
                }
            }
            Ok(RuntimeCall::Patients(salus_patients::Call::Register { .. })) => self.marks.hit("patient-registered"),
            Ok(_) => {}
            Err(error) => self.violation(format!("a call that stands in a block does not decode: {error}")),
        }
    }

    fn check(&mut self, node: usize, height: Height, value: Hash, certificate: &CommitCertificate, set: &ValidatorSet) {
        let digest = sha256(&certificate.encode());
        if !self.checked.insert((height, digest)) {
            return;
        }
        let mut signers = BTreeSet::new();
        for (index, signature) in &certificate.signatures {
            let Some(authority) = set.keys().get(usize::from(*index)) else { continue };
            let round = certificate.round;
            let bytes = vote_bytes(&self.genesis, height, round, VoteKind::Precommit, Some(value), authority);
            if verify(authority, &bytes, signature) {
                signers.insert(*authority);
            }
        }
        if certificate.height != height || certificate.value != value || signers.len() * 3 <= set.len() * 2 {
            let what = format!(
                "node {node} committed height {height} on {} good precommits of {} validators",
                signers.len(),
                set.len()
            );
            self.violation(what);
        }
    }

    /// A node told its users that these extrinsics are final.
    pub fn announced(&mut self, extrinsics: &[Hash], height: Height) {
        self.announced.extend(extrinsics.iter().map(|hash| (*hash, height)));
    }

    /// A node came back with this tip, having committed up to `before`.
    pub fn returned(&mut self, node: usize, tip: Height, before: Height) {
        if tip < before {
            self.violation(format!("node {node} had committed height {before} and came back at {tip}"));
        }
    }

    /// An honest validator put a message on the wire.
    pub fn said(&mut self, own: &AccountId, message: &WireMessage) {
        let (place, bytes) = match message {
            WireMessage::Vote(signed) if signed.vote.authority == *own => {
                let vote = &signed.vote;
                if vote.kind == VoteKind::Precommit
                    && let Some(value) = vote.value
                {
                    let before = self.locked.insert((*own, vote.height), value);
                    if before.is_some_and(|before| before != value) {
                        self.marks.hit("unlocked");
                    }
                } else if let Some(value) = vote.value
                    && self.locked.get(&(*own, vote.height)).is_some_and(|locked| *locked != value)
                {
                    self.marks.hit("unlocked");
                }
                ((*own, vote.height, vote.round, 1 + vote.kind as u8), vote.bytes(&self.genesis))
            }
            WireMessage::Proposal(signed) if signed.proposal.authority == *own => {
                let proposal = &signed.proposal;
                if proposal.pol_round.is_some() {
                    self.marks.hit("reproposed");
                }
                ((*own, proposal.height, proposal.round, 0), proposal.bytes(&self.genesis))
            }
            _ => return,
        };
        let digest = sha256(&bytes);
        if *self.said.entry(place).or_insert(digest) != digest {
            let (who, height, round, step) = place;
            let step = ["proposal", "prevote", "precommit"][usize::from(step)];
            self.violation(format!("DOUBLE SIGNATURE of {who} at height {height}, round {round}: {step}"));
        }
    }

    /// At the end: is all that users were told in the chain of every honest node, and is each state what its header
    /// says?
    pub fn conclude(&mut self, honest: &[(usize, &SimLedger)]) {
        for (node, ledger) in honest {
            let tip = ledger.height();
            let mut has = BTreeSet::new();
            for number in 1..=tip.0 {
                let record = ledger.record(Height(number));
                has.extend(record.iter().flat_map(|record| record.block.extrinsics.iter()).map(RawExtrinsic::hash));
            }
            let told = self.announced.iter().filter(|(_, height)| **height <= tip);
            let lost: Vec<_> = told.filter(|(hash, _)| !has.contains(*hash)).map(|(hash, _)| *hash).collect();
            if let Some(hash) = lost.first() {
                self.violation(format!("node {node} at height {tip} lost {hash}, which users were told is final"));
            }
            let state = ledger.state();
            let root = state_root(state.iter().map(|(key, value)| (&key[..], &value[..])));
            let header = ledger.tip_block().0;
            if root != header.state_root {
                let what = format!("node {node}: the state at height {tip} has root {root}, not {}", header.state_root);
                self.violation(what);
            }
        }
        for pair in honest.windows(2) {
            let [(a, first), (b, second)] = pair else { continue };
            if first.height() == second.height() && first.state() != second.state() {
                self.violation(format!("nodes {a} and {b} differ in their state at height {}", first.height()));
            }
        }
    }
}

#[cfg(test)]
#[path = "oracles_tests.rs"]
mod tests;
