//! `chainHead_v1`, event by event.

use parity_scale_codec::Encode;
use salus_primitives::{Hash, crypto::blake2_256, runtime_api::Changes};
use serde_json::{Value, json};

use super::wire::{World, Ws, world, world_with};
use crate::{Limits, backend::Backend, hexes, toy::put};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    hexes::encode(bytes)
}

/// Follow from genesis and take the two first events.
async fn follow(world: &World) -> (Ws, String) {
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("chainHead_v1_follow", json!([true])).await;
    assert_eq!(ws.item().await["event"], "initialized");
    assert_eq!(ws.item().await["event"], "bestBlockChanged");
    (ws, id)
}

/// Make a block and take its three events.
async fn block(world: &World, ws: &mut Ws, changes: Changes) -> Hash {
    let hash = world.toy.make_block_with(changes);
    for event in ["newBlock", "bestBlockChanged", "finalized"] {
        assert_eq!(ws.item().await["event"], event);
    }
    hash
}

/// Start an operation and give its id.
async fn start(ws: &mut Ws, method: &str, params: Value) -> String {
    let answer = ws.call(method, params).await.unwrap();
    assert_eq!(answer["result"], "started", "{answer}");
    answer["operationId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn events_come_in_the_order_that_clients_build_their_tree_in() {
    let world = world().await;
    for _ in 0..6 {
        world.toy.make_block();
    }
    let head = world.toy.finalised().0;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("chainHead_v1_follow", json!([true])).await;
    let first = ws.notification().await.unwrap();
    assert_eq!(first["method"], "chainHead_v1_followEvent");
    assert_eq!(first["params"]["subscription"], id);
    let initialized = &first["params"]["result"];
    assert_eq!(initialized["event"], "initialized");
    let hashes: Vec<_> =
        (3..=6).map(|height| world.toy.hash_at(salus_primitives::Height(height)).unwrap().to_string()).collect();
    assert_eq!(initialized["finalizedBlockHashes"], json!(hashes), "oldest first");
    let runtime = &initialized["finalizedBlockRuntime"];
    assert_eq!(runtime["type"], "valid");
    assert_eq!(runtime["spec"]["specVersion"], 1);
    assert_eq!(runtime["spec"]["apis"]["0xdf6acb689907609b"], 5, "an object here");
    assert_eq!(ws.item().await, json!({ "event": "bestBlockChanged", "bestBlockHash": head.to_string() }));

    let mut parent = head;
    for _ in 0..20 {
        world.toy.make_block();
    }
    for height in 7..=26 {
        let hash = world.toy.hash_at(salus_primitives::Height(height)).unwrap();
        let (text, above) = (hash.to_string(), parent.to_string());
        let new = json!({ "event": "newBlock", "blockHash": text, "parentBlockHash": above, "newRuntime": null });
        assert_eq!(ws.item().await, new);
        assert_eq!(ws.item().await, json!({ "event": "bestBlockChanged", "bestBlockHash": text }));
        let last = json!({ "event": "finalized", "finalizedBlockHashes": [text], "prunedBlockHashes": [] });
        assert_eq!(ws.item().await, last);
        parent = hash;
    }
}

#[tokio::test]
async fn a_new_runtime_is_told_with_its_block() {
    let world = world().await;
    let (mut ws, _) = follow(&world).await;
    world.toy.upgrade();
    world.toy.make_block();
    let new = ws.item().await;
    assert_eq!(new["newRuntime"]["spec"]["specVersion"], 2);
}

#[tokio::test]
async fn a_header_is_read_while_it_is_pinned_and_refused_before_and_after() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let hash = block(&world, &mut ws, Changes::new()).await.to_string();
    let header = world.toy.finalised().1;
    assert_eq!(ws.call("chainHead_v1_header", json!([id, hash])).await, Ok(json!(hex(header.encode()))));
    assert_eq!(ws.call("chainHead_v1_unpin", json!([id, hash])).await, Ok(Value::Null));
    let unknown = format!("0x{}", "ab".repeat(32));
    for hash in [&hash, &unknown] {
        for (method, params) in [
            ("chainHead_v1_header", json!([id, hash])),
            ("chainHead_v1_body", json!([id, hash])),
            ("chainHead_v1_call", json!([id, hash, "Core_version", ""])),
            ("chainHead_v1_storage", json!([id, hash, [{ "key": "0x", "type": "value" }], null])),
            ("chainHead_v1_unpin", json!([id, hash])),
        ] {
            assert_eq!(ws.call(method, params).await, Err(-32801), "{method}");
        }
    }
}

