//! The network's task: owns the connections, and turns commands and events into each other.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::TcpListener,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, gossipsub, identify, identity, ping,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use parity_scale_codec::Encode;
use salus_primitives::Height;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::{
    book::{self, Book},
    bucket::Bucket,
    config::{NetworkConfig, NetworkError, bootnode},
    connections::Peer,
    direct::Direct,
    event::{Event, Events, Verdict},
    exchange::{self, Exchange},
    frame::{Kind, frame},
    gate::Gate,
    gossip::{self, Gossip, Topics},
    handle::{Command, Handle, Shared},
    limits::{
        ANNOUNCE_EVERY, BATCH_WITHIN, BULK_EVENTS_MAX, COMMANDS_MAX, EVENTS_MAX, NEGOTIATING_MAX, NOTICES_MAX,
        PING_EVERY, PING_WITHIN, PUBLISH_BYTES_BURST, PUBLISH_BYTES_PER_SECOND,
    },
    meter::{Meter, Meters},
    peer::{AllowList, PeerKey},
    records,
    requests::{Ask, Asks, Serving},
    score::Offence,
    streams::Notice,
    transport::{self, Names, Surroundings},
};

/// How often the task looks around: whom to dial, what to close.
const TICK: Duration = Duration::from_millis(100);

/// Everything that runs on a connection. The gate stands first: what it refuses the others never see.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) gate: Gate,
    pub(crate) direct: Direct,
    pub(crate) exchange: Exchange,
    pub(crate) gossip: gossipsub::Behaviour<gossipsub::IdentityTransform, Topics>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// Start the network: listen, dial the bootnodes, and go on until [`Events`] is dropped. It must be called on a tokio
/// runtime, which its tasks then run on.
///
/// # Errors
/// [`NetworkError`]: nothing was started.
pub fn start(config: NetworkConfig, allowed: AllowList) -> Result<(Handle, Events), NetworkError> {
    let key = identity::Keypair::ed25519_from_bytes(*config.key.seed())
        .map_err(|error| NetworkError::Key(error.to_string()))?;
    let own = PeerKey::from(config.key.public());
    let now = Instant::now();
    let shared = Arc::new(Shared::default());
    let names = Arc::new(Names::new(&config.genesis));
    let meters = Arc::new(Meters::default());
    let around = Surroundings {
        names: Arc::clone(&names),
        meters: Arc::clone(&meters),
        shared: Arc::clone(&shared),
        delay: config.delay,
    };
    let transport = transport::transport(&key, &around).map_err(|error| NetworkError::Key(error.to_string()))?;
    let topic = gossip::topic(&names.gossip);
    let mut gossip = gossip::behaviour(&names.gossip).map_err(NetworkError::Gossip)?;
    gossip.subscribe(&topic).map_err(|error| NetworkError::Gossip(error.to_string()))?;
    let behaviour = Behaviour {
        gate: Gate::new(allowed.clone(), Arc::clone(&shared)),
        direct: Direct::new(names.direct.clone()),
        exchange: exchange::behaviour(&names.sync),
        gossip,
        identify: identify::Behaviour::new(
            identify::Config::new(names.chain.clone(), key.public())
                .with_agent_version(format!("salus/{}", env!("CARGO_PKG_VERSION")))
                .with_hide_listen_addrs(true)
                .with_cache_size(0),
        ),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_WITHIN)),
    };
    let swarm_config =
        libp2p::swarm::Config::with_tokio_executor().with_max_negotiating_inbound_streams(NEGOTIATING_MAX);
    let mut swarm = Swarm::new(transport, behaviour, key.public().to_peer_id(), swarm_config);
    for address in &config.listen {
        let failed = |error: String| NetworkError::Listen { address: address.clone(), error };
        // libp2p shares the port with whoever listens there already, who would then get half of our connections.
        if let Some(socket) = book::socket(address) {
            TcpListener::bind(socket).map_err(|error| failed(error.to_string()))?;
        }
        swarm.listen_on(address.clone()).map_err(|error| failed(error.to_string()))?;
    }
    let mut book = Book::new(own);
    for address in &config.bootnodes {
        let (peer, place) = bootnode(address)?;
        book.boot(peer, place, now);
    }
    let known: Vec<_> = config.records.iter().filter_map(|bytes| records::read(bytes).ok()).collect();
    if known.len() < config.records.len() {
        let left_out = config.records.len() - known.len();
        warn!(left_out, "addresses of peers that were kept are not signed by them: these are left out");
    }
    for record in known {
        let listed = allowed.lists(&record.peer);
        book.learn(record, false, listed, now);
    }
    info!(peer = %own, genesis = %config.genesis, validators = allowed.validators.len(), "network started");

    let (commands, command_queue) = mpsc::channel(COMMANDS_MAX);
    let (urgent, urgent_queue) = mpsc::channel(EVENTS_MAX);
    let (bulk, bulk_queue) = mpsc::channel(BULK_EVENTS_MAX);
    let (notices, notice_queue) = mpsc::channel(NOTICES_MAX);
    let (allowed, new_allowed) = watch::channel(allowed);
    let mut service = Service {
        own,
        key,
        names,
        topic,
        swarm,
        shared: Arc::clone(&shared),
        meters,
        book,
        public: config.public,
        listening: BTreeSet::new(),
        own_record: None,
        peers: BTreeMap::new(),
        kept_meters: BTreeMap::new(),
        subscribed: BTreeSet::new(),
        resubscribe: false,
        asks: Asks::default(),
        serving: Serving::default(),
        publishing: Bucket::new(PUBLISH_BYTES_PER_SECOND, PUBLISH_BYTES_BURST, now),
        batch_due: None,
        announced: (Height::GENESIS, now),
        second: now,
        pending: VecDeque::new(),
        urgent,
        bulk,
        notices,
    };
    service.listed_changed(now);
    tokio::spawn(service.run(command_queue, notice_queue, new_allowed));
    let handle = Handle { shared, commands, allowed: Arc::new(allowed), next_request: Arc::new(AtomicU64::new(1)) };
    Ok((handle, Events { urgent: urgent_queue, bulk: bulk_queue }))
}

