//! What becomes of a record after its upload: on the chain, copied, scrubbed, damaged, healed, expired, shredded.

use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use parity_scale_codec::{Decode, Encode};
use salus_client::envelope::Wrap;
use salus_primitives::{Moment, OrganisationId};

use super::{
    Store,
    backend::Listed,
    error::StoreError,
    layout::{Holder, Item, Place},
    small::{self, Meta},
};

/// What was found damaged at a place.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Damage {
    /// When it was found: Unix milliseconds by the gateway's clock.
    pub at: Moment,
    /// What, and how it shows.
    pub what: String,
}

/// What there is at a place, by its names alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which record.
    pub place: Place,
    /// Length of the ciphertext as the object store has it, in bytes; none if it is lost.
    pub blob_bytes: Option<u64>,
    pub(super) has_meta: bool,
    /// Is it on the chain?
    pub anchored: bool,
    /// Was it shredded? Then nothing else is there.
    pub shredded: bool,
    /// Is damage noted?
    pub damaged: bool,
    /// Whose wraps there are.
    pub wraps: Vec<Holder>,
    /// Who is to have a copy.
    pub pending: Vec<OrganisationId>,
    /// Who has one.
    pub copied: Vec<OrganisationId>,
    /// Receipts' wraps and when each was written, Unix milliseconds.
    pub(crate) receipts: Vec<(u32, u64)>,
    pub(super) items: Vec<Item>,
}

impl Entry {
    fn new(place: Place) -> Self {
        Self {
            place,
            blob_bytes: None,
            has_meta: false,
            anchored: false,
            shredded: false,
            damaged: false,
            wraps: Vec::new(),
            pending: Vec::new(),
            copied: Vec::new(),
            receipts: Vec::new(),
            items: Vec::new(),
        }
    }

    fn add(&mut self, listed: &Listed) {
        self.items.push(listed.item);
        match listed.item {
            Item::Blob => self.blob_bytes = Some(listed.size),
            Item::Meta => self.has_meta = true,
            Item::Anchored => self.anchored = true,
            Item::Shredded => self.shredded = true,
            Item::Damaged => self.damaged = true,
            Item::Scrubbed => {}
            Item::Wrap(holder) => {
                self.wraps.push(holder);
                if let Holder::Receipt(index) = holder {
                    self.receipts.push((index, listed.written));
                }
            }
            Item::Pending(id) => self.pending.push(id),
            Item::Copied(id) => self.copied.push(id),
        }
    }

    /// Is it more than what an unfinished upload left? What is on the chain is a record even without its description,
    /// which a disk may lose.
    pub(super) fn is_record(&self) -> bool {
        self.has_meta || self.anchored
    }

    /// Is nothing left to be done: the chain was asked, and copies are made?
    pub fn is_settled(&self) -> bool {
        self.shredded || (self.anchored && self.pending.is_empty())
    }
}

