//! The calls, one file each, and what they share.

pub mod delegate;
pub mod grant;
pub mod revoke;

use salus_patients::Acting;
use salus_primitives::{PatientId, Subject};
use salus_registry::{
    Standing,
    storage::{Organisations, Practitioners},
};
use salus_support::{Ctx, StateReader, ensure};

use crate::{
    Error, Event,
    rules::{Gone, Unwritten},
    types::Grantee,
};

impl From<Unwritten> for Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::PageFull => Self::PageFull,
            Unwritten::TooMany => Self::TooMany,
            Unwritten::NoSuchRule => Self::NoSuchRule,
            Unwritten::ChildrenFull => Self::ChildrenFull,
        }
    }
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

/// Who may make rules for a patient.
enum Maker {
    /// The patient.
    Patient,
    /// A guardian with the power to act.
    Guardian(Acting),
}

/// The patient, or a guardian who acts for them, who calls with a lasting key.
fn maker(ctx: &Ctx<'_, '_>, patient: PatientId) -> Result<Maker, Error> {
    let who = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    ensure(!who.session, Error::NotAuthorised)?;
    if who.subject == Subject::Patient(patient) {
        return Ok(Maker::Patient);
    }
    let acting = salus_patients::acts_for(ctx.state(), &patient, who.subject, ctx.now());
    acting.map(Maker::Guardian).ok_or(Error::NotAuthorised)
}

/// Say which rules are gone, page by page.
fn emit_gone(ctx: &mut Ctx<'_, '_>, patient: PatientId, gone: Gone) {
    let Ok(who) = salus_system::caller(ctx) else { return };
    for (grantee, rules) in gone {
        ctx.emit(Event::Revoked { patient, grantee, rules, by: who.subject });
    }
}

/// Is whom a rule speaks to in the register? An id that is in no register yet could be taken by anybody later.
fn is_registered(state: &dyn StateReader, grantee: &Grantee) -> bool {
    match grantee {
        Grantee::Practitioner(practitioner, organisation) => {
            Practitioners::contains(state, practitioner) && Organisations::contains(state, organisation)
        }
        Grantee::Organisation(organisation) => Organisations::contains(state, organisation),
        Grantee::Everyone => true,
        Grantee::Attribute(attribute) => Organisations::contains(state, &attribute.organisation),
    }
}
