//! Guardians below threshold, twice, after expiry; recoveries too early, too late, vetoed at the last moment.

use salus_patients::{
    Change, Error,
    types::{GuardianChange, GuardianTerms, Powers, RecoveryStep},
};
use salus_primitives::{
    AccountId, Moment, PatientId, Tag,
    dispatch::InvalidTransaction,
    signed::CoSigns,
    subject::Roles,
    time::{DAY, HOUR, YEAR},
};
use salus_runtime::RuntimeCall;

use crate::world::*;

/// Seeds of the keys that a recovery gives.
const NEW_KEY: u8 = 200;
const OTHER_KEY: u8 = 201;

const RECOVERY_DELAY: u64 = 72 * HOUR;

fn terms(world: &World, guardians: &[PatientId], threshold: u8) -> GuardianTerms {
    let guardians = list(guardians.iter().copied());
    GuardianTerms { guardians, threshold, powers: Powers::ALL, excluded: list([]), until: world.now().plus(YEAR) }
}

fn setting(terms: GuardianTerms) -> salus_patients::Call {
    let change = GuardianChange::Set(terms);
    salus_patients::Call::GuardiansSet { patient: PATIENT, change, cosign: CoSigns::new() }
}

fn step(step: RecoveryStep) -> salus_patients::Call {
    salus_patients::Call::Recover { patient: PATIENT, step, cosign: CoSigns::new() }
}

/// `by` proposes the keys of these seeds, which sign along.
fn proposing(world: &World, by: u8, keys: &[u8], signers: &[u8]) -> RuntimeCall {
    let proposed: Vec<AccountId> = keys.iter().map(|seed| account(*seed)).collect();
    let with = |cosign| salus_patients::Call::Recover {
        patient: PATIENT,
        step: RecoveryStep::Propose(list(proposed.clone())),
        cosign,
    };
    world.cosigned(by, with, signers)
}

fn status(to: Change) -> salus_patients::Call {
    salus_patients::Call::StatusSet { patient: PATIENT, to, cosign: CoSigns::new() }
}

/// The patient has three guardians, of whom two recover.
fn guarded() -> World {
    let mut world = World::new();
    let call = setting(terms(&world, &[ANNA, BEN, CARL], 2));
    world.ok(PATIENT_KEY, call);
    world
}

#[track_caller]
fn propose(world: &mut World, by: u8) {
    let call = proposing(world, by, &[NEW_KEY], &[NEW_KEY]);
    world.ok(by, call);
}

/// A recovery by two guardians that began in the newest block; the next block is `later` ms after it.
fn recovering(later: u64) -> World {
    let mut world = guarded();
    propose(&mut world, ANNA_KEY);
    propose(&mut world, BEN_KEY);
    world.advance(later);
    world
}

/// The old key speaks for the patient, and the new one for nobody.
#[track_caller]
fn nothing_was_recovered(world: &mut World) {
    let noop = salus_system::Call::Noop {};
    world.invalid(&world.signed(NEW_KEY, noop.clone()), InvalidTransaction::UnknownSigner);
    world.ok(PATIENT_KEY, noop);
}

#[test]
fn a_threshold_is_neither_zero_nor_above_the_number_of_guardians() {
    let mut world = World::new();
    for threshold in [0, 3, u8::MAX] {
        let call = setting(terms(&world, &[ANNA, BEN], threshold));
        world.refused(PATIENT_KEY, call, Error::BadThreshold);
    }
}

#[test]
fn guardians_are_confirmed_patients_each_once_and_never_the_patient() {
    let mut world = World::new();
    let unconfirmed = PatientId([25; 16]);
    world.prepare(|state| {
        patient(state, unconfirmed);
        let found = salus_patients::storage::Patients::get(state, &unconfirmed).unwrap();
        let found = salus_patients::Patient { assurance: 0, ..found };
        salus_patients::storage::Patients::insert(state, &unconfirmed, &found);
    });
    for guardians in [&[][..], &[ANNA, BEN, ANNA], &[ANNA, PATIENT], &[NO_PATIENT], &[ANNA, unconfirmed]] {
        let call = setting(terms(&world, guardians, 1));
        world.refused(PATIENT_KEY, call, Error::BadGuardians);
    }
}

