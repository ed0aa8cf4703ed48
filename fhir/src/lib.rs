//! FHIR at the edge: reading, checking and writing resources of HL7 FHIR R4. No crate of the node depends on it.
//!
//! The bytes of a record are the bytes received: they are digested, encrypted and kept as they came. A check reads
//! them and never writes them back.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = salus_fhir::Checker::shared()?.check(std::fs::read("chart.json")?)?;
//! println!("{} resources, a record of kind {}", bundle.resources(), bundle.kind);
//! # Ok(())
//! # }
//! ```
//!
//! # What is refused
//!
//! | Input | Refused as | By |
//! |---|---|---|
//! | more than 64 MiB; no bundle; two Patients; a type of resource that R4 does not have | [`BundleError`] | first reading |
//! | XML, half a file, a key given twice | [`JsonError`] | first reading |
//! | a field that R4 does not have, at any depth | [`Fault::UnknownField`] | schema |
//! | a required field that is not there | [`Fault::Missing`] | schema, patched |
//! | a code that is none of HL7's required list | [`Fault::NotInList`] | schema |
//! | text where an object has to be, 1.5 as a count | [`Fault::WrongType`] | schema, patched |
//! | an id, code or address of another form | [`Fault::Form`] | schema |
//! | 30 February | [`Fault::NotADate`] | schema, patched |
//! | `valueString` beside `valueQuantity` | [`Fault::TwoValues`] | schema, patched |
//! | an empty list or object; a `null` without its extension | [`Fault::Empty`], [`Fault::Null`] | schema, patched; rules |
//! | a reference to nothing in the bundle; one that is none; one to another type of resource | [`Fault::Dangling`], [`Fault::BadReference`], [`Fault::WrongTarget`] | rules |
//! | a resource about another patient than the bundle's | [`Fault::OtherPatient`] | rules |
//! | two entries of one address | [`Fault::Twice`] | rules |
//! | a height in feet, whatever field says so; a unit that is none of UCUM | [`Fault::Unit`] | rules |
//! | a height of 5.9 cm | [`Fault::Implausible`] | rules |
//! | a body mass index that does not follow | [`Fault::Bmi`] | rules |
//! | a value and a reason why there is none (obs-6) | [`Fault::ValueAndAbsent`] | rules |
//! | an end before its beginning | [`Fault::Order`] | rules |
//! | a mistyped LOINC or SNOMED CT code | [`Fault::CheckDigit`] | rules |
//! | HL7's bdl-2 to 4 and 8 to 12, pat-1, org-1, ppc-1 and 2, sev-1, prov-1, att-1, app-1 to 4, qty-3 | [`Fault::Invariant`] | rules |
//! | a Consent that says what no rule can say: two levels of nesting, several grantees | [`Fault::Inexpressible`] | [`Grant::from_consent`] |
//!
//! Each refusal names its path, as `Bundle.entry[3].resource.valueQuantity.unit`. None repeats what may be about a
//! person: values are shown where they have the form of a code or a unit only.
//!
//! Not checked: terminologies beyond required lists and check digits, profiles of countries, HL7's other invariants.
//!
//! # The schema
//!
//! HL7's JSON schema is not in this repository. `scripts/fhir-schema` fetches it with HL7's StructureDefinitions from the
//! npm registry, compares their hashes, and [`patch`](mod@patch) makes it strict. [`Checker::shared`] loads it once,
//! in about a fifth of a second; programs that only move bytes never do.

mod audit;
mod bundle;
mod checker;
mod consent;
mod date;
mod generate;
mod grant;
mod identifier;
mod json;
mod kind;
mod labels;
mod refusal;
mod rules;
mod schema;
mod types;
pub mod vitals;

pub use audit::{Access, AccessEntry, Decision, Opener, audit_bundle};
pub use bundle::{
    BUNDLE_BYTES_MAX, BundleError, BundleInfo, FhirError, NamedBundle, parse_bundle, read_bundle, read_folder,
};
pub use checker::{CheckError, Checker, REFUSALS_MAX};
pub use consent::{ConsentError, Release};
pub use date::{Date, NotADate, Span, instant, instant_ms};
pub use generate::generated;
pub use grant::{Action, Effect, Grant, Grantee, Label, NotAPurpose, NotAnAction, Purpose};
pub use identifier::{Id, NotAnId};
pub use json::JsonError;
pub use kind::{Kind, NotAKind};
pub use labels::{Labels, NotAClass, Sensitivity};
pub use refusal::{Fault, Refusal};
pub use schema::{SCHEMA_VARIABLE, SchemaError, patch, schema_path};
