//! A gateway that lies, one lie per test: each is told by its name, and no byte of plaintext stays behind.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex, Once},
};

use salus_primitives::{
    Hash, OrganisationId, PatientId, PractitionerId, RecordId, Subject,
    crypto::{KeyPair, sha256},
    signed,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    door::{Refusal, RefusalBody, RequestNonce, SignedRequest},
    envelope::{
        Anchor, Compression, ContentKey, HEADER_BYTES, KemPublic, KemSecret, OpenError, RecordRef, Wrap, WrapContext,
        WrapError, seal, wrap_key,
    },
};

const GENESIS: Hash = Hash([7; 32]);
const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
const AUTHOR: Subject = Subject::Practitioner(PractitionerId([3; 16]));
const OF: RecordRef = RecordRef { patient: PatientId([4; 16]), record: RecordId([5; 16]), version: 1 };
const RECEIPT: u32 = 9;
/// What no file may hold when something went wrong.
const SECRET: &[u8] = b"Haemoglobin 13.2 g/dL";

/// A request as it came.
#[derive(Clone, Debug)]
struct Came {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Came {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.target.split('?').next().unwrap().ends_with(end)
    }
}

/// What is answered: bytes, and perhaps the last of them for ever.
#[derive(Clone)]
struct Answer {
    bytes: Vec<u8>,
    for_ever: bool,
}

fn answer(status: u16, head: &str, body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{head}\r\n");
    Answer { bytes: [head.as_bytes(), body].concat(), for_ever: false }
}

fn whole(status: u16, body: &[u8]) -> Answer {
    answer(status, &format!("content-length: {}\r\n", body.len()), body)
}

fn json_of(status: u16, body: Value) -> Answer {
    whole(status, body.to_string().as_bytes())
}

fn refuse(refusal: Refusal, message: &str) -> Answer {
    json_of(refusal.status(), serde_json::to_value(RefusalBody::new(refusal, message)).unwrap())
}

type Lie = Box<dyn FnMut(&Came) -> Option<Answer> + Send>;

/// What the gateway has, how it lies, and what came.
struct Door {
    blob: Vec<u8>,
    wrap: Value,
    custody: Value,
    lie: Mutex<Lie>,
    came: Mutex<Vec<Came>>,
}

impl Door {
    fn answer(&self, came: &Came) -> Answer {
        self.came.lock().unwrap().push(came.clone());
        if let Some(lie) = (self.lie.lock().unwrap())(came) {
            return lie;
        }
        match (came.method.as_str(), came.target.as_str()) {
            ("GET", "/v1/gateway") => return json_of(200, description(GENESIS)),
            ("POST", "/v1/nonce") => {
                let nonce = RequestNonce([6; 16]).to_string();
                return json_of(200, json!({ "nonce": nonce, "lives_ms": 60_000, "now": 1_800_000_000_000u64 }));
            }
            _ => {}
        }
        let signed = SignedRequest::parse(|name| came.header(name));
        let good = signed.is_ok_and(|signed| {
            signed.is_signed(&GENESIS, &came.method, &came.target)
                && signed.body == sha256(&came.body)
                && (signed.gateway, signed.nonce) == (HOSPITAL, RequestNonce([6; 16]))
                && signed.expires == 1_800_000_050_000
        });
        if !good {
            return refuse(Refusal::BadSignature, "not signed");
        }
        if came.is("GET", "/wrap") {
            json_of(200, self.wrap.clone())
        } else if came.is("GET", "/blob") {
            whole(200, &self.blob)
        } else {
            json_of(200, self.custody.clone())
        }
    }
}

fn description(genesis: Hash) -> Value {
    json!({
        "organisation": HOSPITAL.to_string(), "genesis": genesis.to_string(), "spec_version": 1,
        "transaction_version": 1, "height": 5, "block": Hash([8; 32]).to_string(), "time": 1, "fresh": true,
        "limits": { "blob_bytes": 1, "body_bytes": 1, "transfers_per_caller": 1, "expiry_ms": 1 }, "version": "0",
    })
}

