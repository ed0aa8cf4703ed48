//! Where a node's files lie.
//!
//! ```text
//! <base path>/<chain id>/db/            RocksDB
//!                        keys/validator signs votes
//!                        keys/network   names the node to its peers
//!                        rpc            address of JSON-RPC while the node runs
//!                        p2p            addresses for other nodes while the node runs, one a line
//!                        metrics        address for Prometheus while the node runs
//!                        peers          signed addresses of other nodes, for the next start
//! ```

use std::path::{Path, PathBuf};

/// The files of one node on one chain.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Under `base_path`, for the chain of this id.
    pub fn new(base_path: &Path, chain_id: &str) -> Self {
        Self { root: base_path.join(chain_id) }
    }

    /// The chain's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database's folder.
    pub fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    /// The file of a key.
    pub fn key(&self, name: &str) -> PathBuf {
        self.root.join("keys").join(name)
    }

    /// The file that says where JSON-RPC listens.
    pub fn rpc_address(&self) -> PathBuf {
        self.root.join("rpc")
    }

    /// The file that says where other nodes meet this one.
    pub fn network_address(&self) -> PathBuf {
        self.root.join("p2p")
    }

    /// The file that keeps where peers were met.
    pub fn peers(&self) -> PathBuf {
        self.root.join("peers")
    }

    /// The file that says where Prometheus may ask.
    pub fn metrics_address(&self) -> PathBuf {
        self.root.join("metrics")
    }
}

/// The validator's key.
pub const VALIDATOR_KEY: &str = "validator";
/// The network's key.
pub const NETWORK_KEY: &str = "network";

/// Where data lies when nothing is said.
pub fn default_base_path() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    data.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share"))).map(|dir| dir.join("salus"))
}
