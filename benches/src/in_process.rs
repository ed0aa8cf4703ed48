//! Figures that need no network: the stages of a block, the decision, replay, and bytes on disk.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use salus_chain_spec::presets;
use salus_consent::{
    Action, Grantee, Kind, Origin, Purpose, Question, RecordView, Rule, Servable, Tags, decide, storage::Rules,
};
use salus_engine::{
    archive::{Blocks, replay as replay_file},
    execution,
};
use salus_node::genesis;
use salus_primitives::{
    BoundedVec, Moment, OrganisationId, PractitionerId, RawExtrinsic, RecordId, Subject,
    archive::{self, Record},
    commit::{CommitCertificate, VoteKind, vote_bytes},
    runtime_api::{BlockContext, NoneVerified, RuntimeApi},
    subject::Roles,
};
use salus_runtime::SalusRuntime;
use salus_storage::{Database, Identity, Options};
use salus_support::Overlay;

use crate::{
    limits::Limits,
    report::{Report, Spent, Stopwatch, rate},
    world::{self, World, key},
};

/// Extrinsics in a measured block.
const BLOCK: usize = 1_000;

/// A chain without a node: blocks are built, certified by the development validator and committed.
struct Bench {
    database: Database,
    runtime: SalusRuntime,
    records: Vec<Record>,
    stages: Stages,
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

impl Bench {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let runtime = SalusRuntime::new();
        let genesis = genesis::of(&presets::development(), &runtime)?;
        let identity = Identity { chain_id: "dev".into(), genesis: genesis.hash };
        let database = Database::open(folder.join("in-process"), &identity, Options::default())?;
        let (_, tree) = database.root_after(&genesis.changes)?;
        database.commit(&genesis.block, None, &genesis.changes, tree)?;
        Ok(Self { database, runtime, records: Vec::new(), stages: Stages::default() })
    }

    /// Make a block of these; measured ones count.
    fn block(&mut self, extrinsics: Vec<RawExtrinsic>, measured: bool) -> anyhow::Result<()> {
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
    let mut bench = Bench::new(folder)?;
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
    decision(report);
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

fn disk(before: u64, after: u64, extrinsics: usize, bench: &Bench, report: &mut Report) {
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

fn replay(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
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

/// The decision function on a patient with many rules about others and some about the asker.
fn decision(report: &mut Report) {
    report.section("decide()");
    for grants in [1usize, 100, 1_000] {
        let (state, question, record) = with_rules(grants);
        let runs = 20_000;
        let begun = Instant::now();
        let mut permitted = 0;
        for _ in 0..runs {
            permitted += usize::from(decide(&state, &question, &record).is_permit());
        }
        let elapsed = begun.elapsed();
        assert_eq!(permitted, runs, "the rule about the asker permits");
        let micros = elapsed.as_secs_f64() * 1e6 / f64::from(u32::try_from(runs).unwrap_or(u32::MAX));
        let remark = "state in memory; a page holds 16 rules, and four pages are read";
        report.row(format!("patient with {grants} grants"), format!("{micros:.1} µs"), remark);
    }
}

fn with_rules(grants: usize) -> (std::collections::BTreeMap<Vec<u8>, Vec<u8>>, Question, RecordView) {
    use salus_registry::{
        storage::{Affiliations, Practitioners},
        types::{Affiliation, Caps, DisplayName, OrganisationStatus, Practitioner, PractitionerStatus},
    };
    let base = std::collections::BTreeMap::new();
    let mut state = Overlay::new(&base);
    let now = Moment(1_800_000_000_000);
    let (patient, actor, organisation) = (world::patient(1), PractitionerId([1; 16]), world::GRANTEE);
    let later = now.plus(salus_primitives::time::YEAR);
    salus_registry::organisation_set(
        &mut state,
        now,
        organisation,
        OrganisationStatus::Active,
        DisplayName::try_from(b"Linden".to_vec()).expect("a short name"),
        Caps::CUSTODIAN,
        Some(key("admin", 1).public()),
    )
    .expect("a new organisation");
    salus_system::keys::bind(
        &mut state,
        now,
        key("doctor", 1).public(),
        Subject::Practitioner(actor),
        Roles::NONE,
        None,
    )
    .expect("a new key");
    let enrolled_by = key("admin", 1).public();
    let practitioner = Practitioner {
        status: PractitionerStatus::Active,
        licence: salus_primitives::Hash::ZERO,
        licence_until: later,
        speciality: 0,
        licensing: organisation,
        enrolled_by,
    };
    Practitioners::insert(&mut state, &actor, &practitioner);
    let affiliation = Affiliation { roles: Default::default(), until: later, enrolled_by };
    Affiliations::insert(&mut state, &(actor, organisation), &affiliation);
    let entry = salus_patients::Patient {
        state: salus_patients::PatientState::Active,
        assurance: 1,
        inviting: organisation,
        held_key: None,
        frozen_at: None,
    };
    salus_patients::storage::Patients::insert(&mut state, &patient, &entry);
    let world = World::new(salus_primitives::Hash::ZERO, now);
    // Sixteen rules to a page, the asker's page first, others' after it.
    for first in (0..grants).step_by(16) {
        let mut other = [0x44; 16];
        other[..8].copy_from_slice(&first.to_be_bytes());
        let grantee = Grantee::Organisation(if first == 0 { organisation } else { OrganisationId(other) });
        let rules: Vec<Rule> = (first..grants.min(first + 16))
            .map(|id| Rule {
                id: u32::try_from(id).unwrap_or(u32::MAX),
                terms: world.terms(grantee),
                uses: None,
                origin: Origin::Patient,
                labelled_only: false,
                children: BoundedVec::new(),
            })
            .collect();
        let page = rules.try_into().expect("sixteen rules fill a page");
        Rules::insert(&mut state, &(patient, grantee.key()), &page);
    }
    let state = state.into_changes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let question =
        Question { patient, actor, organisation, action: Action::View, purpose: Purpose::Treatment, at: now };
    let record = RecordView {
        id: RecordId([9; 16]),
        kind: Kind::Lab,
        tags: Tags::new(),
        labelled: true,
        restricted: false,
        custodian: world::HOSPITAL,
        servable: Servable::Yes,
    };
    (state, question, record)
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
