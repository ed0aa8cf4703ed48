//! Records: what filing one takes, and their states. Ciphertext goes by [`crate::remote`].

use parity_scale_codec::{Decode as _, Encode};
use salus_consent::{Kind, Tags};
use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, PatientId, RecordId, Subject,
    crypto::{KeyPair, blake2_128},
    signed,
};
use salus_records::{Call, Change, CustodyReceipt, CustodyReceipts, Record, storage::Records, types::FIRST_EPOCH};
use salus_registry::storage::KemKeys;
use salus_runtime::RuntimeCall;
use salus_system::storage::Account;

use super::{ActionError, subject_text};
use crate::{
    chain::{Chain, Receipt},
    envelope::{Anchor, ContentKey, KemPublic, RecordRef, Wrap, WrapContext, WrapError, wrap_key},
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
    /// Who keeps and releases it too.
    pub second: Option<OrganisationId>,
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
            second: None,
        }
    }

    /// Who keeps it: one organisation or two, the first custodian first.
    pub fn custodians(&self) -> impl Iterator<Item = OrganisationId> + use<> {
        [Some(self.custodian), self.second].into_iter().flatten()
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

/// Whom a filing concerns, as the chain has them.
pub(crate) struct Parties {
    /// Who files.
    pub writer: Subject,
    /// What the content key is sealed to for the patient.
    pub patient_key: KemPublic,
    /// And for each custodian, the first one first.
    pub custodian_keys: Vec<(OrganisationId, KemPublic)>,
    /// The record's version.
    pub version: u32,
}

/// Look up whom `filing`, signed by `author`, concerns.
///
/// # Errors
/// [`ActionError::Unknown`] for a key bound to nobody, [`ActionError::NoKemKey`], or what asking failed with.
pub(crate) async fn parties(chain: &Chain, author: AccountId, filing: &Filing) -> Result<Parties, ActionError> {
    let patient = Subject::Patient(filing.patient);
    let subjects: Vec<Subject> = [patient].into_iter().chain(filing.custodians().map(Subject::Organisation)).collect();
    let (writer, keys, version) = chain
        .view_now(|state| {
            let keys: Vec<_> = subjects.iter().map(|subject| KemKeys::get(state, subject)).collect();
            let version = match filing.prev {
                Some(prev) => Records::get(state, &(filing.patient, prev)).map_or(1, |record| record.version + 1),
                None => salus_records::types::FIRST_VERSION,
            };
            (Account::get(state, &author).data.subject, keys, version)
        })
        .await?;
    let writer = writer.ok_or_else(|| ActionError::Unknown { what: "key", id: author.to_string() })?;
    let keys: Vec<KemPublic> = subjects
        .iter()
        .zip(keys)
        .map(|(subject, key)| {
            let key = key.ok_or_else(|| ActionError::NoKemKey { who: subject_text(subject) })?;
            Ok(KemPublic(key.key))
        })
        .collect::<Result<_, ActionError>>()?;
    let mut keys = keys.into_iter();
    let patient_key = keys.next().expect("the patient's stands first");
    Ok(Parties { writer, patient_key, custodian_keys: filing.custodians().zip(keys).collect(), version })
}

/// The content key of a new record version, sealed to somebody for good.
pub(crate) fn standing_wrap(key: &ContentKey, to: &KemPublic, of: RecordRef) -> Result<Wrap, WrapError> {
    wrap_key(key, to, &WrapContext::Standing { of, key_epoch: FIRST_EPOCH })
}

/// The call that files a record whose ciphertext its custodians have stored: a receipt of each, the first one's first.
pub(crate) fn put_call(filing: Filing, id: RecordId, anchor: &Anchor, receipts: CustodyReceipts) -> RuntimeCall {
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
        second: filing.second,
        receipts,
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

/// Mark a record as an error, set a hold or lift it, by the author or the custodian's Privacy officer; ask for its
/// erasure, as the patient; refuse that or erase, as the custodian's Privacy officer. Either answer names a `basis`.
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
