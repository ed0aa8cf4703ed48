//! Fetching: nothing of a record stays that is not whole and authentic.

use super::*;

#[tokio::test]
async fn a_record_arrives_byte_for_byte_for_its_owner_alone() {
    let world = World::new().await;
    assert_eq!(world.fetch().await.unwrap(), Fetched { plain_bytes: 200_000 });
    assert_eq!(fs::read(world.out()).unwrap(), plain());
    assert_eq!(fs::metadata(world.out()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_patient_reads_without_a_receipt() {
    let mut world = World::new().await;
    let standing =
        wrap_key(&world.content_key, &world.secret.public(), &WrapContext::Standing { of: OF, key_epoch: 1 });
    let answered = wrap_answer(&standing.unwrap(), &world.wanted.anchor);
    world.lie(move |came| came.is("GET", "/wrap").then(|| json_of(200, answered.clone())));
    world.wanted.receipt = None;
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), plain());
    let target = format!("/v1/patients/{}/records/{}/blob", OF.patient, OF.record);
    assert!(world.door.came.lock().unwrap().iter().any(|came| came.target == target));
}

#[tokio::test]
async fn a_file_that_is_there_is_left_alone_and_nobody_is_asked() {
    let world = World::new().await;
    fs::write(world.out(), "mine").unwrap();
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, RemoteError::File { doing: "making", .. }), "{error}");
    assert_eq!(fs::read(world.out()).unwrap(), b"mine");
    assert_eq!(world.came("GET", "/wrap"), 0);
}

#[tokio::test]
async fn a_length_other_than_the_chains_is_told_before_anything_is_read() {
    let world = World::new().await;
    let expected = world.wanted.anchor.size;
    for declared in [expected + 1, expected - 1, 0, 1 << 40] {
        world.blobs([answer(200, &format!("content-length: {declared}\r\n"), &[])]);
        let error = world.refused().await;
        assert!(matches!(error, RemoteError::Length { declared: d, expected: e } if (d, e) == (declared, expected)));
    }
}

#[tokio::test]
async fn an_endless_blob_is_cut_off() {
    let world = World::new().await;
    let expected = world.wanted.anchor.size;
    world.blobs([Answer { for_ever: true, ..answer(200, "", &world.door.blob) }]);
    let error = world.refused().await;
    assert!(matches!(error, RemoteError::TooLong { expected: size } if size == expected), "{error}");
}

#[tokio::test]
async fn a_blob_that_is_cut_short_each_time_is_told_with_how_far_it_came() {
    let world = World::new().await;
    let expected = world.wanted.anchor.size;
    let head = format!("content-length: {expected}\r\n");
    world.blobs([10, 70_000, 20].map(|end| answer(200, &head, &world.door.blob[..end])));
    let error = world.refused().await;
    let told = matches!(error, RemoteError::Truncated { found: 70_000, expected: size } if size == expected);
    assert!(told, "{error}");
    assert_eq!(world.came("GET", "/blob"), 3);
    // Without a length, too.
    world.blobs([1, 2, 3].map(|end| answer(200, "", &world.door.blob[..end])));
    assert!(matches!(world.refused().await, RemoteError::Truncated { found: 3, .. }));
}

#[tokio::test]
async fn a_download_that_broke_is_begun_again_with_another_nonce() {
    let world = World::new().await;
    let head = format!("content-length: {}\r\n", world.wanted.anchor.size);
    world.blobs([answer(200, &head, &world.door.blob[..100_000])]);
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), plain());
    assert_eq!((world.came("GET", "/blob"), world.came("POST", "/v1/nonce")), (2, 3));
}

#[tokio::test]
async fn a_download_that_broke_goes_on_where_it_broke() {
    let world = World::new().await;
    let (size, blob) = (world.wanted.anchor.size, &world.door.blob);
    let cut = answer(200, &format!("content-length: {size}\r\n"), &blob[..100_000]);
    let head = format!("content-length: {}\r\ncontent-range: bytes 100000-{}/{size}\r\n", size - 100_000, size - 1);
    world.blobs([cut.clone(), answer(206, &head, &blob[100_000..])]);
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), plain());
    let came = world.door.came.lock().unwrap().clone();
    let ranges: Vec<_> = came.iter().filter(|came| came.is("GET", "/blob")).map(|came| came.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-")]);
    fs::remove_file(world.out()).unwrap();
    // Bytes from elsewhere, or another blob's end, are no continuation.
    let head = format!("content-length: 1\r\ncontent-range: bytes 7-7/{size}\r\n");
    world.blobs([cut.clone(), answer(206, &head, b"x")]);
    let error = world.refused().await;
    assert!(matches!(error, RemoteError::Answer { what: "range" }), "{error}");
    let head = format!("content-range: bytes 100000-{}/{size}\r\n", size - 1);
    world.blobs([cut, answer(206, &head, &vec![0; blob.len() - 100_000])]);
    assert!(matches!(world.refused().await, RemoteError::Digest { .. }));
}

