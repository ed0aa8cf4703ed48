//! Vocabulary of the records pallet. Kinds, tags and what a decision sees of a record are consent's.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_consent::{Kind, RecordView, Servable, Tags};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, RecordId, Subject, crypto::Signature, time::DAY,
};
use scale_info::TypeInfo;

/// Most custodians of a record, and so most receipts of one filing.
pub const CUSTODIANS_MAX: u32 = 2;
/// Key epoch of a record when it is filed, and as long as it is one: see [`Record::key_epoch`].
pub const FIRST_EPOCH: u32 = 1;
/// Version of a record that amends none.
pub const FIRST_VERSION: u32 = 1;
/// Most records that change hands in one call.
pub const HAND_OVER_MAX: u32 = 256;
/// Most former custodians that state remembers of one record.
pub const FORMERS_MAX: u32 = 8;
/// How long a former custodian is remembered at least, ms: as long as receipts stay in state, so that it can still
/// report what it released.
pub const FORMER_KEPT: u64 = 90 * DAY;

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
    /// Erased for good: given to nobody.
    #[codec(index = 4)]
    Erased,
    // 3 and 5 stay unused: that erasure was asked for or refused stands beside the state, in `Erasure`.
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
    /// Which content key the ciphertext was made under, counted from 1; wraps bind it, attestations name it. It stays
    /// 1, since the ciphertext never changes: a leaked content key means a new record. Sealing that key anew, when
    /// the key of a patient or a custodian changes, is no new epoch and leaves no trace here.
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

    /// The first custodian, then the second where there is one.
    pub fn custodians(&self) -> impl Iterator<Item = OrganisationId> + use<> {
        [self.custodian].into_iter().chain(self.second)
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
    /// The patient asks for erasure.
    #[codec(index = 3)]
    RequestErase,
    /// The custodian erases what the patient asked it to. For good.
    #[codec(index = 4)]
    Erase,
    /// The custodian refuses to erase: the law has it kept.
    #[codec(index = 5)]
    RefuseErase,
}

/// How the erasure of a record stands, for those records that somebody asked to have erased.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Erasure {
    /// The patient asked; the custodian has not answered.
    #[codec(index = 0)]
    Requested {
        /// When.
        at: Moment,
    },
    /// The custodian refused. The patient may ask again.
    #[codec(index = 1)]
    Refused {
        /// When.
        at: Moment,
        /// Code of the legal basis, from the deployment's list, never 0.
        basis: u8,
    },
    /// The record is Erased, and these custodians have not attested yet that they destroyed what they had. The entry
    /// goes with the last of them.
    #[codec(index = 2)]
    Ordered {
        /// When.
        at: Moment,
        /// Who still has to: at least one, each once.
        open: BoundedVec<OrganisationId, CUSTODIANS_MAX>,
    },
}

/// Names a record: whose, and which.
pub type RecordKey = (PatientId, RecordId);

/// Records that change hands together.
pub type RecordKeys = BoundedVec<RecordKey, HAND_OVER_MAX>;

/// Which of a record's custodians.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Place {
    /// The first, whose officers decide about the record.
    #[codec(index = 0)]
    First,
    /// The second.
    #[codec(index = 1)]
    Second,
}

/// Who kept a record before somebody else took that place.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Former {
    /// Who.
    pub organisation: OrganisationId,
    /// As which custodian.
    pub place: Place,
    /// Until when.
    pub until: Moment,
}

/// Former custodians of a record, the earliest to leave first.
pub type Formers = BoundedVec<Former, FORMERS_MAX>;
