//! One block's changes, worked into the tree from the root down: whatever no change touches stays as it is and is
//! not even read.

use std::{panic::resume_unwind, thread};

use salus_primitives::{Hash, Height};

use super::{
    node::{Branch, Child, Leaf},
    nodes::Reading,
    path::{Path, nibble},
};
use crate::StorageError;

/// From how many changes on the sixteen parts under the root are shared among threads: below it, starting one takes
/// as long as what it would do.
pub(super) const SHARED_MIN: usize = 512;

/// What one key becomes: none where it goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Change {
    /// SHA-256 of the storage key.
    pub key: Hash,
    /// SHA-256 of the new value.
    pub value: Option<Hash>,
}

/// A node that is no longer part of the newest tree. In order of their keys on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Replaced {
    pub height: Height,
    pub path: Path,
}

/// What changes made of a part of the tree.
enum Outcome {
    /// Every key in it has the value it had.
    Same,
    /// Another node, or none.
    New(Option<Child>),
}

/// An update being made.
pub(super) struct Update<'a> {
    pub reading: Reading<'a>,
    /// The height whose state comes out.
    pub height: Height,
    /// How many threads it may use.
    pub threads: usize,
}

impl Update<'_> {
    /// The root after `changes`, which are sorted by key, and what it replaces. Without any change that is one, the
    /// root is the parent's, written anew for this height.
    pub(super) fn root(
        &self,
        parent: Option<Height>,
        root: Option<&Child>,
        changes: &[Change],
    ) -> Result<(Option<Child>, Vec<Replaced>), StorageError> {
        let mut replaced = Vec::with_capacity(2 * changes.len());
        let outcome = match root {
            Some(child) if self.threads > 1 && changes.len() >= SHARED_MIN && !child.is_leaf() => {
                let branch = self.reading.branch(&Path::ROOT, child)?;
                let parts = self.shared(&branch, changes, &mut replaced)?;
                self.branch(Path::ROOT, child, &branch, parts, &mut replaced)?
            }
            _ => self.part(Path::ROOT, root, changes, &mut replaced)?,
        };
        let after = match outcome {
            Outcome::New(after) => after,
            Outcome::Same => root.cloned().map(|child| Child { height: self.height, ..child }),
        };
        // Whatever became of the keys, each height has a root of its own.
        let written = replaced.last().is_some_and(|last| last.path == Path::ROOT);
        replaced.extend(parent.filter(|_| !written).map(|height| Replaced { height, path: Path::ROOT }));
        Ok((after, replaced))
    }

    /// The part of the tree at `path`, which is `before`, after `changes` of keys in it.
    fn part(
        &self,
        path: Path,
        before: Option<&Child>,
        changes: &[Change],
        replaced: &mut Vec<Replaced>,
    ) -> Result<Outcome, StorageError> {
        let Some(before) = before else {
            let leaves: Vec<Leaf> = changes.iter().filter_map(Change::leaf).collect();
            return Ok(match self.grown(path.count(), &leaves) {
                None => Outcome::Same,
                grown => Outcome::New(grown),
            });
        };
        if before.is_leaf() {
            return self.leaf(path, before, changes, replaced);
        }
        let branch = self.reading.branch(&path, before)?;
        let parts = self.parts(path, &branch, changes, replaced)?;
        self.branch(path, before, &branch, parts, replaced)
    }

    fn leaf(
        &self,
        path: Path,
        before: &Child,
        changes: &[Change],
        replaced: &mut Vec<Replaced>,
    ) -> Result<Outcome, StorageError> {
        let leaf = self.reading.leaf(&path, before)?;
        let mut leaves: Vec<Leaf> = changes.iter().filter_map(Change::leaf).collect();
        if let Err(place) = changes.binary_search_by(|change| change.key.cmp(&leaf.key)) {
            // Nobody changed it; but another may come beside it and push it further down.
            let place = place - changes[..place].iter().filter(|change| change.value.is_none()).count();
            leaves.insert(place, leaf);
        }
        if leaves == [leaf] {
            return Ok(Outcome::Same);
        }
        replaced.push(Replaced { height: before.height, path });
        Ok(Outcome::New(self.grown(path.count(), &leaves)))
    }

    /// A new part of the tree with these keys, sorted, which share their first `depth` nibbles.
    fn grown(&self, depth: usize, leaves: &[Leaf]) -> Option<Child> {
        match leaves {
            [] => None,
            [leaf] => Some(Child::leaf(self.height, *leaf)),
            _ => {
                let (mut exists, mut children) = (0u16, Vec::with_capacity(leaves.len().min(16)));
                for part in leaves.chunk_by(|a, b| nibble(&a.key, depth) == nibble(&b.key, depth)) {
                    exists |= 1 << nibble(&part[0].key, depth);
                    children.extend(self.grown(depth + 1, part));
                }
                let (branch, hash) = Branch::new(exists, children, u16::MAX, None);
                Some(Child::branch(self.height, hash, branch))
            }
        }
    }

    /// What becomes of the children of `branch` that `changes` touch: those that differ, in order.
    fn parts(
        &self,
        path: Path,
        branch: &Branch,
        changes: &[Change],
        replaced: &mut Vec<Replaced>,
    ) -> Result<Vec<(u8, Option<Child>)>, StorageError> {
        let depth = path.count();
        let mut parts = Vec::new();
        for part in changes.chunk_by(|a, b| nibble(&a.key, depth) == nibble(&b.key, depth)) {
            let nibble = nibble(&part[0].key, depth);
            if let Outcome::New(child) = self.part(path.down(nibble), branch.child(nibble), part, replaced)? {
                parts.push((nibble, child));
            }
        }
        Ok(parts)
    }

    /// As [`Self::parts`] of the root, by several threads.
    fn shared(
        &self,
        root: &Branch,
        changes: &[Change],
        replaced: &mut Vec<Replaced>,
    ) -> Result<Vec<(u8, Option<Child>)>, StorageError> {
        let shares = shares(changes, self.threads);
        let done: Vec<_> = thread::scope(|scope| {
            let work = |share| {
                let mut replaced = Vec::with_capacity(2 * changes.len() / self.threads);
                self.parts(Path::ROOT, root, share, &mut replaced).map(|parts| (parts, replaced))
            };
            let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let mut all = Vec::new();
        for share in done {
            let (parts, gone) = share?;
            all.extend(parts);
            replaced.extend(gone);
        }
        Ok(all)
    }

    /// A branch with some children changed: another branch, the one leaf that is left, or nothing.
    fn branch(
        &self,
        path: Path,
        before: &Child,
        branch: &Branch,
        parts: Vec<(u8, Option<Child>)>,
        replaced: &mut Vec<Replaced>,
    ) -> Result<Outcome, StorageError> {
        if parts.is_empty() {
            return Ok(Outcome::Same);
        }
        let changed = parts.iter().fold(0u16, |bits, (nibble, _)| bits | 1 << nibble);
        let mut exists = 0u16;
        let mut children = Vec::with_capacity(branch.children().count() + parts.len());
        let mut parts = parts.into_iter();
        for nibble in 0..16u8 {
            let child = if changed >> nibble & 1 == 1 {
                parts.next().and_then(|(_, child)| child)
            } else {
                branch.child(nibble).cloned()
            };
            exists |= u16::from(child.is_some()) << nibble;
            children.extend(child);
        }
        let after = match &children[..] {
            [] => None,
            [only] if only.is_leaf() => {
                let below = path.down(exists.trailing_zeros() as u8);
                let leaf = self.reading.leaf(&below, only)?;
                if only.height != self.height {
                    replaced.push(Replaced { height: only.height, path: below });
                }
                Some(Child::leaf(self.height, leaf))
            }
            _ => {
                let (branch, hash) = Branch::new(exists, children, changed, Some(branch));
                Some(Child::branch(self.height, hash, branch))
            }
        };
        replaced.push(Replaced { height: before.height, path });
        Ok(Outcome::New(after))
    }
}

impl Change {
    fn leaf(&self) -> Option<Leaf> {
        Some(Leaf { key: self.key, value: self.value? })
    }
}

/// Split sorted changes into at most `count` runs of about the same length, none of which shares a first nibble
/// with another.
fn shares(changes: &[Change], count: usize) -> Vec<&[Change]> {
    let mut rest = changes;
    let mut shares = Vec::with_capacity(count);
    for left in (1..=count).rev() {
        let Some(last) = rest.get((rest.len() / left).max(1) - 1) else { break };
        let end = rest.partition_point(|change| nibble(&change.key, 0) <= nibble(&last.key, 0));
        let (share, after) = rest.split_at(end);
        shares.push(share);
        rest = after;
    }
    shares
}
