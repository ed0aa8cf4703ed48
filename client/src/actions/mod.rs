//! What people do on the chain, one function each: sign, submit, wait until it is final, and say what came of it.
//!
//! Who signs stands first among the people named; a second key, where a call needs one, is the one that agrees.
//! Times are the chain's own ([`Chain::now`](crate::chain::Chain::now)), never this machine's.

pub mod access;
pub mod appointments;
pub mod booking;
pub mod consent;
pub mod council;
pub mod credits;
pub mod emergency;
pub mod evidence;
pub mod guardians;
pub mod identity;
pub mod inspect;
pub mod keeping;
pub mod keys;
pub mod officers;
pub mod patients;
pub mod practitioners;
pub mod records;
pub mod requests;

use salus_primitives::{OrganisationId, PatientId, PractitionerId, RecordId, Subject};
use salus_runtime::RuntimeError;

use crate::{
    chain::{ChainError, SubmitError, explain},
    envelope::{RandomError, SealError, WrapError, random_bytes},
};

/// Why something was not done. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// A call did not take effect.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A call that may not fail in a block was not taken, because it would be refused.
    #[error("the chain would refuse: {}", explain(.error))]
    WouldRefuse {
        /// With what.
        error: RuntimeError,
    },
    /// The record was not encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A content key was not sealed or opened.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A gateway.
    #[error(transparent)]
    Remote(#[from] crate::remote::RemoteError),
    /// Evidence of an emergency that cannot be handed in.
    #[error(transparent)]
    Evidence(#[from] evidence::EvidenceError),
    /// A booking that cannot be entered.
    #[error(transparent)]
    Booking(#[from] booking::BookingError),
    /// Something that has to be on chain is not.
    #[error("{what} {id} is not on the chain; check the id, and that it was registered on this chain")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Somebody has no key to seal to.
    #[error("{who} has no encryption key on the chain, so nothing can be sealed to it; it has to set one first")]
    NoKemKey {
        /// Who.
        who: String,
    },
}

impl From<ChainError> for ActionError {
    fn from(error: ChainError) -> Self {
        Self::Submit(SubmitError::Chain(error))
    }
}

impl ActionError {
    /// The chain's own refusal, if that is what it was.
    pub fn refusal(&self) -> Option<RuntimeError> {
        match self {
            Self::Submit(error) => error.refusal(),
            Self::WouldRefuse { error } => Some(*error),
            _ => None,
        }
    }

    /// Was there no node, or no gateway, to talk to?
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Submit(SubmitError::Chain(error)) => error.is_unreachable(),
            Self::Remote(error) => error.is_unreachable(),
            _ => false,
        }
    }
}

/// An id that can be made of random bytes.
pub trait FreshId: Sized {
    /// A new one: random, so that it says nothing of whom it names.
    ///
    /// # Errors
    /// When the system has no randomness.
    fn fresh() -> Result<Self, RandomError>;
}

macro_rules! fresh {
    ($($name:ident),+) => {$(
        impl FreshId for $name {
            fn fresh() -> Result<Self, RandomError> {
                Ok(Self(*random_bytes()?))
            }
        }
    )+};
}

fresh!(OrganisationId, PractitionerId, PatientId, RecordId);

/// A new signing key.
///
/// # Errors
/// When the system has no randomness.
pub fn fresh_key() -> Result<salus_primitives::crypto::KeyPair, RandomError> {
    Ok(salus_primitives::crypto::KeyPair::from_seed(&*random_bytes()?))
}

/// A subject in words: what it is and its id.
pub fn subject_text(subject: &Subject) -> String {
    match subject {
        Subject::Council => "the council".to_owned(),
        Subject::Organisation(id) => format!("organisation {id}"),
        Subject::Practitioner(id) => format!("practitioner {id}"),
        Subject::Patient(id) => format!("patient {id}"),
    }
}
