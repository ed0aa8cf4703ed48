//! Practitioners: call 7.

use salus_primitives::{AccountId, Hash, Moment, PractitionerId, Subject, signed::CoSigns, subject::Roles};
use salus_support::{Ctx, Overlay, ensure};
use salus_system::keys as system_keys;

use super::{exactly, new_keys_agree};
use crate::{
    Error, Event, keys, officer,
    storage::{CouncilSuspended, Organisations, Practitioners},
    types::{Caps, LICENCE_MAX, Practitioner, PractitionerStatus},
};

/// What a Registrar enters of a practitioner.
pub struct Entry {
    /// Commitment to the licence.
    pub licence: Hash,
    /// First moment without a licence.
    pub licence_until: Moment,
    /// SNOMED CT concept id.
    pub speciality: u64,
    /// Whether they act.
    pub status: PractitionerStatus,
}

/// Call 7.
///
/// # Errors
/// As [`crate::Call::PractitionerSet`] says.
pub fn practitioner_set(
    ctx: &mut Ctx<'_, '_>,
    id: PractitionerId,
    account: Option<AccountId>,
    entry: Entry,
    cosign: &CoSigns,
) -> Result<(), Error> {
    let organisation = officer(ctx, Roles::REGISTRAR)?;
    let licenses = Organisations::get(ctx.state(), &organisation).is_some_and(|o| o.caps.contains(Caps::LICENSING));
    ensure(licenses, Error::NotAuthorised)?;
    let Entry { licence, licence_until, speciality, status } = entry;
    let now = ctx.now();

    let known = Practitioners::get(ctx.state(), &id);
    match &known {
        Some(known) => {
            ensure(known.licensing == organisation, Error::NotAuthorised)?;
            ensure(known.status.may_become(status), Error::BadState)?;
            ensure(status != PractitionerStatus::Struck || account.is_none(), Error::BadState)?;
            let lifts = status == PractitionerStatus::Active && CouncilSuspended::contains(ctx.state(), &id);
            ensure(!lifts, Error::BadState)?;
        }
        None => {
            ensure(status == PractitionerStatus::Active, Error::BadState)?;
            ensure(account.is_some(), Error::KeyMissing)?;
        }
    }
    let stays = known.as_ref().is_some_and(|known| known.licence_until == licence_until);
    ensure(stays || (now < licence_until && licence_until <= now.plus(LICENCE_MAX)), Error::BadWindow)?;
    match account {
        Some(account) => new_keys_agree(ctx, cosign, &[account])?,
        None => exactly(ctx, cosign, &[])?,
    }

    let subject = Subject::Practitioner(id);
    let caller = ctx.caller();
    if let Some(account) = account {
        let state = ctx.state_mut();
        system_keys::end_all(state, subject);
        keys::drop_kem(state, subject);
        system_keys::bind(state, now, account, subject, Roles::NONE, None)?;
    }
    let enrolled_by = known.filter(|_| account.is_none()).map_or(caller, |known| known.enrolled_by);
    let practitioner =
        Practitioner { status, licence, licence_until, speciality, licensing: organisation, enrolled_by };
    Practitioners::insert(ctx.state_mut(), &id, &practitioner);
    ctx.emit(Event::PractitionerSet { practitioner: id, licensing: organisation, status, licence_until, account });
    Ok(())
}

/// Why the council cannot set a practitioner's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PractitionerStatusError {
    /// No practitioner has this id.
    Unknown,
    /// No such transition.
    Transition,
}

/// Set a practitioner's state by the council: whoever licenses them cannot lift a suspension of its. Called by the
/// council alone.
///
/// # Errors
/// [`PractitionerStatusError`]; then nothing is changed.
pub fn practitioner_status(
    state: &mut Overlay<'_>,
    now: Moment,
    id: PractitionerId,
    status: PractitionerStatus,
) -> Result<Event, PractitionerStatusError> {
    let known = Practitioners::get(state, &id).ok_or(PractitionerStatusError::Unknown)?;
    ensure(known.status.may_become(status), PractitionerStatusError::Transition)?;
    match status {
        PractitionerStatus::Suspended => CouncilSuspended::insert(state, &id, &now),
        PractitionerStatus::Active | PractitionerStatus::Struck => CouncilSuspended::remove(state, &id),
    }
    let practitioner = Practitioner { status, ..known };
    Practitioners::insert(state, &id, &practitioner);
    let Practitioner { licensing, licence_until, .. } = practitioner;
    Ok(Event::PractitionerSet { practitioner: id, licensing, status, licence_until, account: None })
}
