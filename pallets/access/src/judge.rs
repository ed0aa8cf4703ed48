//! Decisions on records in state: one question, and a receipt judged again.

use std::collections::BTreeSet;

use salus_consent::{Action, Basis, Denial, Grounds, Question, Reason, Verdict, traced};
use salus_primitives::{AccountId, Moment, PatientId, RecordId, Subject};
use salus_registry::Standing;
use salus_support::StateReader;

use crate::types::{Entry, Receipt, Withheld};

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
/// permitted still on this state, this receipt's own uses not counted? A gateway asks it of the newest
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
    /// None where the opener is nobody who can open by a rule.
    grounds: Option<Grounds>,
}

/// Read the grounds on which the entries of `receipt` are judged at `at`.
pub(crate) fn again(state: &dyn StateReader, patient: PatientId, receipt: &Receipt, at: Moment) -> Again {
    let grounds = match receipt.opener {
        Subject::Practitioner(actor) => {
            let (organisation, purpose) = (receipt.organisation, receipt.purpose);
            let question = Question { patient, actor, organisation, action: Action::View, purpose, at };
            Some(Grounds::of(state, &question, &receipt.rules()))
        }
        Subject::Council | Subject::Organisation(_) | Subject::Patient(_) => None,
    };
    Again { patient, grounds }
}

impl Again {
    /// Judge one of its entries.
    pub(crate) fn judge(&self, state: &dyn StateReader, entry: &Entry) -> Verdict {
        match &self.grounds {
            Some(grounds) => on(grounds, state, self.patient, entry.record),
            None => Verdict::Denied(Denial::from(Reason::Standing(Standing::NotAuthorised))),
        }
    }
}
