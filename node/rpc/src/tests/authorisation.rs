//! Who may call what: every method by every caller. There is one door for all of them, and behind it no method that
//! does more than read the public state or put an extrinsic into the pool.

use std::{collections::BTreeSet, net::SocketAddr};

use parity_scale_codec::Encode;
use serde_json::{Value, json};

use super::wire::{Ws, call, raw, world, world_from};
use crate::{Limits, ServerConfig, Token, hexes, toy::Toy, toy::put};

/// What a method does.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Does {
    /// It tells something that whoever reaches the node may know.
    Reads,
    /// It ends what the same connection began.
    Ends,
    /// It puts an extrinsic into the pool, which its signature entitles to be there.
    Submits,
}

/// Every name that can be called.
#[rustfmt::skip]
const METHODS: &[(Does, &[&str])] = &[
    (Does::Reads, &["rpc_methods", "rpc.discover"]),
    (Does::Reads, &["system_chain", "system_name", "system_version", "system_properties", "system_health", "system_peers"]),
    (Does::Reads, &["system_accountNextIndex", "account_nextIndex", "system_dryRun", "system_dryRunAt"]),
    (Does::Reads, &["chain_getBlockHash", "chain_getHead", "chain_getFinalizedHead", "chain_getFinalisedHead"]),
    (Does::Reads, &["chain_getHeader", "chain_getBlock", "chain_getRuntimeVersion", "chain_subscribeRuntimeVersion"]),
    (Does::Reads, &["chain_subscribeNewHeads", "chain_subscribeNewHead", "subscribe_newHead", "chain_subscribeAllHeads"]),
    (Does::Reads, &["chain_subscribeFinalizedHeads", "chain_subscribeFinalisedHeads"]),
    (Does::Ends,  &["chain_unsubscribeNewHeads", "chain_unsubscribeNewHead", "unsubscribe_newHead"]),
    (Does::Ends,  &["chain_unsubscribeAllHeads", "chain_unsubscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads"]),
    (Does::Ends,  &["chain_unsubscribeRuntimeVersion", "state_unsubscribeRuntimeVersion", "state_unsubscribeStorage"]),
    (Does::Reads, &["state_getRuntimeVersion", "state_subscribeRuntimeVersion", "state_getMetadata"]),
    (Does::Reads, &["state_call", "state_callAt", "state_getStorage", "state_getStorageAt", "state_getStorageHash"]),
    (Does::Reads, &["state_getStorageHashAt", "state_getStorageSize", "state_getStorageSizeAt", "state_getKeysPaged"]),
    (Does::Reads, &["state_getKeysPagedAt", "state_queryStorageAt", "state_subscribeStorage", "state_getReadProof"]),
    (Does::Submits, &["author_submitExtrinsic", "author_submitAndWatchExtrinsic"]),
    (Does::Ends,  &["author_unwatchExtrinsic"]),
    (Does::Reads, &["author_pendingExtrinsics", "payment_queryInfo"]),
    (Does::Reads, &["chainSpec_v1_chainName", "chainSpec_v1_genesisHash", "chainSpec_v1_properties"]),
    (Does::Reads, &["chainHead_v1_follow", "chainHead_v1_header", "chainHead_v1_body", "chainHead_v1_call"]),
    (Does::Reads, &["chainHead_v1_storage", "chainHead_v1_continue"]),
    (Does::Ends,  &["chainHead_v1_unfollow", "chainHead_v1_stopOperation", "chainHead_v1_unpin"]),
    (Does::Submits, &["transaction_v1_broadcast", "transactionWatch_v1_submitAndWatch"]),
    (Does::Ends,  &["transaction_v1_stop", "transactionWatch_v1_unwatch"]),
    (Does::Reads, &["salus_version", "salus_health", "salus_status", "salus_proof", "salus_jumps"]),
];

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Who calls: whether the node has a token, what the caller's head says besides the host, and the status of each answer.
#[rustfmt::skip]
const CALLERS: &[(&str, bool, &str, &str, u16)] = &[
    //                                     token  host            more of the head                                        status
    ("a program of this machine",          false, "127.0.0.1",    "",                                                     200),
    ("a page of this machine",             false, "localhost",    "origin: http://localhost:8080\r\n",                    200),
    ("a page of another origin",           false, "127.0.0.1",    "origin: https://evil.example\r\n",                     403),
    ("a page under a name of its own",     false, "evil.example", "origin: https://evil.example\r\n",                     403),
    ("whoever shows no token",             true,  "127.0.0.1",    "",                                                     401),
    ("whoever shows another token",        true,  "127.0.0.1",    "authorization: Bearer 0123456789abcdef0123456789abcdee\r\n", 401),
    ("a page that shows none",             true,  "127.0.0.1",    "origin: http://localhost:8080\r\n",                    401),
    ("whoever shows the token",            true,  "127.0.0.1",    "authorization: Bearer 0123456789abcdef0123456789abcdef\r\n", 200),
    ("a page that shows the token",        true,  "evil.example", "authorization: Bearer 0123456789abcdef0123456789abcdef\r\norigin: https://evil.example\r\n", 200),
];

