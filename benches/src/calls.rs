//! Each call at its worst declared size, on a database: what it takes, beside the weight it declares.
//!
//! A unit of weight is a microsecond of execution; see `salus_support::Cost` and decision 105.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use salus_primitives::{
    RawExtrinsic,
    runtime_api::{BlockContext, RuntimeApi, StateReader},
    state_proof::state_root,
};
use salus_runtime::{SalusRuntime, genesis::block};
use salus_storage::{Database, Identity, Options, State};
use salus_weights::{Asked, Case, Counted, Counter, FEW, Known, SUSPENDS_FEW, SUSPENDS_MANY, Scene};

use crate::{
    report::{Report, quantile},
    sizes,
};

/// Grants to the hospital that is suspended.
const GRANTS: usize = 100_000;
/// Longest that a decision may take at the median.
const DECISION: Duration = Duration::from_micros(200);

/// Measure, and fail where a weight is no upper bound, a suspension costs more where more was granted, or a decision
/// takes too long.
pub fn measure(folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<()> {
    let grants = GRANTS / 10 * scale;
    let scene = Scene::among(grants);
    let runtime = SalusRuntime::new();
    let database = database(&folder.join("calls"), &scene)?;
    let bench = Bench { runtime, database, block: scene.block, runs: 30 * scale };
    let timed = bench.calls(&scene, report)?;
    let suspended = suspension(&timed, grants, report);
    let decided = bench.decisions(&scene.asked, report);
    sizes::measure(folder, scale, report)?;

    let over: Vec<String> = timed.iter().filter(|timed| timed.is_over()).map(Timed::name).collect();
    anyhow::ensure!(over.is_empty(), "the declared weight is no upper bound of {}", over.join("; "));
    anyhow::ensure!(suspended, "suspending costs more where more was granted");
    anyhow::ensure!(decided, "a decision takes longer than {} µs", DECISION.as_micros());
    Ok(())
}

/// A database whose genesis is the scene.
fn database(folder: &Path, scene: &Scene) -> anyhow::Result<Database> {
    let genesis = block(state_root(scene.state.iter().map(|(key, value)| (&key[..], &value[..]))));
    let identity = Identity { chain_id: "weights".into(), genesis: genesis.header.hash() };
    let database = Database::open(folder, &identity, Options::default())?;
    let changes: BTreeMap<_, _> = scene.state.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let (_, tree) = database.root_after(&changes)?;
    database.commit(&genesis, None, &changes, tree)?;
    Ok(database)
}

struct Bench {
    runtime: SalusRuntime,
    database: Database,
    block: BlockContext,
    runs: usize,
}

/// What a case took.
struct Timed<'a> {
    case: &'a Case,
    counted: Counted,
    median: Duration,
    p99: Duration,
    /// Of the state root, at the median.
    tree: Duration,
}

impl Timed<'_> {
    fn name(&self) -> String {
        format!("{} ({})", self.case.call, self.case.size)
    }

    fn is_over(&self) -> bool {
        self.median > Duration::from_micros(self.case.weight)
    }
}

