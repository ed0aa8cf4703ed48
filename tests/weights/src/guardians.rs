//! Guardians, recovery, and the states of a patient.

use salus_patients::{
    Call, Change, PatientState,
    storage::{BeforeDeath, GuardianFreezes, Guardianships, PendingChanges, Recoveries, RecoveryApprovals, Thaws},
    types::{
        Approval, FREEZE, FREEZE_EVERY, FrozenBy, GUARDIANS_MAX, GuardianChange, GuardianTerms, Guardianship,
        PendingGuardians, Powers, RecoveredBy, Recovery, RecoveryKeys, RecoveryStep, Thawing,
    },
};
use salus_primitives::{
    Moment, PatientId, Subject,
    crypto::KeyPair,
    signed::CoSigns,
    subject::Roles,
    time::{DAY, HOUR, YEAR},
};
use salus_registry::storage::{KeyGuards, KeyLocks};
use salus_support::Overlay;
use salus_system::keys::end_at;

use crate::{
    people::{
        GRANTEE, GUARDIANS, HOSPITAL, declared_dead, guardian, id, key, list, officer, patient, person_key, set, tags,
    },
    scene::{Builder, NOW},
};

/// Guardians of one patient.
const EIGHT: usize = GUARDIANS_MAX as usize;

/// When a change of guardians takes effect.
#[derive(Clone, Copy)]
pub(crate) enum Changes {
    /// It waits: what waits and what is in force are both read.
    Waits,
    /// It has, and was not moved yet.
    IsDue,
}

/// Eight guardians with every power, of whom all have to agree.
fn terms(group: &str) -> GuardianTerms {
    GuardianTerms {
        guardians: list((0..EIGHT).map(|number| PatientId(id(group, number))).collect()),
        threshold: GUARDIANS_MAX as u8,
        powers: Powers::ALL,
        excluded: tags("excluded", 8),
        until: NOW.plus(YEAR),
    }
}

/// A patient with eight guardians, a change of them, three keys whose drop waits and a lock that is over.
pub(crate) fn guarded(builder: &mut Builder<'_>, name: &str, change: Changes) -> (PatientId, KeyPair) {
    let (patient, signs) = patient(builder, name);
    let state = &mut builder.state;
    let (subject, terms) = (Subject::Patient(patient), terms(GUARDIANS[0]));
    let from = match change {
        Changes::Waits => NOW.plus(DAY),
        Changes::IsDue => NOW,
    };
    Guardianships::insert(state, &patient, &Guardianship { terms: terms.clone(), vetoed: Some(NOW) });
    PendingChanges::insert(state, &patient, &PendingGuardians { terms: Some(terms), from });
    KeyGuards::insert(state, &subject, &NOW.plus(YEAR));
    KeyLocks::insert(state, &subject, &NOW);
    for number in 1..4 {
        end_at(state, person_key(subject, number).public(), NOW, NOW.plus(HOUR));
    }
    (patient, signs)
}

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    changes(builder);
    proposals(builder);
    ends_of_recovery(builder);
    freezes(builder);
    deaths(builder);
}

fn registrars() -> (KeyPair, KeyPair) {
    (officer(HOSPITAL, Roles::REGISTRAR), officer(GRANTEE, Roles::REGISTRAR))
}

fn changes(builder: &mut Builder<'_>) {
    let (first, second) = registrars();
    let (patient, _) = guarded(builder, "guardians for the incapable", Changes::IsDue);
    builder.cosigned(
        "eight guardians by two Registrars, where an earlier change is moved",
        &first,
        &[&second],
        |cosign| {
            let change = GuardianChange::Set(terms(GUARDIANS[1]));
            Call::GuardiansSet { patient, change, cosign }
        },
    );
    let (patient, signs) = guarded(builder, "ends guardianship", Changes::IsDue);
    let call = Call::GuardiansSet { patient, change: GuardianChange::End, cosign: CoSigns::new() };
    builder.case("an end, where an earlier change is moved", &signs, call);
    let (patient, signs) = guarded(builder, "keeps guardians", Changes::Waits);
    let call = Call::GuardiansSet { patient, change: GuardianChange::Cancel, cosign: CoSigns::new() };
    builder.case("a change of eight guardians is cancelled", &signs, call);
}

/// The keys that a recovery is about.
fn new_keys(name: &str) -> ([KeyPair; 2], RecoveryKeys) {
    let keys = [key(name, 0), key(name, 1)];
    let accounts = list(keys.iter().map(KeyPair::public).collect());
    (keys, accounts)
}

