//! What becomes of a record once it is filed: its labels, its erasure, and who keeps it.

use parity_scale_codec::Decode as _;
use salus_consent::Tags;
use salus_primitives::{OrganisationId, PatientId, RecordId, crypto::KeyPair};
use salus_records::{
    Call, Erasure, Event, Record, RecordKey, RecordKeys,
    storage::{Erasures, Records},
};
use salus_runtime::{RuntimeCall, RuntimeEvent};

use super::{
    ActionError,
    records::{show, tail},
};
use crate::chain::{Chain, Receipt, decode_value};

/// Most erasures that [`duties`] looks through.
const ERASURES_MAX: usize = 100_000;

/// What a patient says anew of a record's sensitivity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels {
    /// All its sensitivity labels, blinded.
    pub tags: Tags,
    /// Are they complete?
    pub labelled: bool,
    /// Does any sensitivity label apply, or is that unknown? What is not labelled is restricted.
    pub restricted: bool,
}

/// Set a record's labels anew. By the patient.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn relabel(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    id: RecordId,
    labels: Labels,
) -> Result<Receipt, ActionError> {
    let Labels { tags, labelled, restricted } = labels;
    let call = Call::Relabel { patient, id, tags, labelled, restricted };
    Ok(chain.submit(key, RuntimeCall::Records(call)).await?)
}

/// Attest that the custodian whose Gateway key is `gateway` destroyed the content key of an erased record, every wrap
/// of it and the ciphertext. Says also whether this was the last attestation that anybody owed.
///
/// # Errors
/// [`ActionError::Unknown`] without such a record, or [`ActionError::Submit`].
pub async fn attest(
    chain: &Chain,
    gateway: &KeyPair,
    patient: PatientId,
    id: RecordId,
) -> Result<(bool, Receipt), ActionError> {
    let key_epoch = show(chain, patient, id).await?.key_epoch;
    let call = Call::ShredAttest { patient, id, key_epoch };
    let receipt = chain.submit(gateway, RuntimeCall::Records(call)).await?;
    let last = |event: &RuntimeEvent| matches!(event, RuntimeEvent::Records(Event::ErasureComplete { .. }));
    Ok((receipt.events.iter().any(last), receipt))
}

/// The call that puts `organisation` in the place of another custodian of `records`. A Privacy officer of who gives
/// submits it and a Gateway officer of who takes agrees; the successor of a removed organisation submits it alone.
pub fn hand_over_call(records: RecordKeys, organisation: OrganisationId) -> RuntimeCall {
    RuntimeCall::Records(Call::CustodySet { records, organisation, cosign: Default::default() })
}

/// How the erasure of a record stands, where it was asked for and is not complete.
///
/// # Errors
/// What asking failed with.
pub async fn erasure(chain: &Chain, patient: PatientId, id: RecordId) -> Result<Option<Erasure>, ActionError> {
    Ok(chain.view_now(|state| Erasures::get(state, &(patient, id))).await?)
}

/// What of erasure waits for `custodian`, of every patient: requests that it answers as first custodian, and
/// attestations that it owes. Looks through at most 100,000 erasures that are not complete.
///
/// # Errors
/// What asking failed with.
pub async fn duties(chain: &Chain, custodian: OrganisationId) -> Result<Vec<(RecordKey, Erasure)>, ActionError> {
    let at = chain.finalised().await?;
    let mut open = Vec::new();
    for (key, bytes) in chain.entries(&Erasures::prefix(), at, ERASURES_MAX).await? {
        if let Some(key) = record_key(&key) {
            open.push((key, decode_value::<Erasure>("erasure", &bytes)?));
        }
    }
    let keys: Vec<Vec<u8>> = open.iter().map(|(key, _)| Records::key(key)).collect();
    let records = chain.get_many(&keys, at).await?;
    let mut waiting = Vec::new();
    for ((key, erasure), record) in open.into_iter().zip(records) {
        let record = record.map(|bytes| decode_value::<Record>("record", &bytes)).transpose()?;
        if record.is_some_and(|record| waits_for(&erasure, &record, custodian)) {
            waiting.push((key, erasure));
        }
    }
    Ok(waiting)
}

/// Has this custodian of `record` to do something about its erasure?
fn waits_for(erasure: &Erasure, record: &Record, custodian: OrganisationId) -> bool {
    match erasure {
        Erasure::Requested { .. } => record.custodian == custodian,
        Erasure::Refused { .. } => false,
        Erasure::Ordered { open, .. } => open.contains(&custodian),
    }
}

/// The record that a key of a map by patient and record names: each part follows 16 bytes of its hash.
fn record_key(key: &[u8]) -> Option<RecordKey> {
    let record = RecordId::decode(&mut tail(key)?).ok()?;
    let patient = tail(key.get(..key.len().checked_sub(32)?)?)?;
    Some((PatientId::decode(&mut &patient[..]).ok()?, record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_consent::Kind;
    use salus_primitives::{BoundedVec, Hash, Moment, Subject};
    use salus_records::RecordStatus;

    const FIRST: OrganisationId = OrganisationId([1; 16]);
    const SECOND: OrganisationId = OrganisationId([2; 16]);

    fn record() -> Record {
        Record {
            version: 1,
            prev: None,
            kind: Kind::Lab,
            tags: Tags::new(),
            labelled: true,
            restricted: false,
            digest: Hash([3; 32]),
            size: 4_096,
            key_epoch: 1,
            author: Subject::Patient(PatientId([4; 16])),
            organisation: FIRST,
            custodian: FIRST,
            second: Some(SECOND),
            status: RecordStatus::Current,
            hold: false,
        }
    }

    #[test]
    fn a_request_waits_for_the_first_custodian_and_a_duty_for_whom_owes_it() {
        let at = Moment(5);
        let requested = Erasure::Requested { at };
        let refused = Erasure::Refused { at, basis: 3 };
        let ordered = Erasure::Ordered { at, open: BoundedVec::try_from(vec![SECOND]).unwrap() };
        let waits = |erasure| [FIRST, SECOND].map(|custodian| waits_for(erasure, &record(), custodian));
        assert_eq!(waits(&requested), [true, false]);
        assert_eq!(waits(&refused), [false, false]);
        assert_eq!(waits(&ordered), [false, true]);
    }

    #[test]
    fn a_key_names_its_patient_and_record() {
        let named = (PatientId([7; 16]), RecordId([8; 16]));
        assert_eq!(record_key(&Erasures::key(&named)), Some(named));
        assert_eq!(record_key(&[0; 40]), None);
    }
}
