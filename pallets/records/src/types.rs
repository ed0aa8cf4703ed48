//! Vocabulary of the records pallet. Kinds, tags and what a decision sees of a record are consent's.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_consent::{Kind, RecordView, Servable, Tags};
use salus_primitives::{AccountId, BoundedVec, Hash, OrganisationId, RecordId, Subject, crypto::Signature};
use scale_info::TypeInfo;

/// Most custodians of a record, and so most receipts of one filing.
pub const CUSTODIANS_MAX: u32 = 2;
/// Key epoch of a record when it is filed.
pub const FIRST_EPOCH: u32 = 1;
/// Version of a record that amends none.
pub const FIRST_VERSION: u32 = 1;

/// State of a record.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum RecordStatus {
    /// The newest version.
    #[codec(index = 0)]
    Current,
    /// Another version took its place; it can still be read.
    #[codec(index = 1)]
    Superseded,
    /// Filed in error: given to nobody.
    #[codec(index = 2)]
    EnteredInError,
    // 3: EraseRequested
    /// Erased for good: given to nobody. Written by the calls that come with erasure.
    #[codec(index = 4)]
    Erased,
    // 5: EraseRefused
}

/// One version of one record of one patient: what the chain knows of a ciphertext that lies elsewhere.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Record {
    /// 1, or one more than that of the record it amends.
    pub version: u32,
    /// The record it amends.
    pub prev: Option<RecordId>,
    /// What sort of document.
    pub kind: Kind,
    /// Its sensitivity labels, blinded.
    pub tags: Tags,
    /// Are the labels complete?
    pub labelled: bool,
    /// Does any sensitivity label apply, or is that unknown? Only the patient clears it.
    pub restricted: bool,
    /// SHA-256 of the ciphertext. Never changes.
    pub digest: Hash,
    /// Length of the ciphertext in bytes.
    pub size: u64,
    /// Which wrapping of the content key is the present one.
    pub key_epoch: u32,
    /// Who filed it: a practitioner, or the patient.
    pub author: Subject,
    /// For whom the practitioner acted; the custodian for a patient's own contribution.
    pub organisation: OrganisationId,
    /// Who keeps the ciphertext and releases it.
    pub custodian: OrganisationId,
    /// Who keeps and releases it too.
    pub second: Option<OrganisationId>,
    /// Its state.
    pub status: RecordStatus,
    /// Is it kept for a legal claim? Then it is neither erased nor marked as an error, and its patient is not closed.
    pub hold: bool,
}

impl Record {
    /// What a decision sees of it, under its id.
    pub fn view(&self, id: RecordId) -> RecordView {
        RecordView {
            id,
            kind: self.kind,
            tags: self.tags.clone(),
            labelled: self.labelled,
            restricted: self.restricted,
            custodian: self.custodian,
            servable: match self.status {
                RecordStatus::Current | RecordStatus::Superseded => Servable::Yes,
                RecordStatus::EnteredInError => Servable::EnteredInError,
                RecordStatus::Erased => Servable::Erased,
            },
        }
    }

    /// Is this organisation the first or second custodian?
    pub fn is_kept_by(&self, organisation: OrganisationId) -> bool {
        self.custodian == organisation || self.second == Some(organisation)
    }
}

/// A custodian's word that it has stored the ciphertext: its Gateway officer's signature over
/// [`salus_primitives::signed::custody_receipt`].
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct CustodyReceipt {
    /// The Gateway officer's key.
    pub account: AccountId,
    /// Its signature.
    pub signature: Signature,
}

/// One receipt per custodian, the first custodian's first.
pub type CustodyReceipts = BoundedVec<CustodyReceipt, CUSTODIANS_MAX>;

/// What `status_set` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Change {
    /// It was filed in error.
    #[codec(index = 0)]
    EnteredInError,
    /// Keep it for a legal claim.
    #[codec(index = 1)]
    Hold,
    /// The claim is settled.
    #[codec(index = 2)]
    LiftHold,
    /// The patient asks for erasure. Not yet possible.
    #[codec(index = 3)]
    RequestErase,
    /// The custodian erases. Not yet possible.
    #[codec(index = 4)]
    Erase,
    /// The custodian refuses to erase. Not yet possible.
    #[codec(index = 5)]
    RefuseErase,
}
