//! FHIR at the edge: is this file a FHIR R4 bundle about one patient, what kind of record is it and how
//! sensitive does it say it is (domain.md section 8, decision 15).
//!
//! The bytes of a record are the bytes received: they are digested, encrypted and kept as they came. Nothing
//! here writes a bundle back.
//!
//! What is checked: JSON without a key given twice (two readers would see two records), a Bundle of a type that
//! R4 has, every entry with a resource of a type that R4 has, at most one Patient. What is not checked: the
//! resources' own fields; that is the gateway's work.

mod date;
mod generate;
mod json;
mod types;

pub use date::{Date, NotADate, instant};
pub use generate::generated;

use core::{fmt, str::FromStr};
use salus_primitives::{Hash, crypto::sha256};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::tags::Sensitivity;
use types::{BUNDLE_TYPES, CONTEXT_TYPES, RESOURCE_TYPES};

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
    /// It is no bundle.
    #[error("{path}: {reason}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: BundleError,
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
    /// It looks like XML.
    #[error("this is XML: export it as FHIR JSON")]
    Xml,
    /// Not JSON.
    #[error("not JSON (line {line}, column {column}): export it again")]
    NotJson {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A key twice in one object.
    #[error("a key stands twice in one object (line {line}, column {column}): no two readers need see the same record")]
    DuplicateKey {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
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

/// The coarse kind of a record, which the chain knows in clear (domain.md section 1). The order is the chain's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// General information: vital signs, blood group.
    General,
    /// One or more encounters with what belongs to them.
    Encounter,
    /// Laboratory results.
    Lab,
    /// Images and their reports.
    Imaging,
    /// Prescriptions and medication.
    Medication,
    /// Letters and other documents.
    Document,
    /// Devices and implants.
    Device,
    /// The patient summary (IPS).
    Summary,
    /// Anything else, and mixtures.
    Other,
}

/// The text is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a kind of record: expected general, encounter, lab, imaging, medication, document, device, summary or other"
)]
pub struct NotAKind;

impl Kind {
    /// Every kind, in the chain's order.
    pub const ALL: [Self; 9] = [
        Self::General,
        Self::Encounter,
        Self::Lab,
        Self::Imaging,
        Self::Medication,
        Self::Document,
        Self::Device,
        Self::Summary,
        Self::Other,
    ];

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Encounter => "encounter",
            Self::Lab => "lab",
            Self::Imaging => "imaging",
            Self::Medication => "medication",
            Self::Document => "document",
            Self::Device => "device",
            Self::Summary => "summary",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text)).ok_or(NotAKind)
    }
}

/// What the security labels in a bundle's `meta.security` say, wherever in it they stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Labels {
    /// Classes of sensitive information, from which tags are made.
    pub sensitivity: BTreeSet<Sensitivity>,
    /// Is a label there that this program does not know? Then the record cannot be called labelled.
    pub unknown: bool,
    /// Is the confidentiality R (restricted) or V (very restricted)?
    pub confidential: bool,
    /// Is redisclosure forbidden (NORDSCLCD, 42 CFR Part 2)?
    pub no_redisclosure: bool,
}

impl Labels {
    /// Has the author to file it as restricted: is any label present that is sensitive or unknown?
    pub fn restricted(&self) -> bool {
        !self.sensitivity.is_empty() || self.unknown || self.confidential || self.no_redisclosure
    }

    /// Gather the labels of `value` and everything in it.
    fn gather(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(security) = object.get("meta").and_then(|meta| meta.get("security")) {
                    match security {
                        Value::Array(codings) => codings.iter().for_each(|coding| self.add(coding)),
                        _ => self.unknown = true,
                    }
                }
                object.values().for_each(|value| self.gather(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.gather(value)),
            _ => {}
        }
    }

