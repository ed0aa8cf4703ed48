//! Opening records: the decision that leaves a receipt.

use salus_consent::{Action, Grounds, Purpose, Question, Reason, record_uses, types::RECORDS_MAX};
use salus_patients::Problem;
use salus_primitives::{BoundedVec, OrganisationId, PatientId, Subject};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::caller;

use crate::{
    Error, Event,
    judge::on,
    log,
    storage::{Activities, DeniedOpenings, Receipts},
    types::{DENIED_PER_DAY, Entry, Fact, OPENINGS_PER_DAY, RECEIPT_LIFE, Receipt, RecordIds, ServedBy},
};

/// A practitioner, or a guardian, opens records of a patient.
///
/// # Errors
/// As [`crate::Call::Open`] lists.
pub fn open(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    organisation: OrganisationId,
    purpose: Purpose,
    records: &RecordIds,
) -> Result<(), Error> {
    let (now, state) = (ctx.now(), ctx.state());
    let opener = caller(ctx).map_err(|_| Error::NotRegistered)?.subject;
    // The grounds say the caller's own standing first: read once, used for both.
    let grounds = match opener {
        Subject::Practitioner(actor) => {
            let question = Question { patient, actor, organisation, action: Action::View, purpose, at: now };
            Grounds::of(state, &question, &[])
        }
        Subject::Patient(_) => Grounds::of_guardian(state, patient, opener, organisation, now),
        Subject::Council | Subject::Organisation(_) => return Err(Error::NotAuthorised),
    };
    match grounds.barred() {
        Some(Reason::Standing(standing)) => return Err(standing.into()),
        Some(Reason::Patient(Problem::UnknownPatient)) => return Err(Error::Patient(Problem::UnknownPatient)),
        _ => {}
    }
    let family = !matches!(opener, Subject::Patient(_)) || purpose == Purpose::FamilyRequest;
    ensure(family, Error::BadPurpose)?;
    ensure(!records.is_empty() && !records.has_duplicates(), Error::BadRecords)?;
    let mut activity = Activities::get(state, &opener).on(now.day());
    ensure(activity.openings < OPENINGS_PER_DAY, Error::RateLimited)?;
    let mut denials = DeniedOpenings::get(state, &(opener, patient)).on(now.day());
    ensure(denials.count < DENIED_PER_DAY, Error::RateLimited)?;
    let receipt = Receipt {
        opener,
        organisation,
        purpose,
        height: ctx.height(),
        at: now,
        until: now.plus(RECEIPT_LIFE),
        entries: decided(state, &grounds, patient, records),
    };

    activity.openings += 1;
    Activities::insert(ctx.state_mut(), &opener, &activity);
    let permitted = receipt.permitted();
    let fact = if permitted == 0 {
        denials.count += 1;
        DeniedOpenings::insert(ctx.state_mut(), &(opener, patient), &denials);
        Fact::Denied(receipt.clone())
    } else {
        record_uses(ctx.state_mut(), now, patient, &receipt.rules());
        Fact::Opened(receipt.clone())
    };
    let index = log::append(ctx, patient, &fact);
    Receipts::insert(ctx.state_mut(), &(patient, index), &receipt);
    ctx.emit(Event::Opened { patient, receipt: index, opener, organisation, permitted });
    Ok(())
}

/// Decide each record alone, all on the state before the call.
fn decided(
    state: &dyn StateReader,
    grounds: &Grounds,
    patient: PatientId,
    records: &RecordIds,
) -> BoundedVec<Entry, RECORDS_MAX> {
    let entry = |&record| Entry { record, verdict: on(grounds, state, patient, record), served: ServedBy::default() };
    let entries: Vec<Entry> = records.iter().map(entry).collect();
    BoundedVec::try_from(entries).expect("there are as many entries as records, which have this bound")
}
