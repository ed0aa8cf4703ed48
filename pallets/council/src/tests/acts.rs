//! What acts do, when they run, and why they cannot.

use super::*;

/// A council of one whose clinic has the Admin 20.
fn with_clinic() -> Chain {
    let mut chain = council(1, 1);
    salus_registry::testing::organisation(&mut chain, CLINIC, Caps::NONE, &key(20));
    chain
}

#[track_caller]
fn bad_act(chain: &mut Chain, act: Act, reason: ActError) {
    chain.refused(account(1), propose(act), Error::BadAct(reason));
}

#[test]
fn the_council_suspends_an_organisation_at_once() {
    let mut chain = with_clinic();
    let suspended = organisation_set(OrganisationStatus::Suspended, None);
    chain.ok(account(1), propose(suspended)).emitted(Event::Executed { motion: 0 });
    let standing = salus_registry::organisation_active(chain.state(), CLINIC);
    assert_eq!(standing, Err(salus_registry::Standing::OrganisationSuspended));
}

#[test]
fn an_act_on_an_organisation_that_could_not_run_is_refused_by_its_reason() {
    use OrganisationStatus::{Active, Removed, Suspended};
    let mut chain = with_clinic();
    let changed = |name: &[u8], caps, id, status, admin: Option<u8>| Act::OrganisationSet {
        id,
        status,
        display_name: DisplayName::try_from(name.to_vec()).unwrap(),
        caps,
        admin: admin.map(account),
    };
    let new = OrganisationId([9; 16]);
    bad_act(&mut chain, changed(b"\n", Caps::NONE, CLINIC, Active, None), ActError::BadText);
    bad_act(&mut chain, changed(b"A", Caps(0x80), CLINIC, Active, None), ActError::BadCaps);
    bad_act(&mut chain, changed(b"A", Caps::NONE, CLINIC, Removed, None), ActError::BadState);
    bad_act(&mut chain, changed(b"A", Caps::NONE, new, Suspended, Some(30)), ActError::BadState);
    bad_act(&mut chain, changed(b"A", Caps::NONE, new, Active, None), ActError::AdminMissing);
    bad_act(&mut chain, changed(b"A", Caps::NONE, new, Active, Some(20)), ActError::KeyTaken);
    bad_act(&mut chain, changed(b"A", Caps::NONE, new, Active, Some(1)), ActError::KeyTaken);
}

#[test]
fn an_admins_key_signs_along_and_nobody_else_does() {
    let mut chain = council(1, 1);
    let act = organisation_set(OrganisationStatus::Active, Some(20));
    chain.refused(account(1), propose(act.clone()), Error::BadCoSign);
    for signers in [&[21][..], &[20, 21]] {
        let call = cosigned(&chain, 1, &act, signers);
        chain.refused(account(1), call, Error::BadCoSign);
    }
    let other = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(22)), &[20]);
    let Call::Propose { cosign, .. } = other else { unreachable!("the call made above") };
    chain.refused(account(1), Call::Propose { act: act.clone(), cosign }, Error::BadCoSign);
    let not_needed = cosigned(&chain, 1, &parameters_set(30_000), &[20]);
    chain.refused(account(1), not_needed, Error::BadCoSign);
    let call = cosigned(&chain, 1, &act, &[20]);
    chain.ok(account(1), call);
}

#[test]
fn a_weak_key_becomes_no_admin_although_its_signature_fits() {
    let mut chain = council(1, 1);
    let (mut identity, mut signature) = ([0; 32], [0; 64]);
    identity[0] = 1;
    signature[0] = 1;
    let admin = AccountId(identity);
    let cosign = CoSigns::try_from(vec![CoSign { account: admin, signature: Signature(signature) }]).unwrap();
    let Act::OrganisationSet { id, status, display_name, caps, .. } =
        organisation_set(OrganisationStatus::Active, None)
    else {
        unreachable!("the act made above")
    };
    let act = Act::OrganisationSet { id, status, display_name, caps, admin: Some(admin) };
    chain.refused(account(1), Call::Propose { act, cosign }, Error::BadAct(ActError::WeakKey));
}

