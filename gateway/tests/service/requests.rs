//! What a request has to be before anything about it is looked up.

use std::time::Duration;

use parity_scale_codec::Encode as _;
use salus_client::door::{
    CallerInfo, EXPIRY_MAX, GatewayInfo, HEADER_BODY, HEADER_SIGNATURE, NONCE_LIFE, Refusal, Request, RequestNonce,
    SignedRequest,
};
use salus_gateway::{ledger::LedgerError, limits::Limits};
use salus_primitives::{
    crypto::sha256,
    extrinsic::{Era, payload},
};

use crate::{
    http::{Answer, request, send, send_and_end},
    world::*,
};

const ME: &str = "/v1/me";

async fn sent(world: &World, signed: &SignedRequest) -> Answer {
    send(world.address, &request("GET", ME, &signed.headers(), b"")).await
}

#[tokio::test]
async fn anyone_may_know_the_gateway_and_its_metadata() {
    let world = World::new().await;
    let info: GatewayInfo = send(world.address, &request("GET", "/v1/gateway", &[], b"")).await.json();
    assert_eq!((info.organisation, info.genesis, info.fresh), (HOSPITAL, world.genesis(), true));
    assert_eq!(info.time, world.ledger.clock());
    let metadata: salus_client::door::MetadataAnswer =
        send(world.address, &request("GET", "/v1/metadata", &[], b"")).await.json();
    assert!(metadata.metadata.starts_with(&hex::encode(b"meta")));
}

#[tokio::test]
async fn a_signed_request_is_answered_and_one_without_any_of_its_headers_is_not() {
    let world = World::new().await;
    let me = &world.patient.key;
    let info: CallerInfo = world.get(me, ME).await.json();
    assert_eq!(info.account, me.public());
    for missing in 0..6 {
        let mut headers = world.sign(me, "GET", ME, b"").await.headers().to_vec();
        headers.remove(missing);
        let answer = send(world.address, &request("GET", ME, &headers, b"")).await;
        assert_eq!(answer.refusal(), Refusal::NotSigned, "without {missing}");
    }
    let mut headers = world.sign(me, "GET", ME, b"").await.headers().to_vec();
    headers.push((HEADER_SIGNATURE, "00".repeat(64)));
    let answer = send(world.address, &request("GET", ME, &headers, b"")).await;
    assert_eq!(answer.refusal(), Refusal::NotSigned, "with two signatures");
}

#[tokio::test]
async fn a_request_for_another_gateway_is_refused() {
    let world = World::new().await;
    let request = Request { method: "GET", target: ME, body: sha256(b"") };
    let (nonce, expires) = (world.nonce().await, world.ledger.clock() + 1_000);
    let signed = SignedRequest::sign(&world.patient.key, &world.genesis(), CLINIC, &request, nonce, expires);
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::WrongGateway);
    // Nor does it help to say otherwise: the signature binds it.
    let relabelled = SignedRequest { gateway: HOSPITAL, ..signed };
    assert_eq!(sent(&world, &relabelled).await.refusal(), Refusal::BadSignature);
}

#[tokio::test]
async fn a_signature_of_something_else_is_refused() {
    let world = World::new().await;
    let me = &world.patient.key;
    let signed = world.sign(me, "GET", "/v1/me/log", b"").await;
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::BadSignature, "of another target");
    let signed = world.sign(me, "POST", ME, b"").await;
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::BadSignature, "of another method");
    let signed = SignedRequest { account: key(DOCTOR_KEY).public(), ..world.sign(me, "GET", ME, b"").await };
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::BadSignature, "by another key");
}

