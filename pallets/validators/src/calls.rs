//! What the call does: check first, write last.

use salus_primitives::{Hash, Height, evidence::Evidence};
use salus_support::{Ctx, StateReader, ensure};

use crate::{
    Error, Event, change, current,
    storage::{Reported, Seats},
    types::{EVIDENCE_AGE_MAX, REPORTS_MAX, Reports},
};

/// Would this report succeed in a block of height `number`, on the chain of `genesis`? A block that holds one that
/// does not is invalid, so the pool and the proposer ask before. Changes nothing; the signatures are verified last.
///
/// # Errors
/// What the call would return.
pub fn check_report(state: &dyn StateReader, number: Height, genesis: &Hash, evidence: &Evidence) -> Result<(), Error> {
    check(state, number, genesis, evidence).map(|_| ())
}

/// As [`check_report`]; how many reports the block took before.
fn check(state: &dyn StateReader, number: Height, genesis: &Hash, evidence: &Evidence) -> Result<u8, Error> {
    let (offender, height) = (evidence.offender(), evidence.height());
    ensure(height <= number, Error::NotYet)?;
    ensure(number.0 - height.0 <= EVIDENCE_AGE_MAX, Error::TooOld)?;
    let seat = Seats::get(state, &offender).filter(|seat| seat.sat_at(height)).ok_or(Error::NotValidator)?;
    ensure(!seat.struck, Error::AlreadyStruck)?;
    let set = current(state);
    ensure(set.len() > 1 || set.index_of(&offender).is_none(), Error::LastValidator)?;
    let reported = Reported::get(state);
    let before = if reported.height == number { reported.count } else { 0 };
    ensure(before < REPORTS_MAX, Error::TooManyReports)?;
    ensure(evidence.proves(genesis), Error::NotProven)?;
    Ok(before)
}

/// Call 4.
///
/// # Errors
/// As [`crate::Call::ReportEquivocation`] says.
pub fn report_equivocation(ctx: &mut Ctx<'_, '_>, evidence: &Evidence) -> Result<(), Error> {
    let (offender, number) = (evidence.offender(), ctx.height());
    let before = check(ctx.state(), number, &ctx.genesis(), evidence)?;
    let organisation = change::strike(ctx.state_mut(), number, offender);
    Reported::put(ctx.state_mut(), &Reports { height: number, count: before + 1 });
    ctx.emit(Event::Equivocated { authority: offender, height: evidence.height(), organisation });
    Ok(())
}
