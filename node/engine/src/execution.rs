//! Blocks on their parent's state: building one, and checking one that somebody else built. The same checks serve
//! the engine, import and replay.

use std::{
    collections::{BTreeMap, HashSet},
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

/// A chain in memory that keeps its newest state only: what a replay runs on.
pub struct MemoryChain {
    tip: (Header, Hash),
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    tree: MemoryTree,
}

impl MemoryChain {
    /// A chain at its genesis, whose state is `changes`.
    pub fn new(genesis: &Block, changes: Changes) -> Self {
        let mut tree = MemoryTree::new();
        let (_, update) = tree.root_after(&changes);
        tree.apply(update);
        let state = changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self { tip: (genesis.header.clone(), genesis.header.hash()), state, tree }
    }

    /// Make a block the tip.
    pub fn apply(&mut self, prepared: Prepared) {
        let hash = prepared.block.header.hash();
        self.tip = (prepared.block.header, hash);
        for (key, value) in prepared.changes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
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
const BATCH_MIN: usize = 64;

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
    let claims = runtime.claims(state, context, extrinsics);
    if claims.len() < BATCH_MIN {
        return Good::default();
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = claims.len().div_ceil(cores).max(BATCH_MIN);
    thread::scope(|scope| {
        let batches: Vec<_> = claims.chunks(share).map(|claims| scope.spawn(move || good_claims(claims))).collect();
        Good(batches.into_iter().flat_map(|batch| batch.join().unwrap_or_default()).collect())
    })
}

/// Check a block with its signatures verified ahead, in batches.
///
/// # Errors
/// As [`check`].
pub fn check_in_batches(ground: &impl Ground, runtime: &dyn RuntimeApi, block: Block) -> Result<Prepared, BlockError> {
    let (parent, parent_hash) = ground.tip();
    let Ok(slot) = block.header.follows(&parent, parent_hash) else {
        return check(ground, runtime, block, &NoneVerified);
    };
    let context = BlockContext { number: block.header.number, parent_hash, slot };
    let good = ground.with_state(|state| verify_ahead(runtime, state, &context, &block.extrinsics));
    check(ground, runtime, block, &good)
}
