//! One call of each kind, as full as it may be, with the seed of a key that may make it.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use salus_access::{Answer, Evidence, Finding, RequestRef};
use salus_appointments::SlotRef;
use salus_consent::{
    Action, Actions, Grantee, Kind, Obligations, Purpose, RuleRef, Scope, Tag, Terms, Tier, Withdrawal,
    types::Attribute,
};
use salus_council::Act;
use salus_patients::types::{GuardianChange, GuardianTerms, Powers, RecoveryStep};
use salus_primitives::{
    Hash, Height, PatientId, Subject, Window,
    commit::VoteKind,
    crypto::Signature,
    evidence::{Evidence as Equivocation, SignedVote, Vote},
    runtime_api::RuntimeApi,
    signed::{CoSign, CoSigns, booking, custody_receipt, possession},
    subject::Roles,
    time::{DAY, HOUR, YEAR},
};
use salus_records::CustodyReceipt;
use salus_registry::{
    KemKey,
    types::{NewKey, PractitionerStatus, SUITE_X25519},
};
use salus_runtime::RuntimeCall;
use salus_system::Parameters;
use salus_validators::types::peer_of;

use crate::world::*;

/// Registers as a patient.
pub const PERSON: u8 = 231;
const INVITATION: u8 = 230;

/// A chain on which each of these calls is in place, and the calls.
pub fn samples() -> (World, Vec<(u8, RuntimeCall)>) {
    let mut world = World::new();
    let until = world.now().plus(DAY);
    let invite = salus_patients::Call::Invite { key: account(INVITATION), until, provisional: false };
    world.ok(REGISTRAR_KEY, invite);
    let terms = full_terms(&world);
    let parent = world.grant(Terms { actions: Actions::of(&[Action::View, Action::Share]), ..world.permit() });
    let receipt = world.open(&[1, 2]);
    let hours = |number: u64| {
        let from = GENESIS_TIME.plus(DAY + number * HOUR);
        Window { from, until: from.plus(HOUR) }
    };
    world.ok(
        DOCTOR_KEY,
        salus_appointments::Call::Publish { practitioner: DOCTOR, organisation: HOSPITAL, hours: list([hours(0)]) },
    );
    world.prepare(|state| salus_credits::storage::Balances::insert(state, &HOSPITAL, &5));
    let mut calls = of_people(&world);
    calls.extend(of_records(&world));
    calls.extend(of_access(&world, &terms, receipt));
    let slot = SlotRef { practitioner: DOCTOR, from: hours(0).from };
    let sealed = Hash([4; 32]);
    let booked = booking(&world.genesis, &DOCTOR, &HOSPITAL, &hours(0), &sealed);
    let to = salus_appointments::Change::Cancel;
    let more: [(u8, RuntimeCall); 9] = [
        (PATIENT_KEY, salus_system::Call::Noop {}.into()),
        (PATIENT_KEY, salus_validators::Call::ReportEquivocation { evidence: equivocation(&world) }.into()),
        (
            PATIENT_KEY,
            salus_consent::Call::Grant { patient: PATIENT, terms: terms.clone(), replaces: Some(parent) }.into(),
        ),
        (
            PATIENT_KEY,
            salus_consent::Call::Revoke { patient: PATIENT, what: Withdrawal::Pages(list([parent.grantee])) }.into(),
        ),
        (SURGEON_KEY, delegation(&world, parent).into()),
        (
            DOCTOR_KEY,
            salus_appointments::Call::Publish {
                practitioner: DOCTOR,
                organisation: HOSPITAL,
                hours: list([hours(1), hours(2)]),
            }
            .into(),
        ),
        (
            GATEWAY_KEY,
            salus_appointments::Call::Book { slot, key: account(210), signature: key(210).sign(&booked), sealed }
                .into(),
        ),
        (DOCTOR_KEY, salus_appointments::Call::Set { slot, to }.into()),
        (ADMIN_KEY, salus_credits::Call::Redeem { credits: 2 }.into()),
    ];
    calls.extend(more);
    (world, calls)
}

fn delegation(world: &World, parent: RuleRef) -> salus_consent::Call {
    let terms = Terms { grantee: Grantee::Organisation(CLINIC), ..world.permit() };
    let window = Window { from: world.now(), until: world.now().plus(DAY) };
    salus_consent::Call::Delegate { patient: PATIENT, parent, terms: Terms { window, ..terms } }
}

/// A rule that says something of everything.
fn full_terms(world: &World) -> Terms {
    let tags = |first: u8| list((first..first + 2).map(|byte| Tag([byte; 8])));
    let attribute = Attribute { organisation: CLINIC, speciality: Some(1), role: Some(2) };
    Terms {
        grantee: Grantee::Attribute(attribute),
        scope: Scope {
            records: Some(list([record_id(1), record_id(2)])),
            any_of: tags(1),
            none_of: tags(5),
            ..world.permit().scope
        },
        max_uses: Some(3),
        obligations: Obligations { no_redisclose: true, erase_by: Some(world.now().plus(2 * YEAR)), local_only: true },
        ..world.permit()
    }
}

