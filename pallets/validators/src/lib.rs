//! Validators: the authority keys that decide the next height, and who runs each of them.
//!
//! # Who may call
//! Nobody yet. Genesis fixes the set. Index 0 of calls, events and errors is kept for evidence of equivocation,
//! a bare extrinsic that proves itself.
//!
//! # Invariants
//! 1. The set is sorted, has no key twice and at least one key.
//! 2. Each key of the set has one entry, and there is no other entry.
//! 3. Authority keys, peer keys and the accounts of genesis are distinct.

pub mod genesis;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::validator_set::ValidatorSet;
use salus_support::{Cost, Ctx, Pallet, PalletEvent, StateReader, metadata::description::StorageEntry};
use scale_info::TypeInfo;

/// The set that decides the height after `state`.
///
/// # Panics
/// On a state without genesis.
pub fn current(state: &dyn StateReader) -> ValidatorSet {
    let stored = storage::Set::get(state);
    ValidatorSet::new(stored.set_id, stored.keys.into_inner()).expect("genesis writes a set, and a set stays one")
}

/// What an account may ask: nothing yet. Index 0 is kept for `ReportEquivocation`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {}

/// What happened: nothing yet. Index 0 is kept for `Equivocated`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {}

/// Why a call was refused: there is none yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {}

impl PalletEvent for Event {
    const PALLET: &'static str = "Validators";
}

/// The pallet.
pub struct Validators;

impl Pallet for Validators {
    const NAME: &'static str = "Validators";
    const DOCS: &'static str = "The validators that decide the next height.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn cost(call: &Call) -> Cost {
        match *call {}
    }

    fn dispatch(_: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {}
    }
}

#[cfg(test)]
mod tests;
