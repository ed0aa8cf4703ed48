//! Releasing: a record's ciphertext and the caller's wrap of its key. Judged on the newest certified state before the
//! first byte and before each 8 MiB, and written down for the report before anything leaves.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use salus_access::{Withheld, releasable, storage::Receipts, types::ServedBy};
use salus_client::{
    door::{Refusal, WrapAnswer},
    envelope::{Anchor, KemPublic, RecordRef, Wrap},
};
use salus_consent::types::Servable;
use salus_primitives::{AccountId, PatientId, RecordId, Subject};
use salus_records::Record;
use salus_registry::{
    Standing,
    storage::{KemKeys, Organisations},
    types::OrganisationStatus,
};
use salus_support::StateReader;

use crate::{
    app::App,
    auth::{as_patient, caller, inactive},
    ledger::Certified,
    mint::{mint, mint_own},
    refused::Refused,
    report::Due,
    store::{Holder, Place, StoreError},
    turns::Turn,
};

/// By what somebody reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// By the receipt of this index in the patient's log.
    Receipt(u32),
    /// As the patient.
    Own,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// By whom.
    pub account: AccountId,
    /// Whose record.
    pub patient: PatientId,
    /// Which.
    pub record: RecordId,
    /// By what right.
    pub by: By,
}

/// It may be released now.
#[derive(Clone, PartialEq, Debug)]
pub struct Allowed {
    /// The record, as on chain.
    pub record: Record,
    /// What the content key is sealed to: the caller's key on chain.
    pub key: KemPublic,
    /// Of a release by a receipt.
    pub reader: Option<Reader>,
}

/// The reader of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader {
    /// The receipt.
    pub index: u32,
    /// Place of the record among its entries.
    pub entry: u8,
    /// Has this custodian reported this entry already?
    pub reported: bool,
}

impl Asked {
    fn place(&self) -> Place {
        Place { patient: self.patient, record: self.record }
    }

    /// May this be released on this state?
    ///
    /// # Errors
    /// The refusal that the state leads to.
    pub fn judge(&self, app: &App, state: &dyn StateReader, at: &Certified) -> Result<Allowed, Refused> {
        let ours = app.identity.organisation;
        // A suspended custodian goes on, so that care for others does; a removed one is none.
        match Organisations::get(state, &ours).map(|found| found.status) {
            Some(OrganisationStatus::Active | OrganisationStatus::Suspended) => {}
            Some(OrganisationStatus::Removed) => return Err(inactive(Standing::OrganisationRemoved)),
            None => return Err(inactive(Standing::UnknownOrganisation)),
        }
        let caller = caller(state, self.account, at.time)?;
        let reader = match self.by {
            By::Receipt(index) => Some(self.reader(state, at, caller.subject, index)?),
            By::Own => {
                as_patient(state, &caller, self.patient, at.time)?;
                None
            }
        };
        let key = kem_key(state, &caller.subject)?;
        let record = salus_records::record(state, self.patient, self.record)
            .ok_or_else(|| Refused::new(Refusal::NoSuchRecord, "the patient has no record of this id"))?;
        let mark = if record.custodian == ours {
            ServedBy::FIRST
        } else if record.second == Some(ours) {
            ServedBy::SECOND
        } else {
            let message = format!("record {} is kept by organisation {}", self.record, record.custodian);
            return Err(Refused::new(Refusal::NotCustodian, message));
        };
        if record.view(self.record).servable != Servable::Yes {
            return Err(Refused::new(Refusal::NotServable, "the record was filed in error or erased"));
        }
        let reader = reader.map(|(reader, served)| Reader { reported: served.contains(mark), ..reader });
        Ok(Allowed { record, key, reader })
    }

    /// The reader, when the receipt is theirs and still lets this record be read.
    fn reader(
        &self,
        state: &dyn StateReader,
        at: &Certified,
        subject: Subject,
        index: u32,
    ) -> Result<(Reader, ServedBy), Refused> {
        let receipt = Receipts::get(state, &(self.patient, index))
            .ok_or_else(|| Refused::new(Refusal::NoSuchReceipt, "the finalised state has no such receipt"))?;
        if receipt.opener != subject {
            return Err(Refused::new(Refusal::ForeignReceipt, "the receipt is another reader's"));
        }
        let entry = receipt
            .entries
            .iter()
            .position(|entry| entry.record == self.record)
            .ok_or_else(|| Refused::new(Refusal::NotInReceipt, "the receipt has no entry for this record"))?;
        releasable(state, self.patient, &receipt, entry, at.time).map_err(withheld)?;
        let served = receipt.entries[entry].served;
        let entry = u8::try_from(entry).expect("a receipt has at most 64 entries");
        Ok((Reader { index, entry, reported: false }, served))
    }
}

fn withheld(reason: Withheld) -> Refused {
    let refusal = match reason {
        Withheld::NoSuchEntry => Refusal::NotInReceipt,
        Withheld::Denied(_) => Refusal::Denied,
        Withheld::Over => Refusal::ReceiptOver,
        Withheld::Withdrawn(_) => Refusal::Withdrawn,
    };
    Refused::new(refusal, reason.to_string())
}

/// What is stored of the record, as far as it is what the chain has.
async fn stored(app: &App, asked: &Asked, record: &Record) -> Result<Anchor, Refused> {
    let meta = app.store.meta(asked.place()).await?;
    let anchor = Anchor { digest: record.digest, size: record.size };
    if meta.anchor == anchor {
        return Ok(anchor);
    }
    let message = format!(
        "what is stored has digest {} and {} bytes, on chain it has {} and {}",
        meta.anchor.digest, meta.anchor.size, anchor.digest, anchor.size
    );
    tracing::error!(record = %asked.record, message, "a blob is not the one on chain");
    Err(Refused::new(Refusal::Damaged, message))
}

