//! What an operator asks of the store and the keys: `salus-gateway status`, `scrub`, `repair`, `orphans`, `key`.

pub mod keys;
mod report;
pub mod upkeep;

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::{Config, ConfigError, RunArgs},
    keyring::{KeyringError, ShareError},
    service::ServiceError,
    store::StoreError,
    upkeep::SettleError,
};

/// What all of them take.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The gateway's configuration file, TOML
    #[arg(long, value_name = "FILE", global = true, default_value = "gateway.toml")]
    pub config: PathBuf,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&RunArgs { config: self.config.clone(), ..RunArgs::default() })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keyring(Box<KeyringError>),
    /// A share.
    #[error("{path}: {error}", path = .path.display())]
    Share {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        error: ShareError,
    },
    /// The shares together.
    #[error(transparent)]
    Shares(#[from] ShareError),
    /// The chain, the keys or the client.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Looking for orphans.
    #[error(transparent)]
    Settle(Box<SettleError>),
    /// A file.
    #[error("{doing} {path} failed: {source}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },
    /// It ran, and something is not as it should be; what, was printed.
    #[error("{0}")]
    Found(String),
}

impl From<SettleError> for CommandError {
    fn from(error: SettleError) -> Self {
        Self::Settle(Box::new(error))
    }
}

impl From<KeyringError> for CommandError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(Box::new(error))
    }
}
