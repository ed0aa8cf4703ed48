//! What holds whatever happens.

use std::collections::BTreeMap;

use parity_scale_codec::{Encode, MaxEncodedLen};
use proptest::prelude::*;
use salus_consent::Tag;
use salus_patients::storage::Holds;

use super::*;

/// One thing someone asks for; numbers choose among the records there are.
#[derive(Clone, Debug)]
enum Step {
    File { prev: Option<usize>, kind: Kind, tag: u8, restricted: bool },
    Set { record: usize, to: Change, by_custodian: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![2 => Just(Kind::Lab), 1 => Just(Kind::Summary)];
    let change =
        prop_oneof![Just(Change::EnteredInError), Just(Change::Hold), Just(Change::LiftHold), Just(Change::Erase),];
    prop_oneof![
        3 => (prop::option::of(0..8usize), kind, 1..12u8, any::<bool>())
            .prop_map(|(prev, kind, tag, restricted)| Step::File { prev, kind, tag, restricted }),
        2 => (0..8usize, change, any::<bool>())
            .prop_map(|(record, to, by_custodian)| Step::Set { record, to, by_custodian }),
    ]
}

/// All records of the patient, by id.
fn all(chain: &Chain, person: &Person, drafts: &[Draft]) -> BTreeMap<RecordId, Record> {
    drafts.iter().filter_map(|draft| Some((draft.id, record(chain.state(), person.id, draft.id)?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn versions_labels_summary_and_holds_hold_together(steps in prop::collection::vec(step(), 1..24)) {
        let (mut chain, person) = chain();
        let mut drafts: Vec<Draft> = Vec::new();
        for (step, number) in steps.into_iter().zip(0u16..) {
            let before = all(&chain, &person, &drafts);
            let outcome = match step {
                Step::File { prev, kind, tag, restricted } => {
                    let prev = prev.and_then(|prev| drafts.get(prev)).map(|prev| prev.id);
                    let tags = Tags::try_from(vec![Tag([tag; 8])]).unwrap();
                    let draft = Draft { prev, kind, tags, restricted, ..Draft::lab(person.id, HOSPITAL, number) };
                    let call = draft.call(&chain.genesis(), &DOCTOR_SUBJECT, &[&gateway()]);
                    drafts.push(draft);
                    chain.call(doctor_account(), call)
                }
                Step::Set { record, to, by_custodian } => {
                    let id = drafts.get(record).map_or(RecordId([0; 16]), |draft| draft.id);
                    let caller = if by_custodian { privacy() } else { doctor_account() };
                    chain.call(caller, Call::StatusSet { patient: person.id, id, to, basis: 0 })
                }
            };
            let after = all(&chain, &person, &drafts);
            prop_assert!(outcome.is_ok() || before == after);
            for (id, old) in &before {
                let new = &after[id];
                let fixed = |record: &Record| (record.digest, record.size, record.version, record.author);
                prop_assert_eq!(fixed(old), fixed(new));
            }
            for record in after.values() {
                let Some(prev) = record.prev else {
                    prop_assert_eq!(record.version, 1);
                    continue;
                };
                let prev = &after[&prev];
                prop_assert_eq!(record.version, prev.version + 1);
                prop_assert_ne!(prev.status, RecordStatus::Current);
                prop_assert!(prev.tags.iter().all(|tag| record.tags.contains(tag)));
                prop_assert!(record.restricted || !prev.restricted);
            }
            let current = |kind| {
                let all = after.iter().filter(move |(_, r)| r.kind == kind && r.status == RecordStatus::Current);
                all.map(|(id, _)| *id).collect::<Vec<_>>()
            };
            prop_assert_eq!(current(Kind::Summary), summary(chain.state(), person.id).into_iter().collect::<Vec<_>>());
            let held = after.values().filter(|record| record.hold).count();
            prop_assert_eq!(Holds::get(chain.state(), &person.id) as usize, held);
        }
    }
}

#[test]
fn every_state_value_has_a_bound() {
    assert!(Record::max_encoded_len() <= 256, "{}", Record::max_encoded_len());
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
