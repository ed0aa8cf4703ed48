//! The start of the process whose store it is: remove what an earlier one left half done, and count the rest.

use futures::{StreamExt as _, TryStreamExt as _};

use super::{Store, error::StoreError, marks::Entry};

/// How many places are looked at side by side.
const AT_ONCE: usize = 32;

impl Store {
    pub(super) async fn recover(&self) -> Result<(), StoreError> {
        self.backend().tidy().await?;
        let places = self.places().map(|entry| async {
            let entry = entry?;
            self.recover_place(&entry).await
        });
        places.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        self.backend().tidy().await
    }

    async fn recover_place(&self, entry: &Entry) -> Result<(), StoreError> {
        if entry.shredded || !entry.is_record() {
            // An upload that was never acknowledged, or a shredding that was cut short.
            return if entry.items.len() > usize::from(entry.shredded) { self.clear(entry.place).await } else { Ok(()) };
        }
        if !entry.is_settled() {
            self.unsettled_set().insert(entry.place);
        }
        match self.meta(entry.place).await {
            Ok(meta) => self.0.usage.count(meta.uploader, meta.anchor.size, entry.anchored),
            Err(error) if error.is_loss() => self.note_damage(entry.place, &error).await,
            Err(other) => return Err(other),
        }
        Ok(())
    }
}
