//! Blocks: what a call leaves behind, what a failing one leaves, and what a block keeps of its past.

use parity_scale_codec::Encode;
use salus_council::types::Act;
use salus_primitives::{
    dispatch::{DispatchError, InvalidTransaction},
    header::HeaderError,
    limits::BLOCK_HASH_COUNT,
    runtime_api::InvalidBlock,
};
use salus_support::metadata::types::Phase;
use salus_system::{Event as SystemEvent, storage as system, types::Parameters};

use super::*;

fn parameters_call(parameters: Parameters) -> RuntimeCall {
    let act = Act::ParametersSet { parameters };
    RuntimeCall::Council(salus_council::Call::Propose { act, cosign: Default::default() })
}

#[test]
fn a_call_takes_effect_and_its_last_event_says_so() {
    let mut net = TestNet::new();
    let call = parameters_call(Parameters { patient_weight: 30_000, root_delay: 0, ..Parameters::default() });
    let events = net.block(vec![net.signed(&council(), call, 0)]);
    assert!(events.len() > 1 && succeeded(events.last().unwrap()));
    assert!(events.iter().all(|record| record.phase == Phase::ApplyExtrinsic(0)));
    assert_eq!(system::ChainParameters::get(&net.state).patient_weight, 30_000);
    assert_eq!(net.nonce(council().public()), 1);
}

#[test]
fn a_failing_call_keeps_its_nonce_and_loses_its_effects() {
    let mut net = TestNet::new();
    let before = system::ChainParameters::get(&net.state);
    let call = parameters_call(Parameters { block_interval_min: 0, ..Parameters::default() });
    let events = net.block(vec![net.signed(&council(), call, 0)]);
    let [record] = &events[..] else { panic!("one event, the failure: {events:?}") };
    let RuntimeEvent::System(SystemEvent::ExtrinsicFailed { dispatch_error: DispatchError::Module(error), .. }) =
        &record.event
    else {
        panic!("it failed: {record:?}")
    };
    assert_eq!(error.index, 3, "the council refused");
    assert_eq!(system::ChainParameters::get(&net.state), before);
    assert_eq!(net.nonce(council().public()), 1);
}

#[test]
fn extrinsics_run_in_order_of_their_nonces_and_an_early_one_is_left_for_later() {
    let mut net = TestNet::new();
    let (first, second) = (net.signed(&council(), noop(), 0), net.signed(&council(), noop(), 1));
    let built = net.build(vec![second.clone(), first.clone()]);
    assert_eq!(built.extrinsics, std::slice::from_ref(&first));
    assert_eq!(built.invalid, [(second.hash(), InvalidTransaction::Future)]);
    let events = net.block(vec![first, second]);
    assert_eq!(events.iter().filter(|record| succeeded(record)).count(), 2);
}

#[test]
fn a_block_with_an_invalid_extrinsic_is_no_block() {
    let net = TestNet::new();
    let good = net.signed(&council(), noop(), 0);
    let outcome = net.execute(&[good.clone(), good]);
    assert_eq!(outcome, Err(InvalidBlock::Extrinsic { index: 1, reason: InvalidTransaction::Stale }));
}

#[test]
fn a_block_over_a_limit_is_no_block() {
    let net = TestNet::new();
    let tiny = RawExtrinsic(vec![4]);
    let many = net.execute(&vec![tiny; 4_001]);
    assert!(matches!(many, Err(InvalidBlock::Overweight { what: "extrinsics", .. })));
    let large = net.execute(&vec![RawExtrinsic(vec![0; 60_000]); 40]);
    assert!(matches!(large, Err(InvalidBlock::Overweight { what: "bytes", .. })));
}

#[test]
fn a_slot_out_of_turn_is_no_block() {
    let net = TestNet::new();
    let execute = |change: &dyn Fn(&mut Slot)| {
        let mut context = net.context();
        change(&mut context.slot);
        net.runtime.execute(&net.state, &context, &[], &NoneVerified)
    };
    let refused = |change: &dyn Fn(&mut Slot)| match execute(change) {
        Err(InvalidBlock::Header(error)) => error,
        other => panic!("refused by its header, not {other:?}"),
    };
    assert!(matches!(refused(&|slot| slot.set_id = 1), HeaderError::Set { .. }));
    assert!(matches!(refused(&|slot| slot.proposer_index = 1), HeaderError::Proposer { .. }));
    assert!(matches!(refused(&|slot| slot.time = GENESIS_TIME), HeaderError::Time { .. }));
}

#[test]
fn state_keeps_the_last_4096_block_hashes_and_genesis() {
    let mut net = TestNet::new();
    net.pass(BLOCK_HASH_COUNT + 3);
    let kept = |height: u32| system::BlockHash::get(&net.state, &height) != Hash::ZERO;
    assert_eq!(system::BlockHash::get(&net.state, &0), net.genesis);
    assert!(!kept(1) && !kept(2) && kept(3) && kept(BLOCK_HASH_COUNT + 2));
    assert_eq!(system::Number::get(&net.state), net.height().0);
}

#[test]
fn a_genesis_out_of_bounds_is_refused() {
    let config = GenesisConfig {
        time: GENESIS_TIME,
        parameters: Parameters::default(),
        council: vec![council().public()],
        threshold: 2,
        validators: vec![],
    };
    assert!(config.build(&SalusRuntime::new()).is_err());
}

#[test]
fn the_code_value_names_version_and_metadata() {
    let net = TestNet::new();
    let code = &net.state[&b":code".to_vec()];
    assert!(code.starts_with(&("salus", salus_system::version().spec_version).encode()));
}
