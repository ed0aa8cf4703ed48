//! Practitioners.

use salus_primitives::{Moment, Subject, time::DAY};
use salus_system::keys as system_keys;

use super::*;
use crate::storage::Practitioners;

const NEW: PractitionerId = PractitionerId([0xd1; 16]);
const NEW_KEY: u8 = 30;

fn enrol(id: PractitionerId, seed: Option<u8>, until: Moment, status: PractitionerStatus) -> Call {
    Call::PractitionerSet {
        id,
        account: seed.map(account),
        licence: Hash([3; 32]),
        licence_until: until,
        speciality: crate::testing::GENERAL_MEDICINE,
        status,
        cosign: CoSigns::new(),
    }
}

fn until(chain: &Chain) -> Moment {
    chain.now().plus(YEAR)
}

#[test]
fn a_registrar_of_a_licensing_organisation_enrols_a_practitioner() {
    let mut chain = chain();
    let licence_until = until(&chain);
    let call = enrol(NEW, Some(NEW_KEY), licence_until, PractitionerStatus::Active);
    let call = cosigned(&chain, REGISTRAR, &call, &[NEW_KEY]);
    chain.ok(account(REGISTRAR), call).emitted(Event::PractitionerSet {
        practitioner: NEW,
        licensing: CLINIC,
        status: PractitionerStatus::Active,
        licence_until,
        account: Some(account(NEW_KEY)),
    });
    let entry = Practitioners::get(chain.state(), &NEW).unwrap();
    assert_eq!((entry.licensing, entry.enrolled_by, entry.licence), (CLINIC, account(REGISTRAR), Hash([3; 32])));
    let speaker = system_keys::speaker(chain.state(), account(NEW_KEY), chain.now()).unwrap();
    assert_eq!(speaker.subject, Subject::Practitioner(NEW));
}

