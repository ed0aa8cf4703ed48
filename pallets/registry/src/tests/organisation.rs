//! Organisations and officers.

use salus_primitives::Subject;
use salus_support::{Overlay, StateReader};
use salus_system::{BindError, keys as system_keys};

use super::*;
use crate::{
    OrganisationError, SuccessorError, full_nodes, organisation_set,
    storage::{Hosts, Organisations},
    successor, successor_set,
};
use salus_primitives::peer::{FullNodePeer, peer_of};

/// An update that lists the peer ids of the keys `peers`.
fn update(url: &str, kem: Option<KemKey>, peers: &[u8]) -> Call {
    let peer_ids: Vec<PeerId> = peers.iter().map(|seed| peer_of(&account(*seed))).collect();
    update_with(url, kem, peer_ids)
}

fn update_with(url: &str, kem: Option<KemKey>, peer_ids: Vec<PeerId>) -> Call {
    Call::OrganisationUpdate {
        profile: Hash([9; 32]),
        url: Url::try_from(url.as_bytes().to_vec()).unwrap(),
        kem,
        peer_ids: BoundedVec::try_from(peer_ids).unwrap(),
    }
}

fn officer_set(account: AccountId, roles: Option<Roles>) -> Call {
    Call::OfficerSet { account, roles, cosign: CoSigns::new() }
}

#[test]
fn an_admin_keeps_the_entry_of_their_organisation() {
    let mut chain = chain();
    let before = Organisations::get(chain.state(), &CLINIC).unwrap();
    chain
        .ok(account(ADMIN), update("https://clinic.example", Some(kem_key(1)), &[81, 82]))
        .emitted(Event::OrganisationUpdated { organisation: CLINIC });
    let after = Organisations::get(chain.state(), &CLINIC).unwrap();
    assert_eq!((after.profile, &after.url[..]), (Hash([9; 32]), &b"https://clinic.example"[..]));
    assert_eq!(after.peer_ids.len(), 2);
    assert_eq!((after.status, after.caps, after.display_name), (before.status, before.caps, before.display_name));
    assert_eq!(crate::kem(chain.state(), Subject::Organisation(CLINIC)), Some(kem_key(1)));
}

#[test]
fn an_update_without_a_kem_key_leaves_the_one_there_is() {
    let mut chain = chain();
    chain.ok(account(ADMIN), update("", Some(kem_key(1)), &[])).ok(account(ADMIN), update("", None, &[]));
    assert_eq!(crate::kem(chain.state(), Subject::Organisation(CLINIC)), Some(kem_key(1)));
}

#[test]
fn only_an_admin_of_an_active_organisation_updates_it() {
    let mut chain = chain_with_doctor();
    let call = update("", None, &[]);
    chain
        .refused(account(99), call.clone(), Error::NotRegistered)
        .refused(account(REGISTRAR), call.clone(), Error::NotAuthorised)
        .refused(account(DOCTOR_KEY), call.clone(), Error::NotAuthorised);
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    chain.refused(account(ADMIN), call.clone(), Error::NotActive(Standing::OrganisationSuspended));
    set_status(&mut chain, CLINIC, OrganisationStatus::Removed);
    chain.refused(account(ADMIN), call, Error::NotActive(Standing::OrganisationRemoved));
}

#[test]
fn an_update_with_unfit_parts_is_refused_by_its_part() {
    let mut chain = chain();
    let unknown_suite = KemKey { suite: 7, ..kem_key(1) };
    chain
        .refused(account(ADMIN), update("https://a b", None, &[]), Error::BadText)
        .refused(account(ADMIN), update("", None, &[81, 81]), Error::BadPeers)
        .refused(account(ADMIN), update_with("", None, vec![PeerId::new()]), Error::BadPeers)
        .refused(
            account(ADMIN),
            update_with("", None, vec![PeerId::try_from(vec![0x12; 34]).unwrap()]),
            Error::BadPeers,
        )
        .refused(account(ADMIN), update_with("", None, vec![peer_of(&weak_cosign().0)]), Error::WeakKey)
        .refused(account(ADMIN), update("", Some(WEAK_KEM), &[]), Error::WeakKey)
        .refused(account(ADMIN), update("", Some(unknown_suite), &[]), Error::WeakKey);
}

