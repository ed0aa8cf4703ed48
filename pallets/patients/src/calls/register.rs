//! Registration: the one call of a key that is in no register yet.

use salus_primitives::{
    AccountId, Hash, Moment, PatientId, Subject,
    crypto::{self, Signature},
    signed,
    subject::Roles,
};
use salus_registry::{self as registry, KemKey};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::{BindError, keys, storage::Account, usage};

use crate::{
    Error, Event, REGISTER_COST,
    storage::{Invitations, Patients},
    types::{Invitation, PROVISIONAL_MAX, Patient, PatientState},
};

/// The fields of [`crate::Call::Register`].
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// The patient's id.
    pub id: &'a PatientId,
    /// The invitation's key.
    pub invite: &'a AccountId,
    /// The invitation key's signature.
    pub possession: &'a Signature,
    /// Where records are sealed to.
    pub kem: &'a KemKey,
}

/// Would this registration by `account` succeed at `now`? A block that holds one that does not is invalid, so the
/// pool and the proposer ask before, and validation once more. Changes nothing; one signature is verified, last.
///
/// # Errors
/// What the call would return.
pub fn check_register(
    state: &dyn StateReader,
    now: Moment,
    genesis: &Hash,
    account: &AccountId,
    registration: &Registration<'_>,
) -> Result<(), Error> {
    check(state, now, genesis, account, registration).map(|_| ())
}

/// As [`check_register`]; the invitation.
fn check(
    state: &dyn StateReader,
    now: Moment,
    genesis: &Hash,
    account: &AccountId,
    registration: &Registration<'_>,
) -> Result<Invitation, Error> {
    let Registration { id, invite, possession, kem } = registration;
    let invitation = Invitations::get(state, invite).ok_or(Error::NoInvitation)?;
    ensure(!invitation.spent, Error::InvitationSpent)?;
    ensure(now < invitation.until, Error::InvitationEnded)?;
    registry::organisation_active(state, invitation.organisation)?;
    ensure(!Patients::contains(state, id), Error::IdTaken)?;
    ensure(account != *invite, Error::KeyTaken)?;
    ensure(Account::get(state, account).data.subject.is_none(), Error::KeyTaken)?;
    ensure(keys::purpose(state, *account).is_none(), Error::KeyTaken)?;
    ensure(!Invitations::contains(state, account), Error::KeyTaken)?;
    crypto::check_key(&account.0).map_err(|_| Error::WeakKey)?;
    kem.check().map_err(|_| Error::BadKemKey)?;
    let payer = Subject::Organisation(invitation.organisation);
    ensure(usage::affords(state, &payer, REGISTER_COST, now), Error::RateLimited)?;
    ensure(crypto::verify(invite, &signed::possession(genesis, account, id), possession), Error::BadPossession)?;
    Ok(invitation)
}

/// Become a patient. The weight is charged here, to the organisation that invited.
///
/// # Errors
/// See [`crate::Call::Register`].
pub fn register(
    ctx: &mut Ctx<'_, '_>,
    id: PatientId,
    invite: AccountId,
    possession: Signature,
    kem: KemKey,
) -> Result<(), Error> {
    let (account, now, subject) = (ctx.caller(), ctx.now(), Subject::Patient(id));
    let registration = Registration { id: &id, invite: &invite, possession: &possession, kem: &kem };
    let invitation = check(ctx.state(), now, &ctx.genesis(), &account, &registration)?;
    let Invitation { organisation, provisional, .. } = invitation;

    keys::bind(ctx.state_mut(), now, account, subject, Roles::NONE, None).map_err(|error| match error {
        BindError::Taken | BindError::TooMany => Error::KeyTaken,
        BindError::Weak(_) => Error::WeakKey,
    })?;
    registry::set_kem(ctx.state_mut(), subject, kem).map_err(|_| Error::BadKemKey)?;
    let patient = Patient {
        state: match provisional {
            true => PatientState::Provisional { until: now.plus(PROVISIONAL_MAX) },
            false => PatientState::Active,
        },
        assurance: 0,
        inviting: organisation,
        held_key: provisional.then_some(account),
        frozen_at: None,
    };
    Patients::insert(ctx.state_mut(), &id, &patient);
    Invitations::insert(ctx.state_mut(), &invite, &Invitation { spent: true, ..invitation });
    usage::charge(ctx.state_mut(), &Subject::Organisation(organisation), REGISTER_COST.weight, now);
    ctx.emit(Event::PatientRegistered { patient: id, organisation, account, provisional });
    Ok(())
}
