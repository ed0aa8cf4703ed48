//! The libp2p behaviour of direct streams: opens one on a connection when told to, and hands over those that the peer
//! opens. What goes over them is read and written by tasks of their own.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
        NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

/// Streams and failures that wait for the behaviour, at most.
const WAITING_MAX: usize = 8;

/// Something about a direct stream.
#[derive(Debug)]
pub(crate) enum What {
    /// The peer opened one.
    Inbound(Stream),
    /// The one we asked for is open.
    Outbound(Stream),
    /// The peer does not know the protocol.
    Unknown,
    /// It could not be opened.
    Failed,
}

#[derive(Debug)]
pub(crate) struct DirectEvent {
    pub(crate) peer: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) what: What,
}

/// The command to open a stream.
#[derive(Debug)]
pub(crate) struct Open;

pub(crate) struct Direct {
    name: StreamProtocol,
    events: VecDeque<ToSwarm<DirectEvent, Open>>,
}

impl Direct {
    pub(crate) fn new(name: StreamProtocol) -> Self {
        Self { name, events: VecDeque::new() }
    }

    /// Open a stream on this connection.
    pub(crate) fn open(&mut self, peer_id: PeerId, connection: ConnectionId) {
        self.events.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event: Open });
    }

    fn handler(&self) -> Handler {
        Handler { name: self.name.clone(), open: false, events: VecDeque::new() }
    }
}

impl NetworkBehaviour for Direct {
    type ConnectionHandler = Handler;
    type ToSwarm = DirectEvent;

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

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, what: THandlerOutEvent<Self>) {
        self.events.push_back(ToSwarm::GenerateEvent(DirectEvent { peer, connection, what }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<DirectEvent, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

pub(crate) struct Handler {
    name: StreamProtocol,
    /// A stream is to be opened.
    open: bool,
    events: VecDeque<What>,
}

impl Handler {
    fn tell(&mut self, what: What) {
        // A peer that opens streams faster than they are looked at loses the newest.
        if self.events.len() < WAITING_MAX {
            self.events.push_back(what);
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = What;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.name.clone()), ())
    }

    /// Connections between listed peers stay; who must go is closed by the network's task.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, What>> {
        if let Some(what) = self.events.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(what));
        }
        if std::mem::take(&mut self.open) {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(self.name.clone()), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, Open: Open) {
        self.open = true;
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.tell(What::Inbound(protocol));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.tell(What::Outbound(protocol));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => self.tell(match error {
                StreamUpgradeError::NegotiationFailed => What::Unknown,
                _ => What::Failed,
            }),
            _ => {}
        }
    }
}
