//! The formats, pinned: every example of docs/protocol.md is built here and compared with the page, and what is
//! signed or hashed is put together once more by hand.

#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test that cannot unwrap has failed")]

use std::collections::BTreeMap;

use parity_scale_codec::{Compact, Decode, Encode};
use salus_primitives::{
    AccountId, Block, Hash, Header, Height, Moment, OrganisationId, PatientId, PractitionerId, RawExtrinsic, RecordId,
    Subject, Window, archive,
    codec::{EXTRINSIC_DEPTH_MAX, MESSAGE_DEPTH_MAX, decode_strict},
    commit::{CommitCertificate, VoteKind, proposal_bytes, vote_bytes},
    crypto::{KeyPair, blake2_128, blake2_256, sha256, sha256_of, verify},
    evidence::{Evidence, SignedVote, Vote},
    extrinsic::{self, ChainContext, Era, Extrinsic},
    header::{Digest, SetChange, Slot, extrinsics_root},
    jump::{self, Jump},
    merkle,
    patient_log::{self, LogHead},
    signed::{self, CoSign, CoSigns, EmergencyRelease},
    ss58,
    storage_key::{prefix, twox_64},
    validator_set::ValidatorSet,
};

const PAGE: &str = include_str!("../../docs/protocol.md");

const GENESIS: Hash = Hash([0x77; 32]);
const CHAIN: ChainContext = ChainContext { spec_version: 1, transaction_version: 1, genesis: GENESIS };
const BIRTH: Hash = Hash([0x88; 32]);
const ERA: Era = Era::Mortal { period: 64, phase: 42 };
const PATIENT: PatientId = PatientId([0xaa; 16]);
const RECORD: RecordId = RecordId([0xbb; 16]);
const DIGEST: Hash = Hash([0xcc; 32]);
const PRACTITIONER: PractitionerId = PractitionerId([0xdd; 16]);
const AUTHOR: Subject = Subject::Practitioner(PRACTITIONER);
const ORGANISATION: OrganisationId = OrganisationId([0xee; 16]);
/// A quarter of an hour.
const HOURS: Window = Window { from: Moment(1_800_000_000_000), until: Moment(1_800_000_900_000) };

const RELEASE: EmergencyRelease = EmergencyRelease {
    patient: PATIENT,
    organisation: OrganisationId([0xee; 16]),
    practitioner: PractitionerId([0xdd; 16]),
    record: RECORD,
    reason: 7,
    note: DIGEST,
    happened: Moment(1_800_000_000_000),
};

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

/// The authorities' keys in the order of their set.
fn authorities() -> Vec<KeyPair> {
    let mut keys: Vec<_> = (1..=4).map(key).collect();
    keys.sort_by_key(KeyPair::public);
    keys
}

fn set() -> ValidatorSet {
    ValidatorSet::new(4, (1..=4).map(|seed| key(seed).public()).collect()).unwrap()
}

/// Pallet 9, call 2, a u32 of 42.
fn call() -> Vec<u8> {
    (9u8, 2u8, 42u32).encode()
}

fn extrinsics() -> [RawExtrinsic; 2] {
    [extrinsic::sign(&key(1), call(), ERA, 3, &CHAIN, &BIRTH), RawExtrinsic(vec![0x04, 1, 0])]
}

fn slot() -> Slot {
    Slot { time: Moment(1_700_000_000_123), build_round: 2, proposer_index: 0, set_id: 3 }
}

fn set_change() -> SetChange {
    SetChange { set_id: 4, hash: set().hash() }
}

fn header() -> Header {
    Header {
        parent_hash: Hash([0x11; 32]),
        number: Height(70),
        state_root: Hash([0x22; 32]),
        extrinsics_root: extrinsics_root(&extrinsics()),
        digest: Digest { logs: vec![slot().item(), set_change().item()] },
    }
}

fn precommit(authority: &AccountId) -> Vec<u8> {
    vote_bytes(&GENESIS, Height(70), 2, VoteKind::Precommit, Some(header().vote_value()), authority)
}

fn certificate() -> CommitCertificate {
    let keys = authorities();
    let signatures = [0u16, 1, 3].map(|index| {
        let key = &keys[usize::from(index)];
        (index, key.sign(&precommit(&key.public())))
    });
    let signatures = signatures.to_vec().try_into().unwrap();
    CommitCertificate { height: Height(70), round: 2, value: header().vote_value(), signatures }
}

