//! Giving out: to whom, how often, and every reason for which nothing leaves.

use salus_client::{
    door::{Refusal, WrapAnswer},
    envelope::{Anchor, PLAIN_BYTES_MAX, Wrap, WrapContext, open_anchored, unwrap_key},
};
use salus_consent::{Grantee, testing::permit};
use salus_gateway::limits::Limits;
use salus_patients::storage::Patients;
use salus_primitives::{Hash, RecordId, Subject, crypto::KeyPair, subject::Roles, time::HOUR};
use salus_records::{RecordStatus, storage::Records};
use salus_registry::{testing as registry, types::OrganisationStatus};

use crate::{
    http::{Answer, CUT, request, send},
    world::*,
};

/// Both questions about a record, wrap and ciphertext, are refused alike; not a byte of either is in the answers.
async fn refused(world: &World, who: &KeyPair, sealed: &Sealed, index: u32, refusal: Refusal) {
    for what in ["wrap", "blob"] {
        let answer = world.get(who, &sealed.path_by(index, what)).await;
        assert_eq!(answer.refusal(), refusal, "{what}");
        assert!(answer.body.len() < 1_024, "{what}");
    }
    assert!(world.app.reports.is_empty(), "what did not leave is not reported");
}

/// The plaintext that a wrap and a blob give to the key of this number.
fn decrypted(sealed: &Sealed, wrap: &WrapAnswer, context: &WrapContext, blob: &[u8], number: u8) -> Vec<u8> {
    let wrap_bytes = hex::decode(&wrap.wrap).unwrap();
    let key = unwrap_key(&Wrap::from_bytes(&wrap_bytes).unwrap(), &kem(number), context).unwrap();
    let anchor = Anchor { digest: wrap.digest, size: wrap.size };
    assert_eq!(anchor, sealed.anchor);
    let mut plain = Vec::new();
    open_anchored(&key, &sealed.of, &anchor, PLAIN_BYTES_MAX, std::io::Cursor::new(blob), &mut plain).unwrap();
    plain
}

fn by_receipt(sealed: &Sealed, index: u32) -> WrapContext {
    WrapContext::Receipt { patient: sealed.of.patient, index, record: sealed.of.record, key_epoch: 1 }
}

async fn whole(world: &World, who: &KeyPair, target: &str) -> Answer {
    let answer = world.get(who, target).await;
    assert_eq!((answer.status, answer.declared()), (200, Some(answer.body.len() as u64)));
    answer
}

#[tokio::test]
async fn the_reader_of_a_receipt_gets_ciphertext_and_a_wrap_for_that_receipt_alone() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100_000).await;
    let surgeon = key(SURGEON_KEY);
    let wrap: WrapAnswer = world.get(&surgeon, &sealed.path_by(index, "wrap")).await.json();
    let blob = whole(&world, &surgeon, &sealed.path_by(index, "blob")).await.body;
    assert_eq!(blob, sealed.blob);
    let plain = decrypted(&sealed, &wrap, &by_receipt(&sealed, index), &blob, SURGEON_KEM);
    assert_eq!(plain.len(), 100_000);
    let bytes = Wrap::from_bytes(&hex::decode(&wrap.wrap).unwrap()).unwrap();
    assert!(unwrap_key(&bytes, &kem(SURGEON_KEM), &by_receipt(&sealed, index + 1)).is_err());
    // Asked again, it is the same to the byte; for another receipt it is another.
    let again: WrapAnswer = world.get(&surgeon, &sealed.path_by(index, "wrap")).await.json();
    assert_eq!(again, wrap);
    let next = world.open(&[sealed.of.record]);
    let other: WrapAnswer = world.get(&surgeon, &sealed.path_by(next, "wrap")).await.json();
    assert_ne!(other.wrap, wrap.wrap);
}

