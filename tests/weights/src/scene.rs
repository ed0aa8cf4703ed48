//! The state in which all cases stand, and how a case becomes an extrinsic.

use std::collections::BTreeMap;

use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Height, Moment, RawExtrinsic, Subject,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    header::Slot,
    runtime_api::{BlockContext, RuntimeApi},
    signed::{CoSign, CoSigns, cosign},
};
use salus_runtime::{GenesisConfig, Runtime, RuntimeCall, RuntimeError, SalusRuntime};
use salus_support::{Overlay, table::RuntimeTable};
use salus_system::{
    Parameters, Policy,
    storage::{Account, BlockHash, Number, WeightExtra, WeightUsed},
    timestamp,
    types::Usage,
};

use crate::{
    access, appointments, consent, council,
    crowd::{self, Asked},
    guardians, patients, people, records, registry,
};

/// The height of the block that each case stands in alone.
pub(crate) const HEIGHT: Height = Height(5_001);
/// Its block time.
pub(crate) const NOW: Moment = Moment(1_800_000_000_000);
/// What genesis is said to hash to: every signature binds it.
pub(crate) const GENESIS: Hash = Hash([0x47; 32]);
/// The block in which the extrinsics were born, and its hash.
const BORN: (Height, Hash) = (Height(1_000), Hash([0xB1; 32]));
/// The block before.
const PARENT: Hash = Hash([0x9A; 32]);
/// Weight units a day of whoever signs: none of the cases is refused for want of them.
const QUOTA: u64 = 1_000_000_000;

/// A call at its worst.
pub struct Case {
    /// Which call: a row of [`ROWS`].
    pub call: &'static str,
    /// Why it is the worst of its weight.
    pub size: &'static str,
    /// Its extrinsic.
    pub extrinsic: RawExtrinsic,
    /// The weight it declares.
    pub weight: u64,
    /// Signatures that its call verifies, besides the extrinsic's own.
    pub signatures: u64,
    /// The error it is refused with, where it is.
    pub refused: Option<RuntimeError>,
}

/// All cases, and the state before each.
pub struct Scene {
    /// The cases, by pallet.
    pub cases: Vec<Case>,
    /// The state that each of them meets.
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The block that each of them stands in alone.
    pub block: BlockContext,
    /// Decisions about patients of few and many grants.
    pub asked: Vec<Asked>,
}

impl Scene {
    /// The cases among this many patients who granted to one hospital.
    ///
    /// # Panics
    /// When the genesis of the scene is none: a mistake at the desk, which every test meets.
    pub fn among(grants: usize) -> Self {
        let runtime = SalusRuntime::new();
        let genesis = GenesisConfig {
            time: NOW,
            parameters: Parameters {
                policy: Policy::CustodianTreatment,
                root_delay: 0,
                organisation_weight: QUOTA,
                practitioner_weight: QUOTA,
                patient_weight: QUOTA,
                ..Parameters::default()
            },
            council: (0..council::MEMBERS).map(|number| council::member(number).public()).collect(),
            threshold: 1,
            validators: council::validators(0..council::VALIDATORS),
        };
        let genesis = genesis.build(&runtime).expect("the scene has a council, validators and parameters that fit");
        let genesis: BTreeMap<_, _> = genesis.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let mut builder = Builder { state: Overlay::new(&genesis), drafts: Vec::new() };
        builder.chain();
        people::found(&mut builder);
        let parts: [fn(&mut Builder<'_>); 8] = [
            council::cases,
            registry::cases,
            patients::cases,
            guardians::cases,
            records::cases,
            consent::cases,
            access::cases,
            appointments::cases,
        ];
        parts.into_iter().for_each(|part| part(&mut builder));
        crowd::suspensions(&mut builder, grants);
        let asked = crowd::asked(&mut builder);
        let Builder { state, drafts } = builder;
        let changes = state.into_changes();

        let mut state = genesis;
        for (key, value) in changes {
            match value {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }
        let set = runtime.validators(&state);
        let proposer_index = set.proposer_index(HEIGHT, 0);
        let slot = Slot { time: NOW, build_round: 0, proposer_index, set_id: set.set_id };
        let block = BlockContext { number: HEIGHT, parent_hash: PARENT, slot };
        let cases = drafts.into_iter().map(|draft| draft.signed(&runtime)).collect();
        Self { cases, state, block, asked }
    }
}

/// A case that is not an extrinsic yet.
struct Draft {
    size: &'static str,
    by: Option<KeyPair>,
    call: RuntimeCall,
    signatures: u64,
    refused: Option<RuntimeError>,
}

impl Draft {
    fn signed(self, runtime: &SalusRuntime) -> Case {
        let Self { size, by, call, signatures, refused } = self;
        let (name, weight) = (row(&call), Runtime::cost(&call).weight);
        let extrinsic = match (by, call) {
            (Some(by), call) => {
                let version = salus_system::version();
                let chain = ChainContext {
                    spec_version: version.spec_version,
                    transaction_version: version.transaction_version,
                    genesis: GENESIS,
                };
                sign(&by, call.encode(), Era::mortal(4_096, BORN.0), 0, &chain, &BORN.1)
            }
            (None, RuntimeCall::Validators(salus_validators::Call::ReportEquivocation { evidence })) => {
                runtime.report(&evidence)
            }
            (None, call) => panic!("{call:?} has to be signed"),
        };
        Case { call: name, size, extrinsic, weight, signatures, refused }
    }
}

/// A scene being written.
pub(crate) struct Builder<'a> {
    /// Its state.
    pub state: Overlay<'a>,
    drafts: Vec<Draft>,
}

impl Builder<'_> {
    /// What state says of the chain itself.
    fn chain(&mut self) {
        let state = &mut self.state;
        BlockHash::insert(state, &0, &GENESIS);
        BlockHash::insert(state, &BORN.0.0, &BORN.1);
        Number::put(state, &(HEIGHT.0 - 1));
        timestamp::Now::put(state, &(NOW.0 - 1_000));
    }

