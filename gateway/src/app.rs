//! What all requests share.

use std::sync::Arc;

use salus_client::door::{GatewayInfo, Refusal};
use salus_primitives::{Hash, OrganisationId, crypto::KeyPair};
use salus_runtime::RuntimeCall;
use salus_support::StateReader;

use crate::{
    keyring::Keyring,
    ledger::{Certified, Ledger, LedgerError, SubmitFailure, judge},
    limits::Limits,
    metrics::Metrics,
    nonces::Nonces,
    refused::Refused,
    relay::Relayed,
    report::Reports,
    store::Store,
    turns::{Turns, Uploads},
};

/// The gateway's clock, ms since the Unix epoch. Tests set it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's clock.
pub fn machine_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// Whose gateway it is, and its keys.
#[derive(Debug)]
pub struct Identity {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Which chain.
    pub genesis: Hash,
    /// The key of its Gateway officer: signs custody receipts and reports releases.
    pub officer: KeyPair,
    /// The organisation's encryption keys, which open custodian wraps.
    pub keyring: Keyring,
}

/// The gateway.
pub struct App {
    /// Whose it is.
    pub identity: Identity,
    /// The chain.
    pub ledger: Arc<dyn Ledger>,
    /// Blobs and wraps.
    pub store: Arc<Store>,
    /// What was released and is to be reported.
    pub reports: Arc<Reports>,
    /// Its clock.
    pub clock: Clock,
    /// Its limits.
    pub limits: Limits,
    /// Its counters.
    pub metrics: Arc<Metrics>,
    /// Nonces that wait for their request.
    pub nonces: Nonces,
    /// What callers have under way.
    pub turns: Turns,
    /// What callers uploaded today.
    pub uploads: Uploads,
    /// Extrinsics that were handed on.
    pub relayed: Relayed,
    /// Whoever submits with the officer's key has its nonces to itself.
    submitting: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.identity.organisation)
    }
}

impl App {
    /// A gateway of these parts.
    pub fn new(
        identity: Identity,
        ledger: Arc<dyn Ledger>,
        store: Arc<Store>,
        reports: Arc<Reports>,
        clock: Clock,
        limits: Limits,
    ) -> Self {
        Self {
            nonces: Nonces::new(limits.nonces, limits.nonces_per_address),
            turns: Turns::new(&limits),
            uploads: Uploads::default(),
            relayed: Relayed::new(limits.extrinsics),
            metrics: Arc::default(),
            submitting: tokio::sync::Mutex::default(),
            identity,
            ledger,
            store,
            reports,
            clock,
            limits,
        }
    }

    /// The gateway's time, ms since the Unix epoch.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Submit calls as the Gateway officer and wait until the last is final; gives what each came to.
    ///
    /// # Errors
    /// [`SubmitFailure`] when it is not known what became of them.
    pub async fn submit(&self, calls: Vec<RuntimeCall>) -> Result<Vec<Result<(), SubmitFailure>>, SubmitFailure> {
        let _turn = self.submitting.lock().await;
        self.ledger.calls(&self.identity.officer, calls).await
    }

    /// Is a block of this time too old to say anything about now?
    ///
    /// # Errors
    /// [`Refusal::StaleNode`].
    pub fn fresh(&self, at: &Certified) -> Result<(), Refused> {
        let age = self.now().saturating_sub(at.time.0);
        if age > self.limits.stale_after { Err(stale(age, self.limits.stale_after)) } else { Ok(()) }
    }

    /// What `read` finds in the newest certified state, which is not too old.
    ///
    /// # Errors
    /// [`Refusal::StaleNode`], [`Refusal::NodeUnavailable`], [`Refusal::BadProof`], or what `read` refuses with.
    pub async fn judge<T: Send>(
        &self,
        read: impl Fn(&dyn StateReader, &Certified) -> Result<T, Refused> + Send + Sync,
    ) -> Result<(T, Certified), Refused> {
        let (answer, at) = judge(&*self.ledger, read).await.map_err(|error| self.blind(error))?;
        self.fresh(&at)?;
        Ok((answer?, at))
    }

    /// The refusal when the chain cannot be read.
    pub fn blind(&self, error: LedgerError) -> Refused {
        match error {
            LedgerError::Unavailable(reason) => {
                tracing::warn!(%reason, "no node can be asked");
                Refused::new(Refusal::NodeUnavailable, "the gateway reaches no node of the chain")
            }
            LedgerError::NotProven(reason) => {
                tracing::error!(%reason, "the node's answer is not proven");
                Refused::new(Refusal::BadProof, "the gateway's node gave an answer that is not proven")
            }
            LedgerError::Stale { age } => stale(age, self.limits.stale_after),
        }
    }

    /// What anyone may know of this gateway.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn info(&self) -> Result<GatewayInfo, Refused> {
        let newest = self.ledger.newest().await.map_err(|error| self.blind(error))?;
        let version = salus_system::version();
        Ok(GatewayInfo {
            organisation: self.identity.organisation,
            genesis: self.identity.genesis,
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
            height: newest.height.0,
            block: newest.hash,
            time: newest.time.0,
            fresh: self.fresh(&newest).is_ok(),
            limits: self.limits.published(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

fn stale(age: u64, max: u64) -> Refused {
    let message = format!("the newest certified header is {age} ms old, at most {max} are allowed");
    Refused::new(Refusal::StaleNode, message)
}
