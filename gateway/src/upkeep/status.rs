//! What there is, and how it is: counted from the store itself, so that it is right whoever asks.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use salus_primitives::Moment;
use serde::Serialize;

use super::{COPY_WITHIN_MS, Finding};
use crate::store::{Store, StoreError, Used};

/// The state of a store. Times are Unix milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Status {
    /// Records kept.
    pub records: u64,
    /// Bytes of ciphertext.
    pub bytes: u64,
    /// Records not on the chain yet.
    pub unanchored: u64,
    /// When the oldest of those was stored.
    pub oldest_unanchored: Option<u64>,
    /// Records that have a copy at another custodian.
    pub copied: u64,
    /// Records whose copy at another custodian is due.
    pub pending: u64,
    /// Those of them for longer than the ten minutes promised.
    pub overdue: u64,
    /// Records never read again since they came.
    pub unscrubbed: u64,
    /// When the record that was read longest ago was.
    pub oldest_scrub: Option<u64>,
    /// Places shredded.
    pub shredded: u64,
    /// What is damaged and not yet repaired.
    pub damaged: Vec<Finding>,
    /// Bytes of each organisation, by its id.
    pub organisations: BTreeMap<String, Organisation>,
}

/// What an organisation has in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Organisation {
    /// Bytes.
    pub bytes: u64,
    /// Bytes not on the chain yet.
    pub unanchored: u64,
}

impl From<Used> for Organisation {
    fn from(used: Used) -> Self {
        Self { bytes: used.bytes, unanchored: used.unanchored }
    }
}

/// Count all there is.
///
/// # Errors
/// That the store failed.
pub async fn status(store: &Store, now: Moment) -> Result<Status, StoreError> {
    let mut found = Status::default();
    let mut entries = store.list();
    while let Some(entry) = entries.try_next().await? {
        if entry.shredded {
            found.shredded += 1;
            continue;
        }
        let place = entry.place;
        found.records += 1;
        found.bytes += entry.blob_bytes.unwrap_or(0);
        found.copied += u64::from(entry.pending.is_empty() && !entry.copied.is_empty());
        found.pending += u64::from(!entry.pending.is_empty());
        if let Some(damage) = store.damage(place).await? {
            found.damaged.push(Finding { place: place.to_string(), what: damage.what });
        }
        match store.meta(place).await {
            Ok(meta) => {
                let of = found.organisations.entry(meta.uploader.to_string()).or_default();
                of.bytes += meta.anchor.size;
                if !entry.anchored {
                    of.unanchored += meta.anchor.size;
                    found.unanchored += 1;
                    found.oldest_unanchored = earlier(found.oldest_unanchored, meta.stored_at);
                }
                let late = now.since(meta.stored_at) > COPY_WITHIN_MS;
                found.overdue += u64::from(late && !entry.pending.is_empty());
            }
            Err(error) if error.is_loss() => {}
            Err(other) => return Err(other),
        }
        match store.scrubbed_at(place).await {
            Ok(Some(at)) => found.oldest_scrub = earlier(found.oldest_scrub, at),
            Ok(None) => found.unscrubbed += 1,
            Err(error) if error.is_loss() => found.unscrubbed += 1,
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

fn earlier(known: Option<u64>, at: Moment) -> Option<u64> {
    Some(known.map_or(at.0, |known| known.min(at.0)))
}
