//! A file of blocks: what a node exports and what anybody replays.
//!
//! ```text
//! head    "SALUSBLK" version[2] genesis hash[32]
//! blocks  from height 1 on: length[4] SCALE(header, extrinsics, Option<certificate>)
//! end     length 0[4] number of blocks[4]
//! ```
//! Integers are little-endian. Genesis itself is made from the chain specification. The end tells a whole file
//! from one that was cut off between two blocks.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

use crate::{
    Block, Hash,
    codec::{DecodeError, EXTRINSIC_DEPTH_MAX, decode_strict},
    commit::CommitCertificate,
    limits::BLOCK_BYTES_MAX,
};

const MAGIC: &[u8; 8] = b"SALUSBLK";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Length of the head, in bytes.
pub const HEAD_LEN: usize = 42;
/// Longest record: a full block, a header and a hundred signatures.
pub const RECORD_LEN_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;

/// One block of a file.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Record {
    /// The block.
    pub block: Block,
    /// What made it final.
    pub certificate: Option<CommitCertificate>,
}

/// Why bytes are not such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Something else.
    #[error("not a file of Salus blocks")]
    Magic,
    /// A newer or older format.
    #[error("block file format {found}, this release reads format {VERSION}")]
    Version {
        /// What it says.
        found: u16,
    },
    /// Another chain's.
    #[error("the blocks are of the chain with genesis {found}, the chain specification gives {expected}")]
    Genesis {
        /// The file's.
        found: Hash,
        /// The specification's.
        expected: Hash,
    },
    /// A record that says it is longer than any block.
    #[error("a block of {length} bytes, at most {RECORD_LEN_MAX} are possible")]
    Length {
        /// What it says.
        length: usize,
    },
    /// A record that does not decode.
    #[error("a block does not decode: {0}")]
    Record(#[from] DecodeError),
    /// The end counts other blocks than there are.
    #[error("the file's end counts {found} blocks, {expected} were read")]
    Count {
        /// What the end says.
        found: u32,
        /// What was read.
        expected: u32,
    },
}

/// The head of a file of the chain of `genesis`.
pub fn head(genesis: &Hash) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), &genesis.0].concat()
}

/// Check a file's head.
///
/// # Errors
/// [`ArchiveError::Magic`], [`ArchiveError::Version`] or [`ArchiveError::Genesis`].
pub fn check_head(head: &[u8; HEAD_LEN], genesis: &Hash) -> Result<(), ArchiveError> {
    let rest = head.strip_prefix(MAGIC).ok_or(ArchiveError::Magic)?;
    let (version, found) = rest.split_at(2);
    let version = u16::from_le_bytes([version[0], version[1]]);
    if version != VERSION {
        return Err(ArchiveError::Version { found: version });
    }
    if found != genesis.0 {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(found);
        return Err(ArchiveError::Genesis { found: Hash(bytes), expected: *genesis });
    }
    Ok(())
}

/// A block with its length before it.
pub fn record(record: &Record) -> Vec<u8> {
    let bytes = record.encode();
    let length = u32::try_from(bytes.len()).expect("a block is far shorter than 4 GiB");
    [&length.to_le_bytes()[..], &bytes].concat()
}

/// How long the next record is; none at the end of the file.
///
/// # Errors
/// [`ArchiveError::Length`].
pub fn record_len(length: [u8; 4]) -> Result<Option<usize>, ArchiveError> {
    match u32::from_le_bytes(length) as usize {
        0 => Ok(None),
        length if length > RECORD_LEN_MAX => Err(ArchiveError::Length { length }),
        length => Ok(Some(length)),
    }
}

/// Read a record, without its length.
///
/// # Errors
/// [`ArchiveError::Record`].
pub fn read_record(bytes: &[u8]) -> Result<Record, ArchiveError> {
    Ok(decode_strict(bytes, EXTRINSIC_DEPTH_MAX)?)
}

/// The end of a file of `count` blocks.
pub fn end(count: u32) -> Vec<u8> {
    [[0; 4], count.to_le_bytes()].concat()
}

/// Check the count after the last record.
///
/// # Errors
/// [`ArchiveError::Count`].
pub fn check_end(count: [u8; 4], read: u32) -> Result<(), ArchiveError> {
    let found = u32::from_le_bytes(count);
    if found == read { Ok(()) } else { Err(ArchiveError::Count { found, expected: read }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Height, RawExtrinsic, header::Digest};

    const GENESIS: Hash = Hash([3; 32]);

    #[test]
    fn a_record_reads_back() {
        let header = Header {
            parent_hash: GENESIS,
            number: Height(1),
            state_root: Hash::ZERO,
            extrinsics_root: Hash::ZERO,
            digest: Digest::default(),
        };
        let block = Block { header, extrinsics: vec![RawExtrinsic(vec![1, 2, 3])] };
        let one = Record { block, certificate: None };
        let bytes = record(&one);
        let length = record_len(bytes[..4].try_into().unwrap()).unwrap().unwrap();
        assert_eq!(length, bytes.len() - 4);
        assert_eq!(read_record(&bytes[4..]), Ok(one));
        assert!(matches!(read_record(&bytes[4..bytes.len() - 1]), Err(ArchiveError::Record(_))));
    }

    #[test]
    fn another_file_another_version_and_another_chain_are_told_apart() {
        let good: [u8; HEAD_LEN] = head(&GENESIS).try_into().unwrap();
        assert_eq!(check_head(&good, &GENESIS), Ok(()));
        assert!(matches!(check_head(&good, &Hash::ZERO), Err(ArchiveError::Genesis { .. })));
        let mut newer = good;
        newer[8] = 2;
        assert_eq!(check_head(&newer, &GENESIS), Err(ArchiveError::Version { found: 2 }));
        assert_eq!(check_head(&[0; HEAD_LEN], &GENESIS), Err(ArchiveError::Magic));
    }

    #[test]
    fn a_length_beyond_any_block_and_a_wrong_count_are_refused() {
        assert!(matches!(record_len([255; 4]), Err(ArchiveError::Length { .. })));
        assert_eq!(record_len([0; 4]), Ok(None));
        assert_eq!(check_end([2, 0, 0, 0], 2), Ok(()));
        assert!(matches!(check_end([2, 0, 0, 0], 3), Err(ArchiveError::Count { .. })));
    }
}
