//! Timestamp: block time as clients look for it (decision 20). A pallet without calls: the executive
//! copies the header's time here.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

salus_support::storage! { Timestamp;
    /// Time of the block this state is after, in ms since the Unix epoch.
    Now: value u64;
}

/// No call.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {}

/// No event.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {}

/// No error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {}

impl PalletEvent for Event {
    const PALLET: &'static str = "Timestamp";
}

/// The pallet.
pub struct Timestamp;

impl Pallet for Timestamp {
    const NAME: &'static str = "Timestamp";
    const DOCS: &'static str = "Block time.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        let period = crate::types::Parameters::default().block_interval_min / 2;
        vec![ConstantEntry::new("MinimumPeriod", &period, "Half the shortest time between blocks, ms.")]
    }

    fn cost(call: &Call) -> Cost {
        match *call {}
    }

    fn dispatch(_: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {}
    }
}
