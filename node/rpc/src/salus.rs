//! Our own methods, added by the same door that is open to the node's.

use std::sync::Arc;

use parity_scale_codec::Encode;
use serde_json::{Value, json};

use crate::{
    args::Args,
    error::RpcError,
    node::Node,
    registry::Extension,
    shapes,
    table::{Method, Shape, optional, required},
};

/// The methods.
pub(crate) fn methods(node: &Arc<Node>) -> Vec<Extension> {
    let with = |run: fn(&Node, &Args) -> Result<Value, RpcError>| {
        let node = node.clone();
        Arc::new(move |args: &Args| run(&node, args))
    };
    vec![
        Extension {
            method: Method::call(
                "salus_version",
                &[],
                &[],
                Shape::Object,
                "Versions of the node program and the runtime.",
            ),
            run: with(version),
        },
        Extension {
            method: Method::call(
                "salus_health",
                &[],
                &[],
                Shape::Object,
                "Height, hashes, peers and pool of this node.",
            ),
            run: with(health),
        },
        Extension {
            method: Method::call(
                "salus_status",
                &[],
                &[],
                Shape::Object,
                "How this node stands: height, round, its place in the validator set, peers, pool, and whether it is behind.",
            ),
            run: with(status),
        },
        Extension {
            method: Method::call(
                "salus_proof",
                &[],
                &const { [required("keys", Shape::BytesList), optional("hash", Shape::Hash)] },
                Shape::Object,
                "Values of keys with proofs against a block's state root, its header and its commit certificate.",
            ),
            run: with(proof),
        },
    ]
}

fn version(node: &Node, _: &Args) -> Result<Value, RpcError> {
    let identity = node.backend.identity();
    let (_, _, state) = node.state(None)?;
    let runtime = node.backend.runtime().version(&*state);
    Ok(json!({
        "node": identity.node_name,
        "nodeVersion": identity.node_version,
        "chain": identity.chain,
        "genesisHash": identity.genesis.to_string(),
        "specName": runtime.spec_name,
        "specVersion": runtime.spec_version,
        "transactionVersion": runtime.transaction_version,
    }))
}

fn health(node: &Node, _: &Args) -> Result<Value, RpcError> {
    let (hash, header) = node.backend.finalised();
    let (pool, status) = (node.backend.pool_status(), node.backend.node_status());
    Ok(json!({
        "height": header.number.0,
        "hash": hash.to_string(),
        "stateRoot": header.state_root.to_string(),
        "time": header.slot().ok().map(|slot| slot.time.0),
        "peers": status.peers.len(),
        "isSyncing": status.is_syncing(),
        "poolExtrinsics": pool.extrinsics(),
        "poolBytes": pool.bytes,
    }))
}

fn status(node: &Node, _: &Args) -> Result<Value, RpcError> {
    let identity = node.backend.identity();
    let (hash, header) = node.backend.finalised();
    let (pool, status) = (node.backend.pool_status(), node.backend.node_status());
    let peers = status.peers.iter().map(|peer| {
        json!({
            "key": crate::hexes::encode(peer.key.0),
            "validator": peer.validator,
            "tip": peer.tip.map(|tip| tip.0),
        })
    });
    Ok(json!({
        "name": status.name,
        "version": identity.node_version,
        "chain": identity.chain,
        "genesis": identity.genesis.to_string(),
        "height": header.number.0,
        "hash": hash.to_string(),
        "round": status.round,
        "validator": status.validator.map(|key| key.to_string()),
        "inSet": status.in_set,
        "silentUntil": status.silent_until.map(|height| height.0),
        "validators": status.validators,
        "quorum": status.quorum,
        "validatorsReached": status.validators_reached(),
        "peers": peers.collect::<Vec<_>>(),
        "shouldHavePeers": status.should_have_peers(),
        "behind": status.behind,
        "syncing": status.is_syncing(),
        "pool": { "ready": pool.ready, "waiting": pool.waiting, "bytes": pool.bytes },
        "heartbeatAgeMs": u64::try_from(status.heartbeat_age.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// Everything a verifier needs that trusts the validator set and nothing else.
fn proof(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let keys = args.bytes_list(0, node.limits.keys)?;
    let (hash, header, state) = node.state(args.optional_hash(1)?)?;
    let values: Vec<Value> = keys.iter().map(|key| json!(state.get(key).map(crate::hexes::encode))).collect();
    let proof = node.backend.read_proof(&hash, &keys).ok_or(RpcError::StateDiscarded(hash))?;
    Ok(json!({
        "at": hash.to_string(),
        "height": header.number.0,
        "header": shapes::bytes(header.encode()),
        "certificate": node.backend.justification(&hash).map(crate::hexes::encode),
        "values": values,
        "proof": proof.iter().map(shapes::bytes).collect::<Vec<_>>(),
    }))
}
