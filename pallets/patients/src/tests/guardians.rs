//! Who sets guardians, when that takes effect, and what they may do.

use salus_primitives::{Moment, PatientId, time::DAY};
use salus_registry::keys_guarded;

use super::*;
use crate::{
    guardians::waiting,
    state,
    storage::{Guardianships, PendingChanges},
    types::{GUARDIANS_DELAY, GUARDIANSHIP_MAX, INCAPACITY_DELAY, PROVISIONAL_MAX},
};

fn held(chain: &Chain, person: &Person) -> Option<GuardianTerms> {
    guardianship(chain.state(), &person.id, chain.now()).map(|held| held.terms)
}

fn acts(chain: &Chain, person: &Person, guardian: &Person) -> Option<Acting> {
    acts_for(chain.state(), &person.id, Subject::Patient(guardian.id), chain.now())
}

fn minor(chain: &mut Chain, provisional: bool) -> (Person, Person) {
    let parent = confirmed(chain, account(registrar()), 2);
    let child = registered(chain, account(registrar()), 3, provisional);
    (child, parent)
}

#[test]
fn a_patient_names_guardians_who_stand_at_once() {
    let (mut chain, person, friends) = with_friends(3);
    let terms = terms(&chain, &friends, 2);
    let from = chain.now();
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(terms.clone()))).emitted(
        Event::GuardiansSet { patient: person.id, terms: Some(terms.clone()), by: Appointment::Patient, from },
    );
    assert_eq!(held(&chain, &person), Some(terms.clone()));
    assert!(keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
    for friend in &friends {
        let acting = acts(&chain, &person, friend).unwrap();
        assert_eq!((acting.guardian, acting.until), (friend.id, terms.until));
        assert!(is_guardian(chain.state(), &person.id, Subject::Patient(friend.id), chain.now()));
    }
    chain.advance(YEAR - 1);
    assert!(acts(&chain, &person, &friends[0]).is_some());
    chain.advance(1);
    assert_eq!(held(&chain, &person), None, "the window is half-open");
    assert_eq!(acts(&chain, &person, &friends[0]), None);
    assert!(!keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
}

#[test]
fn a_guardian_touches_no_record_with_an_excluded_tag_or_without_labels() {
    let (chain, person, friends) = with_guardians(1, 1);
    let acting = acts(&chain, &person, &friends[0]).unwrap();
    assert!(acting.may_touch(&[], true) && acting.may_touch(&[Tag([1; 8])], true));
    assert!(!acting.may_touch(&[Tag([1; 8]), Tag([7; 8])], true));
    assert!(!acting.may_touch(&[], false) && !acting.may_touch(&[Tag([1; 8])], false));
}

#[test]
fn nobody_acts_for_a_patient_but_a_guardian_with_that_power() {
    let (mut chain, person, friends) = with_friends(2);
    let named = &friends[..1];
    let terms = GuardianTerms { powers: Powers::RECOVER, ..terms(&chain, named, 1) };
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(terms)));
    let state = chain.state();
    let guards = |subject| is_guardian(state, &person.id, subject, chain.now());
    assert!(guards(Subject::Patient(friends[0].id)));
    assert_eq!(acts(&chain, &person, &friends[0]), None, "to recover is not to act");
    for stranger in [Subject::Patient(friends[1].id), Subject::Patient(person.id), Subject::Organisation(HOSPITAL)] {
        assert!(!guards(stranger));
    }
}

#[test]
fn a_guardian_acts_only_while_both_of_their_states_allow_it() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    chain.ok(friends[0].account(), status_set(&friends[0], Change::Freeze));
    assert_eq!(acts(&chain, &person, &friends[0]), None, "whose key may be stolen acts for nobody");
    chain.ok(person.account(), status_set(&person, Change::Freeze));
    assert!(acts(&chain, &person, &friends[1]).is_some(), "care goes on while the patient is frozen");
    declare(&mut chain, &person);
    assert_eq!(acts(&chain, &person, &friends[1]), None);
    chain
        .ok(person.account(), status_set(&person, Change::Living))
        .ok(person.account(), status_set(&person, Change::Thaw));
    assert!(acts(&chain, &person, &friends[1]).is_some());
    chain.ok(person.account(), status_set(&person, Change::Close));
    assert_eq!(acts(&chain, &person, &friends[1]), None);
}

