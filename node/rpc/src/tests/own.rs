//! Our own methods, methods from outside, and the description of all.

use std::sync::Arc;

use parity_scale_codec::Encode;
use salus_primitives::runtime_api::Changes;
use serde_json::{Value, json};

use super::wire::{call, world};
use crate::{
    Args, Extension, RpcError, Server, ServerConfig, StartError, hexes,
    table::{Method, Shape, required},
    toy::Toy,
};

#[tokio::test]
async fn health_and_version_tell_where_the_node_stands() {
    let world = world().await;
    let hash = world.toy.make_block();
    let health = call(world.address, "salus_health", json!([])).await.unwrap();
    assert_eq!(health["height"], 1);
    assert_eq!(health["hash"], hash.to_string());
    assert_eq!(health["time"], 1_000);
    assert_eq!(health["poolExtrinsics"], 0);
    let version = call(world.address, "salus_version", json!([])).await.unwrap();
    assert_eq!(version["specName"], "toy");
    assert_eq!(version["nodeVersion"], "0.1.0");
}

#[tokio::test]
async fn a_proof_comes_with_all_that_its_verifier_needs() {
    let world = world().await;
    let hash = world.toy.make_block_with(Changes::from([(b"k".to_vec(), Some(b"v".to_vec()))]));
    let key = hexes::encode(b"k");
    let answer = call(world.address, "salus_proof", json!([[key, "0x00"], hash.to_string()])).await.unwrap();
    assert_eq!(answer["at"], hash.to_string());
    assert_eq!(answer["values"], json!([hexes::encode(b"v"), null]));
    assert_eq!(answer["certificate"], "0xce01");
    assert_eq!(answer["proof"].as_array().unwrap().len(), 2);
    let header = hexes::decode(answer["header"].as_str().unwrap()).unwrap();
    assert_eq!(salus_primitives::crypto::blake2_256(&header), hash);
    let legacy = call(world.address, "state_getReadProof", json!([[key], hash.to_string()])).await.unwrap();
    assert_eq!(
        legacy,
        json!({ "at": hash.to_string(), "proof": [hexes::encode((b"k".to_vec(), Some(b"v".to_vec())).encode())] })
    );
}

const ECHO: Method =
    Method::call("test_echo", &["test_echoAlias"], &[required("value", Shape::Text)], Shape::Text, "Echo.");

fn echo() -> Vec<Extension> {
    let run = |args: &Args| match args.text(0)? {
        "wrong" => Err(RpcError::Other { code: -32100, message: "as asked".into(), data: None }),
        text => Ok(json!(text)),
    };
    vec![Extension { method: ECHO, run: Arc::new(run) }]
}

fn anywhere() -> ServerConfig {
    ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() }
}

#[tokio::test]
async fn a_method_from_outside_is_served_listed_and_described() {
    let server = Server::start(anywhere(), Arc::new(Toy::default()), &[&echo()]).await.unwrap();
    for name in ["test_echo", "test_echoAlias"] {
        assert_eq!(call(server.address(), name, json!(["hi"])).await, Ok(json!("hi")));
        assert_eq!(call(server.address(), name, json!(["wrong"])).await, Err(-32100));
        assert_eq!(call(server.address(), name, json!([])).await, Err(-32602));
    }
    let listed = call(server.address(), "rpc_methods", Value::Null).await.unwrap();
    assert!(listed["methods"].as_array().unwrap().contains(&json!("test_echoAlias")));
}

#[tokio::test]
async fn two_methods_of_one_name_keep_the_server_from_starting() {
    let twice = Server::start(anywhere(), Arc::new(Toy::default()), &[&echo(), &echo()]).await;
    assert!(matches!(twice.err(), Some(StartError::Methods(_))));
}

#[tokio::test]
async fn the_description_names_exactly_the_listed_methods() {
    let world = world().await;
    let document = call(world.address, "rpc.discover", json!([])).await.unwrap();
    assert_eq!(document["openrpc"], "1.3.2");
    let mut described: Vec<String> =
        document["methods"].as_array().unwrap().iter().map(|method| method["name"].as_str().unwrap().into()).collect();
    described.sort();
    let listed = call(world.address, "rpc_methods", json!([])).await.unwrap();
    assert_eq!(listed["methods"], json!(described));
    for method in document["methods"].as_array().unwrap() {
        assert!(method["description"].as_str().is_some_and(|text| text.ends_with('.')), "{method}");
        assert!(method["result"]["schema"].is_object(), "{method}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_so() {
    let world = world().await;
    let config = ServerConfig { listen: world.address, ..ServerConfig::default() };
    let refused = Server::start(config, Arc::new(Toy::default()), &[]).await;
    assert!(matches!(refused.err(), Some(StartError::Bind { address, .. }) if address == world.address));
}
