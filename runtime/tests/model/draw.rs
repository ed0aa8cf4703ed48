//! Random numbers from a seed, and sequences of steps made of them. A step is two numbers: what comes of them is decided
//! when it is taken, by what stands then. So any step can be left out of a sequence, and the rest is one.

/// SplitMix64: small, and the same everywhere.
#[derive(Clone)]
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// So many times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of them, none of none.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { Some(items[self.below(items.len())].clone()) }
    }

    /// One of them.
    pub fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// Up to `most` of them, each once.
    pub fn some<T: Clone>(&mut self, items: &[T], most: usize) -> Vec<T> {
        let mut left = items.to_vec();
        let count = if items.is_empty() { 0 } else { 1 + self.below(most.min(items.len())) };
        (0..count).map(|_| left.swap_remove(self.below(left.len()))).collect()
    }
}

/// One step: a block begins with it, after a wait drawn from this number, or it joins the block there is; then a call
/// drawn from the other number.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub wait: Option<u64>,
    pub call: u64,
}

/// The steps of a seed: 30 to 80.
pub fn steps(seed: u64) -> Vec<Step> {
    let mut draw = Draw::new(seed);
    let count = draw.between(30, 80);
    (0..count)
        .map(|_| {
            let wait = draw.chance(55).then(|| draw.next());
            Step { wait, call: draw.next() }
        })
        .collect()
}
