//! What holds whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::{Encode, MaxEncodedLen};
use proptest::{prelude::*, test_runner::RngSeed};
use salus_consent::{Question, Servable, Tag, Verdict, decide};
use salus_patients::storage::Holds;

use super::*;
use crate::{
    storage::{Erasures, FormerCustodians},
    types::{CUSTODIANS_MAX, FORMERS_MAX},
};

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Who {
    Author,
    Patient,
    Custodian,
    OtherCustodian,
}

/// One thing someone asks for; numbers choose among the records there are.
#[derive(Clone, Debug)]
enum Step {
    File { prev: Option<usize>, kind: Kind, tag: u8, restricted: bool, twice: bool },
    Set { record: usize, to: Change, who: Who, basis: u8 },
    Relabel { record: usize, tag: u8, restricted: bool },
    Attest { record: usize, by_clinic: bool, key_epoch: u32 },
    HandOver { record: usize, to_clinic: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![2 => Just(Kind::Lab), 1 => Just(Kind::Summary)];
    let change = prop_oneof![
        1 => Just((Change::EnteredInError, Who::Author)),
        1 => Just((Change::Hold, Who::Custodian)),
        2 => Just((Change::LiftHold, Who::Custodian)),
        6 => Just((Change::RequestErase, Who::Patient)),
        4 => Just((Change::Erase, Who::Custodian)),
        1 => Just((Change::RefuseErase, Who::Custodian)),
        1 => Just((Change::Erase, Who::OtherCustodian)),
        1 => Just((Change::RequestErase, Who::Author)),
    ];
    prop_oneof![
        2 => (prop::option::weighted(0.3, 0..6usize), kind, 1..12u8, any::<bool>(), any::<bool>())
            .prop_map(|(prev, kind, tag, restricted, twice)| Step::File { prev, kind, tag, restricted, twice }),
        6 => (0..6usize, change, 0..3u8)
            .prop_map(|(record, (to, who), basis)| Step::Set { record, to, who, basis }),
        1 => (0..6usize, 1..12u8, any::<bool>())
            .prop_map(|(record, tag, restricted)| Step::Relabel { record, tag, restricted }),
        3 => (0..6usize, any::<bool>(), prop_oneof![4 => Just(1u32), 1 => Just(2)])
            .prop_map(|(record, by_clinic, key_epoch)| Step::Attest { record, by_clinic, key_epoch }),
        1 => (0..6usize, any::<bool>()).prop_map(|(record, to_clinic)| Step::HandOver { record, to_clinic }),
    ]
}

/// All records of the patient, by id.
fn all(chain: &Chain, person: &Person, drafts: &[Draft]) -> BTreeMap<RecordId, Record> {
    drafts.iter().filter_map(|draft| Some((draft.id, record(chain.state(), person.id, draft.id)?))).collect()
}

/// Take a step. The draft of a filing is among `drafts` then, filed or not.
fn take(chain: &mut Chain, person: &Person, drafts: &mut Vec<Draft>, step: Step, number: u16) -> bool {
    // Numbers go round the drafts there are, so that most steps meet a record.
    let chosen = |record: usize| match drafts.len() {
        0 => RecordId([0; 16]),
        some => drafts[record % some].id,
    };
    let tags = |tag| Tags::try_from(vec![Tag([tag; 8])]).unwrap();
    let patient = person.id;
    let (caller, call) = match step {
        Step::File { prev, kind, tag, restricted, twice } => {
            let prev = prev.map(chosen);
            let second = twice.then_some(CLINIC);
            let lab = Draft::lab(patient, HOSPITAL, number);
            let draft = Draft { prev, kind, tags: tags(tag), restricted, second, ..lab };
            let (first, other) = (gateway(), clinic_gateway());
            let gateways = if twice { vec![&first, &other] } else { vec![&first] };
            let call = draft.call(&chain.genesis(), &DOCTOR_SUBJECT, &gateways);
            drafts.push(draft);
            (doctor_account(), call)
        }
        Step::Set { record, to, who, basis } => {
            let caller = match who {
                Who::Author => doctor_account(),
                Who::Patient => person.account(),
                Who::Custodian => privacy(),
                Who::OtherCustodian => clinic_privacy(),
            };
            (caller, Call::StatusSet { patient, id: chosen(record), to, basis })
        }
        Step::Relabel { record, tag, restricted } => {
            let (id, tags) = (chosen(record), tags(tag));
            (person.account(), Call::Relabel { patient, id, tags, labelled: true, restricted })
        }
        Step::Attest { record, by_clinic, key_epoch } => {
            let by = if by_clinic { clinic_gateway() } else { gateway() };
            (by.public(), Call::ShredAttest { patient, id: chosen(record), key_epoch })
        }
        Step::HandOver { record, to_clinic } => {
            let (caller, organisation, signer) = match to_clinic {
                true => (privacy(), CLINIC, clinic_gateway()),
                false => (clinic_privacy(), HOSPITAL, gateway()),
            };
            let records = RecordKeys::try_from(vec![(patient, chosen(record))]).unwrap();
            let cosign = Default::default();
            let call = Call::CustodySet { records: records.clone(), organisation, cosign };
            let cosign = chain.cosigns(caller, call, &[&signer]);
            (caller, Call::CustodySet { records, organisation, cosign })
        }
    };
    let before = chain.entries().clone();
    let accepted = chain.call(caller, call).is_ok();
    // I12: a refused call changes nothing.
    assert!(accepted || *chain.entries() == before);
    accepted
}

/// Versions, labels, the summary and the count of holds. `relabelled` are those the patient labelled anew.
fn hangs_together(
    chain: &Chain,
    person: &Person,
    records: &BTreeMap<RecordId, Record>,
    relabelled: &BTreeSet<RecordId>,
) {
    for (id, record) in records {
        assert!(record.labelled || record.restricted);
        let Some(prev_id) = record.prev else {
            assert_eq!(record.version, 1);
            continue;
        };
        let prev = &records[&prev_id];
        assert_eq!(record.version, prev.version + 1);
        assert_ne!(prev.status, RecordStatus::Current);
        if !relabelled.contains(id) && !relabelled.contains(&prev_id) {
            assert!(prev.tags.iter().all(|tag| record.tags.contains(tag)));
            assert!(record.restricted || !prev.restricted);
        }
    }
    let summaries = records.iter().filter(|(_, r)| r.kind == Kind::Summary && r.status == RecordStatus::Current);
    let summaries: Vec<_> = summaries.map(|(id, _)| *id).collect();
    assert_eq!(summaries, summary(chain.state(), person.id).into_iter().collect::<Vec<_>>());
    let held = records.values().filter(|record| record.hold).count();
    assert_eq!(Holds::get(chain.state(), &person.id) as usize, held);
}

/// I6: nobody is given an erased record. Duties are open of erased records only, for custodians, each once.
fn erased_is_erased(chain: &Chain, person: &Person, records: &BTreeMap<RecordId, Record>) {
    for (id, record) in records {
        let erased = record.status == RecordStatus::Erased;
        let seen = record.view(*id);
        assert_eq!(seen.servable == Servable::Erased, erased);
        let question = Question {
            patient: person.id,
            actor: DOCTOR,
            organisation: HOSPITAL,
            action: Action::View,
            purpose: Purpose::Treatment,
            at: chain.now(),
        };
        let verdict = decide(chain.state(), &question, &seen);
        assert_eq!(verdict == Verdict::Denied(Reason::Erased.into()), erased);
        match Erasures::get(chain.state(), &(person.id, *id)) {
            Some(Erasure::Ordered { open, .. }) => {
                assert!(erased && !record.hold && !open.is_empty() && !open.has_duplicates());
                assert!(open.iter().all(|owing| record.is_kept_by(*owing)));
            }
            Some(Erasure::Requested { .. }) => assert!(!erased),
            Some(Erasure::Refused { basis, .. }) => assert!(!erased && basis != 0),
            None => {}
        }
        let formers = FormerCustodians::get(chain.state(), &(person.id, *id));
        assert!(formers.iter().is_sorted_by_key(|former| former.until));
        assert_ne!(record.second, Some(record.custodian));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn records_hold_together_along_any_history(steps in prop::collection::vec(step(), 16..96)) {
        let (mut chain, person) = chain();
        let (mut drafts, mut relabelled) = (Vec::new(), BTreeSet::new());
        // Who still owes an attestation, by what the calls said.
        let mut duties: BTreeSet<(RecordId, OrganisationId)> = BTreeSet::new();
        for (step, number) in steps.into_iter().zip(0u16..) {
            let before = all(&chain, &person, &drafts);
            let accepted = take(&mut chain, &person, &mut drafts, step, number);
            let after = all(&chain, &person, &drafts);
            prop_assert!(accepted || before == after);
            for event in chain.events().iter().filter(|_| accepted) {
                match event {
                    RuntimeEvent::Records(Event::Relabelled { record, .. }) => {
                        relabelled.insert(*record);
                    }
                    RuntimeEvent::Records(Event::RecordStatus { record, to: Change::Erase, .. }) => {
                        duties.extend(after[record].custodians().map(|custodian| (*record, custodian)));
                    }
                    RuntimeEvent::Records(Event::Shredded { record, custodian, key_epoch, .. }) => {
                        prop_assert!(duties.remove(&(*record, *custodian)));
                        prop_assert_eq!(*key_epoch, after[record].key_epoch);
                        let done = Event::ErasureComplete { patient: person.id, record: *record };
                        let told = chain.events().contains(&RuntimeEvent::Records(done));
                        prop_assert_eq!(told, !duties.iter().any(|(owed, _)| owed == record));
                    }
                    _ => {}
                }
            }
            for (id, old) in &before {
                let new = &after[id];
                let fixed = |record: &Record| {
                    (record.digest, record.size, record.version, record.author, record.key_epoch, record.prev)
                };
                prop_assert_eq!(fixed(old), fixed(new));
                // Erased is final, in every part.
                prop_assert!(old.status != RecordStatus::Erased || old == new);
            }
            hangs_together(&chain, &person, &after, &relabelled);
            erased_is_erased(&chain, &person, &after);
            let open: BTreeSet<_> = after
                .keys()
                .filter_map(|id| match Erasures::get(chain.state(), &(person.id, *id))? {
                    Erasure::Ordered { open, .. } => Some(open.into_iter().map(move |owing| (*id, owing))),
                    _ => None,
                })
                .flatten()
                .collect();
            prop_assert_eq!(open, duties.clone());
        }
    }
}

#[test]
fn every_state_value_has_a_bound() {
    assert!(Record::max_encoded_len() <= 256, "{}", Record::max_encoded_len());
    assert_eq!(Erasure::max_encoded_len(), 1 + 8 + 1 + 16 * CUSTODIANS_MAX as usize);
    assert_eq!(types::Formers::max_encoded_len(), 1 + (16 + 1 + 8) * FORMERS_MAX as usize);
}

#[test]
fn every_error_fits_the_four_bytes_of_the_wire() {
    let longest = [
        Error::NoConsent(Reason::Standing(Standing::AffiliationExpired)),
        Error::NoConsent(Reason::Patient(Problem::Recovering)),
        Error::NotActive(Standing::AffiliationExpired),
        Error::Patient(Problem::Recovering),
    ];
    assert!(longest.iter().all(|error| error.encoded_size() <= 4));
}

#[test]
fn indexes_are_those_that_were_reserved() {
    let index = |error: Error| error.encode()[0];
    assert_eq!([Error::Held, Error::NoDuty, Error::NoBasis].map(index), [16, 18, 19]);
    let (patient, id) = (PatientId([1; 16]), RecordId([2; 16]));
    let calls = [
        Call::Relabel { patient, id, tags: Tags::new(), labelled: true, restricted: false },
        Call::ShredAttest { patient, id, key_epoch: 1 },
        Call::CustodySet { records: RecordKeys::new(), organisation: HOSPITAL, cosign: Default::default() },
    ];
    assert_eq!(calls.map(|call| call.encode()[0]), [2, 3, 4]);
    let events = [
        Event::Relabelled { patient, record: id, labelled: true, restricted: false },
        Event::Shredded { patient, record: id, custodian: HOSPITAL, key_epoch: 1 },
        Event::ErasureComplete { patient, record: id },
        Event::CustodySet { patient, record: id, from: HOSPITAL, to: CLINIC },
    ];
    assert_eq!(events.map(|event| event.encode()[0]), [2, 3, 4, 5]);
    assert!(Error::decode(&mut &[17u8][..]).is_err(), "17 is never given again");
}
