//! Taking blobs: what is acknowledged, and what is not.

use std::time::Duration;

use salus_client::{
    actions::records::custody_receipt,
    door::{Refusal, Uploaded},
    envelope::{HEADER_BYTES, WrapContext, wrap_key},
};
use salus_consent::Kind;
use salus_gateway::{
    limits::Limits,
    store::{Holder, Place, config::QuotaConfig},
};
use salus_primitives::{Subject, crypto::verify, signed};
use salus_records::storage::Records;
use salus_registry::types::{Caps, OrganisationStatus};

use crate::{
    http::{request, send, send_and_end},
    world::*,
};

/// Nothing of the record is there.
async fn nothing_of(world: &World, sealed: &Sealed) {
    let place = Place { patient: sealed.of.patient, record: sealed.of.record };
    assert!(world.app.store.meta(place).await.is_err(), "something was kept");
}

#[tokio::test]
async fn a_blob_is_acknowledged_by_the_custody_receipt_that_filing_takes() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100_000);
    let uploaded: Uploaded = world.upload(&sealed).await.json();
    assert_eq!((uploaded.digest, uploaded.size), (sealed.anchor.digest, sealed.anchor.size));
    let author = Subject::Practitioner(DOCTOR);
    let receipt = custody_receipt(
        world.genesis(),
        &key(GATEWAY_KEY),
        sealed.of.patient,
        sealed.of.record,
        &sealed.anchor,
        &author,
    );
    assert_eq!(uploaded.receipt.account, receipt.account);
    assert_eq!(uploaded.receipt.signature, hex::encode(receipt.signature.0));
    world.file(&sealed);
    let place = Place { patient: sealed.of.patient, record: sealed.of.record };
    world.app.store.wrap(place, Holder::Patient).await.unwrap();
    world.app.store.wrap(place, Holder::Custodian(HOSPITAL)).await.unwrap();
    // Sent again, before or after filing, it is the same.
    let again: Uploaded = world.upload(&sealed).await.json();
    assert_eq!(again, uploaded);
}

#[tokio::test]
async fn a_patient_stores_a_contribution_of_their_own() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    let uploaded: Uploaded = world.ask(&world.patient.key, "PUT", &sealed.target(), &sealed.blob).await.json();
    let message = signed::custody_receipt(
        &world.genesis(),
        &sealed.of.patient,
        &sealed.of.record,
        &sealed.anchor.digest,
        sealed.anchor.size,
        &Subject::Patient(world.patient.id),
    );
    let mut signature = [0; 64];
    hex::decode_to_slice(&uploaded.receipt.signature, &mut signature).unwrap();
    assert!(verify(&uploaded.receipt.account, &message, &salus_primitives::crypto::Signature(signature)));
}

#[tokio::test]
async fn the_first_custodians_doctor_stores_with_the_second_on_their_own_quota() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    let surgeon = key(SURGEON_KEY);
    let target = format!("{}&wrap={CLINIC}.{}&organisation={CLINIC}", sealed.target(), sealed.wrap(CLINIC_KEM));
    world.ask(&surgeon, "PUT", &target, &sealed.blob).await.json::<Uploaded>();
    let usage = world.app.store.usage();
    assert!(usage.contains_key(&CLINIC) && !usage.contains_key(&HOSPITAL), "{usage:?}");
    // Without a wrap of theirs it is no record of theirs.
    let without = format!("{}&organisation={CLINIC}", sealed.target());
    assert_eq!(world.ask(&surgeon, "PUT", &without, &sealed.blob).await.refusal(), Refusal::BadWrap);
}

#[tokio::test]
async fn who_neither_works_here_nor_is_the_patient_stores_nothing() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    for (who, refusal) in [
        (key(SURGEON_KEY), Refusal::NotActive),
        (world.other.key.clone(), Refusal::NotAuthorised),
        (key(GATEWAY_KEY), Refusal::NotAuthorised),
        (key(REGISTRAR_KEY), Refusal::NotAuthorised),
        (key(STRANGER_KEY), Refusal::NotRegistered),
    ] {
        let answer = world.ask(&who, "PUT", &sealed.target(), &sealed.blob).await;
        assert_eq!(answer.refusal(), refusal);
        nothing_of(&world, &sealed).await;
    }
    let sealed = Sealed::new(world.provisional.id, 1, 100);
    let answer = world.ask(&world.provisional.key, "PUT", &sealed.target(), &sealed.blob).await;
    assert_eq!(answer.refusal(), Refusal::Provisional);
}

#[tokio::test]
async fn a_suspended_organisation_or_one_that_keeps_no_records_takes_none() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    world.ledger.with(|chain| {
        salus_registry::testing::set_status(chain, HOSPITAL, OrganisationStatus::Suspended);
    });
    assert_eq!(world.upload(&sealed).await.refusal(), Refusal::NotActive);
    world.ledger.with(|chain| {
        salus_registry::testing::set_status(chain, HOSPITAL, OrganisationStatus::Active);
        chain.prepare(|state| {
            use salus_registry::storage::Organisations;
            let mut hospital = Organisations::get(state, &HOSPITAL).unwrap();
            hospital.caps = Caps::LICENSING;
            Organisations::insert(state, &HOSPITAL, &hospital);
        });
    });
    assert_eq!(world.upload(&sealed).await.refusal(), Refusal::NotCustodian);
}

