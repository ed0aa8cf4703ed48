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
