//! Jumps: the changes of the validator set, from genesis on, each proven by the set before it (formats.md 6).
//!
//! Whoever knows the first set verifies the last one without the blocks between them, and with it any certificate of
//! its time.
//!
//! ```text
//! head    "SALUSJMP" version[2] genesis hash[32]
//! jumps   in order of height: length[4] SCALE(header, certificate, set)
//! end     length 0[4] number of jumps[4]
//! ```
//! Integers are little-endian. The header is of the block whose execution changed the set; the certificate makes it
//! final; the set is the one that decides from the next height on.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

use crate::{
    Hash, Header, Height,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    commit::{CertificateError, CommitCertificate},
    header::DigestError,
    validator_set::{SetError, ValidatorSet},
};

const MAGIC: &[u8; 8] = b"SALUSJMP";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Length of the head, in bytes.
pub const HEAD_LEN: usize = 42;
/// Longest jump, in bytes: a header of some 230, a hundred signatures and a hundred keys take 10 KiB.
pub const JUMP_LEN_MAX: usize = 16 * 1024;

/// One change of the validator set.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct Jump {
    /// Of the block that changed it.
    pub header: Header,
    /// What made that block final: by the set before.
    pub certificate: CommitCertificate,
    /// The set from the next height on.
    pub set: ValidatorSet,
}

/// Why bytes are not a jump file of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Something else.
    #[error("not a file of Salus jumps")]
    Magic,
    /// A newer or older format.
    #[error("jump file format {found}, this release reads format {VERSION}")]
    Version {
        /// What it says.
        found: u16,
    },
    /// Another chain's.
    #[error("the jumps are of the chain with genesis {found}, expected are those of {expected}")]
    Genesis {
        /// The file's.
        found: Hash,
        /// The reader's.
        expected: Hash,
    },
    /// The end is missing.
    #[error("the file ends within jump {index}: it was cut off, get it again")]
    CutOff {
        /// Which jump.
        index: u32,
    },
    /// A jump that says it is longer than any.
    #[error("jump {index} has {length} bytes, at most {JUMP_LEN_MAX} are possible")]
    Length {
        /// Which jump.
        index: u32,
        /// What it says.
        length: usize,
    },
    /// A jump that does not decode.
    #[error("jump {index} does not decode: {reason}")]
    Jump {
        /// Which jump.
        index: u32,
        /// Which rule it breaks.
        reason: DecodeError,
    },
    /// The end counts other jumps than there are.
    #[error("the file's end counts {found} jumps, {expected} were read")]
    Count {
        /// What the end says.
        found: u32,
        /// What was read.
        expected: u32,
    },
    /// Bytes after the end.
    #[error("{extra} bytes follow the end of the jumps")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

/// The file of these jumps of the chain of `genesis`.
pub fn to_file(genesis: &Hash, jumps: &[Jump]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &genesis.0].concat();
    for jump in jumps {
        let jump = jump.encode();
        let length = u32::try_from(jump.len()).expect("a jump is far shorter than 4 GiB");
        bytes.extend(length.to_le_bytes());
        bytes.extend(jump);
    }
    let count = u32::try_from(jumps.len()).expect("a chain of 2^32 blocks has fewer changes");
    bytes.extend([[0; 4], count.to_le_bytes()].concat());
    bytes
}

