//! The links between nodes: how long a frame takes, whether it arrives, and how often.

use crate::chance::Chance;

/// What a link does to a frame, in µs and per thousand.
#[derive(Clone, Copy, Debug)]
pub struct Quality {
    /// Shortest and longest time on the way.
    pub delay: (u64, u64),
    /// Frames lost.
    pub lost: u64,
    /// Frames that arrive twice.
    pub doubled: u64,
}

/// All links of a world.
pub struct Links {
    /// In quiet times.
    pub calm: Quality,
    /// Now.
    pub now: Quality,
    /// Extra time to and from a node, µs.
    pub slow: Vec<u64>,
    /// Cut, from and to.
    cut: Vec<Vec<bool>>,
}

impl Links {
    /// Whole links between `count` nodes.
    pub fn new(count: usize, calm: Quality) -> Self {
        Self { calm, now: calm, slow: vec![0; count], cut: vec![vec![false; count]; count] }
    }

    /// Cut one direction.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut[from][to] = true;
    }

    /// Is this direction cut?
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut[from][to]
    }

    /// All directions that are cut.
    pub fn cuts(&self) -> Vec<(usize, usize)> {
        let rows = self.cut.iter().enumerate();
        rows.flat_map(|(from, row)| row.iter().enumerate().filter(|(_, cut)| **cut).map(move |(to, _)| (from, to)))
            .collect()
    }

    /// Make all links whole again, and as good as in quiet times.
    pub fn heal(&mut self) {
        for row in &mut self.cut {
            row.fill(false);
        }
    }

    /// Quiet times: nothing is lost, nothing is slow beyond the ordinary. What is cut stays cut.
    pub fn calm_down(&mut self) {
        self.now = Quality { lost: 0, doubled: 0, ..self.calm };
        self.slow.fill(0);
    }

    /// After how many µs each copy of a frame arrives.
    pub fn carry(&self, from: usize, to: usize, chance: &mut Chance) -> Vec<u64> {
        // Drawn in any case, so that one lost frame does not change all that follows.
        let (lost, doubled) = (chance.permille(self.now.lost), chance.permille(self.now.doubled));
        if self.cut[from][to] || lost {
            return Vec::new();
        }
        let copies = if doubled { 2 } else { 1 };
        let (least, most) = self.now.delay;
        (0..copies).map(|_| chance.within(least, most) + self.slow[from] + self.slow[to]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Quality = Quality { delay: (5, 9), lost: 0, doubled: 0 };

    #[test]
    fn a_cut_takes_one_direction_and_healing_gives_it_back() {
        let (mut links, mut chance) = (Links::new(3, CALM), Chance::new(1, 0));
        links.cut(0, 1);
        assert!(links.carry(0, 1, &mut chance).is_empty());
        assert_eq!(links.carry(1, 0, &mut chance).len(), 1);
        assert_eq!(links.cuts(), [(0, 1)]);
        links.heal();
        assert_eq!(links.carry(0, 1, &mut chance).len(), 1);
    }

    #[test]
    fn frames_take_their_time_and_a_slow_node_adds_its_own() {
        let (mut links, mut chance) = (Links::new(2, CALM), Chance::new(1, 0));
        links.slow[1] = 100;
        for _ in 0..50 {
            assert!(links.carry(0, 1, &mut chance).iter().all(|delay| (105..=109).contains(delay)));
        }
    }

    #[test]
    fn loss_and_doubling_happen_as_often_as_they_should() {
        let (mut links, mut chance) = (Links::new(2, CALM), Chance::new(1, 0));
        links.now = Quality { lost: 100, doubled: 200, ..CALM };
        let copies: Vec<_> = (0..10_000).map(|_| links.carry(0, 1, &mut chance).len()).collect();
        let count = |number| copies.iter().filter(|copies| **copies == number).count();
        assert!((900..1_100).contains(&count(0)), "{}", count(0));
        assert!((1_600..2_000).contains(&count(2)), "{}", count(2));
    }
}
