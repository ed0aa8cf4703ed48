//! Grant and revoke.

use salus_primitives::{PatientId, Subject, subject::Roles};
use salus_registry::{
    Standing,
    storage::{Organisations, Practitioners},
};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::{Caller, caller};

use crate::{
    Error, Event,
    rules::{self, Unwritten},
    terms::is_window,
    types::{Effect, Grantee, GranteeKey, Rule, RuleRef, Terms, Withdrawal},
};

impl From<Unwritten> for Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::PageFull => Self::PageFull,
            Unwritten::TooMany => Self::TooMany,
            Unwritten::NoSuchRule => Self::NoSuchRule,
        }
    }
}

/// The patient makes a rule.
///
/// # Errors
/// As [`crate::Call::Grant`] lists.
pub fn grant(ctx: &mut Ctx<'_, '_>, patient: PatientId, terms: Terms, replaces: Option<RuleRef>) -> Result<(), Error> {
    make_rule(ctx, patient, terms, replaces).map(|_| ())
}

/// Make a rule for the patient who calls, and give its number: what `grant` does, and what an approved request
/// does too.
///
/// # Errors
/// As [`crate::Call::Grant`] lists.
pub fn make_rule(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    terms: Terms,
    replaces: Option<RuleRef>,
) -> Result<RuleRef, Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    ensure(is_patient(&who, patient), Error::NotAuthorised)?;
    salus_patients::may_change_rules(ctx.state(), &patient, ctx.now()).map_err(Error::Patient)?;
    terms.check().map_err(Error::BadTerms)?;
    ensure(is_window(&terms.window, ctx.now()), Error::BadWindow)?;
    ensure(is_registered(ctx.state(), &terms.grantee), Error::UnknownGrantee)?;

    let (now, effect, grantee) = (ctx.now(), terms.effect, terms.grantee.key());
    let id = rules::write(ctx.state_mut(), now, patient, terms, replaces)?;
    let rule = RuleRef { grantee, id };
    ctx.emit(match effect {
        Effect::Permit => Event::Granted { patient, rule, replaced: replaces },
        Effect::Deny => Event::DenySet { patient, rule, replaced: replaces },
    });
    Ok(rule)
}

/// The patient withdraws rules, or a grantee gives up its own.
///
/// # Errors
/// As [`crate::Call::Revoke`] lists.
pub fn revoke(ctx: &mut Ctx<'_, '_>, patient: PatientId, what: &Withdrawal) -> Result<(), Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    let owner = is_patient(&who, patient);
    for key in what.pages() {
        ensure(owner, Error::NotAuthorised).or_else(|_| is_own(ctx, &who, key))?;
    }

    let mut keys = what.pages();
    keys.sort_unstable();
    keys.dedup();
    let mut withdrawn = false;
    for grantee in keys {
        let goes = |rule: &Rule| what.names(grantee, rule.id) && (owner || rule.terms.effect == Effect::Permit);
        let rules = rules::withdraw(ctx.state_mut(), patient, grantee, goes);
        if !rules.is_empty() {
            ctx.emit(Event::Revoked { patient, grantee, rules, by: who.subject });
            withdrawn = true;
        }
    }
    ensure(withdrawn, Error::NoSuchRule)
}

/// Does a lasting key of the patient call?
fn is_patient(who: &Caller, patient: PatientId) -> bool {
    who.subject == Subject::Patient(patient) && !who.session
}

/// May the caller give up Permits of this page: do they speak to the caller? A suspended organisation's people
/// may not, as they may do nothing but report.
fn is_own(ctx: &Ctx<'_, '_>, who: &Caller, key: GranteeKey) -> Result<(), Error> {
    match (who.subject, key) {
        (Subject::Practitioner(caller), GranteeKey::Practitioner(practitioner, organisation))
            if caller == practitioner && !who.session =>
        {
            salus_registry::organisation_active(ctx.state(), organisation).map_err(Error::NotActive)
        }
        (Subject::Organisation(caller), GranteeKey::Organisation(organisation)) if caller == organisation => {
            salus_registry::officer(ctx, Roles::PRIVACY).map(|_| ()).map_err(|standing| match standing {
                Standing::NotAuthorised => Error::NotAuthorised,
                standing => Error::NotActive(standing),
            })
        }
        _ => Err(Error::NotAuthorised),
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
