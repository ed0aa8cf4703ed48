//! Records: filing one, encrypted before anything leaves the program; reading; and their states.

use std::io::Write;

use parity_scale_codec::{Decode as _, Encode};
use salus_access::releasable;
use salus_consent::{Kind, Tags};
use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, PatientId, RecordId, Subject,
    crypto::{KeyPair, blake2_128, sha256_of},
    signed,
};
use salus_records::{Call, Change, CustodyReceipt, CustodyReceipts, Record, storage::Records, types::FIRST_EPOCH};
use salus_registry::storage::KemKeys;
use salus_runtime::RuntimeCall;
use salus_system::storage::Account;

use super::{
    ActionError, FreshId as _,
    access::serve,
    store::{Holder, Store},
    subject_text,
};
use crate::{
    chain::{Chain, Receipt, SubmitError},
    envelope::{
        Anchor, Compression, ContentKey, KemPublic, KemSecret, PLAIN_BYTES_MAX, RecordRef, Wrap, WrapContext,
        WrapError, open_anchored, seal, unwrap_key, wrap_key,
    },
};

/// What is filed, besides its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filing {
    /// Whose.
    pub patient: PatientId,
    /// For whom the practitioner acts; the custodian, when the patient files.
    pub organisation: OrganisationId,
    /// The Current record it amends.
    pub prev: Option<RecordId>,
    /// What sort of document.
    pub kind: Kind,
    /// Sensitivity labels, blinded.
    pub tags: Tags,
    /// Are the labels complete? Not without the patient's tag tokens.
    pub labelled: bool,
    /// Does any sensitivity label apply, or is that unknown?
    pub restricted: bool,
    /// Who keeps and releases it.
    pub custodian: OrganisationId,
}

impl Filing {
    /// A new record without labels, hence restricted, kept by the organisation it is filed for.
    pub fn unlabelled(patient: PatientId, organisation: OrganisationId, kind: Kind) -> Self {
        Self {
            patient,
            organisation,
            prev: None,
            kind,
            tags: Tags::new(),
            labelled: false,
            restricted: true,
            custodian: organisation,
        }
    }
}

/// A record was filed.
#[derive(Clone, PartialEq, Debug)]
pub struct Filed {
    /// Its id.
    pub record: RecordId,
    /// Its version.
    pub version: u32,
    /// Digest and size of the ciphertext, as on chain.
    pub anchor: Anchor,
    /// Length of what was encrypted, bytes.
    pub plain_bytes: u64,
    /// Where that stands.
    pub receipt: Receipt,
}

/// File a record: encrypt `plain`, keep ciphertext and the wraps for patient and custodian in `store`, have the
/// custodian's Gateway key `gateway` say so, and put digest and labels on chain, signed by `author`. When the chain
/// refuses, what was stored is removed again.
///
/// # Errors
/// [`ActionError`] by what went wrong: the chain's refusal (no consent above all), a missing encryption key of the
/// patient or the custodian, or the store.
pub async fn put(
    chain: &Chain,
    store: &Store,
    author: &KeyPair,
    gateway: &KeyPair,
    filing: Filing,
    plain: &[u8],
) -> Result<Filed, ActionError> {
    let (patient, custodian, id) = (filing.patient, filing.custodian, RecordId::fresh()?);
    let Parties { writer, patient_key, custodian_key, version } = parties(chain, author.public(), &filing).await?;
    let of = RecordRef { patient, record: id, version };
    let mut blob = Vec::new();
    let sealed = seal(of, Compression::Zlib, plain, &mut blob)?;
    store.put_blob(patient, id, &blob)?;
    for (key, holder) in [(patient_key, Holder::Patient), (custodian_key, Holder::Custodian(custodian))] {
        store.put_wrap(patient, id, holder, &standing_wrap(&sealed.key, &key, of)?)?;
    }
    let custody = custody_receipt(chain.genesis(), gateway, patient, id, &sealed.anchor, &writer);
    let call = put_call(filing, id, &sealed.anchor, custody);
    match chain.submit(author, call).await {
        Ok(receipt) => {
            Ok(Filed { record: id, version, anchor: sealed.anchor, plain_bytes: sealed.plain_bytes, receipt })
        }
        Err(error) => {
            // Only what is surely in no block is dropped: after a lost connection the record may well be filed.
            if matches!(error, SubmitError::Refused { .. } | SubmitError::Failed { .. } | SubmitError::Invalid { .. }) {
                store.discard(patient, id)?;
            }
            Err(error.into())
        }
    }
}

