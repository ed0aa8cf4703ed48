//! Extrinsics watched by both families, and broadcast.

use parity_scale_codec::Encode;
use serde_json::{Value, json};

use super::wire::{PATIENCE, Ws, call, world};
use crate::{
    backend::{Backend, Refusal},
    hexes,
    toy::put,
};

fn wire(nonce: u32) -> Value {
    json!([hexes::encode(put(1, nonce, b"key", Some(b"value")).encode())])
}

#[tokio::test]
async fn a_watched_extrinsic_is_ready_in_a_block_and_final() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("author_submitAndWatchExtrinsic", wire(0)).await;
    let first = ws.notification().await.unwrap();
    assert_eq!(first["method"], "author_extrinsicUpdate");
    assert_eq!(first["params"], json!({ "subscription": id, "result": "ready" }));
    let hash = world.toy.make_block().to_string();
    assert_eq!(ws.item().await, json!({ "inBlock": hash }));
    assert_eq!(ws.item().await, json!({ "finalized": hash }));
    assert!(ws.is_quiet().await);
}

#[tokio::test]
async fn an_extrinsic_ahead_of_its_turn_is_future() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    ws.subscribe("author_submitAndWatchExtrinsic", wire(1)).await;
    assert_eq!(ws.item().await, json!("future"));
}

#[tokio::test]
async fn an_invalid_extrinsic_is_an_error_to_author_and_an_event_to_transaction_watch() {
    let world = world().await;
    call(world.address, "author_submitExtrinsic", wire(0)).await.unwrap();
    world.toy.make_block();
    let mut ws = Ws::connect(world.address).await;
    let stale = json!([hexes::encode(put(1, 0, b"other", None).encode())]);
    assert_eq!(ws.call("author_submitAndWatchExtrinsic", stale.clone()).await, Err(1010));
    ws.subscribe("transactionWatch_v1_submitAndWatch", stale).await;
    let told = ws.notification().await.unwrap();
    assert_eq!(told["method"], "transactionWatch_v1_watchEvent");
    let text = "Transaction is outdated: its nonce is already used";
    assert_eq!(told["params"]["result"], json!({ "event": "invalid", "error": text }));
    ws.subscribe("transactionWatch_v1_submitAndWatch", json!(["0x0102"])).await;
    assert_eq!(ws.item().await["event"], "invalid");
    world.toy.refuse(Some(Refusal::PoolFull));
    ws.subscribe("transactionWatch_v1_submitAndWatch", wire(1)).await;
    assert_eq!(ws.item().await["event"], "dropped");
    assert_eq!(ws.call("transactionWatch_v1_submitAndWatch", json!(["0xz"])).await, Err(-32602));
}

#[tokio::test]
async fn transaction_watch_tells_validated_included_and_finalised() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    call(world.address, "author_submitExtrinsic", wire(0)).await.unwrap();
    let id = ws.subscribe("transactionWatch_v1_submitAndWatch", wire(1)).await;
    assert_eq!(ws.item().await, json!({ "event": "validated" }));
    let hash = world.toy.make_block().to_string();
    let block = json!({ "hash": hash, "index": 1 });
    assert_eq!(ws.item().await, json!({ "event": "bestChainBlockIncluded", "block": block }));
    assert_eq!(ws.item().await, json!({ "event": "finalized", "block": block }));
    assert!(ws.is_quiet().await);
    assert_eq!(ws.call("transactionWatch_v1_unwatch", json!([id])).await, Ok(Value::Null));
}

#[tokio::test]
async fn an_extrinsic_overtaken_in_the_pool_is_told_invalid() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let other = json!([hexes::encode(put(1, 0, b"other", None).encode())]);
    call(world.address, "author_submitExtrinsic", wire(0)).await.unwrap();
    ws.subscribe("author_submitAndWatchExtrinsic", other.clone()).await;
    assert_eq!(ws.item().await, json!("ready"));
    world.toy.make_block();
    assert_eq!(ws.item().await, json!("invalid"));
}

#[tokio::test]
async fn a_broadcast_says_nothing_and_its_bytes_come_back_in_the_block() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.call("transaction_v1_broadcast", wire(0)).await.unwrap();
    assert!(id.is_string());
    let hash = world.toy.make_block().to_string();
    let block = ws.call("chain_getBlock", json!([hash])).await.unwrap();
    assert_eq!(block["block"]["extrinsics"], wire(0));
    assert_eq!(ws.call("transaction_v1_stop", json!([id])).await, Ok(Value::Null));
    assert_eq!(ws.call("transaction_v1_stop", json!([id])).await, Err(-32602));
    let rubbish = ws.call("transaction_v1_broadcast", json!(["0x00"])).await.unwrap();
    assert!(rubbish.is_string(), "validity is never told");
}

#[tokio::test]
async fn a_broadcast_is_tried_again_while_the_pool_is_full_and_no_more_once_stopped() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    world.toy.refuse(Some(Refusal::PoolFull));
    ws.call("transaction_v1_broadcast", wire(0)).await.unwrap();
    let stopped = ws.call("transaction_v1_broadcast", wire(1)).await.unwrap();
    ws.call("transaction_v1_stop", json!([stopped])).await.unwrap();
    world.toy.refuse(None);
    // Each block is an occasion to try again.
    tokio::time::timeout(PATIENCE, async {
        while world.toy.pool_status().extrinsics() == 0 && world.toy.finalised().1.number.0 < 1_000 {
            world.toy.make_block();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let pending = ws.call("author_pendingExtrinsics", json!([])).await.unwrap();
    let head = ws.call("chain_getBlock", json!([])).await.unwrap()["block"]["extrinsics"].clone();
    assert!(pending == wire(0) || head == wire(0), "{pending} {head}");
}

#[tokio::test]
async fn a_watch_that_is_ended_or_disconnected_frees_its_place() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("author_submitAndWatchExtrinsic", wire(0)).await;
    ws.item().await;
    ws.subscribe("chain_subscribeNewHeads", json!([])).await;
    ws.item().await;
    assert_eq!(world.server.figures().subscriptions_open, 2);
    assert_eq!(ws.call("author_unwatchExtrinsic", json!([id])).await, Ok(json!(true)));
    drop(ws);
    tokio::time::timeout(PATIENCE, async {
        while world.server.figures().subscriptions_open > 0 || world.server.figures().sockets_open > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("nothing is left of a closed connection");
}
