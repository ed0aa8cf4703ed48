//! Joins the chain to other nodes: what peers send goes to the engine, to the pool and to the database, each by a
//! queue of its own that is bounded, so that a flood of one kind delays nothing of another.
//!
//! ```text
//! network events -> pump -> engine's inbox     consensus, proposed blocks, tips, ranges
//!                        -> extrinsics' queue  verified in batches, then the pool
//!                        -> requests' queue    answered out of the database
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use salus_consensus::{Peer, WireMessage};
use salus_engine::{Chain, Incoming, Ledger, Offence, Outbox};
use salus_network::{
    AllowList, Event, Events, GossipToken, Handle, Multiaddr, Offence as NetworkOffence, PeerKey, RequestId,
    RequestToken, Verdict,
};
use salus_pool::Refused;
use salus_primitives::{Block, Hash, Height, RawExtrinsic, dispatch::InvalidTransaction};
use salus_rpc::PeerStatus;
use salus_storage::StorageError;
use salus_sync::wire::{RangeBuilder, Request, Response};
use tokio::sync::{broadcast, mpsc};
use tracing::{debug, info, warn};

/// Gossip messages that may wait for the pool: some 64 KiB each.
const EXTRINSICS_WAITING: usize = 64;
/// Requests that may wait for the database.
const REQUESTS_WAITING: usize = 64;
/// A node this far behind the highest tip it hears of does not enforce its list, which is an old one (decision 23).
const BEHIND_MAX: u32 = 100;
/// Without any peer for so long, the list may be an old one too.
const ALONE_MAX: Duration = Duration::from_secs(60);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often, and with what pause, to look whether the network listens yet.
const LISTEN_LOOKS: u32 = 200;
const LISTEN_PAUSE: Duration = Duration::from_millis(10);

const LOCK: &str = "a panic ends the process, so no lock is poisoned";

/// What was asked of peers and not answered yet.
enum Asked {
    Range,
    /// A block's body, and who was asked for it so far.
    Body {
        height: Height,
        value: Hash,
        tried: BTreeSet<PeerKey>,
    },
}

/// Peers by the numbers the engine knows them by.
#[derive(Default)]
struct Table {
    numbers: BTreeMap<PeerKey, Peer>,
    keys: BTreeMap<Peer, PeerKey>,
    next: u64,
    asked: BTreeMap<RequestId, Asked>,
    /// Peers that came and may not know what is pending here.
    fresh: BTreeSet<PeerKey>,
}

impl Table {
    fn number(&mut self, key: PeerKey) -> Peer {
        if let Some(peer) = self.numbers.get(&key) {
            return *peer;
        }
        let peer = Peer(self.next);
        self.next += 1;
        self.numbers.insert(key, peer);
        self.keys.insert(peer, key);
        peer
    }

    fn forget(&mut self, key: &PeerKey) -> Option<Peer> {
        self.fresh.remove(key);
        let peer = self.numbers.remove(key)?;
        self.keys.remove(&peer);
        Some(peer)
    }
}

/// The network as the engine and the joints below share it.
#[derive(Clone)]
pub struct Link {
    handle: Handle,
    table: Arc<Mutex<Table>>,
}

impl Link {
    /// Over a running network.
    pub fn new(handle: Handle) -> Self {
        Self { handle, table: Arc::default() }
    }

    /// The network.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The connected peers.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let infos = self.handle.peers().into_iter();
        infos.map(|info| PeerStatus { key: info.peer.into(), validator: info.validator, tip: info.tip }).collect()
    }

    /// Where this node listens, as others take it for bootnodes; known a moment after the start.
    pub async fn addresses(&self) -> Vec<Multiaddr> {
        for _ in 0..LISTEN_LOOKS {
            let addresses = self.handle.addresses();
            if !addresses.is_empty() {
                return addresses;
            }
            tokio::time::sleep(LISTEN_PAUSE).await;
        }
        Vec::new()
    }

    /// Did a peer come since the last time this said so, one that listens to extrinsics by now?
    pub fn somebody_came(&self) -> bool {
        let listening: Vec<PeerKey> =
            self.handle.peers().into_iter().filter(|info| info.listens).map(|info| info.peer).collect();
        let mut table = self.table();
        let before = table.fresh.len();
        table.fresh.retain(|peer| !listening.contains(peer));
        table.fresh.len() < before
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect(LOCK)
    }

    /// Ask for a block's body: of `first` if it is connected, else of any validator not tried yet.
    fn ask_body(&self, height: Height, value: Hash, first: Option<PeerKey>, mut tried: BTreeSet<PeerKey>) {
        let connected = self.handle.peers();
        let untried = || connected.iter().filter(|info| !tried.contains(&info.peer));
        let chosen = first
            .filter(|first| untried().any(|info| info.peer == *first))
            .or_else(|| untried().find(|info| info.validator).map(|info| info.peer));
        let Some(peer) = chosen else {
            debug!(%height, %value, "nobody to ask for a block");
            return;
        };
        tried.insert(peer);
        let mut table = self.table();
        if let Ok(id) = self.handle.request(peer, Request::Block { height, value }) {
            table.asked.insert(id, Asked::Body { height, value, tried });
        }
    }
}

