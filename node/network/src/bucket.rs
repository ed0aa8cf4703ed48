//! A token bucket: so much per second, so much at once.

use std::time::{Duration, Instant};

/// Time beyond which an idle bucket is full anyway; keeps the arithmetic far from its limits.
const IDLE_MAX: Duration = Duration::from_secs(600);
const MILLION: i128 = 1_000_000;

/// Fills at `rate` per second up to `burst`. It starts full.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: u64,
    burst: u64,
    /// In millionths; below zero is a debt.
    level: i128,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: u64, burst: u64, now: Instant) -> Self {
        Self { rate, burst, level: i128::from(burst) * MILLION, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).min(IDLE_MAX);
        self.level += i128::from(self.rate) * elapsed.as_micros() as i128;
        self.level = self.level.min(i128::from(self.burst) * MILLION);
        self.at = self.at.max(now);
    }

    /// Take `amount` if it is there; all or nothing.
    #[must_use]
    pub fn take(&mut self, amount: u64, now: Instant) -> bool {
        self.refill(now);
        let amount = i128::from(amount) * MILLION;
        if self.level < amount {
            return false;
        }
        self.level -= amount;
        true
    }

    /// Take `amount` even if it is not there: what is missing is a debt, of at most one burst.
    pub fn charge(&mut self, amount: u64, now: Instant) {
        self.refill(now);
        let floor = -(i128::from(self.burst) * MILLION);
        self.level = (self.level - i128::from(amount) * MILLION).max(floor);
    }

    /// How long until the debt is paid; none where there is none.
    pub fn debt(&mut self, now: Instant) -> Option<Duration> {
        self.refill(now);
        self.wait_for(0)
    }

    /// How long until `amount` can be taken; none where it can be taken now.
    pub fn wait(&mut self, amount: u64, now: Instant) -> Option<Duration> {
        self.refill(now);
        self.wait_for(i128::from(amount) * MILLION)
    }

    fn wait_for(&self, level: i128) -> Option<Duration> {
        let missing = level - self.level;
        if missing <= 0 {
            return None;
        }
        let micros = missing.div_ceil_positive(i128::from(self.rate.max(1)));
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

trait DivCeil {
    /// Division of positive numbers, rounded up.
    fn div_ceil_positive(self, by: Self) -> Self;
}

impl DivCeil for i128 {
    fn div_ceil_positive(self, by: Self) -> Self {
        (self + by - 1) / by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_there_at_once_and_one_more_is_not() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, 5, now);
        for _ in 0..5 {
            assert!(bucket.take(1, now));
        }
        assert!(!bucket.take(1, now));
        assert!(!bucket.take(1, now + ms(99)));
        assert!(bucket.take(1, now + ms(100)));
    }

    #[test]
    fn an_idle_bucket_holds_no_more_than_its_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, 5, now);
        let later = now + Duration::from_secs(86_400);
        assert!(bucket.take(5, later));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn a_debt_is_paid_by_waiting_and_is_never_more_than_a_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1_000, 500, now);
        bucket.charge(600, now);
        assert_eq!(bucket.debt(now), Some(ms(100)));
        assert_eq!(bucket.debt(now + ms(100)), None);
        bucket.charge(u64::MAX, now + ms(100));
        assert_eq!(bucket.debt(now + ms(100)), Some(ms(500)));
    }

    #[test]
    fn small_steps_of_time_fill_as_well_as_large_ones() {
        let now = Instant::now();
        let mut bucket = Bucket::new(8, 8, now);
        assert!(bucket.take(8, now));
        for step in 1..=1_000u64 {
            assert_eq!(bucket.wait(8, now + Duration::from_millis(step)).is_none(), step == 1_000, "{step}");
        }
    }

    #[test]
    fn a_clock_that_does_not_move_gives_nothing() {
        let now = Instant::now();
        let mut bucket = Bucket::new(8, 1, now + ms(500));
        assert!(bucket.take(1, now + ms(500)));
        assert!(!bucket.take(1, now));
        assert_eq!(bucket.wait(1, now + ms(500)), Some(ms(125)));
    }
}
