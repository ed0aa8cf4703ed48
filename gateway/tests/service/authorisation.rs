//! Who may ask what: every role at every endpoint, each either answered or refused by its own name.
//!
//! A line of the table is a role, a column some endpoints that answer alike:
//! ```text
//! me       who am I, and what may I sign next        receipt  a record by the reader's receipt
//! mine     my records, log, rules, requests          family   a record by the guardian's receipt
//! relay    hand my extrinsic on                      list     what my organisation keeps here too
//! fate     what became of the patient's extrinsic    copy     give me the other custodian's copy, or take mine
//! store    store what I am to file
//! own      the patient's record, as the patient
//!
//! ok  answered               fr  ForeignReceipt      nr  NotRegistered      ux  UnknownExtrinsic
//! .   NotAuthorised          na  NotActive           ni  NotInvited         nc  NotCustodian
//! pv  Provisional
//! ```

use std::{collections::BTreeSet, fs, path::Path};

use parity_scale_codec::Encode as _;
use salus_client::door::{Refusal, SubmitAnswer};
use salus_gateway::copies::http::WrapsBody;
use salus_patients::{
    testing::{Person, confirmed},
    types::{GuardianChange, GuardianTerms, Powers},
};
use salus_primitives::{
    OrganisationId, PractitionerId, Subject,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    signed::CoSigns,
    subject::Roles,
    time::{HOUR, YEAR},
};
use salus_records::storage::Records;
use salus_registry::{
    storage::Practitioners,
    testing as registry,
    types::{Caps, OrganisationStatus, PractitionerStatus},
};
use salus_runtime::RuntimeCall;
use salus_system::keys::{bind, end};

use crate::{
    http::{Answer, request, send},
    world::*,
};

/// The endpoints of each column, by its name.
const COLUMNS: [(&str, &[(&str, &str)]); 10] = [
    ("me", &[("GET", "/v1/me"), ("GET", "/v1/me/nonce")]),
    ("mine", &[("GET", "/v1/me/records"), ("GET", "/v1/me/log"), ("GET", "/v1/me/rules"), ("GET", "/v1/me/requests")]),
    ("relay", &[("POST", "/v1/extrinsics")]),
    ("fate", &[("GET", "/v1/extrinsics/{hash}")]),
    ("store", &[("PUT", "/v1/patients/{patient}/records/{record}/blob")]),
    (
        "own",
        &[
            ("GET", "/v1/patients/{patient}/records/{record}/wrap"),
            ("GET", "/v1/patients/{patient}/records/{record}/blob"),
        ],
    ),
    (
        "receipt",
        &[
            ("GET", "/v1/patients/{patient}/receipts/{index}/records/{record}/wrap"),
            ("GET", "/v1/patients/{patient}/receipts/{index}/records/{record}/blob"),
        ],
    ),
    (
        "family",
        &[
            ("GET", "/v1/patients/{patient}/receipts/{family}/records/{record}/wrap"),
            ("GET", "/v1/patients/{patient}/receipts/{family}/records/{record}/blob"),
        ],
    ),
    ("list", &[("GET", "/v1/copies")]),
    (
        "copy",
        &[
            ("GET", "/v1/copies/{patient}/{record}/wraps"),
            ("PUT", "/v1/copies/{patient}/{record}/wraps"),
            ("GET", "/v1/copies/{patient}/{record}/blob"),
            ("PUT", "/v1/copies/{patient}/{record}/blob"),
        ],
    ),
];

/// What anyone is answered, without a signature.
const OPEN: [(&str, &str); 3] = [("GET", "/v1/gateway"), ("POST", "/v1/nonce"), ("GET", "/v1/metadata")];

