//! Headers of known sets, of later ones and of earlier ones; checkpoints.

use parity_scale_codec::Encode;
use salus_primitives::{crypto::KeyPair, jump::JumpFault};

use super::*;
use crate::light::testing::{HonestNode, State, bytes};

fn keys(seeds: &[u8]) -> Vec<KeyPair> {
    seeds.iter().map(|seed| KeyPair::from_seed(&[*seed; 32])).collect()
}

fn chain() -> HonestNode {
    HonestNode::new(State::new(), keys(&[1, 2, 3, 4]))
}

/// Header and certificate of the newest block.
fn shown(chain: &HonestNode) -> (Vec<u8>, Vec<u8>) {
    let answer = chain.answer("salus_proof", &[serde_json::json!([]), serde_json::Value::Null]).unwrap();
    (bytes(&answer["header"]), bytes(&answer["certificate"]))
}

fn jumps(chain: &HonestNode, from: u64) -> Vec<Jump> {
    let answer = chain.answer("salus_jumps", &[from.into()]).unwrap();
    jump::from_file(&bytes(&answer["jumps"]), &chain.genesis()).unwrap()
}

#[test]
fn genesis_needs_no_certificate_and_every_other_block_does() {
    let chain = chain();
    let genesis = chain.newest();
    let certified = chain.verifier().verify_header(&genesis.encode(), None).unwrap();
    assert_eq!((certified.height, certified.hash, certified.time), (Height(0), chain.genesis(), Moment(0)));

    let header = chain.make_block(Moment(7_000), |_| {});
    let (bytes, certificate) = shown(&chain);
    let certified = chain.verifier().verify_header(&bytes, Some(&certificate)).unwrap();
    let expected =
        Certified { height: Height(1), hash: header.hash(), time: Moment(7_000), state_root: header.state_root };
    assert_eq!(certified, expected);
    let without = chain.verifier().verify_header(&bytes, None);
    assert_eq!(without, Err(VerifyError::NoCertificate { height: Height(1) }));
}

#[test]
fn bytes_that_are_no_header_or_no_certificate_are_told_apart() {
    let chain = chain();
    chain.make_block(Moment(1), |_| {});
    let (header, certificate) = shown(&chain);
    let verify = |header: &[u8], certificate: &[u8]| chain.verifier().verify_header(header, Some(certificate));
    assert_eq!(verify(&header[1..], &certificate), Err(VerifyError::Header(DecodeError::Malformed)));
    let longer = [&certificate[..], &[0]].concat();
    let trailing = VerifyError::CertificateBytes(DecodeError::Trailing { extra: 1 });
    assert_eq!(verify(&header, &longer), Err(trailing));
    let bare = Header { digest: Default::default(), ..chain.newest() };
    assert_eq!(verify(&bare.encode(), &certificate), Err(VerifyError::Digest(DigestError::NoSlot)));
}

#[test]
fn a_block_of_a_later_set_waits_for_the_jumps_and_one_of_an_earlier_set_still_counts() {
    let chain = chain();
    chain.make_block(Moment(1), |_| {});
    let early = shown(&chain);
    chain.change_validators(Moment(2), keys(&[2, 3, 4, 5]));
    let changing = shown(&chain);
    chain.make_block(Moment(3), |_| {});
    let late = shown(&chain);

    let mut verifier = chain.verifier();
    let verify = |verifier: &Verifier, shown: &(Vec<u8>, Vec<u8>)| verifier.verify_header(&shown.0, Some(&shown.1));
    assert_eq!(verify(&verifier, &changing).unwrap().height, Height(2), "those before decided the change");
    assert_eq!(verify(&verifier, &late), Err(VerifyError::Ahead { found: 1, known: 0 }));
    verifier.follow(&jumps(&chain, 0)).unwrap();
    assert_eq!(verifier.set().set_id, 1);
    for (shown, height) in [(&early, 1), (&changing, 2), (&late, 3)] {
        assert_eq!(verify(&verifier, shown).unwrap().height, Height(height));
    }
}

#[test]
fn a_set_of_long_ago_is_forgotten() {
    let chain = chain();
    chain.make_block(Moment(1), |_| {});
    let early = shown(&chain);
    for change in 0..9 {
        chain.change_validators(Moment(2 + change), keys(&[1, 2, 3, 5 + change as u8]));
    }
    let mut verifier = chain.verifier();
    verifier.follow(&jumps(&chain, 0)).unwrap();
    assert_eq!(verifier.verify_header(&early.0, Some(&early.1)), Err(VerifyError::Past { found: 0, known: 1 }));
}

#[test]
fn a_jump_that_is_wrong_leaves_the_verifier_where_it_was() {
    let chain = chain();
    for change in 0..3 {
        chain.change_validators(Moment(1 + change), keys(&[1, 2, 3, 5 + change as u8]));
    }
    let all = jumps(&chain, 0);
    let mut verifier = chain.verifier();
    let error = verifier.follow(&[all[0].clone(), all[2].clone()]).unwrap_err();
    assert_eq!((error.index, error.reason), (1, JumpFault::DecidedBy { found: 2, expected: 1 }));
    assert_eq!(verifier.set().set_id, 0);
    verifier.follow(&all[..2]).unwrap();
    // The same again does not lead on from there.
    assert_eq!(verifier.follow(&all[..2]).unwrap_err().reason, JumpFault::Height { after: Height(2) });
    verifier.follow(&all[2..]).unwrap();
    assert_eq!(verifier.set().set_id, 3);
}

#[test]
fn a_checkpoint_is_read_as_it_is_written_and_fits_one_header_alone() {
    let chain = chain();
    let header = chain.make_block(Moment(1), |_| {});
    let checkpoint = Checkpoint { height: Height(1), hash: header.hash() };
    assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    assert_eq!(checkpoint.verify_header(&header.encode()).unwrap().hash, header.hash());
    let found = Checkpoint { height: Height(0), hash: chain.genesis() };
    let other = VerifyError::Checkpoint { found, expected: checkpoint };
    assert_eq!(checkpoint.verify_header(&chain.header(0).encode()), Err(other));
    let elsewhere = Checkpoint { height: Height(2), ..checkpoint };
    let other = VerifyError::Checkpoint { found: checkpoint, expected: elsewhere };
    assert_eq!(elsewhere.verify_header(&header.encode()), Err(other));
    let hash = header.hash();
    for text in ["", "1", ":", "1:", &format!(":{hash}"), &format!("+1:{hash}"), &format!("-1:{hash}"), "1:0xab"] {
        assert_eq!(text.parse::<Checkpoint>(), Err(NotACheckpoint), "{text}");
    }
}
