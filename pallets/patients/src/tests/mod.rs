//! Two hospitals with a Registrar each, and what becomes of their patients.

mod confirm;
mod drops;
mod freezes;
mod guardians;
mod invite;
mod model;
mod properties;
mod recovery;
mod register;
mod status;

use salus_primitives::{AccountId, OrganisationId, Subject, Tag, crypto::KeyPair, subject::Roles, time::YEAR};
use salus_registry::{
    testing::{key, officer, organisation},
    types::{Caps, OrganisationStatus},
};
use salus_support::testing::TestChain;

use super::*;
use crate::{
    storage::Patients as Stored,
    testing::{Person, confirmed, registered},
    types::{GuardianTerms, PatientState, Powers, RecoveryKeys},
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

/// A confirmed patient, and as many other confirmed patients.
fn with_friends(count: u16) -> (Chain, Person, Vec<Person>) {
    let mut chain = chain();
    let person = confirmed(&mut chain, account(registrar()), 1);
    let friends = (0..count).map(|number| confirmed(&mut chain, account(registrar()), 100 + number)).collect();
    (chain, person, friends)
}

/// A confirmed patient with so many guardians, of whom `threshold` recover and thaw together, for a year from now.
fn with_guardians(count: u16, threshold: u8) -> (Chain, Person, Vec<Person>) {
    let (mut chain, person, friends) = with_friends(count);
    let change = GuardianChange::Set(terms(&chain, &friends, threshold));
    chain.ok(person.account(), guardians_set(&person, change));
    (chain, person, friends)
}

/// These guardians with every power for a year from now, kept from records with one tag.
fn terms(chain: &Chain, guardians: &[Person], threshold: u8) -> GuardianTerms {
    let guardians: Vec<_> = guardians.iter().map(|guardian| guardian.id).collect();
    GuardianTerms {
        guardians: guardians.try_into().unwrap(),
        threshold,
        powers: Powers::ALL,
        excluded: vec![Tag([7; 8])].try_into().unwrap(),
        until: chain.now().plus(YEAR),
    }
}

fn guardians_set(person: &Person, change: GuardianChange) -> Call {
    Call::GuardiansSet { patient: person.id, change, cosign: CoSigns::new() }
}

/// The same call, submitted by one officer and co-signed by these.
fn guardians_cosigned(
    chain: &Chain,
    person: &Person,
    terms: &GuardianTerms,
    officer: &KeyPair,
    signers: &[&KeyPair],
) -> Call {
    let change = GuardianChange::Set(terms.clone());
    let cosign = chain.cosigns(officer.public(), guardians_set(person, change.clone()), signers);
    Call::GuardiansSet { patient: person.id, change, cosign }
}

fn recover(person: &Person, step: RecoveryStep) -> Call {
    Call::Recover { patient: person.id, step, cosign: CoSigns::new() }
}

fn recovery_keys(keys: &[&KeyPair]) -> RecoveryKeys {
    let accounts: Vec<_> = keys.iter().map(|key| key.public()).collect();
    accounts.try_into().unwrap()
}

/// The call by which `submitter` proposes these keys, which sign along, and `others` do too.
fn proposal(chain: &Chain, person: &Person, submitter: AccountId, keys: &[&KeyPair], others: &[&KeyPair]) -> Call {
    let step = RecoveryStep::Propose(recovery_keys(keys));
    let signers = [keys, others].concat();
    let cosign = chain.cosigns(submitter, recover(person, step.clone()), &signers);
    Call::Recover { patient: person.id, step, cosign }
}

/// A guardian proposes these keys and is accepted.
#[track_caller]
fn approve(chain: &mut Chain, person: &Person, guardian: &Person, keys: &[&KeyPair]) {
    let call = proposal(chain, person, guardian.account(), keys, &[]);
    chain.ok(guardian.account(), call);
}

fn status_set(person: &Person, to: Change) -> Call {
    Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() }
}

/// Declare a death by two Registrars.
#[track_caller]
fn declare(chain: &mut Chain, person: &Person) {
    let call = status_set(person, Change::Deceased);
    let cosign = chain.cosigns(account(registrar()), call, &[&clinic_registrar()]);
    chain.ok(account(registrar()), Call::StatusSet { patient: person.id, to: Change::Deceased, cosign });
}

/// Drop and add keys of a patient, without co-signatures.
fn keys_set(add: &[AccountId], drop: &[AccountId]) -> salus_registry::Call {
    let add: Vec<_> = add.iter().map(|key| salus_registry::types::NewKey { account: *key, until: None }).collect();
    salus_registry::Call::KeysSet {
        add: add.try_into().unwrap(),
        drop: drop.to_vec().try_into().unwrap(),
        kem: None,
        cosign: CoSigns::new(),
    }
}

/// The keys that speak for a patient now.
fn live(chain: &Chain, person: &Person) -> Vec<AccountId> {
    salus_system::keys::live(chain.state(), Subject::Patient(person.id), chain.now())
}

fn suspend(chain: &mut Chain, organisation: OrganisationId) {
    salus_registry::testing::set_status(chain, organisation, OrganisationStatus::Suspended);
}
