//! Real nodes under bad input, bad disks and bad ends, and in the hands of people on several machines.

mod bad_input;
mod blocks;
mod chain;
mod crash;
mod disk;
mod node;
mod people;
mod rpc;
mod start;
