//! What a run of many seeds must have met, or it would have shown little.

use std::collections::BTreeMap;

/// A thing that happened, and how often.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Marks(BTreeMap<&'static str, u64>);

/// What every long run must have met, with a sentence for the report.
pub const REQUIRED: &[(&str, &str)] = &[
    ("round-3", "a height that reached round 3"),
    ("reproposed", "a block proposed again on the polka of an earlier round"),
    ("unlocked", "a validator that had precommitted one block and then voted for another at the same height"),
    ("synced", "a block taken over by its certificate"),
    ("evidence-made", "a pair of messages no honest validator signs both"),
    ("evidence-on-chain", "an offender put out of the validators by a report"),
    ("log-tail-lost", "a power cut that took entries of the consensus log"),
    ("power-cut", "a power cut between two writes or messages"),
    ("all-dark", "a power cut of all nodes at once"),
    ("partition-healed", "a partition that healed"),
    ("proposer-cut-off", "a proposer cut off"),
    ("clock-off", "a clock off by more than the tolerance"),
    ("untimely", "a block called untimely"),
    ("frozen", "a node that stood still and went on"),
    ("patient-registered", "a patient registered against an invitation that a chain of extrinsics led to"),
    ("set-changed", "a change of the validators"),
    ("followed", "a block taken over by a node that only follows"),
    ("observed", "a height at which a validator did not sign, since its log was behind its record"),
    ("equivocate", "a validator that signs two things"),
    ("withhold", "a validator that holds back blocks, votes and answers"),
    ("wrong-state-root", "a proposal with a wrong state root"),
    ("wrong-proposer", "a proposal out of turn, or with another proposer's index"),
    ("bad-timestamp", "a proposal with a wrong time"),
    ("stale-lock", "a validator that forgets its lock"),
    ("lying-sync-height", "a peer that claims a height it does not have, and answers with forged blocks"),
    ("other-body", "a header sent with the body of another block"),
];

impl Marks {
    /// It happened.
    pub fn hit(&mut self, mark: &'static str) {
        self.add(mark, 1);
    }

    /// It happened so many times.
    pub fn add(&mut self, mark: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(mark).or_default() += count;
        }
    }

    /// How often it happened.
    pub fn count(&self, mark: &str) -> u64 {
        self.0.get(mark).copied().unwrap_or(0)
    }

    /// Add what another world met.
    pub fn merge(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            self.add(mark, *count);
        }
    }

    /// What had to be met and was not.
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.iter().map(|(mark, _)| *mark).filter(|mark| self.count(mark) == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_met_nothing_misses_everything_and_one_hit_takes_one_mark_off() {
        let mut marks = Marks::default();
        assert_eq!(marks.missing().len(), REQUIRED.len());
        let mut other = Marks::default();
        other.hit("synced");
        marks.merge(&other);
        assert!(!marks.missing().contains(&"synced"));
        assert_eq!(marks.missing().len(), REQUIRED.len() - 1);
    }
}
