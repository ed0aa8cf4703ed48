//! The life of connections: dialling, one connection per peer, streams, strangers, offenders.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use libp2p::{
    PeerId, ping,
    swarm::{
        ConnectionId, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use salus_primitives::{Hash, Height};
use tracing::{debug, info, warn};

use crate::{
    direct::{DirectEvent, What},
    event::{Event, PeerInfo, RequestFailure},
    frame::{Kind, frame},
    handle::Link,
    lane::Lane,
    limits::{
        CONVERGE_AFTER, FULL_MESH_MAX, REDIAL_MAX, REDIAL_VALIDATOR_MAX, SIMULTANEOUS_WITHIN, STRANGER_REFUSED,
        STRANGER_STAYS,
    },
    meter::Meter,
    peer::PeerKey,
    score::Offence,
    service::Service,
    streams::{self, Reader},
};

/// How long to wait before a broken stream is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

struct Connection {
    id: ConnectionId,
    dialled: bool,
    since: Instant,
}

/// Why a connected peer is none of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strange {
    /// It is of another chain.
    Genesis,
    /// It does not speak our protocol.
    Version,
}

/// A peer with a connection.
pub(crate) struct Peer {
    connections: Vec<Connection>,
    /// The one that is used.
    chosen: ConnectionId,
    since: Instant,
    pub(crate) meter: Arc<Meter>,
    /// What waits for it, once it was seen to speak our protocol; the user knows of it then.
    link: Option<Arc<Link>>,
    strange: Option<(Strange, Instant)>,
    /// When all connections but the chosen one are closed.
    converge: Option<Instant>,
    /// When the stream to it is opened again.
    reopen: Option<Instant>,
    pub(crate) tip: Option<Height>,
    round_trip: Option<Duration>,
}

impl Peer {
    fn dialled(&self) -> bool {
        self.connections.iter().any(|connection| connection.id == self.chosen && connection.dialled)
    }
}

/// Which of several connections with one peer to use. Both sides come to the same answer.
///
/// Of two that were made at about the same time it is the one that the smaller key dialled. One that is much newer
/// than another wins, whoever dialled it: a peer dials only when it has no connection, so the older one is dead.
fn choose(connections: &[Connection], own_is_smaller: bool) -> Option<ConnectionId> {
    let newest = connections.iter().map(|connection| connection.since).max()?;
    let fresh = connections.iter().filter(|connection| newest - connection.since < SIMULTANEOUS_WITHIN);
    fresh.max_by_key(|connection| (connection.dialled == own_is_smaller, connection.since)).map(|best| best.id)
}

impl Service {
    /// Dial whom it is time to dial.
    pub(crate) fn dial(&mut self, now: Instant) {
        let gate = &self.swarm.behaviour().gate;
        let peers = &self.peers;
        let (allowed, scores) = (&gate.allowed, &gate.scores);
        let due = self.book.due(now, |peer| {
            !peers.contains_key(peer) && !scores.is_refused(peer, now) && (allowed.lists(peer) || allowed.open)
        });
        for (peer, addresses) in due {
            let options = DialOpts::peer_id(peer.peer_id())
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                // From the port we listen at, two nodes that dial each other at once would meet half-way as two
                // diallers, and neither would listen.
                .allocate_new_port()
                .build();
            if let Err(error) = self.swarm.dial(options) {
                self.not_dialled(&peer.peer_id(), &error, now);
            }
        }
    }

    pub(crate) fn not_dialled(&mut self, peer: &PeerId, error: &DialError, now: Instant) {
        let Some(peer) = PeerKey::of(peer) else { return };
        if self.peers.contains_key(&peer) {
            return;
        }
        self.shared.counters.dial_failures.one();
        match error {
            DialError::WrongPeerId { obtained, .. } => {
                warn!(expected = %peer, %obtained, "another node answers at this peer's address: check the bootnodes");
            }
            _ => debug!(%peer, %error, "dialling failed"),
        }
        self.book.failed(peer, now, self.longest_wait(&peer), jitter());
    }

    /// How long this peer is not dialled at most: two validators are missed by each other.
    fn longest_wait(&self, peer: &PeerKey) -> Duration {
        let validators = &self.swarm.behaviour().gate.allowed.validators;
        if validators.contains(peer) && validators.contains(&self.own) { REDIAL_VALIDATOR_MAX } else { REDIAL_MAX }
    }

