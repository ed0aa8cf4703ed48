//! What each peer sends, against its quotas.
//!
//! There is one meter per peer, whatever its connections: connecting again does not fill the buckets again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{
    bucket::Bucket,
    frame::Kind,
    limits::{
        BLOCKS_BURST, BLOCKS_PER_SECOND, BYTES_BURST, BYTES_PER_SECOND, GOSSIP_BYTES_BURST, GOSSIP_BYTES_PER_SECOND,
        MESSAGES_BURST, MESSAGES_PER_SECOND, RECORD_FRAMES_PER_MINUTE, REFUSED_PER_SECOND, SERVE_BURST,
        SERVE_BYTES_BURST, SERVE_BYTES_PER_SECOND, SERVE_PER_SECOND, STREAMS_BURST, STREAMS_PER_SECOND,
        TIPS_PER_SECOND,
    },
    peer::PeerKey,
};

/// Many dead meters of refused strangers are swept when there are so many.
const SWEEP_AT: usize = 256;

struct Buckets {
    bytes: Bucket,
    gossip: Bucket,
    streams: Bucket,
    messages: Bucket,
    blocks: Bucket,
    tips: Bucket,
    records: Bucket,
    requests: Bucket,
    served: Bucket,
    refused: Bucket,
}

/// The buckets of one peer.
pub(crate) struct Meter {
    buckets: Mutex<Buckets>,
    /// How often it went over a quota.
    exceeded: AtomicU64,
    /// Streams of frames it has open.
    pub(crate) readers: AtomicUsize,
    /// May it send consensus messages and blocks?
    pub(crate) speaks: AtomicBool,
    /// It was shut out: whatever still comes is not read.
    pub(crate) shut: AtomicBool,
}

impl Meter {
    fn new(now: Instant) -> Self {
        let bucket = |rate, burst| Bucket::new(rate, burst, now);
        Self {
            buckets: Mutex::new(Buckets {
                bytes: bucket(BYTES_PER_SECOND, BYTES_BURST),
                gossip: bucket(GOSSIP_BYTES_PER_SECOND, GOSSIP_BYTES_BURST),
                streams: bucket(STREAMS_PER_SECOND, STREAMS_BURST),
                messages: bucket(MESSAGES_PER_SECOND, MESSAGES_BURST),
                blocks: bucket(BLOCKS_PER_SECOND, BLOCKS_BURST),
                tips: bucket(TIPS_PER_SECOND, TIPS_PER_SECOND),
                records: bucket(RECORD_FRAMES_PER_MINUTE / 60, RECORD_FRAMES_PER_MINUTE),
                requests: bucket(SERVE_PER_SECOND, SERVE_BURST),
                served: bucket(SERVE_BYTES_PER_SECOND, SERVE_BYTES_BURST),
                refused: bucket(REFUSED_PER_SECOND, REFUSED_PER_SECOND),
            }),
            exceeded: AtomicU64::new(0),
            readers: AtomicUsize::new(0),
            speaks: AtomicBool::new(false),
            shut: AtomicBool::new(false),
        }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, within: bool) -> bool {
        if !within {
            self.exceeded.fetch_add(1, Relaxed);
        }
        within
    }

    /// How often it went over a quota so far.
    pub(crate) fn exceeded(&self) -> u64 {
        self.exceeded.load(Relaxed)
    }

    /// May it send one more frame of this kind?
    pub(crate) fn frame(&self, kind: Kind, now: Instant) -> bool {
        let mut buckets = self.buckets();
        let bucket = match kind {
            Kind::Message => &mut buckets.messages,
            Kind::Block => &mut buckets.blocks,
            Kind::Tip => &mut buckets.tips,
            Kind::Records => &mut buckets.records,
        };
        let within = bucket.take(1, now);
        self.count(within)
    }

    /// May it ask once more? One that is refused is answered with busy; too many refusals are an offence.
    pub(crate) fn request(&self, now: Instant) -> bool {
        let mut buckets = self.buckets();
        if buckets.served.debt(now).is_none() && buckets.requests.take(1, now) {
            return true;
        }
        let tolerable = buckets.refused.take(1, now);
        drop(buckets);
        self.count(tolerable);
        false
    }

    /// It was served so many bytes.
    pub(crate) fn serve(&self, bytes: usize, now: Instant) {
        self.buckets().served.charge(bytes as u64, now);
    }

    /// So many bytes of it were read. How long to wait before reading on, if it went over its quota.
    pub(crate) fn read(&self, bytes: usize, gossip: bool, now: Instant) -> Option<Duration> {
        let mut buckets = self.buckets();
        let bucket = if gossip { &mut buckets.gossip } else { &mut buckets.bytes };
        bucket.charge(bytes as u64, now);
        let wait = bucket.debt(now);
        drop(buckets);
        self.count(wait.is_none());
        wait
    }

