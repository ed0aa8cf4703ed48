//! The transaction pool: what was submitted and is not yet in a finalised block.
//!
//! A synchronous data structure without clock, thread or I/O: height and time are passed in, so that a
//! simulator can run it. It sees the runtime through `RuntimeApi` alone; whether an extrinsic is valid is the
//! runtime's word, never the pool's. What the pool adds is order, quotas and a bound on everything.
//!
//! - **Owner.** The chain has no fees, so every byte here belongs to an account and, where it has one, to an
//!   organisation, each with a quota ([`Limits`]). One extrinsic per account and nonce.
//! - **Order.** Higher priority first, then older first, by nonce within one account. An extrinsic inherits the
//!   highest priority waiting behind it in its account: a revocation must not queue behind its sender's backlog.
//! - **Nonces.** An extrinsic ahead of its turn waits, at most [`Limits::nonce_ahead`] nonces and
//!   [`Limits::waiting_blocks`] blocks, and becomes ready when the gap before it closes.
//! - **Eviction.** A full quota makes room only by dropping what ranks strictly lower, each account's last nonce
//!   first, so that dropping never opens a gap.
//! - **Signatures** are verified once: the verdicts stay in [`Verified`] for execution and for asking anew.
//! - **Dedup** is by the hash of the whole content, and nothing that was refused or dropped is remembered: a bad
//!   variant cannot keep the honest one out.

mod account;
mod finality;
mod limits;
mod order;
mod outcome;
mod pool;
mod recent;
mod room;
mod verified;

pub use limits::Limits;
pub use order::Ready;
pub use outcome::{Changes, DropReason, Dropped, Refused, Submitted};
pub use pool::{Pending, Pool, Status};
pub use verified::Verified;
