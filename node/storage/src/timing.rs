//! How long something takes, time after time, counted in buckets: what a histogram is made of.
//!
//! Counting costs a few nanoseconds and waits for nobody, so it may stand around every synced write.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets for synced writes, from 0.1 ms, which a disk with a protected cache takes, to 1 s,
/// with which a validator misses its rounds.
pub const SYNC_BOUNDS: &[Duration] = &[
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Durations, counted by the bucket they fall into. Shared by threads without a lock.
#[derive(Debug)]
pub struct Timing {
    bounds: &'static [Duration],
    /// One for each bound, and one for what is longer than all of them.
    counts: Vec<AtomicU64>,
    nanos: AtomicU64,
}

/// What a [`Timing`] has counted at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingFigures {
    /// Upper bounds of the buckets, each within its bucket, rising.
    pub bounds: &'static [Duration],
    /// How many durations fell into each bucket and not into one before it; the last count, one more than there are
    /// bounds, is of those longer than every bound.
    pub counts: Vec<u64>,
    /// The sum of all durations.
    pub total: Duration,
}

impl Timing {
    /// Nothing counted yet. `bounds` rise.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, nanos: AtomicU64::new(0) }
    }

    /// Count one duration.
    pub fn add(&self, duration: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < duration);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        // 2^64 ns are 584 years.
        self.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was counted so far. A duration that is counted meanwhile may be in the counts and not yet in the sum.
    pub fn figures(&self) -> TimingFigures {
        TimingFigures {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            total: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}

impl TimingFigures {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];

    #[test]
    fn a_duration_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() {
        let timing = Timing::new(BOUNDS);
        for micros in [0, 1_000, 1_001, 10_000, 10_001, 5_000_000] {
            timing.add(Duration::from_micros(micros));
        }
        let figures = timing.figures();
        assert_eq!(figures.counts, [2, 2, 2]);
        assert_eq!(figures.count(), 6);
        assert_eq!(figures.total, Duration::from_micros(5_022_002));
    }

    #[test]
    fn the_bounds_for_synced_writes_rise() {
        assert!(SYNC_BOUNDS.is_sorted_by(|lower, higher| lower < higher));
    }
}
