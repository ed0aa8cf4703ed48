//! Uploading: nothing is filed on a word that does not hold.

use super::*;

/// The world's ciphertext as a file, and what is sent of it.
fn to_upload(world: &World) -> (File, Wrap) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&world.door.blob).unwrap();
    (file, receipt_wrap(&world.content_key, &world.secret.public(), 0))
}

async fn uploaded(world: &World) -> Result<salus_records::CustodyReceipt, RemoteError> {
    let (file, wrap) = to_upload(world);
    let sent = Upload {
        of: OF,
        anchor: world.wanted.anchor,
        patient: &wrap,
        custodians: &[(HOSPITAL, wrap)],
        organisation: HOSPITAL,
        author: AUTHOR,
    };
    upload(&world.gateway().await, &world.key, &sent, &file).await
}

#[tokio::test]
async fn an_upload_is_streamed_with_its_length_and_its_wraps_and_brings_a_custody_receipt() {
    let world = World::new().await;
    let receipt = uploaded(&world).await.unwrap();
    assert_eq!(receipt.account, officer().public());
    let came = world.door.came.lock().unwrap();
    let put = came.iter().find(|came| came.is("PUT", "/blob")).unwrap();
    assert_eq!(put.body, world.door.blob);
    assert_eq!(put.header("content-length"), Some(world.door.blob.len().to_string().as_str()));
    assert_eq!(put.header("transfer-encoding"), None);
    let (patient, record) = (OF.patient, OF.record);
    let start = format!("/v1/patients/{patient}/records/{record}/blob?version=1&organisation={HOSPITAL}&wrap=patient.");
    assert!(put.target.starts_with(&start) && put.target.contains(&format!("&wrap={HOSPITAL}.")), "{}", put.target);
}

#[tokio::test]
async fn an_upload_that_broke_is_begun_again() {
    let world = World::new().await;
    let mut broken = 2;
    world.lie(move |came| {
        if !came.is("PUT", "/blob") || broken == 0 {
            return None;
        }
        broken -= 1;
        Some(Answer { bytes: Vec::new(), for_ever: false })
    });
    uploaded(&world).await.unwrap();
    assert_eq!(world.came("PUT", "/blob"), 3);
    world.lie(|came| came.is("PUT", "/blob").then(|| Answer { bytes: Vec::new(), for_ever: false }));
    let error = uploaded(&world).await.unwrap_err();
    assert!(matches!(error, RemoteError::Broken { .. }), "{error}");
    assert_eq!(world.came("PUT", "/blob"), 6);
}

#[tokio::test]
async fn a_custody_receipt_for_something_else_files_nothing() {
    let world = World::new().await;
    let anchor = world.wanted.anchor;
    let forged = |change: fn(&mut Value)| {
        let mut forged = custody(&officer(), &anchor, &AUTHOR);
        change(&mut forged);
        forged
    };
    let other = Subject::Practitioner(PractitionerId([33; 16]));
    for answered in [
        custody(&officer(), &anchor, &other),
        forged(|answer| answer["receipt"]["account"] = json!(KeyPair::from_seed(&[1; 32]).public().to_string())),
        forged(|answer| answer["receipt"]["signature"] = json!("00".repeat(64))),
        forged(|answer| answer["receipt"]["signature"] = json!("00")),
    ] {
        world.lie(move |came| came.is("PUT", "/blob").then(|| json_of(200, answered.clone())));
        let error = uploaded(&world).await.unwrap_err();
        assert!(matches!(error, RemoteError::Custody), "{error}");
    }
    let shorter = forged(|answer| answer["size"] = json!(1));
    world.lie(move |came| came.is("PUT", "/blob").then(|| json_of(200, shorter.clone())));
    let error = uploaded(&world).await.unwrap_err();
    assert!(matches!(error, RemoteError::Differs { what: "digest of the upload" }), "{error}");
}

#[tokio::test]
async fn a_refused_upload_is_told_and_not_repeated() {
    let world = World::new().await;
    world.lie(|came| came.is("PUT", "/blob").then(|| refuse(Refusal::QuotaFull, "no quota")));
    assert_eq!(uploaded(&world).await.unwrap_err().refusal(), Some(Refusal::QuotaFull));
    assert_eq!(world.came("PUT", "/blob"), 1);
}
