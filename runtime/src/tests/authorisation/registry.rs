//! Organisations, officers, practitioners, affiliations and keys.

use salus_primitives::{BoundedVec, PractitionerId, signed::CoSigns, subject::Roles};
use salus_registry::{Call, Error, Standing, types::NewKey};

use super::*;

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Registry(error))
}

/// An officer acts for their own organisation: a call that names none is about that. A person's own keys are theirs
/// whatever becomes of their employer, except that who was struck off changes none.
pub(super) const TABLE: Table = Table {
    pallet: "Registry",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("sk", Error::NotActive(Standing::PractitionerStruck)),
        no("co", Error::BadCoSign),
        no("kt", Error::KeyTaken),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        organisation_update   | -  -  -  | .  | ok .  .  .  .  | ok .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        officer_set new       | -  -  -  | .  | ok .  .  .  .  | ok .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        officer_set roles     | -  -  -  | .  | ok .  .  .  .  | kt .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        officer_set along     | ok kt kt | kt | co co co co co | kt kt kt kt kt | kt | kt kt kt kt kt | kt kt kt | kt kt
        practitioner_set new  | -  -  -  | .  | .  ok .  .  .  | .  ok .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        practitioner_set      | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        practitioner_set key  | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        affiliation_set       | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        affiliation_set along | co co co | co | co co co co co | co co co co co | co | ok co co co co | co co co | co co
        affiliation_set end   | -  -  -  | .  | .  ok .  .  .  | .  .  .  .  .  | os | ok .  .  ok ok | .  .  .  | .  .
        keys_set              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  ok ok sk | ok .  ok | ok ok
        keys_set object       | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | kt .  kt kt sk | ok ok kt | kt kt
    ",
    rows: &[
        row("organisation_update", |world, role| {
            let (url, peer_ids) = (BoundedVec::new(), BoundedVec::new());
            world.by(role, Call::OrganisationUpdate { profile: Hash([7; 32]), url, kem: Some(kem()), peer_ids })
        }),
        row("officer_set new", |world, role| {
            world.by(role, officer_set(key(FRESH).public(), Roles::GATEWAY)).along([key(FRESH)])
        }),
        row("officer_set roles", |world, role| {
            world.by(role, officer_set(world.key(Role::Gateway).public(), Roles::PRIVACY))
        }),
        row("officer_set along", |world, role| {
            world.by(Role::Admin, officer_set(world.key(role).public(), Roles::ALL)).along([world.key(role)])
        }),
        row("practitioner_set new", |world, role| {
            let enrolled = enrolment(PractitionerId([0xAA; 16]), Some(key(FRESH).public()), world.now());
            world.by(role, enrolled).along([key(FRESH)])
        }),
        row("practitioner_set", |world, role| world.by(role, enrolment(DOCTOR, None, world.now()))),
        row("practitioner_set key", |world, role| {
            world.by(role, enrolment(DOCTOR, Some(key(FRESH).public()), world.now())).along([key(FRESH)])
        }),
        row("affiliation_set", |world, role| {
            world.by(role, employment(DOCTOR, HERE, world.now())).along([world.key(Role::Doctor)])
        }),
        row("affiliation_set along", |world, role| {
            world.by(Role::Registrar, employment(DOCTOR, HERE, world.now())).along([world.key(role)])
        }),
        row("affiliation_set end", |world, role| {
            let (practitioner, organisation) = (practitioner(role), place(role));
            let cosign = CoSigns::new();
            world.by(role, Call::AffiliationSet { practitioner, organisation, terms: None, cosign })
        }),
        row("keys_set", |world, role| world.by(role, keys_set(vec![new_key(FRESH)], vec![])).along([key(FRESH)])),
        after(second_key_goes, "keys_set object", |world, role| {
            world.by(role, keys_set(vec![new_key(SECOND)], vec![]))
        }),
    ],
};

fn officer_set(account: AccountId, roles: Roles) -> Call {
    Call::OfficerSet { account, roles: Some(roles), cosign: CoSigns::new() }
}

fn keys_set(add: Vec<NewKey>, drop: Vec<AccountId>) -> Call {
    let (add, drop) = (BoundedVec::try_from(add).unwrap(), BoundedVec::try_from(drop).unwrap());
    Call::KeysSet { add, drop, kem: None, cosign: CoSigns::new() }
}

/// The patient adds a second key and drops it, which waits, since there are guardians.
fn second_key_goes(world: &mut World) {
    world.ok(world.by(Role::Patient, keys_set(vec![new_key(SECOND)], vec![])).along([key(SECOND)]));
    world.ok(world.by(Role::Patient, keys_set(vec![], vec![key(SECOND).public()])));
}
