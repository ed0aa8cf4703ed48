//! What can go wrong, by who asks: opening, any access, committing, querying.

use std::{io, path::PathBuf};

use salus_primitives::{Hash, Height};

use crate::Identity;

/// A read or write that failed. Whoever gets one from a write stops the node: after a failed sync the
/// system may have thrown the data away while calling it written, so nothing is tried twice.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No space is left; nothing of the write that failed is on disk.
    #[error("the disk is full ({detail}): free some space, then start the node again; nothing that was final is lost")]
    DiskFull {
        /// RocksDB's words.
        detail: String,
    },
    /// The bytes on disk are not what was written, or do not fit each other.
    #[error("the database is damaged: {what}; keep a copy, then restore a backup or let the node catch up from others")]
    Damaged {
        /// Where, and how it was noticed.
        what: String,
    },
    /// Any other failure of the disk or of RocksDB.
    #[error("the disk failed ({detail}): check the disk and the system's log, then start the node again")]
    Io {
        /// RocksDB's words.
        detail: String,
    },
    /// A write failed before: this process may not write any more.
    #[error("an earlier write failed, so nothing more is written: start the node again")]
    Stopped,
}

impl StorageError {
    /// A value of `column` that does not decode.
    pub(crate) fn undecodable(column: &'static str, key: &[u8]) -> Self {
        Self::Damaged { what: format!("the entry {} of `{column}` does not decode", Short(key)) }
    }

    /// Two parts that do not fit.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

impl From<rocksdb::Error> for StorageError {
    fn from(error: rocksdb::Error) -> Self {
        let kind = error.kind();
        let detail = error.into_string();
        if detail.contains("No space left on device") || detail.contains("Disk quota exceeded") {
            Self::DiskFull { detail }
        } else if kind == rocksdb::ErrorKind::Corruption {
            Self::Damaged { what: detail }
        } else {
            Self::Io { detail }
        }
    }
}

/// Why a database does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It holds another chain.
    #[error(
        "the database in {path} holds {found}, this node is started for {expected}: \
         name another folder, or start the node with the chain's own specification"
    )]
    OtherChain {
        /// Its folder.
        path: PathBuf,
        /// What it says of itself.
        found: Box<Identity>,
        /// What this node was started for.
        expected: Box<Identity>,
    },
    /// A later release made it.
    #[error(
        "the database in {path} has format {found}, this release knows formats up to {known}: \
         install the release that wrote it, or a later one"
    )]
    NewerFormat {
        /// Its folder.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest this release knows.
        known: u32,
    },
    /// Something other than a node made it.
    #[error("the folder {path} holds a database that no salus-node made: name another folder")]
    Foreign {
        /// Its folder.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error(
        "the database in {path} is open in another process: another node runs on this folder; \
         stop that one first, or name another folder"
    )]
    Locked {
        /// Its folder.
        path: PathBuf,
    },
    /// The folder cannot be made or written.
    #[error("the folder {path} is not writable ({source}): give this user the right to write, or name another folder")]
    NotWritable {
        /// Its folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk failed, is full, or holds damaged files.
    #[error("the database in {path} does not open: {source}")]
    Storage {
        /// Its folder.
        path: PathBuf,
        /// How.
        source: StorageError,
    },
}

/// Why a block was not committed. Nothing of it is on disk.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Not the child of the tip.
    #[error("block {number} on parent {parent} does not follow the tip, which is {tip}")]
    NotNext {
        /// The block's height.
        number: Height,
        /// The block's parent.
        parent: Hash,
        /// The tip, as height and hash.
        tip: String,
    },
    /// A first block that is not the genesis of this database.
    #[error("the genesis block is {found}, this database is for {expected}")]
    Genesis {
        /// The block's hash.
        found: Hash,
        /// The hash the database was opened with.
        expected: Hash,
    },
    /// A certificate that is missing, or where none belongs, or of another block.
    #[error("the certificate of block {number} does not belong to it: {what}")]
    Certificate {
        /// The block's height.
        number: Height,
        /// How.
        what: &'static str,
    },
    /// A tree that is not this block's.
    #[error("the tree update is of height {height} with root {root}, the header of {number} says {expected}")]
    Tree {
        /// The update's height.
        height: Height,
        /// The update's root.
        root: Hash,
        /// The block's height.
        number: Height,
        /// The header's state root.
        expected: Hash,
    },
    /// The write failed. Fatal: stop the node, never try again.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a question about the past has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Above the tip.
    #[error("height {height} is not there yet, the newest is {tip}")]
    Unknown {
        /// What was asked for.
        height: Height,
        /// The tip.
        tip: Height,
    },
    /// More keys would have to be looked at than one question may cost.
    #[error("more than {max} keys would have to be read: ask with a longer prefix or at a newer height")]
    TooMuch {
        /// The limit.
        max: usize,
    },
    /// The read failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The first bytes of a key, in hex.
struct Short<'a>(&'a [u8]);

impl std::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x")?;
        for byte in self.0.iter().take(40) {
            write!(f, "{byte:02x}")?;
        }
        if self.0.len() > 40 { write!(f, "…") } else { Ok(()) }
    }
}
