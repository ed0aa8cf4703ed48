//! The chain through a node that is not trusted: state by the light client, which proves every value; submitting and
//! listing by the node's word, since what comes of either is proven or shows on the chain.

use std::sync::Arc;

use futures::future::BoxFuture;
use salus_client::{
    chain::{AccessToken, Chain, ChainError, Receipt, SubmitError},
    door::ExtrinsicState,
    light::{Light, LightError, Options, RpcNode, Trust},
};
use salus_primitives::{Hash, Moment, RawExtrinsic, crypto::KeyPair};
use salus_runtime::RuntimeCall;
use tokio::sync::Mutex;

use crate::{
    app::Clock,
    ledger::{Certified, Ledger, LedgerError, Read, SubmitFailure},
};

/// A node, and what it has proven so far.
pub struct Node {
    light: Light,
    url: String,
    token: Option<AccessToken>,
    genesis: Hash,
    chain: Mutex<Option<Chain>>,
}

impl Node {
    /// The chain that begins at `trust`, through the node at `url`. A newest block older than `stale_after` ms by
    /// `clock` decides nothing.
    ///
    /// # Errors
    /// When the node cannot be asked, or its first answer does not hold.
    pub async fn connect(
        url: &str,
        token: Option<AccessToken>,
        trust: Trust,
        clock: Clock,
        stale_after: u64,
    ) -> Result<Self, LightError> {
        let options = Options { stale_after, clock: Arc::new(move || Moment(clock())) };
        let node = Arc::new(RpcNode::new(url, token.clone()));
        let light = Light::start(node, trust, options).await?;
        let genesis = light.genesis();
        Ok(Self { light, url: url.to_owned(), token, genesis, chain: Mutex::new(None) })
    }

    /// The connection there is, or a new one.
    async fn chain(&self) -> Result<Chain, LedgerError> {
        let mut slot = self.chain.lock().await;
        if let Some(chain) = &*slot {
            return Ok(chain.clone());
        }
        let chain = Chain::connect_with(&self.url, self.token.as_ref()).await.map_err(unavailable)?;
        if chain.genesis() != self.genesis {
            let reason = format!("the node is of chain {}, this gateway of {}", chain.genesis(), self.genesis);
            return Err(LedgerError::Unavailable(reason));
        }
        Ok(slot.insert(chain).clone())
    }

    /// The next one who asks connects again.
    async fn lost(&self, error: &ChainError) {
        if error.is_unreachable() {
            *self.chain.lock().await = None;
        }
    }
}

fn unavailable(error: ChainError) -> LedgerError {
    LedgerError::Unavailable(error.to_string())
}

fn light_error(error: LightError) -> LedgerError {
    match error {
        LightError::Stale { age, .. } => LedgerError::Stale { age },
        LightError::NodeLied { what } => LedgerError::NotProven(what.to_string()),
        other => LedgerError::Unavailable(other.to_string()),
    }
}

fn certified(block: &salus_client::light::Certified) -> Certified {
    Certified { height: block.height, hash: block.hash, time: block.time }
}

impl Ledger for Node {
    fn newest(&self) -> BoxFuture<'_, Result<Certified, LedgerError>> {
        Box::pin(async { self.light.newest().await.map(|block| certified(&block)).map_err(light_error) })
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxFuture<'a, Result<Certified, LedgerError>> {
        Box::pin(async move {
            let judged = self.light.judge(|state, at| read(state, &certified(at))).await.map_err(light_error)?;
            Ok(certified(&judged.at))
        })
    }

    fn keys<'a>(&'a self, prefix: &'a [u8], max: usize) -> BoxFuture<'a, Result<Vec<Vec<u8>>, LedgerError>> {
        Box::pin(async move {
            let chain = self.chain().await?;
            let listed = async {
                let at = chain.finalised().await?;
                chain.entries(prefix, at, max).await
            };
            match listed.await {
                Ok(entries) => Ok(entries.into_iter().map(|(key, _)| key).collect()),
                Err(error) => {
                    self.lost(&error).await;
                    Err(unavailable(error))
                }
            }
        })
    }

    fn submit(
        &self,
        extrinsic: RawExtrinsic,
    ) -> BoxFuture<'_, Result<BoxFuture<'static, ExtrinsicState>, SubmitFailure>> {
        Box::pin(async move {
            let chain = self.chain().await?;
            match chain.relay(&extrinsic).await {
                Ok(fate) => Ok(Box::pin(async move { state_of(fate.await) }) as BoxFuture<'static, ExtrinsicState>),
                Err(error) => Err(self.failure(error).await),
            }
        })
    }

    fn calls<'a>(
        &'a self,
        key: &'a KeyPair,
        calls: Vec<RuntimeCall>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), SubmitFailure>>, SubmitFailure>> {
        Box::pin(async move {
            let chain = self.chain().await?;
            let mut outcomes: Vec<Result<(), SubmitFailure>> = calls.iter().map(|_| Ok(())).collect();
            let report = match chain.submit_many(key, calls).await {
                Ok(report) => report,
                Err(error) => return Err(self.failure(error).await),
            };
            let refused = report.refused.into_iter().map(|(place, error)| (place, SubmitFailure::Refused(error)));
            let invalid = report.invalid.into_iter().map(|(place, words)| (place, SubmitFailure::NotTaken(words)));
            for (place, failure) in refused.chain(invalid) {
                if let Some(outcome) = outcomes.get_mut(place) {
                    *outcome = Err(failure);
                }
            }
            Ok(outcomes)
        })
    }
}

impl Node {
    async fn failure(&self, error: SubmitError) -> SubmitFailure {
        match error {
            SubmitError::Refused { error, .. } => SubmitFailure::Refused(error),
            SubmitError::Chain(error) => {
                self.lost(&error).await;
                SubmitFailure::Ledger(unavailable(error))
            }
            other => SubmitFailure::NotTaken(other.to_string()),
        }
    }
}

fn state_of(outcome: Result<Receipt, SubmitError>) -> ExtrinsicState {
    match outcome {
        Ok(receipt) => ExtrinsicState::Final { height: receipt.height.0 },
        Err(SubmitError::Refused { error, receipt }) => {
            let reason = salus_client::chain::explain(&error).to_string();
            ExtrinsicState::Refused { height: receipt.height.0, reason }
        }
        Err(other) => ExtrinsicState::Dropped { reason: other.to_string() },
    }
}
