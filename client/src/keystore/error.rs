//! What can be the matter with a key file or another secret's, and what to do about it.

use std::{io, path::PathBuf};

use super::{KeyKind, VERSION};
use crate::envelope::RandomError;

/// Why a key was not stored or not read. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Something is at that path.
    #[error("{path} exists and is never overwritten: choose another name, or move it away if the key is not needed")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Nothing is at that path.
    #[error("there is no {path}: check the name; `salus key new` makes a key")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A link, a folder or a device.
    #[error("{path} is {found}, a secret has to lie in a plain file: give the path of the file itself")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Others may read it.
    #[error(
        "{path} has mode {mode:04o}, others may have read the secret in it: run `chmod 600`, and replace the secret if \
         in doubt"
    )]
    Mode {
        /// The path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "{path} belongs to user {owner}, not to user {user} who runs this: take a copy of your own, and replace the \
         secret in it if that user should not know it"
    )]
    Owner {
        /// The path.
        path: PathBuf,
        /// Whose it is, by the system's number.
        owner: u32,
        /// Who runs this program.
        user: u32,
    },
    /// Longer than any secret.
    #[error("{path} is longer than 16 KiB: it holds no secret of Salus, check the path")]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The file changed while it was opened.
    #[error("{path} was exchanged while it was opened: find out who writes in its folder before trying again")]
    Exchanged {
        /// The path.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{doing} {path} failed: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// Not a file of this kind.
    #[error("{path} is no key file of Salus ({reason}): check the path")]
    NotAKeyFile {
        /// The path.
        path: PathBuf,
        /// What is missing; never the file's content.
        reason: &'static str,
    },
    /// A newer version.
    #[error("{path} is a key file of version {found}, this program reads version {VERSION}: update it")]
    TooNew {
        /// The path.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Bits changed.
    #[error("{path} is damaged ({reason}): restore it from a backup; the passphrase does not matter")]
    Damaged {
        /// The path.
        path: PathBuf,
        /// Which check failed.
        reason: &'static str,
    },
    /// Parameters beyond what any honest file has.
    #[error("{path} asks for {what} of {found}, allowed are {min} to {max}: it was not made by Salus, do not use it")]
    Kdf {
        /// The path.
        path: PathBuf,
        /// Which parameter.
        what: &'static str,
        /// Its value.
        found: u32,
        /// The least allowed.
        min: u32,
        /// The most allowed.
        max: u32,
    },
    /// The passphrase does not fit.
    #[error("wrong passphrase for {path}: try again; the file itself is whole")]
    WrongPassphrase {
        /// The path.
        path: PathBuf,
    },
    /// An empty passphrase.
    #[error("a passphrase may not be empty")]
    EmptyPassphrase,
    /// The key is of another kind than asked for.
    #[error("{path} holds {found}, needed is {expected}: choose another file")]
    Kind {
        /// The path.
        path: PathBuf,
        /// What is needed.
        expected: KeyKind,
        /// What the file holds.
        found: KeyKind,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Argon2id could not run: it lacks memory.
    #[error("deriving the key from the passphrase failed ({0}): free some memory and try again")]
    Derivation(argon2::Error),
}
