//! The chain without a process around it: the engine on a real database, and blocks checked by somebody else.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

use std::{
    sync::{Arc, Mutex, mpsc as std_mpsc},
    thread,
    time::Duration,
};

use parity_scale_codec::Encode;
use salus_chain_spec::presets;
use salus_engine::{
    Chain, Clock, Engine, EngineConfig, EngineError, Figures, Hooks, Solitude, Status, SystemClock,
    archive::{self, Blocks, FileError},
    execution::{self, BlockError},
};
use salus_network::NetworkConfig;
use salus_node::{
    genesis,
    network::{Link, NetworkEnded, allowed, pump},
};
use salus_pool::Limits;
use salus_primitives::{
    Block, Hash, Height, Moment, RawExtrinsic,
    archive::{self as format, Record},
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    header::{HeaderError, Slot},
    runtime_api::{InvalidBlock, NoneVerified, RuntimeApi},
};
use salus_runtime::{RuntimeCall, SalusRuntime};
use salus_storage::{Database, Identity, Options};
use tokio::sync::{mpsc, watch};

/// A clock that a test sets.
struct SetClock(Mutex<Moment>);

impl Clock for SetClock {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// A running engine on a database of its own.
struct Running {
    chain: Arc<Chain>,
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<Result<(), EngineError>>,
    blocks: std_mpsc::Receiver<Arc<Block>>,
    _folder: tempfile::TempDir,
}

fn open(folder: &std::path::Path) -> (Database, Hash) {
    let runtime = SalusRuntime::new();
    let genesis = genesis::of(&presets::development(), &runtime).unwrap();
    let identity = Identity { chain_id: "dev".into(), genesis: genesis.hash };
    let database = Database::open(folder, &identity, Options::default()).unwrap();
    if !database.has_genesis() {
        let (_, tree) = database.root_after(&genesis.changes).unwrap();
        database.commit(&genesis.block, None, &genesis.changes, tree).unwrap();
    }
    (database, genesis.hash)
}

fn start(clock: Arc<dyn Clock>, config: EngineConfig) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (database, _) = open(folder.path());
    let (announce, blocks) = std_mpsc::channel();
    let announce = Mutex::new(announce);
    let chain = Chain::new(
        database,
        Arc::new(SalusRuntime::new()),
        clock,
        Limits::default(),
        Hooks {
            finalised: Box::new(move |block, _, _| drop(announce.lock().unwrap().send(block))),
            ..Hooks::default()
        },
    );
    let key = presets::development_key("validator");
    let engine = Engine::new(Arc::clone(&chain), Some(key), Box::new(Solitude), config, Duration::ZERO).unwrap();
    let (stop, stopped) = watch::channel(false);
    let thread = thread::spawn(move || {
        let (_keep, inbox) = mpsc::channel(1);
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio.block_on(salus_engine::run(engine, inbox, stopped, watch::channel(Figures::default()).0))
    });
    Running { chain, stop, thread, blocks, _folder: folder }
}

impl Running {
    fn next(&self) -> Arc<Block> {
        self.blocks.recv_timeout(Duration::from_secs(20)).expect("a block becomes final")
    }

    fn end(self) -> Result<(), EngineError> {
        self.stop.send_replace(true);
        self.thread.join().unwrap()
    }
}

fn context(genesis: Hash) -> ChainContext {
    let version = salus_system::version();
    ChainContext { spec_version: version.spec_version, transaction_version: version.transaction_version, genesis }
}

fn noop(key: &KeyPair, nonce: u32, genesis: Hash) -> RawExtrinsic {
    let call = RuntimeCall::System(salus_system::Call::Noop {}).encode();
    sign(key, call, Era::Immortal, nonce, &context(genesis), &genesis)
}

fn council() -> KeyPair {
    presets::development_key("council")
}

fn quiet() -> EngineConfig {
    EngineConfig { heartbeat: Duration::from_secs(3_600), free_bytes_min: 0, ..EngineConfig::default() }
}

#[test]
fn a_submitted_extrinsic_wakes_an_idle_engine_and_its_watcher_hears_the_end() {
    let running = start(Arc::new(SystemClock), quiet());
    let genesis = running.chain.database.identity().genesis;
    let (heard, statuses) = std_mpsc::channel();
    let heard = Mutex::new(heard);
    let raw = noop(&council(), 0, genesis);
    running
        .chain
        .submit_and_watch(raw.clone(), Box::new(move |status| heard.lock().unwrap().send(status).is_ok()))
        .unwrap();
    let block = running.next();
    assert_eq!(block.extrinsics, [raw]);
    let all: Vec<Status> = statuses.iter().collect();
    assert_eq!(all, [Status::Ready, Status::Finalised { block: block.header.hash(), index: 0 }]);
    assert_eq!(running.chain.watched(), 0);
    running.end().unwrap();
}

