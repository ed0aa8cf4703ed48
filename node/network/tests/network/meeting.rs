//! Who meets whom, and who is kept out.

use std::time::Duration;

use salus_network::{AllowList, Event, NetworkConfig, NetworkError, limits, start};
use salus_primitives::Hash;

use crate::{
    harness::{GENESIS, Node, config, key, mesh, message, peer, until, validators},
    raw::Raw,
};

const A_WHILE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn two_nodes_meet_by_a_bootnode() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    until("both show each other", || a.handle.peers().len() == 1 && b.handle.peers().len() == 1).await;
    let [shown] = &b.handle.peers()[..] else { panic!() };
    assert!(shown.peer == a.peer && shown.validator && shown.dialled && shown.points == 0);
}

#[tokio::test]
async fn four_nodes_find_each_other_by_one_bootnode() {
    let nodes = mesh(4).await;
    for node in &nodes {
        until("everybody is seen", || node.handle.peers().len() == 3).await;
        until("everybody's record is known", || node.handle.records().len() == 3).await;
    }
}

#[tokio::test]
async fn a_node_finds_its_peers_by_the_records_of_before_although_its_bootnode_is_away() {
    let mut nodes = mesh(3).await;
    until("records are known", || nodes[2].handle.records().len() == 2).await;
    let records = nodes[2].handle.records();
    drop(nodes.remove(2));
    drop(nodes.remove(0));
    nodes[0].disconnected(peer(3)).await;
    let mut again = NetworkConfig::new(key(3), GENESIS);
    again.listen = config(3, &[]).listen;
    again.records = records;
    let mut node = Node::with(again, validators(1..=3)).await;
    node.connected(peer(2)).await;
}

#[tokio::test]
async fn an_unlisted_peer_is_refused_on_one_side_and_told_so_by_a_figure_on_the_other() {
    let mut a = Node::start(1, &[], validators([1, 3])).await;
    let mut b = Node::start(2, &[&a], validators([1, 2, 3])).await;
    until("refused", || a.counters().refused_unlisted > 0 && b.counters().refused_by_peer > 0).await;
    assert!(a.within(A_WHILE).await.is_none(), "not even a connection was seen");
    assert!(b.within(A_WHILE).await.is_none());
    assert_eq!((a.counters().accepted, a.counters().bytes_in_direct), (0, 0));
}

#[tokio::test]
async fn a_peer_that_becomes_listed_gets_in_and_one_that_is_delisted_goes_at_once() {
    let mut a = Node::start(1, &[], validators([1])).await;
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    until("refused", || a.counters().refused_unlisted > 0).await;
    a.handle.set_allowed(AllowList { full_nodes: [peer(2)].into(), ..validators([1]) });
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    until("shown", || a.handle.peers().first().is_some_and(|shown| !shown.validator)).await;
    a.handle.set_allowed(validators([1, 2]));
    until("shown", || a.handle.peers().first().is_some_and(|shown| shown.validator)).await;
    a.handle.set_allowed(validators([1]));
    a.disconnected(b.peer).await;
    b.disconnected(a.peer).await;
    assert_eq!(a.counters().delisted, 1);
}

#[tokio::test]
async fn nodes_of_two_chains_refuse_each_other_and_both_say_why() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    let mut other = config(2, &[&a]);
    other.genesis = Hash([8; 32]);
    let mut b = Node::with(other, validators([1, 2])).await;
    until("seen on both sides", || a.counters().wrong_genesis == 1 && b.counters().wrong_genesis == 1).await;
    assert!(a.within(A_WHILE).await.is_none());
    assert!(b.within(A_WHILE).await.is_none());
    let counters = a.counters();
    assert_eq!((counters.malformed, counters.offenders, counters.wrong_version), (0, 0, 0));
}

#[tokio::test]
async fn a_listed_node_that_comes_again_with_the_right_genesis_is_let_in_soon() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    let mut other = config(2, &[&a]);
    other.genesis = Hash([8; 32]);
    let wrong = Node::with(other, validators([1, 2])).await;
    until("refused", || a.counters().wrong_genesis > 0).await;
    drop(wrong);
    let mended = tokio::time::Instant::now();
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    let most = limits::STRANGER_REFUSED + limits::REDIAL_VALIDATOR_MAX + A_WHILE;
    assert!(mended.elapsed() < most, "{:?}", mended.elapsed());
}

