//! What a call is refused with, and the code each client looks for.

use jsonrpsee::types::ErrorObjectOwned;
use salus_primitives::{Hash, extrinsic::ExtrinsicError, limits::EXTRINSIC_BYTES_MAX, runtime_api::CallError};

use crate::backend::SubmitError;

/// Why a call is refused. The text never repeats what the caller sent: it may hold what should not be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The parameters are not what the method takes.
    #[error("Invalid params")]
    Params(String),
    /// No such block, to the legacy methods.
    #[error("Client error: UnknownBlock: Header was not found in the database: {0}")]
    UnknownBlock(Hash),
    /// The block is known, its state is not kept any more. Clients look for these words.
    #[error("Client error: Api called for an unknown Block: State already discarded for {0}")]
    StateDiscarded(Hash),
    /// A runtime function failed.
    #[error("{0}")]
    Call(#[from] CallError),
    /// A page, list or scan beyond its limit.
    #[error("too many {what}: {found}, at most {max} in one call; ask in several calls")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many were asked for.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// An extrinsic over the size limit.
    #[error("the extrinsic has {bytes} bytes, at most {EXTRINSIC_BYTES_MAX} are taken")]
    ExtrinsicTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Bytes that are no extrinsic.
    #[error("Extrinsic has invalid format")]
    BadFormat(String),
    /// The pool or the runtime does not take the extrinsic.
    #[error("{0}")]
    Submit(#[from] SubmitError),
    /// Too many follow subscriptions on this connection.
    #[error("Maximum number of chainHead_v1_follow has been reached: {max} on one connection")]
    TooManyFollows {
        /// How many there may be.
        max: usize,
    },
    /// The block is not pinned by this follow subscription.
    #[error("Invalid block hash: it is not pinned by this subscription")]
    NotPinned,
    /// A call that this follow subscription does not allow.
    #[error("Invalid use of method: the subscription was made without runtime information")]
    WithoutRuntime,
    /// Nothing waits to be continued.
    #[error("Wait-for-continue event not generated for this operation")]
    NothingToContinue,
    /// A hash stands twice.
    #[error("Received duplicate hashes to unpin")]
    DuplicateHashes,
    /// Subscriptions in the whole process are used up.
    #[error("Too many subscriptions: this node serves {max} at once")]
    TooManySubscriptions {
        /// How many there may be.
        max: usize,
    },
    /// No turn came in time.
    #[error("Server is busy, try again later")]
    Busy,
    /// JSON nested beyond the limit.
    #[error("Parse error: JSON nested deeper than {max} levels")]
    TooDeep {
        /// How deep it may be.
        max: usize,
    },
    /// A call that cannot be made this way.
    #[error("{0}")]
    NotHere(&'static str),
    /// What a method of an [`crate::Extension`] refuses by its own rules.
    #[error("{message}")]
    Other {
        /// The JSON-RPC error code.
        code: i32,
        /// What failed.
        message: String,
        /// More, for programs.
        data: Option<serde_json::Value>,
    },
}

impl RpcError {
    /// The JSON-RPC error code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Params(_) => -32602,
            Self::UnknownBlock(_) | Self::StateDiscarded(_) | Self::Call(_) => 4003,
            Self::TooMuch { .. } => -32050,
            Self::ExtrinsicTooLarge { .. } => -32051,
            Self::BadFormat(_) => 1001,
            Self::Submit(SubmitError::Invalid(_)) => 1010,
            Self::Submit(SubmitError::Refused { class, .. }) => class.code(),
            Self::TooManyFollows { .. } => -32800,
            Self::NotPinned => -32801,
            Self::WithoutRuntime => -32802,
            Self::NothingToContinue => -32803,
            Self::DuplicateHashes => -32804,
            Self::TooManySubscriptions { .. } => -32006,
            Self::Busy => -32009,
            Self::TooDeep { .. } => -32700,
            Self::NotHere(_) => -32600,
            Self::Other { code, .. } => *code,
        }
    }
}

impl From<ExtrinsicError> for RpcError {
    fn from(error: ExtrinsicError) -> Self {
        match error {
            ExtrinsicError::TooLarge { bytes } => Self::ExtrinsicTooLarge { bytes },
            other => Self::BadFormat(other.to_string()),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let code = error.code();
        match error {
            RpcError::Params(data) => Self::owned(code, "Invalid params", Some(data)),
            RpcError::BadFormat(data) => Self::owned(code, "Extrinsic has invalid format", Some(data)),
            RpcError::Submit(SubmitError::Invalid(reason)) => {
                Self::owned(code, "Invalid Transaction", Some(reason.to_string()))
            }
            RpcError::Submit(SubmitError::Refused { class, text }) => {
                let message = match class.code() {
                    1012 => "Transaction is temporarily banned",
                    1013 => "Transaction Already Imported",
                    1014 => "Priority is too low",
                    1016 => "Immediately Dropped",
                    -32009 => "Server is busy, try again later",
                    -32052 => "AccountQuota",
                    -32053 => "NonceGap",
                    -32054 => "PoolFull",
                    _ => "OrganisationQuota",
                };
                Self::owned(code, message, Some(text))
            }
            RpcError::Other { message, data, .. } => Self::owned(code, message, data),
            other => Self::owned(code, other.to_string(), None::<()>),
        }
    }
}