impl Outbox for Link {
    fn broadcast(&mut self, message: &WireMessage) {
        self.handle.broadcast(message);
    }

    fn send_block(&mut self, block: &Block) {
        self.handle.send_block(block);
    }

    fn request_block(&mut self, height: Height, value: Hash, from: Option<Peer>) {
        let first = from.and_then(|peer| self.table().keys.get(&peer).copied());
        self.ask_body(height, value, first, BTreeSet::new());
    }

    fn request_range(&mut self, peer: Peer, from: Height, max: u32) {
        let mut table = self.table();
        let Some(key) = table.keys.get(&peer).copied() else { return };
        // Without an answer the engine asks again after a while.
        if let Ok(id) = self.handle.request(key, Request::Blocks { from, max }) {
            table.asked.insert(id, Asked::Range);
        }
    }

    fn announce(&mut self, tip: Height) {
        self.handle.announce(tip);
    }

    fn report(&mut self, peer: Peer, offence: Offence) {
        let Some(key) = self.table().keys.get(&peer).copied() else { return };
        let offence = match offence {
            Offence::Unproven => NetworkOffence::Unproven,
            Offence::BadRange | Offence::OtherBody => NetworkOffence::BadRange,
        };
        warn!(peer = %key, ?offence, "a peer did what no honest one does");
        self.handle.report(key, offence);
    }
}

/// Where the pump puts what comes in.
struct Queues {
    engine: mpsc::Sender<Incoming>,
    extrinsics: mpsc::Sender<(GossipToken, Vec<RawExtrinsic>)>,
    requests: mpsc::Sender<(RequestToken, Request)>,
}

/// The network's task ended by itself.
#[derive(Debug, thiserror::Error)]
#[error(
    "the network's task ended, so that this node reaches nobody any more: start it again, and report it with the log \
     before this line"
)]
pub struct NetworkEnded;

/// Carry everything that peers send to where it belongs, until the network ends: whoever waits for this stops the node
/// then, since one that hears nobody would only seem to run (decision 18).
pub async fn pump<L: Ledger>(mut events: Events, link: Link, chain: Arc<Chain<L>>, engine: mpsc::Sender<Incoming>) {
    let queues = Queues {
        engine,
        extrinsics: extrinsics_queue(&chain, link.handle().clone()),
        requests: requests_queue(&chain, link.handle().clone()),
    };
    while let Some(event) = events.recv().await {
        take(event, &link, &queues);
    }
}

fn take(event: Event, link: &Link, queues: &Queues) {
    // What finds no room is dropped: consensus sends again, and gossip comes from others too.
    let engine = |incoming| {
        if queues.engine.try_send(incoming).is_err() {
            debug!("the engine is busy: a message of a peer is dropped");
        }
    };
    let number = |peer| link.table().number(peer);
    match event {
        Event::Connected { peer, validator } => {
            info!(%peer, validator, "peer connected");
            number(peer);
            link.table().fresh.insert(peer);
        }
        Event::Disconnected { peer } => {
            info!(%peer, "peer disconnected");
            let number = link.table().forget(&peer);
            if let Some(number) = number {
                engine(Incoming::Gone(number));
            }
        }
        Event::Message { peer, message } => engine(Incoming::Message(number(peer), message)),
        Event::Block { peer, block } => engine(Incoming::Block(number(peer), block)),
        Event::Tip { peer, tip } => engine(Incoming::Tip(number(peer), tip)),
        Event::Extrinsics { token, extrinsics, .. } => {
            if let Err(full) = queues.extrinsics.try_send((token, extrinsics)) {
                let (token, _) = full.into_inner();
                link.handle().judge(token, Verdict::Ignore);
            }
        }
        Event::Request { token, request, .. } => {
            if let Err(full) = queues.requests.try_send((token, request)) {
                let (token, _) = full.into_inner();
                // An overloaded network leaves the peer to its own timeout.
                let _ = link.handle().respond(token, Response::Busy);
            }
        }
        Event::Response { peer, id, response } => {
            let asked = link.table().asked.remove(&id);
            match (asked, response) {
                (Some(Asked::Range), Response::Blocks(range)) => {
                    engine(Incoming::Range(number(peer), range.into_inner()));
                }
                (Some(Asked::Range), _) => engine(Incoming::RangeFailed(number(peer))),
                (Some(Asked::Body { .. }), Response::Block(Some(block))) => {
                    engine(Incoming::Block(number(peer), Box::new(block)));
                }
                (Some(Asked::Body { height, value, tried }), _) => link.ask_body(height, value, None, tried),
                (None, _) => {}
            }
        }
        Event::RequestFailed { peer, id, why } => {
            debug!(%peer, %why, "a request failed");
            let asked = link.table().asked.remove(&id);
            match asked {
                Some(Asked::Range) => engine(Incoming::RangeFailed(number(peer))),
                Some(Asked::Body { height, value, tried }) => link.ask_body(height, value, None, tried),
                None => {}
            }
        }
    }
}

