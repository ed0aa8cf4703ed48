//! How many signatures a node verifies for those who submit: a share of what its cores can do, so that no flood of
//! submissions takes the time that consensus needs. Votes and blocks are verified outside of it.
//!
//! Only a signature that has to be verified counts: what is refused for its form, nonce, signer or quota before, and
//! what was verified before, costs nothing.

use std::{
    cell::Cell,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use salus_primitives::{
    Hash,
    crypto::{KeyPair, verify},
    runtime_api::VerifiedSignatures,
};

/// Share of the cores' rate that submissions may use, percent (decision 25).
pub const SHARE_PERCENT: u64 = 60;
/// How long verifications are measured at start: in slices, of which the best counts, since a machine that is busy
/// while its node starts is not slow for ever.
const SLICE: Duration = Duration::from_millis(10);
/// How many slices.
const SLICES: u32 = 10;
/// A budget is never smaller than what one account may submit: a node with less would be no use to anybody.
const RATE_MIN: u64 = 100;
/// What may be used at once after a pause: this long a time's share.
const BURST: Duration = Duration::from_millis(200);

/// A bucket that fills at a fixed rate; each verification takes one out. By default it has no limit.
#[derive(Debug)]
pub struct SignatureBudget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    /// Verifications a second; none without a limit.
    rate: Option<u64>,
    /// Time's share that is not used yet, at most [`BURST`].
    saved: Duration,
    /// When `saved` was true.
    at: Instant,
}

impl Default for SignatureBudget {
    fn default() -> Self {
        Self(Mutex::new(Bucket { rate: None, saved: BURST, at: Instant::now() }))
    }
}

impl SignatureBudget {
    /// From now on no more than so many verifications a second; with 0 none at all.
    pub fn limit(&self, per_second: u64) {
        self.bucket().rate = Some(per_second);
    }

    /// Verifications a second, none without a limit.
    pub fn rate(&self) -> Option<u64> {
        self.bucket().rate
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        // Nothing panics while it is held, and a bucket is good at any point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take one verification out at `now`.
    ///
    /// # Errors
    /// How long to wait for one, when there is none.
    fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut bucket = self.bucket();
        let Some(rate) = bucket.rate else { return Ok(()) };
        let second = Duration::from_secs(1);
        let price = second.checked_div(u32::try_from(rate).unwrap_or(u32::MAX)).ok_or(second)?;
        let passed = now.saturating_duration_since(bucket.at);
        bucket.at = bucket.at.max(now);
        bucket.saved = bucket.saved.saturating_add(passed).min(BURST.max(price));
        match bucket.saved.checked_sub(price) {
            Some(left) => {
                bucket.saved = left;
                Ok(())
            }
            None => Err(price - bucket.saved),
        }
    }
}

/// Measure this machine for a tenth of a second: [`SHARE_PERCENT`] of the signatures that all its cores together can
/// verify in a second.
pub fn measured_rate() -> u64 {
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = (0..SLICES).map(|_| verifications_per_second(SLICE)).max().unwrap_or(0);
    share(each, cores).max(RATE_MIN)
}

/// What submissions may use of `cores` that verify `each` signatures a second.
fn share(each: u64, cores: u64) -> u64 {
    each.saturating_mul(cores).saturating_mul(SHARE_PERCENT) / 100
}

/// How many signatures one core verifies a second, found by doing so `for_this_long`.
fn verifications_per_second(for_this_long: Duration) -> u64 {
    let key = KeyPair::from_seed(&[1; 32]);
    let message = [0x5a; 200];
    let signature = key.sign(&message);
    let (mut done, begun) = (0u64, Instant::now());
    loop {
        // What it comes to is known; what it costs is asked.
        std::hint::black_box(verify(&key.public(), &message, &signature));
        done += 1;
        let passed = begun.elapsed();
        if passed >= for_this_long {
            return u64::try_from(u128::from(done) * 1_000_000_000 / passed.as_nanos().max(1)).unwrap_or(u64::MAX);
        }
    }
}

