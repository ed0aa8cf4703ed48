//! Uploading: an encrypted record comes in before it is filed. It is acknowledged, by the custody receipt that
//! `records.put` carries, once blob and wraps are durable and the blob was hashed again.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use salus_client::{
    actions::records::custody_receipt,
    door::{CustodyAnswer, Refusal, SignedRequest, Uploaded},
    envelope::{Anchor, HEADER_BYTES, RecordRef, Wrap, WrapContext},
};
use salus_primitives::{Moment, OrganisationId, PatientId, RecordId, Subject};
use salus_records::types::FIRST_EPOCH;
use salus_registry::{Standing, organisation_active, practitioner_acts, storage::Organisations, types::Caps};
use salus_support::StateReader;

use crate::{
    app::App,
    auth::{as_patient, caller, inactive},
    ledger::Certified,
    refused::Refused,
    store::{Filing, Holder, Place},
};

/// Wraps of one upload: the patient's and one for each of two custodians.
const WRAPS_MAX: usize = 3;

/// What the path and query of an upload say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Whose record.
    pub patient: PatientId,
    /// Which.
    pub record: RecordId,
    /// Its version, as the blob's header has it.
    pub version: u32,
    /// For whom the uploader acts: its quota is charged. Another custodian's people store here what both are to keep.
    pub organisation: OrganisationId,
    /// The standing wraps.
    pub wraps: Vec<(Holder, Wrap)>,
}

impl Asked {
    /// Read the query, as `version=1&wrap=patient.<hex>&wrap=<organisation>.<hex>`; `ours` is this custodian. Somebody
    /// of the record's first custodian, who stores here because this is the second, adds `organisation=<id>`.
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] or [`Refusal::BadWrap`].
    pub fn read(
        patient: PatientId,
        record: RecordId,
        query: &[(String, String)],
        ours: OrganisationId,
    ) -> Result<Self, Refused> {
        let (mut version, mut organisation, mut wraps) = (None, None, Vec::new());
        for (name, value) in query {
            match name.as_str() {
                "version" if version.is_none() => version = value.parse().ok().filter(|version| *version > 0),
                "organisation" if organisation.is_none() => {
                    let bad = |_| Refused::new(Refusal::BadRequest, "the query's organisation is no id");
                    organisation = Some(value.parse().map_err(bad)?);
                }
                "wrap" if wraps.len() < WRAPS_MAX => {
                    let (holder, wrap) = read_wrap(value)?;
                    if wraps.iter().any(|(known, _)| *known == holder) {
                        return Err(Refused::new(Refusal::BadWrap, format!("two wraps of {holder}")));
                    }
                    wraps.push((holder, wrap));
                }
                _ => {
                    let message = format!("the query has {name:?} too often, or does not take it");
                    return Err(Refused::new(Refusal::BadRequest, message));
                }
            }
        }
        let version =
            version.ok_or_else(|| Refused::new(Refusal::BadRequest, "the query has no version, a number from 1 on"))?;
        let organisation = organisation.unwrap_or(ours);
        for holder in [Holder::Patient, Holder::Custodian(ours), Holder::Custodian(organisation)] {
            if !wraps.iter().any(|(known, _)| *known == holder) {
                return Err(Refused::new(Refusal::BadWrap, format!("there is no wrap of {holder}")));
            }
        }
        Ok(Self { patient, record, version, organisation, wraps })
    }

    fn of(&self) -> RecordRef {
        RecordRef { patient: self.patient, record: self.record, version: self.version }
    }

    /// Whom the uploader speaks for: a practitioner who acts for a custodian of the record, or the patient. And is a blob of
    /// this digest what the chain has under this id, if it has anything?
    ///
    /// # Errors
    /// The refusal that the state leads to.
    pub fn judge(
        &self,
        app: &App,
        signed: &SignedRequest,
        anchor: &Anchor,
        state: &dyn StateReader,
        at: &Certified,
    ) -> Result<Subject, Refused> {
        let ours = app.identity.organisation;
        for custodian in [ours, self.organisation] {
            organisation_active(state, custodian).map_err(inactive)?;
            if !Organisations::get(state, &custodian).is_some_and(|found| found.caps.contains(Caps::CUSTODIAN)) {
                let message = format!("organisation {custodian} keeps no records");
                return Err(Refused::new(Refusal::NotCustodian, message));
            }
        }
        let caller = caller(state, signed.account, at.time)?;
        match caller.subject {
            // A session key files nothing, so it stores nothing.
            _ if caller.session => return Err(inactive(Standing::NotAuthorised)),
            Subject::Practitioner(id) => {
                practitioner_acts(state, id, self.organisation, at.time).map_err(inactive)?;
            }
            Subject::Patient(_) => as_patient(state, &caller, self.patient, at.time)?,
            Subject::Council | Subject::Organisation(_) => return Err(inactive(Standing::NotAuthorised)),
        }
        match salus_records::record(state, self.patient, self.record) {
            Some(record) if (record.digest, record.size) != (anchor.digest, anchor.size) => {
                let message = format!("the chain has {} and {} bytes under this id", record.digest, record.size);
                Err(Refused::new(Refusal::Conflict, message))
            }
            _ => Ok(caller.subject),
        }
    }
}

