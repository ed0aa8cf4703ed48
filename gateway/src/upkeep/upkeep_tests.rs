//! What upkeep promises: nothing on the chain is removed, copies are made, damage is found and healed, the erased goes.

use std::{fs, sync::atomic::Ordering};

use futures::TryStreamExt as _;
use salus_primitives::{Moment, OrganisationId, time::DAY};
use salus_records::RecordStatus;

use super::{
    Mended, RECEIPT_WRAP_KEPT_MS, RepairError, SCRUB_EVERY_MS, SettleError, Settled, scrub, status, testing::Town,
};
use crate::{
    copies::{self, CopyError, PeerError},
    store::{
        Filing, Holder, Item, Store, StoreError,
        testing::{Paper, T0, THEM, US},
    },
};

const MIB: usize = 1 << 20;
const STRANGER: OrganisationId = OrganisationId([0x33; 16]);

#[tokio::test]
async fn an_upload_expires_after_a_day_by_both_clocks_unless_it_is_on_the_chain() {
    let town = Town::new().await;
    let (filed, never, other) = (Paper::new(1, 100), Paper::new(2, 100), Paper::new(3, 100));
    for paper in [&filed, &never, &other] {
        paper.upload(&town.us.store, T0).await.unwrap();
    }
    town.ledger.file(&filed, None);
    // Under this id, the chain has other bytes.
    town.ledger.file(&Paper::new(3, 100), None);
    let later = T0.plus(DAY);
    assert_eq!(town.us.settle(never.place(), later).await.unwrap(), Settled::Waiting, "the chain's time stands still");
    *town.ledger.at.lock().unwrap() = later;
    assert_eq!(
        town.us.settle(never.place(), Moment(later.0 - 1)).await.unwrap(),
        Settled::Waiting,
        "our clock says no"
    );
    town.ledger.silent.store(true, Ordering::Relaxed);
    let error = town.us.settle(never.place(), later).await.unwrap_err();
    assert!(matches!(error, SettleError::Chain(_)), "{error}");
    town.ledger.silent.store(false, Ordering::Relaxed);

    assert_eq!(town.us.settle_all(later).await, 0);
    assert_eq!(town.us.store.unsettled(), []);
    assert!(filed.is_whole_in(&town.us.store).await);
    for paper in [&never, &other] {
        assert!(matches!(town.us.store.meta(paper.place()).await, Err(StoreError::Missing { .. })));
        assert_eq!(town.us.settle(paper.place(), later).await.unwrap(), Settled::Gone);
    }
    // Once seen on the chain it stays, whatever the chain says later.
    town.ledger.records.lock().unwrap().clear();
    assert_eq!(town.us.settle(filed.place(), T0.plus(100 * DAY)).await.unwrap(), Settled::Kept);
    assert!(filed.is_whole_in(&town.us.store).await);
}

