//! Requests and answers: their bytes and their bounds.

use salus_primitives::{
    Header, RawExtrinsic,
    commit::CommitCertificate,
    crypto::Signature,
    header::{Digest, Slot},
    validator_set::VALIDATORS_MAX,
};

use super::*;

fn block(number: u32, extrinsics: Vec<RawExtrinsic>) -> Block {
    let slot = Slot { time: salus_primitives::Moment(1), build_round: 0, proposer_index: 0, set_id: 0 };
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height(number),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest { logs: vec![slot.item()] },
    };
    Block { header, extrinsics }
}

fn record(number: u32, extrinsics: Vec<RawExtrinsic>) -> Record {
    let block = block(number, extrinsics);
    let signatures: Vec<_> = (0..VALIDATORS_MAX as u16).map(|index| (index, Signature([7; 64]))).collect();
    let certificate = CommitCertificate {
        height: block.header.number,
        round: 0,
        value: block.header.vote_value(),
        signatures: signatures.try_into().unwrap(),
    };
    Record { block, certificate: Some(certificate) }
}

/// An extrinsic of so many bytes, its length prefix of four bytes counted in.
fn extrinsic(bytes: usize) -> RawExtrinsic {
    RawExtrinsic(vec![9; bytes - 4])
}

#[test]
fn each_request_and_each_response_reads_back() {
    let value = Hash([5; 32]);
    for request in [
        Request::Status,
        Request::Blocks { from: Height(1), max: 64 },
        Request::Block { height: Height(u32::MAX), value },
    ] {
        let bytes = request.to_bytes();
        assert!(bytes.len() <= REQUEST_BYTES_MAX);
        assert_eq!(Request::from_bytes(&bytes), Ok(request));
    }
    let one = record(3, vec![extrinsic(100)]);
    for response in [
        Response::Status { tip: Height(9), hash: value },
        Response::Blocks(vec![one.clone(), one.clone()].try_into().unwrap()),
        Response::Blocks(Range::new()),
        Response::Block(Some(one.block)),
        Response::Block(None),
        Response::Busy,
    ] {
        assert_eq!(Response::from_bytes(&response.to_bytes()), Ok(response));
    }
}

#[test]
fn the_indexes_are_fixed() {
    assert_eq!(Request::Status.to_bytes(), [0]);
    assert_eq!(Request::Blocks { from: Height(1), max: 2 }.to_bytes(), [1, 1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(Request::Block { height: Height(1), value: Hash::ZERO }.to_bytes()[..5], [2, 1, 0, 0, 0]);
    assert_eq!(Response::Status { tip: Height(1), hash: Hash::ZERO }.to_bytes()[..5], [0, 1, 0, 0, 0]);
    assert_eq!(Response::Blocks(Range::new()).to_bytes(), [1, 0]);
    assert_eq!(Response::Block(None).to_bytes(), [2, 0]);
    assert_eq!(Response::Busy.to_bytes(), [3]);
}

#[test]
fn an_unknown_index_a_missing_byte_and_a_byte_too_many_are_refused() {
    assert_eq!(Request::from_bytes(&[3]), Err(DecodeError::Malformed));
    assert_eq!(Request::from_bytes(&[1, 1, 0, 0, 0, 2, 0, 0]), Err(DecodeError::Malformed));
    assert_eq!(Request::from_bytes(&[0, 0]), Err(DecodeError::Trailing { extra: 1 }));
    assert_eq!(Response::from_bytes(&[4]), Err(DecodeError::Malformed));
    assert_eq!(Response::from_bytes(&[3, 3]), Err(DecodeError::Trailing { extra: 1 }));
}

#[test]
fn a_request_and_a_response_have_a_longest_form() {
    assert_eq!(Request::from_bytes(&[0; REQUEST_BYTES_MAX + 1]), Err(DecodeError::Memory { max: REQUEST_BYTES_MAX }));
    let long = vec![0; RESPONSE_BYTES_MAX + 1];
    assert_eq!(Response::from_bytes(&long), Err(DecodeError::Memory { max: RESPONSE_BYTES_MAX }));
}

#[test]
fn a_range_takes_64_blocks_and_no_more() {
    let mut range = RangeBuilder::default();
    for number in 0..64 {
        assert!(range.push(record(number, Vec::new())));
    }
    assert!(!range.push(record(64, Vec::new())));
    let response = Response::Blocks(range.finish());
    assert_eq!(Response::from_bytes(&response.to_bytes()), Ok(response));

    let mut bytes = vec![1];
    vec![record(0, Vec::new()); 65].encode_to(&mut bytes);
    assert_eq!(Response::from_bytes(&bytes), Err(DecodeError::Malformed));
}

#[test]
fn a_range_takes_4_mib_and_not_a_byte_more() {
    let rest = RANGE_BYTES_MAX - record(0, Vec::new()).encoded_size();
    // Extrinsics of 64 KiB, then one that fills what is left to the byte; a count above 63 takes a byte more.
    let many = rest / 65_536 - 1;
    let last = rest - many * 65_536 - usize::from(many + 2 >= 64);
    for (extra, fits) in [(0, true), (1, false)] {
        let mut extrinsics = vec![extrinsic(65_536); many];
        extrinsics.push(extrinsic(last / 2 + extra));
        extrinsics.push(extrinsic(last - last / 2));
        let mut range = RangeBuilder::default();
        let full = record(0, extrinsics);
        assert_eq!(full.encoded_size(), RANGE_BYTES_MAX + extra);
        assert_eq!(range.push(full), fits);
        assert_eq!(range.push(record(1, Vec::new())), !fits);
    }
}

#[test]
fn the_longest_range_reads_back() {
    let mut range = RangeBuilder::default();
    // Two blocks of 4,000 extrinsics, with certificates of a hundred signatures.
    for number in 0..2 {
        assert!(range.push(record(number, vec![extrinsic(500); 4_000])));
    }
    let response = Response::Blocks(range.finish());
    assert_eq!(Response::from_bytes(&response.to_bytes()), Ok(response));
}

#[test]
fn an_answer_must_fit_its_question() {
    let blocks = Request::Blocks { from: Height(5), max: 2 };
    let range = |numbers: &[u32]| {
        Response::Blocks(numbers.iter().map(|n| record(*n, Vec::new())).collect::<Vec<_>>().try_into().unwrap())
    };
    for good in [range(&[]), range(&[5]), range(&[5, 6]), Response::Busy] {
        assert!(good.fits(&blocks));
    }
    let status = Response::Status { tip: Height(9), hash: Hash::ZERO };
    for bad in [range(&[6]), range(&[5, 7]), range(&[5, 6, 7]), status.clone(), Response::Block(None)] {
        assert!(!bad.fits(&blocks), "{bad:?}");
    }
    let wanted = block(5, Vec::new());
    let one = Request::Block { height: Height(5), value: wanted.header.vote_value() };
    assert!(Response::Block(Some(wanted)).fits(&one));
    assert!(Response::Block(None).fits(&one));
    assert!(!Response::Block(Some(block(6, Vec::new()))).fits(&one));
    assert!(status.fits(&Request::Status));
    assert!(!status.fits(&one));
}