#[test]
fn a_change_of_guardians_takes_seventy_two_hours_while_there_are_guardians() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    let old = held(&chain, &person).unwrap();
    let new = GuardianTerms { threshold: 2, ..terms(&chain, &friends, 2) };
    let from = chain.now().plus(GUARDIANS_DELAY);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(new.clone()))).emitted(Event::GuardiansSet {
        patient: person.id,
        terms: Some(new.clone()),
        by: Appointment::Patient,
        from,
    });
    chain.advance(GUARDIANS_DELAY - 1);
    assert_eq!(held(&chain, &person), Some(old));
    chain.advance(1);
    assert_eq!(held(&chain, &person), Some(new.clone()));
    assert_eq!(waiting(chain.state(), &person.id, chain.now()), None);
    chain.refused(person.account(), guardians_set(&person, GuardianChange::Cancel), Error::NothingWaits);

    chain.ok(person.account(), guardians_set(&person, GuardianChange::End)).advance(GUARDIANS_DELAY - 1);
    assert_eq!(held(&chain, &person), Some(new));
    assert!(keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.advance(1);
    assert_eq!(held(&chain, &person), None);
    assert!(!keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
    chain.refused(person.account(), guardians_set(&person, GuardianChange::End), Error::BadState);
    let again = terms(&chain, &friends, 1);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(again.clone())));
    assert_eq!(held(&chain, &person), Some(again), "without guardians nothing waits");
}

#[test]
fn guardians_who_ended_before_a_patient_closed_do_not_stand_again() {
    let (mut chain, person, _) = with_guardians(2, 1);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::End)).advance(GUARDIANS_DELAY);
    assert_eq!(held(&chain, &person), None);
    chain.ok(person.account(), status_set(&person, Change::Close));
    assert_eq!(held(&chain, &person), None, "what took effect before stays so");
}

#[test]
fn one_change_waits_at_a_time_and_any_key_of_the_patient_cancels_it() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    let session = give_key(&mut chain, &person, 60, true);
    let before = held(&chain, &person);
    chain.refused(person.account(), guardians_set(&person, GuardianChange::Cancel), Error::NothingWaits);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::End));
    let other = GuardianChange::Set(terms(&chain, &friends, 2));
    chain.refused(person.account(), guardians_set(&person, other), Error::ChangeWaits);
    chain.refused(person.account(), guardians_set(&person, GuardianChange::End), Error::ChangeWaits);
    chain.refused(friends[0].account(), guardians_set(&person, GuardianChange::Cancel), Error::NotAuthorised);
    chain.refused(account(key(99)), guardians_set(&person, GuardianChange::Cancel), Error::NotRegistered);
    chain
        .ok(session, guardians_set(&person, GuardianChange::Cancel))
        .emitted(Event::GuardiansKept { patient: person.id })
        .advance(GUARDIANS_DELAY);
    assert_eq!(held(&chain, &person), before);
    assert!(!PendingChanges::contains(chain.state(), &person.id));
}

#[test]
fn a_change_that_waits_does_not_take_effect_while_the_patient_is_frozen() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    let before = held(&chain, &person);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::End)).advance(GUARDIANS_DELAY - 1);
    chain.ok(friends[0].account(), status_set(&person, Change::Freeze)).advance(types::FREEZE - 1);
    assert_eq!(held(&chain, &person), before);
    assert!(waiting(chain.state(), &person.id, chain.now()).is_some());
    chain.advance(1);
    assert_eq!(held(&chain, &person), None, "the freeze is over");
}

#[test]
fn a_change_that_took_effect_stays_so_when_a_freeze_begins() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    let new = terms(&chain, &friends, 2);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(new.clone()))).advance(GUARDIANS_DELAY);
    chain.ok(person.account(), status_set(&person, Change::Freeze));
    assert_eq!(held(&chain, &person), Some(new));
}

