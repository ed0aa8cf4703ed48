//! State of the consent pallet.

use salus_primitives::PatientId;

use crate::types::{GranteeKey, Ledger, Page};

salus_support::storage! { Consent;
    /// The rules of each patient for each grantee key. An empty page is not kept: an absent one proves that
    /// there is no rule in it.
    Rules: map (PatientId, GranteeKey) => Page;
    /// How many rules each patient made and how many pages they have.
    Ledgers: counters PatientId => Ledger;
}
