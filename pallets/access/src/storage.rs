//! State of the access pallet.

use salus_primitives::{BoundedVec, Hash, OrganisationId, PatientId, PractitionerId, Subject, patient_log::LogHead};

use crate::{
    cases::{Case, Caseload, DISPUTES_MAX},
    types::{Activity, Denials, Receipt, Request},
};

salus_support::storage! { Access;
    /// The latest request of each practitioner to each patient; the next one takes its place.
    Requests: map (PatientId, PractitionerId) => Request;
    /// Receipts of the last 90 days, by their place in the patient's log. Places of other facts are empty.
    Receipts: map (PatientId, u32) => Receipt;
    /// The log of each patient: no receipt below `first` is in state.
    Logs: counters PatientId => LogHead;
    /// What each practitioner or guardian did on the last day they did anything.
    Activities: counters Subject => Activity;
    /// Denied openings of each practitioner or guardian at each patient, on the last day there was one.
    DeniedOpenings: counters (Subject, PatientId) => Denials;
    /// What hangs on a receipt and has to be, or was, reviewed. It goes when its receipt goes.
    Cases: map (PatientId, u32) => Case;
    /// The emergencies of each practitioner that wait for a review.
    Caseloads: counters PractitionerId => Caseload;
    /// The receipts of each patient whose dispute waits for a review.
    Disputes: counters PatientId => BoundedVec<u32, DISPUTES_MAX>;
    /// How many emergencies of each organisation that were written down after 72 hours wait for a review.
    LateHolds: counters OrganisationId => u32;
    /// Evidence of emergencies written down late, by the SHA-256 of what was signed: each is written down once.
    Anchored: map (PatientId, Hash) => u32;
}
