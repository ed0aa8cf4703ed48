//! References: what they point to is in the bundle, or they say plainly that it is elsewhere.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

use super::{Step, Walk};
use crate::{refusal::Fault, types::RESOURCE_TYPES};

/// What a bundle holds, by the names that references use.
pub(super) struct Index<'a> {
    /// Types of the entries, by fullUrl.
    by_url: BTreeMap<&'a str, &'a str>,
    /// The Patient's id, and its fullUrl.
    patient: Option<(Option<&'a str>, Option<&'a str>)>,
    /// May references be searches, as `Practitioner?identifier=…`?
    conditional: bool,
}

impl<'a> Index<'a> {
    pub(super) fn of(bundle: &'a Value) -> Self {
        let text = |value: &'a Value, field: &str| value.get(field).and_then(Value::as_str);
        let (mut by_url, mut patient) = (BTreeMap::new(), None);
        for entry in bundle.get("entry").and_then(Value::as_array).into_iter().flatten() {
            let Some(resource) = entry.get("resource") else { continue };
            let kind = text(resource, "resourceType").unwrap_or_default();
            let url = text(entry, "fullUrl");
            by_url.extend(url.map(|url| (url, kind)));
            if kind == "Patient" {
                patient = Some((text(resource, "id"), url));
            }
        }
        Self { by_url, patient, conditional: matches!(text(bundle, "type"), Some("transaction" | "batch")) }
    }
}

/// What a reference points to.
enum Target<'a> {
    /// A resource of this type, here or elsewhere.
    Type(&'a str),
    /// Something elsewhere whose type it does not say.
    Elsewhere,
}

