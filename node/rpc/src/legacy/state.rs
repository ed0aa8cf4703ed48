//! `state_`: values, keys, proofs, metadata, the runtime's version and its functions.

use std::sync::Arc;

use salus_primitives::{Hash, crypto::blake2_256};
use serde_json::{Value, json};

use crate::{
    args::Args,
    blocks::Blocks,
    error::RpcError,
    node::Node,
    registry::{MethodsError, Pending, Registry, blocking},
    shapes,
};

pub(super) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.reads("state_getRuntimeVersion", |node, args| {
        let (_, _, state) = node.state(args.optional_hash(0)?)?;
        Ok(shapes::version(&node.backend.runtime().version(&*state)))
    })?;
    registry.reads("state_getMetadata", metadata)?;
    registry.reads("state_call", |node, args| {
        let (name, data) = (args.text(0)?, args.bytes(1)?);
        let (_, header, state) = node.state(args.optional_hash(2)?)?;
        Ok(shapes::bytes(node.backend.runtime().call(&*state, &header, name, &data)?))
    })?;
    registry.reads("state_getStorage", |node, args| Ok(json!(value(node, args)?.map(crate::hexes::encode))))?;
    registry.reads("state_getStorageHash", |node, args| {
        Ok(json!(value(node, args)?.map(|value| blake2_256(&value).to_string())))
    })?;
    registry.reads("state_getStorageSize", |node, args| Ok(json!(value(node, args)?.map(|value| value.len()))))?;
    registry.reads("state_getKeysPaged", keys_paged)?;
    registry.reads("state_queryStorageAt", |node, args| {
        let keys = args.bytes_list(0, node.limits.keys)?;
        let (hash, _, state) = node.state(args.optional_hash(1)?)?;
        let changes: Vec<Change> = keys
            .into_iter()
            .map(|key| {
                let value = state.get(&key);
                (key, value)
            })
            .collect();
        Ok(json!([change_set(&hash, &changes)]))
    })?;
    registry.reads("state_getReadProof", |node, args| {
        let keys = args.bytes_list(0, node.limits.keys)?;
        let (hash, _) = node.block(args.optional_hash(1)?)?;
        let proof = node.backend.read_proof(&hash, &keys).ok_or(RpcError::StateDiscarded(hash))?;
        Ok(json!({ "at": hash.to_string(), "proof": proof.iter().map(shapes::bytes).collect::<Vec<_>>() }))
    })?;
    registry.subscription("state_subscribeRuntimeVersion", runtime_version)?;
    registry.subscription("state_subscribeStorage", storage)
}

/// A key and its value.
type Change = (Vec<u8>, Option<Vec<u8>>);

fn value(node: &Node, args: &Args) -> Result<Option<Vec<u8>>, RpcError> {
    let key = args.bytes(0)?;
    let (_, _, state) = node.state(args.optional_hash(1)?)?;
    Ok(state.get(&key))
}

fn change_set(block: &Hash, changes: &[Change]) -> Value {
    let changes: Vec<Value> =
        changes.iter().map(|(key, value)| json!([shapes::bytes(key), value.as_ref().map(shapes::bytes)])).collect();
    json!({ "block": block.to_string(), "changes": changes })
}

fn metadata(node: &Node, args: &Args) -> Result<Value, RpcError> {
    node.block(args.optional_hash(0)?)?;
    let metadata = node.backend.runtime().metadata(14).ok_or_else(|| RpcError::Other {
        code: -32603,
        message: "the runtime has no metadata in format 14: this node is faulty".into(),
        data: None,
    })?;
    Ok(shapes::bytes(metadata))
}

fn keys_paged(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let prefix = args.bytes(0)?;
    let count = args.optional_number(1)?.ok_or_else(|| args.wrong(1, "a whole number"))?;
    let max = node.limits.keys;
    let found = usize::try_from(count).unwrap_or(usize::MAX);
    if found > max {
        return Err(RpcError::TooMuch { what: "keys", found, max });
    }
    // Clients pass the prefix itself as the start of the first page; empty means from the beginning.
    let start = args.optional_bytes(2)?.filter(|key| !key.is_empty());
    let (hash, _) = node.block(args.optional_hash(3)?)?;
    let keys =
        node.backend.keys_paged(&hash, &prefix, start.as_deref(), found).ok_or(RpcError::StateDiscarded(hash))?;
    Ok(keys.iter().map(shapes::bytes).collect())
}

/// The version now, then each time a block changes it.
async fn runtime_version(node: Arc<Node>, _: Args, pending: Pending) {
    let mut blocks = Blocks::begin(&node.backend);
    let version = |hash: Hash| {
        let node = node.clone();
        blocking(move || node.state(Some(hash)).map(|(_, _, state)| node.backend.runtime().version(&*state)))
    };
    let first = match version(blocks.start.0).await {
        Ok(version) => version,
        Err(error) => return pending.reject(error).await,
    };
    let Some(subscriber) = pending.accept().await else { return };
    if subscriber.send(&shapes::version(&first)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            () = subscriber.closed() => return,
            block = blocks.next() => {
                let Some(block) = block else { return };
                if !shapes::changes_runtime(&block.header) {
                    continue;
                }
                let Ok(version) = version(block.hash).await else { return };
                if subscriber.send(&shapes::version(&version)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// All keys at once, absent ones as `null`; then only those that have another value than before.
async fn storage(node: Arc<Node>, args: Args, pending: Pending) {
    let keys = match args.bytes_list(0, node.limits.keys) {
        Ok(keys) => keys,
        Err(error) => return pending.reject(error).await,
    };
    let mut blocks = Blocks::begin(&node.backend);
    let values = |hash: Hash, keys: Vec<Vec<u8>>| {
        let node = node.clone();
        blocking(move || -> Result<Vec<Change>, RpcError> {
            let (_, _, state) = node.state(Some(hash))?;
            Ok(keys
                .into_iter()
                .map(|key| {
                    let value = state.get(&key);
                    (key, value)
                })
                .collect())
        })
    };
    let mut last = match values(blocks.start.0, keys.clone()).await {
        Ok(values) => values,
        Err(error) => return pending.reject(error).await,
    };
    let Some(subscriber) = pending.accept().await else { return };
    if subscriber.send(&change_set(&blocks.start.0, &last)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            () = subscriber.closed() => return,
            block = blocks.next() => {
                let Some(block) = block else { return };
                let now: Vec<Change> = match &block.changes {
                    Some(changes) => last
                        .iter()
                        .map(|(key, old)| (key.clone(), changes.get(key).unwrap_or(old).clone()))
                        .collect(),
                    None => match values(block.hash, keys.clone()).await {
                        Ok(values) => values,
                        Err(_) => return,
                    },
                };
                let changed: Vec<Change> =
                    now.iter().zip(&last).filter(|(now, last)| now != last).map(|(now, _)| now.clone()).collect();
                last = now;
                if !changed.is_empty() && subscriber.send(&change_set(&block.hash, &changed)).await.is_err() {
                    return;
                }
            }
        }
    }
}
