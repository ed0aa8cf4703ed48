//! Erasures that the chain ordered: what this custodian has of the record is destroyed, and that is attested.
//!
//! The chain keeps the duty until it is attested, so nothing is written down here: whatever ends the gateway in
//! between, the next look finds the duty again, and destroying twice is destroying once. A node that leaves a duty
//! out of its list can only delay it.

use std::{sync::Arc, time::Duration};

use parity_scale_codec::Decode as _;
use salus_primitives::{PatientId, RecordId};
use salus_records::{
    Call, Erasure,
    storage::{Erasures, Records},
};
use salus_runtime::{RuntimeCall, RuntimeError};

use crate::{
    app::App,
    ledger::{LedgerError, SubmitFailure, judge},
    store::{Place, StoreError},
};

/// Most erasures that one look lists. Those of all custodians are among them, until each is complete.
const LISTED_MAX: usize = 10_000;
/// How many are read, and attested, at once.
const BATCH: usize = 16;

/// What this custodian owes of one erasure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Duty {
    place: Place,
    key_epoch: u32,
}

/// Why a look did not come to its end. It is repeated.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The chain.
    #[error("the chain's erasures were not read: {0}")]
    Ledger(#[from] LedgerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The attestation.
    #[error("an attestation was not taken: {0}")]
    Submit(#[from] SubmitFailure),
}

/// Look for duties, for ever.
pub async fn run(app: Arc<App>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match round(&app).await {
            Ok(0) => {}
            Ok(attested) => tracing::info!(attested, "erased records were destroyed"),
            Err(error) => tracing::warn!(%error, "erasures wait; they are tried again"),
        }
    }
}

/// Destroy and attest whatever is due now. Gives how many were attested.
///
/// # Errors
/// [`ErasureError`], by the first thing that failed; what was done by then stays done.
pub async fn round(app: &App) -> Result<usize, ErasureError> {
    let keys = app.ledger.keys(&Erasures::prefix(), LISTED_MAX).await?;
    let listed: Vec<Place> = keys.iter().filter_map(|key| place_of(key)).collect();
    let mut attested = 0;
    for batch in listed.chunks(BATCH) {
        let due = due(app, batch).await?;
        for duty in &due {
            app.store.shred(duty.place).await?;
        }
        attested += attest(app, &due).await?;
    }
    Ok(attested)
}

/// Those of these places whose destruction this custodian owes, by proven state.
async fn due(app: &App, places: &[Place]) -> Result<Vec<Duty>, LedgerError> {
    let ours = app.identity.organisation;
    let (due, _) = judge(&*app.ledger, |state, _| {
        let duty = |place: &Place| {
            let key = (place.patient, place.record);
            let Some(Erasure::Ordered { open, .. }) = Erasures::get(state, &key) else { return None };
            let record = Records::get(state, &key)?;
            open.contains(&ours).then_some(Duty { place: *place, key_epoch: record.key_epoch })
        };
        places.iter().filter_map(duty).collect::<Vec<_>>()
    })
    .await?;
    Ok(due)
}

async fn attest(app: &App, due: &[Duty]) -> Result<usize, ErasureError> {
    if due.is_empty() {
        return Ok(0);
    }
    let call = |duty: &Duty| {
        let Duty { place: Place { patient, record: id }, key_epoch } = *duty;
        RuntimeCall::Records(Call::ShredAttest { patient, id, key_epoch })
    };
    let mut attested = 0;
    for outcome in app.submit(due.iter().map(call).collect()).await? {
        match outcome {
            Ok(()) => attested += 1,
            // Another process of this custodian was first.
            Err(SubmitFailure::Refused(RuntimeError::Records(salus_records::Error::NoDuty))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(attested)
}

/// The record that a key of the map names: patient and record each follow 16 bytes of their hash.
fn place_of(key: &[u8]) -> Option<Place> {
    let parts = key.strip_prefix(&Erasures::prefix()[..])?;
    let (patient, record) = (parts.get(16..32)?, parts.get(48..64)?);
    let patient = PatientId::decode(&mut &patient[..]).ok()?;
    let record = RecordId::decode(&mut &record[..]).ok()?;
    (Erasures::key(&(patient, record)) == key).then_some(Place { patient, record })
}
