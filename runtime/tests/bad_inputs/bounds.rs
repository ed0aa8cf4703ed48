//! Lists that are as long as they may be, and one item longer: the first is a call, the second is none.

use parity_scale_codec::{Compact, Decode, Encode};
use salus_consent::{Effect, Grantee, RuleRef, Tag, types::GranteeKey};
use salus_primitives::{Hash, OrganisationId, Window, crypto::Signature, dispatch::InvalidTransaction};
use salus_records::CustodyReceipt;
use salus_registry::types::NewKey;
use salus_runtime::RuntimeCall;
use salus_validators::types::{NewValidator, peer_of};

use crate::world::*;

/// The SCALE bytes of a list of so many times `item`, whatever the bound.
fn many(count: u32, item: impl Encode) -> Vec<u8> {
    let mut bytes = Compact(count).encode();
    (0..count).for_each(|_| item.encode_to(&mut bytes));
    bytes
}

/// A call's bytes: the indexes of pallet and call, then its fields.
fn call(pallet: u8, index: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    [&[pallet, index][..], &fields.concat()].concat()
}

/// No items.
fn none() -> Vec<u8> {
    many(0, 0u8)
}

/// A scope of all kinds with so many records and tags.
fn scope(records: u32, any_of: u32, none_of: u32) -> Vec<u8> {
    let records = [vec![1], many(records, record_id(1))].concat();
    [511u16.encode(), records, many(any_of, Tag([1; 8])), many(none_of, Tag([2; 8]))].concat()
}

/// A grant of such a scope to the clinic.
fn grant(scope: Vec<u8>) -> Vec<u8> {
    let (effect, grantee) = (Effect::Permit.encode(), Grantee::Organisation(CLINIC).encode());
    // Purposes, actions, window, no limit, no obligations; replaces none.
    let rest = (1u16, 1u8, Window::default(), None::<u32>, (false, None::<u64>, false), None::<u8>).encode();
    call(7, 0, &[PATIENT.encode(), effect, grantee, scope, rest])
}

fn request(scope: Vec<u8>) -> Vec<u8> {
    let rest = (1u16, 1u8, Window::default(), Hash::ZERO).encode();
    call(8, 0, &[(PATIENT, CLINIC).encode(), scope, rest])
}

fn put(tags: u32, receipts: u32) -> Vec<u8> {
    let receipt = CustodyReceipt { account: account(GATEWAY_KEY), signature: Signature([1; 64]) };
    let first = (PATIENT, HOSPITAL, record_id(1), None::<u8>, 2u8).encode();
    let second = (true, true, Hash::ZERO, 1u64, HOSPITAL, None::<OrganisationId>).encode();
    call(6, 0, &[first, many(tags, Tag([1; 8])), second, many(receipts, receipt)])
}

fn guardians(guardians: u32, excluded: u32) -> Vec<u8> {
    let terms = [many(guardians, ANNA), (1u8, 3u8).encode(), many(excluded, Tag([1; 8])), 1u64.encode()].concat();
    call(5, 3, &[PATIENT.encode(), vec![0], terms, none()])
}

fn keys(add: u32, drop: u32) -> Vec<u8> {
    let new = NewKey { account: account(200), until: None };
    call(4, 4, &[many(add, new), many(drop, account(200)), vec![0], none()])
}

/// A change of so many validators.
fn validators(add: u32, drop: u32) -> Vec<u8> {
    let new = NewValidator { authority: account(200), peer_id: peer_of(&account(201)), organisation: HOSPITAL };
    call(3, 0, &[vec![2], many(add, new), many(drop, account(200)), none()])
}

fn update(url: u32, peers: Vec<u8>) -> Vec<u8> {
    call(4, 0, &[Hash::ZERO.encode(), many(url, b'a'), vec![0], peers])
}

/// An emergency that names so many records, and is signed along by so many.
fn emergency(records: u32, cosigns: u32) -> Vec<u8> {
    let rest = (1u8, Hash::ZERO, None::<u8>).encode();
    let cosign = (account(200), Signature([1; 64]));
    call(8, 4, &[(PATIENT, CLINIC, 1u8).encode(), many(records, record_id(1)), rest, many(cosigns, cosign)])
}

/// Makes the bytes of a call whose list has so many items.
type Make = fn(u32) -> Vec<u8>;

