//! Builds the parts of a running node and joins them. One part that ends stops the node.

use std::{fs, sync::Arc, thread};

use anyhow::{Context, anyhow, bail};
use salus_chain_spec::{ChainKind, presets};
use salus_engine::{
    Chain, Engine, EngineConfig, EngineError, Incoming, Solitude, SystemClock, archive::FileError, budget,
};
use salus_pool::Limits;
use salus_primitives::{crypto::KeyPair, runtime_api::RuntimeApi};
use salus_rpc::{Identity, Server, ServerConfig, Token};
use salus_runtime::SalusRuntime;
use salus_storage::{CommitError, OpenError, StorageError};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot, watch},
};
use tracing::{error, info, warn};

use crate::{
    backend::{Announcer, NodeBackend},
    config::Config,
    genesis::{self, DataError},
    keys::{self, KeyFileError},
    layout::{NETWORK_KEY, VALIDATOR_KEY},
};

/// Messages from peers that may wait for the engine.
const INCOMING: usize = 256;

/// Run a node until a signal comes or a part of it ends.
///
/// # Errors
/// Why it could not start, or why it had to stop.
pub fn run(config: Config) -> anyhow::Result<()> {
    let runtime = SalusRuntime::new();
    let database = genesis::open(&config.spec, &config.layout, &runtime)?;
    let key = validator_key(&config)?;
    let (tip, tip_hash) = database.tip();
    let genesis_hash = database.identity().genesis;
    info!(
        chain = %config.spec.id, genesis = %genesis_hash, height = %tip.number, hash = %tip_hash,
        name = %config.name, validator = key.is_some(), data = %config.layout.root().display(), "starting"
    );
    let set = runtime.validators(&database.state());
    match &key {
        Some(key) if set.index_of(&key.public()).is_none() => {
            warn!(key = %key.public(), "this key is not among the chain's validators: following without voting");
        }
        None if set.len() == 1 => warn!("the only validator is not this node: no block will be made"),
        _ => {}
    }
    if set.len() > 1 {
        bail!(
            "the chain has {} validators, and this release connects none to each other: run a chain of one",
            set.len()
        );
    }

    let announcer = Announcer::default();
    let announce = announcer.clone();
    let chain = Chain::new(
        database,
        Arc::new(runtime),
        Arc::new(SystemClock),
        Limits::default(),
        Box::new(move |block, changes, hash| announce.announce(&block, changes, hash)),
    );
    let signatures = budget::measured_rate();
    chain.signatures.limit(signatures);
    info!(per_second = signatures, "signatures that are verified for those who submit");
    let engine_config = EngineConfig { free_bytes_min: config.free_bytes_min, ..EngineConfig::default() };
    let engine = Engine::new(Arc::clone(&chain), key, Box::new(Solitude), engine_config)?;

    // Consensus has a thread of its own; RPC has others, so that callers never take it.
    let (stop, stopped) = watch::channel(false);
    let (_incoming, inbox) = mpsc::channel::<Incoming>(INCOMING);
    let (ended, mut engine_ended) = oneshot::channel();
    let consensus = thread::Builder::new().name("consensus".into()).spawn(move || {
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|tokio| tokio.block_on(engine.run(inbox, stopped)).map_err(anyhow::Error::from));
        // An error means that nobody waits any more.
        let _ = ended.send(outcome);
    })?;

    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("rpc").build()?;
    let outcome = tokio.block_on(async {
        let server = start_rpc(&config, &chain, announcer).await?;
        let address = server.address();
        let file = config.layout.rpc_address();
        fs::write(&file, format!("ws://{address}\n"))
            .map_err(|source| OpenError::NotWritable { path: config.layout.root().to_owned(), source })?;
        info!(rpc = %format!("ws://{address}"), "ready");
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let outcome = tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            ended = &mut engine_ended => Err(ended),
        };
        // Nobody should find the node where it no longer is; that the file is gone already is as good.
        let _ = fs::remove_file(&file);
        match outcome {
            Ok(()) => {
                info!("stopping");
                server.stop().await;
                stop.send_replace(true);
                match (&mut engine_ended).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(anyhow!("the consensus thread ended without a word")),
                }
            }
            Err(ended) => {
                let outcome = ended.unwrap_or_else(|_| Err(anyhow!("the consensus thread ended without a word")));
                if let Err(error) = &outcome {
                    error!(%error, "the engine stopped");
                }
                server.stop().await;
                outcome
            }
        }
    });
    stop.send_replace(true);
    consensus.join().map_err(|_| anyhow!("the consensus thread panicked"))?;
    drop(chain);
    if outcome.is_ok() {
        info!("stopped");
    }
    outcome
}

async fn start_rpc(config: &Config, chain: &Arc<Chain>, announcer: Announcer) -> anyhow::Result<Server> {
    let token = match &config.rpc_token_file {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("token file {}", path.display()))?;
            Some(Token::new(text.trim()).with_context(|| format!("token file {}", path.display()))?)
        }
    };
    let identity = Identity {
        chain: config.spec.name.clone(),
        genesis: chain.database.identity().genesis,
        properties: config.spec.properties.clone().into_iter().collect(),
        node_name: "salus-node".into(),
        node_version: env!("CARGO_PKG_VERSION").into(),
    };
    let backend = NodeBackend::new(identity, Arc::clone(chain), announcer);
    let server = ServerConfig {
        listen: config.rpc_listen,
        token,
        hosts: config.rpc_hosts.clone(),
        origins: config.rpc_origins.clone(),
        ..ServerConfig::default()
    };
    Ok(Server::start(server, Arc::new(backend), &[]).await?)
}

/// The key to vote with; none for a follower.
///
/// # Errors
/// [`KeyFileError`] when the node shall vote and has no usable key.
pub fn validator_key(config: &Config) -> anyhow::Result<Option<KeyPair>> {
    if !config.validator {
        return Ok(None);
    }
    let path = config.layout.key(VALIDATOR_KEY);
    let key = match keys::load(&path) {
        Err(KeyFileError::Missing(_)) if config.spec.kind == ChainKind::Development => {
            presets::development_key(VALIDATOR_KEY)
        }
        loaded => loaded?,
    };
    let network = match keys::load(&config.layout.key(NETWORK_KEY)) {
        Err(KeyFileError::Missing(_)) => None,
        loaded => Some(loaded?),
    };
    if network.is_some_and(|network| network.public() == key.public()) {
        bail!("the validator's and the network's key are the same: make another with `salus-node key generate`");
    }
    Ok(Some(key))
}

/// The exit code that tells a service manager what kind of failure it was: 74 for disk and database (EX_IOERR), 78
/// for configuration (EX_CONFIG), 1 for the rest.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let disk = error.chain().any(|cause| {
        cause.is::<StorageError>()
            || cause.is::<OpenError>()
            || cause.is::<CommitError>()
            || matches!(cause.downcast_ref(), Some(DataError::Open(_) | DataError::Storage(_) | DataError::Commit(_)))
            || matches!(
                cause.downcast_ref(),
                Some(EngineError::Storage(_) | EngineError::Commit(_) | EngineError::DiskLow { .. })
            )
            || matches!(
                cause.downcast_ref(),
                Some(FileError::Io(_) | FileError::Storage(_) | FileError::Commit(CommitError::Storage(_)))
            )
    });
    let config = error.chain().any(|cause| {
        cause.is::<crate::config::ConfigError>()
            || cause.is::<salus_chain_spec::SpecError>()
            || cause.is::<KeyFileError>()
    });
    if disk {
        74
    } else if config {
        78
    } else {
        1
    }
}
