//! What a node's answer means, and what becomes of asking where no node is.

use std::{net::SocketAddr, path::Path};

use salus_primitives::Height;
use salus_rpc::{
    NodeStatus, Server, ServerConfig, Token,
    toy::{Toy, four_hospitals},
};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpListener};

use super::*;
use crate::cli::ChainArgs;

async fn serve(toy: Toy, token: Option<Token>) -> (Server, String) {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = ServerConfig { listen, token, ..ServerConfig::default() };
    let server = Server::start(config, std::sync::Arc::new(toy), &[]).await.unwrap();
    let url = format!("ws://{}", server.address());
    (server, url)
}

async fn status_of(status: NodeStatus) -> Status {
    let toy = Toy::default();
    toy.stand(status);
    let (_server, url) = serve(toy, None).await;
    Status::deserialize(ask(&url, None).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_node_with_its_peers_is_in_sync() {
    let status = status_of(four_hospitals()).await;
    let verdict = judge(&status);
    assert_eq!((verdict.state, verdict.in_sync), ("in-sync", true));
    let text = table(&status, &verdict);
    for part in ["toy, salus-node 0.1.0", "one of 4; 3 decide", "3, 3 of them validators", "1.5 s ago", "0 ready"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.ends_with("\nin sync\n"), "{text}");
}

#[tokio::test]
async fn each_way_not_to_be_in_sync_is_told_with_what_to_do() {
    let well = four_hospitals();
    let peers = |count: usize| well.peers[..count].to_vec();
    let follower = NodeStatus { validator: None, in_set: false, ..well.clone() };
    let alone = NodeStatus { validators: 1, quorum: 1, peers: peers(0), ..well.clone() };
    let old = Duration::from_secs(13);
    for (status, state) in [
        (NodeStatus { peers: peers(2), ..well.clone() }, "in-sync"),
        (NodeStatus { peers: peers(1), ..well.clone() }, "no-quorum"),
        (NodeStatus { peers: peers(1), heartbeat_age: old, behind: 9, ..well.clone() }, "no-quorum"),
        (NodeStatus { behind: 1, ..well.clone() }, "in-sync"),
        (NodeStatus { behind: 2, ..well.clone() }, "behind"),
        (NodeStatus { behind: 2, heartbeat_age: old, ..well.clone() }, "behind"),
        (NodeStatus { heartbeat_age: Duration::from_secs(12), ..well.clone() }, "in-sync"),
        (NodeStatus { heartbeat_age: old, ..well.clone() }, "stalled"),
        (NodeStatus { silent_until: Some(Height(7)), ..well.clone() }, "not-signing"),
        (NodeStatus { silent_until: Some(Height(7)), behind: 2, ..well.clone() }, "behind"),
        (NodeStatus { silent_until: Some(Height(7)), in_set: false, ..well.clone() }, "in-sync"),
        (NodeStatus { peers: peers(1), ..follower.clone() }, "in-sync"),
        (NodeStatus { peers: peers(0), ..follower }, "alone"),
        (alone.clone(), "in-sync"),
        (NodeStatus { in_set: false, ..alone }, "alone"),
    ] {
        let verdict = judge(&status_of(status.clone()).await);
        assert_eq!(verdict.state, state, "{status:?}");
        assert_eq!(verdict.in_sync, state == "in-sync");
        assert!(verdict.in_sync || verdict.advice.contains("see"), "{}", verdict.advice);
    }
}

#[tokio::test]
async fn a_follower_says_that_it_does_not_vote() {
    let status = status_of(NodeStatus { validator: None, in_set: false, ..four_hospitals() }).await;
    assert!(table(&status, &judge(&status)).contains("no: it follows the 4 that decide"));
    let status = status_of(NodeStatus { in_set: false, ..four_hospitals() }).await;
    assert!(table(&status, &judge(&status)).contains("not among the 4 that decide"));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(&format!("ws://{gone}"), None).await.unwrap_err();
    assert!(matches!(error, StatusError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("see whether it runs"), "{error}");
}

/// Somebody who reads a request and answers with this, whoever asks.
async fn stranger(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4_096]).await;
        let _ = socket.write_all(answer).await;
    });
    url
}

#[tokio::test]
async fn a_stranger_is_not_taken_for_a_node() {
    let page = stranger(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let error = ask(&page, None).await.unwrap_err().to_string();
    assert!(error.contains("no JSON") && error.contains("JSON-RPC?"), "{error}");
    let rubbish = stranger(b"220 mail.example ESMTP\r\n").await;
    assert!(matches!(ask(&rubbish, None).await, Err(StatusError::Unreachable { .. })));
    let older = stranger(
        b"HTTP/1.1 200 OK\r\ncontent-length: 78\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}  ",
    )
    .await;
    let error = ask(&older, None).await.unwrap_err().to_string();
    assert!(error.contains("another release"), "{error}");
}

#[tokio::test]
async fn where_a_token_is_needed_it_is_asked_for_and_taken() {
    let secret = "0123456789abcdef0123456789abcdef";
    let (_server, url) = serve(Toy::default(), Some(Token::new(secret).unwrap())).await;
    let error = ask(&url, None).await.unwrap_err().to_string();
    assert!(error.contains("--rpc-token-file"), "{error}");
    assert!(ask(&url, Some(secret)).await.is_ok());
}

#[test]
fn only_a_host_and_port_without_tls_can_be_asked() {
    for good in ["ws://127.0.0.1:9944", "http://localhost:1/", "[::1]:9944", "node.example:65535"] {
        assert!(authority(good).is_ok(), "{good}");
    }
    for bad in [
        "wss://node.example:443",
        "https://x:1",
        "ftp://x:1",
        "localhost",
        "ws://x",
        "ws://x:0x1",
        "x:70000",
        "ws://a@b:1",
        "ws://x:1/path",
        "",
    ] {
        assert!(matches!(authority(bad), Err(StatusError::Url { .. })), "{bad}");
    }
}

fn of_folder(folder: &Path) -> StatusArgs {
    let chain = ChainArgs { chain: Some("dev".into()), base_path: Some(folder.to_owned()) };
    StatusArgs { chain, ..StatusArgs::default() }
}

#[test]
fn the_address_comes_from_the_flag_or_the_running_nodes_folder_or_is_the_usual_one() {
    let folder = tempfile::tempdir().unwrap();
    let args = of_folder(folder.path());
    let error = url_of(&args).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(StatusError::NotRunning { .. })), "{error}");
    assert!(error.to_string().contains("salus-node run"), "{error}");
    fs::create_dir(folder.path().join("dev")).unwrap();
    fs::write(folder.path().join("dev/rpc"), "ws://127.0.0.1:4711\n").unwrap();
    assert_eq!(url_of(&args).unwrap(), "ws://127.0.0.1:4711");
    assert_eq!(url_of(&StatusArgs { rpc: Some("ws://x:1".into()), ..args }).unwrap(), "ws://x:1");
    assert_eq!(url_of(&StatusArgs::default()).unwrap(), DEFAULT_URL);
    fs::remove_file(folder.path().join("dev/rpc")).unwrap();
    fs::create_dir(folder.path().join("dev/rpc")).unwrap();
    let error = url_of(&of_folder(folder.path())).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(StatusError::AddressFile { .. })), "{error}");
}
