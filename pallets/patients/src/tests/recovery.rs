//! Recovery of lost keys: by guardians, by two organisations, and against it.

use salus_primitives::{Moment, time::DAY};
use salus_registry::{kem, keys_guarded, keys_locked};
use salus_system::{Parameters, Purpose, storage::ChainParameters, types::RECOVERY_DELAY};

use super::*;
use crate::{
    state::{may_change_rules, may_receive_care},
    storage::{PendingChanges, Recoveries, RecoveryApprovals},
    testing::invite,
    types::{APPROVAL_MAX, FREEZE, FrozenBy, GUARDIANS_DELAY, RECOVERY_OPEN, REGISTRARS_DELAY, RecoveredBy, VETO_ONCE},
};

/// The key that a lost one is replaced with.
fn new() -> KeyPair {
    key(200)
}

/// Three guardians, of whom two recover.
fn world() -> (Chain, Person, Vec<Person>) {
    with_guardians(3, 2)
}

/// Guardians 0 and 1 agree on the new key.
#[track_caller]
fn begin(chain: &mut Chain, person: &Person, guardians: &[Person]) {
    for guardian in &guardians[..2] {
        approve(chain, person, guardian, &[&new()]);
    }
}

/// The hospital's and the clinic's Registrar propose the new key.
#[track_caller]
fn begin_by_registrars(chain: &mut Chain, person: &Person) {
    let call = proposal(chain, person, account(registrar()), &[&new()], &[&clinic_registrar()]);
    chain.ok(account(registrar()), call);
}

fn finish(person: &Person) -> Call {
    recover(person, RecoveryStep::Finish)
}

fn veto(person: &Person) -> Call {
    recover(person, RecoveryStep::Cancel)
}

#[test]
fn guardians_at_threshold_give_new_keys_after_seventy_two_hours() {
    let (mut chain, person, guardians) = world();
    let session = give_key(&mut chain, &person, 60, true);
    let keys = recovery_keys(&[&new(), &key(201)]);
    let call = proposal(&chain, &person, guardians[0].account(), &[&new(), &key(201)], &[]);
    chain.ok(guardians[0].account(), call).emitted(Event::Recovery {
        patient: person.id,
        news: RecoveryNews::Approved { guardian: guardians[0].id, keys: keys.clone() },
    });
    assert_eq!(state_of(&chain, &person), PatientState::Active, "below the threshold nothing has begun");
    chain.advance(DAY);
    let call = proposal(&chain, &person, guardians[2].account(), &[&new(), &key(201)], &[]);
    let ripe = chain.now().plus(RECOVERY_DELAY);
    chain.ok(guardians[2].account(), call).emitted(Event::Recovery {
        patient: person.id,
        news: RecoveryNews::Begun { keys: keys.clone(), by: RecoveredBy::Guardians, ripe, vetoable: true },
    });
    let until = ripe.plus(RECOVERY_OPEN);
    assert_eq!(state_of(&chain, &person), PatientState::Recovering { until, freeze: None });
    assert_eq!(may_change_rules(chain.state(), &person.id, chain.now()), Err(Problem::Recovering));
    assert_eq!(may_receive_care(chain.state(), &person.id, chain.now()), Ok(()));
    assert!(keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));

    chain.advance(RECOVERY_DELAY - 1);
    chain.refused(guardians[1].account(), finish(&person), Error::TooEarly).advance(1);
    chain
        .ok(guardians[1].account(), finish(&person))
        .emitted(Event::Recovery { patient: person.id, news: RecoveryNews::Recovered { keys } });
    assert_eq!(live(&chain, &person), [account(new()), account(key(201))]);
    assert_eq!(kem(chain.state(), Subject::Patient(person.id)), None, "only its owner sets a KEM key");
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    for old in [person.account(), session] {
        chain.refused(old, status_set(&person, Change::Freeze), Error::NotRegistered);
    }
    chain.ok(account(new()), status_set(&person, Change::Freeze));
    chain.refused(guardians[0].account(), finish(&person), Error::NoRecovery);
}

