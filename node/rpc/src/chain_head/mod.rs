//! `chainHead_v1`: the head of the chain, with the blocks a client still looks at pinned.
//!
//! Every block here is new, best and final at once; clients build their tree from three events in this order, so
//! each block is told in all three.

mod follow;
mod operations;
mod storage;

pub use follow::Follow;

use std::sync::Arc;

use salus_primitives::Hash;
use serde_json::{Value, json};

use crate::{
    args::Args,
    connection::Connection,
    error::RpcError,
    hexes,
    node::Node,
    registry::{MethodsError, Registry},
    shapes,
};

/// Register the group.
pub(crate) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.subscription("chainHead_v1_follow", follow::run)?;
    registry.asynchronous("chainHead_v1_header", header)?;
    registry.answering("chainHead_v1_body", operations::start_body)?;
    registry.answering("chainHead_v1_call", operations::start_call)?;
    registry.answering("chainHead_v1_storage", operations::start_storage)?;
    registry.asynchronous("chainHead_v1_continue", |_, args, connection| async move {
        if let Some(follow) = connection.follow(args.text(0)?) {
            let operation = follow.operation(args.text(1)?).ok_or(RpcError::NothingToContinue)?;
            operation.go_on()?;
        }
        Ok(Value::Null)
    })?;
    registry.asynchronous("chainHead_v1_stopOperation", |_, args, connection| async move {
        if let Some(follow) = connection.follow(args.text(0)?) {
            follow.stop_operation(args.text(1)?);
        }
        Ok(Value::Null)
    })?;
    registry.asynchronous("chainHead_v1_unpin", |_, args, connection| async move {
        let hashes = hashes(&args, 1)?;
        if let Some(follow) = connection.follow(args.text(0)?) {
            follow.unpin(&hashes)?;
        }
        Ok(Value::Null)
    })
}

/// `null` means only that the subscription is stale: for a block that is not pinned clients want the error, on which
/// they ask by another method family.
async fn header(node: Arc<Node>, args: Args, connection: Arc<Connection>) -> Result<Value, RpcError> {
    let hash = args.hash(1)?;
    let Some(follow) = connection.follow(args.text(0)?) else { return Ok(Value::Null) };
    if !follow.is_pinned(&hash) {
        return Err(RpcError::NotPinned);
    }
    let header = node.backend.header(&hash).ok_or(RpcError::NotPinned)?;
    Ok(shapes::bytes(parity_scale_codec::Encode::encode(&header)))
}

/// One hash or a list of them, none twice.
fn hashes(args: &Args, place: usize) -> Result<Vec<Hash>, RpcError> {
    let wrong = || args.wrong(place, "a hash or a list of hashes");
    let one = |value: &Value| value.as_str().and_then(hexes::decode_hash).ok_or_else(wrong);
    let mut hashes = match args.value(place) {
        Value::Array(list) => list.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        value => vec![one(value)?],
    };
    hashes.sort_unstable();
    if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(RpcError::DuplicateHashes);
    }
    Ok(hashes)
}

/// The events of a block, in the order clients need.
fn block_events(hash: &Hash, parent: &Hash, new_runtime: Value) -> [Value; 3] {
    let (hash, parent) = (hash.to_string(), parent.to_string());
    [
        json!({ "event": "newBlock", "blockHash": hash, "parentBlockHash": parent, "newRuntime": new_runtime }),
        json!({ "event": "bestBlockChanged", "bestBlockHash": hash }),
        json!({ "event": "finalized", "finalizedBlockHashes": [hash], "prunedBlockHashes": [] }),
    ]
}
