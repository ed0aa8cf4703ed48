//! One place, brought to where the chain says it should be.

use salus_primitives::{Moment, OrganisationId};

use super::{ChainError, Keeper, UNANCHORED_KEPT_MS, other_custodian};
use crate::{
    copies::{self, CopyError},
    keyring::RewrapError,
    store::{Holder, Place, StoreError},
};

/// What became of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Its record is not on the chain yet.
    Waiting,
    /// Its record did not come on the chain in time: removed.
    Expired,
    /// Its record is erased: shredded.
    Shredded,
    /// On the chain, and kept here alone.
    Kept,
    /// On the chain, and copied to that custodian.
    Copied(OrganisationId),
    /// Nothing is there any more.
    Gone,
}

/// Why a place is where it was. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The copy.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The other custodian cannot be given a wrap.
    #[error("organisation {organisation} has no encryption key on the chain; its Admin sets one")]
    NoKey {
        /// Which.
        organisation: OrganisationId,
    },
    /// The wrap.
    #[error(transparent)]
    Rewrap(#[from] RewrapError),
}

impl Keeper {
    /// Ask the chain about a place, and do what follows. `now` is this machine's clock.
    ///
    /// # Errors
    /// [`SettleError`] by what failed.
    pub async fn settle(&self, place: Place, now: Moment) -> Result<Settled, SettleError> {
        let Some(entry) = self.store.entry(place).await? else { return Ok(Settled::Gone) };
        if entry.shredded {
            return Ok(Settled::Shredded);
        }
        let meta = self.store.meta(place).await?;
        let seen = self.chain.record(place).await?;
        if seen.is_erased() {
            self.store.shred(place).await?;
            return Ok(Settled::Shredded);
        }
        let Some(record) = seen.record_of(&meta.anchor).filter(|record| record.is_kept_by(self.us)) else {
            return self.expire_unless_anchored(entry.anchored, place, seen.at.min(now)).await;
        };
        let other = other_custodian(record, self.us);
        let has_copy = other.is_some_and(|other| entry.copied.contains(&other) && !entry.pending.contains(&other));
        if !entry.anchored || (other.is_some() && !has_copy) {
            self.store.anchored(place, other).await?;
        }
        if let Some(keyring) = &self.keyring {
            keyring.rewrap(&self.store, self.us, place).await?;
        }
        let Some(other) = other else { return Ok(Settled::Kept) };
        if !has_copy {
            self.seal_for(place, other).await?;
            copies::give(&self.store, &*self.peers, other, place, now).await?;
        }
        Ok(Settled::Copied(other))
    }

    /// The other custodian releases nothing without a wrap of its own: make the one that the author did not, or that
    /// nobody could make before custody moved there.
    async fn seal_for(&self, place: Place, other: OrganisationId) -> Result<(), SettleError> {
        let has_one =
            self.store.entry(place).await?.is_some_and(|entry| entry.wraps.contains(&Holder::Custodian(other)));
        let Some(keyring) = self.keyring.as_ref().filter(|_| !has_one) else { return Ok(()) };
        let key = self.chain.kem_key(other).await?.ok_or(SettleError::NoKey { organisation: other })?;
        Ok(keyring.seal_for(&self.store, self.us, place, other, &key).await?)
    }

    /// What is on the chain is never removed by age, whatever the chain said this time: custody may have moved, and
    /// that is for people to look at.
    async fn expire_unless_anchored(&self, anchored: bool, place: Place, at: Moment) -> Result<Settled, SettleError> {
        if anchored {
            return Ok(Settled::Kept);
        }
        // By the earlier of both clocks: neither a halted chain nor a wrong clock makes an upload old.
        let before = Moment(at.0.saturating_sub(UNANCHORED_KEPT_MS));
        let expired = self.store.expire(place, before).await?;
        Ok(if expired { Settled::Expired } else { Settled::Waiting })
    }

    /// Settle every place that is known to need it. Gives how many could not be.
    ///
    /// # Errors
    /// None: what fails is logged and tried again.
    pub async fn settle_all(&self, now: Moment) -> usize {
        let mut failed = 0;
        for place in self.store.unsettled() {
            match self.settle(place, now).await {
                Ok(settled) => tracing::debug!(%place, ?settled, "looked after"),
                Err(error) => {
                    failed += 1;
                    tracing::warn!(%place, %error, "could not look after a record, it is tried again");
                }
            }
        }
        failed
    }
}
