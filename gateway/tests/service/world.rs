//! A hospital with its gateway on a real socket, a clinic beside it, patients, and who treats them.

use std::{net::SocketAddr, sync::Arc};

use salus_client::{
    door::{NonceAnswer, Request, RequestNonce, SignedRequest, Uploaded},
    envelope::{Anchor, Compression, ContentKey, KemSecret, RecordRef, WRAP_BYTES, WrapContext, seal, wrap_key},
    keystore::{KdfParams, Passphrase},
};
use salus_consent::{Action, Actions, Grantee, testing::permit, types::Withdrawal};
use salus_gateway::{
    app::{App, Identity},
    keyring::Keyring,
    ledger::Ledger,
    limits::Limits,
    report::Reports,
    server::{Listen, Server, routes::routes},
    store::{Store, StoreConfig, config::QuotaConfig},
};
use salus_patients::testing::{Person, confirmed, registered};
use salus_primitives::{
    AccountId, Hash, OrganisationId, PatientId, PractitionerId, RecordId, Subject,
    crypto::{KeyPair, sha256},
    subject::Roles,
};
use salus_records::testing::Draft;
use salus_registry::{
    KemKey,
    storage::KemKeys,
    testing as registry,
    types::{Caps, SUITE_X25519},
};

use crate::{
    chain::{Chain, MemoryLedger},
    http::{Answer, request, send},
};

/// Whose gateway it is.
pub const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
/// Its neighbour.
pub const CLINIC: OrganisationId = OrganisationId([2; 16]);
/// Works at the hospital.
pub const DOCTOR: PractitionerId = PractitionerId([11; 16]);
/// Works at the clinic.
pub const SURGEON: PractitionerId = PractitionerId([12; 16]);

pub const HOSPITAL_ADMIN: u8 = 1;
pub const CLINIC_ADMIN: u8 = 2;
pub const DOCTOR_KEY: u8 = 11;
pub const SURGEON_KEY: u8 = 12;
pub const REGISTRAR_KEY: u8 = 21;
pub const GATEWAY_KEY: u8 = 22;
pub const CLINIC_GATEWAY_KEY: u8 = 24;
pub const STRANGER_KEY: u8 = 99;

pub fn key(seed: u8) -> KeyPair {
    registry::key(seed)
}

/// The encryption key of whoever has this number.
pub fn kem(number: u8) -> KemSecret {
    KemSecret::from_bytes([number; 32])
}

/// Encryption keys: of the hospital, the clinic, the patient and the surgeon.
pub const HOSPITAL_KEM: u8 = 101;
pub const CLINIC_KEM: u8 = 102;
pub const PATIENT_KEM: u8 = 103;
pub const SURGEON_KEM: u8 = 104;

/// An encrypted record that was not uploaded yet.
pub struct Sealed {
    pub of: RecordRef,
    pub blob: Vec<u8>,
    pub anchor: Anchor,
    pub key: ContentKey,
    /// Made once: each wrap of a key is another.
    target: String,
}

impl Sealed {
    /// `bytes` of something, encrypted as record `number` of `patient`.
    pub fn new(patient: PatientId, number: u16, bytes: usize) -> Self {
        let record = Draft::lab(patient, HOSPITAL, number).id;
        let of = RecordRef { patient, record, version: 1 };
        let plain: Vec<u8> = (0..bytes).map(|place| (place % 251) as u8).collect();
        let mut blob = Vec::new();
        let sealed = seal(of, Compression::None, &plain[..], &mut blob).unwrap();
        let mut sealed = Self { of, blob, anchor: sealed.anchor, key: sealed.key, target: String::new() };
        let (patient, hospital) = (sealed.wrap(PATIENT_KEM), sealed.wrap(HOSPITAL_KEM));
        let query = format!("version=1&wrap=patient.{patient}&wrap={HOSPITAL}.{hospital}");
        sealed.target = format!("{}?{query}", sealed.path("blob"));
        sealed
    }

    /// The wrap for the key of this number, as it stands in a query.
    pub fn wrap(&self, number: u8) -> String {
        let context = WrapContext::Standing { of: self.of, key_epoch: 1 };
        hex::encode(wrap_key(&self.key, &kem(number).public(), &context).unwrap().to_bytes())
    }

    /// Where it is uploaded to.
    pub fn target(&self) -> String {
        self.target.clone()
    }

    pub fn path(&self, what: &str) -> String {
        format!("/v1/patients/{}/records/{}/{what}", self.of.patient, self.of.record)
    }

    pub fn path_by(&self, receipt: u32, what: &str) -> String {
        format!("/v1/patients/{}/receipts/{receipt}/records/{}/{what}", self.of.patient, self.of.record)
    }
}

