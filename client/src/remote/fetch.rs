//! Fetching a record: key, ciphertext, and only then its plaintext, whole or not at all.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use reqwest::{StatusCode, header::CONTENT_RANGE};
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

/// Bytes that an attempt has to bring so that it does not count as one of the few that may fail.
const PROGRESS: u64 = 1 << 20;

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

/// How far a download is.
struct Part {
    /// Bytes that came.
    found: u64,
    /// Over them.
    digest: Sha256Stream,
}

/// The ciphertext into `blob`, whole and compared with the chain. Where it breaks off it goes on, if the gateway does.
async fn download(gateway: &Gateway, key: &KeyPair, wanted: &Wanted, blob: &File) -> Result<(), RemoteError> {
    let (target, anchor) = (wanted.target("blob"), &wanted.anchor);
    let mut part = Part { found: 0, digest: Sha256Stream::new() };
    let (mut idle, mut most) = (0, 0);
    while idle < ATTEMPTS {
        let before = part.found;
        attempt(gateway, key, &target, anchor, blob, &mut part).await?;
        if part.found == anchor.size {
            let found = part.digest.finish();
            return if found == anchor.digest {
                Ok(())
            } else {
                Err(RemoteError::Digest { found, expected: anchor.digest })
            };
        }
        most = most.max(part.found);
        if part.found < before.saturating_add(PROGRESS) {
            idle += 1;
        }
    }
    Err(RemoteError::Truncated { found: most, expected: anchor.size })
}

/// One attempt, from where the last one broke off. Where it breaks off itself, `part` tells.
async fn attempt(
    gateway: &Gateway,
    key: &KeyPair,
    target: &str,
    anchor: &Anchor,
    blob: &File,
    part: &mut Part,
) -> Result<(), RemoteError> {
    let failed = RemoteError::file("writing", Path::new("the ciphertext"));
    let mut response = gateway.download(key, target, part.found).await?;
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let expected = format!("bytes {}-{}/{}", part.found, anchor.size.saturating_sub(1), anchor.size);
        if range != Some(expected.as_str()) {
            return Err(RemoteError::Answer { what: "range" });
        }
    } else {
        *part = Part { found: 0, digest: Sha256Stream::new() };
    }
    let expected = anchor.size - part.found;
    if let Some(declared) = response.content_length().filter(|declared| *declared != expected) {
        return Err(RemoteError::Length { declared, expected });
    }
    let mut file = blob.try_clone().map_err(&failed)?;
    file.seek(SeekFrom::Start(part.found)).and_then(|_| file.set_len(part.found)).map_err(&failed)?;
    while let Ok(Some(chunk)) = response.chunk().await {
        if chunk.len() as u64 > anchor.size - part.found {
            return Err(RemoteError::TooLong { expected: anchor.size });
        }
        file.write_all(&chunk).map_err(&failed)?;
        part.digest.update(&chunk);
        part.found += chunk.len() as u64;
    }
    Ok(())
}
