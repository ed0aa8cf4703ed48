//! What other pallets ask about records.

use salus_consent::RecordView;
use salus_primitives::{Moment, OrganisationId, PatientId, RecordId};
use salus_support::StateReader;

use crate::{
    storage::{FormerCustodians, Records, Summary},
    types::{Place, Record},
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

/// Who kept a record at `at`, no longer ago than [`FORMER_KEPT`](crate::types::FORMER_KEPT): the first custodian, and
/// the second where there was one. At the moment of a hand-over itself it is who handed over.
pub fn custodians_at(
    state: &dyn StateReader,
    patient: PatientId,
    record: RecordId,
    at: Moment,
) -> Option<(OrganisationId, Option<OrganisationId>)> {
    let found = Records::get(state, &(patient, record))?;
    let formers = FormerCustodians::get(state, &(patient, record));
    let then = |place| {
        let mut left_later = formers.iter().filter(|former| former.place == place && at <= former.until);
        left_later.next().map(|former| former.organisation)
    };
    Some((then(Place::First).unwrap_or(found.custodian), then(Place::Second).or(found.second)))
}
