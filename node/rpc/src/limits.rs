//! Every limit of the JSON-RPC server, with its unit and its reason. Printed when the server starts.

use std::time::Duration;

/// What the server allows. [`Limits::default`] is what a node runs with; tests shorten the times.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request, bytes, over HTTP and as one WebSocket message. An extrinsic of 64 KiB is 128 KiB of hex;
    /// this leaves room for a small batch of the largest ones.
    pub request_bytes: usize,
    /// Largest response, bytes. Metadata in hex and a page of a thousand keys stay below it.
    pub response_bytes: usize,
    /// Largest head of an HTTP request, bytes. Clients send some hundred.
    pub head_bytes: usize,
    /// Most header lines of an HTTP request.
    pub headers: usize,
    /// From a request's first byte to the end of its head: a client that dribbles is cut.
    pub head_time: Duration,
    /// For the whole body of an HTTP request.
    pub body_time: Duration,
    /// How long a slow body is let be before `body_rate` counts.
    pub body_grace: Duration,
    /// Slowest body after the grace time, bytes a second.
    pub body_rate: u64,
    /// Longest silence of an HTTP connection between requests, its first one too.
    pub idle_time: Duration,
    /// Interval of WebSocket pings. Proxies and home routers drop a silent socket after a minute.
    pub ping_interval: Duration,
    /// A WebSocket that answered no ping for this long is dead.
    pub ping_dead: Duration,
    /// Longest time a write to a socket may make no progress: the reader is gone or plays dead.
    pub write_stall: Duration,
    /// Longest time a notification may wait for room in its connection's send buffer; then the connection is cut,
    /// so that a slow reader costs itself and nobody else.
    pub slow_consumer: Duration,
    /// Answers and notifications a client has asked for and not read, bytes: beyond it, its next call waits.
    pub unsent_bytes: usize,
    /// The same over all connections: beyond it, calls are refused as busy.
    pub unsent_bytes_total: usize,
    /// Messages of a WebSocket that may be without an answer; then it is not listened to until one has left.
    pub open_messages: usize,
    /// Bytes in such messages.
    pub open_bytes: usize,
    /// Messages that may wait in a connection's send buffer.
    pub send_buffer: u32,
    /// Most sockets in all. A node has file descriptors for other things too.
    pub sockets: usize,
    /// Most sockets of one address (an IPv6 /64 counts as one): one broken program stays one.
    pub sockets_per_address: usize,
    /// Calls worked on at once in the process. Two cores do not get faster with more.
    pub calls: usize,
    /// Calls worked on at once for one connection. More wait their turn: clients fire a dozen on connecting.
    pub calls_per_connection: usize,
    /// Calls that may wait in the process.
    pub waiting: usize,
    /// Calls of one connection that may wait. More than `open_messages`, so that a client that sends faster than it is
    /// answered is slowed down and not refused.
    pub waiting_per_connection: usize,
    /// Longest wait for a turn; then the call is refused as busy.
    pub waiting_time: Duration,
    /// Calls a second of one address beyond loopback, all of them bearing the token.
    pub rate: u32,
    /// Refused tokens, hosts and origins a second of one address, before it is told to come back later.
    pub rate_refused: u32,
    /// Calls in one batch.
    pub batch: u32,
    /// Deepest nesting of JSON. The deepest legal request has 5 levels.
    pub json_depth: usize,
    /// Subscriptions in the process. Each costs a task and a place in the block feed; watching an extrinsic is one.
    pub subscriptions: usize,
    /// Subscriptions of one connection: half of all, so that one client under load leaves room for the others.
    pub subscriptions_per_connection: u32,
    /// `chainHead_v1_follow` of one connection. The specification wants at least two.
    pub follows_per_connection: usize,
    /// Blocks one follow may keep pinned before it is stopped. A pin is only a hash here; subxt unpins late.
    pub pinned_blocks: usize,
    /// Recent finalised blocks that a follow starts with.
    pub follow_start: u32,
    /// Operations one follow may have open. subxt retries a refused one ten times at once, so it should be rare.
    pub operations: usize,
    /// `chainHead_v1` operations that run at once in the process.
    pub operations_running: usize,
    /// Items sent of one storage iteration before the client must ask to continue.
    pub operation_page: usize,
    /// Extrinsics one connection may have under `transaction_v1_broadcast`.
    pub broadcasts_per_connection: usize,
    /// How long a broadcast is tried again while the pool cannot take it.
    pub broadcast_time: Duration,
    /// Keys of one page, and keys of one query by list. More is an error, never a shorter answer: clients take a
    /// short page for the end.
    pub keys: usize,
    /// Jumps of one answer: each up to 16 KiB and some sixty reads. Whoever needs more asks again.
    pub jumps: usize,
    /// After a stop was asked for, how long running calls may still take.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 512 * 1024,
            response_bytes: 8 * 1024 * 1024,
            head_bytes: 16 * 1024,
            headers: 64,
            head_time: Duration::from_secs(5),
            body_time: Duration::from_secs(10),
            body_grace: Duration::from_secs(2),
            body_rate: 16 * 1024,
            idle_time: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
            ping_dead: Duration::from_secs(40),
            write_stall: Duration::from_secs(20),
            slow_consumer: Duration::from_secs(10),
            unsent_bytes: 8 * 1024 * 1024,
            unsent_bytes_total: 128 * 1024 * 1024,
            open_messages: 128,
            open_bytes: 1024 * 1024,
            send_buffer: 64,
            sockets: 512,
            sockets_per_address: 32,
            calls: 64,
            calls_per_connection: 8,
            waiting: 1_024,
            waiting_per_connection: 256,
            waiting_time: Duration::from_secs(5),
            rate: 1_000,
            rate_refused: 50,
            batch: 100,
            json_depth: 16,
            subscriptions: 1_024,
            subscriptions_per_connection: 512,
            follows_per_connection: 4,
            pinned_blocks: 2_048,
            follow_start: 4,
            operations: 256,
            operations_running: 16,
            operation_page: 1_000,
            broadcasts_per_connection: 256,
            broadcast_time: Duration::from_secs(600),
            keys: 1_000,
            jumps: 32,
            stop_time: Duration::from_secs(5),
        }
    }
}
