//! Real nodes under bad input, bad disks and bad ends.

mod bad_input;
mod blocks;
mod chain;
mod crash;
mod disk;
mod node;
mod rpc;
mod start;
