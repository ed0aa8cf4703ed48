//! Refusals and limits, each seen through a real socket.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::wire::{PATIENCE, Ws, call, post, post_bytes, raw, read_answer, world, world_from, world_with};
use crate::{Cause, Limits, Server, ServerConfig, StartError, Token, toy::Toy};

const CHAIN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"system_chain"}"#;

fn short() -> Limits {
    Limits {
        head_time: Duration::from_millis(200),
        body_time: Duration::from_millis(400),
        body_grace: Duration::from_millis(200),
        idle_time: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// Resolves when the server has closed the socket.
async fn closed(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is a close too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("the server closes");
}

#[tokio::test]
async fn malformed_json_is_told_so_and_the_server_lives_on() {
    let world = world().await;
    for (body, code) in [
        ("", -32700),
        ("nonsense", -32700),
        ("{", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"system_chain""#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"system_chain"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"system_chain"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"system_chain"}"#, -32600),
        (r#"[{"jsonrpc":"2.0","id":[],"method":"system_chain"}]"#, -32600),
        (r#""system_chain""#, -32700),
        ("\u{0}", -32700),
    ] {
        assert_eq!(post(world.address, body).await.code(), code, "{body:?}");
    }
    let notification = post(world.address, r#"{"jsonrpc":"2.0","method":"system_chain"}"#).await;
    assert_eq!((notification.status, notification.body.as_str()), (202, ""));
    let mut ws = Ws::connect(world.address).await;
    ws.text("nonsense").await;
    assert_eq!(ws.message().await.unwrap()["error"]["code"], -32700);
    ws.text("{").await;
    assert_eq!(ws.message().await.unwrap()["error"]["code"], -32700);
    assert_eq!(ws.call("system_chain", Value::Null).await, Ok(json!("Toy")));
    assert_eq!(post(world.address, CHAIN).await.json()["result"], "Toy");
}

#[tokio::test]
async fn an_array_ten_thousand_deep_is_refused() {
    let world = world().await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(post(world.address, &deep).await.code(), -32700);
    let params = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"system_chain","params":{deep}}}"#);
    assert_eq!(post(world.address, &params).await.code(), -32700);
    let mut ws = Ws::connect(world.address).await;
    ws.text(&params).await;
    assert_eq!(ws.message().await.unwrap()["error"]["code"], -32700);
    // As a batch of one thing that is no call.
    ws.text(&deep).await;
    let refused = ws.message().await.unwrap();
    assert_eq!(refused[0]["error"]["code"], -32600, "{refused}");
    assert_eq!(ws.call("system_chain", Value::Null).await, Ok(json!("Toy")));
}

#[tokio::test]
async fn json_at_the_depth_limit_is_read_and_one_deeper_is_not() {
    let world = world().await;
    let nested = |levels: usize| {
        let params = "[".repeat(levels) + &"]".repeat(levels);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":{params}}}"#)
    };
    // The request itself is the first level.
    assert_eq!(post(world.address, &nested(15)).await.code(), -32602);
    assert_eq!(post(world.address, &nested(16)).await.code(), -32700);
    assert_eq!(world.server.figures().refused_for(Cause::TooDeep), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let world = world().await;
    let max = Limits::default().request_bytes;
    let padded = |bytes: usize| format!("{CHAIN}{}", " ".repeat(bytes - CHAIN.len()));
    assert_eq!(post(world.address, &padded(max)).await.json()["result"], "Toy");
    let refused = post(world.address, &padded(max + 1)).await;
    assert_eq!((refused.status, refused.code()), (413, -32007));
    // Announced and never sent.
    let head =
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 268435456\r\n\r\n";
    assert_eq!(raw(world.address, head.as_bytes()).await.unwrap().status, 413);
    // Not announced, and more than the limit in pieces.
    let mut chunked =
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..9 {
        chunked.extend(b"10000\r\n");
        chunked.extend(vec![b' '; 65_536]);
        chunked.extend(b"\r\n");
    }
    assert_eq!(raw(world.address, &chunked).await.unwrap().status, 413);
    assert_eq!(world.server.figures().refused_for(Cause::TooLarge), 3);
}

#[tokio::test]
async fn a_websocket_message_over_the_limit_is_refused_and_the_socket_lives_on() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let max = Limits::default().request_bytes;
    ws.text(&format!("{CHAIN}{}", " ".repeat(max - CHAIN.len()))).await;
    assert_eq!(ws.message().await.unwrap()["result"], "Toy");
    ws.text(&format!("{CHAIN}{}", " ".repeat(max + 1 - CHAIN.len()))).await;
    assert_eq!(ws.message().await.unwrap()["error"]["code"], -32007);
}

#[tokio::test]
async fn a_response_over_the_limit_is_an_error() {
    let world = world_with(Limits { response_bytes: 1_000, ..Limits::default() }).await;
    let zeros = |count: u32| json!(["Toy_zeros", hex::encode(count.to_le_bytes())]);
    assert!(call(world.address, "state_call", zeros(400)).await.is_ok());
    assert_eq!(call(world.address, "state_call", zeros(500)).await, Err(-32008));
}

#[tokio::test]
async fn batches_of_one_to_a_hundred_are_answered_and_others_refused() {
    let world = world().await;
    let batch = |calls: usize| format!("[{}]", vec![CHAIN; calls].join(","));
    let mut ws = Ws::connect(world.address).await;
    for calls in [1, 100] {
        let answers = post(world.address, &batch(calls)).await.json();
        assert_eq!(answers.as_array().unwrap().len(), calls);
        assert!(answers.as_array().unwrap().iter().all(|answer| answer["result"] == "Toy"));
        ws.text(&batch(calls)).await;
        assert_eq!(ws.message().await.unwrap().as_array().unwrap().len(), calls);
    }
    assert_eq!(post(world.address, &batch(0)).await.code(), -32600);
    assert_eq!(post(world.address, &batch(101)).await.code(), -32010);
    ws.text(&batch(101)).await;
    assert_eq!(ws.message().await.unwrap()["error"]["code"], -32010);
}

#[tokio::test]
async fn a_batch_answers_each_call_by_itself_and_starts_no_subscription() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "system_chain" },
        { "jsonrpc": "2.0", "id": 2, "method": "no_such" },
        { "jsonrpc": "2.0", "id": 3, "method": "chain_subscribeNewHeads" },
        { "jsonrpc": "2.0", "method": "system_chain" },
        7,
    ]);
    ws.text(&batch.to_string()).await;
    let answers = ws.message().await.unwrap();
    let codes: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [None, Some(-32601), Some(-32600), Some(-32600)]);
    assert!(ws.is_quiet().await);
}

