//! The JSON that goes through the door. Ids, hashes and keys are text as everywhere; a value of the chain stands
//! beside its readable parts as hex of its SCALE bytes, under the type that metadata names.

use salus_primitives::{AccountId, Hash, OrganisationId, PatientId, PractitionerId, RecordId};
use serde::{Deserialize, Serialize};

/// Serialises a value as its text, for `#[serde(with = "text")]`.
pub mod text {
    use core::{fmt::Display, str::FromStr};

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Write the text.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Read the text.
    ///
    /// # Errors
    /// When it is none of a `T`.
    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What anyone may know of a gateway: `GET /v1/gateway`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayInfo {
    /// Whose gateway it is.
    #[serde(with = "text")]
    pub organisation: OrganisationId,
    /// Which chain it knows: every signature binds it.
    #[serde(with = "text")]
    pub genesis: Hash,
    /// Spec version of its runtime.
    pub spec_version: u32,
    /// Transaction version of its runtime.
    pub transaction_version: u32,
    /// Height of the newest header it has seen certified.
    pub height: u32,
    /// Hash of that header.
    #[serde(with = "text")]
    pub block: Hash,
    /// Time of that header, ms since the Unix epoch.
    pub time: u64,
    /// Does it release at the moment, or is that header too old?
    pub fresh: bool,
    /// What it takes.
    pub limits: GatewayLimits,
    /// Its release.
    pub version: String,
}

/// What a gateway takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayLimits {
    /// Largest blob, bytes.
    pub blob_bytes: u64,
    /// Largest body of any other request, bytes.
    pub body_bytes: u64,
    /// Transfers of one caller under way at once.
    pub transfers_per_caller: u32,
    /// How far ahead a request may expire, ms.
    pub expiry_ms: u64,
}

/// A nonce for one request: `POST /v1/nonce`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NonceAnswer {
    /// The nonce.
    #[serde(with = "text")]
    pub nonce: super::RequestNonce,
    /// How long it waits for its request, ms.
    pub lives_ms: u64,
    /// The gateway's clock, ms since the Unix epoch: expiry is judged by it.
    pub now: u64,
}

/// A blob is stored and durable: the answer to its upload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Uploaded {
    /// What `records.put` carries.
    pub receipt: CustodyAnswer,
    /// SHA-256 of the blob, as hashed when it was stored.
    #[serde(with = "text")]
    pub digest: Hash,
    /// Its length, bytes.
    pub size: u64,
}

/// A custodian's word that it has stored a ciphertext.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CustodyAnswer {
    /// The Gateway officer's key.
    #[serde(with = "text")]
    pub account: AccountId,
    /// Its signature over the custody receipt (formats.md 10), 128 hex digits.
    pub signature: String,
}

/// A content key sealed to the caller.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WrapAnswer {
    /// The wrap, hex.
    pub wrap: String,
    /// Version of the record, as the wrap and the blob bind it.
    pub version: u32,
    /// Key epoch of the record, as the wrap binds it.
    pub key_epoch: u32,
    /// SHA-256 of the ciphertext, as on chain.
    #[serde(with = "text")]
    pub digest: Hash,
    /// Length of the ciphertext, bytes.
    pub size: u64,
}

/// Whom a key speaks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum SubjectInfo {
    /// The administrators.
    Council,
    /// An organisation.
    #[serde(with = "text")]
    Organisation(OrganisationId),
    /// A practitioner.
    #[serde(with = "text")]
    Practitioner(PractitionerId),
    /// A patient.
    #[serde(with = "text")]
    Patient(PatientId),
}

/// Who the caller is: `GET /v1/me`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallerInfo {
    /// The caller's key.
    #[serde(with = "text")]
    pub account: AccountId,
    /// Whom it speaks for.
    pub subject: SubjectInfo,
    /// Is it a session key?
    pub session: bool,
    /// The subject's encryption key, hex; none when none was set.
    pub kem_key: Option<String>,
    /// Of a patient.
    pub patient: Option<PatientInfo>,
    /// At which height this is so.
    pub height: u32,
}

