//! Access: asking, opening and reporting, and the receipts and log that show a patient who looked.
//!
//! # Who may call
//! A practitioner asks and opens, also with a session key, and in an emergency where the organisation has the
//! capability; the patient, or a guardian for them, answers and objects; a guardian with the power to act opens; the gateway of a record's custodian reports what it released, even
//! while its organisation is suspended; Reviewers review.
//!
//! # Invariants
//! 1. Every accepted `open`, `serve`, `emergency_open`, `review` and `dispute` appends exactly one fact to the
//!    patient's log; nothing else does.
//! 2. A Permit in a receipt is what `decide()` says on the state just before the opening, at its time.
//! 3. An opening makes one use of each limited rule that a permitted entry rests on, and no other.
//! 4. A receipt changes in one way only: its entries are marked as served. It stays at least 90 days, and as long as
//!    anything that hangs on it waits for a review.
//! 5. What was denied, revoked, run out or erased is not [`releasable`]; a report of its release carries the flag.
//! 6. At most one request of a practitioner to a patient is open.
//! 7. Every emergency is a case until it was reviewed. While one of a practitioner is overdue, or they have 16, or one
//!    was found unjustified in the last 30 days, or the organisation has a late one that is overdue, none is opened in
//!    full; the summary can always be opened, though where something is overdue only with an officer.
//! 8. An emergency of tier summary opens a record of kind Summary and nothing else; one of tier full nothing that a Deny
//!    for emergency treatment closes.
//!
//! # Where the specification is silent
//! * After 5 denied openings of a patient on one day a practitioner is refused there for the rest of it, whatever the
//!   patient grants meanwhile: the quota is looked at before any rule is.
//! * An opening of a closed or lapsed patient is decided, and denied, like any other; only an id that no patient has
//!   is refused, for there is no log to write to.
//! * A guardian acts for nobody: the organisation of their opening is that of the gateway they open through, which is
//!   Active. A guardian needs no rule, but what is denied to everyone for FAMRQT is denied to them too.
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
//! * An emergency is the ordinary decision, asked for ETREAT and View, of which it overrides that no rule permits it,
//!   and in tier summary that one denies it. So each record has its own verdict, no rule is used, and an attempt that
//!   opens nothing is a fact and a case too. A session key may.
//! * Tier full is at most 10 times a day. A practitioner's cases beyond the 16 that state lists count as waiting since
//!   the longest of them, until all of those were reviewed, and keep the full tier closed.
//! * A second officer is any officer of the organisation; one who signs along where nobody has to is welcome, for a
//!   review may have come in between.
//! * An emergency is reviewed where it was opened; a dispute, of any receipt, by another organisation, and apart from
//!   the emergency's own review. The emergencies of an organisation that is not Active are reviewed by any other. Who
//!   enrolled or employed the opener, then or now, and the officer who signed along do not review. An unjustified
//!   opening that was disputed closes the full tier as an unjustified emergency does. What was reviewed stays so.
//! * A receipt is disputed once, in whatever state the patient is, by a lasting key.
//! * An emergency of the time of a halt names one record, of tier summary, and is signed by the practitioner and any
//!   officer of the organisation, with a key of theirs even if it ended since. Either submits it. Its entry says what the
//!   registers of today say of the moment it happened; nothing is released on its receipt any more. It waits for its
//!   review since it happened. The chain does not know of halts: whether there was one is for the reviewer.
//! * "Suspends the emergency mode": the organisation's people open nothing in full, and summaries with an officer. Late
//!   reports are taken all the same.
//! * A receipt with an open case also keeps those younger than it in state.
//! * A place of the log without a receipt (a report's) is cleared as a receipt's is, two places with each fact: no
//!   receipt below `first` is in state, and `first` may be the place of a report.

pub mod calls;
pub mod cases;
pub mod error;
pub mod judge;
pub mod log;
pub mod storage;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_consent::{Actions, Purpose, Purposes, RuleRef, Scope, Tier};
use salus_primitives::{Hash, OrganisationId, PatientId, PractitionerId, Subject, Window, signed::CoSigns};
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use scale_info::TypeInfo;

