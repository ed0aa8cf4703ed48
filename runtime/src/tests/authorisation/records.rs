//! Filing, labels, errors, holds, erasure and custody.

use salus_consent::{Kind, Reason, Tags};
use salus_council::types::Act;
use salus_primitives::{BoundedVec, RecordId, signed::CoSigns};
use salus_records::{Call, Change, CustodyReceipts, Error};
use salus_registry::Standing;

use super::*;

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Records(error))
}

/// A guardian touches no record. An officer writes none, and a practitioner keeps none.
pub(super) const TABLE: Table = Table {
    pallet: "Records",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("sk", Error::NotActive(Standing::PractitionerStruck)),
        no("nc", Error::NoConsent(Reason::NoConsent)),
        no("br", Error::BadReceipt),
        no("nd", Error::NoDuty),
        no("co", Error::BadCoSign),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        put                   | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  nc os sk | ok .  .  | .  .
        put amended           | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  nc os sk | .  .  .  | .  .
        put receipt along     | br br br | br | br br br br ok | br br br br br | br | br br br br br | br br br | br br
        error                 | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | ok .  .  os sk | .  .  .  | .  .
        error of own          | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  .  .  | ok .  .  | .  .
        hold                  | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | ok .  .  os sk | .  .  .  | .  .
        lift hold             | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  os sk | .  .  .  | .  .
        request erase         | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | .  .
        erase                 | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        refuse erase          | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        relabel               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | .  .
        shred_attest          | -  -  -  | .  | .  .  .  .  ok | .  .  .  .  nd | os | .  .  .  .  .  | .  .  .  | .  .
        custody_set           | -  -  -  | .  | .  .  ok .  .  | .  .  .  .  co | os | .  .  .  .  .  | .  .  .  | .  .
        custody_set along     | co co co | co | co co co co co | co co co co ok | co | co co co co co | co co co | co co
        custody_set successor | -  -  -  | .  | .  .  co .  .  | .  .  .  .  ok | os | .  .  .  .  .  | .  .  .  | .  .
    ",
    rows: &[
        row("put", |world, role| world.by(role, world.filing(role, NEW, Kind::Lab, &[HERE]))),
        row("put amended", |world, role| world.by(role, amending(world.filing(role, NEW, Kind::Lab, &[HERE])))),
        row("put receipt along", |world, role| {
            let mut call = world.filing(Role::Doctor, NEW, Kind::Lab, &[HERE]);
            if let Call::Put { receipts, .. } = &mut call {
                let receipt = world.receipt(Role::Doctor, NEW, &world.key(role));
                *receipts = CustodyReceipts::try_from(vec![receipt]).unwrap();
            }
            world.by(Role::Doctor, call)
        }),
        row("error", |world, role| world.by(role, status(record(role), Change::EnteredInError))),
        row("error of own", |world, role| world.by(role, status(OWN, Change::EnteredInError))),
        row("hold", |world, role| world.by(role, status(record(role), Change::Hold))),
        after(
            |world| world.ok(world.by(Role::Privacy, status(LAB, Change::Hold))),
            "lift hold",
            |world, role| world.by(role, status(record(role), Change::LiftHold)),
        ),
        row("request erase", |world, role| world.by(role, status(record(role), Change::RequestErase))),
        after(erasure_asked_for, "erase", |world, role| world.by(role, status(record(role), Change::Erase))),
        after(erasure_asked_for, "refuse erase", |world, role| {
            world.by(role, status(record(role), Change::RefuseErase))
        }),
        row("relabel", |world, role| {
            let (patient, id) = (PATIENT, record(role));
            world.by(role, Call::Relabel { patient, id, tags: Tags::new(), labelled: true, restricted: true })
        }),
        after(
            |world| {
                erasure_asked_for(world);
                world.ok(world.by(Role::Privacy, status(LAB, Change::Erase)));
            },
            "shred_attest",
            |world, role| world.by(role, Call::ShredAttest { patient: PATIENT, id: LAB, key_epoch: 1 }),
        ),
        row("custody_set", |world, role| {
            world.by(role, custody_set(record(role), THERE)).along([world.key(Role::OtherGateway)])
        }),
        row("custody_set along", |world, role| {
            world.by(Role::Privacy, custody_set(LAB, THERE)).along([world.key(role)])
        }),
        after(
            |world| world.decided(Act::Successor { removed: GONE, new: THERE }),
            "custody_set successor",
            |world, role| world.by(role, custody_set(LEFT, THERE)),
        ),
    ],
};

const NEW: RecordId = RecordId([0xAA; 16]);

/// This role's record, or the one concerned.
const fn record(role: Role) -> RecordId {
    match role {
        Role::Suspended | Role::SuspendedDoctor => SUSPENDED_LAB,
        Role::StruckDoctor => STRUCK_LAB,
        _ => LAB,
    }
}

fn status(id: RecordId, to: Change) -> Call {
    Call::StatusSet { patient: PATIENT, id, to, basis: 1 }
}

fn amending(mut call: Call) -> Call {
    if let Call::Put { prev, .. } = &mut call {
        *prev = Some(LAB);
    }
    call
}

fn custody_set(id: RecordId, organisation: OrganisationId) -> Call {
    let records = BoundedVec::try_from(vec![(PATIENT, id)]).unwrap();
    Call::CustodySet { records, organisation, cosign: CoSigns::new() }
}

fn erasure_asked_for(world: &mut World) {
    world.ok(world.by(Role::Patient, status(LAB, Change::RequestErase)));
}