/// The state of the task.
pub(crate) struct Service {
    pub(crate) own: PeerKey,
    pub(crate) key: identity::Keypair,
    pub(crate) names: Arc<Names>,
    topic: gossipsub::IdentTopic,
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) book: Book,
    pub(crate) public: Vec<Multiaddr>,
    pub(crate) listening: BTreeSet<Multiaddr>,
    pub(crate) own_record: Option<Vec<u8>>,
    /// Peers with a connection.
    pub(crate) peers: BTreeMap<PeerKey, Peer>,
    /// Meters of listed peers that were connected, with what they had exceeded a second ago: they outlive connections.
    pub(crate) kept_meters: BTreeMap<PeerKey, (Arc<Meter>, u64)>,
    /// Peers that listen to gossip.
    pub(crate) subscribed: BTreeSet<PeerKey>,
    /// One of several connections with a peer closed. What gossipsub said of us may have been lost with it, and it says
    /// it only once per peer: it is said again.
    pub(crate) resubscribe: bool,
    pub(crate) asks: Asks,
    pub(crate) serving: Serving,
    publishing: Bucket,
    /// When what was gathered is published.
    batch_due: Option<Instant>,
    /// The tip that was announced last, and when.
    announced: (Height, Instant),
    /// When quotas were looked at last.
    second: Instant,
    /// Events that wait for room in the user's queue. Bounded by what they are about: two per peer, one per request.
    pub(crate) pending: VecDeque<Event>,
    pub(crate) urgent: mpsc::Sender<Event>,
    pub(crate) bulk: mpsc::Sender<Event>,
    pub(crate) notices: mpsc::Sender<Notice>,
}