impl Store {
    /// What there is, place by place, in no order. Places whose upload is not finished are left out.
    pub fn list(&self) -> BoxStream<'static, Result<Entry, StoreError>> {
        self.places().try_filter(|entry| futures::future::ready(entry.is_record() || entry.shredded)).boxed()
    }

    /// What there is at one place; none where nothing is.
    ///
    /// # Errors
    /// That the store failed.
    pub async fn entry(&self, place: Place) -> Result<Option<Entry>, StoreError> {
        let listed = self.backend().list(place).await?;
        let mut entry = Entry::new(place);
        listed.iter().for_each(|listed| entry.add(listed));
        Ok((entry.is_record() || entry.shredded).then_some(entry))
    }

    /// All places, with those that are no record. Both kinds of object store list what begins alike together.
    pub(super) fn places(&self) -> BoxStream<'static, Result<Entry, StoreError>> {
        // The last place is given out after the list has ended, and a bucket's list is not to be asked again then.
        let walk = (self.backend().list_all().fuse(), None::<Entry>);
        stream::try_unfold(walk, |(mut listed, mut current)| async move {
            loop {
                match (listed.next().await.transpose()?, &mut current) {
                    (Some(found), Some(entry)) if entry.place == found.place => entry.add(&found),
                    (Some(found), _) => {
                        let mut next = Entry::new(found.place);
                        next.add(&found);
                        if let Some(whole) = current.replace(next) {
                            return Ok(Some((whole, (listed, current))));
                        }
                    }
                    (None, _) => return Ok(current.take().map(|whole| (whole, (listed, None)))),
                }
            }
        })
        .boxed()
    }

    pub(crate) async fn is_anchored(&self, place: Place) -> Result<bool, StoreError> {
        Ok(self.backend().size(place, Item::Anchored).await?.is_some())
    }

    /// The record is on the chain, and `other` keeps it too: it no longer expires, and a copy is due.
    ///
    /// # Errors
    /// As [`Store::meta`], and [`StoreError::Beside`].
    pub async fn anchored(&self, place: Place, other: Option<OrganisationId>) -> Result<(), StoreError> {
        self.owned()?;
        let _lock = self.lock(place).await;
        let meta = self.meta(place).await?;
        let before = self.is_anchored(place).await?;
        let mut written = Vec::new();
        if let Some(other) = other
            && self.backend().size(place, Item::Copied(other)).await?.is_none()
        {
            self.backend().put(place, Item::Pending(other), &[]).await?;
            written.push(Item::Pending(other));
        }
        if !before {
            self.backend().put(place, Item::Anchored, &[]).await?;
            self.0.usage.anchored(meta.uploader, meta.anchor.size);
        }
        written.push(Item::Anchored);
        self.unless_shredded(place, &written).await?;
        self.resettle(place).await
    }

    /// Remember whether anything is left to be done for a place.
    async fn resettle(&self, place: Place) -> Result<(), StoreError> {
        let settled = self.entry(place).await?.is_none_or(|entry| entry.is_settled());
        let mut unsettled = self.unsettled_set();
        if settled {
            unsettled.remove(&place);
        } else {
            unsettled.insert(place);
        }
        Ok(())
    }

    /// A copy is due at `other` again, for the wraps changed or the copy was lost.
    ///
    /// # Errors
    /// As [`Store::meta`].
    pub async fn copy_due(&self, place: Place, other: OrganisationId) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        self.meta(place).await?;
        self.backend().put(place, Item::Pending(other), &[]).await?;
        self.unsettled_set().insert(place);
        self.unless_shredded(place, &[Item::Pending(other)]).await
    }

    /// `other` has a copy, since `at`.
    ///
    /// # Errors
    /// As [`Store::meta`].
    pub async fn copied(&self, place: Place, other: OrganisationId, at: Moment) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        self.meta(place).await?;
        self.backend().put(place, Item::Copied(other), &at.encode()).await?;
        self.backend().remove(place, &[Item::Pending(other)]).await?;
        self.unless_shredded(place, &[Item::Copied(other)]).await?;
        self.resettle(place).await
    }

    /// Since when `other` has a copy, if it does.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or that the store failed.
    pub async fn copy_at(&self, place: Place, other: OrganisationId) -> Result<Option<Moment>, StoreError> {
        let item = Item::Copied(other);
        let body = self.backend().get(place, item).await?;
        body.map(|body| small::decode(place, item, &body)).transpose()
    }

    /// When all of a place was last found whole, if it was.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or that the store failed.
    pub async fn scrubbed_at(&self, place: Place) -> Result<Option<Moment>, StoreError> {
        let body = self.backend().get(place, Item::Scrubbed).await?;
        body.map(|body| small::decode(place, Item::Scrubbed, &body)).transpose()
    }

    pub(crate) async fn scrubbed(&self, place: Place, at: Moment) -> Result<(), StoreError> {
        self.backend().put(place, Item::Scrubbed, &at.encode()).await?;
        self.unless_shredded(place, &[Item::Scrubbed]).await
    }

    /// What damage is noted. A note that is itself damaged is one.
    ///
    /// # Errors
    /// That the store failed.
    pub async fn damage(&self, place: Place) -> Result<Option<Damage>, StoreError> {
        match self.backend().get(place, Item::Damaged).await {
            Ok(body) => body.map(|body| small::decode(place, Item::Damaged, &body)).transpose(),
            Err(StoreError::Damaged { reason, .. }) => Ok(Some(Damage { at: Moment(0), what: reason })),
            Err(other) => Err(other),
        }
    }

    /// Note for repair that a place is damaged, if that is what `error` says.
    pub(crate) async fn note_damage(&self, place: Place, error: &StoreError) {
        if !error.is_loss() {
            return;
        }
        tracing::error!(%place, %error, "stored bytes are damaged");
        let damage = Damage { at: now(), what: error.to_string() };
        let noted = match self.backend().put(place, Item::Damaged, &damage.encode()).await {
            Ok(()) => self.unless_shredded(place, &[Item::Damaged]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(%place, %error, "the damage could not be noted, the next scrub finds it again");
        }
    }

    /// All of the place was found whole, or was made so.
    pub(crate) async fn healed(&self, place: Place) -> Result<(), StoreError> {
        self.backend().remove(place, &[Item::Damaged]).await
    }

    /// Check every object of a place but the blob; gives what is damaged.
    pub(crate) async fn check_small(&self, entry: &Entry) -> Result<Vec<(Item, StoreError)>, StoreError> {
        let mut found = Vec::new();
        for item in entry.items.iter().copied().filter(|item| !matches!(item, Item::Blob | Item::Damaged)) {
            let checked = match self.backend().get(entry.place, item).await {
                Ok(Some(body)) => self.check_body(entry.place, item, &body),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match checked {
                Ok(()) => {}
                Err(error) if error.is_loss() || matches!(error, StoreError::Wrap { .. }) => found.push((item, error)),
                Err(other) => return Err(other),
            }
        }
        Ok(found)
    }

    fn check_body(&self, place: Place, item: Item, body: &[u8]) -> Result<(), StoreError> {
        match item {
            Item::Meta => Meta::decode(place, body).map(drop),
            Item::Wrap(holder) => small::decode_wrap(holder, body).map(drop),
            Item::Scrubbed | Item::Copied(_) => small::decode::<Moment>(place, item, body).map(drop),
            _ => Ok(()),
        }
    }

    /// Write an object of a record anew, as it was.
    pub(crate) async fn mend(&self, place: Place, item: Item, wrap: Option<&Wrap>) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        match (item, wrap) {
            (Item::Wrap(_), Some(wrap)) => self.backend().put(place, item, &wrap.to_bytes()).await?,
            (Item::Anchored | Item::Pending(_), _) => self.backend().put(place, item, &[]).await?,
            // What says nothing that is not found again is dropped.
            _ => self.backend().remove(place, &[item]).await?,
        }
        self.unless_shredded(place, &[item]).await
    }

    /// Remove a record that is not on the chain, if it was stored (or uploaded again) at or before `before`. Says
    /// whether it did.
    ///
    /// # Errors
    /// [`StoreError::Beside`], or that the store failed.
    pub async fn expire(&self, place: Place, before: Moment) -> Result<bool, StoreError> {
        self.owned()?;
        let _lock = self.lock(place).await;
        let Some(meta) = self.meta_if_any(place).await? else { return Ok(false) };
        if self.is_anchored(place).await? || meta.stored_at > before {
            return Ok(false);
        }
        self.clear(place).await?;
        self.unsettled_set().remove(&place);
        self.0.usage.removed(meta.uploader, meta.anchor.size, false);
        Ok(true)
    }

    /// Destroy blob and wraps for good, and keep the mark of it, so that no late copy or retry brings them back. Also
    /// where nothing is yet.
    ///
    /// # Errors
    /// That the store failed. Then repeat it: the mark may or may not be there, and where it is, the rest goes at the
    /// next start too.
    pub async fn shred(&self, place: Place) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        let meta = self.meta_if_any(place).await.ok().flatten();
        let anchored = self.is_anchored(place).await?;
        self.backend().put(place, Item::Shredded, &now().encode()).await?;
        self.backend().settle(place).await?;
        self.clear(place).await?;
        self.unsettled_set().remove(&place);
        if let Some(meta) = meta {
            self.0.usage.removed(meta.uploader, meta.anchor.size, anchored);
        }
        Ok(())
    }

    /// Remove all of a place but the mark that it is shredded: what makes it a record first, then what makes it
    /// readable.
    pub(super) async fn clear(&self, place: Place) -> Result<(), StoreError> {
        let mut items: Vec<Item> = self.backend().list(place).await?.iter().map(|listed| listed.item).collect();
        items.retain(|item| *item != Item::Shredded);
        items.sort_by_key(|item| match item {
            Item::Meta => 0,
            Item::Wrap(_) => 1,
            _ => 2,
        });
        self.backend().remove(place, &items).await
    }
}

/// The clock of this machine.
pub(crate) fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
