//! Notes that stay off chain: a salted digest of them goes there, and whoever gets note and salt can check them.

use std::path::{Path, PathBuf};

use clap::Args;
use salus_client::actions::fresh_key;
use salus_primitives::{Hash, crypto::sha256_of};

use super::{error::CliError, files};

/// A note with a call.
#[derive(Args, Debug, Default)]
pub struct NoteArgs {
    /// File with a note for whoever reviews: only a salted digest of it goes on chain. The salt is printed: keep both.
    #[arg(long, value_name = "FILE")]
    pub note_file: Option<PathBuf>,
    /// Commitment to a note, made elsewhere: 64 hex digits.
    #[arg(long, value_name = "HASH", conflicts_with = "note_file")]
    pub note: Option<Hash>,
}

impl NoteArgs {
    /// What goes on chain, zero for no note, and the salt where it is made here.
    pub fn commitment(&self) -> Result<(Hash, Option<String>), CliError> {
        match &self.note_file {
            Some(path) => committed(path).map(|(note, salt)| (note, Some(salt))),
            None => Ok((self.note.unwrap_or_default(), None)),
        }
    }
}

/// The commitment to a file, SHA-256(salt ++ file), and its new salt in hex.
pub fn committed(path: &Path) -> Result<(Hash, String), CliError> {
    let text = files::read_bytes(path)?;
    // A fresh key's public half is 32 bytes that nobody can guess.
    let salt = fresh_key()?.public().0;
    Ok((sha256_of(&[&salt, &text]), hex::encode(salt)))
}

/// The commitment to a file under a salt that somebody kept.
pub fn commitment_with(path: &Path, salt: &str) -> Result<Hash, CliError> {
    let salt = hex::decode(salt.strip_prefix("0x").unwrap_or(salt));
    let salt = salt.map_err(|_| CliError::Usage("a salt is hex digits, as they were printed".to_owned()))?;
    Ok(sha256_of(&[&salt, &files::read_bytes(path)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_note_fits_its_commitment_with_its_salt_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let (note, other) = (folder.path().join("note"), folder.path().join("other"));
        fs::write(&note, "no pulse, no time").unwrap();
        fs::write(&other, "no pulse, no tim").unwrap();
        let (first, salt) = committed(&note).unwrap();
        assert_eq!(commitment_with(&note, &salt).unwrap(), first);
        assert_ne!(commitment_with(&other, &salt).unwrap(), first);
        let (again, new) = committed(&note).unwrap();
        assert!(again != first && new != salt, "nobody guesses a note by its commitment");
        assert_eq!(commitment_with(&note, "salt").unwrap_err().status(), 2);
    }

    #[test]
    fn no_note_is_zero_and_one_made_elsewhere_stays_as_it_is() {
        assert_eq!(NoteArgs::default().commitment().unwrap(), (Hash::ZERO, None));
        let elsewhere = NoteArgs { note: Some(Hash([3; 32])), note_file: None };
        assert_eq!(elsewhere.commitment().unwrap(), (Hash([3; 32]), None));
    }
}
