//! How fast blocks are committed: blocks of 1,000 extrinsics that change three keys each, over a state
//! of 100,000 keys. Prints milliseconds per block by stage, beside the disk's own sync.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use salus_primitives::{
    Block, BoundedVec, Hash, Header, Height, RawExtrinsic,
    commit::CommitCertificate,
    crypto::{blake2_256, sha256},
    header::Digest,
    runtime_api::{Changes, StateReader},
};
use salus_storage::{Database, Identity, MemoryTree, Options};

const KEYS: u32 = 100_000;
const EXTRINSICS: u32 = 1_000;
const CHANGES_PER_EXTRINSIC: u32 = 3;
const BLOCKS: u32 = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("salus-commit-rate-{}", std::process::id()));
    let result = measure(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

/// A storage key as the runtime makes them: 32 bytes of prefix, then a hashed map key.
fn key(number: u32) -> Vec<u8> {
    let map = number % 8;
    [&sha256(&map.to_le_bytes()).0[..], &blake2_256(&number.to_le_bytes()).0[..16], &number.to_le_bytes()].concat()
}

fn value(number: u32, block: u32) -> Option<Vec<u8>> {
    Some([&sha256(&number.to_le_bytes()).0[..], &block.to_le_bytes(), &[7; 44]].concat())
}

fn measure(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let state: Changes = (0..KEYS).map(|number| (key(number), value(number, 0))).collect();
    let (state_root, tree) = MemoryTree::new().root_after(&state);
    let header = |number, parent_hash, state_root| Header {
        parent_hash,
        number: Height(number),
        state_root,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    };
    let genesis = Block { header: header(0, Hash::ZERO, state_root), extrinsics: Vec::new() };
    let identity = Identity { chain_id: "rate".to_owned(), genesis: genesis.header.hash() };
    let db = Database::open(folder, &identity, Options::default())?;
    db.commit(&genesis, None, &state, tree)?;

    let (mut reading, mut rooting, mut committing) = (Spent::default(), Spent::default(), Spent::default());
    for number in 1..=BLOCKS {
        // Two thirds are known keys, one third new ones; every eighth block also deletes.
        let mut changes = Changes::new();
        for change in 0..EXTRINSICS * CHANGES_PER_EXTRINSIC {
            let pick = u32::from_le_bytes(
                sha256(&(u64::from(number) << 32 | u64::from(change)).to_le_bytes()).0[..4].try_into()?,
            );
            let fresh = change % 3 == 0;
            let touched = if fresh { KEYS + number * EXTRINSICS * 3 + change } else { pick % KEYS };
            let deleted = !fresh && number % 8 == 0 && change % 50 == 1;
            changes.insert(key(touched), if deleted { None } else { value(touched, number) });
        }
        let extrinsics: Vec<_> = (0..EXTRINSICS).map(|index| RawExtrinsic(vec![index as u8; 200])).collect();

        let start = Stage::start()?;
        let state = db.state();
        for key in changes.keys() {
            std::hint::black_box(state.get(key));
        }
        drop(state);
        start.end(&mut reading)?;

        let start = Stage::start()?;
        let (root, tree) = db.root_after(&changes)?;
        start.end(&mut rooting)?;

        let block = Block { header: header(number, db.tip().1, root), extrinsics };
        let certificate = CommitCertificate {
            height: Height(number),
            round: 0,
            value: block.header.vote_value(),
            signatures: BoundedVec::new(),
        };
        let start = Stage::start()?;
        db.commit(&block, Some(&certificate), &changes, tree)?;
        start.end(&mut committing)?;
    }

    let changed = EXTRINSICS * CHANGES_PER_EXTRINSIC;
    println!(
        "blocks of {EXTRINSICS} extrinsics, {changed} changed keys, over {KEYS} keys; ms per block, by the clock and of the core:"
    );
    println!("  reading the changed keys  {reading}");
    println!("  root_after                {rooting}");
    println!("  commit, synced            {committing}");
    println!("  one fdatasync by itself   {:8.2}", sync_time(folder)?.as_secs_f64() * 1_000.0);
    let core = (rooting.core + committing.core).as_secs_f64();
    println!("extrinsics per core-second, root and commit only: {:.0}", f64::from(BLOCKS * EXTRINSICS) / core);
    drop(db);
    // Opening writes the log's contents to tables.
    drop(Database::open(folder, &identity, Options::default())?);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".sst") {
            bytes += entry.metadata()?.len();
        }
    }
    println!("bytes in tables: {bytes}");
    Ok(())
}

/// Time spent in a stage, of all blocks.
#[derive(Default)]
struct Spent {
    clock: Duration,
    core: Duration,
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let per_block = |time: Duration| time.as_secs_f64() * 1_000.0 / f64::from(BLOCKS);
        write!(f, "{:8.2} {:8.2}", per_block(self.clock), per_block(self.core))
    }
}

/// A stage under way.
struct Stage {
    clock: Instant,
    core: Duration,
}

impl Stage {
    fn start() -> std::io::Result<Self> {
        Ok(Self { clock: Instant::now(), core: core_time()? })
    }

    fn end(self, spent: &mut Spent) -> std::io::Result<()> {
        spent.clock += self.clock.elapsed();
        spent.core += core_time()? - self.core;
        Ok(())
    }
}

/// How long this thread has had a core.
fn core_time() -> std::io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
    Ok(Duration::from_nanos(nanos))
}

/// Median time to sync 4 KiB appended to a file.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        file.write_all(&[1; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}
