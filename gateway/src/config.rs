//! Configuration: flag before file before default. Unknown keys are refused, with the nearest known one named. Secrets
//! stand in files of their own, never here.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use salus_client::chain::DEFAULT_URL;
use salus_primitives::{Hash, OrganisationId};
use serde::Deserialize;

use crate::{
    limits::Limits,
    server::{Listen, TlsFiles},
    store::StoreConfig,
    upkeep::EVERY,
};

/// Where the gateway listens unless something else is said.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8_480);

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Flags of `salus-gateway run`: each goes before the file.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// The configuration file, TOML
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where to listen, as 127.0.0.1:8480; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The node to ask
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
    /// The form of the log
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What to log, as info or salus_gateway=debug
    #[arg(long, value_name = "FILTER")]
    pub log_filter: Option<String>,
}

/// The configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organisation: String,
    base_path: PathBuf,
    chain: ChainFile,
    #[serde(default)]
    listen: ListenFile,
    keys: KeysFile,
    #[serde(default)]
    store: StoreConfig,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    metrics: MetricsFile,
    #[serde(default)]
    upkeep: UpkeepFile,
    #[serde(default)]
    log: LogFile,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    genesis: String,
    checkpoint: Option<String>,
    node: Option<String>,
    token_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ListenFile {
    address: Option<SocketAddr>,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    plain_beyond_loopback: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    officer: PathBuf,
    keyring: PathBuf,
    passphrase_file: PathBuf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsFile {
    transfers: Option<usize>,
    transfers_per_caller: Option<u32>,
    sockets: Option<usize>,
    sockets_per_address: Option<usize>,
    upload_bytes_per_day: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MetricsFile {
    listen: Option<SocketAddr>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UpkeepFile {
    every_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogFile {
    format: Option<LogFormat>,
    filter: Option<String>,
}

/// Keys of the file, for the word nearest to a misspelt one.
const KEYS: &[&str] = &[
    "organisation",
    "base_path",
    "chain",
    "genesis",
    "checkpoint",
    "node",
    "token_file",
    "listen",
    "address",
    "certificate",
    "certificate_key",
    "plain_beyond_loopback",
    "keys",
    "officer",
    "keyring",
    "passphrase_file",
    "store",
    "folder",
    "s3",
    "bucket",
    "endpoint",
    "region",
    "prefix",
    "credentials_file",
    "allow_http",
    "quota",
    "blob_bytes",
    "bytes",
    "unanchored_bytes",
    "organisations",
    "limits",
    "transfers",
    "transfers_per_caller",
    "sockets",
    "sockets_per_address",
    "upload_bytes_per_day",
    "metrics",
    "upkeep",
    "every_seconds",
    "log",
    "format",
    "filter",
];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: {source}", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not of this shape.
    #[error("configuration {path}: {problem}", path = .path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong, and which key may be meant.
        problem: String,
    },
    /// A value does not do.
    #[error("configuration {path}: {key} {problem}", path = .path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What is wrong with its value.
        problem: &'static str,
    },
}

/// The keys' files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFiles {
    /// The key of the Gateway officer.
    pub officer: PathBuf,
    /// The folder of the organisation's encryption keys.
    pub keyring: PathBuf,
    /// What they are encrypted under, in a file of mode 0600.
    pub passphrase: PathBuf,
}

/// How this gateway runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Where it keeps what is neither blob nor wrap.
    pub base_path: PathBuf,
    /// Which chain.
    pub genesis: Hash,
    /// A block that is known to be the chain's, as HEIGHT:HASH; none to begin at genesis.
    pub checkpoint: Option<String>,
    /// The node to ask; it need not be trusted.
    pub node: String,
    /// File with the node's token.
    pub token_file: Option<PathBuf>,
    /// Where to serve.
    pub listen: Listen,
    /// Its keys.
    pub keys: KeyFiles,
    /// Where records are.
    pub store: StoreConfig,
    /// Its limits.
    pub limits: Limits,
    /// Where Prometheus may ask: this machine.
    pub metrics: Option<SocketAddr>,
    /// How often waiting uploads, copies and erasures are looked at.
    pub upkeep_every: Duration,
    /// Form of the log.
    pub log_format: LogFormat,
    /// What to log.
    pub log_filter: Option<String>,
}

