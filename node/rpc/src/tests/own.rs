//! Our own methods, methods from outside, and the description of all.

use std::sync::Arc;

use parity_scale_codec::Encode;
use salus_primitives::{
    Height,
    jump::{self, Jump},
    runtime_api::Changes,
    validator_set::ValidatorSet,
};
use serde_json::{Value, json};

use super::wire::{World, call, world};
use crate::{
    Args, Backend as _, Extension, NodeStatus, PeerStatus, RpcError, Server, ServerConfig, StartError, hexes,
    table::{Method, Shape, required},
    toy::{Toy, four_hospitals, put},
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
async fn the_status_tells_height_peers_pool_and_place_in_the_set() {
    let world = world().await;
    let hash = world.toy.make_block();
    for extrinsic in [put(1, 0, b"k", None), put(1, 2, b"k", None)] {
        call(world.address, "author_submitExtrinsic", json!([hexes::encode(extrinsic.encode())])).await.unwrap();
    }
    let stands = four_hospitals();
    let [first, second, third] = [0, 1, 2].map(|place| stands.peers[place]);
    world.toy.stand(NodeStatus {
        round: 2,
        peers: vec![
            PeerStatus { tip: Some(Height(9)), ..first },
            PeerStatus { tip: None, ..second },
            PeerStatus { validator: false, ..third },
        ],
        behind: 8,
        silent_until: Some(Height(7)),
        ..stands.clone()
    });
    let status = call(world.address, "salus_status", json!([])).await.unwrap();
    let genesis = call(world.address, "chainSpec_v1_genesisHash", json!([])).await.unwrap();
    let bytes = put(1, 0, b"k", None).wire_len() + put(1, 2, b"k", None).wire_len();
    assert_eq!(
        status,
        json!({
            "name": "toy",
            "version": "0.1.0",
            "chain": "Toy",
            "genesis": genesis,
            "height": 1,
            "hash": hash.to_string(),
            "round": 2,
            "validator": stands.validator.unwrap().to_string(),
            "inSet": true,
            "silentUntil": 7,
            "validators": 4,
            "quorum": 3,
            "validatorsReached": 3,
            "peers": [
                { "key": hexes::encode(first.key.0), "validator": true, "tip": 9 },
                { "key": hexes::encode(second.key.0), "validator": true, "tip": null },
                { "key": hexes::encode(third.key.0), "validator": false, "tip": 0 },
            ],
            "shouldHavePeers": true,
            "behind": 8,
            "syncing": true,
            "pool": { "ready": 1, "waiting": 1, "bytes": bytes },
            "heartbeatAgeMs": 1_500,
        })
    );
    let health = call(world.address, "salus_health", json!([])).await.unwrap();
    assert_eq!((&health["peers"], &health["isSyncing"]), (&json!(3), &json!(true)));
    let health = call(world.address, "system_health", json!([])).await.unwrap();
    assert_eq!(health, json!({ "peers": 3, "isSyncing": true, "shouldHavePeers": true }));
}

#[tokio::test]
async fn a_node_without_a_key_says_null_and_counts_only_its_peers() {
    let world = world().await;
    world.toy.stand(NodeStatus { validator: None, in_set: false, behind: 1, ..four_hospitals() });
    let status = call(world.address, "salus_status", json!([])).await.unwrap();
    assert_eq!((&status["validator"], &status["inSet"]), (&Value::Null, &json!(false)));
    assert_eq!((&status["validatorsReached"], &status["syncing"]), (&json!(3), &json!(false)));
}

#[test]
fn only_the_one_validator_of_a_chain_needs_no_peers() {
    let alone = NodeStatus { validators: 1, quorum: 1, peers: Vec::new(), ..four_hospitals() };
    assert!(!alone.should_have_peers());
    assert!(NodeStatus { in_set: false, ..alone.clone() }.should_have_peers());
    assert!(NodeStatus { validators: 2, ..alone }.should_have_peers());
}

#[tokio::test]
async fn a_proof_comes_with_all_that_its_verifier_needs() {
    let world = world().await;
    let hash = world.toy.make_block_with(Changes::from([(b"k".to_vec(), Some(b"v".to_vec()))]));
    let key = hexes::encode(b"k");
    let answer = call(world.address, "salus_proof", json!([[key, "0x00"], hash.to_string()])).await.unwrap();
    assert_eq!(answer["at"], hash.to_string());
    assert_eq!(answer["values"], json!([hexes::encode(b"v"), null]));
    let certificate = hexes::decode(answer["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(world.toy.justification(&hash), Some(certificate));
    assert_eq!(answer["proof"].as_array().unwrap().len(), 2);
    let header = hexes::decode(answer["header"].as_str().unwrap()).unwrap();
    assert_eq!(salus_primitives::crypto::blake2_256(&header), hash);
    let legacy = call(world.address, "state_getReadProof", json!([[key], hash.to_string()])).await.unwrap();
    assert_eq!(
        legacy,
        json!({ "at": hash.to_string(), "proof": [hexes::encode((b"k".to_vec(), Some(b"v".to_vec())).encode())] })
    );
}

/// The jumps that the node answers from a set on, whole and of its chain.
async fn jumps_from(world: &World, set_id: u64) -> (u64, Vec<Jump>) {
    let answer = call(world.address, "salus_jumps", json!([set_id])).await.unwrap();
    let file = hexes::decode(answer["jumps"].as_str().unwrap()).unwrap();
    (answer["setId"].as_u64().unwrap(), jump::from_file(&file, &world.toy.identity().genesis).unwrap())
}

fn first_set(toy: &Toy) -> ValidatorSet {
    let genesis = toy.hash_at(Height(0)).unwrap();
    toy.runtime().validators(&*toy.state_at(&genesis).unwrap())
}

#[tokio::test]
async fn the_jumps_lead_from_any_set_to_the_newest() {
    let world = world().await;
    let first = first_set(&world.toy);
    assert_eq!(jumps_from(&world, 0).await, (0, vec![]), "genesis alone changed nothing");
    for height in 1..=20u32 {
        // In the first block, in two that follow each other, and in the newest.
        if [1, 7, 8, 20].contains(&height) {
            world.toy.change_validators();
        }
        world.toy.make_block();
    }
    let genesis = world.toy.identity().genesis;
    let (newest, all) = jumps_from(&world, 0).await;
    assert_eq!(newest, 4);
    assert_eq!(all.iter().map(|jump| jump.header.number.0).collect::<Vec<_>>(), [1, 7, 8, 20]);
    assert_eq!(jump::verify(&genesis, &first, &all).map(|set| set.set_id), Ok(4));
    for from in 1..=4usize {
        let (newest, rest) = jumps_from(&world, from as u64).await;
        assert_eq!((newest, &rest[..]), (4, &all[from..]));
    }
    assert_eq!(jumps_from(&world, 9).await, (4, vec![]), "a set that is not there yet");
}

#[tokio::test]
async fn many_jumps_come_in_several_answers() {
    let world = world().await;
    let mut known = first_set(&world.toy);
    for _ in 0..40 {
        world.toy.change_validators();
        world.toy.make_block();
    }
    let genesis = world.toy.identity().genesis;
    let (mut after, mut counts) = (Height(0), Vec::new());
    while let (_, jumps) = jumps_from(&world, known.set_id).await
        && let Some(last) = jumps.last()
    {
        known = jump::verify_after(after, &genesis, &known, &jumps).unwrap();
        (after, counts) = (last.header.number, [counts, vec![jumps.len()]].concat());
    }
    assert_eq!((known.set_id, counts), (40, vec![32, 8]));
}

#[tokio::test]
async fn jumps_are_asked_for_by_a_number() {
    let world = world().await;
    for params in [json!([]), json!(["first"]), json!([-1])] {
        assert_eq!(call(world.address, "salus_jumps", params).await, Err(-32602));
    }
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
