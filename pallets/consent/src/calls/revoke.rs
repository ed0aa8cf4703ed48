//! Withdrawing rules.

use std::collections::BTreeSet;

use salus_primitives::{PatientId, Subject, subject::Roles};
use salus_support::{Ctx, ensure};
use salus_system::{Caller, caller};

use super::{Maker, emit_gone, maker};
use crate::{
    Error, rules,
    types::{Effect, GranteeKey, Origin, Rule, Withdrawal},
};

/// The patient withdraws rules, a guardian those they made, or a grantee gives up its own. What was delegated from them
/// goes with them.
///
/// # Errors
/// As [`crate::Call::Revoke`] lists.
pub fn revoke(ctx: &mut Ctx<'_, '_>, patient: PatientId, what: &Withdrawal) -> Result<(), Error> {
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?;
    let keys: BTreeSet<GranteeKey> = what.pages().into_iter().collect();
    let part = match who.subject {
        Subject::Patient(_) => match maker(ctx, patient)? {
            Maker::Patient => Part::All,
            Maker::Guardian(acting) => Part::MadeBy(Origin::Guardian(acting.guardian)),
        },
        _ => {
            keys.iter().try_for_each(|key| is_own(ctx, &who, *key))?;
            Part::Permits
        }
    };

    let goes = |key, rule: &Rule| what.names(key, rule.id) && part.has(rule);
    let gone = rules::withdraw(ctx.state_mut(), patient, &keys, goes);
    ensure(!gone.is_empty(), Error::NoSuchRule)?;
    emit_gone(ctx, patient, gone);
    Ok(())
}

/// Which rules of those that are named the caller may withdraw.
enum Part {
    /// Each.
    All,
    /// Those of this origin.
    MadeBy(Origin),
    /// Those that permit something.
    Permits,
}

impl Part {
    fn has(&self, rule: &Rule) -> bool {
        match self {
            Self::All => true,
            Self::MadeBy(origin) => rule.origin == *origin,
            Self::Permits => rule.terms.effect == Effect::Permit,
        }
    }
}

/// May the caller give up Permits of this page: do they speak to the caller? A suspended organisation's people
/// may not, as they may do nothing but report.
fn is_own(ctx: &Ctx<'_, '_>, who: &Caller, key: GranteeKey) -> Result<(), Error> {
    match (who.subject, key) {
        (Subject::Practitioner(caller), GranteeKey::Practitioner(practitioner, organisation))
            if caller == practitioner && !who.session =>
        {
            Ok(salus_registry::organisation_active(ctx.state(), organisation)?)
        }
        (Subject::Organisation(caller), GranteeKey::Organisation(organisation)) if caller == organisation => {
            Ok(salus_registry::officer(ctx, Roles::PRIVACY).map(|_| ())?)
        }
        _ => Err(Error::NotAuthorised),
    }
}
