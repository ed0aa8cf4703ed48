//! State of the records pallet.

use salus_primitives::{PatientId, RecordId};

use crate::types::Record;

salus_support::storage! { Records;
    /// Every version of every record of each patient.
    Records: map (PatientId, RecordId) => Record;
    /// The patient's Current record of kind Summary: what an emergency opens first.
    Summary: map PatientId => RecordId;
}
