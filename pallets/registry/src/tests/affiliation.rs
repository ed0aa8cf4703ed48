//! Who works where.

use salus_primitives::{Moment, Subject, time::HOUR};
use salus_system::keys as system_keys;

use super::*;
use crate::{
    storage::{Affiliations, Places},
    testing::DOCTOR as DOCTOR_ROLE,
};

const NURSE_ROLE: u64 = 224_535_009;

fn terms(roles: &[u64], until: Moment) -> Option<Terms> {
    Some(Terms { roles: RoleCodes::try_from(roles.to_vec()).unwrap(), until })
}

fn set(organisation: OrganisationId, terms: Option<Terms>) -> Call {
    Call::AffiliationSet { practitioner: DOCTOR, organisation, terms, cosign: CoSigns::new() }
}

fn until(chain: &Chain) -> Moment {
    chain.now().plus(YEAR)
}

/// Begin an affiliation with the clinic, which both sign.
fn begin(chain: &mut Chain) -> &mut Chain {
    let call = set(CLINIC, terms(&[DOCTOR_ROLE], until(chain)));
    let call = cosigned(chain, REGISTRAR, &call, &[DOCTOR_KEY]);
    chain.ok(account(REGISTRAR), call)
}

#[test]
fn a_registrar_and_a_practitioner_begin_an_affiliation() {
    let mut chain = chain_with_doctor();
    let until = until(&chain);
    begin(&mut chain).emitted(Event::Affiliated { practitioner: DOCTOR, organisation: CLINIC, until });
    let affiliation = crate::practitioner_acts(chain.state(), DOCTOR, CLINIC, chain.now()).unwrap();
    assert_eq!((&affiliation.roles[..], affiliation.until), (&[DOCTOR_ROLE][..], until));
    assert_eq!(affiliation.enrolled_by, account(REGISTRAR));
    assert_eq!(Places::get(chain.state(), &DOCTOR)[..], [CLINIC]);
}

#[test]
fn renewing_replaces_roles_and_end_in_the_same_place() {
    let mut chain = chain_with_doctor();
    begin(&mut chain);
    let later = chain.now().plus(2 * YEAR);
    let call = cosigned(&chain, REGISTRAR, &set(CLINIC, terms(&[NURSE_ROLE], later)), &[DOCTOR_KEY]);
    chain.ok(account(REGISTRAR), call);
    let affiliation = Affiliations::get(chain.state(), &(DOCTOR, CLINIC)).unwrap();
    assert_eq!((&affiliation.roles[..], affiliation.until), (&[NURSE_ROLE][..], later));
    assert_eq!(Places::get(chain.state(), &DOCTOR).len(), 1);
}

#[test]
fn either_side_ends_an_affiliation_alone() {
    for ender in [REGISTRAR, DOCTOR_KEY] {
        let mut chain = chain_with_doctor();
        begin(&mut chain);
        chain
            .ok(account(ender), set(CLINIC, None))
            .emitted(Event::AffiliationEnded { practitioner: DOCTOR, organisation: CLINIC })
            .refused(account(ender), set(CLINIC, None), Error::BadState);
        let acts = crate::practitioner_acts(chain.state(), DOCTOR, CLINIC, chain.now());
        assert_eq!(acts, Err(Standing::NotAffiliated));
        assert!(!chain.entries().contains_key(&Places::key(&DOCTOR)), "nothing is left");
    }
}

#[test]
fn a_practitioner_leaves_a_suspended_organisation() {
    let mut chain = chain_with_doctor();
    begin(&mut chain);
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    chain
        .refused(account(REGISTRAR), set(CLINIC, None), Error::NotActive(Standing::OrganisationSuspended))
        .ok(account(DOCTOR_KEY), set(CLINIC, None));
}

