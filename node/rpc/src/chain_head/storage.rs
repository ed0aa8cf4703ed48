//! `chainHead_v1_storage`: values, hashes, everything under a prefix, and whether anything under a prefix changed.

use salus_primitives::crypto::{blake2_256, sha256_of};
use serde_json::{Value, json};

use super::operations::Running;
use crate::{
    args::Args,
    error::RpcError,
    hexes,
    registry::{Gone, blocking},
    shapes,
};

/// What is asked about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value,
    Hash,
    ClosestDescendantMerkleValue,
    DescendantsValues,
    DescendantsHashes,
}

/// One item of a storage call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    key: Vec<u8>,
    kind: Kind,
}

/// The items of a storage call.
///
/// # Errors
/// [`RpcError::Params`].
pub(super) fn queries(args: &Args, place: usize) -> Result<Vec<Query>, RpcError> {
    let wrong = || args.wrong(place, "a list of {key, type}");
    let list = args.value(place).as_array().ok_or_else(wrong)?;
    list.iter()
        .map(|item| {
            let key = item.get("key").and_then(Value::as_str).and_then(hexes::decode).ok_or_else(wrong)?;
            let kind = match item.get("type").and_then(Value::as_str) {
                Some("value") => Kind::Value,
                Some("hash") => Kind::Hash,
                Some("closestDescendantMerkleValue") => Kind::ClosestDescendantMerkleValue,
                Some("descendantsValues") => Kind::DescendantsValues,
                Some("descendantsHashes") => Kind::DescendantsHashes,
                _ => return Err(wrong()),
            };
            Ok(Query { key, kind })
        })
        .collect()
}

/// What one step of reading gave.
struct Step {
    items: Vec<Value>,
    /// Where to read on, when there may be more.
    cursor: Option<Vec<u8>>,
}

/// Answer the queries. A list of items is never sent empty: one client takes it for a value that is not there and
/// fails. After a page of items the client is asked whether to go on, so that it, not the node, holds the rest back.
pub(super) async fn run(running: &Running, queries: Vec<Query>) -> Result<(), Gone> {
    let page = running.node.limits.operation_page;
    let mut items: Vec<Value> = Vec::new();
    for query in queries {
        let mut cursor = None;
        loop {
            if items.len() >= page {
                running.send("operationStorageItems", json!({ "items": std::mem::take(&mut items) })).await?;
                running.operation.will_wait();
                running.send("operationWaitingForContinue", json!({})).await?;
                running.operation.wait().await;
            }
            let room = page.saturating_sub(items.len()).max(1);
            let Some(step) = step(running, &query, cursor, room).await else {
                return running.send("operationInaccessible", json!({})).await;
            };
            items.extend(step.items);
            match step.cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    if !items.is_empty() {
        running.send("operationStorageItems", json!({ "items": items })).await?;
    }
    running.send("operationStorageDone", json!({})).await
}

/// Read one query, or a page of at most `room` items of it; none when the block's state is not kept any more.
async fn step(running: &Running, query: &Query, cursor: Option<Vec<u8>>, room: usize) -> Option<Step> {
    let turn = running.node.operations.clone().acquire_owned().await;
    let (node, hash, Query { key, kind }) = (running.node.clone(), running.hash, query.clone());
    let step = blocking(move || {
        let state = node.backend.state_at(&hash)?;
        let value = |key: &[u8]| {
            state.get(key).map(|value| json!({ "key": hexes::encode(key), "value": shapes::bytes(value) }))
        };
        let digest = |key: &[u8]| {
            state.get(key).map(|value| json!({ "key": hexes::encode(key), "hash": blake2_256(&value).to_string() }))
        };
        let only = |item: Option<Value>| Some(Step { items: item.into_iter().collect(), cursor: None });
        let hashed = match kind {
            Kind::Value => return only(value(&key)),
            Kind::Hash => return only(digest(&key)),
            Kind::ClosestDescendantMerkleValue => {
                let changed = node.backend.prefix_changed_at(&hash, &key);
                return only(changed.map(|height| {
                    let prefix = &key[..key.len().min(32)];
                    let mark = sha256_of(&[prefix, &height.0.to_le_bytes()]);
                    json!({ "key": hexes::encode(&key), "closestDescendantMerkleValue": mark.to_string() })
                }));
            }
            Kind::DescendantsValues => false,
            Kind::DescendantsHashes => true,
        };
        let keys = node.backend.keys_paged(&hash, &key, cursor.as_deref(), room)?;
        let cursor = if keys.len() < room { None } else { keys.last().cloned() };
        let items = keys.iter().filter_map(|key| if hashed { digest(key) } else { value(key) }).collect();
        Some(Step { items, cursor })
    })
    .await;
    drop(turn);
    step
}
