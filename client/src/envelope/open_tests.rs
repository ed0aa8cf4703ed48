//! A blob opens to what was sealed, and every way of tampering with it has its own refusal.

use super::{
    super::{SealError, seal, seal::seal_with},
    *,
};
use salus_primitives::{PatientId, RecordId};

const OF: RecordRef = RecordRef { patient: PatientId([0xaa; 16]), record: RecordId([0xbb; 16]), version: 3 };
const SEALED: usize = SEGMENT_BYTES + TAG_BYTES;
const PAYLOAD: usize = SEGMENT_BYTES - FRAME_PREFIX;

fn key() -> ContentKey {
    ContentKey::from_bytes([7; 32])
}

/// Bytes that do not shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn sealed(plain: &[u8], compression: Compression) -> Vec<u8> {
    let mut blob = Vec::new();
    let (anchor, length) = seal_with(&key(), OF, compression, plain, &mut blob).unwrap();
    assert_eq!((anchor, length), (Anchor::of(&blob[..]).unwrap(), plain.len() as u64));
    blob
}

/// A blob of four segments, the last one short, that hold 210,000 bytes as they are.
fn four_segments() -> (Vec<u8>, Vec<u8>) {
    let plain = noise(210_000);
    let blob = sealed(&plain, Compression::None);
    assert!(blob.len() > HEADER_BYTES + 3 * SEALED && blob.len() < HEADER_BYTES + 4 * SEALED);
    (plain, blob)
}

fn opened(blob: &[u8]) -> (Result<Opened, OpenError>, Vec<u8>) {
    let mut plain = Vec::new();
    let result = open(&key(), &OF, PLAIN_BYTES_MAX, blob, &mut plain);
    (result, plain)
}

/// Seal frames given as they are, each with its length prefix and padding made by the test.
fn blob_of_frames(compression: Compression, frames: &[Vec<u8>]) -> Vec<u8> {
    let header = Header::new(OF, compression, &key());
    let cipher = Cipher::new(&header, &key());
    let mut blob = header.to_bytes().to_vec();
    for (index, frame) in frames.iter().enumerate() {
        let mut frame = frame.clone();
        let tag = cipher.encrypt(u32::try_from(index).unwrap(), index + 1 == frames.len(), &mut frame);
        blob.extend(frame);
        blob.extend(tag);
    }
    blob
}

fn frame(payload: &[u8], size: usize) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(payload);
    frame.resize(size, 0);
    frame
}

#[test]
fn what_was_sealed_comes_out_again_whatever_its_length() {
    for length in [0, 1, 4092, 4093, PAYLOAD - 1, PAYLOAD, PAYLOAD + 1, 2 * PAYLOAD, 2 * PAYLOAD + 1, 700_001] {
        for compression in [Compression::None, Compression::Zlib] {
            for plain in [noise(length), vec![b'a'; length]] {
                let blob = sealed(&plain, compression);
                let (result, out) = opened(&blob);
                let result = result.unwrap();
                assert_eq!(result, Opened { anchor: Anchor::of(&blob[..]).unwrap(), plain_bytes: length as u64 });
                assert!(out == plain, "{length} bytes, {compression:?}");
            }
        }
    }
}

#[test]
fn seal_makes_a_new_key_each_time() {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let one = seal(OF, Compression::Zlib, &b"the same"[..], &mut first).unwrap();
    let two = seal(OF, Compression::Zlib, &b"the same"[..], &mut second).unwrap();
    assert_ne!(one.key.expose(), two.key.expose());
    assert_ne!(first, second);
    let mut plain = Vec::new();
    open(&one.key, &OF, 8, &first[..], &mut plain).unwrap();
    assert_eq!(plain, b"the same");
}

