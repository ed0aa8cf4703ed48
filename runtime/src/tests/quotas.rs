//! Quotas instead of fees: who pays for what, what is never refused, and the share of a block that is kept free.

use salus_appointments::{Call::Publish, Hours};
use salus_consent::{Call::Revoke, GranteeKey, RuleRef, Withdrawal};
use salus_credits::{Call::Redeem, storage::Balances, types::CREDIT_WEIGHT};
use salus_patients::Change;
use salus_primitives::{
    BoundedVec, PatientId, PractitionerId, Subject,
    crypto::Signature,
    dispatch::InvalidTransaction,
    limits::{BLOCK_EXTRINSICS_MAX, BLOCK_WEIGHT_MAX},
    signed::{self, CoSigns},
    subject::Roles,
    time::DAY,
};
use salus_registry::{
    KemKey,
    types::{Caps, DisplayName, OrganisationStatus, SUITE_X25519},
};
use salus_support::{Class, table::RuntimeTable};
use salus_system::usage;

use super::*;

const HOSPITAL: OrganisationId = OrganisationId([4; 16]);
const PATIENT: PatientId = PatientId([6; 16]);
const DOCTOR: PractitionerId = PractitionerId([7; 16]);
/// Admin and Registrar of the hospital.
const OFFICER: u8 = 5;
const PATIENT_KEY: u8 = 6;
const DOCTOR_KEY: u8 = 7;
const GATEWAY_KEY: u8 = 8;

const ORGANISATION: Subject = Subject::Organisation(HOSPITAL);

impl TestNet {
    /// Time of the next block.
    fn next_time(&self) -> Moment {
        self.context().slot.time
    }

    /// What `subject` used today, as the next block will see it.
    fn used(&self, subject: Subject) -> u64 {
        usage::used(&self.state, &subject, self.next_time())
    }

    /// Leave `subject` so many units of today.
    fn leave(&mut self, subject: Subject, units: u64) {
        let now = self.next_time();
        let left = usage::quota(&self.state, &subject, now).unwrap() - usage::used(&self.state, &subject, now);
        self.prepare(|state| usage::charge(state, &subject, left - units, now));
    }
}

/// A hospital with an officer and a Gateway, a doctor and a patient, each with one key.
fn net() -> TestNet {
    let mut net = TestNet::new();
    net.prepare(|state| {
        let name = DisplayName::try_from(b"Hospital".to_vec()).unwrap();
        let (admin, now) = (Some(key(OFFICER).public()), GENESIS_TIME);
        salus_registry::organisation_set(state, now, HOSPITAL, OrganisationStatus::Active, name, Caps::ALL, admin)
            .unwrap();
        salus_system::keys::set_roles(state, key(OFFICER).public(), Roles::ADMIN.with(Roles::REGISTRAR));
        for (seed, subject, roles) in [
            (PATIENT_KEY, Subject::Patient(PATIENT), Roles::NONE),
            (DOCTOR_KEY, Subject::Practitioner(DOCTOR), Roles::NONE),
            (GATEWAY_KEY, ORGANISATION, Roles::GATEWAY),
        ] {
            salus_system::keys::bind(state, now, key(seed).public(), subject, roles, None).unwrap();
        }
    });
    net
}

/// An ordinary call that everybody but the doctor is refused, and the doctor too.
fn failing() -> RuntimeCall {
    RuntimeCall::Appointments(Publish { practitioner: DOCTOR, organisation: HOSPITAL, hours: Hours::new() })
}

/// A revocation by a patient who has no rule: a protected call.
fn revocation() -> RuntimeCall {
    let rule = RuleRef { grantee: GranteeKey::Organisation(HOSPITAL), id: 0 };
    let what = Withdrawal::Rules(BoundedVec::try_from(vec![rule]).unwrap());
    RuntimeCall::Consent(Revoke { patient: PATIENT, what })
}

fn status(to: Change) -> RuntimeCall {
    RuntimeCall::Patients(salus_patients::Call::StatusSet { patient: PATIENT, to, cosign: CoSigns::new() })
}

fn report() -> RuntimeCall {
    RuntimeCall::Access(salus_access::Call::Serve { patient: PATIENT, receipt: 0, entries: 1, digest: Hash::ZERO })
}