impl<'a> Walk<'a, '_> {
    /// A Reference, if this is one.
    pub(super) fn check_reference(&mut self, object: &'a Map<String, Value>) {
        let Some(reference) = object.get("reference").and_then(Value::as_str) else { return };
        let found = match self.resolve(reference) {
            Ok(found) => found,
            Err(fault) => return self.refuse(&["reference"], fault),
        };
        let Target::Type(found) = found else { return };
        let expected = self.definition_path().and_then(|path| self.schema.targets(&path));
        if let Some(expected) = expected
            && !expected.iter().any(|name| name == found)
        {
            let expected = if expected.len() > 6 { "another".to_owned() } else { expected.join(" or ") };
            return self.refuse(&["reference"], Fault::WrongTarget { found: found.to_owned(), expected });
        }
        if found == "Patient" && self.is_about_the_patient() && self.is_another_patient(reference) {
            self.refuse(&["reference"], Fault::OtherPatient);
        }
    }

    fn resolve(&self, reference: &'a str) -> Result<Target<'a>, Fault> {
        if let Some(id) = reference.strip_prefix('#') {
            return self.contained(id).map(Target::Type).ok_or(Fault::Dangling);
        }
        if let Some(kind) = self.index.by_url.get(reference) {
            return Ok(Target::Type(kind));
        }
        if reference.starts_with("urn:uuid:") || reference.starts_with("urn:oid:") {
            return Err(Fault::Dangling);
        }
        if let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| reference.strip_prefix(scheme)) {
            let host = rest.split('/').next().unwrap_or_default();
            return if host.is_empty() || reference.contains(char::is_whitespace) {
                Err(Fault::BadReference)
            } else {
                Ok(relative(path_of(rest)).map_or(Target::Elsewhere, Target::Type))
            };
        }
        if let Some((kind, query)) = reference.split_once('?') {
            let known = RESOURCE_TYPES.binary_search(&kind).is_ok() && query.contains('=');
            return if known && self.index.conditional { Ok(Target::Type(kind)) } else { Err(Fault::BadReference) };
        }
        relative(reference).map(Target::Type).ok_or(Fault::BadReference)
    }

    /// The type of what the outermost resource of the entry contains under this id; `#` alone is that resource.
    fn contained(&self, id: &str) -> Option<&'a str> {
        // The first is the bundle itself, the second the entry's resource.
        let container = self.resources.get(1).or(self.resources.first())?.resource;
        let kind = |resource: &'a Value| resource.get("resourceType").and_then(Value::as_str);
        if id.is_empty() {
            return container.get("resourceType").and_then(Value::as_str);
        }
        let mut contained = container.get("contained").and_then(Value::as_array).into_iter().flatten();
        contained.find(|resource| resource.get("id").and_then(Value::as_str) == Some(id)).and_then(kind)
    }

    /// Does this reference say whose the resource is?
    fn is_about_the_patient(&self) -> bool {
        let Some(within) = self.resources.last() else { return false };
        matches!(self.path[within.depth..], [Step::Field("subject" | "patient")])
    }

    fn is_another_patient(&self, reference: &str) -> bool {
        let Some((id, url)) = self.index.patient else { return false };
        if reference.starts_with('#') || self.index.by_url.contains_key(reference) {
            return Some(reference) != url && !reference.starts_with('#');
        }
        // Without an id nothing can be said.
        let named = reference.split("Patient/").last().and_then(|rest| rest.split('/').next());
        id.is_some_and(|id| !reference.contains('?') && named != Some(id))
    }

    /// Names of resources that stand twice: a reference could mean either.
    pub(super) fn check_names(&mut self, bundle: &'a Map<String, Value>) {
        let (mut urls, history) = (BTreeSet::new(), bundle.get("type").and_then(Value::as_str) == Some("history"));
        for (number, entry) in bundle.get("entry").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let text = |value: &'a Value, field: &str| value.get(field).and_then(Value::as_str);
            let Some(url) = text(entry, "fullUrl") else { continue };
            self.path.extend([Step::Field("entry"), Step::Item(number)]);
            let version = entry.pointer("/resource/meta/versionId").and_then(Value::as_str);
            if !urls.insert((url, version)) && !history {
                self.refuse(&["fullUrl"], Fault::Twice);
            }
            let words = "the address of an entry names no version";
            if url.contains("/_history/") {
                self.refuse(&["fullUrl"], Fault::Invariant { rule: "bdl-8", words });
            }
            let named = (url.starts_with("http://") || url.starts_with("https://")) && relative(path_of(url)).is_some();
            let id = entry.get("resource").and_then(|resource| text(resource, "id"));
            if named && id.is_some_and(|id| url.rsplit('/').next() != Some(id)) {
                let words = "an address that ends in Type/id ends in its resource's own id";
                self.refuse(&["fullUrl"], Fault::Invariant { rule: "Bundle.entry.fullUrl", words });
            }
            self.path.truncate(self.path.len() - 2);
        }
    }
}

/// The end of an address that may be `Type/id`.
fn path_of(address: &str) -> &str {
    let end = address.split("/_history/").next().unwrap_or(address);
    let mut slashes = end.rmatch_indices('/').map(|(place, _)| place);
    slashes.nth(1).map_or(end, |place| &end[place + 1..])
}

/// The type of `Type/id` or `Type/id/_history/version`.
fn relative(reference: &str) -> Option<&str> {
    let is_id = |id: &str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.')
    };
    let parts: Vec<&str> = reference.split('/').collect();
    let (kind, ids) = match parts[..] {
        [kind, id] => (kind, [id, id]),
        [kind, id, "_history", version] => (kind, [id, version]),
        _ => return None,
    };
    (RESOURCE_TYPES.binary_search(&kind).is_ok() && ids.into_iter().all(is_id)).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_reference_names_a_type_and_an_id() {
        assert_eq!(relative("Patient/p-1"), Some("Patient"));
        assert_eq!(relative("Patient/p-1/_history/2"), Some("Patient"));
        for text in ["Patient", "Patient/", "Patinet/1", "Patient/a b", "Patient/1/2", "/Patient/1", "patient/1"] {
            assert_eq!(relative(text), None, "{text}");
        }
        assert_eq!(path_of("https://a.example/fhir/Patient/1"), "Patient/1");
        assert_eq!(path_of("https://a.example/fhir/Patient/1/_history/3"), "Patient/1");
    }
}
