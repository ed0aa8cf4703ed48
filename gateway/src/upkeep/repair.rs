//! Make whole what is damaged or lost: from this store where its bytes are whole, else from the other custodian.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _};
use salus_primitives::{Moment, OrganisationId};
use salus_records::Record;
use serde::Serialize;

use super::{ChainError, Finding, Keeper, other_custodian, scrub::missing_wraps, scrub_place};
use crate::{
    copies::{Incoming, PeerError, Wraps, filing_of},
    store::{Entry, Filing, Holder, Item, Place, StoreError},
};

/// Why a record is still damaged.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The other gateway.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It is nowhere else.
    #[error("record {place} has no other custodian to fetch it from; restore it from a backup, or have its author upload it again")]
    Alone {
        /// Which.
        place: Place,
    },
    /// The chain does not know it.
    #[error("record {place} is not on the chain, so nothing says what it was; it is removed in time")]
    NotOnChain {
        /// Which.
        place: Place,
    },
}

/// What was done about a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mended {
    /// It was whole after all.
    Whole,
    /// Made whole from what is here.
    FromHere,
    /// Made whole from the other custodian.
    From(OrganisationId),
}

/// What a repair did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Repaired {
    /// Records made whole.
    pub repaired: u64,
    /// Records that were lost and fetched.
    pub fetched: u64,
    /// Records that are still damaged, and why.
    pub failed: Vec<Finding>,
}

impl Keeper {
    /// Make one record whole.
    ///
    /// # Errors
    /// [`RepairError`] by what stands in the way; what was mended stays so.
    pub async fn repair(&self, entry: &Entry, now: Moment) -> Result<Mended, RepairError> {
        let (store, place) = (&self.store, entry.place);
        let bad: Vec<Item> = store.check_small(entry).await?.into_iter().map(|(item, _)| item).collect();
        let mut lost: BTreeSet<Holder> = missing_wraps(entry, self.us).into_iter().collect();
        for item in &bad {
            match item {
                Item::Wrap(holder) if holder.is_standing() => drop(lost.insert(*holder)),
                Item::Meta => {}
                // Whether it has the copy is to be asked again.
                Item::Copied(other) => {
                    store.mend(place, *item, None).await?;
                    store.mend(place, Item::Pending(*other), None).await?;
                }
                other => store.mend(place, *other, None).await?,
            }
        }
        let whole = match store.meta(place).await {
            Ok(meta) => match store.verify(place, &meta).await {
                Ok(()) => true,
                Err(error) if error.is_loss() => false,
                Err(other) => return Err(other.into()),
            },
            Err(error) if error.is_loss() => false,
            Err(other) => return Err(other.into()),
        };
        if whole && lost.is_empty() {
            store.healed(place).await?;
            return Ok(if bad.is_empty() { Mended::Whole } else { Mended::FromHere });
        }
        let record = self.chain.record(place).await?.record.ok_or(RepairError::NotOnChain { place })?;
        let other = other_custodian(&record, self.us);
        // Only here may the bytes be whole while their description is not.
        if !whole && lost.is_empty() && self.restore_from_here(place, &record, now).await? {
            return Ok(Mended::FromHere);
        }
        let other = other.ok_or(RepairError::Alone { place })?;
        self.fetch(place, &record, other, whole, &lost, now).await?;
        Ok(Mended::From(other))
    }

