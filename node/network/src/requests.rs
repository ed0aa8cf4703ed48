//! Our requests, held to the pace that peers serve, and peers' requests that are being worked on.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p::request_response::{InboundRequestId, OutboundRequestId};
use salus_sync::wire::{RESPONSE_BYTES_MAX, Request};

use crate::{
    bucket::Bucket,
    event::RequestId,
    limits::{
        ASK_BURST, ASK_BYTES_BURST, ASK_BYTES_PER_SECOND, ASK_IN_FLIGHT, ASK_PER_SECOND, ASK_WAITING_MAX,
        BLOCK_FRAME_MAX, SERVE_IN_FLIGHT, STATUS_BYTES_MAX,
    },
    peer::PeerKey,
};

/// One request of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ask {
    pub(crate) peer: PeerKey,
    pub(crate) id: RequestId,
    pub(crate) request: Request,
}

impl Ask {
    /// The height being decided waits for it: it goes before all others, and one place is kept for it.
    fn is_urgent(&self) -> bool {
        matches!(self.request, Request::Block { .. })
    }

    /// Most bytes its answer can have.
    fn answer_max(&self) -> u64 {
        let bytes = match self.request {
            Request::Status => STATUS_BYTES_MAX,
            Request::Block { .. } => BLOCK_FRAME_MAX,
            Request::Blocks { .. } => RESPONSE_BYTES_MAX,
        };
        bytes as u64
    }
}

struct Queue {
    bucket: Bucket,
    /// Of bytes that were answered.
    answers: Bucket,
    /// Most bytes the answers under way can have. The peer counts an answer when it sends it, we when it is here:
    /// what may be on its way is counted as sent, or the peer would refuse us for what we do not know of yet.
    expected: u64,
    in_flight: usize,
    waiting: VecDeque<Ask>,
}

impl Queue {
    /// How long the first one has to wait; none when it waits for an answer to another, or nothing waits.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        let first = self.waiting.front()?;
        let places = if first.is_urgent() { ASK_IN_FLIGHT } else { ASK_IN_FLIGHT - 1 };
        if self.in_flight >= places {
            return None;
        }
        if first.is_urgent() {
            return Some(Duration::ZERO);
        }
        if self.expected > ASK_BYTES_BURST {
            return None;
        }
        Some(self.bucket.wait(1, now).max(self.answers.wait(self.expected, now)).unwrap_or_default())
    }
}

/// All requests of ours without an answer.
#[derive(Default)]
pub(crate) struct Asks {
    queues: BTreeMap<PeerKey, Queue>,
    sent: HashMap<OutboundRequestId, Ask>,
}

impl Asks {
    /// Put a request into its queue. `false`: too many wait there.
    pub(crate) fn push(&mut self, ask: Ask, now: Instant) -> bool {
        let queue = self.queues.entry(ask.peer).or_insert_with(|| Queue {
            bucket: Bucket::new(ASK_PER_SECOND, ASK_BURST, now),
            answers: Bucket::new(ASK_BYTES_PER_SECOND, ASK_BYTES_BURST, now),
            expected: 0,
            in_flight: 0,
            waiting: VecDeque::new(),
        });
        if queue.waiting.len() >= ASK_WAITING_MAX {
            return false;
        }
        if ask.is_urgent() {
            queue.waiting.push_front(ask);
        } else {
            queue.waiting.push_back(ask);
        }
        true
    }

    /// How long until the next one may be sent; none where that depends on an answer.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.queues.values_mut().filter_map(|queue| queue.wait(now)).min()
    }

    /// The next request that may be sent now. [`Self::sent`] must follow.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Ask> {
        for queue in self.queues.values_mut() {
            if queue.wait(now) == Some(Duration::ZERO) {
                let ask = queue.waiting.pop_front()?;
                queue.bucket.charge(1, now);
                queue.in_flight += 1;
                queue.expected += ask.answer_max();
                return Some(ask);
            }
        }
        None
    }

    /// It was sent under this number.
    pub(crate) fn sent(&mut self, number: OutboundRequestId, ask: Ask) {
        self.sent.insert(number, ask);
    }

    /// It is answered, with so many bytes, or will never be.
    pub(crate) fn done(&mut self, number: &OutboundRequestId, bytes: usize, now: Instant) -> Option<Ask> {
        let ask = self.sent.remove(number)?;
        if let Some(queue) = self.queues.get_mut(&ask.peer) {
            queue.answers.charge(bytes as u64, now);
            queue.in_flight = queue.in_flight.saturating_sub(1);
            queue.expected = queue.expected.saturating_sub(ask.answer_max());
        }
        Some(ask)
    }

    /// The peer is gone: those that wait for it will never be sent. Those that were sent fail by themselves.
    pub(crate) fn gone(&mut self, peer: &PeerKey) -> Vec<Ask> {
        let Some(queue) = self.queues.get_mut(peer) else { return Vec::new() };
        let waiting = std::mem::take(&mut queue.waiting).into();
        if queue.in_flight == 0 {
            self.queues.remove(peer);
        }
        waiting
    }
}

/// All requests of peers without an answer.
#[derive(Default)]
pub(crate) struct Serving {
    open: HashMap<InboundRequestId, PeerKey>,
    peers: BTreeMap<PeerKey, usize>,
}

