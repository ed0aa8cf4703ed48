//! Vocabulary of access: requests, receipts, and the facts of a patient's log.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_consent::{
    Actions, Basis, Denial, Purpose, Purposes, RuleRef, Scope, Terms, Tier, Verdict,
    terms::Extent,
    types::{Obligations, RECORDS_MAX},
};
use salus_primitives::{
    BoundedVec, Hash, Height, Moment, OrganisationId, PractitionerId, RecordId, Subject, Window, time::DAY,
};
use scale_info::TypeInfo;

use crate::cases::{Disputed, Emergency, Reviewed};

pub use salus_consent::types::RECEIPT_LIFE;

/// How long a request waits for its answer, ms.
pub const REQUEST_LIFE: u64 = 14 * DAY;
/// Most requests of one practitioner a day.
pub const REQUESTS_PER_DAY: u16 = 50;
/// Most openings of one practitioner a day.
pub const OPENINGS_PER_DAY: u16 = 500;
/// Most openings a day of one practitioner that one patient's rules deny: after these, none of that patient.
pub const DENIED_PER_DAY: u8 = 5;
/// How long a receipt stays in state, ms; in the log and in blocks it stays for ever.
pub const RECEIPT_KEPT: u64 = 90 * DAY;
// Whoever kept a record when it was opened can report as long as the receipt is there.
const _: () = assert!(RECEIPT_KEPT <= salus_records::types::FORMER_KEPT);
/// How many places of the log one more fact clears away at most.
pub const CLEARED_PER_FACT: u32 = 2;

/// Records named in one opening.
pub type RecordIds = BoundedVec<RecordId, RECORDS_MAX>;

/// A practitioner asks a patient for access.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Request {
    /// Its number among the requests of this practitioner to this patient.
    pub number: u32,
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// To which records.
    pub scope: Scope,
    /// For what purposes.
    pub purposes: Purposes,
    /// For what actions.
    pub actions: Actions,
    /// From when until when.
    pub window: Window,
    /// Commitment to a note to the patient, who gets the note itself off chain.
    pub note: Hash,
    /// When it was made.
    pub at: Moment,
    /// How it stands; judge an open one with [`Request::is_open`], since nothing expires by a timer.
    pub status: RequestStatus,
}

/// How a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum RequestStatus {
    /// Not answered yet.
    #[codec(index = 0)]
    Open,
    /// The patient made this rule.
    #[codec(index = 1)]
    Approved(RuleRef),
    /// The patient said no, with a code for the reader's program.
    #[codec(index = 2)]
    Refused(u8),
    /// The requester took it back.
    #[codec(index = 3)]
    Withdrawn,
}

impl Request {
    /// Does it still wait for its answer?
    pub fn is_open(&self, now: Moment) -> bool {
        self.status == RequestStatus::Open && now < self.at.plus(REQUEST_LIFE)
    }

    /// What it asks for: any number of uses, under no obligation.
    pub fn extent(&self) -> Extent<'_> {
        Extent {
            scope: &self.scope,
            purposes: self.purposes,
            actions: self.actions,
            window: self.window,
            uses: None,
            obligations: Obligations::default(),
        }
    }
}

/// Names a request of a patient: an answer to an earlier one never meets a later one.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct RequestRef {
    /// Who asked.
    pub requester: PractitionerId,
    /// Its number among their requests to this patient.
    pub number: u32,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Debug)]
pub enum Answer {
    /// The patient makes this rule: for the requester at their organisation, within what was asked.
    #[codec(index = 0)]
    Approve(Terms),
    /// The patient says no, with a code for the reader's program.
    #[codec(index = 1)]
    Refuse(u8),
    /// The requester takes it back.
    #[codec(index = 2)]
    Withdraw,
}

/// Which custodians reported that they released an entry, a set of bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct ServedBy(pub u8);

impl ServedBy {
    /// Who was the record's first custodian when it was opened.
    pub const FIRST: Self = Self(1);
    /// Who was its second custodian then.
    pub const SECOND: Self = Self(1 << 1);
    /// Who became its first custodian since.
    pub const LATER_FIRST: Self = Self(1 << 2);
    /// Who became its second custodian since.
    pub const LATER_SECOND: Self = Self(1 << 3);

    /// Both sets joined.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is everyone of `other` here?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One record of an opening.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Entry {
    /// Which record.
    pub record: RecordId,
    /// What was decided, and on what it rests.
    pub verdict: Verdict,
    /// Who reported its release since.
    pub served: ServedBy,
}

