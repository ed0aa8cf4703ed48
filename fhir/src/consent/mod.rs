//! FHIR's Consent, of R4 and of R5: a patient's rule written as one, and one read as a rule (domain.md section 8).
//!
//! | Rule | Consent R4 | Consent R5 |
//! |---|---|---|
//! | patient | `patient`, `performer` | `subject`, `grantor` |
//! | effect | `provision.type` | `decision` |
//! | grantee | `provision.actor`, role IRCP: an Organization, or a contained PractitionerRole; none is everyone | the same, in the one `provision` |
//! | window | `provision.period`, whose end is the last millisecond inside | the same |
//! | purposes, actions | `provision.purpose`, `provision.action` | the same |
//! | kinds | `provision.class`, system `urn:salus:kind`; none is all | `provision.documentType` |
//! | records | `provision.data`, meaning `instance` | the same |
//! | any of these labels | `provision.securityLabel` | the same |
//! | none of these labels | one nested provision of the opposite type for each | one nested provision for each |
//! | uses, obligations | `provision.modifierExtension`: who does not know them may not act on the rule | the same |
//!
//! What a rule cannot say is refused at its path, never left out: a condition that is dropped makes a permission wider.

mod export;
mod import;

pub use import::ConsentError;

pub(crate) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
pub(crate) const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const MAX_USES: &str = "urn:salus:consent:max-uses";
const ERASE_BY: &str = "urn:salus:consent:erase-by";
const OBLIGATION: &str = "urn:salus:consent:obligation";
const NO_REDISCLOSURE: &str = "NORDSCLCD";
const LOCAL_ONLY: &str = "local-only";

/// A release of FHIR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// 4.0.1, which everything else here speaks.
    R4,
    /// 5.0.0.
    R5,
}

#[cfg(test)]
#[path = "consent_tests.rs"]
mod tests;