fn names() -> impl Iterator<Item = (Does, &'static str)> {
    METHODS.iter().flat_map(|(does, names)| names.iter().map(move |name| (*does, *name)))
}

/// A server that refuses nobody for asking often.
async fn patient_world(token: bool) -> super::wire::World {
    let limits = Limits { rate: 100_000, rate_refused: 100_000, sockets_per_address: 10_000, ..Limits::default() };
    let token = token.then(|| Token::new(TOKEN).unwrap());
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    world_from(ServerConfig { listen, token, limits, ..ServerConfig::default() }, Toy::default().into()).await
}

#[tokio::test]
async fn every_method_that_is_served_is_in_the_table() {
    let world = world().await;
    let listed = call(world.address, "rpc_methods", Value::Null).await.unwrap();
    let listed: BTreeSet<&str> =
        listed["methods"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names().map(|(_, name)| name).collect::<BTreeSet<_>>(), listed);
    assert_eq!(names().count(), listed.len(), "a name stands twice");
}

#[tokio::test]
async fn every_caller_reaches_every_method_or_none() {
    for (caller, token, host, more, status) in CALLERS {
        let world = patient_world(*token).await;
        for (_, name) in names() {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": name, "params": [] }).to_string();
            let head = format!(
                "POST / HTTP/1.1\r\nhost: {host}\r\n{more}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let answer = raw(world.address, format!("{head}{body}").as_bytes()).await.unwrap();
            assert_eq!(answer.status, *status, "{caller}: {name}");
            assert_eq!(answer.body.contains("jsonrpc"), *status == 200, "{caller}: {name}: {}", answer.body);
        }
        if *host != "127.0.0.1" {
            continue; // The WebSockets of these tests name the address as their host.
        }
        match Ws::try_connect(world.address, more).await {
            Err(refused) => assert_eq!(refused, Some(*status), "{caller}"),
            Ok(mut ws) => {
                assert_eq!(*status, 200, "{caller}");
                for (_, name) in names() {
                    assert_ne!(ws.call(name, json!([])).await, Err(-32601), "{caller}: {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_what_submits_puts_an_extrinsic_into_the_pool() {
    let world = patient_world(false).await;
    let mut ws = Ws::connect(world.address).await;
    let mut pool: Vec<Value> = Vec::new();
    for (does, name) in names() {
        let nonce = u32::try_from(pool.len()).unwrap();
        let extrinsic = json!(hexes::encode(put(1, nonce, b"key", Some(b"value")).encode()));
        let answer = ws.call(name, json!([extrinsic])).await;
        if does == Does::Submits {
            assert!(answer.is_ok(), "{name}: {answer:?}");
            pool.push(extrinsic);
        }
        let found = loop {
            let found = call(world.address, "author_pendingExtrinsics", json!([])).await.unwrap();
            // What is broadcast comes there by a task of its own.
            if found.as_array().unwrap().len() >= pool.len() {
                break found;
            }
        };
        assert_eq!(found, json!(pool), "after {name}");
    }
}
