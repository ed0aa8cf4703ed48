//! Every limit of the network, with its reason. What a node sends is held below what its peers accept, so that no
//! honest node ever runs into another's limit.

use std::time::Duration;

use salus_consensus::MESSAGE_BYTES_MAX;
use salus_primitives::limits::{BLOCK_BYTES_MAX, EXTRINSIC_BYTES_MAX};

// --- Connections ---------------------------------------------------------------------------------------------------

/// Bytes a stranger may send before it has shown its key. Negotiation and the Noise handshake take fewer than 400.
pub const HANDSHAKE_BYTES_MAX: usize = 1_024;
/// How long dialling, encrypting and negotiating may take together. A stranger holds a place for no longer than this.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Most incoming connections whose peer is not known yet.
pub const PENDING_MAX: usize = 16;
/// As many again for addresses at which a listed peer was seen: a flood from elsewhere does not keep peers out.
pub const PENDING_KNOWN_MAX: usize = 16;
/// Of these, most from one IP address (an IPv4 address mapped into IPv6 is the same address). One machine then fills a
/// quarter of the places at most.
pub const PENDING_PER_IP_MAX: usize = 4;
/// Most full nodes connected at a time. A listed validator always has a place: there are at most 100.
pub const FULL_NODES_MAX: usize = 64;
/// Most peers that the list does not name, while a node catches up and does not enforce its list yet.
pub const UNLISTED_MAX: usize = 16;
/// Most connections with one peer. One remains; the others exist while both dial at once, or while an old one that
/// died unnoticed is replaced.
pub const CONNECTIONS_PER_PEER_MAX: usize = 3;
/// How long two connections with one peer both stay when both dialled at once, so that each side knows both before
/// one is closed.
pub const CONVERGE_AFTER: Duration = Duration::from_secs(1);
/// Connections further apart than this were not dialled at once: the older one is dead and goes.
pub const SIMULTANEOUS_WITHIN: Duration = Duration::from_secs(5);
/// Connections per minute accepted from one peer: one that is refused elsewhere, or restarts, needs fewer.
pub const CONNECTIONS_PER_MINUTE: u64 = 60;
/// Connections accepted from it at once.
pub const CONNECTIONS_BURST: u64 = 20;
/// How long closing may take before the socket is dropped: a peer that does not read cannot hold it open.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// How often a connection is tested, and how long the answer may take. Two failures in a row close it, ten seconds
/// after the last answer at the latest: TCP itself would go on for minutes with a peer that a partition cut off, and
/// speak to it ever more rarely, and finality is to return within 15 seconds of healing.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// See [`PING_EVERY`]. Long enough for what waits before the answer on a slow line: a full block takes two seconds
/// at ten megabits a second.
pub const PING_WITHIN: Duration = Duration::from_secs(4);
/// How long a connection on which no protocol of ours runs stays: time for both sides to say which chain they are on.
pub const STRANGER_STAYS: Duration = Duration::from_secs(2);
/// How long a node of another chain or another protocol version is refused before it is looked at again: not much
/// longer than its operator takes to give it the right specification and start it, since a listed one is missed. A
/// look costs one handshake and two seconds of a connection.
pub const STRANGER_REFUSED: Duration = Duration::from_secs(10);
/// Most streams a peer may open at a time that are still being negotiated. Each of our protocols needs one.
pub const NEGOTIATING_MAX: usize = 8;
/// Streams a peer may open per second in the long run: one per request, and a few for everything else.
pub const STREAMS_PER_SECOND: u64 = 24;
/// Streams a peer may open at once.
pub const STREAMS_BURST: u64 = 64;
/// Streams of one connection that a peer may have open at a time. Each of our protocols needs one, each request one.
pub const STREAMS_MAX: usize = 32;
/// Beyond so many the multiplexer itself gives up the connection. Those above [`STREAMS_MAX`] are reset one by one
/// before, which leaves a trace.
pub const MUXED_STREAMS_MAX: usize = 256;

// --- Addresses -----------------------------------------------------------------------------------------------------

/// First wait before a peer is dialled again; doubled with each failure. Half of it to one and a half of it is waited,
/// so that nodes that started together do not dial together for ever.
pub const REDIAL_MIN: Duration = Duration::from_millis(500);
/// Longest wait: a hospital that was away for a week is found within half a minute.
pub const REDIAL_MAX: Duration = Duration::from_secs(30);
/// Longest wait between two validators, which have to find each other again within 15 seconds of healing: an attempt
/// that began before may take [`HANDSHAKE_WITHIN`] to fail, then comes this wait, and then a round or two. At a hundred
/// validators, all of them away, this is some thirty attempts a second.
pub const REDIAL_VALIDATOR_MAX: Duration = Duration::from_secs(4);
/// A connection that lived this long was a good one: the wait begins anew.
pub const GOOD_AFTER: Duration = Duration::from_secs(10);
/// Most addresses of one peer.
pub const ADDRESSES_MAX: usize = 8;
/// Longest address, in bytes: the longest DNS name and a port.
pub const ADDRESS_BYTES_MAX: usize = 300;
/// Longest signed record of a peer's addresses.
pub const RECORD_BYTES_MAX: usize = 4 * 1024;
/// Most records in one frame.
pub const RECORDS_MAX: u32 = 16;
/// Frames of records a peer may send per minute.
pub const RECORD_FRAMES_PER_MINUTE: u64 = 120;

