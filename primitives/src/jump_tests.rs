//! From the first set to the last, and each way in which jumps do not lead there.

use super::*;
use crate::{
    Moment,
    commit::{VoteKind, vote_bytes},
    crypto::KeyPair,
    header::{Digest, SetChange, Slot},
};

const GENESIS: Hash = Hash([5; 32]);

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

/// A set and who holds its keys, in its order.
fn set(id: u64, seeds: &[u8]) -> (ValidatorSet, Vec<KeyPair>) {
    let mut keys: Vec<KeyPair> = seeds.iter().map(|seed| key(*seed)).collect();
    keys.sort_by_key(KeyPair::public);
    (ValidatorSet::new(id, keys.iter().map(KeyPair::public).collect()).unwrap(), keys)
}

fn header(height: u32, decided_by: u64, change: Option<SetChange>) -> Header {
    let slot = Slot { time: Moment(u64::from(height)), build_round: 0, proposer_index: 0, set_id: decided_by };
    let items = [Some(slot.item()), change.map(|change| change.item())];
    Header {
        parent_hash: Hash([9; 32]),
        number: Height(height),
        state_root: Hash([height as u8; 32]),
        extrinsics_root: Hash::ZERO,
        digest: Digest { logs: items.into_iter().flatten().collect() },
    }
}

/// All of `by` precommit `header`.
fn certified(header: &Header, by: &[KeyPair]) -> CommitCertificate {
    let value = header.vote_value();
    let signatures: Vec<_> = (0u16..)
        .zip(by)
        .map(|(index, key)| {
            let vote = vote_bytes(&GENESIS, header.number, 1, VoteKind::Precommit, Some(value), &key.public());
            (index, key.sign(&vote))
        })
        .collect();
    CommitCertificate { height: header.number, round: 1, value, signatures: signatures.try_into().unwrap() }
}

/// The jump at `height` from the set of `before`, which signs, to `to`.
fn jump(height: u32, before: &(ValidatorSet, Vec<KeyPair>), to: &ValidatorSet) -> Jump {
    let change = SetChange { set_id: to.set_id, hash: to.hash() };
    let header = header(height, before.0.set_id, Some(change));
    Jump { certificate: certified(&header, &before.1), header, set: to.clone() }
}

/// Four validators, then five, then four others of these.
fn sets() -> [(ValidatorSet, Vec<KeyPair>); 3] {
    [set(0, &[1, 2, 3, 4]), set(1, &[1, 2, 3, 4, 5]), set(2, &[2, 3, 4, 5])]
}

fn jumps() -> Vec<Jump> {
    let [first, second, third] = sets();
    vec![jump(10, &first, &second.0), jump(25, &second, &third.0)]
}

#[track_caller]
fn refused(jumps: &[Jump], index: usize, reason: JumpFault) {
    let height = jumps[index].header.number;
    assert_eq!(verify(&GENESIS, &sets()[0].0, jumps), Err(JumpError { index, height, reason }));
}

#[test]
fn jumps_lead_from_the_first_set_to_the_last() {
    let [first, second, third] = sets().map(|(set, _)| set);
    assert_eq!(verify(&GENESIS, &first, &[]), Ok(first.clone()), "nothing changed");
    assert_eq!(verify(&GENESIS, &first, &jumps()[..1]), Ok(second));
    assert_eq!(verify(&GENESIS, &first, &jumps()), Ok(third));
}

#[test]
fn a_set_that_the_block_does_not_name_is_refused() {
    let mut wrong = jumps();
    wrong[1].set = set(2, &[2, 3, 4, 6]).0;
    let (found, expected) = (wrong[1].set.hash(), sets()[2].0.hash());
    refused(&wrong, 1, JumpFault::SetHash { found, expected });
}

#[test]
fn a_skipped_jump_is_missed_and_a_repeated_one_too() {
    let all = jumps();
    refused(&all[1..], 0, JumpFault::DecidedBy { found: 1, expected: 0 });
    refused(&[all[0].clone(), all[0].clone()], 1, JumpFault::Height { after: Height(10) });
    refused(&[all[1].clone(), all[0].clone()], 0, JumpFault::DecidedBy { found: 1, expected: 0 });
}

#[test]
fn a_skipped_set_id_is_refused_in_header_and_set() {
    let [first, ..] = sets();
    let skipping = jump(10, &first, &set(2, &[1, 2, 3, 4, 5]).0);
    refused(&[skipping], 0, JumpFault::SetId { found: 2, expected: 1 });
    let mut other = jumps();
    other[0].set.set_id = 7;
    refused(&other, 0, JumpFault::SetId { found: 7, expected: 1 });
}