#[test]
fn a_registrar_and_a_privacy_officer_appoint_for_a_minor_until_somebody_confirmed() {
    for provisional in [false, true] {
        let mut chain = chain();
        let (child, parent) = minor(&mut chain, provisional);
        let terms = terms(&chain, std::slice::from_ref(&parent), 1);
        let call = guardians_cosigned(&chain, &child, &terms, &registrar(), &[&clerk()]);
        let from = chain.now();
        chain.ok(account(registrar()), call).emitted(Event::GuardiansSet {
            patient: child.id,
            terms: Some(terms.clone()),
            by: Appointment::Minor,
            from,
        });
        assert!(acts(&chain, &child, &parent).is_some());
        let again = guardians_cosigned(&chain, &child, &terms, &clerk(), &[&registrar()]);
        chain.ok(account(clerk()), again);
        assert!(waiting(chain.state(), &child.id, chain.now()).is_some(), "there are guardians, so it takes 72 hours");
    }
    let mut chain = chain();
    let (child, parent) = minor(&mut chain, false);
    let terms = terms(&chain, &[parent], 1);
    chain.ok(account(registrar()), Call::Confirm { patient: child.id, assurance: 1 });
    let late = guardians_cosigned(&chain, &child, &terms, &registrar(), &[&clerk()]);
    chain.refused(account(registrar()), late, Error::BadState);
}

#[test]
fn a_minors_guardians_are_appointed_by_two_people_of_the_organisation_that_invited() {
    let mut chain = chain();
    let (child, parent) = minor(&mut chain, false);
    let terms = terms(&chain, &[parent], 1);
    let (second, privacy) = (key(70), key(71));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &second);
    officer(&mut chain, CLINIC, Roles::PRIVACY, &privacy);
    let call =
        |chain: &Chain, by: &KeyPair, signers: &[&KeyPair]| guardians_cosigned(chain, &child, &terms, by, signers);
    for signers in [&[][..], &[&second], &[&privacy], &[&child.key], &[&clerk(), &second]] {
        let call = call(&chain, &registrar(), signers);
        chain.refused(account(registrar()), call, Error::BadCoSign);
    }
    let elsewhere = call(&chain, &clinic_registrar(), &[&privacy]);
    chain.refused(account(clinic_registrar()), elsewhere, Error::NotAuthorised);
    let only_privacy = call(&chain, &privacy, &[&registrar()]);
    chain.refused(account(privacy.clone()), only_privacy, Error::NotAuthorised);
    suspend(&mut chain, HOSPITAL);
    let suspended = call(&chain, &registrar(), &[&clerk()]);
    chain.refused(account(registrar()), suspended, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn a_lapsed_provisional_patient_is_given_no_guardians() {
    let mut chain = chain();
    let (child, parent) = minor(&mut chain, true);
    chain.advance(PROVISIONAL_MAX);
    let terms = terms(&chain, &[parent], 1);
    for other in [clerk(), clinic_registrar()] {
        let call = guardians_cosigned(&chain, &child, &terms, &registrar(), &[&other]);
        chain.refused(account(registrar()), call, Error::BadState);
    }
}

#[test]
fn two_organisations_appoint_for_who_cannot_act_after_fourteen_days() {
    let (mut chain, person, friends) = with_friends(2);
    let terms = terms(&chain, &friends, 1);
    let call = guardians_cosigned(&chain, &person, &terms, &registrar(), &[&clinic_registrar()]);
    let from = chain.now().plus(INCAPACITY_DELAY);
    chain.ok(account(registrar()), call).emitted(Event::GuardiansSet {
        patient: person.id,
        terms: Some(terms.clone()),
        by: Appointment::Incapacity,
        from,
    });
    chain.advance(INCAPACITY_DELAY - 1);
    assert_eq!(held(&chain, &person), None);
    chain.advance(1);
    assert_eq!(held(&chain, &person), Some(terms));
}

#[test]
fn any_key_of_the_patient_cancels_what_two_organisations_appointed() {
    let (mut chain, person, friends) = with_friends(1);
    let session = give_key(&mut chain, &person, 60, true);
    for objector in [person.account(), session] {
        let terms = terms(&chain, &friends, 1);
        let call = guardians_cosigned(&chain, &person, &terms, &registrar(), &[&clinic_registrar()]);
        chain.ok(account(registrar()), call).ok(objector, guardians_set(&person, GuardianChange::Cancel));
        assert!(!keys_guarded(chain.state(), Subject::Patient(person.id), chain.now()));
    }
    chain.advance(INCAPACITY_DELAY);
    assert_eq!(held(&chain, &person), None);
    let call = guardians_cosigned(&chain, &person, &terms(&chain, &friends, 1), &registrar(), &[&clinic_registrar()]);
    chain.ok(account(registrar()), call).advance(INCAPACITY_DELAY);
    chain.refused(person.account(), guardians_set(&person, GuardianChange::Cancel), Error::NothingWaits);
}

#[test]
fn nobody_else_sets_or_ends_guardians() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    let session = give_key(&mut chain, &person, 60, true);
    let set = GuardianChange::Set(terms(&chain, &friends, 1));
    for change in [set, GuardianChange::End] {
        chain.refused(account(key(99)), guardians_set(&person, change.clone()), Error::NotRegistered);
        for caller in [friends[0].account(), session] {
            chain.refused(caller, guardians_set(&person, change.clone()), Error::NotAuthorised);
        }
        let cosign = chain.cosigns(person.account(), guardians_set(&person, change.clone()), &[&registrar()]);
        let cosigned = Call::GuardiansSet { patient: person.id, change, cosign };
        chain.refused(person.account(), cosigned, Error::BadCoSign);
    }
    chain.refused(account(registrar()), guardians_set(&person, GuardianChange::End), Error::NotAuthorised);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::End));
    let cosign = chain.cosigns(person.account(), guardians_set(&person, GuardianChange::Cancel), &[&registrar()]);
    let cosigned = Call::GuardiansSet { patient: person.id, change: GuardianChange::Cancel, cosign };
    chain.refused(person.account(), cosigned, Error::BadCoSign);
    let doctor = key(80);
    let id = salus_primitives::PractitionerId([9; 16]);
    salus_registry::testing::practitioner(&mut chain, id, HOSPITAL, &doctor);
    let set = GuardianChange::Set(terms(&chain, &friends, 1));
    chain.refused(account(doctor), guardians_set(&person, set), Error::NotAuthorised);
}