#[tokio::test]
async fn a_blob_that_was_tampered_with_is_not_kept() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 5_000);
    // Wraps are made anew each time: the target that is signed is the one that is sent.
    let target = sealed.target();
    let signed = world.sign(&key(DOCTOR_KEY), "PUT", &target, &sealed.blob).await;
    let mut tampered = sealed.blob.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let answer = send(world.address, &request("PUT", &target, &signed.headers(), &tampered)).await;
    assert_eq!(answer.refusal(), Refusal::BodyMismatch);
    nothing_of(&world, &sealed).await;
}

#[tokio::test]
async fn a_blob_whose_header_is_not_that_of_the_path_is_not_kept() {
    let world = World::new().await;
    let (sealed, foreign) = (Sealed::new(world.patient.id, 1, 100), Sealed::new(world.other.id, 1, 100));
    let doctor = key(DOCTOR_KEY);
    let mut no_magic = sealed.blob.clone();
    no_magic[0] = b'X';
    let other_version = sealed.target().replace("version=1", "version=2");
    for (what, target, blob) in [
        ("another record", sealed.target(), Sealed::new(world.patient.id, 2, 100).blob),
        ("another patient", sealed.target(), foreign.blob),
        ("no magic", sealed.target(), no_magic),
        ("another version", other_version, sealed.blob.clone()),
        ("a header and no more", sealed.target(), sealed.blob[..HEADER_BYTES].to_vec()),
    ] {
        let answer = world.ask(&doctor, "PUT", &target, &blob).await;
        assert_eq!(answer.refusal(), Refusal::BadBlob, "{what}");
        nothing_of(&world, &sealed).await;
    }
}