// --- Frames between two peers ------------------------------------------------------------------------------------

/// Longest consensus message.
pub const MESSAGE_FRAME_MAX: usize = MESSAGE_BYTES_MAX;
/// Longest block: its header is counted in, and its count of extrinsics takes a few bytes.
pub const BLOCK_FRAME_MAX: usize = BLOCK_BYTES_MAX + 4 * 1024;
/// Longest frame of records.
pub const RECORDS_FRAME_MAX: usize = RECORDS_MAX as usize * (RECORD_BYTES_MAX + 4) + 4;
/// Consensus messages per second accepted from one validator: at five blocks a second it sends about twenty.
pub const MESSAGES_PER_SECOND: u64 = 256;
/// Consensus messages accepted at once: a restart sends its log again.
pub const MESSAGES_BURST: u64 = 1_024;
/// Blocks per second accepted from one validator: all of them together make five at most.
pub const BLOCKS_PER_SECOND: u64 = 8;
/// Blocks accepted at once.
pub const BLOCKS_BURST: u64 = 16;
/// Tips per second accepted from one peer. A node tells of its tip at most once per [`ANNOUNCE_EVERY`].
pub const TIPS_PER_SECOND: u64 = 32;
/// Least time between two words about our tip.
pub const ANNOUNCE_EVERY: Duration = Duration::from_millis(100);
/// Most frames that wait for one slow peer. The oldest goes first: it is the least worth.
pub const LANE_FRAMES_MAX: usize = 1_024;
/// Most bytes that wait for one slow peer: four full blocks.
pub const LANE_BYTES_MAX: usize = 4 * BLOCK_FRAME_MAX;
/// Streams of frames that one peer may have open with us: one per connection, and one that is being replaced.
pub const READERS_MAX: usize = CONNECTIONS_PER_PEER_MAX + 1;

// --- Bytes on a connection, all streams together ------------------------------------------------------------------

/// Bytes per second read from one peer, gossip aside: blocks at full size five times a second, and a sync answer.
pub const BYTES_PER_SECOND: u64 = 24 * 1024 * 1024;
/// Bytes read at once.
pub const BYTES_BURST: u64 = 48 * 1024 * 1024;
/// Bytes of gossip per second read from one peer, control messages included: 4,000 extrinsics take a third of it.
pub const GOSSIP_BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;
/// Bytes of gossip read at once.
pub const GOSSIP_BYTES_BURST: u64 = 16 * 1024 * 1024;

// --- Gossip of extrinsics ----------------------------------------------------------------------------------------

/// Longest gossip message.
pub const GOSSIP_BYTES_MAX: usize = 66 * 1024;
/// What gossipsub is told instead: it compares all it has read, up to 8 KiB of the next message included, with it.
pub const GOSSIP_BUFFER_MAX: usize = GOSSIP_BYTES_MAX + 16 * 1024;
/// Bytes of control messages and subscriptions in one gossip frame.
pub const GOSSIP_CONTROL_MAX: usize = 16 * 1024;
/// Most extrinsics in one gossip message.
pub const GOSSIP_EXTRINSICS_MAX: u32 = 1_024;
/// Extrinsics are gathered up to this many bytes …
pub const BATCH_BYTES: usize = EXTRINSIC_BYTES_MAX;
/// … or for this long: a fraction of the time between two blocks, and a tenth of the work per extrinsic.
pub const BATCH_WITHIN: Duration = Duration::from_millis(10);
/// Most bytes of extrinsics that wait to be sent. What comes on top is dropped: this node still proposes it.
pub const BATCH_WAITING_MAX: usize = 8 * 1024 * 1024;
/// Bytes of gossip this node sends per second: half of what its peers accept from it.
pub const PUBLISH_BYTES_PER_SECOND: u64 = GOSSIP_BYTES_PER_SECOND / 2;
/// Bytes of gossip this node sends at once.
pub const PUBLISH_BYTES_BURST: u64 = GOSSIP_BYTES_BURST / 4;
/// Gossip messages that wait for one slow peer: 16 MiB at most.
pub const GOSSIP_QUEUE_MAX: usize = 256;
/// How long one may wait there. Later than this its extrinsics are dead or known.
pub const GOSSIP_WAITS: Duration = Duration::from_secs(20);
/// Up to so many validators everybody sends to everybody; beyond, gossip forms a mesh.
pub const FULL_MESH_MAX: usize = 21;
/// Most topics a peer may subscribe to; there is one.
pub const TOPICS_MAX: usize = 4;
/// How long a gossip message is known to have been seen.
pub const SEEN_FOR: Duration = Duration::from_secs(30);

