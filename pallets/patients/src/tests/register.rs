//! Registration.

use salus_primitives::{Hash, Moment, time::DAY};
use salus_registry::{KemKey, kem, types::SUITE_X25519};
use salus_system::{Parameters, Purpose, keys, storage::WeightUsed, usage};

use super::*;
use crate::{
    storage::Invitations,
    testing::{self, invitation, invite, possession, registration},
    types::PROVISIONAL_MAX,
};

/// What a registration by `account` would be told before it stands in a block.
fn checked(chain: &Chain, account: AccountId, call: &Call) -> Result<(), Error> {
    let Call::Register { id, invite, possession, kem } = call else { panic!("{call:?} registers nobody") };
    let registration = Registration { id, invite, possession, kem };
    check_register(chain.state(), chain.now(), &chain.genesis(), &account, &registration)
}

/// The call is refused so, and would not have stood in a block.
#[track_caller]
fn never_included(chain: &mut Chain, account: AccountId, call: Call, error: Error) {
    assert_eq!(checked(chain, account, &call), Err(error));
    chain.refused(account, call, error);
}

#[test]
fn a_validators_key_registers_nobody_and_that_is_said_before() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    let (person, call) = (Person::number(1), registration(&chain, 1));
    chain.prepare(|state| keys::keep_apart(state, person.account(), Purpose::Authority).unwrap());
    never_included(&mut chain, person.account(), call, Error::KeyTaken);
}

#[test]
fn a_new_key_registers_against_an_invitation() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    let (person, call) = (Person::number(1), registration(&chain, 1));
    assert_eq!(checked(&chain, person.account(), &call), Ok(()));
    chain.ok(person.account(), call).emitted(Event::PatientRegistered {
        patient: person.id,
        organisation: HOSPITAL,
        account: person.account(),
        provisional: false,
    });

    let subject = Subject::Patient(person.id);
    assert_eq!(keys::live(chain.state(), subject, chain.now()), vec![person.account()]);
    assert_eq!(kem(chain.state(), subject), Some(testing::kem(1)));
    let patient = Stored::get(chain.state(), &person.id).unwrap();
    assert_eq!((patient.state, patient.assurance, patient.inviting), (PatientState::Active, 0, HOSPITAL));
    assert!(Invitations::get(chain.state(), &invitation(1).public()).unwrap().spent);
}

#[test]
fn a_provisional_patient_lasts_thirty_days() {
    let mut chain = chain();
    let person = registered(&mut chain, account(registrar()), 1, true);
    let until = chain.now().plus(PROVISIONAL_MAX);
    assert_eq!(state_of(&chain, &person), PatientState::Provisional { until });
    assert!(is_provisional(chain.state(), &person.id));
    let care = |chain: &Chain| may_receive_care(chain.state(), &person.id, chain.now());
    let filing = |chain: &Chain| may_be_filed_for(chain.state(), &person.id, chain.now());
    let rules = |chain: &Chain| may_change_rules(chain.state(), &person.id, chain.now());
    assert_eq!((care(&chain), filing(&chain), rules(&chain)), (Ok(()), Ok(()), Ok(())));
    chain.advance(PROVISIONAL_MAX);
    let lapsed = Err(Problem::Lapsed);
    assert_eq!((care(&chain), filing(&chain), rules(&chain)), (lapsed, lapsed, lapsed));
}

#[test]
fn the_inviting_organisation_pays_and_the_patient_does_not() {
    let mut chain = chain();
    registered(&mut chain, account(registrar()), 1, false);
    let used = |subject| WeightUsed::get(chain.state(), &subject).weight;
    assert_eq!(used(Subject::Organisation(HOSPITAL)), Patients::cost(&registration(&chain, 1)).weight);
    assert_eq!(used(Subject::Patient(Person::number(1).id)), 0);
}

#[test]
fn an_organisation_whose_day_is_used_up_registers_nobody_until_tomorrow() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    let now = chain.now();
    let all = Parameters::default().organisation_weight;
    chain.prepare(|state| usage::charge(state, &Subject::Organisation(HOSPITAL), all, now));
    let (person, call) = (Person::number(1), registration(&chain, 1));
    never_included(&mut chain, person.account(), call, Error::RateLimited);
    let until = chain.now().plus(2 * DAY);
    chain.ok(account(registrar()), Call::Invite { key: invitation(2).public(), until, provisional: false });
    chain.advance(DAY);
    let (person, call) = (Person::number(2), registration(&chain, 2));
    chain.ok(person.account(), call);
}

#[test]
fn there_is_no_registration_without_an_invitation() {
    let mut chain = chain();
    let call = registration(&chain, 1);
    never_included(&mut chain, Person::number(1).account(), call, Error::NoInvitation);
}

#[test]
fn an_invitation_is_spent_once() {
    let mut chain = chain();
    registered(&mut chain, account(registrar()), 1, false);
    let second = Person::number(2);
    let call = Call::Register {
        id: second.id,
        invite: invitation(1).public(),
        possession: possession(&chain, &invitation(1), &second),
        kem: testing::kem(2),
    };
    never_included(&mut chain, second.account(), call, Error::InvitationSpent);
}