/// The thread that takes gossiped extrinsics into the pool.
fn extrinsics_queue<L: Ledger>(
    chain: &Arc<Chain<L>>,
    handle: Handle,
) -> mpsc::Sender<(GossipToken, Vec<RawExtrinsic>)> {
    let (sender, mut queue) = mpsc::channel::<(GossipToken, Vec<RawExtrinsic>)>(EXTRINSICS_WAITING);
    let chain = Arc::clone(chain);
    thread::spawn(move || {
        while let Some((token, extrinsics)) = queue.blocking_recv() {
            let outcomes = chain.receive(extrinsics);
            handle.judge(token, verdict(&outcomes));
        }
    });
    sender
}

/// What a gossip message was worth: blame is for form alone, since state differs from node to node.
fn verdict(outcomes: &[Result<Hash, Refused>]) -> Verdict {
    let formless = |outcome: &Result<Hash, Refused>| {
        matches!(
            outcome,
            Err(Refused::Malformed(_)
                | Refused::TooLarge { .. }
                | Refused::Invalid(InvalidTransaction::Call | InvalidTransaction::TooLarge))
        )
    };
    if outcomes.iter().any(formless) {
        Verdict::Reject
    } else if outcomes.iter().any(Result::is_ok) {
        Verdict::Accept
    } else {
        Verdict::Ignore
    }
}

/// The thread that answers requests out of the database.
fn requests_queue<L: Ledger>(chain: &Arc<Chain<L>>, handle: Handle) -> mpsc::Sender<(RequestToken, Request)> {
    let (sender, mut queue) = mpsc::channel::<(RequestToken, Request)>(REQUESTS_WAITING);
    let chain = Arc::clone(chain);
    thread::spawn(move || {
        while let Some((token, request)) = queue.blocking_recv() {
            let response = answer(&chain.database, &request).unwrap_or_else(|error| {
                warn!(%error, "a request could not be answered");
                Response::Busy
            });
            let _ = handle.respond(token, response);
        }
    });
    sender
}

/// Answer a request out of `database`.
///
/// # Errors
/// [`StorageError`].
pub fn answer<L: Ledger>(database: &L, request: &Request) -> Result<Response, StorageError> {
    let (tip, hash) = database.tip();
    Ok(match *request {
        Request::Status => Response::Status { tip: tip.number, hash },
        Request::Blocks { from, max } => {
            let mut range = RangeBuilder::default();
            let last = from.0.saturating_add(max).min(tip.number.0.saturating_add(1));
            // Everybody makes genesis out of the specification.
            for height in from.0.max(1)..last {
                let Some(record) = database.record_at(Height(height))? else { break };
                if !range.push(record) {
                    break;
                }
            }
            Response::Blocks(range.finish())
        }
        Request::Block { height, value } => {
            let block = match database.undecided_load(height, &value)? {
                Some(block) => Some(block),
                None => database.record_at(height)?.map(|record| record.block),
            };
            Response::Block(block.filter(|block| block.header.vote_value() == value))
        }
    })
}

/// The list that the newest state gives.
pub fn allowed<L: Ledger>(chain: &Chain<L>) -> AllowList {
    let peers = chain.database.with_state(|state| chain.runtime.peers(state));
    AllowList {
        validators: peers.validators.into_iter().map(|peer| peer.network.into()).collect(),
        full_nodes: peers.full_nodes.into_iter().map(|peer| peer.network.into()).collect(),
        open: false,
    }
}

/// Keep the network's list what the chain says, and leave it open while this node is far behind.
pub async fn keep_list<T: Clone, L: Ledger>(
    chain: Arc<Chain<L>>,
    link: Link,
    mut blocks: broadcast::Receiver<T>,
    may_open: bool,
) {
    let mut open = may_open;
    let mut met = Instant::now();
    loop {
        let tip = chain.database.tip().0.number;
        let peers = link.handle().peers();
        if !peers.is_empty() {
            met = Instant::now();
        }
        let highest = peers.iter().filter_map(|info| info.tip).max().unwrap_or_default();
        let behind = highest.0.saturating_sub(tip.0);
        let was = open;
        open = may_open && ((open && peers.is_empty()) || behind > BEHIND_MAX || met.elapsed() > ALONE_MAX);
        if open != was {
            info!(open, %tip, %highest, "the list of peers is {}", if open { "not enforced" } else { "enforced" });
        }
        link.handle().set_allowed(AllowList { open, ..allowed(&chain) });
        tokio::select! {
            block = blocks.recv() => match block {
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