impl Bench {
    fn calls<'a>(&self, scene: &'a Scene, report: &mut Report) -> anyhow::Result<Vec<Timed<'a>>> {
        let title = format!("Calls at their worst declared size ({} keys in state)", scene.state.len());
        let columns =
            ["call", "at its worst", "weight", "median, µs", "p99, µs", "reads", "writes", "bytes written", "root, µs"];
        report.table(&title, &columns);
        let state = self.database.state();
        let counter = Counter::new(&self.runtime, &state, self.block)?;
        let mut timed = Vec::new();
        for case in &scene.cases {
            let timed_case = self.timed(case, counter.count(case)?)?;
            let Timed { counted, median, p99, tree, .. } = &timed_case;
            let excess = if timed_case.is_over() { " **over**" } else { "" };
            report.line([
                case.call.to_owned(),
                case.size.to_owned(),
                format!("{}{excess}", case.weight),
                micros(*median),
                micros(*p99),
                counted.reads.to_string(),
                counted.writes.to_string(),
                counted.bytes.to_string(),
                micros(*tree),
            ]);
            timed.push(timed_case);
        }
        Ok(timed)
    }

    /// The time of the block with this case, less that of the empty block, each run on a fresh view of the database.
    fn timed<'a>(&self, case: &'a Case, counted: Counted) -> anyhow::Result<Timed<'a>> {
        let one = std::slice::from_ref(&case.extrinsic);
        let (mut idle, mut with) = (Vec::new(), Vec::new());
        let (mut idle_roots, mut roots) = (Vec::new(), Vec::new());
        // A tenth as many rounds go before and do not count: what a validator executes is warm.
        for round in 0..self.runs + self.runs / 10 {
            let (empty, empty_root) = self.run(&[])?;
            let (full, root) = self.run(one)?;
            if round >= self.runs / 10 {
                idle.push(empty);
                with.push(full);
                idle_roots.push(empty_root);
                roots.push(root);
            }
        }
        for times in [&mut idle, &mut with, &mut idle_roots, &mut roots] {
            times.sort_unstable();
        }
        let beyond = |times: &[Duration], idle: &[Duration], q| quantile(times, q).saturating_sub(quantile(idle, 0.5));
        Ok(Timed {
            case,
            counted,
            median: beyond(&with, &idle, 0.5),
            p99: beyond(&with, &idle, 0.99),
            tree: beyond(&roots, &idle_roots, 0.5),
        })
    }

    /// One block of these: its execution, and its state root.
    fn run(&self, extrinsics: &[RawExtrinsic]) -> anyhow::Result<(Duration, Duration)> {
        let state = self.database.state();
        let known = Known::of(&self.runtime, &state, &self.block, extrinsics);
        let state = self.database.state();
        let begun = Instant::now();
        let executed = self.runtime.execute(&state, &self.block, extrinsics, &known)?;
        let execution = begun.elapsed();
        let begun = Instant::now();
        self.database.root_after(&executed.changes)?;
        Ok((execution, begun.elapsed()))
    }

    /// Decisions about patients of few and many grants; is each fast enough?
    fn decisions(&self, asked: &[Asked], report: &mut Report) -> bool {
        report.section("decide()");
        let state = self.database.state();
        let mut all = true;
        for asked in asked {
            let mut times: Vec<Duration> = (0..100 * self.runs).map(|_| self.decision(&state, asked)).collect();
            times.sort_unstable();
            let median = quantile(&times, 0.5);
            all &= median <= DECISION;
            report.row(
                format!("patient with {} grants", asked.grants),
                format!("{} µs", micros(median)),
                format!(
                    "p99 {} µs; on the database, the record's read counted in; the mark is {} µs",
                    micros(quantile(&times, 0.99)),
                    DECISION.as_micros()
                ),
            );
        }
        all
    }

    fn decision(&self, state: &State<'_>, asked: &Asked) -> Duration {
        let state: &dyn StateReader = state;
        let begun = Instant::now();
        let verdict = salus_access::judge(state, &asked.question, asked.record);
        let elapsed = begun.elapsed();
        assert!(verdict.is_permit(), "the one rule that permits is found: {verdict:?}");
        elapsed
    }
}

/// Does suspending a hospital to which many granted read and write as many keys as one to which few did?
fn suspension(timed: &[Timed<'_>], grants: usize, report: &mut Report) -> bool {
    report.section("Suspending a hospital");
    let of = |size: &str| timed.iter().find(|timed| timed.case.size == size);
    let mut costs = Vec::new();
    for (size, grants) in [(SUSPENDS_FEW, FEW), (SUSPENDS_MANY, grants)] {
        let Some(timed) = of(size) else { return false };
        let Counted { reads, writes, bytes, .. } = timed.counted;
        let cost = format!("{reads} keys read, {writes} written, {bytes} bytes");
        report.row(
            format!("with {grants} grants"),
            format!("{} µs", micros(timed.median)),
            format!("p99 {} µs; {cost}", micros(timed.p99)),
        );
        costs.push(cost);
    }
    costs.windows(2).all(|pair| pair[0] == pair[1])
}

fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}
