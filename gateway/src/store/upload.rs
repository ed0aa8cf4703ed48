//! An upload: streamed in constant memory, hashed on the way, and there as a whole or not at all.

use core::mem;

use bytes::Bytes;
use salus_client::envelope::{Anchor, HEADER_BYTES, Header, HeaderError, RecordRef, Wrap};
use salus_primitives::{Hash, Moment, OrganisationId, crypto::Sha256Stream};

use super::{
    Store,
    backend::Parts,
    error::StoreError,
    layout::{Holder, Item, Place},
    small::{CHUNK_BYTES, Meta},
    usage::Reserved,
};

/// What is declared of an upload before its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filing {
    /// Which record of whom.
    pub place: Place,
    /// The record's version, as in the blob's header.
    pub version: u32,
    /// The key epoch that the wraps are bound to.
    pub key_epoch: u32,
    /// Digest and length of the ciphertext.
    pub anchor: Anchor,
    /// On whose quota it is.
    pub uploader: OrganisationId,
}

/// What came of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// It is new.
    New,
    /// The same bytes were there. Their first wraps are kept.
    Repeated,
}

impl Store {
    /// Begin an upload: room is taken on the uploader's quota, and nothing is there before it is finished.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when other bytes are there, [`StoreError::Shredded`], [`StoreError::Quota`],
    /// [`StoreError::TooLarge`], [`StoreError::Beside`], or that the store failed.
    pub async fn begin(&self, filing: Filing) -> Result<Upload, StoreError> {
        self.owned()?;
        let place = filing.place;
        if self.is_shredded(place).await? {
            return Err(StoreError::Shredded { place });
        }
        let (reserved, sink) = match self.meta_or_none(place).await? {
            // Same bytes again are only compared; where the stored ones are damaged, they take their place.
            Some(meta) => {
                conflict(place, &meta, &filing)?;
                let damaged = self.backend().size(place, Item::Damaged).await?.is_some();
                (None, if damaged { self.sink(&filing).await? } else { Sink::Compare })
            }
            None => (Some(self.0.usage.reserve(filing.uploader, filing.anchor.size)?), self.sink(&filing).await?),
        };
        Ok(self.upload(filing, reserved, sink, false))
    }

    /// Begin to store a record again whose bytes were damaged or lost, from wherever they still are. What `filing`
    /// says has to come from the chain: nothing here vouches for it.
    ///
    /// # Errors
    /// [`StoreError::Shredded`], or that the store failed.
    pub(crate) async fn restore(&self, filing: Filing) -> Result<Upload, StoreError> {
        if self.is_shredded(filing.place).await? {
            return Err(StoreError::Shredded { place: filing.place });
        }
        let sink = self.sink(&filing).await?;
        Ok(self.upload(filing, None, sink, true))
    }