    pub(crate) fn established(&mut self, peer_id: &PeerId, id: ConnectionId, dialled: bool, now: Instant) {
        let Some(peer) = PeerKey::of(peer_id) else { return };
        let counters = &self.shared.counters;
        if dialled {
            counters.dialled.one()
        } else {
            counters.accepted.one()
        };
        self.book.connected(peer, now);
        let meter = self.meters.of(peer, now);
        meter.speaks.store(self.swarm.behaviour().gate.allowed.speaks(&peer), Relaxed);
        meter.shut.store(false, Relaxed);
        let exceeded = meter.exceeded();
        self.kept_meters.entry(peer).or_insert_with(|| (Arc::clone(&meter), exceeded));
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            connections: Vec::new(),
            chosen: id,
            since: now,
            meter,
            link: None,
            strange: None,
            converge: None,
            reopen: None,
            tip: None,
            round_trip: None,
        });
        let first = entry.connections.is_empty();
        entry.connections.push(Connection { id, dialled, since: now });
        let best = choose(&entry.connections, self.own < peer).unwrap_or(id);
        if !first {
            entry.converge = Some(now + CONVERGE_AFTER);
        }
        if first || best != entry.chosen {
            entry.chosen = best;
            self.swarm.behaviour_mut().direct.open(*peer_id, best);
        }
    }

    pub(crate) fn closed(&mut self, peer_id: &PeerId, id: ConnectionId, now: Instant) {
        let Some(peer) = PeerKey::of(peer_id) else { return };
        let own_is_smaller = self.own < peer;
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.connections.retain(|connection| connection.id != id);
        if let Some(best) = choose(&entry.connections, own_is_smaller) {
            self.resubscribe = true;
            if best != entry.chosen {
                entry.chosen = best;
                self.swarm.behaviour_mut().direct.open(*peer_id, best);
            }
            return;
        }
        let lived = now.saturating_duration_since(entry.since);
        match entry.strange {
            Some((strange, _)) => return self.turn_away(&peer, strange, now),
            None if entry.link.is_none() && lived < STRANGER_STAYS => {
                self.shared.counters.refused_by_peer.one();
                debug!(%peer, "the peer closed the connection at once: does its chain list this node's network key?");
            }
            None => {}
        }
        self.forget(&peer, now);
    }

    /// The peer is none of ours: do without it for a while.
    fn turn_away(&mut self, peer: &PeerKey, strange: Strange, now: Instant) {
        match strange {
            Strange::Genesis => self.shared.counters.wrong_genesis.one(),
            Strange::Version => {
                warn!(%peer, "the peer does not speak this release's protocol: use the same release on both nodes");
                self.shared.counters.wrong_version.one();
            }
        }
        self.swarm.behaviour_mut().gate.scores.refuse(*peer, STRANGER_REFUSED, now);
        self.shut_out(peer, now);
    }

    /// The peer is no longer connected, or will not be in a moment.
    fn forget(&mut self, peer: &PeerKey, now: Instant) {
        let Some(entry) = self.peers.remove(peer) else { return };
        let good = if entry.link.is_some() { now.saturating_duration_since(entry.since) } else { Duration::ZERO };
        self.book.gone(*peer, good, now, self.longest_wait(peer), jitter());
        self.subscribed.remove(peer);
        self.swarm.behaviour_mut().gossip.remove_explicit_peer(&peer.peer_id());
        for ask in self.asks.gone(peer) {
            self.failed(ask, RequestFailure::NotConnected);
        }
        if let Some(link) = entry.link {
            link.lane.close();
            self.shared.links.write().unwrap_or_else(PoisonError::into_inner).remove(peer);
            self.tell(Event::Disconnected { peer: *peer });
            info!(%peer, "peer disconnected");
        }
    }

    /// Disconnect a peer at once; nothing it still sends is read.
    pub(crate) fn shut_out(&mut self, peer: &PeerKey, now: Instant) {
        if let Some(entry) = self.peers.get(peer) {
            entry.meter.shut.store(true, Relaxed);
        }
        self.forget(peer, now);
        // There may be none any more.
        let _ = self.swarm.disconnect_peer_id(peer.peer_id());
    }

    pub(crate) fn direct(&mut self, event: DirectEvent, now: Instant) {
        let Some(peer) = PeerKey::of(&event.peer) else { return };
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        match event.what {
            What::Inbound(stream) => {
                let reader = Reader {
                    peer,
                    meter: Arc::clone(&entry.meter),
                    shared: Arc::clone(&self.shared),
                    events: self.urgent.clone(),
                    notices: self.notices.clone(),
                };
                tokio::spawn(reader.run(stream));
            }
            What::Outbound(stream) => {
                let link = match &entry.link {
                    Some(link) => Arc::clone(link),
                    None => self.linked(peer),
                };
                let number = link.lane.take_over();
                let notices = self.notices.clone();
                tokio::spawn(streams::write(peer, event.connection, Arc::clone(&link.lane), number, stream, notices));
            }
            What::Unknown => {
                entry.strange.get_or_insert((Strange::Version, now));
            }
            What::Failed => entry.reopen = Some(now + REOPEN_AFTER),
        }
    }

    /// The peer speaks our protocol: from now on the user knows of it.
    fn linked(&mut self, peer: PeerKey) -> Arc<Link> {
        let gate = &self.swarm.behaviour().gate;
        let validator = gate.allowed.validators.contains(&peer);
        let link =
            Arc::new(Link { lane: Arc::new(Lane::default()), speaks: AtomicBool::new(gate.allowed.speaks(&peer)) });
        for frame in self.record_frames(&peer) {
            link.lane.push(frame);
        }
        let tip = Height(self.shared.tip.load(Relaxed));
        if tip != Height::GENESIS {
            link.lane.push(frame(Kind::Tip, &tip));
            self.shared.counters.tips_out.one();
        }
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.link = Some(Arc::clone(&link));
            info!(%peer, validator, dialled = entry.dialled(), "peer connected");
        }
        self.shared.links.write().unwrap_or_else(PoisonError::into_inner).insert(peer, Arc::clone(&link));
        self.explicit(&peer);
        self.tell(Event::Connected { peer, validator });
        link
    }

    /// Among few validators everybody sends gossip to everybody; otherwise gossip finds its own way.
    fn explicit(&mut self, peer: &PeerKey) {
        let behaviour = self.swarm.behaviour_mut();
        let validators = &behaviour.gate.allowed.validators;
        if validators.len() <= FULL_MESH_MAX && validators.contains(&self.own) && validators.contains(peer) {
            behaviour.gossip.add_explicit_peer(&peer.peer_id());
        } else {
            behaviour.gossip.remove_explicit_peer(&peer.peer_id());
        }
    }

    pub(crate) fn stream_ended(&mut self, peer: &PeerKey, connection: ConnectionId, number: u64, now: Instant) {
        if let Some(entry) = self.peers.get_mut(peer)
            && entry.chosen == connection
            && entry.link.as_ref().is_some_and(|link| link.lane.belongs_to(number))
        {
            entry.reopen = Some(now + REOPEN_AFTER);
        }
    }

    pub(crate) fn identified(&mut self, peer_id: &PeerId, chain: &str, now: Instant) {
        let Some(peer) = PeerKey::of(peer_id) else { return };
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if chain == self.names.chain {
            return;
        }
        let genesis = chain.strip_prefix("/salus/").and_then(|rest| rest.split('/').next());
        match genesis.and_then(|genesis| genesis.parse::<Hash>().ok()) {
            Some(theirs) if theirs != self.names.genesis => {
                if !matches!(entry.strange, Some((Strange::Genesis, _))) {
                    warn!(
                        %peer, %theirs, ours = %self.names.genesis,
                        "the peer is of another chain (wrong genesis): start both nodes with the same chain specification"
                    );
                    entry.strange = Some((Strange::Genesis, now));
                }
            }
            _ => {
                entry.strange.get_or_insert((Strange::Version, now));
            }
        }
    }

    pub(crate) fn pinged(&mut self, event: ping::Event) {
        let Some(entry) = PeerKey::of(&event.peer).and_then(|peer| self.peers.get_mut(&peer)) else { return };
        match event.result {
            Ok(round_trip) => entry.round_trip = Some(round_trip),
            Err(ping::Failure::Unsupported) => {}
            // libp2p keeps the first failure in a row to itself: this is the second at least.
            Err(_) => {
                self.shared.counters.silent.one();
                self.swarm.close_connection(event.connection);
            }
        }
    }

    /// Close what has to go; open again what broke.
    pub(crate) fn look_at_connections(&mut self, now: Instant) {
        let mut strangers = Vec::new();
        for (peer, entry) in &mut self.peers {
            if let Some((strange, since)) = entry.strange
                && now.saturating_duration_since(since) >= STRANGER_STAYS
            {
                strangers.push((*peer, strange));
            }
            if entry.converge.take_if(|due| *due <= now).is_some() {
                for connection in entry.connections.iter().filter(|connection| connection.id != entry.chosen) {
                    if self.swarm.close_connection(connection.id) {
                        self.shared.counters.replaced.one();
                    }
                }
            }
            if entry.reopen.take_if(|due| *due <= now).is_some() {
                self.swarm.behaviour_mut().direct.open(peer.peer_id(), entry.chosen);
            }
        }
        for (peer, strange) in strangers {
            self.turn_away(&peer, strange, now);
        }
    }

    /// The list changed: who is no longer on it goes, who has another role gets it.
    pub(crate) fn listed_changed(&mut self, now: Instant) {
        let allowed = self.swarm.behaviour().gate.allowed.clone();
        let connected: Vec<PeerKey> = self.peers.keys().copied().collect();
        for peer in connected {
            if !allowed.open && !allowed.lists(&peer) {
                info!(%peer, "the peer is not listed on chain: disconnected");
                self.shared.counters.delisted.one();
                self.shut_out(&peer, now);
                continue;
            }
            let speaks = allowed.speaks(&peer);
            if let Some(entry) = self.peers.get(&peer) {
                entry.meter.speaks.store(speaks, Relaxed);
                if let Some(link) = &entry.link {
                    link.speaks.store(speaks, Relaxed);
                    self.explicit(&peer);
                }
            }
        }
        let peers = &self.peers;
        self.kept_meters.retain(|peer, _| allowed.lists(peer) || peers.contains_key(peer));
        self.book.retain(|peer| allowed.lists(peer));
        self.book_changed();
    }

    pub(crate) fn malformed(&mut self, peer: PeerKey, what: &str) {
        warn!(%peer, what, "the peer sent what no honest program sends");
        self.offend(peer, Offence::Malformed, Instant::now());
    }

    /// Charge a peer; at a hundred points it goes.
    pub(crate) fn offend(&mut self, peer: PeerKey, offence: Offence, now: Instant) {
        if !self.peers.contains_key(&peer) {
            return;
        }
        let counters = &self.shared.counters;
        match offence {
            Offence::Malformed => counters.malformed.one(),
            Offence::Flood => counters.floods.one(),
            Offence::Unproven => counters.unproven.one(),
            Offence::BadRange => counters.bad_ranges.one(),
        }
        if let Some(wait) = self.swarm.behaviour_mut().gate.scores.offend(peer, offence, now) {
            warn!(%peer, ?offence, ?wait, "the peer offended and is refused for a while");
            self.shared.counters.offenders.one();
            self.shut_out(&peer, now);
        }
    }

    /// What [`Handle::peers`](crate::Handle::peers) shows.
    pub(crate) fn show_peers(&self, now: Instant) {
        let gate = &self.swarm.behaviour().gate;
        let linked = self.peers.iter().filter(|(_, entry)| entry.link.is_some());
        let infos: BTreeMap<PeerKey, PeerInfo> = linked
            .map(|(peer, entry)| {
                let info = PeerInfo {
                    peer: *peer,
                    validator: gate.allowed.validators.contains(peer),
                    dialled: entry.dialled(),
                    listens: self.subscribed.contains(peer),
                    tip: entry.tip,
                    round_trip: entry.round_trip,
                    points: gate.scores.points(peer, now),
                };
                (*peer, info)
            })
            .collect();
        *self.shared.infos.write().unwrap_or_else(PoisonError::into_inner) = infos;
    }
}

/// Any number. Where the system gives none, nodes only dial at the same times more often.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or_default()
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