#[tokio::test]
async fn the_same_wrap_is_given_after_a_restart() {
    let mut world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let surgeon = key(SURGEON_KEY);
    let first: WrapAnswer = world.get(&surgeon, &sealed.path_by(index, "wrap")).await.json();
    world.restart(Setup::default()).await;
    let second: WrapAnswer = world.get(&surgeon, &sealed.path_by(index, "wrap")).await.json();
    assert_eq!(first, second);
}

#[tokio::test]
async fn the_patient_reads_their_own_without_a_receipt_and_without_a_report() {
    let world = World::new().await;
    let sealed = world.filed(1, 1_000).await;
    let me = &world.patient.key;
    let wrap: WrapAnswer = world.get(me, &sealed.path("wrap")).await.json();
    let blob = whole(&world, me, &sealed.path("blob")).await.body;
    let standing = WrapContext::Standing { of: sealed.of, key_epoch: 1 };
    assert_eq!(decrypted(&sealed, &wrap, &standing, &blob, PATIENT_KEM).len(), 1_000);
    assert!(world.app.reports.is_empty());
    for (who, refusal) in [
        (key(DOCTOR_KEY), Refusal::NotAuthorised),
        (key(SURGEON_KEY), Refusal::NotAuthorised),
        (key(GATEWAY_KEY), Refusal::NotAuthorised),
        (key(HOSPITAL_ADMIN), Refusal::NotAuthorised),
        (world.other.key.clone(), Refusal::NotAuthorised),
        (key(STRANGER_KEY), Refusal::NotRegistered),
    ] {
        for what in ["wrap", "blob"] {
            assert_eq!(world.get(&who, &sealed.path(what)).await.refusal(), refusal);
        }
    }
}

#[tokio::test]
async fn a_patient_with_another_encryption_key_reads_what_was_filed_before() {
    const NEW_KEM: u8 = 177;
    let world = World::new().await;
    let sealed = world.filed(1, 1_000).await;
    let (me, standing) = (&world.patient.key, WrapContext::Standing { of: sealed.of, key_epoch: 1 });
    // After a recovery there is none until the patient sets one.
    world.ledger.with(|chain| set_kem(chain, Subject::Patient(world.patient.id), None));
    for what in ["wrap", "blob"] {
        assert_eq!(world.get(me, &sealed.path(what)).await.refusal(), Refusal::NoKemKey);
    }
    world.ledger.with(|chain| set_kem(chain, Subject::Patient(world.patient.id), Some(NEW_KEM)));
    let wrap: WrapAnswer = world.get(me, &sealed.path("wrap")).await.json();
    let blob = whole(&world, me, &sealed.path("blob")).await.body;
    assert_eq!(decrypted(&sealed, &wrap, &standing, &blob, NEW_KEM).len(), 1_000);
    let bytes = Wrap::from_bytes(&hex::decode(&wrap.wrap).unwrap()).unwrap();
    assert!(unwrap_key(&bytes, &kem(PATIENT_KEM), &standing).is_err(), "the lost key opens nothing any more");
}

#[tokio::test]
async fn a_provisional_patients_key_and_a_closed_patient_read_nothing() {
    let world = World::new().await;
    let sealed = Sealed::new(world.provisional.id, 1, 100);
    for what in ["wrap", "blob"] {
        let answer = world.get(&world.provisional.key, &sealed.path(what)).await;
        assert_eq!(answer.refusal(), Refusal::Provisional);
    }
    let sealed = world.filed(2, 100).await;
    let patient = world.patient.id;
    world.ledger.with(|chain| {
        chain.prepare(|state| {
            let mut found = Patients::get(state, &patient).unwrap();
            found.state = salus_patients::PatientState::Closed;
            Patients::insert(state, &patient, &found);
        });
    });
    for what in ["wrap", "blob"] {
        assert_eq!(world.get(&world.patient.key, &sealed.path(what)).await.refusal(), Refusal::PatientState);
    }
}

