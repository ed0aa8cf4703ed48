//! Cases: emergencies and disputes that wait for a review, and what follows from those that wait too long.
//!
//! ```text
//! emergency:  pending -> justified / unjustified / inconclusive, by a Reviewer of the organisation it was opened at
//! dispute:    open    -> justified / unjustified / inconclusive, by a Reviewer of another organisation
//! ```
//! Both can hang on one receipt, and are reviewed apart. Nothing here runs by a timer: what is overdue is judged
//! when it matters.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_consent::Tier;
use salus_primitives::{
    AccountId, BoundedVec, Hash, Height, Moment, OrganisationId, PatientId, PractitionerId, Subject,
    signed::CoSign,
    time::{DAY, HOUR},
};
use salus_registry::storage::{Affiliations, Practitioners};
use salus_support::StateReader;
use scale_info::TypeInfo;

use crate::types::Receipt;

/// How long an emergency may wait for its review before it is overdue, ms.
pub const REVIEW_WITHIN: u64 = 72 * HOUR;
/// How long an emergency lets its records be released, ms.
pub const EMERGENCY_LIFE: u64 = 4 * HOUR;
/// How long an unjustified emergency or opening closes the opener's full tier, ms.
pub const FULL_CLOSED: u64 = 30 * DAY;
/// Most emergencies of tier full of one practitioner a day.
pub const FULL_PER_DAY: u16 = 10;
/// Most cases of one practitioner that state lists; more are counted.
pub const OPEN_CASES_MAX: u32 = 16;
/// Most open disputes of one patient.
pub const DISPUTES_MAX: u32 = 20;

/// What a practitioner and an officer signed while the chain stood still: that the patient's emergency summary was
/// given out. The patient, the organisation, the record, the reason and the note stand in the call.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Evidence {
    /// To whom.
    pub practitioner: PractitionerId,
    /// When, as both say.
    pub happened: Moment,
    /// A key of the practitioner and its signature.
    pub opener: CoSign,
    /// The key of an officer of the organisation and its signature.
    pub officer: CoSign,
}

/// An emergency that was written down after it happened.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Late {
    /// When it happened, as the practitioner and the officer say.
    pub happened: Moment,
    /// Was it written down more than 72 hours later?
    pub overdue: bool,
}

/// What an emergency says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Emergency {
    /// How much it opened.
    pub tier: Tier,
    /// Code of the reason, from the deployment's list.
    pub reason: u8,
    /// Commitment to the opener's note.
    pub note: Hash,
    /// The officer who signed along, where one did.
    pub officer: Option<AccountId>,
    /// Was it written down late?
    pub late: Option<Late>,
}

/// What a review found.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Finding {
    /// It was right.
    #[codec(index = 0)]
    Justified,
    /// It was wrong: the opener's full tier is closed for 30 days.
    #[codec(index = 1)]
    Unjustified,
    /// It cannot be told.
    #[codec(index = 2)]
    Inconclusive,
}

/// A review of an emergency or of a dispute.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Review {
    /// What it found.
    pub finding: Finding,
    /// Whose Reviewer.
    pub by: OrganisationId,
    /// Commitment to the reviewer's note.
    pub note: Hash,
    /// When.
    pub at: Moment,
}

/// A patient's objection to an opening.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Dispute {
    /// The patient, or a guardian.
    pub by: PatientId,
    /// Commitment to the note.
    pub note: Hash,
    /// When.
    pub at: Moment,
    /// Its review, once there is one.
    pub review: Option<Review>,
}

/// What hangs on a receipt and has to be reviewed.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Case {
    /// The emergency, if the receipt is one's.
    pub emergency: Option<Emergency>,
    /// Its review, once there is one.
    pub review: Option<Review>,
    /// The patient's objection.
    pub dispute: Option<Dispute>,
    /// Keys that do not review it: of whoever had enrolled the opener, and of the officer who signed along.
    pub involved: BoundedVec<AccountId, 3>,
}