#[tokio::test]
async fn a_subscription_over_http_is_refused() {
    let world = world().await;
    for (method, params) in [("chain_subscribeNewHeads", json!([])), ("chainHead_v1_follow", json!([true]))] {
        assert_eq!(call(world.address, method, params).await, Err(-32600), "{method}");
    }
}

#[tokio::test]
async fn a_head_that_dribbles_is_answered_with_a_timeout_and_cut() {
    let world = world_with(short()).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let dribble = async {
        for byte in b"POST / HTTP/1.1\r\nhost: localhost\r\nx: ".iter().chain(std::iter::repeat(&b'a')) {
            if socket.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            if world.server.figures().sockets_open == 0 {
                return;
            }
        }
    };
    timeout(PATIENCE, dribble).await.expect("the server cuts it");
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(world.server.figures().refused_for(Cause::TooSlow), 1);
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let world = world_with(short()).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    closed(&mut socket).await;
    // After a first request too.
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(&post_bytes(CHAIN, "")).await.unwrap();
    assert_eq!(read_answer(&mut socket).await.unwrap().status, 200);
    socket.write_all(&post_bytes(CHAIN, "")).await.unwrap();
    assert_eq!(read_answer(&mut socket).await.unwrap().status, 200, "the connection is kept");
    closed(&mut socket).await;
}