#[tokio::test]
async fn a_revocation_during_the_download_leaves_nothing() {
    let world = World::new().await;
    let head = format!("content-length: {}\r\n", world.wanted.anchor.size);
    let cut = answer(200, &head, &world.door.blob[..150_000]);
    world.blobs([cut, refuse(Refusal::Withdrawn, "no rule of the patient permits it")]);
    let error = world.refused().await;
    assert_eq!(error.refusal(), Some(Refusal::Withdrawn));
    let words = "the gateway refuses: no rule of the patient permits it (Withdrawn); ask the patient for access";
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn an_altered_and_a_swapped_blob_are_told_before_a_byte_is_decrypted() {
    let world = World::new().await;
    let (other, ..) = sealed(OF, &plain());
    assert_eq!(other.len() as u64, world.wanted.anchor.size, "another of the same length");
    let mut altered = world.door.blob.clone();
    altered[HEADER_BYTES + 70_000] ^= 1;
    for blob in [other, altered] {
        world.blobs([whole(200, &blob)]);
        let error = world.refused().await;
        let told = matches!(error, RemoteError::Digest { found, expected }
            if found == sha256(&blob) && expected == world.wanted.anchor.digest);
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn a_blob_whose_end_fails_leaves_nothing_of_its_beginning() {
    // Its author anchored it like this: the digest fits, the last segment is no segment.
    let (mut blob, key, _) = sealed(OF, &plain());
    *blob.last_mut().unwrap() ^= 1;
    let anchor = Anchor { digest: sha256(&blob), size: blob.len() as u64 };
    let error = World::with(blob, key, anchor).await.refused().await;
    assert!(matches!(error, RemoteError::Open(OpenError::Altered { segment: 3 })), "{error}");
}

#[tokio::test]
async fn a_blob_of_another_record_is_told_even_when_it_is_anchored() {
    let (blob, key, anchor) = sealed(RecordRef { record: RecordId([6; 16]), ..OF }, &plain());
    let error = World::with(blob, key, anchor).await.refused().await;
    assert!(matches!(error, RemoteError::Open(OpenError::Header(_))), "{error}");
}

#[tokio::test]
async fn a_wrap_of_another_receipt_reader_or_kind_does_not_open() {
    let world = World::new().await;
    let other = KemSecret::generate().unwrap();
    let (key, me) = (&world.content_key, world.secret.public());
    let standing = wrap_key(key, &me, &WrapContext::Standing { of: OF, key_epoch: 1 }).unwrap();
    let wraps = [receipt_wrap(key, &me, RECEIPT + 1), receipt_wrap(key, &other.public(), RECEIPT), standing];
    for wrap in wraps {
        let answered = wrap_answer(&wrap, &world.wanted.anchor);
        world.lie(move |came| came.is("GET", "/wrap").then(|| json_of(200, answered.clone())));
        let error = world.refused().await;
        assert!(matches!(error, RemoteError::Wrap(WrapError::NotYours)), "{error}");
    }
    assert_eq!(world.came("GET", "/blob"), 0, "without a key the ciphertext is not asked for");
}

#[tokio::test]
async fn a_wrap_of_another_key_is_told_by_the_blobs_commitment() {
    let world = World::new().await;
    let wrap = receipt_wrap(&ContentKey::generate().unwrap(), &world.secret.public(), RECEIPT);
    let answered = wrap_answer(&wrap, &world.wanted.anchor);
    world.lie(move |came| came.is("GET", "/wrap").then(|| json_of(200, answered.clone())));
    let error = world.refused().await;
    assert!(matches!(error, RemoteError::Open(OpenError::Header(_))), "{error}");
}

#[tokio::test]
async fn what_the_gateway_says_of_the_record_is_compared_with_the_chain() {
    let world = World::new().await;
    for (field, value, what) in [
        ("version", json!(2), "version of the record"),
        ("key_epoch", json!(2), "key epoch of the record"),
        ("digest", json!(Hash([1; 32]).to_string()), "digest of the record"),
        ("size", json!(1), "size of the record"),
    ] {
        let mut answered = world.door.wrap.clone();
        answered[field] = value;
        world.lie(move |came| came.is("GET", "/wrap").then(|| json_of(200, answered.clone())));
        let error = world.refused().await;
        assert!(matches!(error, RemoteError::Differs { what: told } if told == what), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_door_is_told() {
    let world = World::new().await;
    let mut odd = world.door.wrap.clone();
    odd["wrap"] = json!("0xzz");
    let giant = json!({ "wrap": "0".repeat(100_000) });
    for body in [json!([]), json!({}), odd, giant] {
        world.lie(move |came| came.is("GET", "/wrap").then(|| json_of(200, body.clone())));
        let error = world.refused().await;
        assert!(matches!(error, RemoteError::Answer { what: "wrap" }), "{error}");
    }
    world.lie(|came| came.is("GET", "/wrap").then(|| answer(302, "location: http://127.0.0.1:1/\r\n", &[])));
    let error = world.refused().await;
    assert!(matches!(error, RemoteError::Refused { refusal: None, status: 302, .. }), "{error}");
}

#[tokio::test]
async fn the_words_of_a_gateway_cannot_move_the_terminal() {
    let world = World::new().await;
    world.lie(|came| {
        let words = format!("\u{1b}[2Jold\r\nnew{}", "x".repeat(1_000));
        came.is("GET", "/wrap").then(|| refuse(Refusal::StaleNode, &words))
    });
    let error = world.refused().await;
    assert_eq!(error.refusal(), Some(Refusal::StaleNode));
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.contains(" [2Jold  new"), "{text}");
    assert!(text.len() < 500, "{text}");
}

#[tokio::test]
async fn another_chain_and_an_address_where_nothing_listens_are_told() {
    let world = World::new().await;
    let told = Gateway::connect(&world.url, Hash([9; 32])).await.unwrap_err();
    let other =
        matches!(told, RemoteError::OtherChain { found, expected } if (found, expected) == (GENESIS, Hash([9; 32])));
    assert!(other, "{told}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = Gateway::connect(&format!("http://127.0.0.1:{port}"), GENESIS).await.unwrap_err();
    assert!(matches!(&told, RemoteError::Unreachable { .. }) && told.is_unreachable(), "{told}");
}
