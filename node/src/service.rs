//! Builds the parts of a running node and joins them. One part that ends stops the node.

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use salus_chain_spec::{ChainKind, presets};
use salus_engine::{
    Chain, Engine, EngineConfig, EngineError, Figures, Hooks, Incoming, Outbox, Solitude, WrongClock,
    archive::FileError, budget,
};
use salus_network::{Events, Handle, NetworkConfig};
use salus_pool::Limits;
use salus_primitives::{AccountId, crypto::KeyPair, runtime_api::RuntimeApi};
use salus_rpc::{Identity, Server, ServerConfig, Token};
use salus_runtime::SalusRuntime;
use salus_storage::{CommitError, OpenError, StorageError};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot, watch},
};
use tracing::{error, info, warn};

use crate::{
    backend::{Announcer, NodeBackend, Standing},
    config::{Config, NetworkAddresses},
    genesis::{self, DataError},
    keys::{self, KeyFileError, KeyUseError},
    known::{self, Known},
    layout::{NETWORK_KEY, VALIDATOR_KEY},
    metrics::{self, Metrics, Sources},
    network::{self, Link, NetworkEnded},
    republish,
};

/// Messages from peers that may wait for the engine.
const INCOMING: usize = 1_024;
/// How long one of several validators listens to its peers before it starts a height: they are connected with, and say
/// what is final, within a fraction of that.
const SETTLE: Duration = Duration::from_secs(1);
/// How long what still reads the database may take to let go of it.
const CLOSING: Duration = Duration::from_secs(10);

