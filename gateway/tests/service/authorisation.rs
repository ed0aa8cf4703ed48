//! Who may ask what: every role at every endpoint, each either answered or refused by its own name.

use std::collections::BTreeSet;

use parity_scale_codec::Encode as _;
use salus_client::door::Refusal;
use salus_primitives::{
    AccountId, PractitionerId, Subject,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    subject::Roles,
    time::HOUR,
};
use salus_registry::{storage::Practitioners, testing as registry};
use salus_runtime::RuntimeCall;
use salus_system::keys::bind;

use crate::{
    http::{Answer, request, send},
    world::*,
};

/// What is asked, by the place of its column.
const COLUMNS: [&[(&str, &str)]; 6] = [
    &[("GET", "/v1/me"), ("GET", "/v1/me/nonce")],
    &[("GET", "/v1/me/records"), ("GET", "/v1/me/log"), ("GET", "/v1/me/rules"), ("GET", "/v1/me/requests")],
    &[("POST", "/v1/extrinsics")],
    &[("PUT", "/v1/patients/{patient}/records/{record}/blob")],
    &[("GET", "/v1/patients/{patient}/records/{record}/wrap"), ("GET", "/v1/patients/{patient}/records/{record}/blob")],
    &[
        ("GET", "/v1/patients/{patient}/receipts/{index}/records/{record}/wrap"),
        ("GET", "/v1/patients/{patient}/receipts/{index}/records/{record}/blob"),
    ],
];

/// What anyone may ask, and what is answered to whoever submitted, which `door.rs` shows.
const ELSEWHERE: [&str; 4] = ["/v1/gateway", "/v1/nonce", "/v1/metadata", "/v1/extrinsics/{hash}"];

/// Nothing is refused.
const OK: Option<Refusal> = None;
const NOT_ACTIVE: Option<Refusal> = Some(Refusal::NotActive);
const NOT_THEIRS: Option<Refusal> = Some(Refusal::NotAuthorised);
const FOREIGN: Option<Refusal> = Some(Refusal::ForeignReceipt);
const NOBODY: Option<Refusal> = Some(Refusal::NotRegistered);
const UNINVITED: Option<Refusal> = Some(Refusal::NotInvited);
const PROVISIONAL: Option<Refusal> = Some(Refusal::Provisional);

const COLLEAGUE_KEY: u8 = 41;
const LAPSED_KEY: u8 = 42;
const WARD_KEY: u8 = 43;
const DROPPED_KEY: u8 = 44;
const COUNCIL_KEY: u8 = 45;
const READERS_WARD_KEY: u8 = 46;

