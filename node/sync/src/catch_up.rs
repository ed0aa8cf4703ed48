//! Whom to ask for which blocks, and when. Nothing here trusts a peer: a claimed height is only a reason to ask, and
//! what comes back counts once its certificates were verified, elsewhere.

use std::{collections::BTreeMap, time::Duration};

use salus_primitives::Height;

/// Most blocks asked for at once.
pub const RANGE_MAX: u32 = 64;
/// How long an answer is awaited at most.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer without a block is awaited, and each block in it besides: who lacks one or two, and whose question
/// was lost, asks another peer within a few seconds, since the network may need this node's vote.
pub const ANSWER_BASE: Duration = Duration::from_secs(2);
/// See [`ANSWER_BASE`]. The largest block is 2 MiB.
pub const ANSWER_PER_BLOCK: Duration = Duration::from_secs(1);
/// How long a validator that lacks the newest block only waits for its own consensus to decide it.
pub const GRACE: Duration = Duration::from_millis(500);
/// How long a peer that failed is not asked again: doubled with each failure.
pub const BENCH_MIN: Duration = Duration::from_millis(500);
/// Longest time a peer is not asked.
pub const BENCH_MAX: Duration = Duration::from_secs(60);

/// What to ask, of whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask<P> {
    /// Of this peer.
    pub peer: P,
    /// The first height.
    pub from: Height,
    /// At most so many blocks.
    pub max: u32,
}

/// What is known of a peer.
#[derive(Clone, Copy, Default)]
struct Claim {
    /// The tip it speaks of.
    tip: Height,
    failures: u32,
    /// Not asked before this.
    benched_until: Duration,
    /// When it was asked last; who waited longest goes first.
    asked: Duration,
}

/// The state of catching up, for a node whose peers are told apart by `P`.
pub struct CatchUp<P> {
    votes: bool,
    peers: BTreeMap<P, Claim>,
    asked: Option<(P, Duration)>,
    tip: Height,
    /// Since when a peer's claim is above the tip.
    behind_since: Option<Duration>,
}

impl<P: Copy + Ord> CatchUp<P> {
    /// Of a node that votes, or of one that only follows: that one asks for every block at once.
    pub fn new(votes: bool) -> Self {
        Self { votes, peers: BTreeMap::new(), asked: None, tip: Height::GENESIS, behind_since: None }
    }

    /// A peer says that `claimed` is final for it; `tip` is final here.
    pub fn heard(&mut self, peer: P, claimed: Height, tip: Height, now: Duration) {
        self.moved(tip, now);
        self.peers.entry(peer).or_default().tip = claimed;
        if claimed > tip && self.behind_since.is_none() {
            self.behind_since = Some(now);
        }
    }

    /// What `peer` sends makes sense only if `least` is final somewhere; `tip` is final here. It may have more, so this
    /// lowers no claim of its own.
    pub fn hinted(&mut self, peer: P, least: Height, tip: Height, now: Duration) {
        if self.peers.get(&peer).is_none_or(|claim| claim.tip < least) {
            self.heard(peer, least, tip, now);
        }
    }

    /// A peer is no longer there.
    pub fn gone(&mut self, peer: &P) {
        self.peers.remove(peer);
        self.asked.take_if(|(asked, _)| asked == peer);
    }

    /// `peer` answered: was it asked?
    pub fn answered(&mut self, peer: &P) -> bool {
        self.asked.take_if(|(asked, _)| asked == peer).is_some()
    }

    /// Everything `peer` answered was good.
    pub fn served(&mut self, peer: &P) {
        if let Some(claim) = self.peers.get_mut(peer) {
            claim.failures = 0;
        }
    }

    /// `peer` did not answer, or what it answered was of no use: its claim is forgotten, and it is not asked for a
    /// while.
    pub fn failed(&mut self, peer: &P, now: Duration) {
        self.asked.take_if(|(asked, _)| asked == peer);
        if let Some(claim) = self.peers.get_mut(peer) {
            claim.tip = Height::GENESIS;
            claim.benched_until = now + BENCH_MIN.saturating_mul(1 << claim.failures.min(16)).min(BENCH_MAX);
            claim.failures = claim.failures.saturating_add(1);
        }
    }

    /// How many blocks the highest claim is above `tip`.
    pub fn behind(&self, tip: Height) -> u32 {
        self.best().0.saturating_sub(tip.0)
    }

    /// What to ask now, `tip` being final here. At most one question is open at a time.
    pub fn due(&mut self, tip: Height, now: Duration) -> Option<Ask<P>> {
        self.moved(tip, now);
        if let Some((peer, until)) = self.asked {
            if now < until {
                return None;
            }
            self.failed(&peer, now);
        }
        if now < self.patience()? {
            return None;
        }
        let ahead = self.peers.iter().filter(|(_, claim)| claim.tip > tip && claim.benched_until <= now);
        let (peer, _) = ahead.min_by_key(|(_, claim)| (claim.failures, claim.asked))?;
        let peer = *peer;
        let claim = self.peers.entry(peer).or_default();
        claim.asked = now;
        let blocks = claim.tip.0.saturating_sub(tip.0).min(RANGE_MAX);
        let within = (ANSWER_BASE + ANSWER_PER_BLOCK * blocks).min(ANSWER_WITHIN);
        self.asked = Some((peer, now + within));
        Some(Ask { peer, from: tip.next(), max: RANGE_MAX })
    }

    /// When [`CatchUp::due`] may have something new to say, if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        if let Some((_, until)) = self.asked {
            return Some(until);
        }
        let patience = self.patience()?;
        let ahead = self.peers.values().filter(|claim| claim.tip > self.tip);
        ahead.map(|claim| claim.benched_until.max(patience)).min()
    }

    /// Until when to wait before asking; none where no claim is above the tip. A validator one block behind will
    /// most likely decide it by itself.
    fn patience(&self) -> Option<Duration> {
        let since = self.behind_since?;
        let lag = self.behind(self.tip);
        (lag > 0).then(|| if self.votes && lag == 1 { since + GRACE } else { since })
    }

    fn best(&self) -> Height {
        self.peers.values().map(|claim| claim.tip).max().unwrap_or_default()
    }

    fn moved(&mut self, tip: Height, now: Duration) {
        if tip != self.tip {
            self.tip = tip;
            self.behind_since = (self.best() > tip).then_some(now);
        }
    }
}

#[cfg(test)]
#[path = "catch_up_tests.rs"]
mod tests;
