//! What is kept: free text and demographic facts in public state, entries that are overwritten, logs that are edited,
//! erasure that nobody can verify.

use std::collections::BTreeSet;

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v14::StorageEntryType};
use parity_scale_codec::{Decode, Encode};
use salus_access::{Fact, storage::Logs};
use salus_consent::{Action, Actions, Kind, Purpose, Question, Reason, Terms, Verdict, storage::Rules, traced};
use salus_primitives::{
    Hash, Subject, crypto::sha256, patient_log::LogHead, runtime_api::RuntimeApi, signed::custody_receipt,
};
use salus_records::{
    Call, Change, CustodyReceipt, Error, RecordStatus,
    storage::{Erasures, Records},
};
use salus_runtime::RuntimeEvent;
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive, form::PortableForm};

use crate::world::*;

/// Does a value of this type hold text: characters, or bytes of any length?
fn holds_text(types: &PortableRegistry, ty: u32, seen: &mut BTreeSet<u32>) -> bool {
    if !seen.insert(ty) {
        return false;
    }
    let is_byte =
        |id: u32| matches!(types.resolve(id).map(|ty| &ty.type_def), Some(TypeDef::Primitive(TypeDefPrimitive::U8)));
    let ty: &scale_info::Type<PortableForm> = types.resolve(ty).expect("a type of the registry");
    let parts: Vec<u32> = match &ty.type_def {
        TypeDef::Composite(composite) => composite.fields.iter().map(|field| field.ty.id).collect(),
        TypeDef::Variant(variants) => {
            variants.variants.iter().flat_map(|variant| variant.fields.iter().map(|field| field.ty.id)).collect()
        }
        TypeDef::Tuple(tuple) => tuple.fields.iter().map(|field| field.id).collect(),
        TypeDef::Array(array) => vec![array.type_param.id],
        TypeDef::Sequence(sequence) if is_byte(sequence.type_param.id) => return true,
        TypeDef::Sequence(sequence) => vec![sequence.type_param.id],
        TypeDef::Compact(compact) => vec![compact.type_param.id],
        TypeDef::Primitive(primitive) => {
            return matches!(primitive, TypeDefPrimitive::Str | TypeDefPrimitive::Char);
        }
        TypeDef::BitSequence(_) => return true,
    };
    parts.into_iter().any(|part| holds_text(types, part, seen))
}

/// MedRecChain: names, national ids, telephone numbers and blood types stood in public state. A Fabric record system:
/// diagnoses and password hashes did. DeBio: titles and descriptions of any length did.
#[test]
fn state_has_room_for_no_text_but_an_organisations_name_and_address_and_what_nodes_are_called() {
    let world = World::new();
    let bytes = world.runtime.metadata(14).unwrap();
    let RuntimeMetadata::V14(metadata) = RuntimeMetadataPrefixed::decode(&mut &bytes[..]).unwrap().1 else {
        panic!("format 14")
    };
    let mut found = Vec::new();
    for pallet in &metadata.pallets {
        for entry in pallet.storage.iter().flat_map(|storage| &storage.entries) {
            let types = match &entry.ty {
                StorageEntryType::Plain(value) => vec![value.id],
                StorageEntryType::Map { key, value, .. } => vec![key.id, value.id],
            };
            let mut seen = BTreeSet::new();
            if types.into_iter().any(|ty| holds_text(&metadata.types, ty, &mut seen)) {
                found.push(format!("{}.{}", pallet.name, entry.name));
            }
        }
    }
    // The header's digest, and events, among which are acts of the council: they name organisations and peers.
    let expected =
        ["System.Digest", "System.Events", "Validators.Entries", "Council.Motions", "Registry.Organisations"];
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), expected.map(str::to_owned).iter().collect());
}

/// MedRec: when a permission began and how long it lasted stood in the provider's own database.
#[test]
fn how_long_a_grant_lasts_stands_in_state_where_the_decision_reads_it() {
    let mut world = World::new();
    let terms = world.permit();
    let rule = world.grant(terms.clone());
    let page = Rules::get(&world.state, &(PATIENT, rule.grantee)).unwrap();
    assert_eq!(page[0].terms.window, terms.window);
    let (action, purpose, at) = (Action::View, Purpose::Treatment, world.now());
    let question = Question { patient: PATIENT, actor: SURGEON, organisation: CLINIC, action, purpose, at };
    let judged = |question: &Question| traced(&world.state, |state| salus_access::judge(state, question, record_id(1)));
    let (verdict, read) = judged(&question);
    assert!(verdict.is_permit() && read.contains(&Rules::key(&(PATIENT, rule.grantee))));
    let over = Question { at: terms.window.until, ..question };
    assert_eq!(judged(&over).0, Verdict::Denied(Reason::NoConsent.into()));
}

/// The surgeon's filing of record `byte` for the clinic.
fn put(world: &World, byte: u8, prev: Option<u8>) -> Call {
    let (id, digest, size, author) = (record_id(byte), Hash([byte; 32]), 4_096, Subject::Practitioner(SURGEON));
    let message = custody_receipt(&world.genesis, &PATIENT, &id, &digest, size, &author);
    let gateway = key(CLINIC_GATEWAY_KEY);
    Call::Put {
        patient: PATIENT,
        organisation: CLINIC,
        id,
        prev: prev.map(record_id),
        kind: Kind::Lab,
        tags: list([]),
        labelled: true,
        restricted: false,
        digest,
        size,
        custodian: CLINIC,
        second: None,
        receipts: list([CustodyReceipt { account: gateway.public(), signature: gateway.sign(&message) }]),
    }
}