impl Case {
    /// The case of an emergency, with those who had a part in it.
    pub fn of(state: &dyn StateReader, receipt: &Receipt, emergency: Emergency) -> Self {
        let mut involved = enrollers(state, receipt);
        involved.extend(emergency.officer);
        involved.truncate(3);
        let involved = BoundedVec::try_from(involved).expect("at most two enrol a practitioner, and one signs along");
        Self { emergency: Some(emergency), review: None, dispute: None, involved }
    }

    /// Does an emergency wait for its review?
    pub fn is_pending(&self) -> bool {
        self.emergency.is_some() && self.review.is_none()
    }

    /// Does a dispute wait for its review?
    pub fn is_disputed(&self) -> bool {
        self.dispute.is_some_and(|dispute| dispute.review.is_none())
    }

    /// Does anything wait for a review? Then its receipt stays in state.
    pub fn is_open(&self) -> bool {
        self.is_pending() || self.is_disputed()
    }
}

/// The keys that enrolled the practitioner who opened, as they are in the register now: whoever did answers for the
/// practitioner, and does not review what they did.
pub(crate) fn enrollers(state: &dyn StateReader, receipt: &Receipt) -> Vec<AccountId> {
    let Subject::Practitioner(opener) = receipt.opener else { return Vec::new() };
    let licensed = Practitioners::get(state, &opener).map(|practitioner| practitioner.enrolled_by);
    let employed = Affiliations::get(state, &(opener, receipt.organisation)).map(|place| place.enrolled_by);
    licensed.into_iter().chain(employed).collect()
}

/// A case that a practitioner's emergency opened.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct OpenCase {
    /// Whose record was opened.
    pub patient: PatientId,
    /// Index of the receipt.
    pub receipt: u32,
    /// Since when it waits; for one that was written down late, since it happened.
    pub since: Moment,
}

/// The emergencies of a practitioner that wait for a review.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Caseload {
    /// Those that state lists.
    pub open: BoundedVec<OpenCase, OPEN_CASES_MAX>,
    /// How many more there are, of tier summary: they found the list full and are only counted.
    pub more: u32,
    /// Since when the longest of those may wait.
    pub more_since: Moment,
    /// First moment at which the full tier is not closed by a review.
    pub closed_until: Moment,
}

impl Caseload {
    /// Is there one that waits for more than 72 hours?
    pub fn is_overdue(&self, now: Moment) -> bool {
        let overdue = |since: Moment| now >= since.plus(REVIEW_WITHIN);
        self.open.iter().any(|case| overdue(case.since)) || (self.more > 0 && overdue(self.more_since))
    }

    /// Does it hold as many as state lists? Then no more are opened in full.
    pub fn is_full(&self) -> bool {
        self.open.is_full() || self.more > 0
    }

    /// One more: listed, or counted where the list is full.
    pub fn add(&mut self, case: OpenCase) {
        if self.open.try_push(case).is_err() {
            self.more_since = if self.more == 0 { case.since } else { self.more_since.min(case.since) };
            self.more = self.more.saturating_add(1);
        }
    }

    /// One less: it was reviewed.
    pub fn close(&mut self, patient: PatientId, receipt: u32) {
        let listed = self.open.len();
        self.open.retain(|case| (case.patient, case.receipt) != (patient, receipt));
        if self.open.len() == listed {
            self.more = self.more.saturating_sub(1);
        }
    }
}

/// An emergency or a dispute was reviewed, as the patient's log has it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Reviewed {
    /// In which block.
    pub height: Height,
    /// Index of the receipt.
    pub receipt: u32,
    /// Was it the dispute that was reviewed, or the emergency?
    pub of_dispute: bool,
    /// The review.
    pub review: Review,
}

/// A patient or a guardian objected, as the patient's log has it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Disputed {
    /// In which block.
    pub height: Height,
    /// At what block time.
    pub at: Moment,
    /// Index of the receipt.
    pub receipt: u32,
    /// Who.
    pub by: PatientId,
    /// Commitment to the note.
    pub note: Hash,
}
