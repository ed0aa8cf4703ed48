//! What can be the matter with the custodian's keys, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use salus_client::{
    envelope::{RandomError, WrapError},
    keystore::KeystoreError,
};

use crate::store::{Place, StoreError};

/// Why the keyring did not do.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No key.
    #[error("{folder} has no custodian key; make one with `salus-gateway key new`, or restore it with `salus-gateway key combine`", folder = .folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A key is there.
    #[error("{folder} has a custodian key of epoch {epoch}; `salus-gateway key rotate` makes the next", folder = .folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
        /// The newest there.
        epoch: u32,
    },
    /// The note of a rotation does not read.
    #[error("{path} does not say which key a rotation is on the way to; if no rotation was cut short, remove it", path = .path.display())]
    Rotation {
        /// The note.
        path: PathBuf,
    },
    /// A key file.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The file system.
    #[error("{doing} {path} failed: {source}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The store, while wraps were renewed.
    #[error("{0}; repeat `salus-gateway key rotate`, it goes on where it stopped")]
    Store(#[from] StoreError),
    /// A wrap, while they were renewed.
    #[error("{0}; repeat `salus-gateway key rotate`, it goes on where it stopped")]
    Rewrap(#[from] RewrapError),
}

/// Why a wrap was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not open, or the new one could not be made.
    #[error("our wrap of record {place}: {reason}")]
    Wrap {
        /// Which record.
        place: Place,
        /// Why.
        reason: WrapError,
    },
}

pub(super) fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> KeyringError + use<'a> {
    move |source| KeyringError::Io { doing, path: path.to_owned(), source }
}
