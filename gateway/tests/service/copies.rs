//! Two gateways on sockets exchange copies: who may, what is taken, and what is refused by which name.

use std::{fs, sync::Arc};

use salus_client::{door::Refusal, envelope::RecordRef};
use salus_gateway::{
    app::App,
    copies::http::WrapsBody,
    ledger::Ledger,
    server::Server,
    service,
    store::{Place, Store, StoreError},
    upkeep::{Keeper, Settled},
};
use salus_primitives::{Moment, OrganisationId};
use salus_records::{RecordStatus, storage::Records};
use salus_registry::storage::Organisations;

use crate::world::*;

fn place(sealed: &Sealed) -> Place {
    let RecordRef { patient, record, .. } = sealed.of;
    Place { patient, record }
}

/// The hospital's gateway, and the clinic's on the same chain, which knows both addresses.
struct Two {
    world: World,
    clinic: Arc<App>,
    _folder: tempfile::TempDir,
    _server: Server,
}

impl Two {
    async fn new() -> Self {
        // The program does so in its `main`.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = World::new().await;
        let folder = tempfile::tempdir().unwrap();
        let setup =
            Setup { organisation: CLINIC, officer: CLINIC_GATEWAY_KEY, custodian: CLINIC_KEM, ..Setup::default() };
        let (clinic, server) = start(&world.ledger, folder.path(), setup).await;
        set_url(&world, HOSPITAL, &format!("http://{}/", world.address));
        set_url(&world, CLINIC, &server.url());
        Self { world, clinic, _folder: folder, _server: server }
    }

    /// A record that lies at the hospital and is to be kept by both.
    async fn shared(&self, number: u16, bytes: usize) -> Sealed {
        let sealed = Sealed::new(self.world.patient.id, number, bytes);
        let target = format!("{}&wrap={CLINIC}.{}", sealed.target(), sealed.wrap(CLINIC_KEM));
        let answer = self.world.ask(&key(DOCTOR_KEY), "PUT", &target, &sealed.blob).await;
        assert_eq!(answer.status, 200);
        self.world.file(&sealed);
        self.change(&sealed, |record| record.second = Some(CLINIC));
        sealed
    }

    fn change(&self, sealed: &Sealed, change: impl FnOnce(&mut salus_records::Record)) {
        let id = (sealed.of.patient, sealed.of.record);
        self.world.ledger.with(|chain| {
            chain.prepare(|state| {
                let mut record = Records::get(state, &id).unwrap();
                change(&mut record);
                Records::insert(state, &id, &record);
            });
        });
    }

    fn keeper(&self, app: &App) -> Keeper {
        let ledger: Arc<dyn Ledger> = Arc::new(self.world.ledger.clone());
        service::keeper(&app.identity, ledger, Store::clone(&app.store)).unwrap()
    }

    fn now(&self) -> Moment {
        Moment(self.world.ledger.clock())
    }

    async fn is_whole_at(&self, app: &App, sealed: &Sealed) -> bool {
        use futures::TryStreamExt as _;
        let Ok(pieces) = app.store.read(place(sealed), 0..sealed.anchor.size).await else { return false };
        let pieces: Result<Vec<_>, StoreError> = pieces.try_collect().await;
        pieces.is_ok_and(|pieces| pieces.concat() == sealed.blob)
    }
}

fn set_url(world: &World, organisation: OrganisationId, url: &str) {
    world.ledger.with(|chain| {
        chain.prepare(|state| {
            let mut found = Organisations::get(state, &organisation).unwrap();
            found.url = url.as_bytes().to_vec().try_into().unwrap();
            Organisations::insert(state, &organisation, &found);
        });
    });
}

#[tokio::test]
async fn a_record_of_two_custodians_is_copied_over_the_door_and_comes_back_when_it_is_lost() {
    let two = Two::new().await;
    let hospital = two.keeper(&two.world.app);
    let (small, large) = (two.shared(1, 100).await, two.shared(2, 3_000_000).await);
    for sealed in [&small, &large] {
        assert_eq!(hospital.settle(place(sealed), two.now()).await.unwrap(), Settled::Copied(CLINIC));
        assert!(two.is_whole_at(&two.clinic, sealed).await);
        assert_eq!(two.clinic.store.standing_wraps(place(sealed)).await.unwrap().len(), 3);
    }
    // Wraps alone, when they changed.
    hospital.store.copy_due(place(&small), CLINIC).await.unwrap();
    assert_eq!(hospital.settle_all(two.now()).await, 0);
    assert_eq!(hospital.store.unsettled(), []);

    // A byte at the hospital, and then all of one record.
    let file =
        |name: &str, sealed: &Sealed| two.world.folder.path().join(format!("store/blobs/{}/{name}", place(sealed)));
    let mut bytes = fs::read(file("blob", &large)).unwrap();
    bytes[2_000_000] ^= 1;
    fs::write(file("blob", &large), bytes).unwrap();
    let done = hospital.repair_all(true, two.now(), || {}).await.unwrap();
    assert_eq!((done.repaired, done.failed.len()), (1, 0), "{done:?}");
    assert!(two.is_whole_at(&two.world.app, &large).await);
    fs::remove_dir_all(file("", &small)).unwrap();
    let done = hospital.fetch_lost(two.now()).await;
    assert_eq!((done.fetched, done.failed.len()), (1, 0), "{done:?}");
    assert!(two.is_whole_at(&two.world.app, &small).await);

    // Erased: neither gives it any more.
    two.change(&small, |record| record.status = RecordStatus::Erased);
    two.keeper(&two.clinic).look_through(two.now()).await.unwrap();
    let gone = two.clinic.store.meta(place(&small)).await.unwrap_err();
    assert!(matches!(gone, StoreError::Shredded { .. }), "{gone}");
}

