//! The committed worked examples in `vectors/`, for implementations in other languages: made by the code, and
//! compared with the files. `SALUS_VECTORS=write` writes them anew, which is to approve another format.

use salus_primitives::{PatientId, RecordId};
use serde_json::{Value, json};
use std::path::Path;
use zeroize::Zeroizing;

use super::{
    Anchor, Compression, ContentKey, KemSecret, OpenError, RecordRef, Wrap, WrapContext, open, seal::seal_with,
    unwrap_key, wrap::wrap_with,
};
use crate::tags::{Sensitivity, TagCode, TagKey};

/// Compare `made` with the committed file `name`, or write it.
pub(crate) fn check(name: &str, made: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var("SALUS_VECTORS").as_deref() == Ok("write") {
        std::fs::write(&path, serde_json::to_string_pretty(made).unwrap() + "\n").unwrap();
    }
    let committed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(committed == *made, "{name} differs: another program could no longer read our bytes");
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn of() -> RecordRef {
    let bytes = |from: u8| core::array::from_fn(|i| from + i as u8);
    RecordRef { patient: PatientId(bytes(0x10)), record: RecordId(bytes(0x80)), version: 2 }
}

fn key() -> [u8; 32] {
    core::array::from_fn(|i| i as u8)
}

/// `length` bytes that count up and start over after 250.
fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

fn blob_case(name: &str, length: usize) -> Value {
    let mut blob = Vec::new();
    let (anchor, _) =
        seal_with(&ContentKey::from_bytes(key()), of(), Compression::None, &plain(length)[..], &mut blob).unwrap();
    let mut case = json!({
        "name": name, "plain_bytes": length, "compression": 0,
        "blob_bytes": anchor.size, "blob_sha256": hex::encode(anchor.digest.0),
    });
    if length < 1000 {
        case["blob"] = hex::encode(&blob).into();
    } else {
        case["blob_header"] = hex::encode(&blob[..super::HEADER_BYTES]).into();
        case["blob_last_tag"] = hex::encode(&blob[blob.len() - super::TAG_BYTES..]).into();
    }
    case
}

#[test]
fn blobs_are_those_of_the_vectors() {
    check(
        "blobs.json",
        &json!({
            "note": "plaintext byte i is i mod 251; layout in src/envelope/mod.rs; all byte strings are hex",
            "content_key": hex::encode(key()),
            "patient": hex::encode(of().patient.0),
            "record": hex::encode(of().record.0),
            "record_version": of().version,
            "suite": 1,
            "segment_bytes": super::SEGMENT_BYTES,
            "cases": [
                blob_case("empty", 0),
                blob_case("a few bytes", 200),
                blob_case("fills its first bucket", 4092),
                blob_case("one byte more: the next bucket", 4093),
                blob_case("fills its first segment", 65_532),
                blob_case("one byte more: two segments, the first full", 65_533),
                blob_case("four segments", 210_000),
                blob_case("the last segments are padding alone", 1_050_000),
            ],
        }),
    );
}

/// A compressed blob is read, not made: programs may compress differently.
#[test]
fn the_compressed_blob_of_the_vectors_opens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/compressed.json");
    if std::env::var("SALUS_VECTORS").as_deref() == Ok("write") && !path.exists() {
        let mut blob = Vec::new();
        let plain = plain(20_000);
        seal_with(&ContentKey::from_bytes(key()), of(), Compression::Zlib, &plain[..], &mut blob).unwrap();
        let vector = json!({
            "note": "keys and ids as in blobs.json; another compressor makes another blob, which opens to the same",
            "compression": 1, "plain_bytes": plain.len(), "blob": hex::encode(&blob),
        });
        std::fs::write(&path, serde_json::to_string_pretty(&vector).unwrap() + "\n").unwrap();
    }
    let vector: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut out = Vec::new();
    open(&ContentKey::from_bytes(key()), &of(), 20_000, &hex_of(&vector["blob"])[..], &mut out).unwrap();
    assert!(out == plain(20_000));
    assert_eq!(vector["plain_bytes"], 20_000);
}

