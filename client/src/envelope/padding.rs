//! Sizes a blob may have: few, so that its length says little about what is in it.

use super::header::{FRAME_PAYLOAD, FRAME_PREFIX, SEGMENT_BYTES};

/// Smallest bucket, in bytes.
pub const BUCKET_MIN: u64 = 4 * 1024;

/// The smallest bucket that holds `bytes`: 4 KiB, and from there on eight equal steps to each doubling.
/// Saturates near 2^64, which no file reaches.
pub fn bucket(bytes: u64) -> u64 {
    if bytes <= BUCKET_MIN {
        return BUCKET_MIN;
    }
    let step = 1 << ((bytes - 1).ilog2() - 3);
    bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

/// Length in bytes of all frames of a blob with `payload` bytes, padding included.
pub(super) fn frames_bytes(payload: u64) -> u64 {
    let frames = payload.div_ceil(FRAME_PAYLOAD as u64).max(1);
    bucket(payload + frames * FRAME_PREFIX as u64)
}

/// Number and length in bytes of the last frame of a blob with `payload` bytes.
pub(super) fn last_frame(payload: u64) -> (u64, usize) {
    let total = frames_bytes(payload);
    let last = total.div_ceil(SEGMENT_BYTES as u64) - 1;
    (last, usize::try_from(total - last * SEGMENT_BYTES as u64).expect("a frame has at most 64 KiB"))
}

/// The lengths in bytes that the last frame may have when it is frame number `index`.
pub(super) fn last_frame_sizes(index: u32) -> impl Iterator<Item = usize> {
    let before = u64::from(index) * SEGMENT_BYTES as u64;
    let end = before + SEGMENT_BYTES as u64;
    core::iter::successors(Some(bucket(before + 1)), |size| Some(bucket(size + 1)))
        .take_while(move |size| *size <= end)
        .map(move |size| usize::try_from(size - before).expect("a frame has at most 64 KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_bytes_and_wastes_at_most_an_eighth() {
        for bytes in (0..40_000u64).chain((16..44).flat_map(|k| [(1 << k) - 1, 1 << k, (1 << k) + 1])) {
            let bucket = bucket(bytes);
            assert!(bucket >= bytes);
            assert!(bytes <= BUCKET_MIN || (bucket - bytes) * 8 <= bytes, "{bytes} in {bucket}");
        }
    }

    #[test]
    fn buckets_are_those_of_the_table() {
        for (bytes, expected) in [
            (0, 4096),
            (4096, 4096),
            (4097, 4608),
            (8192, 8192),
            (8193, 9216),
            ((64 << 10) + 1, (64 + 8) << 10),
            ((1 << 20) + 1, (1024 + 128) << 10),
        ] {
            assert_eq!(bucket(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn a_bucket_is_its_own_bucket() {
        for bytes in (0..3_000_000).step_by(997) {
            assert_eq!(bucket(bucket(bytes)), bucket(bytes));
        }
    }

    #[test]
    fn every_length_a_sealer_chooses_is_one_the_reader_thinks_of() {
        for payload in (0..400_000u64).step_by(61) {
            let (last, size) = last_frame(payload);
            let last = u32::try_from(last).unwrap();
            assert!(last_frame_sizes(last).any(|possible| possible == size), "{payload}");
        }
    }
}