#[test]
fn a_guardian_below_threshold_recovers_nobody_and_counts_once() {
    let (mut chain, person, guardians) = world();
    approve(&mut chain, &person, &guardians[0], &[&new()]);
    let again = proposal(&chain, &person, guardians[0].account(), &[&new()], &[]);
    chain.refused(guardians[0].account(), again, Error::AlreadyApproved);
    chain.refused(guardians[0].account(), finish(&person), Error::NoRecovery);
    approve(&mut chain, &person, &guardians[1], &[&key(201)]);
    assert_eq!(state_of(&chain, &person), PatientState::Active, "they do not agree on the keys");
    approve(&mut chain, &person, &guardians[0], &[&key(201)]);
    assert!(matches!(state_of(&chain, &person), PatientState::Recovering { .. }), "now they do");
    assert_eq!(Recoveries::get(chain.state(), &person.id).unwrap().keys, recovery_keys(&[&key(201)]));
    assert!(!RecoveryApprovals::get(chain.state(), &person.id).iter().any(|kept| kept.guardian == guardians[0].id));
}

#[test]
fn no_guardian_keeps_the_others_from_agreeing() {
    let (mut chain, person, guardians) = world();
    for seed in 210..215 {
        approve(&mut chain, &person, &guardians[2], &[&key(seed)]);
    }
    begin(&mut chain, &person, &guardians);
    assert_eq!(Recoveries::get(chain.state(), &person.id).unwrap().keys, recovery_keys(&[&new()]));
}

#[test]
fn an_approval_counts_for_fourteen_days_and_while_its_guardian_stands() {
    let (mut chain, person, guardians) = world();
    approve(&mut chain, &person, &guardians[0], &[&new()]);
    chain.advance(APPROVAL_MAX);
    approve(&mut chain, &person, &guardians[1], &[&new()]);
    assert_eq!(state_of(&chain, &person), PatientState::Active, "the first has run out");
    chain.ok(guardians[1].account(), status_set(&guardians[1], Change::Freeze));
    approve(&mut chain, &person, &guardians[0], &[&new()]);
    assert_eq!(state_of(&chain, &person), PatientState::Active, "the second is frozen");
    chain.advance(APPROVAL_MAX - 1);
    approve(&mut chain, &person, &guardians[2], &[&new()]);
    assert!(matches!(state_of(&chain, &person), PatientState::Recovering { .. }));
}

#[test]
fn a_guardian_after_expiry_or_without_the_power_recovers_nobody() {
    let (mut chain, person, guardians) = with_guardians(1, 1);
    let other = confirmed(&mut chain, account(registrar()), 90);
    let stranger = proposal(&chain, &person, other.account(), &[&new()], &[]);
    chain.refused(other.account(), stranger, Error::NotAuthorised);
    let own = proposal(&chain, &person, person.account(), &[&new()], &[]);
    chain.refused(person.account(), own, Error::NotAuthorised);
    chain.refused(account(key(99)), finish(&person), Error::NotRegistered);
    chain.refused(
        account(key(99)),
        recover(&person, RecoveryStep::Propose(recovery_keys(&[&new()]))),
        Error::NotRegistered,
    );

    approve(&mut chain, &person, &guardians[0], &[&new()]);
    chain.advance(RECOVERY_DELAY);
    chain.refused(other.account(), finish(&person), Error::NotAuthorised);
    chain.advance(YEAR);
    let late = proposal(&chain, &person, guardians[0].account(), &[&new()], &[]);
    chain.refused(guardians[0].account(), late, Error::NotAuthorised);

    let named = GuardianTerms { powers: Powers::ACT, ..terms(&chain, &guardians, 1) };
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(named)));
    let powerless = proposal(&chain, &person, guardians[0].account(), &[&new()], &[]);
    chain.refused(guardians[0].account(), powerless, Error::NotAuthorised);
}

#[test]
fn a_guardian_whose_term_ends_during_the_delay_does_not_finish() {
    let (mut chain, person, friends) = with_friends(1);
    let until = chain.now().plus(RECOVERY_DELAY);
    let named = GuardianTerms { until, ..terms(&chain, &friends, 1) };
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(named)));
    approve(&mut chain, &person, &friends[0], &[&new()]);
    chain.advance(RECOVERY_DELAY).refused(friends[0].account(), finish(&person), Error::NotAuthorised);
    chain.advance(RECOVERY_OPEN);
    assert_eq!(state_of(&chain, &person), PatientState::Active, "it has lapsed");
}

#[test]
fn an_old_key_vetoes_until_the_last_moment_of_the_delay() {
    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY - 1);
    chain
        .ok(person.account(), veto(&person))
        .emitted(Event::Recovery { patient: person.id, news: RecoveryNews::Vetoed });
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.refused(person.account(), veto(&person), Error::NoRecovery);
    chain.advance(1).refused(guardians[0].account(), finish(&person), Error::NoRecovery);

    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY).refused(person.account(), veto(&person), Error::TooLate);
    chain.ok(guardians[0].account(), finish(&person));
}

