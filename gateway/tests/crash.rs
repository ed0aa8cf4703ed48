//! A process that uploads, replicates or rotates is killed at any moment: what it acknowledged is there, whole; what it
//! did not is there whole or not at all; and the next process goes on.
//!
//! The test starts itself again as the process that is killed. `SALUS_CRASH_CYCLES` sets how often, 50 unless given.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use salus_client::{
    envelope::{
        Compression, ContentKey, HEADER_BYTES, Header, KemPublic, KemSecret, RecordRef, Wrap, WrapContext, seal,
        wrap_key,
    },
    keystore::{KdfParams, Passphrase},
};
use salus_consent::{Kind, Tags};
use salus_gateway::{
    copies::{self, Incoming, Outgoing, Peer, PeerError, Wraps},
    keyring::Keyring,
    store::{Filing, Holder, Place, Store, StoreConfig, StoreError},
    upkeep::{Chain, ChainError, Keeper, Peers, Seen},
};
use salus_primitives::{Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto::sha256};
use salus_records::{Record, RecordStatus};

const US: OrganisationId = OrganisationId([0x11; 16]);
const THEM: OrganisationId = OrganisationId([0x22; 16]);
const NOW: Moment = Moment(1_800_000_000_000);
/// Names the work of a process that is to be killed; its folder and number follow.
const WORK: &str = "SALUS_CRASH_WORK";

fn cycles() -> u32 {
    env::var("SALUS_CRASH_CYCLES").map_or(50, |text| text.parse().expect("a number of cycles"))
}

/// A number that depends on `seed` alone.
fn number(seed: u64) -> u64 {
    let digest = sha256(&seed.to_le_bytes());
    u64::from_le_bytes(*digest.0.first_chunk().expect("32 bytes hold 8"))
}

fn config(folder: &Path) -> StoreConfig {
    StoreConfig { folder: Some(folder.to_owned()), ..StoreConfig::default() }
}

/// A record of an author's.
struct Paper {
    filing: Filing,
    blob: Bytes,
    wraps: Vec<(Holder, Wrap)>,
}

fn context(place: Place) -> WrapContext {
    let of = RecordRef { patient: place.patient, record: place.record, version: 1 };
    WrapContext::Standing { of, key_epoch: 1 }
}

fn paper(seed: u64, ours: &KemPublic) -> Paper {
    let id: [u8; 16] = *sha256(&[&b"record"[..], &seed.to_le_bytes()].concat()).0.first_chunk().expect("long enough");
    let place = Place { patient: PatientId([3; 16]), record: RecordId(id) };
    // One in six comes in parts.
    let length = if seed.is_multiple_of(6) { 2_500_000 } else { 500 + number(seed) % 60_000 };
    let plain = vec![seed as u8; usize::try_from(length).expect("small")];
    let of = RecordRef { patient: place.patient, record: place.record, version: 1 };
    let mut blob = Vec::new();
    let sealed = seal(of, Compression::None, &plain[..], &mut blob).expect("in memory");
    let wrap = wrap_key(&sealed.key, ours, &context(place)).expect("a good key");
    let wraps = [Holder::Patient, Holder::Custodian(US), Holder::Custodian(THEM)].map(|holder| (holder, wrap)).to_vec();
    let filing = Filing { place, version: 1, key_epoch: 1, anchor: sealed.anchor, uploader: US };
    Paper { filing, blob: blob.into(), wraps }
}

async fn upload(store: &Store, paper: &Paper) -> Result<(), StoreError> {
    let mut upload = store.begin(paper.filing).await?;
    for piece in paper.blob.chunks(100_000) {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    upload.finish(&paper.wraps, NOW).await.map(drop)
}

/// What a process says to whoever is going to kill it: only what is done.
fn say(word: &str, place: Place) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {place}").and_then(|()| out.flush()).expect("the parent reads");
}

fn place_of(text: &str) -> Place {
    let (patient, record) = text.split_once('/').expect("both ids");
    Place { patient: patient.parse().expect("an id"), record: record.parse().expect("an id") }
}

/// Everything kept in a store, each read to its end; what is not whole fails.
async fn whole(store: &Store) -> BTreeSet<Place> {
    let entries: Vec<_> = store.list().try_collect().await.expect("it lists");
    let mut found = BTreeSet::new();
    for entry in entries {
        let meta = store.meta(entry.place).await.expect("what is listed is there");
        let pieces: Vec<Bytes> =
            store.read(entry.place, 0..meta.anchor.size).await.expect("whole").try_collect().await.expect("whole");
        assert_eq!(sha256(&pieces.concat()), meta.anchor.digest);
        assert_eq!(store.standing_wraps(entry.place).await.expect("they read").len(), 3);
        found.insert(entry.place);
    }
    found
}

