//! Why a gateway did not give or take what it should.

use std::{io, path::PathBuf};

use salus_primitives::{Hash, OrganisationId};

use crate::{
    door::Refusal,
    envelope::{OpenError, WrapError},
};

/// Why nothing came of asking a gateway. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Not an address of a gateway.
    #[error(
        "{url} is no address of a gateway ({reason}); give https://HOST[:PORT], or http://127.0.0.1:PORT on this machine"
    )]
    BadUrl {
        /// The address.
        url: String,
        /// Why not.
        reason: &'static str,
    },
    /// No address is given, and the chain names none.
    #[error("organisation {organisation} names no gateway on the chain; give its address with --gateway URL")]
    NoAddress {
        /// Whose gateway.
        organisation: OrganisationId,
    },
    /// Nothing answers there.
    #[error("no gateway answers at {url} ({reason}); see whether it runs, or ask the record's other custodian")]
    Unreachable {
        /// Where.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The connection broke, again and again.
    #[error("the connection to the gateway broke ({reason}); try again")]
    Broken {
        /// What the connection said.
        reason: String,
    },
    /// A gateway of another chain.
    #[error("the gateway is one of the chain with genesis {found}, expected is {expected}; check its address")]
    OtherChain {
        /// The gateway's.
        found: Hash,
        /// The caller's.
        expected: Hash,
    },
    /// Another organisation's gateway than the record's custodian's.
    #[error("the gateway is organisation {found}'s, the custodian is {expected}; give the custodian's gateway")]
    OtherGateway {
        /// Whose it is.
        found: OrganisationId,
        /// Whose it should be.
        expected: OrganisationId,
    },
    /// The gateway refuses.
    #[error("the gateway refuses: {message}{}", next(.refusal))]
    Refused {
        /// By which name; none for one this program does not know.
        refusal: Option<Refusal>,
        /// HTTP status.
        status: u16,
        /// The gateway's words, of one line.
        message: String,
    },
    /// An answer that is not of the door.
    #[error("the gateway's {what} cannot be read; it is damaged, or of another release")]
    Answer {
        /// What.
        what: &'static str,
    },
    /// The blob is announced with another length than the chain has.
    #[error("the gateway announces {declared} bytes, the chain says {expected}; ask the other custodian")]
    Length {
        /// What is announced.
        declared: u64,
        /// The size on chain, bytes.
        expected: u64,
    },
    /// The blob ends too soon.
    #[error("the blob ended after {found} of {expected} bytes, each time; try again, or ask the other custodian")]
    Truncated {
        /// How many bytes came at most.
        found: u64,
        /// The size on chain.
        expected: u64,
    },
    /// The blob does not end.
    #[error("the blob goes on after the {expected} bytes that the chain says it has; ask the other custodian")]
    TooLong {
        /// The size on chain, bytes.
        expected: u64,
    },
    /// The blob is not the one on chain.
    #[error("the blob's digest is {found}, the chain says {expected}; ask the other custodian")]
    Digest {
        /// Of the bytes that came.
        found: Hash,
        /// On chain.
        expected: Hash,
    },
    /// The gateway speaks of another record, or another state of it, than the chain.
    #[error("the gateway's {what} is not the chain's; try again, and tell the gateway's operator when it stays")]
    Differs {
        /// What differs.
        what: &'static str,
    },
    /// A custody receipt that is none.
    #[error("the gateway's custody receipt is not signed for what was uploaded; tell its operator, nothing was filed")]
    Custody,
    /// The wrap does not open.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The blob does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file of this machine.
    #[error("{doing} {path} failed: {source}", path = .path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
}

impl RemoteError {
    /// Was there no gateway to talk to?
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Broken { .. })
    }

    /// Why it refused, if that is what it did.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => *refusal,
            _ => None,
        }
    }

    /// Might the record's other custodian do better?
    pub fn is_this_custodians(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Answer { .. } => true,
            Self::NoAddress { .. } | Self::Differs { .. } => true,
            Self::Length { .. } | Self::Truncated { .. } | Self::TooLong { .. } | Self::Digest { .. } => true,
            Self::Refused { refusal, status, .. } => {
                *status >= 500 || matches!(refusal, Some(Refusal::NotStored | Refusal::NotCustodian))
            }
            _ => false,
        }
    }

    pub(super) fn file<'a>(doing: &'static str, path: &'a std::path::Path) -> impl Fn(io::Error) -> Self + use<'a> {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }

    /// What the HTTP library says, at the bottom of its chain of causes.
    pub(super) fn reason(error: &reqwest::Error) -> String {
        let mut current: &dyn std::error::Error = error;
        while let Some(source) = current.source() {
            current = source;
        }
        current.to_string()
    }
}

fn next(refusal: &Option<Refusal>) -> String {
    refusal.map_or_else(String::new, |refusal| format!(" ({refusal}); {}", refusal.hint()))
}
