//! What the server counts, for metrics: what it served, and what it refused and why.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was refused or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cause {
    /// A socket: there was no room for any.
    Sockets,
    /// A socket: its address had as many as it may.
    SocketsOfAddress,
    /// A request without the token.
    Token,
    /// A request for a name that is not served.
    Host,
    /// A request of a web page that may not ask.
    Origin,
    /// A request by another HTTP method than POST, or for a WebSocket where none can be.
    Method,
    /// A head or body beyond its limit.
    TooLarge,
    /// A head or body that took too long.
    TooSlow,
    /// JSON nested too deep.
    TooDeep,
    /// A call that found no turn in time, or came too soon.
    Busy,
    /// A subscription: all were taken.
    Subscriptions,
    /// A connection that did not read what it had asked for was cut.
    SlowReader,
}

impl Cause {
    /// All of them, in the order of [`Figures::refused`](crate::Figures::refused).
    pub const ALL: [Self; 12] = [
        Self::Sockets,
        Self::SocketsOfAddress,
        Self::Token,
        Self::Host,
        Self::Origin,
        Self::Method,
        Self::TooLarge,
        Self::TooSlow,
        Self::TooDeep,
        Self::Busy,
        Self::Subscriptions,
        Self::SlowReader,
    ];

    /// Its name in metrics: lower case, words joined by underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sockets => "sockets",
            Self::SocketsOfAddress => "sockets_of_address",
            Self::Token => "token",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Method => "method",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::TooDeep => "too_deep",
            Self::Busy => "busy",
            Self::Subscriptions => "subscriptions",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// Counters of the server. Each only rises.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub sockets: AtomicU64,
    pub calls: AtomicU64,
    refused: [AtomicU64; Cause::ALL.len()],
}

impl Counters {
    /// One more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// One more was refused.
    pub fn refuse(&self, cause: Cause) {
        Self::count(&self.refused[cause as usize]);
    }

    /// How many were refused for each cause, in the order of [`Cause::ALL`].
    pub fn refused(&self) -> [u64; Cause::ALL.len()] {
        std::array::from_fn(|cause| self.refused[cause].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_cause_has_a_place_and_a_name_of_its_own() {
        for (place, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place, "{cause:?}");
        }
        assert_eq!(Cause::ALL.map(Cause::name).iter().collect::<BTreeSet<_>>().len(), Cause::ALL.len());
    }

    #[test]
    fn a_refusal_counts_for_its_cause_alone() {
        let counters = Counters::default();
        counters.refuse(Cause::TooSlow);
        let counted: Vec<_> = Cause::ALL.into_iter().zip(counters.refused()).filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(Cause::TooSlow, 1)]);
    }
}