#[tokio::test]
async fn unpinning_takes_one_or_many_and_all_or_none() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let mut hashes = Vec::new();
    for _ in 0..3 {
        hashes.push(block(&world, &mut ws, Changes::new()).await.to_string());
    }
    let [a, b, c] = &hashes[..] else { panic!() };
    assert_eq!(ws.call("chainHead_v1_unpin", json!([id, [a, b, a]])).await, Err(-32804));
    assert_eq!(ws.call("chainHead_v1_unpin", json!([id, [a, format!("0x{}", "00".repeat(32))]])).await, Err(-32801));
    assert!(ws.call("chainHead_v1_header", json!([id, a])).await.unwrap().is_string(), "nothing was unpinned");
    assert_eq!(ws.call("chainHead_v1_unpin", json!([id, [a, b]])).await, Ok(Value::Null));
    assert_eq!(ws.call("chainHead_v1_unpin", json!([id, c])).await, Ok(Value::Null));
    assert_eq!(ws.call("chainHead_v1_header", json!([id, a])).await, Err(-32801));
}

#[tokio::test]
async fn body_and_call_answer_by_events_after_the_answer_with_their_id() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let extrinsic = put(1, 0, b"k", Some(b"v"));
    world.toy.submit(extrinsic.clone()).await.unwrap();
    let hash = block(&world, &mut ws, Changes::new()).await.to_string();
    for _ in 0..50 {
        // `call` would queue an event that came before the answer; `is_quiet` would see it.
        ws.text(
            &json!({ "jsonrpc": "2.0", "id": 99, "method": "chainHead_v1_body", "params": [id, hash] }).to_string(),
        )
        .await;
        let answer = ws.message().await.unwrap();
        assert_eq!(answer["id"], 99, "the answer comes first: {answer}");
        let operation = answer["result"]["operationId"].clone();
        let value = [hex(extrinsic.encode())];
        let done = json!({ "event": "operationBodyDone", "operationId": operation, "value": value });
        assert_eq!(ws.item().await, done);
    }
    let operation = start(&mut ws, "chainHead_v1_call", json!([id, hash, "Metadata_metadata_versions", ""])).await;
    let output = hex(vec![14u32, 15, 16].encode());
    assert_eq!(ws.item().await, json!({ "event": "operationCallDone", "operationId": operation, "output": output }));
    let operation = start(&mut ws, "chainHead_v1_call", json!([id, hash, "No_such", "0x"])).await;
    let failed = ws.item().await;
    assert_eq!(failed["event"], "operationError");
    assert_eq!(failed["operationId"], operation);
}

#[tokio::test]
async fn storage_gives_values_hashes_and_descendants() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let entry = |key: &[u8], value: &[u8]| (key.to_vec(), Some(value.to_vec()));
    let hash = block(&world, &mut ws, Changes::from([entry(b"p1", b"a"), entry(b"p2", b"b"), entry(b"q", b"c")])).await;
    let hash = hash.to_string();
    let value = |key: &[u8], value: &[u8]| json!({ "key": hex(key), "value": hex(value) });
    let digest = |key: &[u8], value: &[u8]| json!({ "key": hex(key), "hash": blake2_256(value).to_string() });
    for (kind, key, expected) in [
        ("value", &b"p1"[..], vec![value(b"p1", b"a")]),
        ("hash", b"p1", vec![digest(b"p1", b"a")]),
        ("descendantsValues", b"p", vec![value(b"p1", b"a"), value(b"p2", b"b")]),
        ("descendantsHashes", b"p", vec![digest(b"p1", b"a"), digest(b"p2", b"b")]),
        ("hash", b":code", vec![digest(b":code", b"toy runtime 1")]),
    ] {
        let query = json!([id, hash, [{ "key": hex(key), "type": kind }], null]);
        let answer = ws.call("chainHead_v1_storage", query).await.unwrap();
        assert_eq!(answer["discardedItems"], 0);
        let operation = &answer["operationId"];
        let items = json!({ "event": "operationStorageItems", "operationId": operation, "items": expected });
        assert_eq!(ws.item().await, items, "{kind}");
        assert_eq!(ws.item().await, json!({ "event": "operationStorageDone", "operationId": operation }), "{kind}");
    }
}

