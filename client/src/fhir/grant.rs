//! The chain's rules as `salus-fhir` has them, and back: between the two stands the patient's tag key, which tells
//! what a blinded tag means.

use std::collections::BTreeSet;

use salus_consent::{
    Action, Actions, Attribute, Effect, Fault, Grantee, Kind, Kinds, Obligations, Purpose, Purposes, Scope, Tag, Tags,
    Terms,
};
use salus_fhir::{Grant, Id, Label, Sensitivity};
use salus_primitives::{BoundedVec, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Window};

use super::chain_kind;
use crate::tags::{TagCode, TagKey};

/// Why a consent is no rule of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// It names a class of sensitive information in clear.
    #[error("the consent names {0} in clear: give the patient's tag key, which blinds it")]
    NoTagKey(Sensitivity),
    /// More than a rule holds.
    #[error("{found} {what}, a rule has at most {max}: write several consents")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The most.
        max: u32,
    },
    /// The chain would not take it.
    #[error(transparent)]
    Terms(#[from] Fault),
}

const PURPOSES: [(Purpose, salus_fhir::Purpose); 9] = [
    (Purpose::Treatment, salus_fhir::Purpose::Treatment),
    (Purpose::EmergencyTreatment, salus_fhir::Purpose::EmergencyTreatment),
    (Purpose::Payment, salus_fhir::Purpose::Payment),
    (Purpose::Operations, salus_fhir::Purpose::Operations),
    (Purpose::CareManagement, salus_fhir::Purpose::CareManagement),
    (Purpose::Research, salus_fhir::Purpose::Research),
    (Purpose::PublicHealth, salus_fhir::Purpose::PublicHealth),
    (Purpose::PatientRequest, salus_fhir::Purpose::PatientRequest),
    (Purpose::FamilyRequest, salus_fhir::Purpose::FamilyRequest),
];

const ACTIONS: [(Action, salus_fhir::Action); 4] = [
    (Action::View, salus_fhir::Action::View),
    (Action::Add, salus_fhir::Action::Add),
    (Action::Amend, salus_fhir::Action::Amend),
    (Action::Share, salus_fhir::Action::Share),
];

/// Purpose of a receipt as `salus-fhir` has it.
pub(super) fn purpose_of(purpose: Purpose) -> salus_fhir::Purpose {
    let found = PURPOSES.iter().find(|(ours, _)| *ours == purpose);
    found.map_or(salus_fhir::Purpose::Treatment, |(_, theirs)| *theirs)
}

/// A rule in the words of FHIR's Consent; `active` while it is not over. With the patient's tag `key` its tags are
/// told by name, where they have one.
pub fn grant_of(patient: PatientId, terms: &Terms, active: bool, key: Option<&TagKey>) -> Grant {
    let labels = |tags: &Tags| tags.iter().map(|tag| label(*tag, key)).collect();
    let kinds = salus_fhir::Kind::ALL.into_iter().filter(|kind| terms.scope.kinds.contains(chain_kind(*kind)));
    let all = |pairs: &[(Purpose, salus_fhir::Purpose)]| {
        pairs.iter().filter(|(ours, _)| terms.purposes.contains(*ours)).map(|(_, theirs)| *theirs).collect()
    };
    Grant {
        patient: Id(patient.0),
        effect: match terms.effect {
            Effect::Permit => salus_fhir::Effect::Permit,
            Effect::Deny => salus_fhir::Effect::Deny,
        },
        grantee: match terms.grantee {
            Grantee::Practitioner(practitioner, organisation) => {
                salus_fhir::Grantee::Practitioner { practitioner: Id(practitioner.0), organisation: Id(organisation.0) }
            }
            Grantee::Organisation(organisation) => salus_fhir::Grantee::Organisation(Id(organisation.0)),
            Grantee::Everyone => salus_fhir::Grantee::Everyone,
            Grantee::Attribute(Attribute { organisation, speciality, role }) => {
                salus_fhir::Grantee::Attribute { organisation: Id(organisation.0), speciality, role }
            }
        },
        kinds: kinds.collect(),
        records: terms.scope.records.as_ref().map(|records| records.iter().map(|record| Id(record.0)).collect()),
        any_of: labels(&terms.scope.any_of),
        none_of: labels(&terms.scope.none_of),
        purposes: all(&PURPOSES),
        actions: ACTIONS.iter().filter(|(ours, _)| terms.actions.contains(*ours)).map(|(_, theirs)| *theirs).collect(),
        from: terms.window.from.0,
        until: terms.window.until.0,
        max_uses: terms.max_uses,
        no_redisclose: terms.obligations.no_redisclose,
        local_only: terms.obligations.local_only,
        erase_by: terms.obligations.erase_by.map(|by| by.0),
        active,
    }
}

