//! Encrypted records at rest: blobs, their wraps, and what is known of them.
//!
//! ```text
//! blobs/<patient>/<record>/meta                what was declared and found of the blob (small.rs)
//!                          blob                the ciphertext
//!                          patient.wrap        its content key, sealed to the patient
//!                          <organisation>.wrap ... to a custodian
//!                          receipt-<n>.wrap    ... to the reader of a receipt
//!                          anchored            the record stands on the chain
//!                          pending-<organisation>  that custodian is to have a copy
//!                          copied-<organisation>   ... and has it, since when
//!                          scrubbed            when all of it was last found whole
//!                          damaged             what was found damaged
//!                          shredded            it was destroyed, and is never kept again
//! ```
//!
//! # What is promised
//! 1. **`meta` is the commit.** It is written last and removed first, so that a record is there as a whole or not at
//!    all, whenever the process is killed. What lies at a place without `meta` is removed at the next start.
//! 2. **Acknowledged is durable.** [`Upload::finish`] returns once every byte is synced and the blob was read back.
//! 3. **No byte unchecked.** A blob is hashed whole when it comes, when it is scrubbed, and chunk by chunk of 1 MiB
//!    each time it is read; small objects carry a checksum over their key and body.
//! 4. **Nothing is replaced by something else.** Same bytes again are the same upload; others are a conflict.
//! 5. **Shredded stays shredded.** The mark is written first, and whatever writes looks for it, last.
//!
//! One process has the store: in a folder it holds a lock. Commands may open it [`Store::beside`]: they read, scrub,
//! repair and re-wrap, none of which needs to know what else is going on.

mod backend;
pub mod config;
mod error;
mod layout;
mod marks;
mod read;
mod recover;
mod small;
mod upload;
mod usage;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard as StdGuard, PoisonError},
};

use salus_client::envelope::Wrap;
use salus_primitives::OrganisationId;
use tokio::sync::{Mutex, MutexGuard};

pub use config::StoreConfig;
pub use error::StoreError;
pub use layout::{Holder, Place};
pub use marks::{Damage, Entry};
pub use small::{CHUNK_BYTES, Meta};
pub use upload::{Filing, Stored, Upload};
pub use usage::Used;

pub(crate) use layout::Item;
pub(crate) use marks::now;

use backend::Backend;
use usage::Usage;

/// Number of locks that places share.
const LOCKS: usize = 64;

/// The store of a gateway. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Backend,
    usage: Arc<Usage>,
    /// Whoever decides by what is at a place and then writes there holds the place's lock.
    locks: [Mutex<()>; LOCKS],
    /// Places of which the chain has to be asked, or that a copy is due of.
    unsettled: std::sync::Mutex<BTreeSet<Place>>,
    beside: bool,
}

