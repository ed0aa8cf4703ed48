//! Reporting what was released.

use salus_primitives::{Hash, Moment, OrganisationId, PatientId, RecordId, Subject, subject::Roles};
use salus_support::{Ctx, StateReader, ensure};

use crate::{
    Error, Event,
    judge::again,
    log,
    storage::Receipts,
    types::{Fact, Release, ServedBy, bitmap},
};

/// A custodian reports that it released entries of a receipt.
///
/// A report of what happened is never refused for what it says: a release that was late, or that nothing
/// permitted, is written down with its flag. Only reports that name nothing, or say the same again, or come
/// from somebody who cannot have released, are no reports.
///
/// # Errors
/// As [`crate::Call::Serve`] lists.
pub fn serve(ctx: &mut Ctx<'_, '_>, patient: PatientId, index: u32, entries: u64, digest: Hash) -> Result<(), Error> {
    let custodian = salus_registry::officer_even_suspended(ctx, Roles::GATEWAY)?;
    let (now, state) = (ctx.now(), ctx.state());
    let mut receipt = Receipts::get(state, &(patient, index)).ok_or(Error::NoSuchReceipt)?;
    let known = bitmap(receipt.entries.iter().map(|_| true));
    ensure(entries != 0 && entries & !known == 0, Error::BadEntries)?;
    let named = |place: usize| entries & (1 << place) != 0;
    let mut marks = Vec::new();
    for (place, entry) in receipt.entries.iter().enumerate().filter(|(place, _)| named(*place)) {
        let mark = custody(state, patient, entry.record, custodian, receipt.at).ok_or(Error::NotCustodian)?;
        ensure(!entry.served.contains(mark), Error::AlreadyServed)?;
        marks.push((place, mark));
    }
    // Lateness has its own flag: an entry is judged no later than the receipt's last moment.
    let last = Moment(receipt.until.0.saturating_sub(1));
    let grounds = again(state, patient, &receipt, now.min(last));
    let after_revocation =
        bitmap(receipt.entries.iter().enumerate().map(|(place, entry)| {
            named(place) && !(entry.verdict.is_permit() && grounds.judge(state, entry).is_permit())
        }));
    let late = now >= receipt.until;
    // A release that nothing permits earns nothing, nor does one to a relative.
    let earning = match receipt.opener {
        Subject::Practitioner(_) => (entries & !after_revocation).count_ones(),
        Subject::Council | Subject::Organisation(_) | Subject::Patient(_) => 0,
    };

    for (place, mark) in marks {
        if let Some(entry) = receipt.entries.get_mut(place) {
            entry.served = entry.served.with(mark);
        }
    }
    Receipts::insert(ctx.state_mut(), &(patient, index), &receipt);
    let height = ctx.height();
    let release = Release { height, at: now, receipt: index, custodian, entries, digest, late, after_revocation };
    let fact = log::append(ctx, patient, &Fact::Served(release));
    ctx.emit(Event::Served { patient, fact, receipt: index, custodian, entries, late, after_revocation });
    salus_credits::earn(ctx, custodian, receipt.organisation, patient, earning);
    Ok(())
}

/// As what custodian the organisation released the record: as one it was when the record was `opened`, else as one it
/// is since a hand-over.
fn custody(
    state: &dyn StateReader,
    patient: PatientId,
    record: RecordId,
    organisation: OrganisationId,
    opened: Moment,
) -> Option<ServedBy> {
    let now = salus_records::record(state, patient, record)?;
    let (first, second) = salus_records::custodians_at(state, patient, record, opened)?;
    let marks = [
        (Some(first), ServedBy::FIRST),
        (second, ServedBy::SECOND),
        (Some(now.custodian), ServedBy::LATER_FIRST),
        (now.second, ServedBy::LATER_SECOND),
    ];
    marks.into_iter().find_map(|(custodian, mark)| (custodian == Some(organisation)).then_some(mark))
}
