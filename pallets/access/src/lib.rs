//! Access: asking, opening and reporting, and the receipts and log that show a patient who looked.
//!
//! # Who may call
//! A practitioner asks and opens, also with a session key; the patient answers; the gateway of a record's
//! custodian reports what it released, even while its organisation is suspended.
//!
//! # Invariants
//! 1. Every accepted `open` and `serve` appends exactly one fact to the patient's log; nothing else does.
//! 2. A Permit in a receipt is what `decide()` says on the state just before the opening, at its time.
//! 3. An opening makes one use of each limited rule that a permitted entry rests on, and no other.
//! 4. A receipt changes in one way only: its entries are marked as served. It stays at least 90 days.
//! 5. What was denied, revoked, run out or erased is not [`releasable`]; a report of its release carries the flag.
//! 6. At most one request of a practitioner to a patient is open.
//!
//! # Where the specification is silent
//! * After 5 denied openings of a patient on one day a practitioner is refused there for the rest of it, whatever the
//!   patient grants meanwhile: the quota is looked at before any rule is.
//! * An opening of a closed or lapsed patient is decided, and denied, like any other; only an id that no patient has
//!   is refused, for there is no log to write to.
//! * An opening of which a part is permitted is `Opened` and counts as no denied one.
//! * A Deny keeps a practitioner from asking for what it surely hits ([`salus_consent::denies_request`]). A frozen or
//!   recovering patient is asked, and answers later; who can make no rule any more is not.
//! * Answers name a request by requester and number, so that one to an earlier request never meets a later one. A
//!   session key answers and withdraws nothing.
//! * An approval speaks to the requester at the organisation they asked for, and to nobody else.
//! * A report is taken even of an entry that was denied, and flagged. Lateness has its own flag: for the other one an
//!   entry is judged no later than the receipt's last moment. A custodian reports an entry once.
//! * Whether an organisation was custodian when a record was opened is answered by the record as it is, as long as no
//!   call hands custody over.
//! * A place of the log without a receipt (a report's) is cleared as a receipt's is, two places with each fact: no
//!   receipt below `first` is in state, and `first` may be the place of a report.

