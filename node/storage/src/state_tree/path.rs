//! Places in the tree, and the keys under which their nodes lie on disk.

use salus_primitives::{Hash, Height};

/// The nibbles from the root to a node. In order of their keys on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Path {
    count: u8,
    /// Two to a byte, the high one first; zero behind the last.
    nibbles: [u8; 32],
}

/// Most nibbles of a path: those of a whole tree key.
const COUNT_MAX: u8 = 64;

impl Path {
    /// The root.
    pub(super) const ROOT: Self = Self { count: 0, nibbles: [0; 32] };

    /// How many nibbles.
    pub(super) fn count(&self) -> usize {
        self.count.into()
    }

    /// One further down.
    ///
    /// # Panics
    /// Below the last nibble of a key: no two keys go there, and [`Path::is_whole`] tells a damaged tree that does.
    pub(super) fn down(mut self, nibble: u8) -> Self {
        let high = self.count.is_multiple_of(2);
        self.nibbles[usize::from(self.count / 2)] |= if high { nibble << 4 } else { nibble };
        self.count += 1;
        self
    }

    /// Is it a whole key? Only a leaf can lie there.
    pub(super) fn is_whole(&self) -> bool {
        self.count == COUNT_MAX
    }

    /// The key under which the node lies that `height` put here.
    pub(super) fn key(&self, height: Height) -> Vec<u8> {
        let mut key = Vec::with_capacity(5 + self.count().div_ceil(2));
        key.extend(height.0.to_be_bytes());
        key.push(self.count);
        key.extend(&self.nibbles[..self.count().div_ceil(2)]);
        key
    }
}

/// The nibble of `key` that chooses among the children of a node at `depth`.
pub(super) fn nibble(key: &Hash, depth: usize) -> u8 {
    let byte = key.0[depth / 2];
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}
