//! A person's own keys.

use salus_primitives::{Moment, PatientId, Subject, time::HOUR};
use salus_system::{keys as system_keys, types::SESSION_MAX};

use super::*;

const PATIENT: PatientId = PatientId([0xa0; 16]);
const PATIENT_KEY: u8 = 70;

fn chain_with_patient() -> Chain {
    let mut chain = chain_with_doctor();
    let now = chain.now();
    chain.prepare(|state| {
        let subject = Subject::Patient(PATIENT);
        system_keys::bind(state, now, account(PATIENT_KEY), subject, Roles::NONE, None).unwrap();
    });
    chain
}

fn keys_set(add: &[(u8, Option<Moment>)], drop: &[u8], kem: Option<KemKey>) -> Call {
    let add: Vec<NewKey> = add.iter().map(|(seed, until)| NewKey { account: account(*seed), until: *until }).collect();
    let drop: Vec<AccountId> = drop.iter().map(|seed| account(*seed)).collect();
    Call::KeysSet {
        add: BoundedVec::try_from(add).unwrap(),
        drop: BoundedVec::try_from(drop).unwrap(),
        kem,
        cosign: CoSigns::new(),
    }
}

/// Add lasting keys, one by one.
fn add_lasting(chain: &mut Chain, submitter: u8, seeds: &[u8]) {
    for seed in seeds {
        let call = cosigned(chain, submitter, &keys_set(&[(*seed, None)], &[], None), &[*seed]);
        chain.ok(account(submitter), call);
    }
}

fn live(chain: &Chain) -> Vec<AccountId> {
    system_keys::live(chain.state(), Subject::Patient(PATIENT), chain.now())
}

#[test]
fn a_person_rotates_a_key_in_one_call() {
    for (submitter, subject) in [(PATIENT_KEY, Subject::Patient(PATIENT)), (DOCTOR_KEY, Subject::Practitioner(DOCTOR))]
    {
        let mut chain = chain_with_patient();
        let call = keys_set(&[(71, None)], &[submitter], Some(kem_key(2)));
        let call = cosigned(&chain, submitter, &call, &[71]);
        chain.ok(account(submitter), call).emitted(Event::KeysSet {
            subject,
            added: BoundedVec::try_from(vec![account(71)]).unwrap(),
            dropped: BoundedVec::try_from(vec![account(submitter)]).unwrap(),
            kem: true,
            going: BoundedVec::new(),
            kept: BoundedVec::new(),
        });
        assert_eq!(system_keys::live(chain.state(), subject, chain.now()), [account(71)]);
        assert_eq!(crate::kem(chain.state(), subject), Some(kem_key(2)));
        chain.refused(account(submitter), keys_set(&[], &[], Some(kem_key(3))), Error::NotRegistered);
    }
}

#[test]
fn a_kem_key_alone_needs_no_agreement_but_the_callers() {
    let mut chain = chain_with_patient();
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[], Some(kem_key(1))));
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[], Some(kem_key(2))));
    assert_eq!(crate::kem(chain.state(), Subject::Patient(PATIENT)), Some(kem_key(2)));
}

#[test]
fn a_session_key_lasts_at_most_twelve_hours_and_changes_no_keys() {
    let mut chain = chain_with_patient();
    let now = chain.now();
    for until in [now, now.plus(SESSION_MAX + 1)] {
        let call = cosigned(&chain, PATIENT_KEY, &keys_set(&[(71, Some(until))], &[], None), &[71]);
        chain.refused(account(PATIENT_KEY), call, Error::BadWindow);
    }
    let session = keys_set(&[(71, Some(now.plus(SESSION_MAX)))], &[], None);
    let session = cosigned(&chain, PATIENT_KEY, &session, &[71]);
    chain
        .ok(account(PATIENT_KEY), session)
        .refused(account(71), keys_set(&[], &[PATIENT_KEY], None), Error::NotAuthorised)
        .refused(account(71), keys_set(&[], &[], Some(kem_key(1))), Error::NotAuthorised);
    assert_eq!(live(&chain), [account(PATIENT_KEY), account(71)]);
    chain.advance(SESSION_MAX);
    assert_eq!(live(&chain), [account(PATIENT_KEY)]);
}

#[test]
fn a_session_key_is_dropped_before_its_time() {
    let mut chain = chain_with_patient();
    let until = chain.now().plus(HOUR);
    let session = cosigned(&chain, PATIENT_KEY, &keys_set(&[(71, Some(until))], &[], None), &[71]);
    chain.ok(account(PATIENT_KEY), session).ok(account(PATIENT_KEY), keys_set(&[], &[71], None));
    assert_eq!(live(&chain), [account(PATIENT_KEY)]);
}

