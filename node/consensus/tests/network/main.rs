//! Whole networks of hosts in one thread: agreement, crashes, liars, and each trap by itself.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod agreement;
mod byzantine;
mod cast;
mod chance;
mod core;
mod crash;
mod disk;
mod engine;
mod harness;
mod old_copy;
mod traps;
