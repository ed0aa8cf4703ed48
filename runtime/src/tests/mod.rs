//! Tests of the runtime as a whole: blocks, validity and metadata.

mod authorisation;
mod blocks;
mod members;
mod metadata;
mod quotas;
mod reports;
mod upgrades;
mod validity;

use std::{collections::BTreeMap, rc::Rc};

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    AccountId, Hash, Header, Height, Moment, OrganisationId, RawExtrinsic,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    header::{Digest, Slot, extrinsics_root},
    runtime_api::{BlockContext, Built, Changes, Executed, InvalidBlock, NoneVerified, RuntimeApi},
    validator_set::ValidatorSet,
};
use salus_support::Overlay;
use salus_system::types::Parameters;
use salus_validators::{genesis::GenesisValidator, types::peer_of};

use crate::{EventRecord, GenesisConfig, RuntimeCall, RuntimeEvent, SalusRuntime};

pub(crate) const GENESIS_TIME: Moment = Moment(1_800_000_000_000);

pub(crate) fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

pub(crate) fn council() -> KeyPair {
    key(1)
}

/// The authority's key of the validator of this seed; its node's key is that of `seed + 100`.
pub(crate) fn validator(seed: u8) -> GenesisValidator {
    GenesisValidator {
        authority: key(seed).public(),
        peer_id: peer_of(&key(seed + 100).public()),
        organisation: OrganisationId([4; 16]),
    }
}

/// A chain in memory, of one validator unless said otherwise: blocks are built, executed again, and must agree.
#[derive(Clone)]
pub(crate) struct TestNet {
    pub runtime: Rc<SalusRuntime>,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub tip: Header,
    pub genesis: Hash,
    /// How long after the tip the next block is, ms.
    pub step: u64,
}

impl TestNet {
    pub fn new() -> Self {
        Self::with(Parameters { root_delay: 0, ..Parameters::default() })
    }

    pub fn with(parameters: Parameters) -> Self {
        Self::of(parameters, vec![validator(2)])
    }

    /// A chain that the authorities of these seeds decide, without a `root_delay`.
    pub fn decided_by(seeds: &[u8]) -> Self {
        let validators = seeds.iter().map(|seed| validator(*seed)).collect();
        Self::of(Parameters { root_delay: 0, ..Parameters::default() }, validators)
    }

    fn of(parameters: Parameters, validators: Vec<GenesisValidator>) -> Self {
        let runtime = Rc::new(SalusRuntime::new());
        let config = GenesisConfig {
            time: GENESIS_TIME,
            parameters,
            council: vec![council().public()],
            threshold: 1,
            validators,
        };
        let changes = config.build(&runtime).unwrap();
        let tip = crate::genesis::block(Hash::ZERO).header;
        let genesis = tip.hash();
        let state = changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self { runtime, state, tip, genesis, step: 1_000 }
    }

    pub fn chain(&self) -> ChainContext {
        let version = salus_system::version();
        ChainContext {
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
            genesis: self.genesis,
        }
    }

    pub fn nonce(&self, account: AccountId) -> u32 {
        salus_system::storage::Account::get(&self.state, &account).nonce
    }

    /// An immortal extrinsic under the account's next nonce plus `ahead`.
    pub fn signed(&self, by: &KeyPair, call: RuntimeCall, ahead: u32) -> RawExtrinsic {
        let nonce = self.nonce(by.public()) + ahead;
        sign(by, call.encode(), Era::Immortal, nonce, &self.chain(), &self.genesis)
    }

    pub fn context(&self) -> BlockContext {
        let time = self.tip.slot().map_or(GENESIS_TIME, |slot| slot.time).plus(self.step);
        let (set, number) = (self.set(), self.tip.number.next());
        let proposer_index = set.proposer_index(number, 0);
        let slot = Slot { time, build_round: 0, proposer_index, set_id: set.set_id };
        BlockContext { number, parent_hash: self.tip.hash(), slot }
    }

    /// The set that decides the next height.
    pub fn set(&self) -> ValidatorSet {
        self.runtime.validators(&self.state)
    }

    pub fn build(&self, candidates: Vec<RawExtrinsic>) -> Built {
        self.runtime.build(&self.state, &self.context(), &mut candidates.into_iter(), &NoneVerified).unwrap()
    }

    pub fn execute(&self, extrinsics: &[RawExtrinsic]) -> Result<Executed, InvalidBlock> {
        self.runtime.execute(&self.state, &self.context(), extrinsics, &NoneVerified)
    }

    /// Build a block of `candidates`, execute it again, keep it; its events.
    pub fn block(&mut self, candidates: Vec<RawExtrinsic>) -> Vec<EventRecord> {
        let built = self.build(candidates);
        assert_eq!(built.invalid, [], "every candidate is valid");
        assert_eq!(self.execute(&built.extrinsics).unwrap(), built.executed, "building and executing agree");
        let context = self.context();
        self.tip = Header {
            parent_hash: context.parent_hash,
            number: context.number,
            state_root: Hash::ZERO,
            extrinsics_root: extrinsics_root(&built.extrinsics),
            digest: Digest { logs: [vec![context.slot.item()], built.executed.digest].concat() },
        };
        self.apply(built.executed.changes);
        self.events()
    }

    /// Make `count` empty blocks.
    pub fn pass(&mut self, count: u32) {
        for _ in 0..count {
            self.block(vec![]);
        }
    }

    /// Change the state directly.
    pub fn prepare(&mut self, write: impl FnOnce(&mut Overlay<'_>)) {
        let mut overlay = Overlay::new(&self.state);
        write(&mut overlay);
        let changes = overlay.into_changes();
        self.apply(changes);
    }

    pub fn events(&self) -> Vec<EventRecord> {
        Vec::decode(&mut &self.state[&crate::executive::events_key()][..]).unwrap()
    }

    fn apply(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
    }

    pub fn height(&self) -> Height {
        self.tip.number
    }
}

pub(crate) fn noop() -> RuntimeCall {
    RuntimeCall::System(salus_system::Call::Noop {})
}

pub(crate) fn succeeded(record: &EventRecord) -> bool {
    matches!(record.event, RuntimeEvent::System(salus_system::Event::ExtrinsicSuccess { .. }))
}
