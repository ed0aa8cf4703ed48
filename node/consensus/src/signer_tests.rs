//! The guard, at each of its edges.

use super::*;

const GENESIS: Hash = Hash([5; 32]);
const A: Option<Hash> = Some(Hash([0xa; 32]));
const B: Option<Hash> = Some(Hash([0xb; 32]));

fn key() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

fn sign(
    signer: &mut Signer,
    height: u32,
    round: u32,
    step: Step,
    value: Option<Hash>,
) -> Result<Signature, SignerError> {
    let (height, authority) = (Height(height), key().public());
    let kind = match step {
        Step::Proposal => {
            let value = value.unwrap();
            return signer.sign_proposal(&Proposal { height, round, pol_round: None, value, authority });
        }
        Step::Prevote => VoteKind::Prevote,
        Step::Precommit => VoteKind::Precommit,
    };
    signer.sign_vote(&Vote { height, round, kind, value, authority })
}

/// A signer whose last signature is the prevote of height 5, round 3, for A.
fn at_prevote() -> Signer {
    let mut signer = Signer::new(GENESIS, key());
    sign(&mut signer, 5, 3, Step::Prevote, A).unwrap();
    signer
}

#[test]
fn each_later_place_is_signed_and_each_earlier_one_refused() {
    let position = |height, round, step| Position { height: Height(height), round, step };
    let later = [
        position(5, 3, Step::Precommit),
        position(5, 4, Step::Proposal),
        position(5, 4, Step::Prevote),
        position(5, u32::MAX, Step::Precommit),
        position(6, 0, Step::Proposal),
        position(6, 0, Step::Prevote),
        position(u32::MAX, 0, Step::Prevote),
    ];
    let earlier = [
        position(5, 3, Step::Proposal),
        position(5, 2, Step::Precommit),
        position(5, 2, Step::Prevote),
        position(5, 0, Step::Proposal),
        position(4, u32::MAX, Step::Precommit),
        position(4, 3, Step::Prevote),
        position(0, 0, Step::Proposal),
    ];
    for place in later {
        let mut signer = at_prevote();
        assert!(sign(&mut signer, place.height.0, place.round, place.step, A).is_ok(), "{place}");
        assert_eq!(signer.last().unwrap().position, place);
    }
    for place in earlier {
        let mut signer = at_prevote();
        let last = position(5, 3, Step::Prevote);
        let refused = Err(SignerError::Behind { asked: place, last });
        assert_eq!(sign(&mut signer, place.height.0, place.round, place.step, A), refused);
        assert_eq!(signer.last(), at_prevote().last(), "a refusal changes nothing");
    }
}

#[test]
fn the_same_content_is_signed_again_with_the_same_signature() {
    let mut signer = at_prevote();
    let first = sign(&mut signer, 5, 3, Step::Prevote, A);
    assert_eq!(sign(&mut signer, 5, 3, Step::Prevote, A), first);
    assert_eq!(signer.last(), at_prevote().last());
}

#[test]
fn other_content_at_the_same_place_is_refused_nil_included() {
    let asked = Position { height: Height(5), round: 3, step: Step::Prevote };
    for wanted in [B, None] {
        let refused = Err(SignerError::Conflict { asked, signed: A, wanted });
        assert_eq!(sign(&mut at_prevote(), 5, 3, Step::Prevote, wanted), refused);
    }
    let mut signer = Signer::new(GENESIS, key());
    sign(&mut signer, 5, 3, Step::Precommit, None).unwrap();
    assert!(matches!(sign(&mut signer, 5, 3, Step::Precommit, A), Err(SignerError::Conflict { .. })));
}

#[test]
fn a_proposal_of_the_same_value_on_another_polka_is_other_content() {
    let mut signer = Signer::new(GENESIS, key());
    let mut proposal =
        Proposal { height: Height(5), round: 3, pol_round: None, value: Hash([0xa; 32]), authority: key().public() };
    signer.sign_proposal(&proposal).unwrap();
    proposal.pol_round = Some(1);
    assert!(matches!(signer.sign_proposal(&proposal), Err(SignerError::Conflict { .. })));
}

