//! Certificates mean the same in the core's form and in ours.

use super::*;
use crate::ctx::{Checker, Set};
use arc_malachitebft_core_types::ThresholdParams;
use arc_malachitebft_signing::VerifierExt;
use futures::FutureExt;
use salus_primitives::{
    Header, Height,
    commit::vote_bytes,
    crypto::{KeyPair, Signature},
    header::Digest,
};

const GENESIS: Hash = Hash([5; 32]);

fn keys(count: u8) -> Vec<KeyPair> {
    let mut keys: Vec<_> = (1..=count).map(|i| KeyPair::from_seed(&[i; 32])).collect();
    keys.sort_by_key(KeyPair::public);
    keys
}

fn set(keys: &[KeyPair]) -> ValidatorSet {
    ValidatorSet::new(0, keys.iter().map(KeyPair::public).collect()).unwrap()
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

fn certificate(keys: &[KeyPair], signers: &[u16], round: u32) -> CommitCertificate {
    let value = header().vote_value();
    let sign = |index: &u16| {
        let key = &keys[usize::from(*index) % keys.len()];
        let bytes = vote_bytes(&GENESIS, Height(1), round, VoteKind::Precommit, Some(value), &key.public());
        (*index, key.sign(&bytes))
    };
    let signatures: Vec<_> = signers.iter().map(sign).collect();
    CommitCertificate { height: Height(1), round, value, signatures: signatures.try_into().unwrap() }
}

/// What the core says of it, on the way the host takes.
fn core_accepts(certificate: &CommitCertificate, set: &ValidatorSet) -> bool {
    let Some(core) = commit_to_core(certificate, set) else { return false };
    Checker { genesis: GENESIS }
        .verify_commit_certificate(&Ctx, &core, &Set::new(set.clone()), ThresholdParams::default())
        .now_or_never()
        .unwrap()
        .is_ok()
}

#[test]
fn the_core_and_the_chain_accept_the_same_certificates() {
    for count in [1u8, 2, 3, 4, 5, 7] {
        let keys = keys(count);
        let set = set(&keys);
        let all: Vec<u16> = (0..u16::from(count)).collect();
        let mut cases: Vec<_> = (0..=all.len()).map(|signers| certificate(&keys, &all[..signers], 2)).collect();
        let good = certificate(&keys, &all, 2);
        let change = |change: fn(&mut Vec<(u16, Signature)>)| {
            let mut signatures = good.signatures.to_vec();
            change(&mut signatures);
            CommitCertificate { signatures: signatures.try_into().unwrap(), ..good.clone() }
        };
        cases.push(change(|signatures| signatures.reverse()));
        cases.push(change(|signatures| signatures.push(signatures[0])));
        cases.push(change(|signatures| signatures[0].0 = 8));
        cases.push(change(|signatures| signatures[0].1.0[5] ^= 1));
        cases.push(CommitCertificate { round: 3, ..good.clone() });
        cases.push(certificate(&keys, &all.iter().map(|index| index + u16::from(count)).collect::<Vec<_>>(), 2));
        let mut accepted = 0;
        for case in &cases {
            let chain = case.verify(&header(), &set, &GENESIS);
            assert_eq!(core_accepts(case, &set), chain.is_ok(), "{count} validators: {chain:?} for {case:?}");
            accepted += usize::from(chain.is_ok());
        }
        // Of a quorum on, and for one validator the reversed one too.
        assert_eq!(accepted, all.len() - set.quorum() + 1 + usize::from(count == 1), "{count} validators");
    }
}

#[test]
fn a_certificate_of_the_core_comes_out_with_signers_by_rising_index() {
    let keys = keys(4);
    let set = set(&keys);
    let plain = certificate(&keys, &[0, 2, 3], 2);
    let mut core = commit_to_core(&plain, &set).unwrap();
    core.commit_signatures.reverse();
    assert_eq!(commit_to_plain(&core, &set), plain);
}

#[test]
fn messages_come_back_from_the_core_unchanged() {
    let key = &keys(1)[0];
    for (value, kind) in [(None, VoteKind::Prevote), (Some(Hash([3; 32])), VoteKind::Precommit)] {
        let vote = Vote { height: Height(4), round: 2, kind, value, authority: key.public() };
        let signed = SignedVote { vote, signature: key.sign(b"any") };
        assert_eq!(signed_vote_to_plain(&signed_vote_to_core(&signed)), signed);
        for reason in [RoundReason::Skip, RoundReason::Precommits] {
            let vote = RoundVote { kind, value, authority: key.public(), signature: signed.signature };
            let votes = vec![vote].try_into().unwrap();
            let certificate = RoundCertificate { height: Height(4), round: 2, reason, votes };
            assert_eq!(round_certificate_to_plain(&round_certificate_to_core(&certificate)), certificate);
        }
    }
    for pol_round in [None, Some(0), Some(7)] {
        let value = Hash([3; 32]);
        let proposal = Proposal { height: Height(4), round: 8, pol_round, value, authority: key.public() };
        let signed = SignedProposal { proposal, signature: key.sign(b"any") };
        assert_eq!(signed_proposal_to_plain(&signed_proposal_to_core(&signed)), signed);
    }
    let signatures = vec![(key.public(), key.sign(b"any"))].try_into().unwrap();
    let polka = PolkaCertificate { height: Height(4), round: 2, value: Hash([3; 32]), signatures };
    assert_eq!(polka_to_plain(&polka_to_core(&polka)), polka);
}
