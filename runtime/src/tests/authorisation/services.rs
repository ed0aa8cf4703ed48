//! Appointments and credits.

use salus_appointments::{Call, Change, Error, SlotRef};
use salus_consent::{Action, Grantee, Purpose};
use salus_primitives::{
    Window, signed,
    time::{DAY, HOUR},
};
use salus_registry::Standing;

use super::{access::serve, *};

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Appointments(error))
}

/// The practitioner's own hours; the desk, which is a Registrar or the Gateway, books and gives back for whoever holds
/// the one-time key, and a Registrar publishes too.
pub(super) const APPOINTMENTS: Table = Table {
    pallet: "Appointments",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("sk", Error::NotActive(Standing::PractitionerStruck)),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        publish               | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | ok .  .  os sk | .  .  .  | .  .
        book                  | -  -  -  | .  | .  ok .  .  ok | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        confirm               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        decline               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        check in              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        complete              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        no show               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        cancel                | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os sk | .  .  .  | .  .
        give back             | -  -  -  | .  | .  ok .  .  ok | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
    ",
    rows: &[
        row("publish", |world, role| {
            let from = world.now().plus(9 * DAY);
            world.by(role, publishing(role, Window { from, until: from.plus(HOUR) }))
        }),
        row("book", |world, role| world.by(role, booking(world))),
        after(held, "confirm", |world, role| world.by(role, set(role, Change::Confirm))),
        after(held, "decline", |world, role| world.by(role, set(role, Change::Decline))),
        after(confirmed, "check in", |world, role| world.by(role, set(role, Change::CheckIn))),
        after(
            |world| {
                confirmed(world);
                world.ok(world.by(Role::Doctor, set(Role::Doctor, Change::CheckIn)));
                world.skip_to(HOURS.from);
            },
            "complete",
            |world, role| world.by(role, set(role, Change::Complete)),
        ),
        after(
            |world| {
                confirmed(world);
                world.skip_to(HOURS.until);
            },
            "no show",
            |world, role| world.by(role, set(role, Change::NoShow)),
        ),
        after(held, "cancel", |world, role| world.by(role, set(role, Change::Cancel))),
        after(held, "give back", |world, role| {
            let message = signed::booking_cancelled(&world.net.genesis, &DOCTOR, &HERE, &HOURS);
            world.by(role, set(role, Change::GiveBack { signature: key(BOOKING).sign(&message) }))
        }),
    ],
};

/// An Admin redeems what their own organisation earned.
pub(super) const CREDITS: Table = Table {
    pallet: "Credits",
    codes: &[
        refused(".", RuntimeError::Credits(salus_credits::Error::NotAuthorised)),
        refused("os", RuntimeError::Credits(salus_credits::Error::NotActive(Standing::OrganisationSuspended))),
        refused("in", RuntimeError::Credits(salus_credits::Error::Insufficient)),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        redeem                | -  -  -  | .  | ok .  .  .  .  | in .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
    ",
    rows: &[after(earned, "redeem", |world, role| world.by(role, salus_credits::Call::Redeem { credits: 1 }))],
};

fn slot(role: Role) -> SlotRef {
    SlotRef { practitioner: practitioner(role), from: HOURS.from }
}

fn set(role: Role, to: Change) -> Call {
    Call::Set { slot: slot(role), to }
}

fn booking(world: &World) -> Call {
    let sealed = Hash([4; 32]);
    let message = signed::booking(&world.net.genesis, &DOCTOR, &HERE, &HOURS, &sealed);
    Call::Book { slot: slot(Role::Doctor), key: key(BOOKING).public(), signature: key(BOOKING).sign(&message), sealed }
}

/// The doctor's hours are booked.
fn held(world: &mut World) {
    world.ok(world.by(Role::Gateway, booking(world)));
}

/// They are confirmed, and three hours later they begin.
fn confirmed(world: &mut World) {
    held(world);
    world.ok(world.by(Role::Doctor, set(Role::Doctor, Change::Confirm)));
    world.skip_to(Moment(HOURS.from.0 - 3 * HOUR));
}

/// The other doctor opened a record that is kept here, which its gateway reported.
fn earned(world: &mut World) {
    let other = Grantee::Practitioner(OTHER_DOCTOR, THERE);
    world.ok(world.by(Role::Patient, grant(permit(other, Purpose::Treatment, &[Action::View], world.now()))));
    world.ok(world.by(Role::OtherDoctor, opening(THERE, Purpose::Treatment, &[LAB])));
    world.ok(world.by(Role::Gateway, serve(1, 0b1)));
}
