//! Figures that need no network: the stages of a block, replay, and bytes on disk.

use std::{fs, path::Path, time::Duration};

use salus_chain_spec::presets;
use salus_engine::{
    archive::{Blocks, replay as replay_file},
    execution,
};
use salus_node::genesis;
use salus_primitives::{
    RawExtrinsic,
    archive::{self, Record},
    commit::{CommitCertificate, VoteKind, vote_bytes},
    runtime_api::{BlockContext, Changes, NoneVerified, RuntimeApi, StateReader},
};
use salus_runtime::SalusRuntime;
use salus_storage::{Database, Identity, Options};

use crate::{
    limits::Limits,
    report::{Report, Spent, Stopwatch, rate},
    world::World,
};

/// Extrinsics in a measured block.
const BLOCK: usize = 1_000;

/// A chain without a node: blocks are built, certified by the development validator and committed.
pub struct Chain {
    /// What it keeps.
    pub database: Database,
    /// What executes it.
    pub runtime: SalusRuntime,
    /// What its state takes.
    pub state: Held,
    records: Vec<Record>,
    stages: Stages,
}

/// What keys and values take in state.
#[derive(Clone, Copy, Default)]
pub struct Held {
    /// Keys.
    pub keys: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

/// Time spent per stage of measured blocks.
#[derive(Default)]
struct Stages {
    extrinsics: usize,
    validate: Spent,
    execute: Spent,
    verified_ahead: Spent,
    tree: Spent,
    commit: Spent,
}

impl Chain {
    /// A new one in this folder.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let runtime = SalusRuntime::new();
        let genesis = genesis::of(&presets::development(), &runtime)?;
        let identity = Identity { chain_id: "dev".into(), genesis: genesis.hash };
        let database = Database::open(folder, &identity, Options::default())?;
        let (_, tree) = database.root_after(&genesis.changes)?;
        database.commit(&genesis.block, None, &genesis.changes, tree)?;
        Ok(Self { database, runtime, state: Held::default(), records: Vec::new(), stages: Stages::default() })
    }

    /// Make blocks of these.
    pub fn all(&mut self, extrinsics: &[RawExtrinsic]) -> anyhow::Result<()> {
        extrinsics.chunks(BLOCK).try_for_each(|part| self.block(part.to_vec(), false))
    }

    /// Make a block of these; measured ones count.
    pub fn block(&mut self, extrinsics: Vec<RawExtrinsic>, measured: bool) -> anyhow::Result<()> {
        let (parent, parent_hash) = self.database.tip();
        let set = self.runtime.validators(&self.database.state());
        let parent_time = parent.slot().map_or(self.runtime.block_time(&self.database.state()), |slot| slot.time);
        let slot = execution::slot(&parent, &set, 0, parent_time.plus(1_000));
        let count = extrinsics.len();

        let begun = Stopwatch::start();
        if measured {
            let state = self.database.state();
            for raw in &extrinsics {
                // A nonce ahead of its turn is valid for the pool.
                self.runtime
                    .validate(&state, &parent, raw, &NoneVerified)
                    .map_err(|error| anyhow::anyhow!("{error}"))?;
            }
        }
        let validate = begun.spent();

        let context = BlockContext { number: parent.number.next(), parent_hash, slot };
        let begun = Stopwatch::start();
        let good = execution::verify_ahead(&self.runtime, &self.database.state(), &context, &extrinsics);
        let verified_ahead = begun.spent();

        let begun = Stopwatch::start();
        let executed = self.runtime.execute(&self.database.state(), &context, &extrinsics, &good)?;
        let execute = begun.spent();

        let begun = Stopwatch::start();
        let (root, _) = self.database.root_after(&executed.changes)?;
        let tree = begun.spent();

        let built = execution::build(&self.database, &self.runtime, slot, &mut extrinsics.into_iter(), &good)?;
        anyhow::ensure!(
            built.prepared.block.extrinsics.len() == count,
            "every extrinsic goes in: {:?}",
            built.invalid.first()
        );
        anyhow::ensure!(built.prepared.block.header.state_root == root, "building and executing agree");
        let certificate = self.certify(&built.prepared.block.header);
        let execution::Prepared { block, changes, tree: update } = built.prepared;
        self.hold(&changes);
        let begun = Stopwatch::start();
        self.database.commit(&block, Some(&certificate), &changes, update)?;
        let commit = begun.spent();
        self.records.push(Record { block, certificate: Some(certificate) });
        if measured {
            let stages = &mut self.stages;
            stages.extrinsics += count;
            stages.validate += validate;
            stages.verified_ahead += verified_ahead;
            stages.execute += execute;
            stages.tree += tree;
            stages.commit += commit;
        }
        Ok(())
    }

    /// Count what changes in state.
    fn hold(&mut self, changes: &Changes) {
        let before = self.database.state();
        for (key, value) in changes {
            if let Some(old) = before.get(key) {
                self.state.keys -= 1;
                self.state.bytes -= key.len() + old.len();
            }
            if let Some(new) = value {
                self.state.keys += 1;
                self.state.bytes += key.len() + new.len();
            }
        }
    }

