//! Trying an extrinsic: a block of it alone, executed on a state and thrown away.

use parity_scale_codec::Decode as _;
use salus_primitives::{
    Hash, Height, RawExtrinsic,
    dispatch::InvalidTransaction,
    header::Slot,
    runtime_api::{BlockContext, Changes, InvalidBlock, RuntimeApi, StateReader, VerifiedSignatures},
    storage_key,
};
use salus_rpc::DryRun;
use salus_runtime::{EventRecord, RuntimeEvent};
use salus_support::metadata::types::Phase;
use salus_system::Event;

/// What would become of `extrinsic` in the block after `parent`, whose height and hash are given and whose state is
/// `state`. That block is as early as it may be: keys and windows are judged at its time.
pub fn run(
    runtime: &dyn RuntimeApi,
    state: &dyn StateReader,
    (parent, parent_hash): (Height, Hash),
    extrinsic: &RawExtrinsic,
    verified: &dyn VerifiedSignatures,
) -> DryRun {
    let (number, set) = (parent.next(), runtime.validators(state));
    let slot = Slot {
        time: runtime.block_time(state).plus(runtime.block_interval_min(state)),
        build_round: 0,
        proposer_index: set.proposer_index(number, 0),
        set_id: set.set_id,
    };
    let block = BlockContext { number, parent_hash, slot };
    match runtime.execute(state, &block, std::slice::from_ref(extrinsic), verified) {
        Ok(executed) => outcome(&executed.changes),
        Err(InvalidBlock::Extrinsic { reason, .. }) => Err(reason),
        // A block of its own has no room for it.
        Err(InvalidBlock::Overweight { .. }) => Err(InvalidTransaction::ExhaustsResources),
        // The slot is one that may stand there, and this release made the state: neither is the extrinsic's fault.
        Err(InvalidBlock::Header(_) | InvalidBlock::Version { .. }) => Err(InvalidTransaction::Call),
    }
}

/// How the first extrinsic of a block ended, by the block's events.
fn outcome(changes: &Changes) -> DryRun {
    let events = changes.get(&storage_key::prefix("System", "Events")[..]).and_then(Option::as_ref);
    let records = events.and_then(|bytes| Vec::<EventRecord>::decode(&mut &bytes[..]).ok()).unwrap_or_default();
    let ended =
        records.iter().filter(|record| record.phase == Phase::ApplyExtrinsic(0)).find_map(|record| {
            match record.event {
                RuntimeEvent::System(Event::ExtrinsicSuccess { .. }) => Some(Ok(())),
                RuntimeEvent::System(Event::ExtrinsicFailed { dispatch_error, .. }) => Some(Err(dispatch_error)),
                _ => None,
            }
        });
    Ok(ended.expect("an extrinsic that stands in a block ends with one of these events"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

    use std::collections::BTreeMap;

    use parity_scale_codec::Encode as _;
    use salus_chain_spec::presets;
    use salus_primitives::{
        crypto::KeyPair,
        dispatch::{DispatchError, ModuleError},
        extrinsic::{ChainContext, Era, sign},
        runtime_api::NoneVerified,
    };
    use salus_runtime::{RuntimeCall, SalusRuntime};

    use super::*;

    type State = BTreeMap<Vec<u8>, Vec<u8>>;

    /// A development chain's genesis: its state and its hash.
    fn genesis(runtime: &SalusRuntime) -> (State, Hash) {
        let genesis = crate::genesis::of(&presets::development(), runtime).unwrap();
        (genesis.changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(), genesis.hash)
    }

    fn signed(key: &KeyPair, call: RuntimeCall, nonce: u32, genesis: Hash) -> RawExtrinsic {
        let version = salus_system::version();
        let (spec_version, transaction_version) = (version.spec_version, version.transaction_version);
        let context = ChainContext { spec_version, transaction_version, genesis };
        sign(key, call.encode(), Era::Immortal, nonce, &context, &genesis)
    }

    fn tried(raw: &RawExtrinsic, state: &State, genesis: Hash) -> DryRun {
        run(&SalusRuntime::new(), state, (Height::GENESIS, genesis), raw, &NoneVerified)
    }

    #[test]
    fn a_dry_run_tells_what_the_next_block_would_and_changes_nothing() {
        let (state, genesis) = genesis(&SalusRuntime::new());
        let council = presets::development_key("council");
        let noop = RuntimeCall::System(salus_system::Call::Noop {});
        let good = signed(&council, noop.clone(), 0, genesis);
        assert_eq!(tried(&good, &state, genesis), Ok(Ok(())));
        assert_eq!(tried(&good, &state, genesis), Ok(Ok(())), "its nonce was not used");

        let unknown_motion = 7;
        let vote = RuntimeCall::Council(salus_council::Call::Vote { motion: unknown_motion, aye: true });
        let refused = DispatchError::Module(ModuleError { index: 3, error: [7, 0, 0, 0] });
        assert_eq!(tried(&signed(&council, vote, 0, genesis), &state, genesis), Ok(Err(refused)));

        let stranger = KeyPair::from_seed(&[9; 32]);
        for (raw, reason) in [
            (signed(&council, noop.clone(), 1, genesis), InvalidTransaction::Future),
            (signed(&stranger, noop.clone(), 0, genesis), InvalidTransaction::UnknownSigner),
            (signed(&council, noop, 0, Hash([1; 32])), InvalidTransaction::BadProof),
            (RawExtrinsic(vec![4, 0]), InvalidTransaction::Call),
        ] {
            assert_eq!(tried(&raw, &state, genesis), Err(reason));
        }
    }
}
