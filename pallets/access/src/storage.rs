//! State of the access pallet.

use salus_primitives::{PatientId, PractitionerId, patient_log::LogHead};

use crate::types::{Activity, Denials, Receipt, Request};

salus_support::storage! { Access;
    /// The latest request of each practitioner to each patient; the next one takes its place.
    Requests: map (PatientId, PractitionerId) => Request;
    /// Receipts of the last 90 days, by their place in the patient's log. Places of other facts are empty.
    Receipts: map (PatientId, u32) => Receipt;
    /// The log of each patient: no receipt below `first` is in state.
    Logs: counters PatientId => LogHead;
    /// What each practitioner did on the last day they did anything.
    Activities: counters PractitionerId => Activity;
    /// Denied openings of each practitioner at each patient, on the last day there was one.
    DeniedOpenings: counters (PractitionerId, PatientId) => Denials;
}
