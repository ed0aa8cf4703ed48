//! Council: the administrators, who act by m-of-n motion.
//!
//! # Who may call
//! Members: keys of the subject Council, set at genesis and by the act CouncilSet.
//!
//! # Motions
//! Proposing is the proposer's aye, so that with a threshold of one a motion passes at once. It passes when
//! the ayes reach the threshold, is rejected when they no longer can, and lapses seven days after it was
//! proposed. Acts on organisations and practitioners run in the call that passed them; acts on the council, on
//! validators, parameters and upgrades wait `root_delay`, during which a motion can cancel them, and run at the start
//! of the first block that is late enough. With `root_delay` 0 they run at once too. A change of validators decides
//! from the height after that block on.
//!
//! # Invariants
//! 1. 1 <= threshold <= members <= 32.
//! 2. A member votes at most once on a motion, and has at most one open motion.
//! 3. A motion that passed runs once. If its act fails, nothing of the act remains and the motion is Failed.
//! 4. `Due` is the earliest moment of all waiting motions, and absent when none waits.
//! 5. The motion in slot s has a number that is s modulo 32; a number is used once.
//!
//! # Choices where the specification is silent
//! * An act that could not run, were it passed now, is refused when it is proposed, and judged anew when it runs.
//! * A change of validators names who enters and who leaves, not the whole set: so two motions do not undo each
//!   other, and one that waits is not spoilt by evidence that strikes somebody else meanwhile.
//! * A validator's organisation must be registered, Active and have the Validator capability when it enters; what
//!   becomes of the organisation later does not move the validator, the council does.
//! * Only votes of present members count, and a motion whose proposer left the council is closed.
//! * Motions that wait do not count as their proposer's open one, so that a council of one can cancel.
//! * New members' keys do not sign along: one key that cannot sign would block the council's own renewal, and
//!   the members vouch for the keys. An Admin's key does.
//! * Co-signatures that an act does not need are refused.
//! * An upgrade is named by number alone: releases say which spec versions they have. One that was scheduled too early
//!   is replaced by one further ahead, as long as its height has not come.

mod acts;
pub mod calls;
pub mod genesis;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{AccountId, Moment, Subject, signed::CoSigns};
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, StateReader, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use acts::on_initialise;
pub use types::{Act, ActError, Motion, Stage, Upgrade};

/// The members' keys, in the order they joined.
pub fn members(state: &dyn StateReader) -> Vec<AccountId> {
    salus_system::storage::Keys::get(state, &Subject::Council).keys.into_inner()
}

/// The upgrade that the council scheduled last, ahead or in force: one read.
pub fn scheduled(state: &dyn StateReader) -> Option<Upgrade> {
    storage::Scheduled::get(state)
}

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Propose an act, and vote aye. A member without an open motion may. The act must be one that could run, were
    /// it passed now. With an Admin's key in an OrganisationSet, that key signs along; otherwise nobody does.
    /// Emits `Proposed`, and what the vote leads to: `Passed`, then `Executed` or `Failed` and the act's own.
    /// Refused with `NotRegistered`, `NotAuthorised`, `OneOpen`, `TooMany` (all 32 slots are in use), `BadAct`,
    /// `BadCoSign`.
    #[codec(index = 0)]
    Propose {
        /// What to do.
        act: Act,
        /// The Admin's key's agreement.
        cosign: CoSigns,
    },
    /// Vote on an open motion. A member who has not voted on it may.
    /// Emits `Voted`, and what the vote leads to: `Rejected`, or `Passed`, then `Executed` or `Failed` and the
    /// act's own.
    /// Refused with `NotRegistered`, `NotAuthorised`, `UnknownMotion`, `BadState` (decided, lapsed, or its
    /// proposer left), `AlreadyVoted`.
    #[codec(index = 1)]
    Vote {
        /// Its number.
        motion: u32,
        /// For it, or against.
        aye: bool,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A member proposed an act, and is for it.
    #[codec(index = 0)]
    Proposed {
        /// Its number.
        motion: u32,
        /// Who.
        proposer: AccountId,
        /// What.
        act: Act,
    },
    /// A member voted.
    #[codec(index = 1)]
    Voted {
        /// On which motion.
        motion: u32,
        /// Who.
        voter: AccountId,
        /// For it, or against.
        aye: bool,
    },
    /// A motion reached the threshold.
    #[codec(index = 2)]
    Passed {
        /// Its number.
        motion: u32,
        /// When its act runs: now, or at the first block of this time or later.
        due: Moment,
    },
    /// A motion can no longer reach the threshold.
    #[codec(index = 3)]
    Rejected {
        /// Its number.
        motion: u32,
    },
    /// The act of a motion took effect.
    #[codec(index = 4)]
    Executed {
        /// Its number.
        motion: u32,
    },
    /// The act of a motion that passed could not run, and is not tried again.
    #[codec(index = 5)]
    Failed {
        /// Its number.
        motion: u32,
        /// Why.
        reason: ActError,
    },
    /// A motion that waited was cancelled by another.
    #[codec(index = 6)]
    Cancelled {
        /// Its number.
        motion: u32,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    NotRegistered,
    /// The caller is no member of the council.
    #[codec(index = 1)]
    NotAuthorised,
    /// All slots hold motions that are open or wait.
    #[codec(index = 2)]
    TooMany,
    /// The motion is decided, lapsed, or its proposer left the council.
    #[codec(index = 3)]
    BadState,
    /// A co-signature is missing, does not fit, or is not needed.
    #[codec(index = 4)]
    BadCoSign,
    /// The act could not run, for this reason.
    #[codec(index = 5)]
    BadAct(ActError),
    /// The caller has an open motion already: a member has one at a time.
    #[codec(index = 6)]
    OneOpen,
    /// No motion of this number is kept.
    #[codec(index = 7)]
    UnknownMotion,
    /// The caller voted on this motion before; proposing it was an aye.
    #[codec(index = 8)]
    AlreadyVoted,
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Council";
}

/// The pallet.
pub struct Council;

impl Pallet for Council {
    const NAME: &'static str = "Council";
    const DOCS: &'static str = "The administrators, who act by motion.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![ConstantEntry::new("Lapse", &types::LAPSE, "How long members may vote on a motion, ms.")]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Reads the 32 slots, tries the act out, and may run it.
            Call::Propose { act, cosign } => Cost::protected(200 + 2 * act.weight() + 100 * cosign.len() as u64),
            // May run an act that is not known from the call.
            Call::Vote { .. } => Cost::protected(200 + types::COUNCIL_SET_WEIGHT),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Propose { act, cosign } => calls::propose(ctx, act, &cosign),
            Call::Vote { motion, aye } => calls::vote(ctx, motion, aye),
        }
    }
}

#[cfg(test)]
mod tests;
