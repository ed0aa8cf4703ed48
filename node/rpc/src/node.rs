//! What every method has at hand: the chain, the limits, the budgets that all connections share, the counters.

use std::sync::{Arc, atomic::AtomicUsize};

use salus_primitives::{Hash, Header, runtime_api::StateReader};
use tokio::sync::Semaphore;

use crate::{backend::Backend, counters::Counters, error::RpcError, limits::Limits};

/// Shared by all connections.
pub(crate) struct Node {
    pub backend: Arc<dyn Backend>,
    pub limits: Limits,
    /// Room for subscriptions.
    pub subscriptions: Arc<Semaphore>,
    /// Room for `chainHead_v1` operations at work.
    pub operations: Arc<Semaphore>,
    /// Bytes produced for all connections and not taken by their sockets yet.
    pub unsent: Arc<AtomicUsize>,
    /// What was served and refused.
    pub counters: Arc<Counters>,
}

impl Node {
    pub fn new(backend: Arc<dyn Backend>, limits: Limits) -> Self {
        Self {
            subscriptions: Arc::new(Semaphore::new(limits.subscriptions)),
            operations: Arc::new(Semaphore::new(limits.operations_running)),
            unsent: Arc::default(),
            counters: Arc::default(),
            backend,
            limits,
        }
    }

    /// The block a legacy call is about: the named one, or the newest.
    ///
    /// # Errors
    /// [`RpcError::UnknownBlock`].
    pub fn block(&self, hash: Option<Hash>) -> Result<(Hash, Header), RpcError> {
        match hash {
            None => Ok(self.backend.finalised()),
            Some(hash) => {
                let header = self.backend.header(&hash).ok_or(RpcError::UnknownBlock(hash))?;
                Ok((hash, header))
            }
        }
    }

    /// State after the block a legacy call is about.
    ///
    /// # Errors
    /// [`RpcError::UnknownBlock`], or [`RpcError::StateDiscarded`] for a pruned one.
    pub fn state(&self, hash: Option<Hash>) -> Result<(Hash, Header, Box<dyn StateReader + '_>), RpcError> {
        let (hash, header) = self.block(hash)?;
        let state = self.backend.state_at(&hash).ok_or(RpcError::StateDiscarded(hash))?;
        Ok((hash, header, state))
    }
}
