//! Minting: the custodian's wrap of a content key is opened in memory and the key sealed to the reader of one receipt.
//! The key is wiped before this returns and stands in no log.

use salus_client::{
    door::Refusal,
    envelope::{KemPublic, RecordRef, Wrap, WrapContext, WrapError, wrap_key},
};

use crate::{
    app::App,
    refused::Refused,
    store::{Holder, Place, StoreError},
};

/// The wrap of record `of` for the reader, by `reader`, of the receipt with this index: the one there is, or a new
/// one, which is durable then. Repeated, it gives the same bytes.
///
/// # Errors
/// [`Refusal::CustodianKey`], [`Refusal::NoKemKey`], or what the store says.
pub async fn mint(app: &App, of: RecordRef, key_epoch: u32, index: u32, reader: KemPublic) -> Result<Wrap, Refused> {
    let RecordRef { patient, record, .. } = of;
    let (place, holder) = (Place { patient, record }, Holder::Receipt(index));
    match app.store.wrap(place, holder).await {
        Ok(wrap) => return Ok(wrap),
        Err(StoreError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let wrap = seal(app, of, key_epoch, reader, WrapContext::Receipt { patient, index, record, key_epoch }).await?;
    // Of two that mint at once, both give out what was kept first.
    Ok(app.store.keep_wrap(place, holder, &wrap).await?)
}

/// The wrap of record `of` for its patient, whose encryption key is `patient` now: the one that stands beside the
/// ciphertext is for the key they had when it was filed, and after a recovery nobody has that any more.
///
/// # Errors
/// As [`mint`].
pub async fn mint_own(app: &App, of: RecordRef, key_epoch: u32, patient: KemPublic) -> Result<Wrap, Refused> {
    seal(app, of, key_epoch, patient, WrapContext::Standing { of, key_epoch }).await
}

/// Open the custodian's wrap and seal the content key to `reader` for `bound`.
async fn seal(
    app: &App,
    of: RecordRef,
    key_epoch: u32,
    reader: KemPublic,
    bound: WrapContext,
) -> Result<Wrap, Refused> {
    let place = Place { patient: of.patient, record: of.record };
    let custodian = app.store.wrap(place, Holder::Custodian(app.identity.organisation)).await?;
    let key = app.identity.keyring.unwrap(&custodian, &WrapContext::Standing { of, key_epoch }).map_err(|_| {
        let record = of.record;
        tracing::error!(%record, "no key of this custodian opens its wrap: a wrong one, or one that was rotated");
        Refused::new(Refusal::CustodianKey, "none of the custodian's keys opens its wrap of this record")
    })?;
    wrap_key(&key, &reader, &bound).map_err(|error| match error {
        WrapError::WeakKey => Refused::new(Refusal::NoKemKey, error.to_string()),
        other => Refused::internal("sealing a key", &other),
    })
}