fn read_wrap(text: &str) -> Result<(Holder, Wrap), Refused> {
    let bad = |reason: String| Refused::new(Refusal::BadWrap, reason);
    let (holder, wrap) =
        text.split_once('.').ok_or_else(|| bad("a wrap is written as its holder, a dot and hex".to_owned()))?;
    let holder = match holder {
        "patient" => Holder::Patient,
        id => Holder::Custodian(id.parse().map_err(|_| bad(format!("{id:?} holds no standing wrap")))?),
    };
    let bytes = hex::decode(wrap).map_err(|_| bad(format!("the wrap of {holder} is not hex")))?;
    let wrap = Wrap::from_bytes(&bytes).map_err(|error| bad(format!("the wrap of {holder}: {error}")))?;
    Ok((holder, wrap))
}

/// Take a blob of `size` bytes; `signed` has its digest.
///
/// # Errors
/// What is wrong with the caller, the blob, its wraps or the store; then nothing is kept.
pub async fn take(
    app: &App,
    asked: &Asked,
    signed: &SignedRequest,
    size: u64,
    pieces: &mut Pieces<'_>,
) -> Result<Uploaded, Refused> {
    let anchor = Anchor { digest: signed.body, size };
    if size > app.limits.blob_bytes {
        let message = format!("a blob of {size} bytes, at most {} are taken", app.limits.blob_bytes);
        return Err(Refused::new(Refusal::TooLarge, message));
    }
    if size <= HEADER_BYTES as u64 {
        return Err(Refused::new(Refusal::BadBlob, format!("{size} bytes are no blob")));
    }
    let (author, _) = app.judge(|state, at| asked.judge(app, signed, &anchor, state, at)).await?;
    app.uploads.add(app.now(), signed.account, size, app.limits.upload_bytes_per_day)?;

    let place = Place { patient: asked.patient, record: asked.record };
    let uploader = asked.organisation;
    let filing = Filing { place, version: asked.version, key_epoch: FIRST_EPOCH, anchor, uploader };
    let mut upload = app.store.begin(filing).await?;
    let mut checked = false;
    while let Some(piece) = pieces.next().await? {
        app.metrics.received(piece.len() as u64);
        upload.write(piece).await?;
        if let Some(header) = upload.header()
            && !checked
        {
            opens(app, asked, header)?;
            checked = true;
        }
    }
    upload.finish(&asked.wraps, Moment(app.now())).await?;

    let receipt =
        custody_receipt(app.identity.genesis, &app.identity.officer, asked.patient, asked.record, &anchor, &author);
    let receipt = CustodyAnswer { account: receipt.account, signature: hex::encode(receipt.signature.0) };
    Ok(Uploaded { receipt, digest: anchor.digest, size })
}

/// Could this custodian release the blob: does its wrap open, and is the key the one the blob's header is committed
/// to? What passes without would be acknowledged and readable for nobody.
fn opens(app: &App, asked: &Asked, header: &salus_client::envelope::Header) -> Result<(), Refused> {
    let ours = Holder::Custodian(app.identity.organisation);
    let wrap = asked.wraps.iter().find(|(holder, _)| *holder == ours).map(|(_, wrap)| wrap);
    let wrap = wrap.ok_or_else(|| Refused::new(Refusal::BadWrap, format!("there is no wrap of {ours}")))?;
    let standing = WrapContext::Standing { of: asked.of(), key_epoch: FIRST_EPOCH };
    let key = app.identity.keyring.unwrap(wrap, &standing).map_err(|_| {
        let message = "the custodian's wrap does not open with its key, for this record version and key epoch 1";
        Refused::new(Refusal::BadWrap, message)
    })?;
    header.check(&asked.of(), &key).map_err(|error| Refused::new(Refusal::BadBlob, error.to_string()))
}

/// How much of a refused body is read, bytes, and for how long, so that the sender comes to hear of the refusal.
const DRAINED: (u64, Duration) = (8 << 20, Duration::from_secs(1));

/// The pieces of a body, each within its time.
pub struct Pieces<'a> {
    app: &'a App,
    body: axum::body::BodyDataStream,
    start: tokio::time::Instant,
    received: u64,
}

impl<'a> Pieces<'a> {
    /// None of it was read yet.
    pub fn new(app: &'a App, body: Body) -> Self {
        Self { app, body: body.into_data_stream(), start: tokio::time::Instant::now(), received: 0 }
    }

    /// Read on and forget it: who is still sending does not listen, and closing with bytes unread would take the
    /// answer along.
    pub async fn drain(&mut self) {
        let (until, time) = (self.received + DRAINED.0, DRAINED.1);
        let draining = async { while self.received < until && matches!(self.next().await, Ok(Some(_))) {} };
        // Whoever sends for longer than that hears the connection close.
        let _ = tokio::time::timeout(time, draining).await;
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let limits = &self.app.limits;
        // So many bytes must be there by then; more bytes buy more time.
        let earned = Duration::from_millis(self.received * 1_000 / limits.blob_rate.max(1));
        let Ok(piece) = tokio::time::timeout_at(self.start + limits.blob_grace + earned, self.body.next()).await else {
            let message = format!("{} bytes came in the time for them", self.received);
            return Err(Refused::new(Refusal::TooSlow, message));
        };
        match piece {
            None => Ok(None),
            Some(Ok(piece)) => {
                self.received += piece.len() as u64;
                Ok(Some(piece))
            }
            Some(Err(_)) => {
                let message = format!("the body ended or broke after {} bytes", self.received);
                Err(Refused::new(Refusal::BadLength, message))
            }
        }
    }
}
