//! Reviewing emergencies and disputes, and disputing.

use salus_primitives::{Hash, OrganisationId, PatientId, Subject, subject::Roles};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::caller;

use crate::{
    Error, Event,
    cases::{Case, Dispute, Disputed, FULL_CLOSED, Finding, Review, Reviewed, enrollers},
    log,
    storage::{Caseloads, Cases, Disputes, LateHolds, Receipts},
    types::{Fact, RECEIPT_KEPT, Receipt},
};

/// What of a case a reviewer reviews.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Emergency,
    Dispute,
}

/// A Reviewer reviews an emergency or a dispute.
///
/// # Errors
/// As [`crate::Call::Review`] lists.
pub fn review(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    index: u32,
    finding: Finding,
    note: Hash,
) -> Result<(), Error> {
    let by = salus_registry::officer(ctx, Roles::REVIEWER)?;
    let (now, state) = (ctx.now(), ctx.state());
    let mut case = Cases::get(state, &(patient, index)).ok_or(Error::NoSuchCase)?;
    let receipt = Receipts::get(state, &(patient, index)).ok_or(Error::NoSuchCase)?;
    let part = part(state, by, &case, &receipt)?;
    let involved = case.involved.contains(&ctx.caller()) || enrollers(state, &receipt).contains(&ctx.caller());
    ensure(!involved, Error::SelfReview)?;

    let review = Review { finding, by, note, at: now };
    match part {
        Part::Emergency => {
            case.review = Some(review);
            settle_emergency(ctx, patient, index, &case, &receipt);
        }
        Part::Dispute => {
            case.dispute = case.dispute.map(|dispute| Dispute { review: Some(review), ..dispute });
            let mut open = Disputes::get(ctx.state(), &patient);
            open.retain(|disputed| *disputed != index);
            match open.is_empty() {
                true => Disputes::remove(ctx.state_mut(), &patient),
                false => Disputes::insert(ctx.state_mut(), &patient, &open),
            }
        }
    }
    if let (Finding::Unjustified, Subject::Practitioner(opener)) = (finding, receipt.opener) {
        let mut caseload = Caseloads::get(ctx.state(), &opener);
        caseload.closed_until = caseload.closed_until.max(now.plus(FULL_CLOSED));
        Caseloads::insert(ctx.state_mut(), &opener, &caseload);
    }
    Cases::insert(ctx.state_mut(), &(patient, index), &case);
    let of_dispute = part == Part::Dispute;
    let reviewed = Reviewed { height: ctx.height(), receipt: index, of_dispute, review };
    let fact = log::append(ctx, patient, &Fact::Reviewed(reviewed));
    ctx.emit(Event::Reviewed { patient, fact, receipt: index, of_dispute, by, finding });
    Ok(())
}

/// An emergency was reviewed: it weighs on nobody any more.
fn settle_emergency(ctx: &mut Ctx<'_, '_>, patient: PatientId, index: u32, case: &Case, receipt: &Receipt) {
    let state = ctx.state_mut();
    if let Subject::Practitioner(opener) = receipt.opener {
        let mut caseload = Caseloads::get(state, &opener);
        caseload.close(patient, index);
        Caseloads::insert(state, &opener, &caseload);
    }
    let overdue = case.emergency.and_then(|emergency| emergency.late).is_some_and(|late| late.overdue);
    if overdue {
        match LateHolds::get(state, &receipt.organisation) {
            0 | 1 => LateHolds::remove(state, &receipt.organisation),
            held => LateHolds::insert(state, &receipt.organisation, &(held - 1)),
        }
    }
}

/// What a Reviewer of `by` reviews of this case: an emergency of their own organisation, or a dispute at another.
/// The emergencies of an organisation that is not Active, and so has nobody to review them, are anybody's.
fn part(state: &dyn StateReader, by: OrganisationId, case: &Case, receipt: &Receipt) -> Result<Part, Error> {
    let own = by == receipt.organisation;
    match (own, case.is_pending(), case.is_disputed()) {
        (_, false, false) => Err(Error::NotPending),
        (true, true, _) => Ok(Part::Emergency),
        (true, false, true) => Err(Error::SelfReview),
        (false, _, true) => Ok(Part::Dispute),
        (false, true, false) => {
            let orphaned = salus_registry::organisation_active(state, receipt.organisation).is_err();
            ensure(orphaned, Error::NotAuthorised)?;
            Ok(Part::Emergency)
        }
    }
}

/// The patient, or a guardian, objects to an opening.
///
/// # Errors
/// As [`crate::Call::Dispute`] lists.
pub fn dispute(ctx: &mut Ctx<'_, '_>, patient: PatientId, index: u32, note: Hash) -> Result<(), Error> {
    let by = objector(ctx, patient)?;
    let (now, state) = (ctx.now(), ctx.state());
    let receipt = Receipts::get(state, &(patient, index)).ok_or(Error::NoSuchReceipt)?;
    ensure(now.since(receipt.at) <= RECEIPT_KEPT, Error::TooLate)?;
    let mut case = Cases::get(state, &(patient, index)).unwrap_or_default();
    ensure(case.dispute.is_none(), Error::AlreadyDisputed)?;
    let mut open = Disputes::get(state, &patient);
    open.try_push(index).map_err(|_| Error::TooMany)?;

    case.dispute = Some(Dispute { by, note, at: now, review: None });
    Cases::insert(ctx.state_mut(), &(patient, index), &case);
    Disputes::insert(ctx.state_mut(), &patient, &open);
    let disputed = Disputed { height: ctx.height(), at: now, receipt: index, by, note };
    let fact = log::append(ctx, patient, &Fact::Disputed(disputed));
    ctx.emit(Event::Disputed { patient, fact, receipt: index, by });
    Ok(())
}

/// The patient or one of their guardians, who calls with a lasting key.
fn objector(ctx: &Ctx<'_, '_>, patient: PatientId) -> Result<PatientId, Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    let Subject::Patient(by) = who.subject else { return Err(Error::NotAuthorised) };
    let may = by == patient || salus_patients::is_guardian(ctx.state(), &patient, who.subject, ctx.now());
    ensure(may && !who.session, Error::NotAuthorised)?;
    Ok(by)
}
