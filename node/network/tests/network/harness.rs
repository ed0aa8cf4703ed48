//! Nodes to test with: each a network of its own on a free port of this machine.

use std::{collections::VecDeque, future::Future, time::Duration};

use salus_consensus::{Proposal, SignedProposal, WireMessage};
use salus_network::{AllowList, Event, Events, Handle, Multiaddr, NetworkConfig, PeerKey, Snapshot, start};
use salus_primitives::{
    AccountId, Block, Hash, Header, Height, RawExtrinsic,
    crypto::{KeyPair, Signature},
    header::Digest,
};
use tokio::time::{Instant, timeout};

/// The chain of these tests.
pub const GENESIS: Hash = Hash([7; 32]);
/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The network key number `n`.
pub fn key(n: u8) -> KeyPair {
    KeyPair::from_seed(&[n; 32])
}

/// Its public half.
pub fn peer(n: u8) -> PeerKey {
    key(n).public().into()
}

/// A list with these validators.
pub fn validators(of: impl IntoIterator<Item = u8>) -> AllowList {
    AllowList { validators: of.into_iter().map(peer).collect(), ..AllowList::default() }
}

/// A running node.
pub struct Node {
    pub peer: PeerKey,
    pub handle: Handle,
    events: Events,
    /// Events that came while another was waited for.
    kept: VecDeque<Event>,
}

/// The set-up of node `n` that knows these bootnodes.
pub fn config(n: u8, bootnodes: &[&Node]) -> NetworkConfig {
    let mut config = NetworkConfig::new(key(n), GENESIS);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootnodes = bootnodes.iter().map(|node| node.address()).collect();
    config
}

impl Node {
    /// Start node `n`, and wait until it listens.
    pub async fn start(n: u8, bootnodes: &[&Self], allowed: AllowList) -> Self {
        Self::with(config(n, bootnodes), allowed).await
    }

    pub async fn with(config: NetworkConfig, allowed: AllowList) -> Self {
        let peer = config.key.public().into();
        let (handle, events) = start(config, allowed).unwrap();
        let node = Self { peer, handle, events, kept: VecDeque::new() };
        until("the node listens", || !node.handle.addresses().is_empty()).await;
        node
    }

    pub fn address(&self) -> Multiaddr {
        self.handle.addresses().into_iter().next().unwrap()
    }

    pub fn counters(&self) -> Snapshot {
        self.handle.counters()
    }

    /// The first event that `pick` takes something from; others are kept for later.
    pub async fn event<T>(&mut self, what: &str, mut pick: impl FnMut(&mut Event) -> Option<T>) -> T {
        for (at, event) in self.kept.iter_mut().enumerate() {
            if let Some(found) = pick(event) {
                self.kept.remove(at);
                return found;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let mut event = event.unwrap_or_else(|_| panic!("{what}: did not happen")).expect("the network runs");
            if let Some(found) = pick(&mut event) {
                return found;
            }
            self.kept.push_back(event);
        }
    }

    pub async fn connected(&mut self, with: PeerKey) {
        self.event("a connection", |event| {
            matches!(event, Event::Connected { peer, .. } if *peer == with).then_some(())
        })
        .await;
    }

    pub async fn disconnected(&mut self, from: PeerKey) {
        self.event("a disconnection", |event| {
            matches!(event, Event::Disconnected { peer } if *peer == from).then_some(())
        })
        .await;
    }

    /// The next event of any kind, if one comes within this time.
    pub async fn within(&mut self, time: Duration) -> Option<Event> {
        match self.kept.pop_front() {
            Some(event) => Some(event),
            None => timeout(time, self.events.recv()).await.ok().flatten(),
        }
    }

    /// All events that come within this time.
    pub async fn all_within(&mut self, time: Duration) -> Vec<Event> {
        let deadline = Instant::now() + time;
        let mut all: Vec<_> = std::mem::take(&mut self.kept).into();
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.events.recv()).await {
            all.push(event);
        }
        all
    }

    /// Points that `peer` has here, none when it is not connected.
    pub fn points(&self, peer: PeerKey) -> Option<u32> {
        self.handle.peers().into_iter().find(|info| info.peer == peer).map(|info| info.points)
    }
}

/// Nodes of all these numbers, the first being everybody's bootnode, each connected with each.
pub async fn mesh(count: u8) -> Vec<Node> {
    let list = validators(1..=count);
    let mut nodes = vec![Node::start(1, &[], list.clone()).await];
    for n in 2..=count {
        let node = Node::start(n, &[&nodes[0]], list.clone()).await;
        nodes.push(node);
    }
    for n in 1..=count {
        for other in (1..=count).filter(|other| *other != n) {
            nodes[usize::from(n) - 1].connected(peer(other)).await;
        }
    }
    nodes
}

/// Wait until this is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not so in time: {what}"));
}

/// What `future` gives, in time.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// A consensus message, one of many.
pub fn message(n: u32) -> WireMessage {
    let proposal =
        Proposal { height: Height(n), round: 0, pol_round: None, value: Hash([4; 32]), authority: AccountId([5; 32]) };
    WireMessage::Proposal(SignedProposal { proposal, signature: Signature([6; 64]) })
}

/// A block of this height with these extrinsics.
pub fn block(height: u32, extrinsics: Vec<RawExtrinsic>) -> Block {
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height(height),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    };
    Block { header, extrinsics }
}

/// An extrinsic of so many bytes, one of many.
pub fn extrinsic(n: u32, bytes: usize) -> RawExtrinsic {
    let mut content = vec![0; bytes];
    content[..4].copy_from_slice(&n.to_le_bytes());
    RawExtrinsic(content)
}
