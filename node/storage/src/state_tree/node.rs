//! The nodes of the tree: as they are in memory, and their bytes on disk.
//!
//! One branch stands for four levels of the binary tree of [`salus_primitives::state_proof`]: sixteen children, and
//! up to fifteen hashes over them. Its bytes hold the children's hashes alone, so reading one from disk is cheap and
//! hashing it is not; in memory a branch of many children keeps the hashes between, and a change of one child costs
//! four of them instead of fifteen.

use std::sync::Arc;

use salus_primitives::{
    Hash, Height,
    state_proof::{EMPTY_ROOT, branch_hash, leaf_hash},
};

/// Children of a branch.
const WIDTH: u8 = 16;

/// From how many children on a branch keeps the hashes between: with fewer, most of them lie on the path of the
/// change anyhow, and 512 bytes a branch are saved.
const DENSE: usize = 6;

/// One key of the state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Leaf {
    /// SHA-256 of the storage key: its place in the tree.
    pub key: Hash,
    /// SHA-256 of the value.
    pub value: Hash,
}

/// What lies under one place of the tree, and the height that put it there: with its path that names its bytes.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub height: Height,
    pub hash: Hash,
    pub body: Body,
}

/// The node itself, as far as it is in memory.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Leaf(Option<Leaf>),
    Branch { leaves: u64, node: Option<Arc<Branch>> },
}

/// A node with more than one key under it.
#[derive(Debug)]
pub(super) struct Branch {
    /// Which of the sixteen children there are, a bit each.
    exists: u16,
    /// Which of them are leaves.
    leaf: u16,
    /// Those there are, in order.
    children: Box<[Child]>,
    /// Keys under it.
    leaves: u64,
    /// Nodes under it, itself among them, that are in memory.
    held: usize,
    /// The hashes over the children, that over all of them at 1, those over the halves of `n` at `2n` and
    /// `2n + 1`. A place over one leaf or none is not used.
    between: Option<Box<[Hash; WIDTH as usize]>>,
}

impl Child {
    pub(super) fn leaf(height: Height, leaf: Leaf) -> Self {
        Self { height, hash: leaf_hash(&leaf.key, &leaf.value), body: Body::Leaf(Some(leaf)) }
    }

    pub(super) fn branch(height: Height, hash: Hash, branch: Branch) -> Self {
        Self { height, hash, body: Body::Branch { leaves: branch.leaves, node: Some(Arc::new(branch)) } }
    }

    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.body, Body::Leaf(_))
    }

    fn leaves(&self) -> u64 {
        match self.body {
            Body::Leaf(_) => 1,
            Body::Branch { leaves, .. } => leaves,
        }
    }

    /// Nodes in memory, itself and all below it.
    pub(super) fn held(&self) -> usize {
        match &self.body {
            Body::Leaf(leaf) => usize::from(leaf.is_some()),
            Body::Branch { node, .. } => node.as_ref().map_or(0, |branch| branch.held),
        }
    }

    /// The same, without the nodes in memory that are older than `oldest`. A node is never older than those below
    /// it, so that whole subtrees go at once.
    pub(super) fn without_older(&self, oldest: Height) -> Self {
        let body = match &self.body {
            Body::Leaf(leaf) => Body::Leaf(leaf.filter(|_| self.height >= oldest)),
            Body::Branch { leaves, node } => {
                let kept = node.as_ref().filter(|_| self.height >= oldest);
                Body::Branch { leaves: *leaves, node: kept.map(|branch| Arc::new(branch.without_older(oldest))) }
            }
        };
        Self { body, ..*self }
    }

    /// Its bytes on disk, if it is in memory.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match &self.body {
            Body::Leaf(leaf) => leaf.map(|leaf| [&[LEAF][..], &leaf.key.0, &leaf.value.0].concat()),
            Body::Branch { node, .. } => node.as_ref().map(|branch| branch.bytes()),
        }
    }
}

impl Branch {
    /// A branch over `children`, one for each bit of `exists`, in order. `changed` names those that differ from
    /// `before`, whose hashes are used where nothing below them differs. Its hash besides.
    pub(super) fn new(exists: u16, children: Vec<Child>, changed: u16, before: Option<&Self>) -> (Self, Hash) {
        let mut branch = Self {
            exists,
            leaf: 0,
            leaves: children.iter().map(Child::leaves).sum(),
            held: 1 + children.iter().map(Child::held).sum::<usize>(),
            children: children.into(),
            between: None,
        };
        branch.leaf = branch.children().fold(0, |bits, (nibble, child)| bits | u16::from(child.is_leaf()) << nibble);
        let before = before.and_then(|before| before.between.as_deref());
        // What is not computed anew stays as it was, all the way down.
        let mut between = before.copied().unwrap_or([EMPTY_ROOT; WIDTH as usize]);
        let hash = branch.hash_between(&mut between, &Known { changed, before }, 1, 0, WIDTH);
        if branch.children.len() >= DENSE {
            branch.between = Some(Box::new(between));
        }
        (branch, hash)
    }

    /// The child at `nibble`.
    pub(super) fn child(&self, nibble: u8) -> Option<&Child> {
        let below = (1u16 << nibble) - 1;
        let there = self.exists >> nibble & 1 == 1;
        there.then(|| &self.children[(self.exists & below).count_ones() as usize])
    }

    /// Its children by nibble, in order.
    pub(super) fn children(&self) -> impl Iterator<Item = (u8, &Child)> {
        let exists = self.exists;
        (0..WIDTH).filter(move |nibble| exists >> nibble & 1 == 1).zip(&self.children)
    }

