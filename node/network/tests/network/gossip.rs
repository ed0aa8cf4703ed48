//! Extrinsics.

use std::{collections::BTreeSet, time::Duration};

use salus_network::{Event, GossipToken, Verdict};
use salus_primitives::RawExtrinsic;

use crate::harness::{Node, extrinsic, mesh, peer, until, validators};

/// The next extrinsics that come.
async fn extrinsics(node: &mut Node) -> (GossipToken, Vec<RawExtrinsic>) {
    node.event("extrinsics", |event| match event {
        Event::Extrinsics { token, extrinsics, .. } => Some((token.clone(), std::mem::take(extrinsics))),
        _ => None,
    })
    .await
}

/// Wait until so many others listen to what each of these publishes.
async fn listening(nodes: impl IntoIterator<Item = &Node>, others: usize) {
    for node in nodes {
        let count = || node.handle.peers().iter().filter(|shown| shown.listens).count();
        until("others listen", || count() == others).await;
    }
}

#[tokio::test]
async fn extrinsics_reach_everybody_many_in_one_message_and_nobody_sends_them_on() {
    let mut nodes = mesh(4).await;
    listening(&nodes, 3).await;
    let all: BTreeSet<Vec<u8>> = (0..500).map(|n| extrinsic(n, 250).0).collect();
    for n in 0..500 {
        nodes[0].handle.publish(extrinsic(n, 250));
    }
    for node in &mut nodes[1..] {
        let mut found = BTreeSet::new();
        while found.len() < all.len() {
            let (token, some) = extrinsics(node).await;
            node.handle.judge(token, Verdict::Accept);
            found.extend(some.into_iter().map(|extrinsic| extrinsic.0));
        }
        assert_eq!(found, all);
    }
    let sent = nodes[0].counters();
    assert_eq!(sent.extrinsics_out, 500);
    assert!(sent.gossip_out <= 20, "{} messages", sent.gossip_out);
    tokio::time::sleep(Duration::from_millis(300)).await;
    for node in &nodes[1..] {
        let counters = node.counters();
        assert_eq!(counters.extrinsics_in, 500);
        assert!(counters.bytes_out_gossip < 10_000, "{}", counters.bytes_out_gossip);
    }
}

#[tokio::test]
async fn many_of_the_largest_extrinsics_one_after_the_other_all_arrive() {
    let mut nodes = mesh(2).await;
    listening(&nodes, 1).await;
    for n in 0..40 {
        nodes[0].handle.publish(extrinsic(n, 65_536 - 4));
    }
    let mut found = BTreeSet::new();
    while found.len() < 40 {
        let (token, some) = extrinsics(&mut nodes[1]).await;
        nodes[1].handle.judge(token, Verdict::Ignore);
        found.extend(some.into_iter().map(|extrinsic| extrinsic.0[..4].to_vec()));
    }
    assert_eq!(nodes[1].counters().floods, 0);
}

#[tokio::test]
async fn what_is_published_faster_than_peers_accept_waits_and_nobody_is_blamed() {
    let mut nodes = mesh(2).await;
    listening(&nodes, 1).await;
    // 7 MiB at once: more than the sender's burst of 4 MiB.
    for n in 0..112 {
        nodes[0].handle.publish(extrinsic(n, 65_536 - 4));
    }
    let mut found = 0;
    while found < 112 {
        let (token, some) = extrinsics(&mut nodes[1]).await;
        nodes[1].handle.judge(token, Verdict::Ignore);
        found += some.len();
    }
    let counters = nodes[1].counters();
    assert_eq!((counters.floods, counters.throttled), (0, 0));
    assert_eq!(nodes[0].counters().dropped_unpublished, 0);
    until("shown", || nodes[1].points(peer(1)) == Some(0)).await;
}

/// Three validators in a row: the first and the last are not connected, since the last does not let the first in.
async fn row() -> [Node; 3] {
    let mut middle = Node::start(2, &[], validators([1, 2, 3])).await;
    let mut first = Node::start(1, &[&middle], validators([1, 2, 3])).await;
    let mut last = Node::start(3, &[&middle], validators([2, 3])).await;
    middle.connected(peer(1)).await;
    middle.connected(peer(3)).await;
    first.connected(peer(2)).await;
    last.connected(peer(2)).await;
    listening([&first, &last], 1).await;
    listening([&middle], 2).await;
    [first, middle, last]
}

#[tokio::test]
async fn where_not_everybody_is_connected_what_was_accepted_is_sent_on() {
    let [first, mut middle, mut last] = row().await;
    first.handle.publish(extrinsic(1, 250));
    let (token, _) = extrinsics(&mut middle).await;
    assert_eq!(last.counters().gossip_in, 0, "before it was judged it is not sent on");
    middle.handle.judge(token, Verdict::Accept);
    assert_eq!(extrinsics(&mut last).await.1, [extrinsic(1, 250)]);
}

#[tokio::test]
async fn what_was_ignored_is_not_sent_on_and_nobody_is_blamed() {
    let [first, mut middle, last] = row().await;
    first.handle.publish(extrinsic(1, 250));
    let (token, _) = extrinsics(&mut middle).await;
    middle.handle.judge(token, Verdict::Ignore);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(last.counters().gossip_in, 0);
    until("shown", || middle.points(peer(1)) == Some(0)).await;
}

#[tokio::test]
async fn what_was_rejected_counts_against_who_passed_it_on() {
    let mut nodes = mesh(3).await;
    listening(&nodes, 2).await;
    nodes[0].handle.publish(extrinsic(1, 100));
    let (token, _) = extrinsics(&mut nodes[1]).await;
    nodes[1].handle.judge(token, Verdict::Reject);
    nodes[1].disconnected(peer(1)).await;
    let counters = nodes[1].counters();
    assert_eq!((counters.malformed, counters.offenders), (1, 1));
    assert_eq!(nodes[1].points(peer(3)), Some(0));
}

#[tokio::test]
async fn an_extrinsic_longer_than_any_is_not_published() {
    let nodes = mesh(2).await;
    nodes[0].handle.publish(extrinsic(1, 65_536 - 3));
    assert_eq!(nodes[0].counters().dropped_unpublished, 1);
}