/// Files that no store lists.
fn strays(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(strays(&path));
        } else if path.to_string_lossy().contains('#') {
            found.push(path);
        }
    }
    found
}

/// Start `work` on `folder` and kill it after a while that depends on `seed`; what it had said.
fn killed(work: &str, folder: &Path, seed: u64) -> Vec<(String, Place)> {
    let mut child = again(work, folder, seed, &[]);
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let (words, after) = (number(seed) % 5, Duration::from_micros(number(seed + 1) % 12_000));
    let mut said = Vec::new();
    let (mut begun, mut armed) = (false, false);
    for line in lines {
        let Ok(line) = line else { break };
        // The harness says things too.
        let Some((word, place)) =
            line.split_once(' ').filter(|(word, _)| ["began", "stored", "copied", "renewed"].contains(word))
        else {
            continue;
        };
        begun |= word == "began";
        if word != "began" {
            said.push((word.to_owned(), place_of(place)));
        }
        if begun && !armed && said.len() as u64 >= words {
            thread::sleep(after);
            child.kill().expect("it is ours");
            armed = true;
        }
    }
    let status = child.wait().expect("a child can be waited for");
    assert_eq!(status.signal(), Some(9), "it was to be killed, not to end by itself: {status}");
    said
}

fn again(work: &str, folder: &Path, seed: u64, before: &[&str]) -> Child {
    let this = env::current_exe().expect("this program has a path");
    let test = "a_process_that_is_left_alone_ends_well";
    let (program, arguments) = match before.split_first() {
        Some((first, rest)) => {
            (Path::new(first).to_owned(), rest.iter().map(|&one| one.into()).chain([this.into_os_string()]).collect())
        }
        None => (this, Vec::new()),
    };
    Command::new(program)
        .args(arguments)
        .args(["--exact", test, "--nocapture"])
        // With one thread the harness writes the test's name before what the test says.
        .env("RUST_TEST_THREADS", "2")
        .env(WORK, format!("{work} {seed} {}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts")
}

/// What the killed processes do, without end; and a little of it in peace, so that it is known to work.
#[tokio::test]
async fn a_process_that_is_left_alone_ends_well() {
    let (folder, alone);
    let (work, seed, path, steps) = match env::var(WORK) {
        Ok(text) => {
            let mut parts = text.splitn(3, ' ').map(str::to_owned);
            let mut next = || parts.next().expect("three parts");
            let (work, seed) = (next(), next().parse().expect("a number"));
            (work, seed, PathBuf::from(next()), u64::MAX)
        }
        Err(_) => {
            folder = tempfile::tempdir().expect("there is room");
            alone = folder.path().to_owned();
            ("upload".to_owned(), 1, alone, 3)
        }
    };
    match work.as_str() {
        "upload" => uploads(&path, seed, steps).await,
        "copy" => replicates(&path, seed, steps).await,
        "rotate" => rotates(&path).await,
        "limited" => return limited(&path).await,
        other => panic!("no work {other}"),
    }
    assert_eq!(whole(&Store::open(&config(&path)).await.expect("it opens")).await.len(), 3);
}

async fn uploads(folder: &Path, seed: u64, steps: u64) {
    let store = Store::open(&config(folder)).await.expect("it opens");
    let ours = KemSecret::generate().expect("random").public();
    for step in 0..steps {
        let paper = paper(seed.wrapping_mul(1_000).wrapping_add(step), &ours);
        say("began", paper.filing.place);
        upload(&store, &paper).await.expect("there is room");
        say("stored", paper.filing.place);
    }
}

#[tokio::test]
async fn killed_during_an_upload_nothing_acknowledged_is_lost_and_nothing_half_is_seen() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut acknowledged = BTreeSet::new();
    let mut begun_and_gone = 0;
    for cycle in 0..cycles() {
        let said = killed("upload", folder.path(), u64::from(cycle) + 10);
        let fresh: BTreeSet<Place> = said.into_iter().map(|(_, place)| place).collect();
        acknowledged.extend(&fresh);
        let store = Store::open(&config(folder.path())).await.expect("it opens after a crash");
        assert_eq!(strays(folder.path()), Vec::<PathBuf>::new(), "cycle {cycle}");
        let found = whole(&store).await;
        assert!(acknowledged.is_subset(&found), "cycle {cycle}: {:?}", acknowledged.difference(&found));
        // Durable and whole although nobody was told: one at most, the last.
        assert!(found.len() <= acknowledged.len() + 1, "cycle {cycle}");
        begun_and_gone += u32::from(found.len() == acknowledged.len());
        acknowledged = found;
        // What is old does not have to be read again and again.
        if acknowledged.len() > 60 {
            for place in std::mem::take(&mut acknowledged) {
                assert!(store.expire(place, NOW).await.expect("it removes"));
            }
        }
    }
    assert!(begun_and_gone > 0, "no cycle was killed within an upload");
}

