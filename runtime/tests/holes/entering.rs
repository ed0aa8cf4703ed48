//! Who gets in: replayed logins, calls nobody signed, codes to guess, roles that are none, administrators who read.

use parity_scale_codec::{Decode, Encode};
use salus_access::{Error as AccessError, Finding};
use salus_consent::{Kind, Tier};
use salus_council::{Act, Call as CouncilCall};
use salus_patients::types::{GuardianChange, GuardianTerms, Powers};
use salus_primitives::{
    Hash, PatientId, RawExtrinsic,
    crypto::Signature,
    dispatch::InvalidTransaction,
    signed::CoSigns,
    time::{DAY, MINUTE, SECOND, YEAR},
};
use salus_records::Change;
use salus_registry::{KemKey, types::SUITE_X25519};
use salus_runtime::{RuntimeCall, RuntimeError};

use crate::world::*;

/// MedRec: what a patient had signed to log in could be sent again for ten seconds, and a provider's for ten minutes.
#[test]
fn what_was_signed_once_lets_nobody_in_again() {
    let mut world = World::new();
    let raw = world.signed(PATIENT_KEY, salus_system::Call::Noop {});
    assert_eq!(world.block(std::slice::from_ref(&raw)), [Ok(())]);
    for later in [1, 10 * SECOND - 1, 10 * MINUTE, DAY] {
        world.invalid(&raw, InvalidTransaction::Stale);
        world.advance(later).block(&[]);
    }
}

/// MedRec: the service that answered requests asked nobody who they were.
#[test]
fn no_call_is_made_that_nobody_signed_or_another_did() {
    let world = World::new();
    let terms = GuardianTerms {
        guardians: list([ANNA]),
        threshold: 1,
        powers: Powers::ALL,
        excluded: list([]),
        until: world.now().plus(YEAR),
    };
    let change = GuardianChange::Set(terms);
    let calls: [RuntimeCall; 3] = [
        salus_patients::Call::GuardiansSet { patient: PATIENT, change, cosign: CoSigns::new() }.into(),
        salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None }.into(),
        salus_access::Call::Dispute { patient: PATIENT, receipt: 0, note: Hash::ZERO }.into(),
    ];
    for call in calls {
        let bare = RawExtrinsic([&[0x04][..], &call.encode()].concat());
        world.invalid(&bare, InvalidTransaction::BadProof);
        // Anna signs, and writes the patient's name over hers.
        let mut stolen = world.signed(ANNA_KEY, call.clone());
        stolen.0[2..34].copy_from_slice(&account(PATIENT_KEY).0);
        world.invalid(&stolen, InvalidTransaction::BadProof);
        world.invalid(&world.signed(UNBOUND_KEY, call), InvalidTransaction::UnknownSigner);
    }
}

/// Medblock: whoever knew a code of six digits had the patient's consent.
#[test]
fn a_code_of_six_digits_stands_for_nobodys_signature() {
    let mut world = World::new();
    let (invitation, person, until) = (key(230), 231, world.now().plus(DAY));
    world.ok(REGISTRAR_KEY, salus_patients::Call::Invite { key: invitation.public(), until, provisional: false });
    let grant = world
        .signed(PATIENT_KEY, salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None });
    for code in (0..1_000_000).step_by(9_973) {
        let mut guess = [0; 64];
        guess[..6].copy_from_slice(format!("{code:06}").as_bytes());
        let register = salus_patients::Call::Register {
            id: PatientId([40; 16]),
            invite: invitation.public(),
            possession: Signature(guess),
            kem: KemKey { suite: SUITE_X25519, key: [0x11; 32] },
        };
        world.invalid(&world.signed(person, register), InvalidTransaction::Call);
        let mut guessed = grant.clone();
        // After version, address form, account and scheme.
        guessed.0[35..99].copy_from_slice(&guess);
        world.invalid(&guessed, InvalidTransaction::BadProof);
    }
}