#[tokio::test]
async fn a_receipt_that_is_not_final_is_none() {
    let world = World::new().await;
    let sealed = world.filed(1, 100).await;
    refused(&world, &key(SURGEON_KEY), &sealed, 0, Refusal::NoSuchReceipt).await;
    world.grant();
    // The next opening's index, before it is on the chain.
    let next = 0;
    refused(&world, &key(SURGEON_KEY), &sealed, next, Refusal::NoSuchReceipt).await;
    assert_eq!(world.open(&[sealed.of.record]), next);
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(next, "blob")).await;
}

#[tokio::test]
async fn a_denied_entry_gives_nothing_even_when_the_patient_grants_later() {
    let world = World::new().await;
    let sealed = world.filed(1, 100).await;
    let index = world.open(&[sealed.of.record]);
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Denied).await;
    world.grant();
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Denied).await;
}

#[tokio::test]
async fn a_receipt_gives_until_it_is_over_and_not_a_moment_longer() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let life = salus_access::types::RECEIPT_LIFE;
    world.ledger.with(|chain| _ = chain.advance(life - 1));
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    salus_gateway::report::round(&world.app).await;
    world.ledger.with(|chain| _ = chain.advance(1));
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::ReceiptOver).await;
}

#[tokio::test]
async fn a_revocation_counts_from_its_block_on() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let revoke = world.revoke();
    world.ledger.with(revoke);
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Withdrawn).await;
    // A grant made anew opens the old receipt again: it is permitted on the newest state.
    world.grant();
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
}

#[tokio::test]
async fn a_revocation_stops_a_download_at_the_next_eight_mebibytes() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 9 << 20).await;
    let (surgeon, target) = (key(SURGEON_KEY), sealed.path_by(index, "blob"));
    // The first judgement lets it begin; the report is no read.
    let revoke = world.revoke();
    world.ledger.after_reads(1, |chain, _| revoke(chain));
    let cut = world.get(&surgeon, &target).await;
    assert_eq!((cut.status, cut.declared()), (200, Some(sealed.blob.len() as u64)));
    assert!(!cut.body.is_empty() && cut.body.len() as u64 <= Limits::default().judge_every, "{}", cut.body.len());
    assert!(cut.body == sealed.blob[..cut.body.len()]);
    // Whoever goes on where it broke hears why.
    let mut headers = world.sign(&surgeon, "GET", &target, b"").await.headers().to_vec();
    headers.push(("range", format!("bytes={}-", cut.body.len())));
    let answer = send(world.address, &request("GET", &target, &headers, b"")).await;
    assert_eq!(answer.refusal(), Refusal::Withdrawn);
    assert_eq!(world.app.reports.len(), 1, "what left is reported");
}

#[tokio::test]
async fn a_download_is_cut_when_the_chain_stands_still_on_its_way() {
    let limits = Limits { judge_every: 10_000, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let (sealed, index) = world.readable(1, 100_000).await;
    let target = sealed.path_by(index, "blob");
    // It is judged before it begins and after each 10,000 bytes.
    world.ledger.after_reads(2, |_, behind| *behind = 12_001);
    let cut = world.get(&key(SURGEON_KEY), &target).await;
    assert!([200, CUT].contains(&cut.status) && cut.body.len() <= 20_000, "{} {}", cut.status, cut.body.len());
    assert_eq!(world.get(&key(SURGEON_KEY), &target).await.refusal(), Refusal::StaleNode);
    world.ledger.halt(0);
    assert_eq!(whole(&world, &key(SURGEON_KEY), &target).await.body, sealed.blob);
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 3 << 20).await;
    let (surgeon, target) = (key(SURGEON_KEY), sealed.path_by(index, "blob"));
    let size = sealed.blob.len();
    for from in [0, 1, (1 << 20) - 1, 1 << 20, size - 1] {
        let mut headers = world.sign(&surgeon, "GET", &target, b"").await.headers().to_vec();
        headers.push(("range", format!("bytes={from}-")));
        let answer = send(world.address, &request("GET", &target, &headers, b"")).await;
        assert_eq!(answer.status, 206);
        assert_eq!(answer.header("content-range"), Some(format!("bytes {from}-{}/{size}", size - 1).as_str()));
        assert_eq!(answer.body, sealed.blob[from..]);
    }
    for range in [format!("bytes={size}-"), "bytes=0-9".to_owned(), "bytes=-9".to_owned(), "lines=1-".to_owned()] {
        let mut headers = world.sign(&surgeon, "GET", &target, b"").await.headers().to_vec();
        headers.push(("range", range.clone()));
        let answer = send(world.address, &request("GET", &target, &headers, b"")).await;
        assert_eq!(answer.refusal(), Refusal::BadRequest, "{range}");
    }
}

