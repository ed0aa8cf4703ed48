//! A chain in memory, whole: two hospitals, their people, four patients, and blocks made by the real executive.
//!
//! Who is there stands in state from the start; whatever a test does goes through signed extrinsics.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};
use salus_consent::{Grantee, GranteeKey, Kind, RuleRef, Terms, Withdrawal};
use salus_patients::{Patient, PatientState};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Header, Moment, OrganisationId, PatientId, PractitionerId, RawExtrinsic, RecordId,
    Subject,
    crypto::KeyPair,
    dispatch::{DispatchError, InvalidTransaction, ModuleError},
    extrinsic::{ChainContext, Era, sign},
    header::{Digest, Slot, extrinsics_root},
    runtime_api::{BlockContext, Built, Changes, InvalidBlock, NoneVerified, RuntimeApi},
    signed::{CoSign, CoSigns, cosign},
    subject::Roles,
    time::{DAY, YEAR},
};
use salus_records::{Record, RecordStatus};
use salus_registry::types::{Affiliation, Caps, DisplayName, OrganisationStatus, Practitioner, PractitionerStatus};
use salus_runtime::{EventRecord, GenesisConfig, Runtime, RuntimeCall, RuntimeError, RuntimeEvent, SalusRuntime};
use salus_support::{Overlay, metadata::types::Phase, table::RuntimeTable};
use salus_system::{Parameters, keys, storage as system};
use salus_validators::{genesis::GenesisValidator, types::peer_of};

/// Keeps the patients' records.
pub const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
/// Wants to see them.
pub const CLINIC: OrganisationId = OrganisationId([2; 16]);
/// Nobody's.
pub const NOWHERE: OrganisationId = OrganisationId([9; 16]);
/// Works at the hospital.
pub const DOCTOR: PractitionerId = PractitionerId([11; 16]);
/// Works at the clinic.
pub const SURGEON: PractitionerId = PractitionerId([12; 16]);
pub const NO_PRACTITIONER: PractitionerId = PractitionerId([19; 16]);
/// The patient most tests are about, and three who may be guardians.
pub const PATIENT: PatientId = PatientId([21; 16]);
pub const ANNA: PatientId = PatientId([22; 16]);
pub const BEN: PatientId = PatientId([23; 16]);
pub const CARL: PatientId = PatientId([24; 16]);
pub const NO_PATIENT: PatientId = PatientId([29; 16]);

/// Seeds of keys. The council's threshold is two of three.
pub const COUNCIL: [u8; 3] = [1, 2, 3];
pub const REGISTRAR_KEY: u8 = 32;
pub const PRIVACY_KEY: u8 = 33;
pub const REVIEWER_KEY: u8 = 34;
pub const GATEWAY_KEY: u8 = 35;
pub const CLINIC_ADMIN_KEY: u8 = 41;
pub const CLINIC_REGISTRAR_KEY: u8 = 42;
pub const CLINIC_PRIVACY_KEY: u8 = 43;
pub const CLINIC_REVIEWER_KEY: u8 = 44;
pub const CLINIC_GATEWAY_KEY: u8 = 45;
pub const ADMIN_KEY: u8 = 31;
pub const DOCTOR_KEY: u8 = 51;
pub const SURGEON_KEY: u8 = 52;
pub const PATIENT_KEY: u8 = 61;
pub const ANNA_KEY: u8 = 62;
pub const BEN_KEY: u8 = 63;
pub const CARL_KEY: u8 = 64;
/// In no register.
pub const UNBOUND_KEY: u8 = 99;

pub const GENESIS_TIME: Moment = Moment(1_800_000_000_000);

/// The key pair of this seed.
pub fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

pub fn account(seed: u8) -> AccountId {
    key(seed).public()
}

pub fn record_id(byte: u8) -> RecordId {
    RecordId([byte; 16])
}

