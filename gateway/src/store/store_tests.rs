//! The store's promises one by one: what is refused, what is undone, what a restart finds.

use std::{fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, memory::InMemory};
use salus_client::envelope::{Anchor, HeaderError};
use salus_primitives::{Hash, Moment, OrganisationId, time::HOUR};
use tempfile::TempDir;

use super::{
    Entry, Filing, Holder, Store, StoreConfig, StoreError, Stored,
    config::QuotaConfig,
    testing::{Faulty, Paper, Plan, T0, THEM, US, over, read_all},
};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const MIB: usize = 1 << 20;

fn in_memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

fn in_folder(folder: &TempDir) -> StoreConfig {
    StoreConfig { folder: Some(folder.path().join("store")), ..StoreConfig::default() }
}

async fn listed(store: &Store) -> Vec<Entry> {
    store.list().try_collect().await.unwrap()
}

/// Every file below the store's folder but its lock.
fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.path().join("store/blobs")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_in_pieces_of_any_range() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&in_folder(&folder)).await.unwrap();
    for (n, bytes) in [(1, 10), (2, 100_000), (3, 3 * MIB)] {
        let paper = Paper::new(n, bytes);
        assert_eq!(paper.upload(&store, T0).await.unwrap(), Stored::New);
        assert!(paper.is_whole_in(&store).await);
    }
    drop(store);
    let store = Store::open(&in_folder(&folder)).await.unwrap();
    assert_eq!(listed(&store).await.len(), 3);
    assert_eq!(store.unsettled().len(), 3);

    let paper = Paper::new(4, 3 * MIB);
    paper.upload(&store, T0).await.unwrap();
    let size = paper.blob.len();
    for (from, until) in [(0, 0), (0, 1), (MIB - 1, MIB + 1), (5, 2 * MIB), (MIB, 2 * MIB), (size - 1, size), (size, size)] {
        let found = read_all(&store, paper.place(), from as u64..until as u64).await.unwrap();
        assert_eq!(found, paper.blob[from..until], "{from}..{until}");
    }
    for (from, until) in [(0, size as u64 + 1), (2, 1)] {
        let refused = store.read(paper.place(), from..until).await.err().unwrap();
        assert!(matches!(refused, StoreError::Range { .. }), "{refused}");
    }
}

#[tokio::test]
async fn the_same_bytes_again_are_the_same_upload_and_others_are_a_conflict() {
    let store = over(&in_memory()).await;
    let paper = Paper::new(1, 1_000);
    paper.upload(&store, T0).await.unwrap();
    let used = store.usage();

    // With wraps made anew: the first are kept.
    let mut again = paper.clone();
    again.wraps = Paper::new(1, 1_000).wraps;
    assert_eq!(again.upload(&store, T0.plus(HOUR)).await.unwrap(), Stored::Repeated);
    assert!(paper.is_whole_in(&store).await);
    assert_eq!(store.meta(paper.place()).await.unwrap().stored_at, T0.plus(HOUR));
    assert_eq!(store.usage(), used);

    let other = Paper::new(1, 1_000);
    let refused = other.upload(&store, T0).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict { stored, declared, .. }
        if *stored == paper.filing.anchor && *declared == other.filing.anchor), "{refused}");
    let version = Filing { version: 2, ..paper.filing };
    assert!(matches!(store.begin(version).await, Err(StoreError::Conflict { .. })));

    // Two on their way at once: the first to finish stays.
    let (one, two) = (Paper::new(2, 1_000), Paper::new(2, 1_000));
    let mut slow = store.begin(one.filing).await.unwrap();
    slow.write(one.blob.clone()).await.unwrap();
    two.upload(&store, T0).await.unwrap();
    let refused = slow.finish(&one.wraps, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert!(two.is_whole_in(&store).await);
}

#[tokio::test]
async fn a_hundred_clients_upload_the_same_blob_and_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&in_folder(&folder)).await.unwrap();
    let paper = Paper::new(1, 5_000);
    let uploads = (0..100).map(|_| paper.upload(&store, T0));
    let done = futures::future::join_all(uploads).await;
    let new = done.iter().filter(|one| matches!(one, Ok(Stored::New))).count();
    assert_eq!((new, done.iter().filter(|one| one.is_err()).count()), (1, 0));
    assert_eq!(store.usage()[&US].bytes, paper.filing.anchor.size);
    assert!(paper.is_whole_in(&store).await);
}