const TABLE: &str = "
                                     | me mine relay fate store own receipt family list copy
    the patient                      | ok ok   ok    ok   ok    ok  fr      fr     .    .
    the patient's session key        | ok ok   ok    ux   .     ok  fr      fr     .    .
    another patient                  | ok ok   ok    ux   .     .   fr      fr     .    .
    a provisional one                | ok pv   ok    ux   .     .   fr      fr     .    .
    a guardian                       | ok ok   ok    ux   .     .   fr      ok     .    .
    the custodian's doctor           | ok .    ok    ux   ok    .   fr      fr     .    .
    the doctor's session key         | ok .    ok    ux   .     .   fr      fr     .    .
    a doctor whose licence ran out   | ok .    ok    ux   na    .   fr      fr     .    .
    a doctor who was struck off      | ok .    ok    ux   na    .   fr      fr     .    .
    a suspended hospital's doctor    | ok .    ok    ux   na    .   fr      fr     .    .
    the reader                       | ok .    ok    ux   na    .   ok      fr     .    .
    the reader's session key         | ok .    ok    ux   .     .   ok      fr     .    .
    the reader's colleague           | ok .    ok    ux   na    .   fr      fr     .    .
    the custodian's Admin            | ok .    ok    ux   .     .   fr      fr     .    .
    the custodian's Registrar        | ok .    ok    ux   .     .   fr      fr     .    .
    the custodian's Privacy officer  | ok .    ok    ux   .     .   fr      fr     .    .
    the custodian's Reviewer         | ok .    ok    ux   .     .   fr      fr     .    .
    the custodian's Gateway          | ok .    ok    ux   .     .   fr      fr     ok   nc
    the second custodian's Admin     | ok .    ok    ux   .     .   fr      fr     .    .
    the second custodian's Gateway   | ok .    ok    ux   .     .   fr      fr     ok   ok
    a third hospital's Gateway       | ok .    ok    ux   .     .   fr      fr     ok   nc
    a suspended hospital's Gateway   | ok .    ok    ux   .     .   fr      fr     na   na
    a member of the council          | ok .    ok    ux   .     .   fr      fr     .    .
    a key that was dropped           | nr nr   ni    ux   nr    nr  nr      nr     nr   nr
    an outsider                      | nr nr   ni    ux   nr    nr  nr      nr     nr   nr
";

/// What a cell stands for; none where nothing is refused.
fn meaning(cell: &str) -> Option<Refusal> {
    Some(match cell {
        "ok" => return None,
        "." => Refusal::NotAuthorised,
        "fr" => Refusal::ForeignReceipt,
        "pv" => Refusal::Provisional,
        "nr" => Refusal::NotRegistered,
        "na" => Refusal::NotActive,
        "ni" => Refusal::NotInvited,
        "ux" => Refusal::UnknownExtrinsic,
        "nc" => Refusal::NotCustodian,
        other => panic!("no meaning of {other}"),
    })
}

/// The lines of the table: a name, and its cells.
fn lines() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = TABLE.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, cells) = line.split_once('|').unwrap();
            (name.trim(), cells.split_whitespace().collect())
        })
        .collect()
}

const THIRD: OrganisationId = OrganisationId([3; 16]);
const SUSPENDED: OrganisationId = OrganisationId([4; 16]);

const COLLEAGUE_KEY: u8 = 41;
const LAPSED_KEY: u8 = 42;
const WARD_KEY: u8 = 43;
const DROPPED_KEY: u8 = 44;
const COUNCIL_KEY: u8 = 45;
const READERS_WARD_KEY: u8 = 46;
const PATIENTS_WARD_KEY: u8 = 47;
const STRUCK_KEY: u8 = 48;
const PRIVACY_KEY: u8 = 49;
const REVIEWER_KEY: u8 = 50;
const THIRD_GATEWAY_KEY: u8 = 51;
const SUSPENDED_GATEWAY_KEY: u8 = 52;
const SUSPENDED_DOCTOR_KEY: u8 = 53;
const THIRD_ADMIN: u8 = 54;
const SUSPENDED_ADMIN: u8 = 55;