    /// What is known of a place; none where nothing may be lost by an upload.
    async fn meta_or_none(&self, place: Place) -> Result<Option<Meta>, StoreError> {
        match self.meta(place).await {
            Ok(meta) => Ok(Some(meta)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn upload(&self, filing: Filing, reserved: Option<Reserved>, sink: Sink, restores: bool) -> Upload {
        Upload {
            store: self.clone(),
            filing,
            reserved,
            sink,
            restores,
            buffer: Vec::new(),
            received: 0,
            digest: Sha256Stream::new(),
            chunk: Sha256Stream::new(),
            chunks: Vec::new(),
            head: Vec::new(),
            header: None,
        }
    }

    async fn sink(&self, filing: &Filing) -> Result<Sink, StoreError> {
        // Small enough for one request: then it is put as one, without an upload in parts.
        if filing.anchor.size <= self.backend().part_bytes() as u64 {
            return Ok(Sink::Whole);
        }
        Ok(Sink::Parts(self.backend().parts(filing.place, Item::Blob).await?))
    }
}

/// The same record version with other bytes, or another version.
fn conflict(place: Place, meta: &Meta, filing: &Filing) -> Result<(), StoreError> {
    if meta.anchor == filing.anchor && meta.version == filing.version && meta.key_epoch == filing.key_epoch {
        return Ok(());
    }
    Err(StoreError::Conflict { place, stored: meta.anchor, declared: filing.anchor })
}

/// Is this the blob of that record version?
fn is_of(header: &Header, expected: &RecordRef) -> Result<(), HeaderError> {
    let RecordRef { patient, record, version } = header.of;
    if patient != expected.patient {
        return Err(HeaderError::Patient { expected: expected.patient, found: patient });
    }
    if record != expected.record {
        return Err(HeaderError::Record { expected: expected.record, found: record });
    }
    if version != expected.version {
        return Err(HeaderError::Version { expected: expected.version, found: version });
    }
    Ok(())
}

#[derive(Debug)]
enum Sink {
    /// Kept nowhere: it is there already.
    Compare,
    /// Kept in the buffer.
    Whole,
    /// Sent part by part.
    Parts(Parts),
}

/// An upload on its way. Dropped, it leaves nothing.
pub struct Upload {
    store: Store,
    filing: Filing,
    reserved: Option<Reserved>,
    sink: Sink,
    restores: bool,
    buffer: Vec<u8>,
    received: u64,
    digest: Sha256Stream,
    chunk: Sha256Stream,
    chunks: Vec<Hash>,
    head: Vec<u8>,
    header: Option<Header>,
}

impl core::fmt::Debug for Upload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Upload({:?}, {} of {} bytes)", self.filing.place, self.received, self.filing.anchor.size)
    }
}

impl Upload {
    /// The blob's header, once its 79 bytes have come: for the caller that can check its key commitment.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Some more bytes.
    ///
    /// # Errors
    /// [`StoreError::Length`] when more come than were declared, [`StoreError::Header`] when the first are not those of
    /// this record version, or that the store failed. Then nothing is kept, and the upload has to be dropped.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let written = self.take(bytes).await;
        if written.is_err()
            && let Sink::Parts(parts) = mem::replace(&mut self.sink, Sink::Compare)
        {
            parts.abort().await;
        }
        written
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let declared = self.filing.anchor.size;
        let found = self.received.saturating_add(bytes.len() as u64);
        if found > declared {
            return Err(StoreError::Length { declared, found });
        }
        self.look(&bytes)?;
        self.hash(&bytes);
        match &mut self.sink {
            Sink::Compare => {}
            Sink::Whole => self.buffer.extend_from_slice(&bytes),
            Sink::Parts(parts) => {
                let length = self.store.backend().part_bytes();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (more, later) = rest.split_at(rest.len().min(length - self.buffer.len()));
                    self.buffer.extend_from_slice(more);
                    rest = later;
                    if self.buffer.len() == length {
                        let part = mem::replace(&mut self.buffer, Vec::with_capacity(length));
                        parts.put(part.into()).await.inspect_err(|error| self.store.backend().note(error))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Read the header as soon as it is there.
    fn look(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.header.is_some() {
            return Ok(());
        }
        self.head.extend_from_slice(&bytes[..bytes.len().min(HEADER_BYTES - self.head.len())]);
        if self.head.len() < HEADER_BYTES {
            return Ok(());
        }
        let header = Header::parse(&self.head)?;
        let Filing { place: Place { patient, record }, version, .. } = self.filing;
        is_of(&header, &RecordRef { patient, record, version })?;
        self.header = Some(header);
        Ok(())
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = CHUNK_BYTES - self.received % CHUNK_BYTES;
            let (more, later) = rest.split_at(rest.len().min(usize::try_from(room).expect("a chunk is 1 MiB")));
            self.chunk.update(more);
            self.received += more.len() as u64;
            rest = later;
            if self.received.is_multiple_of(CHUNK_BYTES) {
                self.chunks.push(mem::take(&mut self.chunk).finish());
            }
        }
    }

    /// All has come: check it, make it durable, then visible, with these wraps. `now` is the gateway's clock.
    ///
    /// # Errors
    /// [`StoreError::Length`], [`StoreError::Digest`], [`StoreError::Header`] when it is too short for one,
    /// [`StoreError::Conflict`] or [`StoreError::Shredded`] when that came between, or that the store failed. Then
    /// nothing is kept.
    pub async fn finish(mut self, wraps: &[(Holder, Wrap)], now: Moment) -> Result<Stored, StoreError> {
        let Filing { place, version, key_epoch, anchor, uploader } = self.filing;
        if self.received != anchor.size {
            return Err(StoreError::Length { declared: anchor.size, found: self.received });
        }
        if self.header.is_none() {
            return Err(HeaderError::Short { found: self.head.len() }.into());
        }
        if !self.received.is_multiple_of(CHUNK_BYTES) {
            self.chunks.push(mem::take(&mut self.chunk).finish());
        }
        let found = mem::take(&mut self.digest).finish();
        if found != anchor.digest {
            return Err(StoreError::Digest { declared: anchor.digest, found });
        }
        let store = self.store.clone();
        let _lock = store.lock(place).await;
        if store.is_shredded(place).await? {
            return Err(StoreError::Shredded { place });
        }
        let chunks = mem::take(&mut self.chunks);
        let meta = Meta { version, key_epoch, anchor, uploader, stored_at: now, chunks };
        if self.restores {
            self.replace(&meta, wraps).await?;
            return Ok(Stored::Repeated);
        }
        if let Some(meta) = store.meta_or_none(place).await? {
            conflict(place, &meta, &self.filing)?;
            self.again(meta, now).await?;
            return Ok(Stored::Repeated);
        }
        let reserved = self.reserved.take();
        if let Err(error) = self.publish(&meta, wraps).await {
            // Best effort, `meta` first: while it is not there, the next start removes the rest.
            let _ = store.clear(place).await;
            return Err(error);
        }
        if let Some(reserved) = reserved {
            reserved.keep();
        }
        store.unsettled_set().insert(place);
        Ok(Stored::New)
    }

    async fn publish(&mut self, meta: &Meta, wraps: &[(Holder, Wrap)]) -> Result<(), StoreError> {
        let (store, place) = (self.store.clone(), self.filing.place);
        // What an earlier attempt left may be another record's; only what comes now belongs to this one.
        store.clear(place).await?;
        self.put_blob().await?;
        store.verify(place, meta).await?;
        for (holder, wrap) in wraps {
            store.backend().put(place, Item::Wrap(*holder), &wrap.to_bytes()).await?;
        }
        store.backend().settle(place).await?;
        store.backend().put(place, Item::Meta, &meta.encode()).await
    }

    /// Put what came in the place of what was damaged or lost.
    async fn replace(&mut self, meta: &Meta, wraps: &[(Holder, Wrap)]) -> Result<(), StoreError> {
        let (store, place) = (self.store.clone(), self.filing.place);
        self.put_blob().await?;
        let mut written = vec![Item::Meta, Item::Anchored, Item::Blob];
        for (holder, wrap) in wraps {
            store.backend().put(place, Item::Wrap(*holder), &wrap.to_bytes()).await?;
            written.push(Item::Wrap(*holder));
        }
        // Before `meta`, which makes a record of it: what is restored is on the chain.
        store.backend().put(place, Item::Anchored, &[]).await?;
        store.backend().settle(place).await?;
        store.backend().put(place, Item::Meta, &meta.encode()).await?;
        store.unless_shredded(place, &written).await?;
        store.verify(place, meta).await?;
        store.healed(place).await
    }

    /// The same bytes came again: they are durable, or are now, and not on the chain for another 24 hours.
    async fn again(&mut self, mut meta: Meta, now: Moment) -> Result<(), StoreError> {
        let (store, place) = (self.store.clone(), self.filing.place);
        let replaces = !matches!(self.sink, Sink::Compare);
        if replaces {
            self.put_blob().await?;
        }
        if let Err(error) = store.verify(place, &meta).await {
            store.note_damage(place, &error).await;
            return Err(error);
        }
        if replaces {
            store.backend().remove(place, &[Item::Damaged]).await?;
        }
        if !store.is_anchored(place).await? {
            meta.stored_at = now;
            store.unsettled_set().insert(place);
            store.backend().put(place, Item::Meta, &meta.encode()).await?;
        }
        Ok(())
    }

    async fn put_blob(&mut self) -> Result<(), StoreError> {
        let (store, place) = (self.store.clone(), self.filing.place);
        let rest = Bytes::from(mem::take(&mut self.buffer));
        match mem::replace(&mut self.sink, Sink::Whole) {
            Sink::Parts(mut parts) => {
                if !rest.is_empty() {
                    parts.put(rest).await.inspect_err(|error| store.backend().note(error))?;
                }
                store.backend().complete(place, parts).await
            }
            Sink::Whole => store.backend().put_whole(place, Item::Blob, rest).await,
            Sink::Compare => {
                self.sink = Sink::Compare;
                Ok(())
            }
        }
    }
}