#[test]
fn plaintexts_of_nearly_the_same_length_make_blobs_of_the_same_length() {
    let sizes: Vec<_> = (0..500).map(|extra| sealed(&noise(50_000 + extra), Compression::None).len()).collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[test]
fn no_two_segments_and_no_padding_look_alike() {
    let blob = sealed(&vec![0; 200_000], Compression::None);
    let segments: Vec<_> = blob[HEADER_BYTES..].chunks(SEALED).map(|segment| &segment[..32]).collect();
    assert_ne!(segments[0], segments[1]);
    assert_ne!(segments[1], segments[2]);
}

#[test]
fn any_flipped_bit_is_refused() {
    let blob = sealed(b"hello", Compression::None);
    for at in (0..HEADER_BYTES).chain((HEADER_BYTES..blob.len()).step_by(101)).chain([blob.len() - 1]) {
        let mut bad = blob.clone();
        bad[at] ^= 1 << (at % 8);
        let (result, out) = opened(&bad);
        assert!(result.is_err(), "byte {at}");
        assert!(out.is_empty(), "byte {at}: nothing may leave");
    }
}

#[test]
fn an_altered_segment_is_named_and_only_the_segments_before_it_come_out() {
    let (plain, blob) = four_segments();
    for segment in 0..4 {
        let mut bad = blob.clone();
        bad[HEADER_BYTES + segment * SEALED + 100] ^= 0x80;
        let (result, out) = opened(&bad);
        assert!(matches!(result, Err(OpenError::Altered { segment: s }) if s as usize == segment), "{result:?}");
        assert!(out == plain[..segment * PAYLOAD], "segment {segment}");
    }
}

#[test]
fn a_blob_cut_anywhere_is_refused_as_truncated() {
    let (_, blob) = four_segments();
    for end in [HEADER_BYTES, HEADER_BYTES + 5, HEADER_BYTES + 1000, HEADER_BYTES + SEALED, HEADER_BYTES + 3 * SEALED] {
        let (result, _) = opened(&blob[..end]);
        assert!(matches!(result, Err(OpenError::Truncated { bytes }) if bytes == end as u64), "{end}: {result:?}");
    }
    let end = blob.len() - 1;
    assert!(matches!(opened(&blob[..end]).0, Err(OpenError::Truncated { bytes }) if bytes == end as u64));
    for end in 0..HEADER_BYTES {
        let (result, _) = opened(&blob[..end]);
        assert!(matches!(result, Err(OpenError::Header(HeaderError::Short { found })) if found == end), "{end}");
    }
}

#[test]
fn bytes_after_the_end_are_refused_however_many() {
    let (_, short) = four_segments();
    let full = blob_of_frames(Compression::None, &[frame(&[1; PAYLOAD], SEGMENT_BYTES)]);
    assert!(opened(&full).0.is_ok());
    for (blob, last) in [(short, 3), (full, 0)] {
        for extra in [1, 15, 16, 4096, SEALED, 3 * SEALED] {
            let mut bad = blob.clone();
            bad.resize(blob.len() + extra, 0x55);
            let (result, _) = opened(&bad);
            let expected = matches!(result, Err(OpenError::Trailing { segment }) if segment == last);
            assert!(expected, "{extra} bytes: {result:?}");
        }
    }
}

#[test]
fn segments_in_another_order_are_refused() {
    let (_, blob) = four_segments();
    let (first, second) = (HEADER_BYTES, HEADER_BYTES + SEALED);
    let mut bad = blob.clone();
    bad[first..second].copy_from_slice(&blob[second..second + SEALED]);
    bad[second..second + SEALED].copy_from_slice(&blob[first..second]);
    let (result, out) = opened(&bad);
    assert!(matches!(result, Err(OpenError::Reordered { place: 0, belongs: 1 })), "{result:?}");
    assert!(out.is_empty());

    let mut dropped = blob[..second].to_vec();
    dropped.extend(&blob[second + SEALED..]);
    let (result, _) = opened(&dropped);
    assert!(matches!(result, Err(OpenError::Reordered { place: 1, belongs: 2 })), "{result:?}");
}

#[test]
fn the_blob_of_another_patient_record_or_version_is_refused_each_by_its_name() {
    let blob = sealed(b"hello", Compression::Zlib);
    let ask = |of: RecordRef| open(&key(), &of, 10, &blob[..], io::sink());
    let header = |result: Result<Opened, OpenError>| match result {
        Err(OpenError::Header(error)) => error,
        other => panic!("{other:?}"),
    };
    let patient = PatientId([1; 16]);
    let found = header(ask(RecordRef { patient, ..OF }));
    assert_eq!(found, HeaderError::Patient { expected: patient, found: OF.patient });
    let record = RecordId([1; 16]);
    let found = header(ask(RecordRef { record, ..OF }));
    assert_eq!(found, HeaderError::Record { expected: record, found: OF.record });
    let found = header(ask(RecordRef { version: 4, ..OF }));
    assert_eq!(found, HeaderError::Version { expected: 4, found: 3 });
}

#[test]
fn a_header_edited_to_name_another_record_no_longer_fits_the_key() {
    let blob = sealed(b"hello", Compression::Zlib);
    for (at, of) in [
        (7, RecordRef { record: RecordId([0xba; 16]), ..OF }),
        (23, RecordRef { version: 2, ..OF }),
        (27, RecordRef { patient: PatientId([0xab; 16]), ..OF }),
    ] {
        let mut bad = blob.clone();
        bad[7..23].copy_from_slice(&of.record.0);
        bad[23..27].copy_from_slice(&of.version.to_le_bytes());
        bad[27..43].copy_from_slice(&of.patient.0);
        let result = open(&key(), &of, 10, &bad[..], io::sink());
        assert!(matches!(result, Err(OpenError::Header(HeaderError::Key))), "field at {at}: {result:?}");
    }
    let mut bad = blob;
    bad[5] = 0;
    assert!(matches!(opened(&bad).0, Err(OpenError::Header(HeaderError::Key))), "compression");
}

#[test]
fn another_key_is_refused_before_any_byte_leaves() {
    let blob = sealed(b"hello", Compression::None);
    let mut plain = Vec::new();
    let result = open(&ContentKey::from_bytes([8; 32]), &OF, 10, &blob[..], &mut plain);
    assert!(matches!(result, Err(OpenError::Header(HeaderError::Key))), "{result:?}");
    assert!(plain.is_empty());
}

#[test]
fn segments_of_another_record_under_the_same_key_are_refused() {
    // Not even a sealer that wrongly used a key twice makes segments exchangeable.
    let blob = sealed(b"hello", Compression::None);
    let mut other = Vec::new();
    let of = RecordRef { record: RecordId([9; 16]), ..OF };
    seal_with(&key(), of, Compression::None, &b"other"[..], &mut other).unwrap();
    other[..HEADER_BYTES].copy_from_slice(&blob[..HEADER_BYTES]);
    assert!(matches!(opened(&other).0, Err(OpenError::Altered { segment: 0 })));
}

#[test]
fn what_this_program_does_not_know_is_refused_by_name() {
    let blob = sealed(b"hello", Compression::None);
    let with = |at: usize, byte: u8| {
        let mut bad = blob.clone();
        bad[at] = byte;
        match opened(&bad).0 {
            Err(OpenError::Header(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(0, b'X'), HeaderError::Magic);
    assert_eq!(with(4, 2), HeaderError::Format { found: 2 });
    assert_eq!(with(5, 2), HeaderError::Compression { found: 2 });
    assert_eq!(with(6, 9), HeaderError::Suite { found: 9 });
    assert_eq!(with(45, 2), HeaderError::SegmentSize { found: 0x2_0000 });
}

#[test]
fn a_decompression_bomb_stops_at_the_limit() {
    let blob = sealed(&vec![0; 20_000_000], Compression::Zlib);
    assert!(blob.len() < 30_000, "20 MB of zeros are small when packed: {}", blob.len());
    let mut plain = Vec::new();
    let result = open(&key(), &OF, 100_000, &blob[..], &mut plain);
    assert!(matches!(result, Err(OpenError::TooLarge { max: 100_000 })), "{result:?}");
    assert!(plain.len() <= 100_000);
}

#[test]
fn the_limit_itself_is_allowed_and_holds_without_compression_too() {
    for compression in [Compression::None, Compression::Zlib] {
        let blob = sealed(&noise(70_000), compression);
        assert!(open(&key(), &OF, 70_000, &blob[..], io::sink()).is_ok());
        let result = open(&key(), &OF, 69_999, &blob[..], io::sink());
        assert!(matches!(result, Err(OpenError::TooLarge { max: 69_999 })), "{result:?}");
    }
}

#[test]
fn an_authentic_blob_that_breaks_the_format_is_refused() {
    let malformed = |compression, frames: &[Vec<u8>]| match opened(&blob_of_frames(compression, frames)).0 {
        Err(OpenError::Malformed { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let (none, zlib) = (Compression::None, Compression::Zlib);
    assert_eq!(malformed(none, &[vec![]]), "a frame without payload length");
    let mut too_long = frame(b"hi", 4096);
    too_long[1] = 0x10;
    assert_eq!(malformed(none, &[too_long]), "a payload longer than its frame");
    let mut dirty = frame(b"hi", 4096);
    dirty[4095] = 1;
    assert_eq!(malformed(none, &[dirty]), "padding that is not zero");
    assert_eq!(malformed(none, &[frame(b"hi", 8192)]), "padded to another length than its bucket");
    assert_eq!(malformed(none, &[frame(b"hi", 100)]), "padded to another length than its bucket");
    let late = [frame(b"hi", SEGMENT_BYTES), frame(b"hi", 8192)];
    assert_eq!(malformed(none, &late), "payload follows the padding");
    assert_eq!(malformed(zlib, &[frame(b"hi", 4096)]), "not a zlib stream");
    assert_eq!(malformed(zlib, &[frame(b"", 4096)]), "the compressed record has no end");

    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&noise(50)).unwrap();
    let mut packed = packed.finish().unwrap();
    assert_eq!(malformed(zlib, &[frame(&packed[..packed.len() - 1], 4096)]), "the compressed record has no end");
    packed.push(0);
    assert_eq!(malformed(zlib, &[frame(&packed, 4096)]), "bytes follow the compressed record");
}

#[test]
fn a_blob_that_is_not_the_anchored_one_gives_nothing_at_all() {
    let (plain, blob) = four_segments();
    let anchor = Anchor::of(&blob[..]).unwrap();
    let try_open = |bytes: &[u8]| {
        let mut out = Vec::new();
        let result = open_anchored(&key(), &OF, &anchor, PLAIN_BYTES_MAX, io::Cursor::new(bytes), &mut out);
        (result, out)
    };
    let (result, out) = try_open(&blob);
    assert_eq!(result.unwrap().anchor, anchor);
    assert!(out == plain);

    let mut bad = blob.clone();
    *bad.last_mut().unwrap() ^= 1;
    let (result, out) = try_open(&bad);
    let found = Anchor::of(&bad[..]).unwrap().digest;
    let error = result.unwrap_err();
    assert!(matches!(error, OpenError::Digest { expected, found: f } if expected == anchor.digest && f == found));
    assert!(error.to_string().contains(&anchor.digest.to_string()), "the digest is named: {error}");
    assert!(out.is_empty());

    let (result, out) = try_open(&blob[..blob.len() - 1]);
    assert!(matches!(result, Err(OpenError::Size { expected, found }) if expected == found + 1));
    assert!(out.is_empty());
}

#[test]
fn a_disk_that_fails_is_told_from_a_bad_blob() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Other.into())
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let blob = sealed(b"hello", Compression::Zlib);
    assert!(matches!(open(&key(), &OF, 10, Broken, io::sink()), Err(OpenError::Read(_))));
    assert!(matches!(open(&key(), &OF, 10, &blob[..], Broken), Err(OpenError::Write(_))));
    assert!(matches!(seal(OF, Compression::Zlib, Broken, io::sink()), Err(SealError::Read(_))));
    assert!(matches!(seal(OF, Compression::Zlib, &b"hello"[..], Broken), Err(SealError::Write(_))));
}
