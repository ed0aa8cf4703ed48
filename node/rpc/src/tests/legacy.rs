//! The legacy family over HTTP and WebSocket.

use parity_scale_codec::Encode;
use salus_primitives::{
    Height,
    crypto::{KeyPair, Signature, blake2_256},
    extrinsic::{Era, SignedExtrinsic},
    peer::peer_of,
    runtime_api::Changes,
};
use serde_json::{Value, json};

use super::wire::{Ws, call, post, world};
use crate::{
    backend::{Backend, PeerStatus, Refusal},
    hexes,
    toy::{four_hospitals, put},
};

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    json!(hexes::encode(bytes))
}

/// What each client calls on connecting, and what it looks for in the answer.
#[tokio::test]
async fn the_calls_that_every_client_starts_with_are_answered() {
    let world = world().await;
    let genesis = world.toy.identity().genesis.to_string();
    for (method, expected) in [
        ("system_chain", json!("Toy")),
        ("system_name", json!("salus-toy")),
        ("system_version", json!("0.1.0")),
        ("system_properties", json!({ "ss58Format": 42 })),
        ("system_health", json!({ "peers": 3, "isSyncing": false, "shouldHavePeers": true })),
        ("chain_getHead", json!(genesis)),
        ("chain_getFinalizedHead", json!(genesis)),
        ("chain_getFinalisedHead", json!(genesis)),
        ("chainSpec_v1_chainName", json!("Toy")),
        ("chainSpec_v1_genesisHash", json!(genesis)),
        ("chainSpec_v1_properties", json!({ "ss58Format": 42 })),
        ("author_pendingExtrinsics", json!([])),
        ("state_getMetadata", hex(b"meta\x0e")),
    ] {
        assert_eq!(call(world.address, method, json!([])).await, Ok(expected), "{method}");
    }
}

#[tokio::test]
async fn peers_are_told_with_a_block_that_is_final_here_and_there() {
    let world = world().await;
    let genesis = world.toy.identity().genesis;
    let first = world.toy.make_block();
    let second = world.toy.make_block();
    let mut status = four_hospitals();
    status.peers[0].tip = Some(Height(1));
    status.peers[1].tip = Some(Height(9_000));
    status.peers[2] = PeerStatus { validator: false, tip: None, ..status.peers[2] };
    let ids = status.peers.iter().map(|peer| bs58::encode(&peer_of(&peer.key)[..]).into_string());
    let expected: Vec<Value> = ids
        .zip([("AUTHORITY", first, 1), ("AUTHORITY", second, 2), ("FULL", genesis, 0)])
        .map(|(id, (roles, hash, number))| {
            json!({ "peerId": id, "roles": roles, "bestHash": hash.to_string(), "bestNumber": number })
        })
        .collect();
    assert!(expected.iter().all(|peer| peer["peerId"].as_str().unwrap().starts_with("12D3Koo")));
    world.toy.stand(status);
    assert_eq!(call(world.address, "system_peers", json!([])).await, Ok(json!(expected)));
}

#[tokio::test]
async fn every_listed_method_exists_and_every_alias_is_listed() {
    let world = world().await;
    let listed = call(world.address, "rpc_methods", Value::Null).await.unwrap();
    let listed: Vec<&str> = listed["methods"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in [
        "rpc_methods",
        "rpc.discover",
        "chain_getHead",
        "chain_getFinalisedHead",
        "chain_subscribeNewHead",
        "chain_unsubscribeNewHead",
        "subscribe_newHead",
        "unsubscribe_newHead",
        "chain_subscribeFinalisedHeads",
        "chain_unsubscribeFinalisedHeads",
        "state_getStorageAt",
        "state_getStorageHashAt",
        "state_getStorageSizeAt",
        "state_getKeysPagedAt",
        "state_callAt",
        "chain_getRuntimeVersion",
        "chain_subscribeRuntimeVersion",
        "chain_unsubscribeRuntimeVersion",
        "account_nextIndex",
        "system_dryRunAt",
        "chainHead_v1_follow",
        "chainHead_v1_unfollow",
        "transactionWatch_v1_unwatch",
        "transaction_v1_stop",
        "salus_proof",
    ] {
        assert!(listed.contains(&name), "{name}");
    }
    let mut ws = Ws::connect(world.address).await;
    for name in &listed {
        let answer = ws.call(name, json!([])).await;
        assert_ne!(answer, Err(-32601), "{name} is listed and unknown");
    }
}

#[tokio::test]
async fn an_unlisted_method_is_unknown() {
    let world = world().await;
    for name in ["archive_v1_header", "state_getPairs", "author_rotateKeys", "", "constructor"] {
        assert_eq!(call(world.address, name, json!([])).await, Err(-32601), "{name}");
    }
}

#[tokio::test]
async fn params_may_be_absent_null_or_empty_and_ids_numbers_or_texts() {
    let world = world().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"system_chain"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"system_chain","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"system_chain","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"system_chain","params":{}}"#,
    ] {
        assert_eq!(post(world.address, body).await.json()["result"], "Toy", "{body}");
    }
    let answer = post(world.address, r#"{"jsonrpc":"2.0","id":"a-1","method":"system_chain"}"#).await.json();
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": "a-1", "result": "Toy" }));
}