#[test]
fn only_a_registrar_of_the_licensing_organisation_sets_a_practitioner() {
    let mut chain = chain_with_doctor();
    let call = enrol(DOCTOR, None, until(&chain), PractitionerStatus::Active);
    chain
        .refused(account(99), call.clone(), Error::NotRegistered)
        .refused(account(ADMIN), call.clone(), Error::NotAuthorised)
        .refused(account(DOCTOR_KEY), call.clone(), Error::NotAuthorised)
        .refused(account(LAB_REGISTRAR), call.clone(), Error::NotAuthorised);
    let other = OrganisationId([0x77; 16]);
    crate::testing::organisation(&mut chain, other, Caps::LICENSING, &key(40));
    crate::testing::officer(&mut chain, other, Roles::REGISTRAR, &key(41));
    chain.refused(account(41), call.clone(), Error::NotAuthorised);
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    chain.refused(account(REGISTRAR), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn an_organisation_without_the_capability_licenses_nobody() {
    let mut chain = chain();
    let call = enrol(NEW, Some(NEW_KEY), until(&chain), PractitionerStatus::Active);
    let call = cosigned(&chain, LAB_REGISTRAR, &call, &[NEW_KEY]);
    chain.refused(account(LAB_REGISTRAR), call, Error::NotAuthorised);
}

#[test]
fn a_practitioner_is_suspended_restored_and_struck_off_for_good() {
    use PractitionerStatus::{Active, Struck, Suspended};
    let mut chain = chain_with_doctor();
    let to = |status| enrol(DOCTOR, None, Moment(1_800_000_000_000 + YEAR), status);
    chain
        .refused(account(REGISTRAR), to(Struck), Error::BadState)
        .ok(account(REGISTRAR), to(Suspended))
        .ok(account(REGISTRAR), to(Active))
        .ok(account(REGISTRAR), to(Suspended))
        .ok(account(REGISTRAR), to(Struck));
    for status in [Active, Suspended, Struck] {
        chain.refused(account(REGISTRAR), to(status), Error::BadState);
    }
}

#[test]
fn nobody_is_struck_off_and_given_a_key_at_once() {
    let mut chain = chain_with_doctor();
    let until = until(&chain);
    chain.ok(account(REGISTRAR), enrol(DOCTOR, None, until, PractitionerStatus::Suspended));
    let call = enrol(DOCTOR, Some(NEW_KEY), until, PractitionerStatus::Struck);
    let call = cosigned(&chain, REGISTRAR, &call, &[NEW_KEY]);
    chain.refused(account(REGISTRAR), call, Error::BadState);
}

#[test]
fn a_new_practitioner_is_active_and_has_a_key() {
    let mut chain = chain();
    let until = until(&chain);
    chain.refused(account(REGISTRAR), enrol(NEW, None, until, PractitionerStatus::Active), Error::KeyMissing);
    let suspended = enrol(NEW, Some(NEW_KEY), until, PractitionerStatus::Suspended);
    let suspended = cosigned(&chain, REGISTRAR, &suspended, &[NEW_KEY]);
    chain.refused(account(REGISTRAR), suspended, Error::BadState);
}

#[test]
fn a_licence_ends_after_now_and_within_five_years() {
    let mut chain = chain_with_doctor();
    let now = chain.now();
    let set = |until| enrol(DOCTOR, None, until, PractitionerStatus::Active);
    chain
        .refused(account(REGISTRAR), set(now), Error::BadWindow)
        .refused(account(REGISTRAR), set(now.plus(LICENCE_MAX + 1)), Error::BadWindow)
        .ok(account(REGISTRAR), set(now.plus(LICENCE_MAX)))
        .ok(account(REGISTRAR), set(now.plus(1)));
}

#[test]
fn a_practitioner_whose_licence_ran_out_can_still_be_suspended() {
    let mut chain = chain_with_doctor();
    let until = chain.now().plus(DAY);
    chain.ok(account(REGISTRAR), enrol(DOCTOR, None, until, PractitionerStatus::Active)).advance(2 * DAY);
    chain.ok(account(REGISTRAR), enrol(DOCTOR, None, until, PractitionerStatus::Suspended));
}

#[test]
fn a_new_key_ends_all_old_ones_and_the_kem_key() {
    let mut chain = chain_with_doctor();
    let subject = Subject::Practitioner(DOCTOR);
    let session = chain.now().plus(DAY);
    let now = chain.now();
    chain.prepare(|state| {
        system_keys::bind(state, now, account(31), subject, Roles::NONE, Some(session)).unwrap();
        crate::set_kem(state, subject, kem_key(1)).unwrap();
    });
    let call = enrol(DOCTOR, Some(NEW_KEY), until(&chain), PractitionerStatus::Active);
    let call = cosigned(&chain, REGISTRAR, &call, &[NEW_KEY]);
    chain.ok(account(REGISTRAR), call);
    assert_eq!(system_keys::live(chain.state(), subject, chain.now()), [account(NEW_KEY)]);
    assert_eq!(crate::kem(chain.state(), subject), None);
    assert_eq!(Practitioners::get(chain.state(), &DOCTOR).unwrap().enrolled_by, account(REGISTRAR));
}

#[test]
fn a_renewal_keeps_keys_and_who_enrolled() {
    let mut chain = chain_with_doctor();
    let before = Practitioners::get(chain.state(), &DOCTOR).unwrap();
    chain.ok(account(REGISTRAR), enrol(DOCTOR, None, until(&chain), PractitionerStatus::Active));
    let after = Practitioners::get(chain.state(), &DOCTOR).unwrap();
    assert_eq!((after.enrolled_by, after.licence), (before.enrolled_by, Hash([3; 32])));
    let keys = system_keys::live(chain.state(), Subject::Practitioner(DOCTOR), chain.now());
    assert_eq!(keys, [account(DOCTOR_KEY)]);
}

#[test]
fn a_new_key_signs_along_is_strong_and_was_never_bound() {
    let mut chain = chain_with_doctor();
    let until = until(&chain);
    let call = enrol(NEW, Some(NEW_KEY), until, PractitionerStatus::Active);
    chain.refused(account(REGISTRAR), call.clone(), Error::BadCoSign);
    let stranger = cosigned(&chain, REGISTRAR, &call, &[31]);
    chain.refused(account(REGISTRAR), stranger, Error::BadCoSign);

    let not_needed = enrol(DOCTOR, None, until, PractitionerStatus::Active);
    let not_needed = cosigned(&chain, REGISTRAR, &not_needed, &[DOCTOR_KEY]);
    chain.refused(account(REGISTRAR), not_needed, Error::BadCoSign);

    let taken = enrol(NEW, Some(DOCTOR_KEY), until, PractitionerStatus::Active);
    let taken = cosigned(&chain, REGISTRAR, &taken, &[DOCTOR_KEY]);
    chain.refused(account(REGISTRAR), taken, Error::KeyTaken);
    let own = enrol(DOCTOR, Some(DOCTOR_KEY), until, PractitionerStatus::Active);
    let own = cosigned(&chain, REGISTRAR, &own, &[DOCTOR_KEY]);
    chain.refused(account(REGISTRAR), own, Error::KeyTaken);

    let (weak, cosign) = weak_cosign();
    let mut call = enrol(NEW, None, until, PractitionerStatus::Active);
    if let Call::PractitionerSet { account, .. } = &mut call {
        *account = Some(weak);
    }
    chain.refused(account(REGISTRAR), with_cosigns(&call, cosign), Error::WeakKey);
}