#[test]
fn only_a_registrar_of_that_organisation_begins() {
    let mut chain = chain_with_doctor();
    let call = set(CLINIC, terms(&[], until(&chain)));
    for (submitter, error) in [
        (99, Error::NotRegistered),
        (ADMIN, Error::NotAuthorised),
        (LAB_REGISTRAR, Error::NotAuthorised),
        (DOCTOR_KEY, Error::NotAuthorised),
    ] {
        chain.refused(account(submitter), call.clone(), error);
    }
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    chain.refused(account(REGISTRAR), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn only_the_two_sides_end() {
    let mut chain = chain_with_doctor();
    begin(&mut chain);
    crate::testing::practitioner(&mut chain, PractitionerId([9; 16]), CLINIC, &key(50));
    let now = chain.now();
    let session = now.plus(HOUR);
    chain.prepare(|state| {
        let subject = Subject::Practitioner(DOCTOR);
        system_keys::bind(state, now, account(51), subject, Roles::NONE, Some(session)).unwrap();
    });
    for (submitter, error) in [
        (99, Error::NotRegistered),
        (ADMIN, Error::NotAuthorised),
        (LAB_REGISTRAR, Error::NotAuthorised),
        (50, Error::NotAuthorised),
        (51, Error::NotAuthorised),
    ] {
        chain.refused(account(submitter), set(CLINIC, None), error);
    }
}

#[test]
fn an_affiliation_begins_for_a_licensed_active_practitioner_only() {
    let (live, past) = (Moment(u64::MAX), Moment(1));
    for (status, licence_until, standing) in [
        (PractitionerStatus::Suspended, live, Standing::PractitionerSuspended),
        (PractitionerStatus::Struck, live, Standing::PractitionerStruck),
        (PractitionerStatus::Active, past, Standing::LicenceExpired),
    ] {
        let mut chain = chain_with_doctor();
        chain.prepare(|state| {
            let entry = crate::storage::Practitioners::get(state, &DOCTOR).unwrap();
            let entry = Practitioner { status, licence_until, ..entry };
            crate::storage::Practitioners::insert(state, &DOCTOR, &entry);
        });
        let call = cosigned(&chain, REGISTRAR, &set(CLINIC, terms(&[], until(&chain))), &[DOCTOR_KEY]);
        chain.refused(account(REGISTRAR), call, Error::NotActive(standing));
    }
    let mut chain = chain();
    let call = set(CLINIC, terms(&[], until(&chain)));
    chain.refused(account(REGISTRAR), call, Error::NotActive(Standing::UnknownPractitioner));
}

#[test]
fn an_affiliation_ends_after_now_and_within_five_years() {
    let mut chain = chain_with_doctor();
    let now = chain.now();
    for (until, outcome) in [
        (now, Err(Error::BadWindow)),
        (now.plus(AFFILIATION_MAX + 1), Err(Error::BadWindow)),
        (now.plus(AFFILIATION_MAX), Ok(())),
        (now.plus(1), Ok(())),
    ] {
        let call = cosigned(&chain, REGISTRAR, &set(CLINIC, terms(&[], until)), &[DOCTOR_KEY]);
        match outcome {
            Ok(()) => chain.ok(account(REGISTRAR), call),
            Err(error) => chain.refused(account(REGISTRAR), call, error),
        };
    }
}

#[test]
fn a_role_stands_once() {
    let mut chain = chain_with_doctor();
    let call = set(CLINIC, terms(&[NURSE_ROLE, NURSE_ROLE], until(&chain)));
    let call = cosigned(&chain, REGISTRAR, &call, &[DOCTOR_KEY]);
    chain.refused(account(REGISTRAR), call, Error::BadRoles);
}

#[test]
fn a_lasting_key_of_that_practitioner_signs_the_terms() {
    let mut chain = chain_with_doctor();
    crate::testing::practitioner(&mut chain, PractitionerId([9; 16]), CLINIC, &key(50));
    let now = chain.now();
    let session = now.plus(HOUR);
    chain.prepare(|state| {
        let subject = Subject::Practitioner(DOCTOR);
        system_keys::bind(state, now, account(51), subject, Roles::NONE, Some(session)).unwrap();
    });
    let call = set(CLINIC, terms(&[], until(&chain)));
    chain.refused(account(REGISTRAR), call.clone(), Error::BadCoSign);
    for signers in [&[50][..], &[51], &[99], &[DOCTOR_KEY, 50]] {
        let call = cosigned(&chain, REGISTRAR, &call, signers);
        chain.refused(account(REGISTRAR), call, Error::BadCoSign);
    }
    let other_terms = cosigned(&chain, REGISTRAR, &set(CLINIC, terms(&[NURSE_ROLE], until(&chain))), &[DOCTOR_KEY]);
    let Call::AffiliationSet { cosign, .. } = other_terms else { unreachable!("the call made above") };
    chain.refused(account(REGISTRAR), with_cosigns(&call, cosign), Error::BadCoSign);
}

#[test]
fn nobody_signs_along_to_end() {
    let mut chain = chain_with_doctor();
    begin(&mut chain);
    let call = cosigned(&chain, REGISTRAR, &set(CLINIC, None), &[DOCTOR_KEY]);
    chain.refused(account(REGISTRAR), call, Error::BadCoSign);
}

#[test]
fn a_practitioner_has_at_most_16_live_affiliations_and_one_that_ran_out_makes_room() {
    let mut chain = chain_with_doctor();
    for number in 0..16 {
        let id = OrganisationId([number; 16]);
        crate::testing::organisation(&mut chain, id, Caps::NONE, &key(60 + number));
        crate::testing::affiliate(&mut chain, DOCTOR, id);
    }
    let begin = |chain: &Chain| {
        let call = set(CLINIC, terms(&[], chain.now().plus(HOUR)));
        cosigned(chain, REGISTRAR, &call, &[DOCTOR_KEY])
    };
    let call = begin(&chain);
    chain.refused(account(REGISTRAR), call, Error::TooMany);

    let expired = OrganisationId([3; 16]);
    chain.prepare(|state| {
        let mut affiliation = Affiliations::get(state, &(DOCTOR, expired)).unwrap();
        affiliation.until = Moment(1);
        Affiliations::insert(state, &(DOCTOR, expired), &affiliation);
    });
    let call = begin(&chain);
    chain.ok(account(REGISTRAR), call);
    assert_eq!(Affiliations::get(chain.state(), &(DOCTOR, expired)), None);
    let places = Places::get(chain.state(), &DOCTOR);
    assert!(places.len() == 16 && places.contains(&CLINIC) && !places.contains(&expired));
}