#[test]
fn powers_are_some_and_only_such_as_exist() {
    let mut world = World::new();
    for powers in [Powers(0), Powers(1 << 2), Powers(Powers::ALL.0 | 1 << 7), Powers(u8::MAX)] {
        let call = setting(GuardianTerms { powers, ..terms(&world, &[ANNA], 1) });
        world.refused(PATIENT_KEY, call, Error::BadPowers);
    }
}

#[test]
fn no_tag_is_excluded_twice() {
    let mut world = World::new();
    let excluded = list([Tag([1; 8]), Tag([2; 8]), Tag([1; 8])]);
    let call = setting(GuardianTerms { excluded, ..terms(&world, &[ANNA], 1) });
    world.refused(PATIENT_KEY, call, Error::BadTags);
}

#[test]
fn one_change_of_guardians_waits_at_a_time_and_only_what_waits_is_cancelled() {
    let mut world = guarded();
    let change = |change| salus_patients::Call::GuardiansSet { patient: PATIENT, change, cosign: CoSigns::new() };
    world.refused(PATIENT_KEY, change(GuardianChange::Cancel), Error::NothingWaits);
    world.ok(PATIENT_KEY, change(GuardianChange::End));
    let other = setting(terms(&world, &[ANNA], 1));
    world.refused(PATIENT_KEY, other, Error::ChangeWaits);
    world.refused(PATIENT_KEY, change(GuardianChange::End), Error::ChangeWaits);
}

#[test]
fn guardians_below_the_threshold_recover_nothing() {
    let mut world = guarded();
    propose(&mut world, ANNA_KEY);
    world.advance(RECOVERY_DELAY);
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::NoRecovery);
    nothing_was_recovered(&mut world);
}

#[test]
fn a_guardian_counts_once_however_often_they_approve() {
    let mut world = guarded();
    propose(&mut world, ANNA_KEY);
    let again = proposing(&world, ANNA_KEY, &[NEW_KEY], &[NEW_KEY]);
    world.refused(ANNA_KEY, again, Error::AlreadyApproved);
    // Approving other keys takes the place of what was approved before: it is no second approval of either.
    let others = proposing(&world, ANNA_KEY, &[OTHER_KEY], &[OTHER_KEY]);
    world.ok(ANNA_KEY, others);
    propose(&mut world, ANNA_KEY);
    world.advance(RECOVERY_DELAY);
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::NoRecovery);
    nothing_was_recovered(&mut world);
}

#[test]
fn guardians_who_name_different_keys_do_not_agree() {
    let mut world = guarded();
    propose(&mut world, ANNA_KEY);
    let others = proposing(&world, BEN_KEY, &[OTHER_KEY], &[OTHER_KEY]);
    world.ok(BEN_KEY, others).advance(RECOVERY_DELAY);
    world.refused(BEN_KEY, step(RecoveryStep::Finish), Error::NoRecovery);
}

#[test]
fn an_approval_counts_for_fourteen_days_and_not_a_millisecond_longer() {
    for (later, begins) in [(14 * DAY - 1, true), (14 * DAY, false)] {
        let mut world = guarded();
        propose(&mut world, ANNA_KEY);
        world.advance(later);
        propose(&mut world, BEN_KEY);
        let error = if begins { Error::TooEarly } else { Error::NoRecovery };
        world.refused(BEN_KEY, step(RecoveryStep::Finish), error);
    }
}

