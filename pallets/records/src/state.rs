//! What other pallets ask about records.

use salus_consent::RecordView;
use salus_primitives::{PatientId, RecordId};
use salus_support::StateReader;

use crate::{
    storage::{Records, Summary},
    types::Record,
};

/// What state keeps of a record.
pub fn record(state: &dyn StateReader, patient: PatientId, record: RecordId) -> Option<Record> {
    Records::get(state, &(patient, record))
}

/// What a decision sees of a record, if the patient has one of this id.
pub fn view(state: &dyn StateReader, patient: PatientId, record: RecordId) -> Option<RecordView> {
    Records::get(state, &(patient, record)).map(|found| found.view(record))
}

/// The patient's Current record of kind Summary.
pub fn summary(state: &dyn StateReader, patient: PatientId) -> Option<RecordId> {
    Summary::get(state, &patient)
}