impl Service {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut notices: mpsc::Receiver<Notice>,
        mut allowed: watch::Receiver<AllowList>,
    ) {
        let shared = Arc::clone(&self.shared);
        let urgent = self.urgent.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = Instant::now();
            self.send_requests(now);
            let wake = [self.batch_due, self.asks.wait(now).map(|wait| now + wait)].into_iter().flatten().min();
            tokio::select! {
                () = urgent.closed() => break,
                permit = urgent.reserve(), if !self.pending.is_empty() => {
                    if let (Ok(permit), Some(event)) = (permit, self.pending.pop_front()) {
                        permit.send(event);
                    }
                }
                Ok(()) = allowed.changed() => {
                    let new = allowed.borrow_and_update().clone();
                    self.swarm.behaviour_mut().gate.allowed = new;
                    self.listed_changed(Instant::now());
                }
                Some(command) = commands.recv() => self.command(command),
                Some(notice) = notices.recv() => self.notice(notice),
                event = self.swarm.select_next_some() => self.event(event),
                () = shared.news.notified() => self.news(Instant::now()),
                () = until(wake), if wake.is_some() => self.news(Instant::now()),
                _ = tick.tick() => self.tick(Instant::now()),
            }
        }
        for link in std::mem::take(&mut *shared.links.write().unwrap_or_else(PoisonError::into_inner)).into_values() {
            link.lane.close();
        }
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Judge(token, verdict) => {
                if token.relay {
                    self.judged(
                        &token.id,
                        &token.source,
                        match verdict {
                            Verdict::Accept => gossipsub::MessageAcceptance::Accept,
                            Verdict::Ignore => gossipsub::MessageAcceptance::Ignore,
                            Verdict::Reject => gossipsub::MessageAcceptance::Reject,
                        },
                    );
                }
                if verdict == Verdict::Reject {
                    self.malformed(token.source, "an extrinsic that has not the form of one");
                }
            }
            Command::Request(peer, id, request) => self.ask(Ask { peer, id, request }, now),
            Command::Respond(token, response) => {
                if let Some(peer) = self.peers.get(&token.peer) {
                    peer.meter.serve(response.encoded_size(), now);
                }
                if self.swarm.behaviour_mut().exchange.send_response(token.channel, response).is_err() {
                    self.shared.counters.requests_refused.one();
                }
            }
            Command::Report(peer, offence) => self.offend(peer, offence, now),
        }
    }

    fn notice(&mut self, notice: Notice) {
        let now = Instant::now();
        match notice {
            Notice::Malformed(peer, what) => self.malformed(peer, &what),
            Notice::TooManyStreams(peer) => self.offend(peer, Offence::Flood, now),
            Notice::Records(peer, bytes) => self.learn(peer, &bytes, now),
            Notice::Tip(peer, tip) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.tip = Some(tip);
                }
            }
            Notice::Ended(peer, connection, number) => self.stream_ended(&peer, connection, number, now),
        }
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Direct(event)) => self.direct(event, now),
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.exchange(event, now),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.identified(&peer_id, &info.protocol_version, now);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.pinged(event),
            SwarmEvent::Behaviour(_) => {}
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.established(&peer_id, connection_id, endpoint.is_dialer(), now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.closed(&peer_id, connection_id, now),
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                self.not_dialled(&peer, &error, now);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(address = %self.full(&address), "listening");
                self.listening.insert(address);
                self.moved();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.listening.remove(&address);
                self.moved();
            }
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "listening failed"),
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                warn!(?addresses, %error, "no longer listening");
            }
            _ => {}
        }
    }

    /// An address of ours with our peer id, as others take it for a bootnode.
    pub(crate) fn full(&self, address: &Multiaddr) -> Multiaddr {
        address.clone().with(libp2p::multiaddr::Protocol::P2p(self.own.peer_id()))
    }

    fn gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.gossiped(&propagation_source, message_id, &message.data);
            }
            gossipsub::Event::Subscribed { peer_id, .. } => self.subscribed.extend(PeerKey::of(&peer_id)),
            gossipsub::Event::Unsubscribed { peer_id, .. } => {
                if let Some(peer) = PeerKey::of(&peer_id) {
                    self.subscribed.remove(&peer);
                }
            }
            gossipsub::Event::SlowPeer { failed_messages, .. } => {
                self.shared.counters.dropped_slow.add(failed_messages.priority + failed_messages.non_priority);
            }
            gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn judged(&mut self, id: &gossipsub::MessageId, source: &PeerKey, acceptance: gossipsub::MessageAcceptance) {
        self.swarm.behaviour_mut().gossip.report_message_validation_result(id, &source.peer_id(), acceptance);
    }

    fn gossiped(&mut self, source: &libp2p::PeerId, id: gossipsub::MessageId, bytes: &[u8]) {
        let Some(peer) = PeerKey::of(source) else { return };
        let gossip = match Gossip::from_bytes(bytes) {
            Ok(gossip) => gossip,
            Err(error) => {
                self.judged(&id, &peer, gossipsub::MessageAcceptance::Reject);
                return self.malformed(peer, &format!("gossip: {error}"));
            }
        };
        let counters = &self.shared.counters;
        counters.gossip_in.one();
        counters.extrinsics_in.add(gossip.extrinsics.len());
        let token = crate::GossipToken { id: id.clone(), source: peer, relay: gossip.relay };
        let event = Event::Extrinsics { peer, token, extrinsics: gossip.extrinsics.into_inner() };
        let passed_on = self.bulk.try_send(event).is_ok();
        if !passed_on {
            counters.dropped_busy.one();
        }
        if !(gossip.relay && passed_on) {
            self.judged(&id, &peer, gossipsub::MessageAcceptance::Ignore);
        }
    }

    /// Something was gathered or announced, or its time has come.
    fn news(&mut self, now: Instant) {
        self.announce(now);
        loop {
            let full = {
                let batch = self.shared.batch();
                if batch.is_empty() {
                    self.batch_due = None;
                    return;
                }
                batch.is_full()
            };
            let due = *self.batch_due.get_or_insert(now + BATCH_WITHIN);
            if !full && now < due {
                return;
            }
            // Peers accept so much per second; what is more waits here, in a queue with a bound.
            if let Some(wait) = self.publishing.debt(now) {
                self.batch_due = Some(now + wait.max(BATCH_WITHIN));
                return;
            }
            self.publish(now);
            self.batch_due = None;
        }
    }

    fn publish(&mut self, now: Instant) {
        let extrinsics = self.shared.batch().take();
        let count = extrinsics.len();
        let bytes = Gossip { relay: self.needs_relay(), extrinsics }.encode();
        self.publishing.charge(bytes.len() as u64, now);
        let counters = &self.shared.counters;
        match self.swarm.behaviour_mut().gossip.publish(self.topic.hash(), bytes) {
            Ok(_) => {
                counters.gossip_out.one();
                counters.extrinsics_out.add(count);
            }
            // Everybody has it.
            Err(gossipsub::PublishError::Duplicate) => {}
            Err(error) => {
                tracing::debug!(%error, count, "extrinsics not published");
                counters.dropped_unpublished.add(count);
            }
        }
    }

    /// Is there a validator that does not get from us directly what we publish?
    fn needs_relay(&self) -> bool {
        let allowed = &self.swarm.behaviour().gate.allowed;
        allowed.open || !allowed.validators.iter().all(|peer| *peer == self.own || self.subscribed.contains(peer))
    }

    /// Say the newest tip, unless something was said a moment ago; then the next tick says it.
    fn announce(&mut self, now: Instant) {
        let tip = Height(self.shared.tip.load(Relaxed));
        let (last, when) = self.announced;
        if tip == last || now.saturating_duration_since(when) < ANNOUNCE_EVERY {
            return;
        }
        self.announced = (tip, now);
        let sent = self.shared.send(&frame(Kind::Tip, &tip), |_| true);
        self.shared.counters.tips_out.add(sent);
    }

    fn tick(&mut self, now: Instant) {
        self.announce(now);
        self.look_at_connections(now);
        if std::mem::take(&mut self.resubscribe) {
            let gossip = &mut self.swarm.behaviour_mut().gossip;
            gossip.unsubscribe(&self.topic);
            if let Err(error) = gossip.subscribe(&self.topic) {
                warn!(%error, "extrinsics are not listened to");
            }
        }
        self.dial(now);
        self.show_peers(now);
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.look_at_quotas(now);
        }
    }

    /// Each second in which a peer went over a quota is an offence.
    fn look_at_quotas(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (peer, (meter, before)) in &mut self.kept_meters {
            let exceeded = meter.exceeded();
            if exceeded != *before && self.peers.contains_key(peer) {
                over.push(*peer);
            }
            *before = exceeded;
        }
        for peer in over {
            self.offend(peer, Offence::Flood, now);
        }
        self.swarm.behaviour_mut().gate.sweep(now);
    }

    /// Word for the user that must not be lost. What cancels out is left out.
    pub(crate) fn tell(&mut self, event: Event) {
        if let Event::Disconnected { peer } = &event {
            let before = self.pending.len();
            self.pending.retain(|other| !matches!(other, Event::Connected { peer: other, .. } if other == peer));
            if self.pending.len() < before {
                return;
            }
        }
        self.pending.push_back(event);
    }
}

async fn until(when: Option<Instant>) {
    if let Some(when) = when {
        tokio::time::sleep_until(when.into()).await;
    }
}
