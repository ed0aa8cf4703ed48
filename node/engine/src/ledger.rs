//! What the engine asks of a database, so that a simulation can put one in memory in its place.

use salus_primitives::{Block, Hash, Height, archive::Record, commit::CommitCertificate, runtime_api::Changes};
use salus_storage::{CommitError, Database, StorageError, TreeUpdate};

use crate::execution::Ground;

/// Blocks, state, and what consensus must not forget between two blocks.
///
/// Writes are in the order of the calls; [`Ledger::wal_sync`] and [`Ledger::commit`] make everything before them
/// durable. Every error is fatal: a disk that failed once is not asked again.
pub trait Ledger: Ground + Send + Sync + 'static {
    /// Hash of the genesis block.
    fn genesis(&self) -> Hash;

    /// Make `block` the tip, in one synced write.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of the block is there then.
    fn commit(
        &self,
        block: &Block,
        certificate: Option<&CommitCertificate>,
        changes: &Changes,
        tree: TreeUpdate,
    ) -> Result<(), CommitError>;

    /// The final block at `height` with its certificate, none above the tip.
    ///
    /// # Errors
    /// [`StorageError`].
    fn record_at(&self, height: Height) -> Result<Option<Record>, StorageError>;

    /// Append to the consensus log of `height`.
    ///
    /// # Errors
    /// [`StorageError`].
    fn wal_append(&self, height: Height, entry: &[u8]) -> Result<(), StorageError>;

    /// Save the signer's record, if there is a new one, and make everything written so far durable.
    ///
    /// # Errors
    /// [`StorageError`].
    fn wal_sync(&self, signed: Option<&[u8]>) -> Result<(), StorageError>;

    /// The consensus log of `height`, in order.
    ///
    /// # Errors
    /// [`StorageError`].
    fn wal_entries(&self, height: Height) -> Result<Vec<Vec<u8>>, StorageError>;

    /// What was signed last.
    ///
    /// # Errors
    /// [`StorageError`].
    fn signer_load(&self) -> Result<Option<Vec<u8>>, StorageError>;

    /// Store a block that is voted on.
    ///
    /// # Errors
    /// [`StorageError`].
    fn undecided_save(&self, block: &Block) -> Result<(), StorageError>;

    /// The stored block of `height` whose header has this SHA-256.
    ///
    /// # Errors
    /// [`StorageError`].
    fn undecided_load(&self, height: Height, value: &Hash) -> Result<Option<Block>, StorageError>;

    /// Bytes free on the disk.
    ///
    /// # Errors
    /// [`StorageError`].
    fn free_bytes(&self) -> Result<u64, StorageError>;
}

impl Ledger for Database {
    fn genesis(&self) -> Hash {
        self.identity().genesis
    }

    fn commit(
        &self,
        block: &Block,
        certificate: Option<&CommitCertificate>,
        changes: &Changes,
        tree: TreeUpdate,
    ) -> Result<(), CommitError> {
        Self::commit(self, block, certificate, changes, tree)
    }

    fn record_at(&self, height: Height) -> Result<Option<Record>, StorageError> {
        let Some(hash) = self.hash_at(height)? else { return Ok(None) };
        let Some(block) = self.block(&hash)? else { return Ok(None) };
        Ok(Some(Record { block, certificate: self.certificate(&hash)? }))
    }

    fn wal_append(&self, height: Height, entry: &[u8]) -> Result<(), StorageError> {
        Self::wal_append(self, height, entry)
    }

    fn wal_sync(&self, signed: Option<&[u8]>) -> Result<(), StorageError> {
        match signed {
            Some(record) => self.wal_sync_with_signer(record),
            None => Self::wal_sync(self),
        }
    }

    fn wal_entries(&self, height: Height) -> Result<Vec<Vec<u8>>, StorageError> {
        Self::wal_entries(self, height)
    }

    fn signer_load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Self::signer_load(self)
    }

    fn undecided_save(&self, block: &Block) -> Result<(), StorageError> {
        self.undecided_block_save(block)
    }

    fn undecided_load(&self, height: Height, value: &Hash) -> Result<Option<Block>, StorageError> {
        for hash in self.undecided_block_list(height) {
            if let Some(block) = self.undecided_block_load(height, &hash)?
                && block.header.vote_value() == *value
            {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    fn free_bytes(&self) -> Result<u64, StorageError> {
        Self::free_bytes(self)
    }
}
