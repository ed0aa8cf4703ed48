//! Configuration: flag before environment before file before default. Unknown keys are refused.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use salus_chain_spec::{ChainSpec, SpecError, presets};
use serde::Deserialize;

use crate::{
    cli::{ChainArgs, LogFormat, RunArgs},
    layout::{Layout, default_base_path},
};

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileConfig {
    /// `dev` or a file.
    pub chain: Option<String>,
    /// Folder for data.
    pub base_path: Option<PathBuf>,
    /// The node's name.
    pub name: Option<String>,
    /// Vote.
    pub validator: bool,
    /// JSON-RPC.
    pub rpc: RpcFile,
    /// Other nodes.
    pub network: NetworkFile,
    /// Prometheus.
    pub metrics: MetricsFile,
    /// Logs.
    pub log: LogFile,
    /// Disk.
    pub disk: DiskFile,
}

/// `[network]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkFile {
    /// Port.
    pub port: Option<u16>,
    /// Address.
    pub listen: Option<IpAddr>,
    /// Nodes to call first.
    pub bootnodes: Vec<String>,
}

/// `[metrics]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsFile {
    /// Port.
    pub port: Option<u16>,
}

/// `[rpc]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcFile {
    /// Port.
    pub port: Option<u16>,
    /// Address.
    pub listen: Option<IpAddr>,
    /// File with the token.
    pub token_file: Option<PathBuf>,
    /// Names a request may give as its host.
    pub hosts: Vec<String>,
    /// Web origins that may ask.
    pub origins: Vec<String>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogFile {
    /// Form.
    pub format: Option<LogFormat>,
    /// What.
    pub filter: Option<String>,
}

/// `[disk]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskFile {
    /// The node stops below this many free bytes.
    pub free_bytes_min: Option<u64>,
}

/// Keys of the file, for the word nearest to a misspelt one.
const KEYS: [&str; 18] = [
    "chain",
    "base_path",
    "name",
    "validator",
    "rpc",
    "network",
    "metrics",
    "bootnodes",
    "log",
    "disk",
    "port",
    "listen",
    "token_file",
    "hosts",
    "origins",
    "format",
    "filter",
    "free_bytes_min",
];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not of this shape.
    #[error("configuration {path}: {problem}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong, and which key may be meant.
        problem: String,
    },
    /// Which chain?
    #[error("which chain? Give --chain FILE, or --dev for a throw-away one")]
    NoChain,
    /// No folder.
    #[error("where to put data? Give --base-path DIR")]
    NoBasePath,
    /// The specification.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// How this node runs.
#[derive(Debug)]
pub struct Config {
    /// Which chain.
    pub spec: ChainSpec,
    /// Where its files lie.
    pub layout: Layout,
    /// Holds a throw-away folder until the node ends.
    pub throw_away: Option<tempfile::TempDir>,
    /// The node's name.
    pub name: String,
    /// Vote.
    pub validator: bool,
    /// Where JSON-RPC listens.
    pub rpc_listen: SocketAddr,
    /// File with the token.
    pub rpc_token_file: Option<PathBuf>,
    /// Names a request may give as its host.
    pub rpc_hosts: Vec<String>,
    /// Web origins that may ask.
    pub rpc_origins: Vec<String>,
    /// How to meet other nodes; none for a throw-away chain that was not told to.
    pub network: Option<NetworkAddresses>,
    /// Where Prometheus may ask.
    pub metrics_listen: Option<SocketAddr>,
    /// How far this node's clock is wrong on purpose, ms; 0 outside tests.
    pub clock_offset: i64,
    /// Form of the log.
    pub log_format: LogFormat,
    /// What to log.
    pub log_filter: Option<String>,
    /// The node stops below this many free bytes.
    pub free_bytes_min: u64,
}

/// Where this node is met, and where it meets others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAddresses {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Nodes to call first, as multiaddresses.
    pub bootnodes: Vec<String>,
    /// How long to hold back what is sent, to measure how a far network would do.
    pub delay: Duration,
}

/// The port for other nodes when nothing is said.
const NETWORK_PORT: u16 = 30_333;

/// Least free bytes for a network that matters, and for a throw-away one.
const FREE_BYTES_MIN: u64 = 2 << 30;
const FREE_BYTES_MIN_DEV: u64 = 64 << 20;

/// The chain a text names: `dev` or a file.
///
/// # Errors
/// [`SpecError`] naming the field at fault.
pub fn load_spec(chain: &str) -> Result<ChainSpec, SpecError> {
    if chain == "dev" { Ok(presets::development()) } else { ChainSpec::load(Path::new(chain)) }
}