/// [`call`] with a co-signature of key 2.
fn cosigned() -> (Vec<u8>, CoSigns) {
    let stem = [call(), vec![0]].concat();
    let signature = key(2).sign(&signed::cosign(&GENESIS, &key(1).public(), 3, &stem));
    let list = CoSigns::try_from(vec![CoSign { account: key(2).public(), signature }]).unwrap();
    ([call(), list.encode()].concat(), list)
}

/// The authority of key 1 precommits a value and nil, both in round 2 of height 70.
fn evidence() -> Evidence {
    let [value, nil] = [Some(header().vote_value()), None].map(|value| {
        let (height, authority) = (Height(70), key(1).public());
        let vote = Vote { height, round: 2, kind: VoteKind::Precommit, value, authority };
        SignedVote { vote, signature: key(1).sign(&vote.bytes(&GENESIS)) }
    });
    Evidence::Votes(value, nil)
}

/// The block of height 70 changes the set.
fn jump() -> Jump {
    Jump { header: header(), certificate: certificate(), set: set() }
}

fn log() -> LogHead {
    let mut log = LogHead::default();
    log.push(&GENESIS, &PATIENT, &[1, 2]);
    log.push(&GENESIS, &PATIENT, &[3]);
    log
}

fn examples() -> BTreeMap<&'static str, Vec<u8>> {
    let [signed_wire, bare_wire] = extrinsics().map(|raw| raw.encode());
    let (account, keys) = (key(1).public(), authorities());
    let long = [vec![9, 3], vec![0u8; 200].encode()].concat();
    let wires = [signed_wire.clone(), bare_wire.clone()];
    let subjects =
        [Subject::Council, Subject::Organisation(OrganisationId([0xee; 16])), AUTHOR, Subject::Patient(PATIENT)];
    let fact = [1, 2];
    let set_preimage = [b"salus/set/1".to_vec(), 4u64.encode(), set().keys().encode()].concat();
    let leaf_preimage = [vec![0], b"salus/log/1".to_vec(), (GENESIS, PATIENT, 0u32).encode(), fact.to_vec()].concat();
    let of_account = [&prefix("System", "Account")[..], &blake2_128(&account.0), &account.0].concat();
    let of_height = [&prefix("System", "BlockHash")[..], &twox_64(&7u32.encode()), &7u32.encode()].concat();
    let block = Block { header: header(), extrinsics: extrinsics().to_vec() };
    let record = archive::Record { block, certificate: Some(certificate()) };
    BTreeMap::from([
        ("identifier", blake2_256(b"abc").0.to_vec()),
        ("commitment", sha256(b"abc").0.to_vec()),
        ("compact", (Compact(1u32), Compact(70u32), Compact(16_384u32)).encode()),
        ("subjects", subjects.map(|subject| subject.encode()).concat()),
        ("header", header().encode()),
        ("block-hash", header().hash().0.to_vec()),
        ("vote-value", header().vote_value().0.to_vec()),
        ("slot-item", slot().item().encode()),
        ("set-change-item", set_change().item().encode()),
        ("block", record.block.encode()),
        ("extrinsics-root", extrinsics_root(&extrinsics()).0.to_vec()),
        ("extrinsics-root-empty", extrinsics_root(&[]).0.to_vec()),
        ("extrinsics-proof", merkle::proof(wires.into_iter(), 0).unwrap().iter().flat_map(|hash| hash.0).collect()),
        ("set-preimage", set_preimage),
        ("set-hash", set().hash().0.to_vec()),
        ("vote", precommit(&keys[1].public())),
        ("vote-nil", vote_bytes(&GENESIS, Height(70), 2, VoteKind::Prevote, None, &keys[1].public())),
        ("proposal", proposal_bytes(&GENESIS, Height(70), 2, Some(1), header().vote_value(), &keys[0].public())),
        ("certificate", certificate().encode()),
        ("evidence", evidence().encode()),
        ("extrinsic-signed", signed_wire),
        ("extrinsic-hash", extrinsics()[0].hash().0.to_vec()),
        ("extrinsic-bare", bare_wire),
        ("payload", extrinsic::payload(&call(), ERA, 3, &CHAIN, &BIRTH)),
        ("payload-long", extrinsic::payload(&long, ERA, 3, &CHAIN, &BIRTH)),
        ("era-immortal", Era::Immortal.encode()),
        ("era-long", Era::Mortal { period: 32_768, phase: 20_000 }.encode()),
        ("possession", signed::possession(&GENESIS, &account, &PATIENT)),
        ("custody-receipt", signed::custody_receipt(&GENESIS, &PATIENT, &RECORD, &DIGEST, 4_096, &AUTHOR)),
        ("emergency-receipt", signed::emergency_receipt(&GENESIS, &RELEASE)),
        ("booking", signed::booking(&GENESIS, &PRACTITIONER, &ORGANISATION, &HOURS, &DIGEST)),
        ("booking-cancelled", signed::booking_cancelled(&GENESIS, &PRACTITIONER, &ORGANISATION, &HOURS)),
        ("cosign", signed::cosign(&GENESIS, &account, 3, &[call(), vec![0]].concat())),
        ("cosigned-call", cosigned().0),
        ("key-plain", prefix("System", "Events").to_vec()),
        ("key-blake2-128-concat", of_account),
        ("key-twox-64-concat", of_height),
        ("log-leaf-preimage", leaf_preimage),
        ("log-leaf", patient_log::leaf(&GENESIS, &PATIENT, 0, &fact).0.to_vec()),
        ("log-state", log().encode()),
        ("jump-file", jump::to_file(&GENESIS, &[jump()])),
        ("block-file", [archive::head(&GENESIS), archive::record(&record), archive::end(1)].concat()),
    ])
}

