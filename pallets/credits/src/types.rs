//! Vocabulary of the credits pallet.

use parity_scale_codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most credits that an organisation earns by one patient on one day.
pub const PER_PATIENT_DAY: u32 = 8;
/// Weight units that one credit adds to an organisation's quota of one day: what releasing some thirty records costs.
pub const CREDIT_WEIGHT: u64 = 10_000;

/// What all organisations earned and redeemed, ever. The difference is the sum of all balances.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Totals {
    /// Credits earned.
    pub earned: u64,
    /// Credits redeemed.
    pub redeemed: u64,
}

/// Credits counted on one day.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct DayCount {
    /// Which day, counted since the epoch.
    pub day: u32,
    /// How many on that day.
    pub credits: u32,
}
