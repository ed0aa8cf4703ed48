//! `system_` and `payment_`: the node, the next nonce, dry runs, and that there are no fees.

use parity_scale_codec::{Compact, Decode, Encode};
use salus_primitives::AccountId;
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
    registry.quick("system_health", |node, _| {
        Ok(json!({
            "peers": node.backend.peers(),
            "isSyncing": node.backend.is_syncing(),
            "shouldHavePeers": node.backend.should_have_peers(),
        }))
    })?;
    registry.reads("system_accountNextIndex", next_index)?;
    registry.reads("payment_queryInfo", query_info)?;
    registry.reads("system_dryRun", try_out)
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