impl Serving {
    /// A request came. `false`: this peer has too many open.
    pub(crate) fn begin(&mut self, number: InboundRequestId, peer: PeerKey) -> bool {
        let open = self.peers.entry(peer).or_default();
        if *open >= SERVE_IN_FLIGHT {
            return false;
        }
        *open += 1;
        self.open.insert(number, peer);
        true
    }

    /// It was answered, or will never be.
    pub(crate) fn end(&mut self, number: &InboundRequestId) {
        let Some(peer) = self.open.remove(number) else { return };
        if let Some(open) = self.peers.get_mut(&peer) {
            *open -= 1;
            if *open == 0 {
                self.peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use salus_primitives::{Hash, Height};

    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);

    fn ask(id: u64, request: Request) -> Ask {
        Ask { peer: PEER, id: RequestId(id), request }
    }

    fn block(id: u64) -> Ask {
        ask(id, Request::Block { height: Height(1), value: Hash::ZERO })
    }

    #[test]
    fn three_ranges_are_under_way_at_a_time_and_a_block_still_finds_a_place() {
        let now = Instant::now();
        let mut asks = Asks::default();
        for id in 0..5 {
            assert!(asks.push(ask(id, Request::Status), now));
        }
        for id in 0..3 {
            assert_eq!(asks.next(now), Some(ask(id, Request::Status)));
        }
        assert_eq!((asks.next(now), asks.wait(now)), (None, None));
        assert!(asks.push(block(9), now));
        assert_eq!(asks.next(now), Some(block(9)));
        assert!(asks.push(block(10), now));
        assert_eq!(asks.next(now), None, "four are under way");
    }

    #[test]
    fn ranges_keep_the_pace_and_blocks_do_not_wait_for_it() {
        let now = Instant::now();
        let mut asks = Asks::default();
        let mut sent = 0;
        for id in 0..ASK_BURST + 2 {
            assert!(asks.push(ask(id, Request::Status), now));
            if asks.next(now).is_some() {
                sent += 1;
                asks.queues.get_mut(&PEER).unwrap().in_flight = 0;
            }
        }
        assert_eq!(sent, ASK_BURST);
        let wait = asks.wait(now).unwrap();
        assert_eq!(wait, Duration::from_micros(1_000_000 / ASK_PER_SECOND));
        assert!(asks.push(block(99), now));
        assert_eq!(asks.next(now), Some(block(99)));
        assert!(asks.next(now).is_none());
        // The block was charged too, so the next range waits for both.
        assert!(asks.next(now + 2 * wait).is_some());
    }

    #[test]
    fn large_answers_make_the_next_range_wait_and_no_block() {
        let now = Instant::now();
        let mut asks = Asks::default();
        assert!(asks.push(ask(1, Request::Status), now));
        asks.queues.get_mut(&PEER).unwrap().answers.charge(ASK_BYTES_BURST + ASK_BYTES_PER_SECOND, now);
        assert_eq!((asks.next(now), asks.wait(now)), (None, Some(Duration::from_secs(1))));
        assert!(asks.push(block(2), now));
        assert_eq!(asks.next(now), Some(block(2)));
        assert_eq!(asks.next(now), None);
        asks.queues.get_mut(&PEER).unwrap().expected = 0;
        assert_eq!(asks.next(now + Duration::from_secs(1)), Some(ask(1, Request::Status)));
    }

    #[test]
    fn a_range_waits_while_those_under_way_may_use_up_what_the_peer_serves() {
        let now = Instant::now();
        let mut asks = Asks::default();
        let range = Request::Blocks { from: Height(1), max: 64 };
        for id in 0..4 {
            assert!(asks.push(ask(id, range), now));
        }
        // Two answers of 4 MiB are all that the peer serves at once.
        for id in 0..2 {
            assert_eq!(asks.next(now), Some(ask(id, range)));
        }
        assert_eq!((asks.next(now), asks.wait(now)), (None, None), "it depends on an answer");
        let answered = |asks: &mut Asks, bytes: u64| {
            let queue = asks.queues.get_mut(&PEER).unwrap();
            queue.in_flight -= 1;
            queue.expected -= RESPONSE_BYTES_MAX as u64;
            queue.answers.charge(bytes, now);
        };
        // A short one leaves room at once. A full one is paid for, and so is the other that may be on its way.
        answered(&mut asks, 0);
        assert_eq!(asks.next(now), Some(ask(2, range)));
        answered(&mut asks, RESPONSE_BYTES_MAX as u64);
        let wait = asks.wait(now);
        assert!(wait > Some(Duration::ZERO) && wait < Some(Duration::from_secs(1)), "{wait:?}");
    }

    #[test]
    fn what_waits_for_a_peer_is_bounded_and_fails_when_it_goes() {
        let now = Instant::now();
        let mut asks = Asks::default();
        for id in 0..ASK_WAITING_MAX as u64 {
            assert!(asks.push(ask(id, Request::Status), now));
        }
        assert!(!asks.push(ask(99, Request::Status), now));
        assert_eq!(asks.gone(&PEER).len(), ASK_WAITING_MAX);
        assert_eq!(asks.gone(&PEER), []);
        assert!(asks.push(ask(99, Request::Status), now));
    }
}