/// A chain that has whatever lies in our store, kept by both.
struct Ledger(Store);

#[async_trait]
impl Chain for Ledger {
    async fn record(&self, place: Place) -> Result<Seen, ChainError> {
        let record = self.0.meta(place).await.ok().map(|meta| Record {
            version: 1,
            prev: None,
            kind: Kind::Lab,
            tags: Tags::new(),
            labelled: false,
            restricted: true,
            digest: meta.anchor.digest,
            size: meta.anchor.size,
            key_epoch: 1,
            author: Subject::Practitioner(PractitionerId([9; 16])),
            organisation: US,
            custodian: US,
            second: Some(THEM),
            status: RecordStatus::Current,
            hold: false,
        });
        Ok(Seen { at: NOW, record })
    }

    async fn kem_key(&self, _: OrganisationId) -> Result<Option<KemPublic>, ChainError> {
        Ok(None)
    }
}

/// The other custodian, in the same process.
struct Other {
    store: Store,
    chain: Arc<Ledger>,
}

fn refused(error: impl ToString) -> PeerError {
    PeerError::Refused { organisation: THEM, reason: error.to_string() }
}

#[async_trait]
impl Peer for Other {
    async fn wraps(&self, place: Place) -> Result<Wraps, PeerError> {
        self.store.standing_wraps(place).await.map_err(refused)
    }

    async fn blob(&self, place: Place) -> Result<Incoming, PeerError> {
        let size = self.store.meta(place).await.map_err(refused)?.anchor.size;
        Ok(self.store.read(place, 0..size).await.map_err(refused)?.map_err(refused).boxed())
    }

    async fn put(&self, filing: &Filing, wraps: &Wraps, blob: Outgoing) -> Result<(), PeerError> {
        let blob = blob.map_err(refused).boxed();
        let done = copies::accept(&self.store, &*self.chain, (THEM, US), *filing, wraps.clone(), blob, NOW).await;
        done.map(drop).map_err(refused)
    }

    async fn put_wraps(&self, place: Place, wraps: &Wraps) -> Result<(), PeerError> {
        copies::accept_wraps(&self.store, &*self.chain, (THEM, US), place, wraps).await.map_err(refused)
    }

    async fn held(&self) -> Result<BoxStream<'static, Result<Place, PeerError>>, PeerError> {
        Ok(copies::held(&self.store, US).map_err(refused).boxed())
    }
}

struct One(Arc<Other>);

#[async_trait]
impl Peers for One {
    async fn of(&self, _: OrganisationId) -> Result<Arc<dyn Peer>, PeerError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Peer>)
    }

    async fn known(&self) -> Result<Vec<OrganisationId>, PeerError> {
        Ok(vec![THEM])
    }
}

/// Both custodians, with their stores below `folder`.
async fn both(folder: &Path) -> (Keeper, Store) {
    let store = Store::open(&config(&folder.join("us"))).await.expect("it opens");
    let theirs = Store::open(&config(&folder.join("them"))).await.expect("it opens");
    let chain = Arc::new(Ledger(store.clone()));
    let peers = Arc::new(One(Arc::new(Other { store: theirs.clone(), chain: Arc::clone(&chain) })));
    (Keeper { store, us: US, chain, peers, keyring: None }, theirs)
}

async fn replicates(folder: &Path, seed: u64, steps: u64) {
    let (keeper, _) = both(folder).await;
    let ours = KemSecret::generate().expect("random").public();
    for step in 0..steps {
        let paper = paper(seed.wrapping_mul(1_000).wrapping_add(step), &ours);
        let place = paper.filing.place;
        say("began", place);
        upload(&keeper.store, &paper).await.expect("there is room");
        say("stored", place);
        keeper.settle(place, NOW).await.expect("they take it");
        say("copied", place);
    }
}

