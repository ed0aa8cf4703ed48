//! Bytes that are no call: cut short, too long, with bits flipped, out of bounds, of no meaning. Each is refused as
//! invalid or by a typed error, and nothing panics: a panic would end the test, and with it a node.

use parity_scale_codec::{Compact, Encode};
use salus_primitives::{
    Hash, RawExtrinsic, RecordId,
    dispatch::InvalidTransaction,
    limits::EXTRINSIC_BYTES_MAX,
    runtime_api::{InvalidBlock, NoneVerified, RuntimeApi},
    signed::CoSigns,
};
use salus_runtime::RuntimeCall;

use crate::{
    samples::{calls, samples},
    world::*,
};

/// How many times each sample is tried with bits flipped.
const FLIPS: usize = 48;

/// Numbers that look random and are the same on every run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[track_caller]
fn is_no_call(world: &World, by: u8, bytes: Vec<u8>) {
    world.invalid(&world.signed_bytes(&key(by), bytes, 0), InvalidTransaction::Call);
}

#[test]
fn a_call_cut_short_anywhere_is_no_call() {
    let (world, samples) = samples();
    for (by, call) in samples {
        let bytes = call.encode();
        for length in 0..bytes.len() {
            is_no_call(&world, by, bytes[..length].to_vec());
        }
    }
}

#[test]
fn a_call_with_bytes_after_its_end_is_no_call() {
    let (world, samples) = samples();
    for (by, call) in samples {
        for more in [&[0][..], &[0xff], &[0; 8], &call.encode()] {
            is_no_call(&world, by, [&call.encode()[..], more].concat());
        }
    }
}

#[test]
fn a_call_with_bits_flipped_is_invalid_refused_or_another_call() {
    let (mut world, samples) = samples();
    let (state, tip) = (world.state.clone(), world.tip.clone());
    let mut numbers = Numbers(0x5a105);
    let (mut invalid, mut refused, mut taken) = (0, 0, 0);
    for (by, call) in &samples {
        for _ in 0..FLIPS {
            let mut bytes = call.encode();
            for _ in 0..=numbers.below(3) {
                let place = numbers.below(bytes.len());
                bytes[place] ^= 1 << numbers.below(8);
            }
            let raw = world.signed_bytes(&key(*by), bytes.clone(), 0);
            match world.runtime.validate(&world.state, &world.tip, &raw, &NoneVerified) {
                Err(reason) => {
                    world.invalid(&raw, reason);
                    invalid += 1;
                }
                Ok(_) => {
                    match world.submit(*by, bytes) {
                        Ok(()) => taken += 1,
                        Err(_) => refused += 1,
                    }
                    (world.state, world.tip) = (state.clone(), tip.clone());
                }
            }
        }
    }
    // Each of the three is met: otherwise this tries less than it says.
    assert!(invalid > 200 && refused > 200 && taken > 50, "{invalid} invalid, {refused} refused, {taken} taken");
}

#[test]
fn an_extrinsic_cut_short_or_flipped_anywhere_stands_in_no_block() {
    let (world, _) = samples();
    let (whole, empty) = (world.signed(PATIENT_KEY, salus_system::Call::Noop {}), world.build(vec![]).executed);
    // Of a flip in signer and nonce the pool may say another reason than the block, which looks at the nonce first.
    let refused = |bytes: &[u8]| {
        let raw = RawExtrinsic(bytes.to_vec());
        let pool = world.runtime.validate(&world.state, &world.tip, &raw, &NoneVerified);
        let block = world.runtime.execute(&world.state, &world.context(), std::slice::from_ref(&raw), &NoneVerified);
        assert!(pool.is_err() && matches!(block, Err(InvalidBlock::Extrinsic { index: 0, .. })), "{pool:?}, {block:?}");
        assert_eq!(world.build(vec![raw]).executed, empty);
    };
    for length in 0..whole.0.len() {
        refused(&whole.0[..length]);
    }
    refused(&[&whole.0[..], &[0]].concat());
    for place in 0..whole.0.len() {
        for bit in 0..8 {
            let mut bytes = whole.0.clone();
            bytes[place] ^= 1 << bit;
            refused(&bytes);
        }
    }
}