/// The seeds of the keys of all full nodes, in order.
fn nodes(chain: &Chain) -> Vec<u8> {
    let seed = |node: FullNodePeer| (0..=u8::MAX).find(|seed| account(*seed) == node.network).unwrap();
    full_nodes(chain.state()).into_iter().map(seed).collect()
}

#[test]
fn the_full_nodes_of_all_organisations_are_listed_until_they_are_replaced() {
    let mut chain = chain();
    chain.ok(account(ADMIN), update("", None, &[81, 82])).ok(account(LAB_ADMIN), update("", None, &[83, 82]));
    assert_eq!(nodes(&chain), [81, 82, 83, 82]);
    assert_eq!(full_nodes(chain.state())[2], FullNodePeer { network: account(83), organisation: LABORATORY });
    chain.ok(account(ADMIN), update("", None, &[84]));
    assert_eq!(nodes(&chain), [84, 83, 82]);
    chain.ok(account(ADMIN), update("", None, &[]));
    assert_eq!((nodes(&chain), &Hosts::get(chain.state())[..]), (vec![83, 82], &[LABORATORY][..]));
    let eight: Vec<u8> = (81..89).collect();
    chain.ok(account(ADMIN), update("", None, &eight));
    assert_eq!(nodes(&chain).len(), 10);
}

#[test]
fn a_suspended_organisations_nodes_stay_and_a_removed_ones_do_not() {
    let mut chain = chain();
    chain.ok(account(ADMIN), update("", None, &[81])).ok(account(LAB_ADMIN), update("", None, &[82]));
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    assert_eq!(nodes(&chain), [81, 82]);
    set_status(&mut chain, CLINIC, OrganisationStatus::Removed);
    assert_eq!(nodes(&chain), [82]);
}

#[test]
fn a_node_has_neither_an_accounts_nor_an_authoritys_key() {
    let mut chain = chain();
    chain.prepare(|state| {
        system_keys::keep_apart(state, account(81), salus_system::Purpose::Authority).unwrap();
        system_keys::keep_apart(state, account(82), salus_system::Purpose::Network).unwrap();
    });
    chain
        .refused(account(ADMIN), update("", None, &[REGISTRAR]), Error::KeyTaken)
        .refused(account(ADMIN), update("", None, &[81]), Error::KeyTaken)
        .ok(account(ADMIN), update("", None, &[82]));
}

#[test]
fn where_256_organisations_list_nodes_a_removed_one_makes_room() {
    let mut chain = chain();
    // None of these has the id of the clinic.
    let others: Vec<OrganisationId> = (0..HOSTS_MAX as u16)
        .map(|number| OrganisationId([&[0xee; 14][..], &number.to_le_bytes()].concat().try_into().unwrap()))
        .collect();
    let entry = Organisations::get(chain.state(), &LABORATORY).unwrap();
    chain.prepare(|state| {
        others.iter().for_each(|id| Organisations::insert(state, id, &entry));
        Hosts::put(state, &others.clone().try_into().unwrap());
    });
    chain.refused(account(ADMIN), update("", None, &[81]), Error::TooMany);
    set_status(&mut chain, others[7], OrganisationStatus::Removed);
    chain.ok(account(ADMIN), update("", None, &[81]));
    let hosts = Hosts::get(chain.state());
    assert!(hosts.is_full() && hosts.contains(&CLINIC) && !hosts.contains(&others[7]));
}