#[test]
fn an_invitation_ends_to_the_millisecond() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    invite(&mut chain, account(registrar()), 2, false);
    chain.advance(DAY - 1);
    let call = registration(&chain, 1);
    chain.ok(Person::number(1).account(), call).advance(1);
    let call = registration(&chain, 2);
    never_included(&mut chain, Person::number(2).account(), call, Error::InvitationEnded);
}

#[test]
fn a_suspended_organisation_registers_nobody() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    suspend(&mut chain, HOSPITAL);
    let call = registration(&chain, 1);
    never_included(&mut chain, Person::number(1).account(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn an_id_is_used_once() {
    let mut chain = chain();
    let first = registered(&mut chain, account(registrar()), 1, false);
    invite(&mut chain, account(registrar()), 2, false);
    let second = Person { id: first.id, ..Person::number(2) };
    let call = Call::Register {
        id: second.id,
        invite: invitation(2).public(),
        possession: possession(&chain, &invitation(2), &second),
        kem: testing::kem(2),
    };
    never_included(&mut chain, second.account(), call, Error::IdTaken);
}

#[test]
fn a_key_that_serves_someone_or_something_or_is_an_invitation_becomes_no_patient() {
    let mut chain = chain();
    let (officer, validator, node) = (clerk(), key(71), key(72));
    chain.prepare(|state| {
        keys::keep_apart(state, validator.public(), Purpose::Authority).unwrap();
        keys::keep_apart(state, node.public(), Purpose::Network).unwrap();
    });
    invite(&mut chain, account(registrar()), 1, false);
    invite(&mut chain, account(registrar()), 2, false);
    for key in [officer, validator, node, invitation(1), invitation(2)] {
        let person = Person { key, ..Person::number(1) };
        let call = Call::Register {
            id: person.id,
            invite: invitation(1).public(),
            possession: possession(&chain, &invitation(1), &person),
            kem: testing::kem(1),
        };
        never_included(&mut chain, person.account(), call, Error::KeyTaken);
    }
}

#[test]
fn a_weak_key_becomes_no_patient() {
    let mut chain = chain();
    let key = invite(&mut chain, account(registrar()), 1, false);
    let mut identity = [0; 32];
    identity[0] = 1;
    let (weak, id) = (AccountId(identity), Person::number(1).id);
    let possession = key.sign(&salus_primitives::signed::possession(&chain.genesis(), &weak, &id));
    let call = Call::Register { id, invite: key.public(), possession, kem: testing::kem(1) };
    never_included(&mut chain, weak, call, Error::WeakKey);
}

#[test]
fn a_copied_registration_registers_nobody_else() {
    let mut chain = chain();
    let key = invite(&mut chain, account(registrar()), 1, false);
    let call = registration(&chain, 1);
    never_included(&mut chain, Person::number(2).account(), call.clone(), Error::BadPossession);
    let Call::Register { invite, possession, kem, .. } = call else { panic!("it registers") };
    let other_id = Call::Register { id: Person::number(2).id, invite, possession, kem };
    never_included(&mut chain, Person::number(1).account(), other_id, Error::BadPossession);

    let person = Person::number(1);
    let elsewhere = key.sign(&salus_primitives::signed::possession(&Hash::ZERO, &person.account(), &person.id));
    let other_chain = Call::Register { id: person.id, invite, possession: elsewhere, kem };
    never_included(&mut chain, person.account(), other_chain, Error::BadPossession);
    let not_the_key =
        clerk().sign(&salus_primitives::signed::possession(&chain.genesis(), &person.account(), &person.id));
    let other_key = Call::Register { id: person.id, invite, possession: not_the_key, kem };
    never_included(&mut chain, person.account(), other_key, Error::BadPossession);
}

#[test]
fn a_kem_key_that_seals_to_everyone_or_by_an_unknown_scheme_is_refused() {
    let mut chain = chain();
    invite(&mut chain, account(registrar()), 1, false);
    let Call::Register { id, invite, possession, .. } = registration(&chain, 1) else { panic!("it registers") };
    for kem in [KemKey { suite: SUITE_X25519, key: [0; 32] }, KemKey { suite: 9, ..testing::kem(1) }] {
        let call = Call::Register { id, invite, possession, kem };
        never_included(&mut chain, Person::number(1).account(), call, Error::BadKemKey);
    }
}

#[test]
fn an_unknown_patient_is_named_as_such() {
    let chain = chain();
    let (nobody, now) = (Person::number(1).id, Moment(0));
    let unknown = Err(Problem::UnknownPatient);
    assert_eq!(may_receive_care(chain.state(), &nobody, now), unknown);
    assert_eq!(may_use_default(chain.state(), &nobody, now), unknown);
    assert_eq!(may_change_rules(chain.state(), &nobody, now), unknown);
    assert_eq!(may_be_filed_for(chain.state(), &nobody, now), unknown);
    assert_eq!(may_revoke(chain.state(), &nobody), unknown);
    assert_eq!(assurance(chain.state(), &nobody), Err(Problem::UnknownPatient));
}
