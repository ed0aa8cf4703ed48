//! Records: what the chain knows of each version of each record. Content, names and codes are never here: a digest,
//! a size, blinded tags, and who wrote and keeps it.
//!
//! # Who may call
//! A practitioner files with the patient's consent to Add or Amend, or a patient contributes their own. The author
//! or the custodian marks an error and sets a hold; only the custodian lifts one.
//!
//! # Invariants
//! 1. An id names one record of its patient, ever; its digest, size, author and version never change.
//! 2. Version is 1 without `prev`, else one more than that of `prev`, which was Current and is Superseded since.
//! 3. `restricted` and tags carry over to an amendment: it has every tag of what it amends and may have more.
//! 4. A patient has at most one Current record of kind Summary, and `Summary` points to it.
//! 5. Nobody who is not a custodian, with a Gateway officer's word that the ciphertext is stored, keeps a record.
//! 6. A record under a hold is not marked as an error. Patients counts a patient's records under a hold.
//! 7. No record is filed for a patient at assurance 0, unless provisional.
//!
//! # Where the specification is silent
//! * Filing is for TREAT; a session key files nothing, since it may open and request only.
//! * An amendment needs a Permit for the record it amends and for what it will be, so that neither an added tag nor
//!   another custodian opens what was closed; together that is one use of a rule. It keeps its kind, and is labelled
//!   only when both are. A patient amends their own contributions only.
//! * What is not labelled is restricted, for its labels are unknown.
//! * A patient's contribution names its custodian as organisation, and is refused where the patient may not change
//!   rules: when frozen, dead, closed or lapsed, the key may be in other hands. A provisional patient contributes
//!   nothing: the key is the Privacy officer's.
//! * The custodian acts through a Privacy officer of the first custodian. A practitioner acts as author only while
//!   at the organisation the record was filed for.
//! * A Superseded record can be marked as an error too, for a wrong filing does not become right by an amendment.
//! * A hold is lifted by the custodian alone: keeping is the custodian's duty, whoever asked for it.

