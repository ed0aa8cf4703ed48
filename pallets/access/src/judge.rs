//! Decisions on records in state: one question, and a receipt judged again.

use std::collections::BTreeSet;

use salus_consent::{Action, Basis, Denial, Grounds, Kind, Purpose, Question, Reason, Tier, Verdict, traced};
use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject};
use salus_registry::{Standing, storage::Organisations, types::Caps};
use salus_support::StateReader;

use crate::{
    storage::Caseloads,
    types::{Entry, Receipt, Withheld},
};

/// Decide a question about a record in state. An id under which the patient has no record is denied for a
/// reason of its own.
pub fn judge(state: &dyn StateReader, question: &Question, record: RecordId) -> Verdict {
    on(&Grounds::of(state, question, &[]), state, question.patient, record)
}

/// As [`judge`], with every key that repeating it needs, absent ones too: the account of the signer, what the
/// decision read, and the record (formats.md 13).
pub fn judge_traced(
    state: &dyn StateReader,
    signer: AccountId,
    question: &Question,
    record: RecordId,
) -> (Verdict, BTreeSet<Vec<u8>>) {
    traced(state, |state| {
        // Who signs stands beside what they may: a verifier looks whom the key speaks for.
        let _ = salus_system::keys::speaker(state, signer, question.at);
        judge(state, question, record)
    })
}

/// Judge one record on grounds already read.
pub(crate) fn on(grounds: &Grounds, state: &dyn StateReader, patient: PatientId, record: RecordId) -> Verdict {
    match salus_records::view(state, patient, record) {
        Some(view) => grounds.judge(&view),
        None => grounds.judge_unknown(),
    }
}

/// May this entry of a receipt be released at `now`: permitted when opened, the receipt not over, and
/// permitted still on this state, this receipt's own uses not counted? An emergency's is permitted by the emergency's
/// own terms: no rule is asked, but a Deny where the tier is full. A gateway asks it of the newest
/// finalised state before the first byte and before each 8 MiB, so that a revocation stops even a download
/// in progress. Gives what the release rests on now.
///
/// # Errors
/// [`Withheld`]: why not.
pub fn releasable(
    state: &dyn StateReader,
    patient: PatientId,
    receipt: &Receipt,
    entry: usize,
    now: Moment,
) -> Result<Basis, Withheld> {
    let entry = receipt.entries.get(entry).ok_or(Withheld::NoSuchEntry)?;
    if let Verdict::Denied(denial) = entry.verdict {
        return Err(Withheld::Denied(denial));
    }
    if now >= receipt.until {
        return Err(Withheld::Over);
    }
    match again(state, patient, receipt, now).judge(state, entry) {
        Verdict::Permit(basis) => Ok(basis),
        Verdict::Denied(denial) => Err(Withheld::Withdrawn(denial)),
    }
}

/// The grounds on which a receipt's entries are judged again, its own uses not counted.
pub(crate) struct Again {
    patient: PatientId,
    grounds: AgainBy,
}

/// By what a receipt's entries are judged again: by what they were permitted by.
enum AgainBy {
    /// The patient's rules and the chain's default policy, or a guardianship.
    Rules(Grounds),
    /// An emergency.
    Emergency(EmergencyGrounds),
    /// The opener is nobody who can open.
    Nothing,
}

/// Read the grounds on which the entries of `receipt` are judged at `at`.
pub(crate) fn again(state: &dyn StateReader, patient: PatientId, receipt: &Receipt, at: Moment) -> Again {
    let (organisation, purpose) = (receipt.organisation, receipt.purpose);
    let grounds = match (receipt.opener, receipt.tier()) {
        (Subject::Practitioner(actor), Some(tier)) => {
            AgainBy::Emergency(EmergencyGrounds::of(state, patient, actor, organisation, tier, at))
        }
        (Subject::Practitioner(actor), None) => {
            let question = Question { patient, actor, organisation, action: Action::View, purpose, at };
            AgainBy::Rules(Grounds::of(state, &question, &receipt.rules()))
        }
        (Subject::Patient(_), _) => {
            AgainBy::Rules(Grounds::of_guardian(state, patient, receipt.opener, organisation, at))
        }
        (Subject::Council | Subject::Organisation(_), _) => AgainBy::Nothing,
    };
    Again { patient, grounds }
}

