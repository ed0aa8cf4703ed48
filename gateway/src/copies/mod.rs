//! Copies of a record at its other custodian: giving one, taking one, and lending one back for repair.
//!
//! A copy is the ciphertext and the standing wraps. Either custodian gives the other what it lacks; neither believes
//! the other: the chain says what the record is and who keeps it, the bytes are hashed, and a wrap is replaced only by
//! the custodian that it is for.

pub mod http;
pub mod serve;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use salus_client::envelope::{Anchor, Wrap};
use salus_primitives::{Moment, OrganisationId};
use salus_records::Record;

use crate::{
    store::{Filing, Holder, Meta, Place, Store, StoreError, Stored},
    upkeep::{Chain, ChainError, Peers, Seen},
};

/// Most wraps that come with a copy: the patient's and both custodians'.
pub const WRAPS_MAX: usize = 3;

/// Standing wraps, each with whose it is.
pub type Wraps = Vec<(Holder, Wrap)>;
/// Ciphertext on its way here.
pub type Incoming = BoxStream<'static, Result<Bytes, PeerError>>;
/// Ciphertext on its way out.
pub type Outgoing = BoxStream<'static, Result<Bytes, StoreError>>;

/// Why another custodian's gateway did not do its part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It has none that is known.
    #[error("organisation {organisation} has no gateway on the chain; its Admin sets one")]
    NoGateway {
        /// Whose.
        organisation: OrganisationId,
    },
    /// It cannot be reached, or broke off.
    #[error("the gateway of {organisation} does not answer: {reason}; it is tried again")]
    Unreachable {
        /// Whose.
        organisation: OrganisationId,
        /// Why.
        reason: String,
    },
    /// It said no.
    #[error("the gateway of {organisation} refused: {reason}")]
    Refused {
        /// Whose.
        organisation: OrganisationId,
        /// What it said.
        reason: String,
    },
    /// It does not have the record.
    #[error("the gateway of {organisation} does not have record {place}")]
    Missing {
        /// Whose.
        organisation: OrganisationId,
        /// Which record.
        place: Place,
    },
}

/// The gateway of another custodian.
#[async_trait]
pub trait Peer: Send + Sync {
    /// The standing wraps it has of a record.
    async fn wraps(&self, place: Place) -> Result<Wraps, PeerError>;
    /// The ciphertext it has of a record.
    async fn blob(&self, place: Place) -> Result<Incoming, PeerError>;
    /// Give it a copy. It is durable there when this returns.
    async fn put(&self, filing: &Filing, wraps: &Wraps, blob: Outgoing) -> Result<(), PeerError>;
    /// Give it the standing wraps of a record it has: those that it lacks, and ours.
    async fn put_wraps(&self, place: Place, wraps: &Wraps) -> Result<(), PeerError>;
    /// The records that it and we keep, as far as it knows.
    async fn held(&self) -> Result<BoxStream<'static, Result<Place, PeerError>>, PeerError>;
}

/// Why a copy was not given, taken or lent.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// This store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The other gateway.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// No such record.
    #[error("record {place} is not on the chain; copies are made of what is")]
    NotOnChain {
        /// Which.
        place: Place,
    },
    /// Another record than it says.
    #[error("the copy of record {place} is of {found}, on the chain is {expected}; tell the custodian")]
    NotThatRecord {
        /// Which.
        place: Place,
        /// What the chain has.
        expected: String,
        /// What was offered.
        found: String,
    },
    /// Not a custodian of it.
    #[error("record {place} is not kept by both {us} and {them}; only its custodians exchange copies")]
    NotCustodian {
        /// Which.
        place: Place,
        /// Who we are.
        us: OrganisationId,
        /// Who asks.
        them: OrganisationId,
    },
    /// More wraps than a copy has, or wraps of receipts.
    #[error("a copy comes with at most {WRAPS_MAX} standing wraps, of the patient and its custodians alone")]
    Wraps,
}

/// What the chain has to say of a record before a copy of it is exchanged with `them`.
fn shared(seen: &Seen, place: Place, us: OrganisationId, them: OrganisationId) -> Result<&Record, CopyError> {
    if seen.is_erased() {
        return Err(StoreError::Shredded { place }.into());
    }
    let record = seen.record.as_ref().ok_or(CopyError::NotOnChain { place })?;
    if us == them || !record.is_kept_by(us) || !record.is_kept_by(them) {
        return Err(CopyError::NotCustodian { place, us, them });
    }
    Ok(record)
}

/// What is declared of a record as the chain has it.
pub(crate) fn filing_of(place: Place, record: &Record, uploader: OrganisationId) -> Filing {
    let anchor = Anchor { digest: record.digest, size: record.size };
    Filing { place, version: record.version, key_epoch: record.key_epoch, anchor, uploader }
}

