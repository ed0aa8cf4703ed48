//! What upkeep asks the chain, and how it reaches other custodians. The gateway answers both for real, tests do not.

use std::sync::Arc;

use async_trait::async_trait;
use salus_client::envelope::{Anchor, KemPublic};
use salus_primitives::{Moment, OrganisationId};
use salus_records::{Record, RecordStatus};

use crate::{
    copies::{Peer, PeerError},
    store::Place,
};

/// What the newest finalised state says of a place, proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The block time of that state.
    pub at: Moment,
    /// The record, if the patient has one of this id.
    pub record: Option<Record>,
}

impl Seen {
    /// The record, if it is this very ciphertext.
    pub fn record_of(&self, anchor: &Anchor) -> Option<&Record> {
        self.record.as_ref().filter(|record| record.digest == anchor.digest && record.size == anchor.size)
    }

    /// Is it to be destroyed?
    pub fn is_erased(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.status == RecordStatus::Erased)
    }
}

/// The other custodian of a record, for one of the two.
pub fn other_custodian(record: &Record, us: OrganisationId) -> Option<OrganisationId> {
    if record.custodian == us { record.second } else { Some(record.custodian) }
}

/// The chain could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chain did not answer about {about}: {reason}; see whether the node runs and follows the chain")]
pub struct ChainError {
    /// About what: a record or an organisation.
    pub about: String,
    /// Why.
    pub reason: String,
}

/// The newest finalised state, proven.
#[async_trait]
pub trait Chain: Send + Sync {
    /// What it says of a place. Absence is proven too: an error is never taken for it.
    async fn record(&self, place: Place) -> Result<Seen, ChainError>;
    /// The key that wraps for an organisation are made for.
    async fn kem_key(&self, organisation: OrganisationId) -> Result<Option<KemPublic>, ChainError>;
}

/// The gateways of other custodians.
#[async_trait]
pub trait Peers: Send + Sync {
    /// The one of an organisation.
    async fn of(&self, organisation: OrganisationId) -> Result<Arc<dyn Peer>, PeerError>;
    /// Organisations that may keep records of ours too.
    async fn known(&self) -> Result<Vec<OrganisationId>, PeerError>;
}
