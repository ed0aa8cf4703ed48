//! Handing on an extrinsic that somebody else signed, byte for byte.

use std::{future::Future, time::Instant};

use parity_scale_codec::Encode as _;
use salus_primitives::{Hash, RawExtrinsic};

use super::{
    Chain, ChainError, Receipt, SubmitError,
    submit::{not_final, not_taken},
};

impl Chain {
    /// Submit `extrinsic` as it is. Once the node has taken it, the inner future waits until it is final and says what
    /// came of it.
    ///
    /// # Errors
    /// [`SubmitError`] by what went wrong, at either time.
    pub async fn relay(
        &self,
        extrinsic: &RawExtrinsic,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + Send + 'static, SubmitError> {
        let at = self.client.at_current_block().await.map_err(ChainError::from_client)?;
        let wire = extrinsic.encode();
        let started = Instant::now();
        let progress = at.tx().from_bytes(wire.clone()).submit_and_watch().await.map_err(not_taken)?;
        let chain = self.clone();
        Ok(async move {
            let placed = progress.wait_for_finalized().await.map_err(not_final)?;
            let elapsed = started.elapsed();
            let block = chain.block(Hash(placed.block_hash().0)).await?;
            chain.receipt(&block, &wire, elapsed).await
        })
    }
}
