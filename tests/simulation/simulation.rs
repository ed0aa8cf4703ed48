//! Five hundred worlds: no violation, and everything met that a long run must meet.

use salus_simulation::{report, run};

/// Enough seeds to meet every mark many times.
const SEEDS: u64 = 500;

#[test]
fn five_hundred_worlds_neither_fork_nor_forget_nor_halt_and_met_every_fault() {
    let summary = run::run_many(0, SEEDS, run::cores(), None, true, &|_| {});
    assert!(summary.failures.is_empty(), "{}", report::failures(&summary));
    assert_eq!(summary.marks.missing(), Vec::<&str>::new(), "{}", report::marks(&summary));
    assert!(summary.repeated >= SEEDS / 50);
}