    async fn restore_from_here(&self, place: Place, record: &Record, now: Moment) -> Result<bool, RepairError> {
        let filing = self.filing(place, record).await;
        let raw = self.store.raw(place, filing.anchor.size);
        let us = self.us;
        let source = raw.map_err(move |error| PeerError::Unreachable { organisation: us, reason: error.to_string() });
        match self.restore(filing, &Vec::new(), source.boxed(), now).await {
            Ok(()) => Ok(true),
            // Then they are not whole.
            Err(RepairError::Peer(_) | RepairError::Store(StoreError::Length { .. } | StoreError::Digest { .. } | StoreError::Header(_))) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn fetch(
        &self,
        place: Place,
        record: &Record,
        other: OrganisationId,
        whole: bool,
        lost: &BTreeSet<Holder>,
        now: Moment,
    ) -> Result<(), RepairError> {
        let peer = self.peers.of(other).await?;
        let theirs = peer.wraps(place).await?;
        let needed: Wraps = theirs.into_iter().filter(|(holder, _)| lost.contains(holder)).collect();
        if let Some(missing) = lost.iter().find(|holder| !needed.iter().any(|(found, _)| found == *holder))
            && *missing != Holder::Custodian(other)
        {
            return Err(StoreError::Missing { what: format!("wrap of {missing} at the other custodian"), place }.into());
        }
        if whole {
            for (holder, wrap) in &needed {
                self.store.mend(place, Item::Wrap(*holder), Some(wrap)).await?;
            }
            self.store.healed(place).await?;
        } else {
            let filing = self.filing(place, record).await;
            self.restore(filing, &needed, peer.blob(place).await?, now).await?;
        }
        Ok(self.store.copied(place, other, now).await?)
    }

    /// What the chain says of a record, on the quota it was on.
    async fn filing(&self, place: Place, record: &Record) -> Filing {
        let uploader = self.store.meta(place).await.map_or(record.custodian, |meta| meta.uploader);
        filing_of(place, record, uploader)
    }

    async fn restore(&self, filing: Filing, wraps: &Wraps, mut blob: Incoming, now: Moment) -> Result<(), RepairError> {
        let mut upload = self.store.restore(filing).await?;
        while let Some(piece) = blob.try_next().await? {
            upload.write(piece).await?;
        }
        upload.finish(wraps, now).await?;
        Ok(())
    }

    /// Make whole every record whose damage is noted; with `all`, read every record first. `seen` hears of each.
    ///
    /// # Errors
    /// That the store failed. What fails for one record is in the answer.
    pub async fn repair_all(&self, all: bool, now: Moment, mut seen: impl FnMut()) -> Result<Repaired, StoreError> {
        let mut done = Repaired::default();
        let mut entries = self.store.list();
        while let Some(entry) = entries.try_next().await? {
            if entry.shredded {
                continue;
            }
            let damaged = entry.damaged || (all && !scrub_place(&self.store, self.us, &entry, now).await?.is_empty());
            if damaged {
                match self.repair(&entry, now).await {
                    Ok(_) => done.repaired += 1,
                    Err(error) => done.failed.push(finding(entry.place, &error)),
                }
            }
            seen();
        }
        Ok(done)
    }

    /// Fetch every record that another custodian has for us and that is not here: after the loss of a disk, say.
    ///
    /// # Errors
    /// None: what fails is in the answer.
    pub async fn fetch_lost(&self, now: Moment) -> Repaired {
        let mut done = Repaired::default();
        let known = match self.peers.known().await {
            Ok(known) => known,
            Err(error) => {
                done.failed.push(Finding { place: "-".to_owned(), what: error.to_string() });
                return done;
            }
        };
        for other in known.into_iter().filter(|other| *other != self.us) {
            if let Err(error) = self.fetch_lost_from(other, now, &mut done).await {
                done.failed.push(Finding { place: "-".to_owned(), what: error.to_string() });
            }
        }
        done
    }

    async fn fetch_lost_from(
        &self,
        other: OrganisationId,
        now: Moment,
        done: &mut Repaired,
    ) -> Result<(), RepairError> {
        let mut held = self.peers.of(other).await?.held().await?;
        while let Some(place) = held.try_next().await? {
            if self.store.entry(place).await?.is_some() {
                continue;
            }
            match self.fetch_one(place, other, now).await {
                Ok(true) => done.fetched += 1,
                Ok(false) => {}
                Err(error) => done.failed.push(finding(place, &error)),
            }
        }
        Ok(())
    }

    async fn fetch_one(&self, place: Place, other: OrganisationId, now: Moment) -> Result<bool, RepairError> {
        let seen = self.chain.record(place).await?;
        // It is ours and theirs by the chain, whatever they say.
        let Some(record) = seen.record.as_ref().filter(|record| {
            !seen.is_erased() && record.is_kept_by(self.us) && other_custodian(record, self.us) == Some(other)
        }) else {
            return Ok(false);
        };
        let lost = [Holder::Patient, Holder::Custodian(self.us), Holder::Custodian(other)].into();
        self.fetch(place, record, other, false, &lost, now).await?;
        Ok(true)
    }
}

fn finding(place: Place, error: &RepairError) -> Finding {
    Finding { place: place.to_string(), what: error.to_string() }
}