#[test]
fn an_admin_appoints_changes_and_ends_an_officer() {
    let mut chain = chain();
    let officer = account(10);
    let appoint = cosigned(&chain, ADMIN, &officer_set(officer, Some(Roles::PRIVACY)), &[10]);
    chain.ok(account(ADMIN), appoint).emitted(Event::OfficerSet {
        organisation: CLINIC,
        account: officer,
        roles: Some(Roles::PRIVACY),
    });
    let now = chain.now();
    let role = |chain: &Chain, role| crate::officer_key(chain.state(), officer, role, now);
    assert_eq!(role(&chain, Roles::PRIVACY), Ok(CLINIC));
    chain.ok(account(ADMIN), officer_set(officer, Some(Roles::REVIEWER)));
    assert_eq!(role(&chain, Roles::PRIVACY), Err(Standing::NotAuthorised));
    assert_eq!(role(&chain, Roles::REVIEWER), Ok(CLINIC));
    chain.ok(account(ADMIN), officer_set(officer, None)).emitted(Event::OfficerSet {
        organisation: CLINIC,
        account: officer,
        roles: None,
    });
    assert_eq!(role(&chain, Roles::REVIEWER), Err(Standing::NotRegistered));
}

#[test]
fn only_an_admin_of_an_active_organisation_names_officers() {
    let mut chain = chain();
    let call = officer_set(account(REGISTRAR), Some(Roles::PRIVACY));
    chain
        .refused(account(99), call.clone(), Error::NotRegistered)
        .refused(account(REGISTRAR), call.clone(), Error::NotAuthorised)
        .refused(account(LAB_ADMIN), call.clone(), Error::KeyTaken);
    set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
    chain.refused(account(ADMIN), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn the_last_admin_stays_until_there_is_another() {
    let mut chain = chain();
    chain
        .refused(account(ADMIN), officer_set(account(ADMIN), None), Error::LastAdmin)
        .refused(account(ADMIN), officer_set(account(ADMIN), Some(Roles::REGISTRAR)), Error::LastAdmin)
        .ok(account(ADMIN), officer_set(account(REGISTRAR), Some(Roles::ADMIN)))
        .ok(account(ADMIN), officer_set(account(ADMIN), None))
        .refused(account(REGISTRAR), officer_set(account(REGISTRAR), None), Error::LastAdmin)
        .ok(account(REGISTRAR), officer_set(account(REGISTRAR), Some(Roles::ADMIN.with(Roles::PRIVACY))));
}

#[test]
fn an_officer_has_at_least_one_role_that_exists() {
    let mut chain = chain();
    for roles in [Roles::NONE, Roles(0x80)] {
        chain.refused(account(ADMIN), officer_set(account(REGISTRAR), Some(roles)), Error::BadRoles);
    }
}

#[test]
fn a_key_that_was_ever_bound_becomes_no_officer() {
    let mut chain = chain_with_doctor();
    let doctor = officer_set(account(DOCTOR_KEY), Some(Roles::PRIVACY));
    chain
        .refused(account(ADMIN), doctor, Error::KeyTaken)
        .ok(account(ADMIN), officer_set(account(REGISTRAR), None))
        .refused(account(ADMIN), officer_set(account(REGISTRAR), Some(Roles::PRIVACY)), Error::KeyTaken)
        .refused(account(ADMIN), officer_set(account(REGISTRAR), None), Error::KeyTaken)
        .refused(account(ADMIN), officer_set(account(99), None), Error::UnknownKey);
}

#[test]
fn a_new_officer_signs_along_and_a_known_one_does_not() {
    let mut chain = chain();
    let appoint = officer_set(account(10), Some(Roles::PRIVACY));
    chain.refused(account(ADMIN), appoint.clone(), Error::BadCoSign);
    let other = cosigned(&chain, ADMIN, &appoint, &[11]);
    chain.refused(account(ADMIN), other, Error::BadCoSign);
    let for_other_terms = cosigned(&chain, ADMIN, &officer_set(account(10), Some(Roles::REVIEWER)), &[10]);
    let Call::OfficerSet { cosign, .. } = for_other_terms else { unreachable!("the call made above") };
    chain.refused(account(ADMIN), with_cosigns(&appoint, cosign), Error::BadCoSign);
    let change = cosigned(&chain, ADMIN, &officer_set(account(REGISTRAR), Some(Roles::PRIVACY)), &[REGISTRAR]);
    chain.refused(account(ADMIN), change, Error::BadCoSign);
}

#[test]
fn a_weak_key_becomes_no_officer_although_its_signature_fits() {
    let mut chain = chain();
    let (weak, cosign) = weak_cosign();
    let appoint = officer_set(weak, Some(Roles::PRIVACY));
    assert!(
        salus_primitives::crypto::verify(&weak, b"any message", &cosign[0].signature),
        "the test's key is one that fits every message"
    );
    chain.refused(account(ADMIN), with_cosigns(&appoint, cosign), Error::WeakKey);
}

#[test]
fn an_organisation_has_at_most_256_officers() {
    let mut chain = chain();
    let now = chain.now();
    chain.prepare(|state| {
        for number in 2u16..256 {
            let mut seed = [7; 32];
            seed[..2].copy_from_slice(&number.to_le_bytes());
            let account = KeyPair::from_seed(&seed).public();
            system_keys::bind(state, now, account, Subject::Organisation(CLINIC), Roles::GATEWAY, None).unwrap();
        }
    });
    let appoint = cosigned(&chain, ADMIN, &officer_set(account(10), Some(Roles::PRIVACY)), &[10]);
    chain.refused(account(ADMIN), appoint, Error::TooMany);
}

fn renamed() -> DisplayName {
    DisplayName::try_from(b"Renamed".to_vec()).unwrap()
}

fn set(
    state: &mut Overlay<'_>,
    id: OrganisationId,
    status: OrganisationStatus,
    admin: Option<u8>,
) -> Result<Event, OrganisationError> {
    organisation_set(state, salus_primitives::Moment(1), id, status, renamed(), Caps::EMERGENCY, admin.map(account))
}

#[test]
fn suspending_an_organisation_is_one_write() {
    let chain = chain_with_doctor();
    let mut state = Overlay::new(chain.entries());
    set(&mut state, CLINIC, OrganisationStatus::Suspended, None).unwrap();
    let changes = state.into_changes();
    assert_eq!(changes.keys().collect::<Vec<_>>(), [&Organisations::key(&CLINIC)]);
}

#[test]
fn the_council_changes_an_organisation_and_leaves_what_its_admin_set() {
    let mut chain = chain();
    chain.ok(account(ADMIN), update("https://clinic.example", None, &[81]));
    chain.prepare(|state| {
        set(state, CLINIC, OrganisationStatus::Active, None).unwrap();
    });
    let after = Organisations::get(chain.state(), &CLINIC).unwrap();
    assert_eq!((&after.display_name[..], after.caps), (&b"Renamed"[..], Caps::EMERGENCY));
    assert_eq!((&after.url[..], after.peer_ids.len()), (&b"https://clinic.example"[..], 1));
}

#[test]
fn a_further_admin_replaces_one_that_was_lost() {
    let mut chain = chain();
    chain.prepare(|state| {
        let event = set(state, CLINIC, OrganisationStatus::Active, Some(20)).unwrap();
        let status = OrganisationStatus::Active;
        assert_eq!(event, Event::OrganisationSet { organisation: CLINIC, status, admin: Some(account(20)) });
    });
    chain.ok(account(20), officer_set(account(ADMIN), None));
}

#[test]
fn the_council_makes_no_unfit_organisation() {
    let chain = chain();
    let refused = |name: &[u8], caps, status, id, admin: Option<AccountId>| {
        let mut state = Overlay::new(chain.entries());
        let name = DisplayName::try_from(name.to_vec()).unwrap();
        let outcome = organisation_set(&mut state, chain.now(), id, status, name, caps, admin);
        assert!(state.into_changes().is_empty(), "a refused change writes nothing");
        outcome.unwrap_err()
    };
    use OrganisationStatus::{Active, Removed, Suspended};
    let new = OrganisationId([7; 16]);
    let admin = Some(account(20));
    assert_eq!(refused(b"", Caps::NONE, Active, new, admin), OrganisationError::Name);
    assert_eq!(refused(b"A", Caps(0x10), Active, new, admin), OrganisationError::Caps);
    assert_eq!(refused(b"A", Caps::NONE, Suspended, new, admin), OrganisationError::Transition);
    assert_eq!(refused(b"A", Caps::NONE, Removed, CLINIC, None), OrganisationError::Transition);
    assert_eq!(refused(b"A", Caps::NONE, Active, new, None), OrganisationError::AdminMissing);
    let taken = Some(account(ADMIN));
    assert_eq!(refused(b"A", Caps::NONE, Active, new, taken), OrganisationError::Admin(BindError::Taken));
    let weak = Some(weak_cosign().0);
    assert!(matches!(refused(b"A", Caps::NONE, Active, new, weak), OrganisationError::Admin(BindError::Weak(_))));
}

#[test]
fn a_removed_organisation_never_returns() {
    let mut chain = chain();
    chain.prepare(|state| {
        set(state, CLINIC, OrganisationStatus::Suspended, None).unwrap();
        set(state, CLINIC, OrganisationStatus::Removed, None).unwrap();
        let before = state.get(&Organisations::key(&CLINIC));
        let back = set(state, CLINIC, OrganisationStatus::Active, None);
        assert_eq!(back, Err(OrganisationError::Transition));
        assert_eq!(state.get(&Organisations::key(&CLINIC)), before);
    });
}

#[test]
fn only_a_removed_organisation_has_a_successor_and_that_is_an_active_custodian() {
    use OrganisationStatus::{Removed, Suspended};
    let (heir, second) = (OrganisationId([7; 16]), OrganisationId([8; 16]));
    let mut chain = chain();
    crate::testing::organisation(&mut chain, heir, Caps::CUSTODIAN, &key(21));
    crate::testing::organisation(&mut chain, second, Caps::CUSTODIAN.with(Caps::LICENSING), &key(22));
    let unknown = OrganisationId([9; 16]);
    let named = |chain: &mut Chain, removed, new| {
        let mut outcome = Err(SuccessorError::Unfit);
        chain.prepare(|state| outcome = successor_set(state, removed, new));
        outcome
    };
    assert_eq!(named(&mut chain, unknown, heir), Err(SuccessorError::NotRemoved));
    assert_eq!(named(&mut chain, CLINIC, heir), Err(SuccessorError::NotRemoved));
    crate::testing::set_status(&mut chain, CLINIC, Suspended);
    assert_eq!(named(&mut chain, CLINIC, heir), Err(SuccessorError::NotRemoved));
    crate::testing::set_status(&mut chain, CLINIC, Removed);
    for unfit in [unknown, CLINIC] {
        assert_eq!(named(&mut chain, CLINIC, unfit), Err(SuccessorError::Unfit));
    }
    assert_eq!(successor(chain.state(), CLINIC), None);
    for successor in [heir, second] {
        assert_eq!(named(&mut chain, CLINIC, successor), Ok(Event::SuccessorSet { removed: CLINIC, successor }));
        assert_eq!(crate::successor(chain.state(), CLINIC), Some(successor));
    }
    crate::testing::set_status(&mut chain, heir, Suspended);
    assert_eq!(named(&mut chain, CLINIC, heir), Err(SuccessorError::Unfit));
    crate::testing::organisation(&mut chain, unknown, Caps::LICENSING, &key(23));
    assert_eq!(named(&mut chain, CLINIC, unknown), Err(SuccessorError::Unfit));
    assert_eq!(successor(chain.state(), CLINIC), Some(second));
}