async fn serve(door: &Door, mut socket: TcpStream) {
    let mut bytes = Vec::new();
    let end = loop {
        let mut more = [0; 4_096];
        let Ok(read @ 1..) = socket.read(&mut more).await else { return };
        bytes.extend(&more[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
    let mut came = Came {
        method: first.next().unwrap().into(),
        target: first.next().unwrap().into(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    let length = came.header("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        let mut more = [0; 4_096];
        let Ok(read @ 1..) = socket.read(&mut more).await else { return };
        body.extend(&more[..read]);
    }
    came.body = body;
    let Answer { bytes, for_ever } = door.answer(&came);
    if socket.write_all(&bytes).await.is_ok() && for_ever {
        while socket.write_all(&[0; 4_096]).await.is_ok() {}
    }
    let _ = socket.shutdown().await;
}

/// A record kept by a hospital, its reader, and a folder to write it to.
struct World {
    door: Arc<Door>,
    url: String,
    wanted: Wanted,
    key: KeyPair,
    secret: KemSecret,
    content_key: ContentKey,
    folder: TempDir,
}

fn plain() -> Vec<u8> {
    SECRET.iter().copied().cycle().take(200_000).collect()
}

fn sealed(of: RecordRef, plain: &[u8]) -> (Vec<u8>, ContentKey, Anchor) {
    let mut blob = Vec::new();
    let sealed = seal(of, Compression::None, plain, &mut blob).unwrap();
    (blob, sealed.key, sealed.anchor)
}

fn receipt_wrap(key: &ContentKey, to: &KemPublic, index: u32) -> Wrap {
    let context = WrapContext::Receipt { patient: OF.patient, index, record: OF.record, key_epoch: 1 };
    wrap_key(key, to, &context).unwrap()
}

fn wrap_answer(wrap: &Wrap, anchor: &Anchor) -> Value {
    json!({
        "wrap": hex::encode(wrap.to_bytes()), "version": 1, "key_epoch": 1,
        "digest": anchor.digest.to_string(), "size": anchor.size,
    })
}

fn custody(by: &KeyPair, anchor: &Anchor, author: &Subject) -> Value {
    let bytes = signed::custody_receipt(&GENESIS, &OF.patient, &OF.record, &anchor.digest, anchor.size, author);
    json!({
        "receipt": { "account": by.public().to_string(), "signature": hex::encode(by.sign(&bytes).0) },
        "digest": anchor.digest.to_string(), "size": anchor.size,
    })
}

fn officer() -> KeyPair {
    KeyPair::from_seed(&[22; 32])
}

impl World {
    async fn new() -> Self {
        let (blob, content_key, anchor) = sealed(OF, &plain());
        Self::with(blob, content_key, anchor).await
    }

    /// The chain has `anchor`, the gateway has `blob`.
    async fn with(blob: Vec<u8>, content_key: ContentKey, anchor: Anchor) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
        let secret = KemSecret::generate().unwrap();
        let door = Arc::new(Door {
            wrap: wrap_answer(&receipt_wrap(&content_key, &secret.public(), RECEIPT), &anchor),
            custody: custody(&officer(), &anchor, &AUTHOR),
            blob,
            lie: Mutex::new(Box::new(|_| None)),
            came: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = door.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let door = served.clone();
                tokio::spawn(async move { serve(&door, socket).await });
            }
        });
        let wanted = Wanted {
            patient: OF.patient,
            record: OF.record,
            version: OF.version,
            key_epoch: 1,
            anchor,
            receipt: Some(RECEIPT),
        };
        let key = KeyPair::from_seed(&[12; 32]);
        Self { door, url, wanted, key, secret, content_key, folder: tempfile::tempdir().unwrap() }
    }

    fn lie(&self, lie: impl FnMut(&Came) -> Option<Answer> + Send + 'static) {
        *self.door.lie.lock().unwrap() = Box::new(lie);
    }

    /// From now on the blob is answered like this, once each.
    fn blobs(&self, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        self.lie(move |came| came.is("GET", "/blob").then(|| answers.pop_front())?);
    }

    fn came(&self, method: &str, end: &str) -> usize {
        self.door.came.lock().unwrap().iter().filter(|came| came.is(method, end)).count()
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("chart.json")
    }

    async fn gateway(&self) -> Gateway {
        Gateway::connect(&self.url, GENESIS).await.unwrap()
    }

    async fn fetch(&self) -> Result<Fetched, RemoteError> {
        fetch(&self.gateway().await, &self.key, &self.wanted, &self.secret, &self.out()).await
    }

    /// What fetching is refused with; and nothing is left in the folder.
    async fn refused(&self) -> RemoteError {
        let error = self.fetch().await.expect_err("it was believed");
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?} stayed after {error}");
        error
    }
}

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