/// Who looked, or tried to: what one opening was decided to.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Receipt {
    /// Who opened.
    pub opener: Subject,
    /// For whom they acted.
    pub organisation: OrganisationId,
    /// Why.
    pub purpose: Purpose,
    /// In which block.
    pub height: Height,
    /// At what block time.
    pub at: Moment,
    /// First moment at which nothing is released on it any more.
    pub until: Moment,
    /// The records, each once.
    pub entries: BoundedVec<Entry, RECORDS_MAX>,
}

impl Receipt {
    /// One bit per entry that was permitted, the first entry's lowest.
    pub fn permitted(&self) -> u64 {
        bitmap(self.entries.iter().map(|entry| entry.verdict.is_permit()))
    }

    /// The tier of the emergency it is the receipt of, if anything was permitted in one.
    pub fn tier(&self) -> Option<Tier> {
        self.entries.iter().find_map(|entry| match entry.verdict {
            Verdict::Permit(Basis::Emergency(tier)) => Some(tier),
            _ => None,
        })
    }

    /// The rules its permitted entries rest on: it made one use of each.
    pub fn rules(&self) -> Vec<RuleRef> {
        let mut rules: Vec<RuleRef> = self.entries.iter().filter_map(|entry| entry.verdict.rule()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// A custodian reported that it released entries of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Release {
    /// In which block.
    pub height: Height,
    /// At what block time it was reported.
    pub at: Moment,
    /// Index of the receipt.
    pub receipt: u32,
    /// Who released.
    pub custodian: OrganisationId,
    /// Which entries, one bit each, the first entry's lowest.
    pub entries: u64,
    /// Digest over what the custodian keeps of the release.
    pub digest: Hash,
    /// Was the receipt over when it was reported?
    pub late: bool,
    /// Those entries that were denied when opened, or are no longer permitted on the state at the report, the
    /// mere end of the receipt aside: rules withdrawn or run out, a record erased, an organisation suspended.
    pub after_revocation: u64,
}

/// One link of a patient's log, as its hash is taken (formats.md 12). Each says its height and time.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub enum Fact {
    /// Somebody opened records; the receipt as it was made.
    #[codec(index = 0)]
    Opened(Receipt),
    /// Somebody tried to and was denied every one; the receipt as it was made.
    #[codec(index = 1)]
    Denied(Receipt),
    /// A custodian reported a release.
    #[codec(index = 2)]
    Served(Release),
    /// Somebody opened records in an emergency, or tried to; the receipt as it was made.
    #[codec(index = 3)]
    Emergency {
        /// The receipt.
        receipt: Receipt,
        /// What it says of itself.
        emergency: Emergency,
    },
    /// An emergency or a dispute was reviewed.
    #[codec(index = 4)]
    Reviewed(Reviewed),
    /// The patient or a guardian objected to an opening.
    #[codec(index = 5)]
    Disputed(Disputed),
}

/// What a practitioner or guardian did today.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Activity {
    /// Which day, counted since the epoch.
    pub day: u32,
    /// Openings.
    pub openings: u16,
    /// Requests.
    pub requests: u16,
    /// Emergencies of tier full.
    pub emergencies: u16,
}

impl Activity {
    /// This day's: nothing yet where the last entry is another day's.
    pub fn on(self, day: u32) -> Self {
        if self.day == day { self } else { Self { day, ..Self::default() } }
    }
}

/// Openings that one patient's rules denied one practitioner or guardian today.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Denials {
    /// Which day, counted since the epoch.
    pub day: u32,
    /// How many.
    pub count: u8,
}

impl Denials {
    /// This day's: none yet where the last entry is another day's.
    pub fn on(self, day: u32) -> Self {
        if self.day == day { self } else { Self { day, count: 0 } }
    }
}

/// Why an entry of a receipt is not released.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Withheld {
    /// The receipt has no such entry.
    #[error("the receipt has no such entry")]
    NoSuchEntry,
    /// It was denied when opened.
    #[error("it was denied when opened: {}", .0.reason)]
    Denied(Denial),
    /// The receipt is over.
    #[error("the receipt is over: open again")]
    Over,
    /// It is not permitted any more.
    #[error("it is not permitted any more: {}", .0.reason)]
    Withdrawn(Denial),
}

/// One bit per item, the first item's lowest. At most 64 items.
pub fn bitmap(bits: impl Iterator<Item = bool>) -> u64 {
    bits.take(64).enumerate().fold(0, |map, (place, bit)| map | (u64::from(bit) << place))
}
