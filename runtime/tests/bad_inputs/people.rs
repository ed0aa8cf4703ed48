//! Keys, officers, licences, affiliations, invitations and registrations that may not be.

use salus_patients::{Call as PatientsCall, Error as PatientsError};
use salus_primitives::{
    AccountId, Hash, PatientId, PractitionerId,
    dispatch::InvalidTransaction,
    signed::{CoSigns, possession},
    subject::Roles,
    time::{DAY, YEAR},
};
use salus_registry::{
    Call, Error, KemKey, Standing,
    types::{NewKey, PeerId, PractitionerStatus, SUITE_X25519, Terms},
};
use salus_runtime::RuntimeCall;
use salus_support::table::RuntimeTable;
use salus_validators::types::peer_of;

use crate::world::*;

const WEAK: AccountId = AccountId([0; 32]);
const INVITATION: u8 = 230;
const PERSON: u8 = 231;
const NEW_PATIENT: PatientId = PatientId([40; 16]);

fn kem() -> KemKey {
    KemKey { suite: SUITE_X25519, key: [0x11; 32] }
}

/// The hospital has invited with the key of the seed `INVITATION`, for a day.
fn invited() -> World {
    let mut world = World::new();
    let until = world.now().plus(DAY);
    world.ok(REGISTRAR_KEY, PatientsCall::Invite { key: account(INVITATION), until, provisional: false });
    world
}

/// The registration of `id` by `by`, with the invitation's word for `account_named`.
fn registration(world: &World, id: PatientId, invite: u8, named: (u8, PatientId)) -> RuntimeCall {
    let word = key(invite).sign(&possession(&world.genesis, &account(named.0), &named.1));
    PatientsCall::Register { id, invite: account(invite), possession: word, kem: kem() }.into()
}

#[test]
fn a_registration_that_does_not_fit_its_invitation_stands_in_no_block() {
    let mut world = invited();
    let good = registration(&world, NEW_PATIENT, INVITATION, (PERSON, NEW_PATIENT));
    let RuntimeCall::Patients(PatientsCall::Register { possession: word, .. }) = good.clone() else { unreachable!() };
    let with_kem = |kem| PatientsCall::Register { id: NEW_PATIENT, invite: account(INVITATION), possession: word, kem };
    for call in [
        registration(&world, NEW_PATIENT, UNBOUND_KEY, (PERSON, NEW_PATIENT)),
        registration(&world, PATIENT, INVITATION, (PERSON, PATIENT)),
        registration(&world, NEW_PATIENT, INVITATION, (PERSON, NO_PATIENT)),
        registration(&world, NEW_PATIENT, INVITATION, (UNBOUND_KEY, NEW_PATIENT)),
        with_kem(KemKey { suite: 0, ..kem() }).into(),
        with_kem(KemKey { suite: u8::MAX, ..kem() }).into(),
        with_kem(KemKey { key: [0; 32], ..kem() }).into(),
    ] {
        world.invalid(&world.signed(PERSON, call), InvalidTransaction::Call);
    }
    // Whoever copies it registers nobody, and the invitation's own key, which the hospital knows, neither.
    world.invalid(&world.signed(UNBOUND_KEY, good.clone()), InvalidTransaction::Call);
    let own = registration(&world, NEW_PATIENT, INVITATION, (INVITATION, NEW_PATIENT));
    world.invalid(&world.signed(INVITATION, own), InvalidTransaction::Call);
    // Who is registered is refused in a block, at their own cost.
    world.refused(DOCTOR_KEY, good.clone(), PatientsError::KeyTaken);
    world.ok(PERSON, good);
}