#[tokio::test]
async fn a_signature_of_an_extrinsic_is_no_signature_of_a_request() {
    let world = World::new().await;
    let me = &world.patient.key;
    let signed = world.sign(me, "GET", ME, b"").await;
    let chain = salus_primitives::extrinsic::ChainContext {
        spec_version: salus_system::version().spec_version,
        transaction_version: salus_system::version().transaction_version,
        genesis: world.genesis(),
    };
    let fields = ("GET".as_bytes(), ME.as_bytes(), signed.body, HOSPITAL, me.public(), signed.nonce.0, signed.expires);
    for bytes in [payload(&fields.encode(), Era::Immortal, 0, &chain, &world.genesis()), fields.encode()] {
        let signed = SignedRequest { signature: me.sign(&bytes), ..world.sign(me, "GET", ME, b"").await };
        assert_eq!(sent(&world, &signed).await.refusal(), Refusal::BadSignature);
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_refused() {
    let world = World::new().await;
    let signed = world.sign(&world.patient.key, "GET", ME, b"").await;
    sent(&world, &signed).await.json::<CallerInfo>();
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::UnknownNonce);
}

#[tokio::test]
async fn a_nonce_that_is_nobodys_or_too_old_is_refused_and_a_bad_signature_uses_none_up() {
    let world = World::new().await;
    let me = &world.patient.key;
    let request = Request { method: "GET", target: ME, body: sha256(b"") };
    let expires = world.ledger.clock() + 1_000;
    let signed = SignedRequest::sign(me, &world.genesis(), HOSPITAL, &request, RequestNonce([9; 16]), expires);
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::UnknownNonce);

    let signed = world.sign(me, "GET", ME, b"").await;
    let forged = SignedRequest { signature: key(STRANGER_KEY).sign(b""), ..signed };
    assert_eq!(sent(&world, &forged).await.refusal(), Refusal::BadSignature);
    sent(&world, &signed).await.json::<CallerInfo>();

    let nonce = world.nonce().await;
    world.ledger.with(|chain| _ = chain.advance(NONCE_LIFE));
    let expires = world.ledger.clock() + 1_000;
    let signed = SignedRequest::sign(me, &world.genesis(), HOSPITAL, &request, nonce, expires);
    assert_eq!(sent(&world, &signed).await.refusal(), Refusal::UnknownNonce);
}

#[tokio::test]
async fn a_request_is_void_from_its_expiry_on_which_is_at_most_a_minute_ahead() {
    let world = World::new().await;
    let request = Request { method: "GET", target: ME, body: sha256(b"") };
    let now = world.ledger.clock();
    for (expires, refusal) in [
        (0, Some(Refusal::Expired)),
        (now, Some(Refusal::Expired)),
        (now + 1, None),
        (now + EXPIRY_MAX, None),
        (now + EXPIRY_MAX + 1, Some(Refusal::ExpiryTooFar)),
        (u64::MAX, Some(Refusal::ExpiryTooFar)),
    ] {
        let nonce = world.nonce().await;
        let signed = SignedRequest::sign(&world.patient.key, &world.genesis(), HOSPITAL, &request, nonce, expires);
        let answer = sent(&world, &signed).await;
        match refusal {
            Some(refusal) => assert_eq!(answer.refusal(), refusal, "{expires}"),
            None => _ = answer.json::<CallerInfo>(),
        }
    }
}

