//! System: accounts and the subjects their keys speak for, nonces, block hashes, parameters.
//!
//! # Who may call
//! Anyone registered may call `noop`. Everything else here is written by the executive and, through the
//! functions of [`keys`], by the pallets that enrol people.
//!
//! # Invariants
//! 1. A key serves one subject, ever: `Account` is never unbound, only ended, and its nonce never goes back.
//! 2. Every key in `Keys` of a subject is bound to that subject and not ended, and the reverse.
//! 3. `Keys.admins` counts the subject's keys with the Admin role.
//! 4. No key is in `Account` under a subject and in `Purposes`: who signs blocks or connections signs no extrinsic.

pub mod genesis;
pub mod keys;
pub mod storage;
pub mod timestamp;
pub mod types;
pub mod usage;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{dispatch::DispatchError, version::RuntimeVersion};
use salus_support::{
    Cost, Ctx, Pallet, PalletEvent,
    metadata::{description::StorageEntry, types::DispatchEventInfo},
};
use scale_info::TypeInfo;

pub use keys::{BindError, Caller, caller};
pub use timestamp::Timestamp;
pub use types::{AccountData, AccountInfo, Ended, Parameters, Policy, Purpose};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Do nothing: shows that a key is registered and the chain is alive. Carries no data, since the
    /// chain cannot erase any. Emits nothing of its own. Refused with `NotRegistered`.
    #[codec(index = 0)]
    Noop {},
}

/// What happened to an extrinsic.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// The extrinsic took effect. Always its last event.
    #[codec(index = 0)]
    ExtrinsicSuccess {
        /// What it cost.
        dispatch_info: DispatchEventInfo,
    },
    /// The extrinsic was refused: its nonce and quota are spent, nothing else of it remains.
    #[codec(index = 1)]
    ExtrinsicFailed {
        /// Why.
        dispatch_error: DispatchError,
        /// What it cost.
        dispatch_info: DispatchEventInfo,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    NotRegistered,
}

impl PalletEvent for Event {
    const PALLET: &'static str = "System";
}

/// The pallet.
pub struct System;

/// Version of the runtime. Raised with every change of what a block means or of metadata.
pub fn version() -> RuntimeVersion {
    let api = |name: &str| -> [u8; 8] { salus_primitives::crypto::blake2_64(name.as_bytes()) };
    RuntimeVersion {
        spec_name: "salus".into(),
        impl_name: "salus-node".into(),
        authoring_version: 1,
        spec_version: 1,
        impl_version: 0,
        apis: vec![
            (api("Core"), 5),
            (api("Metadata"), 2),
            (api("TaggedTransactionQueue"), 3),
            (api("AccountNonceApi"), 1),
            (api("TransactionPaymentApi"), 4),
            (api("SalusApi"), 1),
        ],
        transaction_version: 1,
        system_version: 1,
    }
}

impl Pallet for System {
    const NAME: &'static str = "System";
    const DOCS: &'static str = "Accounts and the subjects their keys speak for, block hashes and parameters.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<salus_support::ConstantEntry> {
        use salus_support::ConstantEntry;
        vec![
            ConstantEntry::new(
                "BlockHashCount",
                &salus_primitives::limits::BLOCK_HASH_COUNT,
                "How many recent block hashes the state keeps.",
            ),
            ConstantEntry::new("Version", &version(), "The runtime's version."),
            ConstantEntry::new("SS58Prefix", &salus_primitives::ss58::PREFIX, "The prefix of addresses."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Its account and quota are read and written, as of every call.
            Call::Noop {} => Cost::ordinary(50),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Noop {} => caller(ctx).map(|_| ()).map_err(|keys::NotRegistered| Error::NotRegistered),
        }
    }
}

#[cfg(test)]
mod tests;
