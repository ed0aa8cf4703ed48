//! The node's own keys on disk: a hex seed per file, readable by its owner alone.
//!
//! A node starts without anybody at the keyboard, so these files are not encrypted: whoever can read them is the
//! node. People's keys are (`salus key`).

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use salus_primitives::{AccountId, crypto::KeyPair, runtime_api::StateReader};
use salus_system::{Purpose, storage::Account};

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not there.
    #[error("no key in {0}: make one with `salus-node key generate`")]
    Missing(PathBuf),
    /// A link.
    #[error("{0} is a symbolic link: put the key file itself there")]
    Link(PathBuf),
    /// Others may read it.
    #[error("{path} can be read by others (mode {mode:o}): run `chmod 600` on it")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not a key.
    #[error("{0} does not hold 64 hex digits: restore it from a backup")]
    Malformed(PathBuf),
    /// The disk.
    #[error("key file {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system has no randomness.
    #[error("no randomness from the system: {0}")]
    Randomness(getrandom::Error),
}

/// Why the node's keys may not serve it: a key serves one purpose, ever.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyUseError {
    /// One key for votes and for connections.
    #[error("the validator's and the network's key are the same: make another with `salus-node key generate`")]
    Same,
    /// A key of this node's that the chain knows as an account.
    #[error("the {which} key {key} is an account of this chain: make another with `salus-node key generate`")]
    Account {
        /// Which of the node's keys.
        which: &'static str,
        /// Its public half.
        key: AccountId,
    },
    /// A key of this node's that the chain keeps for the other purpose.
    #[error("the {which} key {key} serves this chain as {purpose:?}: make another with `salus-node key generate`")]
    Other {
        /// Which of the node's keys.
        which: &'static str,
        /// Its public half.
        key: AccountId,
        /// What for.
        purpose: Purpose,
    },
}

/// See that the node's keys are neither each other nor kept in `state` for anything but what the node has them for.
///
/// # Errors
/// [`KeyUseError`] naming the key and what else it is.
pub fn keep_apart(
    validator: Option<&KeyPair>,
    network: Option<&KeyPair>,
    state: &dyn StateReader,
) -> Result<(), KeyUseError> {
    let (validator, network) = (validator.map(KeyPair::public), network.map(KeyPair::public));
    if validator.is_some() && validator == network {
        return Err(KeyUseError::Same);
    }
    let both = [("validator's", validator, Purpose::Authority), ("network's", network, Purpose::Network)];
    for (which, key, own) in both {
        let Some(key) = key else { continue };
        if Account::get(state, &key).data.subject.is_some() {
            return Err(KeyUseError::Account { which, key });
        }
        if let Some(purpose) = salus_system::keys::purpose(state, key).filter(|purpose| *purpose != own) {
            return Err(KeyUseError::Other { which, key, purpose });
        }
    }
    Ok(())
}

/// Read a key.
///
/// # Errors
/// [`KeyFileError`].
pub fn load(path: &Path) -> Result<KeyPair, KeyFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Io { path: path.to_owned(), source },
    };
    if fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
        return Err(KeyFileError::Link(path.to_owned()));
    }
    let mut file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed).map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    Ok(KeyPair::from_seed(&seed))
}

/// Write a key to a new file, synced.
///
/// # Errors
/// [`KeyFileError`]; a file that is there is never overwritten.
pub fn save(path: &Path, key: &KeyPair) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", hex::encode(key.seed())).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// The key of a file, made now if there is none; and whether it was made.
///
/// # Errors
/// [`KeyFileError`].
pub fn load_or_generate(path: &Path) -> Result<(KeyPair, bool), KeyFileError> {
    match load(path) {
        Err(KeyFileError::Missing(_)) => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(KeyFileError::Randomness)?;
            let key = KeyPair::from_seed(&seed);
            save(path, &key)?;
            Ok((key, true))
        }
        loaded => Ok((loaded?, false)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_reads_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/validator");
        assert!(matches!(load(&path), Err(KeyFileError::Missing(_))));
        let (key, made) = load_or_generate(&path).unwrap();
        assert!(made);
        assert_eq!(load_or_generate(&path).unwrap().0.public(), key.public());
        assert!(matches!(save(&path, &KeyPair::from_seed(&[1; 32])), Err(KeyFileError::Io { .. })));
    }

    #[test]
    fn a_key_others_can_read_a_link_and_a_damaged_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("validator");
        save(&path, &KeyPair::from_seed(&[1; 32])).unwrap();
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(load(&link), Err(KeyFileError::Link(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(&path), Err(KeyFileError::Mode { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "00").unwrap();
        assert!(matches!(load(&path), Err(KeyFileError::Malformed(_))));
    }
}