#[tokio::test]
async fn a_body_that_stops_or_dribbles_is_answered_with_a_timeout() {
    let world = world_with(short()).await;
    let half =
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 400000\r\n\r\n{";
    assert_eq!(raw(world.address, half.as_bytes()).await.unwrap().status, 408);

    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(half.as_bytes()).await.unwrap();
    let mut writes = 0;
    // Steady, and below the rate: it ends by the grace time and not by the whole time.
    while world.server.figures().refused_for(Cause::TooSlow) < 2 && writes < 1_000 {
        // A failed write means that it is cut already, and counted before.
        let _ = socket.write_all(b" ").await;
        writes += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!((2..1_000).contains(&writes), "the server cuts it after a while: {writes}");
    closed(&mut socket).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let world = world().await;
    let line = format!("x: {}\r\n", "a".repeat(20 * 1024));
    assert_eq!(raw(world.address, &post_bytes(CHAIN, &line)).await.unwrap().status, 431);
    let many: String = (0..100).map(|n| format!("x-{n}: a\r\n")).collect();
    assert_eq!(raw(world.address, &post_bytes(CHAIN, &many)).await.unwrap().status, 431);
    let counted = async {
        while world.server.figures().refused_for(Cause::TooLarge) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect("both are counted");
}

#[tokio::test]
async fn sockets_beyond_the_total_are_closed_and_room_comes_back() {
    let world = world_with(Limits { sockets: 3, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(Ws::connect(world.address).await);
    }
    assert_eq!(Ws::try_connect(world.address, "").await.err(), Some(None), "closed without a word");
    drop(held.pop());
    let again = async {
        while Ws::try_connect(world.address, "").await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("the place is free again");
    assert!(world.server.figures().refused_for(Cause::Sockets) >= 1);
    assert!(held[0].call("system_chain", Value::Null).await.is_ok(), "those inside are not troubled");
}

#[tokio::test]
async fn sockets_beyond_those_of_one_address_are_told_so_and_another_address_is_not() {
    let world = world_with(Limits { sockets_per_address: 2, ..Limits::default() }).await;
    let _held = (Ws::connect(world.address).await, Ws::connect(world.address).await);
    let refused = raw(world.address, &post_bytes(CHAIN, "")).await.unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 1"));
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let mut other = other.connect(world.address).await.unwrap();
    other.write_all(&post_bytes(CHAIN, "")).await.unwrap();
    assert_eq!(read_answer(&mut other).await.unwrap().status, 200);
}

#[tokio::test]
async fn subscriptions_have_a_limit_for_a_connection_and_one_for_all() {
    let limits = Limits { subscriptions: 3, subscriptions_per_connection: 2, ..Limits::default() };
    let world = world_with(limits).await;
    let (mut first, mut second) = (Ws::connect(world.address).await, Ws::connect(world.address).await);
    for _ in 0..2 {
        first.subscribe("chain_subscribeNewHeads", json!([])).await;
    }
    assert_eq!(first.call("chain_subscribeNewHeads", json!([])).await, Err(-32006));
    let id = second.subscribe("chain_subscribeNewHeads", json!([])).await;
    second.item().await;
    assert_eq!(second.call("chain_subscribeNewHeads", json!([])).await, Err(-32006));
    // The connection's own limit is the library's, and not counted.
    assert_eq!(world.server.figures().refused_for(Cause::Subscriptions), 1);
    assert_eq!(second.call("chain_unsubscribeNewHeads", json!([id])).await, Ok(json!(true)));
    let mut again = Err(-32006);
    while again == Err(-32006) {
        again = second.call("chain_subscribeNewHeads", json!([])).await;
    }
    assert!(again.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_their_turn_and_are_refused_as_busy_when_too_many_wait() {
    let limits = Limits { calls_per_connection: 1, waiting_per_connection: 3, ..Limits::default() };
    let world = world_with(limits).await;
    let mut ws = Ws::connect(world.address).await;
    let sleep = json!(["Toy_sleep", hex::encode(300u32.to_le_bytes())]);
    for id in 1..=20 {
        ws.text(&json!({ "jsonrpc": "2.0", "id": id, "method": "state_call", "params": sleep }).to_string()).await;
    }
    let mut busy = 0;
    for _ in 0..20 {
        match ws.message().await.unwrap()["error"]["code"].as_i64() {
            Some(-32009) => busy += 1,
            other => assert_eq!(other, None),
        }
    }
    assert!((1..20).contains(&busy), "some are served and some refused: {busy}");
    assert_eq!(world.server.figures().refused_for(Cause::Busy), busy);
    assert!(ws.call("system_chain", Value::Null).await.is_ok(), "and then there is room again");
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_and_the_others_are_not() {
    let limits = Limits { slow_consumer: Duration::from_millis(300), send_buffer: 4, ..Limits::default() };
    let world = world_with(limits).await;
    let mut good = Ws::connect(world.address).await;
    good.subscribe("chain_subscribeNewHeads", json!([])).await;
    good.item().await;
    let mut slow = Ws::connect(world.address).await;
    let keys = vec![format!("0x{}", hex::encode(b"big")); 100];
    slow.subscribe("state_subscribeStorage", json!([keys])).await;
    let mut blocks = 0u32;
    let begun = std::time::Instant::now();
    while world.server.figures().refused_for(Cause::SlowReader) == 0 {
        assert!(begun.elapsed() < PATIENCE, "never cut, after {blocks} blocks");
        // A megabyte and a half of notification each, of which the socket's buffers hold only so much.
        let value = vec![blocks as u8; 8 * 1024];
        world.toy.make_block_with([(b"big".to_vec(), Some(value))].into());
        blocks += 1;
        assert_eq!(good.item().await["number"], format!("{blocks:#x}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended = async { while slow.message().await.is_some() {} };
    timeout(PATIENCE, ended).await.expect("the slow one is closed");
    assert!(good.call("system_chain", Value::Null).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_and_does_not_read_is_not_listened_to_for_long() {
    let limits = Limits { unsent_bytes: 1 << 20, write_stall: Duration::from_secs(2), ..Limits::default() };
    let world = world_with(limits).await;
    let mut ws = Ws::connect(world.address).await;
    let zeros = json!(["Toy_zeros", hex::encode(500_000u32.to_le_bytes())]);
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "state_call", "params": zeros }).to_string();
    // A hundred megabytes of answers, were they all made.
    for _ in 0..100 {
        ws.text(&request).await;
    }
    let mut most = 0;
    for _ in 0..150 {
        most = most.max(world.server.figures().unsent_bytes);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The limit, one answer for each turn, and what a turn that was just free may add.
    assert!(most > 1 << 20, "the test fills the sockets: {most}");
    assert!(most < 20 << 20, "{most} bytes wait");
    let cut = async {
        while world.server.figures().sockets_open > 0 || world.server.figures().unsent_bytes > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, cut).await.expect("it is cut, and nothing is kept for it");
    assert_eq!(world.server.figures().refused_for(Cause::SlowReader), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_rubbish_and_does_not_read_is_not_listened_to_for_long() {
    let world = world().await;
    let mut ws = Ws::connect_narrow(world.address).await;
    // Each piece of rubbish is a task that waits to answer it. When the answers fill the sockets, no more is read.
    let mut frames = Vec::new();
    for _ in 0..1_000 {
        frames.extend([0x81, 0x81, 0, 0, 0, 0, b'x']);
    }
    // What the server does not take waits in the sockets, which have room for all of it.
    for _ in 0..100 {
        ws.socket.write_all(&frames).await.unwrap();
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (mut now, mut steady) = (tasks(), 0);
    while steady < 25 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let next = tasks();
        steady = if next == now { steady + 1 } else { 0 };
        now = next;
    }
    assert!(now > 100, "the test fills the sockets: {now}");
    // The limit, and what one read of a few thousand bytes may bring.
    assert!(now < 2_000, "{now} tasks wait");
}

#[tokio::test]
async fn thousands_of_calls_at_once_are_slowed_down_and_all_answered() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let notification = r#"{"jsonrpc":"2.0","method":"system_chain"}"#;
    for id in 0..2_000 {
        ws.text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"chain_getHead"}}"#)).await;
        ws.text(notification).await;
        ws.text(&format!("[{notification}]")).await;
    }
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < 2_000 {
        let answer = ws.message().await.unwrap();
        assert!(answer["result"].is_string(), "slowed down and not refused: {answer}");
        assert!(answered.insert(answer["id"].as_u64().unwrap()));
    }
}

#[tokio::test]
async fn a_connection_that_was_used_does_not_become_a_websocket() {
    let world = world().await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(&post_bytes(CHAIN, "")).await.unwrap();
    assert_eq!(read_answer(&mut socket).await.unwrap().status, 200);
    assert_eq!(Ws::over(socket, world.address, "").await.err(), Some(Some(400)));
}

#[tokio::test]
async fn a_websocket_that_answers_no_pings_is_closed_and_one_that_does_is_not() {
    let limits = Limits {
        ping_interval: Duration::from_millis(200),
        ping_dead: Duration::from_millis(500),
        ..Limits::default()
    };
    let world = world_with(limits).await;
    let (mut dead, mut alive) = (Ws::connect(world.address).await, Ws::connect(world.address).await);
    let living = async { alive.message().await };
    tokio::select! {
        () = closed(&mut dead.socket) => {}
        message = living => panic!("the living one is closed: {message:?}"),
    }
    assert_eq!(alive.call("system_chain", Value::Null).await, Ok(json!("Toy")));
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_on_http_and_on_websocket() {
    let world = world().await;
    let asked = |headers: &str| {
        format!(
            "POST / HTTP/1.1\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{CHAIN}",
            CHAIN.len()
        )
    };
    for (headers, status) in [
        ("host: 127.0.0.1:9944\r\n", 200),
        ("host: localhost\r\norigin: http://localhost:3000\r\n", 200),
        ("host: evil.example\r\n", 403),
        ("", 403),
        ("host: localhost\r\norigin: https://evil.example\r\n", 403),
        ("host: localhost\r\norigin: null\r\n", 403),
    ] {
        assert_eq!(raw(world.address, asked(headers).as_bytes()).await.unwrap().status, status, "{headers:?}");
    }
    assert_eq!(Ws::try_connect(world.address, "origin: https://evil.example\r\n").await.err(), Some(Some(403)));
    assert!(Ws::try_connect(world.address, &format!("origin: http://{}\r\n", world.address)).await.is_ok());
    let figures = world.server.figures();
    assert_eq!((figures.refused_for(Cause::Host), figures.refused_for(Cause::Origin)), (2, 3));
}

#[tokio::test]
async fn listed_hosts_and_origins_are_served() {
    let config = ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        hosts: vec!["node.example".into()],
        origins: vec!["https://portal.example".into()],
        ..ServerConfig::default()
    };
    let world = world_from(config, Toy::default().into()).await;
    let request = format!(
        "POST / HTTP/1.1\r\nhost: node.example\r\norigin: https://portal.example\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{CHAIN}",
        CHAIN.len()
    );
    assert_eq!(raw(world.address, request.as_bytes()).await.unwrap().status, 200);
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn beyond_loopback_there_is_no_server_without_a_token() {
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let config = ServerConfig { listen, ..ServerConfig::default() };
    let refused = Server::start(config, std::sync::Arc::new(Toy::default()), &[]).await;
    assert!(matches!(refused.err(), Some(StartError::NeedsToken { .. })));
}

#[tokio::test]
async fn with_a_token_only_its_bearer_is_served() {
    let token = Some(Token::new(TOKEN).unwrap());
    let config = ServerConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), token, ..ServerConfig::default() };
    let world = world_from(config, Toy::default().into()).await;
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    for (headers, status) in [("", 401), ("authorization: Bearer wrong\r\n", 401), (bearer.as_str(), 200)] {
        let answer = raw(world.address, &post_bytes(CHAIN, headers)).await.unwrap();
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.head.contains("www-authenticate: bearer"), status == 401);
    }
    assert_eq!(Ws::try_connect(world.address, "").await.err(), Some(Some(401)));
    assert_eq!(world.server.figures().refused_for(Cause::Token), 3);
    assert!(Ws::try_connect(world.address, &bearer).await.is_ok());
}

#[tokio::test]
async fn guessing_a_token_slows_down() {
    let token = Some(Token::new(TOKEN).unwrap());
    let limits = Limits { rate_refused: 2, ..Limits::default() };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let world =
        world_from(ServerConfig { listen, token, limits, ..ServerConfig::default() }, Toy::default().into()).await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(raw(world.address, &post_bytes(CHAIN, "")).await.unwrap().status);
    }
    assert_eq!(statuses[..2], [401, 401]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn other_methods_and_content_types_are_refused() {
    let world = world().await;
    assert_eq!(raw(world.address, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap().status, 405);
    assert_eq!(world.server.figures().refused_for(Cause::Method), 1);
    let plain = post_bytes(CHAIN, "").iter().map(|byte| *byte as char).collect::<String>();
    let plain = plain.replace("application/json", "text/plain");
    assert_eq!(raw(world.address, plain.as_bytes()).await.unwrap().status, 415);
    let h2 = raw(world.address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(h2.is_none_or(|answer| answer.status == 400));
    assert_eq!(post(world.address, CHAIN).await.json()["result"], "Toy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_running_calls_answer_and_takes_no_more() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let sleep = json!(["Toy_sleep", hex::encode(500u32.to_le_bytes())]);
    let request = json!({ "jsonrpc": "2.0", "id": 5, "method": "state_call", "params": sleep }).to_string();
    ws.text(&request).await;
    let mut http = TcpStream::connect(world.address).await.unwrap();
    http.write_all(&post_bytes(&request, "")).await.unwrap();
    while world.server.figures().calls < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (server, address) = (world.server, world.address);
    let stopping = tokio::spawn(server.stop());
    assert_eq!(ws.message().await.unwrap()["result"], "0x");
    assert_eq!(read_answer(&mut http).await.unwrap().json()["result"], "0x");
    assert_eq!(ws.message().await, None, "then the socket is closed");
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever_for_those_who_do_not_leave() {
    let limits = Limits { stop_time: Duration::from_millis(300), ..Limits::default() };
    let world = world_with(limits).await;
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    let mut ws = Ws::connect(world.address).await;
    ws.subscribe("chain_subscribeNewHeads", json!([])).await;
    while world.server.figures().sockets_open < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    timeout(PATIENCE, world.server.stop()).await.expect("it stops");
    closed(&mut half).await;
}
