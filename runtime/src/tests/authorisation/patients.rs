//! Invitations, patients, guardians and recovery.

use salus_patients::{
    Call, Change, Error,
    types::{GuardianChange, Powers, RecoveryStep},
};
use salus_primitives::{BoundedVec, PatientId, signed::CoSigns, time::DAY};
use salus_registry::Standing;

use super::*;

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Patients(error))
}

/// Where two officers are needed the second signs along: a Privacy officer here for a minor, else a Registrar there.
/// A guardian may freeze, thaw what a guardian froze, and recover with that power; nothing else of this.
pub(super) const TABLE: Table = Table {
    pallet: "Patients",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("co", Error::BadCoSign),
        no("kt", Error::KeyTaken),
        no("bs", Error::BadState),
        ("un", Outcome::Unfit(InvalidTransaction::Call)),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        invite                | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        register              | ok un un | kt | kt kt kt kt kt | kt kt kt kt kt | kt | kt kt kt kt kt | kt kt kt | kt kt
        confirm               | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        guardians own         | -  -  -  | .  | .  co co .  .  | .  co co .  .  | os | .  .  .  .  .  | ok .  .  | .  .
        guardians minor       | -  -  -  | .  | .  ok ok .  .  | .  co .  .  .  | os | .  .  .  .  .  | co .  .  | .  .
        guardians minor along | co co co | co | co co ok co co | co ok co co co | co | co co co co co | co co co | co co
        guardians incapacity  | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | co .  .  | .  .
        guardians two along   | co co co | co | co co bs co co | co ok co co co | co | co co co co co | co co co | co co
        guardians end         | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | .  .
        guardians cancel      | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok ok .  | .  .
        recover guardian      | -  -  -  | .  | .  co .  .  .  | .  co .  .  .  | os | .  .  .  .  .  | .  .  .  | .  ok
        recover registrars    | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | .  .  .  | .  co
        recover along         | co co co | co | co co co co co | co ok co co co | co | co co co co co | co co co | co co
        finish guardian's     | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  ok
        finish registrars'    | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        veto                  | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok ok .  | .  .
        freeze                | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok ok
        thaw own              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | bs bs
        thaw guardian's       | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | bs .  .  | ok ok
        close                 | -  -  -  | .  | .  co .  .  .  | .  co .  .  .  | os | .  .  .  .  .  | ok .  .  | .  .
        close dead            | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | bs .  .  | .  .
        deceased              | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        deceased along        | co co co | co | co co co co co | co ok co co co | co | co co co co co | co co co | co co
        living                | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | .  .
    ",
    rows: &[
        row("invite", |world, role| world.by(role, invite(FRESH, world.now()))),
        row("register", |world, role| {
            world.by(role, world.registration(INVITATION, role.seed(), PatientId([0xAA; 16])))
        }),
        row("confirm", |world, role| world.by(role, Call::Confirm { patient: CHILD, assurance: 1 })),
        row("guardians own", |world, role| world.by(role, guardians_set(PATIENT, others(world)))),
        after(World::concerns_child, "guardians minor", |world, role| {
            let second = if role == Role::Privacy { Role::Registrar } else { Role::Privacy };
            world.by(role, guardians_set(CHILD, others(world))).along([world.key(second)])
        }),
        after(World::concerns_child, "guardians minor along", |world, role| {
            world.by(Role::Registrar, guardians_set(CHILD, others(world))).along([world.key(role)])
        }),
        row("guardians incapacity", |world, role| {
            world.by(role, guardians_set(PATIENT, others(world))).along([world.key(second_registrar(role))])
        }),
        row("guardians two along", |world, role| {
            world.by(Role::Registrar, guardians_set(PATIENT, others(world))).along([world.key(role)])
        }),
        row("guardians end", |world, role| world.by(role, guardians_set(PATIENT, GuardianChange::End))),
        after(
            |world| world.ok(world.by(Role::Patient, guardians_set(PATIENT, GuardianChange::End))),
            "guardians cancel",
            |world, role| world.by(role, guardians_set(PATIENT, GuardianChange::Cancel)),
        ),
        row("recover guardian", |world, role| world.by(role, recover(new_keys())).along([key(FRESH)])),
        row("recover registrars", |world, role| {
            world.by(role, recover(new_keys())).along([key(FRESH), world.key(second_registrar(role))])
        }),
        row("recover along", |world, role| {
            world.by(Role::Registrar, recover(new_keys())).along([key(FRESH), world.key(role)])
        }),
        after(recovering_by_guardian, "finish guardian's", |world, role| world.by(role, recover(RecoveryStep::Finish))),
        after(recovering_by_registrars, "finish registrars'", |world, role| {
            world.by(role, recover(RecoveryStep::Finish))
        }),
        after(proposed_by_registrars, "veto", |world, role| world.by(role, recover(RecoveryStep::Cancel))),
        row("freeze", |world, role| world.by(role, status(Change::Freeze))),
        after(
            |world| world.ok(world.by(Role::Patient, status(Change::Freeze))),
            "thaw own",
            |world, role| world.by(role, status(Change::Thaw)),
        ),
        after(
            |world| world.ok(world.by(Role::GuardianActing, status(Change::Freeze))),
            "thaw guardian's",
            |world, role| world.by(role, status(Change::Thaw)),
        ),
        row("close", |world, role| world.by(role, status(Change::Close))),
        after(dead_for_good, "close dead", |world, role| {
            let sent = world.by(role, status(Change::Close));
            if role == Role::Patient { sent } else { sent.along([world.key(second_registrar(role))]) }
        }),
        row("deceased", |world, role| {
            world.by(role, status(Change::Deceased)).along([world.key(second_registrar(role))])
        }),
        row("deceased along", |world, role| {
            world.by(Role::Registrar, status(Change::Deceased)).along([world.key(role)])
        }),
        after(declared_dead, "living", |world, role| world.by(role, status(Change::Living))),
    ],
};

/// The Registrar who signs along with this one.
fn second_registrar(role: Role) -> Role {
    if role == Role::OtherRegistrar { Role::Registrar } else { Role::OtherRegistrar }
}

fn others(world: &World) -> GuardianChange {
    GuardianChange::Set(guardians(world.now(), Powers::ACT))
}

fn recover(step: RecoveryStep) -> Call {
    Call::Recover { patient: PATIENT, step, cosign: CoSigns::new() }
}

fn new_keys() -> RecoveryStep {
    RecoveryStep::Propose(BoundedVec::try_from(vec![key(FRESH).public()]).unwrap())
}

fn status(to: Change) -> Call {
    Call::StatusSet { patient: PATIENT, to, cosign: CoSigns::new() }
}

/// Where the guardian may not recover, Registrars begin it.
fn recovering_by_guardian(world: &mut World) {
    if world.powers.contains(Powers::RECOVER) {
        world.ok(world.by(Role::GuardianRecovering, recover(new_keys())).along([key(FRESH)]));
        world.skip(3 * DAY);
    } else {
        recovering_by_registrars(world);
    }
}

fn proposed_by_registrars(world: &mut World) {
    let along = [key(FRESH), world.key(Role::OtherRegistrar)];
    world.ok(world.by(Role::Registrar, recover(new_keys())).along(along));
}

fn recovering_by_registrars(world: &mut World) {
    proposed_by_registrars(world);
    world.skip(14 * DAY);
}

fn declared_dead(world: &mut World) {
    let along = [world.key(Role::OtherRegistrar)];
    world.ok(world.by(Role::Registrar, status(Change::Deceased)).along(along));
}

fn dead_for_good(world: &mut World) {
    declared_dead(world);
    world.skip(3 * DAY);
}
