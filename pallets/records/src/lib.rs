//! Records: what the chain knows of each version of each record. Content, names and codes are never here: a digest,
//! a size, blinded tags, and who wrote and keeps it.
//!
//! # Who may call
//! A practitioner files with the patient's consent to Add or Amend, or a patient contributes their own. The author or
//! the custodian marks an error and sets a hold; only the custodian lifts one. The patient sets labels anew and asks
//! for erasure, the custodian refuses or erases, and each custodian attests that it destroyed what it had. A
//! custodian hands records over to another that agrees, or to itself where the council named it successor of a
//! removed one.
//!
//! # Invariants
//! 1. An id names one record of its patient, ever; its digest, size, author, version and key epoch never change.
//! 2. Version is 1 without `prev`, else one more than that of `prev`, which was Current and is Superseded since.
//! 3. `restricted` and tags carry over to an amendment: it has every tag of what it amends and may have more. Only
//!    the patient's relabelling takes a tag away or clears `restricted`.
//! 4. A patient has at most one Current record of kind Summary, and `Summary` points to it.
//! 5. Nobody who is not a custodian, with a Gateway officer's word that the ciphertext is stored, keeps a record.
//! 6. A record under a hold is neither marked as an error nor erased. Patients counts a patient's records under a
//!    hold.
//! 7. No record is filed for a patient at assurance 0, unless provisional.
//! 8. Erased is final: an erased record is given to nobody and changes no more.
//! 9. A duty is open only of an erased record, for one or two of its custodians, each once.
//!
//! # Where the specification is silent
//! * Filing is for TREAT; a session key files nothing, since it may open and request only.
//! * An amendment needs a Permit for the record it amends and for what it will be, so that neither an added tag nor
//!   another custodian opens what was closed; together that is one use of a rule. It keeps its kind, and is labelled
//!   only when both are. A patient amends their own contributions only.
//! * What is not labelled is restricted, for its labels are unknown.
//! * A patient's contribution names its custodian as organisation, and is refused where the patient may not change
//!   rules: when frozen, dead, closed or lapsed, the key may be in other hands. A provisional patient contributes
//!   nothing: the key is the Privacy officer's. The same holds for relabelling and for asking to erase.
//! * The custodian acts through a Privacy officer of the first custodian. A practitioner acts as author only while
//!   at the organisation the record was filed for.
//! * A Superseded record can be marked as an error too, for a wrong filing does not become right by an amendment.
//! * A hold is lifted by the custodian alone: keeping is the custodian's duty, whoever asked for it.
//!
//! # Erasure, where the specification is silent
//! * Only what the patient asked for is erased, so that no custodian destroys by itself what may speak against it; a
//!   record filed under the wrong patient, too. What was asked is done or refused even if the patient can ask no
//!   more.
//! * Being asked for, or refused, changes nothing else: care goes on, a Current record stays the one to amend. A hold
//!   keeps nobody from asking or refusing. Who was refused may ask again, for what the law has kept it lets go one
//!   day.
//! * Each version is erased by itself. Either answer names its legal basis.
//! * Attesting is for a Gateway officer of an Active organisation: that key vouched for the ciphertext when it came,
//!   and another role than the one that erases says that it is gone. It means the content key, every wrap and the
//!   ciphertext. It names the record's key epoch; another epoch is another key, for which there is no duty.
//! * A key epoch counts content keys, see [`Record::key_epoch`]. No call moves it: wraps have no digest on chain, and
//!   a new key of a patient or custodian stands in the registry.
//!
//! # Hand-over, where the specification is silent
//! * The giver's Privacy officer submits and a Gateway officer of the taker co-signs: that is the taker's word that
//!   it stores the ciphertexts, for a receipt each would be 256 signatures. A successor's Gateway officer submits
//!   alone.
//! * Either place, first or second, is handed over; a taker that has the other one keeps the record alone.
//! * An erased record stays with whose duty it is: nobody attests for another's disks. A hold and a request go along.
//! * Who kept a record when it was opened still reports its release: state remembers up to eight former custodians,
//!   each at least 90 days. With more within 90 days, hand-over waits.

