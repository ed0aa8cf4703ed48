//! Hostile peers: what they send, what it costs them, and that it costs nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::AsyncWriteExt;
use parity_scale_codec::Encode;
use salus_network::{AllowList, Event, Offence, limits};
use salus_primitives::Height;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::{
    harness::{Node, PATIENCE, block, extrinsic, in_time, message, peer, until, validators},
    raw::{Raw, protocol},
};

/// A node, an honest peer of it and a hostile one.
async fn trio() -> (Node, Node, Raw) {
    let list = validators([1, 2, 66]);
    let mut node = Node::start(1, &[], list.clone()).await;
    let mut honest = Node::start(2, &[&node], list).await;
    node.connected(honest.peer).await;
    honest.connected(node.peer).await;
    let hostile = Raw::connect(66, &mut node).await;
    (node, honest, hostile)
}

/// The hostile peer is gone, will not be let in again, and the honest one is as it was.
async fn only_the_offender_goes(node: &mut Node, honest: &Node, hostile: &mut Raw) {
    node.disconnected(hostile.peer).await;
    hostile.closed().await;
    assert_eq!(node.counters().offenders, 1);
    let mut again = Raw::dial(66, node.address());
    again.closed().await;
    until("refused", || node.counters().refused_offender >= 1).await;
    honest.handle.broadcast(&message(77));
    node.event("an honest message", |event| {
        matches!(event, Event::Message { message, .. } if message.height() == Height(77)).then_some(())
    })
    .await;
    until("shown", || node.points(honest.peer) == Some(0)).await;
}

fn frame(kind: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length.to_le_bytes(), body].concat()
}

#[tokio::test]
async fn a_frame_longer_than_its_kind_allows_ends_the_connection_before_its_body_comes() {
    let (mut node, honest, mut hostile) = trio().await;
    let _stream = hostile.send(&frame(0, limits::MESSAGE_FRAME_MAX as u32 + 1, &[])).await;
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
    assert_eq!(node.counters().malformed, 1);
}

