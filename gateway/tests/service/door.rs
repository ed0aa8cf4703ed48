//! The caller's door to the chain: about the caller alone, and their extrinsics handed on.

use parity_scale_codec::{Decode as _, Encode as _};
use salus_client::door::{
    CallerInfo, ExtrinsicState, ExtrinsicStatus, LogInfo, NonceOf, RecordInfo, Refusal, RequestInfo, RuleInfo,
    SubjectInfo, SubmitAnswer,
};
use salus_consent::{Action, Actions, Kinds, Purpose, Purposes, Scope};
use salus_gateway::limits::Limits;
use salus_patients::testing::{Person, invite, registration};
use salus_primitives::{
    Hash, Window,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
};
use salus_runtime::RuntimeCall;

use crate::{http::Answer, world::*};

fn signed(world: &World, who: &KeyPair, call: impl Into<RuntimeCall>) -> String {
    let version = salus_system::version();
    let genesis = world.genesis();
    let context =
        ChainContext { spec_version: version.spec_version, transaction_version: version.transaction_version, genesis };
    let nonce = world.ledger.with(|chain| chain.nonce(who.public()));
    hex::encode(sign(who, call.into().encode(), Era::Immortal, nonce, &context, &genesis).encode())
}

async fn submit(world: &World, who: &KeyPair, extrinsic: &str) -> Answer {
    let body = serde_json::json!({ "extrinsic": extrinsic }).to_string();
    world.ask(who, "POST", "/v1/extrinsics", body.as_bytes()).await
}

async fn fate(world: &World, who: &KeyPair, hash: Hash) -> ExtrinsicState {
    // The watch is a task of its own: it has ended once the status is no longer the first one.
    loop {
        let status: ExtrinsicStatus = world.get(who, &format!("/v1/extrinsics/{hash}")).await.json();
        assert_eq!(status.hash, hash);
        if status.state != ExtrinsicState::Waiting {
            return status.state;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_hears_who_they_are_and_what_they_may_sign_next() {
    let world = World::new().await;
    let info: CallerInfo = world.get(&world.patient.key, "/v1/me").await.json();
    assert_eq!(info.subject, SubjectInfo::Patient(world.patient.id));
    assert_eq!(info.kem_key, Some(hex::encode(kem(PATIENT_KEM).public().0)));
    let patient = info.patient.unwrap();
    assert_eq!((patient.state.as_str(), patient.assurance, patient.inviting), ("Active", 1, HOSPITAL));
    let info: CallerInfo = world.get(&key(SURGEON_KEY), "/v1/me").await.json();
    assert_eq!((info.subject, info.patient), (SubjectInfo::Practitioner(SURGEON), None));
    let info: CallerInfo = world.get(&world.provisional.key, "/v1/me").await.json();
    assert!(info.patient.unwrap().provisional);
    let nonce: NonceOf = world.get(&key(SURGEON_KEY), "/v1/me/nonce").await.json();
    assert_eq!(nonce.nonce, 0);
    for path in ["/v1/me", "/v1/me/nonce", "/v1/me/records", "/v1/me/log", "/v1/me/rules", "/v1/me/requests"] {
        assert_eq!(world.get(&key(STRANGER_KEY), path).await.refusal(), Refusal::NotRegistered, "{path}");
    }
}

#[tokio::test]
async fn a_patient_sees_their_own_records_log_rules_and_requests_and_nobody_elses() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let (me, other) = (&world.patient.key, &world.other.key);
    world.ledger.with(|chain| {
        let now = chain.now();
        let call = salus_access::Call::Request {
            patient: world.patient.id,
            organisation: CLINIC,
            scope: Scope::kinds(Kinds::ALL),
            purposes: Purposes::of(&[Purpose::Treatment]),
            actions: Actions::of(&[Action::View]),
            window: Window { from: now, until: now.plus(1_000_000) },
            note: Hash::ZERO,
        };
        chain.ok(key(SURGEON_KEY).public(), call);
    });

    let records: Vec<RecordInfo> = world.get(me, "/v1/me/records").await.json();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].record, records[0].digest), (sealed.of.record, sealed.anchor.digest));
    assert_eq!((records[0].kind.as_str(), records[0].status.as_str()), ("Lab", "Current"));
    let record = salus_records::Record::decode(&mut &hex::decode(&records[0].scale).unwrap()[..]).unwrap();
    assert_eq!((record.custodian, records[0].custodian), (HOSPITAL, HOSPITAL));

    let log: LogInfo = world.get(me, "/v1/me/log").await.json();
    assert_eq!((log.count, log.next, log.entries.len()), (1, None, 1));
    assert_eq!((log.entries[0].index, log.entries[0].organisation), (index, CLINIC));
    assert_eq!(log.entries[0].opener, SubjectInfo::Practitioner(SURGEON));
    assert_eq!(log.entries[0].permitted, "0000000000000001");

    let rules: Vec<RuleInfo> = world.get(me, "/v1/me/rules").await.json();
    assert_eq!(rules.iter().map(|rule| rule.id).collect::<Vec<_>>().len(), 2);
    assert!(rules.iter().all(|rule| rule.effect == "Permit"));
    let requests: Vec<RequestInfo> = world.get(me, "/v1/me/requests").await.json();
    assert_eq!((requests.len(), requests[0].requester, requests[0].open), (1, SURGEON, true));

    assert!(world.get(other, "/v1/me/records").await.json::<Vec<RecordInfo>>().is_empty());
    assert_eq!(world.get(other, "/v1/me/log").await.json::<LogInfo>().count, 0);
    assert!(world.get(other, "/v1/me/rules").await.json::<Vec<RuleInfo>>().is_empty());
    assert!(world.get(other, "/v1/me/requests").await.json::<Vec<RequestInfo>>().is_empty());
}

