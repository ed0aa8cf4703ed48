//! The gate: who may connect is decided here, before any protocol of ours runs on a connection.
//!
//! Before a peer has shown its key, places are counted, by address too. Once it has, the list decides, and what it
//! did before.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
        behaviour::{ConnectionClosed, ConnectionEstablished, ListenFailure},
        dummy,
    },
};

use crate::{
    book::host,
    bucket::Bucket,
    handle::Shared,
    limits::{
        CONNECTIONS_BURST, CONNECTIONS_PER_MINUTE, CONNECTIONS_PER_PEER_MAX, FULL_NODES_MAX, PENDING_KNOWN_MAX,
        PENDING_MAX, PENDING_PER_IP_MAX, UNLISTED_MAX,
    },
    peer::{AllowList, PeerKey},
    score::{Offence, Scores},
};

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("too many connections are pending, try again later")]
    Pending,
    #[error("too many connections are pending from this address, at most {PENDING_PER_IP_MAX} are allowed")]
    Address,
    #[error("the peer's network key is not listed on chain")]
    Unlisted,
    #[error("the peer offended a short while ago, or is of another chain")]
    Offender,
    #[error("the peer connects again and again, at most {CONNECTIONS_BURST} times at once are allowed")]
    Restless,
    #[error("no place is free for a peer of its kind")]
    Full,
}

pub(crate) struct Gate {
    pub(crate) allowed: AllowList,
    pub(crate) scores: Scores,
    /// IP addresses at which peers are said to be.
    pub(crate) hosts: BTreeSet<IpAddr>,
    shared: Arc<Shared>,
    /// Incoming connections whose peer is not known yet.
    pending: HashMap<ConnectionId, Option<IpAddr>>,
    /// How many connections each peer has.
    established: BTreeMap<PeerKey, usize>,
    /// How often peers that were let in connected of late.
    connecting: BTreeMap<PeerKey, Bucket>,
}

impl Gate {
    pub(crate) fn new(allowed: AllowList, shared: Arc<Shared>) -> Self {
        Self {
            allowed,
            scores: Scores::default(),
            hosts: BTreeSet::new(),
            shared,
            pending: HashMap::new(),
            established: BTreeMap::new(),
            connecting: BTreeMap::new(),
        }
    }

    /// May a connection from this address begin?
    fn knock(&self, ip: Option<IpAddr>) -> Result<(), Refused> {
        let known = ip.is_some_and(|ip| self.hosts.contains(&ip));
        let here = self.pending.values().filter(|other| **other == ip).count();
        if here >= if known { PENDING_KNOWN_MAX } else { PENDING_PER_IP_MAX } {
            return Err(Refused::Address);
        }
        let strangers = self.pending.values().filter(|ip| !ip.is_some_and(|ip| self.hosts.contains(&ip))).count();
        let (taken, places) =
            if known { (self.pending.len() - strangers, PENDING_KNOWN_MAX) } else { (strangers, PENDING_MAX) };
        if taken >= places { Err(Refused::Pending) } else { Ok(()) }
    }

    /// May this peer be connected, once more?
    pub(crate) fn admit(&self, peer: &PeerKey, now: Instant) -> Result<(), Refused> {
        if self.scores.is_refused(peer, now) {
            return Err(Refused::Offender);
        }
        let mine = self.established.get(peer).copied().unwrap_or_default();
        if mine >= CONNECTIONS_PER_PEER_MAX {
            return Err(Refused::Full);
        }
        let others = |kind: &dyn Fn(&PeerKey) -> bool| {
            self.established.keys().filter(|other| *other != peer && kind(other)).count()
        };
        if self.allowed.validators.contains(peer) {
            Ok(())
        } else if self.allowed.full_nodes.contains(peer) {
            let taken = others(&|other| self.allowed.full_nodes.contains(other));
            if taken >= FULL_NODES_MAX { Err(Refused::Full) } else { Ok(()) }
        } else if self.allowed.open {
            let taken = others(&|other| !self.allowed.lists(other));
            if taken >= UNLISTED_MAX { Err(Refused::Full) } else { Ok(()) }
        } else {
            Err(Refused::Unlisted)
        }
    }

    /// Count a connection of a peer that may be let in. Too many are an offence.
    fn count(&mut self, peer: PeerKey, now: Instant) -> Result<(), Refused> {
        let fresh = || Bucket::new(CONNECTIONS_PER_MINUTE / 60, CONNECTIONS_BURST, now);
        if self.connecting.entry(peer).or_insert_with(fresh).take(1, now) {
            return Ok(());
        }
        if self.scores.offend(peer, Offence::Flood, now).is_some() {
            self.shared.counters.offenders.one();
        }
        self.shared.counters.floods.one();
        Err(Refused::Restless)
    }

    /// Forget what is long over.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.scores.sweep(now);
        self.connecting.retain(|_, bucket| bucket.wait(CONNECTIONS_BURST, now).is_some());
    }

    fn arrived(&mut self, connection: ConnectionId, peer: &PeerId) -> Result<(), ConnectionDenied> {
        self.pending.remove(&connection);
        let now = Instant::now();
        let key = PeerKey::of(peer).ok_or(Refused::Unlisted);
        let admitted = key.and_then(|key| self.admit(&key, now).and_then(|()| self.count(key, now)));
        admitted.map_err(|refused| self.refuse(refused))
    }

    fn refuse(&self, refused: Refused) -> ConnectionDenied {
        let counters = &self.shared.counters;
        match refused {
            Refused::Pending => counters.refused_pending.one(),
            Refused::Address => counters.refused_address.one(),
            Refused::Unlisted => counters.refused_unlisted.one(),
            Refused::Offender => counters.refused_offender.one(),
            Refused::Restless => counters.refused_restless.one(),
            Refused::Full => counters.refused_full.one(),
        }
        ConnectionDenied::new(refused)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = host(remote);
        self.knock(ip).map_err(|refused| self.refuse(refused))?;
        self.pending.insert(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.arrived(connection, &peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.arrived(connection, &peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.pending.remove(&connection_id);
            }
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, .. }) => {
                if let Some(key) = PeerKey::of(&peer_id) {
                    *self.established.entry(key).or_default() += 1;
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established, .. }) => {
                let Some(key) = PeerKey::of(&peer_id) else { return };
                if remaining_established == 0 {
                    self.established.remove(&key);
                } else {
                    self.established.insert(key, remaining_established);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
