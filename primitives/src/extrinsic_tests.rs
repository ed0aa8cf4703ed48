//! Extrinsics: round trip, and each refusal of the form.

use parity_scale_codec::{Decode, Encode};

use super::*;
use crate::crypto::KeyPair;

const CHAIN: ChainContext = ChainContext { spec_version: 1, transaction_version: 1, genesis: Hash([7; 32]) };

fn signed() -> RawExtrinsic {
    sign(&KeyPair::from_seed(&[1; 32]), vec![0, 0], Era::mortal(64, Height(10)), 3, &CHAIN, &Hash([8; 32]))
}

#[test]
fn a_signed_extrinsic_reads_back_and_its_signature_fits() {
    let Extrinsic::Signed(parsed) = Extrinsic::parse(&signed()).unwrap() else { panic!("it is signed") };
    assert_eq!((parsed.nonce, &parsed.call[..]), (3, &[0, 0][..]));
    let message = parsed.payload(&CHAIN, &Hash([8; 32]));
    assert!(crypto::verify(&parsed.signer, &message, &parsed.signature));
    assert!(!crypto::verify(&parsed.signer, &parsed.payload(&CHAIN, &Hash([9; 32])), &parsed.signature));
}

#[test]
fn a_long_payload_is_signed_by_its_hash() {
    assert_eq!(payload(&[0; 400], Era::Immortal, 0, &CHAIN, &CHAIN.genesis).len(), 32);
    assert!(payload(&[0; 100], Era::Immortal, 0, &CHAIN, &CHAIN.genesis).len() > 100);
}

#[test]
fn every_wrong_form_has_its_own_refusal() {
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = signed();
        change(&mut raw.0);
        Extrinsic::parse(&raw).map(|_| ())
    };
    assert_eq!(parse(&|b| b[0] = 0x85), Err(ExtrinsicError::Version { found: 0x85 }));
    assert_eq!(parse(&|b| b[1] = 0x01), Err(ExtrinsicError::Address { found: 1 }));
    assert_eq!(parse(&|b| b[34] = 0x01), Err(ExtrinsicError::Scheme { found: 1 }));
    assert_eq!(parse(&|b| b[102] = 0x01), Err(ExtrinsicError::MetadataMode { found: 1 }));
    assert_eq!(parse(&|b| b.truncate(60)), Err(DecodeError::Malformed.into()));
    assert_eq!(parse(&|b| b.resize(70_000, 0)), Err(ExtrinsicError::TooLarge { bytes: 70_004 }));
    // The nonce 3 in two bytes instead of one.
    assert_eq!(
        parse(&|b| {
            b.splice(101..102, [0x0d, 0x00]);
        }),
        Err(DecodeError::Malformed.into())
    );
}

#[test]
fn wire_bytes_must_be_whole_and_no_more() {
    let mut wire = signed().encode();
    assert_eq!(RawExtrinsic::from_wire(&wire), Ok(signed()));
    wire.push(0);
    assert_eq!(RawExtrinsic::from_wire(&wire), Err(DecodeError::Trailing { extra: 1 }.into()));
    wire.truncate(50);
    assert_eq!(RawExtrinsic::from_wire(&wire), Err(DecodeError::Malformed.into()));
    assert!(matches!(RawExtrinsic::from_wire(&vec![0; 70_000]), Err(ExtrinsicError::TooLarge { .. })));
}

#[test]
fn eras_encode_as_substrate_encodes_them() {
    assert_eq!(Era::Immortal.encode(), [0]);
    assert_eq!(Era::Mortal { period: 64, phase: 42 }.encode(), [5 + 42 % 16 * 16, (42 / 16)]);
    assert_eq!(
        Era::Mortal { period: 32_768, phase: 20_000 }.encode(),
        [(14 + 2_500 % 16 * 16) as u8, (2_500 / 16) as u8]
    );
    for period in (2..=16).map(|power| 1u64 << power) {
        for current in [0, 1, 63, 64, 65, 4_095, 4_096, 100_000] {
            let era = Era::mortal(period, Height(current));
            assert_eq!(Era::decode(&mut &era.encode()[..]), Ok(era));
            assert!(era.birth(Height(current)).0 <= current);
            assert!(era.death(Height(current)).unwrap().0 > current);
        }
    }
}
