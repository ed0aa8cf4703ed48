//! `chain_`: blocks and headers.

use std::sync::Arc;

use salus_primitives::Height;
use serde_json::{Value, json};

use crate::{
    args::Args,
    blocks::Blocks,
    error::RpcError,
    node::Node,
    registry::{MethodsError, Pending, Registry},
    shapes,
};

pub(super) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.reads("chain_getBlockHash", block_hash)?;
    registry.quick("chain_getFinalizedHead", |node, _| Ok(shapes::hash(&node.backend.finalised().0)))?;
    registry.reads("chain_getHeader", |node, args| {
        let header = match args.optional_hash(0)? {
            None => Some(node.backend.finalised().1),
            Some(hash) => node.backend.header(&hash),
        };
        Ok(header.map_or(Value::Null, |header| shapes::header(&header)))
    })?;
    registry.reads("chain_getBlock", block)?;
    registry.subscription("chain_subscribeNewHeads", heads)?;
    registry.subscription("chain_subscribeAllHeads", heads)?;
    registry.subscription("chain_subscribeFinalizedHeads", heads)
}

fn block_hash(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let hash = match args.optional_number(0)? {
        None => Some(node.backend.finalised().0),
        Some(height) => u32::try_from(height).ok().and_then(|height| node.backend.hash_at(Height(height))),
    };
    Ok(json!(hash.map(|hash| hash.to_string())))
}

fn block(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let (hash, header) = match args.optional_hash(0)? {
        None => node.backend.finalised(),
        Some(hash) => match node.backend.header(&hash) {
            None => return Ok(Value::Null),
            Some(header) => (hash, header),
        },
    };
    let Some(extrinsics) = node.backend.body(&hash) else { return Ok(Value::Null) };
    Ok(shapes::block(&header, &extrinsics, node.backend.justification(&hash)))
}

/// The newest header at once, then each as it comes, none left out.
async fn heads(node: Arc<Node>, _: Args, pending: Pending) {
    let mut blocks = Blocks::begin(&node.backend);
    let Some(subscriber) = pending.accept().await else { return };
    if subscriber.send(&shapes::header(&blocks.start.1)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            () = subscriber.closed() => return,
            block = blocks.next() => {
                let Some(block) = block else { return };
                if subscriber.send(&shapes::header(&block.header)).await.is_err() {
                    return;
                }
            }
        }
    }
}
