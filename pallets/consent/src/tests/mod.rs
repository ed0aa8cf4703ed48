//! Consent: every call with each refusal, the decision case by case, and against an independent model.

mod calls;
mod decisions;
mod delegation;
mod guardians;
mod model;
mod properties;
mod scopes;

use salus_patients::testing::{Person, confirmed};
use salus_primitives::{
    AccountId, BoundedVec, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto::KeyPair,
    subject::Roles, time::HOUR,
};
use salus_registry::{testing as registry, types::Caps};
use salus_support::testing::TestChain;

use crate::{codes::*, testing::permit, types::*};

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    5 => Patients: salus_patients,
    7 => Consent: crate,
}

type Chain = TestChain<Runtime>;

const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
const CLINIC: OrganisationId = OrganisationId([2; 16]);
const NOWHERE: OrganisationId = OrganisationId([9; 16]);
const DOCTOR: PractitionerId = PractitionerId([11; 16]);
const SURGEON: PractitionerId = PractitionerId([12; 16]);
const NOBODY: PractitionerId = PractitionerId([19; 16]);
/// Works at the hospital.
const DOCTOR_KEY: u8 = 11;
/// Works at the clinic.
const SURGEON_KEY: u8 = 12;
const REGISTRAR_KEY: u8 = 21;
const PRIVACY_KEY: u8 = 22;
const SESSION_KEY: u8 = 31;

fn key(seed: u8) -> KeyPair {
    registry::key(seed)
}

fn account(seed: u8) -> AccountId {
    key(seed).public()
}

fn tag(byte: u8) -> Tag {
    Tag([byte; 8])
}

fn tags(bytes: &[u8]) -> Tags {
    Tags::try_from(bytes.iter().map(|byte| tag(*byte)).collect::<Vec<_>>()).unwrap()
}

fn record_id(byte: u8) -> RecordId {
    RecordId([byte; 16])
}

fn records(bytes: &[u8]) -> Option<BoundedVec<RecordId, RECORDS_MAX>> {
    Some(BoundedVec::try_from(bytes.iter().map(|byte| record_id(*byte)).collect::<Vec<_>>()).unwrap())
}

/// A hospital and a clinic with a doctor each, and a patient of the hospital.
struct World {
    chain: Chain,
    patient: PatientId,
    me: AccountId,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        registry::organisation(&mut chain, HOSPITAL, Caps::ALL, &key(1));
        registry::organisation(&mut chain, CLINIC, Caps::ALL, &key(2));
        registry::officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &key(REGISTRAR_KEY));
        registry::officer(&mut chain, HOSPITAL, Roles::PRIVACY, &key(PRIVACY_KEY));
        registry::doctor(&mut chain, DOCTOR, HOSPITAL, &key(DOCTOR_KEY));
        registry::doctor(&mut chain, SURGEON, CLINIC, &key(SURGEON_KEY));
        let Person { id: patient, key } = confirmed(&mut chain, account(REGISTRAR_KEY), 1);
        Self { chain, patient, me: key.public() }
    }

    /// Another patient.
    fn other(&mut self) -> Person {
        confirmed(&mut self.chain, account(REGISTRAR_KEY), 2)
    }

    /// A session key of this subject.
    fn session(&mut self, subject: Subject) -> AccountId {
        let now = self.chain.now();
        self.chain.prepare(|state| {
            salus_system::keys::bind(state, now, account(SESSION_KEY), subject, Roles::NONE, Some(now.plus(HOUR)))
                .unwrap();
        });
        account(SESSION_KEY)
    }

    fn permit(&self, grantee: Grantee) -> Terms {
        permit(self.chain.now(), grantee)
    }

    fn deny(&self, grantee: Grantee) -> Terms {
        crate::testing::deny(self.chain.now(), grantee)
    }

    fn call(&self, terms: Terms) -> crate::Call {
        crate::Call::Grant { patient: self.patient, terms, replaces: None }
    }

    /// Make a rule and give its number.
    #[track_caller]
    fn grant(&mut self, terms: Terms) -> RuleRef {
        let grantee = terms.grantee.key();
        let id = self.ledger().next_id;
        self.chain.ok(self.me, self.call(terms));
        RuleRef { grantee, id }
    }

    fn ledger(&self) -> Ledger {
        crate::storage::Ledgers::get(self.chain.state(), &self.patient)
    }

    fn page(&self, key: GranteeKey) -> Option<Page> {
        crate::storage::Rules::get(self.chain.state(), &(self.patient, key))
    }

    fn ids(&self, key: GranteeKey) -> Vec<u32> {
        self.page(key).unwrap_or_default().iter().map(|rule| rule.id).collect()
    }

    fn revoke(&self, what: Withdrawal) -> crate::Call {
        crate::Call::Revoke { patient: self.patient, what }
    }
}

fn single(rules: &[RuleRef]) -> Withdrawal {
    Withdrawal::Rules(BoundedVec::try_from(rules.to_vec()).unwrap())
}

fn whole(pages: &[GranteeKey]) -> Withdrawal {
    Withdrawal::Pages(BoundedVec::try_from(pages.to_vec()).unwrap())
}