#[test]
fn nobody_vetoes_but_the_patient_by_any_key() {
    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    let session = give_key(&mut chain, &person, 60, true);
    chain.refused(account(key(99)), veto(&person), Error::NotRegistered);
    for caller in [guardians[2].account(), account(registrar()), account(clerk())] {
        chain.refused(caller, veto(&person), Error::NotAuthorised);
    }
    let cosign = chain.cosigns(person.account(), veto(&person), &[&registrar()]);
    let cosigned = Call::Recover { patient: person.id, step: RecoveryStep::Cancel, cosign };
    chain.refused(person.account(), cosigned, Error::BadCoSign);
    chain.ok(session, veto(&person));
}

#[test]
fn the_same_guardians_second_recovery_within_thirty_days_cannot_be_vetoed() {
    for (wait, vetoable) in [(0, false), (VETO_ONCE - 1, false), (VETO_ONCE, true)] {
        let (mut chain, person, guardians) = world();
        begin(&mut chain, &person, &guardians);
        chain.ok(person.account(), veto(&person)).advance(wait);
        begin(&mut chain, &person, &guardians);
        assert_eq!(Recoveries::get(chain.state(), &person.id).unwrap().vetoable, vetoable);
        if vetoable {
            chain.ok(person.account(), veto(&person));
        } else {
            chain.refused(person.account(), veto(&person), Error::NoVeto).advance(RECOVERY_DELAY);
            chain.ok(guardians[0].account(), finish(&person));
            assert_eq!(live(&chain, &person), [account(new())]);
            approve(&mut chain, &person, &guardians[0], &[&key(201)]);
            approve(&mut chain, &person, &guardians[1], &[&key(201)]);
            chain.ok(account(new()), veto(&person));
        }
    }
}

#[test]
fn other_guardians_and_registrars_can_always_be_vetoed() {
    let (mut chain, person, guardians) = with_guardians(3, 2);
    begin(&mut chain, &person, &guardians);
    chain.ok(person.account(), veto(&person));
    let named = terms(&chain, &guardians[1..], 2);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(named))).advance(GUARDIANS_DELAY);
    for guardian in &guardians[1..] {
        approve(&mut chain, &person, guardian, &[&new()]);
    }
    chain.ok(person.account(), veto(&person));
    for _ in 0..2 {
        begin_by_registrars(&mut chain, &person);
        chain.advance(DAY).ok(person.account(), veto(&person));
    }
}

#[test]
fn a_veto_against_registrars_leaves_guardians_their_first_attempt() {
    let (mut chain, person, guardians) = world();
    begin_by_registrars(&mut chain, &person);
    chain.ok(person.account(), veto(&person));
    begin(&mut chain, &person, &guardians);
    chain.ok(person.account(), veto(&person));
}

#[test]
fn approvals_before_a_veto_or_a_change_of_guardians_are_void() {
    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    chain.ok(person.account(), veto(&person));
    approve(&mut chain, &person, &guardians[2], &[&new()]);
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    let named = terms(&chain, &guardians, 2);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(named))).advance(GUARDIANS_DELAY);
    approve(&mut chain, &person, &guardians[0], &[&new()]);
    assert_eq!(state_of(&chain, &person), PatientState::Active, "they are guardians anew");
}

#[test]
fn two_organisations_give_one_key_after_fourteen_days() {
    let (mut chain, person, _) = with_friends(0);
    let call = proposal(&chain, &person, account(registrar()), &[&new()], &[&clinic_registrar()]);
    let ripe = chain.now().plus(REGISTRARS_DELAY);
    chain.ok(account(registrar()), call).emitted(Event::Recovery {
        patient: person.id,
        news: RecoveryNews::Begun {
            keys: recovery_keys(&[&new()]),
            by: RecoveredBy::Registrars(HOSPITAL, CLINIC),
            ripe,
            vetoable: true,
        },
    });
    chain.advance(REGISTRARS_DELAY - 1);
    chain.refused(account(clinic_registrar()), finish(&person), Error::TooEarly).advance(1);
    chain.refused(person.account(), veto(&person), Error::TooLate);
    chain.refused(account(clerk()), finish(&person), Error::NotAuthorised);
    chain.refused(person.account(), finish(&person), Error::NotAuthorised);
    chain.ok(account(clinic_registrar()), finish(&person));
    assert_eq!(live(&chain, &person), [account(new())]);
}