#[test]
fn an_organisation_with_256_officers_gets_no_further_admin() {
    let mut chain = with_clinic();
    let now = chain.now();
    chain.prepare(|state| {
        for number in 1u16..256 {
            let mut seed = [7; 32];
            seed[..2].copy_from_slice(&number.to_le_bytes());
            let officer = KeyPair::from_seed(&seed).public();
            let subject = Subject::Organisation(CLINIC);
            system_keys::bind(state, now, officer, subject, salus_primitives::subject::Roles::GATEWAY, None).unwrap();
        }
    });
    let call = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(30)), &[30]);
    chain.refused(account(1), call, Error::BadAct(ActError::TooMany));
}

#[test]
fn parameters_wait_for_the_delay_and_change_at_the_first_block_after_it() {
    let mut chain = council(1, 1);
    let due = chain.now().plus(DELAY);
    chain.ok(account(1), propose(parameters_set(30_000))).emitted(Event::Passed { motion: 0, due });
    assert_eq!((motion(&chain, 0).stage, Due::get(chain.state())), (Stage::Waiting(due), Some(due)));
    chain.advance(DELAY - 1);
    assert_eq!(start_block(&mut chain), []);
    assert_eq!(ChainParameters::get(chain.state()).patient_weight, Parameters::default().patient_weight);
    chain.advance(1);
    assert_eq!(start_block(&mut chain), [RuntimeEvent::Council(Event::Executed { motion: 0 })]);
    assert_eq!(ChainParameters::get(chain.state()).patient_weight, 30_000);
    assert_eq!((motion(&chain, 0).stage, Due::get(chain.state())), (Stage::Executed, None));
    assert_eq!(start_block(&mut chain), [], "once");
}

#[test]
fn without_a_delay_parameters_and_members_change_at_once() {
    let mut chain = council(1, 1);
    chain.prepare(|state| {
        let parameters = Parameters { root_delay: 0, ..Parameters::default() };
        ChainParameters::put(state, &parameters);
    });
    let parameters = Parameters { root_delay: 0, patient_weight: 30_000, ..Parameters::default() };
    chain.ok(account(1), propose(Act::ParametersSet { parameters })).emitted(Event::Executed { motion: 0 });
    assert_eq!(ChainParameters::get(chain.state()), parameters);
    chain.ok(account(1), propose(council_set(&[1, 2], 2))).emitted(Event::Executed { motion: 1 });
    assert_eq!(crate::members(chain.state()), [account(1), account(2)]);
}

#[test]
fn parameters_outside_their_bounds_are_refused() {
    bad_act(&mut council(1, 1), parameters_set(0), ActError::BadParameter);
}

#[test]
fn a_council_replaces_members_and_threshold() {
    let mut chain = council(3, 1);
    chain.ok(account(1), propose(council_set(&[3, 4, 5], 2))).advance(DELAY);
    start_block(&mut chain);
    assert_eq!(crate::members(chain.state()), [3, 4, 5].map(account));
    assert_eq!(Threshold::get(chain.state()), 2);
    chain
        .refused(account(1), propose(parameters_set(30_000)), Error::NotRegistered)
        .ok(account(4), propose(parameters_set(30_000)))
        .ok(account(3), vote(1, true));
}

#[test]
fn a_council_that_could_not_be_is_refused_by_its_reason() {
    let mut chain = council(3, 1);
    salus_registry::testing::organisation(&mut chain, CLINIC, Caps::NONE, &key(20));
    bad_act(&mut chain, council_set(&[], 0), ActError::BadMembers);
    bad_act(&mut chain, council_set(&[1, 4, 4], 1), ActError::BadMembers);
    bad_act(&mut chain, council_set(&[1, 4], 0), ActError::BadThreshold);
    bad_act(&mut chain, council_set(&[1, 4], 3), ActError::BadThreshold);
    bad_act(&mut chain, council_set(&[1, 20], 1), ActError::KeyTaken);
    let mut identity = [0; 32];
    identity[0] = 1;
    let members = Members::try_from(vec![account(1), AccountId(identity)]).unwrap();
    bad_act(&mut chain, Act::CouncilSet { members, threshold: 1 }, ActError::WeakKey);
    chain.prepare(|state| system_keys::end(state, account(3)));
    bad_act(&mut chain, council_set(&[1, 3], 1), ActError::KeyTaken);
}

