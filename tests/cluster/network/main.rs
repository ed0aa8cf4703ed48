//! Networks of real nodes: they agree, lose members and get them back, are killed, lied to, and change their set.
//!
//! One network runs at a time, so that what is timed is not another test. A failed test leaves its nodes' logs behind
//! and says where.

mod addresses;
mod agree;
#[path = "../chain.rs"]
#[allow(dead_code, reason = "shared with the tests of one node, which need more of it")]
mod chain;
mod cluster;
mod keys;
mod kills;
mod member;
mod members;
mod namespaces;
#[path = "../node.rs"]
#[allow(dead_code, reason = "shared with the tests of one node, which need more of it")]
mod node;
mod partitions;
#[path = "../rpc.rs"]
#[allow(dead_code, reason = "shared with the tests of one node, which need more of it")]
mod rpc;
mod strangers;
mod told;
