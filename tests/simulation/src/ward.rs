//! A clinic at work: its Admin names a Registrar, who invites patients, who register, grant and revoke. Each step stands
//! on the one before, so that an extrinsic lost, doubled or out of its order shows in what follows.

use parity_scale_codec::Encode;
use salus_consent::{
    Action, Actions, Effect, Grantee, GranteeKey, Kinds, Obligations, Purpose, Purposes, Scope, Terms, Withdrawal,
};
use salus_primitives::{
    Hash, Moment, PatientId, Window,
    crypto::KeyPair,
    signed::{self, CoSign, CoSigns},
    subject::Roles,
    time::DAY,
};
use salus_registry::types::{KemKey, SUITE_X25519};
use salus_runtime::RuntimeCall;

use crate::setup;

/// The clinic's number among the organisations; no node has it.
pub const CLINIC: usize = 99;
/// How many patients come.
const PATIENTS: u8 = 8;

/// Who acts in the ward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Person {
    /// Names officers.
    Admin,
    /// Invites.
    Registrar,
    /// The patient of this number.
    Patient(u8),
}

impl Person {
    /// Their key.
    pub fn key(self) -> KeyPair {
        match self {
            Self::Admin => setup::admin(CLINIC),
            Self::Registrar => setup::key(b"registrar", 0),
            Self::Patient(number) => setup::key(b"patient", usize::from(number)),
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Officer,
    Invite(u8),
    Register(u8),
    Grant(u8),
    Revoke(u8),
    Over,
}

/// The ward.
pub struct Ward(Step);

impl Default for Ward {
    fn default() -> Self {
        Self(Step::Officer)
    }
}

impl Ward {
    /// Who does what next, `nonce` being the Admin's next one; none when all patients came. It is for the caller to
    /// wait until the step before is final.
    pub fn next(&mut self, genesis: &Hash, nonce: u32, now: Moment) -> Option<(Person, RuntimeCall)> {
        let (step, next) = match self.0 {
            Step::Officer => (officer(genesis, nonce), Step::Invite(0)),
            Step::Invite(number) => (invite(number, now), Step::Register(number)),
            Step::Register(number) => (register(genesis, number), Step::Grant(number)),
            Step::Grant(number) => (grant(number, now), Step::Revoke(number)),
            Step::Revoke(number) if number + 1 < PATIENTS => (revoke(number), Step::Invite(number + 1)),
            Step::Revoke(number) => (revoke(number), Step::Over),
            Step::Over => return None,
        };
        self.0 = next;
        Some(step)
    }
}

fn officer(genesis: &Hash, nonce: u32) -> (Person, RuntimeCall) {
    let registrar = Person::Registrar.key();
    let call = |cosign| {
        RuntimeCall::Registry(salus_registry::Call::OfficerSet {
            account: registrar.public(),
            roles: Some(Roles::REGISTRAR),
            cosign,
        })
    };
    let bytes = signed::cosign(genesis, &Person::Admin.key().public(), nonce, &call(CoSigns::new()).encode());
    let agreed = CoSign { account: registrar.public(), signature: registrar.sign(&bytes) };
    (Person::Admin, call(CoSigns::try_from(vec![agreed]).expect("one agrees")))
}

fn invitation(number: u8) -> KeyPair {
    setup::key(b"invitation", usize::from(number))
}

fn patient(number: u8) -> PatientId {
    PatientId([number + 1; 16])
}

fn invite(number: u8, now: Moment) -> (Person, RuntimeCall) {
    let (key, until) = (invitation(number).public(), now.plus(DAY));
    let call = salus_patients::Call::Invite { key, until, provisional: false };
    (Person::Registrar, RuntimeCall::Patients(call))
}

fn register(genesis: &Hash, number: u8) -> (Person, RuntimeCall) {
    let (person, invite, id) = (Person::Patient(number), invitation(number), patient(number));
    let possession = invite.sign(&signed::possession(genesis, &person.key().public(), &id));
    let kem = KemKey { suite: SUITE_X25519, key: [number + 1; 32] };
    let call = salus_patients::Call::Register { id, invite: invite.public(), possession, kem };
    (person, RuntimeCall::Patients(call))
}

fn grant(number: u8, now: Moment) -> (Person, RuntimeCall) {
    let terms = Terms {
        effect: Effect::Permit,
        grantee: Grantee::Organisation(setup::organisation(CLINIC)),
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View, Action::Add]),
        window: Window { from: now, until: now.plus(30 * DAY) },
        max_uses: None,
        obligations: Obligations::default(),
    };
    let call = salus_consent::Call::Grant { patient: patient(number), terms, replaces: None };
    (Person::Patient(number), RuntimeCall::Consent(call))
}

fn revoke(number: u8) -> (Person, RuntimeCall) {
    let page = GranteeKey::Organisation(setup::organisation(CLINIC));
    let what = Withdrawal::Pages(vec![page].try_into().expect("one page"));
    let call = salus_consent::Call::Revoke { patient: patient(number), what };
    (Person::Patient(number), RuntimeCall::Consent(call))
}
