//! Validators: the authority keys that decide the next height, and who runs each of them.
//!
//! # Who may call
//! Nobody needs an account: evidence of equivocation is a bare extrinsic that proves itself. The council changes the
//! set, through [`change()`].
//!
//! # When a change takes effect
//! The block at height h that holds a change is decided by the set before it, and says in its header what the set is
//! from h + 1 on. However many changes a block holds, its set id is one more than its parent's.
//!
//! # Invariants
//! 1. The set is sorted, has no key twice and at least one key.
//! 2. Each key of the set has one entry, and there is no other entry.
//! 3. Authority keys, the network keys of validators and accounts are distinct: `System.Purposes` keeps them apart.
//! 4. `Seats` has each key that ever was in the set; a struck one is not in the set and never returns.
//! 5. Of n >= 4 validators the council changes at most (n-1)/3 within one `root_delay`, in one block where that is 0.
//!
//! # Choices where the specification is silent
//! * To replace a validator by another is one change, not two: with four of them a hospital whose disk is lost could
//!   else not be replaced at once, and while the network has a fifth that is not there yet it cannot spare another.
//! * Whom evidence strikes does not count as the council's change, and may reduce the set by any number. What is left
//!   decides alone: after one of four is struck, all three others are needed for a block; after one of three, both
//!   others; after one of two, the other decides alone. One that is alone cannot be struck: there would be no chain. So
//!   below four validators a network that finds an equivocation should bring in a replacement before it goes on.
//! * Evidence also strikes a key that left the set since: it does nothing now, but never returns.
//! * A key that the council dropped may return, unless it was struck. Its network key is free once it left.
//! * Evidence about the very height that is being decided is taken, for the set that decides it is known.
//! * A validator that stays may get another peer id or organisation by being added again. That leaves the set as it
//!   is, and counts as one change.

pub mod calls;
pub mod change;
pub mod genesis;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    AccountId, Height, OrganisationId,
    evidence::Evidence,
    peer::{ValidatorPeer, peer_key},
    validator_set::ValidatorSet,
};
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, StateReader, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use calls::check_report;
pub use change::{ChangeError, change};
use types::Authorities;

/// The set that decides the height after `state`.
///
/// # Panics
/// On a state without genesis.
pub fn current(state: &dyn StateReader) -> ValidatorSet {
    let stored = storage::Set::get(state);
    ValidatorSet::new(stored.set_id, stored.keys.into_inner()).expect("genesis writes a set, and a set stays one")
}

/// The nodes of the validators that decide the height after `state`, in the order of their set: one read each.
pub fn peers(state: &dyn StateReader) -> Vec<ValidatorPeer> {
    let keys = storage::Set::get(state).keys.into_inner();
    let peer = |authority| {
        let entry = storage::Entries::get(state, &authority)?;
        let network = peer_key(&entry.peer_id)?;
        Some(ValidatorPeer { authority, network, organisation: entry.organisation })
    };
    keys.into_iter().filter_map(peer).collect()
}

/// What may be asked.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Show that a validator signed two things at one place. A bare extrinsic: it proves itself, costs nobody quota,
    /// and is never included failing. The key leaves the set with the next height and never returns.
    /// Emits `Equivocated`.
    /// Refused with `NotYet`, `TooOld`, `NotValidator`, `AlreadyStruck`, `LastValidator`, `TooManyReports`,
    /// `NotProven`.
    #[codec(index = 0)]
    ReportEquivocation {
        /// Both messages, signed.
        evidence: Evidence,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A validator signed two things at one place, and its key is struck.
    #[codec(index = 0)]
    Equivocated {
        /// Whose key.
        authority: AccountId,
        /// The height that both are about.
        height: Height,
        /// Who answered for it; none when it had left the set.
        organisation: Option<OrganisationId>,
    },
    /// The council changed who the validators are, from the next height on.
    #[codec(index = 1)]
    ValidatorsSet {
        /// Id of the set from then on; as before when only entries changed.
        set_id: u64,
        /// Keys that entered, or whose peer id or organisation changed.
        added: Authorities,
        /// Keys that left.
        dropped: Authorities,
    },
}

/// Why a report was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The two messages are not of one place, do not differ, or are not both signed by the validator.
    #[codec(index = 0)]
    #[error("the messages are not of one place, do not differ, or are not both signed by the validator")]
    NotProven,
    /// The messages are about a height more than 10,000 blocks ago.
    #[codec(index = 1)]
    #[error("the messages are about a height more than {} blocks ago", types::EVIDENCE_AGE_MAX)]
    TooOld,
    /// The messages are about a height whose validators are not known yet.
    #[codec(index = 2)]
    #[error("the messages are about a height whose validators are not known yet")]
    NotYet,
    /// The key was not a validator's at that height.
    #[codec(index = 3)]
    #[error("the key was not a validator's at that height")]
    NotValidator,
    /// The key was struck before, by this evidence or another.
    #[codec(index = 4)]
    #[error("the key was struck before")]
    AlreadyStruck,
    /// The only validator there is: without it there would be no chain.
    #[codec(index = 5)]
    #[error("the only validator there is cannot be struck: add another one first")]
    LastValidator,
    /// The block has as many reports as it may.
    #[codec(index = 6)]
    #[error("the block has {} reports already, the next one takes more", types::REPORTS_MAX)]
    TooManyReports,
}

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

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new("EvidenceAgeMax", &types::EVIDENCE_AGE_MAX, "Oldest evidence that is taken, blocks."),
            ConstantEntry::new("ReportsMax", &types::REPORTS_MAX, "Most reports of equivocation in one block."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Two signatures, and the set written anew.
            Call::ReportEquivocation { .. } => Cost::protected(400),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::ReportEquivocation { evidence } => calls::report_equivocation(ctx, &evidence),
        }
    }
}

#[cfg(test)]
mod tests;