/// Signatures known to be good, and behind them the budget. Where it has none left, a signature counts as good so
/// that nothing is verified, and [`Metered::refused`] says so: whatever came out then must not be used.
pub struct Metered<'a> {
    known: &'a dyn VerifiedSignatures,
    budget: &'a SignatureBudget,
    wait: Cell<Option<Duration>>,
}

impl<'a> Metered<'a> {
    /// `known` before `budget`.
    pub fn new(known: &'a dyn VerifiedSignatures, budget: &'a SignatureBudget) -> Self {
        Self { known, budget, wait: Cell::new(None) }
    }

    /// How long to wait before asking again, when a signature was not verified.
    pub fn refused(&self) -> Option<Duration> {
        self.wait.get()
    }
}

impl VerifiedSignatures for Metered<'_> {
    fn contains(&self, signature_key: &Hash) -> bool {
        if self.known.contains(signature_key) {
            return true;
        }
        match self.budget.take(Instant::now()) {
            Ok(()) => false,
            Err(wait) => {
                self.wait.set(Some(wait));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use salus_primitives::runtime_api::NoneVerified;

    use super::*;

    fn limited(per_second: u64) -> SignatureBudget {
        let budget = SignatureBudget::default();
        budget.limit(per_second);
        budget
    }

    /// How many a budget gives at `now`.
    fn drain(budget: &SignatureBudget, now: Instant) -> u64 {
        (0..).take_while(|_| budget.take(now).is_ok()).count() as u64
    }

    #[test]
    fn a_budget_gives_its_rate_and_no_more() {
        let budget = limited(1_000);
        let start = Instant::now();
        assert_eq!(drain(&budget, start), 200, "what a fifth of a second saves");
        assert_eq!(budget.take(start), Err(Duration::from_millis(1)));
        let mut given = 0;
        for step in 1..=100 {
            given += drain(&budget, start + Duration::from_millis(step * 10));
        }
        assert_eq!(given, 1_000, "a second's worth in a second");
    }

    #[test]
    fn a_pause_saves_a_burst_and_no_more() {
        let budget = limited(1_000);
        let start = Instant::now();
        drain(&budget, start);
        assert_eq!(drain(&budget, start + Duration::from_secs(3_600)), 200);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let budget = limited(10);
        let start = Instant::now() + Duration::from_secs(10);
        drain(&budget, start);
        assert!(budget.take(start - Duration::from_secs(5)).is_err());
        assert!(budget.take(start).is_err());
    }

    #[test]
    fn even_the_smallest_budget_lets_one_through_in_its_time() {
        let budget = limited(1);
        let start = Instant::now() + Duration::from_secs(2);
        assert_eq!(drain(&budget, start), 1);
        let wait = budget.take(start).unwrap_err();
        assert_eq!(budget.take(start + wait), Ok(()));
    }

    #[test]
    fn the_share_is_three_fifths_of_what_all_cores_can_do() {
        assert_eq!(share(20_000, 2), 24_000);
        assert_eq!(share(33, 2), 39);
        assert!(measured_rate() >= RATE_MIN);
        let budget = SignatureBudget::default();
        assert_eq!(budget.rate(), None);
        assert!((0..100_000).all(|_| budget.take(Instant::now()).is_ok()));
    }

    #[test]
    fn what_is_known_costs_nothing_and_what_the_budget_lacks_is_not_verified() {
        struct AllVerified;
        impl VerifiedSignatures for AllVerified {
            fn contains(&self, _: &Hash) -> bool {
                true
            }
        }
        let budget = limited(0);
        let known = Metered::new(&AllVerified, &budget);
        assert!((0..10).all(|_| known.contains(&Hash::ZERO)));
        assert_eq!(known.refused(), None);
        let metered = Metered::new(&NoneVerified, &budget);
        assert!(metered.contains(&Hash::ZERO), "so that it is not verified");
        assert!(metered.refused() == Some(Duration::from_secs(1)));
    }
}
