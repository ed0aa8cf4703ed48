//! Why a call of this pallet is refused.

use parity_scale_codec::{Decode, Encode};
use salus_consent::Fault;
use salus_patients::Problem;
use salus_registry::Standing;
use scale_info::TypeInfo;

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
    /// The reviewer had a part in what is reviewed.
    #[codec(index = 18)]
    #[error("who enrolled the opener, signed along or is of the organisation in dispute does not review it")]
    SelfReview,
    /// The co-signature does not fit.
    #[codec(index = 19)]
    #[error("the co-signature is not one of one officer of the organisation over this call")]
    BadCoSign,
    /// An officer has to sign along.
    #[codec(index = 20)]
    #[error("a review is overdue: an officer of the organisation must co-sign")]
    CoSignNeeded,
    /// The organisation has no capability for emergencies.
    #[codec(index = 21)]
    #[error("the organisation has no capability for emergencies")]
    NoEmergency,
    /// Tier summary opens the patient's summary and nothing else.
    #[codec(index = 22)]
    #[error("the tier summary opens exactly the patient's emergency summary, if there is one")]
    NotSummary,
    /// A late emergency of the organisation is overdue for its review.
    #[codec(index = 23)]
    #[error("a late emergency of the organisation waits for its review: nothing is opened in full")]
    EmergencySuspended,
    /// A case of the practitioner is overdue.
    #[codec(index = 24)]
    #[error("an emergency of the practitioner waits for its review for more than 72 hours")]
    CasesOverdue,
    /// The practitioner has as many open cases as may be.
    #[codec(index = 25)]
    #[error("16 emergencies of the practitioner wait for their review")]
    CaseloadFull,
    /// A review closed the full tier.
    #[codec(index = 26)]
    #[error("a review found an opening of the practitioner unjustified: the full tier is closed for 30 days")]
    FullClosed,
    /// The evidence does not prove a summary given out.
    #[codec(index = 27)]
    #[error("the evidence is not of tier summary, of the future, or not signed by the practitioner and an officer")]
    BadEvidence,
    /// The emergency was written down before.
    #[codec(index = 28)]
    #[error("this emergency was written down before")]
    AlreadyAnchored,
    /// Nothing of this receipt has to be reviewed.
    #[codec(index = 29)]
    #[error("the receipt is no emergency's and was not disputed, or is not in state any more")]
    NoSuchCase,
    /// It was reviewed already.
    #[codec(index = 30)]
    #[error("the case was reviewed already")]
    NotPending,
    /// The receipt was disputed before.
    #[codec(index = 31)]
    #[error("the receipt was disputed before")]
    AlreadyDisputed,
    /// The receipt is older than 90 days.
    #[codec(index = 32)]
    #[error("the receipt is older than 90 days")]
    TooLate,
    /// The patient has 20 open disputes.
    #[codec(index = 33)]
    #[error("20 disputes of the patient wait for their review")]
    TooMany,
    /// A guardian opens for the family only.
    #[codec(index = 34)]
    #[error("a guardian opens for the purpose FAMRQT only")]
    BadPurpose,
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
