//! Who takes part: hospitals with their officers, doctors, patients, and the keys they hold.

use salus_primitives::{
    BoundedVec, Hash, OrganisationId, PatientId, PractitionerId,
    crypto::{KeyPair, sha256_of},
    subject::Roles,
    time::YEAR,
};
use salus_registry::types::{Caps, DisplayName};

use super::{DemoError, teller::Teller};
use crate::{
    actions::{
        ActionError, FreshId, council, fresh_key, officers,
        officers::Profile,
        practitioners::{self, Enrolment},
    },
    chain::Chain,
    envelope::KemSecret,
};

/// SNOMED CT: a general practitioner, and the role of a doctor.
pub const GENERAL_MEDICINE: u64 = 394_814_009;
/// SNOMED CT: cardiology.
pub const CARDIOLOGY: u64 = 394_579_002;
const DOCTOR: u64 = 309_343_006;

/// A hospital: its officers' keys, and the key that records are sealed to.
pub struct Hospital {
    pub name: &'static str,
    pub id: OrganisationId,
    pub admin: KeyPair,
    pub registrar: KeyPair,
    pub privacy: KeyPair,
    pub reviewer: KeyPair,
    pub gateway: KeyPair,
    pub kem: KemSecret,
}

/// A doctor and the hospital they work at.
pub struct Doctor {
    pub name: &'static str,
    pub id: PractitionerId,
    pub key: KeyPair,
    pub kem: KemSecret,
    pub hospital: OrganisationId,
}

/// A patient.
pub struct Patient {
    pub id: PatientId,
    pub key: KeyPair,
    pub kem: KemSecret,
}

/// Name the deed in an action's error.
pub fn doing<T>(what: &str, outcome: Result<T, impl Into<ActionError>>) -> Result<T, DemoError> {
    outcome.map_err(|error| DemoError::Action { doing: what.to_owned(), error: error.into() })
}

impl Hospital {
    /// Keys and an id for a hospital that nobody knows yet.
    pub fn new(name: &'static str) -> Result<Self, DemoError> {
        Ok(Self {
            name,
            id: OrganisationId::fresh()?,
            admin: fresh_key()?,
            registrar: fresh_key()?,
            privacy: fresh_key()?,
            reviewer: fresh_key()?,
            gateway: fresh_key()?,
            kem: KemSecret::generate()?,
        })
    }

    /// The council registers it; its Admin appoints officers, sets the key that records are sealed to, and says where
    /// its gateway is.
    pub async fn found(
        &self,
        chain: &Chain,
        council_key: &KeyPair,
        gateway: &str,
        teller: &mut Teller,
    ) -> Result<(), DemoError> {
        let name = self.name;
        let caps = Caps::CUSTODIAN.with(Caps::LICENSING).with(Caps::EMERGENCY);
        let display_name = DisplayName::try_from(name.as_bytes().to_vec())
            .map_err(|_| DemoError::Node(format!("the name {name} is too long")))?;
        let new = council::NewOrganisation { id: self.id, name: display_name, caps };
        let moved = doing(
            "registering a hospital",
            council::register_organisation(chain, council_key, new, &self.admin).await,
        )?;
        teller.step(&moved.receipt, &format!("The council (1 of 1) registers {name}: custodian, licensing, emergency"));
        for (officer, roles, title) in [
            (&self.registrar, Roles::REGISTRAR, "Registrar"),
            (&self.privacy, Roles::PRIVACY, "Privacy officer"),
            (&self.reviewer, Roles::REVIEWER, "Reviewer"),
            (&self.gateway, Roles::GATEWAY, "Gateway key"),
        ] {
            let receipt = doing("appointing an officer", officers::set(chain, &self.admin, officer, roles).await)?;
            teller.step(&receipt, &format!("{name} appoints its {title}; the new key signs along"));
        }
        let profile = Profile {
            commitment: sha256_of(&[b"profile of ", name.as_bytes(), &self.id.0]),
            url: BoundedVec::try_from(gateway.as_bytes().to_vec())
                .map_err(|_| DemoError::Node(format!("the address {gateway} is too long")))?,
            kem: Some(self.kem.public()),
            full_nodes: BoundedVec::default(),
        };
        let receipt =
            doing("setting an encryption key", officers::update_organisation(chain, &self.admin, profile).await)?;
        teller
            .step(&receipt, &format!("{name} sets the key that records' keys are sealed to; its gateway is {gateway}"));
        Ok(())
    }

    /// Its Registrar enrols a doctor and employs them, by calls that both sign.
    pub async fn employ(
        &self,
        chain: &Chain,
        name: &'static str,
        speciality: u64,
        teller: &mut Teller,
    ) -> Result<Doctor, DemoError> {
        let doctor = Doctor {
            name,
            id: PractitionerId::fresh()?,
            key: fresh_key()?,
            kem: KemSecret::generate()?,
            hospital: self.id,
        };
        let now = chain.now().await?;
        let licence: Hash = sha256_of(&[b"licence", &doctor.id.0]);
        let entry = Enrolment { id: doctor.id, licence, licence_until: now.plus(2 * YEAR), speciality };
        let receipt =
            doing("enrolling a doctor", practitioners::register(chain, &self.registrar, &doctor.key, entry).await)?;
        teller.step(&receipt, &format!("{} enrols {name} with a licence for two years", self.name));
        let roles = BoundedVec::try_from(vec![DOCTOR]).unwrap_or_default();
        let until = now.plus(YEAR);
        let affiliated =
            practitioners::affiliate(chain, &self.registrar, &doctor.key, doctor.id, self.id, until, roles);
        let receipt = doing("affiliating a doctor", affiliated.await)?;
        teller.step(&receipt, &format!("{} and {name} agree on an affiliation: both sign one call", self.name));
        let receipt = practitioners::set_kem(chain, &doctor.key, doctor.kem.public()).await;
        teller.step(&doing("setting an encryption key", receipt)?, &format!("{name} sets an encryption key"));
        Ok(doctor)
    }
}

impl Doctor {
    /// What signs requests, and what opens what is sealed to them.
    pub fn keys(&self) -> (&KeyPair, &KemSecret) {
        (&self.key, &self.kem)
    }
}

impl Patient {
    /// What signs requests, and what opens what is sealed to them.
    pub fn keys(&self) -> (&KeyPair, &KemSecret) {
        (&self.key, &self.kem)
    }

    /// Keys and an id for a patient that nobody knows yet.
    pub fn new() -> Result<Self, DemoError> {
        Ok(Self { id: PatientId::fresh()?, key: fresh_key()?, kem: KemSecret::generate()? })
    }
}
