//! The stream of finalised blocks, without a gap: what the feed dropped is read again by height.

use std::sync::Arc;

use salus_primitives::{Hash, Header, Height};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::backend::{Backend, FinalisedBlock};

/// Finalised blocks after a starting point, each exactly once and in order.
pub(crate) struct Blocks {
    backend: Arc<dyn Backend>,
    receiver: Receiver<Arc<FinalisedBlock>>,
    /// The newest block when the stream began; the first one of the stream is its child.
    pub start: (Hash, Header),
    next: Height,
    ahead: Option<Arc<FinalisedBlock>>,
}

impl Blocks {
    /// Begin at the newest block.
    pub fn begin(backend: &Arc<dyn Backend>) -> Self {
        // In this order: a block between the two reads is in the feed and in `start`, and is skipped below.
        let receiver = backend.blocks();
        let start = backend.finalised();
        let next = start.1.number.next();
        Self { backend: backend.clone(), receiver, start, next, ahead: None }
    }

    /// The next block; none when the chain stops or the block is pruned already. May be cancelled.
    pub async fn next(&mut self) -> Option<Arc<FinalisedBlock>> {
        loop {
            if let Some(ahead) = &self.ahead {
                if ahead.header.number < self.next {
                    self.ahead = None;
                } else {
                    let block =
                        if ahead.header.number == self.next { self.ahead.take()? } else { self.read(self.next)? };
                    self.next = self.next.next();
                    return Some(block);
                }
            }
            match self.receiver.recv().await {
                Ok(block) => self.ahead = Some(block),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn read(&self, height: Height) -> Option<Arc<FinalisedBlock>> {
        let hash = self.backend.hash_at(height)?;
        let header = self.backend.header(&hash)?;
        let extrinsics = self.backend.body(&hash)?;
        Some(Arc::new(FinalisedBlock { hash, header, extrinsics, changes: None }))
    }
}
