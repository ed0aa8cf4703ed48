//! `releasable()` on proven state says what it says on the whole state, whatever happened before.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use salus_access::{Call, Receipt, RecordIds, releasable, storage::Receipts};
use salus_consent::{
    Effect, Grantee, GranteeKey, Kind, Kinds, Purpose, Scope, Tag, Tags, Terms,
    testing::{deny, permit},
    types::{Attribute, Withdrawal},
};
use salus_patients::{
    storage::Patients,
    testing::{Person, confirmed},
    types::PatientState,
};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Window,
    crypto::KeyPair,
    subject::Roles,
    time::{DAY, MINUTE},
};
use salus_records::{Record, RecordStatus, storage::Records};
use salus_registry::{
    storage::Affiliations,
    testing as registry,
    types::{Caps, OrganisationStatus},
};
use salus_runtime::{Runtime, RuntimeCall};
use salus_support::testing::TestChain;
use salus_system::{Policy, storage::ChainParameters};

use super::{testing::HonestNode, *};

const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
const CLINIC: OrganisationId = OrganisationId([2; 16]);
const SURGEON: PractitionerId = PractitionerId([12; 16]);
const REGISTRAR: u8 = 21;
const RECORDS: u8 = 5;

/// What happens to a patient whose records the hospital keeps and a surgeon of the clinic opens.
#[derive(Clone, Debug)]
enum Step {
    Grant { terms: Box<Terms>, lasts: u64 },
    Revoke,
    Open(Vec<u8>, Purpose),
    Record(u8, RecordStatus),
    Organisation(OrganisationStatus),
    Dismiss,
    Patient(PatientState),
    Policy(Policy),
    Wait(u64),
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let attribute = Attribute { organisation: CLINIC, speciality: Some(registry::GENERAL_MEDICINE), role: None };
    let grantee = prop_oneof![
        3 => Just(Grantee::Practitioner(SURGEON, CLINIC)),
        2 => Just(Grantee::Organisation(CLINIC)),
        1 => Just(Grantee::Attribute(attribute)),
        1 => Just(Grantee::Everyone),
        1 => Just(Grantee::Organisation(HOSPITAL)),
    ];
    (grantee, prop::bool::weighted(0.2), 1u16..512, prop::bool::weighted(0.2), prop::option::of(1u32..3)).prop_map(
        |(grantee, denies, kinds, tagged, max_uses)| {
            let base = if denies { deny(Moment(0), grantee) } else { permit(Moment(0), grantee) };
            let any_of = if tagged { Tags::try_from(vec![Tag([7; 8])]) } else { Ok(Tags::new()) };
            let scope = Scope { any_of: any_of.expect("a tag"), ..Scope::kinds(Kinds(kinds)) };
            let max_uses = max_uses.filter(|_| base.effect == Effect::Permit);
            Terms { scope, max_uses, ..base }
        },
    )
}

fn a_step() -> impl Strategy<Value = Step> {
    use OrganisationStatus::{Active, Suspended};
    let records = prop::sample::subsequence((1..=RECORDS + 1).collect::<Vec<u8>>(), 1..6);
    let purpose = prop_oneof![5 => Just(Purpose::Treatment), 1 => Just(Purpose::Research)];
    let status =
        prop_oneof![Just(RecordStatus::Current), Just(RecordStatus::Erased), Just(RecordStatus::EnteredInError),];
    let state = prop_oneof![3 => Just(PatientState::Active), 1 => Just(PatientState::Closed)];
    prop_oneof![
        6 => (some_terms(), MINUTE..90 * MINUTE)
            .prop_map(|(terms, lasts)| Step::Grant { terms: Box::new(terms), lasts }),
        2 => Just(Step::Revoke),
        7 => (records, purpose).prop_map(|(records, purpose)| Step::Open(records, purpose)),
        2 => (1..=RECORDS, status).prop_map(|(record, status)| Step::Record(record, status)),
        1 => prop_oneof![Just(Active), Just(Suspended)].prop_map(Step::Organisation),
        1 => Just(Step::Dismiss),
        1 => state.prop_map(Step::Patient),
        1 => prop_oneof![Just(Policy::DenyAll), Just(Policy::CustodianTreatment)].prop_map(Step::Policy),
        3 => (1u64..20 * MINUTE).prop_map(Step::Wait),
        1 => Just(Step::Wait(DAY)),
    ]
}

struct History {
    chain: TestChain<Runtime>,
    patient: PatientId,
    me: AccountId,
}