#[tokio::test]
async fn bytes_that_are_no_message_end_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let _stream = hostile.send(&frame(0, 3, &[9, 9, 9])).await;
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn a_message_in_another_encoding_ends_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let mut bytes = message(1).encode();
    bytes.push(0);
    let _stream = hostile.send(&frame(0, bytes.len() as u32, &bytes)).await;
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn an_unknown_kind_of_frame_ends_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let _stream = hostile.send(&frame(9, 0, &[])).await;
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn an_address_record_that_its_peer_did_not_sign_ends_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let body = vec![vec![1u8, 2, 3]].encode();
    let _stream = hostile.send(&frame(3, body.len() as u32, &body)).await;
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn a_malformed_request_ends_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let mut stream = hostile.open(protocol("sync/1")).await;
    stream.write_all(&[1, 0, 0, 0, 77]).await.unwrap();
    stream.flush().await.unwrap();
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn gossip_that_is_none_ends_the_connection() {
    let (mut node, honest, mut hostile) = trio().await;
    let sent = Arc::new(AtomicBool::new(false));
    let mut n = 0u8;
    while !hostile.is_closed() {
        // Until both know that the other listens, nothing is sent.
        hostile.gossip(vec![n; 50]);
        n = n.wrapping_add(1);
        sent.store(true, Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    node.disconnected(hostile.peer).await;
    assert_eq!((node.counters().malformed, node.counters().offenders), (1, 1));
    until("shown", || node.points(honest.peer) == Some(0)).await;
}

#[tokio::test]
async fn reported_offences_add_up() {
    let (mut node, honest, mut hostile) = trio().await;
    for n in 1..5 {
        node.handle.report(hostile.peer, Offence::Unproven);
        until("counted", || node.counters().unproven == n).await;
        assert!(!hostile.is_closed());
    }
    node.handle.report(hostile.peer, Offence::Unproven);
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn one_bad_range_is_enough() {
    let (mut node, honest, mut hostile) = trio().await;
    node.handle.report(hostile.peer, Offence::BadRange);
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

/// An honest peer that speaks twenty times a second, and the node that must hear all of it.
async fn honest_is_heard(node: &mut Node, honest: &Node, until: impl Fn(&Node) -> bool) -> u32 {
    let start = Instant::now();
    let mut said = 0;
    while !until(node) {
        assert!(start.elapsed() < PATIENCE, "the flood was not ended: {:?}", node.counters());
        said += 1;
        honest.handle.broadcast(&message(1_000_000 + said));
        let sent = Instant::now();
        node.event("an honest message", |event| {
            matches!(event, Event::Message { message, .. } if message.height() == Height(1_000_000 + said))
                .then_some(())
        })
        .await;
        assert!(sent.elapsed() < Duration::from_secs(10), "an honest message took {:?}", sent.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    said
}

/// Do this on and on, in a task, until the connection is gone.
async fn flood(
    node: &mut Node,
    honest: &Node,
    hostile: Raw,
    mut act: impl FnMut(&mut Raw) + Send + 'static,
) -> Duration {
    let offender = hostile.peer;
    let start = Instant::now();
    let flooding = tokio::spawn(async move {
        let mut hostile = hostile;
        while !hostile.is_closed() {
            act(&mut hostile);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let heard = honest_is_heard(node, honest, |node| node.counters().offenders == 1).await;
    let took = start.elapsed();
    assert!(heard > 0);
    node.disconnected(offender).await;
    in_time("the flood ends", flooding).await.unwrap();
    let counters = node.counters();
    assert!(counters.floods >= 5 && counters.malformed == 0, "{counters:?}");
    until("shown", || node.points(honest.peer) == Some(0)).await;
    took
}

#[tokio::test]
async fn ten_thousand_messages_a_second_are_dropped_and_end_the_connection_within_ten_seconds() {
    let (mut node, honest, mut hostile) = trio().await;
    let mut stream = hostile.open(protocol("direct/1")).await;
    let body = message(1).encode();
    let ten: Vec<u8> = frame(0, body.len() as u32, &body).repeat(10);
    let writing = tokio::spawn(async move {
        while stream.write_all(&ten).await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let took = flood(&mut node, &honest, hostile, |_| {}).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(node.counters().dropped_quota > 1_000);
    in_time("the flood ends", writing).await.unwrap();
}

#[tokio::test]
async fn requests_in_a_loop_are_refused_and_end_the_connection_within_ten_seconds() {
    let (mut node, honest, mut hostile) = trio().await;
    let (streams, mut queue) = tokio::sync::mpsc::unbounded_channel();
    // Eight hundred requests a second, each on a stream of its own.
    let asking = tokio::spawn(async move {
        let start = Instant::now();
        while !hostile.is_closed() && start.elapsed() < PATIENCE {
            let mut stream = match tokio::time::timeout(Duration::from_secs(1), hostile.open(protocol("sync/1"))).await
            {
                Ok(stream) => stream,
                Err(_) => continue,
            };
            let _ = stream.write_all(&[1, 0, 0, 0, 0]).await;
            let _ = stream.flush().await;
            let _ = streams.send(());
        }
    });
    let start = Instant::now();
    honest_is_heard(&mut node, &honest, |node| node.counters().offenders == 1).await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(queue.try_recv().is_ok());
    let counters = node.counters();
    assert!(counters.requests_refused > 0 && counters.malformed == 0, "{counters:?}");
    asking.abort();
}

#[tokio::test]
async fn ten_thousand_streams_are_reset_and_end_the_connection_within_ten_seconds() {
    let (mut node, honest, hostile) = trio().await;
    // Of a protocol that nobody speaks: only opening them costs something.
    let took = flood(&mut node, &honest, hostile, |hostile| {
        for _ in 0..10 {
            hostile.want(protocol("nothing/1"));
        }
    })
    .await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(node.counters().dropped_streams > 0);
}

#[tokio::test]
async fn a_peer_that_opens_stream_upon_stream_of_frames_is_gone_at_once() {
    let (mut node, honest, mut hostile) = trio().await;
    let mut streams = Vec::new();
    for _ in 0..limits::READERS_MAX {
        streams.push(hostile.send(&frame(2, 4, &[1, 0, 0, 0])).await);
    }
    assert!(!hostile.is_closed(), "so many are allowed");
    for _ in 0..5 {
        hostile.want(protocol("direct/1"));
    }
    only_the_offender_goes(&mut node, &honest, &mut hostile).await;
}

#[tokio::test]
async fn a_peer_that_reads_nothing_loses_old_frames_and_holds_up_nobody() {
    let (node, mut honest, mut hostile) = trio().await;
    let blocks = 24;
    for height in 0..blocks {
        node.handle.send_block(&block(height, (0..16).map(|n| extrinsic(n, 65_000)).collect()));
        let found = honest.event("a block", |event| match event {
            Event::Block { block, .. } => Some(block.header.number),
            _ => None,
        });
        assert_eq!(found.await, Height(height));
        // As fast as blocks are made: faster ones are above the quota of the honest peer too.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // What was not dropped lies in the queue, on the way and in the peer's buffers.
    assert!(node.counters().dropped_slow > 0);
    assert!(!hostile.is_closed(), "being slow is no offence");
    until("shown", || node.points(hostile.peer) == Some(0)).await;
}

#[tokio::test]
async fn a_listed_peer_that_connects_again_and_again_is_refused_for_a_while() {
    let list = validators([1, 2, 66]);
    let mut node = Node::start(1, &[], list.clone()).await;
    let honest = Node::start(2, &[&node], list).await;
    node.connected(honest.peer).await;
    let start = Instant::now();
    while node.counters().offenders == 0 {
        assert!(start.elapsed() < 2 * PATIENCE, "{:?}", node.counters());
        let mut hostile = Raw::dial(66, node.address());
        let _ = tokio::time::timeout(Duration::from_millis(30), hostile.closed()).await;
    }
    Raw::dial(66, node.address()).closed().await;
    until("refused", || node.counters().refused_offender > 0).await;
    let counters = node.counters();
    assert!(counters.refused_restless >= 5 && counters.offenders == 1, "{counters:?}");
    until("shown", || node.points(honest.peer) == Some(0)).await;
}

#[tokio::test]
async fn silent_sockets_take_four_places_for_five_seconds_and_then_an_honest_peer_gets_in() {
    let list = validators([1, 2]);
    let mut node = Node::start(1, &[], list.clone()).await;
    let mut address = node.address();
    address.pop();
    let port = address.to_string().rsplit('/').next().unwrap().parse::<u16>().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    until("the others were refused", || node.counters().refused_address >= 36).await;
    let mut honest = Node::start(2, &[&node], list).await;
    node.connected(honest.peer).await;
    honest.connected(node.peer).await;
    // The sockets that were let wait are closed by now, or soon.
    for mut socket in sockets {
        let mut rest = Vec::new();
        let _ = in_time("the socket is closed", socket.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn a_stranger_that_sends_too_much_before_its_handshake_is_cut_off() {
    use tokio::io::AsyncWriteExt as _;
    let node = Node::start(1, &[], validators([1])).await;
    let mut address = node.address();
    address.pop();
    let port = address.to_string().rsplit('/').next().unwrap().parse::<u16>().unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // Negotiation as it should be, then a Noise message that says it is long, and comes slowly.
    socket.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff").await.unwrap();
    let start = Instant::now();
    for _ in 0..1_100 {
        if socket.write_all(&[0]).await.is_err() {
            break;
        }
    }
    let mut rest = Vec::new();
    let _ = in_time("cut off", socket.read_to_end(&mut rest)).await;
    assert!(start.elapsed() < limits::HANDSHAKE_WITHIN, "by its bytes, not by its time");
    assert_eq!(node.counters().accepted, 0);
}

#[tokio::test]
async fn two_hundred_unlisted_peers_reach_no_protocol() {
    let list = AllowList { full_nodes: [peer(2)].into(), ..validators([1]) };
    let mut node = Node::start(1, &[], list.clone()).await;
    let honest = Node::start(2, &[&node], list).await;
    node.connected(honest.peer).await;
    let mut strangers: Vec<_> = (0..200).map(|n| Raw::dial(40 + (n % 20), node.address())).collect();
    for stranger in &mut strangers {
        stranger.closed().await;
    }
    let counters = node.counters();
    assert_eq!(counters.accepted, 1, "{counters:?}");
    let refused = counters.refused_unlisted + counters.refused_address + counters.refused_pending;
    assert!(counters.refused_unlisted > 0 && refused <= 200, "{counters:?}");
    honest.handle.announce(Height(3));
    node.event("a tip", |event| matches!(event, Event::Tip { .. }).then_some(())).await;
}
