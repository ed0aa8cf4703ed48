//! The chain specification: a JSON file from which every node makes the same genesis block.
//!
//! ```json
//! {
//!   "format": 1,
//!   "name": "Aster and Linden",
//!   "id": "aster-linden",
//!   "kind": "live",
//!   "properties": { "ss58Format": 42 },
//!   "bootnodes": ["/dns/node.aster.example/tcp/30333/p2p/12D3KooW…"],
//!   "genesis": {
//!     "time": 1800000000000,
//!     "parameters": { "policy": "deny-all", "root_delay": 86400000, … },
//!     "council": { "threshold": 2, "members": ["5F…", "5G…", "5H…"] },
//!     "validators": [ { "authority": "5D…", "peer_id": "12D3KooW…", "organisation": "00…" } ]
//!   }
//! }
//! ```
//! Unknown fields are refused: a misspelt parameter would else silently be another chain.

mod bootnode;
mod file;
mod peer_id;
pub mod presets;

pub use bootnode::{BOOTNODES_MAX, BootnodeError, check_bootnode};
pub use file::{ChainKind, ChainSpec, Council, FORMAT, Genesis, ParametersFile, SpecError, ValidatorFile};
pub use peer_id::{PeerIdError, peer_id_of};
