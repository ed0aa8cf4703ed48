//! A hospital with a doctor, a Gateway and a Privacy officer, a clinic beside it, and a patient who agreed.

mod custody;
mod erasure;
mod properties;
mod put;
mod relabel;
mod status;

use salus_consent::{
    Action, Actions, Grantee, Purpose, Purposes, Terms,
    testing::{deny, permit},
};
use salus_patients::testing::{Person, confirmed, registered};
use salus_primitives::{
    AccountId, BoundedVec, PractitionerId,
    crypto::KeyPair,
    subject::Roles,
    time::{DAY, HOUR},
};
use salus_registry::{
    testing::{doctor, key, officer, organisation},
    types::{Caps, OrganisationStatus},
};
use salus_support::testing::TestChain;

use super::*;
use crate::testing::Draft;

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    5 => Patients: salus_patients,
    6 => Records: crate,
    7 => Consent: salus_consent,
}

type Chain = TestChain<Runtime>;

const HOSPITAL: OrganisationId = OrganisationId([0x0A; 16]);
const CLINIC: OrganisationId = OrganisationId([0x0B; 16]);
/// Employs people, keeps nothing.
const PRACTICE: OrganisationId = OrganisationId([0x0C; 16]);
const DOCTOR: PractitionerId = PractitionerId([0xD0; 16]);
const DOCTOR_SUBJECT: Subject = Subject::Practitioner(DOCTOR);
/// A doctor of the clinic.
const OTHER: PractitionerId = PractitionerId([0xD1; 16]);

fn registrar() -> AccountId {
    key(1).public()
}

fn doctor_account() -> AccountId {
    key(2).public()
}

fn other_doctor() -> AccountId {
    key(3).public()
}

fn gateway() -> KeyPair {
    key(4)
}

fn clinic_gateway() -> KeyPair {
    key(5)
}

fn privacy() -> AccountId {
    key(6).public()
}

fn clinic_privacy() -> AccountId {
    key(7).public()
}

/// The organisations and their people; no patient yet.
fn organisations() -> Chain {
    let mut chain = Chain::new();
    organisation(&mut chain, HOSPITAL, Caps::CUSTODIAN, &key(101));
    organisation(&mut chain, CLINIC, Caps::CUSTODIAN, &key(102));
    organisation(&mut chain, PRACTICE, Caps::NONE, &key(103));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &key(1));
    officer(&mut chain, HOSPITAL, Roles::GATEWAY, &gateway());
    officer(&mut chain, HOSPITAL, Roles::PRIVACY, &key(6));
    officer(&mut chain, CLINIC, Roles::GATEWAY, &clinic_gateway());
    officer(&mut chain, CLINIC, Roles::PRIVACY, &key(7));
    doctor(&mut chain, DOCTOR, HOSPITAL, &key(2));
    doctor(&mut chain, OTHER, CLINIC, &key(3));
    chain
}

/// To view, add and amend for treatment.
fn full(chain: &Chain, grantee: Grantee) -> Terms {
    Terms { actions: Actions::of(&[Action::View, Action::Add, Action::Amend]), ..permit(chain.now(), grantee) }
}

/// The patient makes this rule.
#[track_caller]
fn grant(chain: &mut Chain, caller: AccountId, patient: PatientId, terms: Terms) {
    chain.ok(caller, salus_consent::Call::Grant { patient, terms, replaces: None });
}

/// A confirmed patient who lets the hospital view, add and amend.
fn chain() -> (Chain, Person) {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    let terms = full(&chain, Grantee::Organisation(HOSPITAL));
    grant(&mut chain, person.account(), person.id, terms);
    (chain, person)
}

/// The hospital's doctor files this with the hospital's receipt.
#[track_caller]
fn file(chain: &mut Chain, draft: &Draft) -> RecordId {
    draft.file(chain, doctor_account(), &DOCTOR_SUBJECT, &[&gateway()])
}

/// The same is refused so.
#[track_caller]
fn refuses(chain: &mut Chain, draft: &Draft, error: Error) {
    let call = draft.call(&chain.genesis(), &DOCTOR_SUBJECT, &[&gateway()]);
    chain.refused(doctor_account(), call, error);
}

/// The record of this id, which is there.
fn kept(chain: &Chain, person: &Person, id: RecordId) -> Record {
    record(chain.state(), person.id, id).unwrap()
}

/// What amends `prev` of the same patient, as number `number`.
fn amendment(draft: &Draft, number: u16) -> Draft {
    Draft { prev: Some(draft.id), kind: draft.kind, ..Draft::lab(draft.patient, draft.organisation, number) }
}

fn suspend(chain: &mut Chain, organisation: OrganisationId) {
    salus_registry::testing::set_status(chain, organisation, OrganisationStatus::Suspended);
}

/// Bind a session key of an hour to a subject.
fn session_key(chain: &mut Chain, subject: Subject) -> AccountId {
    let (now, account) = (chain.now(), key(66).public());
    chain.prepare(|state| {
        salus_system::keys::bind(state, now, account, subject, Roles::NONE, Some(now.plus(HOUR))).unwrap();
    });
    account
}