#[test]
fn nothing_is_taken_unsigned_but_a_report_that_proves_itself() {
    let (world, samples) = samples();
    for (_, call) in samples {
        let raw = RawExtrinsic([&[0x04][..], &call.encode()].concat());
        let reason = match call {
            // Proven, and of the only validator there is.
            RuntimeCall::Validators(_) => InvalidTransaction::Call,
            _ => InvalidTransaction::BadProof,
        };
        world.invalid(&raw, reason);
    }
    for length in 0..40 {
        world.invalid(&RawExtrinsic([&[0x04][..], &vec![2; length]].concat()), InvalidTransaction::Call);
    }
}

#[test]
fn a_report_with_bits_flipped_strikes_nobody() {
    let (world, samples) = samples();
    let (_, report) = samples.into_iter().find(|(_, call)| matches!(call, RuntimeCall::Validators(_))).unwrap();
    let bytes = [&[0x04][..], &report.encode()].concat();
    for place in 1..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let raw = RawExtrinsic(flipped);
        let reason = world.runtime.validate(&world.state, &world.tip, &raw, &NoneVerified).expect_err("no proof");
        world.invalid(&raw, reason);
    }
}

#[test]
fn pallets_and_calls_that_are_not_there_are_no_calls() {
    let (world, _) = samples();
    let there: Vec<(u8, u8)> = calls(&world).into_iter().map(|(pallet, call, _)| (pallet, call)).collect();
    let mut tried = 0;
    for pallet in 0..=u8::MAX {
        for call in [0, 1, 5, 7, 8, 60, 128, u8::MAX].into_iter().filter(|call| !there.contains(&(pallet, *call))) {
            is_no_call(&world, PATIENT_KEY, [&[pallet, call][..], &[0; 64]].concat());
            tried += 1;
        }
    }
    assert!(tried > 2_000, "{tried} tried");
}

/// The bytes of the surgeon's opening of so many records, whatever the bound.
fn opening_of(count: u16) -> Vec<u8> {
    let records: Vec<RecordId> = (0..count)
        .map(|number| {
            let mut id = [7; 16];
            id[..2].copy_from_slice(&number.to_le_bytes());
            RecordId(id)
        })
        .collect();
    (8u8, 2u8, PATIENT, CLINIC, salus_consent::Purpose::Treatment, records).encode()
}

#[test]
fn sixty_four_records_are_opened_at_once_and_sixty_five_are_none() {
    let mut world = World::new();
    let bytes = opening_of(64);
    assert_eq!(world.submit(SURGEON_KEY, bytes), Ok(()));
    for count in [65, 1_000] {
        is_no_call(&world, SURGEON_KEY, opening_of(count));
    }
}

#[test]
fn an_enum_of_no_meaning_is_no_call() {
    let (world, _) = samples();
    let open = |purpose: u8| (8u8, 2u8, PATIENT, CLINIC, purpose, vec![record_id(1)]).encode();
    let review = |finding: u8| (8u8, 5u8, PATIENT, 0u32, finding, Hash::ZERO).encode();
    let status = |to: u8| (6u8, 1u8, PATIENT, record_id(1), to, 0u8).encode();
    let of_patient = |to: u8| (5u8, 5u8, PATIENT, to, CoSigns::new()).encode();
    let vote = |aye: u8| (3u8, 1u8, 0u32, aye).encode();
    for byte in [9, 10, 128, u8::MAX] {
        is_no_call(&world, SURGEON_KEY, open(byte));
        for bytes in [review(byte), status(byte), of_patient(byte), vote(byte)] {
            is_no_call(&world, PATIENT_KEY, bytes);
        }
    }
    // As many as there are, and one.
    for bytes in [review(3), status(6), of_patient(5), vote(2)] {
        is_no_call(&world, PATIENT_KEY, bytes);
    }
}

#[test]
fn a_number_written_longer_than_it_needs_to_be_is_no_call() {
    let world = World::new();
    let bytes = opening_of(1);
    let end = bytes.len() - 17;
    assert_eq!(bytes[end], Compact(1u32).encode()[0]);
    let record = &bytes[end + 1..];
    // One, in two and in four bytes; four thousand million, of which none follow.
    for length in [&[0x05, 0x00][..], &[0x06, 0x00, 0x00, 0x00], &[0x03, 0xff, 0xff, 0xff, 0xff]] {
        is_no_call(&world, SURGEON_KEY, [&bytes[..end], length, record].concat());
    }
}

#[test]
fn what_is_larger_than_any_extrinsic_is_refused_by_its_size() {
    let world = World::new();
    let raw = world.signed_bytes(&key(PATIENT_KEY), vec![0; EXTRINSIC_BYTES_MAX], 0);
    world.invalid(&raw, InvalidTransaction::TooLarge);
}