#[test]
fn registrars_recover_by_two_active_organisations_with_the_new_keys_signature() {
    let (mut chain, person, _) = with_friends(0);
    let (second, gateway) = (key(70), key(71));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &second);
    officer(&mut chain, CLINIC, Roles::GATEWAY, &gateway);
    for others in [&[][..], &[&second], &[&gateway], &[&person.key]] {
        let call = proposal(&chain, &person, account(registrar()), &[&new()], others);
        chain.refused(account(registrar()), call, Error::BadCoSign);
    }
    let step = RecoveryStep::Propose(recovery_keys(&[&new()]));
    for signers in [&[&clinic_registrar()][..], &[&clinic_registrar(), &key(201)]] {
        let cosign = chain.cosigns(account(registrar()), recover(&person, step.clone()), signers);
        let call = Call::Recover { patient: person.id, step: step.clone(), cosign };
        chain.refused(account(registrar()), call, Error::BadCoSign);
    }
    let two = RecoveryStep::Propose(recovery_keys(&[&new(), &key(201)]));
    let cosign = chain.cosigns(account(registrar()), recover(&person, two.clone()), &[&new(), &key(201)]);
    chain.refused(account(registrar()), Call::Recover { patient: person.id, step: two, cosign }, Error::BadCoSign);
    let clerks = proposal(&chain, &person, account(clerk()), &[&new()], &[&clinic_registrar()]);
    chain.refused(account(clerk()), clerks, Error::NotAuthorised);
    suspend(&mut chain, CLINIC);
    let call = proposal(&chain, &person, account(registrar()), &[&new()], &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::BadCoSign);
    suspend(&mut chain, HOSPITAL);
    let call = proposal(&chain, &person, account(registrar()), &[&new()], &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn only_those_who_recover_finish() {
    let (mut chain, person, guardians) = world();
    begin_by_registrars(&mut chain, &person);
    let third = OrganisationId([0x0C; 16]);
    salus_registry::testing::organisation(&mut chain, third, Caps::CUSTODIAN, &key(103));
    officer(&mut chain, third, Roles::REGISTRAR, &key(72));
    chain.advance(REGISTRARS_DELAY);
    chain.refused(account(key(72)), finish(&person), Error::NotAuthorised);
    chain.refused(guardians[0].account(), finish(&person), Error::NotAuthorised);
    let cosign = chain.cosigns(account(registrar()), finish(&person), &[&clinic_registrar()]);
    let cosigned = Call::Recover { patient: person.id, step: RecoveryStep::Finish, cosign };
    chain.refused(account(registrar()), cosigned, Error::BadCoSign);
    chain.ok(account(registrar()), finish(&person));

    for guardian in &guardians[..2] {
        approve(&mut chain, &person, guardian, &[&key(201)]);
    }
    chain.advance(RECOVERY_DELAY).refused(account(registrar()), finish(&person), Error::NotAuthorised);
}

#[test]
fn guardians_overtake_registrars_and_not_the_other_way() {
    let (mut chain, person, guardians) = world();
    begin_by_registrars(&mut chain, &person);
    let again = proposal(&chain, &person, account(clinic_registrar()), &[&key(201)], &[&registrar()]);
    chain.refused(account(clinic_registrar()), again, Error::BadState);
    chain.advance(REGISTRARS_DELAY);
    begin(&mut chain, &person, &guardians);
    assert_eq!(Recoveries::get(chain.state(), &person.id).unwrap().by, RecoveredBy::Guardians);
    chain.refused(account(registrar()), finish(&person), Error::NotAuthorised);
    let third = proposal(&chain, &person, guardians[2].account(), &[&new()], &[]);
    chain.refused(guardians[2].account(), third, Error::BadState);
    let registrars = proposal(&chain, &person, account(registrar()), &[&key(201)], &[&clinic_registrar()]);
    chain.refused(account(registrar()), registrars, Error::BadState);
    chain.ok(person.account(), veto(&person));
}

#[test]
fn a_recovery_that_nobody_finishes_lapses_and_another_may_begin() {
    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY + RECOVERY_OPEN - 1);
    assert!(matches!(state_of(&chain, &person), PatientState::Recovering { .. }));
    chain.advance(1);
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!keys_locked(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.refused(guardians[0].account(), finish(&person), Error::NoRecovery);
    chain.refused(person.account(), veto(&person), Error::NoRecovery);
    begin_by_registrars(&mut chain, &person);
}

#[test]
fn a_recovery_ends_a_freeze_and_a_veto_leaves_it_as_it_was() {
    let (mut chain, person, guardians) = world();
    chain.ok(guardians[0].account(), status_set(&person, Change::Freeze));
    let frozen = state_of(&chain, &person);
    begin(&mut chain, &person, &guardians);
    chain.advance(DAY).ok(person.account(), veto(&person));
    assert_eq!(state_of(&chain, &person), frozen);
    let locked = |chain: &Chain, ms| keys_locked(chain.state(), Subject::Patient(person.id), chain.now().plus(ms));
    assert!(locked(&chain, FREEZE - DAY - 1) && !locked(&chain, FREEZE - DAY));
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY).ok(guardians[0].account(), finish(&person));
    assert_eq!(state_of(&chain, &person), PatientState::Active);
    assert!(!locked(&chain, 0));
}

