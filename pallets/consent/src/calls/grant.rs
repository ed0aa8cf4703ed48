//! Making rules.

use salus_patients::Acting;
use salus_primitives::PatientId;
use salus_support::{Ctx, ensure};

use super::{Maker, emit_gone, is_registered, maker};
use crate::{
    Error, Event,
    rules::{self, Draft},
    terms::is_window,
    types::{Effect, Origin, RuleRef, Terms},
};

/// The patient, or a guardian for them, makes a rule.
///
/// # Errors
/// As [`crate::Call::Grant`] lists.
pub fn grant(ctx: &mut Ctx<'_, '_>, patient: PatientId, terms: Terms, replaces: Option<RuleRef>) -> Result<(), Error> {
    make_rule(ctx, patient, terms, replaces).map(|_| ())
}

/// Make a rule for the patient who calls, or for whom a guardian calls, and give its number: what `grant` does, and
/// what an approved request does too.
///
/// # Errors
/// As [`crate::Call::Grant`] lists.
pub fn make_rule(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    terms: Terms,
    replaces: Option<RuleRef>,
) -> Result<RuleRef, Error> {
    let maker = maker(ctx, patient)?;
    salus_patients::may_change_rules(ctx.state(), &patient, ctx.now()).map_err(Error::Patient)?;
    terms.check().map_err(Error::BadTerms)?;
    ensure(is_window(&terms.window, ctx.now()), Error::BadWindow)?;
    ensure(is_registered(ctx.state(), &terms.grantee), Error::UnknownGrantee)?;
    let origin = match &maker {
        Maker::Patient => Origin::Patient,
        Maker::Guardian(acting) => {
            ensure(is_guardians(&terms, acting), Error::GuardianRule)?;
            let own = Origin::Guardian(acting.guardian);
            let replaced = replaces.and_then(|old| rules::find(ctx.state(), patient, &old));
            ensure(replaced.is_none_or(|rule| rule.origin == own), Error::NotAuthorised)?;
            own
        }
    };

    let (now, effect, grantee) = (ctx.now(), terms.effect, terms.grantee.key());
    let draft = Draft { terms, origin, labelled_only: matches!(maker, Maker::Guardian(_)) };
    let (id, gone) = rules::write(ctx.state_mut(), now, patient, draft, replaces)?;
    let rule = RuleRef { grantee, id };
    ctx.emit(match effect {
        Effect::Permit => Event::Granted { patient, rule, replaced: replaces },
        Effect::Deny => Event::DenySet { patient, rule, replaced: replaces },
    });
    emit_gone(ctx, patient, gone);
    Ok(rule)
}

/// Is this a rule that a guardian may make: a Permit that leaves out what is excluded from guardians, and ends when the
/// guardianship does?
fn is_guardians(terms: &Terms, acting: &Acting) -> bool {
    terms.effect == Effect::Permit
        && acting.excluded.iter().all(|tag| terms.scope.none_of.contains(tag))
        && terms.window.until <= acting.until
}