/// A list within its bound.
#[track_caller]
pub fn list<T, const MAX: u32>(items: impl IntoIterator<Item = T>) -> BoundedVec<T, MAX> {
    BoundedVec::try_from(items.into_iter().collect::<Vec<_>>()).expect("a list of a test is within its bound")
}

pub struct World {
    pub runtime: SalusRuntime,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub tip: Header,
    pub genesis: Hash,
    /// How long after the tip the next block is, ms.
    wait: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(Parameters { root_delay: 0, ..Parameters::default() })
    }

    pub fn with(parameters: Parameters) -> Self {
        let runtime = SalusRuntime::new();
        let validators =
            vec![GenesisValidator { authority: account(20), peer_id: peer_of(&account(120)), organisation: HOSPITAL }];
        let council = COUNCIL.map(account).into();
        let config = GenesisConfig { time: GENESIS_TIME, parameters, council, threshold: 2, validators };
        let changes = config.build(&runtime).expect("a chain can begin so");
        let tip = salus_runtime::genesis::block(Hash::ZERO).header;
        let genesis = tip.hash();
        let mut world = Self { runtime, state: BTreeMap::new(), tip, genesis, wait: 1_000 };
        apply(&mut world.state, changes);
        world.prepare(people);
        world
    }

    /// Change state directly: what earlier blocks did.
    pub fn prepare(&mut self, write: impl FnOnce(&mut Overlay<'_>)) {
        let mut overlay = Overlay::new(&self.state);
        write(&mut overlay);
        let changes = overlay.into_changes();
        apply(&mut self.state, changes);
    }

    /// Let `ms` pass before the next block.
    pub fn advance(&mut self, ms: u64) -> &mut Self {
        self.wait = ms;
        self
    }

    /// Let the next block be the first of a day.
    pub fn at_midnight(&mut self) -> &mut Self {
        self.wait += DAY - self.now().0 % DAY;
        self
    }

    /// Time of the next block.
    pub fn now(&self) -> Moment {
        self.tip.slot().map_or(GENESIS_TIME, |slot| slot.time).plus(self.wait)
    }

    pub fn chain(&self) -> ChainContext {
        let version = salus_system::version();
        let (spec_version, transaction_version) = (version.spec_version, version.transaction_version);
        ChainContext { spec_version, transaction_version, genesis: self.genesis }
    }

    pub fn nonce(&self, by: AccountId) -> u32 {
        system::Account::get(&self.state, &by).nonce
    }

    /// An immortal extrinsic of these call bytes, `ahead` of the account's next nonce.
    pub fn signed_bytes(&self, by: &KeyPair, call: Vec<u8>, ahead: u32) -> RawExtrinsic {
        sign(by, call, Era::Immortal, self.nonce(by.public()) + ahead, &self.chain(), &self.genesis)
    }

    pub fn signed(&self, by: u8, call: impl Into<RuntimeCall>) -> RawExtrinsic {
        self.signed_bytes(&key(by), call.into().encode(), 0)
    }

    /// The call that `with` makes, co-signed by these for `by`, who submits it next.
    pub fn cosigned<C: Into<RuntimeCall>>(&self, by: u8, with: impl Fn(CoSigns) -> C, signers: &[u8]) -> RuntimeCall {
        let bare: RuntimeCall = with(CoSigns::new()).into();
        let message = cosign(&self.genesis, &account(by), self.nonce(account(by)), &bare.encode());
        let agreed =
            signers.iter().map(|seed| CoSign { account: account(*seed), signature: key(*seed).sign(&message) });
        with(list(agreed)).into()
    }

    pub fn context(&self) -> BlockContext {
        let (set, number) = (self.runtime.validators(&self.state), self.tip.number.next());
        let proposer_index = set.proposer_index(number, 0);
        let slot = Slot { time: self.now(), build_round: 0, proposer_index, set_id: set.set_id };
        BlockContext { number, parent_hash: self.tip.hash(), slot }
    }

    pub fn build(&self, candidates: Vec<RawExtrinsic>) -> Built {
        self.runtime
            .build(&self.state, &self.context(), &mut candidates.into_iter(), &NoneVerified)
            .expect("a slot of ours")
    }

    /// State after a block of these, which are all valid.
    fn after(&self, extrinsics: &[RawExtrinsic]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let built = self.build(extrinsics.to_vec());
        assert_eq!(built.invalid, [], "every extrinsic is valid");
        assert_eq!(built.extrinsics, extrinsics, "every extrinsic has room");
        let executed = self.runtime.execute(&self.state, &self.context(), extrinsics, &NoneVerified);
        assert_eq!(executed.as_ref(), Ok(&built.executed), "building and executing agree");
        let mut state = self.state.clone();
        apply(&mut state, built.executed.changes);
        state
    }

    /// Make a block of these and keep it; what became of each.
    pub fn block(&mut self, extrinsics: &[RawExtrinsic]) -> Vec<Result<(), RuntimeError>> {
        let (after, context) = (self.after(extrinsics), self.context());
        self.state = after;
        self.tip = Header {
            parent_hash: context.parent_hash,
            number: context.number,
            state_root: Hash::ZERO,
            extrinsics_root: extrinsics_root(extrinsics),
            digest: Digest { logs: vec![context.slot.item()] },
        };
        self.wait = 1_000;
        outcomes(&self.state)
    }

    /// A call that takes effect, in a block of its own.
    #[track_caller]
    pub fn ok(&mut self, by: u8, call: impl Into<RuntimeCall>) -> &mut Self {
        let call = call.into();
        assert_eq!(self.block(&[self.signed(by, call.clone())]), [Ok(())], "{call:?}");
        self
    }

    /// A call that stands in a block and is refused with `error`: against the same block without it, nothing in state
    /// differs but the signer's nonce, one higher, the quota it used, and the event that says so. The block is kept.
    #[track_caller]
    pub fn refused(&mut self, by: u8, call: impl Into<RuntimeCall>, error: impl Into<RuntimeError>) -> &mut Self {
        let call = call.into();
        assert_eq!(self.submit(by, call.encode()), Err(error.into()), "{call:?}");
        self
    }

    /// A block with these call bytes, signed by `by`, which may stand there. Where they are refused, state is compared as
    /// [`World::refused`] says.
    #[track_caller]
    pub fn submit(&mut self, by: u8, bytes: Vec<u8>) -> Result<(), RuntimeError> {
        let raw = self.signed_bytes(&key(by), bytes.clone(), 0);
        let (without, before, now) = (self.after(&[]), self.nonce(account(by)), self.now());
        let outcome = self.block(&[raw]);
        let [Err(error)] = outcome[..] else { return Ok(()) };

        let call = RuntimeCall::decode(&mut &bytes[..]).expect("it stood in a block");
        let mut expected = without;
        let mut overlay = Overlay::new(&expected);
        let mut info = system::Account::get(&overlay, &account(by));
        info.nonce = before + 1;
        system::Account::insert(&mut overlay, &account(by), &info);
        if let Some(subject) = info.data.speaks_for(now) {
            salus_system::usage::charge(&mut overlay, &subject, Runtime::cost(&call).weight, now);
        }
        let changes = overlay.into_changes();
        apply(&mut expected, changes);
        expected.insert(events_key(), self.state[&events_key()].clone());
        assert!(self.state == expected, "a refused call changes the nonce and the quota, and nothing else: {call:?}");
        Err(error)
    }

    /// An extrinsic that may stand in no block: the pool says so, a block with it is refused whole, and a proposer leaves
    /// it out, so that state is as it is without.
    #[track_caller]
    pub fn invalid(&self, raw: &RawExtrinsic, reason: InvalidTransaction) {
        assert_eq!(self.runtime.validate(&self.state, &self.tip, raw, &NoneVerified).map(|_| ()), Err(reason), "pool");
        let block = self.runtime.execute(&self.state, &self.context(), std::slice::from_ref(raw), &NoneVerified);
        assert_eq!(block, Err(InvalidBlock::Extrinsic { index: 0, reason }), "block");
        let (with, without) = (self.build(vec![raw.clone()]), self.build(vec![]));
        assert_eq!((with.executed, with.extrinsics), (without.executed, vec![]), "proposer");
        assert_eq!(with.invalid, [(raw.hash(), reason)]);
    }

    /// The patient makes this rule; its name.
    #[track_caller]
    pub fn grant(&mut self, terms: Terms) -> RuleRef {
        let grantee = terms.grantee.key();
        let id = salus_consent::storage::Ledgers::get(&self.state, &PATIENT).next_id;
        self.ok(PATIENT_KEY, salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None });
        RuleRef { grantee, id }
    }

    /// The surgeon may view everything for treatment from the next block on for a year.
    pub fn permit(&self) -> Terms {
        permit(self.now(), Grantee::Practitioner(SURGEON, CLINIC))
    }

    /// The surgeon opens these records of the patient; the receipt's number.
    #[track_caller]
    pub fn open(&mut self, records: &[u8]) -> u32 {
        let index = salus_access::storage::Logs::get(&self.state, &PATIENT).count;
        self.ok(SURGEON_KEY, opening(records));
        index
    }

    pub fn receipt(&self, index: u32) -> salus_access::Receipt {
        salus_access::storage::Receipts::get(&self.state, &(PATIENT, index)).expect("the receipt is in state")
    }

    /// Put a record of the patient into state, or change the one of this id.
    pub fn file(&mut self, byte: u8, change: impl FnOnce(&mut Record)) {
        let key = (PATIENT, record_id(byte));
        self.prepare(|state| {
            let mut record = salus_records::storage::Records::get(state, &key).unwrap_or_else(|| a_record(byte));
            change(&mut record);
            if record.kind == Kind::Summary {
                salus_records::storage::Summary::insert(state, &PATIENT, &record_id(byte));
            }
            salus_records::storage::Records::insert(state, &key, &record);
        });
    }
}