/// Each list in a call, by name, with its bound.
const LISTS: [(&str, u32, Make); 32] = [
    ("an organisation's name", 64, |count| {
        call(3, 0, &[vec![0], CLINIC.encode(), vec![0], many(count, b'a'), vec![15], vec![0], none()])
    }),
    ("members of a council", 32, |count| call(3, 0, &[vec![1], many(count, account(1)), vec![1], none()])),
    ("validators to add", 33, |count| validators(count, 0)),
    ("validators to drop", 33, |count| validators(0, count)),
    ("bytes of a validator's peer id", 64, |count| {
        let new = [account(200).encode(), many(count, 1u8), HOSPITAL.encode()].concat();
        call(3, 0, &[vec![2], vec![4], new, none(), none()])
    }),
    ("bytes of an address", 128, |count| update(count, none())),
    ("peers of an organisation", 8, |count| update(0, many(count, peer_of(&account(200))))),
    ("bytes of a peer id", 64, |count| update(0, [vec![4], many(count, 1u8)].concat())),
    ("roles of an affiliation", 8, |count| {
        call(4, 3, &[(DOCTOR, CLINIC, 1u8).encode(), many(count, 7u64), 1u64.encode(), none()])
    }),
    ("keys to add", 2, |count| keys(count, 0)),
    ("keys to drop", 6, |count| keys(0, count)),
    ("guardians", 8, |count| guardians(count, 0)),
    ("tags excluded from guardians", 8, |count| guardians(1, count)),
    ("keys of a recovery", 2, |count| call(5, 4, &[PATIENT.encode(), vec![0], many(count, account(200)), none()])),
    ("tags of a record", 8, |count| put(count, 0)),
    ("custody receipts", 2, |count| put(0, count)),
    ("tags of a relabelled record", 8, |count| {
        call(6, 2, &[(PATIENT, record_id(1)).encode(), many(count, Tag([1; 8])), vec![1, 1]])
    }),
    ("records that change hands", 256, |count| {
        call(6, 4, &[many(count, (PATIENT, record_id(1))), CLINIC.encode(), none()])
    }),
    ("records of a rule", 64, |count| grant(scope(count, 0, 0))),
    ("any_of of a rule", 8, |count| grant(scope(1, count, 0))),
    ("none_of of a rule", 8, |count| grant(scope(1, 0, count))),
    ("rules to withdraw", 32, |count| {
        call(7, 1, &[PATIENT.encode(), vec![0], many(count, RuleRef { grantee: GranteeKey::Everyone, id: 0 })])
    }),
    ("pages to withdraw", 32, |count| call(7, 1, &[PATIENT.encode(), vec![1], many(count, GranteeKey::Everyone)])),
    ("records of a request", 64, |count| request(scope(count, 0, 0))),
    ("any_of of a request", 8, |count| request(scope(1, count, 0))),
    ("none_of of a request", 8, |count| request(scope(1, 0, count))),
    ("records of an opening", 64, |count| call(8, 2, &[(PATIENT, CLINIC, 0u8).encode(), many(count, record_id(1))])),
    ("records of an emergency", 64, |count| emergency(count, 0)),
    ("co-signatures of an emergency", 2, |count| emergency(1, count)),
    ("co-signatures of an officer", 2, |count| {
        let cosign = (account(200), Signature([1; 64]));
        call(4, 1, &[account(200).encode(), vec![0], many(count, cosign)])
    }),
    ("co-signatures of a status", 2, |count| {
        let cosign = (account(200), Signature([1; 64]));
        call(5, 5, &[PATIENT.encode(), vec![3], many(count, cosign)])
    }),
    ("hours", 64, |count| call(9, 0, &[(DOCTOR, HOSPITAL).encode(), many(count, Window::default())])),
];

#[test]
fn every_list_of_a_call_is_taken_up_to_its_bound_and_not_beyond() {
    let world = World::new();
    for (what, bound, make) in LISTS {
        let bytes = make(bound);
        let decoded = RuntimeCall::decode(&mut &bytes[..]).unwrap_or_else(|error| panic!("{bound} {what}: {error}"));
        assert!(decoded.encode() == bytes, "{bound} {what}");
        for count in [bound + 1, 2 * bound] {
            let raw = world.signed_bytes(&key(PATIENT_KEY), make(count), 0);
            world.invalid(&raw, InvalidTransaction::Call);
        }
    }
}

#[test]
fn what_is_as_long_as_it_may_be_is_refused_for_what_it_says() {
    let mut world = World::new();
    // 64 times the same record, eight times the same tag, nobody's key: each has a typed error.
    let twice = salus_consent::Fault::Records;
    assert_eq!(world.submit(PATIENT_KEY, grant(scope(64, 0, 0))), Err(salus_consent::Error::BadTerms(twice).into()));
    let opening = call(8, 2, &[(PATIENT, CLINIC, 0u8).encode(), many(64, record_id(1))]);
    assert_eq!(world.submit(SURGEON_KEY, opening), Err(salus_access::Error::BadRecords.into()));
    assert_eq!(world.submit(PATIENT_KEY, guardians(8, 8)), Err(salus_patients::Error::BadGuardians.into()));
    assert_eq!(world.submit(DOCTOR_KEY, keys(2, 6)), Err(salus_registry::Error::UnknownKey.into()));
}
