//! What goes to other nodes and what comes from them: the engine's face to the network.

use salus_consensus::{Peer, WireMessage};
use salus_primitives::{Block, Hash, Height, archive::Record};

/// Where messages for other nodes go. The network implements it, and so does a simulation. None of it may wait.
pub trait Outbox: Send {
    /// Send to all validators.
    fn broadcast(&mut self, message: &WireMessage);
    /// Send a block's body to all validators.
    fn send_block(&mut self, block: &Block);
    /// Ask a peer, or anybody, for the block whose header has this SHA-256. The answer is [`Incoming::Block`].
    fn request_block(&mut self, height: Height, value: Hash, from: Option<Peer>);
    /// Ask a peer for the final blocks from `from` on, at most `max`. The answer is [`Incoming::Range`] or
    /// [`Incoming::RangeFailed`].
    fn request_range(&mut self, peer: Peer, from: Height, max: u32);
    /// Tell all peers that this height is final here.
    fn announce(&mut self, tip: Height);
    /// A peer did what no honest one does.
    fn report(&mut self, peer: Peer, offence: Offence);
}

/// What no honest peer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offence {
    /// Sent a message whose signature or certificate does not fit, or that no honest validator signs.
    Unproven,
    /// Sent a range of blocks that does not follow, or is not certified.
    BadRange,
    /// Sent a header with the extrinsics of another block.
    OtherBody,
}

/// A network of one: nobody to send to.
pub struct Solitude;

impl Outbox for Solitude {
    fn broadcast(&mut self, _: &WireMessage) {}
    fn send_block(&mut self, _: &Block) {}
    fn request_block(&mut self, _: Height, _: Hash, _: Option<Peer>) {}
    fn request_range(&mut self, _: Peer, _: Height, _: u32) {}
    fn announce(&mut self, _: Height) {}
    fn report(&mut self, _: Peer, _: Offence) {}
}

/// What peers bring.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A consensus message.
    Message(Peer, WireMessage),
    /// A block somebody proposed.
    Block(Peer, Box<Block>),
    /// A peer says that this height is final for it. Believed only as far as it shows certificates.
    Tip(Peer, Height),
    /// The answer to [`Outbox::request_range`].
    Range(Peer, Vec<Record>),
    /// There was no answer, or a refusal.
    RangeFailed(Peer),
    /// The peer is no longer connected.
    Gone(Peer),
}
