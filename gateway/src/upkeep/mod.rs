//! What a gateway does by itself: finish what the chain decided, copy, scrub, repair, and clear away.
//!
//! | What | When | File |
//! |---|---|---|
//! | an upload whose record is on the chain is kept for good; one that is not, 24 h after, is removed | each minute | `settle.rs` |
//! | a record with a second custodian is copied there, within 10 minutes | each minute | `settle.rs` |
//! | a record that was erased on the chain is shredded, also where no duty was seen (`erasures.rs`) | each day | `settle.rs` |
//! | every byte is read and hashed, at least every 30 days | each hour, what is due | `scrub.rs` |
//! | what is damaged is fetched from where it is whole | each hour | `repair.rs` |
//! | uploads without a record are listed, and removed once a day old | on demand | `orphans.rs` |
//! | records of ours that another custodian has and we lost are fetched | at the start and each day | `repair.rs` |
//!
//! The commands do the same on demand: `status.rs` counts.

mod chain;
mod orphans;
mod repair;
mod run;
mod scrub;
mod settle;
mod status;

use std::sync::Arc;

use salus_primitives::{
    OrganisationId,
    time::{DAY, HOUR, MINUTE},
};

pub use chain::{Chain, ChainError, Peers, Seen, other_custodian};
pub use orphans::Orphan;
pub use repair::{Mended, RepairError, Repaired};
pub use run::{EVERY, run};
pub use scrub::{Finding, Scrubbed, scrub, scrub_place};
pub use settle::{SettleError, Settled};
pub use status::{Status, status};

use crate::{keyring::Keyring, store::Store};

/// How long an upload is kept whose record is not on the chain, in milliseconds.
pub const UNANCHORED_KEPT_MS: u64 = DAY;
/// Within what time a copy is promised at the second custodian, in milliseconds.
pub const COPY_WITHIN_MS: u64 = 10 * MINUTE;
/// How old the last reading of a record may be before the next is due, in milliseconds. Two days below what is
/// promised, so that a gateway that was down over a weekend catches up.
pub const SCRUB_EVERY_MS: u64 = 28 * DAY;
/// How long the wrap of a receipt is kept, in milliseconds: the longest receipt lives four hours.
pub const RECEIPT_WRAP_KEPT_MS: u64 = 24 * HOUR;

/// Whoever keeps a store in order: one custodian, with its view of the chain and of the others.
#[derive(Clone)]
pub struct Keeper {
    /// The store.
    pub store: Store,
    /// Whose it is.
    pub us: OrganisationId,
    /// The newest finalised state.
    pub chain: Arc<dyn Chain>,
    /// The other custodians.
    pub peers: Arc<dyn Peers>,
    /// Our keys, where they are at hand: wraps that came under an older one are renewed.
    pub keyring: Option<Keyring>,
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod upkeep_tests;