#[tokio::test]
async fn records_that_nobody_signed_are_left_out_and_the_others_lead_on() {
    let mut nodes = mesh(2).await;
    until("records are known", || nodes[1].handle.records().len() == 1).await;
    let mut records = nodes[1].handle.records();
    let mut forged = records[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    records.insert(0, forged);
    records.push(Vec::new());
    drop(nodes.remove(1));
    nodes[0].disconnected(peer(2)).await;
    let mut again = config(2, &[]);
    again.records = records;
    let mut node = Node::with(again, validators(1..=2)).await;
    node.connected(peer(1)).await;
}

#[tokio::test]
async fn a_node_that_was_restarted_is_found_again() {
    let mut nodes = mesh(3).await;
    let before = nodes.remove(2);
    drop(before);
    for node in &mut nodes {
        node.disconnected(peer(3)).await;
    }
    let mut again = Node::start(3, &[&nodes[0]], validators(1..=3)).await;
    for node in &mut nodes {
        node.connected(peer(3)).await;
    }
    again.connected(peer(1)).await;
    again.connected(peer(2)).await;
    nodes[1].handle.broadcast(&message(5));
    again.event("a message", |event| matches!(event, Event::Message { .. }).then_some(())).await;
}

#[tokio::test]
async fn a_bootnode_that_is_late_is_dialled_until_it_is_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut early = config(2, &[]);
    let place = format!("/ip4/127.0.0.1/tcp/{free}");
    early.bootnodes = vec![format!("{place}/p2p/{}", peer(1)).parse().unwrap()];
    let mut b = Node::with(early, validators([1, 2])).await;
    until("it was tried", || b.counters().dial_failures >= 2).await;
    let mut late = config(1, &[]);
    late.listen = vec![place.parse().unwrap()];
    let mut a = Node::with(late, validators([1, 2])).await;
    b.connected(a.peer).await;
    a.connected(b.peer).await;
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_end_up_with_one_connection_and_no_flapping() {
    // The way is long, so that both are on it at the same time.
    let configs = [1, 2].map(|n| {
        let mut config = config(n, &[]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
        config.delay = Duration::from_millis(100);
        config
    });
    let [mut first, mut second] = configs;
    first.bootnodes = vec![format!("{}/p2p/{}", second.listen[0], peer(2)).parse().unwrap()];
    second.bootnodes = vec![format!("{}/p2p/{}", first.listen[0], peer(1)).parse().unwrap()];
    let (mut a, mut b) = tokio::join!(Node::with(first, validators([1, 2])), Node::with(second, validators([1, 2])));
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    for n in 0..40 {
        a.handle.broadcast(&message(n));
        b.handle.broadcast(&message(n));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for node in [&mut a, &mut b] {
        let events = node.all_within(Duration::from_millis(500)).await;
        let messages = events.iter().filter(|event| matches!(event, Event::Message { .. })).count();
        assert_eq!((events.len(), messages), (40, 40), "no message was lost and no connection either");
    }
    for node in [&a, &b] {
        until("extrinsics are listened to", || node.handle.peers().iter().any(|shown| shown.listens)).await;
    }
    let (a, b) = (a.counters(), b.counters());
    assert!(a.accepted == 1 && a.dialled == 1 && b.accepted == 1 && b.dialled == 1, "{a:?} {b:?}");
    assert!(a.replaced + b.replaced >= 1);
}

#[tokio::test]
async fn a_node_that_comes_back_before_its_old_connection_is_known_to_be_dead_takes_its_place() {
    let list = validators([1, 66]);
    let mut a = Node::start(1, &[], list.clone()).await;
    let mut old = Raw::connect(66, &mut a).await;
    tokio::time::sleep(limits::SIMULTANEOUS_WITHIN).await;
    let mut new = Node::start(66, &[&a], list).await;
    new.connected(a.peer).await;
    old.closed().await;
    until("extrinsics are listened to", || new.handle.peers().iter().any(|shown| shown.listens)).await;
    a.handle.broadcast(&message(5));
    new.event("a message", |event| matches!(event, Event::Message { .. }).then_some(())).await;
    assert!(a.within(Duration::ZERO).await.is_none(), "the user saw one peer all the time");
}

#[tokio::test]
async fn a_node_that_catches_up_lets_strangers_in_until_it_enforces_its_list() {
    let open = AllowList { open: true, ..validators([1]) };
    let mut a = Node::start(1, &[], open).await;
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    b.handle.broadcast(&message(1));
    a.event("a message", |event| matches!(event, Event::Message { .. }).then_some(())).await;
    a.handle.set_allowed(validators([1]));
    a.disconnected(b.peer).await;
}

#[tokio::test]
async fn a_node_that_catches_up_dials_a_bootnode_that_its_list_does_not_name() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    let open = AllowList { open: true, ..validators([2]) };
    let mut b = Node::start(2, &[&a], open).await;
    b.connected(a.peer).await;
    a.connected(b.peer).await;
}

#[tokio::test]
async fn another_node_at_a_peers_address_is_not_taken_for_it() {
    let mut a = Node::start(1, &[], validators([1, 2, 3])).await;
    let mut wrong = config(2, &[]);
    let mut address = a.address();
    address.pop();
    wrong.bootnodes = vec![format!("{address}/p2p/{}", peer(3)).parse().unwrap()];
    let mut b = Node::with(wrong, validators([1, 2, 3])).await;
    until("it was tried", || b.counters().dial_failures > 0).await;
    assert!(a.within(A_WHILE).await.is_none() && b.within(A_WHILE).await.is_none());
}

#[tokio::test]
async fn a_port_in_use_and_a_bootnode_without_its_peer_stop_the_start() {
    let a = Node::start(1, &[], validators([1])).await;
    let mut taken = config(2, &[]);
    let mut address = a.address();
    address.pop();
    taken.listen = vec![address.clone()];
    assert!(matches!(start(taken, AllowList::default()), Err(NetworkError::Listen { .. })));
    let mut nameless = config(2, &[]);
    nameless.bootnodes = vec![address];
    assert!(matches!(start(nameless, AllowList::default()), Err(NetworkError::Bootnode { .. })));
}

#[tokio::test]
async fn an_emulated_way_takes_its_time() {
    let delay = Duration::from_millis(150);
    let slow = |n, bootnodes: &[&Node]| {
        let mut config = config(n, bootnodes);
        config.delay = delay;
        config
    };
    let mut a = Node::with(slow(1, &[]), validators([1, 2])).await;
    let mut b = Node::with(slow(2, &[&a]), validators([1, 2])).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    let start = std::time::Instant::now();
    a.handle.broadcast(&message(1));
    b.event("a message", |event| matches!(event, Event::Message { .. }).then_some(())).await;
    assert!(start.elapsed() >= delay);
    assert!(start.elapsed() < 4 * delay, "{:?}", start.elapsed());
    until("a ping came back", || a.handle.peers().first().is_some_and(|shown| shown.round_trip.is_some())).await;
    assert!(a.handle.peers()[0].round_trip.unwrap() >= 2 * delay);
}
