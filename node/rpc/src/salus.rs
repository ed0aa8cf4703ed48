//! Our own methods, added by the same door that is open to the node's.

use std::sync::Arc;

use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Header, Height,
    codec::{MESSAGE_DEPTH_MAX, decode_strict},
    jump::{self, Jump},
};
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
        Extension {
            method: Method::call(
                "salus_jumps",
                &[],
                &const { [required("fromSet", Shape::Number)] },
                Shape::Object,
                "Changes of the validator set from the set with this id on, as a jump file of docs/protocol.md; at most 32, then ask again from the last set in it.",
            ),
            run: with(jumps),
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

/// What leads a verifier who knows a validator set to the newest one, step by step.
fn jumps(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let from = args.number(0)?;
    let (_, tip) = node.backend.finalised();
    let newest = set_after(&tip);
    let (mut jumps, mut after) = (Vec::new(), Height::GENESIS);
    for set_id in (from..newest).take(node.limits.jumps) {
        let (hash, header) = last_decided_by(node, set_id, after, tip.number)?;
        after = header.number;
        let (_, _, state) = node.state(Some(hash))?;
        let set = node.backend.runtime().validators(&*state);
        let certificate =
            node.backend.justification(&hash).and_then(|bytes| decode_strict(&bytes, MESSAGE_DEPTH_MAX).ok());
        jumps.push(Jump { header, certificate: certificate.ok_or(RpcError::UnknownBlock(hash))?, set });
    }
    Ok(json!({
        "setId": newest,
        "jumps": shapes::bytes(jump::to_file(&node.backend.identity().genesis, &jumps)),
    }))
}

/// Id of the set that decides the height after `header`.
fn set_after(header: &Header) -> u64 {
    match header.set_change() {
        Ok(Some(change)) => change.set_id,
        _ => decided_by(header),
    }
}

/// Id of the set that decided `header`; genesis counts as set 0's.
fn decided_by(header: &Header) -> u64 {
    header.slot().map_or(0, |slot| slot.set_id)
}

/// The last block that set `set_id` or one before it decided: ids only rise, so halving finds it among the heights
/// from `low` to `high` with thirty headers or so.
fn last_decided_by(node: &Node, set_id: u64, low: Height, high: Height) -> Result<(Hash, Header), RpcError> {
    let at = |height: u32| {
        let hash = node.backend.hash_at(Height(height)).ok_or(RpcError::UnknownBlock(Hash::ZERO))?;
        node.block(Some(hash))
    };
    let (mut low, mut high) = (low.0, high.0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if decided_by(&at(middle)?.1) <= set_id {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    at(low)
}
