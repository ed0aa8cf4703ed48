//! Blocks on their parent's state: building one, and checking one that somebody else built. The same checks serve
//! the engine, import and replay.

use std::{
    collections::{HashMap, HashSet},
    thread,
};

use salus_primitives::{
    Block, Hash, Header, Moment, RawExtrinsic,
    crypto::{Claim, verify_batch},
    dispatch::InvalidTransaction,
    header::{Digest, HeaderError, Slot, extrinsics_root},
    runtime_api::{
        BlockContext, Changes, Executed, InvalidBlock, NoneVerified, RuntimeApi, StateReader, VerifiedSignatures,
        signature_key,
    },
    validator_set::ValidatorSet,
};
use salus_storage::{Database, MemoryTree, StorageError, TreeUpdate};

/// What a block is executed on: the newest block, its state, and the tree over it.
pub trait Ground {
    /// The newest block.
    fn tip(&self) -> (Header, Hash);

    /// Look at the state after it.
    fn with_state<T>(&self, look: impl FnOnce(&dyn StateReader) -> T) -> T;

    /// The state root after `changes`, and what to apply to get there.
    ///
    /// # Errors
    /// [`StorageError`] when a read fails.
    fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError>;
}

impl Ground for Database {
    fn tip(&self) -> (Header, Hash) {
        Self::tip(self)
    }

    fn with_state<T>(&self, look: impl FnOnce(&dyn StateReader) -> T) -> T {
        look(&self.state())
    }

    fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError> {
        Self::root_after(self, changes)
    }
}

impl<G: Ground> Ground for &G {
    fn tip(&self) -> (Header, Hash) {
        (*self).tip()
    }

    fn with_state<T>(&self, look: impl FnOnce(&dyn StateReader) -> T) -> T {
        (*self).with_state(look)
    }

    fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError> {
        (*self).root_after(changes)
    }
}

/// A chain in memory that keeps its newest state only: what a replay runs on.
pub struct MemoryChain {
    tip: (Header, Hash),
    state: MemoryState,
    tree: MemoryTree,
}

/// A state that is only read by exact key.
struct MemoryState(HashMap<Vec<u8>, Vec<u8>>);

impl StateReader for MemoryState {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
}

impl MemoryChain {
    /// A chain at its genesis, whose state is `changes`.
    pub fn new(genesis: &Block, changes: Changes) -> Self {
        let mut tree = MemoryTree::new();
        let (_, update) = tree.root_after(&changes);
        tree.apply(update);
        let state = MemoryState(changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect());
        Self { tip: (genesis.header.clone(), genesis.header.hash()), state, tree }
    }

    /// Make a block the tip.
    pub fn apply(&mut self, prepared: Prepared) {
        let hash = prepared.block.header.hash();
        self.tip = (prepared.block.header, hash);
        for (key, value) in prepared.changes {
            match value {
                Some(value) => self.state.0.insert(key, value),
                None => self.state.0.remove(&key),
            };
        }
        self.tree.apply(prepared.tree);
    }
}

impl Ground for MemoryChain {
    fn tip(&self) -> (Header, Hash) {
        self.tip.clone()
    }

    fn with_state<T>(&self, look: impl FnOnce(&dyn StateReader) -> T) -> T {
        look(&self.state)
    }

    fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError> {
        Ok(self.tree.root_after(changes))
    }
}

/// A block executed on the tip: all that committing it needs but the certificate.
#[derive(Clone)]
pub struct Prepared {
    /// The block.
    pub block: Block,
    /// What it changed.
    pub changes: Changes,
    /// The tree after it.
    pub tree: TreeUpdate,
}

