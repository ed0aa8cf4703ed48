//! What each call does: check first, write last.

pub mod affiliation;
pub mod keys_set;
pub mod organisation;
pub mod practitioner;

use salus_primitives::{AccountId, crypto::check_key, signed::CoSigns};
use salus_support::{Ctx, ensure};
use salus_system::storage::Account;

use crate::Error;

/// Exactly `expected` co-signed, in any order.
fn exactly(ctx: &Ctx<'_, '_>, cosign: &CoSigns, expected: &[AccountId]) -> Result<(), Error> {
    ensure(cosign.len() == expected.len(), Error::BadCoSign)?;
    let signers = ctx.cosigners(cosign).ok_or(Error::BadCoSign)?;
    ensure(expected.iter().all(|account| signers.contains(account)), Error::BadCoSign)
}

/// Keys that are to be bound are strong, were never bound, and agree by their own signatures.
fn new_keys_agree(ctx: &Ctx<'_, '_>, cosign: &CoSigns, keys: &[AccountId]) -> Result<(), Error> {
    ensure(keys.iter().all(|key| check_key(&key.0).is_ok()), Error::WeakKey)?;
    ensure(keys.iter().all(|key| Account::get(ctx.state(), key).data.subject.is_none()), Error::KeyTaken)?;
    exactly(ctx, cosign, keys)
}