#[test]
fn nobody_is_a_guardian_from_the_moment_on_at_which_the_guardianship_ends() {
    let mut world = World::new();
    let until = world.now().plus(DAY);
    let call = setting(GuardianTerms { until, ..terms(&world, &[ANNA, BEN], 1) });
    world.ok(PATIENT_KEY, call);
    let over = |world: &mut World| {
        let left = until.0 - world.now().0 + 1_000;
        world.advance(left);
    };
    over(&mut world);
    let recovery = proposing(&world, ANNA_KEY, &[NEW_KEY], &[NEW_KEY]);
    world.refused(ANNA_KEY, recovery, Error::NotAuthorised);
    world.refused(ANNA_KEY, status(Change::Freeze), Error::NotAuthorised);
    let grant = salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None };
    world.refused(ANNA_KEY, grant, salus_consent::Error::NotAuthorised);
}

#[test]
fn who_is_no_guardian_recovers_nothing_and_freezes_nobody() {
    let mut world = World::new();
    let call = setting(terms(&world, &[ANNA], 1));
    world.ok(PATIENT_KEY, call);
    for by in [CARL_KEY, DOCTOR_KEY] {
        let recovery = proposing(&world, by, &[NEW_KEY], &[NEW_KEY]);
        world.refused(by, recovery, Error::NotAuthorised);
        world.refused(by, status(Change::Freeze), Error::NotAuthorised);
    }
}

#[test]
fn a_recovery_is_not_finished_before_its_delay_is_over() {
    let mut world = recovering(RECOVERY_DELAY - 1);
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::TooEarly);
    world.ok(ANNA_KEY, step(RecoveryStep::Finish));
}

#[test]
fn a_veto_at_the_last_moment_ends_a_recovery() {
    let mut world = recovering(RECOVERY_DELAY - 1);
    world.ok(PATIENT_KEY, step(RecoveryStep::Cancel));
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::NoRecovery);
    nothing_was_recovered(&mut world);
}

#[test]
fn a_veto_a_millisecond_later_is_too_late() {
    let mut world = recovering(RECOVERY_DELAY);
    world.refused(PATIENT_KEY, step(RecoveryStep::Cancel), Error::TooLate);
    world.ok(ANNA_KEY, step(RecoveryStep::Finish));
    world.invalid(&world.signed(PATIENT_KEY, salus_system::Call::Noop {}), InvalidTransaction::UnknownSigner);
}

#[test]
fn a_veto_and_a_finish_in_one_block_are_decided_by_their_order() {
    let mut world = recovering(RECOVERY_DELAY - 1);
    let (veto, finish) =
        (world.signed(PATIENT_KEY, step(RecoveryStep::Cancel)), world.signed(ANNA_KEY, step(RecoveryStep::Finish)));
    assert_eq!(world.block(&[finish, veto]), [Err(Error::TooEarly.into()), Ok(())]);
    nothing_was_recovered(&mut world);
}

#[test]
fn the_same_guardians_second_recovery_cannot_be_vetoed() {
    let mut world = recovering(HOUR);
    world.ok(PATIENT_KEY, step(RecoveryStep::Cancel));
    propose(&mut world, ANNA_KEY);
    propose(&mut world, BEN_KEY);
    world.refused(PATIENT_KEY, step(RecoveryStep::Cancel), Error::NoVeto);
}

#[test]
fn a_recovery_that_nobody_finished_in_fourteen_days_is_over() {
    let mut world = recovering(RECOVERY_DELAY + 14 * DAY);
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::NoRecovery);
    nothing_was_recovered(&mut world);
}

#[test]
fn a_second_recovery_does_not_begin_while_one_runs() {
    let mut world = recovering(HOUR);
    let third = proposing(&world, CARL_KEY, &[OTHER_KEY], &[OTHER_KEY]);
    world.refused(CARL_KEY, third, Error::BadState);
}