#[test]
fn a_foreign_certificate_is_refused() {
    let [first, second, _] = sets();
    // Of strangers, of the set after instead of the one before, of too few, and of another chain.
    let by = |signers: &[KeyPair]| {
        let mut jumps = jumps();
        jumps[0].certificate = certified(&jumps[0].header, signers);
        jumps
    };
    let bad = |index| JumpFault::Certificate(CertificateError::Signature { index });
    refused(&by(&set(0, &[6, 7, 8, 9]).1), 0, bad(0));
    let outside = CertificateError::Signer { index: 4, validators: 4 };
    refused(&by(&second.1), 0, JumpFault::Certificate(outside));
    let few = CertificateError::Quorum { found: 2, needed: 3, validators: 4 };
    refused(&by(&first.1[..2]), 0, JumpFault::Certificate(few));
    let elsewhere = verify(&Hash([6; 32]), &first.0, &jumps());
    assert_eq!(elsewhere.unwrap_err().reason, bad(0));
    let mut swapped = jumps();
    swapped[0].certificate = swapped[1].certificate.clone();
    let other_height = CertificateError::Height { found: Height(25), expected: Height(10) };
    refused(&swapped, 0, JumpFault::Certificate(other_height));
}

#[test]
fn a_block_that_changed_nothing_is_no_jump() {
    let [first, ..] = sets();
    let header = header(10, 0, None);
    let idle = Jump { certificate: certified(&header, &first.1), header, set: set(1, &[1]).0 };
    refused(&[idle], 0, JumpFault::NoChange);
    let genesis = Header { number: Height(0), digest: Digest::default(), ..jumps()[0].header.clone() };
    let at_genesis = Jump { header: genesis, ..jumps()[0].clone() };
    refused(&[at_genesis], 0, JumpFault::Height { after: Height(0) });
    let mut bare = jumps();
    bare[0].header.digest = Digest::default();
    refused(&bare, 0, JumpFault::Digest(DigestError::NoSlot));
}

/// A set as bytes might give it: not sorted, empty, with a key twice.
fn raw_set(id: u64, seeds: &[u8]) -> ValidatorSet {
    let keys: Vec<_> = seeds.iter().map(|seed| key(*seed).public()).collect();
    ValidatorSet::decode(&mut &(id, keys).encode()[..]).unwrap()
}

#[test]
fn keys_that_make_no_set_are_refused_even_when_a_quorum_signed_for_them() {
    let [first, ..] = sets();
    let to = |seeds: &[u8]| vec![jump(10, &first, &raw_set(1, seeds))];
    refused(&to(&[]), 0, JumpFault::Set(SetError::Empty));
    refused(&to(&[1, 1]), 0, JumpFault::Set(SetError::Duplicate(key(1).public())));
    let sorted = sets()[0].1.iter().map(KeyPair::public).collect::<Vec<_>>();
    let backwards: Vec<_> = sorted.into_iter().rev().collect();
    let backwards = ValidatorSet::decode(&mut &(1u64, backwards).encode()[..]).unwrap();
    refused(&[jump(10, &first, &backwards)], 0, JumpFault::Unsorted);
}

#[test]
fn a_file_of_jumps_reads_back_and_cut_anywhere_it_does_not() {
    for jumps in [vec![], jumps()] {
        let file = to_file(&GENESIS, &jumps);
        assert_eq!(from_file(&file, &GENESIS), Ok(jumps));
        for end in 0..file.len() {
            assert!(from_file(&file[..end], &GENESIS).is_err(), "cut at {end}");
        }
        let longer = [&file[..], &[0]].concat();
        assert_eq!(from_file(&longer, &GENESIS), Err(FileError::Trailing { extra: 1 }));
    }
}

#[test]
fn another_file_another_version_and_another_chain_are_told_apart() {
    let file = to_file(&GENESIS, &jumps());
    let changed = |place: usize, byte: u8| {
        let mut file = file.clone();
        file[place] = byte;
        from_file(&file, &GENESIS)
    };
    assert_eq!(changed(0, 0), Err(FileError::Magic));
    assert_eq!(changed(8, 2), Err(FileError::Version { found: 2 }));
    let found = Hash::ZERO;
    assert_eq!(from_file(&to_file(&found, &[]), &GENESIS), Err(FileError::Genesis { found, expected: GENESIS }));
    // The lowest byte of the count is the fourth from the end.
    assert_eq!(changed(file.len() - 4, 3), Err(FileError::Count { found: 3, expected: 2 }));
}

#[test]
fn a_length_beyond_any_jump_and_bytes_that_are_none_are_refused() {
    let head = &to_file(&GENESIS, &[])[..HEAD_LEN];
    let huge = [head, &u32::MAX.to_le_bytes()].concat();
    assert_eq!(from_file(&huge, &GENESIS), Err(FileError::Length { index: 0, length: u32::MAX as usize }));
    let no_jump = [head, &3u32.to_le_bytes(), &[1, 2, 3]].concat();
    let reason = DecodeError::Malformed;
    assert_eq!(from_file(&no_jump, &GENESIS), Err(FileError::Jump { index: 0, reason }));
    let cut = [head, &9u32.to_le_bytes(), &[1, 2, 3]].concat();
    assert_eq!(from_file(&cut, &GENESIS), Err(FileError::CutOff { index: 0 }));
}

#[test]
fn the_largest_jump_there_can_be_fits() {
    let seeds: Vec<u8> = (1..=100).collect();
    let (before, after) = (set(0, &seeds), set(1, &seeds).0);
    let jump = jump(u32::MAX, &before, &after);
    assert!(jump.encode().len() <= JUMP_LEN_MAX, "{} bytes", jump.encode().len());
    let file = to_file(&GENESIS, std::slice::from_ref(&jump));
    assert_eq!(from_file(&file, &GENESIS), Ok(vec![jump]));
}