fn parse(path: &Path) -> Result<File, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        let message = error.message();
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let nearest = unknown.and_then(|unknown| {
            KEYS.iter()
                .map(|key| (strsim::damerau_levenshtein(unknown, key), *key))
                .filter(|(distance, _)| *distance <= 3)
                .min()
        });
        let hint = nearest.map_or(String::new(), |(_, key)| format!("; did you mean `{key}`?"));
        let line =
            error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        ConfigError::Parse { path: path.to_owned(), problem: format!("line {line}: {message}{hint}") }
    })
}

impl Config {
    /// Put flags and file together.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and the key.
    pub fn load(args: &RunArgs) -> Result<Self, ConfigError> {
        let path = &args.config;
        let file = parse(path)?;
        let wrong = |key, problem| ConfigError::Value { path: path.clone(), key, problem };
        // What the file names relative to itself lies beside it.
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let beside = |path: PathBuf| folder.join(path);
        let tls = match (file.listen.certificate, file.listen.certificate_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate: beside(certificate), key: beside(key) }),
            (None, None) => None,
            _ => return Err(wrong("listen.certificate", "needs listen.certificate_key, and the other way round")),
        };
        let metrics = file.metrics.listen;
        if metrics.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
            return Err(wrong("metrics.listen", "is beyond this machine: listen on 127.0.0.1"));
        }
        let upkeep_every = match file.upkeep.every_seconds {
            None => EVERY,
            Some(seconds @ 1..=600) => Duration::from_secs(seconds),
            Some(_) => {
                return Err(wrong("upkeep.every_seconds", "is not from 1 to 600: copies are due within 10 minutes"));
            }
        };
        let mut store = file.store;
        store.folder = store.folder.map(beside);
        if let Some(s3) = &mut store.s3 {
            s3.credentials_file = beside(s3.credentials_file.clone());
        }
        let usual = Limits::default();
        let limits = Limits {
            blob_bytes: store.quota.blob_bytes,
            transfers: file.limits.transfers.unwrap_or(usual.transfers),
            transfers_per_caller: file.limits.transfers_per_caller.unwrap_or(usual.transfers_per_caller),
            sockets: file.limits.sockets.unwrap_or(usual.sockets),
            sockets_per_address: file.limits.sockets_per_address.unwrap_or(usual.sockets_per_address),
            upload_bytes_per_day: file.limits.upload_bytes_per_day.unwrap_or(usual.upload_bytes_per_day),
            ..usual
        };
        Ok(Self {
            organisation: file.organisation.parse().map_err(|_| wrong("organisation", "is no id of 32 hex digits"))?,
            base_path: beside(file.base_path),
            genesis: file.chain.genesis.parse().map_err(|_| wrong("chain.genesis", "is no hash of 64 hex digits"))?,
            checkpoint: file.chain.checkpoint,
            node: args.node.clone().or(file.chain.node).unwrap_or_else(|| DEFAULT_URL.to_owned()),
            token_file: file.chain.token_file.map(beside),
            listen: Listen {
                address: args.listen.or(file.listen.address).unwrap_or(DEFAULT_LISTEN),
                tls,
                plain_beyond_loopback: file.listen.plain_beyond_loopback,
            },
            keys: KeyFiles {
                officer: beside(file.keys.officer),
                keyring: beside(file.keys.keyring),
                passphrase: beside(file.keys.passphrase_file),
            },
            store,
            limits,
            metrics,
            upkeep_every,
            log_format: args.log_format.or(file.log.format).unwrap_or_default(),
            log_filter: args.log_filter.clone().or(file.log.filter),
        })
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
