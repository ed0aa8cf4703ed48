//! The network as its user sees it, over real sockets on this machine, and what it does against hostile peers.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod carrying;
mod gossip;
mod harness;
mod hostile;
mod meeting;
mod raw;
mod requests;