#[test]
fn the_last_lasting_key_stays() {
    let mut chain = chain_with_patient();
    chain.refused(account(PATIENT_KEY), keys_set(&[], &[PATIENT_KEY], None), Error::LastKey);
    let until = chain.now().plus(HOUR);
    let to_session = keys_set(&[(71, Some(until))], &[PATIENT_KEY], None);
    let to_session = cosigned(&chain, PATIENT_KEY, &to_session, &[71]);
    chain.refused(account(PATIENT_KEY), to_session, Error::LastKey);
    add_lasting(&mut chain, PATIENT_KEY, &[72]);
    chain.ok(account(72), keys_set(&[], &[PATIENT_KEY], None));
    chain.refused(account(72), keys_set(&[], &[72], None), Error::LastKey);
}

#[test]
fn a_person_has_four_lasting_keys_and_swaps_one_when_they_are_all_used() {
    let mut chain = chain_with_patient();
    add_lasting(&mut chain, PATIENT_KEY, &[71, 72, 73]);
    let fifth = cosigned(&chain, PATIENT_KEY, &keys_set(&[(74, None)], &[], None), &[74]);
    chain.refused(account(PATIENT_KEY), fifth, Error::TooMany);
    let swap = cosigned(&chain, PATIENT_KEY, &keys_set(&[(74, None)], &[71], None), &[74]);
    chain.ok(account(PATIENT_KEY), swap);
    assert_eq!(live(&chain), [PATIENT_KEY, 72, 73, 74].map(account));
}

#[test]
fn only_practitioners_and_patients_change_their_own_keys() {
    let mut chain = chain_with_patient();
    let now = chain.now();
    chain.prepare(|state| {
        system_keys::bind(state, now, account(80), Subject::Council, Roles::NONE, None).unwrap();
    });
    let call = keys_set(&[], &[], Some(kem_key(1)));
    chain
        .refused(account(99), call.clone(), Error::NotRegistered)
        .refused(account(ADMIN), call.clone(), Error::NotAuthorised)
        .refused(account(80), call, Error::NotAuthorised);
}

#[test]
fn who_was_struck_off_changes_no_keys_and_who_is_suspended_does() {
    let mut chain = chain_with_doctor();
    let set = |chain: &mut Chain, status| {
        chain.prepare(|state| {
            let mut entry = crate::storage::Practitioners::get(state, &DOCTOR).unwrap();
            entry.status = status;
            crate::storage::Practitioners::insert(state, &DOCTOR, &entry);
        });
    };
    let call = keys_set(&[], &[], Some(kem_key(1)));
    set(&mut chain, PractitionerStatus::Suspended);
    chain.ok(account(DOCTOR_KEY), call.clone());
    set(&mut chain, PractitionerStatus::Struck);
    chain.refused(account(DOCTOR_KEY), call, Error::NotActive(Standing::PractitionerStruck));
}

#[test]
fn locked_keys_are_not_changed_until_the_lock_ends() {
    let mut chain = chain_with_patient();
    let subject = Subject::Patient(PATIENT);
    let (now, until) = (chain.now(), chain.now().plus(HOUR));
    let call = keys_set(&[], &[], Some(kem_key(1)));
    chain.prepare(|state| crate::lock_keys(state, subject, now, until));
    chain.refused(account(PATIENT_KEY), call.clone(), Error::BadState).ok(account(DOCTOR_KEY), call.clone());
    chain.advance(HOUR).ok(account(PATIENT_KEY), call.clone());
    chain.prepare(|state| crate::lock_keys(state, subject, now, Moment(u64::MAX)));
    chain.refused(account(PATIENT_KEY), call.clone(), Error::BadState);
    chain.prepare(|state| crate::unlock_keys(state, subject, now));
    chain.ok(account(PATIENT_KEY), call);
}

#[test]
fn a_call_that_changes_nothing_is_refused() {
    chain_with_patient().refused(account(PATIENT_KEY), keys_set(&[], &[], None), Error::BadState);
}

#[test]
fn nobody_drops_a_key_that_is_not_theirs() {
    let mut chain = chain_with_patient();
    add_lasting(&mut chain, PATIENT_KEY, &[71]);
    for drop in [&[DOCTOR_KEY][..], &[99], &[71, 71]] {
        chain.refused(account(PATIENT_KEY), keys_set(&[], drop, None), Error::UnknownKey);
    }
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[71], None)).refused(
        account(PATIENT_KEY),
        keys_set(&[], &[71], None),
        Error::UnknownKey,
    );
}

