//! Very many grants: ten thousand for one patient, a hundred thousand to one hospital.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use parity_scale_codec::Encode;
use salus_access::{judge, releasable};
use salus_consent::{
    Action, Denial, Error, Grantee, Question, Reason, Rule, Terms, Verdict,
    storage::{Ledgers, Rules},
    types::{Origin, PAGE_BYTES_MAX, PAGE_RULES_MAX, PAGES_MAX, Page},
};
use salus_council::{Act, Call as CouncilCall};
use salus_primitives::{
    OrganisationId, PatientId, PractitionerId, RawExtrinsic, Subject, Window,
    dispatch::InvalidTransaction,
    runtime_api::{Executed, NoneVerified, RuntimeApi, StateReader},
    signed::CoSigns,
    subject::Roles,
    time::{DAY, HOUR},
};
use salus_registry::{
    Standing,
    types::{Caps, DisplayName, OrganisationStatus},
};
use salus_system::Parameters;

use crate::world::*;

/// A patient, hospital or practitioner of this number.
fn id(first: u8, number: u32) -> [u8; 16] {
    let mut bytes = [first; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn hospital(number: u32) -> OrganisationId {
    OrganisationId(id(0xb0, number))
}

/// As [`World::new`], without quotas worth the name, and with so many hospitals more.
fn without_quotas(hospitals: u32) -> World {
    let parameters = Parameters { root_delay: 0, patient_weight: 1_000_000_000_000, ..Parameters::default() };
    let mut world = World::with(parameters);
    world.prepare(|state| (0..hospitals).for_each(|number| organisation(state, hospital(number), None)));
    world
}

fn granting(world: &World, number: u32) -> salus_consent::Call {
    let terms = permit(world.now(), Grantee::Organisation(hospital(number)));
    salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None }
}

/// Bytes and number of the patient's pages in state.
fn pages(world: &World) -> (usize, usize) {
    let prefix = Rules::prefix();
    let pages: Vec<usize> = world
        .state
        .range(prefix.to_vec()..)
        .take_while(|(key, _)| key.starts_with(&prefix))
        .map(|(_, page)| page.len())
        .collect();
    assert!(pages.iter().all(|bytes| *bytes <= PAGE_BYTES_MAX), "{pages:?}");
    (pages.iter().sum(), pages.len())
}

#[test]
fn ten_thousand_grants_of_one_patient_fill_its_pages_and_no_more() {
    const HOSPITALS: u32 = 300;
    let mut world = without_quotas(HOSPITALS);
    let (mut taken, mut page_full, mut too_many) = (0u32, 0u32, 0u32);
    for block in 0..4 {
        let calls: Vec<RawExtrinsic> = (0..2_500)
            .map(|ahead| {
                let call: salus_runtime::RuntimeCall = granting(&world, (block * 2_500 + ahead) % HOSPITALS).into();
                world.signed_bytes(&key(PATIENT_KEY), call.encode(), ahead)
            })
            .collect();
        for outcome in world.block(&calls) {
            match outcome {
                Ok(()) => taken += 1,
                Err(error) if error == Error::PageFull.into() => page_full += 1,
                Err(error) => {
                    assert_eq!(error, Error::TooMany.into());
                    too_many += 1;
                }
            }
        }
    }
    // Each of 256 hospitals has a page of 16 rules; the 44 others were named 33 or 34 times each, for nothing.
    assert_eq!(taken, u32::from(PAGES_MAX) * PAGE_RULES_MAX);
    assert_eq!(too_many, (256..HOSPITALS).map(|number| (10_000 - number).div_ceil(HOSPITALS)).sum::<u32>());
    assert_eq!(taken + page_full + too_many, 10_000);
    let ledger = Ledgers::get(&world.state, &PATIENT);
    assert_eq!((ledger.pages, ledger.next_id), (PAGES_MAX, taken));
    let (bytes, count) = pages(&world);
    assert_eq!(count, usize::from(PAGES_MAX));
    assert!(bytes <= count * PAGE_BYTES_MAX, "{bytes} bytes");

    let (full, beyond) = (granting(&world, 0), granting(&world, HOSPITALS - 1));
    world.refused(PATIENT_KEY, full, Error::PageFull).refused(PATIENT_KEY, beyond, Error::TooMany);
    assert_eq!(pages(&world), (bytes, count));
}

#[test]
fn ten_thousand_grants_on_one_day_are_a_hundred() {
    let mut world = World::new();
    world.prepare(|state| (0..7).for_each(|number| organisation(state, hospital(number), None)));
    world.at_midnight();
    let calls: Vec<RawExtrinsic> = (0..10_000)
        .map(|ahead| {
            let call: salus_runtime::RuntimeCall = granting(&world, ahead % 7).into();
            world.signed_bytes(&key(PATIENT_KEY), call.encode(), ahead)
        })
        .collect();
    let built = world.build(calls.clone());
    assert_eq!(built.extrinsics, calls[..100], "a patient's weight of a day");
    assert_eq!(built.invalid[0], (calls[100].hash(), InvalidTransaction::ExhaustsResources));
    assert!(built.invalid[1..].iter().all(|(_, reason)| *reason == InvalidTransaction::Future));
    assert_eq!(built.invalid.len(), 9_900);
    assert_eq!(world.block(&calls[..100]), [Ok(()); 100]);
    world.invalid(&calls[100], InvalidTransaction::ExhaustsResources);
    // The next day has a quota of its own, as the pool knows once a block is of that day.
    world.advance(DAY).block(&[]);
    assert_eq!(world.block(&calls[100..101]), [Ok(())]);
}

#[test]
fn a_page_that_is_full_takes_a_rule_again_when_one_of_it_is_over() {
    let mut world = without_quotas(1);
    let short = |world: &World| {
        let window = Window { from: world.now(), until: world.now().plus(HOUR) };
        let terms = Terms { window, ..permit(world.now(), Grantee::Organisation(hospital(0))) };
        salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None }
    };
    for _ in 0..PAGE_RULES_MAX {
        let call = short(&world);
        world.ok(PATIENT_KEY, call);
    }
    let call = short(&world);
    world.refused(PATIENT_KEY, call, Error::PageFull).advance(HOUR);
    let call = short(&world);
    world.ok(PATIENT_KEY, call);
    let page = Rules::get(&world.state, &(PATIENT, Grantee::Organisation(hospital(0)).key())).unwrap();
    assert_eq!(page.len(), 1, "what was over made room");
}

