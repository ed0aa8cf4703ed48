//! A motion executed twice, votes that do not count, and acts that could not run.

use salus_council::{
    Act, ActError, Call, Error, Stage,
    storage::Motions,
    types::{LAPSE, Members},
};
use salus_primitives::{AccountId, Height, OrganisationId, signed::CoSigns, time::DAY};
use salus_registry::types::{Caps, DisplayName, OrganisationStatus, PractitionerStatus};
use salus_runtime::RuntimeEvent;
use salus_system::Parameters;
use salus_validators::types::{NewValidator, peer_of};

use crate::world::*;

/// Its members' keys.
const ONE: u8 = COUNCIL[0];
const TWO: u8 = COUNCIL[1];
const THREE: u8 = COUNCIL[2];

fn propose(act: Act) -> Call {
    Call::Propose { act, cosign: CoSigns::new() }
}

fn vote(motion: u32, aye: bool) -> Call {
    Call::Vote { motion, aye }
}

/// Suspend the clinic, or another state.
fn organisation(status: OrganisationStatus) -> Act {
    set(CLINIC, status, Caps::ALL, b"Clinic", None)
}

fn set(id: OrganisationId, status: OrganisationStatus, caps: Caps, name: &[u8], admin: Option<AccountId>) -> Act {
    let display_name = DisplayName::try_from(name.to_vec()).unwrap_or_default();
    Act::OrganisationSet { id, status, display_name, caps, admin }
}

fn parameters() -> Act {
    Act::ParametersSet { parameters: Parameters { root_delay: DAY, ..Parameters::default() } }
}

/// How many motions the newest block executed.
fn executed(world: &World) -> usize {
    let executed = |event: &RuntimeEvent| matches!(event, RuntimeEvent::Council(salus_council::Event::Executed { .. }));
    events(&world.state).iter().filter(|record| executed(&record.event)).count()
}

#[test]
fn a_motion_that_passed_at_once_is_executed_once() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended))).ok(TWO, vote(0, true));
    assert_eq!(executed(&world), 1);
    for (by, aye) in [(THREE, true), (THREE, false), (TWO, true), (ONE, true)] {
        world.refused(by, vote(0, aye), Error::BadState);
    }
    world.refused(ONE, propose(Act::CancelMotion { motion: 0 }), Error::BadAct(ActError::NotWaiting));
}

#[test]
fn two_last_votes_in_one_block_execute_a_motion_once() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended)));
    let votes = [world.signed(TWO, vote(0, true)), world.signed(THREE, vote(0, true))];
    assert_eq!(world.block(&votes), [Ok(()), Err(Error::BadState.into())]);
    assert_eq!(executed(&world), 1);
}

#[test]
fn a_motion_that_waits_is_executed_by_one_block_and_by_none_after_it() {
    let mut world = World::with(Parameters { root_delay: DAY, ..Parameters::default() });
    world.ok(ONE, propose(parameters())).ok(TWO, vote(0, true));
    world.refused(THREE, vote(0, true), Error::BadState);
    assert_eq!(executed(&world), 0);
    let counts = [DAY - 2_001, 1, 1_000, DAY].map(|later| {
        world.advance(later).block(&[]);
        executed(&world)
    });
    assert_eq!(counts.iter().sum::<usize>(), 1, "{counts:?}");
    let motion = Motions::get(&world.state, &0).unwrap();
    assert_eq!(motion.stage, Stage::Executed);
    world.refused(THREE, vote(0, true), Error::BadState);
    world.refused(ONE, propose(Act::CancelMotion { motion: 0 }), Error::BadAct(ActError::NotWaiting));
}

#[test]
fn a_motion_that_was_cancelled_is_not_executed() {
    let mut world = World::with(Parameters { root_delay: DAY, ..Parameters::default() });
    world.ok(ONE, propose(parameters())).ok(TWO, vote(0, true));
    world.ok(ONE, propose(Act::CancelMotion { motion: 0 })).ok(TWO, vote(1, true));
    world.advance(2 * DAY).block(&[]);
    assert_eq!(executed(&world), 0);
    world.refused(ONE, propose(Act::CancelMotion { motion: 0 }), Error::BadAct(ActError::NotWaiting));
}