pub mod calls;
pub mod state;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_consent::{Kind, Reason, Tags};
use salus_patients::Problem;
use salus_primitives::{Hash, OrganisationId, PatientId, RecordId, Subject, signed::CoSigns};
use salus_registry::Standing;
use salus_support::{Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use state::{custodians_at, record, summary, view};
pub use types::{Change, CustodyReceipt, CustodyReceipts, Erasure, Record, RecordKey, RecordKeys, RecordStatus};

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
    /// Mark a record as an error, set a hold or lift it; ask for its erasure, refuse that or erase.
    ///
    /// An error or a hold by the author or by a Privacy officer of the custodian; lifting by the latter only. Erasure
    /// is asked for by the patient, with a lasting key; a Privacy officer of the custodian answers. Erasing gives
    /// each custodian the duty to attest. Emits `RecordStatus`. Refused with `NotRegistered`, `NotAuthorised`,
    /// `NotActive`, `Patient`, `NoSuchRecord`, `BadState` (also an answer to what nobody asked), `Held` (an error or
    /// an erasure under a hold) and `NoBasis` (an answer without one).
    #[codec(index = 1)]
    StatusSet {
        /// Whose.
        patient: PatientId,
        /// Which record.
        id: RecordId,
        /// What.
        to: Change,
        /// Code of the reason, from the deployment's list; 0 for none. Erasing and refusing to erase name a legal
        /// basis, not 0. Only the event keeps it, and the state of a refusal.
        basis: u8,
    },
    /// Set a record's labels anew: what tags it has, whether they are complete, and whether it is restricted. The
    /// only way to take a tag away and to clear `restricted`.
    ///
    /// By the patient, with a lasting key. Emits `Relabelled`. Refused with `NotRegistered`, `NotAuthorised`,
    /// `Patient`, `NoSuchRecord`, `BadState` (an error, or erased) and `BadTags`.
    #[codec(index = 2)]
    Relabel {
        /// Whose: the caller.
        patient: PatientId,
        /// Which record.
        id: RecordId,
        /// All its sensitivity labels, blinded.
        tags: Tags,
        /// Are they complete?
        labelled: bool,
        /// Does any sensitivity label apply, or is that unknown?
        restricted: bool,
    },
    /// Attest that the caller's organisation destroyed the content key of an erased record, every wrap of it and the
    /// ciphertext.
    ///
    /// By a Gateway officer of a custodian whose duty is open. Emits `Shredded`, and `ErasureComplete` when nobody
    /// owes an attestation any more. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoSuchRecord` and
    /// `NoDuty`.
    #[codec(index = 3)]
    ShredAttest {
        /// Whose.
        patient: PatientId,
        /// Which record.
        id: RecordId,
        /// Which content key: the record's key epoch.
        key_epoch: u32,
    },
    /// Put `organisation` in the place of another custodian of records.
    ///
    /// By a Privacy officer of the custodian that gives them, with the co-signature of a Gateway officer of
    /// `organisation`, which thereby says that it stores the ciphertexts. Or by such a Gateway officer alone, for
    /// records of a removed organisation whose successor the council named it. All of them or none. Emits
    /// `CustodySet` for each. Refused with `NotRegistered`, `NotAuthorised` (also when a record is not the giver's),
    /// `NotActive`, `BadCoSign`, `BadCustodian`, `BadRecords`, `NoSuchRecord`, `BadState` (an erased one) and
    /// `TooMany` (custodians within 90 days).
    #[codec(index = 4)]
    CustodySet {
        /// Which records: 1 to 256, each once.
        records: RecordKeys,
        /// Who takes them.
        organisation: OrganisationId,
        /// The taker's agreement; empty when the taker calls.
        cosign: CoSigns,
    },
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
    /// A record was marked, held or released from it; its erasure was asked for, refused, or took effect.
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
    /// The patient set a record's labels anew.
    #[codec(index = 2)]
    Relabelled {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
        /// Are the labels complete now?
        labelled: bool,
        /// Is it restricted now?
        restricted: bool,
    },
    /// A custodian attested that it destroyed an erased record.
    #[codec(index = 3)]
    Shredded {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
        /// Who attested.
        custodian: OrganisationId,
        /// Of which content key.
        key_epoch: u32,
    },
    /// Every custodian attested that it destroyed an erased record.
    #[codec(index = 4)]
    ErasureComplete {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
    },
    /// A record is kept by somebody else from now on.
    #[codec(index = 5)]
    CustodySet {
        /// Whose.
        patient: PatientId,
        /// Which.
        record: RecordId,
        /// Who kept it.
        from: OrganisationId,
        /// Who keeps it.
        to: OrganisationId,
    },
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
    /// More tags than a record may have, those carried over counted in, more versions, or more custodians within 90
    /// days.
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
    // 17 was NotYetErasable, of builds that could not erase: it stays unused, so that it never means something else.
    /// The caller's organisation owes no attestation for this record and key epoch.
    #[codec(index = 18)]
    NoDuty,
    /// Erasing, and refusing to, name a legal basis.
    #[codec(index = 19)]
    NoBasis,
    /// No record named, or one twice.
    #[codec(index = 20)]
    BadRecords,
    /// A co-signature is missing, does not fit, or is not needed.
    #[codec(index = 21)]
    BadCoSign,
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
            ConstantEntry::new("HandOverMax", &types::HAND_OVER_MAX, "Most records that change hands in one call."),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Four pages of rules, and a signature per receipt.
            Call::Put { receipts, .. } => Cost::ordinary(400 + 100 * receipts.len() as u64),
            Call::StatusSet { .. } | Call::Relabel { .. } | Call::ShredAttest { .. } => Cost::ordinary(150),
            // Per record its entry, its former custodians and, for a successor, two more reads; two writes and an
            // event.
            Call::CustodySet { records, cosign, .. } => {
                Cost::ordinary(200 + 60 * records.len() as u64 + 100 * cosign.len() as u64)
            }
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
            Call::Relabel { patient, id, tags, labelled, restricted } => {
                calls::relabel::relabel(ctx, patient, id, calls::put::Labels { tags, labelled, restricted })
            }
            Call::ShredAttest { patient, id, key_epoch } => calls::erasure::shred_attest(ctx, patient, id, key_epoch),
            Call::CustodySet { records, organisation, cosign } => {
                calls::custody::custody_set(ctx, &records, organisation, &cosign)
            }
        }
    }
}

#[cfg(test)]
mod tests;