    /// A case that succeeds.
    pub fn case(&mut self, size: &'static str, by: &KeyPair, call: impl Into<RuntimeCall>) {
        self.draft(size, Some(by), call.into(), 0);
    }

    /// A case whose call verifies signatures that stand in its fields.
    pub fn verifying(&mut self, signatures: u64, size: &'static str, by: &KeyPair, call: impl Into<RuntimeCall>) {
        self.draft(size, Some(by), call.into(), signatures);
    }

    /// A case that is refused after nearly everything was done.
    pub fn refused(
        &mut self,
        size: &'static str,
        by: &KeyPair,
        call: impl Into<RuntimeCall>,
        error: impl Into<RuntimeError>,
    ) {
        self.draft(size, Some(by), call.into(), 0);
        if let Some(draft) = self.drafts.last_mut() {
            draft.refused = Some(error.into());
        }
    }

    /// A case that nobody signs: it proves itself by two signatures.
    pub fn bare(&mut self, size: &'static str, call: impl Into<RuntimeCall>) {
        self.draft(size, None, call.into(), 2);
    }

    /// A case that others sign along.
    pub fn cosigned<C: Into<RuntimeCall>>(
        &mut self,
        size: &'static str,
        by: &KeyPair,
        along: &[&KeyPair],
        call: impl Fn(CoSigns) -> C,
    ) {
        let bare = call(CoSigns::new()).into().encode();
        let message = cosign(&GENESIS, &by.public(), 0, &bare);
        let signed: Vec<_> =
            along.iter().map(|key| CoSign { account: key.public(), signature: key.sign(&message) }).collect();
        self.draft(size, Some(by), call(people::list(signed)).into(), along.len() as u64);
    }

    fn draft(&mut self, size: &'static str, by: Option<&KeyPair>, call: RuntimeCall, signatures: u64) {
        let subject = by.and_then(|by| Account::get(&self.state, &by.public()).data.subject);
        if let Some(subject) = subject {
            self.used_up(subject);
        }
        self.drafts.push(Draft { size, by: by.cloned(), call, signatures, refused: None });
    }

    /// The quota of the day is used up: what was added to it is read too.
    pub fn used_up(&mut self, subject: Subject) {
        if subject != Subject::Council {
            WeightUsed::insert(&mut self.state, &subject, &Usage { day: NOW.day(), weight: QUOTA });
            WeightExtra::insert(&mut self.state, &subject, &Usage { day: NOW.day(), weight: QUOTA / 2 });
        }
    }
}

/// Makes the table of calls: which there are, and which row is whose. A call that is not here does not compile.
macro_rules! rows {
    ($($pallet:ident = $module:ident: $($call:ident),+;)+) => {
        /// Every call, as `Pallet.call`.
        pub const ROWS: &[&str] = &[$($(concat!(stringify!($pallet), ".", stringify!($call))),+),+];

        /// The row of a call.
        pub const fn row(call: &RuntimeCall) -> &'static str {
            match call {
                $(RuntimeCall::$pallet(call) => match call {
                    $($module::Call::$call { .. } => concat!(stringify!($pallet), ".", stringify!($call)),)+
                },)+
                // It has no calls.
                RuntimeCall::Timestamp(call) => match *call {},
            }
        }
    };
}

rows! {
    System = salus_system: Noop;
    Validators = salus_validators: ReportEquivocation;
    Council = salus_council: Propose, Vote;
    Registry = salus_registry: OrganisationUpdate, OfficerSet, PractitionerSet, AffiliationSet, KeysSet;
    Patients = salus_patients: Invite, Register, Confirm, GuardiansSet, Recover, StatusSet;
    Records = salus_records: Put, StatusSet, Relabel, ShredAttest, CustodySet;
    Consent = salus_consent: Grant, Revoke, Delegate;
    Access = salus_access: Request, Respond, Open, Serve, EmergencyOpen, Review, Dispute;
    Appointments = salus_appointments: Publish, Book, Set;
    Credits = salus_credits: Redeem;
}
