//! Headers by certificate, and the validators by their jumps.

use core::{fmt, str::FromStr};

use salus_primitives::{
    Hash, Header, Height, Moment,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    commit::{CertificateError, CommitCertificate},
    header::DigestError,
    jump::{self, Jump, JumpError},
    validator_set::ValidatorSet,
};
use salus_validators::{storage::Set, types::StoredSet};

use super::{ProofFault, ProvenState};

/// How many validator sets before the newest are kept: an answer that was under way while the set changed is still
/// judged by the set of its height.
const PAST_SETS: usize = 8;

/// A block whose certificate was verified, or that is trusted from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certified {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
    /// Its time, ms since the epoch; zero at genesis, whose header has none.
    pub time: Moment,
    /// Root of the state after it.
    pub state_root: Hash,
}

impl Certified {
    fn of(header: &Header, hash: Hash) -> Self {
        let time = header.slot().map(|slot| slot.time).unwrap_or_default();
        Self { height: header.number, hash, time, state_root: header.state_root }
    }
}

/// A block that somebody vouches for, as `HEIGHT:HASH`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
}

/// The text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a checkpoint is HEIGHT:HASH, the height in digits and the hash as 32 bytes of hex; `salus chain` shows both")]
pub struct NotACheckpoint;

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Self, NotACheckpoint> {
        let (height, hash) = text.split_once(':').ok_or(NotACheckpoint)?;
        if !height.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotACheckpoint);
        }
        let height = Height(height.parse().map_err(|_| NotACheckpoint)?);
        Ok(Self { height, hash: hash.parse().map_err(|_| NotACheckpoint)? })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.height, self.hash)
    }
}

impl Checkpoint {
    /// The block of this checkpoint, whose SCALE header `header` is said to be. It is trusted, not certified.
    ///
    /// # Errors
    /// [`VerifyError::Header`] or [`VerifyError::Checkpoint`].
    pub fn verify_header(&self, header: &[u8]) -> Result<Certified, VerifyError> {
        let header: Header = decode_strict(header, MESSAGE_DEPTH_MAX).map_err(VerifyError::Header)?;
        let found = Self { height: header.number, hash: header.hash() };
        if found != *self {
            return Err(VerifyError::Checkpoint { found, expected: *self });
        }
        Ok(Certified::of(&header, found.hash))
    }
}

/// Why bytes are not a final block of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header does not decode.
    #[error("the header does not decode: {0}")]
    Header(DecodeError),
    /// The header's digest is of another form.
    #[error(transparent)]
    Digest(DigestError),
    /// The header is not the checkpoint's.
    #[error("the header is that of {found}, the checkpoint is {expected}")]
    Checkpoint {
        /// Whose it is.
        found: Checkpoint,
        /// Whose it should be.
        expected: Checkpoint,
    },
    /// There is no certificate, and it is not genesis.
    #[error("there is no certificate for height {height}")]
    NoCertificate {
        /// The header's height.
        height: Height,
    },
    /// The certificate does not decode.
    #[error("the certificate does not decode: {0}")]
    CertificateBytes(DecodeError),
    /// The certificate does not make the header final.
    #[error("the block is not final: {0}")]
    Certificate(CertificateError),
    /// Decided by a set that the verifier has not followed to yet: get the jumps from the one that is known.
    #[error("the block names validator set {found}, known is set {known}: get the jumps from there")]
    Ahead {
        /// The header's.
        found: u64,
        /// The newest known.
        known: u64,
    },
    /// Decided by a set from before what the verifier trusts or remembers.
    #[error("the block names validator set {found}, the oldest known is {known}")]
    Past {
        /// The header's.
        found: u64,
        /// The oldest known.
        known: u64,
    },
}

/// Knows who decides, and so which headers are final. No I/O.
#[derive(Clone, Debug)]
pub struct Verifier {
    genesis: Hash,
    /// Ids rise by one; the last one is the newest. Never empty.
    sets: Vec<ValidatorSet>,
    /// The height whose block made the newest set.
    since: Height,
}

impl Verifier {
    /// The chain of `genesis`, the hash of its genesis block, decided by `first` until that changes.
    pub fn new(genesis: Hash, first: ValidatorSet) -> Self {
        Self { genesis, sets: vec![first], since: Height::GENESIS }
    }

    /// The chain of `genesis` from a block on that is trusted: `state` is the one after it, with the key
    /// [`Verifier::set_key`] proven. With `0:GENESIS` as checkpoint the genesis hash alone is enough.
    ///
    /// # Errors
    /// [`ProofFault::NoSet`] when the key is not proven, has no value, or one that is no set.
    pub fn from_checkpoint(genesis: Hash, state: &ProvenState) -> Result<Self, ProofFault> {
        let bytes = state.value(&Self::set_key()).ok().flatten().ok_or(ProofFault::NoSet)?;
        let stored: StoredSet = crate::chain::decode_value("set", bytes).map_err(|_| ProofFault::NoSet)?;
        let set = ValidatorSet::new(stored.set_id, stored.keys.into_inner()).map_err(|_| ProofFault::NoSet)?;
        Ok(Self { genesis, sets: vec![set], since: state.at().height })
    }

    /// The storage key of the validators that decide the height after a state.
    pub fn set_key() -> Vec<u8> {
        Set::key()
    }

    /// Hash of the genesis block.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// The newest set known.
    pub fn set(&self) -> &ValidatorSet {
        self.sets.last().expect("there is one from the start and the last is never dropped")
    }

    /// Is `header` (SCALE) a final block of the chain, by `certificate` (SCALE)? Genesis needs none.
    ///
    /// # Errors
    /// [`VerifyError`] by its rule. On [`VerifyError::Ahead`], [`follow`](Self::follow) jumps and try again.
    pub fn verify_header(&self, header: &[u8], certificate: Option<&[u8]>) -> Result<Certified, VerifyError> {
        let header: Header = decode_strict(header, MESSAGE_DEPTH_MAX).map_err(VerifyError::Header)?;
        let hash = header.hash();
        if hash == self.genesis {
            return Ok(Certified::of(&header, hash));
        }
        let slot = header.slot().map_err(VerifyError::Digest)?;
        let set = self.set_of(slot.set_id)?;
        let bytes = certificate.ok_or(VerifyError::NoCertificate { height: header.number })?;
        let certificate: CommitCertificate =
            decode_strict(bytes, MESSAGE_DEPTH_MAX).map_err(VerifyError::CertificateBytes)?;
        certificate.verify(&header, set, &self.genesis).map_err(VerifyError::Certificate)?;
        Ok(Certified::of(&header, hash))
    }

    fn set_of(&self, id: u64) -> Result<&ValidatorSet, VerifyError> {
        let (known, oldest) = (self.set().set_id, self.sets[0].set_id);
        if id > known {
            return Err(VerifyError::Ahead { found: id, known });
        }
        self.sets.iter().find(|set| set.set_id == id).ok_or(VerifyError::Past { found: id, known: oldest })
    }

    /// Follow changes of the validators from the newest set known on. All of them or, when one is wrong, none.
    ///
    /// # Errors
    /// [`JumpError`] with the first jump that is wrong.
    pub fn follow(&mut self, jumps: &[Jump]) -> Result<(), JumpError> {
        jump::verify_after(self.since, &self.genesis, self.set(), jumps)?;
        self.sets.extend(jumps.iter().map(|jump| jump.set.clone()));
        self.sets.drain(..self.sets.len().saturating_sub(1 + PAST_SETS));
        if let Some(last) = jumps.last() {
            self.since = last.header.number;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
