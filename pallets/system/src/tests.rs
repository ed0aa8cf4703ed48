//! Keys, quotas and the smoke-test call.

use salus_primitives::{
    AccountId, Moment, OrganisationId, PatientId, PractitionerId, Subject,
    crypto::KeyPair,
    subject::Roles,
    time::{DAY, HOUR},
};
use salus_support::{Class, Cost, testing::TestChain};

use super::*;
use crate::{keys, storage::Account, types::Usage, usage};

salus_support::runtime! { 0 => System: crate, 1 => Timestamp: crate::timestamp }

type Chain = TestChain<Runtime>;
const PATIENT: Subject = Subject::Patient(PatientId([1; 16]));
const NOW: Moment = Moment(1_000_000_000_000);

fn key(seed: u8) -> AccountId {
    KeyPair::from_seed(&[seed; 32]).public()
}

fn bind(chain: &mut Chain, seed: u8, roles: Roles, until: Option<Moment>) -> Result<(), BindError> {
    let mut outcome = Ok(());
    let now = chain.now();
    chain.prepare(|state| outcome = keys::bind(state, now, key(seed), PATIENT, roles, until));
    outcome
}

#[test]
fn a_registered_key_may_call_and_a_stranger_may_not() {
    let mut chain = Chain::new();
    chain.refused(key(1), Call::Noop {}, Error::NotRegistered);
    bind(&mut chain, 1, Roles::NONE, None).unwrap();
    chain.ok(key(1), Call::Noop {});
}

#[test]
fn a_dropped_key_calls_no_more_and_is_never_bound_again() {
    let mut chain = Chain::new();
    bind(&mut chain, 1, Roles::NONE, None).unwrap();
    chain.prepare(|state| keys::end(state, key(1)));
    chain.refused(key(1), Call::Noop {}, Error::NotRegistered);
    assert_eq!(bind(&mut chain, 1, Roles::NONE, None), Err(BindError::Taken));
    assert!(keys::live(chain.state(), PATIENT, NOW).is_empty());
}

#[test]
fn a_session_key_runs_out_and_makes_room_for_the_next() {
    let mut chain = Chain::new();
    let until = chain.now().plus(HOUR);
    bind(&mut chain, 1, Roles::NONE, Some(until)).unwrap();
    bind(&mut chain, 2, Roles::NONE, Some(until)).unwrap();
    assert_eq!(bind(&mut chain, 3, Roles::NONE, Some(until)), Err(BindError::TooMany));
    chain.ok(key(1), Call::Noop {}).advance(HOUR).refused(key(1), Call::Noop {}, Error::NotRegistered);
    let later = chain.now().plus(HOUR);
    bind(&mut chain, 3, Roles::NONE, Some(later)).unwrap();
}

#[test]
fn a_person_has_at_most_four_lasting_keys() {
    let mut chain = Chain::new();
    for seed in 1..=4 {
        bind(&mut chain, seed, Roles::NONE, None).unwrap();
    }
    assert_eq!(bind(&mut chain, 5, Roles::NONE, None), Err(BindError::TooMany));
}

#[test]
fn a_weak_key_is_never_bound() {
    let mut chain = Chain::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    chain.prepare(|state| {
        let outcome = keys::bind(state, NOW, AccountId(identity), PATIENT, Roles::NONE, None);
        assert!(matches!(outcome, Err(BindError::Weak(_))));
    });
    assert!(chain.entries().is_empty());
}

