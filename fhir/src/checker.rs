//! Checks a bundle whole: HL7's schema first, then the rules that no schema says.

use serde_json::Value;
use std::{
    fmt,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::{
    bundle::{BundleError, BundleInfo, read},
    refusal::Refusal,
    rules,
    schema::{Schema, SchemaError, schema_path},
};

/// Most refusals that are told of one bundle.
pub const REFUSALS_MAX: usize = 20;

/// Why a bundle is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It is no bundle about one patient.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its resources are not as FHIR R4 and Salus have them: the first [`REFUSALS_MAX`] faults, at least one.
    #[error("{}", told(.0))]
    Refused(Vec<Refusal>),
}

fn told(refusals: &[Refusal]) -> String {
    let first = refusals.first().map(ToString::to_string).unwrap_or_default();
    match refusals.len() {
        0 | 1 => first,
        count => format!("{first} ({} more)", count - 1),
    }
}

/// Knows FHIR R4. Making one reads the schema; keep it.
pub struct Checker {
    schema: Schema,
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checker(FHIR R4)")
    }
}

impl Checker {
    /// With the schema of this file.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn load(path: &Path) -> Result<Self, SchemaError> {
        Ok(Self { schema: Schema::load(path)? })
    }

    /// The one of this process, loaded when first asked for, from where [`schema_path`] says.
    ///
    /// # Errors
    /// [`SchemaError`]; the next call tries again.
    pub fn shared() -> Result<&'static Self, SchemaError> {
        static SHARED: OnceLock<Checker> = OnceLock::new();
        static LOADING: Mutex<()> = Mutex::new(());
        if let Some(checker) = SHARED.get() {
            return Ok(checker);
        }
        let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        match SHARED.get() {
            Some(checker) => Ok(checker),
            None => {
                let loaded = Self::load(&schema_path()?)?;
                Ok(SHARED.get_or_init(|| loaded))
            }
        }
    }

    /// Check a bundle's bytes and say what they are. They are what is to be digested and kept: nothing is written
    /// back.
    ///
    /// # Errors
    /// [`CheckError`], which names places and repeats nothing about a person.
    pub fn check(&self, bytes: Vec<u8>) -> Result<BundleInfo, CheckError> {
        let (info, root) = read(bytes)?;
        let refusals = self.refusals(&root);
        if refusals.is_empty() { Ok(info) } else { Err(CheckError::Refused(refusals)) }
    }

    fn refusals(&self, root: &Value) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        self.schema.check(root, "Bundle", &mut refusals, REFUSALS_MAX);
        if refusals.is_empty() {
            rules::check(root, &self.schema, &mut refusals, REFUSALS_MAX);
        }
        refusals
    }
}