#[test]
fn tampered_blobs_of_the_vectors_are_refused_as_they_say() {
    let mut blob = Vec::new();
    seal_with(&ContentKey::from_bytes(key()), of(), Compression::None, &plain(210_000)[..], &mut blob).unwrap();
    let sealed = super::SEGMENT_BYTES + super::TAG_BYTES;
    let segment = |i: usize| super::HEADER_BYTES + i * sealed;
    let refused = |bad: &[u8]| {
        let error = open(&ContentKey::from_bytes(key()), &of(), 1 << 20, bad, std::io::sink()).unwrap_err();
        let name = match error {
            OpenError::Header(_) => "header",
            OpenError::Truncated { .. } => "truncated",
            OpenError::Trailing { .. } => "trailing",
            OpenError::Reordered { .. } => "reordered",
            OpenError::Altered { .. } => "altered",
            other => panic!("{other}"),
        };
        json!({"sha256": hex::encode(Anchor::of(bad).unwrap().digest.0), "refused": name})
    };
    let flipped = |at: usize| {
        let mut bad = blob.clone();
        bad[at] ^= 1;
        refused(&bad)
    };
    let swapped =
        [&blob[..segment(0)], &blob[segment(1)..segment(2)], &blob[segment(0)..segment(1)], &blob[segment(2)..]];
    let longer = [&blob[..], &[0]].concat();
    check(
        "tampered.json",
        &json!({
            "note": "each is the case \"four segments\" of blobs.json with one change; none may be accepted",
            "cases": [
                {"change": "lowest bit of byte 7 flipped (record id)", "expect": flipped(7)},
                {"change": "lowest bit of byte 5 flipped (compression)", "expect": flipped(5)},
                {"change": "lowest bit of byte 47 flipped (key commitment)", "expect": flipped(47)},
                {"change": "lowest bit of byte 65631 flipped (second segment)", "expect": flipped(segment(1))},
                {"change": "cut after three segments", "expect": refused(&blob[..segment(3)])},
                {"change": "last byte cut", "expect": refused(&blob[..blob.len() - 1])},
                {"change": "a zero byte added", "expect": refused(&longer)},
                {"change": "segments 0 and 1 exchanged", "expect": refused(&swapped.concat())},
            ],
        }),
    );
}

#[test]
fn wraps_are_those_of_the_vectors() {
    let recipient = KemSecret::from_bytes(core::array::from_fn(|i| 0x40 + i as u8));
    let RecordRef { patient, record, version } = of();
    let case = |name: &str, ephemeral: u8, context: WrapContext, fields: Value| {
        let ephemeral = [ephemeral; 32];
        let content_key = ContentKey::from_bytes(key());
        let wrap = wrap_with(Zeroizing::new(ephemeral), &content_key, &recipient.public(), &context).unwrap();
        let again = unwrap_key(&Wrap::from_bytes(&wrap.to_bytes()).unwrap(), &recipient, &context).unwrap();
        assert_eq!(again.expose(), content_key.expose());
        json!({
            "name": name, "context": fields, "info": hex::encode(context.info()),
            "ephemeral_ikm": hex::encode(ephemeral), "wrap": hex::encode(wrap.to_bytes()),
        })
    };
    check(
        "wraps.json",
        &json!({
            "note": "HPKE base mode, empty aad; the ephemeral key pair is RFC 9180's DeriveKeyPair(ephemeral_ikm)",
            "suite": 1,
            "content_key": hex::encode(key()),
            "recipient_secret": hex::encode(recipient.expose()),
            "recipient_public": hex::encode(recipient.public().0),
            "cases": [
                case("standing", 0x51, WrapContext::Standing { of: of(), key_epoch: 1 }, json!({
                    "patient": hex::encode(patient.0), "record": hex::encode(record.0), "record_version": version,
                    "key_epoch": 1,
                })),
                case("receipt", 0x52, WrapContext::Receipt { patient, index: 300, record, key_epoch: 1 }, json!({
                    "patient": hex::encode(patient.0), "receipt_index": 300, "record": hex::encode(record.0),
                    "key_epoch": 1,
                })),
            ],
        }),
    );
}

#[test]
fn tags_are_those_of_the_vectors() {
    let tag_key = TagKey::from_bytes(key());
    let codes = Sensitivity::ALL.map(TagCode::Sensitivity);
    let encounter = TagCode::Encounter(core::array::from_fn(|i| 0xa0 + i as u8));
    let cases: Vec<_> = codes
        .into_iter()
        .chain([encounter])
        .map(|code| json!({"code": code.to_string(), "tag": tag_key.tag(code).to_string()}))
        .collect();
    check("tags.json", &json!({"tag_key": hex::encode(key()), "cases": cases}));
}