#[tokio::test]
async fn hex_comes_with_and_without_its_prefix_and_empty() {
    let world = world().await;
    for data in ["0x", ""] {
        let versions = call(world.address, "state_call", json!(["Metadata_metadata_versions", data])).await.unwrap();
        assert_eq!(versions, hex(vec![14u32, 15, 16].encode()), "{data:?}");
    }
    let account = KeyPair::from_seed(&[9; 32]).public();
    let bare = hexes::encode(account.0)[2..].to_owned();
    let nonce = call(world.address, "state_call", json!(["AccountNonceApi_account_nonce", bare, null])).await.unwrap();
    assert_eq!(nonce, hex(0u32.encode()));
}

#[tokio::test]
async fn a_block_and_its_header_have_the_shape_clients_read() {
    let world = world().await;
    let extrinsic = put(1, 0, b"key", Some(b"value"));
    let submitted = call(world.address, "author_submitExtrinsic", json!([hex(extrinsic.encode())])).await.unwrap();
    assert_eq!(submitted, json!(extrinsic.hash().to_string()));
    let made = world.toy.make_block();
    let (hash, certificate) = (made.to_string(), world.toy.justification(&made).unwrap());

    let header = call(world.address, "chain_getHeader", json!([hash])).await.unwrap();
    let on_chain = world.toy.finalised().1;
    assert_eq!(header["number"], "0x1");
    assert_eq!(header["parentHash"], world.toy.identity().genesis.to_string());
    assert_eq!(header["stateRoot"], on_chain.state_root.to_string());
    assert_eq!(header["extrinsicsRoot"], on_chain.extrinsics_root.to_string());
    assert_eq!(header["digest"]["logs"], json!([hexes::encode(on_chain.digest.logs[0].encode())]));

    let block = call(world.address, "chain_getBlock", json!([hash])).await.unwrap();
    assert_eq!(block["block"]["header"], header);
    assert_eq!(block["block"]["extrinsics"], json!([hex(extrinsic.encode())]));
    assert_eq!(block["justifications"], json!([[[83, 65, 76, 83], certificate]]), "arrays of numbers only");

    for params in [json!([1]), json!(["0x1"]), json!([null]), json!([])] {
        assert_eq!(call(world.address, "chain_getBlockHash", params.clone()).await, Ok(json!(hash)), "{params}");
    }
    assert_eq!(call(world.address, "chain_getBlockHash", json!([2])).await, Ok(Value::Null));
    assert_eq!(call(world.address, "chain_getBlockHash", json!([u64::MAX])).await, Ok(Value::Null));
}

#[tokio::test]
async fn an_unknown_block_is_null_to_chain_and_an_error_to_state() {
    let world = world().await;
    let unknown = format!("0x{}", "ab".repeat(32));
    for method in ["chain_getHeader", "chain_getBlock"] {
        assert_eq!(call(world.address, method, json!([unknown])).await, Ok(Value::Null), "{method}");
    }
    for (method, params) in [
        ("state_getStorage", json!(["0x", unknown])),
        ("state_getStorageAt", json!(["0x", unknown])),
        ("state_call", json!(["Core_version", "0x", unknown])),
        ("state_getRuntimeVersion", json!([unknown])),
        ("state_getKeysPaged", json!(["0x", 1, null, unknown])),
        ("state_queryStorageAt", json!([["0x"], unknown])),
        ("state_getReadProof", json!([["0x"], unknown])),
        ("salus_proof", json!([["0x"], unknown])),
    ] {
        assert_eq!(call(world.address, method, params).await, Err(4003), "{method}");
    }
}

