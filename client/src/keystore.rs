//! Keys at rest: one file per key, encrypted under a passphrase.
//!
//! ```json
//! {
//!   "format": "salus-key", "version": 1,
//!   "kind": "account" | "kem" | "tag",
//!   "public": hex, 32 bytes (of a tag key: 8 bytes that name it and tell nothing of it),
//!   "kdf": {"name": "argon2id", "memory_kib": …, "passes": …, "lanes": …, "salt": hex, "for_development": bool},
//!   "cipher": "aes-256-gcm", "nonce": hex, "ciphertext": hex, secret and tag,
//!   "check": hex, tells a wrong passphrase from a damaged file,
//!   "created_ms": …,
//!   "checksum": hex, tells a damaged file from a wrong passphrase
//! }
//! ```
//!
//! Argon2id (version 0x13) of the passphrase gives 64 bytes: the AES key and the check key. `bound` =
//! "salus/keystore/1" ++ SCALE of (kind u8, public Vec, memory u32, passes u32, lanes u32, for development bool,
//! salt 16 bytes, created u64). The ciphertext is AES-256-GCM of the 32 secret bytes with `bound` as associated
//! data; check = first 16 bytes of HMAC-SHA256(check key, `bound`); checksum = first 8 bytes of SHA-256(`bound`
//! ++ nonce ++ ciphertext ++ check).
//!
//! The file is made with mode 0600, appears whole or not at all, and never replaces another. It is read only
//! while its mode is still 0600 (or less), only by its owner, and only when it is no symbolic link.

use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _};
use argon2::{Algorithm, Argon2, Params, Version};
use core::fmt;
use parity_scale_codec::Encode as _;
use salus_primitives::crypto::{KeyPair, hmac_sha256, sha256_of};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

use crate::{
    envelope::{KemSecret, random_bytes},
    tags::TagKey,
};

mod error;
mod file;

pub use error::KeystoreError;

/// The bytes of a secret's file: a plain file, whose owner runs this program and alone may read it.
///
/// # Errors
/// [`KeystoreError`] by what is wrong with the file, or its owner or mode.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, KeystoreError> {
    file::read(path)
}

const FORMAT: &str = "salus-key";
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "aes-256-gcm";
const LABEL: &[u8] = b"salus/keystore/1";

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Signs: an Ed25519 key whose public half is an account.
    Account,
    /// Opens wraps: an X25519 key.
    Kem,
    /// Blinds tags: a patient's tag key.
    Tag,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "an account key",
            Self::Kem => "an encryption key",
            Self::Tag => "a tag key",
        })
    }
}

/// A key in the clear, in memory only.
#[derive(Clone, Debug)]
pub enum StoredKey {
    /// Signs.
    Account(KeyPair),
    /// Opens wraps.
    Kem(KemSecret),
    /// Blinds tags.
    Tag(TagKey),
}

impl StoredKey {
    /// What it is for.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Account(_) => KeyKind::Account,
            Self::Kem(_) => KeyKind::Kem,
            Self::Tag(_) => KeyKind::Tag,
        }
    }

    /// What may be known of it: the public key, or of a tag key eight bytes that name it.
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::Account(pair) => pair.public().0.to_vec(),
            Self::Kem(secret) => secret.public().0.to_vec(),
            Self::Tag(key) => hmac_sha256(key.expose(), b"salus/keystore/1/tag key name")[..8].to_vec(),
        }
    }

    fn secret(&self) -> &[u8; 32] {
        match self {
            Self::Account(pair) => pair.seed(),
            Self::Kem(secret) => secret.expose(),
            Self::Tag(key) => key.expose(),
        }
    }

    fn from_secret(kind: KeyKind, secret: &[u8; 32]) -> Self {
        match kind {
            KeyKind::Account => Self::Account(KeyPair::from_seed(secret)),
            KeyKind::Kem => Self::Kem(KemSecret::from_bytes(*secret)),
            KeyKind::Tag => Self::Tag(TagKey::from_bytes(*secret)),
        }
    }
}

/// A passphrase: wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Take a passphrase as typed, without the end of its line.
    ///
    /// # Errors
    /// [`KeystoreError::EmptyPassphrase`].
    pub fn new(text: String) -> Result<Self, KeystoreError> {
        let text = Zeroizing::new(text);
        let kept = text.trim_end_matches(['\n', '\r']);
        if kept.is_empty() { Err(KeystoreError::EmptyPassphrase) } else { Ok(Self(Zeroizing::new(kept.to_owned()))) }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

/// What a guess at the passphrase costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KdfParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    for_development: bool,
}

impl Default for KdfParams {
    /// 64 MiB, three passes, one lane: some tenths of a second on a present machine.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 1, for_development: false }
    }
}