fn cost(call: &RuntimeCall) -> u64 {
    crate::Runtime::cost(call).weight
}

#[test]
fn each_subject_has_the_quota_of_its_kind_and_its_keys_share_it() {
    let mut net = net();
    for (seed, subject) in [
        (OFFICER, ORGANISATION),
        (GATEWAY_KEY, ORGANISATION),
        (DOCTOR_KEY, Subject::Practitioner(DOCTOR)),
        (PATIENT_KEY, Subject::Patient(PATIENT)),
    ] {
        net.leave(subject, cost(&noop()));
        let before = net.used(subject);
        net.block(vec![net.signed(&key(seed), noop(), 0)]);
        assert_eq!(net.used(subject), before + cost(&noop()));
        assert_eq!(net.refused(&net.signed(&key(seed), noop(), 0)), InvalidTransaction::ExhaustsResources);
        net.prepare(|state| salus_system::storage::WeightUsed::remove(state, &subject));
    }
}

#[test]
fn a_failing_call_counts_like_any_other() {
    let mut net = net();
    net.leave(Subject::Patient(PATIENT), 2 * cost(&failing()));
    let before = net.used(Subject::Patient(PATIENT));
    let calls = vec![net.signed(&key(PATIENT_KEY), failing(), 0), net.signed(&key(PATIENT_KEY), failing(), 1)];
    let events = net.block(calls);
    assert_eq!(events.len(), 2, "each failed, and nothing else happened");
    assert!(!events.iter().any(succeeded));
    assert_eq!(net.used(Subject::Patient(PATIENT)), before + 2 * cost(&failing()));
    assert_eq!(net.refused(&net.signed(&key(PATIENT_KEY), noop(), 0)), InvalidTransaction::ExhaustsResources);
}

#[test]
fn the_next_day_has_a_quota_of_its_own() {
    let mut net = net();
    net.leave(Subject::Patient(PATIENT), 0);
    assert_eq!(net.refused(&net.signed(&key(PATIENT_KEY), noop(), 0)), InvalidTransaction::ExhaustsResources);
    let mut context = net.context();
    context.slot.time = context.slot.time.plus(DAY);
    let raw = net.signed(&key(PATIENT_KEY), noop(), 0);
    assert!(net.runtime.execute(&net.state, &context, &[raw], &NoneVerified).is_ok());
}

#[test]
fn revocations_freezes_vetoes_and_reports_are_charged_and_never_refused() {
    let mut net = net();
    for (seed, subject, call) in [
        (PATIENT_KEY, Subject::Patient(PATIENT), revocation()),
        (PATIENT_KEY, Subject::Patient(PATIENT), status(Change::Freeze)),
        (PATIENT_KEY, Subject::Patient(PATIENT), status(Change::Living)),
        (GATEWAY_KEY, ORGANISATION, report()),
    ] {
        net.leave(subject, 0);
        assert_eq!(net.refused(&net.signed(&key(seed), noop(), 0)), InvalidTransaction::ExhaustsResources);
        let (raw, before) = (net.signed(&key(seed), call.clone(), 0), net.used(subject));
        assert!(net.validate(&raw).is_ok(), "the pool takes it: {call:?}");
        net.block(vec![raw]);
        assert_eq!(net.used(subject), before + cost(&call), "it is charged: {call:?}");
        net.prepare(|state| salus_system::storage::WeightUsed::remove(state, &subject));
    }
}

#[test]
fn nothing_else_is_protected() {
    let grant_back = salus_appointments::Change::GiveBack { signature: Signature([0; 64]) };
    let slot = salus_appointments::SlotRef { practitioner: DOCTOR, from: GENESIS_TIME };
    for call in [
        noop(),
        failing(),
        status(Change::Thaw),
        status(Change::Close),
        status(Change::Deceased),
        RuntimeCall::Credits(Redeem { credits: 1 }),
        RuntimeCall::Appointments(salus_appointments::Call::Set { slot, to: grant_back }),
    ] {
        assert_eq!(crate::Runtime::cost(&call).class, Class::Ordinary, "{call:?}");
    }
}