#[test]
fn a_quiet_chain_shows_life_by_empty_blocks() {
    let config = EngineConfig { heartbeat: Duration::from_millis(300), ..quiet() };
    let running = start(Arc::new(SystemClock), config);
    let (one, two) = (running.next(), running.next());
    assert!(one.extrinsics.is_empty() && two.extrinsics.is_empty());
    assert_eq!(two.header.parent_hash, one.header.hash());
    running.end().unwrap();
}

#[test]
fn block_time_rises_though_the_clock_stands_still_or_goes_back() {
    let clock = Arc::new(SetClock(Mutex::new(Moment(1_900_000_000_000))));
    let config = EngineConfig { heartbeat: Duration::from_millis(250), ..quiet() };
    let running = start(Arc::clone(&clock) as Arc<dyn Clock>, config);
    let first = running.next().header.slot().unwrap().time;
    assert_eq!(first, Moment(1_900_000_000_000));
    *clock.0.lock().unwrap() = Moment(1_800_000_000_000);
    let mut last = first;
    for _ in 0..3 {
        let time = running.next().header.slot().unwrap().time;
        assert!(time > last, "{time} after {last}");
        last = time;
    }
    running.end().unwrap();
}

#[test]
fn too_little_room_on_disk_stops_the_engine_by_name() {
    let config = EngineConfig { free_bytes_min: u64::MAX, ..quiet() };
    let running = start(Arc::new(SystemClock), config);
    let error = running.thread.join().unwrap().unwrap_err();
    assert!(matches!(error, EngineError::DiskLow { .. }), "{error}");
    assert!(error.to_string().starts_with("DiskLow:"));
}

#[test]
fn a_release_without_a_scheduled_upgrade_stops_before_its_height_and_says_what_to_install() {
    let config = EngineConfig { heartbeat: Duration::from_millis(250), ..quiet() };
    let running = start(Arc::new(SystemClock), config);
    let genesis = running.chain.database.identity().genesis;
    let (ours, height) = (salus_system::version().spec_version, Height(8));
    let act = salus_council::Act::UpgradeSchedule { spec_version: ours + 1, height };
    let call = RuntimeCall::Council(salus_council::Call::Propose { act, cosign: Default::default() });
    let raw = sign(&council(), call.encode(), Era::Immortal, 0, &context(genesis), &genesis);
    running.chain.submit_and_watch(raw, Box::new(|_| true)).unwrap();
    let error = running.thread.join().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "UpgradeNeeded: this release has spec version {ours}, height 8 needs {}: install the release that has it, \
             then start the node again; nothing was lost",
            ours + 1
        )
    );
    assert_eq!(salus_node::service::exit_code(&error.into()), 78, "starting it again does not help");
    assert_eq!(running.chain.database.tip().0.number, Height(7));
}

#[test]
fn an_invalid_extrinsic_is_refused_at_the_door() {
    let running = start(Arc::new(SystemClock), quiet());
    let genesis = running.chain.database.identity().genesis;
    let mut raw = noop(&council(), 0, genesis);
    raw.0[60] ^= 1;
    assert!(running.chain.submit(raw).is_err());
    assert!(running.chain.submit(noop(&KeyPair::from_seed(&[9; 32]), 0, genesis)).is_err());
    assert_eq!(running.chain.pool().status().ready, 0);
    running.end().unwrap();
}

/// Blocks of a chain that ran, in its file's form.
fn records(count: u32) -> Vec<Record> {
    let config = EngineConfig { heartbeat: Duration::from_millis(200), ..quiet() };
    let running = start(Arc::new(SystemClock), config);
    let genesis = running.chain.database.identity().genesis;
    for nonce in 0..count {
        running.chain.submit(noop(&council(), nonce, genesis)).unwrap();
        running.next();
    }
    let records = (1..=count)
        .map(|height| {
            let hash = running.chain.database.hash_at(Height(height)).unwrap().unwrap();
            Record {
                block: running.chain.database.block(&hash).unwrap().unwrap(),
                certificate: running.chain.database.certificate(&hash).unwrap(),
            }
        })
        .collect();
    running.end().unwrap();
    records
}

fn file(records: &[Record], genesis: Hash) -> Vec<u8> {
    let mut bytes = format::head(&genesis);
    records.iter().for_each(|record| bytes.extend(format::record(record)));
    bytes.extend(format::end(u32::try_from(records.len()).unwrap()));
    bytes
}

fn replay(bytes: &[u8]) -> Result<archive::Replayed, FileError> {
    let runtime = SalusRuntime::new();
    let genesis = genesis::of(&presets::development(), &runtime).unwrap();
    let blocks = Blocks::new(bytes, &genesis.hash)?;
    archive::replay(&runtime, &genesis.block, genesis.changes, blocks, |_| {})
}

