//! The node as a library, so that tests and benchmarks can run it in their own process. `main.rs` is its program.

pub mod backend;
pub mod cli;
pub mod commands;
pub mod config;
pub mod dry_run;
pub mod genesis;
pub mod keys;
pub mod known;
pub mod layout;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod republish;
pub mod service;