/// Whom a filing concerns, as the chain has them.
pub(crate) struct Parties {
    /// Who files.
    pub writer: Subject,
    /// What the content key is sealed to for the patient.
    pub patient_key: KemPublic,
    /// And for the custodian.
    pub custodian_key: KemPublic,
    /// The record's version.
    pub version: u32,
}

/// Look up whom `filing`, signed by `author`, concerns.
///
/// # Errors
/// [`ActionError::Unknown`] for a key bound to nobody, [`ActionError::NoKemKey`], or what asking failed with.
pub(crate) async fn parties(chain: &Chain, author: AccountId, filing: &Filing) -> Result<Parties, ActionError> {
    let subjects = [Subject::Patient(filing.patient), Subject::Organisation(filing.custodian)];
    let (writer, keys, version) = chain
        .view_now(|state| {
            let keys = subjects.map(|subject| KemKeys::get(state, &subject));
            let version = match filing.prev {
                Some(prev) => Records::get(state, &(filing.patient, prev)).map_or(1, |record| record.version + 1),
                None => salus_records::types::FIRST_VERSION,
            };
            (Account::get(state, &author).data.subject, keys, version)
        })
        .await?;
    let writer = writer.ok_or_else(|| ActionError::Unknown { what: "key", id: author.to_string() })?;
    let key = |place: usize| {
        let key = keys[place].as_ref().map(|key| KemPublic(key.key));
        key.ok_or_else(|| ActionError::NoKemKey { who: subject_text(&subjects[place]) })
    };
    Ok(Parties { writer, patient_key: key(0)?, custodian_key: key(1)?, version })
}

/// The content key of a new record version, sealed to somebody for good.
pub(crate) fn standing_wrap(key: &ContentKey, to: &KemPublic, of: RecordRef) -> Result<Wrap, WrapError> {
    wrap_key(key, to, &WrapContext::Standing { of, key_epoch: FIRST_EPOCH })
}

/// The call that files a record whose ciphertext its custodian has stored.
pub(crate) fn put_call(filing: Filing, id: RecordId, anchor: &Anchor, custody: CustodyReceipt) -> RuntimeCall {
    RuntimeCall::Records(Call::Put {
        patient: filing.patient,
        organisation: filing.organisation,
        id,
        prev: filing.prev,
        kind: filing.kind,
        tags: filing.tags,
        labelled: filing.labelled,
        restricted: filing.restricted,
        digest: anchor.digest,
        size: anchor.size,
        custodian: filing.custodian,
        second: None,
        receipts: CustodyReceipts::try_from(vec![custody]).expect("one receipt is within the bound of two"),
    })
}

/// A custodian's word that it has stored a ciphertext.
pub fn custody_receipt(
    genesis: Hash,
    gateway: &KeyPair,
    patient: PatientId,
    record: RecordId,
    anchor: &Anchor,
    author: &Subject,
) -> CustodyReceipt {
    let bytes = signed::custody_receipt(&genesis, &patient, &record, &anchor.digest, anchor.size, author);
    CustodyReceipt { account: gateway.public(), signature: gateway.sign(&bytes) }
}

/// Mark a record as an error, set a hold or lift it. By the author or the custodian's Privacy officer.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn set_status(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    id: RecordId,
    to: Change,
    basis: u8,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(key, RuntimeCall::Records(Call::StatusSet { patient, id, to, basis })).await?)
}

/// What the chain keeps of a record.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, patient: PatientId, id: RecordId) -> Result<Record, ActionError> {
    let found = chain.view_now(|state| Records::get(state, &(patient, id))).await?;
    found.ok_or_else(|| ActionError::Unknown { what: "record", id: id.to_string() })
}

/// Every version of every record of a patient, at most 100,000.
///
/// # Errors
/// What asking failed with.
pub async fn list(chain: &Chain, patient: PatientId) -> Result<Vec<(RecordId, Record)>, ActionError> {
    let at = chain.finalised().await?;
    let found = chain.entries(&partial_key(Records::prefix(), &patient.encode()), at, 100_000).await?;
    found
        .into_iter()
        .filter_map(|(key, bytes)| {
            let id = RecordId::decode(&mut tail(&key)?).ok()?;
            Some(crate::chain::decode_value("record", &bytes).map(|record| (id, record)).map_err(Into::into))
        })
        .collect()
}

