//! Where peers are, and when to dial them next. For ever, but ever more slowly.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::{
    limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, GOOD_AFTER, REDIAL_MIN},
    peer::PeerKey,
};

/// Most peers whose records are kept although the list does not name them: it may just be behind.
const UNLISTED_RECORDS_MAX: usize = 32;

#[derive(Debug)]
struct Entry {
    /// From the configuration; kept for good.
    boot: Vec<Multiaddr>,
    /// From the peer's own record.
    learnt: Vec<Multiaddr>,
    /// Number of that record, and its bytes, to be passed on.
    record: Option<(u64, Vec<u8>)>,
    failures: u32,
    due: Instant,
    /// Being dialled, or connected.
    busy: bool,
}

/// The addresses of all peers.
#[derive(Debug)]
pub(crate) struct Book {
    own: PeerKey,
    entries: BTreeMap<PeerKey, Entry>,
}

/// A peer's record, its signature checked.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) peer: PeerKey,
    /// Rises with each record of the same peer.
    pub(crate) number: u64,
    pub(crate) addresses: Vec<Multiaddr>,
    /// As it was signed.
    pub(crate) bytes: Vec<u8>,
}

impl Book {
    pub(crate) fn new(own: PeerKey) -> Self {
        Self { own, entries: BTreeMap::new() }
    }

    fn entry(&mut self, peer: PeerKey, now: Instant) -> &mut Entry {
        self.entries.entry(peer).or_insert_with(|| Entry {
            boot: Vec::new(),
            learnt: Vec::new(),
            record: None,
            failures: 0,
            due: now,
            busy: false,
        })
    }

    /// An address from the configuration.
    pub(crate) fn boot(&mut self, peer: PeerKey, address: Multiaddr, now: Instant) {
        if peer != self.own {
            self.entry(peer, now).boot.push(address);
        }
    }

    /// A peer's record. `true`: it says something new. A newer record replaces an older one; from the peer itself any
    /// record does, since its clock may have gone back.
    pub(crate) fn learn(&mut self, record: Record, from_itself: bool, listed: bool, now: Instant) -> bool {
        let peer = record.peer;
        if peer == self.own || record.addresses.is_empty() {
            return false;
        }
        let known = self.entries.get(&peer);
        let newest = known.and_then(|entry| entry.record.as_ref());
        if newest.is_some_and(|(number, bytes)| *bytes == record.bytes || (!from_itself && record.number <= *number)) {
            return false;
        }
        if known.is_none() && !listed && self.entries.len() >= self.kept_for_listed() {
            return false;
        }
        // Of two peers that hear of each other at the same time the one with the smaller key dials first.
        let patience = if self.own < peer { Duration::ZERO } else { REDIAL_MIN };
        let new = known.is_none();
        let entry = self.entry(peer, now);
        if new {
            entry.due = now + patience;
        } else if entry.learnt != record.addresses && !entry.busy {
            entry.failures = 0;
            entry.due = entry.due.min(now + patience);
        }
        entry.learnt = record.addresses;
        entry.learnt.truncate(ADDRESSES_MAX);
        entry.record = Some((record.number, record.bytes));
        true
    }

    fn kept_for_listed(&self) -> usize {
        // Entries of unlisted peers are swept when the list changes; until then they may be so many.
        self.entries.values().filter(|entry| entry.busy || !entry.boot.is_empty()).count() + UNLISTED_RECORDS_MAX
    }

    /// Forget peers that `keep` does not name, but for those of the configuration.
    pub(crate) fn retain(&mut self, keep: impl Fn(&PeerKey) -> bool) {
        let mut spare = UNLISTED_RECORDS_MAX;
        self.entries.retain(|peer, entry| {
            if keep(peer) || entry.busy || !entry.boot.is_empty() {
                return true;
            }
            let kept = spare > 0;
            spare = spare.saturating_sub(1);
            kept
        });
    }