#[test]
fn what_was_done_is_not_done_again_by_proposing_it_again() {
    let mut world = World::new();
    let (new, admin) = (OrganisationId([5; 16]), 220);
    let act = || set(new, OrganisationStatus::Active, Caps::ALL, b"New", Some(account(admin)));
    let with = |cosign| Call::Propose { act: act(), cosign };
    let call = world.cosigned(ONE, with, &[admin]);
    world.ok(ONE, call).ok(TWO, vote(0, true));
    let again = world.cosigned(ONE, with, &[admin]);
    world.refused(ONE, again, Error::BadAct(ActError::KeyTaken));
}

#[test]
fn a_member_votes_once_and_has_one_open_motion() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended)));
    world.refused(ONE, vote(0, true), Error::AlreadyVoted);
    world.refused(ONE, vote(0, false), Error::AlreadyVoted);
    world.refused(ONE, propose(organisation(OrganisationStatus::Active)), Error::OneOpen);
    world.ok(TWO, vote(0, false)).refused(TWO, vote(0, true), Error::AlreadyVoted);
}

#[test]
fn a_motion_lapses_after_seven_days() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended)));
    world.advance(LAPSE).refused(TWO, vote(0, true), Error::BadState);
}

#[test]
fn nobody_votes_on_a_motion_that_is_not_there() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended)));
    // 32 has the slot of 0.
    for motion in [1, 32, u32::MAX] {
        world.refused(TWO, vote(motion, true), Error::UnknownMotion);
    }
}

#[test]
fn who_is_no_member_neither_proposes_nor_votes() {
    let mut world = World::new();
    world.ok(ONE, propose(organisation(OrganisationStatus::Suspended)));
    for by in [ADMIN_KEY, REGISTRAR_KEY, DOCTOR_KEY, PATIENT_KEY] {
        world.refused(by, propose(organisation(OrganisationStatus::Suspended)), Error::NotAuthorised);
        world.refused(by, vote(0, true), Error::NotAuthorised);
    }
}

