//! Heights, moments and windows: newtypes with the algebra that makes sense for them.

use core::fmt;
use parity_scale_codec::{CompactAs, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Number of a block. Genesis is 0. Four bytes, as every Substrate client expects.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    CompactAs,
    TypeInfo,
    Debug,
)]
pub struct Height(pub u32);

impl Height {
    /// The genesis height.
    pub const GENESIS: Self = Self(0);

    /// The height after this one. The chain ends at `u32::MAX`: at one block every 200 ms that is 27 years.
    ///
    /// # Panics
    /// At `u32::MAX`.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("the chain is shorter than 2^32 blocks"))
    }

    /// The height before this one, none at genesis.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Block time: milliseconds since the Unix epoch, as the header's digest states it (decision 20).
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Debug,
)]
pub struct Moment(pub u64);

/// One second, in milliseconds.
pub const SECOND: u64 = 1_000;
/// One minute, in milliseconds.
pub const MINUTE: u64 = 60 * SECOND;
/// One hour, in milliseconds.
pub const HOUR: u64 = 60 * MINUTE;
/// One day, in milliseconds.
pub const DAY: u64 = 24 * HOUR;
/// One year of 365 days, in milliseconds.
pub const YEAR: u64 = 365 * DAY;

impl Moment {
    /// This moment and `ms` more, saturating: a moment beyond `u64::MAX` is never reached.
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, zero if that is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Which day since the epoch this is: the window of daily quotas.
    pub fn day(self) -> u32 {
        u32::try_from(self.0 / DAY).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A half-open window of block time: `[from, until)`.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Window {
    /// First moment inside.
    pub from: Moment,
    /// First moment after.
    pub until: Moment,
}

impl Window {
    /// Is `t` inside?
    pub fn contains(&self, t: Moment) -> bool {
        self.from <= t && t < self.until
    }

    /// Length in milliseconds, zero when it is empty or reversed.
    pub fn length(&self) -> u64 {
        self.until.since(self.from)
    }

    /// Does it lie within `outer`?
    pub fn is_within(&self, outer: &Self) -> bool {
        outer.from <= self.from && self.until <= outer.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { from: Moment(10), until: Moment(20) };
        assert!(!window.contains(Moment(9)));
        assert!(window.contains(Moment(10)));
        assert!(window.contains(Moment(19)));
        assert!(!window.contains(Moment(20)));
    }

    #[test]
    fn an_unending_sum_saturates() {
        assert_eq!(Moment(u64::MAX).plus(1), Moment(u64::MAX));
        assert_eq!(Window { from: Moment(5), until: Moment(1) }.length(), 0);
    }
}