#[tokio::test]
async fn an_absent_key_gives_no_items_at_all() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let hash = block(&world, &mut ws, Changes::new()).await.to_string();
    for kind in ["value", "hash", "descendantsValues", "descendantsHashes", "closestDescendantMerkleValue"] {
        let query = json!([id, hash, [{ "key": hex(b"absent"), "type": kind }], null]);
        let operation = start(&mut ws, "chainHead_v1_storage", query).await;
        let done = json!({ "event": "operationStorageDone", "operationId": operation });
        assert_eq!(ws.item().await, done, "{kind}");
    }
    let child = json!([id, hash, [{ "key": hex(b":code"), "type": "value" }], "0x00"]);
    start(&mut ws, "chainHead_v1_storage", child).await;
    assert_eq!(ws.item().await["event"], "operationStorageDone", "there are no child tries");
    for wrong in
        [json!([{ "key": "0x" }]), json!([{ "type": "value" }]), json!([{ "key": "0x", "type": "all" }]), json!({})]
    {
        assert_eq!(ws.call("chainHead_v1_storage", json!([id, hash, wrong])).await, Err(-32602));
    }
}

#[tokio::test]
async fn the_mark_of_a_prefix_changes_when_and_only_when_something_under_it_does() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let change = |key: &[u8], value: &[u8]| Changes::from([(key.to_vec(), Some(value.to_vec()))]);
    let mut marks = Vec::new();
    for changes in
        [change(b"p1", b"a"), change(b"q", b"b"), change(b"p1", b"c"), Changes::from([(b"p1".to_vec(), None)])]
    {
        let hash = block(&world, &mut ws, changes).await.to_string();
        let query = json!([id, hash, [{ "key": hex(b"p"), "type": "closestDescendantMerkleValue" }], null]);
        start(&mut ws, "chainHead_v1_storage", query).await;
        marks.push(ws.item().await["items"][0]["closestDescendantMerkleValue"].as_str().unwrap().to_owned());
        assert_eq!(ws.item().await["event"], "operationStorageDone");
    }
    assert_eq!(marks[0], marks[1]);
    assert_ne!(marks[1], marks[2]);
    assert_ne!(marks[2], marks[3]);
}

#[tokio::test]
async fn a_long_iteration_waits_for_the_client_and_loses_nothing() {
    let world = world_with(Limits { operation_page: 10, ..Limits::default() }).await;
    let (mut ws, id) = follow(&world).await;
    let keys: Vec<Vec<u8>> = (0..35u8).map(|n| vec![b'p', n]).collect();
    let changes = keys.iter().map(|key| (key.clone(), Some(vec![0]))).collect();
    let hash = block(&world, &mut ws, changes).await.to_string();
    let query = json!([id, hash, [{ "key": hex(b"p"), "type": "descendantsValues" }], null]);
    let operation = start(&mut ws, "chainHead_v1_storage", query.clone()).await;
    let (mut seen, mut waits) = (Vec::new(), 0);
    loop {
        let mut event = ws.item().await;
        match event["event"].as_str().unwrap() {
            "operationStorageItems" => {
                let items = event["items"].as_array_mut().unwrap();
                assert!(!items.is_empty());
                seen.extend(items.iter().map(|item| item["key"].as_str().unwrap().to_owned()));
            }
            "operationWaitingForContinue" => {
                waits += 1;
                assert!(ws.is_quiet().await, "nothing goes on before it is told to");
                assert_eq!(ws.call("chainHead_v1_continue", json!([id, operation])).await, Ok(Value::Null));
            }
            "operationStorageDone" => break,
            other => panic!("{other}"),
        }
    }
    assert_eq!(seen, keys.iter().map(hex).collect::<Vec<_>>());
    assert_eq!(waits, 3);
    assert_eq!(ws.call("chainHead_v1_continue", json!([id, operation])).await, Err(-32803));

    let operation = start(&mut ws, "chainHead_v1_storage", query).await;
    assert_eq!(ws.item().await["event"], "operationStorageItems");
    assert_eq!(ws.item().await["event"], "operationWaitingForContinue");
    assert_eq!(ws.call("chainHead_v1_stopOperation", json!([id, operation])).await, Ok(Value::Null));
    assert!(ws.is_quiet().await, "a stopped operation says nothing more");
}