#[tokio::test]
async fn an_upload_that_is_not_what_was_declared_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&in_folder(&folder)).await.unwrap();
    let paper = Paper::new(1, 2 * MIB);
    let size = paper.filing.anchor.size;

    let mut short = store.begin(paper.filing).await.unwrap();
    short.write(paper.blob.slice(..paper.blob.len() - 1)).await.unwrap();
    let refused = short.finish(&paper.wraps, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Length { declared, found } if declared == size && found == size - 1));

    let mut endless = store.begin(paper.filing).await.unwrap();
    endless.write(paper.blob.clone()).await.unwrap();
    let refused = endless.write(Bytes::from_static(b"x")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Length { declared, found } if declared == size && found == size + 1));
    drop(endless);

    let mut altered = paper.blob.to_vec();
    altered[MIB + 7] ^= 1;
    let mut upload = store.begin(paper.filing).await.unwrap();
    upload.write(altered.into()).await.unwrap();
    let refused = upload.finish(&paper.wraps, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Digest { declared, .. } if declared == paper.filing.anchor.digest));

    // Another record's, another patient's, another version's, none at all.
    let stranger = Paper::new(2, 100);
    let foreign = Paper::new(9, 100);
    for (blob, filing) in [
        (&stranger.blob, Filing { place: paper.place(), ..stranger.filing }),
        (&foreign.blob, Filing { place: super::Place { record: foreign.place().record, ..paper.place() }, ..foreign.filing }),
        (&stranger.blob, Filing { version: 2, ..stranger.filing }),
        (&Bytes::from(vec![0; 200]), Filing { anchor: Anchor { digest: Hash([0; 32]), size: 200 }, ..paper.filing }),
    ] {
        let mut upload = store.begin(filing).await.unwrap();
        let refused = upload.write(blob.clone()).await.unwrap_err();
        let StoreError::Header(reason) = refused else { panic!("{refused}") };
        assert!(
            matches!(
                reason,
                HeaderError::Record { .. } | HeaderError::Patient { .. } | HeaderError::Version { .. } | HeaderError::Magic
            ),
            "{reason}"
        );
    }
    let tiny = Anchor::of(&b"SREC"[..]).unwrap();
    let mut upload = store.begin(Filing { anchor: tiny, ..paper.filing }).await.unwrap();
    upload.write(Bytes::from_static(b"SREC")).await.unwrap();
    let refused = upload.finish(&[], T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Header(HeaderError::Short { found: 4 })), "{refused}");

    assert_eq!(listed(&store).await, []);
    assert_eq!(store.usage().len(), 0);
    drop(store);
    Store::open(&in_folder(&folder)).await.unwrap();
    assert_eq!(files(&folder), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn quotas_are_counted_anew_at_the_start_and_freed_by_what_expires() {
    let objects = in_memory();
    let paper = Paper::new(1, 1_000);
    let size = paper.filing.anchor.size;
    let quota = QuotaConfig { bytes: size * 2, unanchored_bytes: size, ..QuotaConfig::default() };
    let config = StoreConfig { quota, ..StoreConfig::default() };
    let store = Store::over(Arc::clone(&objects), &config).await.unwrap();
    paper.upload(&store, T0).await.unwrap();

    let store = Store::over(Arc::clone(&objects), &config).await.unwrap();
    let refused = Paper::new(2, 1_000).upload(&store, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Quota { organisation: US, unanchored: true, .. }), "{refused}");
    store.anchored(paper.place(), None).await.unwrap();
    Paper::new(2, 1_000).upload(&store, T0).await.unwrap();
    let refused = Paper::new(3, 1_000).upload(&store, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Quota { unanchored: false, .. }), "{refused}");
    let other = Filing { uploader: THEM, ..Paper::new(4, 1_000).filing };
    assert!(store.begin(other).await.is_ok(), "another organisation has its own");

    // Not before its time, and never what is on the chain.
    let second = Paper::new(2, 1_000).place();
    assert!(!store.expire(second, Moment(T0.0 - 1)).await.unwrap());
    assert!(!store.expire(paper.place(), T0).await.unwrap());
    assert!(store.expire(second, T0).await.unwrap());
    assert!(!store.expire(second, T0).await.unwrap());
    assert!(matches!(store.meta(second).await, Err(StoreError::Missing { .. })));
    assert_eq!(store.usage()[&US].bytes, size);
    let large = Filing { anchor: Anchor { size: (256 << 20) + 1, ..paper.filing.anchor }, ..Paper::new(5, 10).filing };
    assert!(matches!(store.begin(large).await, Err(StoreError::TooLarge { .. })));
}

