//! The command line. Flags bear Substrate's names where the thing is the same.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The validator a hospital runs: executes, finalises, stores and serves the chain.
#[derive(Parser, Debug)]
#[command(name = "salus-node", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the node until Ctrl-C or SIGTERM.
    Run(RunArgs),
    /// Make and show the node's keys, or resume after a lost disk.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make and check chain specifications.
    #[command(subcommand)]
    ChainSpec(ChainSpecCommand),
    /// Write the blocks of a stopped node's database to a file (of a running one: `salus chain export`).
    Export(ExportArgs),
    /// Take the blocks of a file into the database: verified, executed, committed.
    Import(ImportArgs),
    /// Execute a file of blocks again from genesis and compare every state root.
    Replay(ReplayArgs),
    /// Look over configuration, keys, disk and database without starting.
    Check(RunArgs),
    /// Ask a running node how it stands. Exit status: 0 in sync, 2 behind or without enough peers, 1 not reachable.
    Status(StatusArgs),
}

/// Which chain, and where its data lies.
#[derive(Args, Debug, Clone, Default)]
pub struct ChainArgs {
    /// `dev`, or the file of a chain specification.
    #[arg(long, value_name = "FILE", env = "SALUS_CHAIN")]
    pub chain: Option<String>,
    /// Folder for the node's data. Without it: a throw-away folder for `dev`, else ~/.local/share/salus.
    #[arg(long, short = 'd', value_name = "DIR", env = "SALUS_BASE_PATH")]
    pub base_path: Option<PathBuf>,
}

/// How to run.
#[derive(Args, Debug, Clone, Default)]
pub struct RunArgs {
    /// Run a throw-away development chain: one validator, published keys, refused for any other chain.
    #[arg(long, conflicts_with = "chain")]
    pub dev: bool,
    /// Which chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// A configuration file in TOML. Flags go before the environment, the environment before the file.
    #[arg(long, value_name = "FILE", env = "SALUS_CONFIG")]
    pub config: Option<PathBuf>,
    /// The node's name, for logs.
    #[arg(long, env = "SALUS_NAME")]
    pub name: Option<String>,
    /// Vote, with the key in the data folder (`salus-node key generate`).
    #[arg(long)]
    pub validator: bool,
    /// Port of JSON-RPC; 0 takes a free one.
    #[arg(long, value_name = "PORT", env = "SALUS_RPC_PORT", help_heading = "JSON-RPC")]
    pub rpc_port: Option<u16>,
    /// Address JSON-RPC listens on. Beyond loopback a token is needed.
    #[arg(long, value_name = "ADDRESS", env = "SALUS_RPC_LISTEN", help_heading = "JSON-RPC")]
    pub rpc_listen: Option<IpAddr>,
    /// File with the token every caller of JSON-RPC must show.
    #[arg(long, value_name = "FILE", env = "SALUS_RPC_TOKEN_FILE", help_heading = "JSON-RPC")]
    pub rpc_token_file: Option<PathBuf>,
    /// Web origins, besides this machine's, that may ask.
    #[arg(long, value_name = "ORIGIN", help_heading = "JSON-RPC")]
    pub rpc_origin: Vec<String>,
    /// Port for other nodes; 0 takes a free one.
    #[arg(long, value_name = "PORT", env = "SALUS_PORT", help_heading = "Network")]
    pub port: Option<u16>,
    /// Address to listen on for other nodes.
    #[arg(long, value_name = "ADDRESS", env = "SALUS_LISTEN", help_heading = "Network")]
    pub listen: Option<IpAddr>,
    /// Nodes to call first, as /ip4/ADDRESS/tcp/PORT/p2p/ID, besides those of the specification; `salus-node key show`
    /// on the other node prints its ID.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', env = "SALUS_BOOTNODES", help_heading = "Network")]
    pub bootnodes: Vec<String>,
    /// Hold back whatever is sent by so many milliseconds, to measure how a far network would do.
    #[arg(long, value_name = "MS", default_value_t = 0, hide = true)]
    pub network_delay_ms: u64,
    /// Run with a clock that is wrong by so many milliseconds, to see what the other nodes make of it.
    #[arg(long, value_name = "MS", default_value_t = 0, hide = true, allow_hyphen_values = true)]
    pub clock_offset_ms: i64,
    /// Port for Prometheus, on loopback; none without it. 0 takes a free one.
    #[arg(long, value_name = "PORT", env = "SALUS_PROMETHEUS_PORT", help_heading = "Metrics")]
    pub prometheus_port: Option<u16>,
    /// Form of the log.
    #[arg(long, value_enum, env = "SALUS_LOG_FORMAT", help_heading = "Logs")]
    pub log_format: Option<LogFormat>,
    /// What to log, such as `info` or `info,salus_engine=debug`.
    #[arg(long, value_name = "FILTER", env = "SALUS_LOG", help_heading = "Logs")]
    pub log: Option<String>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Human,
    /// For programs: one JSON object a line.
    Json,
}

/// The node's keys.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make the validator's and the network's key in the data folder; keys that are there stay.
    Generate(ChainArgs),
    /// Show the public halves of the node's keys.
    Show {
        /// Which chain.
        #[command(flatten)]
        chain: ChainArgs,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Allow a validator whose data was lost to sign again after a height. Only for networks of fewer than four
    /// validators, which have no spare: signing twice at one height would fork the chain.
    Resume {
        /// Which chain.
        #[command(flatten)]
        chain: ChainArgs,
        /// The last height that this validator may have signed at: the highest that any node of the network knows. For
        /// the only validator of a network, the height of its own newest block.
        #[arg(long, value_name = "HEIGHT")]
        last_height: u32,
        /// Say that the old data is gone for good and no other process has this key.
        #[arg(long)]
        i_have_lost_the_data: bool,
    },
}

/// Chain specifications.
#[derive(Subcommand, Debug)]
pub enum ChainSpecCommand {
    /// Print the specification of the development chain.
    Dev,
    /// Make a network on this machine with fresh keys: a specification, and a data folder per validator.
    Local {
        /// How many validators.
        #[arg(long, default_value_t = 4)]
        validators: usize,
        /// Folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check a specification, name the field at fault, show its genesis hash.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Writing blocks.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Which chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// File to write.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// Taking blocks.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Which chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// File to read.
    pub file: PathBuf,
}

/// Which node to ask.
#[derive(Args, Debug, Clone, Default)]
pub struct StatusArgs {
    /// Address of its JSON-RPC. Without it: the one that the chain's running node keeps in its folder, and without a
    /// chain ws://127.0.0.1:9944.
    #[arg(long, value_name = "URL")]
    pub rpc: Option<String>,
    /// Which chain's node on this machine.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// File with the token, where the node wants one.
    #[arg(long, value_name = "FILE", env = "SALUS_RPC_TOKEN_FILE")]
    pub rpc_token_file: Option<PathBuf>,
    /// For programs: one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Executing blocks again.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// `dev`, or the file of the chain specification the blocks belong to.
    #[arg(long, value_name = "FILE", env = "SALUS_CHAIN")]
    pub chain: String,
    /// File to read.
    pub file: PathBuf,
    /// Print every height with its state root.
    #[arg(long)]
    pub roots: bool,
    /// For programs.
    #[arg(long)]
    pub json: bool,
}
