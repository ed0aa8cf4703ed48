//! The peer-to-peer network of a node, over libp2p: TCP, Noise, Yamux.
//!
//! Only peers that the chain lists are connected; that is decided before any protocol runs on a connection. Between
//! two of them there are:
//!
//! | What | How |
//! |---|---|
//! | consensus messages, blocks, tips, address records | frames on one stream in each direction that stays open |
//! | extrinsics | gossip, gathered for some milliseconds |
//! | requests for blocks | a stream for each, answered within 10 s |
//!
//! [`start`] spawns a task that owns the connections. [`Handle`] speaks to it from any thread without ever waiting;
//! [`Events`] is what comes back. Everything between them is bounded: what is too much is dropped, counted in
//! [`Snapshot`], and, where a peer is to blame, held against that peer and nobody else. All limits stand in
//! [`limits`].

mod addresses;
mod book;
mod bucket;
mod config;
mod connections;
mod counters;
mod direct;
mod event;
mod exchange;
mod exchanges;
mod frame;
mod gate;
mod gossip;
mod handle;
mod lane;
pub mod limits;
mod link;
mod meter;
mod peer;
mod records;
mod requests;
mod score;
mod service;
mod streams;
mod transport;

pub use config::{NetworkConfig, NetworkError};
pub use counters::Snapshot;
pub use event::{Event, Events, GossipToken, PeerInfo, RequestFailure, RequestId, RequestToken, Verdict};
pub use handle::{Handle, Overloaded};
pub use libp2p::Multiaddr;
pub use peer::{AllowList, PeerKey};
pub use score::Offence;
pub use service::start;