/// Where the files of a chain lie, and which chain it is.
///
/// # Errors
/// [`ConfigError`].
pub fn locate(args: &ChainArgs) -> Result<(ChainSpec, Layout), ConfigError> {
    let spec = load_spec(args.chain.as_deref().ok_or(ConfigError::NoChain)?)?;
    let base = args.base_path.clone().or_else(default_base_path).ok_or(ConfigError::NoBasePath)?;
    let layout = Layout::new(&base, &spec.id);
    Ok((spec, layout))
}

impl FileConfig {
    /// Read a file.
    ///
    /// # Errors
    /// [`ConfigError::Read`] or [`ConfigError::Parse`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| {
            let message = error.message();
            let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
            let nearest = unknown.and_then(|unknown| {
                KEYS.into_iter()
                    .map(|key| (strsim::damerau_levenshtein(unknown, key), key))
                    .filter(|(distance, _)| *distance <= 3)
                    .min()
            });
            let hint = nearest.map_or(String::new(), |(_, key)| format!("; did you mean `{key}`?"));
            ConfigError::Parse { path: path.to_owned(), problem: format!("{message}{hint}") }
        })
    }
}

impl Config {
    /// Put flags, environment and file together.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(args: &RunArgs) -> Result<Self, ConfigError> {
        let file = match &args.config {
            Some(path) => FileConfig::load(path)?,
            None => FileConfig::default(),
        };
        let chain = if args.dev { Some("dev".to_owned()) } else { args.chain.chain.clone().or(file.chain) };
        let spec = load_spec(&chain.ok_or(ConfigError::NoChain)?)?;
        let development = spec.kind == salus_chain_spec::ChainKind::Development;
        let (base, throw_away) = match args.chain.base_path.clone().or(file.base_path) {
            Some(base) => (base, None),
            None if development => {
                let folder = tempfile::Builder::new()
                    .prefix("salus-dev-")
                    .tempdir()
                    .map_err(|source| ConfigError::Read { path: std::env::temp_dir(), source })?;
                (folder.path().to_owned(), Some(folder))
            }
            None => (default_base_path().ok_or(ConfigError::NoBasePath)?, None),
        };
        let listen = args.rpc_listen.or(file.rpc.listen).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = args.rpc_port.or(file.rpc.port).unwrap_or(9944);
        let told = args.port.is_some() || file.network.port.is_some();
        let network = (!development || told).then(|| {
            let address = args.listen.or(file.network.listen).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let port = args.port.or(file.network.port).unwrap_or(NETWORK_PORT);
            let given = args.bootnodes.iter().chain(&file.network.bootnodes).chain(&spec.bootnodes);
            NetworkAddresses {
                listen: SocketAddr::new(address, port),
                bootnodes: given.cloned().collect(),
                delay: Duration::from_millis(args.network_delay_ms),
            }
        });
        let metrics_port = args.prometheus_port.or(file.metrics.port);
        let least = if development { FREE_BYTES_MIN_DEV } else { FREE_BYTES_MIN };
        Ok(Self {
            layout: Layout::new(&base, &spec.id),
            throw_away,
            name: args.name.clone().or(file.name).unwrap_or_else(|| spec.id.clone()),
            validator: development || args.validator || file.validator,
            rpc_listen: SocketAddr::new(listen, port),
            rpc_token_file: args.rpc_token_file.clone().or(file.rpc.token_file),
            rpc_hosts: file.rpc.hosts,
            rpc_origins: args.rpc_origin.iter().cloned().chain(file.rpc.origins).collect(),
            network,
            metrics_listen: metrics_port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            clock_offset: args.clock_offset_ms,
            log_format: args.log_format.or(file.log.format).unwrap_or(LogFormat::Human),
            log_filter: args.log.clone().or(file.log.filter),
            free_bytes_min: file.disk.free_bytes_min.unwrap_or(least),
            spec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str, args: RunArgs) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        fs::write(&path, text).unwrap();
        Config::load(&RunArgs { config: Some(path), ..args })
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let config = with_file("chain = \"dev\"\n[rpc]\nport = 1\n", RunArgs::default()).unwrap();
        assert_eq!(config.rpc_listen.port(), 1);
        let args = RunArgs { rpc_port: Some(2), ..RunArgs::default() };
        assert_eq!(with_file("chain = \"dev\"\n[rpc]\nport = 1\n", args).unwrap().rpc_listen.port(), 2);
        assert_eq!(with_file("chain = \"dev\"", RunArgs::default()).unwrap().rpc_listen.port(), 9944);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = with_file("chain = \"dev\"\n[rpc]\nprot = 1\n", RunArgs::default()).unwrap_err().to_string();
        assert!(error.contains("unknown field `prot`") && error.ends_with("did you mean `port`?"), "{error}");
    }

    #[test]
    fn a_chain_must_be_named() {
        assert!(matches!(with_file("", RunArgs::default()), Err(ConfigError::NoChain)));
    }
}
