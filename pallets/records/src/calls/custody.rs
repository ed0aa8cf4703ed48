//! Handing records over to another custodian.

use salus_primitives::{OrganisationId, Subject, signed::CoSigns, subject::Roles};
use salus_registry as registry;
use salus_support::{Ctx, StateReader, ensure};

use super::{caller, is_custodian};
use crate::{
    Error, Event,
    storage::{FormerCustodians, Records},
    types::{FORMER_KEPT, FORMERS_MAX, Former, Formers, Place, Record, RecordKey, RecordKeys, RecordStatus},
};

/// Who gives records away.
#[derive(Clone, Copy)]
enum Giver {
    /// This custodian, which calls.
    Custodian(OrganisationId),
    /// A removed one, whose successor calls.
    Removed,
}

/// One record's change of hands.
struct HandOver {
    key: RecordKey,
    from: OrganisationId,
    record: Record,
    formers: Formers,
}

/// Hand records over.
///
/// # Errors
/// See [`crate::Call::CustodySet`].
pub fn custody_set(
    ctx: &mut Ctx<'_, '_>,
    records: &RecordKeys,
    organisation: OrganisationId,
    cosign: &CoSigns,
) -> Result<(), Error> {
    let giver = giver(ctx, organisation, cosign)?;
    ensure(is_custodian(ctx.state(), organisation), Error::BadCustodian)?;
    ensure(!records.is_empty() && !records.has_duplicates(), Error::BadRecords)?;
    let hand_overs = records.iter().map(|key| hand_over(ctx, *key, giver, organisation));
    let hand_overs = hand_overs.collect::<Result<Vec<_>, _>>()?;

    for HandOver { key, from, record, formers } in hand_overs {
        Records::insert(ctx.state_mut(), &key, &record);
        FormerCustodians::insert(ctx.state_mut(), &key, &formers);
        let (patient, record) = key;
        ctx.emit(Event::CustodySet { patient, record, from, to: organisation });
    }
    Ok(())
}

/// Who gives: the caller's organisation with the taker's agreement, or whom the council named the caller's as
/// successor of.
fn giver(ctx: &Ctx<'_, '_>, taker: OrganisationId, cosign: &CoSigns) -> Result<Giver, Error> {
    if caller(ctx)?.subject == Subject::Organisation(taker) {
        registry::officer(ctx, Roles::GATEWAY)?;
        ensure(cosign.is_empty(), Error::BadCoSign)?;
        return Ok(Giver::Removed);
    }
    let giver = registry::officer(ctx, Roles::PRIVACY)?;
    let agreed = ctx.cosigners(cosign).ok_or(Error::BadCoSign)?;
    let [other] = agreed[..] else { return Err(Error::BadCoSign) };
    let signer = registry::officer_key(ctx.state(), other, Roles::GATEWAY, ctx.now());
    ensure(signer == Ok(taker), Error::BadCoSign)?;
    Ok(Giver::Custodian(giver))
}

/// The record with `taker` in the place of who gives. Where the taker keeps it already, it is left with one custodian.
fn hand_over(ctx: &Ctx<'_, '_>, key: RecordKey, giver: Giver, taker: OrganisationId) -> Result<HandOver, Error> {
    let old = Records::get(ctx.state(), &key).ok_or(Error::NoSuchRecord)?;
    ensure(old.status != RecordStatus::Erased, Error::BadState)?;
    let gives = |custodian: &OrganisationId| gives(ctx.state(), giver, *custodian, taker);
    let (from, custodian, second) = if gives(&old.custodian) {
        (old.custodian, taker, old.second)
    } else {
        let second = old.second.filter(gives).ok_or(Error::NotAuthorised)?;
        (second, old.custodian, Some(taker))
    };
    let record = Record { custodian, second: second.filter(|second| *second != custodian), ..old.clone() };
    let formers = with_leaving(ctx, &key, &old, &record)?;
    Ok(HandOver { key, from, record, formers })
}

fn gives(state: &dyn StateReader, giver: Giver, custodian: OrganisationId, taker: OrganisationId) -> bool {
    match giver {
        Giver::Custodian(giver) => custodian == giver,
        Giver::Removed => registry::successor(state, custodian) == Some(taker),
    }
}

/// The record's former custodians, with those who leave their place now. Those who left long ago make room.
fn with_leaving(ctx: &Ctx<'_, '_>, key: &RecordKey, old: &Record, new: &Record) -> Result<Formers, Error> {
    let until = ctx.now();
    let first = (old.custodian != new.custodian).then_some((old.custodian, Place::First));
    let second = old.second.filter(|second| new.second != Some(*second)).map(|second| (second, Place::Second));
    let leaving: Vec<Former> =
        first.into_iter().chain(second).map(|(organisation, place)| Former { organisation, place, until }).collect();
    let mut formers = FormerCustodians::get(ctx.state(), key);
    if formers.len() + leaving.len() > FORMERS_MAX as usize {
        formers.retain(|former| until < former.until.plus(FORMER_KEPT));
    }
    for former in leaving {
        formers.try_push(former).map_err(|_| Error::TooMany)?;
    }
    Ok(formers)
}