/// The surgeon's call that opens these records of the patient for treatment.
pub fn opening(records: &[u8]) -> salus_access::Call {
    let records = list(records.iter().map(|byte| record_id(*byte)));
    let purpose = salus_consent::Purpose::Treatment;
    salus_access::Call::Open { patient: PATIENT, organisation: CLINIC, purpose, records }
}

/// The patient's call that withdraws this rule.
pub fn revocation(rule: RuleRef) -> salus_consent::Call {
    salus_consent::Call::Revoke { patient: PATIENT, what: Withdrawal::Rules(list([rule])) }
}

/// Everything of every kind, to view for treatment, from now for a year.
pub fn permit(now: Moment, grantee: Grantee) -> Terms {
    use salus_consent::{Action, Actions, Effect, Kinds, Obligations, Purpose, Purposes, Scope};
    Terms {
        effect: Effect::Permit,
        grantee,
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: salus_primitives::Window { from: now, until: now.plus(YEAR) },
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// The surgeon's page of the patient's rules.
pub fn surgeons_page() -> GranteeKey {
    GranteeKey::Practitioner(SURGEON, CLINIC)
}

fn a_record(byte: u8) -> Record {
    Record {
        version: 1,
        prev: None,
        kind: Kind::Lab,
        tags: BoundedVec::new(),
        labelled: true,
        restricted: false,
        digest: Hash([byte; 32]),
        size: 4_096,
        key_epoch: 1,
        author: Subject::Practitioner(DOCTOR),
        organisation: HOSPITAL,
        custodian: HOSPITAL,
        second: None,
        status: RecordStatus::Current,
        hold: false,
    }
}

/// Who is there, licensed and affiliated for years.
fn people(state: &mut Overlay<'_>) {
    let (now, lasts) = (GENESIS_TIME, GENESIS_TIME.plus(4 * YEAR));
    for (id, admin) in [(HOSPITAL, ADMIN_KEY), (CLINIC, CLINIC_ADMIN_KEY)] {
        organisation(state, id, Some(account(admin)));
        for (seed, roles) in (admin + 1..).zip([Roles::REGISTRAR, Roles::PRIVACY, Roles::REVIEWER, Roles::GATEWAY]) {
            keys::bind(state, now, account(seed), Subject::Organisation(id), roles, None).expect("a new key");
        }
    }
    for (id, place, seed, registrar) in
        [(DOCTOR, HOSPITAL, DOCTOR_KEY, REGISTRAR_KEY), (SURGEON, CLINIC, SURGEON_KEY, CLINIC_REGISTRAR_KEY)]
    {
        keys::bind(state, now, account(seed), Subject::Practitioner(id), Roles::NONE, None).expect("a new key");
        let enrolled_by = account(registrar);
        let (status, licence, speciality) = (PractitionerStatus::Active, Hash([1; 32]), 394_814_009);
        let practitioner =
            Practitioner { status, licence, licence_until: lasts, speciality, licensing: place, enrolled_by };
        salus_registry::storage::Practitioners::insert(state, &id, &practitioner);
        salus_registry::storage::Places::insert(state, &id, &list([place]));
        let affiliation = Affiliation { roles: list([309_343_006]), until: lasts, enrolled_by };
        salus_registry::storage::Affiliations::insert(state, &(id, place), &affiliation);
    }
    for (id, seed) in [(PATIENT, PATIENT_KEY), (ANNA, ANNA_KEY), (BEN, BEN_KEY), (CARL, CARL_KEY)] {
        keys::bind(state, now, account(seed), Subject::Patient(id), Roles::NONE, None).expect("a new key");
        patient(state, id);
    }
    for byte in [1, 2, 3] {
        salus_records::storage::Records::insert(state, &(PATIENT, record_id(byte)), &a_record(byte));
    }
}

/// An Active organisation with every capability.
pub fn organisation(state: &mut Overlay<'_>, id: OrganisationId, admin: Option<AccountId>) {
    let name = DisplayName::try_from(b"Hospital".to_vec()).expect("eight bytes");
    let admin = admin.or(Some(KeyPair::from_seed(&salus_primitives::crypto::sha256(&id.0).0).public()));
    salus_registry::organisation_set(state, GENESIS_TIME, id, OrganisationStatus::Active, name, Caps::ALL, admin)
        .expect("a new organisation");
}

/// An Active patient whom the hospital invited and confirmed.
pub fn patient(state: &mut Overlay<'_>, id: PatientId) {
    let patient =
        Patient { state: PatientState::Active, assurance: 1, inviting: HOSPITAL, held_key: None, frozen_at: None };
    salus_patients::storage::Patients::insert(state, &id, &patient);
}

fn apply(state: &mut BTreeMap<Vec<u8>, Vec<u8>>, changes: Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
}

fn events_key() -> Vec<u8> {
    salus_primitives::storage_key::prefix("System", "Events").to_vec()
}

/// The events of the newest block.
pub fn events(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<EventRecord> {
    Vec::decode(&mut &state[&events_key()][..]).expect("the state holds events")
}

/// What became of each extrinsic of the newest block.
fn outcomes(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Result<(), RuntimeError>> {
    let of_extrinsics = events(state).into_iter().filter(|record| matches!(record.phase, Phase::ApplyExtrinsic(_)));
    of_extrinsics
        .filter_map(|record| match record.event {
            RuntimeEvent::System(salus_system::Event::ExtrinsicSuccess { .. }) => Some(Ok(())),
            RuntimeEvent::System(salus_system::Event::ExtrinsicFailed { dispatch_error, .. }) => {
                Some(Err(typed(dispatch_error)))
            }
            _ => None,
        })
        .collect()
}

/// The pallet's error that a dispatch error carries.
fn typed(error: DispatchError) -> RuntimeError {
    let DispatchError::Module(ModuleError { index, error }) = error else { panic!("{error:?} is no pallet's") };
    RuntimeError::decode(&mut &[&[index][..], &error].concat()[..]).expect("an error of a pallet of ours")
}
