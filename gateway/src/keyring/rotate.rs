//! A new key in the place of the old one: every wrap of ours is sealed anew, no blob is touched.
//!
//! The note `rotation` is written before the key it names is made, and removed when no wrap is left under an older
//! key. Whoever starts again after a crash finds the note, makes that key unless it is there, and renews what is not
//! renewed yet: opening tells. The old key stays, for uploads that were sealed to it meanwhile.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use futures::TryStreamExt as _;
use salus_client::{
    envelope::{KemPublic, KemSecret, RecordRef, WrapContext, WrapError, wrap_key},
    keystore::{KdfParams, KeyFile, StoredKey},
};
use salus_primitives::OrganisationId;
use serde::Serialize;

use super::{Keyring, KeyringError, RewrapError, error::failed, path};
use crate::store::{Holder, Place, Store, StoreError};

const NOTE: &str = "rotation";

/// What a rotation did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rewrapped {
    /// The newest key's epoch.
    pub epoch: u32,
    /// Wraps sealed anew.
    pub renewed: u64,
    /// Wraps that were for the newest key already.
    pub current: u64,
    /// Records whose wrap opens by none of the keys, or is damaged, and how. They stay as they are.
    pub failed: Vec<String>,
}

impl Keyring {
    /// Make the next key and seal every wrap of ours in `store` to it; or, where a rotation was cut short, go on with
    /// that one. `seen` hears of each record.
    ///
    /// # Errors
    /// [`KeyringError`] by what failed. What was renewed stays so.
    pub async fn rotate(
        &self,
        store: &Store,
        us: OrganisationId,
        kdf: KdfParams,
        seen: impl FnMut(),
    ) -> Result<Rewrapped, KeyringError> {
        let folder = self.0.folder.clone();
        let target = match read_note(&folder)? {
            Some(target) => target,
            None => {
                let target = self.newest().epoch + 1;
                write_note(&folder, target)?;
                target
            }
        };
        if self.newest().epoch < target && !path(&folder, target).exists() {
            let key = StoredKey::Kem(KemSecret::generate()?);
            KeyFile::create(&path(&folder, target), &key, &self.0.passphrase, kdf)?;
        }
        self.reload();
        let done = self.rewrap_all(store, us, seen).await?;
        if done.failed.is_empty() {
            remove_note(&folder)?;
        }
        Ok(done)
    }

    /// Is a rotation on the way, and to which epoch?
    ///
    /// # Errors
    /// [`KeyringError::Rotation`], or that the note cannot be read.
    pub fn rotation(&self) -> Result<Option<u32>, KeyringError> {
        read_note(&self.0.folder)
    }

    async fn rewrap_all(
        &self,
        store: &Store,
        us: OrganisationId,
        mut seen: impl FnMut(),
    ) -> Result<Rewrapped, KeyringError> {
        let mut done = Rewrapped { epoch: self.newest().epoch, ..Rewrapped::default() };
        let mut entries = store.list();
        while let Some(entry) = entries.try_next().await? {
            if entry.shredded || !entry.wraps.contains(&Holder::Custodian(us)) {
                continue;
            }
            match self.rewrap(store, us, entry.place).await {
                Ok(true) => done.renewed += 1,
                Ok(false) => done.current += 1,
                // Gone since it was listed.
                Err(RewrapError::Store(StoreError::Missing { .. } | StoreError::Shredded { .. })) => {}
                Err(error @ (RewrapError::Wrap { .. } | RewrapError::Store(StoreError::Damaged { .. }))) => {
                    done.failed.push(error.to_string());
                }
                Err(other) => return Err(other.into()),
            }
            seen();
        }
        Ok(done)
    }

    /// Make a standing wrap of a record for another custodian, unless there is one.
    ///
    /// # Errors
    /// [`RewrapError`] by what failed.
    pub async fn seal_for(
        &self,
        store: &Store,
        us: OrganisationId,
        place: Place,
        other: OrganisationId,
        key: &KemPublic,
    ) -> Result<(), RewrapError> {
        let wrong = |reason: WrapError| RewrapError::Wrap { place, reason };
        let context = standing(store, place).await?;
        let ours = store.wrap(place, Holder::Custodian(us)).await?;
        let content = self.unwrap(&ours, &context).map_err(wrong)?;
        let wrap = wrap_key(&content, key, &context).map_err(wrong)?;
        store.keep_wrap(place, Holder::Custodian(other), &wrap).await?;
        Ok(())
    }

    /// Seal our wrap of a record to the newest key, unless it is. Says whether it was renewed; then the copies at other
    /// custodians are due again.
    ///
    /// # Errors
    /// [`RewrapError`] by what failed; then the old wrap stays.
    pub async fn rewrap(&self, store: &Store, us: OrganisationId, place: Place) -> Result<bool, RewrapError> {
        let holder = Holder::Custodian(us);
        let wrong = |reason: WrapError| RewrapError::Wrap { place, reason };
        loop {
            let context = standing(store, place).await?;
            let old = store.wrap(place, holder).await?;
            let (epoch, content) = self.open_wrap(&old, &context).map_err(wrong)?;
            let newest = self.newest();
            if epoch >= newest.epoch {
                return Ok(false);
            }
            let new = wrap_key(&content, &newest.public, &context).map_err(wrong)?;
            // Marked before it is done: a crash between makes a needless visit, not a forgotten one.
            for other in store.entry(place).await?.map(|entry| entry.copied).unwrap_or_default() {
                store.copy_due(place, other).await?;
            }
            if store.exchange_wrap(place, holder, &old, &new).await? {
                return Ok(true);
            }
        }
    }
}

/// What the standing wraps of a record are bound to.
async fn standing(store: &Store, place: Place) -> Result<WrapContext, StoreError> {
    let meta = store.meta(place).await?;
    let of = RecordRef { patient: place.patient, record: place.record, version: meta.version };
    Ok(WrapContext::Standing { of, key_epoch: meta.key_epoch })
}

fn note(folder: &Path) -> PathBuf {
    folder.join(NOTE)
}

pub(super) fn read_note(folder: &Path) -> Result<Option<u32>, KeyringError> {
    let path = note(folder);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| KeyringError::Rotation { path }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("reading", &path)(error)),
    }
}

fn write_note(folder: &Path, target: u32) -> Result<(), KeyringError> {
    let (path, part) = (note(folder), folder.join(format!("{NOTE}.part")));
    let mut file = File::create(&part).map_err(failed("making", &part))?;
    writeln!(file, "{target}").and_then(|()| file.sync_all()).map_err(failed("writing", &part))?;
    fs::rename(&part, &path).map_err(failed("renaming", &part))?;
    sync(folder)
}

fn remove_note(folder: &Path) -> Result<(), KeyringError> {
    let path = note(folder);
    fs::remove_file(&path).map_err(failed("removing", &path))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), KeyringError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("syncing", folder))
}