    fn certify(&self, header: &salus_primitives::Header) -> CommitCertificate {
        let key = presets::development_key("validator");
        let genesis = self.database.identity().genesis;
        let value = header.vote_value();
        let bytes = vote_bytes(&genesis, header.number, 0, VoteKind::Precommit, Some(value), &key.public());
        let signatures = vec![(0, key.sign(&bytes))].try_into().expect("one signature is fewer than a hundred");
        CommitCertificate { height: header.number, round: 0, value, signatures }
    }
}

/// Measure.
pub fn measure(folder: &Path, scale: usize, limits: &Limits, report: &mut Report) -> anyhow::Result<()> {
    let mut bench = Chain::new(&folder.join("in-process"))?;
    let genesis = bench.database.identity().genesis;
    let now = bench.runtime.block_time(&bench.database.state());
    let mut world = World::new(genesis, now);
    for group in world.founding(&presets::development_key("council")) {
        bench.block(group, false)?;
    }
    let patients = 100 * scale;
    for group in world.patients(0..patients) {
        for part in group.chunks(BLOCK) {
            bench.block(part.to_vec(), false)?;
        }
    }
    let before = folder_bytes(&folder.join("in-process"))?;
    let blocks = 2 * scale;
    for block in 0..blocks {
        let grants = (0..BLOCK).map(|i| world.grant((block * BLOCK + i) % patients)).collect();
        bench.block(grants, true)?;
    }
    let after = folder_bytes(&folder.join("in-process"))?;
    stages(&bench.stages, limits, report);
    disk(before, after, blocks * BLOCK, &bench, report);
    replay(&bench, report)?;
    Ok(())
}

fn stages(stages: &Stages, limits: &Limits, report: &mut Report) {
    report.section("CPU per consent grant, by stage (blocks of 1,000)");
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / stages.extrinsics as f64;
    let mut all = Spent::default();
    let mut row = |report: &mut Report, what: &str, spent: Spent, on_the_way: bool, remark: &str| {
        let wall = micros(spent.wall);
        report.row(what, format!("{:.1} µs", micros(spent.cpu)), format!("{wall:.1} µs by the clock; {remark}"));
        if on_the_way {
            all += spent;
        }
    };
    let signature = 1e6 / limits.verifications;
    let remark = format!("one signature alone is {signature:.1} µs");
    row(report, "checking for the pool", stages.validate, true, &remark);
    let remark = "all cores; a pooled extrinsic is not verified again";
    row(report, "signatures of a block, in batches", stages.verified_ahead, false, remark);
    row(report, "execution", stages.execute, true, "decode, nonce, quota, call, events; signatures known");
    row(report, "state root", stages.tree, true, "the tree of SHA-256 over all changed keys; all cores");
    row(report, "commit", stages.commit, true, "one synced batch; the disk's time is in the clock's");
    let remark = format!("{:.1} µs by the clock; pool, execution, root and commit, without RPC", micros(all.wall));
    report.row("sum of a grant's way through one validator", format!("{:.1} µs", micros(all.cpu)), remark);
}

fn disk(before: u64, after: u64, extrinsics: usize, bench: &Chain, report: &mut Report) {
    report.section("Disk");
    let wire: usize =
        bench.records.iter().flat_map(|record| &record.block.extrinsics).map(RawExtrinsic::wire_len).sum();
    let all: usize = bench.records.iter().map(|record| record.block.extrinsics.len()).sum();
    let per = (after.saturating_sub(before)) as f64 / extrinsics as f64;
    report.row(
        "bytes on disk per grant",
        format!("{per:.0}"),
        format!(
            "body, state, history, tree and index, before compaction; the grant itself is {} bytes",
            wire / all.max(1)
        ),
    );
}

fn replay(bench: &Chain, report: &mut Report) -> anyhow::Result<()> {
    report.section("Replay");
    let genesis = genesis::of(&presets::development(), &bench.runtime)?;
    let mut file = archive::head(&genesis.hash);
    for record in &bench.records {
        file.extend(archive::record(record));
    }
    file.extend(archive::end(u32::try_from(bench.records.len())?));
    let blocks = Blocks::new(&file[..], &genesis.hash)?;
    let begun = Stopwatch::start();
    let replayed = replay_file(&bench.runtime, &genesis.block, genesis.changes, blocks, |_| {})?;
    let spent = begun.spent();
    anyhow::ensure!(replayed.hash == bench.database.tip().1, "the replay ends at the same block");
    let count = usize::try_from(replayed.extrinsics)?;
    report.row(
        "replay from genesis",
        format!("{:.0} extrinsics per second", rate(count, spent.wall)),
        format!("{count} extrinsics in {} blocks; every signature, certificate and state root", bench.records.len()),
    );
    report.row(
        "CPU of the replay",
        format!("{:.1} µs per extrinsic", spent.cpu.as_secs_f64() * 1e6 / count as f64),
        "all threads",
    );
    Ok(())
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