/// Everybody of the table who is not of the world already; the guardian.
fn people(world: &World) -> Person {
    let [colleague, lapsed, struck, suspended] = [41, 42, 48, 53].map(|byte| PractitionerId([byte; 16]));
    world.ledger.with(|chain| {
        registry::doctor(chain, colleague, CLINIC, &key(COLLEAGUE_KEY));
        registry::doctor(chain, lapsed, HOSPITAL, &key(LAPSED_KEY));
        registry::doctor(chain, struck, HOSPITAL, &key(STRUCK_KEY));
        registry::organisation(chain, THIRD, Caps::ALL, &key(THIRD_ADMIN));
        registry::organisation(chain, SUSPENDED, Caps::ALL, &key(SUSPENDED_ADMIN));
        registry::doctor(chain, suspended, SUSPENDED, &key(SUSPENDED_DOCTOR_KEY));
        for (place, roles, seed) in [
            (HOSPITAL, Roles::PRIVACY, PRIVACY_KEY),
            (HOSPITAL, Roles::REVIEWER, REVIEWER_KEY),
            (THIRD, Roles::GATEWAY, THIRD_GATEWAY_KEY),
            (SUSPENDED, Roles::GATEWAY, SUSPENDED_GATEWAY_KEY),
        ] {
            registry::officer(chain, place, roles, &key(seed));
        }
        registry::set_status(chain, SUSPENDED, OrganisationStatus::Suspended);
        let (now, patient) = (chain.now(), Subject::Patient(world.patient.id));
        chain.prepare(|state| {
            let mut found = Practitioners::get(state, &lapsed).unwrap();
            found.licence_until = now;
            Practitioners::insert(state, &lapsed, &found);
            let mut found = Practitioners::get(state, &struck).unwrap();
            found.status = PractitionerStatus::Struck;
            Practitioners::insert(state, &struck, &found);
            for (seed, subject, until) in [
                (WARD_KEY, Subject::Practitioner(DOCTOR), Some(now.plus(HOUR))),
                (READERS_WARD_KEY, Subject::Practitioner(SURGEON), Some(now.plus(HOUR))),
                (PATIENTS_WARD_KEY, patient, Some(now.plus(HOUR))),
                (COUNCIL_KEY, Subject::Council, None),
                (DROPPED_KEY, patient, None),
            ] {
                bind(state, now, key(seed).public(), subject, Roles::NONE, until).unwrap();
            }
            end(state, key(DROPPED_KEY).public());
        });
        let guardian = confirmed(chain, key(REGISTRAR_KEY).public(), 4);
        let terms = GuardianTerms {
            guardians: vec![guardian.id].try_into().unwrap(),
            threshold: 1,
            powers: Powers::ACT,
            excluded: vec![].try_into().unwrap(),
            until: now.plus(YEAR),
        };
        let (change, cosign) = (GuardianChange::Set(terms), CoSigns::new());
        let call = salus_patients::Call::GuardiansSet { patient: world.patient.id, change, cosign };
        chain.ok(world.patient.account(), call);
        set_kem(chain, Subject::Patient(guardian.id), Some(SURGEON_KEM));
        guardian
    })
}

