//! Certificates: what makes a block final, and each way to fall short.

use super::*;
use crate::{crypto::KeyPair, header::Digest};

const GENESIS: Hash = Hash([5; 32]);

fn keys() -> Vec<KeyPair> {
    let mut keys: Vec<_> = (1..=4).map(|i| KeyPair::from_seed(&[i; 32])).collect();
    keys.sort_by_key(KeyPair::public);
    keys
}

fn set() -> ValidatorSet {
    ValidatorSet::new(0, keys().iter().map(KeyPair::public).collect()).unwrap()
}

fn header() -> Header {
    Header {
        parent_hash: GENESIS,
        number: Height(1),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    }
}

fn certificate(signers: &[u16]) -> CommitCertificate {
    let value = header().vote_value();
    let signatures: Vec<_> = signers
        .iter()
        .map(|index| {
            let key = &keys()[usize::from(*index) % 4];
            let bytes = vote_bytes(&GENESIS, Height(1), 0, VoteKind::Precommit, Some(value), &key.public());
            (*index, key.sign(&bytes))
        })
        .collect();
    CommitCertificate { height: Height(1), round: 0, value, signatures: signatures.try_into().unwrap() }
}

#[test]
fn three_of_four_precommits_finalise_a_header() {
    assert_eq!(certificate(&[0, 1, 3]).verify(&header(), &set(), &GENESIS), Ok(()));
}

#[test]
fn a_certificate_falls_short_in_each_named_way() {
    let verify = |certificate: &CommitCertificate| certificate.verify(&header(), &set(), &GENESIS);

    assert_eq!(verify(&certificate(&[0, 1])), Err(CertificateError::Quorum { found: 2, needed: 3, validators: 4 }));
    assert_eq!(verify(&certificate(&[0, 1, 1])), Err(CertificateError::Signer { index: 1, validators: 4 }));
    assert_eq!(verify(&certificate(&[1, 0, 2])), Err(CertificateError::Signer { index: 0, validators: 4 }));
    assert_eq!(verify(&certificate(&[0, 1, 4])), Err(CertificateError::Signer { index: 4, validators: 4 }));

    let mut other_round = certificate(&[0, 1, 2]);
    other_round.round = 1;
    assert_eq!(verify(&other_round), Err(CertificateError::Signature { index: 0 }));

    let mut other_height = certificate(&[0, 1, 2]);
    other_height.height = Height(2);
    assert!(matches!(verify(&other_height), Err(CertificateError::Height { .. })));

    let mut other_value = certificate(&[0, 1, 2]);
    other_value.value = Hash::ZERO;
    assert!(matches!(verify(&other_value), Err(CertificateError::Value { .. })));

    assert_eq!(
        certificate(&[0, 1, 2]).verify(&header(), &set(), &Hash([6; 32])),
        Err(CertificateError::Signature { index: 0 })
    );
}

#[test]
fn vote_and_proposal_bytes_are_the_committed_ones() {
    let authority = AccountId([0xaa; 32]);
    let genesis = "05".repeat(32);
    let vote = vote_bytes(&GENESIS, Height(1), 2, VoteKind::Precommit, Some(Hash([0xbb; 32])), &authority);
    assert_eq!(
        hex::encode(vote),
        [
            &hex::encode("salus/vote/1"),
            &genesis,
            "0100000000000000",
            "02000000",
            "01",
            "01",
            &"bb".repeat(32),
            &"aa".repeat(32)
        ]
        .concat()
    );
    let nil = vote_bytes(&GENESIS, Height(1), 2, VoteKind::Prevote, None, &authority);
    assert_eq!(
        hex::encode(nil),
        [&hex::encode("salus/vote/1"), &genesis, "0100000000000000", "02000000", "00", "00", &"aa".repeat(32)].concat()
    );
    let proposal = proposal_bytes(&GENESIS, Height(1), 2, Some(1), Hash([0xbb; 32]), &authority);
    assert_eq!(
        hex::encode(proposal),
        [
            &hex::encode("salus/prop/1"),
            &genesis,
            "0100000000000000",
            "02000000",
            "0101000000",
            &"bb".repeat(32),
            &"aa".repeat(32)
        ]
        .concat()
    );
}