/// DeBio: an entry was overwritten by the next one, and what had been there was gone.
#[test]
fn an_amendment_leaves_what_it_amends_as_it_was() {
    let mut world = World::new();
    let actions = Actions::of(&[Action::View, Action::Add, Action::Amend]);
    let terms = Terms { actions, ..world.permit() };
    world.grant(terms);
    let before = Records::get(&world.state, &(PATIENT, record_id(1))).unwrap();
    let overwriting = put(&world, 1, None);
    world.refused(SURGEON_KEY, overwriting, Error::IdTaken);
    let amending = put(&world, 9, Some(1));
    world.ok(SURGEON_KEY, amending);
    let after = Records::get(&world.state, &(PATIENT, record_id(1))).unwrap();
    assert_eq!(after, salus_records::Record { status: RecordStatus::Superseded, ..before });
    let newest = Records::get(&world.state, &(PATIENT, record_id(9))).unwrap();
    assert_eq!((newest.prev, newest.version), (Some(record_id(1)), after.version + 1));
}

/// DeBio: what was removed was removed from state and stayed in the history. Hyperledger Fabric (fabric #3844,
/// fabric-rfcs #46): whether a purge had taken place nobody could verify.
#[test]
fn an_erasure_is_open_until_each_custodian_attested_it_and_then_complete() {
    let mut world = World::new();
    let terms = world.permit();
    world.grant(terms);
    world.file(1, |record| record.second = Some(CLINIC));
    let status = |to, basis| Call::StatusSet { patient: PATIENT, id: record_id(1), to, basis };
    world.ok(PATIENT_KEY, status(Change::RequestErase, 0)).ok(PRIVACY_KEY, status(Change::Erase, 1));
    let receipt = world.open(&[1]);
    assert_eq!(world.receipt(receipt).entries[0].verdict, Verdict::Denied(Reason::Erased.into()));

    let attest = Call::ShredAttest { patient: PATIENT, id: record_id(1), key_epoch: 1 };
    let complete = |world: &World| {
        let is =
            |event: &RuntimeEvent| matches!(event, RuntimeEvent::Records(salus_records::Event::ErasureComplete { .. }));
        events(&world.state).iter().any(|record| is(&record.event))
    };
    world.ok(GATEWAY_KEY, attest.clone());
    assert!(!complete(&world) && Erasures::contains(&world.state, &(PATIENT, record_id(1))), "one is still owed");
    world.refused(GATEWAY_KEY, attest.clone(), Error::NoDuty);
    world.ok(CLINIC_GATEWAY_KEY, attest);
    assert!(complete(&world) && !Erasures::contains(&world.state, &(PATIENT, record_id(1))));
    // What is left names nobody and opens nothing: an id, and digests of bytes that nobody can read.
    assert_eq!(Records::get(&world.state, &(PATIENT, record_id(1))).unwrap().status, RecordStatus::Erased);
}

/// yourphr #563, dibbs-ecr-viewer #914 and #962: people ask who looked, in a log that is complete and that nobody can
/// edit.
#[test]
fn the_log_in_state_fits_all_facts_and_no_fewer() {
    let mut world = World::new();
    world.open(&[2]);
    let terms = world.permit();
    world.grant(terms);
    world.open(&[1]);
    world.open(&[1, 3]);
    let facts: Vec<Vec<u8>> = (0..3)
        .map(|index| {
            let receipt = world.receipt(index);
            let fact = if receipt.permitted() == 0 { Fact::Denied(receipt) } else { Fact::Opened(receipt) };
            fact.encode()
        })
        .collect();
    let log = |facts: &[&Vec<u8>]| {
        let mut log = LogHead::default();
        facts.iter().for_each(|fact| log.push(&world.genesis, &PATIENT, fact));
        log
    };
    let all: Vec<&Vec<u8>> = facts.iter().collect();
    let state = Logs::get(&world.state, &PATIENT);
    assert_eq!(log(&all), state);
    for left_out in 0..3 {
        let mut fewer = all.clone();
        fewer.remove(left_out);
        assert_ne!(log(&fewer), state);
    }
    let mut edited = facts.clone();
    *edited[0].last_mut().unwrap() ^= 1;
    assert_ne!(log(&edited.iter().collect::<Vec<_>>()).head, state.head);
}

/// A Fabric record system: a hash of the password, without salt, stood on the ledger for all to guess at.
#[test]
fn what_state_knows_of_a_person_is_a_public_key_and_whom_it_speaks_for() {
    let world = World::new();
    let info = salus_system::storage::Account::get(&world.state, &account(PATIENT_KEY));
    // Nonce, three unused numbers, subject, roles, no end, not dropped: nothing that is derived from a secret.
    let known = (0u32, 0u32, 0u32, 0u32, Some(Subject::Patient(PATIENT)), 0u8, None::<u64>, 0u8).encode();
    assert_eq!(info.encode(), known);
    let secret = [PATIENT_KEY; 32];
    for digest in [sha256(&secret).0, salus_primitives::crypto::blake2_256(&secret).0, secret] {
        let stands = |bytes: &[u8]| bytes.windows(32).any(|window| window == digest);
        assert!(!world.state.iter().any(|(key, value)| stands(key) || stands(value)));
    }
}
