//! FHIR in the chain's own types: everything of `salus-fhir`, and what joins it to rules, receipts and tags.

mod access;
mod grant;

pub use access::access_of;
pub use grant::{MappingError, grant_of, terms_of};
pub use salus_fhir::*;

use salus_consent::Tag;
use salus_primitives::Moment;

use crate::tags::{TagCode, TagKey};

/// A moment as FHIR's `instant`, to the second.
pub fn instant(moment: Moment) -> String {
    salus_fhir::instant(moment.0)
}

/// The chain's name for the kind of a bundle.
pub fn chain_kind(kind: Kind) -> salus_consent::Kind {
    match kind {
        Kind::General => salus_consent::Kind::General,
        Kind::Encounter => salus_consent::Kind::Encounter,
        Kind::Lab => salus_consent::Kind::Lab,
        Kind::Imaging => salus_consent::Kind::Imaging,
        Kind::Medication => salus_consent::Kind::Medication,
        Kind::Document => salus_consent::Kind::Document,
        Kind::Device => salus_consent::Kind::Device,
        Kind::Summary => salus_consent::Kind::Summary,
        Kind::Other => salus_consent::Kind::Other,
    }
}

/// The blinded tags of a bundle: one for each class of sensitive information that its labels name, and one for its
/// encounter where it has one.
pub fn tags_of(bundle: &BundleInfo, key: &TagKey) -> Vec<Tag> {
    let classes = bundle.labels.sensitivity.iter().copied().map(TagCode::Sensitivity);
    let codes = classes.chain(bundle.encounter.map(TagCode::Encounter));
    codes.map(|code| Tag(key.tag(code).0)).collect()
}

#[cfg(test)]
#[path = "fhir/fhir_tests.rs"]
mod tests;
