//! The clock's part in accepting a block (formats.md 5), as arithmetic on moments that come in.
//!
//! The clock is asked once, about a fresh block, by the engine, which tells the host in
//! [`Judgement`](crate::Judgement). That an untimely value becomes acceptable once a quorum stands
//! behind it is the host's business: the engine never judges twice.

use salus_primitives::{Moment, time::SECOND};

/// How far a fresh block's time may lie from the validator's clock, either way, in ms.
pub const CLOCK_TOLERANCE: u64 = 5 * SECOND;

/// What the times of a block and its parent and the local clock say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeVerdict {
    /// Near enough to the clock.
    Timely,
    /// Too far from this clock: this validator does not prevote for it when it is fresh. Others may, and a quorum
    /// of them outweighs this clock.
    Untimely,
    /// Not after its parent: such a block is invalid everywhere and for ever.
    NotAfterParent,
}

/// Judge the time of a block by `clock`.
///
/// Timely is a block at most [`CLOCK_TOLERANCE`] away from the clock; and where the parent is ahead of the clock,
/// so that no time is both near the clock and after the parent, the block one millisecond after its parent.
pub fn judge_time(parent: Moment, block: Moment, clock: Moment) -> TimeVerdict {
    if block <= parent {
        return TimeVerdict::NotAfterParent;
    }
    let least_after_parent = parent > clock && block == parent.plus(1);
    if block.0.abs_diff(clock.0) <= CLOCK_TOLERANCE || least_after_parent {
        TimeVerdict::Timely
    } else {
        TimeVerdict::Untimely
    }
}

/// The time an honest proposer gives its block: its clock's, or one millisecond after the parent where that is later.
pub fn block_time(parent: Moment, clock: Moment) -> Moment {
    clock.max(parent.plus(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Moment = Moment(1_000_000);

    fn judge(parent: u64, block: u64) -> TimeVerdict {
        judge_time(Moment(parent), Moment(block), CLOCK)
    }

    #[test]
    fn the_window_is_five_seconds_to_the_millisecond_on_both_sides() {
        assert_eq!(judge(0, 995_000), TimeVerdict::Timely);
        assert_eq!(judge(0, 994_999), TimeVerdict::Untimely);
        assert_eq!(judge(0, 1_005_000), TimeVerdict::Timely);
        assert_eq!(judge(0, 1_005_001), TimeVerdict::Untimely);
    }

    #[test]
    fn time_must_rise_even_within_the_window() {
        assert_eq!(judge(1_000_000, 1_000_000), TimeVerdict::NotAfterParent);
        assert_eq!(judge(1_000_001, 1_000_000), TimeVerdict::NotAfterParent);
        assert_eq!(judge(999_999, 1_000_000), TimeVerdict::Timely);
    }

    #[test]
    fn a_parent_far_ahead_of_the_clock_allows_one_millisecond_more_and_no_other_time() {
        assert_eq!(judge(2_000_000, 2_000_001), TimeVerdict::Timely);
        assert_eq!(judge(2_000_000, 2_000_002), TimeVerdict::Untimely);
        assert_eq!(judge(2_000_000, 1_999_999), TimeVerdict::NotAfterParent);
    }

    #[test]
    fn a_parent_behind_the_clock_gives_no_such_allowance() {
        assert_eq!(judge(900_000, 900_001), TimeVerdict::Untimely);
    }

    #[test]
    fn the_end_of_time_is_judged_without_overflow() {
        let end = Moment(u64::MAX);
        assert_eq!(judge_time(end, end, CLOCK), TimeVerdict::NotAfterParent);
        assert_eq!(judge_time(Moment(0), end, CLOCK), TimeVerdict::Untimely);
        assert_eq!(judge_time(Moment(0), Moment(1), end), TimeVerdict::Untimely);
    }

    #[test]
    fn what_an_honest_proposer_states_is_timely_by_its_own_clock() {
        for parent in [0, 999_999, 1_000_000, 1_000_001, 1_004_999, 1_005_000, 9_000_000] {
            let stated = block_time(Moment(parent), CLOCK);
            assert_eq!(judge_time(Moment(parent), stated, CLOCK), TimeVerdict::Timely, "parent at {parent}");
        }
    }
}
