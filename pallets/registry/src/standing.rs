//! Who may act: the questions that this and the pallets above ask of the register.

use salus_primitives::{AccountId, Moment, OrganisationId, PractitionerId, Subject, subject::Roles};
use salus_support::{Ctx, StateReader};
use salus_system::{Caller, keys::speaker};

use crate::{
    storage::{Affiliations, Organisations, Practitioners},
    types::{Affiliation, OrganisationStatus, Practitioner, PractitionerStatus, Standing},
};

/// The organisation for which the caller is an officer with `role`; it is Active.
///
/// # Errors
/// [`Standing`]: the key's first, then the organisation's.
pub fn officer(ctx: &Ctx<'_, '_>, role: Roles) -> Result<OrganisationId, Standing> {
    officer_key(ctx.state(), ctx.caller(), role, ctx.now())
}

/// As [`officer`], also while the organisation is suspended: for reports of what was released, so that care
/// for others goes on. A removed organisation reports no more.
///
/// # Errors
/// [`Standing`]: the key's first, then the organisation's.
pub fn officer_even_suspended(ctx: &Ctx<'_, '_>, role: Roles) -> Result<OrganisationId, Standing> {
    let id = employer(ctx.state(), ctx.caller(), role, ctx.now())?;
    match organisation_active(ctx.state(), id) {
        Err(Standing::OrganisationSuspended) => Ok(id),
        other => other.map(|()| id),
    }
}

/// The Active organisation for which `account`, which need not be the caller, is an officer with `role`.
///
/// # Errors
/// [`Standing`]: the key's first, then the organisation's.
pub fn officer_key(
    state: &dyn StateReader,
    account: AccountId,
    role: Roles,
    now: Moment,
) -> Result<OrganisationId, Standing> {
    let id = employer(state, account, role, now)?;
    organisation_active(state, id).map(|()| id)
}

/// The organisation `account` has `role` at, whatever that organisation's state.
fn employer(state: &dyn StateReader, account: AccountId, role: Roles, now: Moment) -> Result<OrganisationId, Standing> {
    match speaker(state, account, now).ok_or(Standing::NotRegistered)? {
        Caller { subject: Subject::Organisation(id), roles, .. } if roles.contains(role) => Ok(id),
        _ => Err(Standing::NotAuthorised),
    }
}

/// The practitioner whose key signed, a session key's too. Whether they act is for [`practitioner_acts`].
///
/// # Errors
/// [`Standing::NotRegistered`] or [`Standing::NotAuthorised`].
pub fn practitioner(ctx: &Ctx<'_, '_>) -> Result<PractitionerId, Standing> {
    match salus_system::caller(ctx).map_err(|_| Standing::NotRegistered)?.subject {
        Subject::Practitioner(id) => Ok(id),
        _ => Err(Standing::NotAuthorised),
    }
}

/// Is this organisation there and Active?
///
/// # Errors
/// [`Standing::UnknownOrganisation`], [`Standing::OrganisationSuspended`] or [`Standing::OrganisationRemoved`].
pub fn organisation_active(state: &dyn StateReader, id: OrganisationId) -> Result<(), Standing> {
    match Organisations::get(state, &id).map(|organisation| organisation.status) {
        Some(OrganisationStatus::Active) => Ok(()),
        Some(OrganisationStatus::Suspended) => Err(Standing::OrganisationSuspended),
        Some(OrganisationStatus::Removed) => Err(Standing::OrganisationRemoved),
        None => Err(Standing::UnknownOrganisation),
    }
}

/// Is this practitioner there, Active and licensed at `now`?
///
/// # Errors
/// [`Standing::UnknownPractitioner`], [`Standing::PractitionerSuspended`], [`Standing::PractitionerStruck`] or
/// [`Standing::LicenceExpired`].
pub fn practitioner_licensed(
    state: &dyn StateReader,
    id: PractitionerId,
    now: Moment,
) -> Result<Practitioner, Standing> {
    let practitioner = Practitioners::get(state, &id).ok_or(Standing::UnknownPractitioner)?;
    match practitioner.status {
        PractitionerStatus::Suspended => Err(Standing::PractitionerSuspended),
        PractitionerStatus::Struck => Err(Standing::PractitionerStruck),
        PractitionerStatus::Active if now >= practitioner.licence_until => Err(Standing::LicenceExpired),
        PractitionerStatus::Active => Ok(practitioner),
    }
}

/// Does `practitioner` act for `organisation` at `now`: the organisation Active, the practitioner Active and
/// licensed, the affiliation live?
///
/// # Errors
/// [`Standing`]: the organisation's, then the practitioner's, then the affiliation's.
pub fn practitioner_acts(
    state: &dyn StateReader,
    practitioner: PractitionerId,
    organisation: OrganisationId,
    now: Moment,
) -> Result<Affiliation, Standing> {
    organisation_active(state, organisation)?;
    practitioner_licensed(state, practitioner, now)?;
    let affiliation = Affiliations::get(state, &(practitioner, organisation)).ok_or(Standing::NotAffiliated)?;
    if now < affiliation.until { Ok(affiliation) } else { Err(Standing::AffiliationExpired) }
}
