//! Credits: what organisations earn by sharing records, and the daily weight they get for it.
//!
//! Nobody pays with them: they stand in for fees. A custodian [earns](earn) when another organisation reads what it
//! keeps, and redeems for a larger quota on a busy day.
//!
//! # Who may call
//! An Admin redeems. No call earns: other pallets say so from within theirs.
//!
//! # Invariants
//! 1. What was earned less what was redeemed is the sum of all balances. Nothing moves from one balance to another.
//! 2. An organisation earns at most [`PER_PATIENT_DAY`](types::PER_PATIENT_DAY) credits by one patient on one day, and
//!    none by its own use or by a patient whom nobody confirmed.
//! 3. A day's quota is at most doubled.
//!
//! # Where the specification is silent
//! * A credit is earned per record released, and adds [`CREDIT_WEIGHT`](types::CREDIT_WEIGHT) units to the quota of the
//!   day on which it is redeemed. What is left of that at midnight UTC is lost; credits themselves never lapse.
//! * A provisional patient counts as unconfirmed, and one who lapsed, closed or is dead for good earns nobody anything.
//! * A suspended organisation earns nothing by what it goes on serving, and redeems nothing.
//! * Redeeming is an ordinary call: an Admin redeems before the day's weight is used up, not after.

mod calls;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::OrganisationId;
use salus_registry::Standing;
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, StateReader, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use calls::earn;

/// What `organisation` earned and has not redeemed.
pub fn balance(state: &dyn StateReader, organisation: OrganisationId) -> u64 {
    storage::Balances::get(state, &organisation)
}

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Give credits up for weight: each adds 10,000 units to what the organisation may use today (UTC).
    ///
    /// By an Admin. Emits `Redeemed`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoCredits` (none
    /// named), `Insufficient`, `TooMany` (today's quota would be more than doubled).
    #[codec(index = 0)]
    Redeem {
        /// How many.
        credits: u64,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A custodian earned, for another organisation read what it keeps.
    #[codec(index = 0)]
    Earned {
        /// Who earned.
        organisation: OrganisationId,
        /// Who read.
        user: OrganisationId,
        /// How many.
        credits: u32,
    },
    /// An organisation gave credits up for weight.
    #[codec(index = 1)]
    Redeemed {
        /// Which.
        organisation: OrganisationId,
        /// How many.
        credits: u64,
        /// The day, counted since the epoch.
        day: u32,
        /// What it may use on that day now, in weight units.
        quota: u64,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// The key is no Admin's.
    #[codec(index = 1)]
    #[error("the key is no Admin's: an organisation's Admin redeems")]
    NotAuthorised,
    /// The organisation is not Active.
    #[codec(index = 2)]
    #[error("{0}")]
    NotActive(Standing),
    /// No credit is named.
    #[codec(index = 3)]
    #[error("no credit is named: redeem at least one")]
    NoCredits,
    /// The balance is lower.
    #[codec(index = 4)]
    #[error("the organisation has fewer credits than that")]
    Insufficient,
    /// Today's quota would be more than doubled.
    #[codec(index = 5)]
    #[error("today's quota would be more than doubled: redeem fewer, or tomorrow")]
    TooMany,
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Credits";
}

/// The pallet.
pub struct Credits;

impl Pallet for Credits {
    const NAME: &'static str = "Credits";
    const DOCS: &'static str = "What organisations earn by sharing records, and the daily weight they get for it.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new(
                "PerPatientDay",
                &types::PER_PATIENT_DAY,
                "Most credits of an organisation by one patient a day.",
            ),
            ConstantEntry::new("CreditWeight", &types::CREDIT_WEIGHT, "Weight units that one credit adds to a day."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Standing, parameters, balance and the day's extra are read, three values written.
            Call::Redeem { .. } => Cost::ordinary(100),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Redeem { credits } => calls::redeem(ctx, credits),
        }
    }
}

#[cfg(test)]
mod tests;
