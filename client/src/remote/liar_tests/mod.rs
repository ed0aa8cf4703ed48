//! A gateway that lies, one lie per test: each is told by its name, and no byte of plaintext stays behind.

mod fetching;
mod uploading;

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
