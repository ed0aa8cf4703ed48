//! State of the validators pallet.

use salus_primitives::AccountId;

use crate::types::{StoredSet, Validator};

salus_support::storage! { Validators;
    /// The set that decides the next height.
    Set: value StoredSet;
    /// Who runs the validator of each authority key of the set.
    Entries: map AccountId => Validator;
}
