//! What may be logged, and what is refused when it is read.

use super::*;
use crate::{
    ctx::{Set, Sig},
    message::{Proposal, Vote},
};
use arc_malachitebft_core_consensus::LocallyProposedValue;
use arc_malachitebft_core_types::{VoteExtensionPolicy, VoteType};
use core::time::Duration;
use salus_primitives::{
    AccountId,
    commit::VoteKind,
    crypto::{Signature, sha256},
};

const GENESIS: Hash = Hash([5; 32]);
const HEIGHT: Height = Height(7);
const KNOWN: Known = Known { build_round: 2, fate: Fate::Withheld };

fn authority() -> AccountId {
    AccountId([1; 32])
}

fn set() -> ValidatorSet {
    ValidatorSet::new(0, vec![authority()]).unwrap()
}

fn entries() -> Vec<WalEntry> {
    let (value, signature) = (Hash([9; 32]), Signature([3; 64]));
    let vote = Vote { height: HEIGHT, round: 2, kind: VoteKind::Precommit, value: None, authority: authority() };
    let proposal = Proposal { height: HEIGHT, round: 2, pol_round: Some(1), value, authority: authority() };
    let signatures = vec![(authority(), signature)].try_into().unwrap();
    vec![
        WalEntry::Vote(SignedVote { vote, signature }),
        WalEntry::Proposal(SignedProposal { proposal, signature }),
        WalEntry::Timeout { kind: TimerKind::Precommit, round: 2 },
        WalEntry::Block { round: 3, pol_round: Some(2), value, known: KNOWN },
        WalEntry::Polka(PolkaCertificate { height: HEIGHT, round: 2, value, signatures }),
    ]
}

#[test]
fn each_entry_reads_back_and_means_the_input_it_was_made_of() {
    for entry in entries() {
        let bytes = entry.to_bytes(&GENESIS, HEIGHT, 4);
        assert_eq!(WalEntry::from_bytes(&bytes, &GENESIS, HEIGHT, 4), Ok(entry.clone()));
        let input = entry.to_core(HEIGHT, &set());
        assert_eq!(WalEntry::of(&input, |_| Some(KNOWN)), Some(entry));
    }
}

#[test]
fn an_entry_fits_its_own_chain_height_and_place_only() {
    let bytes = entries()[0].to_bytes(&GENESIS, HEIGHT, 4);
    assert_eq!(WalEntry::from_bytes(&bytes, &Hash([6; 32]), HEIGHT, 4), Err(WalError::Damaged));
    assert_eq!(WalEntry::from_bytes(&bytes, &GENESIS, Height(8), 4), Err(WalError::Damaged));
    assert_eq!(WalEntry::from_bytes(&bytes, &GENESIS, HEIGHT, 3), Err(WalError::Damaged));
    assert_eq!(WalEntry::from_bytes(&bytes, &GENESIS, HEIGHT, 5), Err(WalError::Damaged));
    assert_eq!(WalEntry::from_bytes(&[], &GENESIS, HEIGHT, 0), Err(WalError::Damaged));
}

#[test]
fn a_message_of_another_height_is_refused_even_where_its_digest_fits() {
    for entry in entries() {
        let bytes = entry.to_bytes(&GENESIS, Height(8), 0);
        let read = WalEntry::from_bytes(&bytes, &GENESIS, Height(8), 0);
        match entry {
            WalEntry::Timeout { .. } | WalEntry::Block { .. } => assert_eq!(read, Ok(entry)),
            _ => assert_eq!(read, Err(WalError::Height { found: HEIGHT })),
        }
    }
}

#[test]
fn another_form_and_a_tail_are_refused_even_where_the_digest_fits() {
    let sealed = |body: Vec<u8>| {
        let checksum = checksum(&GENESIS, HEIGHT, 0, &body);
        WalEntry::from_bytes(&[body, checksum.to_vec()].concat(), &GENESIS, HEIGHT, 0)
    };
    let body = |version: u8| [vec![version], entries()[2].encode()].concat();
    assert_eq!(sealed(body(1)), Ok(entries()[2].clone()));
    assert_eq!(sealed(body(2)), Err(WalError::Version { found: 2, expected: 1 }));
    let trailing = WalError::Decode(DecodeError::Trailing { extra: 1 });
    assert_eq!(sealed([body(1), vec![0]].concat()), Err(trailing));
    assert_eq!(sealed(vec![1, 5]), Err(WalError::Decode(DecodeError::Malformed)));
    assert_eq!(sealed(vec![]), Err(WalError::Damaged));
}

#[test]
fn inputs_that_have_no_place_in_the_log_make_no_entry() {
    let (height, round) = (CoreHeight(HEIGHT), Round::new(0));
    let sealed = arc_malachitebft_core_types::RoundCertificate::<Ctx> {
        height,
        round,
        cert_type: arc_malachitebft_core_types::RoundCertificateType::Skip,
        round_signatures: vec![arc_malachitebft_core_types::RoundSignature::new(
            VoteType::Prevote,
            arc_malachitebft_core_types::NilOrVal::Nil,
            Address(authority()),
            Sig(Signature([0; 64])),
        )],
    };
    let refused = [
        CoreInput::StartHeight(height, Set::new(set()), false, None, VoteExtensionPolicy::Disabled),
        CoreInput::RoundCertificate(sealed),
        CoreInput::Propose(LocallyProposedValue::new(height, round, Value(Hash::ZERO))),
        CoreInput::TimeoutElapsed(Timeout::rebroadcast(round)),
        CoreInput::TimeoutElapsed(Timeout::finalize_height(round, Duration::ZERO)),
    ];
    for input in refused {
        assert_eq!(WalEntry::of(&input, |_| Some(KNOWN)), None, "{input:?}");
    }
    let unjudged = entries()[3].to_core(HEIGHT, &set());
    assert_eq!(WalEntry::of(&unjudged, |_| None), None, "a block that the host knows nothing of");
}

#[test]
fn only_a_valid_block_is_told_to_the_core_as_valid() {
    for (fate, valid) in [(Fate::Valid, true), (Fate::Withheld, false), (Fate::Invalid, false)] {
        let known = Known { build_round: 0, fate };
        let entry = WalEntry::Block { round: 0, pol_round: None, value: Hash::ZERO, known };
        let CoreInput::ProposedValue(block, _) = entry.to_core(HEIGHT, &set()) else { panic!("another input") };
        assert_eq!(block.validity.is_valid(), valid, "{fate:?}");
    }
}

#[test]
fn the_bytes_of_an_entry_are_the_committed_ones() {
    let all: Vec<u8> = entries().iter().flat_map(|entry| entry.to_bytes(&GENESIS, HEIGHT, 4)).collect();
    assert_eq!(hex::encode(&sha256(&all).0[..8]), "d2bc44abd964b119");
}