    /// The hash over its children.
    pub(super) fn hash(&self) -> Hash {
        self.hash_over(0, WIDTH)
    }

    /// The hash over the children from `start` on, as many as `width`, a power of two.
    pub(super) fn hash_over(&self, start: u8, width: u8) -> Hash {
        // The place of the heap that stands for these children: one row per halving.
        let place = usize::from((start | WIDTH) / width);
        match &self.between {
            Some(between) if matches!(self.alone(start, width), Alone::No) => between[place],
            _ => {
                let mut between = [EMPTY_ROOT; WIDTH as usize];
                let known = Known { changed: u16::MAX, before: None };
                self.hash_between(&mut between, &known, place, start, width)
            }
        }
    }

    /// Is there at most one key under these children, or are they a single child?
    pub(super) fn alone(&self, start: u8, width: u8) -> Alone<'_> {
        let exists = self.exists & mask(start, width);
        if exists == 0 {
            return Alone::Nothing;
        }
        if width == 1 || (exists.count_ones() == 1 && exists & self.leaf != 0) {
            let nibble = exists.trailing_zeros() as u8;
            return self.child(nibble).map_or(Alone::Nothing, |child| Alone::Child(nibble, child));
        }
        Alone::No
    }

    fn hash_between(
        &self,
        between: &mut [Hash; WIDTH as usize],
        known: &Known<'_>,
        place: usize,
        start: u8,
        width: u8,
    ) -> Hash {
        match self.alone(start, width) {
            Alone::Nothing => EMPTY_ROOT,
            Alone::Child(_, child) => child.hash,
            Alone::No => {
                between[place] = match known.before {
                    Some(before) if known.changed & mask(start, width) == 0 => before[place],
                    _ => {
                        let half = width / 2;
                        let left = self.hash_between(between, known, 2 * place, start, half);
                        let right = self.hash_between(between, known, 2 * place + 1, start + half, half);
                        branch_hash(&left, &right)
                    }
                };
                between[place]
            }
        }
    }

    fn without_older(&self, oldest: Height) -> Self {
        let children: Box<[Child]> = self.children.iter().map(|child| child.without_older(oldest)).collect();
        let held = 1 + children.iter().map(Child::held).sum::<usize>();
        Self { children, held, between: self.between.clone(), ..*self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + WIDTH as usize + self.children.len() * 49 + 16);
        bytes.push(BRANCH);
        for nibble in 0..WIDTH {
            let Some(child) = self.child(nibble) else {
                bytes.push(0);
                continue;
            };
            bytes.push(1);
            bytes.extend(child.hash.0);
            bytes.extend(u64::from(child.height.0).to_le_bytes());
            match child.body {
                Body::Leaf(_) => bytes.push(0),
                Body::Branch { leaves, .. } => {
                    bytes.push(1);
                    bytes.extend(leaves.to_le_bytes());
                }
            }
        }
        bytes.extend((self.children.len() as u64).to_le_bytes());
        bytes.extend(self.leaves.to_le_bytes());
        bytes
    }
}

/// How many keys lie under a run of children.
#[derive(Debug)]
pub(super) enum Alone<'a> {
    /// None.
    Nothing,
    /// One leaf somewhere among them, or one child that is all of them.
    Child(u8, &'a Child),
    /// More: they are hashed in two halves.
    No,
}

/// The hashes of the branch before, and which children differ from it.
struct Known<'a> {
    changed: u16,
    before: Option<&'a [Hash; WIDTH as usize]>,
}

/// The bits of the children from `start` on, as many as `width`.
fn mask(start: u8, width: u8) -> u16 {
    (u16::MAX >> (WIDTH - width)) << start
}

/// First byte of the root of an empty state.
const NOTHING: u8 = 0;
/// First byte of a branch.
const BRANCH: u8 = 1;
/// First byte of a leaf.
const LEAF: u8 = 2;

/// Bytes of the root of a state without keys.
pub(super) fn empty_bytes() -> Vec<u8> {
    vec![NOTHING]
}

/// A node as read from disk.
pub(super) enum Node {
    Empty,
    Branch(Branch),
    Leaf(Leaf),
}

impl Node {
    /// Read a node, none when the bytes are not one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let node = match input.byte()? {
            NOTHING => Self::Empty,
            BRANCH => Self::Branch(read_branch(&mut input)?),
            LEAF => Self::Leaf(Leaf { key: input.hash()?, value: input.hash()? }),
            _ => return None,
        };
        input.0.is_empty().then_some(node)
    }
}

fn read_branch(input: &mut Input<'_>) -> Option<Branch> {
    let (mut exists, mut leaf) = (0, 0);
    let mut children = Vec::with_capacity(WIDTH.into());
    for nibble in 0..WIDTH {
        if !input.flag()? {
            continue;
        }
        let hash = input.hash()?;
        let height = Height(u32::try_from(input.number()?).ok()?);
        let body = if input.flag()? {
            Body::Branch { leaves: input.number()?, node: None }
        } else {
            leaf |= 1 << nibble;
            Body::Leaf(None)
        };
        exists |= 1 << nibble;
        children.push(Child { height, hash, body });
    }
    let counted = children.iter().try_fold(0u64, |sum, child| sum.checked_add(child.leaves()))?;
    let fits = input.number()? == children.len() as u64 && input.number()? == counted && counted > 1;
    fits.then(|| Branch { exists, leaf, children: children.into(), leaves: counted, held: 1, between: None })
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn hash(&mut self) -> Option<Hash> {
        self.take().map(Hash)
    }
}
