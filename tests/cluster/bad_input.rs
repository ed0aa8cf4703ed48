//! Bad input over JSON-RPC: each kind gets its own clear error, and the node lives on.

use parity_scale_codec::{Compact, Decode, Encode};
use salus_chain_spec::presets::development_key;
use salus_council::{
    ActError,
    types::{Act, Members},
};
use salus_primitives::{
    AccountId, Hash, RawExtrinsic,
    crypto::{KeyPair, Signature},
    dispatch::{DispatchError, ModuleError},
    extrinsic::{self, ChainContext, Era, SignedExtrinsic},
};
use serde_json::{Value, json};

use crate::{
    chain::{Chain, council_of, noop, propose, wire},
    node::Node,
    rpc::{Failure, Refusal},
};

/// The identity point: with it as a key, one signature fits every message.
const WEAK_KEY: AccountId = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    AccountId(bytes)
};

fn council() -> KeyPair {
    development_key("council")
}

/// Bytes in the wire form: their length before them.
fn with_length(body: &[u8]) -> Vec<u8> {
    body.encode()
}

fn submit_hex(chain: &mut Chain, bytes: &[u8]) -> Refusal {
    chain.rpc.refused("author_submitExtrinsic", json!([format!("0x{}", hex::encode(bytes))]))
}

#[track_caller]
fn says(refusal: &Refusal, code: i64, words: &str) {
    let text = format!("{}: {}", refusal.message, refusal.data);
    assert_eq!(refusal.code, code, "{text}");
    assert!(text.contains(words), "{words:?} is missing in {text:?}");
}

#[test]
fn bytes_that_are_no_extrinsic_are_refused_by_what_is_wrong_with_them() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let good = chain.sign(&council(), 0, noop());
    let bytes = good.encode();

    let no_hex = chain.rpc.refused("author_submitExtrinsic", json!(["0xzz"]));
    says(&no_hex, -32602, "parameter `extrinsic` must be bytes in hex");
    says(&submit_hex(&mut chain, &[]), 1001, "a field is missing");
    says(&submit_hex(&mut chain, &[0xff; 40]), 1001, "Extrinsic has invalid format: undecodable");
    says(&submit_hex(&mut chain, &bytes[..bytes.len() - 1]), 1001, "a field is missing");
    says(&submit_hex(&mut chain, &[&bytes[..], &[0]].concat()), 1001, "1 bytes follow the end");
    // A length prefix in more bytes than it needs.
    let long_prefix = [&[0b10 | (u8::try_from(good.0.len() << 2).unwrap_or(0)), 2, 0, 0], &good.0[..]].concat();
    says(&submit_hex(&mut chain, &long_prefix), 1001, "undecodable");
    says(&submit_hex(&mut chain, &with_length(&vec![0x84; 65_536])), -32051, "at most 65536 are taken");
    says(&submit_hex(&mut chain, &vec![0; 200_000]), -32051, "200000 bytes, at most 65536 are taken");

    // The length prefix fits, what is in it does not.
    let body = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = good.0.clone();
        change(&mut body);
        with_length(&body)
    };
    let unfit = "it does not decode";
    says(&submit_hex(&mut chain, &body(&|body| body.truncate(body.len() - 1))), 1010, unfit);
    says(&submit_hex(&mut chain, &body(&|body| body.truncate(50))), 1010, unfit);
    says(&submit_hex(&mut chain, &body(&|body| body.push(0))), 1010, unfit);
    says(&submit_hex(&mut chain, &body(&|body| body.clear())), 1010, unfit);
    let last = good.0.len() - 1;
    says(&submit_hex(&mut chain, &body(&|body| body[last] = 99)), 1010, unfit);
    says(&submit_hex(&mut chain, &body(&|body| body[last - 1] = 0x3c)), 1010, unfit);
    says(&submit_hex(&mut chain, &body(&|body| body[0] = 0x85)), 1010, "bad signature");
    says(&submit_hex(&mut chain, &body(&|body| body[0] = 0x05)), 1010, "bad signature");
    says(&submit_hex(&mut chain, &with_length(&[0x04, 0, 0])), 1010, "bad signature");
    says(&submit_hex(&mut chain, &body(&|body| body[1] = 1)), 1010, "Ed25519 account ids only");
    says(&submit_hex(&mut chain, &body(&|body| body[34] = 1)), 1010, "Ed25519 account ids only");
    lives_on(&mut chain);
}