/// What the caller's wrap is sealed to.
fn kem_key(state: &dyn StateReader, subject: &Subject) -> Result<KemPublic, Refused> {
    let found = KemKeys::get(state, subject);
    let missing = || Refused::new(Refusal::NoKemKey, "the reader has no encryption key on the chain");
    found.map(|kem| KemPublic(kem.key)).ok_or_else(missing)
}

/// The caller's wrap, sealed to the key they have on chain: the patient's own, or the one of the receipt. A release by
/// a receipt is written down for the report before this returns.
async fn wrap_for(app: &App, asked: &Asked, allowed: &Allowed) -> Result<Wrap, Refused> {
    let place = asked.place();
    let Record { version, key_epoch, .. } = allowed.record;
    let of = RecordRef { patient: asked.patient, record: asked.record, version };
    let Some(reader) = allowed.reader else {
        return match mint_own(app, of, key_epoch, allowed.key).await {
            // What stands beside the ciphertext is the patient's too, unless they changed their key since.
            Err(refused) if refused.refusal == Refusal::CustodianKey => {
                Ok(app.store.wrap(place, Holder::Patient).await?)
            }
            sealed => sealed,
        };
    };
    let wrap = mint(app, of, key_epoch, reader.index, allowed.key).await?;
    if !reader.reported {
        let due = Due { patient: asked.patient, receipt: reader.index, entry: reader.entry, record: asked.record };
        app.reports.owe(due).await.map_err(|error| Refused::internal("writing down a release", &error))?;
    }
    Ok(wrap)
}

/// The wrap of the caller.
///
/// # Errors
/// The refusal that the chain's state or the store leads to; then nothing leaves.
pub async fn wrap(app: &App, asked: &Asked) -> Result<WrapAnswer, Refused> {
    let (allowed, _) = app.judge(|state, at| asked.judge(app, state, at)).await?;
    let anchor = stored(app, asked, &allowed.record).await?;
    let wrap = wrap_for(app, asked, &allowed).await?;
    app.metrics.released_wrap();
    Ok(WrapAnswer {
        wrap: hex::encode(wrap.to_bytes()),
        version: allowed.record.version,
        key_epoch: allowed.record.key_epoch,
        digest: anchor.digest,
        size: anchor.size,
    })
}

/// A ciphertext on its way to a reader.
pub struct Download {
    /// Length of the whole ciphertext, bytes.
    pub size: u64,
    /// The bytes, from the one that was asked for. An error ends the connection: the reader asks again and hears why.
    pub bytes: BoxStream<'static, Result<Bytes, Refused>>,
}

/// The ciphertext from byte `from` on.
///
/// # Errors
/// The refusal that the chain's state or the store leads to; then nothing leaves.
pub async fn blob(app: Arc<App>, asked: Asked, from: u64, turn: Turn) -> Result<Download, Refused> {
    let (allowed, _) = app.judge(|state, at| asked.judge(&app, state, at)).await?;
    let size = stored(&app, &asked, &allowed.record).await?.size;
    if from >= size {
        let message = format!("the ciphertext has {size} bytes, asked was for those from {from} on");
        return Err(Refused::new(Refusal::BadRequest, message));
    }
    wrap_for(&app, &asked, &allowed).await?;
    let mut source = app.store.read(asked.place(), from..size).await?;
    // The first piece is read before the answer begins, so that a damaged one is told by its name.
    let first = match source.next().await {
        Some(first) => Some(first?),
        None => None,
    };
    let judged = app.limits.judge_every;
    let sending = Sending { app, asked, source, first, left: judged, sent: 0, expected: size - from, _turn: turn };
    Ok(Download { size, bytes: sending.into_stream().boxed() })
}

/// The state of a download.
struct Sending {
    app: Arc<App>,
    asked: Asked,
    source: BoxStream<'static, Result<Bytes, StoreError>>,
    first: Option<Bytes>,
    /// Bytes that may still leave before it is judged again.
    left: u64,
    sent: u64,
    expected: u64,
    _turn: Turn,
}

impl Sending {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Refused>> {
        futures::stream::try_unfold(self, |mut sending| async move {
            match sending.next().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, sending))),
                Err(refused) => {
                    let Sending { app, asked, sent, .. } = &sending;
                    tracing::warn!(record = %asked.record, sent, %refused, "a download was cut");
                    app.metrics.cut(refused.refusal);
                    Err(refused)
                }
            }
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let mut piece = match self.first.take() {
            Some(piece) => piece,
            None => match self.source.next().await {
                Some(piece) => piece?,
                None if self.sent == self.expected => return Ok(None),
                None => return Err(Refused::new(Refusal::Damaged, "the stored ciphertext ends early")),
            },
        };
        if self.left == 0 {
            let (app, asked) = (&self.app, &self.asked);
            app.judge(|state, at| asked.judge(app, state, at)).await?;
            self.left = self.app.limits.judge_every;
        }
        if piece.len() as u64 > self.left {
            let now = usize::try_from(self.left).expect("less than the piece, which is in memory");
            self.first = Some(piece.split_off(now));
        }
        self.left -= piece.len() as u64;
        self.sent += piece.len() as u64;
        self.app.metrics.sent(piece.len() as u64);
        Ok(Some(piece))
    }
}
