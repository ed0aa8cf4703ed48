//! The JSON-RPC server that unmodified Substrate clients work with.
//!
//! The node implements [`Backend`] over its storage, pool and engine and starts a [`Server`] on a runtime of its own,
//! so that callers never take consensus's threads. One [`table`] names every method; `rpc_methods`, `rpc.discover`
//! and the reading of parameters come from it, and a row without a function keeps the server from starting. More
//! methods come in by [`MethodsExtension`].

pub mod args;
pub mod backend;
mod blocks;
mod chain_head;
mod chain_spec;
mod connection;
mod counters;
pub mod error;
pub mod hexes;
mod legacy;
pub mod limits;
mod node;
mod openrpc;
mod registry;
mod salus;
mod server;
pub mod shapes;
pub mod table;
#[cfg(any(test, feature = "toy"))]
pub mod toy;
mod transaction;

#[cfg(test)]
mod tests;

pub use args::Args;
pub use backend::{
    Backend, DryRun, ExtrinsicStatus, ExtrinsicWatch, FinalisedBlock, Identity, NodeStatus, NotTried, PeerStatus,
    PoolStatus, Refusal, SubmitError,
};
pub use counters::Cause;
pub use error::RpcError;
pub use limits::Limits;
pub use registry::{Extension, MethodsError, MethodsExtension, Run};
pub use server::{Figures, Meter, Server, ServerConfig, StartError, TOKEN_CHARS_MIN, Token, TokenError};
