//! State of the validators pallet.

use salus_primitives::{AccountId, Height};

use crate::types::{Changes, Reports, Seat, StoredSet, Validator};

salus_support::storage! { Validators;
    /// The set that decides the next height.
    Set: value StoredSet;
    /// Who runs the validator of each authority key of the set.
    Entries: map AccountId => Validator;
    /// When each key that ever was in the set decided, and whether it may again.
    Seats: map AccountId => Seat;
    /// The last height whose block changed the set: a second change in one block raises the id no further.
    ChangedAt: value Height;
    /// How many reports of equivocation the last block that had any took.
    Reported: value Reports;
    /// The council's changes of the last `root_delay`: of four validators or more, a third may change in it.
    Recent: value Changes;
}