/// The page's blocks of one kind: the rest of the opening line, and the lines within.
fn blocks(kind: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("```").and_then(|fence| fence.strip_prefix(kind)) {
            found.push((name.trim(), lines.by_ref().take_while(|line| *line != "```").collect()));
        } else if line.starts_with("```") {
            lines.by_ref().take_while(|line| *line != "```").for_each(drop);
        }
    }
    found
}

#[test]
fn every_example_of_the_protocol_page_is_what_the_code_makes() {
    let mut expected = examples();
    for (name, lines) in blocks("hex ") {
        let digits: String = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        let bytes =
            expected.remove(name).unwrap_or_else(|| panic!("the page has an example that no code makes: {name}"));
        assert_eq!(digits, hex::encode(bytes), "example {name}: the page is on the left, the code on the right");
    }
    assert!(expected.is_empty(), "not on the page: {:?}", expected.keys());
}

#[test]
fn the_address_on_the_protocol_page_is_the_accounts() {
    let [(_, lines)] = &blocks("address")[..] else { panic!("there is one address") };
    assert_eq!(*lines, [ss58::encode(&key(1).public())]);
    assert!(PAGE.contains(&hex::encode(key(1).public().0)));
}

#[test]
fn every_link_of_the_contents_has_its_heading() {
    let headings: Vec<_> = PAGE
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace('.', "").replace(' ', "-"))
        .collect();
    let links: Vec<_> = PAGE.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 20);
    assert!(links.iter().all(|link| headings.iter().any(|heading| heading == link)), "{links:?} {headings:?}");
}

#[test]
fn the_examples_hold_together() {
    let (header, set) = (header(), set());
    // The certificate finalises the header; here one set serves for both ids.
    assert_eq!(certificate().verify(&header, &set, &GENESIS), Ok(()));
    assert_eq!(slot().proposer_index, set.proposer_index(Height(70), 2));
    assert_eq!(header.slot(), Ok(slot()));
    assert_eq!(header.set_change(), Ok(Some(set_change())));
    // The signed extrinsic is one, and its signature is over the payload of the page.
    let Extrinsic::Signed(parsed) = Extrinsic::parse(&extrinsics()[0]).unwrap() else { panic!("it is signed") };
    assert!(verify(&parsed.signer, &examples()["payload"], &parsed.signature));
    let wire = extrinsics()[0].encode();
    assert!(merkle::verify(
        &header.extrinsics_root,
        &wire,
        0,
        2,
        &[Hash(examples()["extrinsics-proof"][..].try_into().unwrap())]
    ));
    let (call, list) = cosigned();
    assert_eq!(signed::cosigners(&GENESIS, &key(1).public(), 3, &call, &list), Some(vec![key(2).public()]));
    assert!(evidence().proves(&GENESIS));
    // The set before the jump has the same keys and the id before.
    let before = ValidatorSet::new(3, set.keys().to_vec()).unwrap();
    assert_eq!(jump::verify(&GENESIS, &before, &[jump()]), Ok(set));
}