/// The state of a patient.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PatientInfo {
    /// As `Active`.
    pub state: String,
    /// 0 until confirmed, then 1 or 2.
    pub assurance: u8,
    /// Who invited.
    #[serde(with = "text")]
    pub inviting: OrganisationId,
    /// Are the keys held by a Privacy officer?
    pub provisional: bool,
}

/// A record of the caller: `GET /v1/me/records`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordInfo {
    /// Its id.
    #[serde(with = "text")]
    pub record: RecordId,
    /// Its version.
    pub version: u32,
    /// As `Lab`.
    pub kind: String,
    /// As `Current`.
    pub status: String,
    /// SHA-256 of the ciphertext.
    #[serde(with = "text")]
    pub digest: Hash,
    /// Length of the ciphertext, bytes.
    pub size: u64,
    /// Which wrapping of the content key is the present one.
    pub key_epoch: u32,
    /// Who keeps it.
    #[serde(with = "text")]
    pub custodian: OrganisationId,
    /// SCALE of the record, hex.
    pub scale: String,
}

/// Who looked at the caller's records, or tried: `GET /v1/me/log`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogInfo {
    /// The height it is complete at.
    pub height: u32,
    /// How many facts there ever were.
    pub count: u32,
    /// The oldest place that may still have its receipt in state.
    pub first: u32,
    /// Head of the chain of hashes over them.
    #[serde(with = "text")]
    pub head: Hash,
    /// From which place this answer goes on; none at the end.
    pub next: Option<u32>,
    /// The receipts, oldest first.
    pub entries: Vec<LogEntry>,
}

/// One opening.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its place in the log.
    pub index: u32,
    /// Who.
    pub opener: SubjectInfo,
    /// For whom they acted.
    #[serde(with = "text")]
    pub organisation: OrganisationId,
    /// As `Treatment`.
    pub purpose: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// First moment at which nothing is released on it any more.
    pub until: u64,
    /// Which entries were permitted, one bit each, as hex digits.
    pub permitted: String,
    /// SCALE of the receipt, hex.
    pub scale: String,
}

/// A rule of the caller: `GET /v1/me/rules`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Its id, counted up per patient.
    pub id: u32,
    /// SCALE of the grantee key of its page, hex.
    pub grantee: String,
    /// As `Permit`.
    pub effect: String,
    /// From when, ms since the Unix epoch.
    pub from: u64,
    /// Until when.
    pub until: u64,
    /// SCALE of the rule, hex.
    pub scale: String,
}

/// A request to the caller: `GET /v1/me/requests`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Who asks.
    #[serde(with = "text")]
    pub requester: PractitionerId,
    /// Its number among their requests.
    pub number: u32,
    /// For whom they act.
    #[serde(with = "text")]
    pub organisation: OrganisationId,
    /// When it was made, ms since the Unix epoch.
    pub at: u64,
    /// Does it still wait for an answer?
    pub open: bool,
    /// SCALE of the request, hex.
    pub scale: String,
}

/// The number of the caller's next extrinsic: `GET /v1/me/nonce`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NonceOf {
    /// The number.
    pub nonce: u32,
}

/// What encodes extrinsics: `GET /v1/metadata`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MetadataAnswer {
    /// Version of the metadata's format.
    pub format: u32,
    /// The metadata, hex.
    pub metadata: String,
}

/// An extrinsic to hand on: `POST /v1/extrinsics`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtrinsicRequest {
    /// The extrinsic, hex.
    pub extrinsic: String,
}

/// An extrinsic was handed on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SubmitAnswer {
    /// Its hash: ask `GET /v1/extrinsics/{hash}` for what became of it.
    #[serde(with = "text")]
    pub hash: Hash,
}

/// How far an extrinsic is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExtrinsicStatus {
    /// Its hash.
    #[serde(with = "text")]
    pub hash: Hash,
    /// How far it is.
    pub state: ExtrinsicState,
}

/// How far an extrinsic is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ExtrinsicState {
    /// It waits for its block.
    Waiting,
    /// It took effect and is final.
    Final {
        /// Height of its block.
        height: u32,
    },
    /// It is final and was refused: it changed nothing but the nonce.
    Refused {
        /// Height of its block.
        height: u32,
        /// The chain's words.
        reason: String,
    },
    /// It is in no block and will not be.
    Dropped {
        /// The node's words.
        reason: String,
    },
}