#[test]
fn a_page_is_full_by_its_bytes_too() {
    let mut world = without_quotas(1);
    let large = |world: &World| {
        let mut terms = permit(world.now(), Grantee::Organisation(hospital(0)));
        terms.scope.records = Some(list((0..64).map(record_id)));
        salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None }
    };
    let call = large(&world);
    world.ok(PATIENT_KEY, call);
    let call = large(&world);
    world.refused(PATIENT_KEY, call, Error::PageFull);
}

/// A state that counts how often each key is read.
struct Counting<'a> {
    state: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    reads: RefCell<BTreeMap<Vec<u8>, u32>>,
}

impl StateReader for Counting<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        *self.reads.borrow_mut().entry(key.to_vec()).or_default() += 1;
        self.state.get(key).cloned()
    }
}

/// As many patients as `grants`, each with a record at the hospital and a rule for the clinic: what that many calls
/// would have left.
fn granted(grants: u32) -> World {
    let mut world = World::new();
    let now = world.now();
    world.prepare(|state| {
        let terms =
            Terms { window: Window { from: now, until: now.plus(DAY) }, ..permit(now, Grantee::Organisation(CLINIC)) };
        let page = Page::try_from(vec![Rule {
            id: 0,
            terms,
            uses: None,
            origin: Origin::Patient,
            labelled_only: false,
            children: list([]),
        }]);
        let (page, ledger) = (page.expect("one rule"), salus_consent::types::Ledger { next_id: 1, pages: 1 });
        let record =
            salus_records::storage::Records::get(state, &(PATIENT, record_id(1))).expect("a record of the world");
        for number in 0..grants {
            let id = granting_patient(number);
            patient(state, id);
            Rules::insert(state, &(id, Grantee::Organisation(CLINIC).key()), &page);
            Ledgers::insert(state, &id, &ledger);
            salus_records::storage::Records::insert(state, &(id, record_id(1)), &record);
        }
        for number in 0..5 {
            surgeon(state, number);
        }
    });
    world
}

fn granting_patient(number: u32) -> PatientId {
    PatientId(id(0xa0, number))
}

fn surgeon_id(number: u8) -> PractitionerId {
    PractitionerId(id(0xc0, number.into()))
}

/// One more surgeon of the clinic, with the key of the seed 150 and the number.
fn surgeon(state: &mut salus_support::Overlay<'_>, number: u8) {
    use salus_registry::storage::{Affiliations, Practitioners};
    let id = surgeon_id(number);
    let one = Practitioners::get(state, &SURGEON).expect("a surgeon of the world");
    let place = Affiliations::get(state, &(SURGEON, CLINIC)).expect("the surgeon works there");
    Practitioners::insert(state, &id, &one);
    Affiliations::insert(state, &(id, CLINIC), &place);
    salus_system::keys::bind(state, GENESIS_TIME, account(150 + number), Subject::Practitioner(id), Roles::NONE, None)
        .expect("a new key");
}

