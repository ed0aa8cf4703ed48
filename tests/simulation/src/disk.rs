//! A node's disk in memory: what was synced outlives a power cut, and of the rest a prefix that chance chooses.
//!
//! Writes are kept in their order, as RocksDB's one log keeps them: an entry is lost only together with everything
//! written after it. Committing a block is atomic and synced.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use salus_engine::{Ledger, execution::Ground};
use salus_primitives::{
    Block, Hash, Header, Height,
    archive::Record,
    commit::CommitCertificate,
    runtime_api::{Changes, RuntimeApi, StateReader},
    validator_set::ValidatorSet,
};
use salus_storage::{CommitError, MemoryTree, StorageError, TreeUpdate};

use crate::planted::DiskFlaw;

/// Electricity for so many more steps: each write and each message sent takes one. When it is used up, nothing is
/// written and nothing leaves.
pub struct Power(AtomicU64);

impl Default for Power {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Power {
    /// Cut it after `steps` more.
    pub fn cut_after(&self, steps: u64) {
        self.0.store(steps, Ordering::Relaxed);
    }

    /// Is there none left?
    pub fn is_out(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Take a step: no, if there is no power for it.
    pub fn step(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 => false,
            u64::MAX => true,
            left => {
                self.0.store(left - 1, Ordering::Relaxed);
                left > 1
            }
        }
    }
}

/// One write that waits for a sync.
#[derive(Clone)]
enum Write {
    Entry(Height, Vec<u8>),
    Signed(Vec<u8>),
    Body(Hash, Arc<Block>),
}

/// What consensus must not forget between two blocks.
#[derive(Clone, Default)]
struct Notes {
    log: BTreeMap<Height, Vec<Vec<u8>>>,
    signed: Option<Vec<u8>>,
    bodies: BTreeMap<(Height, Hash), Arc<Block>>,
}

impl Notes {
    fn apply(&mut self, write: &Write) {
        match write {
            Write::Entry(height, entry) => self.log.entry(*height).or_default().push(entry.clone()),
            Write::Signed(record) => self.signed = Some(record.clone()),
            Write::Body(value, block) => {
                self.bodies.insert((block.header.number, *value), Arc::clone(block));
            }
        }
    }

    fn prune(&mut self, height: Height) {
        self.log.retain(|other, _| *other > height);
        self.bodies.retain(|(other, _), _| *other > height);
    }
}

/// Blocks and the newest state.
struct Chain {
    tip: (Header, Hash),
    state: Arc<BTreeMap<Vec<u8>, Vec<u8>>>,
    tree: MemoryTree,
    /// From height 1 on.
    records: Vec<Record>,
    /// The set that rules the height after each, from genesis on, as the true runtime reads it.
    sets: Vec<ValidatorSet>,
    /// What each block changed, genesis first; for the planted bug that loses blocks.
    changes: Vec<Changes>,
}

impl Chain {
    fn new(genesis: &Block, changes: &Changes, runtime: &dyn RuntimeApi) -> Self {
        let mut tree = MemoryTree::new();
        let (_, update) = tree.root_after(changes);
        tree.apply(update);
        let state = changes.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
        let state: BTreeMap<_, _> = state.collect();
        let sets = vec![runtime.validators(&state)];
        let tip = (genesis.header.clone(), genesis.header.hash());
        Self { tip, state: Arc::new(state), tree, records: Vec::new(), sets, changes: vec![changes.clone()] }
    }

    fn apply(&mut self, record: Record, changes: &Changes, tree: TreeUpdate, runtime: &dyn RuntimeApi) {
        let state = Arc::make_mut(&mut self.state);
        for (key, value) in changes {
            match value {
                Some(value) => state.insert(key.clone(), value.clone()),
                None => state.remove(key),
            };
        }
        self.tree.apply(tree);
        self.tip = (record.block.header.clone(), record.block.header.hash());
        self.records.push(record);
        self.sets.push(runtime.validators(&*self.state));
        self.changes.push(changes.clone());
    }
}

struct Disk {
    chain: Chain,
    /// What a read sees.
    seen: Notes,
    /// What outlives a power cut.
    durable: Notes,
    /// Written and not synced, in order.
    pending: Vec<Write>,
    power: Arc<Power>,
    /// A sync that was put off.
    sync_owed: bool,
    /// Blocks committed and not synced, which only a planted bug leaves.
    unsynced_blocks: usize,
}

/// The ledger of one simulated node. Clones are the same disk.
#[derive(Clone)]
pub struct SimLedger {
    disk: Arc<Mutex<Disk>>,
    genesis: Hash,
    runtime: Arc<dyn RuntimeApi>,
    flaw: Option<DiskFlaw>,
    origin: Arc<(Block, Changes)>,
}

/// What a power cut took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Entries of the consensus log.
    pub entries: usize,
    /// Writes of any kind.
    pub writes: usize,
}

