//! Blinded sensitivity labels, as records carry them and as rules and guardianships name them.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// A blinded sensitivity label: the first 8 bytes of HMAC-SHA256(the patient's tag key, code). Whoever has
/// not got the key sees that two records of one patient share a label, and not which.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Tag(pub [u8; 8]);
