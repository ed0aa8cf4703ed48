//! Headers, blocks and versions in the JSON that clients expect.

use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Header, RawExtrinsic,
    header::{DigestItem, ENGINE},
    version::RuntimeVersion,
};
use serde_json::{Map, Value, json};

use crate::hexes;

/// A hash.
pub fn hash(hash: &Hash) -> Value {
    Value::String(hash.to_string())
}

/// Bytes in hex.
pub fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(hexes::encode(bytes))
}

/// A header: its number as the shortest hex, each digest item as hex of its SCALE bytes.
pub fn header(header: &Header) -> Value {
    let logs: Vec<Value> = header.digest.logs.iter().map(|item| bytes(item.encode())).collect();
    json!({
        "parentHash": hash(&header.parent_hash),
        "number": format!("{:#x}", header.number.0),
        "stateRoot": hash(&header.state_root),
        "extrinsicsRoot": hash(&header.extrinsics_root),
        "digest": { "logs": logs },
    })
}

/// A block as `chain_getBlock` gives it. A justification is an engine id and bytes, both as lists of numbers: one
/// client reads nothing else.
pub fn block(block: &Header, extrinsics: &[RawExtrinsic], certificate: Option<Vec<u8>>) -> Value {
    let extrinsics: Vec<Value> = extrinsics.iter().map(|extrinsic| bytes(extrinsic.encode())).collect();
    let justifications = certificate.map(|certificate| json!([[ENGINE, certificate]]));
    json!({
        "block": { "header": header(block), "extrinsics": extrinsics },
        "justifications": justifications,
    })
}

/// A runtime version to the legacy methods, where the interfaces are a list of pairs.
pub fn version(version: &RuntimeVersion) -> Value {
    let apis: Vec<Value> = version.apis.iter().map(|(id, number)| json!([hexes::encode(id), number])).collect();
    json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": apis,
        "transactionVersion": version.transaction_version,
        "systemVersion": version.system_version,
        "stateVersion": version.system_version,
    })
}

/// A runtime version to a follow subscription, where the interfaces are an object.
pub fn runtime_event(version: &RuntimeVersion) -> Value {
    let apis: Map<String, Value> =
        version.apis.iter().map(|(id, number)| (hexes::encode(id), Value::from(*number))).collect();
    json!({
        "type": "valid",
        "spec": {
            "specName": version.spec_name,
            "implName": version.impl_name,
            "specVersion": version.spec_version,
            "implVersion": version.impl_version,
            "transactionVersion": version.transaction_version,
            "apis": apis,
        },
    })
}

/// Did the runtime's version change in this block?
pub fn changes_runtime(header: &Header) -> bool {
    header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated)
}
