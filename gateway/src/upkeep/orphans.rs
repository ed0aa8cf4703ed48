//! Uploads whose record is not on the chain.

use futures::TryStreamExt as _;
use salus_primitives::Moment;
use serde::Serialize;

use super::{Keeper, SettleError, UNANCHORED_KEPT_MS};
use crate::store::StoreError;

/// An upload without a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Orphan {
    /// Which record it would be: `<patient>/<record>`.
    pub place: String,
    /// Bytes of ciphertext.
    pub bytes: u64,
    /// Who uploaded it.
    pub uploader: String,
    /// When: Unix milliseconds.
    pub stored_at: u64,
    /// Is it a day old by the chain's clock and this machine's?
    pub due: bool,
    /// Was it removed?
    pub removed: bool,
}

impl Keeper {
    /// List the uploads that the chain has no record of, at this very digest; with `remove`, remove those that are due.
    ///
    /// # Errors
    /// [`SettleError::Chain`] when the chain does not answer, or that the store failed. What was removed until then
    /// stays so.
    pub async fn orphans(&self, remove: bool, now: Moment) -> Result<Vec<Orphan>, SettleError> {
        let mut found = Vec::new();
        let mut entries = self.store.list();
        while let Some(entry) = entries.try_next().await? {
            if entry.anchored || entry.shredded {
                continue;
            }
            let meta = match self.store.meta(entry.place).await {
                Ok(meta) => meta,
                // Removed since it was listed, or to be looked at by a scrub first.
                Err(StoreError::Missing { .. } | StoreError::Shredded { .. } | StoreError::Damaged { .. }) => continue,
                Err(other) => return Err(other.into()),
            };
            let seen = self.chain.record(entry.place).await?;
            if seen.record_of(&meta.anchor).is_some() {
                continue;
            }
            let at = seen.at.min(now);
            let due = at.since(meta.stored_at) >= UNANCHORED_KEPT_MS;
            let before = Moment(at.0.saturating_sub(UNANCHORED_KEPT_MS));
            let removed = remove && due && self.store.expire(entry.place, before).await?;
            found.push(Orphan {
                place: entry.place.to_string(),
                bytes: meta.anchor.size,
                uploader: meta.uploader.to_string(),
                stored_at: meta.stored_at.0,
                due,
                removed,
            });
        }
        Ok(found)
    }
}
