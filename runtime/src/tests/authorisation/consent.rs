//! The patient's rules.

use salus_consent::{Action, Call, Effect, Error, Grantee, Purpose, RuleRef, Terms, Withdrawal};
use salus_primitives::BoundedVec;
use salus_registry::Standing;

use super::*;

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Consent(error))
}

/// Only the patient makes rules, and a guardian who may act some. Whom a rule speaks to gives it up, also when struck
/// off, and passes it on.
pub(super) const TABLE: Table = Table {
    pallet: "Consent",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("sk", Error::NotActive(Standing::PractitionerStruck)),
        no("gu", Error::GuardianRule),
        no("nr", Error::NoSuchRule),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        grant                 | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok .
        grant deny            | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | gu .
        grant replacing       | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | .  .
        revoke                | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os ok | ok .  .  | nr .
        revoke organisation's | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  .  .  | ok .  .  | nr .
        revoke guardian's     | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok .
        delegate              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        delegate org.'s       | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
    ",
    rows: &[
        row("grant", |world, role| world.by(role, grant(guardians_terms(world.now())))),
        row("grant deny", |world, role| {
            let terms = guardians_terms(world.now());
            let scope = salus_consent::Scope { none_of: BoundedVec::new(), ..terms.scope };
            world.by(role, grant(Terms { effect: Effect::Deny, scope, ..terms }))
        }),
        row("grant replacing", |world, role| {
            let terms = guardians_terms(world.now());
            world.by(role, Call::Grant { patient: PATIENT, terms, replaces: Some(RULE) })
        }),
        row("revoke", |world, role| world.by(role, revoke(practitioners_rule(role)))),
        row("revoke organisation's", |world, role| world.by(role, revoke(organisations_rule(role)))),
        row("revoke guardian's", |world, role| world.by(role, revoke(GUARDIANS_RULE))),
        row("delegate", |world, role| world.by(role, delegate(practitioners_rule(role), world.now()))),
        row("delegate org.'s", |world, role| world.by(role, delegate(organisations_rule(role), world.now()))),
    ],
};

/// The rule for this role's practitioner, or for the one concerned.
const fn practitioners_rule(role: Role) -> RuleRef {
    match role {
        Role::SuspendedDoctor => SUSPENDED_RULE,
        Role::StruckDoctor => STRUCK_RULE,
        _ => RULE,
    }
}

/// The rule for this role's organisation, or for the one concerned.
fn organisations_rule(role: Role) -> RuleRef {
    if role == Role::Suspended { CLOSED_RULE } else { HERE_RULE }
}

fn revoke(rule: RuleRef) -> Call {
    Call::Revoke { patient: PATIENT, what: Withdrawal::Rules(BoundedVec::try_from(vec![rule]).unwrap()) }
}

/// Let the other doctor view what this rule says.
fn delegate(parent: RuleRef, now: Moment) -> Call {
    let terms = permit(Grantee::Practitioner(OTHER_DOCTOR, THERE), Purpose::Treatment, &[Action::View], now);
    let terms = Terms { window: salus_primitives::Window { until: now.plus(1_000), ..terms.window }, ..terms };
    Call::Delegate { patient: PATIENT, parent, terms }
}