/// What the chain is asked to take as a rule.
///
/// # Errors
/// [`MappingError`].
pub fn terms_of(grant: &Grant, key: Option<&TagKey>) -> Result<Terms, MappingError> {
    let kinds: Vec<Kind> = grant.kinds.iter().copied().map(chain_kind).collect();
    let purposes: Vec<Purpose> =
        PURPOSES.iter().filter(|(_, theirs)| grant.purposes.contains(theirs)).map(|(ours, _)| *ours).collect();
    let actions: Vec<Action> =
        ACTIONS.iter().filter(|(_, theirs)| grant.actions.contains(theirs)).map(|(ours, _)| *ours).collect();
    let records = grant.records.as_ref().map(|records| {
        let ids: Vec<RecordId> = records.iter().map(|id| RecordId(id.0)).collect();
        let (what, found, max) = ("records", ids.len(), salus_consent::types::RECORDS_MAX);
        BoundedVec::try_from(ids).map_err(|_| MappingError::TooMany { what, found, max })
    });
    let terms = Terms {
        effect: match grant.effect {
            salus_fhir::Effect::Permit => Effect::Permit,
            salus_fhir::Effect::Deny => Effect::Deny,
        },
        grantee: match &grant.grantee {
            salus_fhir::Grantee::Practitioner { practitioner, organisation } => {
                Grantee::Practitioner(PractitionerId(practitioner.0), OrganisationId(organisation.0))
            }
            salus_fhir::Grantee::Organisation(organisation) => Grantee::Organisation(OrganisationId(organisation.0)),
            salus_fhir::Grantee::Everyone => Grantee::Everyone,
            salus_fhir::Grantee::Attribute { organisation, speciality, role } => Grantee::Attribute(Attribute {
                organisation: OrganisationId(organisation.0),
                speciality: *speciality,
                role: *role,
            }),
        },
        scope: Scope {
            kinds: Kinds::of(&kinds),
            records: records.transpose()?,
            any_of: tags(&grant.any_of, key)?,
            none_of: tags(&grant.none_of, key)?,
        },
        purposes: Purposes::of(&purposes),
        actions: Actions::of(&actions),
        window: Window { from: Moment(grant.from), until: Moment(grant.until) },
        max_uses: grant.max_uses,
        obligations: Obligations {
            no_redisclose: grant.no_redisclose,
            erase_by: grant.erase_by.map(Moment),
            local_only: grant.local_only,
        },
    };
    terms.check()?;
    Ok(terms)
}

fn label(tag: Tag, key: Option<&TagKey>) -> Label {
    let known =
        key.and_then(|key| Sensitivity::ALL.into_iter().find(|class| key.tag(TagCode::Sensitivity(*class)).0 == tag.0));
    known.map_or(Label::Tag(tag.0), Label::Class)
}

fn tags(labels: &BTreeSet<Label>, key: Option<&TagKey>) -> Result<Tags, MappingError> {
    let tag = |label: &Label| match (label, key) {
        (Label::Tag(tag), _) => Ok(Tag(*tag)),
        (Label::Class(class), Some(key)) => Ok(Tag(key.tag(TagCode::Sensitivity(*class)).0)),
        (Label::Class(class), None) => Err(MappingError::NoTagKey(*class)),
    };
    let tags = labels.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let (found, max) = (tags.len(), salus_consent::types::TAGS_MAX);
    Tags::try_from(tags).map_err(|_| MappingError::TooMany { what: "labels", found, max })
}
