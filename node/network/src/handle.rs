//! How the rest of the node speaks to the network: from any thread, without ever waiting.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use libp2p::Multiaddr;
use salus_consensus::WireMessage;
use salus_primitives::{Block, Height, RawExtrinsic};
use salus_sync::wire::{Request, Response};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    counters::{Counters, Snapshot},
    event::{GossipToken, PeerInfo, RequestId, RequestToken, Verdict},
    frame::{Kind, frame},
    gossip::Batch,
    lane::Lane,
    peer::{AllowList, PeerKey},
    score::Offence,
};

/// What the user wants of the network's task.
#[derive(Debug)]
pub(crate) enum Command {
    Judge(GossipToken, Verdict),
    Request(PeerKey, RequestId, Request),
    Respond(RequestToken, Response),
    Report(PeerKey, Offence),
}

/// A connected peer to which frames can be sent.
pub(crate) struct Link {
    pub(crate) lane: Arc<Lane>,
    /// Does it get consensus messages and blocks?
    pub(crate) speaks: AtomicBool,
}

/// What the handles, the network's task and the tasks of its streams share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) links: RwLock<BTreeMap<PeerKey, Arc<Link>>>,
    pub(crate) infos: RwLock<BTreeMap<PeerKey, PeerInfo>>,
    pub(crate) records: RwLock<Vec<Vec<u8>>>,
    pub(crate) addresses: RwLock<Vec<Multiaddr>>,
    pub(crate) batch: Mutex<Batch>,
    /// The tip to announce, 0 before the first.
    pub(crate) tip: AtomicU32,
    /// The batch or the tip has something new.
    pub(crate) news: Notify,
}

impl Shared {
    pub(crate) fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Send a frame to those of the connected peers that `to` names; how many these were.
    pub(crate) fn send(&self, frame: &Bytes, to: impl Fn(&Link) -> bool) -> usize {
        let mut sent = 0;
        for link in self.links.read().unwrap_or_else(PoisonError::into_inner).values() {
            if to(link) {
                self.counters.dropped_slow.add(link.lane.push(frame.clone()));
                sent += 1;
            }
        }
        sent
    }
}

/// The network is overloaded: a command had no room. What was asked is not done; it may be asked again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many commands are waiting for the network")]
pub struct Overloaded;

/// A way to speak to the network. Cheap to clone; nothing here waits or blocks.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) allowed: Arc<watch::Sender<AllowList>>,
    pub(crate) next_request: Arc<AtomicU64>,
}

impl Handle {
    /// Send a consensus message to every connected validator. Frames to one peer arrive in the order they were sent
    /// in; where a peer reads too slowly its oldest frames are dropped and counted.
    pub fn broadcast(&self, message: &WireMessage) {
        let sent = self.shared.send(&frame(Kind::Message, message), |link| link.speaks.load(Relaxed));
        self.shared.counters.messages_out.add(sent);
    }

    /// Send a block to every connected validator, in the same order as messages.
    pub fn send_block(&self, block: &Block) {
        let sent = self.shared.send(&frame(Kind::Block, block), |link| link.speaks.load(Relaxed));
        self.shared.counters.blocks_out.add(sent);
    }

    /// Tell all peers that `tip` is final here, and those that connect later too. Said at most ten times a second: of
    /// several tips in between only the last.
    pub fn announce(&self, tip: Height) {
        self.shared.tip.store(tip.0, Relaxed);
        self.shared.news.notify_one();
    }

    /// Publish an extrinsic to everybody, within about 10 ms, together with others. One too many is dropped and
    /// counted: the node still has it, and proposes it when its turn comes.
    pub fn publish(&self, extrinsic: RawExtrinsic) {
        let mut batch = self.shared.batch();
        let was_empty = batch.is_empty();
        if !batch.push(extrinsic) {
            self.shared.counters.dropped_unpublished.one();
            return;
        }
        let wake = was_empty || batch.is_full();
        drop(batch);
        if wake {
            self.shared.news.notify_one();
        }
    }

    /// Say what a gossip message was worth.
    pub fn judge(&self, token: GossipToken, verdict: Verdict) {
        // A message that is not to be forwarded waits for nothing but blame.
        if token.relay || verdict == Verdict::Reject {
            let _ = self.command(Command::Judge(token, verdict));
        }
    }

    /// Ask a peer. The answer, or that there is none, comes as an event. Requests to one peer are sent no faster than
    /// peers serve them.
    ///
    /// # Errors
    /// [`Overloaded`]: no event will come.
    pub fn request(&self, peer: PeerKey, request: Request) -> Result<RequestId, Overloaded> {
        let id = RequestId(self.next_request.fetch_add(1, Relaxed));
        self.command(Command::Request(peer, id, request))?;
        Ok(id)
    }

    /// Answer a peer's request.
    ///
    /// # Errors
    /// [`Overloaded`]: the peer gets no answer.
    pub fn respond(&self, token: RequestToken, response: Response) -> Result<(), Overloaded> {
        self.command(Command::Respond(token, response))
    }

    /// The chain's list changed. Peers that are no longer on it are disconnected at once.
    pub fn set_allowed(&self, allowed: AllowList) {
        self.allowed.send_if_modified(|old| {
            let changed = *old != allowed;
            *old = allowed;
            changed
        });
    }

    /// A peer did what no honest one does. At a hundred points it is disconnected and refused for a while.
    pub fn report(&self, peer: PeerKey, offence: Offence) {
        let _ = self.command(Command::Report(peer, offence));
    }

    /// The connected peers.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.infos.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Signed records of the addresses of listed peers, for a later start: see
    /// [`NetworkConfig::records`](crate::NetworkConfig::records).
    pub fn records(&self) -> Vec<Vec<u8>> {
        self.shared.records.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses this node listens at, with its peer id, as others take them for bootnodes. Empty until the first
    /// one is known, a moment after the start.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.shared.addresses.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happened since the start.
    pub fn counters(&self) -> Snapshot {
        self.shared.counters.snapshot()
    }

    fn command(&self, command: Command) -> Result<(), Overloaded> {
        self.commands.try_send(command).map_err(|_| {
            self.shared.counters.dropped_commands.one();
            Overloaded
        })
    }
}