#[tokio::test]
async fn a_long_log_comes_in_pages() {
    let limits = Limits { page: 2, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let sealed = world.filed(1, 100).await;
    world.grant();
    for _ in 0..5 {
        world.open(&[sealed.of.record]);
    }
    let (mut from, mut seen) = (Some(0), Vec::new());
    while let Some(place) = from {
        let log: LogInfo = world.get(&world.patient.key, &format!("/v1/me/log?from={place}")).await.json();
        seen.extend(log.entries.iter().map(|entry| entry.index));
        from = log.next;
    }
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    let beyond: LogInfo = world.get(&world.patient.key, "/v1/me/log?from=4000000000").await.json();
    assert_eq!((beyond.entries.len(), beyond.next), (0, None));
}

#[tokio::test]
async fn an_extrinsic_of_the_caller_is_handed_on_and_its_fate_told_to_them_alone() {
    let world = World::new().await;
    let me = &world.patient.key;
    let extrinsic = signed(&world, me, salus_system::Call::Noop {});
    let hash = submit(&world, me, &extrinsic).await.json::<SubmitAnswer>().hash;
    let height = world.ledger.with(|chain| chain.height().0);
    assert_eq!(fate(&world, me, hash).await, ExtrinsicState::Final { height });
    let answer = world.get(&world.other.key, &format!("/v1/extrinsics/{hash}")).await;
    assert_eq!(answer.refusal(), Refusal::UnknownExtrinsic);
    let answer = world.get(me, &format!("/v1/extrinsics/{}", Hash::ZERO)).await;
    assert_eq!(answer.refusal(), Refusal::UnknownExtrinsic);

    let confirm = salus_patients::Call::Confirm { patient: world.patient.id, assurance: 2 };
    let hash = submit(&world, me, &signed(&world, me, confirm)).await.json::<SubmitAnswer>().hash;
    assert!(matches!(fate(&world, me, hash).await, ExtrinsicState::Refused { .. }));
}

#[tokio::test]
async fn what_is_not_the_callers_or_no_extrinsic_is_not_handed_on() {
    let world = World::new().await;
    let me = &world.patient.key;
    let foreign = signed(&world, &world.other.key, salus_system::Call::Noop {});
    assert_eq!(submit(&world, me, &foreign).await.refusal(), Refusal::ForeignExtrinsic);
    let good = signed(&world, me, salus_system::Call::Noop {});
    let bare = hex::encode(salus_primitives::RawExtrinsic(vec![0x04, 0, 0]).encode());
    let unknown = signed_bytes(&world, me, vec![0x3c, 0]);
    let longer = signed_bytes(&world, me, [RuntimeCall::from(salus_system::Call::Noop {}).encode(), vec![0]].concat());
    for text in ["", "zz", "00", &good[..good.len() - 2], &format!("{good}00"), &bare, &unknown, &longer] {
        assert_eq!(submit(&world, me, text).await.refusal(), Refusal::BadExtrinsic, "{text}");
    }
    for body in ["", "{}", "[]", r#"{"extrinsic":"00","more":1}"#, r#"{"extrinsic":1}"#] {
        let answer = world.ask(me, "POST", "/v1/extrinsics", body.as_bytes()).await;
        assert_eq!(answer.refusal(), Refusal::BadRequest, "{body}");
    }
    world.ledger.take_none(1);
    assert_eq!(submit(&world, me, &good).await.refusal(), Refusal::ChainRefused);
    submit(&world, me, &format!("0x{good}")).await.json::<SubmitAnswer>();
}

fn signed_bytes(world: &World, who: &KeyPair, call: Vec<u8>) -> String {
    let version = salus_system::version();
    let genesis = world.genesis();
    let context =
        ChainContext { spec_version: version.spec_version, transaction_version: version.transaction_version, genesis };
    hex::encode(sign(who, call, Era::Immortal, 0, &context, &genesis).encode())
}

#[tokio::test]
async fn who_is_not_registered_may_register_on_a_live_invitation_and_nothing_else() {
    let world = World::new().await;
    let person = Person::number(9);
    let stranger = &person.key;
    let call = world.ledger.with(|chain| registration(chain, 9));
    let register = signed(&world, stranger, call);
    assert_eq!(submit(&world, stranger, &register).await.refusal(), Refusal::NotInvited, "no invitation");
    world.ledger.with(|chain| invite(chain, key(REGISTRAR_KEY).public(), 9, false));
    let noop = signed(&world, stranger, salus_system::Call::Noop {});
    assert_eq!(submit(&world, stranger, &noop).await.refusal(), Refusal::NotInvited, "another call");
    let hash = submit(&world, stranger, &register).await.json::<SubmitAnswer>().hash;
    assert!(matches!(fate(&world, stranger, hash).await, ExtrinsicState::Final { .. }));
    let info: CallerInfo = world.get(stranger, "/v1/me").await.json();
    assert_eq!(info.subject, SubjectInfo::Patient(person.id));

    // Spent, and run out.
    let next = KeyPair::from_seed(&[77; 32]);
    let call = world.ledger.with(|chain| registration(chain, 9));
    let again = signed(&world, &next, call);
    assert_eq!(submit(&world, &next, &again).await.refusal(), Refusal::NotInvited, "spent");
    world.ledger.with(|chain| {
        invite(chain, key(REGISTRAR_KEY).public(), 10, false);
        chain.advance(salus_primitives::time::DAY);
    });
    let late = Person::number(10);
    let call = world.ledger.with(|chain| registration(chain, 10));
    let register = signed(&world, &late.key, call);
    assert_eq!(submit(&world, &late.key, &register).await.refusal(), Refusal::NotInvited, "run out");
}

#[tokio::test]
async fn a_revocation_is_handed_on_even_while_the_chain_stands_still() {
    let world = World::new().await;
    world.ledger.halt(60_000);
    let me = &world.patient.key;
    let extrinsic = signed(&world, me, salus_system::Call::Noop {});
    submit(&world, me, &extrinsic).await.json::<SubmitAnswer>();
}
