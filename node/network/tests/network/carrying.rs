//! Consensus messages, blocks and tips.

use std::time::Duration;

use salus_network::{AllowList, Event};
use salus_primitives::{Height, limits::BLOCK_BYTES_MAX};

use crate::harness::{Node, block, extrinsic, mesh, message, peer, until, validators};

#[tokio::test]
async fn a_message_reaches_every_validator_and_says_from_whom() {
    let mut nodes = mesh(4).await;
    nodes[0].handle.broadcast(&message(9));
    for node in &mut nodes[1..] {
        let found = node.event("a message", |event| match event {
            Event::Message { peer, message } => Some((*peer, message.clone())),
            _ => None,
        });
        assert_eq!(found.await, (peer(1), message(9)));
    }
    assert_eq!(nodes[0].counters().messages_out, 3);
}

#[tokio::test]
async fn a_full_block_that_was_sent_before_its_proposal_comes_before_it() {
    let mut nodes = mesh(2).await;
    // The largest one: 2 MiB in 32 extrinsics of nearly 64 KiB.
    let full = block(7, (0..32).map(|n| extrinsic(n, BLOCK_BYTES_MAX / 32 - 16)).collect());
    nodes[0].handle.send_block(&full);
    nodes[0].handle.broadcast(&message(7));
    let mut order = Vec::new();
    for _ in 0..2 {
        let next = nodes[1].event("a block and a message", |event| match event {
            Event::Block { block, .. } => Some(Some(block.clone())),
            Event::Message { .. } => Some(None),
            _ => None,
        });
        order.push(next.await);
    }
    assert_eq!(order, [Some(Box::new(full)), None]);
}

#[tokio::test]
async fn a_thousand_messages_arrive_in_order_at_the_pace_of_an_honest_node() {
    let mut nodes = mesh(2).await;
    let sender = nodes[0].handle.clone();
    let sending = tokio::spawn(async move {
        for n in 0..1_000 {
            sender.broadcast(&message(n));
            if n % 10 == 9 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    for n in 0..1_000 {
        let found = nodes[1].event("a message", |event| match event {
            Event::Message { message, .. } => Some(message.height()),
            _ => None,
        });
        assert_eq!(found.await, Height(n));
    }
    sending.await.unwrap();
    let counters = nodes[1].counters();
    assert_eq!((counters.dropped_quota, counters.floods), (0, 0));
    assert_eq!(nodes[1].points(peer(1)), Some(0));
}

#[tokio::test]
async fn only_validators_get_messages_and_blocks_and_everybody_gets_tips() {
    let list = AllowList { full_nodes: [peer(3)].into(), ..validators([1, 2]) };
    let mut a = Node::start(1, &[], list.clone()).await;
    let mut validator = Node::start(2, &[&a], list.clone()).await;
    let mut full = Node::start(3, &[&a], list).await;
    for n in [2, 3] {
        a.connected(peer(n)).await;
    }
    a.handle.broadcast(&message(5));
    a.handle.send_block(&block(5, Vec::new()));
    a.handle.announce(Height(5));
    for node in [&mut validator, &mut full] {
        let tip = node.event("a tip", |event| match event {
            Event::Tip { peer, tip } if *peer == a.peer => Some(*tip),
            _ => None,
        });
        assert_eq!(tip.await, Height(5));
    }
    validator.event("a message", |event| matches!(event, Event::Message { .. }).then_some(())).await;
    validator.event("a block", |event| matches!(event, Event::Block { .. }).then_some(())).await;
    let unwanted = |event: &Event| matches!(event, Event::Message { .. } | Event::Block { .. });
    assert!(!full.all_within(Duration::from_millis(500)).await.iter().any(unwanted));
    until("the tip is shown", || full.handle.peers().iter().any(|shown| shown.tip == Some(Height(5)))).await;
}

#[tokio::test]
async fn what_a_full_node_says_of_consensus_is_not_listened_to_and_not_held_against_it() {
    // The full node takes itself for a validator; the others know better.
    let list = AllowList { full_nodes: [peer(2)].into(), ..validators([1]) };
    let mut a = Node::start(1, &[], list).await;
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    b.handle.broadcast(&message(5));
    b.handle.send_block(&block(5, Vec::new()));
    b.handle.announce(Height(6));
    a.event("a tip", |event| matches!(event, Event::Tip { .. }).then_some(())).await;
    assert_eq!(a.counters().dropped_not_validator, 2);
    assert_eq!((a.counters().messages_in, a.counters().blocks_in), (0, 0));
    until("it is shown", || a.points(b.peer) == Some(0)).await;
}

#[tokio::test]
async fn a_peer_that_comes_later_hears_of_the_tip_at_once() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    a.handle.announce(Height(77));
    let mut b = Node::start(2, &[&a], validators([1, 2])).await;
    a.connected(b.peer).await;
    b.event("the tip", |event| matches!(event, Event::Tip { tip: Height(77), .. }).then_some(())).await;
}

#[tokio::test]
async fn of_many_tips_the_last_one_is_said_and_few_in_between() {
    let mut nodes = mesh(2).await;
    for tip in 1..=500 {
        nodes[0].handle.announce(Height(tip));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    nodes[1].event("the last tip", |event| matches!(event, Event::Tip { tip: Height(500), .. }).then_some(())).await;
    let said = nodes[0].counters().tips_out;
    assert!((2..=40).contains(&said), "{said}");
}