#[tokio::test]
async fn a_full_store_says_so_at_every_write_and_nothing_half_is_seen() {
    // Once as a whole object, once in parts: an object store in memory takes parts of any length.
    for bytes in [1_000, 9 * MIB] {
        let paper = Paper::new(1, bytes);
        let count = {
            let (faulty, plan) = Faulty::over(&in_memory(), Plan::default());
            paper.upload(&Store::over(faulty, &StoreConfig::default()).await.unwrap(), T0).await.unwrap();
            plan.lock().unwrap().writes
        };
        assert!(count >= 5, "blob, three wraps, meta");
        for fails in 0..count {
            for after in [false, true] {
                let objects = in_memory();
                let plan = Plan { fails: Some(fails), error: ENOSPC, after, ..Plan::default() };
                let (faulty, _) = Faulty::over(&objects, plan);
                let store = Store::over(faulty, &StoreConfig::default()).await.unwrap();
                let refused = paper.upload(&store, T0).await.unwrap_err();
                assert!(matches!(refused, StoreError::Full { .. }), "write {fails}: {refused}");
                assert!(matches!(store.meta(paper.place()).await, Err(StoreError::Missing { .. })), "write {fails}");
                assert_eq!(store.usage().len(), 0, "write {fails}");
                // There is room again.
                assert_eq!(paper.upload(&store, T0).await.unwrap(), Stored::New, "write {fails}");
                assert!(paper.is_whole_in(&over(&objects).await).await, "write {fails}");
            }
        }
    }
}

#[tokio::test]
async fn a_disk_that_failed_is_not_written_to_again_and_still_read() {
    let objects = in_memory();
    let (before, paper) = (Paper::new(1, 100), Paper::new(2, 100));
    before.upload(&over(&objects).await, T0).await.unwrap();
    let (faulty, _) = Faulty::over(&objects, Plan { fails: Some(2), error: EIO, ..Plan::default() });
    let store = Store::over(faulty, &StoreConfig::default()).await.unwrap();
    for _ in 0..2 {
        let refused = paper.upload(&store, T0).await.unwrap_err();
        assert!(matches!(refused, StoreError::DiskFailed { .. }), "{refused}");
    }
    let refused = store.shred(before.place()).await.unwrap_err();
    assert!(matches!(refused, StoreError::DiskFailed { .. }), "{refused}");
    assert!(before.is_whole_in(&store).await);
    // Started again, it has nothing of what was not acknowledged.
    let store = over(&objects).await;
    assert_eq!(listed(&store).await.len(), 1);
    assert!(before.is_whole_in(&store).await);
}

#[tokio::test]
async fn shredded_is_gone_for_good_even_where_it_was_cut_short() {
    let objects = in_memory();
    let paper = Paper::new(1, 1_000);
    let count = {
        paper.upload(&over(&objects).await, T0).await.unwrap();
        let (faulty, plan) = Faulty::over(&objects, Plan::default());
        let store = Store::over(faulty, &StoreConfig::default()).await.unwrap();
        store.shred(paper.place()).await.unwrap();
        assert_eq!(store.usage().len(), 0);
        plan.lock().unwrap().writes
    };
    for fails in 0..=count {
        let objects = in_memory();
        paper.upload(&over(&objects).await, T0).await.unwrap();
        let (faulty, _) = Faulty::over(&objects, Plan { fails: Some(fails), error: ENOSPC, ..Plan::default() });
        let done = Store::over(faulty, &StoreConfig::default()).await.unwrap().shred(paper.place()).await;
        assert_eq!(done.is_ok(), fails == count);
        // The mark is the first write: from there on, a restart finishes it.
        let store = over(&objects).await;
        assert_eq!(paper.is_whole_in(&store).await, fails == 0);
        store.shred(paper.place()).await.unwrap();
        let left: Vec<_> = objects.list(None).try_collect().await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].location.as_ref().ends_with("/shredded"));
    }
}