#[tokio::test]
async fn a_body_that_was_not_signed_is_refused() {
    let world = World::new().await;
    let me = &world.patient.key;
    let target = "/v1/extrinsics";
    let signed = world.sign(me, "POST", target, br#"{"extrinsic":"00"}"#).await;
    let answer = send(world.address, &request("POST", target, &signed.headers(), br#"{"extrinsic":"01"}"#)).await;
    assert_eq!(answer.refusal(), Refusal::BodyMismatch);
    let signed = world.sign(me, "GET", ME, b"").await;
    let answer = send(world.address, &request("GET", ME, &signed.headers(), b"more")).await;
    assert_eq!(answer.refusal(), Refusal::BodyMismatch);
    let mut headers = world.sign(me, "GET", ME, b"").await.headers().to_vec();
    headers.iter_mut().find(|(name, _)| *name == HEADER_BODY).unwrap().1 = hex::encode(sha256(b"more").0);
    let answer = send(world.address, &request("GET", ME, &headers, b"more")).await;
    assert_eq!(answer.refusal(), Refusal::BadSignature);
}

#[tokio::test]
async fn a_body_that_is_too_large_too_slow_or_ends_early_is_refused() {
    let limits = Limits { body_bytes: 100, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let (me, target) = (&world.patient.key, "/v1/extrinsics");
    assert_eq!(world.ask(me, "POST", target, &[b'x'; 101]).await.refusal(), Refusal::TooLarge);
    assert_eq!(world.ask(me, "POST", target, &[b'x'; 100]).await.refusal(), Refusal::BadRequest);

    let signed = world.sign(me, "POST", target, &[b'x'; 50]).await;
    let mut headers = signed.headers().to_vec();
    headers.push(("content-length", "50".to_owned()));
    let answer = send_and_end(world.address, &request("POST", target, &headers, &[b'x'; 49])).await;
    assert_eq!(answer.refusal(), Refusal::BadLength);

    let limits = Limits { body_time: Duration::ZERO, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let mut headers = world.sign(&world.patient.key, "POST", target, b"x").await.headers().to_vec();
    headers.push(("content-length", "1".to_owned()));
    let answer = send(world.address, &request("POST", target, &headers, b"")).await;
    assert_eq!(answer.refusal(), Refusal::TooSlow);
}

#[tokio::test]
async fn what_no_path_or_method_is_for_is_refused_by_name() {
    let world = World::new().await;
    let ask = |method: &'static str, target: &'static str| {
        let bytes = request(method, target, &[], b"");
        let address = world.address;
        async move { send(address, &bytes).await.refusal() }
    };
    assert_eq!(ask("GET", "/").await, Refusal::NotFound);
    assert_eq!(ask("GET", "/v2/me").await, Refusal::NotFound);
    assert_eq!(ask("GET", "/v1/nonce").await, Refusal::MethodNotAllowed);
    assert_eq!(ask("DELETE", "/v1/me").await, Refusal::MethodNotAllowed);
    assert_eq!(ask("GET", "/v1/patients/%ff/records/00/wrap").await, Refusal::BadRequest);
    let me = &world.patient.key;
    for target in [
        "/v1/patients/00/records/00/wrap".to_owned(),
        format!("/v1/patients/{}/receipts/-1/records/{}/wrap", world.patient.id, "00".repeat(16)),
        "/v1/me/log?from=x".to_owned(),
        "/v1/me/log?until=3".to_owned(),
        "/v1/extrinsics/zz".to_owned(),
    ] {
        assert_eq!(world.get(me, &target).await.refusal(), Refusal::BadRequest, "{target}");
    }
}

#[tokio::test]
async fn nonces_are_given_out_in_bounds() {
    let limits = Limits { nonces: 2, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    world.nonce().await;
    world.nonce().await;
    let answer = send(world.address, &request("POST", "/v1/nonce", &[], b"")).await;
    assert_eq!(answer.refusal(), Refusal::TooManyNonces);
    assert_eq!(answer.header("retry-after"), Some("2"));
    world.ledger.with(|chain| _ = chain.advance(NONCE_LIFE));
    world.nonce().await;
}

#[tokio::test]
async fn a_caller_has_so_many_requests_under_way() {
    let limits = Limits { requests_per_caller: 0, transfers_per_caller: 0, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    assert_eq!(world.get(&world.patient.key, ME).await.refusal(), Refusal::Busy);
    let sealed = Sealed::new(world.patient.id, 1, 10);
    assert_eq!(world.upload(&sealed).await.refusal(), Refusal::Busy);
    assert_eq!(world.get(&world.patient.key, &sealed.path("blob")).await.refusal(), Refusal::Busy);
}

#[tokio::test]
async fn a_chain_that_cannot_be_read_or_proven_answers_nothing() {
    let world = World::new().await;
    let me = &world.patient.key;
    world.ledger.fail(Some(LedgerError::Unavailable("refused".into())));
    assert_eq!(world.get(me, ME).await.refusal(), Refusal::NodeUnavailable);
    let answer = send(world.address, &request("GET", "/v1/gateway", &[], b"")).await;
    assert_eq!(answer.refusal(), Refusal::NodeUnavailable);
    world.ledger.fail(Some(LedgerError::NotProven("a value".into())));
    assert_eq!(world.get(me, ME).await.refusal(), Refusal::BadProof);
    world.ledger.fail(Some(LedgerError::Stale { age: 13_000 }));
    assert_eq!(world.get(me, ME).await.refusal(), Refusal::StaleNode);
    world.ledger.fail(None);
    world.get(me, ME).await.json::<CallerInfo>();
}

#[tokio::test]
async fn a_newest_header_older_than_twelve_seconds_answers_nothing_and_says_so() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 10).await;
    let (me, surgeon) = (&world.patient.key, &key(SURGEON_KEY));
    for (age, stale) in [(12_000, false), (12_001, true), (3_600_000, true), (0, false)] {
        world.ledger.halt(age);
        let info: GatewayInfo = send(world.address, &request("GET", "/v1/gateway", &[], b"")).await.json();
        assert_eq!(info.fresh, !stale, "{age}");
        for answer in [
            world.get(me, ME).await,
            world.get(surgeon, &sealed.path_by(index, "wrap")).await,
            world.get(surgeon, &sealed.path_by(index, "blob")).await,
            world.get(me, &sealed.path("wrap")).await,
            world.get(me, &sealed.path("blob")).await,
            world.upload(&sealed).await,
        ] {
            match stale {
                true => assert_eq!(answer.refusal(), Refusal::StaleNode, "{age}"),
                false => assert_eq!(answer.status, 200, "{age}"),
            }
        }
    }
}
