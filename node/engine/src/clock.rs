//! Time as the engine sees it, so that a test can bring its own.

use std::time::{SystemTime, UNIX_EPOCH};

use salus_primitives::Moment;

/// Tells the time for block times. Timeouts do not use it: they run on the monotonic clock.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Moment;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The machine's clock, off by so many milliseconds: to see what the others make of a node whose clock is wrong.
pub struct WrongClock(pub i64);

impl Clock for WrongClock {
    fn now(&self) -> Moment {
        Moment(SystemClock.now().0.saturating_add_signed(self.0))
    }
}