#[test]
fn every_format_reads_back_from_its_own_bytes_and_from_no_others() {
    fn check<T: Decode + parity_scale_codec::DecodeWithMemTracking + Encode + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = value.encode();
        assert_eq!(decode_strict::<T>(&bytes, MESSAGE_DEPTH_MAX).as_ref(), Ok(value));
        for end in 0..bytes.len() {
            assert!(decode_strict::<T>(&bytes[..end], MESSAGE_DEPTH_MAX).is_err(), "cut at {end}");
        }
        assert!(decode_strict::<T>(&[&bytes[..], &[0]].concat(), MESSAGE_DEPTH_MAX).is_err(), "one byte more");
    }
    check(&header());
    check(&slot());
    check(&set_change());
    check(&Block { header: header(), extrinsics: extrinsics().to_vec() });
    check(&certificate());
    check(&evidence());
    check(&jump());
    check(&set());
    check(&cosigned().1);
    check(&log());
    check(&AUTHOR);
    for raw in extrinsics() {
        assert_eq!(decode_strict::<RawExtrinsic>(&raw.encode(), EXTRINSIC_DEPTH_MAX), Ok(raw));
    }
}

// Put together by hand, field by field.

#[test]
fn the_messages_outside_extrinsics_have_the_committed_bytes() {
    let genesis = "77".repeat(32);
    let account = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
    assert_eq!(hex::encode(key(1).public().0), account);
    let (open, close) = ("3c42797465733e", "3c2f42797465733e");
    assert_eq!(
        hex::encode(signed::possession(&GENESIS, &key(1).public(), &PATIENT)),
        [open, "73616c75732f696e766974652f31", &genesis, account, &"aa".repeat(16), close].concat()
    );
    assert_eq!(
        hex::encode(signed::custody_receipt(&GENESIS, &PATIENT, &RECORD, &DIGEST, 4_096, &AUTHOR)),
        [
            open,
            "73616c75732f637573746f64792f31",
            &genesis,
            &"aa".repeat(16),
            &"bb".repeat(16),
            &"cc".repeat(32),
            "0010000000000000",
            "02",
            &"dd".repeat(16),
            close
        ]
        .concat()
    );
    assert_eq!(
        hex::encode(signed::emergency_receipt(&GENESIS, &RELEASE)),
        [
            open,
            "73616c75732f656d657267656e63792f31",
            &genesis,
            &"aa".repeat(16),
            &"ee".repeat(16),
            &"dd".repeat(16),
            &"bb".repeat(16),
            "07",
            &"cc".repeat(32),
            "00505c18a3010000",
            close
        ]
        .concat()
    );
    // SHA-256 of 09 02 2a000000 00: the call with no co-signature.
    let hash = "66fffa3c7000253ce373659150796273bea2f6b2f69b0710f7dee971be51e3a4";
    assert_eq!(
        hex::encode(signed::cosign(&GENESIS, &key(1).public(), 3, &[9, 2, 42, 0, 0, 0, 0])),
        [open, "73616c75732f636f7369676e2f31", &genesis, account, "03000000", hash, close].concat()
    );
}

#[test]
fn the_hash_of_a_validator_set_is_the_committed_one() {
    assert_eq!(hex::encode(set().hash().0), "7555424be018253598e0fd09f766d481024ce2fd8428199def317a900efe2d9c");
    let one = ValidatorSet::new(0, vec![AccountId([0xaa; 32])]).unwrap();
    let by_hand = sha256_of(&[b"salus/set/1", &[0; 8], &[1 << 2], &[0xaa; 32]]);
    assert_eq!(one.hash(), by_hand);
    let next = ValidatorSet::new(1, vec![AccountId([0xaa; 32])]).unwrap();
    assert_ne!(next.hash(), by_hand, "the id is part of it");
}

#[test]
fn the_head_of_a_patient_log_is_the_committed_one() {
    let mut head = LogHead::default();
    assert_eq!(head.head, Hash::ZERO);
    head.push(&GENESIS, &PATIENT, &[1, 2]);
    let leaf = sha256_of(&[&[0x00], b"salus/log/1", &[0x77; 32], &[0xaa; 16], &[0; 4], &[1, 2]]);
    assert_eq!(head.head, sha256_of(&[&[0x01], &[0; 32], &leaf.0]));
    head.push(&GENESIS, &PATIENT, &[3]);
    assert_eq!(
        head,
        LogHead {
            first: 0,
            count: 2,
            head: "4c26cb32f18a020c789b4d5dbdfe1e40e520fdde4b2e81e3acd95db520e84fb6".parse().unwrap()
        }
    );
}
