//! What the network has done since it started, in numbers. Counted where it happens, read as one plain copy.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The running counters.
        #[derive(Default, Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        /// A copy of all counters at one moment.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
        pub struct Snapshot {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.get(),)+ }
            }
        }

        impl Snapshot {
            /// Each counter with its name and what it counts, for whoever exports them.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc),+), self.$name),)+].into_iter()
            }
        }
    };
}

/// One number that only rises.
#[derive(Default, Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

counters! {
    /// Connections that peers made and that were let in.
    accepted,
    /// Connections that this node made.
    dialled,
    /// Dials that failed.
    dial_failures,
    /// Incoming connections refused unseen, since too many were pending.
    refused_pending,
    /// Incoming connections refused unseen, since too many were pending from their address.
    refused_address,
    /// Connections refused since the peer is not listed.
    refused_unlisted,
    /// Connections refused since the peer offended a short while ago.
    refused_offender,
    /// Connections refused since the peer connects again and again.
    refused_restless,
    /// Connections refused since no place was free for a peer of its kind.
    refused_full,
    /// Connections that the other side closed at once: most likely it does not list this node.
    refused_by_peer,
    /// Peers of another chain that were refused.
    wrong_genesis,
    /// Peers that speak no protocol of this node's version.
    wrong_version,
    /// Peers disconnected since they are no longer listed.
    delisted,
    /// Peers disconnected for what they sent.
    offenders,
    /// Connections closed since the peer did not answer pings.
    silent,
    /// Connections closed since a better one with the same peer was there.
    replaced,
    /// Frames or answers that were no message of their protocol.
    malformed,
    /// Seconds in which a peer went over a quota.
    floods,
    /// Messages reported as unproven.
    unproven,
    /// Ranges of blocks reported as bad.
    bad_ranges,
    /// Consensus messages received.
    messages_in,
    /// Consensus messages sent, once per peer.
    messages_out,
    /// Blocks received unasked.
    blocks_in,
    /// Blocks sent unasked, once per peer.
    blocks_out,
    /// Tips received.
    tips_in,
    /// Tips sent, once per peer.
    tips_out,
    /// Signed address records received.
    records_in,
    /// Gossip messages received for the first time.
    gossip_in,
    /// Gossip messages published.
    gossip_out,
    /// Extrinsics received by gossip.
    extrinsics_in,
    /// Extrinsics published.
    extrinsics_out,
    /// Requests received.
    requests_in,
    /// Requests sent.
    requests_out,
    /// Requests answered with busy by this node, or not at all.
    requests_refused,
    /// Requests of this node that got no answer in time.
    requests_timed_out,
    /// Requests of this node that failed otherwise.
    requests_failed,
    /// Frames dropped since a peer read too slowly.
    dropped_slow,
    /// Frames and gossip messages dropped since their sender went over its quota.
    dropped_quota,
    /// Consensus frames dropped since their sender is no validator.
    dropped_not_validator,
    /// Gossip messages dropped since this node was busy.
    dropped_busy,
    /// Extrinsics not published since too many waited.
    dropped_unpublished,
    /// Streams reset since their peer opened too many.
    dropped_streams,
    /// Commands dropped since too many waited.
    dropped_commands,
    /// Times that reading from a peer was slowed down to its quota.
    throttled,
    /// Bytes of consensus frames and blocks received.
    bytes_in_direct,
    /// Bytes of consensus frames and blocks sent.
    bytes_out_direct,
    /// Bytes of requests and answers received.
    bytes_in_sync,
    /// Bytes of requests and answers sent.
    bytes_out_sync,
    /// Bytes of gossip received.
    bytes_in_gossip,
    /// Bytes of gossip sent.
    bytes_out_gossip,
    /// Bytes of everything else received.
    bytes_in_other,
    /// Bytes of everything else sent.
    bytes_out_other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_what_was_counted() {
        let counters = Counters::default();
        counters.malformed.one();
        counters.bytes_in_sync.add(7);
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.malformed, snapshot.bytes_in_sync), (1, 7));
        let found = snapshot.named().find(|(name, ..)| *name == "bytes_in_sync");
        assert_eq!(found, Some(("bytes_in_sync", " Bytes of requests and answers received.", 7)));
    }
}