impl SimLedger {
    /// A new disk at genesis.
    pub fn new(origin: Arc<(Block, Changes)>, runtime: Arc<dyn RuntimeApi>, flaw: Option<DiskFlaw>) -> Self {
        let chain = Chain::new(&origin.0, &origin.1, &*runtime);
        let genesis = chain.tip.1;
        let disk = Disk {
            chain,
            seen: Notes::default(),
            durable: Notes::default(),
            pending: Vec::new(),
            power: Arc::default(),
            sync_owed: false,
            unsynced_blocks: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)), genesis, runtime, flaw, origin }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("a world runs on one thread")
    }

    /// The power this disk runs on.
    pub fn power(&self) -> Arc<Power> {
        Arc::clone(&self.disk().power)
    }

    /// How many writes a power cut could take now.
    pub fn unsynced(&self) -> usize {
        self.disk().pending.len()
    }

    /// The power went: `kept` of the unsynced writes made it, and it comes back with what is there.
    pub fn lose_power(&self, kept: usize) -> Lost {
        let mut disk = self.disk();
        let kept = kept.min(disk.pending.len());
        let lost = disk.pending.split_off(kept);
        let survived = std::mem::take(&mut disk.pending);
        for write in &survived {
            disk.durable.apply(write);
        }
        disk.seen = disk.durable.clone();
        disk.power = Arc::default();
        disk.sync_owed = false;
        if disk.unsynced_blocks > 0 {
            let keep = disk.chain.records.len() - disk.unsynced_blocks;
            disk.unsynced_blocks = 0;
            self.cut_back(&mut disk, keep);
        }
        let entries = lost.iter().filter(|write| matches!(write, Write::Entry(..))).count();
        Lost { entries, writes: lost.len() }
    }

    /// Somebody deletes the consensus log, or the disk loses it.
    pub fn lose_log(&self) {
        let mut disk = self.disk();
        disk.durable.log.clear();
        disk.seen.log.clear();
    }

    /// Only the first `keep` blocks are left.
    fn cut_back(&self, disk: &mut Disk, keep: usize) {
        let old = std::mem::replace(&mut disk.chain, Chain::new(&self.origin.0, &self.origin.1, &*self.runtime));
        for (record, changes) in old.records.into_iter().zip(&old.changes[1..]).take(keep) {
            let (_, tree) = disk.chain.tree.root_after(changes);
            disk.chain.apply(record, changes, tree, &*self.runtime);
        }
    }

    /// The engine's call is over: do what was put off.
    pub fn settle(&self) {
        let mut disk = self.disk();
        if std::mem::take(&mut disk.sync_owed) {
            sync(&mut disk, 0);
        }
    }

    /// Height of the newest block.
    pub fn height(&self) -> Height {
        self.disk().chain.tip.0.number
    }

    /// The final block at `height`, from 1 on.
    pub fn record(&self, height: Height) -> Option<Record> {
        let index = (height.0 as usize).checked_sub(1)?;
        self.disk().chain.records.get(index).cloned()
    }

    /// The set that rules `height`, by the true runtime's word on the state before it.
    pub fn set_of(&self, height: Height) -> Option<ValidatorSet> {
        let index = (height.0 as usize).checked_sub(1)?;
        self.disk().chain.sets.get(index).cloned()
    }

    /// The newest state.
    pub fn state(&self) -> Arc<BTreeMap<Vec<u8>, Vec<u8>>> {
        Arc::clone(&self.disk().chain.state)
    }

    /// A block this node has, final or voted on, by the SHA-256 of its header.
    pub fn block_of(&self, height: Height, value: &Hash) -> Option<Block> {
        if let Some(record) = self.record(height) {
            return (record.block.header.vote_value() == *value).then_some(record.block);
        }
        self.disk().seen.bodies.get(&(height, *value)).map(|block| Block::clone(block))
    }

    /// The newest block's header and hash.
    pub fn tip_block(&self) -> (Header, Hash) {
        self.disk().chain.tip.clone()
    }

    fn write(&self, write: Write) -> Result<(), StorageError> {
        let mut disk = self.disk();
        if !disk.power.step() {
            return Err(dead());
        }
        disk.seen.apply(&write);
        disk.pending.push(write);
        Ok(())
    }
}