/// Run a node until a signal comes or a part of it ends.
///
/// # Errors
/// Why it could not start, or why it had to stop.
pub fn run(config: Config) -> anyhow::Result<()> {
    let runtime = SalusRuntime::new();
    let database = genesis::open(&config.spec, &config.layout, &runtime)?;
    let key = validator_key(&config)?;
    keys::keep_apart(key.as_ref(), network_key(&config)?.as_ref(), &database.state())?;
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
        _ => {}
    }
    let announcer = Announcer::default();
    let announce = announcer.clone();
    let metrics = Metrics::new();
    let (measured, told) = (Arc::clone(&metrics), Arc::clone(&metrics));
    // Set once the network runs: the chain is there before it.
    let published: Arc<OnceLock<Handle>> = Arc::default();
    let publish = Arc::clone(&published);
    let hooks = Hooks {
        finalised: Box::new(move |block, changes, hash| {
            measured.finalised(&block);
            announce.announce(&block, changes, hash);
        }),
        accepted: Box::new(move |raw| {
            told.accepted(raw);
            if let Some(network) = publish.get() {
                network.publish(raw.clone());
            }
        }),
    };
    let clock = WrongClock(config.clock_offset);
    if clock.0 != 0 {
        warn!(milliseconds = clock.0, "this node's clock is wrong on purpose");
    }
    let chain = Chain::new(database, Arc::new(runtime), Arc::new(clock), Limits::default(), hooks);
    let signatures = budget::measured_rate();
    chain.signatures.limit(signatures);
    info!(per_second = signatures, "signatures that are verified for those who submit");

    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("rpc").build()?;
    // Peers have threads of their own, as callers have: neither takes the other's, nor consensus'.
    let peers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("network").build()?;
    let (engine_inbox, inbox) = mpsc::channel::<Incoming>(INCOMING);
    let (mut network, mut known) = (None, None);
    let (pump_ends, mut pump_ended) = oneshot::channel::<()>();
    let outbox: Box<dyn Outbox> = match &config.network {
        None => Box::new(Solitude),
        Some(addresses) => {
            let _entered = peers.enter();
            let records = known::load(&config.layout.peers());
            // Without anybody to call there is no list newer than this node's.
            let may_open = !(addresses.bootnodes.is_empty() && records.is_empty());
            let (handle, events) = start_network(&config, addresses, &records, &chain)?;
            let link = Link::new(handle.clone());
            let keeper = || Known::new(config.layout.peers(), handle.clone(), records.clone());
            peers.spawn(keeper().go_on());
            known = Some(keeper());
            published.get_or_init(|| handle.clone());
            let pump = network::pump(events, link.clone(), Arc::clone(&chain), engine_inbox.clone());
            peers.spawn(async {
                pump.await;
                // An error means that nobody waits any more.
                let _ = pump_ends.send(());
            });
            peers.spawn(republish::to_those_who_come(Arc::clone(&chain), link.clone()));
            peers.spawn(network::keep_list(Arc::clone(&chain), link.clone(), announcer.subscribe(), may_open));
            network = Some(link.clone());
            Box::new(link)
        }
    };
    let engine_config =
        EngineConfig { free_bytes_min: config.free_bytes_min, settle: SETTLE, ..EngineConfig::default() };
    let validator = key.as_ref().map(KeyPair::public);
    let engine = Engine::new(Arc::clone(&chain), key, outbox, engine_config, Duration::ZERO)?;

    // Consensus has a thread of its own; RPC has others, so that callers never take it.
    let (stop, stopped) = watch::channel(false);
    let (figures, newest) = watch::channel(Figures::default());
    let standing = Arc::new(standing(&config, validator, newest, metrics, network.clone()));
    let (ended, mut engine_ended) = oneshot::channel();
    let consensus = thread::Builder::new().name("consensus".into()).spawn(move || {
        let outcome =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(anyhow::Error::from).and_then(
                |tokio| {
                    let run = salus_engine::run(engine, inbox, stopped, figures);
                    tokio.block_on(run).map_err(anyhow::Error::from)
                },
            );
        // An error means that nobody waits any more.
        let _ = ended.send(outcome);
    })?;

    let outcome = tokio.block_on(async {
        let server = start_rpc(&config, &chain, announcer, Arc::clone(&standing)).await?;
        let address = server.address();
        let _exporter = match config.metrics_listen {
            None => None,
            Some(listen) => {
                let counted = network.clone();
                let sources = Sources {
                    identity: identity(&config, &chain),
                    chain: Arc::clone(&chain),
                    standing,
                    rpc: server.meter(),
                    network: Box::new(move || {
                        counted.as_ref().map_or_else(Vec::new, |link| link.handle().counters().named().collect())
                    }),
                };
                let exporter = metrics::serve(listen, sources).await?;
                tell(&config, &config.layout.metrics_address(), &[format!("http://{}/metrics", exporter.address())])?;
                Some(exporter)
            }
        };
        if let Some(link) = &network {
            let addresses = link.addresses().await.iter().map(ToString::to_string).collect::<Vec<_>>();
            tell(&config, &config.layout.network_address(), &addresses)?;
        }
        let file = config.layout.rpc_address();
        tell(&config, &file, &[format!("ws://{address}")])?;
        info!(rpc = %format!("ws://{address}"), "ready");
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let outcome = tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            ended = &mut engine_ended => Err(ended),
            Ok(()) = &mut pump_ended => Err(Ok(Err(NetworkEnded.into()))),
        };
        // Nobody should find the node where it no longer is; that the file is gone already is as good.
        for told in [file, config.layout.network_address(), config.layout.metrics_address()] {
            let _ = fs::remove_file(told);
        }
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
                    error!(%error, "a part of the node ended: stopping");
                }
                server.stop().await;
                outcome
            }
        }
    });
    if let Some(known) = &mut known {
        known.keep();
    }
    stop.send_replace(true);
    consensus.join().map_err(|_| anyhow!("the consensus thread panicked"))?;
    peers.shutdown_timeout(Duration::from_secs(1));
    tokio.shutdown_timeout(Duration::from_secs(1));
    drop(engine_inbox);
    let_go(chain);
    if outcome.is_ok() {
        info!("stopped");
    }
    outcome
}

