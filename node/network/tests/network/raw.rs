//! A hostile peer: a bare libp2p node that opens any stream and sends any bytes.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    gossipsub, noise,
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
        NotifyHandler, SubstreamProtocol, SwarmEvent, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
    tcp, yamux,
};
use salus_network::PeerKey;
use salus_primitives::crypto::sha256;
use tokio::sync::mpsc;

use crate::harness::{GENESIS, Node, in_time, key};

/// The name of the protocol of frames, of requests, and the beginning of that of gossip.
pub fn protocol(end: &str) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/salus/{GENESIS}/{end}")).unwrap()
}

/// What the hostile peer is told to do.
enum Order {
    Open(StreamProtocol),
    Gossip(Vec<u8>),
}

/// A hostile peer, connected with one node.
pub struct Raw {
    pub peer: PeerKey,
    orders: mpsc::UnboundedSender<Order>,
    opened: mpsc::UnboundedReceiver<Stream>,
    /// Streams of requests that the node opened.
    pub asked: mpsc::UnboundedReceiver<Stream>,
    /// Says something when the connection is gone.
    closed: mpsc::UnboundedReceiver<()>,
}

impl Raw {
    /// Connect with `node` under key `n`, and wait until the node takes it for a peer.
    pub async fn connect(n: u8, node: &mut Node) -> Self {
        let mut raw = Self::dial(n, node.address());
        let peer = raw.peer;
        tokio::select! {
            () = node.connected(peer) => {}
            _ = raw.closed.recv() => panic!("the node refused"),
        }
        raw
    }

    /// Dial without waiting for anything.
    pub fn dial(n: u8, address: Multiaddr) -> Self {
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (opened_sender, opened) = mpsc::unbounded_channel();
        let (asked_sender, asked) = mpsc::unbounded_channel();
        let (closed_sender, closed) = mpsc::unbounded_channel();
        let streams = Streams { events: VecDeque::new(), opened: opened_sender, asked: asked_sender };
        let swarm = swarm(n, streams);
        tokio::spawn(run(swarm, address, order_queue, closed_sender));
        Self { peer: key(n).public().into(), orders, opened, asked, closed }
    }

    /// Open a stream of this protocol.
    pub async fn open(&mut self, name: StreamProtocol) -> Stream {
        self.orders.send(Order::Open(name)).unwrap();
        in_time("a stream", self.opened.recv()).await.unwrap()
    }

    /// Ask for a stream and do not wait for it.
    pub fn want(&self, name: StreamProtocol) {
        // An error only means that the connection is gone.
        let _ = self.orders.send(Order::Open(name));
    }

    /// Open a stream of frames and send these bytes on it.
    pub async fn send(&mut self, bytes: &[u8]) -> Stream {
        let mut stream = self.open(protocol("direct/1")).await;
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    pub fn gossip(&self, bytes: Vec<u8>) {
        let _ = self.orders.send(Order::Gossip(bytes));
    }

    /// Wait until the node has closed the connection.
    pub async fn closed(&mut self) {
        in_time("the connection ends", self.closed.recv()).await;
    }

    pub fn is_closed(&mut self) -> bool {
        self.closed.try_recv() != Err(mpsc::error::TryRecvError::Empty)
    }
}

#[derive(NetworkBehaviour)]
struct Hostile {
    streams: Streams,
    gossip: gossipsub::Behaviour,
}

fn topic() -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new(format!("{}/extrinsics", protocol("gossip")))
}

fn swarm(n: u8, streams: Streams) -> Swarm<Hostile> {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(protocol("gossip").to_string())
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .max_transmit_size(200_000)
        .message_id_fn(|message| gossipsub::MessageId::from(sha256(&message.data).0.to_vec()))
        .build()
        .unwrap();
    let mut gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config).unwrap();
    gossip.subscribe(&topic()).unwrap();
    SwarmBuilder::with_existing_identity(libp2p::identity::Keypair::ed25519_from_bytes(*key(n).seed()).unwrap())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Hostile { streams, gossip })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
        .build()
}

async fn run(
    mut swarm: Swarm<Hostile>,
    address: Multiaddr,
    mut orders: mpsc::UnboundedReceiver<Order>,
    closed: mpsc::UnboundedSender<()>,
) {
    swarm.dial(address).unwrap();
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if matches!(event, SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. }) {
                    let _ = closed.send(());
                    return;
                }
            }
            order = orders.recv() => match order {
                Some(Order::Open(name)) => {
                    let Some(peer) = swarm.connected_peers().next().copied() else { continue };
                    swarm.behaviour_mut().streams.events.push_back((peer, name));
                }
                Some(Order::Gossip(bytes)) => {
                    let _ = swarm.behaviour_mut().gossip.publish(topic().hash(), bytes);
                }
                None => return,
            }
        }
    }
}

/// Opens streams of any name; takes those of ours, reads nothing from those of frames.
struct Streams {
    events: VecDeque<(PeerId, StreamProtocol)>,
    opened: mpsc::UnboundedSender<Stream>,
    asked: mpsc::UnboundedSender<Stream>,
}

impl Streams {
    fn handler(&self) -> Handler {
        Handler { events: VecDeque::new(), kept: Vec::new(), opened: self.opened.clone(), asked: self.asked.clone() }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = ();

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, (): THandlerOutEvent<Self>) {}

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<(), THandlerInEvent<Self>>> {
        match self.events.pop_front() {
            Some((peer_id, event)) => {
                Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event })
            }
            None => Poll::Pending,
        }
    }
}

struct Handler {
    events: VecDeque<StreamProtocol>,
    /// Streams of frames: open and never read.
    kept: Vec<Stream>,
    opened: mpsc::UnboundedSender<Stream>,
    asked: mpsc::UnboundedSender<Stream>,
}

/// Takes streams of frames and of requests.
#[derive(Clone)]
struct Ours;

impl libp2p::core::upgrade::UpgradeInfo for Ours {
    type Info = StreamProtocol;
    type InfoIter = [StreamProtocol; 2];

    fn protocol_info(&self) -> Self::InfoIter {
        [protocol("direct/1"), protocol("sync/1")]
    }
}

impl<C> libp2p::core::InboundUpgrade<C> for Ours {
    type Output = (C, StreamProtocol);
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: C, name: StreamProtocol) -> Self::Future {
        std::future::ready(Ok((stream, name)))
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = StreamProtocol;
    type ToBehaviour = ();
    type InboundProtocol = Ours;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Ours> {
        SubstreamProtocol::new(Ours, ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), ()>> {
        match self.events.pop_front() {
            Some(name) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(name), ()),
            }),
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, name: StreamProtocol) {
        self.events.push_back(name);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), ()>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                let _ = self.opened.send(protocol);
            }
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, name), .. }) => {
                if name == protocol("sync/1") {
                    let _ = self.asked.send(stream);
                } else {
                    self.kept.push(stream);
                }
            }
            _ => {}
        }
    }
}
