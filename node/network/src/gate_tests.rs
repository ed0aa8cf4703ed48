//! The gate: who may connect, and who is refused why.

use std::{net::Ipv4Addr, time::Duration};

use super::*;
use crate::score::Offence;

fn gate(validators: u8, full_nodes: u8, open: bool) -> Gate {
    let keys = |kind: u8, count: u8| (0..count).map(|n| key(kind, n)).collect();
    Gate::new(AllowList { validators: keys(1, validators), full_nodes: keys(2, full_nodes), open }, Arc::default())
}

fn key(kind: u8, n: u8) -> PeerKey {
    let mut key = [kind; 32];
    key[0] = n;
    PeerKey(key)
}

fn ip(last: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

/// Let a connection from here begin, if it may.
fn knock(gate: &mut Gate, ip: Option<IpAddr>) -> Result<(), Refused> {
    gate.knock(ip)?;
    gate.pending.insert(ConnectionId::new_unchecked(gate.pending.len()), ip);
    Ok(())
}

fn fill(gate: &mut Gate, kind: u8, count: usize) {
    for n in 0..count {
        gate.established.insert(key(kind, n as u8), 1);
    }
}

#[test]
fn one_address_takes_four_places_and_all_together_take_sixteen() {
    let mut gate = gate(1, 0, false);
    for _ in 0..PENDING_PER_IP_MAX {
        assert_eq!(knock(&mut gate, ip(1)), Ok(()));
    }
    assert_eq!(knock(&mut gate, ip(1)), Err(Refused::Address));
    for host in 2..=4 {
        for _ in 0..PENDING_PER_IP_MAX {
            assert_eq!(knock(&mut gate, ip(host)), Ok(()));
        }
    }
    assert_eq!(gate.pending.len(), PENDING_MAX);
    assert_eq!(knock(&mut gate, ip(5)), Err(Refused::Pending));
}

#[test]
fn a_flood_from_elsewhere_keeps_no_listed_peer_out() {
    let mut gate = gate(1, 0, false);
    gate.hosts.extend(ip(9));
    for host in 1..=4 {
        for _ in 0..PENDING_PER_IP_MAX {
            assert_eq!(knock(&mut gate, ip(host)), Ok(()));
        }
    }
    for _ in 0..PENDING_KNOWN_MAX {
        assert_eq!(knock(&mut gate, ip(9)), Ok(()));
    }
    assert!(knock(&mut gate, ip(9)).is_err());
}

#[test]
fn only_listed_peers_are_let_in() {
    let now = Instant::now();
    let gate = gate(4, 4, false);
    assert_eq!(gate.admit(&key(1, 3), now), Ok(()));
    assert_eq!(gate.admit(&key(2, 3), now), Ok(()));
    assert_eq!(gate.admit(&key(3, 3), now), Err(Refused::Unlisted));
}

#[test]
fn full_nodes_have_64_places_and_validators_always_have_one() {
    let now = Instant::now();
    let mut gate = gate(100, 100, false);
    fill(&mut gate, 2, FULL_NODES_MAX - 1);
    assert_eq!(gate.admit(&key(2, 99), now), Ok(()));
    fill(&mut gate, 2, FULL_NODES_MAX);
    assert_eq!(gate.admit(&key(2, 99), now), Err(Refused::Full));
    fill(&mut gate, 1, 99);
    assert_eq!(gate.admit(&key(1, 99), now), Ok(()));
}

#[test]
fn while_catching_up_a_few_unlisted_peers_are_let_in() {
    let now = Instant::now();
    let mut gate = gate(4, 0, true);
    fill(&mut gate, 3, UNLISTED_MAX - 1);
    assert_eq!(gate.admit(&key(3, 99), now), Ok(()));
    fill(&mut gate, 3, UNLISTED_MAX);
    assert_eq!(gate.admit(&key(3, 99), now), Err(Refused::Full));
    assert_eq!(gate.admit(&key(1, 0), now), Ok(()));
}

#[test]
fn one_peer_has_three_connections_at_most() {
    let now = Instant::now();
    let mut gate = gate(1, 0, false);
    gate.established.insert(key(1, 0), CONNECTIONS_PER_PEER_MAX - 1);
    assert_eq!(gate.admit(&key(1, 0), now), Ok(()));
    gate.established.insert(key(1, 0), CONNECTIONS_PER_PEER_MAX);
    assert_eq!(gate.admit(&key(1, 0), now), Err(Refused::Full));
}

#[test]
fn who_connects_again_and_again_is_refused_and_offends() {
    let mut now = Instant::now();
    let mut gate = gate(2, 0, false);
    for _ in 0..CONNECTIONS_BURST {
        assert_eq!(gate.count(key(1, 0), now), Ok(()));
    }
    for _ in 0..5 {
        assert_eq!(gate.count(key(1, 0), now), Err(Refused::Restless));
    }
    assert_eq!(gate.admit(&key(1, 0), now), Err(Refused::Offender));
    assert_eq!(gate.count(key(1, 1), now), Ok(()), "another peer");
    now += Duration::from_secs(CONNECTIONS_BURST);
    gate.sweep(now);
    assert!(gate.connecting.is_empty());
}

#[test]
fn an_offender_is_refused_for_a_while_although_it_is_listed() {
    let now = Instant::now();
    let mut gate = gate(1, 0, false);
    let wait = gate.scores.offend(key(1, 0), Offence::Malformed, now).unwrap();
    assert_eq!(gate.admit(&key(1, 0), now), Err(Refused::Offender));
    assert_eq!(gate.admit(&key(1, 0), now + wait - Duration::from_millis(1)), Err(Refused::Offender));
    assert_eq!(gate.admit(&key(1, 0), now + wait), Ok(()));
}
