//! What can be the matter with the store, and what to do about it.

use std::{io, path::PathBuf};

use salus_client::envelope::{Anchor, HeaderError, WrapError};
use salus_primitives::{Hash, OrganisationId};

use super::layout::{Holder, Place};

/// Why the store did not do what was asked. Names records by their random ids and nothing of what is in them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configuration does not do.
    #[error("the store's configuration: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// The folder.
    #[error("{doing} {path} failed: {source}; see whether the folder is there, writable and not full", path = .path.display())]
    Folder {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the store in {path} is in use by another process; stop that one first, or leave the work to it", path = .path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The disk or bucket has no room.
    #[error("the store is full, {doing} was undone ({reason}); make room, then repeat it")]
    Full {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The disk failed to write: what it holds cannot be relied on until somebody looked.
    #[error(
        "the store's disk failed ({reason}), nothing more is written; look at the disk, then start the gateway again and scrub"
    )]
    DiskFailed {
        /// What the system said.
        reason: String,
    },
    /// The object store failed otherwise.
    #[error("{doing} {key} failed: {reason}; see whether the object store can be reached, then repeat it")]
    Backend {
        /// What was tried.
        doing: &'static str,
        /// On which object.
        key: String,
        /// What the object store said.
        reason: String,
    },
    /// Nothing there.
    #[error("the store has no {what} of record {place}; ask the other custodian, or upload it first")]
    Missing {
        /// What was looked for.
        what: String,
        /// Of which record.
        place: Place,
    },
    /// Something else is there.
    #[error(
        "record {place} is stored with digest {stored} and {stored_bytes} bytes, this upload has {declared} and {declared_bytes}; \
         upload it under a new id", stored = .stored.digest, stored_bytes = .stored.size, declared = .declared.digest,
         declared_bytes = .declared.size
    )]
    Conflict {
        /// Which record.
        place: Place,
        /// What is there.
        stored: Anchor,
        /// What came.
        declared: Anchor,
    },
    /// It was shredded, and stays so.
    #[error("record {place} was shredded here and is not kept again; file anew under a new id")]
    Shredded {
        /// Which record.
        place: Place,
    },
    /// The organisation has no room left.
    #[error(
        "organisation {organisation} stores {used} bytes of {quota}{kind}, {declared} more do not fit; {remedy}",
        kind = if *.unanchored { " for uploads that are not on the chain yet" } else { "" },
        remedy = if *.unanchored { "file or wait until they expire after 24 hours" } else { "ask the gateway's operator for a higher quota" }
    )]
    Quota {
        /// Whose quota.
        organisation: OrganisationId,
        /// How many bytes it has.
        used: u64,
        /// How many it may have.
        quota: u64,
        /// How many were to come.
        declared: u64,
        /// Is it the quota of uploads that are not on the chain yet?
        unanchored: bool,
    },
    /// More than any blob may have.
    #[error("a blob of {declared} bytes, this gateway takes at most {max}; split the record")]
    TooLarge {
        /// How many bytes were declared.
        declared: u64,
        /// The most there may be.
        max: u64,
    },
    /// Shorter or longer than declared.
    #[error("the upload has {found} bytes{more}, declared were {declared}; declare what is sent and repeat it",
        more = if .found > .declared { " or more" } else { "" })]
    Length {
        /// What was declared.
        declared: u64,
        /// What came.
        found: u64,
    },
    /// Other bytes than declared.
    #[error("the upload has digest {found}, declared was {declared}; it was altered on the way, repeat it")]
    Digest {
        /// What was declared.
        declared: Hash,
        /// What came.
        found: Hash,
    },
    /// No blob of this record version.
    #[error("the upload is not what its address says: {0}")]
    Header(#[from] HeaderError),
    /// A wrap that does not read.
    #[error("the wrap of {holder}: {reason}")]
    Wrap {
        /// Whose.
        holder: Holder,
        /// What is wrong.
        reason: WrapError,
    },
    /// Stored bytes are not those that were stored.
    #[error("{what} of record {place} is damaged ({reason}); nothing of it is given out, `salus-gateway repair` fetches it from the other custodian")]
    Damaged {
        /// What is damaged.
        what: String,
        /// Of which record.
        place: Place,
        /// How it shows.
        reason: String,
    },
    /// A range that the blob does not have.
    #[error("bytes {from} to {until} of record {place}, which has {size}; ask for what there is")]
    Range {
        /// Which record.
        place: Place,
        /// The first byte asked for.
        from: u64,
        /// The first not asked for any more.
        until: u64,
        /// How many there are.
        size: u64,
    },
    /// A store opened for looking.
    #[error("the store was opened beside the gateway that runs on it, which alone takes uploads and removes")]
    Beside,
}

impl StoreError {
    /// Is something that should be there missing or not what was stored?
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. })
    }
}
