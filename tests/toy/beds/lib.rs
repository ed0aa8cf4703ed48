//! Beds: how many beds each hospital has free, as it last said itself.

mod calls;
pub mod storage;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_support::{Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};

#[derive(Clone, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, scale_info::TypeInfo)]
pub enum Call {
    /// Say how many beds are free. A hospital's Registrar may. Emits `Reported`. Refused with `NotAuthorised`.
    #[codec(index = 0)]
    Report { free: u16 },
}

#[derive(Clone, PartialEq, Debug, Encode, Decode, scale_info::TypeInfo)]
pub enum Event {
    /// From now on a hospital counts as having so many free beds.
    #[codec(index = 0)]
    Reported { hospital: salus_primitives::Subject, free: u16 },
}

#[derive(Clone, Copy, PartialEq, Debug, Encode, Decode, scale_info::TypeInfo)]
pub enum Error {
    /// The key is no Registrar's, or no longer.
    #[codec(index = 0)]
    NotAuthorised,
}

impl PalletEvent for Event {
    const PALLET: &'static str = Beds::NAME;
}

pub struct Beds;

impl Pallet for Beds {
    const NAME: &'static str = "Beds";
    const DOCS: &'static str = "How many beds each hospital has free.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn cost(_: &Call) -> Cost {
        Cost::ordinary(60)
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        let Call::Report { free } = call;
        calls::report(ctx, free)
    }
}