#[tokio::test]
async fn a_receipt_serves_its_own_reader_and_record_alone() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let other = world.filed(2, 100).await;
    for who in [key(DOCTOR_KEY), world.patient.key.clone(), world.other.key.clone(), key(CLINIC_GATEWAY_KEY)] {
        refused(&world, &who, &sealed, index, Refusal::ForeignReceipt).await;
    }
    refused(&world, &key(STRANGER_KEY), &sealed, index, Refusal::NotRegistered).await;
    refused(&world, &key(SURGEON_KEY), &other, index, Refusal::NotInReceipt).await;
    let nothing = Sealed::new(world.patient.id, 77, 10);
    let unknown = world.open(&[nothing.of.record]);
    refused(&world, &key(SURGEON_KEY), &nothing, unknown, Refusal::Denied).await;
    assert_eq!(world.get(&world.patient.key, &nothing.path("blob")).await.refusal(), Refusal::NoSuchRecord);
}

#[tokio::test]
async fn a_session_key_of_the_reader_reads_and_a_key_that_was_dropped_does_not() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let ward = key(31);
    world.ledger.with(|chain| {
        let (now, until) = (chain.now(), chain.now().plus(HOUR));
        let surgeon = Subject::Practitioner(SURGEON);
        chain.prepare(|state| {
            salus_system::keys::bind(state, now, ward.public(), surgeon, Roles::NONE, Some(until)).unwrap();
        });
    });
    whole(&world, &ward, &sealed.path_by(index, "blob")).await;
    salus_gateway::report::round(&world.app).await;
    world.ledger.with(|chain| {
        chain.prepare(|state| {
            let mut account = salus_system::storage::Account::get(state, &ward.public());
            account.data.ended = salus_system::types::Ended::Yes;
            salus_system::storage::Account::insert(state, &ward.public(), &account);
        });
    });
    refused(&world, &ward, &sealed, index, Refusal::NotRegistered).await;
}

#[tokio::test]
async fn a_reader_whose_organisation_is_suspended_gets_nothing() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.ledger.with(|chain| registry::set_status(chain, CLINIC, OrganisationStatus::Suspended));
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Withdrawn).await;
}

#[tokio::test]
async fn a_suspended_custodian_goes_on_and_a_removed_one_does_not() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.ledger.with(|chain| registry::set_status(chain, HOSPITAL, OrganisationStatus::Suspended));
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    salus_gateway::report::round(&world.app).await;
    world.ledger.with(|chain| registry::set_status(chain, HOSPITAL, OrganisationStatus::Removed));
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::NotActive).await;
}

/// Change a record on the chain.
fn change(world: &World, record: RecordId, change: impl FnOnce(&mut salus_records::Record)) {
    let key = (world.patient.id, record);
    world.ledger.with(|chain| {
        chain.prepare(|state| {
            let mut found = Records::get(state, &key).unwrap();
            change(&mut found);
            Records::insert(state, &key, &found);
        });
    });
}

