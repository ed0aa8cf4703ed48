//! Invitations and their ring.

use salus_primitives::{Moment, time::DAY};
use salus_system::{Parameters, storage::ChainParameters};

use super::*;
use crate::{
    storage::{Invitations, Rings, Slots},
    testing::{invitation, invite},
    types::{INVITATION_MAX, Ring},
};

fn call(chain: &Chain, number: u16) -> Call {
    Call::Invite { key: invitation(number).public(), until: chain.now().plus(DAY), provisional: false }
}

fn limit(chain: &mut Chain, invitations_max: u32) {
    chain.prepare(|state| ChainParameters::put(state, &Parameters { invitations_max, ..Parameters::default() }));
}

#[test]
fn a_registrar_invites() {
    let mut chain = chain();
    let until = chain.now().plus(INVITATION_MAX);
    let key = invitation(1).public();
    chain.ok(account(registrar()), Call::Invite { key, until, provisional: true }).emitted(Event::Invited {
        organisation: HOSPITAL,
        key,
        until,
        provisional: true,
    });
    let kept = Invitations::get(chain.state(), &key).unwrap();
    assert_eq!((kept.organisation, kept.until, kept.provisional, kept.spent), (HOSPITAL, until, true, false));
    assert_eq!(inviting(chain.state(), &key), Some(HOSPITAL));
}

#[test]
fn nobody_but_a_registrar_of_an_active_organisation_invites() {
    let mut chain = chain();
    let stranger = account(key(99));
    let call = call(&chain, 1);
    chain.refused(stranger, call.clone(), Error::NotRegistered);
    chain.refused(account(clerk()), call.clone(), Error::NotAuthorised);
    let patient = registered(&mut chain, account(registrar()), 7, false);
    chain.refused(patient.account(), call.clone(), Error::NotAuthorised);
    suspend(&mut chain, HOSPITAL);
    chain.refused(account(registrar()), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn an_invitation_ends_within_thirty_days() {
    let mut chain = chain();
    let now = chain.now();
    for until in [Moment(0), now, now.plus(INVITATION_MAX + 1), Moment(u64::MAX)] {
        let call = Call::Invite { key: invitation(1).public(), until, provisional: false };
        chain.refused(account(registrar()), call, Error::BadWindow);
    }
}

#[test]
fn an_invitation_key_is_strong_new_and_nobodys_account() {
    let mut chain = chain();
    let until = chain.now().plus(DAY);
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = Call::Invite { key: AccountId(identity), until, provisional: false };
    chain.refused(account(registrar()), weak, Error::WeakKey);
    let bound = Call::Invite { key: account(clerk()), until, provisional: false };
    chain.refused(account(registrar()), bound, Error::KeyTaken);
    let call = call(&chain, 1);
    chain.ok(account(registrar()), call.clone()).refused(account(clinic_registrar()), call, Error::KeyTaken);
}

#[test]
fn a_full_ring_opens_again_when_its_oldest_is_thirty_days_old() {
    let mut chain = chain();
    limit(&mut chain, 2);
    invite(&mut chain, account(registrar()), 1, false);
    chain.advance(DAY);
    invite(&mut chain, account(registrar()), 2, false);
    let third = call(&chain, 3);
    chain.refused(account(registrar()), third, Error::RateLimited);
    invite(&mut chain, account(clinic_registrar()), 3, false);

    chain.advance(29 * DAY - 1);
    let fourth = call(&chain, 4);
    chain.refused(account(registrar()), fourth, Error::RateLimited);
    chain.advance(1);
    invite(&mut chain, account(registrar()), 4, false);
    assert!(!Invitations::contains(chain.state(), &invitation(1).public()), "the expired one made room");
    let fifth = call(&chain, 5);
    chain.refused(account(registrar()), fifth, Error::RateLimited);
}

#[test]
fn spending_an_invitation_makes_no_room_for_another() {
    let mut chain = chain();
    limit(&mut chain, 1);
    registered(&mut chain, account(registrar()), 1, false);
    let second = call(&chain, 2);
    chain.refused(account(registrar()), second, Error::RateLimited);
}

#[test]
fn a_lowered_limit_holds_at_once_and_the_ring_shrinks_to_it() {
    let mut chain = chain();
    limit(&mut chain, 6);
    for number in 0..6 {
        invite(&mut chain, account(registrar()), number, false);
    }
    limit(&mut chain, 2);
    let seventh = call(&chain, 6);
    chain.refused(account(registrar()), seventh, Error::RateLimited);
    for number in 6..12 {
        chain.advance(INVITATION_MAX);
        invite(&mut chain, account(registrar()), number, false);
    }
    assert_eq!(Rings::get(chain.state(), &HOSPITAL), Ring { first: 11, next: 12 });
    let slots = chain.entries().keys().filter(|key| key.starts_with(&Slots::prefix())).count();
    let invitations = chain.entries().keys().filter(|key| key.starts_with(&Invitations::prefix())).count();
    assert_eq!((slots, invitations), (1, 1));
}