/// Wait until nobody has the chain any more, and so until its database is closed: the threads that serve peers end by
/// themselves, a moment after the peers. RocksDB does not bear that the process ends under it: it aborts.
fn let_go(chain: Arc<Chain>) {
    let held = Arc::downgrade(&chain);
    drop(chain);
    let begun = Instant::now();
    while held.strong_count() > 0 {
        if begun.elapsed() > CLOSING {
            warn!("the database is still in use {CLOSING:?} after everything was stopped");
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Meet other nodes.
fn start_network(
    config: &Config,
    addresses: &NetworkAddresses,
    records: &[Vec<u8>],
    chain: &Chain,
) -> anyhow::Result<(Handle, Events)> {
    let (key, made) = keys::load_or_generate(&config.layout.key(NETWORK_KEY))?;
    if made {
        info!("no network key was there: made one");
    }
    let parse = |text: &String| text.parse().with_context(|| format!("bootnode {text}"));
    let ip = match addresses.listen.ip() {
        IpAddr::V4(ip) => format!("/ip4/{ip}"),
        IpAddr::V6(ip) => format!("/ip6/{ip}"),
    };
    let listen = format!("{ip}/tcp/{}", addresses.listen.port());
    let network = NetworkConfig {
        listen: vec![listen.parse().with_context(|| format!("address {listen}"))?],
        bootnodes: addresses.bootnodes.iter().map(parse).collect::<Result<_, _>>()?,
        records: records.to_vec(),
        delay: addresses.delay,
        ..NetworkConfig::new(key, chain.database.identity().genesis)
    };
    Ok(salus_network::start(network, network::allowed(chain))?)
}

/// Say in a file of the data folder where something listens, one address a line.
fn tell(config: &Config, file: &Path, addresses: &[String]) -> Result<(), OpenError> {
    fs::write(file, addresses.join("\n") + "\n")
        .map_err(|source| OpenError::NotWritable { path: config.layout.root().to_owned(), source })
}

/// What RPC and metrics are told of this node among the others.
fn standing(
    config: &Config,
    validator: Option<AccountId>,
    figures: watch::Receiver<Figures>,
    metrics: Arc<Metrics>,
    network: Option<Link>,
) -> Standing {
    let peers = move || network.as_ref().map_or_else(Vec::new, Link::peers);
    Standing { name: config.name.clone(), validator, figures, metrics, peers: Box::new(peers) }
}

/// Which chain this is, and which release.
fn identity(config: &Config, chain: &Chain) -> Identity {
    Identity {
        chain: config.spec.name.clone(),
        genesis: chain.database.identity().genesis,
        properties: config.spec.properties.clone().into_iter().collect(),
        node_name: "salus-node".into(),
        node_version: env!("CARGO_PKG_VERSION").into(),
    }
}

async fn start_rpc(
    config: &Config,
    chain: &Arc<Chain>,
    announcer: Announcer,
    standing: Arc<Standing>,
) -> anyhow::Result<Server> {
    let token = match &config.rpc_token_file {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("token file {}", path.display()))?;
            Some(Token::new(text.trim()).with_context(|| format!("token file {}", path.display()))?)
        }
    };
    let identity = identity(config, chain);
    let backend = NodeBackend::new(identity, Arc::clone(chain), announcer, standing);
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
    Ok(Some(key))
}

/// The network's key; none where the node has not made one yet.
///
/// # Errors
/// [`KeyFileError`].
pub fn network_key(config: &Config) -> Result<Option<KeyPair>, KeyFileError> {
    match keys::load(&config.layout.key(NETWORK_KEY)) {
        Err(KeyFileError::Missing(_)) => Ok(None),
        loaded => loaded.map(Some),
    }
}

/// The exit code that tells a service manager what kind of failure it was: 74 for disk and database (EX_IOERR), 78
/// for configuration (EX_CONFIG), a release that is too old among it, 1 for the rest.
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
            || cause.is::<KeyUseError>()
            || matches!(cause.downcast_ref(), Some(EngineError::Upgrade(_)))
    });
    if disk {
        74
    } else if config {
        78
    } else {
        1
    }
}