/// Who is in the lines of the table, in their order.
fn cast(world: &World, guardian: Person) -> Vec<(&'static str, KeyPair)> {
    vec![
        ("the patient", world.patient.key.clone()),
        ("the patient's session key", key(PATIENTS_WARD_KEY)),
        ("another patient", world.other.key.clone()),
        ("a provisional one", world.provisional.key.clone()),
        ("a guardian", guardian.key),
        ("the custodian's doctor", key(DOCTOR_KEY)),
        ("the doctor's session key", key(WARD_KEY)),
        ("a doctor whose licence ran out", key(LAPSED_KEY)),
        ("a doctor who was struck off", key(STRUCK_KEY)),
        ("a suspended hospital's doctor", key(SUSPENDED_DOCTOR_KEY)),
        ("the reader", key(SURGEON_KEY)),
        ("the reader's session key", key(READERS_WARD_KEY)),
        ("the reader's colleague", key(COLLEAGUE_KEY)),
        ("the custodian's Admin", key(HOSPITAL_ADMIN)),
        ("the custodian's Registrar", key(REGISTRAR_KEY)),
        ("the custodian's Privacy officer", key(PRIVACY_KEY)),
        ("the custodian's Reviewer", key(REVIEWER_KEY)),
        ("the custodian's Gateway", key(GATEWAY_KEY)),
        ("the second custodian's Admin", key(CLINIC_ADMIN)),
        ("the second custodian's Gateway", key(CLINIC_GATEWAY_KEY)),
        ("a third hospital's Gateway", key(THIRD_GATEWAY_KEY)),
        ("a suspended hospital's Gateway", key(SUSPENDED_GATEWAY_KEY)),
        ("a member of the council", key(COUNCIL_KEY)),
        ("a key that was dropped", key(DROPPED_KEY)),
        ("an outsider", key(STRANGER_KEY)),
    ]
}

/// What is asked about: a record that hospital and clinic keep, the receipts of its readers, an extrinsic, and a
/// wrap that the clinic has.
struct Asked {
    sealed: Sealed,
    index: u32,
    family: u32,
    hash: String,
    wraps: Vec<u8>,
}

impl Asked {
    async fn new(world: &World, guardian: &Person) -> Self {
        let sealed = Sealed::new(world.patient.id, 1, 100);
        let target = format!("{}&wrap={CLINIC}.{}", sealed.target(), sealed.wrap(CLINIC_KEM));
        assert_eq!(world.ask(&key(DOCTOR_KEY), "PUT", &target, &sealed.blob).await.status, 200);
        world.file(&sealed);
        world.grant();
        let index = world.open(&[sealed.of.record]);
        let (patient, record) = (sealed.of.patient, sealed.of.record);
        world.ledger.with(|chain| {
            chain.prepare(|state| {
                let mut found = Records::get(state, &(patient, record)).unwrap();
                found.second = Some(CLINIC);
                Records::insert(state, &(patient, record), &found);
            });
            let (purpose, records) = (salus_consent::Purpose::FamilyRequest, vec![record].try_into().unwrap());
            let open = salus_access::Call::Open { patient, organisation: HOSPITAL, purpose, records };
            chain.ok(guardian.account(), open);
        });
        let submitted = world.ask(&world.patient.key, "POST", "/v1/extrinsics", &noop(world, &world.patient.key)).await;
        let hash = submitted.json::<SubmitAnswer>().hash.to_string();
        let wraps = world.get(&key(CLINIC_GATEWAY_KEY), &format!("/v1/copies/{patient}/{record}/wraps")).await;
        // The patient's alone, which any custodian may bring: a wrap of somebody else is refused for what it is.
        let mut wraps: WrapsBody = wraps.json();
        wraps.wraps.retain(|wrap| wrap.starts_with("patient."));
        assert_eq!(wraps.wraps.len(), 1);
        let wraps = serde_json::to_vec(&wraps).unwrap();
        Self { sealed, index, family: index + 1, hash, wraps }
    }

    /// The path with all that is named in it, the query of what takes one, and the body.
    fn fill(&self, world: &World, who: &KeyPair, method: &str, path: &str) -> (String, Vec<u8>) {
        let target = path
            .replace("{patient}", &self.sealed.of.patient.to_string())
            .replace("{record}", &self.sealed.of.record.to_string())
            .replace("{index}", &self.index.to_string())
            .replace("{family}", &self.family.to_string())
            .replace("{hash}", &self.hash);
        match (method, path.rsplit('/').next()) {
            ("PUT", Some("blob")) if path.starts_with("/v1/copies") => {
                (format!("{target}?version=1&key_epoch=1"), self.sealed.blob.clone())
            }
            ("PUT", Some("blob")) => (self.sealed.target(), self.sealed.blob.clone()),
            ("PUT", _) => (target, self.wraps.clone()),
            ("POST", _) => (target, noop(world, who)),
            _ => (target, Vec::new()),
        }
    }
}

