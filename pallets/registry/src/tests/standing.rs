//! Who may act, reason by reason.

use parity_scale_codec::Encode;
use salus_primitives::{Height, Moment};
use salus_support::{Ctx, Overlay, context::Environment};

use super::*;
use crate::{officer, officer_even_suspended, organisation_active, practitioner, practitioner_acts, storage::*};

/// Ask something as `seed`.
fn asked<T>(chain: &Chain, seed: u8, question: impl FnOnce(&Ctx<'_, '_>) -> T) -> T {
    let environment = Environment { height: Height(1), now: chain.now(), genesis: chain.genesis() };
    let (mut state, mut events) = (Overlay::new(chain.entries()), Vec::new());
    question(&Ctx::new(account(seed), 0, &[], environment, &mut state, &mut events))
}

#[test]
fn an_officer_has_the_role_at_an_active_organisation() {
    let mut chain = chain_with_doctor();
    let registrar = |chain: &Chain, seed| asked(chain, seed, |ctx| officer(ctx, Roles::REGISTRAR));
    assert_eq!(registrar(&chain, REGISTRAR), Ok(CLINIC));
    assert_eq!(registrar(&chain, ADMIN), Err(Standing::NotAuthorised));
    assert_eq!(registrar(&chain, DOCTOR_KEY), Err(Standing::NotAuthorised));
    assert_eq!(registrar(&chain, 99), Err(Standing::NotRegistered));
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    assert_eq!(registrar(&chain, REGISTRAR), Err(Standing::OrganisationSuspended));
    set_status(&mut chain, CLINIC, OrganisationStatus::Removed);
    assert_eq!(registrar(&chain, REGISTRAR), Err(Standing::OrganisationRemoved));
}

#[test]
fn reports_come_from_a_suspended_organisation_too_and_from_a_removed_one_no_more() {
    let mut chain = chain();
    let report = |chain: &Chain, seed| asked(chain, seed, |ctx| officer_even_suspended(ctx, Roles::REGISTRAR));
    assert_eq!(report(&chain, REGISTRAR), Ok(CLINIC));
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    assert_eq!(report(&chain, REGISTRAR), Ok(CLINIC));
    assert_eq!(report(&chain, ADMIN), Err(Standing::NotAuthorised));
    assert_eq!(report(&chain, 99), Err(Standing::NotRegistered));
    set_status(&mut chain, CLINIC, OrganisationStatus::Removed);
    assert_eq!(report(&chain, REGISTRAR), Err(Standing::OrganisationRemoved));
}

#[test]
fn a_practitioner_is_known_by_their_key() {
    let chain = chain_with_doctor();
    assert_eq!(asked(&chain, DOCTOR_KEY, practitioner), Ok(DOCTOR));
    assert_eq!(asked(&chain, ADMIN, practitioner), Err(Standing::NotAuthorised));
    assert_eq!(asked(&chain, 99, practitioner), Err(Standing::NotRegistered));
}

#[test]
fn an_organisation_nobody_made_is_unknown() {
    let unknown = organisation_active(chain().state(), OrganisationId([0; 16]));
    assert_eq!(unknown, Err(Standing::UnknownOrganisation));
}

#[test]
fn a_practitioner_acts_while_everything_lives() {
    let base = || {
        let mut chain = chain_with_doctor();
        crate::testing::affiliate(&mut chain, DOCTOR, CLINIC);
        chain
    };
    let acts = |chain: &Chain| practitioner_acts(chain.state(), DOCTOR, CLINIC, chain.now()).map(|a| a.roles.len());
    assert_eq!(acts(&base()), Ok(1));

    let entry = |change: &dyn Fn(&mut Practitioner)| {
        let mut chain = base();
        chain.prepare(|state| {
            let mut entry = Practitioners::get(state, &DOCTOR).unwrap();
            change(&mut entry);
            Practitioners::insert(state, &DOCTOR, &entry);
        });
        acts(&chain)
    };
    let suspended = entry(&|entry| entry.status = PractitionerStatus::Suspended);
    assert_eq!(suspended, Err(Standing::PractitionerSuspended));
    assert_eq!(entry(&|entry| entry.status = PractitionerStatus::Struck), Err(Standing::PractitionerStruck));
    assert_eq!(entry(&|entry| entry.licence_until = Moment(1_800_000_000_000)), Err(Standing::LicenceExpired));

    let at = |status| {
        let mut chain = base();
        set_status(&mut chain, CLINIC, status);
        acts(&chain)
    };
    assert_eq!(at(OrganisationStatus::Suspended), Err(Standing::OrganisationSuspended));
    assert_eq!(at(OrganisationStatus::Removed), Err(Standing::OrganisationRemoved));

    let chain = base();
    let elsewhere = practitioner_acts(chain.state(), DOCTOR, LABORATORY, chain.now());
    assert_eq!(elsewhere, Err(Standing::NotAffiliated));
    let nobody = practitioner_acts(chain.state(), PractitionerId([0; 16]), CLINIC, chain.now());
    assert_eq!(nobody, Err(Standing::UnknownPractitioner));
}

#[test]
fn an_affiliation_ends_at_its_end_and_not_before() {
    let mut chain = chain_with_doctor();
    crate::testing::affiliate(&mut chain, DOCTOR, CLINIC);
    let last = Moment(chain.now().0 + YEAR);
    chain.prepare(|state| {
        let mut affiliation = Affiliations::get(state, &(DOCTOR, CLINIC)).unwrap();
        affiliation.until = last;
        Affiliations::insert(state, &(DOCTOR, CLINIC), &affiliation);
    });
    let acts = |now| practitioner_acts(chain.state(), DOCTOR, CLINIC, now).map(|_| ());
    assert_eq!(acts(Moment(last.0 - 1)), Ok(()));
    assert_eq!(acts(last), Err(Standing::AffiliationExpired));
}

#[test]
fn a_standing_is_one_byte_so_that_errors_can_carry_it() {
    for standing in [Standing::NotRegistered, Standing::AffiliationExpired] {
        assert_eq!(standing.encode().len(), 1);
        assert!(RuntimeError::Registry(Error::NotActive(standing)).encode().len() <= 5);
    }
}
