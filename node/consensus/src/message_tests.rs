//! Reading what peers send.

use super::*;
use salus_primitives::crypto::{KeyPair, sha256};

const GENESIS: Hash = Hash([5; 32]);

fn key() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

fn vote(value: Option<Hash>, round: u32) -> SignedVote {
    let vote = Vote { height: Height(7), round, kind: VoteKind::Prevote, value, authority: key().public() };
    SignedVote { vote, signature: key().sign(&vote.bytes(&GENESIS)) }
}

fn proposal(value: Hash, pol_round: Option<u32>) -> SignedProposal {
    let proposal = Proposal { height: Height(7), round: 3, pol_round, value, authority: key().public() };
    SignedProposal { proposal, signature: key().sign(&proposal.bytes(&GENESIS)) }
}

fn messages() -> Vec<WireMessage> {
    let signed = vote(Some(Hash([9; 32])), 2);
    let round_vote =
        RoundVote { kind: VoteKind::Precommit, value: None, authority: key().public(), signature: signed.signature };
    vec![
        WireMessage::Vote(signed),
        WireMessage::Vote(vote(None, 2)),
        WireMessage::Proposal(proposal(Hash([9; 32]), None)),
        WireMessage::Proposal(proposal(Hash([9; 32]), Some(1))),
        WireMessage::Polka(PolkaCertificate {
            height: Height(7),
            round: 2,
            value: Hash([9; 32]),
            signatures: vec![(key().public(), signed.signature); 3].try_into().unwrap(),
        }),
        WireMessage::Round(RoundCertificate {
            height: Height(7),
            round: 2,
            reason: RoundReason::Precommits,
            votes: vec![round_vote; 100].try_into().unwrap(),
        }),
    ]
}

#[test]
fn every_message_reads_back_and_fits_the_frame() {
    for message in messages() {
        let bytes = message.to_bytes();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(WireMessage::from_bytes(&bytes), Ok(message.clone()));
        assert_eq!(message.height(), Height(7));
    }
}

#[test]
fn a_message_cut_short_or_with_a_tail_is_refused_at_every_length() {
    for message in messages() {
        let bytes = message.to_bytes();
        for length in 0..bytes.len() {
            assert!(WireMessage::from_bytes(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(WireMessage::from_bytes(&longer), Err(DecodeError::Trailing { extra: 1 }));
    }
}

#[test]
fn an_unknown_kind_and_an_oversized_frame_are_refused() {
    assert_eq!(WireMessage::from_bytes(&[4]), Err(DecodeError::Malformed));
    let huge = vec![0; MESSAGE_BYTES_MAX + 1];
    assert_eq!(WireMessage::from_bytes(&huge), Err(DecodeError::Memory { max: MESSAGE_BYTES_MAX }));
}

#[test]
fn a_certificate_of_more_votes_than_validators_can_be_is_refused() {
    let signature = vote(None, 0).signature;
    let mut bytes = vec![2];
    (Height(7), 2u32, Hash([9; 32]), vec![(key().public(), signature); 101]).encode_to(&mut bytes);
    assert_eq!(WireMessage::from_bytes(&bytes), Err(DecodeError::Malformed));
}

#[test]
fn the_bytes_of_a_message_are_the_committed_ones() {
    let digests: Vec<_> = messages().iter().map(|message| hex::encode(&sha256(&message.to_bytes()).0[..8])).collect();
    let expected = [
        "068aa2f4aa90d748",
        "6553d956b57216d4",
        "bcb2e716a7e691e6",
        "51c320448e3c2378",
        "23f352066cc9a568",
        "c6d36488872622d9",
    ];
    assert_eq!(digests, expected);
}
