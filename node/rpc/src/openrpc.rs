//! The OpenRPC document that `rpc.discover` serves, made from the table of methods.

use serde_json::{Value, json};

use crate::table::{Kind, Method, Shape};

fn schema(shape: Shape) -> Value {
    let hex = json!({ "type": "string", "pattern": "^(0x)?([0-9a-fA-F]{2})*$" });
    let hash = json!({ "type": "string", "pattern": "^(0x)?[0-9a-fA-F]{64}$" });
    match shape {
        Shape::Bytes => hex,
        Shape::BytesList => json!({ "type": "array", "items": hex }),
        Shape::Hash => hash,
        Shape::Hashes => json!({ "oneOf": [hash, { "type": "array", "items": hash }] }),
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::NumberOrHex => {
            json!({ "oneOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^0x[0-9a-fA-F]+$" }] })
        }
        Shape::Text => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Object => json!({ "type": "object" }),
        Shape::Objects => json!({ "type": "array", "items": { "type": "object" } }),
        Shape::Nothing => json!({ "type": "null" }),
    }
}

fn entry(name: &str, method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|param| json!({ "name": param.name, "required": param.required, "schema": schema(param.shape) }))
        .collect();
    let mut entry = json!({
        "name": name,
        "description": method.doc,
        "paramStructure": "either",
        "params": params,
    });
    match method.kind {
        Kind::Subscription { unsubscribe, notification, .. } => {
            entry["result"] = json!({ "name": "subscription", "schema": schema(Shape::Text) });
            entry["x-subscription"] = json!({
                "unsubscribe": unsubscribe,
                "notification": notification,
                "result": schema(method.result),
            });
        }
        _ => entry["result"] = json!({ "name": "result", "schema": schema(method.result) }),
    }
    entry
}

fn unsubscribe_entry(name: &str, of: &Method, ends_with_null: bool) -> Value {
    let result = if ends_with_null { Shape::Nothing } else { Shape::Flag };
    json!({
        "name": name,
        "description": format!("End a subscription of {}.", of.name),
        "paramStructure": "by-position",
        "params": [{ "name": "subscription", "required": true, "schema": schema(Shape::Text) }],
        "result": { "name": "result", "schema": schema(result) },
    })
}

/// The document for a set of methods.
pub fn document(title: &str, version: &str, methods: &[Method]) -> Value {
    let mut entries = Vec::new();
    for method in methods {
        entries.push(entry(method.name, method));
        entries.extend(method.aliases.iter().map(|alias| entry(alias, method)));
        if let Kind::Subscription { unsubscribe, aliases, ends_with_null, .. } = method.kind {
            entries.push(unsubscribe_entry(unsubscribe, method, ends_with_null));
            for (on, off) in aliases {
                entries.push(entry(on, method));
                entries.push(unsubscribe_entry(off, method, ends_with_null));
            }
        }
    }
    json!({
        "openrpc": "1.3.2",
        "info": { "title": title, "version": version },
        "methods": entries,
    })
}