impl Again {
    /// Judge one of its entries.
    pub(crate) fn judge(&self, state: &dyn StateReader, entry: &Entry) -> Verdict {
        match &self.grounds {
            AgainBy::Rules(grounds) => on(grounds, state, self.patient, entry.record),
            AgainBy::Emergency(grounds) => grounds.judge(state, self.patient, entry.record),
            AgainBy::Nothing => Verdict::Denied(Denial::from(Reason::Standing(Standing::NotAuthorised))),
        }
    }
}

/// What an emergency's records are judged by: the same decision, asked for emergency treatment, of which an emergency
/// overrides that no rule permits it, and in tier summary that one denies it. Nothing else.
pub(crate) struct EmergencyGrounds {
    tier: Tier,
    grounds: Grounds,
    /// Why nothing is opened whatever the record, if so.
    barred: Option<Reason>,
}

impl EmergencyGrounds {
    /// Read the grounds for `actor` at `organisation` at the moment `at`.
    pub(crate) fn of(
        state: &dyn StateReader,
        patient: PatientId,
        actor: PractitionerId,
        organisation: OrganisationId,
        tier: Tier,
        at: Moment,
    ) -> Self {
        let purpose = Purpose::EmergencyTreatment;
        let question = Question { patient, actor, organisation, action: Action::View, purpose, at };
        let grounds = Grounds::of(state, &question, &[]);
        let barred = match grounds.barred() {
            Some(Reason::Standing(standing)) => Some(Reason::Standing(standing)),
            of_patient => opener_bar(state, &question, tier)
                .or(of_patient)
                .or_else(|| salus_patients::may_use_default(state, &patient, at).err().map(Reason::Patient)),
        };
        Self { tier, grounds, barred }
    }

    /// Why nothing is opened whatever the record, if so.
    pub(crate) fn barred(&self) -> Option<Reason> {
        self.barred
    }

    /// Judge one record.
    pub(crate) fn judge(&self, state: &dyn StateReader, patient: PatientId, record: RecordId) -> Verdict {
        let found = salus_records::view(state, patient, record);
        let reason = match (self.barred, &found) {
            (Some(reason), _) => reason,
            (None, None) => Reason::UnknownRecord,
            (None, Some(view)) if self.tier == Tier::Summary && view.kind != Kind::Summary => Reason::NotSummary,
            (None, Some(view)) => {
                return match self.grounds.judge(view) {
                    Verdict::Denied(denial) if !self.overrides(denial.reason) => Verdict::Denied(denial),
                    Verdict::Permit(_) | Verdict::Denied(_) => Verdict::Permit(Basis::Emergency(self.tier)),
                };
            }
        };
        Verdict::Denied(reason.into())
    }

    /// Does an emergency of this tier open what is denied for this reason?
    fn overrides(&self, reason: Reason) -> bool {
        match reason {
            Reason::NoConsent => true,
            Reason::DenyRule => self.tier == Tier::Summary,
            _ => false,
        }
    }
}

/// What bars an opener from an emergency besides their standing: the organisation's capability, or a review that closed
/// the full tier.
fn opener_bar(state: &dyn StateReader, question: &Question, tier: Tier) -> Option<Reason> {
    let capable = Organisations::get(state, &question.organisation)
        .is_some_and(|organisation| organisation.caps.contains(Caps::EMERGENCY));
    let closed = tier == Tier::Full && question.at < Caseloads::get(state, &question.actor).closed_until;
    match (capable, closed) {
        (false, _) => Some(Reason::NoEmergency),
        (true, true) => Some(Reason::FullClosed),
        (true, false) => None,
    }
}
