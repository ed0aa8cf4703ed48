//! What peers did wrong, and whom that makes unwelcome for a while.
//!
//! Points fade, so that rare accidents never add up; a hundred at once end the connection. Only what a peer itself
//! sent counts against it, never what somebody else put into its hands.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    limits::{
        FORGIVEN_AFTER, POINT_FADES, POINTS_BAD_RANGE, POINTS_FLOOD, POINTS_MALFORMED, POINTS_MAX, POINTS_UNPROVEN,
        REFUSED_MAX, REFUSED_MIN,
    },
    peer::PeerKey,
};

/// What no honest peer does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Offence {
    /// Sent bytes that are no message: another form, too long, not canonical. Ends the connection at once.
    Malformed,
    /// Went over one of its quotas during a second. Five in a row end the connection.
    Flood,
    /// Sent a message whose signature or certificate does not fit, or that no honest validator signs.
    Unproven,
    /// Answered with blocks that do not follow or are not certified. Ends the connection at once.
    BadRange,
}

impl Offence {
    fn points(self) -> u32 {
        match self {
            Self::Malformed => POINTS_MALFORMED,
            Self::Flood => POINTS_FLOOD,
            Self::Unproven => POINTS_UNPROVEN,
            Self::BadRange => POINTS_BAD_RANGE,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Score {
    points: u32,
    /// When the points were last looked at.
    at: Instant,
    /// How often it was refused.
    refusals: u32,
    /// Until when it is refused.
    until: Option<Instant>,
}

/// The points of all peers that have any.
#[derive(Default, Debug)]
pub struct Scores(BTreeMap<PeerKey, Score>);

impl Scores {
    /// `peer` offended. For how long it is refused, if this was too much.
    pub fn offend(&mut self, peer: PeerKey, offence: Offence, now: Instant) -> Option<Duration> {
        let score = self.0.entry(peer).or_insert(Score { points: 0, at: now, refusals: 0, until: None });
        score.fade(now);
        score.points = score.points.saturating_add(offence.points());
        if score.points < POINTS_MAX {
            return None;
        }
        let wait = REFUSED_MIN.saturating_mul(1 << score.refusals.min(16)).min(REFUSED_MAX);
        score.refusals = score.refusals.saturating_add(1);
        score.points = 0;
        score.until = Some(now + wait);
        Some(wait)
    }

    /// Refuse `peer` for a while, for a reason that is no offence.
    pub fn refuse(&mut self, peer: PeerKey, wait: Duration, now: Instant) {
        let score = self.0.entry(peer).or_insert(Score { points: 0, at: now, refusals: 0, until: None });
        let until = now + wait;
        score.until = Some(score.until.map_or(until, |old| old.max(until)));
    }

    /// Is `peer` refused?
    pub fn is_refused(&self, peer: &PeerKey, now: Instant) -> bool {
        self.0.get(peer).and_then(|score| score.until).is_some_and(|until| now < until)
    }

    /// Its points, as of now.
    pub fn points(&self, peer: &PeerKey, now: Instant) -> u32 {
        self.0.get(peer).map_or(0, |score| {
            let mut score = *score;
            score.fade(now);
            score.points
        })
    }

    /// Forget what is long over, so that the table stays small.
    pub fn sweep(&mut self, now: Instant) {
        self.0.retain(|_, score| {
            score.fade(now);
            let idle = now.saturating_duration_since(score.until.unwrap_or(score.at).max(score.at));
            score.points > 0 || score.until.is_some_and(|until| now < until) || idle < FORGIVEN_AFTER
        });
    }
}

impl Score {
    fn fade(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at);
        let faded = u32::try_from(elapsed.as_nanos() / POINT_FADES.as_nanos()).unwrap_or(u32::MAX);
        if faded == 0 {
            return;
        }
        // Only while points are there does the moment of the last look move; a clean record just grows old.
        if self.points > 0 {
            self.points = self.points.saturating_sub(faded);
            self.at += POINT_FADES.saturating_mul(faded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);
    const OTHER: PeerKey = PeerKey([2; 32]);

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn malformed_bytes_and_a_lying_range_end_it_at_once() {
        let now = Instant::now();
        for offence in [Offence::Malformed, Offence::BadRange] {
            let mut scores = Scores::default();
            assert_eq!(scores.offend(PEER, offence, now), Some(REFUSED_MIN));
            assert!(scores.is_refused(&PEER, now));
            assert!(!scores.is_refused(&OTHER, now));
            assert!(!scores.is_refused(&PEER, now + REFUSED_MIN));
        }
    }

    #[test]
    fn five_seconds_of_flood_end_it_and_four_do_not() {
        let mut scores = Scores::default();
        let start = Instant::now();
        for second in 0..4 {
            assert_eq!(scores.offend(PEER, Offence::Flood, start + secs(second)), None);
        }
        assert_eq!(scores.offend(PEER, Offence::Flood, start + secs(4)), Some(REFUSED_MIN));
    }

    #[test]
    fn rare_accidents_never_add_up() {
        let mut scores = Scores::default();
        let start = Instant::now();
        for minute in 0..1_000 {
            assert_eq!(scores.offend(PEER, Offence::Unproven, start + secs(60 * minute)), None);
        }
        assert_eq!(scores.points(&PEER, start + secs(60 * 999)), POINTS_UNPROVEN);
        assert_eq!(scores.points(&PEER, start + secs(60 * 999 + 20)), POINTS_UNPROVEN - 20);
        assert_eq!(scores.points(&PEER, start + secs(60 * 1_000)), 0);
    }

    #[test]
    fn each_refusal_is_twice_as_long_up_to_ten_minutes_and_an_hour_of_peace_forgives() {
        let mut scores = Scores::default();
        let mut now = Instant::now();
        for expected in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(scores.offend(PEER, Offence::Malformed, now), Some(secs(expected)));
            now += secs(expected);
        }
        scores.sweep(now + FORGIVEN_AFTER - secs(1));
        assert_eq!(scores.offend(PEER, Offence::Malformed, now + FORGIVEN_AFTER - secs(1)), Some(REFUSED_MAX));
        now += FORGIVEN_AFTER + REFUSED_MAX + FORGIVEN_AFTER;
        scores.sweep(now);
        assert_eq!(scores.offend(PEER, Offence::Malformed, now), Some(REFUSED_MIN));
    }

    #[test]
    fn a_refusal_that_is_no_offence_counts_for_nothing_later() {
        let mut scores = Scores::default();
        let now = Instant::now();
        scores.refuse(PEER, secs(60), now);
        assert!(scores.is_refused(&PEER, now + secs(59)));
        assert!(!scores.is_refused(&PEER, now + secs(60)));
        assert_eq!(scores.offend(PEER, Offence::Malformed, now + secs(60)), Some(REFUSED_MIN));
    }
}
