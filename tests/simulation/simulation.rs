//! Five hundred worlds: no violation, and everything met that a long run must meet; and bugs put in on purpose are found.

use salus_simulation::{planted, report, run};

/// Enough seeds to meet every mark many times.
const SEEDS: u64 = 500;

#[test]
fn five_hundred_worlds_neither_fork_nor_forget_nor_halt_and_met_every_fault() {
    let summary = run::run_many(0, SEEDS, run::cores(), None, true, &|_| {});
    assert!(summary.failures.is_empty(), "{}", report::failures(&summary));
    assert_eq!(summary.marks.missing(), Vec::<&str>::new(), "{}", report::marks(&summary));
    assert!(summary.repeated >= SEEDS / 50);
}

/// Those that the first seeds find; docs/simulation.md has the seed of each.
const SOON_FOUND: [&str; 3] = ["sync-does-nothing", "commit-not-synced", "quorum-of-half"];

#[test]
fn planted_bugs_are_found() {
    for name in SOON_FOUND {
        let bug = planted::named(name).expect("it is in the list");
        let summary = run::run_many(0, 50, run::cores(), Some(bug), true, &|_| {});
        assert!(!summary.failures.is_empty(), "{name} was not found");
    }
}

#[test]
fn two_runs_of_a_seed_are_the_same_and_two_seeds_are_not() {
    let (first, again, other) = (run::run_seed(3, None), run::run_seed(3, None), run::run_seed(4, None));
    assert_eq!(first.trace, again.trace);
    assert_ne!(first.trace, other.trace);
}