#[test]
fn a_recovery_gives_good_keys_that_are_nobodys_and_agree() {
    let mut world = guarded();
    let weak = RecoveryStep::Propose(list([AccountId([0; 32])]));
    world.refused(ANNA_KEY, step(RecoveryStep::Propose(list([]))), Error::KeyMissing);
    world.refused(ANNA_KEY, step(weak), Error::WeakKey);
    for (keys, signers, error) in [
        (&[PATIENT_KEY][..], &[PATIENT_KEY][..], Error::KeyTaken),
        (&[DOCTOR_KEY], &[DOCTOR_KEY], Error::KeyTaken),
        // A validator's, and that of its node.
        (&[20], &[20], Error::KeyTaken),
        (&[120], &[120], Error::KeyTaken),
        (&[NEW_KEY, NEW_KEY], &[NEW_KEY], Error::KeyTaken),
        (&[NEW_KEY], &[], Error::BadCoSign),
        (&[NEW_KEY], &[OTHER_KEY], Error::BadCoSign),
        (&[NEW_KEY, OTHER_KEY], &[NEW_KEY], Error::BadCoSign),
        (&[NEW_KEY], &[NEW_KEY, OTHER_KEY], Error::BadCoSign),
    ] {
        let call = proposing(&world, ANNA_KEY, keys, signers);
        world.refused(ANNA_KEY, call, error);
    }
}

#[test]
fn registrars_recover_only_where_they_are_of_two_organisations() {
    let mut world = guarded();
    // A second Registrar of the same organisation.
    world.prepare(|state| salus_system::keys::set_roles(state, account(PRIVACY_KEY), Roles::REGISTRAR));
    for signers in [&[NEW_KEY][..], &[NEW_KEY, PRIVACY_KEY], &[NEW_KEY, CLINIC_PRIVACY_KEY], &[NEW_KEY, DOCTOR_KEY]] {
        let call = proposing(&world, REGISTRAR_KEY, &[NEW_KEY], signers);
        world.refused(REGISTRAR_KEY, call, Error::BadCoSign);
    }
    let call = proposing(&world, REGISTRAR_KEY, &[NEW_KEY], &[NEW_KEY, CLINIC_REGISTRAR_KEY]);
    world.ok(REGISTRAR_KEY, call).advance(14 * DAY - 1);
    world.refused(REGISTRAR_KEY, step(RecoveryStep::Finish), Error::TooEarly);
    world.refused(ANNA_KEY, step(RecoveryStep::Finish), Error::NotAuthorised);
}

#[test]
fn nobody_freezes_twice_within_thirty_days_or_thaws_what_a_guardian_froze_alone() {
    let mut world = guarded();
    world.ok(ANNA_KEY, status(Change::Freeze));
    world.refused(BEN_KEY, status(Change::Freeze), Error::BadState);
    world.refused(PATIENT_KEY, status(Change::Thaw), Error::BadState);
    world.ok(ANNA_KEY, status(Change::Thaw));
    world.refused(ANNA_KEY, status(Change::Thaw), Error::AlreadyApproved);
    let grant = salus_consent::Call::Grant { patient: PATIENT, terms: world.permit(), replaces: None };
    world.refused(PATIENT_KEY, grant, salus_consent::Error::Patient(salus_patients::Problem::Frozen));
    world.ok(BEN_KEY, status(Change::Thaw));
    world.refused(CARL_KEY, status(Change::Freeze), Error::RateLimited);
    world.advance(30 * DAY).ok(CARL_KEY, status(Change::Freeze));
}

#[test]
fn a_death_is_declared_by_two_registrars_and_cancelled_within_seventy_two_hours() {
    let mut world = World::new();
    let dead = |cosign| salus_patients::Call::StatusSet { patient: PATIENT, to: Change::Deceased, cosign };
    world.refused(PATIENT_KEY, status(Change::Living), Error::BadState);
    world.refused(REGISTRAR_KEY, status(Change::Deceased), Error::BadCoSign);
    let alone = world.cosigned(REGISTRAR_KEY, dead, &[PRIVACY_KEY]);
    world.refused(REGISTRAR_KEY, alone, Error::BadCoSign);
    let declared = world.cosigned(REGISTRAR_KEY, dead, &[CLINIC_REGISTRAR_KEY]);
    let at = world.now();
    world.ok(REGISTRAR_KEY, declared);
    let left = at.plus(72 * HOUR).since(Moment(world.now().0 - 1_000));
    world.advance(left).refused(PATIENT_KEY, status(Change::Living), Error::TooLate);
}
