//! The gateway of a hospital: it keeps encrypted records and releases them only against a finalised receipt.
//!
//! ```text
//!  callers --TLS--> server --> auth --> upload  --> store       ciphertext and wraps, durable
//!                                  \--> release --> mint        a wrap for this receipt alone
//!                                  |          \---> report      access.serve, until it is final
//!                                  \--> about, relay            the caller's door to the chain
//!                      ledger (every value proven) <--node
//! ```
//!
//! # The rule
//! No byte leaves, to anyone but the record's own patient, without a finalised receipt entry that is `releasable()`
//! on the newest proven state: judged before the first byte and before each 8 MiB, and not at all on a state older
//! than 12 s. A release is written down for the report before it begins.

pub mod about;
pub mod app;
pub mod auth;
pub mod commands;
pub mod config;
pub mod copies;
pub mod erasures;
pub mod keyring;
pub mod ledger;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod mint;
pub mod node;
pub mod nonces;
pub mod refused;
pub mod relay;
pub mod release;
pub mod report;
pub mod server;
pub mod service;
pub mod store;
pub mod turns;
pub mod upkeep;
pub mod upload;
