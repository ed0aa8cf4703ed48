//! The same extrinsic twice, another's, another chain's, and one out of turn.

use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Subject,
    dispatch::InvalidTransaction,
    extrinsic::{ChainContext, Era, sign},
    runtime_api::{InvalidBlock, NoneVerified, RuntimeApi},
    subject::Roles,
    time::HOUR,
};
use salus_runtime::RuntimeCall;

use crate::world::*;

fn noop() -> RuntimeCall {
    salus_system::Call::Noop {}.into()
}

#[test]
fn an_extrinsic_takes_effect_once() {
    let mut world = World::new();
    let grant = salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None };
    let raw = world.signed(PATIENT_KEY, grant);
    assert_eq!(world.block(std::slice::from_ref(&raw)), [Ok(())]);
    for _ in 0..3 {
        world.invalid(&raw, InvalidTransaction::Stale);
        world.block(&[]);
    }
}

#[test]
fn a_refused_extrinsic_is_spent_too() {
    let mut world = World::new();
    let raw = world.signed(SURGEON_KEY, opening(&[]));
    assert_eq!(world.block(std::slice::from_ref(&raw)), [Err(salus_access::Error::BadRecords.into())]);
    world.invalid(&raw, InvalidTransaction::Stale);
}

#[test]
fn a_block_with_one_extrinsic_twice_is_refused_whole_and_a_proposer_takes_it_once() {
    let world = World::new();
    let raw = world.signed(PATIENT_KEY, noop());
    let twice = [raw.clone(), raw.clone()];
    let block = world.runtime.execute(&world.state, &world.context(), &twice, &NoneVerified);
    assert_eq!(block, Err(InvalidBlock::Extrinsic { index: 1, reason: InvalidTransaction::Stale }));
    let built = world.build(twice.to_vec());
    assert_eq!((built.extrinsics, built.invalid), (vec![raw.clone()], vec![(raw.hash(), InvalidTransaction::Stale)]));
}

#[test]
fn an_extrinsic_ahead_of_its_turn_waits_and_stands_in_no_block() {
    let world = World::new();
    let raw = world.signed_bytes(&key(PATIENT_KEY), noop().encode(), 1);
    assert!(world.runtime.validate(&world.state, &world.tip, &raw, &NoneVerified).is_ok(), "a pool may keep it");
    let block = world.runtime.execute(&world.state, &world.context(), std::slice::from_ref(&raw), &NoneVerified);
    assert_eq!(block, Err(InvalidBlock::Extrinsic { index: 0, reason: InvalidTransaction::Future }));
    assert_eq!(world.build(vec![raw]).executed, world.build(vec![]).executed);
}

#[test]
fn the_same_call_again_under_the_next_nonce_says_what_was_done_already() {
    let mut world = World::new();
    let terms = world.permit();
    let rule = world.grant(terms);
    world.ok(PATIENT_KEY, revocation(rule));
    world.refused(PATIENT_KEY, revocation(rule), salus_consent::Error::NoSuchRule);
}

#[test]
fn what_was_signed_for_another_chain_version_or_block_is_no_extrinsic_here() {
    let world = World::new();
    let (ours, by) = (world.chain(), key(PATIENT_KEY));
    let signed = |chain: ChainContext, birth: Hash| sign(&by, noop().encode(), Era::Immortal, 0, &chain, &birth);
    let other = Hash([8; 32]);
    for raw in [
        signed(ChainContext { genesis: other, ..ours }, other),
        signed(ChainContext { spec_version: ours.spec_version + 1, ..ours }, ours.genesis),
        signed(ChainContext { transaction_version: ours.transaction_version + 1, ..ours }, ours.genesis),
        signed(ours, other),
    ] {
        world.invalid(&raw, InvalidTransaction::BadProof);
    }
    world.invalid(
        &sign(&by, noop().encode(), Era::Immortal, 0, &ours, &ours.genesis).with_signer(ANNA_KEY),
        InvalidTransaction::BadProof,
    );
}

/// The same bytes under another signer's name.
trait UnderAnothersName {
    fn with_signer(self, seed: u8) -> Self;
}

impl UnderAnothersName for salus_primitives::RawExtrinsic {
    fn with_signer(mut self, seed: u8) -> Self {
        // Version and address form stand before the account.
        self.0[2..34].copy_from_slice(&account(seed).0);
        self
    }
}

#[test]
fn a_key_that_ended_ran_out_or_was_never_there_signs_nothing() {
    let mut world = World::new();
    let (session, now) = (240, world.now());
    world.prepare(|state| {
        let until = Some(now.plus(HOUR));
        salus_system::keys::bind(state, now, account(session), Subject::Practitioner(DOCTOR), Roles::NONE, until)
            .unwrap();
        salus_system::keys::end(state, account(GATEWAY_KEY));
    });
    world.ok(session, noop()).advance(2 * HOUR).block(&[]);
    for seed in [session, GATEWAY_KEY, UNBOUND_KEY, 20, 120] {
        world.invalid(&world.signed(seed, noop()), InvalidTransaction::UnknownSigner);
    }
}