impl KdfParams {
    /// Cheap to open and to guess: for published development keys and for tests. The file says so.
    pub fn for_development() -> Self {
        Self { memory_kib: 64, passes: 1, lanes: 1, for_development: true }
    }

    /// Are these in bounds? Files come from elsewhere too: one may neither be cheap to guess without saying so,
    /// nor take the machine's memory.
    fn check(&self, path: &Path) -> Result<(), KeystoreError> {
        let (memory_min, passes_min) = if self.for_development { (8, 1) } else { (19 * 1024, 2) };
        for (what, found, min, max) in [
            ("memory in KiB", self.memory_kib, memory_min, 1 << 20),
            ("passes", self.passes, passes_min, 16),
            ("lanes", self.lanes, 1, (self.memory_kib / 8).min(16)),
        ] {
            if !(min..=max).contains(&found) {
                return Err(KeystoreError::Kdf { path: path.to_owned(), what, found, min, max });
            }
        }
        Ok(())
    }

    /// The AES key and the check key of a passphrase.
    fn derive(&self, passphrase: &Passphrase, salt: &[u8; 16]) -> Result<Derived, KeystoreError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(64));
        let params = params.map_err(KeystoreError::Derivation)?;
        let mut out = Zeroizing::new([0; 64]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), salt, &mut out[..])
            .map_err(KeystoreError::Derivation)?;
        Ok(Derived(out))
    }
}

/// What argon2id gives.
struct Derived(Zeroizing<[u8; 64]>);

impl Derived {
    fn cipher(&self) -> Aes256Gcm {
        let key: &[u8; 32] = self.0.first_chunk().expect("64 bytes hold 32");
        Aes256Gcm::new(key.into())
    }

    fn encrypt(&self, nonce: &[u8; 12], bound: &[u8], secret: &[u8; 32]) -> [u8; 48] {
        let mut out = [0; 48];
        let (body, tag) = out.split_at_mut(32);
        body.copy_from_slice(secret);
        let made = self.cipher().encrypt_inout_detached(&(*nonce).into(), bound, body.into());
        tag.copy_from_slice(&made.expect("32 bytes are far below GCM's limit"));
        out
    }

    fn decrypt(&self, nonce: &[u8; 12], bound: &[u8], ciphertext: &[u8; 48]) -> Option<Zeroizing<[u8; 32]>> {
        let (body, tag) = ciphertext.split_first_chunk::<32>()?;
        let tag: [u8; 16] = tag.try_into().ok()?;
        let mut secret = Zeroizing::new(*body);
        let buffer = secret[..].as_mut().into();
        self.cipher().decrypt_inout_detached(&(*nonce).into(), bound, buffer, &tag.into()).ok()?;
        Some(secret)
    }

    fn check(&self, bound: &[u8]) -> [u8; 16] {
        *hmac_sha256(&self.0[32..], bound).first_chunk().expect("32 bytes hold 16")
    }
}

/// A key file that was read: what it says in the clear, and the key for whoever has the passphrase.
#[derive(Clone)]
pub struct KeyFile {
    path: PathBuf,
    kind: KeyKind,
    public: Vec<u8>,
    kdf: KdfParams,
    salt: [u8; 16],
    nonce: [u8; 12],
    ciphertext: [u8; 48],
    check: [u8; 16],
    created_ms: u64,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({:?}, {:?})", self.path, self.kind)
    }
}