/// How a test's gateway differs from the usual one.
pub struct Setup {
    pub limits: Limits,
    pub quota: QuotaConfig,
    pub custodian: u8,
    pub organisation: OrganisationId,
    pub officer: u8,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            quota: QuotaConfig::default(),
            custodian: HOSPITAL_KEM,
            organisation: HOSPITAL,
            officer: GATEWAY_KEY,
        }
    }
}

pub struct World {
    pub ledger: MemoryLedger,
    pub folder: tempfile::TempDir,
    pub app: Arc<App>,
    pub address: SocketAddr,
    pub patient: Person,
    pub other: Person,
    pub provisional: Person,
    server: Option<Server>,
}

/// The chain before anything was uploaded.
fn chain(ledger: &MemoryLedger) -> [Person; 3] {
    ledger.with(|chain| {
        for (place, admin) in [(HOSPITAL, HOSPITAL_ADMIN), (CLINIC, CLINIC_ADMIN)] {
            registry::organisation(chain, place, Caps::ALL, &key(admin));
        }
        registry::officer(chain, HOSPITAL, Roles::REGISTRAR, &key(REGISTRAR_KEY));
        registry::officer(chain, HOSPITAL, Roles::GATEWAY, &key(GATEWAY_KEY));
        registry::officer(chain, CLINIC, Roles::GATEWAY, &key(CLINIC_GATEWAY_KEY));
        registry::doctor(chain, DOCTOR, HOSPITAL, &key(DOCTOR_KEY));
        registry::doctor(chain, SURGEON, CLINIC, &key(SURGEON_KEY));
        let registrar = key(REGISTRAR_KEY).public();
        let people =
            [confirmed(chain, registrar, 1), confirmed(chain, registrar, 2), registered(chain, registrar, 3, true)];
        for (subject, number) in [
            (Subject::Organisation(HOSPITAL), HOSPITAL_KEM),
            (Subject::Organisation(CLINIC), CLINIC_KEM),
            (Subject::Patient(people[0].id), PATIENT_KEM),
            (Subject::Practitioner(SURGEON), SURGEON_KEM),
        ] {
            set_kem(chain, subject, Some(number));
        }
        let filing = permit(chain.now(), Grantee::Organisation(HOSPITAL));
        let filing = salus_consent::types::Terms { actions: Actions::of(&[Action::Add, Action::View]), ..filing };
        salus_consent::testing::grant(chain, people[0].account(), people[0].id, filing);
        people
    })
}

/// Give somebody the encryption key of this number, or none.
pub fn set_kem(chain: &mut Chain, subject: Subject, number: Option<u8>) {
    chain.prepare(|state| match number {
        Some(number) => {
            let key = KemKey { suite: SUITE_X25519, key: kem(number).public().0 };
            KemKeys::insert(state, &subject, &key);
        }
        None => KemKeys::remove(state, &subject),
    });
}