#[tokio::test]
async fn a_record_that_is_kept_elsewhere_filed_in_error_or_erased_is_not_given_out() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    change(&world, sealed.of.record, |record| record.custodian = CLINIC);
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::NotCustodian).await;
    assert_eq!(world.get(&world.patient.key, &sealed.path("blob")).await.refusal(), Refusal::NotCustodian);
    change(&world, sealed.of.record, |record| record.second = Some(HOSPITAL));
    whole(&world, &world.patient.key, &sealed.path("blob")).await;
    for status in [RecordStatus::EnteredInError, RecordStatus::Erased] {
        change(&world, sealed.of.record, |record| record.status = status);
        refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Withdrawn).await;
        for what in ["wrap", "blob"] {
            assert_eq!(world.get(&world.patient.key, &sealed.path(what)).await.refusal(), Refusal::NotServable);
        }
    }
}

#[tokio::test]
async fn a_reader_without_an_encryption_key_gets_nothing() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.ledger.with(|chain| set_kem(chain, Subject::Practitioner(SURGEON), None));
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::NoKemKey).await;
}

#[tokio::test]
async fn a_wrong_or_lost_custodian_key_opens_nothing_and_is_named() {
    let mut world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.restart(Setup { custodian: CLINIC_KEM, ..Setup::default() }).await;
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::CustodianKey).await;
    // The patient's own wrap does not need it.
    world.get(&world.patient.key, &sealed.path("wrap")).await.json::<WrapAnswer>();
}

/// The stored file of a record.
fn stored(world: &World, sealed: &Sealed, name: &str) -> std::path::PathBuf {
    let place = format!("store/blobs/{}/{}/{name}", sealed.of.patient, sealed.of.record);
    world.folder.path().join(place)
}

#[tokio::test]
async fn a_stored_blob_that_was_damaged_is_named_and_no_byte_of_it_leaves() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let file = stored(&world, &sealed, "blob");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let answer = world.get(&key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    assert_eq!(answer.refusal(), Refusal::Damaged);
    bytes.truncate(100);
    std::fs::write(&file, &bytes).unwrap();
    let answer = world.get(&world.patient.key, &sealed.path("blob")).await;
    assert_eq!(answer.refusal(), Refusal::Damaged);
}

#[tokio::test]
async fn a_stored_blob_that_is_not_the_one_on_the_chain_does_not_leave() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    change(&world, sealed.of.record, |record| record.digest = Hash([9; 32]));
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Damaged).await;
}

#[tokio::test]
async fn what_was_never_stored_or_lost_is_named() {
    let world = World::new().await;
    let sealed = Sealed::new(world.patient.id, 1, 100);
    world.file(&sealed);
    world.grant();
    let index = world.open(&[sealed.of.record]);
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::NotStored).await;
    let sealed = world.filed(2, 100).await;
    let index = world.open(&[sealed.of.record]);
    std::fs::remove_file(stored(&world, &sealed, &format!("{HOSPITAL}.wrap"))).unwrap();
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::NotStored).await;
}

#[tokio::test]
async fn what_cannot_be_written_down_for_the_report_does_not_leave() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    std::fs::remove_dir(world.folder.path().join("reports")).unwrap();
    refused(&world, &key(SURGEON_KEY), &sealed, index, Refusal::Internal).await;
}

#[tokio::test]
async fn a_rule_with_a_single_use_serves_the_receipt_that_used_it() {
    let world = World::new().await;
    let sealed = world.filed(1, 100).await;
    world.ledger.with(|chain| {
        let terms = permit(chain.now(), Grantee::Practitioner(SURGEON, CLINIC));
        let terms = salus_consent::types::Terms { max_uses: Some(1), ..terms };
        salus_consent::testing::grant(chain, world.patient.account(), world.patient.id, terms);
    });
    let first = world.open(&[sealed.of.record]);
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(first, "blob")).await;
    whole(&world, &key(SURGEON_KEY), &sealed.path_by(first, "blob")).await;
    salus_gateway::report::round(&world.app).await;
    let second = world.open(&[sealed.of.record]);
    refused(&world, &key(SURGEON_KEY), &sealed, second, Refusal::Denied).await;
}
