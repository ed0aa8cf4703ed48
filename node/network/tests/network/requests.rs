//! Requests and answers.

use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt};
use salus_network::{Event, RequestFailure, RequestId};
use salus_primitives::{Hash, Height, archive::Record};
use salus_sync::wire::{RangeBuilder, Request, Response};

use crate::{
    harness::{Node, block, extrinsic, in_time, mesh, peer, until, validators},
    raw::Raw,
};

const RANGE: Request = Request::Blocks { from: Height(5), max: 64 };

/// Answer every request with `response`, for ever.
fn serve(mut node: Node, response: Response) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let token = node.event("a request", |event| {
                match std::mem::replace(event, Event::Disconnected { peer: peer(0) }) {
                    Event::Request { token, .. } => Some(token),
                    _ => None,
                }
            });
            let token = token.await;
            node.handle.respond(token, response.clone()).unwrap();
        }
    })
}

/// The answer to a request, or why there is none.
async fn answer(node: &mut Node, wanted: RequestId) -> Result<Response, RequestFailure> {
    node.event("an answer", |event| match event {
        Event::Response { id, response, .. } if *id == wanted => Some(Ok(response.clone())),
        Event::RequestFailed { id, why, .. } if *id == wanted => Some(Err(*why)),
        _ => None,
    })
    .await
}

/// An answer of nearly 4 MiB.
fn large() -> Response {
    let mut range = RangeBuilder::default();
    for height in 5.. {
        let extrinsics = (0..16).map(|n| extrinsic(n, 65_000)).collect();
        if !range.push(Record { block: block(height, extrinsics), certificate: None }) {
            break;
        }
    }
    Response::Blocks(range.finish())
}

#[tokio::test]
async fn a_request_is_answered() {
    let mut nodes = mesh(2).await;
    let server = nodes.pop().unwrap();
    let wanted = block(9, vec![extrinsic(1, 100)]);
    let request = Request::Block { height: Height(9), value: wanted.header.vote_value() };
    let serving = serve(server, Response::Block(Some(wanted.clone())));
    let id = nodes[0].handle.request(peer(2), request).unwrap();
    assert_eq!(answer(&mut nodes[0], id).await, Ok(Response::Block(Some(wanted))));
    serving.abort();
}

#[tokio::test]
async fn the_largest_answers_arrive_and_no_honest_node_is_blamed_for_asking_on_and_on() {
    let mut nodes = mesh(2).await;
    let server = nodes.pop().unwrap();
    let serving_handle = server.handle.clone();
    let serving = serve(server, large());
    let start = Instant::now();
    let ids: Vec<_> = (0..8).map(|_| nodes[0].handle.request(peer(2), RANGE).unwrap()).collect();
    for id in ids {
        match answer(&mut nodes[0], id).await {
            Ok(Response::Blocks(range)) => assert_eq!(range.len(), 4),
            other => panic!("{other:?}"),
        }
    }
    // 32 MiB at no more than 8 MiB a second, but for the first 8.
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(serving_handle.counters().requests_refused, 0);
    assert_eq!(serving_handle.counters().floods, 0);
    assert_eq!(nodes[0].counters().floods, 0);
    serving.abort();
}

