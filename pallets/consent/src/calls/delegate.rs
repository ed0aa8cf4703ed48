//! Passing a permission on, once.

use salus_primitives::{Moment, PatientId, Subject, subject::Roles};
use salus_support::{Ctx, ensure};
use salus_system::caller;

use super::is_registered;
use crate::{
    Actor, Error, Event,
    codes::{Action, Actions},
    decide::denies_organisation,
    denies_request,
    rules::{self, Draft},
    terms::{Extent, is_window},
    types::{Effect, Grantee, Origin, Rule, RuleRef, Terms},
};

/// The grantee of a rule that lets its grantee share it makes a narrower one.
///
/// # Errors
/// As [`crate::Call::Delegate`] lists.
pub fn delegate(ctx: &mut Ctx<'_, '_>, patient: PatientId, parent: RuleRef, terms: Terms) -> Result<(), Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    ensure(!who.session, Error::NotAuthorised)?;
    let (now, state) = (ctx.now(), ctx.state());
    let rule = rules::find(state, patient, &parent).ok_or(Error::NoSuchRule)?;
    let denied = match (who.subject, rule.terms.grantee) {
        (Subject::Practitioner(caller), Grantee::Practitioner(practitioner, organisation))
            if caller == practitioner =>
        {
            let affiliation = salus_registry::practitioner_acts(state, practitioner, organisation, now)?;
            let actor = Actor { practitioner, organisation, affiliation: &affiliation };
            denies_request(state, patient, &actor, &sharing(&terms), now)
        }
        (Subject::Organisation(caller), Grantee::Organisation(organisation)) if caller == organisation => {
            salus_registry::officer(ctx, Roles::PRIVACY)?;
            denies_organisation(state, patient, organisation, &sharing(&terms), now)
        }
        _ => return Err(Error::NotAuthorised),
    };
    salus_patients::may_change_rules(state, &patient, now).map_err(Error::Patient)?;
    may_be_shared(&rule, now)?;
    terms.check().map_err(Error::BadTerms)?;
    ensure(is_window(&terms.window, now), Error::BadWindow)?;
    ensure(is_registered(state, &terms.grantee), Error::UnknownGrantee)?;
    ensure(is_part(&terms, &rule), Error::NotSubset)?;
    ensure(!denied, Error::DeniedByRule)?;

    let grantee = terms.grantee.key();
    let draft = Draft { terms, origin: Origin::Delegated(parent), labelled_only: rule.labelled_only };
    let id = rules::write_delegated(ctx.state_mut(), now, patient, parent, draft)?;
    ctx.emit(Event::Delegated { patient, parent, rule: RuleRef { grantee, id }, by: who.subject });
    Ok(())
}

/// What a Deny must not hit: what is passed on, and passing it on.
fn sharing(terms: &Terms) -> Extent<'_> {
    let actions = Actions(terms.actions.0 | Actions::of(&[Action::Share]).0);
    Extent { actions, ..terms.extent() }
}

/// May anything be delegated from this rule at all?
fn may_be_shared(rule: &Rule, now: Moment) -> Result<(), Error> {
    let shared = rule.terms.effect == Effect::Permit
        && rule.terms.actions.contains(Action::Share)
        && !rule.terms.obligations.no_redisclose;
    ensure(shared, Error::NotShared)?;
    ensure(!matches!(rule.origin, Origin::Delegated(_)), Error::TooDeep)?;
    ensure(rule.is_live(now, 0), Error::BadState)
}

/// Does the rule lie within what is left of its parent in every dimension? What may not leave an organisation is
/// passed on within it only.
fn is_part(terms: &Terms, parent: &Rule) -> bool {
    let stays = terms.grantee.organisation() == parent.terms.grantee.organisation();
    terms.effect == Effect::Permit
        && terms.extent().is_within(&parent.left())
        && (stays || !parent.terms.obligations.local_only)
}