#[test]
fn a_freeze_that_ran_out_during_a_recovery_is_over_after_a_veto_or_a_lapse() {
    let (mut chain, person, guardians) = world();
    chain.ok(person.account(), status_set(&person, Change::Freeze)).advance(FREEZE - DAY);
    begin(&mut chain, &person, &guardians);
    let until = chain.now().plus(DAY);
    let freeze = Some(types::Freeze { until, by: FrozenBy::Patient });
    assert!(matches!(state_of(&chain, &person), PatientState::Recovering { freeze: kept, .. } if kept == freeze));
    chain.advance(2 * DAY).ok(person.account(), veto(&person));
    assert_eq!(state_of(&chain, &person), PatientState::Active);

    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY + RECOVERY_OPEN);
    assert_eq!(state_of(&chain, &person), PatientState::Active);
}

#[test]
fn a_change_of_guardians_that_waits_does_not_come_during_a_recovery_nor_after_it() {
    let (mut chain, person, guardians) = world();
    let thief = confirmed(&mut chain, account(registrar()), 90);
    let named = terms(&chain, &[thief], 1);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(named.clone()))).advance(DAY);
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY);
    let held = guardianship(chain.state(), &person.id, chain.now()).unwrap();
    assert_ne!(held.terms, named);
    chain.ok(guardians[0].account(), finish(&person));
    assert!(!PendingChanges::contains(chain.state(), &person.id));
    chain.advance(GUARDIANS_DELAY);
    assert_eq!(guardianship(chain.state(), &person.id, chain.now()).unwrap().terms, held.terms);
    assert!(keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
}

#[test]
fn a_declaration_of_death_ends_a_recovery() {
    let (mut chain, person, guardians) = world();
    chain.ok(guardians[0].account(), status_set(&person, Change::Freeze));
    let frozen = state_of(&chain, &person);
    begin(&mut chain, &person, &guardians);
    declare(&mut chain, &person);
    chain.refused(person.account(), veto(&person), Error::NoRecovery);
    for guardian in &guardians {
        let call = proposal(&chain, &person, guardian.account(), &[&new()], &[]);
        chain.refused(guardian.account(), call, Error::NotAuthorised);
    }
    let call = proposal(&chain, &person, account(registrar()), &[&new()], &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::BadState);
    chain.advance(DAY).ok(person.account(), status_set(&person, Change::Living));
    assert_eq!(state_of(&chain, &person), frozen);
    chain.advance(RECOVERY_DELAY).refused(guardians[0].account(), finish(&person), Error::NoRecovery);
}

#[test]
fn nobody_recovers_who_is_provisional_or_closed() {
    let (mut chain, person, guardians) = world();
    chain.ok(person.account(), status_set(&person, Change::Close));
    let child = registered(&mut chain, account(registrar()), 3, true);
    let named = terms(&chain, &guardians, 1);
    let appointed = guardians_cosigned(&chain, &child, &named, &registrar(), &[&clerk()]);
    chain.ok(account(registrar()), appointed);
    for patient in [&person, &child] {
        let call = proposal(&chain, patient, account(registrar()), &[&new()], &[&clinic_registrar()]);
        chain.refused(account(registrar()), call, Error::BadState);
    }
    let call = proposal(&chain, &child, guardians[0].account(), &[&new()], &[]);
    chain.refused(guardians[0].account(), call, Error::BadState);
}