#[tokio::test]
async fn killed_during_replication_both_copies_are_whole_or_come_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut resumed = 0;
    for cycle in 0..cycles() {
        let said = killed("copy", folder.path(), u64::from(cycle) + 20);
        let (keeper, theirs) = both(folder.path()).await;
        let (here, there) = (whole(&keeper.store).await, whole(&theirs).await);
        for (word, place) in said {
            assert!(here.contains(&place), "cycle {cycle}: {word} {place}");
            assert!(word != "copied" || there.contains(&place), "cycle {cycle}: {place}");
        }
        resumed += u32::from(here != there);
        assert_eq!(keeper.settle_all(NOW).await, 0, "cycle {cycle}");
        assert_eq!(whole(&theirs).await, here, "cycle {cycle}");
        assert_eq!(keeper.store.unsettled(), []);
        if here.len() > 40 {
            drop((keeper, theirs));
            for name in ["us", "them"] {
                fs::remove_dir_all(folder.path().join(name)).expect("they are there");
            }
        }
    }
    assert!(resumed > 0, "no cycle was killed between the copies");
}

fn passphrase() -> Passphrase {
    Passphrase::new("for tests".to_owned()).expect("not empty")
}

async fn rotates(folder: &Path) {
    let keys = Keyring::open(&folder.join("keys"), passphrase()).expect("it opens");
    let store = Store::beside(&config(&folder.join("store"))).await.expect("it opens");
    let some = Place { patient: PatientId([0; 16]), record: RecordId([0; 16]) };
    say("began", some);
    loop {
        keys.rotate(&store, US, KdfParams::for_development(), || say("renewed", some)).await.expect("it rotates");
    }
}

#[tokio::test]
async fn killed_during_a_rotation_every_wrap_opens_and_the_next_run_ends_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let keys = Keyring::create(&folder.path().join("keys"), passphrase(), KdfParams::for_development()).expect("new");
    let store = Store::open(&config(&folder.path().join("store"))).await.expect("it opens");
    let mut papers = Vec::new();
    for seed in (0..12).map(|n| n * 6 + 1) {
        let paper = paper(seed, &keys.newest().public);
        upload(&store, &paper).await.expect("there is room");
        papers.push(paper);
    }
    let mut resumed = 0;
    for cycle in 0..cycles() {
        killed("rotate", folder.path(), u64::from(cycle) + 30);
        let keys = Keyring::open(&folder.path().join("keys"), passphrase()).expect("its files are whole");
        resumed += u32::from(keys.rotation().expect("it reads").is_some());
        for paper in &papers {
            let place = paper.filing.place;
            let wrap = store.wrap(place, Holder::Custodian(US)).await.expect("it is there");
            let key = keys.unwrap(&wrap, &context(place)).expect("it opens");
            assert!(fits(&key, paper), "cycle {cycle}");
        }
        let done = keys.rotate(&store, US, KdfParams::for_development(), || {}).await.expect("it ends");
        assert_eq!((done.failed.len(), done.renewed + done.current), (0, 12), "cycle {cycle}");
        assert_eq!(keys.rotation().expect("it reads"), None);
        // Only the newest is needed then: the wraps do open without the others.
        for epoch in 1..done.epoch {
            let _ = fs::remove_file(folder.path().join(format!("keys/custodian-{epoch:04}.json")));
        }
    }
    assert!(resumed > 0, "no cycle was killed within a rotation");
}

/// Is this the key that the blob was sealed under? Its header says so.
fn fits(key: &ContentKey, paper: &Paper) -> bool {
    let Place { patient, record } = paper.filing.place;
    let header = Header::parse(&paper.blob[..HEADER_BYTES]).expect("a blob has a header");
    header.check(&RecordRef { patient, record, version: 1 }, key).is_ok()
}

/// Where no file may grow beyond a MiB: uploads in parts are refused by the system, small ones are stored.
async fn limited(folder: &Path) {
    let store = Store::open(&config(folder)).await.expect("it opens");
    let ours = KemSecret::generate().expect("random").public();
    let (large, small) = (paper(6, &ours), paper(7, &ours));
    let refused = upload(&store, &large).await.expect_err("it is larger than any file may be");
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert!(matches!(store.meta(large.filing.place).await, Err(StoreError::Missing { .. })));
    assert_eq!(strays(folder), Vec::<PathBuf>::new());
    upload(&store, &small).await.expect("it is small");
    say("stored", small.filing.place);
}

#[tokio::test]
async fn where_the_system_refuses_to_write_the_upload_is_refused_and_leaves_no_room_taken() {
    let folder = tempfile::tempdir().expect("there is room");
    // In blocks of 512 bytes; the signal that comes with it is not to kill.
    let before = ["sh", "-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""];
    let child = again("limited", folder.path(), 0, &before);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("stored "), "{text}");
    let store = Store::open(&config(folder.path())).await.expect("it opens");
    assert_eq!(whole(&store).await.len(), 1);
}