#[tokio::test]
async fn pruned_state_is_told_in_the_words_a_client_looks_for() {
    let world = world().await;
    let genesis = world.toy.identity().genesis;
    world.toy.make_block();
    world.toy.prune(&genesis);
    let body =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "state_getStorage", "params": ["0x", genesis.to_string()] });
    let answer = post(world.address, &body.to_string()).await.json();
    let words = format!("Client error: Api called for an unknown Block: State already discarded for {genesis}");
    assert_eq!(answer["error"], json!({ "code": 4003, "message": words }));
}

#[tokio::test]
async fn an_unknown_runtime_function_is_told_in_the_words_a_client_looks_for() {
    let world = world().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"state_call","params":["No_such","0x"]}"#;
    let words = "Client error: Execution failed: Other: Exported method No_such is not found";
    assert_eq!(post(world.address, body).await.json()["error"], json!({ "code": 4003, "message": words }));
}

#[tokio::test]
async fn the_runtime_version_lists_its_interfaces_as_pairs() {
    let world = world().await;
    for method in ["state_getRuntimeVersion", "chain_getRuntimeVersion"] {
        let version = call(world.address, method, json!([])).await.unwrap();
        assert_eq!(version["apis"][0], json!(["0xdf6acb689907609b", 5]));
        for field in [
            "specName",
            "implName",
            "authoringVersion",
            "specVersion",
            "implVersion",
            "transactionVersion",
            "systemVersion",
            "stateVersion",
        ] {
            assert!(!version[field].is_null(), "{field}");
        }
    }
}

#[tokio::test]
async fn values_hashes_and_sizes_are_read_at_any_block() {
    let world = world().await;
    let genesis = world.toy.identity().genesis.to_string();
    world.toy.make_block_with(Changes::from([(b"k".to_vec(), Some(vec![1, 2, 3]))]));
    let key = hex(b"k");
    for alias in ["", "At"] {
        let read = async |what: &str| {
            let method = format!("{what}{alias}");
            (
                call(world.address, &method, json!([key])).await.unwrap(),
                call(world.address, &method, json!([key, genesis])).await.unwrap(),
            )
        };
        assert_eq!(read("state_getStorage").await, (hex([1, 2, 3]), Value::Null));
        assert_eq!(read("state_getStorageHash").await, (json!(blake2_256(&[1, 2, 3]).to_string()), Value::Null));
        assert_eq!(read("state_getStorageSize").await, (json!(3), Value::Null));
    }
    let answer = call(world.address, "state_queryStorageAt", json!([[key, "0x00"], null])).await.unwrap();
    assert_eq!(answer[0]["changes"], json!([[key, "0x010203"], ["0x00", null]]));
}

#[tokio::test]
async fn the_hash_of_code_is_there_and_changes_with_the_runtime() {
    let world = world().await;
    let code = async || call(world.address, "state_getStorageHash", json!(["0x3a636f6465"])).await.unwrap();
    let before = code().await;
    assert!(before.is_string());
    world.toy.make_block();
    assert_eq!(code().await, before);
    world.toy.upgrade();
    world.toy.make_block();
    assert_ne!(code().await, before);
}