#[test]
fn an_unknown_patient_has_no_guardians() {
    let (mut chain, _, friends) = with_friends(1);
    let nobody = Person::number(9);
    let terms = terms(&chain, &friends, 1);
    let call = guardians_cosigned(&chain, &nobody, &terms, &registrar(), &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::UnknownPatient);
    assert_eq!(guardianship(chain.state(), &nobody.id, chain.now()), None);
}

#[test]
fn guardians_are_other_confirmed_and_active_patients_each_once() {
    let (mut chain, person, friends) = with_friends(1);
    let unconfirmed = registered(&mut chain, account(registrar()), 50, false);
    let provisional = registered(&mut chain, account(registrar()), 51, true);
    let frozen = confirmed(&mut chain, account(registrar()), 52);
    let dead = confirmed(&mut chain, account(registrar()), 53);
    let closed = confirmed(&mut chain, account(registrar()), 54);
    chain.ok(frozen.account(), status_set(&frozen, Change::Freeze));
    chain.ok(closed.account(), status_set(&closed, Change::Close));
    declare(&mut chain, &dead);
    let lists: Vec<Vec<PatientId>> = vec![
        vec![],
        vec![friends[0].id, friends[0].id],
        vec![friends[0].id, person.id],
        vec![friends[0].id, Person::number(99).id],
        vec![unconfirmed.id],
        vec![provisional.id],
        vec![frozen.id],
        vec![dead.id],
        vec![closed.id],
    ];
    for list in lists {
        let terms = GuardianTerms { guardians: list.try_into().unwrap(), ..terms(&chain, &[], 1) };
        chain.refused(person.account(), guardians_set(&person, GuardianChange::Set(terms)), Error::BadGuardians);
    }
}