#[tokio::test]
async fn a_record_with_a_second_custodian_is_copied_there_and_read_there_with_the_first_down() {
    let town = Town::new().await;
    let paper = Paper::new(1, 2 * MIB);
    paper.upload(&town.us.store, T0).await.unwrap();
    town.ledger.file(&paper, Some(THEM));
    town.neighbour.down.store(true, Ordering::Relaxed);
    assert_eq!(town.us.settle_all(T0).await, 1);
    let due = T0.plus(super::COPY_WITHIN_MS);
    let now = status(&town.us.store, due).await.unwrap();
    assert_eq!((now.records, now.pending, now.copied, now.overdue), (1, 1, 0, 0));
    assert_eq!(status(&town.us.store, due.plus(1)).await.unwrap().overdue, 1);

    town.neighbour.down.store(false, Ordering::Relaxed);
    assert_eq!(town.us.settle_all(T0).await, 0);
    let now = status(&town.us.store, due).await.unwrap();
    assert_eq!((now.pending, now.copied, now.unanchored), (0, 1, 0));
    assert!(paper.is_whole_in(&town.them.store).await, "it needs nothing of the first");
    assert_eq!(town.them.store.usage()[&US].bytes, paper.filing.anchor.size, "on the quota of who gave it");
    // Nothing is left to do on either side.
    assert_eq!((town.us.store.unsettled(), town.them.store.unsettled()), (vec![], vec![]));
    assert_eq!(town.us.settle(paper.place(), T0).await.unwrap(), Settled::Copied(THEM));
    assert_eq!(town.them.settle(paper.place(), T0).await.unwrap(), Settled::Copied(US));
    assert_eq!(town.neighbour.copies.load(Ordering::Relaxed), 1);
    assert_eq!(town.as_seen.copies.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_copy_is_taken_only_of_what_the_chain_says_from_who_keeps_it_too() {
    let town = Town::new().await;
    let (store, chain) = (&town.them.store, &*town.them.chain);
    let paper = Paper::new(1, 1_000);
    let body = |paper: &Paper| {
        let pieces: Vec<_> = paper.blob.chunks(999).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
        Box::pin(futures::stream::iter(pieces)) as copies::Incoming
    };
    let give = |from, filing, paper: &Paper| {
        let (wraps, body) = (paper.wraps.clone(), body(paper));
        async move { copies::accept(store, chain, (THEM, from), filing, wraps, body, T0).await }
    };
    let error = give(US, paper.filing, &paper).await.unwrap_err();
    assert!(matches!(error, CopyError::NotOnChain { .. }), "{error}");
    town.ledger.file(&paper, None);
    let error = give(US, paper.filing, &paper).await.unwrap_err();
    assert!(matches!(error, CopyError::NotCustodian { .. }), "{error}");
    town.ledger.file(&paper, Some(THEM));
    let own = copies::accept(store, chain, (THEM, THEM), paper.filing, Vec::new(), body(&paper), T0).await;
    assert!(matches!(own, Err(CopyError::NotCustodian { .. })), "nobody gives to themselves");
    // A stranger's wraps would be of holders it may not name.
    let error = give(STRANGER, paper.filing, &paper).await.unwrap_err();
    assert!(matches!(error, CopyError::Wraps), "{error}");
    let none = copies::accept(store, chain, (THEM, STRANGER), paper.filing, Vec::new(), body(&paper), T0).await;
    assert!(matches!(none, Err(CopyError::NotCustodian { .. })));
    let other = Paper::new(1, 1_000);
    let error = give(US, other.filing, &other).await.unwrap_err();
    assert!(matches!(error, CopyError::NotThatRecord { .. }), "{error}");
    let error = give(US, paper.filing, &other).await.unwrap_err();
    assert!(matches!(error, CopyError::Store(StoreError::Digest { .. } | StoreError::Length { .. })), "{error}");
    let mut broken = body(&paper).take_while_one();
    broken.push(Err(PeerError::Unreachable { organisation: US, reason: "broken off".to_owned() }));
    let broken = Box::pin(futures::stream::iter(broken));
    let error = copies::accept(store, chain, (THEM, US), paper.filing, paper.wraps.clone(), broken, T0).await;
    assert!(matches!(error, Err(CopyError::Peer(PeerError::Unreachable { .. }))));
    let receipt = vec![(Holder::Receipt(1), paper.wraps[0].1)];
    let error = copies::accept(store, chain, (THEM, US), paper.filing, receipt, body(&paper), T0).await;
    assert!(matches!(error, Err(CopyError::Wraps)));
    assert!(matches!(store.meta(paper.place()).await, Err(StoreError::Missing { .. })));

    give(US, paper.filing, &paper).await.unwrap();
    assert!(paper.is_whole_in(store).await);
    // Their own wrap they may renew; the patient's and ours they may not touch.
    let fresh = Paper::new(1, 10).wraps;
    copies::accept_wraps(store, chain, (THEM, US), paper.place(), &fresh).await.unwrap();
    let kept = store.standing_wraps(paper.place()).await.unwrap();
    assert_eq!(kept, [paper.wraps[0], fresh[1], paper.wraps[2]]);
    let error = copies::accept_wraps(store, chain, (THEM, STRANGER), paper.place(), &Vec::new()).await.unwrap_err();
    assert!(matches!(error, CopyError::NotCustodian { .. }), "{error}");
    let error = copies::offer(store, chain, (THEM, STRANGER), paper.place()).await.unwrap_err();
    assert!(matches!(error, CopyError::NotCustodian { .. }), "{error}");

    town.ledger.change(paper.place(), |record| record.status = RecordStatus::Erased);
    let error = copies::offer(store, chain, (THEM, US), paper.place()).await.unwrap_err();
    assert!(matches!(error, CopyError::Store(StoreError::Shredded { .. })), "{error}");
    let error = give(US, paper.filing, &paper).await.unwrap_err();
    assert!(matches!(error, CopyError::Store(StoreError::Shredded { .. })), "{error}");
}

/// The first piece of a body.
trait TakeWhileOne {
    fn take_while_one(self) -> Vec<Result<bytes::Bytes, PeerError>>;
}

impl TakeWhileOne for copies::Incoming {
    fn take_while_one(mut self) -> Vec<Result<bytes::Bytes, PeerError>> {
        let first = futures::executor::block_on(self.try_next()).unwrap().unwrap();
        vec![Ok(first)]
    }
}

#[tokio::test]
async fn what_is_erased_on_the_chain_is_shredded_at_both() {
    let town = Town::new().await;
    let paper = town.shared(1, 1_000).await;
    town.ledger.change(paper.place(), |record| record.status = RecordStatus::Erased);
    for keeper in [&town.us, &town.them] {
        assert_eq!(keeper.look_through(T0).await.unwrap(), 0);
        let error = keeper.store.meta(paper.place()).await.unwrap_err();
        assert!(matches!(error, StoreError::Shredded { .. }), "{error}");
        assert_eq!(status(&keeper.store, T0).await.unwrap().shredded, 1);
    }
}

#[tokio::test]
async fn scrub_finds_a_hundred_of_a_hundred_planted_flips_and_repair_heals_each() {
    let town = Town::new().await;
    let mut papers = Vec::new();
    for n in 0..100 {
        papers.push(town.shared(n, if n % 20 == 0 { 2 * MIB } else { 3_000 }).await);
    }
    let whole = scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap();
    assert_eq!((whole.records, whole.damaged.as_slice()), (100, &[][..]));

    let names = ["blob".to_owned(), "meta".to_owned(), "patient.wrap".to_owned(), format!("{US}.wrap")];
    for (paper, n) in papers.iter().zip(0usize..) {
        // Each kind of file, and of the large blobs too.
        let file = town.file(paper, if n % 20 == 0 { "blob" } else { &names[n % 4] });
        let mut bytes = fs::read(&file).unwrap();
        let bit = (n + 1) * 7_919 % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bytes).unwrap();
    }
    let found = scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap();
    let places: std::collections::BTreeSet<_> = found.damaged.iter().map(|finding| finding.place.clone()).collect();
    assert_eq!((found.damaged.len(), places.len()), (100, 100), "{:?}", found.damaged);
    assert_eq!(status(&town.us.store, T0).await.unwrap().damaged.len(), 100);
    let done = town.us.repair_all(false, T0, || {}).await.unwrap();
    assert_eq!((done.repaired, done.failed.as_slice()), (100, &[][..]));
    for paper in &papers {
        assert!(paper.is_whole_in(&town.us.store).await);
    }
    assert_eq!(scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap().damaged, []);
    assert_eq!(status(&town.us.store, T0).await.unwrap().damaged, []);
}

#[tokio::test]
async fn repair_heals_what_is_cut_or_gone_and_says_so_where_nobody_else_has_it() {
    let town = Town::new().await;
    let paper = town.shared(1, 2 * MIB).await;
    let entry = || async { town.us.store.entry(paper.place()).await.unwrap().unwrap() };
    assert_eq!(town.us.repair(&entry().await, T0).await.unwrap(), Mended::Whole);
    for name in ["blob", "meta", "patient.wrap", &format!("{US}.wrap")] {
        fs::remove_file(town.file(&paper, name)).unwrap();
        let found = scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap();
        assert_eq!(found.damaged.len(), 1, "{name}");
        // Of the description alone, all it says is on the chain and in the bytes.
        let expected = if name == "meta" { Mended::FromHere } else { Mended::From(THEM) };
        assert_eq!(town.us.repair(&entry().await, T0).await.unwrap(), expected, "{name}");
        assert!(paper.is_whole_in(&town.us.store).await, "{name}");
    }
    // Marks that are damaged are made anew, or found again.
    for name in ["anchored", "scrubbed", &format!("copied-{THEM}")] {
        scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap();
        fs::write(town.file(&paper, name), "xxxxxxxxx").unwrap();
        assert_eq!(scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap().damaged.len(), 1, "{name}");
        assert_eq!(town.us.repair(&entry().await, T0).await.unwrap(), Mended::FromHere, "{name}");
        assert_eq!(scrub(&town.us.store, US, true, T0, |_| {}).await.unwrap().damaged.len(), 0, "{name}");
        town.us.settle(paper.place(), T0).await.unwrap();
        assert!(entry().await.is_settled(), "{name}");
    }

    fs::write(town.file(&paper, "blob"), "").unwrap();
    town.neighbour.down.store(true, Ordering::Relaxed);
    let error = town.us.repair(&entry().await, T0).await.unwrap_err();
    assert!(matches!(error, RepairError::Peer(PeerError::Unreachable { .. })), "{error}");
    town.ledger.file(&paper, None);
    let error = town.us.repair(&entry().await, T0).await.unwrap_err();
    assert!(matches!(error, RepairError::Alone { .. }), "{error}");
    town.ledger.records.lock().unwrap().clear();
    let error = town.us.repair(&entry().await, T0).await.unwrap_err();
    assert!(matches!(error, RepairError::NotOnChain { .. }), "{error}");
    let failed = town.us.repair_all(true, T0, || {}).await.unwrap();
    assert_eq!((failed.repaired, failed.failed.len()), (0, 1));
}

#[tokio::test]
async fn a_holder_that_lies_about_having_it_heals_nothing_and_is_named() {
    let town = Town::new().await;
    let paper = town.shared(1, 2_000).await;
    // They too are damaged, and their scrub has not noticed.
    let theirs = town.folders[1].path().join(format!("store/blobs/{}/blob", paper.place()));
    for file in [&theirs, &town.file(&paper, "blob")] {
        let mut bytes = fs::read(file).unwrap();
        bytes[100] ^= 1;
        fs::write(file, bytes).unwrap();
    }
    let entry = town.us.store.entry(paper.place()).await.unwrap().unwrap();
    let error = town.us.repair(&entry, T0).await.unwrap_err();
    assert!(error.to_string().contains(&THEM.to_string()) || error.to_string().contains("damaged"), "{error}");
    assert!(town.them.store.damage(paper.place()).await.unwrap().is_some(), "being asked, they noticed");
    assert!(!paper.is_whole_in(&town.us.store).await);
}

#[tokio::test]
async fn the_loss_of_either_store_loses_nothing() {
    let mut town = Town::new().await;
    let mut papers = Vec::new();
    for n in 1..4 {
        papers.push(town.shared(n, 1_000).await);
    }
    let alone = Paper::new(4, 1_000);
    alone.upload(&town.us.store, T0).await.unwrap();
    town.ledger.file(&alone, None);
    town.us.settle(alone.place(), T0).await.unwrap();

    // Ours is gone, disk and all.
    fs::remove_dir_all(town.folders[0].path().join("store")).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    town.us.store = Store::open(&super::testing::config(&fresh)).await.unwrap();
    let erased = papers.pop().unwrap();
    town.ledger.change(erased.place(), |record| record.status = RecordStatus::Erased);
    let done = town.us.fetch_lost(T0).await;
    assert_eq!((done.fetched, done.failed.len()), (2, 0), "{done:?}");
    for paper in &papers {
        assert!(paper.is_whole_in(&town.us.store).await);
        assert!(town.us.store.entry(paper.place()).await.unwrap().unwrap().is_settled());
    }
    assert_eq!(town.us.fetch_lost(T0).await.fetched, 0);
    town.neighbour.down.store(true, Ordering::Relaxed);
    assert_eq!(town.us.fetch_lost(T0).await.failed.len(), 1);
}

#[tokio::test]
async fn each_record_is_read_again_before_thirty_days_are_over() {
    const { assert!(SCRUB_EVERY_MS + DAY < 30 * DAY) };
    let town = Town::new().await;
    for n in 0..3 {
        town.shared(n, 100).await;
    }
    let due = |now| {
        let store = town.us.store.clone();
        async move { scrub(&store, US, false, now, |_| {}).await.unwrap().records }
    };
    let later = T0.plus(SCRUB_EVERY_MS);
    assert_eq!(due(Moment(later.0 - 1)).await, 0);
    assert_eq!(due(later).await, 3);
    assert_eq!(due(later).await, 0);
    assert_eq!(status(&town.us.store, later).await.unwrap().oldest_scrub, Some(later.0));
}

#[tokio::test]
async fn wraps_of_receipts_that_are_over_are_destroyed_and_standing_ones_stay() {
    let town = Town::new().await;
    let paper = town.shared(1, 100).await;
    let now = crate::store::now();
    town.us.store.keep_wrap(paper.place(), Holder::Receipt(3), &paper.wraps[0].1).await.unwrap();
    town.us.look_through(now).await.unwrap();
    assert!(town.us.store.wrap(paper.place(), Holder::Receipt(3)).await.is_ok());
    town.us.look_through(now.plus(RECEIPT_WRAP_KEPT_MS + DAY)).await.unwrap();
    assert!(town.us.store.wrap(paper.place(), Holder::Receipt(3)).await.is_err());
    assert!(paper.is_whole_in(&town.us.store).await);
}

#[tokio::test]
async fn a_repair_that_comes_after_the_shredding_brings_nothing_back() {
    let town = Town::new().await;
    let paper = town.shared(1, 1_000).await;
    let beside = Store::beside(&super::testing::config(&town.folders[0])).await.unwrap();
    let mut upload = beside.restore(Filing { ..paper.filing }).await.unwrap();
    upload.write(paper.blob.clone()).await.unwrap();
    town.us.store.shred(paper.place()).await.unwrap();
    let error = upload.finish(&paper.wraps, T0).await.unwrap_err();
    assert!(matches!(error, StoreError::Shredded { .. }), "{error}");
    let error = beside.mend(paper.place(), Item::Wrap(Holder::Patient), Some(&paper.wraps[0].1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Shredded { .. }), "{error}");
    assert!(!town.file(&paper, "blob").exists() && !town.file(&paper, "patient.wrap").exists());
}

#[tokio::test]
async fn orphans_are_listed_and_only_those_a_day_old_are_removed() {
    let town = Town::new().await;
    let (filed, anchored, old, young) = (Paper::new(1, 10), Paper::new(2, 10), Paper::new(3, 10), Paper::new(4, 10));
    for (paper, at) in [(&filed, T0), (&anchored, T0), (&old, T0), (&young, T0.plus(1))] {
        paper.upload(&town.us.store, at).await.unwrap();
    }
    town.ledger.file(&filed, None);
    town.us.store.anchored(anchored.place(), None).await.unwrap();
    let later = T0.plus(DAY);
    *town.ledger.at.lock().unwrap() = later;
    for remove in [false, true] {
        let mut found = town.us.orphans(remove, later).await.unwrap();
        found.sort_by_key(|orphan| orphan.stored_at);
        let seen: Vec<_> = found.iter().map(|orphan| (orphan.place.clone(), orphan.due, orphan.removed)).collect();
        let [old, young] = [&old, &young].map(|paper| paper.place().to_string());
        assert_eq!(seen, [(old, true, remove), (young, false, false)]);
    }
    assert!(filed.is_whole_in(&town.us.store).await && anchored.is_whole_in(&town.us.store).await);
    assert!(matches!(town.us.store.meta(old.place()).await, Err(StoreError::Missing { .. })));
    town.ledger.silent.store(true, Ordering::Relaxed);
    let error = town.us.orphans(true, later.plus(DAY)).await.unwrap_err();
    assert!(matches!(error, SettleError::Chain(_)), "{error}");
}
