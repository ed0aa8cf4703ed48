//! Reading a blob: chunk by chunk, each hashed before a byte of it is given out.

use core::ops::Range;

use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use salus_primitives::crypto::{Sha256Stream, sha256};

use super::{
    Store,
    error::StoreError,
    layout::{Item, Place},
    small::{self, CHUNK_BYTES, Meta},
};

impl Store {
    /// Bytes `range` of a blob, in pieces of at most 1 MiB. A chunk that is not what was stored is an error in its
    /// place, noted for repair, and the end.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::Damaged`] when its length is another, or as [`Store::meta`].
    pub async fn read(
        &self,
        place: Place,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let meta = self.meta(place).await?;
        let (size, Range { start: from, end: until }) = (meta.anchor.size, range.clone());
        if from > until || until > size {
            return Err(StoreError::Range { place, from, until, size });
        }
        if let Err(error) = self.check_length(place, &meta).await {
            self.note_damage(place, &error).await;
            return Err(error);
        }
        let first = from / CHUNK_BYTES;
        let chunks = if from == until { first..first } else { first..until.div_ceil(CHUNK_BYTES) };
        let walk = (self.clone(), meta, chunks);
        let pieces = stream::try_unfold(walk, move |(store, meta, mut chunks)| {
            let range = range.clone();
            async move {
                let Some(index) = chunks.next() else { return Ok(None) };
                let chunk = match store.chunk(place, &meta, index).await {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        store.note_damage(place, &error).await;
                        return Err(error);
                    }
                };
                let begin = index * CHUNK_BYTES;
                let offset = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX).min(chunk.len());
                Ok(Some((chunk.slice(offset(range.start)..offset(range.end)), (store, meta, chunks))))
            }
        });
        Ok(pieces.boxed())
    }

    /// The bytes of a blob as they are, unchecked, up to `size`: where its description is lost.
    pub(crate) fn raw(&self, place: Place, size: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let walk = (self.clone(), 0..Meta::chunk_count(size));
        let pieces = stream::try_unfold(walk, move |(store, mut chunks)| async move {
            let Some(begin) = chunks.next().map(|index| index * CHUNK_BYTES) else { return Ok(None) };
            let bytes = store.backend().range(place, Item::Blob, begin..(begin + CHUNK_BYTES).min(size)).await?;
            Ok(Some((bytes, (store, chunks))))
        });
        pieces.boxed()
    }

    /// Read all of a blob and compare it with what was stored. Writes nothing.
    pub(crate) async fn verify(&self, place: Place, meta: &Meta) -> Result<(), StoreError> {
        self.check_length(place, meta).await?;
        let mut digest = Sha256Stream::new();
        for index in 0..Meta::chunk_count(meta.anchor.size) {
            digest.update(&self.chunk(place, meta, index).await?);
        }
        let found = digest.finish();
        if found != meta.anchor.digest {
            let reason = format!("its digest is {found}, stored was {}", meta.anchor.digest);
            return Err(small::damaged(place, Item::Blob, reason));
        }
        Ok(())
    }

    async fn check_length(&self, place: Place, meta: &Meta) -> Result<(), StoreError> {
        let stored = meta.anchor.size;
        match self.backend().size(place, Item::Blob).await? {
            Some(found) if found == stored => Ok(()),
            Some(found) => Err(small::damaged(place, Item::Blob, format!("it has {found} bytes, stored were {stored}"))),
            // Shredded or expired since the description was read, or lost.
            None => match self.meta(place).await {
                Ok(_) => Err(small::damaged(place, Item::Blob, "it is gone")),
                Err(other) => Err(other),
            },
        }
    }

    async fn chunk(&self, place: Place, meta: &Meta, index: u64) -> Result<Bytes, StoreError> {
        let begin = index * CHUNK_BYTES;
        let end = (begin + CHUNK_BYTES).min(meta.anchor.size);
        let bytes = match self.backend().range(place, Item::Blob, begin..end).await {
            // A blob that was cut short meanwhile fails in ways of the object store's own.
            Err(StoreError::Backend { .. } | StoreError::Missing { .. }) => {
                self.meta(place).await?;
                match self.backend().size(place, Item::Blob).await? {
                    Some(size) if size == meta.anchor.size => {
                        self.backend().range(place, Item::Blob, begin..end).await?
                    }
                    Some(size) => return Err(small::damaged(place, Item::Blob, format!("it has {size} bytes by now"))),
                    None => return Err(small::damaged(place, Item::Blob, "it is gone")),
                }
            }
            other => other?,
        };
        let expected = usize::try_from(index).ok().and_then(|index| meta.chunks.get(index));
        if bytes.len() as u64 != end - begin || expected != Some(&sha256(&bytes)) {
            return Err(small::damaged(place, Item::Blob, format!("bytes {begin} to {end} are not those stored")));
        }
        Ok(bytes)
    }
}