fn dead() -> StorageError {
    StorageError::Io { detail: "the power is out".to_owned() }
}

/// Make all but the last `left` writes durable.
fn sync(disk: &mut Disk, left: usize) {
    let count = disk.pending.len().saturating_sub(left);
    let done: Vec<_> = disk.pending.drain(..count).collect();
    for write in &done {
        disk.durable.apply(write);
    }
}

impl Ground for SimLedger {
    fn tip(&self) -> (Header, Hash) {
        self.disk().chain.tip.clone()
    }

    fn with_state<T>(&self, look: impl FnOnce(&dyn StateReader) -> T) -> T {
        // A snapshot, so that who looks may look again.
        let state = self.state();
        look(&*state)
    }

    fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError> {
        Ok(self.disk().chain.tree.root_after(changes))
    }
}

impl Ledger for SimLedger {
    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn commit(
        &self,
        block: &Block,
        certificate: Option<&CommitCertificate>,
        changes: &Changes,
        tree: TreeUpdate,
    ) -> Result<(), CommitError> {
        let mut disk = self.disk();
        let (number, height) = (block.header.number, disk.chain.tip.0.number);
        if number != height.next() || block.header.parent_hash != disk.chain.tip.1 {
            let tip = format!("{} at height {height}", disk.chain.tip.1);
            return Err(CommitError::NotNext { number, parent: block.header.parent_hash, tip });
        }
        let Some(certificate) = certificate.filter(|certificate| certificate.value == block.header.vote_value()) else {
            return Err(CommitError::Certificate { number, what: "it is missing, or for another header" });
        };
        if tree.root() != block.header.state_root {
            let (height, root) = (tree.height(), tree.root());
            return Err(CommitError::Tree { height, root, number, expected: block.header.state_root });
        }
        if !disk.power.step() {
            return Err(dead().into());
        }
        let record = Record { block: block.clone(), certificate: Some(certificate.clone()) };
        disk.chain.apply(record, changes, tree, &*self.runtime);
        if self.flaw == Some(DiskFlaw::CommitNotSynced) {
            // The one before was synced by this write.
            disk.unsynced_blocks = 1;
        }
        sync(&mut disk, 0);
        disk.seen.prune(number);
        disk.durable.prune(number);
        Ok(())
    }

    fn record_at(&self, height: Height) -> Result<Option<Record>, StorageError> {
        Ok(self.record(height))
    }

    fn wal_append(&self, height: Height, entry: &[u8]) -> Result<(), StorageError> {
        if self.flaw == Some(DiskFlaw::LogNotWritten) {
            return Ok(());
        }
        self.write(Write::Entry(height, entry.to_vec()))
    }

    fn wal_sync(&self, signed: Option<&[u8]>) -> Result<(), StorageError> {
        if let Some(record) = signed {
            self.write(Write::Signed(record.to_vec()))?;
        }
        let mut disk = self.disk();
        if !disk.power.step() {
            return Err(dead());
        }
        match self.flaw {
            Some(DiskFlaw::SyncDoesNothing) => {}
            Some(DiskFlaw::SyncOneBehind) => sync(&mut disk, 1),
            Some(DiskFlaw::SyncAfterSending) => disk.sync_owed = true,
            _ => sync(&mut disk, 0),
        }
        Ok(())
    }

    fn wal_entries(&self, height: Height) -> Result<Vec<Vec<u8>>, StorageError> {
        Ok(self.disk().seen.log.get(&height).cloned().unwrap_or_default())
    }

    fn signer_load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.disk().seen.signed.clone())
    }

    fn undecided_save(&self, block: &Block) -> Result<(), StorageError> {
        if self.flaw == Some(DiskFlaw::BodyNotSaved) {
            return Ok(());
        }
        self.write(Write::Body(block.header.vote_value(), Arc::new(block.clone())))
    }

    fn undecided_load(&self, height: Height, value: &Hash) -> Result<Option<Block>, StorageError> {
        Ok(self.disk().seen.bodies.get(&(height, *value)).map(|block| Block::clone(block)))
    }

    fn free_bytes(&self) -> Result<u64, StorageError> {
        Ok(u64::MAX)
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