fn suspension() -> CouncilCall {
    let act = Act::OrganisationSet {
        id: CLINIC,
        status: OrganisationStatus::Suspended,
        display_name: DisplayName::try_from(b"Clinic".to_vec()).expect("six bytes"),
        caps: Caps::ALL,
        admin: None,
    };
    CouncilCall::Propose { act, cosign: CoSigns::new() }
}

/// What the block with the last vote read, and how often, and what it changed.
fn cost_of_suspending(world: &mut World) -> (BTreeMap<Vec<u8>, u32>, Executed) {
    world.ok(COUNCIL[0], suspension());
    let vote = world.signed(COUNCIL[1], CouncilCall::Vote { motion: 0, aye: true });
    let counting = Counting { state: &world.state, reads: RefCell::default() };
    let executed = world
        .runtime
        .execute(&counting, &world.context(), std::slice::from_ref(&vote), &NoneVerified)
        .expect("a good block");
    let reads = counting.reads.into_inner();
    assert_eq!(world.block(&[vote]), [Ok(())]);
    (reads, executed)
}

#[test]
fn suspending_a_hospital_with_a_hundred_thousand_grants_costs_what_it_costs_with_ten() {
    const MANY: u32 = 100_000;
    let (mut few, mut many) = (granted(10), granted(MANY));
    assert!(many.state.len() > few.state.len() + 300_000, "there are that many patients, rules and records");
    let view = |world: &World, number: u32, surgeon: u8| {
        let (patient, actor) = (granting_patient(number), surgeon_id(surgeon));
        let (purpose, at) = (salus_consent::Purpose::Treatment, world.now());
        let question = Question { patient, actor, organisation: CLINIC, action: Action::View, purpose, at };
        judge(&world.state, &question, record_id(1))
    };
    let everywhere = || (0..MANY).step_by(997).flat_map(|number| (0..5).map(move |surgeon| (number, surgeon)));
    assert!(everywhere().all(|(number, surgeon)| view(&many, number, surgeon).is_permit()));
    let receipt = {
        let records = list([record_id(1)]);
        let purpose = salus_consent::Purpose::Treatment;
        let patient = granting_patient(7);
        many.ok(150, salus_access::Call::Open { patient, organisation: CLINIC, purpose, records });
        salus_access::storage::Receipts::get(&many.state, &(patient, 0)).unwrap()
    };
    assert!(releasable(&many.state, granting_patient(7), &receipt, 0, many.now()).is_ok());
    few.ok(COUNCIL[2], salus_system::Call::Noop {});

    let (reads, executed) = cost_of_suspending(&mut few);
    let (reads_of_many, executed_of_many) = cost_of_suspending(&mut many);
    let unlike = |key: &&Vec<u8>| {
        // The parent's hash and number stand under keys of their own.
        !key.starts_with(&salus_primitives::storage_key::prefix("System", "BlockHash"))
    };
    let keys = |reads: &BTreeMap<Vec<u8>, u32>| reads.keys().filter(unlike).cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&reads), keys(&reads_of_many), "the same keys are read");
    assert_eq!(reads.values().sum::<u32>(), reads_of_many.values().sum::<u32>(), "as often");
    assert!(reads.len() < 80, "{} keys", reads.len());
    let written = |executed: &Executed| executed.changes.keys().filter(unlike).cloned().collect::<BTreeSet<_>>();
    assert_eq!(written(&executed), written(&executed_of_many), "and the same are written");
    assert_eq!(executed.weight, executed_of_many.weight);

    let suspended = Standing::OrganisationSuspended;
    let denied = Verdict::Denied(Denial { reason: Reason::Standing(suspended), rule: None });
    assert!(everywhere().all(|(number, surgeon)| view(&many, number, surgeon) == denied));
    assert!(releasable(&many.state, granting_patient(7), &receipt, 0, many.now()).is_err());
    for surgeon in 0..5 {
        let (patient, records) = (granting_patient(u32::from(surgeon) * 20_000), list([record_id(1)]));
        let purpose = salus_consent::Purpose::Treatment;
        let open = salus_access::Call::Open { patient, organisation: CLINIC, purpose, records };
        many.refused(150 + surgeon, open, salus_access::Error::NotActive(suspended));
    }
}

#[test]
fn an_opening_after_the_last_vote_in_the_same_block_is_refused() {
    let mut world = World::new();
    let terms = world.permit();
    world.grant(terms);
    world.ok(COUNCIL[0], suspension());
    let vote = world.signed(COUNCIL[1], CouncilCall::Vote { motion: 0, aye: true });
    let open = world.signed(SURGEON_KEY, opening(&[1]));
    let refused = Err(salus_access::Error::NotActive(Standing::OrganisationSuspended).into());
    assert_eq!(world.block(&[vote, open]), [Ok(()), refused]);
}
