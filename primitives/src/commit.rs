//! What validators sign, and the certificate that makes a block final (formats.md 3).

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

use crate::{
    AccountId, BoundedVec, Hash, Header, Height,
    crypto::{Signature, verify},
    validator_set::{VALIDATORS_MAX, ValidatorSet},
};

/// The two kinds of vote.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
pub enum VoteKind {
    /// First step.
    #[codec(index = 0)]
    Prevote,
    /// Second step: more than two thirds of these for one value finalise it.
    #[codec(index = 1)]
    Precommit,
}

/// The bytes a vote is signed over. `value` is the header's SHA-256, none for nil.
pub fn vote_bytes(
    genesis: &Hash,
    height: Height,
    round: u32,
    kind: VoteKind,
    value: Option<Hash>,
    authority: &AccountId,
) -> Vec<u8> {
    let mut bytes = b"salus/vote/1".to_vec();
    (genesis, u64::from(height.0), round, kind, value, authority).encode_to(&mut bytes);
    bytes
}

/// The bytes a proposal is signed over. `pol_round` is the round of the polka it rests on, none for a fresh value.
pub fn proposal_bytes(
    genesis: &Hash,
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    value: Hash,
    authority: &AccountId,
) -> Vec<u8> {
    let mut bytes = b"salus/prop/1".to_vec();
    (genesis, u64::from(height.0), round, pol_round, value, authority).encode_to(&mut bytes);
    bytes
}

/// Precommits of more than two thirds of a set for one value: the block is final.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct CommitCertificate {
    /// Height decided.
    pub height: Height,
    /// Round it was decided in.
    pub round: u32,
    /// SHA-256 of the header.
    pub value: Hash,
    /// Who precommitted, by index in the set, strictly rising, with their signatures.
    pub signatures: BoundedVec<(u16, Signature), VALIDATORS_MAX>,
}

/// Why a certificate does not finalise a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// For another height.
    #[error("the certificate is for height {found}, the header's is {expected}")]
    Height {
        /// The certificate's.
        found: Height,
        /// The header's.
        expected: Height,
    },
    /// For another header.
    #[error("the certificate is for value {found}, the header's is {expected}")]
    Value {
        /// The certificate's.
        found: Hash,
        /// The header's.
        expected: Hash,
    },
    /// Signers out of order, twice, or not in the set.
    #[error("signer index {index} is repeated, out of order or outside the set of {validators}")]
    Signer {
        /// The index.
        index: u16,
        /// Size of the set.
        validators: usize,
    },
    /// Too few signatures.
    #[error("{found} precommits, {needed} of {validators} are needed")]
    Quorum {
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// Size of the set.
        validators: usize,
    },
    /// A signature that does not fit.
    #[error("the signature of validator {index} does not fit")]
    Signature {
        /// Whose.
        index: u16,
    },
}

impl CommitCertificate {
    /// Does this certificate of `set`, on the chain of `genesis`, finalise `header`?
    ///
    /// # Errors
    /// [`CertificateError`] by its rule.
    pub fn verify(&self, header: &Header, set: &ValidatorSet, genesis: &Hash) -> Result<(), CertificateError> {
        if self.height != header.number {
            return Err(CertificateError::Height { found: self.height, expected: header.number });
        }
        let value = header.vote_value();
        if self.value != value {
            return Err(CertificateError::Value { found: self.value, expected: value });
        }
        let mut previous = None;
        for (index, _) in &self.signatures {
            if previous >= Some(*index) || usize::from(*index) >= set.len() {
                return Err(CertificateError::Signer { index: *index, validators: set.len() });
            }
            previous = Some(*index);
        }
        if self.signatures.len() < set.quorum() {
            return Err(CertificateError::Quorum {
                found: self.signatures.len(),
                needed: set.quorum(),
                validators: set.len(),
            });
        }
        for (index, signature) in &self.signatures {
            let authority = &set.keys()[usize::from(*index)];
            let bytes = vote_bytes(genesis, self.height, self.round, VoteKind::Precommit, Some(value), authority);
            if !verify(authority, &bytes, signature) {
                return Err(CertificateError::Signature { index: *index });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