#[test]
fn a_council_of_32_replaces_all_its_members_at_once() {
    let mut chain = council(32, 1);
    let new: Vec<u8> = (101..133).collect();
    chain.ok(account(1), propose(council_set(&new, 32))).advance(DELAY);
    assert_eq!(start_block(&mut chain), [RuntimeEvent::Council(Event::Executed { motion: 0 })]);
    assert_eq!(crate::members(chain.state()).len(), 32);
}

#[test]
fn an_act_that_waits_is_cancelled_by_a_motion() {
    let mut chain = council(1, 1);
    chain
        .ok(account(1), propose(parameters_set(30_000)))
        .ok(account(1), propose(Act::CancelMotion { motion: 0 }))
        .emitted(Event::Cancelled { motion: 0 })
        .emitted(Event::Executed { motion: 1 })
        .advance(DELAY);
    assert_eq!((motion(&chain, 0).stage, Due::get(chain.state())), (Stage::Cancelled, None));
    assert_eq!(start_block(&mut chain), []);
    assert_eq!(ChainParameters::get(chain.state()).patient_weight, Parameters::default().patient_weight);
    bad_act(&mut chain, Act::CancelMotion { motion: 0 }, ActError::NotWaiting);
}

#[test]
fn what_does_not_wait_is_not_cancelled() {
    let mut chain = council(2, 2);
    chain.ok(account(2), propose(parameters_set(30_000)));
    for number in [0, 7] {
        bad_act(&mut chain, Act::CancelMotion { motion: number }, ActError::NotWaiting);
    }
}

#[test]
fn cancelling_one_leaves_the_others_due() {
    let mut chain = council(1, 1);
    chain.ok(account(1), propose(parameters_set(30_000))).advance(HOUR);
    let second = chain.now().plus(DELAY);
    chain.ok(account(1), propose(parameters_set(40_000))).ok(account(1), propose(Act::CancelMotion { motion: 0 }));
    assert_eq!(Due::get(chain.state()), Some(second));
    chain.advance(DELAY);
    assert_eq!(start_block(&mut chain), [RuntimeEvent::Council(Event::Executed { motion: 1 })]);
    assert_eq!(ChainParameters::get(chain.state()).patient_weight, 40_000);
}

#[test]
fn an_act_that_fails_when_it_runs_leaves_nothing_but_its_failure() {
    let mut chain = council(1, 1);
    chain.ok(account(1), propose(council_set(&[4, 5, 6], 2)));
    // Meanwhile the last of the new members' keys is bound to another subject.
    salus_registry::testing::organisation(&mut chain, CLINIC, Caps::NONE, &key(6));
    chain.advance(DELAY);
    let reason = ActError::KeyTaken;
    assert_eq!(start_block(&mut chain), [RuntimeEvent::Council(Event::Failed { motion: 0, reason })]);
    assert_eq!(motion(&chain, 0).stage, Stage::Failed(reason));
    assert_eq!(crate::members(chain.state()), [account(1)]);
    assert_eq!(Threshold::get(chain.state()), 1);
    assert!(system_keys::speaker(chain.state(), account(4), chain.now()).is_none());
    assert_eq!(start_block(&mut chain), [], "it is not tried again");
}

#[test]
fn an_act_that_fails_in_the_vote_that_passed_it_fails_the_motion_and_not_the_vote() {
    let mut chain = council(2, 2);
    let call = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(20)), &[20]);
    chain.ok(account(1), call);
    salus_registry::testing::organisation(&mut chain, OrganisationId([9; 16]), Caps::NONE, &key(20));
    chain.ok(account(2), vote(0, true)).emitted(Event::Failed { motion: 0, reason: ActError::KeyTaken });
    assert_eq!(motion(&chain, 0).stage, Stage::Failed(ActError::KeyTaken));
}