pub mod calls;
pub mod state;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_consent::{Kind, Reason, Tags};
use salus_patients::Problem;
use salus_primitives::{Hash, OrganisationId, PatientId, RecordId, Subject};
use salus_registry::Standing;
use salus_support::{Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use state::{record, summary, view};
pub use types::{Change, CustodyReceipt, CustodyReceipts, Record, RecordStatus};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// File a record, or a new version of one, whose ciphertext the custodians have stored.
    ///
    /// By a practitioner who acts for `organisation`, with the patient's consent to Add, or to Amend where `prev` is
    /// given, for TREAT; or by the patient. One custody receipt per custodian, by a Gateway officer's key. Emits
    /// `RecordPut`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `Patient`, `NoConsent`, `IdTaken`,
    /// `NotHead`, `BadKind`, `BadTags`, `TooMany` (more than 8 tags with those carried over, or 2^32 versions),
    /// `BadSize`, `BadCustodian`, `BadReceipt` and `SummaryExists`.
    #[codec(index = 0)]
    Put {
        /// Whose.
        patient: PatientId,
        /// For whom the practitioner acts; the custodian, when the patient files.
        organisation: OrganisationId,
        /// The new record's id, random.
        id: RecordId,
        /// The Current record it amends.
        prev: Option<RecordId>,
        /// What sort of document.
        kind: Kind,
        /// Sensitivity labels, blinded; those of `prev` are added.
        tags: Tags,
        /// Are the labels complete? Not without the patient's tag tokens.
        labelled: bool,
        /// Does any sensitivity label apply, or is that unknown?
        restricted: bool,
        /// SHA-256 of the ciphertext.
        digest: Hash,
        /// Its length in bytes.
        size: u64,
        /// Who keeps and releases it.
        custodian: OrganisationId,
        /// Who keeps and releases it too.
        second: Option<OrganisationId>,
        /// Each custodian's word that it has stored the ciphertext, the first custodian's first.
        receipts: CustodyReceipts,
    },
    /// Mark a record as an error, set a hold or lift it.
    ///
    /// An error or a hold by the author or by a Privacy officer of the custodian; lifting by the latter only. Emits
    /// `RecordStatus`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `Patient`, `NoSuchRecord`,
    /// `BadState`, `Held` (an error under a hold) and `NotYetErasable` (all that concerns erasure).
    #[codec(index = 1)]
    StatusSet {
        /// Whose.
        patient: PatientId,
        /// Which record.
        id: RecordId,
        /// What.
        to: Change,
        /// Code of the reason, from the deployment's list; 0 for none. Only the event keeps it.
        basis: u8,
    },
    // 2: relabel
    // 3: shred_attest
    // 4: custody_set
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A record was filed.
    #[codec(index = 0)]
    RecordPut {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
        /// Its version.
        version: u32,
        /// What it amends.
        prev: Option<RecordId>,
        /// What sort of document.
        kind: Kind,
        /// By whom.
        author: Subject,
        /// For whom.
        organisation: OrganisationId,
        /// Who keeps it.
        custodian: OrganisationId,
    },
    /// A record was marked, held or released.
    #[codec(index = 1)]
    RecordStatus {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
        /// What.
        to: Change,
        /// Code of the reason.
        basis: u8,
    },
    // 2: Relabelled
    // 3: Shredded
    // 4: ErasureComplete
    // 5: CustodySet
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    NotRegistered,
    /// The caller or their organisation does not act: why.
    #[codec(index = 1)]
    NotActive(Standing),
    /// The caller is not one who may do this.
    #[codec(index = 2)]
    NotAuthorised,
    /// More tags than a record may have, those carried over counted in, or more versions.
    #[codec(index = 3)]
    TooMany,
    /// The state of the record does not allow it.
    #[codec(index = 4)]
    BadState,
    /// The state of the patient does not allow it: why.
    #[codec(index = 5)]
    Patient(Problem),
    /// The patient's rules, or the chain's policy, do not permit it: why.
    #[codec(index = 6)]
    NoConsent(Reason),
    /// The patient has a record of this id.
    #[codec(index = 7)]
    IdTaken,
    /// What is amended is no Current record of this patient.
    #[codec(index = 8)]
    NotHead,
    /// An amendment is of the kind of what it amends.
    #[codec(index = 9)]
    BadKind,
    /// A tag stands twice, or the record is not labelled and not restricted.
    #[codec(index = 10)]
    BadTags,
    /// A ciphertext is not empty.
    #[codec(index = 11)]
    BadSize,
    /// Not an Active organisation with the capability, named twice, or not the one a patient's contribution names.
    #[codec(index = 12)]
    BadCustodian,
    /// Not one receipt per custodian by a Gateway officer of it, over this record.
    #[codec(index = 13)]
    BadReceipt,
    /// The patient has a Current summary: amend it.
    #[codec(index = 14)]
    SummaryExists,
    /// The patient has no record of this id.
    #[codec(index = 15)]
    NoSuchRecord,
    /// The record is under a hold.
    #[codec(index = 16)]
    Held,
    /// This release does not erase yet.
    #[codec(index = 17)]
    NotYetErasable,
    // 18: NoDuty
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Records";
}

/// The pallet.
pub struct Records;

impl Pallet for Records {
    const NAME: &'static str = "Records";
    const DOCS: &'static str = "Digests, tags and custody of records; their content is never on chain.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<salus_support::ConstantEntry> {
        use salus_support::ConstantEntry;
        vec![
            ConstantEntry::new("TagsMax", &salus_consent::types::TAGS_MAX, "Most tags of a record."),
            ConstantEntry::new("CustodiansMax", &types::CUSTODIANS_MAX, "Most custodians of a record."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Four pages of rules, and a signature per receipt.
            Call::Put { receipts, .. } => Cost::ordinary(400 + 100 * receipts.len() as u64),
            Call::StatusSet { .. } => Cost::ordinary(150),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Put {
                patient,
                organisation,
                id,
                prev,
                kind,
                tags,
                labelled,
                restricted,
                digest,
                size,
                custodian,
                second,
                receipts,
            } => {
                let labels = calls::put::Labels { tags, labelled, restricted };
                let content = calls::put::Content { digest, size, custodian, second };
                let filing = calls::put::Filing { patient, organisation, id, prev, kind, labels, content };
                calls::put::put(ctx, filing, &receipts)
            }
            Call::StatusSet { patient, id, to, basis } => calls::status::status_set(ctx, patient, id, to, basis),
        }
    }
}

#[cfg(test)]
mod tests;