    /// Whom to dial now, where; they count as being dialled. `may` says who may be connected at all.
    pub(crate) fn due(&mut self, now: Instant, may: impl Fn(&PeerKey) -> bool) -> Vec<(PeerKey, Vec<Multiaddr>)> {
        let mut due = Vec::new();
        for (peer, entry) in &mut self.entries {
            if entry.busy || entry.due > now || !may(peer) {
                continue;
            }
            let addresses: BTreeSet<_> = entry.boot.iter().chain(&entry.learnt).cloned().collect();
            if !addresses.is_empty() {
                entry.busy = true;
                due.push((*peer, addresses.into_iter().collect()));
            }
        }
        due
    }

    /// It did not work. `longest` is how long this peer may have to wait at most, `jitter` any random number.
    pub(crate) fn failed(&mut self, peer: PeerKey, now: Instant, longest: Duration, jitter: u32) {
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.busy = false;
            entry.due = now + wait(entry.failures, longest, jitter);
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    /// The peer is connected.
    pub(crate) fn connected(&mut self, peer: PeerKey, now: Instant) {
        self.entry(peer, now).busy = true;
    }

    /// The peer was connected, for so long, and is no longer.
    pub(crate) fn gone(&mut self, peer: PeerKey, lived: Duration, now: Instant, longest: Duration, jitter: u32) {
        if let Some(entry) = self.entries.get_mut(&peer)
            && lived >= GOOD_AFTER
        {
            entry.failures = 0;
        }
        self.failed(peer, now, longest, jitter);
    }

    /// The records of other peers than `but`, of those that `listed` names.
    pub(crate) fn records(&self, but: Option<&PeerKey>, listed: impl Fn(&PeerKey) -> bool) -> Vec<Vec<u8>> {
        let others = self.entries.iter().filter(|(peer, _)| Some(*peer) != but && listed(peer));
        others.filter_map(|(_, entry)| entry.record.as_ref().map(|(_, bytes)| bytes.clone())).collect()
    }

    /// IP addresses at which peers are said to be.
    pub(crate) fn hosts(&self) -> BTreeSet<IpAddr> {
        let addresses = self.entries.values().flat_map(|entry| entry.boot.iter().chain(&entry.learnt));
        addresses.filter_map(host).collect()
    }
}

/// How long to wait after so many failures: doubled each time, then between half of that and one and a half.
fn wait(failures: u32, longest: Duration, jitter: u32) -> Duration {
    let base = REDIAL_MIN.saturating_mul(1 << failures.min(16)).min(longest);
    let jitter = base.as_millis() as u64 * u64::from(jitter & 0xffff) / 0xffff;
    (base / 2 + Duration::from_millis(jitter)).min(longest)
}

/// The IP address in a network address, one that is mapped into IPv6 as the IPv4 address it is.
pub(crate) fn host(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    })
}

/// The TCP socket that a network address names; none where it is another kind of address.
pub(crate) fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    Some(SocketAddr::new(host(address)?, port?))
}

/// Can this address be given to others: one that can be dialled, of a length that is possible?
pub(crate) fn is_useful(address: &Multiaddr) -> bool {
    let dialable = match host(address) {
        Some(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        None => address.iter().any(|part| matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))),
    };
    let has_port = address.iter().any(|part| matches!(part, Protocol::Tcp(port) | Protocol::Udp(port) if port != 0));
    dialable && has_port && address.len() <= ADDRESS_BYTES_MAX
}

/// The addresses to tell others: the useful ones, those of this machine alone only where there are no others.
pub(crate) fn shown(addresses: impl IntoIterator<Item = Multiaddr>) -> Vec<Multiaddr> {
    let useful: BTreeSet<_> = addresses.into_iter().filter(is_useful).collect();
    let local = |address: &Multiaddr| host(address).is_some_and(|ip| ip.is_loopback());
    let mut shown: Vec<_> = useful.iter().filter(|address| !local(address)).cloned().collect();
    if shown.is_empty() {
        shown = useful.into_iter().collect();
    }
    shown.truncate(ADDRESSES_MAX);
    shown
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