impl Store {
    /// The configured store, as the one process whose it is: removes what an earlier one left half done, and counts
    /// who has how much.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Config`], or what reading it failed with.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let store = Self::made(Backend::open(config, false)?, config, false);
        store.recover().await?;
        Ok(store)
    }

    /// The configured store, beside the process whose it is: takes no uploads and removes nothing.
    ///
    /// # Errors
    /// [`StoreError::Config`] or [`StoreError::Folder`].
    pub async fn beside(config: &StoreConfig) -> Result<Self, StoreError> {
        Ok(Self::made(Backend::open(config, true)?, config, true))
    }

    /// A store over any objects, as the one process whose it is.
    #[cfg(test)]
    pub(crate) async fn over(
        objects: Arc<dyn object_store::ObjectStore>,
        config: &StoreConfig,
    ) -> Result<Self, StoreError> {
        let store = Self::made(Backend::over(objects, None), config, false);
        store.recover().await?;
        Ok(store)
    }

    fn made(backend: Backend, config: &StoreConfig, beside: bool) -> Self {
        let usage = Arc::new(Usage::new(config.quota.clone()));
        let locks = [const { Mutex::const_new(()) }; LOCKS];
        Self(Arc::new(Inner { backend, usage, locks, unsettled: std::sync::Mutex::default(), beside }))
    }

    fn backend(&self) -> &Backend {
        &self.0.backend
    }

    fn owned(&self) -> Result<(), StoreError> {
        if self.0.beside { Err(StoreError::Beside) } else { Ok(()) }
    }

    async fn lock(&self, place: Place) -> MutexGuard<'_, ()> {
        // Ids are random, so that any byte of one spreads them.
        self.0.locks[usize::from(place.record.0[15]) % LOCKS].lock().await
    }

    /// What each organisation has in the store. Empty for one opened [`Store::beside`].
    pub fn usage(&self) -> BTreeMap<OrganisationId, Used> {
        self.0.usage.all()
    }

    /// The places of which the chain has to be asked, or that a copy is due of, as far as this process knows.
    pub fn unsettled(&self) -> Vec<Place> {
        self.unsettled_set().iter().copied().collect()
    }

    fn unsettled_set(&self) -> StdGuard<'_, BTreeSet<Place>> {
        // A set is whole between its methods, whoever panicked.
        self.0.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the blob of a place.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Shredded`], [`StoreError::Damaged`], or that the store failed.
    pub async fn meta(&self, place: Place) -> Result<Meta, StoreError> {
        match self.meta_if_any(place).await? {
            Some(meta) => Ok(meta),
            None if self.is_shredded(place).await? => Err(StoreError::Shredded { place }),
            None if self.is_anchored(place).await? => Err(small::damaged(place, Item::Meta, "it is gone")),
            None => Err(StoreError::Missing { what: small::what(Item::Blob), place }),
        }
    }

    async fn meta_if_any(&self, place: Place) -> Result<Option<Meta>, StoreError> {
        let body = self.backend().get(place, Item::Meta).await?;
        body.map(|body| Meta::decode(place, &body)).transpose()
    }

    /// A wrap of a record.
    ///
    /// # Errors
    /// As [`Store::meta`], and [`StoreError::Wrap`].
    pub async fn wrap(&self, place: Place, holder: Holder) -> Result<Wrap, StoreError> {
        match self.wrap_if_any(place, holder).await? {
            Some(wrap) => Ok(wrap),
            None => {
                self.meta(place).await?;
                Err(StoreError::Missing { what: small::what(Item::Wrap(holder)), place })
            }
        }
    }

    async fn wrap_if_any(&self, place: Place, holder: Holder) -> Result<Option<Wrap>, StoreError> {
        let body = self.backend().get(place, Item::Wrap(holder)).await?;
        body.map(|body| small::decode_wrap(holder, &body)).transpose()
    }

    /// The standing wraps of a record, the patient's first: what a copy of it has besides the blob.
    ///
    /// # Errors
    /// As [`Store::wrap`].
    pub async fn standing_wraps(&self, place: Place) -> Result<Vec<(Holder, Wrap)>, StoreError> {
        self.meta(place).await?;
        let mut wraps = Vec::new();
        for listed in self.backend().list(place).await? {
            if let Item::Wrap(holder) = listed.item
                && holder.is_standing()
            {
                wraps.push((holder, self.wrap(place, holder).await?));
            }
        }
        wraps.sort_by_key(|(holder, _)| *holder);
        Ok(wraps)
    }

    /// Keep a wrap in the place of whatever wrap that holder had.
    ///
    /// # Errors
    /// As [`Store::meta`].
    pub async fn put_wrap(&self, place: Place, holder: Holder, wrap: &Wrap) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        self.meta(place).await?;
        self.write_wrap(place, holder, wrap).await
    }

    /// Keep a wrap unless that holder has one; gives the one that is kept. Thus whoever asks again gets the same.
    ///
    /// # Errors
    /// As [`Store::put_wrap`].
    pub async fn keep_wrap(&self, place: Place, holder: Holder, wrap: &Wrap) -> Result<Wrap, StoreError> {
        let _lock = self.lock(place).await;
        self.meta(place).await?;
        if let Some(kept) = self.wrap_if_any(place, holder).await? {
            return Ok(kept);
        }
        self.write_wrap(place, holder, wrap).await?;
        Ok(*wrap)
    }

    /// Exchange a wrap for another of the same key, unless it has changed meanwhile: says whether it did so.
    ///
    /// # Errors
    /// As [`Store::put_wrap`].
    pub async fn exchange_wrap(
        &self,
        place: Place,
        holder: Holder,
        old: &Wrap,
        new: &Wrap,
    ) -> Result<bool, StoreError> {
        let _lock = self.lock(place).await;
        self.meta(place).await?;
        if self.wrap_if_any(place, holder).await?.as_ref() != Some(old) {
            return Ok(false);
        }
        self.write_wrap(place, holder, new).await?;
        Ok(true)
    }

    /// Destroy a wrap, for good when this returns.
    ///
    /// # Errors
    /// That the store failed.
    pub async fn remove_wrap(&self, place: Place, holder: Holder) -> Result<(), StoreError> {
        let _lock = self.lock(place).await;
        self.backend().remove(place, &[Item::Wrap(holder)]).await
    }

    async fn write_wrap(&self, place: Place, holder: Holder, wrap: &Wrap) -> Result<(), StoreError> {
        self.backend().put(place, Item::Wrap(holder), &wrap.to_bytes()).await?;
        self.unless_shredded(place, &[Item::Wrap(holder)]).await
    }

    /// After writing: when another process has shredded the place meanwhile, it did not see this, so take it back.
    async fn unless_shredded(&self, place: Place, written: &[Item]) -> Result<(), StoreError> {
        if !self.is_shredded(place).await? {
            return Ok(());
        }
        self.backend().remove(place, written).await?;
        Err(StoreError::Shredded { place })
    }

    async fn is_shredded(&self, place: Place) -> Result<bool, StoreError> {
        // That there is something is the mark, whether or not its bytes are whole.
        Ok(self.backend().size(place, Item::Shredded).await?.is_some())
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;
#[cfg(test)]
#[path = "s3_tests.rs"]
mod s3_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod store_tests;
#[cfg(test)]
pub(crate) mod testing;
