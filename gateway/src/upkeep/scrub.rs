//! Read every byte and compare it with what was stored.

use futures::TryStreamExt as _;
use salus_primitives::{Moment, OrganisationId};
use serde::Serialize;

use super::SCRUB_EVERY_MS;
use crate::store::{Entry, Holder, Store, StoreError};

/// Something that is not what was stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Which record: `<patient>/<record>`.
    pub place: String,
    /// What, and how it shows.
    pub what: String,
}

/// What a scrub found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Scrubbed {
    /// Records read.
    pub records: u64,
    /// Bytes of ciphertext read.
    pub bytes: u64,
    /// What is damaged.
    pub damaged: Vec<Finding>,
}

/// Read what there is in the store of custodian `us`: all of it, or only what was last read long enough before `now`. `seen` hears of each record and
/// the bytes of its ciphertext. Damage is noted for repair.
///
/// # Errors
/// That the store failed. What was found until then is noted.
pub async fn scrub(
    store: &Store,
    us: OrganisationId,
    all: bool,
    now: Moment,
    mut seen: impl FnMut(u64),
) -> Result<Scrubbed, StoreError> {
    let mut done = Scrubbed::default();
    let mut entries = store.list();
    while let Some(entry) = entries.try_next().await? {
        if entry.shredded || !(all || is_due(store, &entry, now).await?) {
            continue;
        }
        let damaged = scrub_place(store, us, &entry, now).await?;
        let bytes = entry.blob_bytes.unwrap_or(0);
        done.records += 1;
        done.bytes += bytes;
        done.damaged.extend(damaged);
        seen(bytes);
    }
    Ok(done)
}

/// Standing wraps that every record has here.
pub(super) fn missing_wraps(entry: &Entry, us: OrganisationId) -> Vec<Holder> {
    let standing = [Holder::Patient, Holder::Custodian(us)];
    standing.into_iter().filter(|holder| !entry.wraps.contains(holder)).collect()
}

async fn is_due(store: &Store, entry: &Entry, now: Moment) -> Result<bool, StoreError> {
    let last = match store.scrubbed_at(entry.place).await {
        Ok(Some(at)) => at,
        // It was read when it came.
        Ok(None) => match store.meta(entry.place).await {
            Ok(meta) => meta.stored_at,
            Err(error) if error.is_loss() => return Ok(true),
            Err(other) => return Err(other),
        },
        Err(error) if error.is_loss() => return Ok(true),
        Err(other) => return Err(other),
    };
    Ok(now.since(last) >= SCRUB_EVERY_MS)
}

/// Read all of one record.
///
/// # Errors
/// That the store failed.
pub async fn scrub_place(
    store: &Store,
    us: OrganisationId,
    entry: &Entry,
    now: Moment,
) -> Result<Vec<Finding>, StoreError> {
    let place = entry.place;
    let mut errors: Vec<StoreError> =
        store.check_small(entry).await?.into_iter().map(|(_, error)| error).collect();
    for holder in missing_wraps(entry, us) {
        errors.push(StoreError::Missing { what: format!("wrap of {holder}"), place });
    }
    match store.meta(place).await {
        Ok(meta) => match store.verify(place, &meta).await {
            Ok(()) => {}
            // Removed or shredded while it was read.
            Err(StoreError::Missing { .. } | StoreError::Shredded { .. }) => return Ok(Vec::new()),
            Err(error) if error.is_loss() => errors.push(error),
            Err(other) => return Err(other),
        },
        Err(StoreError::Missing { .. } | StoreError::Shredded { .. }) => return Ok(Vec::new()),
        // Found above, unless it is gone.
        Err(error @ StoreError::Damaged { .. }) if errors.is_empty() => errors.push(error),
        Err(StoreError::Damaged { .. }) => {}
        Err(other) => return Err(other),
    }
    for error in &errors {
        store.note_damage(place, error).await;
    }
    if errors.is_empty() {
        store.scrubbed(place, now).await?;
        if entry.damaged {
            store.healed(place).await?;
        }
    }
    Ok(errors.iter().map(|error| Finding { place: place.to_string(), what: error.to_string() }).collect())
}
