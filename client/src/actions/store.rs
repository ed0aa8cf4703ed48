//! Encrypted records in a local folder: what a hospital's gateway keeps, until there is one.
//!
//! ```text
//! FOLDER/<patient>/<record>/blob             the ciphertext
//! FOLDER/<patient>/<record>/patient.wrap     the content key, sealed to the patient
//! FOLDER/<patient>/<record>/<organisation>.wrap  ... to a custodian
//! FOLDER/<patient>/<record>/receipt-<n>.wrap ... to the reader of a receipt
//! ```

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use salus_primitives::{OrganisationId, PatientId, RecordId};

use crate::envelope::{Wrap, WrapError};

/// Why the folder did not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system.
    #[error("{doing} {path} failed: {source}; see whether the folder is there, writable and not full", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// Nothing there.
    #[error("the store has no {what} for record {record}; use the store of the hospital that keeps it")]
    Missing {
        /// What was looked for.
        what: String,
        /// Of which record.
        record: RecordId,
    },
    /// A wrap that does not read.
    #[error("{path}: {reason}", path = .path.display())]
    Wrap {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: WrapError,
    },
}

/// Whose wrap of a content key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// The patient's standing one.
    Patient,
    /// A custodian's standing one.
    Custodian(OrganisationId),
    /// The reader's of an access receipt.
    Receipt(u32),
}

impl Holder {
    fn file(self) -> String {
        match self {
            Self::Patient => "patient.wrap".to_owned(),
            Self::Custodian(id) => format!("{id}.wrap"),
            Self::Receipt(index) => format!("receipt-{index}.wrap"),
        }
    }
}

/// A folder of encrypted records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`, made when it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn place(&self, patient: PatientId, record: RecordId) -> PathBuf {
        self.folder.join(patient.to_string()).join(record.to_string())
    }

    /// Keep a ciphertext, synced.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_blob(&self, patient: PatientId, record: RecordId, blob: &[u8]) -> Result<(), StoreError> {
        self.write(patient, record, "blob", blob)
    }

    /// Keep a wrap.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_wrap(
        &self,
        patient: PatientId,
        record: RecordId,
        holder: Holder,
        wrap: &Wrap,
    ) -> Result<(), StoreError> {
        self.write(patient, record, &holder.file(), &wrap.to_bytes())
    }

    /// The ciphertext of a record, to read.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Io`].
    pub fn blob(&self, patient: PatientId, record: RecordId) -> Result<File, StoreError> {
        let path = self.place(patient, record).join("blob");
        File::open(&path).map_err(|source| missing("ciphertext", record, &path, source))
    }

    /// A wrap of a record.
    ///
    /// # Errors
    /// [`StoreError`] by what is wrong.
    pub fn wrap(&self, patient: PatientId, record: RecordId, holder: Holder) -> Result<Wrap, StoreError> {
        let path = self.place(patient, record).join(holder.file());
        let bytes = fs::read(&path).map_err(|source| missing(&holder.file(), record, &path, source))?;
        Wrap::from_bytes(&bytes).map_err(|reason| StoreError::Wrap { path, reason })
    }

    /// Drop a record that was not filed after all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn discard(&self, patient: PatientId, record: RecordId) -> Result<(), StoreError> {
        let place = self.place(patient, record);
        fs::remove_dir_all(&place).map_err(failed("removing", &place))
    }

    fn write(&self, patient: PatientId, record: RecordId, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let place = self.place(patient, record);
        fs::create_dir_all(&place).map_err(failed("making", &place))?;
        let (path, part) = (place.join(name), place.join(format!("{name}.part")));
        let mut file = File::create(&part).map_err(failed("making", &part))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("writing", &part))?;
        fs::rename(&part, &path).map_err(failed("renaming", &part))?;
        File::open(&place).and_then(|place| place.sync_all()).map_err(failed("syncing", &place))
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + use<'a> {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}

fn missing(what: &str, record: RecordId, path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing { what: what.to_owned(), record },
        _ => StoreError::Io { doing: "reading", path: path.to_owned(), source },
    }
}
