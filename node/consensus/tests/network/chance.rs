//! What chance and malice may do in a run.

/// Numbers that look random and are the same in every run.
pub struct Xorshift(u64);

impl Xorshift {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// How the links behave.
#[derive(Clone, Copy)]
pub struct Links {
    /// Delay in ms, from and to.
    pub delay: (u64, u64),
    /// Frames lost, per thousand.
    pub lost: u64,
    /// Frames delivered twice, per thousand.
    pub doubled: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self { delay: (5, 30), lost: 0, doubled: 0 }
    }
}

/// How a node behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conduct {
    Honest,
    /// Says nothing and hears nothing.
    Silent,
    /// Votes and proposes one thing to one half and another to the other.
    Equivocating,
    /// Proposes blocks that are invalid.
    BadBlocks,
    /// Proposes blocks with a time this far ahead of its clock, in ms.
    Hasty(u64),
}