    /// May it open one more stream?
    pub(crate) fn stream(&self, now: Instant) -> bool {
        let within = self.buckets().streams.take(1, now);
        self.count(within)
    }
}

/// The meters of all peers that have one.
#[derive(Default)]
pub(crate) struct Meters(Mutex<BTreeMap<PeerKey, Weak<Meter>>>);

impl Meters {
    /// The meter of `peer`, which lasts as long as somebody holds it.
    pub(crate) fn of(&self, peer: PeerKey, now: Instant) -> Arc<Meter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.get(&peer).and_then(Weak::upgrade) {
            return meter;
        }
        if meters.len() >= SWEEP_AT {
            meters.retain(|_, meter| meter.strong_count() > 0);
        }
        let meter = Arc::new(Meter::new(now));
        meters.insert(peer, Arc::downgrade(&meter));
        meter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_frame_has_a_quota_of_its_own() {
        let now = Instant::now();
        for (kind, burst) in [
            (Kind::Message, MESSAGES_BURST),
            (Kind::Block, BLOCKS_BURST),
            (Kind::Tip, TIPS_PER_SECOND),
            (Kind::Records, RECORD_FRAMES_PER_MINUTE),
        ] {
            let meter = Meter::new(now);
            for _ in 0..burst {
                assert!(meter.frame(kind, now));
            }
            assert_eq!(meter.exceeded(), 0);
            assert!(!meter.frame(kind, now));
            assert_eq!(meter.exceeded(), 1);
            let other = if kind == Kind::Tip { Kind::Message } else { Kind::Tip };
            assert!(meter.frame(other, now), "{kind:?} and {other:?}");
        }
    }

    #[test]
    fn an_honest_validator_at_full_speed_stays_within_its_quota() {
        // Five blocks a second, each with proposal, two votes, and as much again for other rounds; for a minute.
        let start = Instant::now();
        let meter = Meter::new(start);
        for height in 0..300u32 {
            let now = start + Duration::from_millis(200) * height;
            assert!(meter.frame(Kind::Block, now) && meter.frame(Kind::Tip, now));
            for _ in 0..6 {
                assert!(meter.frame(Kind::Message, now));
            }
            assert_eq!(meter.read(2 * 1024 * 1024, false, now), None);
            assert_eq!(meter.read(300_000, true, now), None);
        }
        assert_eq!(meter.exceeded(), 0);
    }

    #[test]
    fn requests_are_refused_by_number_and_by_bytes_and_many_refusals_are_an_offence() {
        let now = Instant::now();
        let meter = Meter::new(now);
        for _ in 0..SERVE_BURST {
            assert!(meter.request(now));
        }
        for _ in 0..REFUSED_PER_SECOND {
            assert!(!meter.request(now));
        }
        assert_eq!(meter.exceeded(), 0);
        assert!(!meter.request(now));
        assert_eq!(meter.exceeded(), 1);

        let meter = Meter::new(now);
        meter.serve(SERVE_BYTES_BURST as usize, now);
        assert!(meter.request(now));
        meter.serve(1_048_576, now);
        assert!(!meter.request(now));
        assert!(meter.request(now + Duration::from_millis(125)));
    }

    #[test]
    fn gossip_and_other_bytes_are_counted_apart() {
        let now = Instant::now();
        let meter = Meter::new(now);
        assert_eq!(meter.read(GOSSIP_BYTES_BURST as usize, true, now), None);
        assert!(meter.read(1, true, now).is_some());
        assert_eq!(meter.read(BYTES_BURST as usize, false, now), None);
        assert!(meter.read(1, false, now).is_some());
        assert_eq!(meter.exceeded(), 2);
    }

    #[test]
    fn a_peer_that_connects_again_finds_its_buckets_as_it_left_them() {
        let now = Instant::now();
        let meters = Meters::default();
        let peer = PeerKey([1; 32]);
        let held = meters.of(peer, now);
        for _ in 0..STREAMS_BURST {
            assert!(held.stream(now));
        }
        assert!(!meters.of(peer, now).stream(now));
        drop(held);
        assert!(meters.of(peer, now).stream(now));
    }

    #[test]
    fn meters_of_strangers_do_not_pile_up() {
        let now = Instant::now();
        let meters = Meters::default();
        for n in 0..10_000u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_le_bytes());
            drop(meters.of(PeerKey(key), now));
        }
        assert!(meters.0.lock().unwrap().len() <= SWEEP_AT);
    }
}