impl KeyFile {
    /// Encrypt `key` under `passphrase` into a new file at `path`.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] when something is there already; then nothing was written.
    pub fn create(
        path: &Path,
        key: &StoredKey,
        passphrase: &Passphrase,
        kdf: KdfParams,
    ) -> Result<Self, KeystoreError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let created_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let made = Self::encrypt(path, key, passphrase, kdf, *random_bytes()?, *random_bytes()?, created_ms)?;
        file::create(path, made.to_json().as_bytes())?;
        Ok(made)
    }

    fn encrypt(
        path: &Path,
        key: &StoredKey,
        passphrase: &Passphrase,
        kdf: KdfParams,
        salt: [u8; 16],
        nonce: [u8; 12],
        created_ms: u64,
    ) -> Result<Self, KeystoreError> {
        kdf.check(path)?;
        let derived = kdf.derive(passphrase, &salt)?;
        let (ciphertext, check) = ([0; 48], [0; 16]);
        let (kind, public) = (key.kind(), key.public());
        let path = path.to_owned();
        let mut made = Self { path, kind, public, kdf, salt, nonce, ciphertext, check, created_ms };
        let bound = made.bound();
        made.ciphertext = derived.encrypt(&nonce, &bound, key.secret());
        made.check = derived.check(&bound);
        Ok(made)
    }

    /// Read the file at `path`. Needs no passphrase: gives what is in the clear.
    ///
    /// # Errors
    /// When the file may be read by others, is a link, is damaged or is no key file.
    pub fn open(path: &Path) -> Result<Self, KeystoreError> {
        Self::parse(path, &file::read(path)?)
    }

    /// The key files in `folder`, by name; what is no key file is passed over, a bad one is told with its error.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(folder: &Path) -> Result<Vec<Result<Self, KeystoreError>>, KeystoreError> {
        Ok(file::list(folder)?.iter().map(|path| Self::open(path)).collect())
    }

    /// Decrypt the key.
    ///
    /// # Errors
    /// [`KeystoreError::WrongPassphrase`], or [`KeystoreError::Damaged`] when the passphrase is right and the key
    /// is not.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<StoredKey, KeystoreError> {
        let derived = self.kdf.derive(passphrase, &self.salt)?;
        let bound = self.bound();
        if derived.check(&bound) != self.check {
            return Err(KeystoreError::WrongPassphrase { path: self.path.clone() });
        }
        let damaged = |reason| KeystoreError::Damaged { path: self.path.clone(), reason };
        let secret = derived
            .decrypt(&self.nonce, &bound, &self.ciphertext)
            .ok_or_else(|| damaged("the key does not decrypt although the passphrase is right"))?;
        let key = StoredKey::from_secret(self.kind, &secret);
        if key.public() != self.public {
            return Err(damaged("the key is not the one of its public half"));
        }
        Ok(key)
    }

    /// Decrypt the key, which has to sign.
    ///
    /// # Errors
    /// [`KeystoreError::Kind`], before the passphrase is tried, and those of [`KeyFile::unlock`].
    pub fn unlock_account(&self, passphrase: &Passphrase) -> Result<KeyPair, KeystoreError> {
        match self.expect(KeyKind::Account)?.unlock(passphrase)? {
            StoredKey::Account(pair) => Ok(pair),
            other => Err(self.wrong_kind(KeyKind::Account, other.kind())),
        }
    }

    /// Decrypt the key, which has to open wraps.
    ///
    /// # Errors
    /// As [`KeyFile::unlock_account`].
    pub fn unlock_kem(&self, passphrase: &Passphrase) -> Result<KemSecret, KeystoreError> {
        match self.expect(KeyKind::Kem)?.unlock(passphrase)? {
            StoredKey::Kem(secret) => Ok(secret),
            other => Err(self.wrong_kind(KeyKind::Kem, other.kind())),
        }
    }

    /// Decrypt the key, which has to blind tags.
    ///
    /// # Errors
    /// As [`KeyFile::unlock_account`].
    pub fn unlock_tag(&self, passphrase: &Passphrase) -> Result<TagKey, KeystoreError> {
        match self.expect(KeyKind::Tag)?.unlock(passphrase)? {
            StoredKey::Tag(key) => Ok(key),
            other => Err(self.wrong_kind(KeyKind::Tag, other.kind())),
        }
    }

    fn expect(&self, expected: KeyKind) -> Result<&Self, KeystoreError> {
        if self.kind == expected { Ok(self) } else { Err(self.wrong_kind(expected, self.kind)) }
    }

    fn wrong_kind(&self, expected: KeyKind, found: KeyKind) -> KeystoreError {
        KeystoreError::Kind { path: self.path.clone(), expected, found }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the key is for.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What may be known of the key, as [`StoredKey::public`] gives it. Only unlocking proves that the key is
    /// this one.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Is it protected by next to nothing? A key that guards patients' records must not be.
    pub fn is_for_development(&self) -> bool {
        self.kdf.for_development
    }

    /// When it was made: milliseconds since the Unix epoch by that machine's clock.
    pub fn created_ms(&self) -> u64 {
        self.created_ms
    }

    /// What the passphrase vouches for besides the secret.
    fn bound(&self) -> Vec<u8> {
        let KdfParams { memory_kib, passes, lanes, for_development } = self.kdf;
        let kind = match self.kind {
            KeyKind::Account => 0u8,
            KeyKind::Kem => 1,
            KeyKind::Tag => 2,
        };
        let fields =
            (kind, &self.public, memory_kib, passes, lanes, for_development, self.salt, self.created_ms).encode();
        [LABEL, &fields].concat()
    }

    fn checksum(&self) -> [u8; 8] {
        let all = sha256_of(&[&self.bound(), &self.nonce, &self.ciphertext, &self.check]);
        *all.0.first_chunk().expect("32 bytes hold 8")
    }
}

#[cfg(test)]
#[path = "keystore_tests.rs"]
mod tests;