fn equivocation(world: &World) -> Equivocation {
    let vote = |value| {
        let vote = Vote { height: Height(1), round: 0, kind: VoteKind::Precommit, value, authority: account(20) };
        SignedVote { vote, signature: key(20).sign(&vote.bytes(&world.genesis)) }
    };
    Equivocation::Votes(vote(None), vote(Some(Hash([1; 32]))))
}

fn of_people(world: &World) -> Vec<(u8, RuntimeCall)> {
    use salus_patients::Call as Patients;
    use salus_registry::Call as Registry;
    let (now, until) = (world.now(), world.now().plus(YEAR));
    let kem = KemKey { suite: SUITE_X25519, key: [0x11; 32] };
    let id = PatientId([40; 16]);
    let word = key(INVITATION).sign(&possession(&world.genesis, &account(PERSON), &id));
    let new_key = NewKey { account: account(200), until: Some(now.plus(HOUR)) };
    let guardians = GuardianTerms {
        guardians: list([ANNA, BEN]),
        threshold: 2,
        powers: Powers::ALL,
        excluded: list([Tag([1; 8])]),
        until,
    };
    let propose =
        |cosign| salus_council::Call::Propose { act: Act::ParametersSet { parameters: Parameters::default() }, cosign };
    let officer = |cosign| Registry::OfficerSet { account: account(200), roles: Some(Roles::GATEWAY), cosign };
    let practitioner = |cosign| Registry::PractitionerSet {
        id: NO_PRACTITIONER,
        account: Some(account(200)),
        licence: Hash([1; 32]),
        licence_until: until,
        speciality: 1,
        status: PractitionerStatus::Active,
        cosign,
    };
    let terms = salus_registry::types::Terms { roles: list([1, 2]), until };
    let affiliation = |cosign| Registry::AffiliationSet {
        practitioner: DOCTOR,
        organisation: CLINIC,
        terms: Some(terms.clone()),
        cosign,
    };
    let keys = |cosign| Registry::KeysSet { add: list([new_key]), drop: list([]), kem: Some(kem), cosign };
    let recover =
        |cosign| Patients::Recover { patient: PATIENT, step: RecoveryStep::Propose(list([account(200)])), cosign };
    let dead = |cosign| Patients::StatusSet { patient: PATIENT, to: salus_patients::Change::Deceased, cosign };
    let guard =
        Patients::GuardiansSet { patient: PATIENT, change: GuardianChange::Set(guardians), cosign: CoSigns::new() };
    let update = Registry::OrganisationUpdate {
        profile: Hash([1; 32]),
        url: list(*b"https://a"),
        kem: Some(kem),
        peer_ids: list([peer_of(&account(200))]),
    };
    vec![
        (COUNCIL[0], propose(CoSigns::new()).into()),
        (COUNCIL[1], salus_council::Call::Vote { motion: 0, aye: true }.into()),
        (ADMIN_KEY, update.into()),
        (ADMIN_KEY, world.cosigned(ADMIN_KEY, officer, &[200])),
        (REGISTRAR_KEY, world.cosigned(REGISTRAR_KEY, practitioner, &[200])),
        (CLINIC_REGISTRAR_KEY, world.cosigned(CLINIC_REGISTRAR_KEY, affiliation, &[DOCTOR_KEY])),
        (PATIENT_KEY, world.cosigned(PATIENT_KEY, keys, &[200])),
        (REGISTRAR_KEY, Patients::Invite { key: account(200), until: now.plus(DAY), provisional: true }.into()),
        (PERSON, Patients::Register { id, invite: account(INVITATION), possession: word, kem }.into()),
        (REGISTRAR_KEY, Patients::Confirm { patient: PATIENT, assurance: 2 }.into()),
        (PATIENT_KEY, guard.into()),
        (REGISTRAR_KEY, world.cosigned(REGISTRAR_KEY, recover, &[200, CLINIC_REGISTRAR_KEY])),
        (REGISTRAR_KEY, world.cosigned(REGISTRAR_KEY, dead, &[CLINIC_REGISTRAR_KEY])),
    ]
}

