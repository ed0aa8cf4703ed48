//! Making rules.

use salus_primitives::{PatientId, Subject};
use salus_support::{Ctx, ensure};
use salus_system::caller;

use super::{emit_gone, is_registered};
use crate::{
    Error, Event,
    rules::{self, Draft},
    terms::is_window,
    types::{Effect, Origin, RuleRef, Terms},
};

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
    ensure(who.subject == Subject::Patient(patient) && !who.session, Error::NotAuthorised)?;
    let origin = Origin::Patient;
    salus_patients::may_change_rules(ctx.state(), &patient, ctx.now()).map_err(Error::Patient)?;
    terms.check().map_err(Error::BadTerms)?;
    ensure(is_window(&terms.window, ctx.now()), Error::BadWindow)?;
    ensure(is_registered(ctx.state(), &terms.grantee), Error::UnknownGrantee)?;

    let (now, effect, grantee) = (ctx.now(), terms.effect, terms.grantee.key());
    let draft = Draft { terms, origin, labelled_only: false };
    let (id, gone) = rules::write(ctx.state_mut(), now, patient, draft, replaces)?;
    let rule = RuleRef { grantee, id };
    ctx.emit(match effect {
        Effect::Permit => Event::Granted { patient, rule, replaced: replaces },
        Effect::Deny => Event::DenySet { patient, rule, replaced: replaces },
    });
    emit_gone(ctx, patient, gone);
    Ok(rule)
}
