//! The per-patient hash chain of facts (formats.md 12): delete one and the head no longer fits.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{Hash, PatientId, crypto::sha256_of};

/// What state keeps of a patient's log.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct LogHead {
    /// Index of the oldest receipt still in state.
    pub first: u32,
    /// How many facts there are; the next one's index.
    pub count: u32,
    /// Hash over all of them, zero when there is none.
    pub head: Hash,
}

/// The hash of fact number `index`, given as SCALE bytes.
pub fn leaf(genesis: &Hash, patient: &PatientId, index: u32, fact: &[u8]) -> Hash {
    sha256_of(&[&[0x00], b"salus/log/1", &genesis.0, &patient.0, &index.encode(), fact])
}

/// The head after a leaf.
pub fn extend(head: &Hash, leaf: &Hash) -> Hash {
    sha256_of(&[&[0x01], &head.0, &leaf.0])
}

impl LogHead {
    /// The log with one more fact.
    ///
    /// # Panics
    /// After 2^32 facts.
    pub fn push(&mut self, genesis: &Hash, patient: &PatientId, fact: &[u8]) {
        self.head = extend(&self.head, &leaf(genesis, patient, self.count, fact));
        self.count = self.count.checked_add(1).expect("quotas keep a log far below 2^32 facts");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_with_a_fact_missing_swapped_or_moved_has_another_head() {
        let (genesis, patient) = (Hash([1; 32]), PatientId([2; 16]));
        let head = |facts: &[&[u8]], patient: &PatientId| {
            let mut log = LogHead::default();
            facts.iter().for_each(|fact| log.push(&genesis, patient, fact));
            log.head
        };
        let whole = head(&[b"a", b"b", b"c"], &patient);
        assert_ne!(whole, head(&[b"a", b"c"], &patient));
        assert_ne!(whole, head(&[b"b", b"a", b"c"], &patient));
        assert_ne!(whole, head(&[b"a", b"b", b"c"], &PatientId([3; 16])));
        assert_eq!(whole, head(&[b"a", b"b", b"c"], &patient));
    }
}