#[test]
fn no_act_is_proposed_that_could_not_run() {
    use OrganisationStatus::{Active, Removed, Suspended};
    let mut world = World::new();
    let members = |seeds: &[u8]| -> Members { list(seeds.iter().map(|seed| account(*seed))) };
    let council = |seeds: &[u8], threshold| Act::CouncilSet { members: members(seeds), threshold };
    let weak = AccountId([0; 32]);
    let adding = |organisation| {
        let new = NewValidator { authority: account(221), peer_id: peer_of(&account(222)), organisation };
        Act::ValidatorsSet { add: list([new]), drop: list([]) }
    };
    let no_peer = NewValidator { authority: account(221), peer_id: list([1, 2, 3]), organisation: HOSPITAL };
    let (new, admin) = (OrganisationId([5; 16]), Some(account(220)));
    let parameters = |change: &dyn Fn(&mut Parameters)| {
        let mut parameters = Parameters::default();
        change(&mut parameters);
        Act::ParametersSet { parameters }
    };
    for (act, error) in [
        (council(&[], 0), ActError::BadMembers),
        (council(&[ONE, TWO, ONE], 1), ActError::BadMembers),
        (council(&COUNCIL, 0), ActError::BadThreshold),
        (council(&COUNCIL, 4), ActError::BadThreshold),
        (council(&COUNCIL, u8::MAX), ActError::BadThreshold),
        (council(&[ONE, DOCTOR_KEY], 1), ActError::KeyTaken),
        (council(&[ONE, 20], 1), ActError::KeyTaken),
        (Act::CouncilSet { members: list([account(ONE), weak]), threshold: 1 }, ActError::WeakKey),
        (set(CLINIC, Active, Caps(1 << 4), b"Clinic", None), ActError::BadCaps),
        (set(CLINIC, Active, Caps(u8::MAX), b"Clinic", None), ActError::BadCaps),
        (set(CLINIC, Active, Caps::ALL, b"", None), ActError::BadText),
        (set(CLINIC, Active, Caps::ALL, b"a\nb", None), ActError::BadText),
        (set(CLINIC, Active, Caps::ALL, b"\xff\xfe", None), ActError::BadText),
        (set(CLINIC, Removed, Caps::ALL, b"Clinic", None), ActError::BadState),
        (set(new, Suspended, Caps::ALL, b"New", admin), ActError::BadState),
        (set(new, Active, Caps::ALL, b"New", None), ActError::AdminMissing),
        (set(new, Active, Caps::ALL, b"New", Some(weak)), ActError::WeakKey),
        (set(new, Active, Caps::ALL, b"New", Some(account(PATIENT_KEY))), ActError::KeyTaken),
        (Act::ValidatorsSet { add: list([]), drop: list([]) }, ActError::BadSet),
        (Act::ValidatorsSet { add: list([]), drop: list([account(20)]) }, ActError::BadSet),
        (Act::ValidatorsSet { add: list([]), drop: list([account(21)]) }, ActError::NotValidator),
        (adding(NOWHERE), ActError::BadOrganisation),
        (Act::ValidatorsSet { add: list([no_peer]), drop: list([]) }, ActError::BadPeer),
        (parameters(&|p| p.patient_weight = 0), ActError::BadParameter),
        (parameters(&|p| p.root_delay = u64::MAX), ActError::BadParameter),
        (parameters(&|p| p.block_interval_min = 0), ActError::BadParameter),
        (parameters(&|p| p.invitations_max = u32::MAX), ActError::BadParameter),
        (Act::UpgradeSchedule { spec_version: 0, height: Height(u32::MAX) }, ActError::BadUpgrade),
        (Act::UpgradeSchedule { spec_version: 2, height: Height(0) }, ActError::BadUpgrade),
        (Act::CancelMotion { motion: u32::MAX }, ActError::NotWaiting),
        (
            Act::PractitionerStatus { id: NO_PRACTITIONER, status: PractitionerStatus::Suspended },
            ActError::UnknownPractitioner,
        ),
        (Act::PractitionerStatus { id: DOCTOR, status: PractitionerStatus::Struck }, ActError::BadStatus),
        (Act::Successor { removed: CLINIC, new: HOSPITAL }, ActError::NotRemoved),
        (Act::Successor { removed: NOWHERE, new: HOSPITAL }, ActError::NotRemoved),
    ] {
        world.refused(ONE, propose(act), Error::BadAct(error));
    }
}

#[test]
fn a_proposal_is_co_signed_by_the_key_it_binds_and_by_nobody_else() {
    let mut world = World::new();
    let new = || set(OrganisationId([5; 16]), OrganisationStatus::Active, Caps::ALL, b"New", Some(account(220)));
    world.refused(ONE, propose(new()), Error::BadCoSign);
    for signers in [&[221][..], &[220, 221], &[ONE]] {
        let call = world.cosigned(ONE, |cosign| Call::Propose { act: new(), cosign }, signers);
        world.refused(ONE, call, Error::BadCoSign);
    }
    let needless = |cosign| Call::Propose { act: organisation(OrganisationStatus::Suspended), cosign };
    let call = world.cosigned(ONE, needless, &[220]);
    world.refused(ONE, call, Error::BadCoSign);
}

#[test]
fn all_slots_in_use_take_no_motion_more() {
    let mut world = World::with(Parameters { root_delay: 30 * DAY, ..Parameters::default() });
    for motion in 0..32 {
        world.ok(ONE, propose(parameters())).ok(TWO, vote(motion, true));
    }
    world.refused(ONE, propose(parameters()), Error::TooMany);
}
