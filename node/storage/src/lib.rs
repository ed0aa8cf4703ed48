//! Everything a node keeps on disk: blocks, state and its history, the authenticated tree, and what
//! consensus must not forget. The only crate that names RocksDB.
//!
//! - [`Database`] opens, reads and commits: one synced batch per block across all column families.
//! - [`State`] is the state after one height, the newest or an older one.
//! - The state root and proofs against it are pure functions, in `salus_primitives::state_proof`.
//! - [`timing`] counts how long synced writes take.
//! - [`commitment`] is what the tree must do, so that a faster one can replace it.
//!
//! The bytes of each column family are drawn in its file under `columns/` and pinned by
//! `fixtures/columns.txt`.

mod check;
mod columns;
mod commit;
pub mod commitment;
mod consensus;
mod database;
pub mod disk;
mod error;
mod reader;
mod state_tree;
mod store;
pub mod timing;

pub use check::Checked;
pub use commitment::MemoryTree;
pub use database::{Database, FORMAT_VERSION, Identity, Options};
pub use error::{CommitError, OpenError, QueryError, StorageError};
pub use reader::{Entry, SCAN_KEYS_MAX, State};
pub use state_tree::TreeUpdate;
pub use timing::{Timing, TimingFigures};

#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod testing;