#[test]
fn an_unknown_patient_is_not_recovered() {
    let mut chain = chain();
    let nobody = Person::number(9);
    let call = proposal(&chain, &nobody, account(registrar()), &[&new()], &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::UnknownPatient);
    chain.refused(account(registrar()), finish(&nobody), Error::UnknownPatient);
}

#[test]
fn new_keys_are_strong_nobodys_and_sign_along() {
    let (mut chain, person, guardians) = world();
    let guardian = guardians[0].account();
    let bare = |keys: RecoveryKeys| recover(&person, RecoveryStep::Propose(keys));
    chain.refused(guardian, bare(RecoveryKeys::new()), Error::KeyMissing);
    chain.refused(guardian, bare(recovery_keys(&[&new()])), Error::BadCoSign);
    chain.refused(guardian, bare(vec![AccountId([0; 32])].try_into().unwrap()), Error::WeakKey);
    let invited = invite(&mut chain, account(registrar()), 40, false);
    let apart = key(202);
    chain.prepare(|state| salus_system::keys::keep_apart(state, apart.public(), Purpose::Authority).unwrap());
    for taken in [&person.key, &guardians[1].key, &registrar(), &invited, &apart] {
        let call = proposal(&chain, &person, guardian, &[taken], &[]);
        chain.refused(guardian, call, Error::KeyTaken);
    }
    chain.refused(guardian, bare(recovery_keys(&[&new(), &new()])), Error::KeyTaken);
    let stolen = proposal(&chain, &person, guardians[1].account(), &[&new()], &[]);
    chain.refused(guardian, stolen, Error::BadCoSign);
    let extra = proposal(&chain, &person, guardian, &[&new()], &[&key(201)]);
    chain.refused(guardian, extra, Error::BadCoSign);
}

#[test]
fn a_key_that_was_bound_during_the_delay_is_not_bound_again() {
    let (mut chain, person, guardians) = world();
    begin(&mut chain, &person, &guardians);
    let now = chain.now();
    chain.prepare(|state| {
        let other = Subject::Patient(salus_primitives::PatientId([0xEE; 16]));
        salus_system::keys::bind(state, now, new().public(), other, Roles::NONE, None).unwrap();
    });
    chain.advance(RECOVERY_DELAY).refused(guardians[0].account(), finish(&person), Error::KeyTaken);
    assert_eq!(live(&chain, &person), [person.account()]);
}

#[test]
fn the_same_extrinsic_twice_does_nothing_twice() {
    let (mut chain, person, guardians) = world();
    let call = proposal(&chain, &person, guardians[0].account(), &[&new()], &[]);
    chain.ok(guardians[0].account(), call.clone());
    chain.refused(guardians[0].account(), call, Error::AlreadyApproved);
    approve(&mut chain, &person, &guardians[1], &[&new()]);
    chain.ok(person.account(), veto(&person)).refused(person.account(), veto(&person), Error::NoRecovery);
    begin(&mut chain, &person, &guardians);
    chain.advance(RECOVERY_DELAY).ok(guardians[1].account(), finish(&person));
    chain.refused(guardians[1].account(), finish(&person), Error::NoRecovery);
}

#[test]
fn windows_at_the_end_of_time_do_not_overflow() {
    let (mut chain, person, _) = with_friends(0);
    chain.advance(u64::MAX);
    begin_by_registrars(&mut chain, &person);
    assert_eq!(Recoveries::get(chain.state(), &person.id).unwrap().ripe, Moment(u64::MAX));
    assert_eq!(state_of(&chain, &person), PatientState::Active, "it has no time to be finished in");
    chain.refused(account(registrar()), finish(&person), Error::NoRecovery);
}

#[test]
fn a_recovery_waits_as_long_as_the_chain_says_when_it_begins() {
    let (mut chain, person, guardians) = world();
    chain.prepare(|state| {
        let parameters = Parameters { root_delay: 0, recovery_delay: 5_000, ..Parameters::default() };
        ChainParameters::put(state, &parameters);
    });
    begin(&mut chain, &person, &guardians);
    chain.prepare(|state| ChainParameters::put(state, &Parameters::default()));
    chain.advance(4_999).refused(guardians[0].account(), finish(&person), Error::TooEarly);
    chain.advance(1).ok(guardians[0].account(), finish(&person));
}
