//! The coarse kind of a record, told from what a bundle holds (domain.md section 1). The chain knows it in clear, so
//! that a grant for laboratory results opens those and nothing else.

use core::{fmt, str::FromStr};
use serde_json::Value;
use std::collections::BTreeSet;

use crate::types::CONTEXT_TYPES;

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

/// The kind of a bundle of these resources: what all that is not context agrees on.
pub(crate) fn kind_of(bundle_type: &str, resources: &[(&str, &Value)]) -> Kind {
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

/// The UUID of the one encounter that a bundle holds.
pub(crate) fn encounter_of(bundle: &Value) -> Option<[u8; 16]> {
    let entries = bundle.get("entry").and_then(Value::as_array).into_iter().flatten();
    let mut encounters = entries.filter(|entry| {
        let kind = entry.get("resource").and_then(|resource| resource.get("resourceType"));
        kind.and_then(Value::as_str) == Some("Encounter")
    });
    let (one, None) = (encounters.next()?, encounters.next()) else { return None };
    let url = one.get("fullUrl").and_then(Value::as_str).and_then(|url| url.strip_prefix("urn:uuid:"));
    uuid(url.or_else(|| one.pointer("/resource/id").and_then(Value::as_str))?)
}

/// The bytes of a UUID.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let parts: Vec<&str> = text.split('-').collect();
    if !parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) {
        return None;
    }
    crate::identifier::from_hex(&parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_encounter_is_known_by_its_uuid_and_two_are_not() {
        let entry = |url: &str| json!({"fullUrl": url, "resource": {"resourceType": "Encounter"}});
        let of = |entries: &[Value]| encounter_of(&json!({"entry": entries}));
        let (one, two) = ("urn:uuid:00010203-0405-0607-0809-0a0b0c0d0e0f", "urn:uuid:0");
        assert_eq!(of(&[entry(one)]), Some(core::array::from_fn(|place| u8::try_from(place).unwrap())));
        assert_eq!((of(&[entry(one), entry(one)]), of(&[entry(two)]), of(&[])), (None, None, None));
        let by_id = json!({"resource": {"resourceType": "Encounter", "id": "00010203-0405-0607-0809-0a0b0c0d0e0f"}});
        assert!(of(&[by_id]).is_some());
    }
}