#[test]
fn a_key_kept_apart_is_bound_to_nobody_and_a_bound_one_is_not_kept_apart() {
    let mut chain = Chain::new();
    bind(&mut chain, 1, Roles::NONE, None).unwrap();
    chain.prepare(|state| {
        assert_eq!(keys::keep_apart(state, key(1), Purpose::Network), Err(BindError::Taken));
        keys::end(state, key(1));
        assert_eq!(keys::keep_apart(state, key(1), Purpose::Network), Err(BindError::Taken), "an ended one neither");
        keys::keep_apart(state, key(2), Purpose::Network).unwrap();
        assert_eq!(keys::keep_apart(state, key(2), Purpose::Authority), Err(BindError::Taken));
        assert_eq!([1, 2, 3].map(|seed| keys::purpose(state, key(seed))), [None, Some(Purpose::Network), None]);
    });
    assert_eq!(bind(&mut chain, 2, Roles::NONE, None), Err(BindError::Taken));
    chain.refused(key(2), Call::Noop {}, Error::NotRegistered);
    chain.prepare(|state| keys::release(state, key(2)));
    bind(&mut chain, 2, Roles::NONE, None).unwrap();
}

#[test]
fn a_weak_key_is_never_kept_apart() {
    let mut chain = Chain::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    chain.prepare(|state| {
        let outcome = keys::keep_apart(state, AccountId(identity), Purpose::Authority);
        assert!(matches!(outcome, Err(BindError::Weak(_))));
    });
    assert!(chain.entries().is_empty());
}

#[test]
fn the_count_of_admins_follows_the_roles() {
    let mut chain = Chain::new();
    bind(&mut chain, 1, Roles::ADMIN, None).unwrap();
    bind(&mut chain, 2, Roles::ADMIN.with(Roles::PRIVACY), None).unwrap();
    assert_eq!(keys::admins(chain.state(), PATIENT), 2);
    chain.prepare(|state| keys::set_roles(state, key(1), Roles::PRIVACY));
    assert_eq!(keys::admins(chain.state(), PATIENT), 1);
    chain.prepare(|state| keys::end(state, key(2)));
    assert_eq!(keys::admins(chain.state(), PATIENT), 0);
}

#[test]
fn a_quota_is_for_one_day_and_never_stops_a_protected_call() {
    let mut chain = Chain::new();
    let max = Parameters::default().patient_weight;
    chain.prepare(|state| usage::charge(state, &PATIENT, max - 10, NOW));
    let affords = |chain: &Chain, cost, now| usage::affords(chain.state(), &PATIENT, cost, now);
    assert!(affords(&chain, Cost::ordinary(10), NOW));
    assert!(!affords(&chain, Cost::ordinary(11), NOW));
    assert!(affords(&chain, Cost { weight: 11, class: Class::Protected }, NOW));
    assert!(affords(&chain, Cost::ordinary(11), NOW.plus(DAY)));
    assert_eq!(storage::WeightUsed::get(chain.state(), &PATIENT), Usage { day: NOW.day(), weight: max - 10 });
}

#[test]
fn a_raised_quota_carries_more_on_its_day_and_is_back_the_day_after() {
    let mut chain = Chain::new();
    let max = Parameters::default().patient_weight;
    chain.prepare(|state| {
        usage::charge(state, &PATIENT, max, NOW);
        usage::raise(state, &PATIENT, 10, NOW).unwrap();
    });
    let affords = |chain: &Chain, weight, now| usage::affords(chain.state(), &PATIENT, Cost::ordinary(weight), now);
    assert!(affords(&chain, 10, NOW));
    assert!(!affords(&chain, 11, NOW));
    assert_eq!(usage::quota(chain.state(), &PATIENT, NOW), Some(max + 10));
    assert_eq!(usage::quota(chain.state(), &PATIENT, NOW.plus(DAY)), Some(max));
    assert!(!affords(&chain, max + 1, NOW.plus(DAY)));
}

#[test]
fn a_quota_is_at_most_doubled_even_when_the_parameter_falls_on_the_same_day() {
    let mut chain = Chain::new();
    let most = Parameters::default().patient_weight;
    let mut outcome = Vec::new();
    chain.prepare(|state| {
        for weight in [most - 1, 2, 1, 1, u64::MAX] {
            outcome.push(usage::raise(state, &PATIENT, weight, NOW));
        }
    });
    let over = |raised| Err(usage::OverDouble { raised, most });
    assert_eq!(outcome, [Ok(()), over(most - 1), Ok(()), over(most), over(most)]);
    assert_eq!(usage::quota(chain.state(), &PATIENT, NOW), Some(2 * most));
    chain.prepare(|state| {
        let parameters = Parameters { patient_weight: most / 2, ..Parameters::default() };
        storage::ChainParameters::put(state, &parameters);
    });
    assert_eq!(usage::quota(chain.state(), &PATIENT, NOW), Some(most));
}