pub mod calls;
pub mod judge;
pub mod log;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_consent::{Actions, Fault, Purpose, Purposes, RuleRef, Scope};
use salus_patients::Problem;
use salus_primitives::{Hash, OrganisationId, PatientId, Subject, Window};
use salus_registry::Standing;
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use judge::{judge, judge_traced, releasable};
pub use log::history;
pub use types::{Answer, Entry, Fact, Receipt, RecordIds, Release, Request, RequestRef, RequestStatus, Withheld};

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Ask a patient for access; the request waits 14 days.
    ///
    /// By a practitioner who acts for `organisation`, also with a session key; one open request to a patient,
    /// 50 requests a day. The patient is not closed or deceased; a Deny that speaks to the requester and
    /// surely hits a part of what is asked refuses. Emits `Requested`. Refused with `NotRegistered`,
    /// `NotAuthorised`, `NotActive`, `Patient`, `BadTerms`, `BadWindow`, `RateLimited`, `AlreadyOpen`,
    /// `DeniedByRule`.
    #[codec(index = 0)]
    Request {
        /// Whom.
        patient: PatientId,
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// To which records.
        scope: Scope,
        /// For what purposes.
        purposes: Purposes,
        /// For what actions.
        actions: Actions,
        /// From when until when.
        window: Window,
        /// Commitment to a note to the patient.
        note: Hash,
    },
    /// Answer a request that is open: approve by a rule within it, refuse, or withdraw.
    ///
    /// Approve and refuse by the patient, withdraw by the requester, each with a lasting key. Approving makes
    /// the rule as `Consent.grant` does and is refused as that is, within `Rule`. Emits `Approved` (and
    /// `Consent.Granted`), `Refused` or `Withdrawn`. Refused with `NotRegistered`, `NotAuthorised`,
    /// `NoSuchRequest`, `BadState`, `Wider`, `Rule`.
    #[codec(index = 1)]
    Respond {
        /// Whose request it is to answer.
        patient: PatientId,
        /// Which.
        request: RequestRef,
        /// The answer.
        answer: Answer,
    },
    /// Open records of a patient: decide each, and keep the receipt.
    ///
    /// By a practitioner who acts for `organisation`, also with a session key; 500 openings a day, and none
    /// of a patient after 5 that were denied this day. Each record is decided alone, on the state before the
    /// call; an unknown one is denied for a reason of its own. Taking effect does not mean permitted: a
    /// denial is a fact too. Emits `Opened`. Refused, leaving no fact, with `NotRegistered`, `NotAuthorised`,
    /// `NotActive`, `Patient` (there is no such patient), `BadRecords`, `RateLimited`.
    #[codec(index = 2)]
    Open {
        /// Whose records.
        patient: PatientId,
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// Why.
        purpose: Purpose,
        /// Which records, each once.
        records: RecordIds,
    },
    /// Report that records of a receipt were released.
    ///
    /// By a Gateway officer of the first or second custodian of each entry, even of a suspended organisation;
    /// once per custodian and entry. Never refused for being late: what is late, or not permitted any more,
    /// is flagged. Emits `Served`, and `Credits.Earned` where sharing earned something. Refused with `NotRegistered`, `NotAuthorised`, `NotActive` (organisation
    /// removed), `NoSuchReceipt`, `BadEntries`, `NotCustodian`, `AlreadyServed`.
    #[codec(index = 3)]
    Serve {
        /// Whose records.
        patient: PatientId,
        /// Index of the receipt.
        receipt: u32,
        /// Which of its entries, one bit each, the first entry's lowest.
        entries: u64,
        /// Digest over what the custodian keeps of the release.
        digest: Hash,
    },
    // 4: emergency_open, 5: review, 6: dispute (calls 28 to 30 of the specification).
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// A practitioner asked for access.
    #[codec(index = 0)]
    Requested {
        /// Whom.
        patient: PatientId,
        /// The request.
        request: RequestRef,
        /// For whom the practitioner acts.
        organisation: OrganisationId,
    },
    /// The patient approved.
    #[codec(index = 1)]
    Approved {
        /// Who.
        patient: PatientId,
        /// The request.
        request: RequestRef,
        /// The rule that was made.
        rule: RuleRef,
    },
    /// The patient refused.
    #[codec(index = 2)]
    Refused {
        /// Who.
        patient: PatientId,
        /// The request.
        request: RequestRef,
        /// The patient's code.
        code: u8,
    },
    /// The requester took the request back.
    #[codec(index = 3)]
    Withdrawn {
        /// Whom it was made to.
        patient: PatientId,
        /// The request.
        request: RequestRef,
    },
    /// Somebody opened records, or tried to.
    #[codec(index = 4)]
    Opened {
        /// Whose.
        patient: PatientId,
        /// Index of the receipt in the patient's log.
        receipt: u32,
        /// Who.
        opener: Subject,
        /// For whom they acted.
        organisation: OrganisationId,
        /// Which entries were permitted, one bit each, the first entry's lowest; 0 when all were denied.
        permitted: u64,
    },
    /// A custodian reported a release.
    #[codec(index = 5)]
    Served {
        /// Whose records.
        patient: PatientId,
        /// Index of this fact in the patient's log.
        fact: u32,
        /// Index of the receipt.
        receipt: u32,
        /// Who released.
        custodian: OrganisationId,
        /// Which entries, one bit each.
        entries: u64,
        /// Was the receipt over when it was reported?
        late: bool,
        /// Those entries that were denied, or are no longer permitted.
        after_revocation: u64,
    },
    // 6: EmergencyOpened, 7: Reviewed, 8: Disputed.
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, thiserror::Error)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// The caller does not act for the organisation at the moment.
    #[codec(index = 1)]
    #[error("{0}")]
    NotActive(Standing),
    /// The key's subject, roles or kind do not allow this.
    #[codec(index = 2)]
    #[error("the key's subject, roles or kind do not allow this")]
    NotAuthorised,
    /// The window is empty, over, longer than five years, or ends more than five years ahead.
    #[codec(index = 3)]
    #[error("the window is empty, over, longer than five years or ends more than five years ahead")]
    BadWindow,
    /// The request is not open any more.
    #[codec(index = 4)]
    #[error("the request is not open any more: it was answered, withdrawn or is older than 14 days")]
    BadState,
    /// The day's quota is used up.
    #[codec(index = 5)]
    #[error("the day's quota of requests, openings or denied openings of this patient is used up until midnight UTC")]
    RateLimited,
    /// There is no such patient, or the patient's state does not allow it.
    #[codec(index = 6)]
    #[error("{0}")]
    Patient(Problem),
    /// What is asked for is not well formed.
    #[codec(index = 7)]
    #[error("the request is not well formed: {0}")]
    BadTerms(Fault),
    /// The practitioner has a request open to this patient.
    #[codec(index = 8)]
    #[error("a request to this patient is open: withdraw it or wait for the answer")]
    AlreadyOpen,
    /// A rule of the patient denies a part of what is asked for.
    #[codec(index = 9)]
    #[error("a rule of the patient denies a part of what is asked for: ask for less or not at all")]
    DeniedByRule,
    /// The patient has no such request.
    #[codec(index = 10)]
    #[error("the patient has no request of this practitioner and number")]
    NoSuchRequest,
    /// The rule goes beyond what was asked for, or speaks to another.
    #[codec(index = 11)]
    #[error("the rule goes beyond the request or speaks to another than the requester")]
    Wider,
    /// The rule cannot be made.
    #[codec(index = 12)]
    #[error("{0}")]
    Rule(salus_consent::Error),
    /// No record is named, or one twice.
    #[codec(index = 13)]
    #[error("no record is named, or one twice")]
    BadRecords,
    /// There is no such receipt in state.
    #[codec(index = 14)]
    #[error("the patient has no receipt of this index in state: receipts are kept for 90 days")]
    NoSuchReceipt,
    /// No entry is named, or one that the receipt has not got.
    #[codec(index = 15)]
    #[error("no entry is named, or one that the receipt has not got")]
    BadEntries,
    /// The caller's organisation is not a custodian of each record named.
    #[codec(index = 16)]
    #[error("the organisation is not a custodian of each record named")]
    NotCustodian,
    /// The custodian reported an entry before.
    #[codec(index = 17)]
    #[error("the custodian reported the release of an entry named before: report each once")]
    AlreadyServed,
    // 18: SelfReview, and what emergency_open, review and dispute need besides.
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Access";
}

