//! Two hospitals with a Registrar each, and what becomes of their patients.

mod confirm;
mod invite;
mod properties;
mod register;
mod status;

use salus_primitives::{AccountId, OrganisationId, Subject, crypto::KeyPair, subject::Roles};
use salus_registry::{
    testing::{key, officer, organisation},
    types::{Caps, OrganisationStatus},
};
use salus_support::testing::TestChain;

use super::*;
use crate::{
    storage::Patients as Stored,
    testing::{Person, registered},
    types::PatientState,
};

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    5 => Patients: crate,
}

type Chain = TestChain<Runtime>;

const HOSPITAL: OrganisationId = OrganisationId([0x0A; 16]);
const CLINIC: OrganisationId = OrganisationId([0x0B; 16]);

/// The hospital's Registrar.
fn registrar() -> KeyPair {
    key(1)
}

/// The clinic's Registrar.
fn clinic_registrar() -> KeyPair {
    key(2)
}

/// An officer of the hospital with every role but Registrar.
fn clerk() -> KeyPair {
    key(3)
}

fn account(key: KeyPair) -> AccountId {
    key.public()
}

/// Two Active organisations with their officers.
fn chain() -> Chain {
    let mut chain = Chain::new();
    organisation(&mut chain, HOSPITAL, Caps::CUSTODIAN, &key(101));
    organisation(&mut chain, CLINIC, Caps::CUSTODIAN, &key(102));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &registrar());
    officer(&mut chain, CLINIC, Roles::REGISTRAR, &clinic_registrar());
    officer(&mut chain, HOSPITAL, Roles::PRIVACY.with(Roles::REVIEWER).with(Roles::GATEWAY), &clerk());
    chain
}

/// The state of a patient at the chain's present moment.
fn state_of(chain: &Chain, person: &Person) -> PatientState {
    Stored::get(chain.state(), &person.id).unwrap().state_at(chain.now())
}

/// Bind one more key to a patient: lasting, or a session key for an hour.
fn give_key(chain: &mut Chain, person: &Person, seed: u8, session: bool) -> AccountId {
    let now = chain.now();
    let until = session.then(|| now.plus(salus_primitives::time::HOUR));
    let account = key(seed).public();
    chain.prepare(|state| {
        salus_system::keys::bind(state, now, account, Subject::Patient(person.id), Roles::NONE, until).unwrap();
    });
    account
}

fn suspend(chain: &mut Chain, organisation: OrganisationId) {
    salus_registry::testing::set_status(chain, organisation, OrganisationStatus::Suspended);
}