type Row = (&'static str, KeyPair, [Option<Refusal>; 6]);

/// The table: who, and what each column comes to.
fn table(world: &World) -> Vec<Row> {
    let officer = [OK, NOT_THEIRS, OK, NOT_THEIRS, NOT_THEIRS, FOREIGN];
    vec![
        //                                                    me      mine        relay      upload       own         receipt
        ("the patient", world.patient.key.clone(), [OK, OK, OK, OK, OK, FOREIGN]),
        ("another patient", world.other.key.clone(), [OK, OK, OK, NOT_THEIRS, NOT_THEIRS, FOREIGN]),
        ("a provisional one", world.provisional.key.clone(), [OK, PROVISIONAL, OK, NOT_THEIRS, NOT_THEIRS, FOREIGN]),
        ("the custodian's doctor", key(DOCTOR_KEY), [OK, NOT_THEIRS, OK, OK, NOT_THEIRS, FOREIGN]),
        ("the ward's session key", key(WARD_KEY), officer),
        ("a doctor whose licence ran out", key(LAPSED_KEY), [OK, NOT_THEIRS, OK, NOT_ACTIVE, NOT_THEIRS, FOREIGN]),
        ("the reader", key(SURGEON_KEY), [OK, NOT_THEIRS, OK, NOT_ACTIVE, NOT_THEIRS, OK]),
        ("the reader's session key", key(READERS_WARD_KEY), [OK, NOT_THEIRS, OK, NOT_THEIRS, NOT_THEIRS, OK]),
        ("the reader's colleague", key(COLLEAGUE_KEY), [OK, NOT_THEIRS, OK, NOT_ACTIVE, NOT_THEIRS, FOREIGN]),
        ("the custodian's Admin", key(HOSPITAL_ADMIN), officer),
        ("the custodian's Registrar", key(REGISTRAR_KEY), officer),
        ("the custodian's Gateway", key(GATEWAY_KEY), officer),
        ("the reader's Admin", key(CLINIC_ADMIN), officer),
        ("the reader's Gateway", key(CLINIC_GATEWAY_KEY), officer),
        ("a member of the council", key(COUNCIL_KEY), officer),
        ("a key that was dropped", key(DROPPED_KEY), [NOBODY, NOBODY, UNINVITED, NOBODY, NOBODY, NOBODY]),
        ("an outsider", key(STRANGER_KEY), [NOBODY, NOBODY, UNINVITED, NOBODY, NOBODY, NOBODY]),
    ]
}

/// Everybody of the table who is not of the world already.
fn people(world: &World) {
    let (colleague, lapsed) = (PractitionerId([41; 16]), PractitionerId([42; 16]));
    world.ledger.with(|chain| {
        registry::doctor(chain, colleague, CLINIC, &key(COLLEAGUE_KEY));
        registry::doctor(chain, lapsed, HOSPITAL, &key(LAPSED_KEY));
        let now = chain.now();
        let patient = Subject::Patient(world.patient.id);
        let bound = |seed: u8| -> AccountId { key(seed).public() };
        chain.prepare(|state| {
            let mut found = Practitioners::get(state, &lapsed).unwrap();
            found.licence_until = now;
            Practitioners::insert(state, &lapsed, &found);
            for (seed, subject, until) in [
                (WARD_KEY, Subject::Practitioner(DOCTOR), Some(now.plus(HOUR))),
                (READERS_WARD_KEY, Subject::Practitioner(SURGEON), Some(now.plus(HOUR))),
                (COUNCIL_KEY, Subject::Council, None),
                (DROPPED_KEY, patient, None),
            ] {
                bind(state, now, bound(seed), subject, Roles::NONE, until).unwrap();
            }
            let mut dropped = salus_system::storage::Account::get(state, &bound(DROPPED_KEY));
            dropped.data.ended = salus_system::types::Ended::Yes;
            salus_system::storage::Account::insert(state, &bound(DROPPED_KEY), &dropped);
        });
    });
}

async fn ask(world: &World, who: &KeyPair, method: &str, path: &str, sealed: &Sealed, index: u32) -> Answer {
    let target = path
        .replace("{patient}", &sealed.of.patient.to_string())
        .replace("{record}", &sealed.of.record.to_string())
        .replace("{index}", &index.to_string());
    match method {
        "PUT" => world.ask(who, method, &sealed.target(), &sealed.blob).await,
        "POST" => {
            let version = salus_system::version();
            let context = ChainContext {
                spec_version: version.spec_version,
                transaction_version: version.transaction_version,
                genesis: world.genesis(),
            };
            let call = RuntimeCall::from(salus_system::Call::Noop {}).encode();
            let nonce = world.ledger.with(|chain| chain.nonce(who.public()));
            let extrinsic = sign(who, call, Era::Immortal, nonce, &context, &world.genesis());
            let body = serde_json::json!({ "extrinsic": hex::encode(extrinsic.encode()) }).to_string();
            world.ask(who, method, &target, body.as_bytes()).await
        }
        _ => world.ask(who, method, &target, b"").await,
    }
}

#[tokio::test]
async fn every_role_is_answered_or_refused_at_every_endpoint_as_the_table_says() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    people(&world);
    for (role, who, row) in table(&world) {
        for (column, expected) in COLUMNS.iter().zip(row) {
            for (method, path) in *column {
                let answer = ask(&world, &who, method, path, &sealed, index).await;
                match expected {
                    None => assert_eq!(answer.status, 200, "{role}: {method} {path}: {answer:?}"),
                    Some(refusal) => assert_eq!(answer.refusal(), refusal, "{role}: {method} {path}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_answered_at_any_of_them_without_a_signature() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    for (method, path) in COLUMNS.iter().copied().flatten() {
        let target = path
            .replace("{patient}", &sealed.of.patient.to_string())
            .replace("{record}", &sealed.of.record.to_string())
            .replace("{index}", &index.to_string());
        let answer = send(world.address, &request(method, &target, &[], b"")).await;
        assert_eq!(answer.refusal(), Refusal::NotSigned, "{method} {path}");
    }
}

#[test]
fn every_endpoint_has_its_column() {
    let routes = include_str!("../../src/server/routes.rs");
    let served: BTreeSet<&str> = routes.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let tested: BTreeSet<&str> = COLUMNS.iter().copied().flatten().map(|(_, path)| *path).chain(ELSEWHERE).collect();
    assert_eq!(served, tested);
}
