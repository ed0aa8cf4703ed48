//! The one event loop: joins consensus, pool, runtime and storage into a running chain.
//!
//! ```text
//!  submitters --> Chain (pool) --wake--> Engine <--> consensus host (pure)
//!                   ^                      |  acts, in order
//!                   |                      v
//!                watchers <--finalised-- database: one synced batch per block
//! ```
//! Submitting and reading work from any thread through [`Chain`]; only the [`Engine`] writes.

mod acts;
pub mod archive;
pub mod budget;
mod chain;
mod clock;
mod engine;
pub mod execution;
mod held;
mod ledger;
mod outbox;
mod ranges;
mod run;
mod watch;

pub use chain::{Chain, Hooks};
pub use clock::{Clock, SystemClock, WrongClock};
#[doc(hidden)]
pub use engine::Flaw;
pub use engine::{Engine, EngineConfig, EngineError, Figures};
pub use ledger::Ledger;
pub use outbox::{Incoming, Offence, Outbox, Solitude};
pub use run::run;
pub use watch::{Listener, Status, Watchers};