#[tokio::test]
async fn sixty_questions_at_once_are_asked_at_the_pace_that_is_served() {
    let mut nodes = mesh(2).await;
    let server = nodes.pop().unwrap();
    let serving_handle = server.handle.clone();
    let status = Response::Status { tip: Height(1), hash: Hash::ZERO };
    let serving = serve(server, status.clone());
    let start = Instant::now();
    let ids: Vec<_> = (0..60).map(|_| nodes[0].handle.request(peer(2), Request::Status).unwrap()).collect();
    let (mut answered, mut too_many) = (0, 0);
    for id in ids {
        match answer(&mut nodes[0], id).await {
            Ok(found) => {
                assert_eq!(found, status);
                answered += 1;
            }
            Err(RequestFailure::TooMany) => too_many += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= 32 && answered + too_many == 60, "{answered} {too_many}");
    assert!(start.elapsed() >= Duration::from_secs(1), "the pace was kept");
    let counters = serving_handle.counters();
    assert_eq!((counters.requests_refused, counters.floods), (0, 0));
    serving.abort();
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_not_asked() {
    let mut a = Node::start(1, &[], validators([1, 2])).await;
    let id = a.handle.request(peer(2), RANGE).unwrap();
    assert_eq!(answer(&mut a, id).await, Err(RequestFailure::NotConnected));
}

#[tokio::test]
async fn a_peer_that_goes_away_leaves_no_request_open() {
    let mut nodes = mesh(2).await;
    let id = nodes[0].handle.request(peer(2), RANGE).unwrap();
    let mut server = nodes.pop().unwrap();
    server.event("a request", |event| matches!(event, Event::Request { .. }).then_some(())).await;
    drop(server);
    let why = answer(&mut nodes[0], id).await.unwrap_err();
    assert!(matches!(why, RequestFailure::NotConnected | RequestFailure::Broken), "{why:?}");
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_in_ten_seconds_and_stays_connected() {
    let mut a = Node::start(1, &[], validators([1, 66])).await;
    let mut mute = Raw::connect(66, &mut a).await;
    let start = Instant::now();
    let id = a.handle.request(mute.peer, RANGE).unwrap();
    let _stream = in_time("the request", mute.asked.recv()).await.unwrap();
    assert_eq!(answer(&mut a, id).await, Err(RequestFailure::Timeout));
    let took = start.elapsed();
    assert!((9..14).contains(&took.as_secs()), "{took:?}");
    assert_eq!(a.counters().requests_timed_out, 1);
    assert!(!mute.is_closed());
}

/// What becomes of the asker, and of its request, when a hostile peer answers with these bytes.
async fn answered_with(bytes: &[u8]) -> (RequestFailure, Node, Raw) {
    let mut a = Node::start(1, &[], validators([1, 66])).await;
    let mut hostile = Raw::connect(66, &mut a).await;
    let id = a.handle.request(hostile.peer, RANGE).unwrap();
    let mut stream = in_time("the request", hostile.asked.recv()).await.unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut request = vec![0; u32::from_le_bytes(head) as usize];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(Request::from_bytes(&request), Ok(RANGE));
    stream.write_all(bytes).await.unwrap();
    stream.close().await.unwrap();
    let why = answer(&mut a, id).await.unwrap_err();
    (why, a, hostile)
}

#[tokio::test]
async fn a_malformed_answer_ends_the_connection() {
    let (why, a, mut hostile) = answered_with(&[1, 0, 0, 0, 99]).await;
    assert_eq!(why, RequestFailure::BadAnswer);
    hostile.closed().await;
    assert_eq!((a.counters().malformed, a.counters().offenders), (1, 1));
}

#[tokio::test]
async fn an_answer_that_says_it_is_longer_than_any_ends_the_connection() {
    let (why, _a, mut hostile) = answered_with(&[255, 255, 255, 255]).await;
    assert_eq!(why, RequestFailure::BadAnswer);
    hostile.closed().await;
}

#[tokio::test]
async fn an_answer_to_another_question_ends_the_connection() {
    let status = Response::Status { tip: Height(1), hash: Hash::ZERO }.to_bytes();
    let bytes = [&(status.len() as u32).to_le_bytes()[..], &status].concat();
    let (why, _a, mut hostile) = answered_with(&bytes).await;
    assert_eq!(why, RequestFailure::BadAnswer);
    hostile.closed().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_and_no_offence() {
    let (why, a, mut hostile) = answered_with(&[9, 0, 0, 0, 1, 2]).await;
    assert_eq!(why, RequestFailure::Broken);
    assert_eq!((a.counters().malformed, a.counters().requests_failed), (0, 1));
    assert!(!hostile.is_closed());
}

#[tokio::test]
async fn a_user_that_is_too_slow_costs_the_asker_its_answer_and_nothing_else() {
    let mut nodes = mesh(2).await;
    let mut server = nodes.pop().unwrap();
    let id = nodes[0].handle.request(peer(2), RANGE).unwrap();
    let token =
        server.event("a request", |event| match std::mem::replace(event, Event::Disconnected { peer: peer(0) }) {
            Event::Request { token, .. } => Some(token),
            _ => None,
        });
    drop(token.await);
    assert!(answer(&mut nodes[0], id).await.is_err());
    until("counted", || server.counters().requests_refused == 1).await;
    until("both are still connected", || nodes[0].points(peer(2)) == Some(0)).await;
}
