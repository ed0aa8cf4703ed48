//! Running seeds: one by one in a thread, many threads at once, and what came of them together.

use std::{
    cell::Cell,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use salus_primitives::Hash;

use crate::{marks::Marks, planted::Planted, setup::Setup, world::World};

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// What was met.
    pub marks: Marks,
    /// Virtual µs.
    pub virtual_time: u64,
    /// Heights decided.
    pub heights: u32,
    /// Longest time from the end of faults until all had gone on, µs.
    pub recovery: u64,
    /// A digest of everything that happened.
    pub trace: Hash,
}

/// Run one seed.
pub fn run_seed(seed: u64, planted: Option<Planted>) -> Outcome {
    play(seed, planted, false)
}

/// Run one seed, telling all that happens on standard error if `show`.
pub fn play(seed: u64, planted: Option<Planted>, show: bool) -> Outcome {
    RUNNING.with(|running| running.set(Some(seed)));
    let mut world = World::new(Setup::new(seed, planted));
    world.show = show;
    world.tell(|| format!("{:?}", world.setup));
    world.run();
    RUNNING.with(|running| running.set(None));
    Outcome {
        seed,
        violations: world.oracles.violations.clone(),
        marks: world.oracles.marks.clone(),
        virtual_time: world.now,
        heights: world.oracles.height().0,
        recovery: world.faults.recovery,
        trace: world.trace(),
    }
}

thread_local! {
    static RUNNING: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The seed that runs in this thread, if one does: who handles a panic can say how to replay it.
pub fn running_seed() -> Option<u64> {
    RUNNING.with(Cell::get)
}

/// The command that runs a seed again.
pub fn replay(seed: u64) -> String {
    format!("./scripts/simulate --seed {seed}")
}

/// What came of many seeds.
#[derive(Clone, Default, Debug)]
pub struct Summary {
    /// How many ran.
    pub seeds: u64,
    /// Virtual µs together.
    pub virtual_time: u64,
    /// Heights decided together.
    pub heights: u64,
    /// The longest recovery, µs.
    pub recovery: u64,
    /// Marks together.
    pub marks: Marks,
    /// Seeds with a violation, with what was wrong.
    pub failures: Vec<(u64, Vec<String>)>,
    /// How many were run a second time and went the same way.
    pub repeated: u64,
}

impl Summary {
    /// Virtual hours.
    pub fn hours(&self) -> f64 {
        self.virtual_time as f64 / 3_600e6
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.virtual_time += outcome.virtual_time;
        self.heights += u64::from(outcome.heights);
        self.recovery = self.recovery.max(outcome.recovery);
        self.marks.merge(&outcome.marks);
        if !outcome.violations.is_empty() {
            self.failures.push((outcome.seed, outcome.violations));
        }
    }
}

/// Every so many seeds one is run twice: both must be the same to the bit.
const REPEAT_EVERY: u64 = 50;

/// Run `count` seeds from `first` on, on `threads` threads; stop at the first failure if `stop`. `tell` hears of each
/// that is done.
pub fn run_many(
    first: u64,
    count: u64,
    threads: usize,
    planted: Option<Planted>,
    stop: bool,
    tell: &(dyn Fn(&Outcome) + Sync),
) -> Summary {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || (stop && failed.load(Ordering::Relaxed)) {
                return;
            }
            let seed = first + index;
            let mut outcome = run_seed(seed, planted);
            let repeated = planted.is_none() && index % REPEAT_EVERY == 0;
            if repeated && run_seed(seed, planted).trace != outcome.trace {
                outcome.violations.push("a second run of this seed went another way".to_owned());
            }
            if !outcome.violations.is_empty() {
                failed.store(true, Ordering::Relaxed);
            }
            tell(&outcome);
            let mut summary = summary.lock().expect("a panic ends the process");
            summary.repeated += u64::from(repeated);
            summary.add(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().expect("a panic ends the process");
    summary.failures.sort();
    summary
}

/// As many threads as there are cores.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