    fn add(&mut self, coding: &Value) {
        let text = |key: &str| coding.get(key).and_then(Value::as_str).unwrap_or_default();
        let (system, code) = (text("system"), text("code"));
        let act_code = ["http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode"];
        let confidentiality =
            ["http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "http://hl7.org/fhir/v3/Confidentiality"];
        if act_code.contains(&system) {
            match code.parse() {
                Ok(class) => drop(self.sensitivity.insert(class)),
                Err(_) if code == "NORDSCLCD" => self.no_redisclosure = true,
                Err(_) => self.unknown = true,
            }
        } else if confidentiality.contains(&system) {
            match code {
                "U" | "L" | "M" | "N" => {}
                "R" | "V" => self.confidential = true,
                _ => self.unknown = true,
            }
        } else {
            self.unknown = true;
        }
    }
}

/// A file found to be a FHIR R4 bundle about one patient.
#[derive(Clone, PartialEq, Eq)]
pub struct BundleInfo {
    /// The bytes as received: what is encrypted.
    pub bytes: Vec<u8>,
    /// SHA-256 of those bytes. Stays off chain: what goes there is the blob's digest.
    pub digest: Hash,
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

/// Read the bundle in the file at `path`.
///
/// # Errors
/// [`FhirError`], which names the file.
pub fn read_bundle(path: &Path) -> Result<BundleInfo, FhirError> {
    let failed = |source| FhirError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte beyond the limit is enough to be refused.
    let file = fs::File::open(path).map_err(failed)?;
    file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    parse_bundle(bytes).map_err(|reason| FhirError::Refused { path: path.to_owned(), reason })
}

/// Read every file in `folder` that ends in `.json`, by name.
///
/// # Errors
/// The first that is no bundle, or that there is none.
pub fn read_folder(folder: &Path) -> Result<Vec<NamedBundle>, FhirError> {
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
    paths.iter().map(|path| Ok(NamedBundle { name: name(path), info: read_bundle(path)? })).collect()
}

/// Read a bundle's bytes.
///
/// # Errors
/// [`BundleError`], which names the place.
pub fn parse_bundle(bytes: Vec<u8>) -> Result<BundleInfo, BundleError> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge);
    }
    let root = json::parse(&bytes)?;
    match type_of(&root, "resourceType")? {
        "Bundle" => {}
        found => return Err(BundleError::NotABundle { found: shown(found) }),
    }
    let bundle_type = root.get("type").and_then(Value::as_str).unwrap_or_default();
    if !BUNDLE_TYPES.contains(&bundle_type) {
        return Err(BundleError::BundleType);
    }
    let entries = root.get("entry").and_then(Value::as_array).filter(|entries| !entries.is_empty());
    let no_entries = || BundleError::Missing { at: "entry".to_owned(), expected: "a list of at least one entry" };
    let mut resources = Vec::new();
    for (index, entry) in entries.ok_or_else(no_entries)?.iter().enumerate() {
        let at = || format!("entry[{index}].resource");
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
    Ok(BundleInfo { digest: sha256(&bytes), bytes, bundle_type, counts, patient, kind, labels })
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

/// The kind of a bundle of these resources: what all that is not context agrees on.
fn kind_of(bundle_type: &str, resources: &[(&str, &Value)]) -> Kind {
    if let ("document", Some(("Composition", composition))) = (bundle_type, resources.first()) {
        return if has_code(composition.get("type"), &["60591-5"]) { Kind::Summary } else { Kind::Document };
    }
    let clinical = || resources.iter().filter(|(name, _)| CONTEXT_TYPES.binary_search(name).is_err());
    if clinical().any(|(name, _)| matches!(*name, "Encounter" | "EpisodeOfCare")) {
        return Kind::Encounter;
    }
    let mut kinds: BTreeSet<Kind> =
        clinical().filter_map(|(name, resource)| kind_of_resource(name, resource)).collect();
    match (kinds.pop_first(), kinds.is_empty()) {
        (Some(kind), true) => kind,
        // A bundle of nothing but blood groups agrees with everything, and is what the general record has.
        (None, _) if clinical().any(|(name, _)| *name == "Observation") => Kind::General,
        _ => Kind::Other,
    }
}

/// The kind that a resource speaks for; none for what agrees with any.
fn kind_of_resource(name: &str, resource: &Value) -> Option<Kind> {
    let in_category = |codes: &[&str]| {
        let categories = resource.get("category").and_then(Value::as_array);
        categories.is_some_and(|all| all.iter().any(|category| has_code(Some(category), codes)))
    };
    Some(match name {
        "Observation" if has_code(resource.get("code"), &["883-9", "10331-7", "882-1"]) => return None,
        "Observation" if in_category(&["vital-signs"]) => Kind::General,
        "Observation" if in_category(&["laboratory"]) => Kind::Lab,
        "Observation" if in_category(&["imaging"]) => Kind::Imaging,
        "DiagnosticReport" if in_category(&["LAB", "laboratory"]) => Kind::Lab,
        "DiagnosticReport" if in_category(&["RAD", "imaging"]) => Kind::Imaging,
        "Specimen" => Kind::Lab,
        "ImagingStudy" | "Media" => Kind::Imaging,
        "Device" | "DeviceDefinition" | "DeviceMetric" | "DeviceRequest" | "DeviceUseStatement" => Kind::Device,
        "DocumentReference" | "DocumentManifest" | "Composition" | "QuestionnaireResponse" => Kind::Document,
        "Binary" | "Provenance" => return None,
        _ if name.starts_with("Medication") => Kind::Medication,
        _ => Kind::Other,
    })
}

/// Has this CodeableConcept one of `codes`? Systems are not compared: these codes occur in one alone.
fn has_code(concept: Option<&Value>, codes: &[&str]) -> bool {
    let codings = concept.and_then(|concept| concept.get("coding")).and_then(Value::as_array);
    let code = |coding: &Value| coding.get("code").and_then(Value::as_str).is_some_and(|code| codes.contains(&code));
    codings.is_some_and(|all| all.iter().any(code))
}

#[cfg(test)]
#[path = "fhir_tests.rs"]
mod tests;