impl History {
    fn new() -> Self {
        let mut chain = TestChain::new();
        registry::organisation(&mut chain, HOSPITAL, Caps::ALL, &registry::key(1));
        registry::organisation(&mut chain, CLINIC, Caps::ALL, &registry::key(2));
        registry::officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &registry::key(REGISTRAR));
        registry::doctor(&mut chain, SURGEON, CLINIC, &registry::key(12));
        let Person { id: patient, key } = confirmed(&mut chain, registry::key(REGISTRAR).public(), 1);
        let kinds = [Kind::Lab, Kind::Imaging, Kind::Document];
        chain.prepare(|state| {
            for byte in 1..=RECORDS {
                let tags = if byte == 4 { vec![Tag([7; 8])] } else { vec![] };
                let record = Record {
                    version: 1,
                    prev: None,
                    kind: kinds[usize::from(byte) % 3],
                    tags: Tags::try_from(tags).unwrap(),
                    labelled: byte != 5,
                    restricted: byte == 5,
                    digest: Hash([byte; 32]),
                    size: 4_096,
                    key_epoch: 1,
                    author: Subject::Practitioner(SURGEON),
                    organisation: HOSPITAL,
                    custodian: if byte == 2 { CLINIC } else { HOSPITAL },
                    second: None,
                    status: RecordStatus::Current,
                    hold: false,
                };
                Records::insert(state, &(patient, RecordId([byte; 16])), &record);
            }
        });
        Self { chain, patient, me: key.public() }
    }

    fn take(&mut self, step: Step) {
        let (patient, now) = (self.patient, self.chain.now());
        // What is refused leaves no trace, which is as good a history as any.
        let call: (AccountId, RuntimeCall) = match step {
            Step::Grant { terms, lasts } => {
                let terms = Terms { window: Window { from: now, until: now.plus(lasts) }, ..*terms };
                (self.me, salus_consent::Call::Grant { patient, terms, replaces: None }.into())
            }
            Step::Revoke => {
                let pages = BoundedVec::try_from(GranteeKey::concerning(SURGEON, CLINIC).to_vec()).unwrap();
                (self.me, salus_consent::Call::Revoke { patient, what: Withdrawal::Pages(pages) }.into())
            }
            Step::Open(records, purpose) => {
                let ids: Vec<_> = records.into_iter().map(|byte| RecordId([byte; 16])).collect();
                let records = RecordIds::try_from(ids).unwrap();
                let call = Call::Open { patient, organisation: CLINIC, purpose, records };
                (registry::key(12).public(), call.into())
            }
            Step::Record(byte, status) => {
                self.chain.prepare(|state| {
                    let key = (patient, RecordId([byte; 16]));
                    let record = Record { status, ..Records::get(state, &key).unwrap() };
                    Records::insert(state, &key, &record);
                });
                return;
            }
            Step::Organisation(to) => return registry::set_status(&mut self.chain, CLINIC, to),
            Step::Dismiss => {
                self.chain.prepare(|state| Affiliations::remove(state, &(SURGEON, CLINIC)));
                return;
            }
            Step::Patient(to) => {
                self.chain.prepare(|state| {
                    let mut entry = Patients::get(state, &patient).unwrap();
                    entry.state = to;
                    Patients::insert(state, &patient, &entry);
                });
                return;
            }
            Step::Policy(policy) => {
                self.chain.prepare(|state| {
                    let mut parameters = ChainParameters::get(state);
                    parameters.policy = policy;
                    ChainParameters::put(state, &parameters);
                });
                return;
            }
            Step::Wait(ms) => {
                self.chain.advance(ms);
                return;
            }
        };
        let _ = self.chain.call(call.0, call.1);
    }

    fn receipts(&self) -> BTreeMap<u32, Receipt> {
        let count = salus_access::storage::Logs::get(self.chain.state(), &self.patient).count;
        let receipt = |index| Some((index, Receipts::get(self.chain.state(), &(self.patient, index))?));
        (0..count).filter_map(receipt).collect()
    }
}

/// What a gateway asks: the receipt as it stands in state, and whether its entry may be released now. How often the
/// answer was yes, and how often no.
fn check(history: &History) -> Result<(u32, u32), TestCaseError> {
    let (chain, patient) = (&history.chain, history.patient);
    let validators = (1..=4).map(|seed| KeyPair::from_seed(&[seed; 32])).collect();
    let node = Arc::new(HonestNode::new(chain.entries().clone(), validators));
    node.make_block(chain.now(), |_| {});
    let now = chain.now();
    let options = Options { clock: Arc::new(move || now), ..Options::default() };
    let light = Light::new(node.clone(), node.verifier(), options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut yes, mut no) = (0, 0);
    for (index, receipt) in history.receipts().iter().rev().take(3) {
        for place in 0..=receipt.entries.len() {
            let expected = releasable(chain.state(), patient, receipt, place, now);
            *(if expected.is_ok() { &mut yes } else { &mut no }) += 1;
            let judged = runtime.block_on(light.judge(|state, at| {
                let receipt = Receipts::get(state, &(patient, *index))?;
                Some(releasable(state, patient, &receipt, place, at.time))
            }));
            let judged = judged.unwrap();
            prop_assert_eq!(judged.answer, Some(expected), "receipt {}, entry {}", index, place);
            prop_assert!(judged.keys.len() < 24, "{} keys", judged.keys.len());
        }
    }
    Ok((yes, no))
}

#[test]
fn proven_state_and_whole_state_release_the_same() {
    let config =
        ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(4), failure_persistence: None, ..Default::default() };
    let seen = RefCell::new((0, 0));
    let histories = prop::collection::vec(a_step(), 1..24);
    let outcome = TestRunner::new(config).run(&histories, |steps| {
        let mut history = History::new();
        for step in steps {
            history.take(step);
        }
        let (yes, no) = check(&history)?;
        let mut seen = seen.borrow_mut();
        *seen = (seen.0 + yes, seen.1 + no);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (yes, no) = seen.into_inner();
    assert!(yes > 30 && no > 300, "{yes} answers were yes and {no} no: such histories show little");
}

#[test]
fn an_honest_answer_is_yes_as_well_as_no() {
    let mut history = History::new();
    let terms = permit(history.chain.now(), Grantee::Practitioner(SURGEON, CLINIC));
    history.take(Step::Grant { terms: Box::new(terms), lasts: DAY });
    history.take(Step::Open(vec![1, 2], Purpose::Treatment));
    let receipt = history.receipts().remove(&0).unwrap();
    let permitted = |history: &History, place| {
        releasable(history.chain.state(), history.patient, &receipt, place, history.chain.now()).is_ok()
    };
    assert!(permitted(&history, 0) && permitted(&history, 1));
    assert_eq!(check(&history).unwrap(), (2, 1), "two entries, and a third that is not there");
    history.take(Step::Revoke);
    assert!(!permitted(&history, 0));
    assert_eq!(check(&history).unwrap(), (0, 3));
}