#[tokio::test]
async fn a_follow_without_runtime_information_allows_no_calls() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let id = ws.subscribe("chainHead_v1_follow", json!([false])).await;
    let initialized = ws.item().await;
    assert!(initialized.get("finalizedBlockRuntime").is_none());
    let hash = initialized["finalizedBlockHashes"][0].clone();
    ws.item().await;
    assert_eq!(ws.call("chainHead_v1_call", json!([id, hash, "Core_version", "0x"])).await, Err(-32802));
    assert!(ws.call("chainHead_v1_body", json!([id, hash])).await.is_ok());
}

#[tokio::test]
async fn a_connection_may_follow_several_times_and_not_without_end() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let mut ids = Vec::new();
    for _ in 0..Limits::default().follows_per_connection {
        ids.push(ws.subscribe("chainHead_v1_follow", json!([true])).await);
    }
    assert_eq!(ws.call("chainHead_v1_follow", json!([true])).await, Err(-32800));
    assert_eq!(ws.call("chainHead_v1_unfollow", json!([ids[0]])).await, Ok(Value::Null));
    // The place is free as soon as its task has seen the end.
    let mut again = Err(-32800);
    while again == Err(-32800) {
        again = ws.call("chainHead_v1_follow", json!([true])).await;
    }
    assert!(again.is_ok());
    let mut other = Ws::connect(world.address).await;
    assert!(other.call("chainHead_v1_follow", json!([true])).await.is_ok(), "another connection has its own");
    let hash = world.toy.finalised().0.to_string();
    let foreign = other.call("chainHead_v1_header", json!([ids[1], hash])).await;
    assert_eq!(foreign, Ok(Value::Null), "the ids of another connection are stale here");
}

#[tokio::test]
async fn a_stale_follow_answers_null_and_starts_nothing() {
    let world = world().await;
    let mut ws = Ws::connect(world.address).await;
    let hash = world.toy.finalised().0.to_string();
    for (method, params, expected) in [
        ("chainHead_v1_header", json!(["gone", hash]), Value::Null),
        ("chainHead_v1_body", json!(["gone", hash]), json!({ "result": "limitReached" })),
        ("chainHead_v1_unpin", json!(["gone", hash]), Value::Null),
        ("chainHead_v1_continue", json!(["gone", "0"]), Value::Null),
        ("chainHead_v1_stopOperation", json!(["gone", "0"]), Value::Null),
    ] {
        assert_eq!(ws.call(method, params).await, Ok(expected), "{method}");
    }
}

#[tokio::test]
async fn too_many_pinned_blocks_stop_the_follow() {
    let world = world_with(Limits { pinned_blocks: 3, ..Limits::default() }).await;
    let (mut ws, _) = follow(&world).await;
    block(&world, &mut ws, Changes::new()).await;
    block(&world, &mut ws, Changes::new()).await;
    world.toy.make_block();
    assert_eq!(ws.item().await, json!({ "event": "stop" }));
    world.toy.make_block();
    assert!(ws.is_quiet().await);
}

#[tokio::test]
async fn too_many_operations_are_told_to_wait() {
    let world = world_with(Limits { operations: 1, operation_page: 1, ..Limits::default() }).await;
    let (mut ws, id) = follow(&world).await;
    let hash = world.toy.finalised().0.to_string();
    let query = json!([id, hash, [{ "key": "0x", "type": "descendantsValues" }], null]);
    let operation = start(&mut ws, "chainHead_v1_storage", query.clone()).await;
    let limit = json!({ "result": "limitReached" });
    assert_eq!(ws.call("chainHead_v1_storage", query.clone()).await, Ok(limit));
    ws.call("chainHead_v1_stopOperation", json!([id, operation])).await.unwrap();
    assert_eq!(ws.call("chainHead_v1_storage", query).await.unwrap()["result"], "started");
}

#[tokio::test]
async fn a_block_whose_state_is_gone_is_inaccessible() {
    let world = world().await;
    let (mut ws, id) = follow(&world).await;
    let genesis = world.toy.identity().genesis;
    world.toy.make_block();
    for _ in 0..3 {
        ws.item().await;
    }
    world.toy.prune(&genesis);
    let genesis = genesis.to_string();
    start(&mut ws, "chainHead_v1_call", json!([id, genesis, "Core_version", "0x"])).await;
    assert_eq!(ws.item().await["event"], "operationInaccessible");
    start(&mut ws, "chainHead_v1_storage", json!([id, genesis, [{ "key": "0x", "type": "value" }]])).await;
    assert_eq!(ws.item().await["event"], "operationInaccessible");
}