#[test]
fn what_is_due_runs_in_the_order_it_was_proposed() {
    let mut chain = council(1, 1);
    // Numbers 31 and 32 lie in the slots 31 and 0.
    chain.prepare(|state| NextMotion::put(state, &31));
    chain.ok(account(1), propose(parameters_set(30_000))).ok(account(1), propose(parameters_set(40_000)));
    chain.advance(2 * DELAY);
    let executed = [31, 32].map(|motion| RuntimeEvent::Council(Event::Executed { motion }));
    assert_eq!(start_block(&mut chain), executed);
    assert_eq!(ChainParameters::get(chain.state()).patient_weight, 40_000);
}

#[test]
fn the_council_names_a_removed_organisations_successor_at_once() {
    let mut chain = with_clinic();
    let heir = OrganisationId([9; 16]);
    salus_registry::testing::organisation(&mut chain, heir, Caps::CUSTODIAN, &key(21));
    let act = Act::Successor { removed: CLINIC, new: heir };
    bad_act(&mut chain, act.clone(), ActError::NotRemoved);
    for status in [OrganisationStatus::Suspended, OrganisationStatus::Removed] {
        chain.ok(account(1), propose(organisation_set(status, None)));
    }
    bad_act(&mut chain, Act::Successor { removed: CLINIC, new: CLINIC }, ActError::BadSuccessor);
    let not_needed = cosigned(&chain, 1, &act, &[21]);
    chain.refused(account(1), not_needed, Error::BadCoSign);
    let named = salus_registry::Event::SuccessorSet { removed: CLINIC, successor: heir };
    chain.ok(account(1), propose(act)).emitted(named).emitted(Event::Executed { motion: 2 });
    assert_eq!(salus_registry::successor(chain.state(), CLINIC), Some(heir));
}

/// A state that counts how often it is read.
struct Counted<'a> {
    state: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    reads: std::cell::Cell<u32>,
}

impl StateReader for Counted<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.reads.set(self.reads.get() + 1);
        self.state.get(key).cloned()
    }
}

#[test]
fn a_block_in_which_nothing_is_due_costs_one_read() {
    let idle = council(1, 1);
    let mut waiting = council(1, 1);
    waiting.ok(account(1), propose(parameters_set(30_000)));
    for chain in [&idle, &waiting] {
        let base = Counted { state: chain.entries(), reads: std::cell::Cell::new(0) };
        let (mut state, mut events) = (salus_support::Overlay::new(&base), Vec::new());
        crate::on_initialise(&mut state, chain.now(), chain.height(), &mut events);
        assert!(state.into_changes().is_empty() && events.is_empty());
        assert_eq!(base.reads.get(), 1);
    }
}

#[test]
fn an_upgrade_waits_and_names_a_higher_version_and_a_height_ahead() {
    use salus_primitives::Height;
    let mut chain = council(1, 1);
    let schedule = |spec_version, height| Act::UpgradeSchedule { spec_version, height: Height(height) };
    bad_act(&mut chain, schedule(0, 100), ActError::BadUpgrade);
    let here = chain.height().0;
    bad_act(&mut chain, schedule(2, here), ActError::BadUpgrade);
    bad_act(&mut chain, schedule(2, 0), ActError::BadUpgrade);

    chain.ok(account(1), propose(schedule(2, here + 10)));
    assert_eq!(crate::scheduled(chain.state()), None, "it waits for root_delay");
    chain.advance(DELAY);
    let events = start_block(&mut chain);
    assert_eq!(events, [RuntimeEvent::Council(Event::Executed { motion: 0 })]);
    let upgrade = crate::scheduled(chain.state()).unwrap();
    assert_eq!((upgrade.spec_version, upgrade.height, upgrade.before), (2, Height(here + 10), 0));
    assert_eq!((upgrade.at(Height(here + 9)), upgrade.at(Height(here + 10))), (0, 2));
}

