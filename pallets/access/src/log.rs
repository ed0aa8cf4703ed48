//! The patient log: the only place that appends facts, and clears receipts away that are old enough.

use parity_scale_codec::Encode;
use salus_primitives::{Moment, PatientId, patient_log::LogHead};
use salus_support::{Ctx, Overlay, StateReader};

use crate::{
    storage::{Cases, Logs, Receipts},
    types::{CLEARED_PER_FACT, Fact, RECEIPT_KEPT, Receipt},
};

/// Append a fact to the patient's log and give its index. At most two places at the log's old end are
/// cleared: a fact adds one, so that the state of a patient who is looked at does not grow for ever. A receipt with an
/// open case is not, nor what is younger than it.
pub fn append(ctx: &mut Ctx<'_, '_>, patient: PatientId, fact: &Fact) -> u32 {
    let (genesis, now) = (ctx.genesis(), ctx.now());
    let state = ctx.state_mut();
    let mut log = Logs::get(state, &patient);
    let index = log.count;
    log.push(&genesis, &patient, &fact.encode());
    for _ in 0..CLEARED_PER_FACT {
        if log.first >= index || is_kept(state, patient, log.first, now) {
            break;
        }
        clear(state, patient, &mut log);
    }
    Logs::insert(state, &patient, &log);
    index
}

/// Does the receipt at this place, if there is one, have to stay?
fn is_kept(state: &dyn StateReader, patient: PatientId, index: u32, now: Moment) -> bool {
    let young = |receipt: &Receipt| now.since(receipt.at) < RECEIPT_KEPT;
    Receipts::get(state, &(patient, index)).is_some_and(|receipt| young(&receipt))
        || Cases::get(state, &(patient, index)).is_some_and(|case| case.is_open())
}

/// Clear the oldest place of a log, a receipt's or another fact's.
fn clear(state: &mut Overlay<'_>, patient: PatientId, log: &mut LogHead) {
    Receipts::remove(state, &(patient, log.first));
    Cases::remove(state, &(patient, log.first));
    log.first += 1;
}

/// Who looked or tried to, when, why and under which rule: the patient's receipts in state, oldest first, each
/// with its index. Reads by exact key, one at a time, as they are asked for.
pub fn history(state: &dyn StateReader, patient: PatientId) -> impl Iterator<Item = (u32, Receipt)> {
    let log = Logs::get(state, &patient);
    (log.first..log.count)
        .filter_map(move |index| Receipts::get(state, &(patient, index)).map(|receipt| (index, receipt)))
}