#[tokio::test]
async fn pages_of_keys_go_on_after_the_last_and_never_repeat_it() {
    let world = world().await;
    let keys: Vec<Vec<u8>> = (0..25u8).map(|n| vec![b'p', n]).collect();
    world.toy.make_block_with(keys.iter().map(|key| (key.clone(), Some(vec![1]))).collect());
    // Clients pass the prefix itself as the first start.
    let (mut start, mut seen) = (hex(b"p"), Vec::new());
    loop {
        let page = call(world.address, "state_getKeysPaged", json!([hex(b"p"), 10, start, null])).await.unwrap();
        let page = page.as_array().unwrap().clone();
        seen.extend(page.iter().cloned());
        if page.len() < 10 {
            break;
        }
        start = page.last().unwrap().clone();
    }
    assert_eq!(seen, keys.iter().map(hex).collect::<Vec<_>>());
    assert_eq!(
        call(world.address, "state_getKeysPaged", json!([hex(b"p"), 2])).await.unwrap().as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_page_of_too_many_keys_is_an_error_and_not_a_shorter_page() {
    let world = world().await;
    assert!(call(world.address, "state_getKeysPaged", json!(["0x", 1_000])).await.is_ok());
    assert_eq!(call(world.address, "state_getKeysPaged", json!(["0x", 1_001])).await, Err(-32050));
    let keys = |count| json!([vec!["0x00"; count]]);
    assert!(call(world.address, "state_queryStorageAt", keys(1_000)).await.is_ok());
    assert_eq!(call(world.address, "state_queryStorageAt", keys(1_001)).await, Err(-32050));
}

#[tokio::test]
async fn bad_params_are_told_so() {
    let world = world().await;
    for (method, params) in [
        ("state_getStorage", json!([])),
        ("state_getStorage", json!([7])),
        ("state_getStorage", json!(["0x0"])),
        ("state_getStorage", json!(["0x00", "0x00"])),
        ("state_getStorage", json!(["0x00", null, null])),
        ("state_getStorage", json!({ "nonsense": "0x00" })),
        ("state_getStorage", json!("0x00")),
        ("chain_getBlockHash", json!([-1])),
        ("state_getKeysPaged", json!(["0x"])),
        ("state_queryStorageAt", json!(["0x00"])),
        ("system_accountNextIndex", json!(["nobody"])),
        ("author_submitExtrinsic", json!(["0xzz"])),
        ("transaction_v1_stop", json!(["no such id"])),
    ] {
        assert_eq!(call(world.address, method, params.clone()).await, Err(-32602), "{method} {params}");
    }
}

#[tokio::test]
async fn headers_come_without_a_gap_under_their_exact_names() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    for (on, off, name) in [
        ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", "chain_newHead"),
        ("chain_subscribeNewHead", "chain_unsubscribeNewHead", "chain_newHead"),
        ("subscribe_newHead", "unsubscribe_newHead", "chain_newHead"),
        ("chain_subscribeAllHeads", "chain_unsubscribeAllHeads", "chain_allHead"),
        ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", "chain_finalizedHead"),
        ("chain_subscribeFinalisedHeads", "chain_unsubscribeFinalisedHeads", "chain_finalizedHead"),
    ] {
        let id = ws.subscribe(on, json!([])).await;
        let first = ws.notification().await.unwrap();
        assert_eq!(first["method"], name, "{on}");
        assert_eq!(first["params"]["subscription"], id);
        let start = world.toy.finalised().1.number.0;
        assert_eq!(first["params"]["result"]["number"], format!("{start:#x}"), "the newest comes at once");
        // More than the toy's feed holds: the rest is read by height.
        for _ in 0..20 {
            world.toy.make_block();
        }
        for height in start + 1..=start + 20 {
            assert_eq!(ws.item().await["number"], format!("{height:#x}"), "{on}");
        }
        assert_eq!(ws.call(off, json!([id])).await, Ok(json!(true)), "{off}");
        world.toy.make_block();
        assert!(ws.is_quiet().await, "{off} ended it");
    }
}

#[tokio::test]
async fn the_runtime_version_comes_at_once_and_again_when_it_changes() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("state_subscribeRuntimeVersion", json!([])).await;
    let first = ws.notification().await.unwrap();
    assert_eq!(first["method"], "state_runtimeVersion");
    assert_eq!(first["params"]["result"]["specVersion"], 1);
    world.toy.make_block();
    world.toy.upgrade();
    world.toy.make_block();
    assert_eq!(ws.item().await["specVersion"], 2);
    assert_eq!(ws.call("state_unsubscribeRuntimeVersion", json!([id])).await, Ok(json!(true)));
}

#[tokio::test]
async fn a_storage_subscription_starts_with_every_key_and_goes_on_with_changed_ones() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let change = |key: &[u8], value: Option<&[u8]>| Changes::from([(key.to_vec(), value.map(<[u8]>::to_vec))]);
    world.toy.make_block_with(change(b"a", Some(b"1")));
    ws.subscribe("state_subscribeStorage", json!([[hex(b"a"), hex(b"b")]])).await;
    let first = ws.notification().await.unwrap();
    assert_eq!(first["method"], "state_storage");
    assert_eq!(first["params"]["result"]["changes"], json!([[hex(b"a"), hex(b"1")], [hex(b"b"), null]]));
    world.toy.make_block_with(change(b"c", Some(b"3")));
    world.toy.make_block_with(change(b"a", Some(b"1")));
    let hash = world.toy.make_block_with(change(b"b", Some(b"2")));
    let next = ws.item().await;
    assert_eq!(next, json!({ "block": hash.to_string(), "changes": [[hex(b"b"), hex(b"2")]] }));
    world.toy.make_block_with(change(b"a", None));
    assert_eq!(ws.item().await["changes"], json!([[hex(b"a"), null]]));
}