fn of_records(world: &World) -> Vec<(u8, RuntimeCall)> {
    use salus_records::{Call, Change};
    let (id, digest, author) = (record_id(9), Hash([9; 32]), Subject::Patient(PATIENT));
    let stored = custody_receipt(&world.genesis, &PATIENT, &id, &digest, 4_096, &author);
    let receipts = [GATEWAY_KEY, CLINIC_GATEWAY_KEY]
        .map(|seed| CustodyReceipt { account: account(seed), signature: key(seed).sign(&stored) });
    let put = Call::Put {
        patient: PATIENT,
        organisation: HOSPITAL,
        id,
        prev: None,
        kind: Kind::Lab,
        tags: list([Tag([1; 8]), Tag([2; 8])]),
        labelled: true,
        restricted: true,
        digest,
        size: 4_096,
        custodian: HOSPITAL,
        second: Some(CLINIC),
        receipts: list(receipts),
    };
    let relabel = Call::Relabel {
        patient: PATIENT,
        id: record_id(1),
        tags: list([Tag([1; 8])]),
        labelled: true,
        restricted: true,
    };
    let records = [1, 2].map(|byte| (PATIENT, record_id(byte)));
    let hand_over = |cosign| Call::CustodySet { records: list(records), organisation: CLINIC, cosign };
    vec![
        (PATIENT_KEY, put.into()),
        (PRIVACY_KEY, Call::StatusSet { patient: PATIENT, id: record_id(1), to: Change::Hold, basis: 1 }.into()),
        (PATIENT_KEY, relabel.into()),
        (GATEWAY_KEY, Call::ShredAttest { patient: PATIENT, id: record_id(1), key_epoch: 1 }.into()),
        (PRIVACY_KEY, world.cosigned(PRIVACY_KEY, hand_over, &[CLINIC_GATEWAY_KEY])),
    ]
}

fn of_access(world: &World, terms: &Terms, receipt: u32) -> Vec<(u8, RuntimeCall)> {
    use salus_access::Call;
    let Terms { scope, purposes, actions, window, .. } = terms.clone();
    let records = || list([record_id(1), record_id(2)]);
    let sign = |seed| CoSign { account: account(seed), signature: Signature([1; 64]) };
    let late = Evidence {
        practitioner: SURGEON,
        happened: world.now(),
        opener: sign(SURGEON_KEY),
        officer: sign(CLINIC_PRIVACY_KEY),
    };
    let emergency = |late| Call::EmergencyOpen {
        patient: PATIENT,
        organisation: CLINIC,
        tier: Tier::Full,
        records: records(),
        reason: 1,
        note: Hash([1; 32]),
        late,
        cosign: CoSigns::new(),
    };
    let respond = Call::Respond {
        patient: PATIENT,
        request: RequestRef { requester: SURGEON, number: 0 },
        answer: Answer::Approve(terms.clone()),
    };
    let open = Call::Open { patient: PATIENT, organisation: CLINIC, purpose: Purpose::Treatment, records: records() };
    vec![
        (
            SURGEON_KEY,
            Call::Request {
                patient: PATIENT,
                organisation: CLINIC,
                scope,
                purposes,
                actions,
                window,
                note: Hash([1; 32]),
            }
            .into(),
        ),
        (PATIENT_KEY, respond.into()),
        (SURGEON_KEY, open.into()),
        (GATEWAY_KEY, Call::Serve { patient: PATIENT, receipt, entries: 0b11, digest: Hash([5; 32]) }.into()),
        (SURGEON_KEY, emergency(None).into()),
        (SURGEON_KEY, emergency(Some(late)).into()),
        (
            REVIEWER_KEY,
            Call::Review { patient: PATIENT, receipt, finding: Finding::Justified, note: Hash([1; 32]) }.into(),
        ),
        (PATIENT_KEY, Call::Dispute { patient: PATIENT, receipt, note: Hash([1; 32]) }.into()),
    ]
}

/// Index and name of each call that metadata tells of, as (pallet, call).
pub fn calls(world: &World) -> Vec<(u8, u8, String)> {
    let bytes = world.runtime.metadata(14).expect("format 14");
    let metadata = RuntimeMetadataPrefixed::decode(&mut &bytes[..]).expect("metadata of ours").1;
    let RuntimeMetadata::V14(metadata) = metadata else { panic!("format 14") };
    let mut found = Vec::new();
    for pallet in &metadata.pallets {
        let Some(calls) = &pallet.calls else { continue };
        let ty = metadata.types.resolve(calls.ty.id).expect("a type of the registry");
        let scale_info::TypeDef::Variant(variants) = &ty.type_def else { panic!("calls are an enum") };
        let of_pallet = variants.variants.iter().map(|call| (pallet.index, call.index, call.name.clone()));
        found.extend(of_pallet);
    }
    found
}

#[test]
fn each_call_there_is_has_a_sample() {
    let (world, samples) = samples();
    let sampled: Vec<(u8, u8)> = samples.iter().map(|(_, call)| (call.encode()[0], call.encode()[1])).collect();
    for (pallet, call, name) in calls(&world) {
        assert!(sampled.contains(&(pallet, call)), "no sample of {name} ({pallet}, {call}): add one here");
    }
}

#[test]
fn most_samples_take_effect_as_they_are() {
    let (mut world, samples) = samples();
    let count = samples.len();
    let (state, tip) = (world.state.clone(), world.tip.clone());
    let mut effective = 0;
    for (by, call) in samples.into_iter().filter(|(_, call)| !matches!(call, RuntimeCall::Validators(_))) {
        effective += usize::from(world.submit(by, call.encode()).is_ok());
        (world.state, world.tip) = (state.clone(), tip.clone());
    }
    // Not so: the report, which nobody signs; a vote, an answer, an attestation and a review of nothing; made-up evidence.
    assert_eq!(effective, count - 6);
}
