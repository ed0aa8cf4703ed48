//! The custodian's keys: the X25519 secrets that open its wraps, the newest first.
//!
//! ```text
//! FOLDER/custodian-0001.json   the key of epoch 1, in the form of salus_client::keystore
//!        custodian-0002.json   ... of epoch 2, since the first rotation
//!        rotation              the number of the epoch that a rotation is on the way to; only while it is
//! ```
//!
//! Epochs here are the custodian's own count. The key epoch of a record on the chain is another thing: it is bound in
//! every wrap of the record and does not change when a custodian takes a new key (formats.md 14).
//!
//! A wrap does not say which key opens it. Keys are few, so they are tried, the newest first.

mod error;
mod rotate;
mod shares;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use salus_client::{
    envelope::{ContentKey, KemPublic, KemSecret, Wrap, WrapContext, WrapError, unwrap_key},
    keystore::{KdfParams, KeyFile, Passphrase, StoredKey},
};
use salus_primitives::crypto::sha256_of;

pub use error::{KeyringError, RewrapError};
pub use rotate::Rewrapped;
pub use shares::{SHARES_MAX, Share, ShareError, combine, split};

const PREFIX: &str = "custodian-";
const SUFFIX: &str = ".json";

/// One of the custodian's keys.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its epoch by the custodian's own count, from 1.
    pub epoch: u32,
    /// Its public half, which stands on the chain.
    pub public: KemPublic,
    pub(crate) secret: KemSecret,
}

/// What a key is called where its 64 digits are too many: the first 16 of SHA-256("salus/kem/1" ++ key).
pub fn fingerprint(key: &KemPublic) -> String {
    hex::encode(&sha256_of(&[b"salus/kem/1", &key.0]).0[..8])
}

/// The custodian's keys, unlocked. Clones are the same keyring.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    passphrase: Passphrase,
    /// The newest first; never empty.
    keys: RwLock<Vec<Key>>,
}

impl Keyring {
    /// The keys in `folder`.
    ///
    /// # Errors
    /// [`KeyringError::Empty`] where there is none, or what reading one failed with.
    pub fn open(folder: &Path, passphrase: Passphrase) -> Result<Self, KeyringError> {
        let keys = load(folder, &passphrase)?;
        Ok(Self(Arc::new(Inner { folder: folder.to_owned(), passphrase, keys: RwLock::new(keys) })))
    }

    /// Make the first key, in a folder that has none.
    ///
    /// # Errors
    /// [`KeyringError::Exists`], or what writing it failed with.
    pub fn create(folder: &Path, passphrase: Passphrase, kdf: KdfParams) -> Result<Self, KeyringError> {
        Self::create_with(folder, passphrase, kdf, &KemSecret::generate()?)
    }

    /// Put a key that was combined from shares back, in a folder that has none.
    ///
    /// # Errors
    /// As [`Keyring::create`].
    pub fn create_with(
        folder: &Path,
        passphrase: Passphrase,
        kdf: KdfParams,
        secret: &KemSecret,
    ) -> Result<Self, KeyringError> {
        fs::create_dir_all(folder).map_err(error::failed("making", folder))?;
        if let Some((epoch, _)) = files(folder)?.into_iter().next() {
            return Err(KeyringError::Exists { folder: folder.to_owned(), epoch });
        }
        KeyFile::create(&path(folder, 1), &StoredKey::Kem(secret.clone()), &passphrase, kdf)?;
        Self::open(folder, passphrase)
    }

    /// The keys, the newest first.
    pub fn keys(&self) -> Vec<Key> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest key: what new wraps are made for.
    pub fn newest(&self) -> Key {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.first().expect("a keyring without keys is not made").clone()
    }

    /// Open a wrap of ours by whichever key it is for. A key that a rotation beside this process made meanwhile is
    /// found.
    ///
    /// # Errors
    /// [`WrapError::NotYours`] when it is for none of them, or not for this context.
    pub fn unwrap(&self, wrap: &Wrap, context: &WrapContext) -> Result<ContentKey, WrapError> {
        Ok(self.open_wrap(wrap, context)?.1)
    }

    fn open_wrap(&self, wrap: &Wrap, context: &WrapContext) -> Result<(u32, ContentKey), WrapError> {
        match by_any(&self.keys(), wrap, context) {
            Err(WrapError::NotYours) if self.reload() => by_any(&self.keys(), wrap, context),
            other => other,
        }
    }

    /// Read the folder again if it has other keys than those known. Says whether it did.
    fn reload(&self) -> bool {
        let known: Vec<u32> = self.keys().iter().map(|key| key.epoch).collect();
        let there: Vec<u32> = match files(&self.0.folder) {
            Ok(files) => files.into_iter().map(|(epoch, _)| epoch).collect(),
            Err(_) => return false,
        };
        if there == known {
            return false;
        }
        match load(&self.0.folder, &self.0.passphrase) {
            Ok(keys) => {
                *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the custodian's keys changed and could not be read again");
                false
            }
        }
    }
}

fn by_any(keys: &[Key], wrap: &Wrap, context: &WrapContext) -> Result<(u32, ContentKey), WrapError> {
    let mut last = WrapError::NotYours;
    for key in keys {
        match unwrap_key(wrap, &key.secret, context) {
            Ok(content) => return Ok((key.epoch, content)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn path(folder: &Path, epoch: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{epoch:04}{SUFFIX}"))
}

/// Epochs with the public halves of their keys.
pub type Known = Vec<(u32, KemPublic)>;

/// The public halves of the keys in `folder`, the newest first, and the epoch that a rotation is on the way to. Needs no
/// passphrase, so nothing here is proven.
///
/// # Errors
/// [`KeyringError`] by what does not read.
pub fn known(folder: &Path) -> Result<(Known, Option<u32>), KeyringError> {
    let mut keys = Vec::new();
    for (epoch, path) in files(folder)? {
        let file = KeyFile::open(&path)?;
        if let Ok(public) = <[u8; 32]>::try_from(file.public()) {
            keys.push((epoch, KemPublic(public)));
        }
    }
    Ok((keys, rotate::read_note(folder)?))
}

/// The key files of a folder, the newest first.
fn files(folder: &Path) -> Result<Vec<(u32, PathBuf)>, KeyringError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(error::failed("reading", folder))? {
        let path = entry.map_err(error::failed("reading", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let epoch = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).map(str::parse::<u32>);
        if let Some(Ok(epoch)) = epoch {
            found.push((epoch, path));
        }
    }
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(found)
}

fn load(folder: &Path, passphrase: &Passphrase) -> Result<Vec<Key>, KeyringError> {
    let mut keys = Vec::new();
    for (epoch, path) in files(folder)? {
        let secret = KeyFile::open(&path)?.unlock_kem(passphrase)?;
        keys.push(Key { epoch, public: secret.public(), secret });
    }
    if keys.is_empty() { Err(KeyringError::Empty { folder: folder.to_owned() }) } else { Ok(keys) }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod keyring_tests;