#[test]
fn nothing_is_signed_in_another_name() {
    let other = KeyPair::from_seed(&[2; 32]).public();
    let vote = Vote { height: Height(5), round: 0, kind: VoteKind::Prevote, value: None, authority: other };
    let refused = SignerError::NotOurs { asked: other, key: key().public() };
    assert_eq!(Signer::new(GENESIS, key()).sign_vote(&vote), Err(refused));
}

#[test]
fn what_is_signed_verifies_on_this_chain() {
    let mut signer = Signer::new(GENESIS, key());
    let vote = Vote { height: Height(5), round: 0, kind: VoteKind::Prevote, value: A, authority: key().public() };
    let signature = signer.sign_vote(&vote).unwrap();
    assert!(crate::SignedVote { vote, signature }.verify(&GENESIS));
}

#[test]
fn the_guard_holds_over_a_restart() {
    let record = at_prevote().last().unwrap().to_bytes();
    let restarted = || Signer::with_record(GENESIS, key(), &record).unwrap();
    assert!(matches!(sign(&mut restarted(), 5, 3, Step::Prevote, B), Err(SignerError::Conflict { .. })));
    assert!(matches!(sign(&mut restarted(), 5, 2, Step::Precommit, A), Err(SignerError::Behind { .. })));
    assert!(sign(&mut restarted(), 5, 3, Step::Prevote, A).is_ok());
    assert!(sign(&mut restarted(), 5, 3, Step::Precommit, B).is_ok());
}

#[test]
fn a_record_of_another_chain_or_key_is_refused() {
    let record = at_prevote().last().unwrap().to_bytes();
    let error = Signer::with_record(Hash([6; 32]), key(), &record).unwrap_err();
    assert_eq!(error, SignerError::OtherChain { found: GENESIS, expected: Hash([6; 32]) });
    let other = KeyPair::from_seed(&[2; 32]);
    let error = Signer::with_record(GENESIS, other.clone(), &record).unwrap_err();
    assert_eq!(error, SignerError::OtherKey { found: key().public(), expected: other.public() });
}

#[test]
fn a_record_with_any_bit_flipped_or_any_byte_missing_is_refused() {
    let record = at_prevote().last().unwrap().to_bytes();
    for bit in 0..record.len() * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(SignedRecord::from_bytes(&flipped), Err(SignerError::Damaged), "bit {bit}");
    }
    for length in 0..record.len() {
        assert_eq!(SignedRecord::from_bytes(&record[..length]), Err(SignerError::Damaged), "{length} bytes");
    }
}

#[test]
fn a_record_of_another_form_is_refused_even_where_its_digest_fits() {
    let reseal = |body: &[u8]| [body, sha256(body).as_bytes()].concat();
    let record = at_prevote().last().unwrap().to_bytes();
    let mut body = record[..record.len() - CHECKSUM].to_vec();
    assert_eq!(SignedRecord::from_bytes(&reseal(&body)), Ok(*at_prevote().last().unwrap()));
    body.push(0);
    let trailing = SignerError::Decode(DecodeError::Trailing { extra: 1 });
    assert_eq!(SignedRecord::from_bytes(&reseal(&body)), Err(trailing));
    body[0] = 2;
    assert_eq!(SignedRecord::from_bytes(&reseal(&body)), Err(SignerError::Version { found: 2, expected: 1 }));
    assert_eq!(SignedRecord::from_bytes(&reseal(&[])), Err(SignerError::Damaged));
}

#[test]
fn the_bytes_of_a_record_are_the_committed_ones() {
    let record = at_prevote().last().unwrap().to_bytes();
    assert_eq!(record.len(), 1 + 32 + 32 + 4 + 4 + 1 + 33 + 32 + 32);
    assert_eq!(record[0], 1);
    assert_eq!(hex::encode(&sha256(&record).0[..8]), "cc3ae57169e8b152");
}

#[test]
fn resuming_after_a_height_refuses_it_to_its_last_step_and_allows_the_next() {
    let record = SignedRecord::resume_after(GENESIS, key().public(), Height(5)).to_bytes();
    let resumed = || Signer::with_record(GENESIS, key(), &record).unwrap();
    for (height, round) in [(5, 0), (5, u32::MAX), (4, 0)] {
        assert!(sign(&mut resumed(), height, round, Step::Precommit, A).is_err());
        assert!(sign(&mut resumed(), height, round, Step::Precommit, None).is_err());
    }
    assert!(sign(&mut resumed(), 6, 0, Step::Proposal, A).is_ok());
}