#[test]
fn an_extrinsic_that_may_not_stand_in_the_next_block_is_refused_by_its_reason() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    chain.grow(2);
    let refused = |chain: &mut Chain, raw: RawExtrinsic| match chain.submit(&raw) {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("it was not refused: {other:?}"),
    };
    let (me, genesis) = (council(), chain.context.genesis);

    let elsewhere = ChainContext { genesis: Hash([7; 32]), ..chain.context };
    let other_chain = extrinsic::sign(&me, noop(), Era::Immortal, 2, &elsewhere, &genesis);
    says(&refused(&mut chain, other_chain), 1010, "bad signature: wrong key, chain");
    let later = ChainContext { spec_version: chain.context.spec_version + 1, ..chain.context };
    let other_version = extrinsic::sign(&me, noop(), Era::Immortal, 2, &later, &genesis);
    says(&refused(&mut chain, other_version), 1010, "spec version");
    let mut forged = chain.sign(&me, 2, noop());
    forged.0[40] ^= 1;
    says(&refused(&mut chain, forged), 1010, "changed bytes");
    let stale = chain.sign(&me, 1, council_of(&[&me]));
    says(&refused(&mut chain, stale), 1010, "its nonce is already used");
    let gap = chain.sign(&me, 34, noop());
    says(&refused(&mut chain, gap), -32053, "nonce 34 is too far ahead: the account's next is 2, at most 33");
    let stranger = chain.sign(&KeyPair::from_seed(&[0x77; 32]), 0, noop());
    says(&refused(&mut chain, stranger), 1010, "not registered on this chain");

    // The weak key with the signature that fits everything: (identity, 0).
    let mut signature = [0; 64];
    signature[0] = 1;
    let (signature, nonce) = (Signature(signature), 0);
    let weak = SignedExtrinsic { signer: WEAK_KEY, signature, era: Era::Immortal, nonce, call: noop() };
    says(&refused(&mut chain, weak.to_raw()), 1010, "not registered on this chain");
    let scheme = |scheme: u8| {
        let mut raw = chain.sign(&me, 2, noop());
        raw.0[34] = scheme;
        raw
    };
    let (sr25519, ecdsa) = (scheme(1), scheme(2));
    says(&refused(&mut chain, sr25519), 1010, "Ed25519 account ids only");
    says(&refused(&mut chain, ecdsa), 1010, "Ed25519 account ids only");

    let height = chain.height().expect("the node serves");
    let (era, birth) = chain.era(4, height);
    let context = chain.context;
    let mortal = |nonce| extrinsic::sign(&me, noop(), era, nonce, &context, &birth);
    let in_time = mortal(2);
    chain.submit(&in_time).expect("it is not expired yet");
    chain.wait_for(&in_time, height);
    chain.grow(5);
    let late = mortal(chain.nonce(&me).expect("the node serves"));
    says(&refused(&mut chain, late), 1010, "ancient birth block: sign it again");
    says(&refused(&mut chain, in_time), 1013, "already in the finalised block");
    lives_on(&mut chain);
}

#[test]
fn a_future_nonce_waits_for_those_before_it() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let me = council();
    let (late, early) = (chain.sign(&me, 1, noop()), chain.sign(&me, 0, noop()));
    chain.submit(&late).expect("it may wait");
    let again = chain.rpc.refused("author_submitExtrinsic", json!([wire(&late)]));
    says(&again, 1013, "already in the pool");
    assert_eq!(chain.rpc.ask("author_pendingExtrinsics", json!([])), json!([wire(&late)]));
    let height = chain.height().expect("the node serves");
    assert!(chain.block(height).expect("it serves").expect("the tip").extrinsics.is_empty());
    chain.submit(&early).expect("it is next");
    assert_eq!(chain.wait_for(&early, height), chain.wait_for(&late, height), "both stand in one block");
    lives_on(&mut chain);
}

#[test]
fn a_weak_key_does_not_enter_the_council() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let members = Members::try_from(vec![council().public(), WEAK_KEY]).expect("there is room");
    let height = chain.finalise(propose(Act::CouncilSet { members, threshold: 1 }));
    let failure = chain.failure_at(height).expect("it must fail");
    let error = DispatchError::decode(&mut &failure[..]).expect("an error");
    let expected = salus_council::Error::BadAct(ActError::WeakKey).encode();
    let DispatchError::Module(ModuleError { index: 3, error }) = error else { panic!("another error: {error:?}") };
    assert_eq!(error[..expected.len()], expected);
    lives_on(&mut chain);
}