/// Read a file of jumps of the chain of `genesis`: whole, canonical and bounded. Whether they are true is for
/// [`verify`].
///
/// # Errors
/// [`FileError`] by its rule.
pub fn from_file(bytes: &[u8], genesis: &Hash) -> Result<Vec<Jump>, FileError> {
    let (head, mut rest) = bytes.split_first_chunk::<HEAD_LEN>().ok_or(FileError::Magic)?;
    check_head(head, genesis)?;
    let mut jumps = Vec::new();
    let mut index = 0;
    loop {
        let cut_off = FileError::CutOff { index };
        let length = u32::from_le_bytes(*take(&mut rest).ok_or(cut_off)?) as usize;
        if length == 0 {
            break;
        }
        if length > JUMP_LEN_MAX {
            return Err(FileError::Length { index, length });
        }
        let (jump, after) = rest.split_at_checked(length).ok_or(cut_off)?;
        rest = after;
        jumps.push(decode_strict(jump, MESSAGE_DEPTH_MAX).map_err(|reason| FileError::Jump { index, reason })?);
        index += 1;
    }
    let found = u32::from_le_bytes(*take(&mut rest).ok_or(FileError::CutOff { index })?);
    if found != index {
        return Err(FileError::Count { found, expected: index });
    }
    if !rest.is_empty() {
        return Err(FileError::Trailing { extra: rest.len() });
    }
    Ok(jumps)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8; 4]> {
    let (four, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(four)
}

fn check_head(head: &[u8; HEAD_LEN], genesis: &Hash) -> Result<(), FileError> {
    let rest = head.strip_prefix(MAGIC).ok_or(FileError::Magic)?;
    let (version, hash) = rest.split_at(2);
    let version = u16::from_le_bytes([version[0], version[1]]);
    if version != VERSION {
        return Err(FileError::Version { found: version });
    }
    let mut found = Hash::ZERO;
    found.0.copy_from_slice(hash);
    if found == *genesis { Ok(()) } else { Err(FileError::Genesis { found, expected: *genesis }) }
}

/// Why jumps do not lead from the first set to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("jump {index}, of height {height}: {reason}")]
pub struct JumpError {
    /// Which jump.
    pub index: usize,
    /// The height it is about.
    pub height: Height,
    /// What is wrong with it.
    pub reason: JumpFault,
}

/// What is wrong with a jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JumpFault {
    /// A height that does not rise: genesis, or not after the jump before.
    #[error("its height is not after {after}")]
    Height {
        /// Of the jump before, or of genesis.
        after: Height,
    },
    /// A digest of another form.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A block of another set: a jump before it is missing, or this one is out of order.
    #[error("the block was decided by set {found}, the jumps before lead to set {expected}: one is missing")]
    DecidedBy {
        /// The header's.
        found: u64,
        /// The one known by now.
        expected: u64,
    },
    /// The block is not final by that set.
    #[error("the set known by then did not finalise the block: {0}")]
    Certificate(#[from] CertificateError),
    /// The block changed nothing.
    #[error("the block changed no validators")]
    NoChange,
    /// An id that is not the next one.
    #[error("set id {found}, expected is {expected}")]
    SetId {
        /// The header's or the set's.
        found: u64,
        /// The one after the set before.
        expected: u64,
    },
    /// Keys that make no set.
    #[error("the keys are no set: {0}")]
    Set(#[from] SetError),
    /// Keys out of order.
    #[error("the keys of the set are not sorted")]
    Unsorted,
    /// Another set than the block names.
    #[error("the hash of the set is {found}, the block names {expected}")]
    SetHash {
        /// Of the set in the jump.
        found: Hash,
        /// In the header.
        expected: Hash,
    },
}

/// The set that `jumps` lead to from `first`, the set of genesis, on the chain of `genesis`. Without jumps that is
/// `first` itself.
///
/// The answer is true unless more than two thirds of one of these sets signed for somebody else, be it that their keys
/// were stolen later: a verifier who fears that compares one header with a checkpoint of its own.
///
/// # Errors
/// [`JumpError`] with the first jump that is wrong.
pub fn verify(genesis: &Hash, first: &ValidatorSet, jumps: &[Jump]) -> Result<ValidatorSet, JumpError> {
    verify_after(Height::GENESIS, genesis, first, jumps)
}

/// As [`verify`], from `known` on, the set that decides above height `after`.
///
/// # Errors
/// [`JumpError`] with the first jump that is wrong.
pub fn verify_after(
    mut after: Height,
    genesis: &Hash,
    known: &ValidatorSet,
    jumps: &[Jump],
) -> Result<ValidatorSet, JumpError> {
    let mut set = known;
    for (index, jump) in jumps.iter().enumerate() {
        let height = jump.header.number;
        check(genesis, set, after, jump).map_err(|reason| JumpError { index, height, reason })?;
        (set, after) = (&jump.set, height);
    }
    Ok(set.clone())
}

/// Does `jump` lead on from `before`, the set that decides above `after`?
fn check(genesis: &Hash, before: &ValidatorSet, after: Height, jump: &Jump) -> Result<(), JumpFault> {
    let Jump { header, certificate, set } = jump;
    if header.number <= after {
        return Err(JumpFault::Height { after });
    }
    let (expected, found) = (before.set_id, header.slot()?.set_id);
    if found != expected {
        return Err(JumpFault::DecidedBy { found, expected });
    }
    certificate.verify(header, before, genesis)?;
    let change = header.set_change()?.ok_or(JumpFault::NoChange)?;
    let expected = before.set_id.saturating_add(1);
    if let Some(found) = [change.set_id, set.set_id].into_iter().find(|id| *id != expected) {
        return Err(JumpFault::SetId { found, expected });
    }
    // Decoding takes keys in any order.
    if ValidatorSet::new(set.set_id, set.keys().to_vec())? != *set {
        return Err(JumpFault::Unsorted);
    }
    let (expected, found) = (change.hash, set.hash());
    if found == expected { Ok(()) } else { Err(JumpFault::SetHash { found, expected }) }
}

#[cfg(test)]
#[path = "jump_tests.rs"]
mod tests;
