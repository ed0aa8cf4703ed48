//! Invitations, registration and confirmation.

use salus_patients::{
    Call, PatientState,
    storage::{Invitations, Patients, Rings, Slots},
    types::{INVITATION_MAX, Invitation, Ring, SWEEP_MAX, Slot},
};
use salus_primitives::{Moment, PatientId, Subject, signed, subject::Roles, time::DAY};
use salus_system::{Parameters, keys::end};

use crate::{
    people::{HOSPITAL, id, kem, key, officer, patient, person_key},
    scene::{Builder, GENESIS, NOW},
};

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    invite(builder);
    register(builder);
    confirm(builder);
}

/// As many invitations as there may be in 30 days lie between the two oldest, which are cleared, and the newest.
fn invite(builder: &mut Builder<'_>) {
    let state = &mut builder.state;
    let (first, max) = (1_000, Parameters::default().invitations_max);
    let next = first + max + 1;
    Rings::insert(state, &HOSPITAL, &Ring { first, next });
    let long_ago = Moment(NOW.0 - INVITATION_MAX - DAY);
    for (place, number) in (first..first + SWEEP_MAX).zip(0..) {
        let key = key("old invitation", number).public();
        Slots::insert(state, &(HOSPITAL, place), &Slot { key, at: long_ago });
        let old = Invitation { organisation: HOSPITAL, until: long_ago, provisional: false, spent: true };
        Invitations::insert(state, &key, &old);
    }
    let call = Call::Invite { key: key("invitation", 0).public(), until: NOW.plus(DAY), provisional: true };
    builder.case("two old invitations are cleared", &officer(HOSPITAL, Roles::REGISTRAR), call);
}

fn register(builder: &mut Builder<'_>) {
    let (invite, account, patient) = (key("invitation", 1), key("registers", 0), PatientId(id("registers", 0)));
    let invitation = Invitation { organisation: HOSPITAL, until: NOW.plus(DAY), provisional: true, spent: false };
    Invitations::insert(&mut builder.state, &invite.public(), &invitation);
    builder.used_up(Subject::Organisation(HOSPITAL));
    let possession = invite.sign(&signed::possession(&GENESIS, &account.public(), &patient));
    let call = Call::Register { id: patient, invite: invite.public(), possession, kem: kem(3) };
    builder.verifying(1, "a provisional patient", &account, call);
}

/// The key that was held is gone; the five others are looked through for it.
fn confirm(builder: &mut Builder<'_>) {
    let (patient, _) = patient(builder, "to be confirmed");
    let held = person_key(Subject::Patient(patient), 0).public();
    let state = &mut builder.state;
    end(state, held);
    let entry = Patients::get(state, &patient).expect("a patient just made");
    let to = PatientState::Provisional { until: NOW.plus(DAY) };
    Patients::insert(
        state,
        &patient,
        &salus_patients::Patient { state: to, assurance: 0, held_key: Some(held), ..entry },
    );
    let call = Call::Confirm { patient, assurance: 2 };
    builder.case("a provisional patient with five keys", &officer(HOSPITAL, Roles::REGISTRAR), call);
}
