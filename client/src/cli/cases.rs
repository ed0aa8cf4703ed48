//! What the reviews of emergencies and objections are about: the views of `salus emergency`.

use salus_access::{
    Case, Finding,
    cases::{FULL_PER_DAY, Review},
};
use salus_client::actions::{
    emergency::{self, Waiting},
    subject_text,
};
use salus_consent::Tier;
use salus_primitives::{Hash, OrganisationId, PatientId, PractitionerId, Subject};
use serde_json::Value;

use super::{
    access::{ENTRY_COLUMNS, entries},
    error::CliError,
    output::{Output, moment_value},
    refs::Ref,
    session::Session,
};

/// How a doctor stands with emergencies.
pub async fn caseload(session: &Session, doctor: &Ref<PractitionerId>) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let doctor = session.id(&chain, doctor).await?;
    let standing = emergency::caseload(&chain, doctor).await?;
    let load = &standing.caseload;
    let closed = standing.now < load.closed_until;
    let full = match () {
        () if closed => "closed by a review",
        () if load.is_overdue(standing.now) => "closed while a review is overdue",
        () if load.is_full() => "closed while so many wait for a review",
        () if standing.today.emergencies >= FULL_PER_DAY => "used up for today",
        () => "open",
    };
    Ok(Output::new(format!("Emergencies of doctor {doctor} that wait for a review"))
        .with("full_tier", full)
        .with("closed_until", closed.then(|| moment_value(load.closed_until)))
        .with("full_today", standing.today.emergencies)
        .with("full_a_day", FULL_PER_DAY)
        .with("overdue", load.is_overdue(standing.now))
        .with("not_listed", load.more)
        .with_list("cases", CASE_COLUMNS, standing.cases.iter().map(row).collect()))
}

/// What the Reviewers of an organisation may review.
pub async fn to_review(session: &Session, org: &Ref<OrganisationId>) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let org = session.id(&chain, org).await?;
    let found = emergency::to_review(&chain, org).await?;
    Ok(Output::new(format!("For the Reviewers of organisation {org}"))
        .with("overdue_late_emergencies", found.held)
        .with("not_listed", found.unlisted)
        .with_list("cases", CASE_COLUMNS, found.waiting.iter().map(row).collect()))
}

const CASE_COLUMNS: &[&str] =
    &["patient", "receipt", "case", "doctor", "organisation", "reason", "since", "due", "overdue"];

fn row(case: &Waiting) -> Vec<Value> {
    let what = match case.emergency {
        Some((tier, _)) => format!("emergency, {}", tier_name(tier)),
        None => "objection".to_owned(),
    };
    let who = match case.opener {
        Subject::Practitioner(doctor) => doctor.to_string(),
        other => subject_text(&other),
    };
    vec![
        case.patient.to_string().into(),
        case.receipt.into(),
        what.into(),
        who.into(),
        case.organisation.to_string().into(),
        case.emergency.map(|(_, reason)| reason).into(),
        moment_value(case.since),
        case.due.map(moment_value).into(),
        case.overdue.into(),
    ]
}

/// An emergency or an objection, and whether `given` is the commitment to a note of it.
pub async fn show(
    session: &Session,
    patient: &Ref<PatientId>,
    receipt: u32,
    given: Option<Hash>,
) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let patient = session.id(&chain, patient).await?;
    let (access, case) = emergency::show(&chain, patient, receipt).await?;
    let output = Output::new("")
        .with_text("patient", patient)
        .with("receipt", receipt)
        .with_text("who", subject_text(&access.opener))
        .with_text("organisation", access.organisation)
        .with_moment("at", access.at)
        .with("height", access.height.0)
        .with_moment("until", access.until);
    let output = described(output, &case);
    let output = match given {
        Some(given) => output.with("note_given", whose_note(&case, given)),
        None => output,
    };
    Ok(output.with_list("entries", ENTRY_COLUMNS, entries(&access)))
}

fn described(mut output: Output, case: &Case) -> Output {
    if let Some(emergency) = case.emergency {
        output = output
            .with("tier", tier_name(emergency.tier))
            .with("reason", emergency.reason)
            .with_text("note", emergency.note)
            .with("officer", emergency.officer.map(|officer| officer.to_string()))
            .with("happened", emergency.late.map(|late| moment_value(late.happened)))
            .with("written_down_after_72h", emergency.late.map(|late| late.overdue))
            .with("finding", case.review.map(|review| finding_name(review.finding)))
            .with("reviewed", case.review.as_ref().map(review_text));
    }
    if let Some(dispute) = case.dispute {
        output = output
            .with_text("objected_by", dispute.by)
            .with_moment("objected_at", dispute.at)
            .with_text("objection_note", dispute.note)
            .with("objection_finding", dispute.review.map(|review| finding_name(review.finding)))
            .with("objection_reviewed", dispute.review.as_ref().map(review_text));
    }
    output.with("waits_for_review", case.is_open())
}

