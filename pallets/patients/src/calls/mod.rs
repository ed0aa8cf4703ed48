//! The calls, one file each, and what they share.

pub mod confirm;
pub mod guardians_set;
pub mod invite;
pub mod recover;
pub mod register;
pub mod status;

use salus_primitives::{AccountId, OrganisationId, signed::CoSigns, subject::Roles};
use salus_registry::{self as registry, Standing};
use salus_support::{Ctx, ensure};

use crate::{Error, Problem};

/// Exactly these keys co-signed, in any order.
fn exactly(ctx: &Ctx<'_, '_>, cosigns: &CoSigns, keys: &[AccountId]) -> Result<(), Error> {
    ensure(cosigns.len() == keys.len(), Error::BadCoSign)?;
    let signers = ctx.cosigners(cosigns).ok_or(Error::BadCoSign)?;
    ensure(keys.iter().all(|key| signers.contains(key)), Error::BadCoSign)
}

/// The one key that co-signed.
fn one_cosigner(ctx: &Ctx<'_, '_>, cosigns: &CoSigns) -> Result<AccountId, Error> {
    match ctx.cosigners(cosigns).as_deref() {
        Some([only]) => Ok(*only),
        _ => Err(Error::BadCoSign),
    }
}

/// The organisation of the Registrar who co-signed: Active, and not `first`, the caller's. Besides, exactly these new
/// keys co-signed.
fn second_registrar(
    ctx: &Ctx<'_, '_>,
    first: OrganisationId,
    cosigns: &CoSigns,
    new: &[AccountId],
) -> Result<OrganisationId, Error> {
    let mut signers = ctx.cosigners(cosigns).ok_or(Error::BadCoSign)?;
    ensure(signers.len() == new.len() + 1 && new.iter().all(|key| signers.contains(key)), Error::BadCoSign)?;
    signers.retain(|signer| !new.contains(signer));
    let [registrar] = signers[..] else { return Err(Error::BadCoSign) };
    let second = registry::officer_key(ctx.state(), registrar, Roles::REGISTRAR, ctx.now());
    second.ok().filter(|second| *second != first).ok_or(Error::BadCoSign)
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

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::UnknownPatient => Self::UnknownPatient,
            Problem::NotRegistered => Self::NotRegistered,
            Problem::NotPatient | Problem::SessionKey => Self::NotAuthorised,
            Problem::Lapsed
            | Problem::Unconfirmed
            | Problem::Frozen
            | Problem::Deceased
            | Problem::Closed
            | Problem::Recovering => Self::BadState,
        }
    }
}