/// The body that hands on an extrinsic of `who` which does nothing.
fn noop(world: &World, who: &KeyPair) -> Vec<u8> {
    let version = salus_system::version();
    let genesis = world.genesis();
    let context =
        ChainContext { spec_version: version.spec_version, transaction_version: version.transaction_version, genesis };
    let call = RuntimeCall::from(salus_system::Call::Noop {}).encode();
    let nonce = world.ledger.with(|chain| chain.nonce(who.public()));
    let extrinsic = sign(who, call, Era::Immortal, nonce, &context, &genesis);
    serde_json::json!({ "extrinsic": hex::encode(extrinsic.encode()) }).to_string().into_bytes()
}

fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    COLUMNS.iter().flat_map(|(_, endpoints)| endpoints.iter().copied())
}

#[tokio::test]
async fn every_role_is_answered_or_refused_at_every_endpoint_as_the_table_says() {
    let world = World::new().await;
    let guardian = people(&world);
    let asked = Asked::new(&world, &guardian).await;
    let (lines, cast) = (lines(), cast(&world, guardian));
    assert_eq!(lines[0].1, COLUMNS.map(|(name, _)| name));
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>();
    assert_eq!(names(&mut lines[1..].iter().map(|line| line.0)), names(&mut cast.iter().map(|one| one.0)));
    for ((role, cells), (_, who)) in lines[1..].iter().zip(&cast) {
        assert_eq!(cells.len(), COLUMNS.len(), "{role}");
        for ((_, endpoints), cell) in COLUMNS.iter().zip(cells) {
            for (method, path) in *endpoints {
                let (target, body) = asked.fill(&world, who, method, path);
                let answer = world.ask(who, method, &target, &body).await;
                match meaning(cell) {
                    None => assert!((200..300).contains(&answer.status), "{role}: {method} {path}: {answer:?}"),
                    Some(refusal) => assert_eq!(answer.refusal(), refusal, "{role}: {method} {path}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_answered_at_any_of_them_without_a_signature() {
    let world = World::new().await;
    let guardian = people(&world);
    let asked = Asked::new(&world, &guardian).await;
    let unsigned = async |method: &str, path: &str| -> Answer {
        let (target, body) = asked.fill(&world, &world.patient.key, method, path);
        send(world.address, &request(method, &target, &[], &body)).await
    };
    for (method, path) in endpoints() {
        assert_eq!(unsigned(method, path).await.refusal(), Refusal::NotSigned, "{method} {path}");
    }
    for (method, path) in OPEN {
        assert_eq!(send(world.address, &request(method, path, &[], b"")).await.status, 200, "{method} {path}");
    }
}

/// The endpoints that this source file serves: each method of each `.route("path", ...)`.
fn served(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for rest in text.split(".route(\"/v1/").skip(1) {
        let (path, rest) = rest.split_once('"').unwrap();
        let methods = rest.split(".route(").next().unwrap().lines().next().unwrap();
        for method in ["get", "put", "post", "delete", "patch", "head", "options", "any", "on"] {
            if methods.contains(&format!(" {method}(")) || methods.contains(&format!(".{method}(")) {
                found.insert((method.to_uppercase(), format!("/v1/{path}")));
            }
        }
    }
    found
}

fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_endpoint_has_its_column() {
    let mut texts = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let served: BTreeSet<(String, String)> = texts.iter().flat_map(|text| served(text)).collect();
    let tested = endpoints().chain(OPEN).map(|(method, path)| (method.into(), path.replace("{family}", "{index}")));
    assert_eq!(served, tested.collect());
    let routes: usize = texts.iter().map(|text| text.matches(".route(\"/v1/").count()).sum();
    let paths: BTreeSet<&String> = served.iter().map(|(_, path)| path).collect();
    assert_eq!(paths.len(), routes, "each route is read");
}
