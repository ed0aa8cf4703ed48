//! What was released is reported: once for each entry, until it is final, whatever happens to the gateway meanwhile.

use salus_access::{Call, storage::Receipts, types::ServedBy};
use salus_client::door::WrapAnswer;
use salus_gateway::{ledger::LedgerError, report::round};
use salus_primitives::crypto::sha256_of;
use salus_registry::{testing as registry, types::OrganisationStatus};
use salus_runtime::RuntimeCall;

use crate::world::*;

/// Who reported entry `place` of a receipt.
fn served(world: &World, index: u32, place: usize) -> ServedBy {
    let receipt = world.ledger.with(|chain| Receipts::get(chain.state(), &(world.patient.id, index)));
    receipt.unwrap().entries[place].served
}

fn files(world: &World) -> Vec<String> {
    let folder = std::fs::read_dir(world.folder.path().join("reports")).unwrap();
    folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_release_is_reported_once_however_often_it_is_fetched() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    let surgeon = key(SURGEON_KEY);
    let wrap: WrapAnswer = world.get(&surgeon, &sealed.path_by(index, "wrap")).await.json();
    for _ in 0..3 {
        assert_eq!(world.get(&surgeon, &sealed.path_by(index, "blob")).await.body, sealed.blob);
    }
    assert_eq!(world.app.reports.len(), 1);
    assert!(round(&world.app).await);
    assert_eq!(served(&world, index, 0), ServedBy::FIRST);
    let digest = sha256_of(&[b"salus/release/1", &hex::decode(wrap.wrap).unwrap()]);
    let call = Call::Serve { patient: world.patient.id, receipt: index, entries: 1, digest };
    assert_eq!(world.ledger.calls(), [RuntimeCall::Access(call)]);
    assert!(files(&world).is_empty());
    // Fetched again after that, there is nothing new to say.
    world.get(&surgeon, &sealed.path_by(index, "blob")).await;
    assert!(world.app.reports.is_empty());
    assert!(round(&world.app).await);
    assert_eq!(world.ledger.tries(), 1);
}

#[tokio::test]
async fn entries_of_one_receipt_are_reported_together_and_others_later() {
    let world = World::new().await;
    let records = [world.filed(1, 100).await, world.filed(2, 100).await, world.filed(3, 100).await];
    world.grant();
    let index = world.open(&records.each_ref().map(|sealed| sealed.of.record));
    let surgeon = key(SURGEON_KEY);
    for place in [2, 0] {
        world.get(&surgeon, &records[place].path_by(index, "wrap")).await.json::<WrapAnswer>();
    }
    assert!(round(&world.app).await);
    world.get(&surgeon, &records[1].path_by(index, "wrap")).await.json::<WrapAnswer>();
    assert!(round(&world.app).await);
    let entries: Vec<u64> = world
        .ledger
        .calls()
        .iter()
        .map(|call| match call {
            RuntimeCall::Access(Call::Serve { entries, .. }) => *entries,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(entries, [0b101, 0b010]);
}

#[tokio::test]
async fn a_report_that_is_not_taken_or_not_proven_is_repeated() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.get(&key(SURGEON_KEY), &sealed.path_by(index, "wrap")).await.json::<WrapAnswer>();
    world.ledger.take_none(2);
    assert!(!round(&world.app).await);
    assert!(!round(&world.app).await);
    world.ledger.fail(Some(LedgerError::Unavailable("refused".into())));
    assert!(!round(&world.app).await);
    world.ledger.fail(None);
    assert_eq!((world.app.reports.len(), files(&world).len()), (1, 1));
    assert!(round(&world.app).await);
    assert_eq!(served(&world, index, 0), ServedBy::FIRST);
    assert!(world.app.reports.is_empty());
}

#[tokio::test]
async fn a_gateway_that_was_killed_reports_when_it_runs_again() {
    let mut world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.get(&key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    let patient = world.patient.id;
    assert_eq!(files(&world), [format!("{patient}-{index}-0")]);
    world.restart(Setup::default()).await;
    assert_eq!(world.app.reports.len(), 1);
    assert!(round(&world.app).await);
    assert_eq!(served(&world, index, 0), ServedBy::FIRST);
    // Killed after the report was final and before its file was gone: it is not made twice.
    std::fs::write(world.folder.path().join(format!("reports/{patient}-{index}-0")), format!("{}\n", sealed.of.record))
        .unwrap();
    world.restart(Setup::default()).await;
    assert_eq!(world.app.reports.len(), 1);
    assert!(round(&world.app).await);
    assert!(world.app.reports.is_empty());
    assert_eq!(world.ledger.tries(), 1);
}

#[tokio::test]
async fn a_late_report_is_made_and_flagged() {
    let world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.get(&key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    let revoke = world.revoke();
    world.ledger.with(|chain| {
        revoke(chain);
        chain.advance(24 * 3_600_000);
        registry::set_status(chain, HOSPITAL, OrganisationStatus::Suspended);
    });
    assert!(round(&world.app).await);
    let events = world.ledger.with(|chain| chain.events().to_vec());
    let flagged = events.iter().any(|event| {
        matches!(
            event,
            salus_runtime::RuntimeEvent::Access(salus_access::Event::Served { late: true, after_revocation: 1, .. })
        )
    });
    assert!(flagged, "{events:?}");
}

#[tokio::test]
async fn an_officer_who_lost_the_role_leaves_the_report_owed() {
    let mut world = World::new().await;
    let (sealed, index) = world.readable(1, 100).await;
    world.get(&key(SURGEON_KEY), &sealed.path_by(index, "blob")).await;
    world.restart(Setup { officer: STRANGER_KEY, ..Setup::default() }).await;
    assert!(!round(&world.app).await);
    assert_eq!(world.app.reports.len(), 1);
    world.restart(Setup::default()).await;
    assert!(round(&world.app).await);
    assert_eq!(served(&world, index, 0), ServedBy::FIRST);
}

#[tokio::test]
async fn one_report_that_is_not_taken_keeps_no_other_back() {
    let world = World::new().await;
    let (sealed, first) = world.readable(1, 100).await;
    let second = world.open(&[sealed.of.record]);
    for index in [first, second] {
        world.get(&key(SURGEON_KEY), &sealed.path_by(index, "wrap")).await.json::<WrapAnswer>();
    }
    world.ledger.take_none(1);
    assert!(!round(&world.app).await);
    assert_eq!((served(&world, first, 0), served(&world, second, 0)), (ServedBy::default(), ServedBy::FIRST));
    assert_eq!(files(&world).len(), 1);
    assert!(round(&world.app).await);
    assert_eq!(served(&world, first, 0), ServedBy::FIRST);
    assert_eq!(world.ledger.calls().len(), 2);
}
