//! The face of a pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::{MetaType, TypeInfo};

use crate::{Ctx, PalletEvent, metadata::description::StorageEntry};

/// How a proposer and the quotas treat a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Refused when its sender's daily weight is used up.
    Ordinary,
    /// Charged but never refused by weight: revocations, reports of what happened, emergencies and council
    /// acts. A quarter of each block is kept for these.
    Protected,
}

/// What a call costs: static, known before it runs. It is an upper bound at the call's worst declared size, in two ways:
/// the microseconds that `./scripts/bench --only-calls` measures on a database, and what the keys and signatures come to
/// that are counted in `tests/weights` (decision 105). The signature of the extrinsic itself is not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Weight units, about a microsecond each on the reference machine.
    pub weight: u64,
    /// How it is treated.
    pub class: Class,
}

impl Cost {
    /// Units that a key is worth which is read from the state below the block: a look-up in RocksDB.
    pub const READ: u64 = 4;
    /// Units that a key is worth which is written: its layers, its leaf and the hashes above it, its place in the batch.
    pub const WRITE: u64 = 10;
    /// Units that a signature is worth which the call verifies.
    pub const SIGNATURE: u64 = 100;

    /// An ordinary call of this weight.
    pub const fn ordinary(weight: u64) -> Self {
        Self { weight, class: Class::Ordinary }
    }

    /// A protected call of this weight.
    pub const fn protected(weight: u64) -> Self {
        Self { weight, class: Class::Protected }
    }
}

/// A value that metadata shows to clients.
pub struct ConstantEntry {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: MetaType,
    /// Its SCALE bytes.
    pub value: Vec<u8>,
    /// What it means.
    pub docs: &'static str,
}

impl ConstantEntry {
    /// A constant of this value.
    pub fn new<T: Encode + TypeInfo + 'static>(name: &'static str, value: &T, docs: &'static str) -> Self {
        Self { name, ty: MetaType::new::<T>(), value: value.encode(), docs }
    }
}

/// One page of the runtime's contract: calls, events, errors and storage.
pub trait Pallet {
    /// Its name in the runtime's table and in storage keys.
    const NAME: &'static str;
    /// One sentence for metadata.
    const DOCS: &'static str;

    /// What an account may ask. Indexes are wire format: append, never reuse.
    type Call: Encode + Decode + DecodeWithMemTracking + TypeInfo + Clone + PartialEq + core::fmt::Debug + 'static;
    /// What happened.
    type Event: PalletEvent + Decode + TypeInfo + Clone + PartialEq + core::fmt::Debug + 'static;
    /// Why a call was refused: at most four bytes when encoded.
    type Error: Encode + Decode + TypeInfo + Copy + PartialEq + core::fmt::Debug + 'static;

    /// What gives the rows of its `storage!` table: `storage::entries`. Without it the pallet keeps no state.
    const STORAGE: fn() -> Vec<StorageEntry> = Vec::new;

    /// The rows of its storage, for metadata. To be written out only where there is more than one table.
    fn storage() -> Vec<StorageEntry> {
        (Self::STORAGE)()
    }

    /// Values that metadata shows.
    fn constants() -> Vec<ConstantEntry> {
        Vec::new()
    }

    /// What a call costs.
    fn cost(call: &Self::Call) -> Cost;

    /// Run a call. It must not panic; an error undoes all its changes and events.
    ///
    /// # Errors
    /// The pallet's own.
    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Self::Call) -> Result<(), Self::Error>;
}
