//! What every pallet stands on: state, storage tables, the call context, the runtime's table and its metadata.
//!
//! A pallet is plain Rust: enums `Call`, `Event` and `Error`, one `match` in [`Pallet::dispatch`], and one
//! [`storage!`] table. [`runtime!`] joins pallets. Both macros are tables and generate only what their
//! rows say.

pub mod context;
pub mod metadata;
pub mod overlay;
pub mod pallet;
pub mod storage;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;

pub use context::{Ctx, PalletEvent, ensure};
pub use metadata::description::StorageEntry;
pub use overlay::Overlay;
pub use pallet::{Class, ConstantEntry, Cost, Pallet};
pub use salus_primitives::runtime_api::StateReader;

// What each Call, Event and Error derives, so that a pallet names one crate for all of it.
pub use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
pub use scale_info::TypeInfo;

/// For the macros' own use.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::metadata::description::{EntryKind, PalletDescription, StorageEntry};
    pub use parity_scale_codec;
    pub use salus_primitives::{dispatch::ModuleError, storage_key::prefix};
    pub use scale_info::{self, TypeInfo, meta_type};
}
