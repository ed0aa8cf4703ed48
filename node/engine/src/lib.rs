//! The one event loop: joins consensus, pool, runtime and storage into a running chain.
//!
//! ```text
//!  submitters --> Chain (pool) --wake--> Engine <--> consensus host (pure)
//!                   ^                      |  acts, in order
//!                   |                      v
//!                watchers <--finalised-- database: one synced batch per block
//! ```
//! Submitting and reading work from any thread through [`Chain`]; only the [`Engine`] writes.

pub mod archive;
pub mod budget;
mod chain;
mod clock;
mod engine;
pub mod execution;
mod watch;

pub use chain::{Chain, OnFinalised};
pub use clock::{Clock, SystemClock};
pub use engine::{Engine, EngineConfig, EngineError, Incoming, Outbox, Solitude};
pub use watch::{Listener, Status, Watchers};
