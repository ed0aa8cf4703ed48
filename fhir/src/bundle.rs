//! Is this file a FHIR R4 bundle about one patient, and what is it about? The first of the checks, which needs no
//! schema: JSON without a key given twice, a Bundle of a type that R4 has, every entry with a resource of a type
//! that R4 has, at most one Patient.

use core::fmt;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    checker::{CheckError, Checker},
    json::{self, JsonError},
    kind::{Kind, encounter_of, kind_of},
    labels::Labels,
    types::{BUNDLE_TYPES, RESOURCE_TYPES},
};

/// Largest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a file is no record.
#[derive(Debug, thiserror::Error)]
pub enum FhirError {
    /// It could not be read.
    #[error("reading {path} failed: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// It is no bundle of FHIR R4 about one patient.
    #[error("{path}: {reason}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: Box<CheckError>,
    },
    /// Nothing to file.
    #[error("{path} holds no file that ends in .json: give a folder of FHIR R4 bundles")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Why bytes are no FHIR R4 bundle about one patient. Names the place, never what a patient's data says there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too many bytes.
    #[error("more than {BUNDLE_BYTES_MAX} bytes, the most that a bundle may have: split it")]
    TooLarge,
    /// Not JSON that every reader reads alike.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Something is not there or of another type.
    #[error("{at} is missing or not {expected}")]
    Missing {
        /// The path within the file.
        at: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A resource, but no bundle.
    #[error("resourceType is {found}, expected Bundle: wrap it in a Bundle of type collection")]
    NotABundle {
        /// The type found.
        found: String,
    },
    /// A type of bundle that R4 does not have.
    #[error("type is none that a Bundle of FHIR R4 has: expected one of batch, collection, document, transaction, …")]
    BundleType,
    /// A type of resource that R4 does not have.
    #[error("{at} is {found}, which FHIR R4 (4.0.1) does not have: convert the file to R4")]
    ResourceType {
        /// The path within the file.
        at: String,
        /// The type found.
        found: String,
    },
    /// More than one patient.
    #[error("{count} Patient resources: a record is about one patient, split the bundle")]
    SeveralPatients {
        /// How many.
        count: usize,
    },
}

/// A file found to be a FHIR R4 bundle about one patient.
#[derive(Clone, PartialEq, Eq)]
pub struct BundleInfo {
    /// The bytes as received: what is encrypted.
    pub bytes: Vec<u8>,
    /// `Bundle.type`.
    pub bundle_type: String,
    /// How many resources of each type.
    pub counts: BTreeMap<String, usize>,
    /// The Patient's id in the file, for showing to whoever has the file. Never for a log or the chain.
    pub patient: Option<String>,
    /// What kind of record it seems to be. The author may say otherwise.
    pub kind: Kind,
    /// What its security labels say.
    pub labels: Labels,
    /// The UUID of its one encounter; none where it has none or several, or names it otherwise.
    pub encounter: Option<[u8; 16]>,
}

impl BundleInfo {
    /// How many resources there are.
    pub fn resources(&self) -> usize {
        self.counts.values().sum()
    }
}

impl fmt::Debug for BundleInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleInfo({}, {} bytes, {} resources)", self.kind, self.bytes.len(), self.resources())
    }
}

/// A bundle with the name it goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedBundle {
    /// Its file's name; may name a person.
    pub name: String,
    /// What was found.
    pub info: BundleInfo,
}

/// Read the bundle in the file at `path`, and check it whole where a `checker` is given.
///
/// # Errors
/// [`FhirError`], which names the file.
pub fn read_bundle(path: &Path, checker: Option<&Checker>) -> Result<BundleInfo, FhirError> {
    let failed = |source| FhirError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte beyond the limit is enough to be refused.
    let file = fs::File::open(path).map_err(failed)?;
    file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let read = match checker {
        Some(checker) => checker.check(bytes),
        None => parse_bundle(bytes).map_err(CheckError::from),
    };
    read.map_err(|reason| FhirError::Refused { path: path.to_owned(), reason: Box::new(reason) })
}

/// Read every file in `folder` that ends in `.json`, by name, and check each whole where a `checker` is given.
///
/// # Errors
/// The first that is no bundle, or that there is none.
pub fn read_folder(folder: &Path, checker: Option<&Checker>) -> Result<Vec<NamedBundle>, FhirError> {
    let failed = |source| FhirError::Io { path: folder.to_owned(), source };
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>())
        .map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")));
    paths.sort();
    if paths.is_empty() {
        return Err(FhirError::Empty { path: folder.to_owned() });
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| Ok(NamedBundle { name: name(path), info: read_bundle(path, checker)? })).collect()
}

/// Read a bundle's bytes, without a look at its resources' fields: [`Checker::check`] has that.
///
/// # Errors
/// [`BundleError`], which names the place.
pub fn parse_bundle(bytes: Vec<u8>) -> Result<BundleInfo, BundleError> {
    read(bytes).map(|(info, _)| info)
}

/// The same, and what the bytes say.
pub(crate) fn read(bytes: Vec<u8>) -> Result<(BundleInfo, Value), BundleError> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge);
    }
    let root = json::parse(&bytes, "Bundle")?;
    match type_of(&root, "resourceType")? {
        "Bundle" => {}
        found => return Err(BundleError::NotABundle { found: shown(found) }),
    }
    let bundle_type = root.get("type").and_then(Value::as_str).unwrap_or_default();
    if !BUNDLE_TYPES.contains(&bundle_type) {
        return Err(BundleError::BundleType);
    }
    let entries = root.get("entry").and_then(Value::as_array).filter(|entries| !entries.is_empty());
    let no_entries =
        || BundleError::Missing { at: "Bundle.entry".to_owned(), expected: "a list of at least one entry" };
    let mut resources = Vec::new();
    for (index, entry) in entries.ok_or_else(no_entries)?.iter().enumerate() {
        let at = || format!("Bundle.entry[{index}].resource");
        let resource = entry.get("resource").filter(|resource| resource.is_object());
        let resource = resource.ok_or_else(|| BundleError::Missing { at: at(), expected: "a resource" })?;
        let at = || format!("{}.resourceType", at());
        let name = type_of(resource, &at())?;
        if RESOURCE_TYPES.binary_search(&name).is_err() {
            return Err(BundleError::ResourceType { at: at(), found: shown(name) });
        }
        resources.push((name, resource));
    }
    let mut counts = BTreeMap::new();
    for (name, _) in &resources {
        *counts.entry((*name).to_owned()).or_insert(0) += 1;
    }
    if let Some(count @ 2..) = counts.get("Patient").copied() {
        return Err(BundleError::SeveralPatients { count });
    }
    let patient = resources.iter().find(|(name, _)| *name == "Patient");
    let patient = patient.and_then(|(_, patient)| Some(patient.get("id")?.as_str()?.to_owned()));
    let mut labels = Labels::default();
    labels.gather(&root);
    let (kind, bundle_type) = (kind_of(bundle_type, &resources), bundle_type.to_owned());
    let encounter = encounter_of(&root);
    Ok((BundleInfo { bytes, bundle_type, counts, patient, kind, labels, encounter }, root))
}

fn type_of<'a>(resource: &'a Value, at: &str) -> Result<&'a str, BundleError> {
    let missing = || BundleError::Missing { at: at.to_owned(), expected: "the name of a resource type" };
    resource.get("resourceType").and_then(Value::as_str).ok_or_else(missing)
}

/// The text, if it could be a type's name: anything else might be a person's.
fn shown(name: &str) -> String {
    let plain = name.len() <= 40 && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if plain { name.to_owned() } else { "no name of a type".to_owned() }
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