// --- Requests and answers ----------------------------------------------------------------------------------------

/// Requests per second that are served to one peer …
pub const SERVE_PER_SECOND: u64 = 10;
/// … so many at once …
pub const SERVE_BURST: u64 = 32;
/// … and so many being worked on: as many as an honest peer has under way, twice, since it may have our answer, and
/// ask again, before we know that the answer went out.
pub const SERVE_IN_FLIGHT: usize = 2 * ASK_IN_FLIGHT;
/// Bytes per second that are served to one peer …
pub const SERVE_BYTES_PER_SECOND: u64 = 8 * 1024 * 1024;
/// … and so many at once: an answer of 4 MiB twice.
pub const SERVE_BYTES_BURST: u64 = 8 * 1024 * 1024;
/// Refused requests per second that are still no offence.
pub const REFUSED_PER_SECOND: u64 = 10;
/// Requests per second that this node sends to one peer: a fifth below what the peer serves …
pub const ASK_PER_SECOND: u64 = 8;
/// … so many at once …
pub const ASK_BURST: u64 = 16;
/// … so many bytes of answers per second, an eighth below what the peer serves …
pub const ASK_BYTES_PER_SECOND: u64 = SERVE_BYTES_PER_SECOND / 8 * 7;
/// … so many bytes at once …
pub const ASK_BYTES_BURST: u64 = SERVE_BYTES_BURST / 8 * 7;
/// … so many without an answer …
pub const ASK_IN_FLIGHT: usize = 4;
/// … and so many that wait for their turn.
pub const ASK_WAITING_MAX: usize = 32;
/// Bytes of an answer that says where a peer's chain stands; it has fewer.
pub const STATUS_BYTES_MAX: usize = 256;
/// How long an answer may take.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

// --- Between this crate and its user -----------------------------------------------------------------------------

/// Messages, blocks, tips and answers that wait for the user. When they are so many, peers are read more slowly.
pub const EVENTS_MAX: usize = 1_024;
/// Gossip and requests that wait for the user. What comes on top is dropped, or answered with "busy".
pub const BULK_EVENTS_MAX: usize = 256;
/// Commands of the user that wait. What comes on top is dropped and counted.
pub const COMMANDS_MAX: usize = 1_024;
/// Word from the tasks that read and write streams.
pub const NOTICES_MAX: usize = 1_024;

// --- Offences ------------------------------------------------------------------------------------------------------

/// At so many points a peer is disconnected and refused for a while.
pub const POINTS_MAX: u32 = 100;
/// A point is forgotten each time this has passed.
pub const POINT_FADES: Duration = Duration::from_secs(1);
/// For each second in which a peer went over one of its quotas: five such seconds are a flood.
pub const POINTS_FLOOD: u32 = 21;
/// For something whose proof does not hold. A single one may have crossed a change of the validator set.
pub const POINTS_UNPROVEN: u32 = 21;
/// For bytes that are no message: no honest program sends them.
pub const POINTS_MALFORMED: u32 = POINTS_MAX;
/// For a range of blocks that does not follow or is not certified.
pub const POINTS_BAD_RANGE: u32 = POINTS_MAX;
/// How long a peer is refused the first time; doubled each time, since a validator that is refused is missed.
pub const REFUSED_MIN: Duration = Duration::from_secs(30);
/// Longest refusal.
pub const REFUSED_MAX: Duration = Duration::from_secs(600);
/// After so long without an offence the next refusal is a first one again.
pub const FORGIVEN_AFTER: Duration = Duration::from_secs(3_600);

const _: () = assert!(PUBLISH_BYTES_PER_SECOND < GOSSIP_BYTES_PER_SECOND && PUBLISH_BYTES_BURST < GOSSIP_BYTES_BURST);
const _: () = assert!(ASK_PER_SECOND < SERVE_PER_SECOND && ASK_BURST < SERVE_BURST && ASK_IN_FLIGHT < SERVE_IN_FLIGHT);
const _: () = assert!(BATCH_BYTES + 16 <= GOSSIP_BYTES_MAX, "a gossip message takes a full batch");
const _: () = assert!(salus_sync::wire::RESPONSE_BYTES_MAX as u64 <= SERVE_BYTES_BURST);