#[tokio::test]
async fn only_the_gateway_of_the_other_custodian_is_given_and_gives_copies() {
    let two = Two::new().await;
    let world = &two.world;
    let sealed = two.shared(1, 100).await;
    two.keeper(&world.app).settle(place(&sealed), two.now()).await.unwrap();
    let at = |what: &str| format!("/v1/copies/{}/{what}", place(&sealed));
    let clinic = key(CLINIC_GATEWAY_KEY);

    let list = world.get(&clinic, "/v1/copies").await;
    assert_eq!(list.status, 200);
    let text = String::from_utf8_lossy(&list.body);
    assert!(text.contains(&place(&sealed).to_string()) && text.contains("end"), "{text}");
    assert_eq!(world.get(&clinic, &at("blob")).await.declared(), Some(sealed.anchor.size));
    let wraps = world.get(&clinic, &at("wraps")).await.json::<WrapsBody>();
    assert_eq!(wraps.wraps.len(), 3);
    let body = serde_json::to_vec(&wraps).unwrap();
    assert_eq!(world.ask(&clinic, "PUT", &at("wraps"), &body).await.status, 204);

    for (who, refusal) in [
        (key(DOCTOR_KEY), Refusal::NotAuthorised),
        (key(SURGEON_KEY), Refusal::NotAuthorised),
        (key(CLINIC_ADMIN), Refusal::NotAuthorised),
        (world.patient.key.clone(), Refusal::NotAuthorised),
        (key(STRANGER_KEY), Refusal::NotRegistered),
    ] {
        for (method, target) in [("GET", "/v1/copies"), ("GET", &at("blob")), ("GET", &at("wraps"))] {
            assert_eq!(world.ask(&who, method, target, b"").await.refusal(), refusal, "{method} {target}");
        }
        let put = format!("{}?version=1&key_epoch=1", at("blob"));
        assert_eq!(world.ask(&who, "PUT", &put, &sealed.blob).await.refusal(), refusal);
        assert_eq!(world.ask(&who, "PUT", &at("wraps"), &body).await.refusal(), refusal);
    }
    // Our own Gateway is no other custodian.
    assert_eq!(world.get(&key(GATEWAY_KEY), &at("blob")).await.refusal(), Refusal::NotCustodian);
    two.change(&sealed, |record| record.second = None);
    for what in ["blob", "wraps"] {
        assert_eq!(world.get(&clinic, &at(what)).await.refusal(), Refusal::NotCustodian);
    }
    two.change(&sealed, |record| record.status = RecordStatus::Erased);
    assert_eq!(world.get(&clinic, &at("blob")).await.refusal(), Refusal::NotServable);
}

#[tokio::test]
async fn a_copy_that_is_not_the_record_of_the_chain_is_refused() {
    let two = Two::new().await;
    let world = &two.world;
    let (clinic, sealed) = (key(CLINIC_GATEWAY_KEY), Sealed::new(world.patient.id, 1, 100));
    let put = |sealed: &Sealed, query: &str| format!("/v1/copies/{}/blob?{query}", place(sealed));
    let query = format!("version=1&key_epoch=1&wrap=patient.{}", sealed.wrap(PATIENT_KEM));
    let ask = async |query: &str, blob: &[u8]| world.ask(&clinic, "PUT", &put(&sealed, query), blob).await;
    assert_eq!(ask(&query, &sealed.blob).await.refusal(), Refusal::NoSuchRecord);
    // As if the hospital had lost it: it is on the chain, and not here.
    world.file(&sealed);
    assert_eq!(ask(&query, &sealed.blob).await.refusal(), Refusal::NotCustodian);
    two.change(&sealed, |record| record.second = Some(CLINIC));
    let other = Sealed::new(world.patient.id, 1, 100);
    assert_eq!(ask(&query, &other.blob).await.refusal(), Refusal::Conflict);
    assert_eq!(ask("version=2&key_epoch=1", &sealed.blob).await.refusal(), Refusal::Conflict);
    assert_eq!(ask("version=1", &sealed.blob).await.refusal(), Refusal::BadRequest);
    assert_eq!(ask("version=1&key_epoch=1&wrap=x.y", &sealed.blob).await.refusal(), Refusal::BadRequest);
    let stranger = OrganisationId([9; 16]);
    let foreign = format!("version=1&key_epoch=1&wrap={stranger}.{}", sealed.wrap(PATIENT_KEM));
    assert_eq!(ask(&foreign, &sealed.blob).await.refusal(), Refusal::BadWrap);
    let wraps = format!("/v1/copies/{}/wraps", place(&sealed));
    assert_eq!(world.ask(&clinic, "PUT", &wraps, b"{}").await.refusal(), Refusal::BadWrap);
    assert_eq!(world.get(&clinic, &wraps).await.refusal(), Refusal::NotStored);
    assert_eq!(ask(&query, &sealed.blob).await.status, 204);
    assert!(two.is_whole_at(&world.app, &sealed).await);
    assert_eq!(world.app.store.usage().keys().copied().collect::<Vec<_>>(), [CLINIC]);
}