#[tokio::test]
async fn nothing_brings_a_shredded_record_back() {
    let objects = in_memory();
    let store = over(&objects).await;
    let (paper, never) = (Paper::new(1, 1_000), Paper::new(2, 1_000));
    let mut late = store.begin(paper.filing).await.unwrap();
    late.write(paper.blob.clone()).await.unwrap();
    paper.upload(&store, T0).await.unwrap();
    store.shred(paper.place()).await.unwrap();
    store.shred(never.place()).await.unwrap();

    let place = paper.place();
    let wrap = paper.wraps[0].1;
    for refused in [
        late.finish(&paper.wraps, T0).await.unwrap_err(),
        paper.upload(&store, T0).await.unwrap_err(),
        never.upload(&over(&objects).await, T0).await.unwrap_err(),
        store.restore(paper.filing).await.unwrap_err(),
        store.put_wrap(place, Holder::Patient, &wrap).await.unwrap_err(),
        store.keep_wrap(place, Holder::Receipt(1), &wrap).await.unwrap_err(),
        store.exchange_wrap(place, Holder::Patient, &wrap, &wrap).await.unwrap_err(),
        store.anchored(place, Some(THEM)).await.unwrap_err(),
        store.copied(place, THEM, T0).await.unwrap_err(),
        store.wrap(place, Holder::Patient).await.unwrap_err(),
        store.read(place, 0..1).await.err().unwrap(),
    ] {
        assert!(matches!(refused, StoreError::Shredded { .. }), "{refused}");
    }
    // By another process that had looked before: it takes back what it wrote.
    store.note_damage(place, &StoreError::Missing { what: "test".to_owned(), place }).await;
    store.scrubbed(place, T0).await.unwrap_err();
    let left: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_receipts_wrap_is_kept_once_and_a_rotation_loses_no_newer_one() {
    let store = over(&in_memory()).await;
    let paper = Paper::new(1, 100);
    let (one, two) = (paper.wraps[0].1, paper.wraps[1].1);
    let place = paper.place();
    let missing = store.keep_wrap(place, Holder::Receipt(7), &one).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    paper.upload(&store, T0).await.unwrap();
    assert_eq!(store.keep_wrap(place, Holder::Receipt(7), &one).await.unwrap(), one);
    assert_eq!(store.keep_wrap(place, Holder::Receipt(7), &two).await.unwrap(), one);
    let none = store.wrap(place, Holder::Receipt(8)).await.unwrap_err();
    assert!(matches!(none, StoreError::Missing { .. }), "{none}");
    assert!(!store.exchange_wrap(place, Holder::Receipt(7), &two, &two).await.unwrap());
    assert!(store.exchange_wrap(place, Holder::Receipt(7), &one, &two).await.unwrap());
    assert_eq!(store.wrap(place, Holder::Receipt(7)).await.unwrap(), two);
    assert_eq!(store.standing_wraps(place).await.unwrap(), paper.wraps);
    store.remove_wrap(place, Holder::Receipt(7)).await.unwrap();
    assert!(store.wrap(place, Holder::Receipt(7)).await.is_err());
}

#[tokio::test]
async fn one_process_has_a_folder_and_others_look_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(&folder);
    let store = Store::open(&config).await.unwrap();
    let paper = Paper::new(1, 100);
    paper.upload(&store, T0).await.unwrap();
    let refused = Store::open(&config).await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    let beside = Store::beside(&config).await.unwrap();
    assert!(paper.is_whole_in(&beside).await);
    for refused in [
        beside.begin(Paper::new(2, 100).filing).await.map(drop).unwrap_err(),
        beside.expire(paper.place(), T0).await.map(drop).unwrap_err(),
        beside.anchored(paper.place(), None).await.unwrap_err(),
    ] {
        assert!(matches!(refused, StoreError::Beside), "{refused}");
    }
    drop(store);
    Store::open(&config).await.unwrap();
}