/// The custodian's part of an opening, until its gateway does it: check that the receipt still lets each permitted
/// record be released, seal its key to the reader for this receipt, and report the release. Gives what was released.
///
/// # Errors
/// [`ActionError::Withheld`] for the first permitted record that is not to be released any more, or what else
/// went wrong. Nothing is reported then.
pub async fn release(
    chain: &Chain,
    store: &Store,
    gateway: &KeyPair,
    custodian: (OrganisationId, &KemSecret),
    patient: PatientId,
    index: u32,
) -> Result<(Vec<RecordId>, Receipt), ActionError> {
    let access = super::access::show(chain, patient, index).await?;
    let (reader, records) = chain
        .view_now(|state| {
            let now = salus_primitives::Moment(salus_system::timestamp::Now::get(state));
            let reader = KemKeys::get(state, &access.opener);
            let records: Vec<_> = (0..access.entries.len())
                .map(|place| {
                    let entry = access.entries[place];
                    let verdict = releasable(state, patient, &access, place, now);
                    (entry, verdict, Records::get(state, &(patient, entry.record)))
                })
                .collect();
            (reader, records)
        })
        .await?;
    let reader = reader.ok_or_else(|| ActionError::NoKemKey { who: subject_text(&access.opener) })?;
    let (mut released, mut entries, mut wraps) = (Vec::new(), 0u64, Vec::new());
    for (place, (entry, verdict, record)) in records.into_iter().enumerate() {
        if !entry.verdict.is_permit() {
            continue;
        }
        verdict.map_err(|reason| ActionError::Withheld { record: entry.record, reason })?;
        let id = entry.record;
        let record = record.ok_or_else(|| ActionError::Unknown { what: "record", id: id.to_string() })?;
        let of = RecordRef { patient, record: id, version: record.version };
        let standing = WrapContext::Standing { of, key_epoch: record.key_epoch };
        let key = unwrap_key(&store.wrap(patient, id, Holder::Custodian(custodian.0))?, custodian.1, &standing)?;
        let bound = WrapContext::Receipt { patient, index, record: id, key_epoch: record.key_epoch };
        let wrap = wrap_key(&key, &KemPublic(reader.key), &bound)?;
        store.put_wrap(patient, id, Holder::Receipt(index), &wrap)?;
        wraps.extend(wrap.to_bytes());
        entries |= 1 << place;
        released.push(id);
    }
    let digest = sha256_of(&[b"salus/release/1", &wraps]);
    let receipt = serve(chain, gateway, patient, index, entries, digest).await?;
    Ok((released, receipt))
}

/// Read a record from `store`: by the patient with the standing wrap, by the reader of a receipt with that one. The
/// ciphertext is checked against the chain before a byte is decrypted.
///
/// # Errors
/// [`ActionError`] by what went wrong; then what was written to `plain` is to be thrown away.
pub async fn read(
    chain: &Chain,
    store: &Store,
    patient: PatientId,
    id: RecordId,
    holder: Holder,
    secret: &KemSecret,
    plain: impl Write,
) -> Result<Record, ActionError> {
    let record = show(chain, patient, id).await?;
    let of = RecordRef { patient, record: id, version: record.version };
    let context = match holder {
        Holder::Patient | Holder::Custodian(_) => WrapContext::Standing { of, key_epoch: record.key_epoch },
        Holder::Receipt(index) => WrapContext::Receipt { patient, index, record: id, key_epoch: record.key_epoch },
    };
    let key = unwrap_key(&store.wrap(patient, id, holder)?, secret, &context)?;
    let anchor = Anchor { digest: record.digest, size: record.size };
    open_anchored(&key, &of, &anchor, PLAIN_BYTES_MAX, store.blob(patient, id)?, plain)?;
    Ok(record)
}

/// The records to open, as the chain takes them.
///
/// # Errors
/// When there are more than 64.
pub fn record_ids(records: Vec<RecordId>) -> Result<salus_access::RecordIds, salus_primitives::bounded::Full> {
    BoundedVec::try_from(records)
}

/// What every key of a map begins with whose first key part is `part`, hashed by BLAKE2b-128 and concatenated.
pub(super) fn partial_key(prefix: [u8; 32], part: &[u8]) -> Vec<u8> {
    [&prefix[..], &blake2_128(part), part].concat()
}

/// The last 16 bytes of a key: an id, for maps whose last key part is one.
pub(super) fn tail(key: &[u8]) -> Option<&[u8]> {
    Some(key.last_chunk::<16>()?.as_slice())
}
