//! `system_` and `payment_`: the node and its peers, the next nonce, dry runs, and that there are no fees.

use parity_scale_codec::{Compact, Decode, Encode};
use salus_primitives::{AccountId, Height, peer::peer_of};
use serde_json::{Value, json};

use crate::{
    args::Args,
    backend::{NotTried, Refusal, SubmitError},
    error::RpcError,
    hexes,
    node::Node,
    registry::{MethodsError, Registry},
};

pub(super) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.quick("system_chain", |node, _| Ok(json!(node.backend.identity().chain)))?;
    registry.quick("system_name", |node, _| Ok(json!(node.backend.identity().node_name)))?;
    registry.quick("system_version", |node, _| Ok(json!(node.backend.identity().node_version)))?;
    registry.quick("system_properties", |node, _| Ok(json!(node.backend.identity().properties)))?;
    registry.reads("system_health", |node, _| {
        let status = node.backend.node_status();
        Ok(json!({
            "peers": status.peers.len(),
            "isSyncing": status.is_syncing(),
            "shouldHavePeers": status.should_have_peers(),
        }))
    })?;
    registry.reads("system_peers", peers)?;
    registry.reads("system_accountNextIndex", next_index)?;
    registry.reads("payment_queryInfo", query_info)?;
    registry.reads("system_dryRun", try_out)
}

/// Peers as clients of Substrate read them. A peer states a height and no hash: of the blocks that are final here, the
/// newest that it says it has is told, which is genesis for one that has said nothing.
fn peers(node: &Node, _: &Args) -> Result<Value, RpcError> {
    let (newest, header) = node.backend.finalised();
    let rows = node.backend.node_status().peers.into_iter().map(|peer| {
        let number = peer.tip.unwrap_or(Height::GENESIS).min(header.number);
        let hash = if number == header.number { Some(newest) } else { node.backend.hash_at(number) };
        json!({
            "peerId": bs58::encode(&peer_of(&peer.key)[..]).into_string(),
            "roles": if peer.validator { "AUTHORITY" } else { "FULL" },
            "bestHash": hash.map(|hash| hash.to_string()),
            "bestNumber": number.0,
        })
    });
    Ok(rows.collect())
}

fn next_index(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let account: AccountId = args.text(0)?.parse().map_err(|_| args.wrong(0, "an SS58 address"))?;
    let (_, header, state) = node.state(None)?;
    let name = "AccountNonceApi_account_nonce";
    let answer = node.backend.runtime().call(&*state, &header, name, &account.encode())?;
    let in_state = u32::decode(&mut &answer[..]).map_err(|_| malformed(name))?;
    Ok(json!(node.backend.next_nonce(&account, in_state)))
}

fn query_info(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let mut input = args.extrinsic(0)?.encode();
    u32::try_from(input.len()).unwrap_or(u32::MAX).encode_to(&mut input);
    let (_, header, state) = node.state(args.optional_hash(1)?)?;
    let name = "TransactionPaymentApi_query_info";
    let answer = node.backend.runtime().call(&*state, &header, name, &input)?;
    let (Compact(time), Compact(proof), class, fee) =
        <(Compact<u64>, Compact<u64>, u8, u128)>::decode(&mut &answer[..]).map_err(|_| malformed(name))?;
    let class = match class {
        0 => "normal",
        1 => "operational",
        _ => "mandatory",
    };
    Ok(json!({
        "weight": { "ref_time": time, "proof_size": proof },
        "class": class,
        "partialFee": fee.to_string(),
    }))
}

fn malformed(name: &str) -> RpcError {
    RpcError::Other {
        code: -32603,
        message: format!("the runtime's answer to {name} does not decode: this node is faulty"),
        data: None,
    }
}

/// `Result<Result<(), DispatchError>, TransactionValidityError>`, SCALE.
fn try_out(node: &Node, args: &Args) -> Result<Value, RpcError> {
    let extrinsic = args.extrinsic(0)?;
    let (hash, _) = node.block(args.optional_hash(1)?)?;
    let outcome = node.backend.dry_run(&hash, &extrinsic).map_err(|error| match error {
        NotTried::StateDiscarded => RpcError::StateDiscarded(hash),
        NotTried::Busy(text) => SubmitError::Refused { class: Refusal::Busy, text }.into(),
    })?;
    let bytes = match outcome {
        Ok(Ok(())) => vec![0, 0],
        Ok(Err(error)) => [vec![0, 1], error.encode()].concat(),
        Err(invalid) => [vec![1], invalid.to_validity_error()].concat(),
    };
    Ok(json!(hexes::encode(bytes)))
}