#[test]
fn a_replay_finds_every_state_root_and_names_the_first_block_that_was_altered() {
    let records = records(3);
    let genesis = genesis::of(&presets::development(), &SalusRuntime::new()).unwrap().hash;
    let replayed = replay(&file(&records, genesis)).unwrap();
    assert_eq!(replayed.tip.number, Height(3));
    assert_eq!(replayed.hash, records[2].block.header.hash());

    let altered = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = records.clone();
        change(&mut records);
        replay(&file(&records, genesis)).unwrap_err()
    };
    let at = Height(2);
    // A header that is not the one that was certified.
    let error = altered(&|records| records[1].block.header.state_root = Hash::ZERO);
    assert!(matches!(error, FileError::Certificate { height, .. } if height == at), "{error}");
    let error = altered(&|records| records[1].certificate = None);
    assert!(matches!(error, FileError::NoCertificate { height } if height == at), "{error}");
    // The certified header over another body.
    let error = altered(&|records| records[1].block.extrinsics.clear());
    assert!(
        matches!(error, FileError::Block { height, error: BlockError::ExtrinsicsRoot { .. } } if height == at),
        "a body of another header"
    );
    // A block left out.
    let error = altered(&|records| drop(records.remove(1)));
    assert!(matches!(error, FileError::Block { .. } | FileError::Certificate { .. }), "{error}");
}

#[test]
fn a_file_that_is_cut_or_of_another_chain_is_told_apart() {
    let records = records(2);
    let genesis = genesis::of(&presets::development(), &SalusRuntime::new()).unwrap().hash;
    let whole = file(&records, genesis);
    let error = replay(&whole[..whole.len() - 20]).unwrap_err();
    assert!(matches!(error, FileError::Truncated { .. }), "{error}");
    let without_end = &whole[..whole.len() - 8];
    assert!(matches!(replay(without_end).unwrap_err(), FileError::Truncated { .. }));
    let error = replay(&file(&records, Hash([1; 32]))).unwrap_err();
    assert!(error.to_string().contains("chain with genesis 0x0101"), "{error}");
}

#[test]
fn a_block_is_checked_against_all_its_header_says() {
    let folder = tempfile::tempdir().unwrap();
    let (database, genesis) = open(folder.path());
    let runtime = SalusRuntime::new();
    let (parent, _) = database.tip();
    let set = runtime.validators(&database.state());
    let slot = execution::slot(&parent, &set, 0, Moment(1_900_000_000_000));
    let mut candidates = vec![noop(&council(), 0, genesis)].into_iter();
    let good = execution::build(&database, &runtime, slot, &mut candidates, &NoneVerified).unwrap().prepared.block;
    let check = |change: &dyn Fn(&mut Block)| {
        let mut block = good.clone();
        change(&mut block);
        execution::check(&database, &runtime, block, &NoneVerified).map(|_| ())
    };
    assert!(check(&|_| {}).is_ok());
    assert!(matches!(check(&|b| b.header.parent_hash = Hash::ZERO), Err(BlockError::Header(_))));
    assert!(matches!(check(&|b| b.header.number = Height(2)), Err(BlockError::Header(_))));
    assert!(matches!(check(&|b| b.header.extrinsics_root = Hash::ZERO), Err(BlockError::ExtrinsicsRoot { .. })));
    assert!(matches!(check(&|b| b.header.state_root = Hash::ZERO), Err(BlockError::StateRoot { .. })));
    let extra = salus_primitives::header::DigestItem::Other(vec![]);
    assert!(matches!(check(&|b| b.header.digest.logs.push(extra.clone())), Err(BlockError::Digest)));
    assert!(matches!(check(&|b| b.header.digest.logs.clear()), Err(BlockError::Header(_))));
    let of_another_set = Slot { set_id: slot.set_id + 1, ..slot }.item();
    assert!(matches!(
        check(&|b| b.header.digest.logs[0] = of_another_set.clone()),
        Err(BlockError::Execution(InvalidBlock::Header(HeaderError::Set { .. })))
    ));
    let tampered = |b: &mut Block| {
        b.extrinsics[0].0[60] ^= 1;
        b.header.extrinsics_root = salus_primitives::header::extrinsics_root(&b.extrinsics);
    };
    assert!(matches!(check(&tampered), Err(BlockError::Execution(_))));
}

#[test]
fn the_pump_ends_with_the_networks_task_so_that_the_node_can_stop() {
    let running = start(Arc::new(SystemClock), quiet());
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (network, own) = (runtime(), runtime());
    let entered = network.enter();
    let config = NetworkConfig::new(KeyPair::from_seed(&[3; 32]), running.chain.database.identity().genesis);
    let (handle, events) = salus_network::start(config, allowed(&running.chain)).unwrap();
    drop(entered);
    let (engine, _inbox) = mpsc::channel(1);
    let mut pumped = own.spawn(pump(events, Link::new(handle), Arc::clone(&running.chain), engine));
    let soon = |pumped: &mut tokio::task::JoinHandle<()>, wait| {
        own.block_on(async { tokio::time::timeout(wait, pumped).await.is_ok() })
    };
    assert!(!soon(&mut pumped, Duration::from_millis(300)), "the network runs");
    // All its tasks end.
    network.shutdown_timeout(Duration::from_secs(5));
    assert!(soon(&mut pumped, Duration::from_secs(20)));
    assert!(NetworkEnded.to_string().contains("reaches nobody"));
    running.end().unwrap();
}