#[test]
fn the_council_has_no_quota_and_so_none_to_raise() {
    let mut chain = Chain::new();
    chain.prepare(|state| {
        usage::raise(state, &Subject::Council, u64::MAX, NOW).unwrap();
        usage::charge(state, &Subject::Council, u64::MAX, NOW);
    });
    assert!(chain.entries().is_empty());
    assert!(usage::affords(chain.state(), &Subject::Council, Cost::ordinary(u64::MAX), NOW));
    assert_eq!(usage::quota(chain.state(), &Subject::Council, NOW), None);
}

#[test]
fn quotas_are_the_published_ones_until_the_council_says_otherwise() {
    let chain = Chain::new();
    let quota = |subject| usage::quota(chain.state(), &subject, NOW);
    assert_eq!(quota(Subject::Organisation(OrganisationId([1; 16]))), Some(1_000_000_000));
    assert_eq!(quota(Subject::Practitioner(PractitionerId([1; 16]))), Some(2_000_000));
    assert_eq!(quota(PATIENT), Some(20_000));
}

#[test]
fn parameters_outside_their_bounds_are_named() {
    let wild = Parameters { block_interval_min: 0, ..Parameters::default() };
    assert_eq!(wild.check().unwrap_err().to_string(), "parameter block_interval_min is 0, allowed is 1 to 4000");
    assert_eq!(Parameters::default().check(), Ok(()));
    let hasty = Parameters { recovery_delay: DAY - 1, ..Parameters::default() };
    assert_eq!(hasty.check().unwrap_err().name, "recovery_delay");
    assert_eq!(Parameters { root_delay: 0, recovery_delay: 1_000, ..Parameters::default() }.check(), Ok(()));
}

#[test]
fn a_key_whose_end_was_put_off_speaks_until_then_makes_room_and_never_returns() {
    let mut chain = Chain::new();
    for seed in 1..=4 {
        bind(&mut chain, seed, Roles::NONE, None).unwrap();
    }
    let (now, end) = (chain.now(), chain.now().plus(HOUR));
    chain.prepare(|state| {
        for seed in [1, 2] {
            keys::end_at(state, key(seed), now, end);
        }
        keys::keep(state, key(2), now);
    });
    let dropped = |chain: &Chain, seed| Account::get(chain.state(), &key(seed)).data.dropped_at(chain.now());
    assert_eq!((dropped(&chain, 1), dropped(&chain, 2)), (Some(end), None));
    assert_eq!(bind(&mut chain, 5, Roles::NONE, None), Err(BindError::TooMany));
    chain.advance(HOUR - 1).ok(key(1), Call::Noop {}).advance(1).refused(key(1), Call::Noop {}, Error::NotRegistered);
    assert_eq!(dropped(&chain, 1), None);
    let now = chain.now();
    chain.prepare(|state| {
        keys::keep(state, key(1), now);
        keys::end_at(state, key(1), now, now.plus(HOUR));
    });
    chain.refused(key(1), Call::Noop {}, Error::NotRegistered);
    bind(&mut chain, 5, Roles::NONE, None).unwrap();
    assert_eq!(Account::get(chain.state(), &key(1)).data.ended, Ended::Yes);
    assert_eq!(keys::lasting(chain.state(), PATIENT, now), [2, 3, 4, 5].map(key));
}

#[test]
fn whether_a_key_ended_is_written_as_the_truth_value_it_was() {
    assert_eq!([Ended::No.encode(), Ended::Yes.encode()], [false.encode(), true.encode()]);
}
