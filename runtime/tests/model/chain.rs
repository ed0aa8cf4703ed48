//! The runtime behind its real executive, on a state in memory: blocks are built, and can be executed again.

use std::{collections::BTreeMap, sync::LazyLock};

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    Hash, Header, Moment, OrganisationId, RawExtrinsic,
    crypto::Signature,
    dispatch::InvalidTransaction,
    extrinsic::{ChainContext, Era, SignedExtrinsic, sign},
    header::{Digest, Slot, extrinsics_root},
    runtime_api::{BlockContext, Changes, Executed, NoneVerified, RuntimeApi, VerifiedSignatures},
    storage_key::prefix,
};
use salus_runtime::{EventRecord, GenesisConfig, RuntimeCall, SalusRuntime};
use salus_system::Parameters;
use salus_validators::{genesis::GenesisValidator, types::peer_of};

use crate::{
    speak::{account, pair},
    words::Key,
};

/// Time of genesis.
pub const GENESIS: u64 = 1_800_000_000_000;

pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Making metadata takes longer than a sequence.
static RUNTIME: LazyLock<SalusRuntime> = LazyLock::new(SalusRuntime::new);

/// Every extrinsic's signature was seen good, as a pool would have seen it.
struct AllVerified;

impl VerifiedSignatures for AllVerified {
    fn contains(&self, _: &Hash) -> bool {
        true
    }
}

#[derive(Clone)]
pub struct Chain {
    pub state: State,
    pub tip: Header,
    pub genesis: Hash,
    /// Are extrinsics signed and their signatures verified? A signature costs more than all else of a call, and no
    /// pallet sees it: most sequences do without. Co-signatures and all other signatures are always real.
    pub signs: bool,
    /// All blocks so far.
    pub blocks: Vec<(BlockContext, Vec<RawExtrinsic>, Changes)>,
}

/// A block that was made.
pub struct Made {
    pub included: Vec<RawExtrinsic>,
    pub invalid: Vec<(Hash, InvalidTransaction)>,
    pub events: Vec<EventRecord>,
    pub executed: Executed,
}

impl Chain {
    /// A chain that a council of these keys decides about, two of them at a time.
    pub fn new(council: &[Key], validators: [Key; 2]) -> Self {
        let validator = GenesisValidator {
            authority: account(validators[0]),
            peer_id: peer_of(&account(validators[1])),
            organisation: OrganisationId([1; 16]),
        };
        let config = GenesisConfig {
            time: Moment(GENESIS),
            parameters: Parameters::default(),
            council: council.iter().map(|key| account(*key)).collect(),
            threshold: 2,
            validators: vec![validator],
        };
        let changes = config.build(&RUNTIME).expect("a genesis that holds");
        let tip = salus_runtime::genesis::block(Hash::ZERO).header;
        let genesis = tip.hash();
        let state = changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self { state, tip, genesis, signs: true, blocks: Vec::new() }
    }

    /// An immortal extrinsic.
    pub fn extrinsic(&self, by: Key, nonce: u32, call: &RuntimeCall) -> RawExtrinsic {
        if !self.signs {
            let (signer, signature, era) = (account(by), Signature([0; 64]), Era::Immortal);
            return SignedExtrinsic { signer, signature, era, nonce, call: call.encode() }.to_raw();
        }
        static VERSIONS: LazyLock<(u32, u32)> = LazyLock::new(|| {
            let version = salus_system::version();
            (version.spec_version, version.transaction_version)
        });
        let (spec_version, transaction_version) = *VERSIONS;
        let chain = ChainContext { spec_version, transaction_version, genesis: self.genesis };
        sign(pair(by), call.encode(), Era::Immortal, nonce, &chain, &self.genesis)
    }

    fn verified(&self) -> &'static dyn VerifiedSignatures {
        if self.signs { &NoneVerified } else { &AllVerified }
    }

    fn context(&self, time: u64) -> BlockContext {
        let (set, number) = (RUNTIME.validators(&self.state), self.tip.number.next());
        let proposer_index = set.proposer_index(number, 0);
        let slot = Slot { time: Moment(time), build_round: 0, proposer_index, set_id: set.set_id };
        BlockContext { number, parent_hash: self.tip.hash(), slot }
    }

    /// Build a block at this time; nothing of it is kept yet.
    pub fn build(&self, time: u64, candidates: Vec<RawExtrinsic>) -> Made {
        let context = self.context(time);
        let built = RUNTIME.build(&self.state, &context, &mut candidates.into_iter(), self.verified());
        let built = built.expect("the slot may stand there");
        let events = built.executed.changes.get(&prefix("System", "Events")[..]).cloned().flatten();
        let events = Vec::decode(&mut &events.expect("each block writes its events")[..]).expect("they are events");
        Made { included: built.extrinsics, invalid: built.invalid, events, executed: built.executed }
    }

    /// Keep a block that was built at this time.
    pub fn keep(&mut self, time: u64, made: Made) {
        let context = self.context(time);
        self.tip = Header {
            parent_hash: context.parent_hash,
            number: context.number,
            state_root: Hash::ZERO,
            extrinsics_root: extrinsics_root(&made.included),
            digest: Digest { logs: [vec![context.slot.item()], made.executed.digest].concat() },
        };
        apply(&mut self.state, &made.executed.changes);
        self.blocks.push((context, made.included, made.executed.changes));
    }

    /// Execute the blocks from `first` on again, on the state that was there: each changes the same.
    pub fn replay(&self, mut state: State, first: usize) -> Result<(), String> {
        for (context, extrinsics, changes) in &self.blocks[first..] {
            let again = RUNTIME.execute(&state, context, extrinsics, self.verified());
            let again =
                again.map_err(|refused| format!("block {} is refused when replayed: {refused}", context.number))?;
            if again.changes != *changes {
                return Err(format!("block {} changes other things when replayed", context.number));
            }
            apply(&mut state, changes);
        }
        if state == self.state { Ok(()) } else { Err("the replayed state differs".to_owned()) }
    }
}

fn apply(state: &mut State, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
}