#[test]
fn an_upgrade_ahead_is_replaced_and_one_in_force_is_not_repeated() {
    use salus_primitives::Height;
    let mut chain = council(1, 1);
    chain.prepare(|state| ChainParameters::put(state, &Parameters { root_delay: 0, ..Parameters::default() }));
    let schedule = |spec_version, height| Act::UpgradeSchedule { spec_version, height: Height(height) };
    chain.ok(account(1), propose(schedule(2, 3))).ok(account(1), propose(schedule(2, 5)));
    chain.advance(1).advance(1);
    assert_eq!(crate::scheduled(chain.state()).unwrap().at(chain.height()), 0, "height 3 came and nothing changed");
    chain.advance(1).advance(1);
    assert_eq!(crate::scheduled(chain.state()).unwrap().at(chain.height()), 2);
    bad_act(&mut chain, schedule(2, 50), ActError::BadUpgrade);
    bad_act(&mut chain, schedule(1, 50), ActError::BadUpgrade);
    chain.ok(account(1), propose(schedule(3, 50)));
    assert_eq!(crate::scheduled(chain.state()).unwrap().before, 2);
}

#[test]
fn an_upgrade_whose_height_came_while_it_waited_fails_and_changes_nothing() {
    use salus_primitives::Height;
    let mut chain = council(1, 1);
    let act = Act::UpgradeSchedule { spec_version: 2, height: Height(chain.height().0 + 1) };
    chain.ok(account(1), propose(act)).advance(DELAY);
    let failed = Event::Failed { motion: 0, reason: ActError::BadUpgrade };
    assert_eq!(start_block(&mut chain), [RuntimeEvent::Council(failed)]);
    assert_eq!(crate::scheduled(chain.state()), None);
}

#[test]
fn the_council_suspends_and_strikes_a_practitioner_at_once_and_alone_lifts_its_suspension() {
    use salus_primitives::{Hash, PractitionerId, subject::Roles};
    use salus_registry::{Call as RegistryCall, Standing, practitioner_licensed, types::PractitionerStatus};
    const DOCTOR: PractitionerId = PractitionerId([7; 16]);
    let mut chain = council(1, 1);
    let (caps, registrar) = (Caps::LICENSING, account(21));
    salus_registry::testing::organisation(&mut chain, CLINIC, caps, &key(20));
    salus_registry::testing::officer(&mut chain, CLINIC, Roles::REGISTRAR, &key(21));
    salus_registry::testing::practitioner(&mut chain, DOCTOR, CLINIC, &key(22));
    let to = |status| Act::PractitionerStatus { id: DOCTOR, status };
    let licensed = |chain: &Chain| practitioner_licensed(chain.state(), DOCTOR, chain.now()).map(|_| ());
    let by_registrar = |status| RegistryCall::PractitionerSet {
        id: DOCTOR,
        account: None,
        licence: Hash([1; 32]),
        licence_until: Chain::new().now().plus(300 * DAY),
        speciality: 1,
        status,
        cosign: CoSigns::new(),
    };

    let unknown = Act::PractitionerStatus { id: PractitionerId([8; 16]), status: PractitionerStatus::Suspended };
    bad_act(&mut chain, unknown, ActError::UnknownPractitioner);
    bad_act(&mut chain, to(PractitionerStatus::Struck), ActError::BadStatus);
    chain.ok(account(1), propose(to(PractitionerStatus::Suspended))).emitted(Event::Executed { motion: 0 });
    assert_eq!(licensed(&chain), Err(Standing::PractitionerSuspended));
    chain.refused(registrar, by_registrar(PractitionerStatus::Active), salus_registry::Error::BadState);
    chain.ok(registrar, by_registrar(PractitionerStatus::Suspended));
    chain.ok(account(1), propose(to(PractitionerStatus::Active)));
    assert_eq!(licensed(&chain), Ok(()));
    chain.ok(registrar, by_registrar(PractitionerStatus::Suspended));
    chain.ok(registrar, by_registrar(PractitionerStatus::Active));
    chain.ok(account(1), propose(to(PractitionerStatus::Suspended)));
    chain.ok(account(1), propose(to(PractitionerStatus::Struck)));
    assert_eq!(licensed(&chain), Err(Standing::PractitionerStruck));
    bad_act(&mut chain, to(PractitionerStatus::Active), ActError::BadStatus);
}
