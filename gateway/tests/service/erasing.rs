//! What the chain ordered erased is destroyed and attested, whatever happens to the gateway meanwhile.

use salus_client::door::Refusal;
use salus_gateway::{
    erasures::{ErasureError, round},
    ledger::LedgerError,
};
use salus_primitives::subject::Roles;
use salus_records::{Call, Change, Erasure, storage::Erasures};
use salus_registry::testing as registry;
use salus_runtime::RuntimeCall;

use crate::world::*;

const PRIVACY_KEY: u8 = 31;

/// The chain's word that a record is to be destroyed.
fn order(world: &World, sealed: &Sealed) {
    let set = |to, basis| {
        RuntimeCall::Records(Call::StatusSet { patient: world.patient.id, id: sealed.of.record, to, basis })
    };
    let patient = world.patient.account();
    world.ledger.with(|chain| {
        if salus_registry::officer_key(chain.state(), key(PRIVACY_KEY).public(), Roles::PRIVACY, chain.now()).is_err() {
            registry::officer(chain, HOSPITAL, Roles::PRIVACY, &key(PRIVACY_KEY));
        }
        chain.call(patient, set(Change::RequestErase, 0)).unwrap();
        chain.call(key(PRIVACY_KEY).public(), set(Change::Erase, 1)).unwrap();
    });
}

fn owed(world: &World, sealed: &Sealed) -> Option<Erasure> {
    world.ledger.with(|chain| Erasures::get(chain.state(), &(world.patient.id, sealed.of.record)))
}

/// Bytes in the store under the record, the mark that it is gone not counted.
fn stored(world: &World, sealed: &Sealed) -> u64 {
    let place = world.folder.path().join(format!("store/blobs/{}/{}", sealed.of.patient, sealed.of.record));
    let files = std::fs::read_dir(place).unwrap().flatten().filter(|file| file.file_name() != "shredded");
    files.map(|file| file.metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn an_erased_record_is_destroyed_attested_once_and_given_to_nobody() {
    let world = World::new().await;
    let (gone, kept) = (world.filed(1, 100).await, world.filed(2, 100).await);
    assert_eq!(round(&world.app).await.unwrap(), 0, "nothing is owed");
    order(&world, &gone);
    assert!(matches!(owed(&world, &gone), Some(Erasure::Ordered { .. })));
    assert!(stored(&world, &gone) > 0);

    assert_eq!(round(&world.app).await.unwrap(), 1);
    assert_eq!(stored(&world, &gone), 0);
    assert_eq!(owed(&world, &gone), None, "nobody else owes anything");
    let attested = Call::ShredAttest { patient: world.patient.id, id: gone.of.record, key_epoch: 1 };
    assert_eq!(world.ledger.calls(), [RuntimeCall::Records(attested)]);
    assert_eq!(round(&world.app).await.unwrap(), 0, "it is owed once");

    let refused = world.get(&world.patient.key, &gone.path("blob")).await;
    assert_eq!(refused.refusal(), Refusal::NotServable);
    assert_eq!(world.get(&world.patient.key, &kept.path("blob")).await.body, kept.blob);
}

#[tokio::test]
async fn a_duty_waits_for_the_chain_and_outlives_the_gateway() {
    let mut world = World::new().await;
    let gone = world.filed(1, 100).await;
    order(&world, &gone);
    world.ledger.fail(Some(LedgerError::Unavailable("down".into())));
    assert!(matches!(round(&world.app).await, Err(ErasureError::Ledger(_))));
    assert!(stored(&world, &gone) > 0, "what is not proven destroys nothing");

    // Destroyed, but the attestation is not taken; then the gateway ends.
    world.ledger.fail(None);
    world.ledger.take_none(1);
    assert!(matches!(round(&world.app).await, Err(ErasureError::Submit(_))));
    assert_eq!(stored(&world, &gone), 0);
    world.restart(Setup::default()).await;
    assert_eq!(round(&world.app).await.unwrap(), 1);
    assert_eq!(owed(&world, &gone), None);
}

#[tokio::test]
async fn another_custodians_duty_and_an_open_request_destroy_nothing() {
    let world = World::new().await;
    let (asked, kept) = (world.filed(1, 100).await, world.filed(2, 100).await);
    world.ledger.with(|chain| {
        let (patient, id) = (world.patient.id, asked.of.record);
        let call = Call::StatusSet { patient, id, to: Change::RequestErase, basis: 0 };
        chain.call(world.patient.account(), RuntimeCall::Records(call)).unwrap();
        let open = salus_primitives::BoundedVec::try_from(vec![CLINIC]).unwrap();
        let at = chain.now();
        chain.prepare(|state| {
            Erasures::insert(state, &(patient, kept.of.record), &Erasure::Ordered { at, open });
        });
    });
    assert_eq!(round(&world.app).await.unwrap(), 0);
    assert!(stored(&world, &asked) > 0 && stored(&world, &kept) > 0);
    assert!(world.ledger.calls().is_empty());
}