/// MedRecChain: the administrator's address stood in the program, for ever.
#[test]
fn the_council_that_a_chain_began_with_is_replaced_by_its_own_motion() {
    let mut world = World::new();
    let act = Act::CouncilSet { members: list([account(220)]), threshold: 1 };
    world.ok(COUNCIL[0], CouncilCall::Propose { act, cosign: CoSigns::new() });
    world.ok(COUNCIL[1], CouncilCall::Vote { motion: 0, aye: true });
    for seed in COUNCIL {
        world.invalid(&world.signed(seed, salus_system::Call::Noop {}), InvalidTransaction::UnknownSigner);
    }
    let act = Act::ParametersSet { parameters: salus_system::Parameters::default() };
    world.ok(220, CouncilCall::Propose { act, cosign: CoSigns::new() });
}

/// OpenEMR: who could administer, or had the account for emergencies, could read everything.
#[test]
fn nobody_who_administers_opens_a_record() {
    let mut world = World::new();
    world.file(3, |record| record.kind = Kind::Summary);
    let emergency = |tier| salus_access::Call::EmergencyOpen {
        patient: PATIENT,
        organisation: HOSPITAL,
        tier,
        records: list([record_id(3)]),
        reason: 1,
        note: Hash::ZERO,
        late: None,
        cosign: CoSigns::new(),
    };
    for by in [ADMIN_KEY, REGISTRAR_KEY, PRIVACY_KEY, REVIEWER_KEY, GATEWAY_KEY, COUNCIL[0]] {
        world.refused(by, opening(&[1]), AccessError::NotAuthorised);
        world.refused(by, emergency(Tier::Summary), AccessError::NotAuthorised);
        world.refused(by, emergency(Tier::Full), AccessError::NotAuthorised);
    }
}

/// shamil-t: the chain knew administrators and doctors, and no other role.
#[test]
fn each_officer_does_what_their_role_says_and_nothing_of_another_role() {
    let mut world = World::new();
    let terms = world.permit();
    world.grant(terms);
    let receipt = world.open(&[1]);
    let update = salus_registry::Call::OrganisationUpdate {
        profile: Hash([1; 32]),
        url: list([]),
        kem: None,
        peer_ids: list([]),
    };
    let invite = salus_patients::Call::Invite { key: account(230), until: world.now().plus(DAY), provisional: false };
    let hold = salus_records::Call::StatusSet { patient: PATIENT, id: record_id(1), to: Change::Hold, basis: 0 };
    let serve = salus_access::Call::Serve { patient: PATIENT, receipt, entries: 1, digest: Hash::ZERO };
    let review =
        salus_access::Call::Review { patient: PATIENT, receipt, finding: Finding::Justified, note: Hash::ZERO };
    world.ok(PATIENT_KEY, salus_access::Call::Dispute { patient: PATIENT, receipt, note: Hash::ZERO });
    let tasks: [(u8, RuntimeCall, RuntimeError); 5] = [
        (ADMIN_KEY, update.into(), salus_registry::Error::NotAuthorised.into()),
        (REGISTRAR_KEY, invite.into(), salus_patients::Error::NotAuthorised.into()),
        (PRIVACY_KEY, hold.into(), salus_records::Error::NotAuthorised.into()),
        (REVIEWER_KEY, review.into(), AccessError::NotAuthorised.into()),
        (GATEWAY_KEY, serve.into(), AccessError::NotAuthorised.into()),
    ];
    for (own, call, error) in tasks.clone() {
        for (other, ..) in tasks.iter().filter(|(other, ..)| *other != own) {
            world.refused(*other, call.clone(), error);
        }
        world.ok(own, call);
    }
}

/// MedRec, and any system whose users bring their own clock: how long something lasted was the caller's to say.
#[test]
fn what_time_it_is_the_block_says_and_no_call_does() {
    let mut world = World::new();
    let terms = world.permit();
    world.grant(terms);
    let at = world.now();
    let receipt = world.open(&[1]);
    assert_eq!((world.receipt(receipt).at, world.receipt(receipt).height), (at, world.tip.number));
    // The opening itself has no field in which a time could stand.
    let bytes = RuntimeCall::from(opening(&[1])).encode();
    assert_eq!(bytes.len(), 2 + 16 + 16 + 1 + 1 + 16);
    assert!(RuntimeCall::decode(&mut &bytes[..]).is_ok());
}
