//! HL7's schema of FHIR R4, made strict at set-up by [`patch`](mod@patch), loaded once and asked often.

mod keywords;
pub mod patch;

use jsonschema::{
    Draft, PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
    paths::{Location, LocationSegment},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    date::Span,
    refusal::{Fault, Refusal, push_field, shown_code},
};

/// Names the schema's file, where it is not in the cache that `scripts/setup` fills.
pub const SCHEMA_VARIABLE: &str = "SALUS_FHIR_SCHEMA";

/// Why there is no schema to check by.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Not there.
    #[error(
        "the schema of FHIR R4 is not at {path}: run scripts/setup, which makes it, or name it by {SCHEMA_VARIABLE}"
    )]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Nowhere to look.
    #[error("neither {SCHEMA_VARIABLE} nor SALUS_CACHE_DIR nor HOME is set: name the schema of FHIR R4 by the first")]
    NoFolder,
    /// It could not be read.
    #[error("reading the schema of FHIR R4 at {path} failed: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// Another schema, or one of another version.
    #[error("{path} is not the schema that this program checks by, \"{marker}\": run scripts/setup again", marker = patch::MARKER)]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
}

/// Where the schema is: where `SALUS_FHIR_SCHEMA` says, else in `fhir/` of `SALUS_CACHE_DIR`, else of the user's
/// cache.
///
/// # Errors
/// [`SchemaError::NoFolder`].
pub fn schema_path() -> Result<PathBuf, SchemaError> {
    path_by(|name| env::var_os(name))
}

fn path_by(variables: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, SchemaError> {
    let variable = |name: &str| variables(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = variable(SCHEMA_VARIABLE) {
        return Ok(path);
    }
    let cache = variable("SALUS_CACHE_DIR")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("salus")))
        .or_else(|| Some(variable("HOME")?.join(".cache/salus")));
    Ok(cache.ok_or(SchemaError::NoFolder)?.join("fhir/r4.schema.json"))
}

/// The schema, compiled.
pub(crate) struct Schema {
    validator: Validator,
    /// To what the references of a path may point.
    targets: BTreeMap<String, Vec<String>>,
}

impl Schema {
    /// Read and compile it.
    pub(crate) fn load(path: &Path) -> Result<Self, SchemaError> {
        let bytes = fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SchemaError::NotFound { path: path.to_owned() },
            _ => SchemaError::Io { path: path.to_owned(), source },
        })?;
        let not_ours = || SchemaError::NotOurs { path: path.to_owned() };
        let mut schema: Value = serde_json::from_slice(&bytes).map_err(|_| not_ours())?;
        drop(bytes);
        if schema.get("$comment").and_then(Value::as_str) != Some(patch::MARKER) {
            return Err(not_ours());
        }
        let targets = schema.get_mut("targets").map(Value::take).unwrap_or_default();
        let targets = serde_json::from_value(targets).map_err(|_| not_ours())?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft7)
            .offline()
            // Linear in the text's length, whatever the text.
            .with_pattern_options(PatternOptions::regex())
            .with_format("fhir-calendar", |text: &str| Span::parse(text).is_some())
            .should_validate_formats(true)
            .with_keyword("fhirRequired", keywords::required)
            .with_keyword("fhirChoice", keywords::choice)
            .build(&schema)
            .map_err(|_| not_ours())?;
        Ok(Self { validator, targets })
    }

    /// Add to `refusals`, at most `max` in all, what the schema has against `resource`, whose path begins with `root`.
    pub(crate) fn check(&self, resource: &Value, root: &str, refusals: &mut Vec<Refusal>, max: usize) {
        // Nearly every file is in order, and that is found out faster than what is wrong.
        if self.validator.is_valid(resource) {
            return;
        }
        let room = max.saturating_sub(refusals.len());
        refusals.extend(self.validator.iter_errors(resource).take(room).map(|error| refusal(&error, root)));
    }

    /// To which types a reference at this path, as `Observation.subject`, may point; none for any.
    pub(crate) fn targets(&self, path: &str) -> Option<&[String]> {
        self.targets.get(path).map(Vec::as_slice)
    }
}

fn refusal(error: &ValidationError<'_>, root: &str) -> Refusal {
    let mut path = shown_path(root, error.instance_path());
    let fault = match error.kind() {
        ValidationErrorKind::Required { property } => {
            push_field(&mut path, property.as_str().unwrap_or_default());
            Fault::Missing
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            push_field(&mut path, unexpected.first().map_or("", String::as_str));
            Fault::UnknownField
        }
        ValidationErrorKind::Type { kind } => Fault::WrongType {
            expected: match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(_) => "another".to_owned(),
            },
        },
        ValidationErrorKind::Enum { options } => {
            let listed = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
            let expected = match names.len() {
                0..=12 => format!("one of {}", names.join(", ")),
                count => format!("one of {count} codes, as {}", names[0]),
            };
            Fault::NotInList { found: error.instance().as_str().map_or("no text".to_owned(), shown_code), expected }
        }
        ValidationErrorKind::Format { .. } => Fault::NotADate,
        ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinProperties { .. } => Fault::Empty,
        // The one anyOf of the schema is "null or else": what is wrong is said by the else.
        ValidationErrorKind::AnyOf { context } => {
            if let Some(inner) = context.last().and_then(|branch| branch.first()) {
                return refusal(inner, root);
            }
            Fault::Form
        }
        ValidationErrorKind::Custom { message, .. } => keywords::fault(message, &mut path),
        _ => Fault::Form,
    };
    Refusal { path, fault }
}

fn shown_path(root: &str, location: &Location) -> String {
    let mut path = root.to_owned();
    for segment in location.segments() {
        match segment {
            LocationSegment::Property(name) => push_field(&mut path, &name),
            LocationSegment::Index(index) => path += &format!("[{index}]"),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_where_the_first_variable_that_is_set_says() {
        let all = [(SCHEMA_VARIABLE, "a.json"), ("SALUS_CACHE_DIR", "b"), ("XDG_CACHE_HOME", "c"), ("HOME", "d")];
        let with = |from: usize| {
            let set =
                move |name: &str| all[from..].iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            path_by(set)
        };
        let expected =
            ["a.json", "b/fhir/r4.schema.json", "c/salus/fhir/r4.schema.json", "d/.cache/salus/fhir/r4.schema.json"];
        for (from, path) in expected.into_iter().enumerate() {
            assert_eq!(with(from).expect("one is set"), Path::new(path));
        }
        assert!(matches!(with(4), Err(SchemaError::NoFolder)));
        assert!(matches!(path_by(|_| Some(OsString::new())), Err(SchemaError::NoFolder)), "empty is not set");
    }
}
