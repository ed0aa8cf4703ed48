//! Bytes of state per patient, grant, record and receipt: many of each are made by calls, and what they add is counted.

use std::path::Path;

use salus_access::Call as Access;
use salus_chain_spec::presets;
use salus_consent::{Call as Consent, Grantee, Kind, Purpose, Tags};
use salus_primitives::{
    Hash, PractitionerId, RawExtrinsic, RecordId, Subject,
    crypto::{KeyPair, sha256},
    runtime_api::RuntimeApi,
    signed,
    subject::Roles,
    time::YEAR,
};
use salus_records::types::CustodyReceipt;
use salus_registry::{
    Call as Registry,
    types::{PractitionerStatus, Terms},
};
use salus_runtime::RuntimeCall;

use crate::{
    in_process::Chain,
    report::Report,
    world::{GRANTEE, HOSPITAL, World, key, patient},
};

/// Openings of one practitioner, below what a day allows.
const OPENINGS: usize = 400;

/// Measure.
pub fn measure(folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<()> {
    report.section("Bytes of state");
    let count = 100 * scale;
    let mut chain = Chain::new(&folder.join("sizes"))?;
    let now = chain.runtime.block_time(&chain.database.state());
    let mut world = World::new(chain.database.identity().genesis, now);
    for group in world.founding(&presets::development_key("council")) {
        chain.block(group, false)?;
    }
    for group in people(&mut world, count, now.plus(YEAR)) {
        chain.block(group, false)?;
    }
    let mut of = |what: &str, remark: &str, groups: Vec<Vec<RawExtrinsic>>, chain: &mut Chain| {
        let before = chain.state;
        for group in groups {
            chain.all(&group)?;
        }
        let share = |after: usize, before: usize| (after - before) as f64 / count as f64;
        report.row(
            what,
            format!("{:.0} bytes", share(chain.state.bytes, before.bytes)),
            format!("{:.1} keys; {remark}", share(chain.state.keys, before.keys)),
        );
        anyhow::Ok(())
    };
    let groups = world.patients(0..count);
    of(
        "patient",
        "invited, registered and confirmed: the account, keys, quota and invitation too",
        groups,
        &mut chain,
    )?;
    let group = grants(&mut world, count);
    of("grant, a patient's first", "its page, the ledger and the quota of the day", vec![group], &mut chain)?;
    let group = grants(&mut world, count);
    of("grant, on a page that is there", "the page grows", vec![group], &mut chain)?;
    let group = filings(&mut world, count);
    of("record", "one custodian, no tags", vec![group], &mut chain)?;
    let group = openings(&mut world, count);
    of("receipt, a patient's first", "of one record; the head of the log too", vec![group], &mut chain)?;
    let group = openings(&mut world, count);
    of("receipt, a further one", "of one record", vec![group], &mut chain)
}

/// The practitioner of this number.
fn practitioner(number: usize) -> PractitionerId {
    let mut id = [0x55; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    PractitionerId(id)
}

/// A Gateway officer of the hospital, and practitioners enough for `count` openings twice, who work at the other.
fn people(world: &mut World, count: usize, until: salus_primitives::Moment) -> Vec<Vec<RawExtrinsic>> {
    let (admin, registrar) = (key("Aster", 0), key("registrar", 0));
    let there = [key("Linden", 0), key("Linden registrar", 0)];
    let officer = |world: &mut World, by: &KeyPair, new: &KeyPair, roles| {
        world.with_cosign(by, new, |cosign| Registry::OfficerSet { account: new.public(), roles: Some(roles), cosign })
    };
    let mut groups = vec![
        vec![officer(world, &admin, &key("gateway", 0), Roles::GATEWAY)],
        vec![officer(world, &there[0], &there[1], Roles::REGISTRAR)],
    ];
    for number in 0..=2 * count / OPENINGS {
        let new = key("practitioner", number);
        groups.push(vec![world.with_cosign(&registrar, &new, |cosign| Registry::PractitionerSet {
            id: practitioner(number),
            account: Some(new.public()),
            licence: Hash::ZERO,
            licence_until: until,
            speciality: 1,
            status: PractitionerStatus::Active,
            cosign,
        })]);
        groups.push(vec![world.with_cosign(&there[1], &new, |cosign| Registry::AffiliationSet {
            practitioner: practitioner(number),
            organisation: GRANTEE,
            terms: Some(Terms { roles: Default::default(), until }),
            cosign,
        })]);
    }
    groups
}

/// A grant by each patient that takes no other's place.
fn grants(world: &mut World, count: usize) -> Vec<RawExtrinsic> {
    let grant = |number| {
        let terms = world.terms(Grantee::Organisation(GRANTEE));
        let call = Consent::Grant { patient: patient(number), terms, replaces: None };
        world.signed(&key("patient", number), call)
    };
    (0..count).map(grant).collect()
}

/// The record of a patient.
fn record(number: usize) -> RecordId {
    RecordId(patient(number).0)
}

/// A record that each patient files.
fn filings(world: &mut World, count: usize) -> Vec<RawExtrinsic> {
    let gateway = key("gateway", 0);
    let file = |number| {
        let (patient, id, digest, size) = (patient(number), record(number), sha256(b"sealed"), 4_096);
        let message =
            signed::custody_receipt(&world.genesis(), &patient, &id, &digest, size, &Subject::Patient(patient));
        let receipt = CustodyReceipt { account: gateway.public(), signature: gateway.sign(&message) };
        let call = salus_records::Call::Put {
            patient,
            organisation: HOSPITAL,
            id,
            prev: None,
            kind: Kind::Lab,
            tags: Tags::new(),
            labelled: true,
            restricted: false,
            digest,
            size,
            custodian: HOSPITAL,
            second: None,
            receipts: vec![receipt].try_into().expect("one receipt is fewer than three"),
        };
        world.signed(&key("patient", number), call)
    };
    (0..count).map(file).collect()
}

/// An opening of each patient's record.
fn openings(world: &mut World, count: usize) -> Vec<RawExtrinsic> {
    let made = world.openings;
    world.openings += count;
    let open = |number| {
        let call = RuntimeCall::Access(Access::Open {
            patient: patient(number),
            organisation: GRANTEE,
            purpose: Purpose::Treatment,
            records: vec![record(number)].try_into().expect("one record is fewer than 65"),
        });
        world.signed(&key("practitioner", (made + number) / OPENINGS), call)
    };
    (0..count).map(open).collect()
}