#[tokio::test]
async fn a_blob_that_this_custodian_could_never_release_is_not_kept() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    let doctor = key(DOCTOR_KEY);
    let (patient, hospital) = (sealed.wrap(PATIENT_KEM), sealed.wrap(HOSPITAL_KEM));
    let (path, other) = (sealed.path("blob"), sealed.wrap(CLINIC_KEM));
    for (what, query) in [
        ("no wrap", "version=1".to_owned()),
        ("no custodian's wrap", format!("version=1&wrap=patient.{patient}")),
        ("no patient's wrap", format!("version=1&wrap={HOSPITAL}.{hospital}")),
        ("two of one holder", format!("version=1&wrap=patient.{patient}&wrap=patient.{patient}")),
        ("another key's", format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.{other}")),
        ("nobody's", format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.{}", dead_wrap())),
        ("no hex", format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.xy")),
        ("too short", format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.01")),
        ("a receipt's", format!("version=1&wrap=receipt-1.{patient}&wrap={HOSPITAL}.{hospital}")),
        ("no dot", format!("version=1&wrap={hospital}")),
    ] {
        let answer = world.ask(&doctor, "PUT", &format!("{path}?{query}"), &sealed.blob).await;
        assert_eq!(answer.refusal(), Refusal::BadWrap, "{what}");
        nothing_of(&world, &sealed).await;
    }
    // The wrap opens, and holds another key than the blob's.
    let context = WrapContext::Standing { of: sealed.of, key_epoch: 1 };
    let foreign = Sealed::new(world.patient.id, 1, 100);
    let wrap = wrap_key(&foreign.key, &kem(HOSPITAL_KEM).public(), &context).unwrap();
    let query = format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.{}", hex::encode(wrap.to_bytes()));
    let answer = world.ask(&doctor, "PUT", &format!("{path}?{query}"), &sealed.blob).await;
    assert_eq!(answer.refusal(), Refusal::BadBlob);
    nothing_of(&world, &sealed).await;
}

#[tokio::test]
async fn a_query_that_is_not_an_uploads_is_refused() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    let rest = sealed.target().split_once("version=1").unwrap().1.to_owned();
    for query in [
        rest[1..].to_owned(),
        format!("version=0{rest}"),
        format!("version=x{rest}"),
        format!("version=1&version=1{rest}"),
        format!("version=1&colour=red{rest}"),
        format!("version=1&organisation=nobody{rest}"),
        format!("version=1&wrap={HOSPITAL}.{w}&wrap={CLINIC}.{w}&wrap=patient.{w}&wrap=patient.{w}", w = dead_wrap()),
    ] {
        let target = format!("{}?{query}", sealed.path("blob"));
        let answer = world.ask(&key(DOCTOR_KEY), "PUT", &target, &sealed.blob).await;
        assert_eq!(answer.refusal(), Refusal::BadRequest, "{query}");
    }
}

#[tokio::test]
async fn a_length_that_is_missing_or_a_lie_is_refused() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 5_000);
    let (doctor, target) = (key(DOCTOR_KEY), sealed.target());
    let with = |headers: &[(&'static str, String)], name, value: String| [headers, &[(name, value)]].concat();

    let headers = world.sign(&doctor, "PUT", &target, &sealed.blob).await.headers();
    let chunked = with(&headers, "transfer-encoding", "chunked".to_owned());
    let endless = [b"5000\r\n", &[b'x'; 0x5000][..], b"\r\n"].concat();
    let answer = send(world.address, &request("PUT", &target, &chunked, &endless)).await;
    assert_eq!(answer.refusal(), Refusal::LengthRequired);

    let headers = world.sign(&doctor, "PUT", &target, &sealed.blob).await.headers();
    let more = with(&headers, "content-length", (sealed.blob.len() + 1).to_string());
    let answer = send_and_end(world.address, &request("PUT", &target, &more, &sealed.blob)).await;
    assert_eq!(answer.refusal(), Refusal::BadLength);
    nothing_of(&world, &sealed).await;

    let headers = world.sign(&doctor, "PUT", &target, &sealed.blob).await.headers();
    let less = with(&headers, "content-length", (sealed.blob.len() - 1).to_string());
    let answer = send(world.address, &request("PUT", &target, &less, &sealed.blob)).await;
    assert_eq!(answer.refusal(), Refusal::BodyMismatch);
    nothing_of(&world, &sealed).await;
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_refused_before_it_is_sent() {
    let limits = Limits { blob_bytes: 5_000, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let sealed = Sealed::new(world.patient.id, 1, 8_000);
    assert_eq!(world.upload(&sealed).await.refusal(), Refusal::TooLarge);
    let target = sealed.target();
    let mut headers = world.sign(&key(DOCTOR_KEY), "PUT", &target, b"").await.headers().to_vec();
    headers.push(("content-length", (1u64 << 60).to_string()));
    let answer = send_and_end(world.address, &request("PUT", &target, &headers, b"")).await;
    assert_eq!(answer.refusal(), Refusal::TooLarge);
}

#[tokio::test]
async fn a_blob_that_comes_too_slowly_is_refused() {
    let limits = Limits { blob_grace: Duration::ZERO, blob_rate: u64::MAX, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let sealed = Sealed::new(world.patient.id, 1, 8_000);
    let target = sealed.target();
    let mut headers = world.sign(&key(DOCTOR_KEY), "PUT", &target, &sealed.blob).await.headers().to_vec();
    headers.push(("content-length", sealed.blob.len().to_string()));
    let answer = send(world.address, &request("PUT", &target, &headers, &sealed.blob[..100])).await;
    assert_eq!(answer.refusal(), Refusal::TooSlow);
    nothing_of(&world, &sealed).await;
}

#[tokio::test]
async fn quotas_of_the_day_and_of_the_organisation_hold() {
    let limits = Limits { upload_bytes_per_day: 10_000, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    world.upload(&Sealed::new(world.patient.id, 1, 4_000)).await.json::<Uploaded>();
    world.upload(&Sealed::new(world.patient.id, 2, 4_000)).await.json::<Uploaded>();
    assert_eq!(world.upload(&Sealed::new(world.patient.id, 3, 4_000)).await.refusal(), Refusal::QuotaFull);

    let quota = QuotaConfig { unanchored_bytes: 10_000, ..QuotaConfig::default() };
    let world = World::with(Setup { quota, ..Setup::default() }).await;
    world.upload(&Sealed::new(world.patient.id, 1, 4_000)).await.json::<Uploaded>();
    world.upload(&Sealed::new(world.patient.id, 2, 4_000)).await.json::<Uploaded>();
    assert_eq!(world.upload(&Sealed::new(world.patient.id, 3, 4_000)).await.refusal(), Refusal::QuotaFull);
}

#[tokio::test]
async fn other_bytes_under_an_id_are_a_conflict_with_the_store_and_with_the_chain() {
    let world = World::new().await;
    let (first, second) = (Sealed::new(world.patient.id, 1, 100), Sealed::new(world.patient.id, 1, 100));
    world.upload(&first).await.json::<Uploaded>();
    assert_eq!(world.upload(&second).await.refusal(), Refusal::Conflict);
    let filed = world.filed(2, 100).await;
    let place = format!("store/blobs/{}/{}", filed.of.patient, filed.of.record);
    std::fs::remove_dir_all(world.folder.path().join(place)).unwrap();
    assert_eq!(world.upload(&Sealed::new(world.patient.id, 2, 100)).await.refusal(), Refusal::Conflict);
    // What the chain has comes back as it was.
    world.upload(&filed).await.json::<Uploaded>();
    let record = world.ledger.with(|chain| Records::get(chain.state(), &(filed.of.patient, filed.of.record)));
    assert_eq!(record.unwrap().kind, Kind::Lab);
}

#[tokio::test]
async fn a_gateway_with_another_key_takes_no_blob_it_could_not_open() {
    let world = World::with(Setup { custodian: CLINIC_KEM, ..Setup::default() }).await;
    assert_eq!(world.upload(&Sealed::new(world.patient.id, 1, 100)).await.refusal(), Refusal::BadWrap);
}