impl World {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let ledger = MemoryLedger::default();
        let [patient, other, provisional] = chain(&ledger);
        let folder = tempfile::tempdir().unwrap();
        let (app, server) = start(&ledger, folder.path(), setup).await;
        let address = server.address();
        Self { ledger, folder, app, address, patient, other, provisional, server: Some(server) }
    }

    /// Stop the gateway and start another on the same disk and chain.
    pub async fn restart(&mut self, setup: Setup) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        // The store's lock goes with its last holder.
        let (ledger, folder) = (self.ledger.clone(), self.folder.path().to_owned());
        let hollow = Self::hollow(&ledger).await;
        drop(std::mem::replace(&mut self.app, hollow));
        let (app, server) = start(&ledger, &folder, setup).await;
        (self.address, self.app, self.server) = (server.address(), app, Some(server));
    }

    /// A gateway that nobody asks.
    async fn hollow(ledger: &MemoryLedger) -> Arc<App> {
        let folder = tempfile::tempdir().unwrap();
        app(ledger, folder.path(), Setup::default()).await
    }

    /// A nonce of the gateway.
    pub async fn nonce(&self) -> RequestNonce {
        send(self.address, &request("POST", "/v1/nonce", &[], b"")).await.json::<NonceAnswer>().nonce
    }

    pub fn genesis(&self) -> Hash {
        self.ledger.with(|chain| chain.genesis())
    }

    /// The headers of a signed request of `who`, which is void in half a minute.
    pub async fn sign(&self, who: &KeyPair, method: &str, target: &str, body: &[u8]) -> SignedRequest {
        let request = Request { method, target, body: sha256(body) };
        let (organisation, expires) = (self.app.identity.organisation, self.ledger.clock() + 30_000);
        SignedRequest::sign(who, &self.genesis(), organisation, &request, self.nonce().await, expires)
    }

    /// Ask something, signed by `who`.
    pub async fn ask(&self, who: &KeyPair, method: &str, target: &str, body: &[u8]) -> Answer {
        let signed = self.sign(who, method, target, body).await;
        send(self.address, &request(method, target, &signed.headers(), body)).await
    }

    pub async fn get(&self, who: &KeyPair, target: &str) -> Answer {
        self.ask(who, "GET", target, b"").await
    }

    /// Upload a record as the doctor does.
    pub async fn upload(&self, sealed: &Sealed) -> Answer {
        self.ask(&key(DOCTOR_KEY), "PUT", &sealed.target(), &sealed.blob).await
    }

    /// Put an uploaded record on the chain.
    pub fn file(&self, sealed: &Sealed) {
        let draft = Draft {
            digest: sealed.anchor.digest,
            size: sealed.anchor.size,
            id: sealed.of.record,
            ..Draft::lab(sealed.of.patient, HOSPITAL, 0)
        };
        self.ledger.with(|chain| {
            let author = Subject::Practitioner(DOCTOR);
            draft.file(chain, key(DOCTOR_KEY).public(), &author, &[&key(GATEWAY_KEY)]);
        });
    }

    /// A record of `bytes` that is uploaded and on the chain.
    pub async fn filed(&self, number: u16, bytes: usize) -> Sealed {
        let sealed = Sealed::new(self.patient.id, number, bytes);
        self.upload(&sealed).await.json::<Uploaded>();
        self.file(&sealed);
        sealed
    }

    /// The patient lets the clinic view everything.
    pub fn grant(&self) {
        self.ledger.with(|chain| {
            let terms = permit(chain.now(), Grantee::Organisation(CLINIC));
            salus_consent::testing::grant(chain, self.patient.account(), self.patient.id, terms);
        });
    }

    /// The surgeon opens these records; gives the receipt's index.
    pub fn open(&self, records: &[RecordId]) -> u32 {
        let (patient, records) = (self.patient.id, records.to_vec().try_into().unwrap());
        self.ledger.with(|chain| {
            let purpose = salus_consent::Purpose::Treatment;
            let call = salus_access::Call::Open { patient, organisation: CLINIC, purpose, records };
            chain.ok(key(SURGEON_KEY).public(), call);
            salus_access::storage::Logs::get(chain.state(), &patient).count - 1
        })
    }

    /// A record that the surgeon may read, and the receipt to do so.
    pub async fn readable(&self, number: u16, bytes: usize) -> (Sealed, u32) {
        let sealed = self.filed(number, bytes).await;
        self.grant();
        let index = self.open(&[sealed.of.record]);
        (sealed, index)
    }

    /// What withdraws the clinic's grant.
    pub fn revoke(&self) -> impl FnOnce(&mut Chain) + Send + 'static {
        let (patient, account): (PatientId, AccountId) = (self.patient.id, self.patient.account());
        move |chain| {
            let page = salus_consent::GranteeKey::Organisation(CLINIC);
            let what = Withdrawal::Pages(vec![page].try_into().unwrap());
            chain.ok(account, salus_consent::Call::Revoke { patient, what });
        }
    }
}

/// A keyring in `folder` with the encryption key of this number.
fn keyring(folder: &std::path::Path, number: u8) -> Keyring {
    let passphrase = || Passphrase::new("a passphrase of tests".to_owned()).unwrap();
    match Keyring::open(folder, passphrase()) {
        Ok(found) => found,
        Err(_) => Keyring::create_with(folder, passphrase(), KdfParams::for_development(), &kem(number)).unwrap(),
    }
}

async fn app(ledger: &MemoryLedger, folder: &std::path::Path, setup: Setup) -> Arc<App> {
    let config = StoreConfig { folder: Some(folder.join("store")), s3: None, quota: setup.quota };
    let store = Arc::new(Store::open(&config).await.unwrap());
    let reports = Arc::new(Reports::open(&folder.join("reports")).unwrap());
    let identity = Identity {
        organisation: setup.organisation,
        genesis: ledger.with(|chain| chain.genesis()),
        officer: key(setup.officer),
        keyring: keyring(&folder.join(format!("keys-{}", setup.custodian)), setup.custodian),
    };
    let clock = ledger.clone();
    let ledger: Arc<dyn Ledger> = Arc::new(ledger.clone());
    Arc::new(App::new(identity, ledger, store, reports, Arc::new(move || clock.clock()), setup.limits))
}

pub async fn start(ledger: &MemoryLedger, folder: &std::path::Path, setup: Setup) -> (Arc<App>, Server) {
    let limits = setup.limits.clone();
    let app = app(ledger, folder, setup).await;
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None, plain_beyond_loopback: false };
    let server = Server::start(&listen, &limits, routes(app.clone())).await.unwrap();
    (app, server)
}

/// A wrap of the right length that nobody can open.
pub fn dead_wrap() -> String {
    let mut bytes = [7; WRAP_BYTES];
    bytes[0] = 1;
    hex::encode(bytes)
}