fn proposals(builder: &mut Builder<'_>) {
    let (patient, _) = guarded(builder, "eight agree", Changes::Waits);
    let (keys, accounts) = new_keys("recovered by guardians");
    let approvals = (1..EIGHT).map(|number| Approval { guardian: guardian(number).0, keys: accounts.clone(), at: NOW });
    RecoveryApprovals::insert(&mut builder.state, &patient, &list(approvals.collect()));
    builder.cosigned("the eighth of eight guardians, two keys", &guardian(0).1, &[&keys[0], &keys[1]], |cosign| {
        Call::Recover { patient, step: RecoveryStep::Propose(accounts.clone()), cosign }
    });

    let (patient, _) = guarded(builder, "two Registrars agree", Changes::IsDue);
    let ((first, second), new) = (registrars(), key("recovered by Registrars", 0));
    builder.cosigned("two Registrars, where a change of guardians is moved", &first, &[&second, &new], |cosign| {
        Call::Recover { patient, step: RecoveryStep::Propose(list(vec![new.public()])), cosign }
    });
}

/// A recovery of this patient runs.
fn recovering(state: &mut Overlay<'_>, patient: PatientId, name: &str, ripe: Moment) {
    let (_, keys) = new_keys(name);
    set(state, patient, PatientState::Recovering { until: NOW.plus(DAY), freeze: None });
    let recovery = Recovery { keys, by: RecoveredBy::Guardians, ripe, vetoable: true };
    Recoveries::insert(state, &patient, &recovery);
    thawing(state, patient, NOW);
    KeyLocks::insert(state, &Subject::Patient(patient), &NOW.plus(DAY));
}

/// All guardians but the first approved that a freeze ends.
fn thawing(state: &mut Overlay<'_>, patient: PatientId, freeze: Moment) {
    let by = list((1..EIGHT).map(|number| guardian(number).0).collect());
    Thaws::insert(state, &patient, &Thawing { freeze, by });
}

fn ends_of_recovery(builder: &mut Builder<'_>) {
    let (patient, _) = guarded(builder, "recovered", Changes::Waits);
    recovering(&mut builder.state, patient, "finished", NOW);
    let call = Call::Recover { patient, step: RecoveryStep::Finish, cosign: CoSigns::new() };
    builder.case("six keys go, two come", &guardian(0).1, call);
    let (patient, signs) = guarded(builder, "objects", Changes::Waits);
    recovering(&mut builder.state, patient, "vetoed", NOW.plus(HOUR));
    let call = Call::Recover { patient, step: RecoveryStep::Cancel, cosign: CoSigns::new() };
    builder.case("a veto; three drops that waited are put forward", &signs, call);
}

fn freezes(builder: &mut Builder<'_>) {
    let (patient, _) = guarded(builder, "frozen by a guardian", Changes::IsDue);
    GuardianFreezes::insert(&mut builder.state, &patient, &Moment(NOW.0 - FREEZE_EVERY));
    let call = Call::StatusSet { patient, to: Change::Freeze, cosign: CoSigns::new() };
    builder.case("a freeze by a guardian; three drops are put off", &guardian(0).1, call);

    let (patient, _) = guarded(builder, "thawed by guardians", Changes::Waits);
    let until = NOW.plus(FREEZE);
    set(&mut builder.state, patient, PatientState::Frozen { until, by: FrozenBy::Guardian });
    thawing(&mut builder.state, patient, until);
    let call = Call::StatusSet { patient, to: Change::Thaw, cosign: CoSigns::new() };
    builder.case("the eighth of eight guardians ends a freeze", &guardian(0).1, call);
}

fn deaths(builder: &mut Builder<'_>) {
    let (first, second) = registrars();
    let (patient, _) = guarded(builder, "died", Changes::IsDue);
    builder.cosigned("a death, where a change of guardians is moved", &first, &[&second], |cosign| Call::StatusSet {
        patient,
        to: Change::Deceased,
        cosign,
    });
    let (patient, signs) = guarded(builder, "lives", Changes::Waits);
    declared_dead(&mut builder.state, patient);
    let call = Call::StatusSet { patient, to: Change::Living, cosign: CoSigns::new() };
    builder.case("a death is taken back; three drops are put forward", &signs, call);
    let (patient, _) = guarded(builder, "closed", Changes::Waits);
    set(&mut builder.state, patient, PatientState::Deceased { declared: Moment(NOW.0 - 4 * DAY) });
    BeforeDeath::insert(&mut builder.state, &patient, &PatientState::Active);
    builder.cosigned("closed after a death", &first, &[&second], |cosign| Call::StatusSet {
        patient,
        to: Change::Close,
        cosign,
    });
}
