//! Booking with a key used once.

use super::*;

#[test]
fn a_registrar_or_the_gateway_books_for_a_key_used_once() {
    let (mut chain, first) = published();
    let second = minutes(1_470, 1_500);
    chain.ok(doctors(), publish(HOSPITAL, &[second]));
    let call = booking(&chain, first, 1);
    chain.ok(registrar(), call).emitted(Event::Held { slot: at(first), key: once(1).public() });
    let call = booking(&chain, second, 2);
    chain.ok(gateway(), call);
    let slot = slot(chain.state(), at(first)).unwrap();
    assert_eq!(slot.status, Status::Held);
    assert_eq!(slot.booking, Some(types::Booking { key: once(1).public(), sealed: SEALED }));
}

#[test]
fn a_slot_booked_twice_is_refused() {
    let (mut chain, hours) = held();
    let (same, other) = (booking(&chain, hours, 1), booking(&chain, hours, 2));
    chain.refused(registrar(), same, Error::Taken);
    chain.refused(gateway(), other.clone(), Error::Taken);
    chain.ok(doctors(), set(hours, Change::Decline)).refused(registrar(), other, Error::Taken);
}

#[test]
fn only_the_desk_of_the_slots_organisation_books() {
    let (mut chain, hours) = published();
    let call = booking(&chain, hours, 1);
    chain.refused(key(99).public(), call.clone(), Error::NotRegistered);
    for caller in [clerk(), clinic_registrar(), doctors()] {
        chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    set_status(&mut chain, HOSPITAL, OrganisationStatus::Suspended);
    chain.refused(registrar(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn a_slot_is_there_and_ahead_and_its_practitioner_still_works_there() {
    let (mut chain, hours) = published();
    let nowhere = booking(&chain, minutes(1_441, 1_450), 1);
    chain.refused(registrar(), nowhere, Error::NoSuchSlot);
    let call = booking(&chain, hours, 1);
    chain.prepare(|state| {
        use salus_registry::storage::Affiliations;
        Affiliations::remove(state, &(DOCTOR, HOSPITAL));
    });
    chain.refused(registrar(), call.clone(), Error::NotActive(Standing::NotAffiliated));
    affiliate(&mut chain, DOCTOR, HOSPITAL);
    until(&mut chain, hours.from);
    chain.refused(registrar(), call, Error::NotNow);
}

#[test]
fn a_key_books_once_and_is_nothing_else() {
    let (mut chain, _) = held();
    let other = minutes(1_470, 1_500);
    chain.ok(doctors(), publish(HOSPITAL, &[other]));
    let again = booking(&chain, other, 1);
    chain.refused(registrar(), again, Error::KeyTaken);
    let sign = |key: &KeyPair| {
        let signature = key.sign(&signed::booking(&chain.genesis(), &DOCTOR, &HOSPITAL, &other, &SEALED));
        Call::Book { slot: at(other), key: key.public(), signature, sealed: SEALED }
    };
    let (accounts, authoritys) = (sign(&key(11)), sign(&key(77)));
    chain.prepare(|state| {
        salus_system::keys::keep_apart(state, key(77).public(), salus_system::Purpose::Authority).unwrap();
    });
    chain.refused(registrar(), accounts, Error::KeyTaken);
    chain.refused(registrar(), authoritys, Error::KeyTaken);
    let mut weak = booking(&chain, other, 2);
    if let Call::Book { key, .. } = &mut weak {
        *key = AccountId([0; 32]);
    }
    chain.refused(registrar(), weak, Error::WeakKey);
}

#[test]
fn a_signature_fits_one_slot_one_organisation_one_digest_and_one_chain() {
    let (mut chain, hours) = published();
    let other = minutes(1_470, 1_500);
    chain.ok(doctors(), publish(HOSPITAL, &[other]));
    let (key, genesis) = (once(1), chain.genesis());
    let with = |message: Vec<u8>| Call::Book {
        slot: at(hours),
        key: key.public(),
        signature: key.sign(&message),
        sealed: SEALED,
    };
    for message in [
        signed::booking(&genesis, &SURGEON, &HOSPITAL, &hours, &SEALED),
        signed::booking(&genesis, &DOCTOR, &CLINIC, &hours, &SEALED),
        signed::booking(&genesis, &DOCTOR, &HOSPITAL, &other, &SEALED),
        signed::booking(&genesis, &DOCTOR, &HOSPITAL, &hours, &Hash([6; 32])),
        signed::booking(&Hash::ZERO, &DOCTOR, &HOSPITAL, &hours, &SEALED),
        signed::booking_cancelled(&genesis, &DOCTOR, &HOSPITAL, &hours),
    ] {
        chain.refused(registrar(), with(message), Error::BadSignature);
    }
    let mut stolen = booking(&chain, hours, 1);
    if let Call::Book { key, .. } = &mut stolen {
        *key = once(2).public();
    }
    chain.refused(registrar(), stolen, Error::BadSignature);
    chain.ok(registrar(), with(signed::booking(&genesis, &DOCTOR, &HOSPITAL, &hours, &SEALED)));
}

#[test]
fn nothing_in_state_or_events_names_a_patient() {
    let (chain, _) = held();
    let ours = |key: &&Vec<u8>| [Pages::prefix(), Slots::prefix()].iter().any(|prefix| key.starts_with(prefix));
    let values: usize = chain.entries().iter().filter(|(key, _)| ours(key)).map(|(_, value)| value.len()).sum();
    // Page: day, one line. Slot: organisation, hours, status, key and digest. Nothing besides.
    assert_eq!(values, (4 + 1 + 17) + (16 + 16 + 1 + 1 + 32 + 32));
}