#[tokio::test]
async fn a_start_removes_what_was_left_half_done_and_nothing_on_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let config = in_folder(&folder);
    let store = Store::open(&config).await.unwrap();
    let [half, whole, kept] = [1, 2, 3].map(|n| Paper::new(n, 100));
    for paper in [&half, &whole, &kept] {
        paper.upload(&store, T0).await.unwrap();
    }
    store.anchored(kept.place(), None).await.unwrap();
    drop(store);
    let at = |paper: &Paper| folder.path().join(format!("store/blobs/{}", paper.place()));
    fs::remove_file(at(&half).join("meta")).unwrap();
    fs::write(at(&whole).join("blob#1"), "part").unwrap();
    fs::write(at(&whole).join("meta#12"), "part").unwrap();
    // A disk may lose the description of what is on the chain: then the rest is all there is of it.
    fs::remove_file(at(&kept).join("meta")).unwrap();

    let store = Store::open(&config).await.unwrap();
    assert!(!at(&half).exists());
    assert!(whole.is_whole_in(&store).await);
    let staged = files(&folder).iter().filter(|file| file.to_string_lossy().contains('#')).count();
    assert_eq!(staged, 0);
    assert!(at(&kept).join("blob").exists());
    let lost = store.meta(kept.place()).await.unwrap_err();
    assert!(matches!(lost, StoreError::Damaged { .. }), "{lost}");
    assert!(store.entry(kept.place()).await.unwrap().unwrap().damaged);
    let refused = kept.upload(&store, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn a_flipped_cut_or_lengthened_blob_is_never_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&in_folder(&folder)).await.unwrap();
    let paper = Paper::new(1, 2 * MIB);
    paper.upload(&store, T0).await.unwrap();
    let file = folder.path().join(format!("store/blobs/{}/blob", paper.place()));
    let (whole, size) = (paper.blob.to_vec(), paper.filing.anchor.size);
    let mut flipped = whole.clone();
    flipped[MIB + 5] ^= 0x10;

    fs::write(&file, &flipped).unwrap();
    let mut pieces = store.read(paper.place(), 0..size).await.unwrap();
    assert_eq!(pieces.try_next().await.unwrap().unwrap(), paper.blob[..MIB], "the chunk before is whole");
    let error = pieces.try_next().await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(pieces.try_next().await.unwrap(), None, "the error is the end");
    assert!(store.damage(paper.place()).await.unwrap().unwrap().what.contains("not those stored"));
    // A range that does not touch it is served.
    assert_eq!(read_all(&store, paper.place(), 0..10).await.unwrap(), paper.blob[..10]);

    for other in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), b""] {
        fs::write(&file, other).unwrap();
        let error = store.read(paper.place(), 0..10).await.err().unwrap();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    fs::remove_file(&file).unwrap();
    let error = store.read(paper.place(), 0..10).await.err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    // The author's own upload heals what is noted as damaged.
    assert_eq!(paper.upload(&store, T0).await.unwrap(), Stored::Repeated);
    assert!(paper.is_whole_in(&store).await);
    assert_eq!(store.damage(paper.place()).await.unwrap(), None);
}

#[tokio::test]
async fn a_configuration_names_one_place_and_nothing_unknown() {
    let parse = |text: &str| toml::from_str::<StoreConfig>(text);
    let config = parse("folder = \"x\"\n[quota]\nbytes = 7\n[quota.organisations]\n11111111111111111111111111111111 = 9\n").unwrap();
    assert_eq!(config.quota.bytes_of(US), 9);
    assert_eq!(config.quota.bytes_of(OrganisationId([3; 16])), 7);
    assert!(parse("folder = \"x\"\nfile = 1").is_err());
    assert!(parse("[quota.organisations]\nnobody = 9").unwrap_err().to_string().contains("nobody is no organisation's id"));
    let refused = Store::open(&StoreConfig::default()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Config { .. }), "{refused}");
}