/// Why a block cannot follow the tip.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// Its header does not follow the tip's.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its extrinsics cannot be executed there.
    #[error(transparent)]
    Execution(#[from] InvalidBlock),
    /// The root over its extrinsics is another.
    #[error("the header's extrinsics root is {found}, its extrinsics have {expected}")]
    ExtrinsicsRoot {
        /// The header's.
        found: Hash,
        /// The body's.
        expected: Hash,
    },
    /// Executing it leads to another digest.
    #[error("the header's digest is not what executing the block gives")]
    Digest,
    /// Executing it leads to another state.
    #[error("the header's state root is {found}, executing the block gives {expected}")]
    StateRoot {
        /// The header's.
        found: Hash,
        /// What execution gave.
        expected: Hash,
    },
    /// The disk failed: fatal.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BlockError {
    /// Is it the node's own disk, and not the block, that is at fault?
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

/// A block that was built, and what did not go in.
pub struct Built {
    /// The block, executed.
    pub prepared: Prepared,
    /// Extrinsics that can never go in as they are.
    pub invalid: Vec<(Hash, InvalidTransaction)>,
}

/// Build the block after the tip out of `candidates`.
///
/// # Errors
/// [`BlockError::Execution`] when the slot itself may not stand there, [`BlockError::Storage`] when the disk fails.
pub fn build(
    ground: &impl Ground,
    runtime: &dyn RuntimeApi,
    slot: Slot,
    candidates: &mut dyn Iterator<Item = RawExtrinsic>,
    verified: &dyn VerifiedSignatures,
) -> Result<Built, BlockError> {
    let (parent, parent_hash) = ground.tip();
    let context = BlockContext { number: parent.number.next(), parent_hash, slot };
    let built = ground.with_state(|state| runtime.build(state, &context, candidates, verified))?;
    let (state_root, tree) = ground.root_after(&built.executed.changes)?;
    let header = Header {
        parent_hash,
        number: context.number,
        state_root,
        extrinsics_root: extrinsics_root(&built.extrinsics),
        digest: digest(slot, &built.executed),
    };
    let block = Block { header, extrinsics: built.extrinsics };
    Ok(Built { prepared: Prepared { block, changes: built.executed.changes, tree }, invalid: built.invalid })
}

/// Execute `block` on the tip and compare everything its header says with what execution gives.
///
/// # Errors
/// [`BlockError`] by its rule.
pub fn check(
    ground: &impl Ground,
    runtime: &dyn RuntimeApi,
    block: Block,
    verified: &dyn VerifiedSignatures,
) -> Result<Prepared, BlockError> {
    let (parent, parent_hash) = ground.tip();
    let slot = block.header.follows(&parent, parent_hash)?;
    let body_root = extrinsics_root(&block.extrinsics);
    if block.header.extrinsics_root != body_root {
        return Err(BlockError::ExtrinsicsRoot { found: block.header.extrinsics_root, expected: body_root });
    }
    let context = BlockContext { number: block.header.number, parent_hash, slot };
    let executed = ground.with_state(|state| runtime.execute(state, &context, &block.extrinsics, verified))?;
    if block.header.digest != digest(slot, &executed) {
        return Err(BlockError::Digest);
    }
    let (state_root, tree) = ground.root_after(&executed.changes)?;
    if block.header.state_root != state_root {
        return Err(BlockError::StateRoot { found: block.header.state_root, expected: state_root });
    }
    Ok(Prepared { block, changes: executed.changes, tree })
}

/// The statement of a proposer that builds in `round` at `time`.
pub fn slot(parent: &Header, set: &ValidatorSet, round: u32, time: Moment) -> Slot {
    let number = parent.number.next();
    Slot { time, build_round: round, proposer_index: set.proposer_index(number, round), set_id: set.set_id }
}

fn digest(slot: Slot, executed: &Executed) -> Digest {
    Digest { logs: core::iter::once(slot.item()).chain(executed.digest.iter().cloned()).collect() }
}

/// The good ones among a block's signatures.
#[derive(Default)]
pub struct Good(HashSet<Hash>);

impl VerifiedSignatures for Good {
    fn contains(&self, key: &Hash) -> bool {
        self.0.contains(key)
    }
}

/// Fewest signatures worth a thread of their own.
pub(crate) const BATCH_MIN: usize = 64;

/// Verify signatures as one batch: the names of all of them, or of none when a bad one is among them.
pub(crate) fn good_claims(claims: &[Claim]) -> Vec<Hash> {
    let random = rand_core::UnwrapErr(getrandom::SysRng);
    if !verify_batch(claims, random) {
        return Vec::new();
    }
    claims.iter().map(|claim| signature_key(&claim.key, &claim.message, &claim.signature)).collect()
}

/// Verify a block's signatures in batches, on as many threads as there are cores. A batch with a bad one among it
/// is left out whole: execution verifies its signatures one by one and names the bad one.
pub fn verify_ahead(
    runtime: &dyn RuntimeApi,
    state: &dyn StateReader,
    context: &BlockContext,
    extrinsics: &[RawExtrinsic],
) -> Good {
    verify_on(cores(), runtime, state, context, extrinsics)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn verify_on(
    threads: usize,
    runtime: &dyn RuntimeApi,
    state: &dyn StateReader,
    context: &BlockContext,
    extrinsics: &[RawExtrinsic],
) -> Good {
    let claims = runtime.claims(state, context, extrinsics);
    if claims.len() < BATCH_MIN {
        return Good::default();
    }
    let share = claims.len().div_ceil(threads).max(BATCH_MIN);
    let (own, others) = claims.split_at(share.min(claims.len()));
    thread::scope(|scope| {
        let batches: Vec<_> = others.chunks(share).map(|claims| scope.spawn(move || good_claims(claims))).collect();
        let mut all: HashSet<Hash> = good_claims(own).into_iter().collect();
        all.extend(batches.into_iter().flat_map(|batch| batch.join().unwrap_or_default()));
        Good(all)
    })
}

/// Verify the signatures of `block`, which is to follow the tip.
pub(crate) fn verify_next(ground: &impl Ground, runtime: &dyn RuntimeApi, block: &Block) -> Good {
    let Ok(slot) = block.header.slot() else { return Good::default() };
    let context = BlockContext { number: block.header.number, parent_hash: ground.tip().1, slot };
    ground.with_state(|state| verify_ahead(runtime, state, &context, &block.extrinsics))
}

/// Verify the signatures of `block` while `parent`, which is to follow the tip, is still being executed: on all
/// cores but the one that does. A signature binds nothing that the parent's extrinsics may change, so an empty
/// block in its place tells as much. Whatever is wrong with either block, executing them says so.
pub fn verify_after_next(ground: &impl Ground, runtime: &dyn RuntimeApi, parent: &Header, block: &Block) -> Good {
    let (Ok(parent_slot), Ok(slot)) = (parent.slot(), block.header.slot()) else { return Good::default() };
    let before = BlockContext { number: parent.number, parent_hash: parent.parent_hash, slot: parent_slot };
    let context = BlockContext { number: block.header.number, parent_hash: parent.hash(), slot };
    ground.with_state(|below| {
        let Ok(empty) = runtime.execute(below, &before, &[], &NoneVerified) else { return Good::default() };
        let state = Changed { below, changes: &empty.changes };
        verify_on(cores().saturating_sub(1).max(1), runtime, &state, &context, &block.extrinsics)
    })
}

/// A state with some changes over it.
struct Changed<'a> {
    below: &'a dyn StateReader,
    changes: &'a Changes,
}

impl StateReader for Changed<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.changes.get(key).map_or_else(|| self.below.get(key), Clone::clone)
    }
}
