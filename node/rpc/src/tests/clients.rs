//! The library's own client, as the Rust clients use it.

use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use parity_scale_codec::Encode;
use serde_json::{Value, json};

use super::wire::world;
use crate::{backend::Backend, hexes, toy::put};

async fn next(subscription: &mut Subscription<Value>) -> Value {
    subscription.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_rust_client_follows_reads_submits_and_sees_the_same_final_block_twice() {
    let world = world().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", world.address)).await.unwrap();
    let genesis: String = client.request("chainSpec_v1_genesisHash", rpc_params![]).await.unwrap();
    assert_eq!(genesis, world.toy.identity().genesis.to_string());

    let mut follow: Subscription<Value> =
        client.subscribe("chainHead_v1_follow", rpc_params![true], "chainHead_v1_unfollow").await.unwrap();
    assert_eq!(next(&mut follow).await["event"], "initialized");
    assert_eq!(next(&mut follow).await["event"], "bestBlockChanged");

    let bytes = hexes::encode(put(1, 0, b"key", Some(b"value")).encode());
    let (on, off) = ("transactionWatch_v1_submitAndWatch", "transactionWatch_v1_unwatch");
    let mut watch: Subscription<Value> = client.subscribe(on, rpc_params![bytes], off).await.unwrap();
    assert_eq!(next(&mut watch).await["event"], "validated");
    let hash = world.toy.make_block().to_string();
    assert_eq!(next(&mut watch).await["event"], "bestChainBlockIncluded");
    assert_eq!(next(&mut watch).await["block"]["hash"], hash);
    for event in ["newBlock", "bestBlockChanged", "finalized"] {
        assert_eq!(next(&mut follow).await["event"], event);
    }

    let id = match follow.kind() {
        jsonrpsee::core::client::SubscriptionKind::Subscription(id) => serde_json::to_value(id).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(id.is_string());
    let query = json!([{ "key": hexes::encode(b"key"), "type": "value" }]);
    let started: Value =
        client.request("chainHead_v1_storage", rpc_params![id, hash, query, Value::Null]).await.unwrap();
    assert_eq!(started["result"], "started");
    assert_eq!(next(&mut follow).await["items"][0]["value"], hexes::encode(b"value"));
    assert_eq!(next(&mut follow).await["event"], "operationStorageDone");
    follow.unsubscribe().await.unwrap();
}