/// Take a copy that `them`, the other custodian, gives. It is on their quota, durable when this returns, and never
/// expires.
///
/// # Errors
/// [`CopyError`] by what is wrong; then nothing is kept.
pub async fn accept(
    store: &Store,
    chain: &dyn Chain,
    (us, them): (OrganisationId, OrganisationId),
    filing: Filing,
    wraps: Wraps,
    mut blob: BoxStream<'_, Result<Bytes, PeerError>>,
    now: Moment,
) -> Result<Stored, CopyError> {
    let place = filing.place;
    check_holders(&wraps, us, them)?;
    let seen = chain.record(place).await?;
    let expected = filing_of(place, shared(&seen, place, us, them)?, them);
    let filing = Filing { uploader: them, ..filing };
    if filing != expected {
        let [expected, found] = [expected, filing].map(|filing| described(&filing));
        return Err(CopyError::NotThatRecord { place, expected, found });
    }
    let mut upload = store.begin(filing).await?;
    while let Some(piece) = blob.try_next().await? {
        upload.write(piece).await?;
    }
    let stored = upload.finish(&wraps, now).await?;
    // Erased while it came: the mark of that may have been written before this was, and seen nothing to remove.
    if chain.record(place).await?.is_erased() {
        store.shred(place).await?;
        return Err(StoreError::Shredded { place }.into());
    }
    store.anchored(place, None).await?;
    take_wraps(store, (us, them), place, &wraps).await?;
    store.copied(place, them, now).await?;
    Ok(stored)
}

fn described(filing: &Filing) -> String {
    let Filing { version, key_epoch, anchor, .. } = filing;
    format!("version {version}, key epoch {key_epoch}, digest {} and {} bytes", anchor.digest, anchor.size)
}

/// Take wraps that `them`, the other custodian, has: those that are missing here, and theirs whatever is here.
///
/// # Errors
/// [`CopyError`] by what is wrong.
pub async fn accept_wraps(
    store: &Store,
    chain: &dyn Chain,
    (us, them): (OrganisationId, OrganisationId),
    place: Place,
    wraps: &Wraps,
) -> Result<(), CopyError> {
    check_holders(wraps, us, them)?;
    shared(&chain.record(place).await?, place, us, them)?;
    take_wraps(store, (us, them), place, wraps).await
}

async fn take_wraps(
    store: &Store,
    (us, them): (OrganisationId, OrganisationId),
    place: Place,
    wraps: &Wraps,
) -> Result<(), CopyError> {
    check_holders(wraps, us, them)?;
    for (holder, wrap) in wraps {
        if *holder == Holder::Custodian(them) {
            store.put_wrap(place, *holder, wrap).await?;
        } else {
            store.keep_wrap(place, *holder, wrap).await?;
        }
    }
    Ok(())
}

fn check_holders(wraps: &Wraps, us: OrganisationId, them: OrganisationId) -> Result<(), CopyError> {
    let known = [Holder::Patient, Holder::Custodian(us), Holder::Custodian(them)];
    let fits = wraps.len() <= WRAPS_MAX && wraps.iter().all(|(holder, _)| known.contains(holder));
    if fits { Ok(()) } else { Err(CopyError::Wraps) }
}

/// What `them`, the other custodian, may have of a record: what is known of it, and its standing wraps. The ciphertext
/// is [`Store::read`] of `0..meta.anchor.size`.
///
/// # Errors
/// [`CopyError`] by what is wrong.
pub async fn offer(
    store: &Store,
    chain: &dyn Chain,
    (us, them): (OrganisationId, OrganisationId),
    place: Place,
) -> Result<(Meta, Wraps), CopyError> {
    shared(&chain.record(place).await?, place, us, them)?;
    Ok((store.meta(place).await?, store.standing_wraps(place).await?))
}

/// The records here that have a wrap of `them`: what they too keep, or did. For a custodian that lost its own.
pub fn held(store: &Store, them: OrganisationId) -> BoxStream<'static, Result<Place, StoreError>> {
    let entries = store.list();
    entries
        .try_filter_map(move |entry| {
            let theirs = entry.anchored && entry.wraps.contains(&Holder::Custodian(them));
            futures::future::ready(Ok(theirs.then_some(entry.place)))
        })
        .boxed()
}

/// Give `them` what they lack of a record: all of it, or the wraps that changed.
///
/// # Errors
/// [`CopyError::Store`] or [`CopyError::Peer`]; then it stays due.
pub async fn give(
    store: &Store,
    peers: &dyn Peers,
    them: OrganisationId,
    place: Place,
    now: Moment,
) -> Result<(), CopyError> {
    let meta = store.meta(place).await?;
    let wraps = store.standing_wraps(place).await?;
    let peer = peers.of(them).await?;
    let known = store.copy_at(place, them).await.ok().flatten();
    let has_blob = match known {
        Some(_) => match peer.put_wraps(place, &wraps).await {
            Ok(()) => true,
            Err(PeerError::Missing { .. }) => false,
            Err(other) => return Err(other.into()),
        },
        None => false,
    };
    if !has_blob {
        give_all(store, &*peer, place, &meta, &wraps).await?;
    }
    store.copied(place, them, now).await?;
    Ok(())
}

async fn give_all(store: &Store, peer: &dyn Peer, place: Place, meta: &Meta, wraps: &Wraps) -> Result<(), CopyError> {
    let Meta { version, key_epoch, anchor, uploader, .. } = *meta;
    let filing = Filing { place, version, key_epoch, anchor, uploader };
    let blob = store.read(place, 0..anchor.size).await?;
    Ok(peer.put(&filing, wraps, blob).await?)
}
