//! Every limit of the gateway's service, with its unit and its reason. Printed when the service starts.

use std::time::Duration;

use salus_client::door::{EXPIRY_MAX, GatewayLimits};

/// What the service allows. [`Limits::default`] is what a gateway runs with; tests shorten the times.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest blob, bytes. Room for imaging.
    pub blob_bytes: u64,
    /// Largest body of any other request, bytes. An extrinsic of 64 KiB is 128 KiB of hex.
    pub body_bytes: usize,
    /// Largest head of a request, bytes.
    pub head_bytes: usize,
    /// Most header lines of a request.
    pub headers: usize,
    /// From when a connection may send a request to the end of its head: idle and dribbling clients are cut.
    pub head_time: Duration,
    /// For the whole of a body that is not a blob.
    pub body_time: Duration,
    /// How long a slow blob is let be before `blob_rate` counts.
    pub blob_grace: Duration,
    /// Slowest blob after the grace time, bytes a second.
    pub blob_rate: u64,
    /// Longest time a write may make no progress: the reader is gone or plays dead.
    pub write_stall: Duration,
    /// For the handshake of TLS.
    pub handshake_time: Duration,
    /// Most sockets in all.
    pub sockets: usize,
    /// Most sockets of one address, those of this machine aside: a proxy here speaks for many.
    pub sockets_per_address: usize,
    /// Transfers of blobs under way at once.
    pub transfers: usize,
    /// Transfers of one caller under way at once.
    pub transfers_per_caller: u32,
    /// Requests of one caller under way at once that are no transfers.
    pub requests_per_caller: u32,
    /// Nonces given out within a minute, so also the most that wait for their request.
    pub nonces: usize,
    /// Those of one address, this machine's aside.
    pub nonces_per_address: usize,
    /// Bytes one caller may upload in a day.
    pub upload_bytes_per_day: u64,
    /// A release is judged again before each so many bytes.
    pub judge_every: u64,
    /// A certified header older than this, ms by the gateway's clock, says nothing about now (reliability.md C3).
    pub stale_after: u64,
    /// Entries of one answer about the caller.
    pub page: usize,
    /// Extrinsics whose fate is remembered.
    pub extrinsics: usize,
    /// How long running requests may still answer when the service stops.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes: 256 << 20,
            body_bytes: 256 << 10,
            head_bytes: 16 << 10,
            headers: 64,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            blob_grace: Duration::from_secs(5),
            blob_rate: 16 << 10,
            write_stall: Duration::from_secs(30),
            handshake_time: Duration::from_secs(5),
            sockets: 512,
            sockets_per_address: 32,
            transfers: 64,
            transfers_per_caller: 4,
            requests_per_caller: 16,
            nonces: 262_144,
            nonces_per_address: 8_192,
            upload_bytes_per_day: 1 << 30,
            judge_every: 8 << 20,
            stale_after: 12_000,
            page: 256,
            extrinsics: 4_096,
            stop_time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Those that callers have to know.
    pub fn published(&self) -> GatewayLimits {
        GatewayLimits {
            blob_bytes: self.blob_bytes,
            body_bytes: self.body_bytes as u64,
            transfers_per_caller: self.transfers_per_caller,
            expiry_ms: EXPIRY_MAX,
        }
    }
}