/// The pallet.
pub struct Access;

impl Pallet for Access {
    const NAME: &'static str = "Access";
    const DOCS: &'static str = "Asking, opening and reporting, and the log that shows a patient who looked.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new("ReceiptLife", &types::RECEIPT_LIFE, "How long a receipt lasts, ms."),
            ConstantEntry::new("ReceiptKept", &types::RECEIPT_KEPT, "How long a receipt stays in state, ms."),
            ConstantEntry::new("RequestLife", &types::REQUEST_LIFE, "How long a request waits, ms."),
            ConstantEntry::new("RequestsPerDay", &types::REQUESTS_PER_DAY, "Most requests of a practitioner a day."),
            ConstantEntry::new("OpeningsPerDay", &types::OPENINGS_PER_DAY, "Most openings of a practitioner a day."),
            ConstantEntry::new(
                "DeniedPerDay",
                &types::DENIED_PER_DAY,
                "Most denied openings of a practitioner at one patient a day.",
            ),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Standing, patient and four pages are read, a request and a counter written.
            Call::Request { .. } => Cost::ordinary(200),
            // The request is read and written; an approval makes a rule.
            Call::Respond { answer: Answer::Approve(_), .. } => Cost::ordinary(250),
            Call::Respond { .. } => Cost::ordinary(80),
            // Standing, patient, four pages and two counters are read, up to four pages, receipt, log and
            // counters written, two old receipts cleared; per record one read.
            Call::Open { records, .. } => Cost::ordinary(250 + 25 * records.len() as u64),
            // As an opening, per entry named; and what it earns.
            Call::Serve { entries, .. } => Cost::protected(300 + 25 * u64::from(entries.count_ones())),
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::Request { patient, organisation, scope, purposes, actions, window, note } => {
                let asked = calls::request::Asked { organisation, scope, purposes, actions, window, note };
                calls::request::request(ctx, patient, asked)
            }
            Call::Respond { patient, request, answer } => calls::request::respond(ctx, patient, request, answer),
            Call::Open { patient, organisation, purpose, records } => {
                calls::open::open(ctx, patient, organisation, purpose, &records)
            }
            Call::Serve { patient, receipt, entries, digest } => {
                calls::serve::serve(ctx, patient, receipt, entries, digest)
            }
        }
    }
}

#[cfg(test)]
mod tests;