#[test]
fn a_registration_is_charged_to_the_organisation_that_invited() {
    let mut net = net();
    let (invitation, person, id) = (key(40), key(41), PatientId([9; 16]));
    let invite =
        salus_patients::Call::Invite { key: invitation.public(), until: GENESIS_TIME.plus(DAY), provisional: false };
    net.block(vec![net.signed(&key(OFFICER), RuntimeCall::Patients(invite), 0)]);
    let possession = invitation.sign(&signed::possession(&net.genesis, &person.public(), &id));
    let kem = KemKey { suite: SUITE_X25519, key: [0x11; 32] };
    let register = salus_patients::Call::Register { id, invite: invitation.public(), possession, kem };
    let register = RuntimeCall::Patients(register);
    let raw = net.signed(&person, register.clone(), 0);
    net.leave(ORGANISATION, cost(&register) - 1);
    assert_eq!(net.refused(&raw), InvalidTransaction::Call, "the hospital cannot afford it");
    let now = net.next_time();
    net.prepare(|state| usage::raise(state, &ORGANISATION, 1, now).unwrap());
    let before = net.used(ORGANISATION);
    assert!(net.block(vec![raw]).iter().any(succeeded));
    assert_eq!(net.used(ORGANISATION), before + cost(&register));
    assert_eq!(net.used(Subject::Patient(id)), 0);
}

#[test]
fn credits_raise_an_organisations_quota_for_the_day() {
    let mut net = net();
    let redeem = RuntimeCall::Credits(Redeem { credits: 3 });
    net.prepare(|state| Balances::insert(state, &HOSPITAL, &3));
    net.leave(ORGANISATION, cost(&redeem));
    net.block(vec![net.signed(&key(OFFICER), redeem.clone(), 0)]);
    let now = net.next_time();
    let left = usage::quota(&net.state, &ORGANISATION, now).unwrap() - net.used(ORGANISATION);
    assert_eq!(left, 3 * CREDIT_WEIGHT);
    assert!(net.validate(&net.signed(&key(GATEWAY_KEY), noop(), 0)).is_ok());
    net.leave(ORGANISATION, 0);
    assert_eq!(net.refused(&net.signed(&key(GATEWAY_KEY), noop(), 0)), InvalidTransaction::ExhaustsResources);
}

#[test]
fn a_proposer_keeps_a_quarter_of_a_block_for_what_is_protected_and_a_block_without_it_is_valid() {
    let net = net();
    let ordinary: Vec<RawExtrinsic> =
        (0..u32::try_from(BLOCK_EXTRINSICS_MAX).unwrap()).map(|ahead| net.signed(&council(), noop(), ahead)).collect();
    let protected: Vec<RawExtrinsic> =
        (0..10).map(|ahead| net.signed(&key(PATIENT_KEY), revocation(), ahead)).collect();
    let built = net.build([ordinary.clone(), protected.clone()].concat());
    let kept = BLOCK_EXTRINSICS_MAX / 4 * 3;
    assert_eq!(built.extrinsics.len(), kept + protected.len());
    assert_eq!(built.extrinsics[..kept], ordinary[..kept]);
    assert_eq!(built.extrinsics[kept..], protected);
    assert_eq!(built.invalid, [], "what found no room waits");
    assert!(net.execute(&ordinary).is_ok(), "the share is a proposer's rule, not one of validity");
}

#[test]
fn three_quarters_of_the_weight_are_for_ordinary_calls() {
    let net = net();
    let heavy = {
        let hours = vec![salus_primitives::Window::default(); 64];
        let hours = Hours::try_from(hours).unwrap();
        RuntimeCall::Appointments(Publish { practitioner: DOCTOR, organisation: HOSPITAL, hours })
    };
    let many = u32::try_from(BLOCK_WEIGHT_MAX / cost(&heavy)).unwrap() + 1;
    let calls: Vec<RawExtrinsic> = (0..many).map(|ahead| net.signed(&council(), heavy.clone(), ahead)).collect();
    let propose = RuntimeCall::Council(salus_council::Call::Vote { motion: 9, aye: true });
    let motion = net.signed(&key(PATIENT_KEY), propose, 0);
    let built = net.build([calls, vec![motion.clone()]].concat());
    let ordinary = built.extrinsics.len() as u64 - 1;
    assert_eq!(ordinary, BLOCK_WEIGHT_MAX / 4 * 3 / cost(&heavy));
    assert_eq!(built.extrinsics.last(), Some(&motion));
}
