//! Frames: what is read, what is skipped, what ends a connection.

use futures::{executor::block_on, io::Cursor};
use salus_consensus::{Proposal, SignedProposal};
use salus_primitives::{AccountId, Hash, Header, RawExtrinsic, crypto::Signature, header::Digest};

use super::*;

fn read(bytes: &[u8]) -> Result<Body, FrameError> {
    block_on(async {
        let mut stream = Cursor::new(bytes);
        let (kind, length) = read_head(&mut stream).await?;
        read_body(&mut stream, kind, length).await
    })
}

fn message() -> WireMessage {
    let proposal =
        Proposal { height: Height(7), round: 1, pol_round: None, value: Hash([4; 32]), authority: AccountId([5; 32]) };
    WireMessage::Proposal(SignedProposal { proposal, signature: Signature([6; 64]) })
}

fn block(extrinsics: Vec<RawExtrinsic>) -> Block {
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height(7),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    };
    Block { header, extrinsics }
}

#[test]
fn each_kind_of_frame_reads_back() {
    assert!(matches!(read(&frame(Kind::Message, &message())), Ok(Body::Message(found)) if found == message()));
    let full = block(vec![RawExtrinsic(vec![1; 500]); 4_000]);
    assert!(matches!(read(&frame(Kind::Block, &full)), Ok(Body::Block(found)) if *found == full));
    assert!(matches!(read(&frame(Kind::Tip, &Height(9))), Ok(Body::Tip(Height(9)))));
    let record = RecordBytes::try_from(vec![1; RECORD_BYTES_MAX]).unwrap();
    let records = Records::try_from(vec![record; RECORDS_MAX as usize]).unwrap();
    assert!(matches!(read(&frame(Kind::Records, &records)), Ok(Body::Records(found)) if found == records));
}

#[test]
fn the_head_is_a_kind_and_a_little_endian_length() {
    assert_eq!(frame(Kind::Tip, &Height(9))[..], [2, 4, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(frame(Kind::Message, &message())[..5], [0, 138, 0, 0, 0]);
}

#[test]
fn a_body_may_be_as_long_as_its_bound_and_not_a_byte_longer() {
    for kind in [Kind::Message, Kind::Block, Kind::Tip, Kind::Records] {
        let head = |length: usize| {
            let mut head = vec![kind as u8];
            head.extend((length as u32).to_le_bytes());
            block_on(async { read_head(&mut Cursor::new(head)).await })
        };
        for length in [kind.max() - 1, kind.max()] {
            assert_eq!(head(length).unwrap(), (kind, length));
        }
        assert!(matches!(head(kind.max() + 1), Err(FrameError::Length { .. })), "{kind:?}");
    }
}

#[test]
fn an_unknown_kind_is_malformed() {
    let error = read(&[4, 0, 0, 0, 0]).unwrap_err();
    assert!(matches!(error, FrameError::Kind(4)) && error.is_malformed());
}

#[test]
fn a_body_with_a_byte_too_few_or_too_many_is_malformed() {
    let error = read(&[2, 3, 0, 0, 0, 9, 0, 0]).unwrap_err();
    assert!(matches!(error, FrameError::Body(_)) && error.is_malformed());
    let mut longer = frame(Kind::Message, &message()).to_vec();
    longer.push(0);
    longer[1] += 1;
    assert!(matches!(read(&longer), Err(FrameError::Body(DecodeError::Trailing { extra: 1 }))));
}

#[test]
fn a_stream_that_ends_within_a_frame_is_no_offence() {
    let whole = frame(Kind::Tip, &Height(9));
    for length in 0..whole.len() {
        assert!(!read(&whole[..length]).unwrap_err().is_malformed(), "{length}");
    }
}

#[test]
fn a_skipped_frame_leaves_the_next_one_whole() {
    let mut bytes = frame(Kind::Block, &block(Vec::new())).to_vec();
    bytes.extend(&frame(Kind::Tip, &Height(3))[..]);
    block_on(async {
        let mut stream = Cursor::new(&bytes);
        let (_, length) = read_head(&mut stream).await.unwrap();
        skip_body(&mut stream, length).await.unwrap();
        let (kind, length) = read_head(&mut stream).await.unwrap();
        assert!(matches!(read_body(&mut stream, kind, length).await, Ok(Body::Tip(Height(3)))));
        assert!(skip_body(&mut stream, 1).await.is_err());
    });
}