#[test]
fn new_keys_sign_along_are_strong_and_were_never_bound() {
    let mut chain = chain_with_patient();
    let call = keys_set(&[(71, None), (72, None)], &[], None);
    chain.refused(account(PATIENT_KEY), call.clone(), Error::BadCoSign);
    for signers in [&[71][..], &[71, 73]] {
        let call = cosigned(&chain, PATIENT_KEY, &call, signers);
        chain.refused(account(PATIENT_KEY), call, Error::BadCoSign);
    }
    let not_needed = cosigned(&chain, PATIENT_KEY, &keys_set(&[], &[], Some(kem_key(1))), &[71]);
    chain.refused(account(PATIENT_KEY), not_needed, Error::BadCoSign);

    let taken = cosigned(&chain, PATIENT_KEY, &keys_set(&[(DOCTOR_KEY, None)], &[], None), &[DOCTOR_KEY]);
    chain.refused(account(PATIENT_KEY), taken, Error::KeyTaken);
    let twice = cosigned(&chain, PATIENT_KEY, &keys_set(&[(71, None), (71, None)], &[], None), &[71, 72]);
    chain.refused(account(PATIENT_KEY), twice, Error::KeyTaken);

    let (weak, cosign) = weak_cosign();
    let mut call = keys_set(&[(71, None)], &[], None);
    if let Call::KeysSet { add, .. } = &mut call {
        *add = BoundedVec::try_from(vec![NewKey { account: weak, until: None }]).unwrap();
    }
    chain.refused(account(PATIENT_KEY), with_cosigns(&call, cosign), Error::WeakKey);
    chain.refused(account(PATIENT_KEY), keys_set(&[], &[], Some(WEAK_KEM)), Error::WeakKey);
}

#[test]
fn two_devices_join_in_one_call() {
    let mut chain = chain_with_patient();
    let call = cosigned(&chain, PATIENT_KEY, &keys_set(&[(71, None), (72, None)], &[], None), &[72, 71]);
    chain.ok(account(PATIENT_KEY), call);
    assert_eq!(live(&chain), [PATIENT_KEY, 71, 72].map(account));
}

#[test]
fn a_guarded_drop_waits_seventy_two_hours_and_an_unguarded_one_does_not() {
    let mut chain = chain_with_patient();
    add_lasting(&mut chain, PATIENT_KEY, &[71, 72]);
    let subject = Subject::Patient(PATIENT);
    let guarded = chain.now().plus(HOUR);
    chain.prepare(|state| crate::guard_keys(state, subject, Some(guarded)));
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[71], None)).advance(HOUR);
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[72], None));
    assert_eq!(live(&chain), [PATIENT_KEY, 71].map(account), "the guard is over, what waits goes on waiting");
    chain.advance(crate::DROP_DELAY - HOUR);
    assert_eq!(live(&chain), [account(PATIENT_KEY)]);
    chain.prepare(|state| crate::guard_keys(state, subject, None));
    assert!(!crate::keys_guarded(chain.state(), subject, chain.now()));
}

#[test]
fn a_lock_puts_off_a_drop_that_waits_and_lets_it_be_cancelled() {
    let mut chain = chain_with_patient();
    add_lasting(&mut chain, PATIENT_KEY, &[71, 72]);
    let (subject, start) = (Subject::Patient(PATIENT), chain.now());
    let ends = |chain: &Chain, seed| salus_system::storage::Account::get(chain.state(), &account(seed)).data.ended;
    let at = |moment: Moment| salus_system::Ended::At(moment);
    chain.prepare(|state| crate::guard_keys(state, subject, Some(Moment(u64::MAX))));
    chain.ok(account(PATIENT_KEY), keys_set(&[], &[71, 72], None));
    assert_eq!(ends(&chain, 71), at(start.plus(crate::DROP_DELAY)));

    chain.prepare(|state| crate::lock_keys(state, subject, start, start.plus(HOUR)));
    assert_eq!(ends(&chain, 71), at(start.plus(crate::DROP_DELAY)), "it comes after the lock as it is");
    let late = start.plus(2 * crate::DROP_DELAY);
    chain.prepare(|state| crate::lock_keys(state, subject, start, late));
    assert_eq!(ends(&chain, 71), at(late));
    chain.ok(account(71), keys_set(&[(71, None)], &[], None));
    assert_eq!((ends(&chain, 71), ends(&chain, 72)), (salus_system::Ended::No, at(late)));
    chain.refused(account(PATIENT_KEY), keys_set(&[(72, None)], &[], Some(kem_key(1))), Error::BadState);
    chain.prepare(|state| crate::unlock_keys(state, subject, start));
    assert_eq!(ends(&chain, 72), at(start.plus(crate::DROP_DELAY)));
}
