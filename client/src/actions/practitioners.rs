//! Doctors and others who are licensed to practise: enrolment, employment and their encryption keys.

use salus_primitives::{AccountId, Hash, Moment, OrganisationId, PractitionerId, Subject, crypto::KeyPair};
use salus_registry::{
    Call, KemKey,
    storage::{Affiliations, KemKeys, Places, Practitioners},
    types::{Affiliation, Practitioner, PractitionerStatus, RoleCodes, Terms},
};
use salus_runtime::RuntimeCall;

use super::{ActionError, officers::kem_key};
use crate::{
    chain::{Chain, Receipt},
    envelope::KemPublic,
};

/// A practitioner's entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enrolment {
    /// Their id, random: [`super::FreshId`].
    pub id: PractitionerId,
    /// Commitment to the licence: SHA-256 of salt and licence, both kept off chain.
    pub licence: Hash,
    /// First moment without a licence; at most five years ahead.
    pub licence_until: Moment,
    /// SNOMED CT concept id.
    pub speciality: u64,
}

/// Enrol a practitioner, whose key agrees. By a Registrar of an organisation that licenses.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn register(
    chain: &Chain,
    registrar: &KeyPair,
    practitioner: &KeyPair,
    entry: Enrolment,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit_cosigned(registrar, register_call(practitioner.public(), entry), &[practitioner]).await?)
}

/// The call that enrols a practitioner under the key `account`, which agrees.
pub fn register_call(account: AccountId, entry: Enrolment) -> RuntimeCall {
    RuntimeCall::Registry(Call::PractitionerSet {
        id: entry.id,
        account: Some(account),
        licence: entry.licence,
        licence_until: entry.licence_until,
        speciality: entry.speciality,
        status: PractitionerStatus::Active,
        cosign: Default::default(),
    })
}

/// Change whether a practitioner acts: suspend, lift that, strike off. Their keys stay as they are.
///
/// # Errors
/// [`ActionError::Submit`], or [`ActionError::Unknown`].
pub async fn set_status(
    chain: &Chain,
    registrar: &KeyPair,
    id: PractitionerId,
    status: PractitionerStatus,
) -> Result<Receipt, ActionError> {
    let (present, _, _) = show(chain, id).await?;
    let call = Call::PractitionerSet {
        id,
        account: None,
        licence: present.licence,
        licence_until: present.licence_until,
        speciality: present.speciality,
        status,
        cosign: Default::default(),
    };
    Ok(chain.submit(registrar, RuntimeCall::Registry(call)).await?)
}

/// Begin or renew an affiliation: a Registrar of `organisation` submits, the practitioner's key agrees.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn affiliate(
    chain: &Chain,
    registrar: &KeyPair,
    practitioner_key: &KeyPair,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    until: Moment,
    roles: RoleCodes,
) -> Result<Receipt, ActionError> {
    let call = affiliate_call(practitioner, organisation, Terms { roles, until });
    Ok(chain.submit_cosigned(registrar, call, &[practitioner_key]).await?)
}

/// The call that begins or renews an affiliation. A lasting key of the practitioner agrees.
pub fn affiliate_call(practitioner: PractitionerId, organisation: OrganisationId, terms: Terms) -> RuntimeCall {
    let terms = Some(terms);
    RuntimeCall::Registry(Call::AffiliationSet { practitioner, organisation, terms, cosign: Default::default() })
}

/// End an affiliation: by a Registrar of the organisation or by the practitioner, alone.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn end_affiliation(
    chain: &Chain,
    key: &KeyPair,
    practitioner: PractitionerId,
    organisation: OrganisationId,
) -> Result<Receipt, ActionError> {
    let call = Call::AffiliationSet { practitioner, organisation, terms: None, cosign: Default::default() };
    Ok(chain.submit(key, RuntimeCall::Registry(call)).await?)
}

/// Set the encryption key of the caller, a practitioner or a patient: content keys are sealed to it from now on.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn set_kem(chain: &Chain, key: &KeyPair, kem: KemPublic) -> Result<Receipt, ActionError> {
    let call = Call::KeysSet {
        add: Default::default(),
        drop: Default::default(),
        kem: Some(kem_key(kem)),
        cosign: Default::default(),
    };
    Ok(chain.submit(key, RuntimeCall::Registry(call)).await?)
}

/// A practitioner's entry, where they work, and their encryption key.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(
    chain: &Chain,
    id: PractitionerId,
) -> Result<(Practitioner, Vec<(OrganisationId, Affiliation)>, Option<KemKey>), ActionError> {
    let (entry, places, kem) = chain
        .view_now(|state| {
            let places = Places::get(state, &id)
                .into_iter()
                .filter_map(|place| Some((place, Affiliations::get(state, &(id, place))?)))
                .collect();
            (Practitioners::get(state, &id), places, KemKeys::get(state, &Subject::Practitioner(id)))
        })
        .await?;
    let entry = entry.ok_or_else(|| ActionError::Unknown { what: "practitioner", id: id.to_string() })?;
    Ok((entry, places, kem))
}
