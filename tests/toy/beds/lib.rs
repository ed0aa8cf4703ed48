//! Beds: how many beds each hospital has free, as it last said itself.

pub mod storage;

use salus_support::{Cost, Ctx, Decode, DecodeWithMemTracking, Encode, Pallet, StorageEntry, TypeInfo, ensure};

#[derive(Clone, PartialEq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Say how many beds are free. A hospital's Registrar may. Emits `Reported`. Refused with `NotAuthorised`.
    #[codec(index = 0)]
    Report { free: u16 },
}

#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// From now on a hospital counts as having so many free beds.
    #[codec(index = 0)]
    Reported { hospital: salus_primitives::Subject, free: u16 },
}
impl salus_support::PalletEvent for Event {
    const PALLET: &'static str = Beds::NAME;
}

#[derive(Clone, Copy, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is no Registrar's, or no longer.
    #[codec(index = 0)]
    NotAuthorised,
}

pub struct Beds;
impl Pallet for Beds {
    const NAME: &'static str = "Beds";
    const DOCS: &'static str = "How many beds each hospital has free.";
    const STORAGE: fn() -> Vec<StorageEntry> = storage::entries;
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn cost(_: &Call) -> Cost {
        Cost::ordinary(60)
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, Call::Report { free }: Call) -> Result<(), Error> {
        let caller = salus_system::caller(ctx).map_err(|_| Error::NotAuthorised)?;
        ensure(caller.roles.contains(salus_primitives::subject::Roles::REGISTRAR), Error::NotAuthorised)?;

        storage::Free::insert(ctx.state_mut(), &caller.subject, &free);
        ctx.emit(Event::Reported { hospital: caller.subject, free });
        Ok(())
    }
}