#[test]
fn threshold_powers_and_tags_make_sense() {
    let (mut chain, person, friends) = with_friends(2);
    let good = terms(&chain, &friends, 2);
    let twice = vec![Tag([1; 8]), Tag([1; 8])].try_into().unwrap();
    let cases = [
        (GuardianTerms { threshold: 0, ..good.clone() }, Error::BadThreshold),
        (GuardianTerms { threshold: 3, ..good.clone() }, Error::BadThreshold),
        (GuardianTerms { threshold: 255, ..good.clone() }, Error::BadThreshold),
        (GuardianTerms { powers: Powers(0), ..good.clone() }, Error::BadPowers),
        (GuardianTerms { powers: Powers(4), ..good.clone() }, Error::BadPowers),
        (GuardianTerms { powers: Powers(255), ..good.clone() }, Error::BadPowers),
        (GuardianTerms { excluded: twice, ..good.clone() }, Error::BadTags),
    ];
    for (terms, error) in cases {
        chain.refused(person.account(), guardians_set(&person, GuardianChange::Set(terms)), error);
    }
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(good)));
}

#[test]
fn a_guardianship_ends_within_twenty_four_months_and_not_before_it_begins() {
    let (mut chain, person, friends) = with_friends(1);
    let now = chain.now();
    let good = terms(&chain, &friends, 1);
    let set = |until| guardians_set(&person, GuardianChange::Set(GuardianTerms { until, ..good.clone() }));
    for until in [Moment(0), now, now.plus(GUARDIANSHIP_MAX + 1), Moment(u64::MAX)] {
        chain.refused(person.account(), set(until), Error::BadWindow);
    }
    chain.ok(person.account(), set(now.plus(GUARDIANSHIP_MAX)));
    chain.refused(person.account(), set(now.plus(GUARDIANS_DELAY)), Error::BadWindow);
    chain.ok(person.account(), set(now.plus(GUARDIANS_DELAY + 1)));

    chain.advance(u64::MAX);
    chain.refused(person.account(), set(Moment(u64::MAX)), Error::BadWindow);
}

#[test]
fn a_patient_changes_guardians_only_while_active() {
    let (mut chain, person, friends) = with_guardians(2, 1);
    let set = GuardianChange::Set(terms(&chain, &friends, 1));
    chain.ok(person.account(), status_set(&person, Change::Freeze));
    for change in [set.clone(), GuardianChange::End] {
        chain.refused(person.account(), guardians_set(&person, change), Error::BadState);
    }
    let call = guardians_cosigned(&chain, &person, &terms(&chain, &friends, 1), &registrar(), &[&clinic_registrar()]);
    chain.refused(account(registrar()), call, Error::BadState);
    chain.ok(person.account(), status_set(&person, Change::Thaw));
    declare(&mut chain, &person);
    for change in [set, GuardianChange::End] {
        chain.refused(person.account(), guardians_set(&person, change), Error::BadState);
    }
    let (child, _) = minor(&mut chain, true);
    let own = GuardianChange::Set(terms(&chain, &friends, 1));
    chain.refused(child.account(), guardians_set(&child, own), Error::BadState);
}

#[test]
fn a_session_key_of_a_guardian_is_no_guardians_word() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    let session = give_key(&mut chain, &friends[0], 61, true);
    chain.refused(session, status_set(&person, Change::Freeze), Error::NotAuthorised);
    let call = proposal(&chain, &person, session, &[&key(200)], &[]);
    chain.refused(session, call, Error::NotAuthorised);
}

#[test]
fn objections_are_never_refused_for_weight() {
    let person = Person::number(1);
    let class = |call| Patients::cost(&call).class;
    use salus_support::Class::{Ordinary, Protected};
    assert_eq!(class(guardians_set(&person, GuardianChange::Cancel)), Protected);
    assert_eq!(class(guardians_set(&person, GuardianChange::End)), Ordinary);
    assert_eq!(class(recover(&person, RecoveryStep::Cancel)), Protected);
    assert_eq!(class(recover(&person, RecoveryStep::Finish)), Ordinary);
    assert_eq!(class(recover(&person, RecoveryStep::Propose(RecoveryKeys::new()))), Ordinary);
}

#[test]
fn guardians_that_ran_out_stay_until_their_slot_is_needed() {
    let (mut chain, person, friends) = with_guardians(1, 1);
    chain.advance(YEAR + DAY);
    assert!(Guardianships::contains(chain.state(), &person.id));
    assert!(state::at(chain.state(), &person.id, chain.now()).is_ok());
    let next = terms(&chain, &friends, 1);
    chain.ok(person.account(), guardians_set(&person, GuardianChange::Set(next.clone())));
    assert_eq!(held(&chain, &person), Some(next));
}
