//! State of the records pallet.

use salus_primitives::{PatientId, RecordId};

use crate::types::{Erasure, Formers, Record};

salus_support::storage! { Records;
    /// Every version of every record of each patient.
    Records: map (PatientId, RecordId) => Record;
    /// The patient's Current record of kind Summary: what an emergency opens first.
    Summary: map PatientId => RecordId;
    /// Erasures that are asked for, refused, or not attested yet by all who kept the record.
    Erasures: map (PatientId, RecordId) => Erasure;
    /// Who kept a record before: they still report what they released.
    FormerCustodians: counters (PatientId, RecordId) => Formers;
}