pub use cases::{Case, Evidence, Finding, Late};
pub use error::Error;
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
    /// Approve and refuse by the patient or a guardian with the power to act, withdraw by the requester while the
    /// organisation they asked for is Active, each with a lasting key. Approving makes the rule as `Consent.grant`
    /// does and is refused as that is, within `Rule`. Emits `Approved` (and `Consent.Granted`), `Refused` or
    /// `Withdrawn`. Refused with `NotRegistered`, `NotAuthorised`, `NoSuchRequest`, `BadState`, `NotActive`, `Wider`,
    /// `Rule`.
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
    /// By a practitioner who acts for `organisation`, also with a session key; or by a guardian with the power to act,
    /// for FAMRQT, through the gateway of `organisation`; 500 openings a day, and none of a patient after 5 that
    /// were denied this day. A guardian opens what is labelled and has no excluded tag, without a rule. Each record is decided alone, on the state before the
    /// call; an unknown one is denied for a reason of its own. Taking effect does not mean permitted: a
    /// denial is a fact too. Emits `Opened`. Refused, leaving no fact, with `NotRegistered`, `NotAuthorised`,
    /// `NotActive`, `Patient` (there is no such patient), `BadPurpose`, `BadRecords`,
    /// `RateLimited`.
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
    /// By a Gateway officer of the first or second custodian of each entry, now or when it was opened, even of a
    /// suspended organisation; once per custodian and entry. Never refused for being late: what is late, or not
    /// permitted any more, is flagged. Emits `Served`, and `Credits.Earned` where sharing earned something. Refused
    /// with `NotRegistered`, `NotAuthorised`, `NotActive` (organisation removed), `NoSuchReceipt`, `BadEntries`,
    /// `NotCustodian`, `AlreadyServed`.
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
    /// Open in an emergency; somebody has to review it.
    ///
    /// By a practitioner who acts for `organisation`, which has the capability, also with a session key. Tier
    /// summary opens exactly the patient's emergency summary, and needs the co-signature of an officer of the
    /// organisation where a case of the practitioner, or a late one of the organisation, is overdue. Tier full opens
    /// any record that no Deny for ETREAT closes, 10 times a day, while nothing is overdue, fewer than 16 cases wait
    /// and no review closed it. The receipt lasts 4 hours.
    ///
    /// With `late` it reports an emergency of the time when the chain stood still: by the practitioner or any
    /// officer of the organisation, even suspended; tier summary, one record, without co-signature. It is never
    /// refused for what it says, and flagged overdue after 72 hours.
    ///
    /// Emits `EmergencyOpened`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoEmergency`, `Patient`
    /// (there is no such patient), `BadRecords`, `NotSummary`, `BadCoSign`, `CoSignNeeded`, `EmergencySuspended`,
    /// `CasesOverdue`, `CaseloadFull`, `FullClosed`, `RateLimited`; a late one with `NotRegistered`, `NotAuthorised`,
    /// `Patient`, `BadRecords`, `BadCoSign`, `BadEvidence`, `AlreadyAnchored`.
    #[codec(index = 4)]
    EmergencyOpen {
        /// Whose records.
        patient: PatientId,
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// How much.
        tier: Tier,
        /// Which records, each once; for tier summary the patient's summary.
        records: RecordIds,
        /// Code of the reason, from the deployment's list.
        reason: u8,
        /// Commitment to a note for the reviewer.
        note: Hash,
        /// What was signed when it happened, if that was while the chain stood still.
        late: Option<Evidence>,
        /// An officer's agreement, where it is needed.
        cosign: CoSigns,
    },
    /// Review an emergency, or a dispute.
    ///
    /// An emergency by a Reviewer of the organisation it was opened at, or of any where that is not Active; a dispute
    /// by a Reviewer of another. Not by who enrolled the opener or signed along. Unjustified closes the opener's full
    /// tier for 30 days. Emits `Reviewed`. Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `NoSuchCase`,
    /// `NotPending`, `SelfReview`.
    #[codec(index = 5)]
    Review {
        /// Whose records were opened.
        patient: PatientId,
        /// Index of the receipt.
        receipt: u32,
        /// What was found.
        finding: Finding,
        /// Commitment to a note.
        note: Hash,
    },
    /// Object to an opening: another organisation reviews it.
    ///
    /// By the patient or any guardian, with a lasting key; within 90 days; once; at most 20 are open. Emits `Disputed`. Refused with
    /// `NotRegistered`, `NotAuthorised`, `NoSuchReceipt`, `TooLate`, `AlreadyDisputed`, `TooMany`.
    #[codec(index = 6)]
    Dispute {
        /// Whose records were opened.
        patient: PatientId,
        /// Index of the receipt.
        receipt: u32,
        /// Commitment to a note.
        note: Hash,
    },
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
    /// Somebody opened records in an emergency, or tried to.
    #[codec(index = 6)]
    EmergencyOpened {
        /// Whose.
        patient: PatientId,
        /// Index of the receipt in the patient's log.
        receipt: u32,
        /// Who.
        opener: PractitionerId,
        /// For whom they acted.
        organisation: OrganisationId,
        /// How much.
        tier: Tier,
        /// Which entries were permitted, one bit each.
        permitted: u64,
        /// Was it written down after it happened?
        late: Option<Late>,
    },
    /// An emergency or a dispute was reviewed.
    #[codec(index = 7)]
    Reviewed {
        /// Whose records were opened.
        patient: PatientId,
        /// Index of this fact in the patient's log.
        fact: u32,
        /// Index of the receipt.
        receipt: u32,
        /// Was it the dispute that was reviewed, or the emergency?
        of_dispute: bool,
        /// Whose Reviewer.
        by: OrganisationId,
        /// What was found.
        finding: Finding,
    },
    /// The patient or a guardian objected to an opening.
    #[codec(index = 8)]
    Disputed {
        /// Whose records were opened.
        patient: PatientId,
        /// Index of this fact in the patient's log.
        fact: u32,
        /// Index of the receipt.
        receipt: u32,
        /// Who objected.
        by: PatientId,
    },
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
            ConstantEntry::new("EmergencyLife", &cases::EMERGENCY_LIFE, "How long an emergency's receipt lasts, ms."),
            ConstantEntry::new("ReviewWithin", &cases::REVIEW_WITHIN, "When an emergency is overdue, ms."),
            ConstantEntry::new("FullPerDay", &cases::FULL_PER_DAY, "Most emergencies of tier full a day."),
            ConstantEntry::new("FullClosed", &cases::FULL_CLOSED, "How long a review closes the full tier, ms."),
            ConstantEntry::new("OpenCasesMax", &cases::OPEN_CASES_MAX, "Most open cases with a full tier."),
            ConstantEntry::new("DisputesMax", &cases::DISPUTES_MAX, "Most open disputes of a patient."),
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
            Call::Serve { entries, .. } => Cost::protected(300 + 35 * u64::from(entries.count_ones())),
            // As an opening, with a case and a caseload, and a signature each of those who sign along.
            Call::EmergencyOpen { tier, records, late, cosign, .. } => {
                let signatures = cosign.len() as u64 + if late.is_some() { 2 } else { 0 };
                let weight = 350 + 25 * records.len() as u64 + 100 * signatures;
                match (tier, late) {
                    (Tier::Full, None) => Cost::ordinary(weight),
                    (Tier::Summary, _) | (_, Some(_)) => Cost::protected(weight),
                }
            }
            // Standing, case, receipt and who enrolled the opener are read; case, caseload and log written.
            Call::Review { .. } => Cost::protected(250),
            Call::Dispute { .. } => Cost::ordinary(200),
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
            Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, cosign } => {
                let asked = calls::emergency::Asked { organisation, tier, records, reason, note };
                match late {
                    None => calls::emergency::emergency_open(ctx, patient, &asked, &cosign),
                    Some(_) if !cosign.is_empty() => Err(Error::BadCoSign),
                    Some(evidence) => calls::emergency::anchor(ctx, patient, &asked, &evidence),
                }
            }
            Call::Review { patient, receipt, finding, note } => {
                calls::review::review(ctx, patient, receipt, finding, note)
            }
            Call::Dispute { patient, receipt, note } => calls::review::dispute(ctx, patient, receipt, note),
        }
    }
}

#[cfg(test)]
mod tests;