#[test]
fn an_invitation_is_spent_once_and_ends() {
    let mut world = invited();
    let first = registration(&world, NEW_PATIENT, INVITATION, (PERSON, NEW_PATIENT));
    world.ok(PERSON, first.clone());
    world.refused(PERSON, first, PatientsError::InvitationSpent);
    let second = registration(&world, NO_PATIENT, INVITATION, (UNBOUND_KEY, NO_PATIENT));
    world.invalid(&world.signed(UNBOUND_KEY, second), InvalidTransaction::Call);

    let mut world = invited();
    let late = registration(&world, NEW_PATIENT, INVITATION, (PERSON, NEW_PATIENT));
    // A pool judges by the time of the newest block.
    world.advance(DAY).block(&[]);
    world.invalid(&world.signed(PERSON, late.clone()), InvalidTransaction::Call);
    world.refused(PATIENT_KEY, late, PatientsError::InvitationEnded);
}

#[test]
fn a_suspended_hospitals_invitation_registers_nobody() {
    let mut world = invited();
    let call = registration(&world, NEW_PATIENT, INVITATION, (PERSON, NEW_PATIENT));
    world.prepare(|state| {
        let mut hospital = salus_registry::storage::Organisations::get(state, &HOSPITAL).unwrap();
        hospital.status = salus_registry::types::OrganisationStatus::Suspended;
        salus_registry::storage::Organisations::insert(state, &HOSPITAL, &hospital);
    });
    world.invalid(&world.signed(PERSON, call.clone()), InvalidTransaction::Call);
    world.refused(PATIENT_KEY, call, PatientsError::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn an_invitation_is_a_good_key_that_nobody_has() {
    let mut world = invited();
    let until = world.now().plus(DAY / 2);
    let inviting = |key| PatientsCall::Invite { key, until, provisional: false };
    world.refused(REGISTRAR_KEY, inviting(WEAK), PatientsError::WeakKey);
    for seed in [INVITATION, DOCTOR_KEY, REGISTRAR_KEY] {
        world.refused(REGISTRAR_KEY, inviting(account(seed)), PatientsError::KeyTaken);
    }
}

#[test]
fn assurance_is_one_or_two_and_only_rises() {
    let mut world = World::new();
    let confirm = |assurance| PatientsCall::Confirm { patient: PATIENT, assurance };
    for assurance in [0, 3, u8::MAX] {
        world.refused(REGISTRAR_KEY, confirm(assurance), PatientsError::BadAssurance);
    }
    world.refused(REGISTRAR_KEY, confirm(1), PatientsError::BadState);
    world.refused(CLINIC_REGISTRAR_KEY, confirm(2), PatientsError::NotAuthorised);
}

#[test]
fn an_officer_has_a_role_that_exists_and_an_organisation_its_last_admin() {
    let mut world = World::new();
    let officer = |account, roles, cosign| Call::OfficerSet { account, roles, cosign };
    let (new, none) = (account(232), CoSigns::new());
    for roles in [Roles::NONE, Roles(1 << 5), Roles(Roles::ALL.0 | 1 << 7), Roles(u8::MAX)] {
        world.refused(ADMIN_KEY, officer(new, Some(roles), none.clone()), Error::BadRoles);
    }
    for (account, roles, error) in [
        (account(ADMIN_KEY), None, Error::LastAdmin),
        (account(ADMIN_KEY), Some(Roles::GATEWAY), Error::LastAdmin),
        (new, None, Error::UnknownKey),
        (account(DOCTOR_KEY), Some(Roles::GATEWAY), Error::KeyTaken),
        (account(CLINIC_GATEWAY_KEY), None, Error::KeyTaken),
        (WEAK, Some(Roles::GATEWAY), Error::WeakKey),
        (new, Some(Roles::GATEWAY), Error::BadCoSign),
    ] {
        world.refused(ADMIN_KEY, officer(account, roles, none.clone()), error);
    }
    let ended = world.signed(ADMIN_KEY, officer(account(GATEWAY_KEY), None, none.clone()));
    assert_eq!(world.block(&[ended]), [Ok(())]);
    world.refused(ADMIN_KEY, officer(account(GATEWAY_KEY), Some(Roles::GATEWAY), none), Error::KeyTaken);
    world.invalid(&world.signed(GATEWAY_KEY, salus_system::Call::Noop {}), InvalidTransaction::UnknownSigner);
}

#[test]
fn a_practitioner_has_a_key_and_goes_along_the_arrows_of_their_state() {
    use PractitionerStatus::{Active, Struck, Suspended};
    let mut world = World::new();
    let until = world.now().plus(YEAR);
    let entry = |id, account, status| Call::PractitionerSet {
        id,
        account,
        licence: Hash([1; 32]),
        licence_until: until,
        speciality: 1,
        status,
        cosign: CoSigns::new(),
    };
    let new = Some(account(232));
    for (id, account, status, error) in [
        (NO_PRACTITIONER, None, Active, Error::KeyMissing),
        (NO_PRACTITIONER, new, Suspended, Error::BadState),
        (NO_PRACTITIONER, new, Active, Error::BadCoSign),
        (NO_PRACTITIONER, Some(account(PATIENT_KEY)), Active, Error::KeyTaken),
        (NO_PRACTITIONER, Some(WEAK), Active, Error::WeakKey),
        (DOCTOR, None, Struck, Error::BadState),
        (SURGEON, None, Suspended, Error::NotAuthorised),
    ] {
        world.refused(REGISTRAR_KEY, entry(id, account, status), error);
    }
    world.ok(REGISTRAR_KEY, entry(DOCTOR, None, Suspended)).ok(REGISTRAR_KEY, entry(DOCTOR, None, Struck));
    for status in [Active, Suspended, Struck] {
        world.refused(REGISTRAR_KEY, entry(DOCTOR, None, status), Error::BadState);
    }
}

#[test]
fn an_affiliation_is_agreed_by_both_and_ends_once() {
    let mut world = World::new();
    let terms = |roles: &[u64]| Some(Terms { roles: list(roles.iter().copied()), until: GENESIS_TIME.plus(YEAR) });
    let set = |practitioner: PractitionerId, terms: Option<Terms>| {
        move |cosign| Call::AffiliationSet { practitioner, organisation: CLINIC, terms: terms.clone(), cosign }
    };
    let twice = world.cosigned(CLINIC_REGISTRAR_KEY, set(DOCTOR, terms(&[7, 8, 7])), &[DOCTOR_KEY]);
    world.refused(CLINIC_REGISTRAR_KEY, twice, Error::BadRoles);
    for signers in [&[][..], &[SURGEON_KEY], &[REGISTRAR_KEY], &[DOCTOR_KEY, SURGEON_KEY]] {
        let call = world.cosigned(CLINIC_REGISTRAR_KEY, set(DOCTOR, terms(&[7])), signers);
        world.refused(CLINIC_REGISTRAR_KEY, call, Error::BadCoSign);
    }
    // Signed for another submitter, or for another of their extrinsics.
    let stolen = world.cosigned(CLINIC_ADMIN_KEY, set(DOCTOR, terms(&[7])), &[DOCTOR_KEY]);
    world.refused(CLINIC_REGISTRAR_KEY, stolen, Error::BadCoSign);
    let old = world.cosigned(CLINIC_REGISTRAR_KEY, set(DOCTOR, terms(&[7])), &[DOCTOR_KEY]);
    world.ok(CLINIC_REGISTRAR_KEY, salus_system::Call::Noop {});
    world.refused(CLINIC_REGISTRAR_KEY, old, Error::BadCoSign);
    let ends = set(SURGEON, None)(CoSigns::new());
    world.ok(SURGEON_KEY, ends.clone()).refused(SURGEON_KEY, ends, Error::BadState);
}

#[test]
fn a_person_keeps_a_key_and_changes_only_their_own() {
    let mut world = World::new();
    let keys = |add: &[AccountId], drop: &[AccountId]| {
        let add = list(add.iter().map(|account| NewKey { account: *account, until: None }));
        let drop = list(drop.iter().copied());
        move |cosign| Call::KeysSet { add: add.clone(), drop: drop.clone(), kem: None, cosign }
    };
    let (own, new) = (account(DOCTOR_KEY), account(232));
    for (add, drop, signers, error) in [
        (&[][..], &[][..], &[][..], Error::BadState),
        (&[], &[own], &[], Error::LastKey),
        (&[], &[account(SURGEON_KEY)], &[], Error::UnknownKey),
        (&[], &[new], &[], Error::UnknownKey),
        (&[new], &[own, own], &[232], Error::UnknownKey),
        (&[account(PATIENT_KEY)], &[], &[PATIENT_KEY], Error::KeyTaken),
        (&[account(20)], &[], &[20], Error::KeyTaken),
        (&[WEAK], &[], &[], Error::WeakKey),
        (&[new], &[], &[], Error::BadCoSign),
        (&[new, new], &[], &[232], Error::BadCoSign),
    ] {
        let call = world.cosigned(DOCTOR_KEY, keys(add, drop), signers);
        world.refused(DOCTOR_KEY, call, error);
    }
    let weak_kem = Some(KemKey { key: [0; 32], ..kem() });
    let call = Call::KeysSet { add: list([]), drop: list([]), kem: weak_kem, cosign: CoSigns::new() };
    world.refused(DOCTOR_KEY, call, Error::WeakKey);
    let call = world.cosigned(ADMIN_KEY, keys(&[new], &[]), &[232]);
    world.refused(ADMIN_KEY, call, Error::NotAuthorised);
}

#[test]
fn an_organisations_entry_has_an_address_and_good_peers() {
    let mut world = World::new();
    let update = |url: &[u8], kem, peers: &[PeerId]| {
        let (url, peer_ids) = (list(url.iter().copied()), list(peers.iter().cloned()));
        Call::OrganisationUpdate { profile: Hash([1; 32]), url, kem, peer_ids }
    };
    let (good, short) = (peer_of(&account(232)), list([0x12, 0x20]));
    for (call, error) in [
        (update(b"https://a b", None, &[]), Error::BadText),
        (update("https://\u{e9}".as_bytes(), None, &[]), Error::BadText),
        (update(b"https://a\0", None, &[]), Error::BadText),
        (update(b"", None, &[good.clone(), good]), Error::BadPeers),
        (update(b"", None, &[short]), Error::BadPeers),
        (update(b"", None, &[peer_of(&WEAK)]), Error::WeakKey),
        (update(b"", None, &[peer_of(&account(DOCTOR_KEY))]), Error::KeyTaken),
        (update(b"", None, &[peer_of(&account(20))]), Error::KeyTaken),
        (update(b"", Some(KemKey { suite: 2, ..kem() }), &[]), Error::WeakKey),
    ] {
        world.refused(ADMIN_KEY, call, error);
    }
}

#[test]
fn nobody_redeems_nothing_or_more_than_was_earned() {
    let mut world = World::new();
    let redeem = |credits| salus_credits::Call::Redeem { credits };
    world.prepare(|state| salus_credits::storage::Balances::insert(state, &HOSPITAL, &u64::MAX));
    world.refused(ADMIN_KEY, redeem(0), salus_credits::Error::NoCredits);
    // The quota would be more than doubled, also where the weight of so many is beyond any number.
    for credits in [100_001, u64::MAX] {
        world.refused(ADMIN_KEY, redeem(credits), salus_credits::Error::TooMany);
    }
    world.refused(CLINIC_ADMIN_KEY, redeem(1), salus_credits::Error::Insufficient);
    world.refused(REGISTRAR_KEY, redeem(1), salus_credits::Error::NotAuthorised);
}

#[test]
fn a_quota_that_is_used_up_refuses_before_anything_is_executed() {
    let mut world = World::new();
    let noop: RuntimeCall = salus_system::Call::Noop {}.into();
    let now = world.now();
    let quota = salus_system::Parameters::default().patient_weight;
    let left = salus_runtime::Runtime::cost(&noop).weight - 1;
    let subject = salus_primitives::Subject::Patient(PATIENT);
    world.prepare(|state| salus_system::usage::charge(state, &subject, quota - left, now));
    world.invalid(&world.signed(PATIENT_KEY, noop), InvalidTransaction::ExhaustsResources);
}
