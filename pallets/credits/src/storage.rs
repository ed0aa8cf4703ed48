//! State of the credits pallet.

use salus_primitives::{OrganisationId, PatientId};

use crate::types::{DayCount, Totals};

salus_support::storage! { Credits;
    /// What each organisation earned and has not redeemed.
    Balances: counters OrganisationId => u64;
    /// What all organisations earned and redeemed, ever.
    AllTime: value Totals;
    /// What an organisation earned by one patient on the last day it earned anything by them: one slot, overwritten.
    ByPatient: counters (OrganisationId, PatientId) => DayCount;
}
