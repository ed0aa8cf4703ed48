//! Who works where: call 8.

use salus_primitives::{BoundedVec, Moment, OrganisationId, PractitionerId, Subject, signed::CoSigns, subject::Roles};
use salus_support::{Ctx, Overlay, ensure};
use salus_system::{Caller, keys::speaker};

use super::exactly;
use crate::{
    Error, Event, officer, practitioner_licensed,
    storage::{Affiliations, Places},
    types::{AFFILIATION_MAX, Affiliation, Terms},
};

/// Call 8, to begin or renew.
///
/// # Errors
/// As [`crate::Call::AffiliationSet`] says.
pub fn begin(
    ctx: &mut Ctx<'_, '_>,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    terms: Terms,
    cosign: &CoSigns,
) -> Result<(), Error> {
    ensure(officer(ctx, Roles::REGISTRAR)? == organisation, Error::NotAuthorised)?;
    let now = ctx.now();
    practitioner_licensed(ctx.state(), practitioner, now)?;
    let Terms { roles, until } = terms;
    ensure(now < until && until <= now.plus(AFFILIATION_MAX), Error::BadWindow)?;
    ensure(!roles.has_duplicates(), Error::BadRoles)?;
    let signer = match &cosign[..] {
        [cosign] => speaker(ctx.state(), cosign.account, now),
        _ => None,
    };
    match signer {
        Some(Caller { account, subject, session: false, .. }) if subject == Subject::Practitioner(practitioner) => {
            exactly(ctx, cosign, &[account])?;
        }
        _ => return Err(Error::BadCoSign),
    }

    let places = places_with(ctx.state(), practitioner, organisation, now)?;
    let enrolled_by = ctx.caller();
    let state = ctx.state_mut();
    for dropped in Places::get(state, &practitioner).iter().filter(|place| !places.contains(place)) {
        Affiliations::remove(state, &(practitioner, *dropped));
    }
    Places::insert(state, &practitioner, &places);
    Affiliations::insert(state, &(practitioner, organisation), &Affiliation { roles, until, enrolled_by });
    ctx.emit(Event::Affiliated { practitioner, organisation, until });
    Ok(())
}

/// Call 8, to end.
///
/// # Errors
/// As [`crate::Call::AffiliationSet`] says.
pub fn end(
    ctx: &mut Ctx<'_, '_>,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    cosign: &CoSigns,
) -> Result<(), Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    match caller.subject {
        Subject::Practitioner(id) => ensure(id == practitioner && !caller.session, Error::NotAuthorised)?,
        _ => ensure(officer(ctx, Roles::REGISTRAR)? == organisation, Error::NotAuthorised)?,
    }
    exactly(ctx, cosign, &[])?;
    ensure(Affiliations::contains(ctx.state(), &(practitioner, organisation)), Error::BadState)?;

    let state = ctx.state_mut();
    let mut places = Places::get(state, &practitioner);
    places.retain(|place| *place != organisation);
    match places.is_empty() {
        true => Places::remove(state, &practitioner),
        false => Places::insert(state, &practitioner, &places),
    }
    Affiliations::remove(state, &(practitioner, organisation));
    ctx.emit(Event::AffiliationEnded { practitioner, organisation });
    Ok(())
}

type PlaceList = BoundedVec<OrganisationId, { crate::types::AFFILIATIONS_MAX }>;

/// The places of `practitioner` with `organisation` among them; when they are full, without those that ran out.
fn places_with(
    state: &Overlay<'_>,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    now: Moment,
) -> Result<PlaceList, Error> {
    let mut places = Places::get(state, &practitioner);
    if places.contains(&organisation) {
        return Ok(places);
    }
    if places.is_full() {
        places.retain(|place| Affiliations::get(state, &(practitioner, *place)).is_some_and(|a| now < a.until));
    }
    places.try_push(organisation).map_err(|_| Error::TooMany)?;
    Ok(places)
}