#[tokio::test]
async fn the_next_nonce_counts_what_waits_in_the_pool_up_to_the_first_gap() {
    let world = world().await;
    let address = KeyPair::from_seed(&[1; 32]).public().to_string();
    for (nonce, expected) in [(0, 1), (1, 2), (3, 2)] {
        let extrinsic = put(1, nonce, b"k", None);
        call(world.address, "author_submitExtrinsic", json!([hex(extrinsic.encode())])).await.unwrap();
        for method in ["system_accountNextIndex", "account_nextIndex"] {
            assert_eq!(call(world.address, method, json!([address])).await, Ok(json!(expected)));
        }
    }
    world.toy.make_block();
    assert_eq!(call(world.address, "system_accountNextIndex", json!([address])).await, Ok(json!(2)));
}

#[tokio::test]
async fn a_refused_extrinsic_is_refused_with_its_code_and_its_reason() {
    let world = world().await;
    let submit = async |bytes: Vec<u8>| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "author_submitExtrinsic", "params": [hex(bytes)] });
        post(world.address, &body.to_string()).await.json()["error"].clone()
    };
    let good = put(1, 0, b"k", None).encode();
    let mut trailing = good.clone();
    trailing.push(0);
    for (bytes, code) in [
        (vec![], 1001),
        (good[..good.len() - 1].to_vec(), 1001),
        (trailing, 1001),
        (vec![4, 0x05], 1010),
        (vec![0; 65_537], -32051),
    ] {
        assert_eq!(submit(bytes.clone()).await["code"], code, "{} bytes", bytes.len());
    }
    submit(good.clone()).await;
    assert_eq!(submit(good.clone()).await["code"], 1013);
    world.toy.make_block();
    let stale = submit(put(1, 0, b"other", None).encode()).await;
    assert_eq!(stale["message"], "Invalid Transaction");
    assert_eq!(stale["data"], "Transaction is outdated: its nonce is already used");
    for (class, code) in [
        (Refusal::Banned, 1012),
        (Refusal::PlaceTaken, 1014),
        (Refusal::Dropped, 1016),
        (Refusal::AccountQuota, -32052),
        (Refusal::NonceGap, -32053),
        (Refusal::PoolFull, -32054),
        (Refusal::OrganisationQuota, -32055),
        (Refusal::Busy, -32009),
    ] {
        world.toy.refuse(Some(class));
        let error = submit(good.clone()).await;
        assert_eq!(error["code"], code, "{class:?}");
        assert_eq!(error["data"], "the toy was told to refuse");
    }
}

#[tokio::test]
async fn a_dry_run_tells_success_failure_and_invalidity_in_scale() {
    let world = world().await;
    let run = async |extrinsic: salus_primitives::RawExtrinsic| {
        call(world.address, "system_dryRun", json!([hex(extrinsic.encode())])).await.unwrap()
    };
    assert_eq!(run(put(1, 0, b"k", None)).await, hex([0, 0]));
    assert_eq!(run(salus_primitives::RawExtrinsic(vec![4, 0])).await, hex([1, 0, 4]));
    let signer = KeyPair::from_seed(&[1; 32]).public();
    let failing =
        SignedExtrinsic { signer, signature: Signature([7; 64]), era: Era::Immortal, nonce: 0, call: Vec::new() };
    assert_eq!(run(failing.to_raw()).await, hex([0, 1, 2]), "the call failed: a dispatch error");
    let used = put(1, 0, b"k", None);
    call(world.address, "author_submitExtrinsic", json!([hex(used.encode())])).await.unwrap();
    world.toy.make_block();
    assert_eq!(run(used).await, hex([1, 0, 3]), "its nonce is used");
    let info = call(world.address, "payment_queryInfo", json!([hex(put(1, 0, b"k", None).encode())])).await.unwrap();
    assert_eq!(info["partialFee"], "0");
}

#[tokio::test]
async fn a_dry_run_is_of_a_block_that_is_known_and_by_a_node_that_has_time() {
    let world = world().await;
    let extrinsic = hex(put(1, 0, b"k", None).encode());
    let genesis = world.toy.finalised().0;
    world.toy.make_block();
    for method in ["system_dryRun", "system_dryRunAt"] {
        let at = |hash: salus_primitives::Hash| call(world.address, method, json!([extrinsic, hash.to_string()]));
        assert_eq!(at(genesis).await.unwrap(), hex([0, 0]));
        assert_eq!(at(salus_primitives::Hash([9; 32])).await, Err(4003));
    }
    world.toy.refuse(Some(Refusal::Busy));
    assert_eq!(call(world.address, "system_dryRun", json!([extrinsic])).await, Err(-32009));
    world.toy.prune(&genesis);
    assert_eq!(call(world.address, "system_dryRun", json!([extrinsic, genesis.to_string()])).await, Err(4003));
}
