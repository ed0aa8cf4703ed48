//! Every call of appointments: the allowed case, and each refusal.

mod booking;
mod properties;
mod publishing;
mod setting;

use salus_primitives::{
    Moment, Subject, Window,
    crypto::KeyPair,
    signed,
    subject::Roles,
    time::{DAY, HOUR, MINUTE},
};
use salus_registry::{
    testing::{affiliate, doctor, key, officer, organisation, set_status},
    types::{Caps, OrganisationStatus},
};
use salus_support::testing::TestChain;

use super::*;
use crate::{
    storage::{BookingKeys, Pages, Slots},
    types::{AHEAD_MAX, CALENDAR_DAYS, CHECK_IN_EARLY, LENGTH_MAX, SLOTS_MAX},
};

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    9 => Appointments: crate,
}

type Chain = TestChain<Runtime>;

const HOSPITAL: OrganisationId = OrganisationId([0x0A; 16]);
const CLINIC: OrganisationId = OrganisationId([0x0B; 16]);
/// Works at both.
const DOCTOR: PractitionerId = PractitionerId([11; 16]);
/// Works at the clinic.
const SURGEON: PractitionerId = PractitionerId([12; 16]);
const SEALED: Hash = Hash([5; 32]);

fn doctors() -> AccountId {
    key(11).public()
}

fn surgeons() -> AccountId {
    key(12).public()
}

/// The hospital's Registrar.
fn registrar() -> AccountId {
    key(1).public()
}

/// The hospital's Gateway.
fn gateway() -> AccountId {
    key(2).public()
}

/// An officer of the hospital with neither role.
fn clerk() -> AccountId {
    key(3).public()
}

/// The clinic's Registrar.
fn clinic_registrar() -> AccountId {
    key(4).public()
}

/// A key used once, of this number.
fn once(number: u8) -> KeyPair {
    KeyPair::from_seed(&[200u8.wrapping_add(number); 32])
}

fn chain() -> Chain {
    let mut chain = Chain::new();
    organisation(&mut chain, HOSPITAL, Caps::CUSTODIAN, &key(101));
    organisation(&mut chain, CLINIC, Caps::CUSTODIAN, &key(102));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &key(1));
    officer(&mut chain, HOSPITAL, Roles::GATEWAY, &key(2));
    officer(&mut chain, HOSPITAL, Roles::PRIVACY.with(Roles::REVIEWER), &key(3));
    officer(&mut chain, CLINIC, Roles::REGISTRAR, &key(4));
    doctor(&mut chain, DOCTOR, HOSPITAL, &key(11));
    affiliate(&mut chain, DOCTOR, CLINIC);
    doctor(&mut chain, SURGEON, CLINIC, &key(12));
    chain
}

/// The hours that begin `from` and end `until` minutes after the chain's first moment.
fn minutes(from: u64, until: u64) -> Window {
    let start = Chain::new().now();
    Window { from: start.plus(from * MINUTE), until: start.plus(until * MINUTE) }
}

fn publish(organisation: OrganisationId, hours: &[Window]) -> Call {
    Call::Publish { practitioner: DOCTOR, organisation, hours: Hours::try_from(hours.to_vec()).unwrap() }
}

fn at(hours: Window) -> SlotRef {
    SlotRef { practitioner: DOCTOR, from: hours.from }
}

/// The booking of the doctor's `hours` at the hospital with the key of this number.
fn booking(chain: &Chain, hours: Window, number: u8) -> Call {
    let key = once(number);
    let signature = key.sign(&signed::booking(&chain.genesis(), &DOCTOR, &HOSPITAL, &hours, &SEALED));
    Call::Book { slot: at(hours), key: key.public(), signature, sealed: SEALED }
}

/// Whoever booked the doctor's `hours` at the hospital with the key of this number gives them back.
fn giving_back(chain: &Chain, hours: Window, number: u8) -> Call {
    let signature = once(number).sign(&signed::booking_cancelled(&chain.genesis(), &DOCTOR, &HOSPITAL, &hours));
    set(hours, Change::GiveBack { signature })
}

fn set(hours: Window, to: Change) -> Call {
    Call::Set { slot: at(hours), to }
}

fn status(chain: &Chain, hours: Window) -> Status {
    slot(chain.state(), at(hours)).unwrap().status
}

/// The chain, and hours of the doctor at the hospital in a day, published.
fn published() -> (Chain, Window) {
    let mut chain = chain();
    let hours = minutes(1_440, 1_470);
    chain.ok(doctors(), publish(HOSPITAL, &[hours]));
    (chain, hours)
}

/// The same, booked with the key of number 1.
fn held() -> (Chain, Window) {
    let (mut chain, hours) = published();
    let call = booking(&chain, hours, 1);
    chain.ok(registrar(), call);
    (chain, hours)
}

/// The same, confirmed.
fn confirmed() -> (Chain, Window) {
    let (mut chain, hours) = held();
    chain.ok(doctors(), set(hours, Change::Confirm));
    (chain, hours)
}

/// Let time pass until `then`.
fn until(chain: &mut Chain, then: Moment) {
    let ms = then.since(chain.now());
    chain.advance(ms);
}

fn session(chain: &mut Chain, practitioner: PractitionerId) -> AccountId {
    let now = chain.now();
    let (key, subject) = (key(31).public(), Subject::Practitioner(practitioner));
    chain.prepare(|state| {
        salus_system::keys::bind(state, now, key, subject, Roles::NONE, Some(now.plus(12 * HOUR))).unwrap();
    });
    key
}
