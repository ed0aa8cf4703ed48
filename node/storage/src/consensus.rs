//! What consensus must not forget between two blocks: its log, the signer's record, the blocks it
//! votes on.
//!
//! All of it lies in one write-ahead log of RocksDB, in the order of the calls. So one synced write
//! makes everything before it durable: append and store as needed, then call one of the syncing
//! functions before a signature leaves.

use std::collections::{BTreeMap, BTreeSet};

use salus_primitives::{Block, Hash, Height};

use crate::{
    Database, StorageError,
    columns::{Signer, Undecided, Wal},
    store::{Batch, Durability, View},
};

/// Which entries are there: few, and known without reading.
#[derive(Default)]
pub(crate) struct Pending {
    /// How many entries of the log each height has.
    wal: BTreeMap<Height, u32>,
    undecided: BTreeSet<(Height, Hash)>,
}

impl Pending {
    /// Read which entries are there.
    pub(crate) fn load(view: &View<'_>) -> Result<Self, StorageError> {
        let mut pending = Self::default();
        let mut cursor = view.cursor::<Wal>();
        cursor.seek(&[]);
        while let Some((key, _)) = cursor.entry()? {
            let (height, sequence) = Wal::read_key(key).ok_or_else(|| StorageError::undecodable("wal", key))?;
            let count = pending.wal.entry(height).or_default();
            if sequence != *count {
                let what = format!("entry {count} of height {height} is missing in `wal`");
                return Err(StorageError::damaged(what));
            }
            *count += 1;
            cursor.advance();
        }
        let mut cursor = view.cursor::<Undecided>();
        cursor.seek(&[]);
        while let Some((key, _)) = cursor.entry()? {
            let entry = Undecided::read_key(key).ok_or_else(|| StorageError::undecodable("undecided", key))?;
            pending.undecided.insert(entry);
            cursor.advance();
        }
        Ok(pending)
    }

    /// Delete everything up to `height`.
    pub(crate) fn prune(&self, batch: &mut Batch<'_>, height: Height) {
        for (height, count) in self.wal.range(..=height) {
            for sequence in 0..*count {
                batch.delete::<Wal>((*height, sequence));
            }
        }
        self.prune_undecided(batch, height);
    }

    fn prune_undecided(&self, batch: &mut Batch<'_>, height: Height) {
        for (height, hash) in self.undecided.iter().take_while(|(other, _)| *other <= height) {
            batch.delete::<Undecided>((*height, hash));
        }
    }

    /// That batch is written.
    pub(crate) fn pruned(&mut self, height: Height) {
        self.wal.retain(|other, _| *other > height);
        self.undecided.retain(|(other, _)| *other > height);
    }
}

impl Database {
    /// Append an entry to the consensus log of `height`. Not durable before the next synced write.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn wal_append(&self, height: Height, entry: &[u8]) -> Result<(), StorageError> {
        let mut pending = self.pending();
        let count = pending.wal.entry(height).or_default();
        let mut batch = self.store.batch();
        batch.put::<Wal>((height, *count), entry);
        self.store.write(batch, Durability::Buffered)?;
        *count = count.checked_add(1).expect("a height has fewer than 2^32 entries");
        Ok(())
    }

    /// Make everything written so far durable.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn wal_sync(&self) -> Result<(), StorageError> {
        self.store.sync()
    }

    /// Save the signer's record and make everything written so far durable, the consensus log included,
    /// by one sync. Call it before a signature leaves.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn wal_sync_with_signer(&self, record: &[u8]) -> Result<(), StorageError> {
        self.signer_save(record)
    }

    /// The consensus log of `height`, in order.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn wal_entries(&self, height: Height) -> Result<Vec<Vec<u8>>, StorageError> {
        let count = self.pending().wal.get(&height).copied().unwrap_or_default();
        (0..count)
            .map(|sequence| {
                self.store.get::<Wal>((height, sequence))?.ok_or_else(|| {
                    StorageError::damaged(format!("entry {sequence} of height {height} is missing in `wal`"))
                })
            })
            .collect()
    }

    /// Save what was signed last; durable when it returns.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn signer_save(&self, record: &[u8]) -> Result<(), StorageError> {
        let mut batch = self.store.batch();
        batch.put::<Signer>((), record);
        self.store.write(batch, Durability::Synced)
    }

    /// What was signed last, none when nothing was.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn signer_load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.store.get::<Signer>(())
    }

    /// Store a block that is voted on. Not durable before the next synced write, which the vote needs
    /// anyway.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn undecided_block_save(&self, block: &Block) -> Result<(), StorageError> {
        let entry = (block.header.number, block.header.hash());
        let mut pending = self.pending();
        if pending.undecided.contains(&entry) {
            return Ok(());
        }
        let mut batch = self.store.batch();
        batch.put::<Undecided>((entry.0, &entry.1), block);
        self.store.write(batch, Durability::Buffered)?;
        pending.undecided.insert(entry);
        Ok(())
    }

    /// A block that was voted on, by height and hash.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn undecided_block_load(&self, height: Height, hash: &Hash) -> Result<Option<Block>, StorageError> {
        self.store.get::<Undecided>((height, hash))
    }

    /// Hashes of the blocks stored for `height`, in byte order.
    pub fn undecided_block_list(&self, height: Height) -> Vec<Hash> {
        let pending = self.pending();
        pending.undecided.iter().filter(|(other, _)| *other == height).map(|(_, hash)| *hash).collect()
    }

    /// Forget the blocks stored for `height` and below. Committing a height does this too.
    ///
    /// # Errors
    /// [`StorageError`], fatal.
    pub fn undecided_block_prune(&self, height: Height) -> Result<(), StorageError> {
        let mut pending = self.pending();
        let mut batch = self.store.batch();
        pending.prune_undecided(&mut batch, height);
        self.store.write(batch, Durability::Buffered)?;
        pending.undecided.retain(|(other, _)| *other > height);
        Ok(())
    }
}

#[cfg(test)]
#[path = "consensus_tests.rs"]
mod tests;
