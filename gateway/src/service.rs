//! The gateway as it runs: its parts from the configuration, until it is told to stop.

use std::{io, net::SocketAddr, sync::Arc};

use salus_client::{
    chain::{AccessToken, TokenError},
    keystore::{KeyFile, KeystoreError, Passphrase, read_secret},
    light::{LightError, NotACheckpoint, Trust},
};
use salus_primitives::{OrganisationId, Subject, subject::Roles};
use salus_registry::{Standing, storage::KemKeys};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::{
    app::{App, Identity, machine_clock},
    config::Config,
    copies::http::{Neighbours, Proven},
    erasures,
    keyring::{Keyring, KeyringError},
    ledger::{Ledger, judge},
    metrics,
    node::Node,
    report::{self, Reports, ReportsError},
    server::{Listen, Server, StartError, routes::routes},
    store::{Store, StoreError},
    upkeep::{self, Keeper},
};

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A key or the passphrase.
    #[error(transparent)]
    Key(#[from] KeystoreError),
    /// The custodian's keys.
    #[error(transparent)]
    Keyring(Box<KeyringError>),
    /// The passphrase's file.
    #[error("{path} is no passphrase: it has to be text", path = .path.display())]
    Passphrase {
        /// Which.
        path: std::path::PathBuf,
    },
    /// The node's token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The checkpoint.
    #[error("chain.checkpoint: {0}")]
    Checkpoint(#[from] NotACheckpoint),
    /// The node.
    #[error("the chain: {0}")]
    Chain(#[from] LightError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is to be reported.
    #[error(transparent)]
    Reports(#[from] ReportsError),
    /// The client that asks other gateways.
    #[error("the client for other gateways: {0}")]
    Client(#[from] reqwest::Error),
    /// The server.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Signals.
    #[error("the system takes no handler of signals: {0}")]
    Signal(#[from] io::Error),
}

impl From<KeyringError> for ServiceError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(Box::new(error))
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Service {
    server: Server,
    metrics: Option<Server>,
    app: Arc<App>,
    reporting: tokio::task::JoinHandle<()>,
    upkeep: tokio::task::JoinHandle<()>,
    erasing: tokio::task::JoinHandle<()>,
}

impl Service {
    /// Start a gateway.
    ///
    /// # Errors
    /// [`ServiceError`], which says what to do.
    pub async fn start(config: &Config) -> Result<Self, ServiceError> {
        let identity = identity(config)?;
        let clock = machine_clock();
        let ledger = ledger(config).await?;
        check(&*ledger, &identity).await;
        let store = Arc::new(Store::open(&config.store).await?);
        let keeper = keeper(&identity, ledger.clone(), Store::clone(&store))?;
        let reports = Arc::new(Reports::open(&config.base_path.join("reports"))?);
        if !reports.is_empty() {
            tracing::info!(owed = reports.len(), "releases of an earlier run are to be reported");
        }
        let app = Arc::new(App::new(identity, ledger, store, reports, clock, config.limits.clone()));
        tracing::info!(limits = ?config.limits, "limits");
        let server = Server::start(&config.listen, &config.limits, routes(app.clone())).await?;
        let metrics = match config.metrics {
            Some(address) => {
                let listen = Listen { address, tls: None, plain_beyond_loopback: false };
                Some(Server::start(&listen, &config.limits, metrics::routes(app.clone())).await?)
            }
            None => None,
        };
        let reporting = tokio::spawn(report::run(app.clone()));
        let upkeep = tokio::spawn(upkeep::run(keeper, config.upkeep_every, std::future::pending()));
        let erasing = tokio::spawn(erasures::run(app.clone(), config.upkeep_every));
        Ok(Self { server, metrics, app, reporting, upkeep, erasing })
    }

    /// Where it serves.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where Prometheus may ask.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Server::address)
    }

    /// Take nothing more, let running requests end, then stop. What is to be reported stays written down.
    pub async fn stop(self) {
        self.server.stop().await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        self.reporting.abort();
        // Wherever it is: it leaves what a crash would, and the next start goes on.
        self.upkeep.abort();
        self.erasing.abort();
        tracing::info!(owed = self.app.reports.len(), "stopped");
    }
}

/// The chain, as the configured node proves it.
///
/// # Errors
/// [`ServiceError`] by what is wrong with the configuration or the node.
pub async fn ledger(config: &Config) -> Result<Arc<dyn Ledger>, ServiceError> {
    let token = config.token_file.as_deref().map(AccessToken::read).transpose()?;
    let trust = match &config.checkpoint {
        Some(checkpoint) => Trust::Checkpoint { genesis: config.genesis, checkpoint: checkpoint.parse()? },
        None => Trust::genesis(config.genesis),
    };
    let node = Node::connect(&config.node, token, trust, machine_clock(), config.limits.stale_after).await?;
    Ok(Arc::new(node))
}

/// What the configured keys are encrypted under.
///
/// # Errors
/// [`ServiceError`] by what is wrong with the file.
pub fn passphrase(config: &Config) -> Result<Passphrase, ServiceError> {
    let path = &config.keys.passphrase;
    let bytes = Zeroizing::new(read_secret(path)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| ServiceError::Passphrase { path: path.clone() })?;
    Ok(Passphrase::new(text.to_owned())?)
}

/// Whose gateway it is, with its keys unlocked.
///
/// # Errors
/// [`ServiceError`] by what is wrong with them.
pub fn identity(config: &Config) -> Result<Identity, ServiceError> {
    let passphrase = passphrase(config)?;
    let officer = KeyFile::open(&config.keys.officer)?.unlock_account(&passphrase)?;
    let keyring = Keyring::open(&config.keys.keyring, passphrase)?;
    Ok(Identity { organisation: config.organisation, genesis: config.genesis, officer, keyring })
}

/// Whoever keeps the store in order, with the chain and the other custodians at hand.
///
/// # Errors
/// [`ServiceError::Client`].
pub fn keeper(identity: &Identity, ledger: Arc<dyn Ledger>, store: Store) -> Result<Keeper, ServiceError> {
    Ok(Keeper {
        store,
        us: identity.organisation,
        peers: Arc::new(Neighbours::new(identity, ledger.clone())?),
        chain: Arc::new(Proven(ledger)),
        keyring: Some(identity.keyring.clone()),
    })
}

/// Compare the keys with the chain, and say what does not fit. It starts all the same: an officer may be appointed
/// while it runs, and a chain that stands still must not keep it from coming up.
async fn check(ledger: &dyn Ledger, identity: &Identity) {
    let ours = identity.organisation;
    let found = judge(ledger, |state, at| {
        let officer = salus_registry::officer_key(state, identity.officer.public(), Roles::GATEWAY, at.time);
        (officer, KemKeys::get(state, &Subject::Organisation(ours)))
    });
    let (officer, key) = match found.await {
        Ok((found, _)) => found,
        Err(error) => {
            tracing::warn!(%error, "the keys were not compared with the chain");
            return;
        }
    };
    match officer {
        Ok(id) if id == ours => {}
        other => warn_officer(ours, other),
    }
    if key.map(|key| key.key) != Some(identity.keyring.newest().public.0) {
        tracing::warn!(
            organisation = %ours,
            "the newest key of the keyring is not the organisation's on the chain: new records will not open here until they agree"
        );
    }
}

fn warn_officer(ours: OrganisationId, found: Result<OrganisationId, Standing>) {
    let reason = match found {
        Ok(other) => format!("it is an officer of {other}"),
        Err(standing) => standing.to_string(),
    };
    tracing::warn!(organisation = %ours, reason, "the officer's key is no Gateway officer's of this organisation: its custody receipts and reports will be refused");
}

/// Run until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServiceError`].
pub async fn run(config: &Config) -> Result<(), ServiceError> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut service = Service::start(config).await?;
    // For whoever started it, who may not read the log.
    println!("salus-gateway of {} listens on {}", config.organisation, service.url());
    if let Some(address) = service.metrics_address() {
        println!("metrics on http://{address}/metrics, health on http://{address}/health");
    }
    tokio::select! {
        _ = term.recv() => tracing::info!("SIGTERM"),
        _ = int.recv() => tracing::info!("SIGINT"),
        // It never ends by itself; a panic in it ends the process.
        _ = &mut service.reporting => tracing::error!("reporting ended"),
        _ = &mut service.erasing => tracing::error!("erasing ended"),
        _ = &mut service.upkeep => tracing::error!("the upkeep of the store ended"),
    }
    service.stop().await;
    Ok(())
}