#[test]
fn unknown_methods_bad_parameters_and_unknown_blocks_are_told_apart() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let nowhere = format!("0x{}", "77".repeat(32));
    let rpc = &mut chain.rpc;
    says(&rpc.refused("state_dropEverything", json!([])), -32601, "Method not found");
    says(&rpc.refused("chain_getBlockHash", json!(["many"])), -32602, "must be a whole number");
    says(&rpc.refused("chain_getBlockHash", json!([-1])), -32602, "must be a whole number");
    says(&rpc.refused("chain_getBlock", json!(["0x12"])), -32602, "must be 32 bytes in hex");
    says(&rpc.refused("chain_getBlock", json!([1, 2, 3])), -32602, "3 parameters given, at most");
    says(&rpc.refused("state_getStorage", json!([])), -32602, "parameter `key` is missing");
    says(&rpc.refused("state_getStorage", json!({ "kee": "0x" })), -32602, "unknown parameter name");
    says(&rpc.refused("state_getStorage", json!("0x")), -32602, "Invalid params");
    says(&rpc.refused("state_getStorage", json!(["0x00", nowhere])), 4003, "UnknownBlock");
    says(&rpc.refused("state_call", json!(["Core_version", "0x", nowhere])), 4003, "UnknownBlock");
    says(&rpc.refused("state_call", json!(["Core_boil", "0x"])), 4003, "Exported method Core_boil is not found");
    says(&rpc.refused("state_call", json!(["AccountNonceApi_account_nonce", "0x01"])), 4003, "do not decode");
    says(&rpc.refused("state_getKeysPaged", json!(["0x", 1_001])), -32050, "at most 1000");
    says(&rpc.refused("system_accountNextIndex", json!(["5Grwva"])), -32602, "Invalid params");
    assert_eq!(rpc.ask("chain_getBlock", json!([nowhere])), Value::Null, "a block nobody has is no error to clients");
    assert_eq!(rpc.ask("chain_getHeader", json!([nowhere])), Value::Null);
    assert_eq!(rpc.ask("chain_getBlockHash", json!([1_000_000])), Value::Null);
    lives_on(&mut chain);
}

#[test]
fn requests_that_are_no_requests_are_answered_and_forgotten() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let deep = "[".repeat(10_000);
    let cases: [(&str, i64); 9] = [
        ("", -32700),
        ("{", -32700),
        ("\u{0}\u{1}", -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"chain_getHeader\"", -32700),
        (&deep, -32700),
        ("[]", -32600),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"chain_getHeader\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
        // Valid JSON that is no request at all: the library does not tell it from no JSON.
        ("17", -32700),
    ];
    for (body, code) in cases {
        let (status, answer) = chain.rpc.post(body.as_bytes()).expect("the node answers");
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        let start: String = body.chars().take(40).collect();
        assert_eq!(answer["error"]["code"].as_i64(), Some(code), "{start:?}: {status} {answer}");
    }
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "chain_getHeader" });
    let batch = |count: usize| json!(vec![one.clone(); count]).to_string();
    let (_, answer) = chain.rpc.post(batch(3).as_bytes()).expect("the node answers");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer.as_array().map(Vec::len), Some(3));
    let (_, answer) = chain.rpc.post(batch(101).as_bytes()).expect("the node answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("100"), "a batch over the limit says the limit: {answer}");

    // Half a request, and one far too long: the connection is lost, the node is not.
    let mut half = crate::rpc::Rpc::connect(node.address()).expect("the node serves");
    drop(half.post(&vec![b' '; 600_000]));
    let mut again = Chain::of(&node);
    lives_on(&mut again);
}

#[test]
fn a_thousand_broken_extrinsics_leave_no_trace() {
    let node = Node::dev().start();
    let mut chain = Chain::of(&node);
    let good = chain.sign(&council(), 0, noop());
    for place in 0..good.0.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut raw = good.clone();
            raw.0[place] ^= change;
            let refused = chain.submit(&raw);
            assert!(matches!(refused, Err(Failure::Refused(_))), "byte {place} ^ {change:#x}: {refused:?}");
        }
    }
    // A length that lies.
    for length in [0u32, 1, 1_000, u32::MAX] {
        let lie = [&Compact(length).encode()[..], &good.0].concat();
        submit_hex(&mut chain, &lie);
    }
    assert_eq!(chain.rpc.ask("author_pendingExtrinsics", json!([])), json!([]));
    lives_on(&mut chain);
}

/// A good extrinsic is final soon.
fn lives_on(chain: &mut Chain) {
    chain.finalise(noop());
}
