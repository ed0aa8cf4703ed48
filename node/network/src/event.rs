//! What the network tells its user, and the tokens by which the user answers.

use std::time::Duration;

use libp2p::{gossipsub::MessageId, request_response::ResponseChannel};
use salus_consensus::WireMessage;
use salus_primitives::{Block, Height, RawExtrinsic};
use salus_sync::wire::{Request, Response};
use tokio::sync::mpsc;

use crate::peer::PeerKey;

/// Something a peer did.
#[derive(Debug)]
pub enum Event {
    /// A peer is connected and on this chain. What it sends may come slightly before this.
    Connected {
        /// Who.
        peer: PeerKey,
        /// Is it a validator, by the list as it was?
        validator: bool,
    },
    /// A peer is no longer connected. What it had sent may still come after this.
    Disconnected {
        /// Who.
        peer: PeerKey,
    },
    /// A consensus message of a validator, decoded; its signatures are not checked.
    Message {
        /// Who sent it, which need not be who signed it.
        peer: PeerKey,
        /// The message.
        message: WireMessage,
    },
    /// A block of a validator, sent unasked, decoded and not checked further. One that was sent before its proposal
    /// comes before its proposal.
    Block {
        /// Who sent it.
        peer: PeerKey,
        /// The block.
        block: Box<Block>,
    },
    /// A peer says that this height is final for it: a reason to ask, no more.
    Tip {
        /// Who.
        peer: PeerKey,
        /// Its newest final height.
        tip: Height,
    },
    /// Extrinsics that were published somewhere, within their size and not checked further.
    Extrinsics {
        /// Who passed them on, which need not be who published them.
        peer: PeerKey,
        /// To be given to [`Handle::judge`](crate::Handle::judge).
        token: GossipToken,
        /// At least one.
        extrinsics: Vec<RawExtrinsic>,
    },
    /// A peer asks.
    Request {
        /// Who.
        peer: PeerKey,
        /// To be given to [`Handle::respond`](crate::Handle::respond) within 10 s.
        token: RequestToken,
        /// What.
        request: Request,
    },
    /// A peer answered a request of ours with something that fits it. Nothing in it is checked.
    Response {
        /// Who.
        peer: PeerKey,
        /// Which request.
        id: RequestId,
        /// The answer.
        response: Response,
    },
    /// A request of ours has no answer, and will have none.
    RequestFailed {
        /// Who was asked.
        peer: PeerKey,
        /// Which request.
        id: RequestId,
        /// Why.
        why: RequestFailure,
    },
}

/// One request of ours. Each leads to exactly one [`Event::Response`] or [`Event::RequestFailed`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// Why a request has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestFailure {
    /// The peer is not connected, or went away.
    #[error("the peer is not connected")]
    NotConnected,
    /// No answer within 10 s.
    #[error("the peer did not answer in time")]
    Timeout,
    /// Too many requests to this peer wait already.
    #[error("too many requests to this peer are waiting")]
    TooMany,
    /// The answer was malformed or did not fit the question. The peer is charged with it.
    #[error("the answer does not fit the question")]
    BadAnswer,
    /// The stream broke.
    #[error("the stream broke before the answer was there")]
    Broken,
}

/// A peer's request that waits for its answer. Dropping it leaves the peer without one.
#[derive(Debug)]
pub struct RequestToken {
    pub(crate) peer: PeerKey,
    pub(crate) channel: ResponseChannel<Response>,
}

/// A gossip message that waits for its verdict.
#[derive(Clone, Debug)]
pub struct GossipToken {
    pub(crate) id: MessageId,
    pub(crate) source: PeerKey,
    pub(crate) relay: bool,
}

/// What a gossip message is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// At least one of its extrinsics is new and went into the pool: others may want it.
    Accept,
    /// Nothing in it was of use here: known already, or refused by the state as it is here, or for want of room. That
    /// is nobody's fault.
    Ignore,
    /// Something in it is no extrinsic of this chain whatever the state: its form is wrong. Nobody honest passes that
    /// on, so it counts against who did. An extrinsic that the state or a signature forbids is never a reason.
    Reject,
}

/// A connected peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// Who.
    pub peer: PeerKey,
    /// Is it a validator, by the list as it is?
    pub validator: bool,
    /// Did this node dial it?
    pub dialled: bool,
    /// Does it listen to extrinsics? So a moment after it connected.
    pub listens: bool,
    /// The newest height it spoke of.
    pub tip: Option<Height>,
    /// Time to it and back, as measured last.
    pub round_trip: Option<Duration>,
    /// Its points for offences; at 100 it is disconnected.
    pub points: u32,
}

/// Where the network's events come out. Dropping it ends the network.
#[derive(Debug)]
pub struct Events {
    pub(crate) urgent: mpsc::Receiver<Event>,
    pub(crate) bulk: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; none when the network has ended, which it does of itself only by a bug.
    ///
    /// Extrinsics and requests come only when nothing of consensus waits, so that a flood of them delays no vote. It
    /// is safe to drop the future before it is ready.
    pub async fn recv(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            event = self.urgent.recv() => event,
            Some(event) = self.bulk.recv() => Some(event),
        }
    }
}
