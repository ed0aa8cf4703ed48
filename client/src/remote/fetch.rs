//! Fetching a record: key, ciphertext, and only then its plaintext, whole or not at all.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use reqwest::Method;
use salus_primitives::{
    PatientId, RecordId,
    crypto::{KeyPair, Sha256Stream},
};
use tempfile::{Builder, NamedTempFile};

use super::{ATTEMPTS, Gateway, RemoteError};
use crate::{
    door::WrapAnswer,
    envelope::{
        Anchor, ContentKey, KemSecret, OpenError, PLAIN_BYTES_MAX, RecordRef, Wrap, WrapContext, open, unwrap_key,
    },
};

/// A record as the chain has it, and by which right it is fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Whose.
    pub patient: PatientId,
    /// Which.
    pub record: RecordId,
    /// Its version.
    pub version: u32,
    /// Which wrapping of its key is the present one.
    pub key_epoch: u32,
    /// Digest and size of its ciphertext.
    pub anchor: Anchor,
    /// Index of the access receipt; none for the patient's own.
    pub receipt: Option<u32>,
}

/// A record that was written to its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// Length of the plaintext, bytes.
    pub plain_bytes: u64,
}

impl Wanted {
    fn target(&self, what: &str) -> String {
        let Self { patient, record, .. } = self;
        match self.receipt {
            Some(index) => format!("/v1/patients/{patient}/receipts/{index}/records/{record}/{what}"),
            None => format!("/v1/patients/{patient}/records/{record}/{what}"),
        }
    }

    fn of(&self) -> RecordRef {
        RecordRef { patient: self.patient, record: self.record, version: self.version }
    }

    /// What its wrap binds.
    fn context(&self) -> WrapContext {
        let Self { patient, record, key_epoch, .. } = *self;
        match self.receipt {
            Some(index) => WrapContext::Receipt { patient, index, record, key_epoch },
            None => WrapContext::Standing { of: self.of(), key_epoch },
        }
    }

    fn differs(&self, answer: &WrapAnswer) -> Option<&'static str> {
        [
            (answer.version == self.version, "version of the record"),
            (answer.key_epoch == self.key_epoch, "key epoch of the record"),
            (answer.digest == self.anchor.digest, "digest of the record"),
            (answer.size == self.anchor.size, "size of the record"),
        ]
        .into_iter()
        .find_map(|(same, what)| (!same).then_some(what))
    }
}

/// Fetch a record by `gateway`, signed by `key`, open it with `secret` and write it to the new file `out`, readable
/// by its owner alone.
///
/// The ciphertext is compared with the chain's digest before a byte is decrypted. The plaintext is written under
/// another name and gets its own when it is whole, authentic and synced; on any error nothing of it stays.
///
/// # Errors
/// [`RemoteError`] by what went wrong.
pub async fn fetch(
    gateway: &Gateway,
    key: &KeyPair,
    wanted: &Wanted,
    secret: &KemSecret,
    out: &Path,
) -> Result<Fetched, RemoteError> {
    if out.exists() {
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(RemoteError::file("making", out)(taken));
    }
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let answer: WrapAnswer = gateway.ask(key, &wanted.target("wrap"), "wrap").await?;
    if let Some(what) = wanted.differs(&answer) {
        return Err(RemoteError::Differs { what });
    }
    let wrap = hex::decode(&answer.wrap).map_err(|_| RemoteError::Answer { what: "wrap" })?;
    let content_key = unwrap_key(&Wrap::from_bytes(&wrap)?, secret, &wanted.context())?;
    // Without a name: it is gone with this program, whatever ends it.
    let blob = tempfile::tempfile_in(folder).map_err(RemoteError::file("making a file in", folder))?;
    download(gateway, key, wanted, &blob).await?;
    let (plain, plain_bytes) = decrypted(wanted, &content_key, blob, folder)?;
    plain.persist_noclobber(out).map_err(|error| RemoteError::file("making", out)(error.error))?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(RemoteError::file("syncing", folder))?;
    Ok(Fetched { plain_bytes })
}

/// The plaintext in a file under another name, which is removed when it is dropped.
fn decrypted(
    wanted: &Wanted,
    key: &ContentKey,
    mut blob: File,
    folder: &Path,
) -> Result<(NamedTempFile, u64), RemoteError> {
    // Mode 0600, and a name that nobody can have taken before.
    let made = Builder::new().prefix(".salus-").suffix(".part").tempfile_in(folder);
    let mut plain = made.map_err(RemoteError::file("making a file in", folder))?;
    let failed = RemoteError::file("writing", folder);
    blob.rewind().map_err(&failed)?;
    let mut writer = BufWriter::new(plain.as_file_mut());
    let opened = open(key, &wanted.of(), PLAIN_BYTES_MAX, BufReader::new(blob), &mut writer)?;
    writer.flush().map_err(&failed)?;
    drop(writer);
    if opened.anchor != wanted.anchor {
        let (expected, found) = (wanted.anchor.digest, opened.anchor.digest);
        return Err(OpenError::Digest { expected, found }.into());
    }
    plain.as_file().sync_all().map_err(&failed)?;
    Ok((plain, opened.plain_bytes))
}

/// The ciphertext into `blob`, whole and compared with the chain. One that breaks off is begun again.
async fn download(gateway: &Gateway, key: &KeyPair, wanted: &Wanted, blob: &File) -> Result<(), RemoteError> {
    let target = wanted.target("blob");
    let mut most = 0;
    for _ in 0..ATTEMPTS {
        match attempt(gateway, key, &target, &wanted.anchor, blob).await? {
            Some(found) => most = most.max(found),
            None => return Ok(()),
        }
    }
    Err(RemoteError::Truncated { found: most, expected: wanted.anchor.size })
}

/// One attempt: after how many bytes it broke off, if it did.
async fn attempt(
    gateway: &Gateway,
    key: &KeyPair,
    target: &str,
    anchor: &Anchor,
    blob: &File,
) -> Result<Option<u64>, RemoteError> {
    let failed = RemoteError::file("writing", Path::new("the ciphertext"));
    let mut response = gateway.send(key, Method::GET, target, None).await?;
    if let Some(declared) = response.content_length().filter(|declared| *declared != anchor.size) {
        return Err(RemoteError::Length { declared, expected: anchor.size });
    }
    let mut file = blob.try_clone().map_err(&failed)?;
    file.seek(SeekFrom::Start(0)).and_then(|_| file.set_len(0)).map_err(&failed)?;
    let (mut digest, mut found) = (Sha256Stream::new(), 0u64);
    while let Ok(Some(chunk)) = response.chunk().await {
        found += chunk.len() as u64;
        if found > anchor.size {
            return Err(RemoteError::TooLong { expected: anchor.size });
        }
        digest.update(&chunk);
        file.write_all(&chunk).map_err(&failed)?;
    }
    if found < anchor.size {
        return Ok(Some(found));
    }
    let found = digest.finish();
    if found == anchor.digest { Ok(None) } else { Err(RemoteError::Digest { found, expected: anchor.digest }) }
}