/// Who reviewed, when, and with which note.
fn review_text(review: &Review) -> String {
    let at = salus_client::fhir::instant(review.at);
    format!("{at} by organisation {}, note {}", review.by, review.note)
}

/// Whose note it is that this is the commitment to.
fn whose_note(case: &Case, given: Hash) -> &'static str {
    let dispute_review = case.dispute.and_then(|dispute| dispute.review);
    let notes = [
        (case.emergency.map(|emergency| emergency.note), "the opener's"),
        (case.dispute.map(|dispute| dispute.note), "the objection's"),
        (case.review.map(|review| review.note), "the reviewer's of the emergency"),
        (dispute_review.map(|review| review.note), "the reviewer's of the objection"),
    ];
    let found = notes.into_iter().find(|(note, _)| *note == Some(given));
    found.map_or("nobody's here: another file or another salt", |(_, whose)| whose)
}

/// The name of a tier.
pub fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Summary => "summary",
        Tier::Full => "full",
    }
}

/// The name of what a review found.
pub fn finding_name(finding: Finding) -> &'static str {
    match finding {
        Finding::Justified => "justified",
        Finding::Unjustified => "unjustified",
        Finding::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_access::cases::{Dispute, Emergency};
    use salus_primitives::Moment;

    fn case() -> Case {
        let emergency = Emergency { tier: Tier::Full, reason: 4, note: Hash([1; 32]), officer: None, late: None };
        let dispute = Dispute { by: PatientId([2; 16]), note: Hash([3; 32]), at: Moment(9), review: None };
        Case { emergency: Some(emergency), dispute: Some(dispute), ..Case::default() }
    }

    fn review(note: u8) -> Review {
        Review { finding: Finding::Unjustified, by: OrganisationId([5; 16]), note: Hash([note; 32]), at: Moment(0) }
    }

    #[test]
    fn a_note_is_told_to_be_whose_it_is_or_nobodys() {
        let mut case = case();
        case.review = Some(review(6));
        case.dispute = case.dispute.map(|dispute| Dispute { review: Some(review(7)), ..dispute });
        for (note, whose) in [(1, "the opener's"), (3, "the objection's"), (6, "the reviewer's of the emergency")] {
            assert_eq!(whose_note(&case, Hash([note; 32])), whose);
        }
        assert_eq!(whose_note(&case, Hash([7; 32])), "the reviewer's of the objection");
        assert!(whose_note(&case, Hash([8; 32])).starts_with("nobody's"));
    }

    #[test]
    fn an_emergency_and_an_objection_on_one_receipt_are_told_apart() {
        let mut reviewed = case();
        reviewed.review = Some(review(6));
        let told = described(Output::new(""), &reviewed).to_json();
        assert_eq!((&told["finding"], &told["objection_finding"]), (&"unjustified".into(), &Value::Null));
        assert_eq!((&told["tier"], &told["waits_for_review"]), (&"full".into(), &true.into()));
        let by = OrganisationId([5; 16]).to_string();
        assert!(told["reviewed"].as_str().unwrap().contains(&by), "{told}");
        let only_disputed = Case { emergency: None, ..case() };
        let told = described(Output::new(""), &only_disputed).to_json();
        assert_eq!((told.get("tier"), &told["waits_for_review"]), (None, &true.into()));
    }

    #[test]
    fn a_row_of_an_objection_has_no_moment_by_which_it_is_due() {
        let waiting = Waiting {
            patient: PatientId([1; 16]),
            receipt: 3,
            opener: Subject::Patient(PatientId([2; 16])),
            organisation: OrganisationId([5; 16]),
            emergency: None,
            since: Moment(0),
            due: None,
            overdue: false,
        };
        let cells = row(&waiting);
        assert_eq!(cells.len(), CASE_COLUMNS.len());
        assert_eq!((&cells[2], &cells[5], &cells[7]), (&"objection".into(), &Value::Null, &Value::Null));
        let due = Waiting { emergency: Some((Tier::Summary, 9)), due: Some(Moment(5)), overdue: true, ..waiting };
        let cells = row(&due);
        assert_eq!((&cells[2], &cells[5], &cells[8]), (&"emergency, summary".into(), &9.into(), &true.into()));
    }
}
