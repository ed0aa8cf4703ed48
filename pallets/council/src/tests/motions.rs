//! Proposing and voting.

use super::*;

#[test]
fn a_council_of_one_acts_by_proposing() {
    let mut chain = council(1, 1);
    let call = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(20)), &[20]);
    let now = chain.now();
    let Call::Propose { act, .. } = call.clone() else { unreachable!("the call made above") };
    chain
        .ok(account(1), call)
        .emitted(Event::Proposed { motion: 0, proposer: account(1), act })
        .emitted(Event::Passed { motion: 0, due: now })
        .emitted(salus_registry::Event::OrganisationSet {
            organisation: CLINIC,
            status: OrganisationStatus::Active,
            admin: Some(account(20)),
        })
        .emitted(Event::Executed { motion: 0 });
    assert_eq!(motion(&chain, 0).stage, Stage::Executed);
    assert_eq!(salus_registry::organisation_active(chain.state(), CLINIC), Ok(()));
}

#[test]
fn a_motion_passes_at_the_threshold_and_runs_once() {
    let mut chain = council(3, 2);
    let call = cosigned(&chain, 1, &organisation_set(OrganisationStatus::Active, Some(20)), &[20]);
    chain.ok(account(1), call);
    assert_eq!(motion(&chain, 0).stage, Stage::Open);
    assert!(salus_registry::organisation_active(chain.state(), CLINIC).is_err());
    let now = chain.now();
    chain
        .ok(account(2), vote(0, true))
        .emitted(Event::Voted { motion: 0, voter: account(2), aye: true })
        .emitted(Event::Passed { motion: 0, due: now })
        .emitted(Event::Executed { motion: 0 })
        .refused(account(3), vote(0, true), Error::BadState);
    assert_eq!(salus_registry::organisation_active(chain.state(), CLINIC), Ok(()));
}

#[test]
fn a_motion_that_cannot_reach_the_threshold_is_rejected() {
    let mut chain = council(3, 2);
    chain.ok(account(1), propose(parameters_set(30_000))).ok(account(2), vote(0, false)).emitted(Event::Voted {
        motion: 0,
        voter: account(2),
        aye: false,
    });
    assert_eq!(motion(&chain, 0).stage, Stage::Open);
    chain.ok(account(3), vote(0, false)).emitted(Event::Rejected { motion: 0 });
    assert_eq!(motion(&chain, 0).stage, Stage::Rejected);
}

#[test]
fn only_members_propose_and_vote() {
    let mut chain = council(2, 2);
    salus_registry::testing::organisation(&mut chain, CLINIC, Caps::NONE, &key(20));
    chain
        .ok(account(1), propose(parameters_set(30_000)))
        .refused(account(99), propose(parameters_set(1_000)), Error::NotRegistered)
        .refused(account(20), propose(parameters_set(1_000)), Error::NotAuthorised)
        .refused(account(99), vote(0, true), Error::NotRegistered)
        .refused(account(20), vote(0, true), Error::NotAuthorised);
}

#[test]
fn a_member_votes_once_and_proposing_is_a_vote() {
    let mut chain = council(4, 3);
    chain
        .ok(account(1), propose(parameters_set(30_000)))
        .refused(account(1), vote(0, true), Error::AlreadyVoted)
        .refused(account(1), vote(0, false), Error::AlreadyVoted)
        .ok(account(2), vote(0, false))
        .refused(account(2), vote(0, true), Error::AlreadyVoted);
}

#[test]
fn nobody_votes_on_a_motion_that_is_not_there() {
    let mut chain = council(2, 2);
    chain.refused(account(1), vote(0, true), Error::UnknownMotion);
    chain.ok(account(1), propose(parameters_set(30_000)));
    for number in [1, SLOTS, u32::MAX] {
        chain.refused(account(2), vote(number, true), Error::UnknownMotion);
    }
}

#[test]
fn a_member_has_one_open_motion_at_a_time() {
    let mut chain = council(3, 2);
    chain
        .ok(account(1), propose(parameters_set(30_000)))
        .refused(account(1), propose(parameters_set(40_000)), Error::OneOpen)
        .ok(account(2), propose(parameters_set(40_000)))
        .ok(account(2), vote(0, false))
        .ok(account(3), vote(0, false))
        .ok(account(1), propose(parameters_set(50_000)));
}

#[test]
fn a_motion_lapses_after_seven_days() {
    let mut chain = council(2, 2);
    chain
        .ok(account(1), propose(parameters_set(30_000)))
        .advance(LAPSE - 1)
        .refused(account(1), propose(parameters_set(30_000)), Error::OneOpen)
        .advance(1)
        .refused(account(2), vote(0, true), Error::BadState)
        .ok(account(1), propose(parameters_set(30_000)))
        .ok(account(2), vote(1, true))
        .emitted(Event::Passed { motion: 1, due: Moment(1_800_000_000_000 + LAPSE + DELAY) });
}

#[test]
fn the_motion_of_a_member_who_left_is_closed_and_a_vote_of_theirs_counts_no_more() {
    let mut chain = council(3, 2);
    chain.ok(account(1), propose(parameters_set(30_000))).ok(account(2), propose(parameters_set(40_000)));
    chain.prepare(|state| system_keys::end(state, account(1)));
    chain.refused(account(3), vote(0, true), Error::BadState);

    let mut chain = council(4, 3);
    chain.ok(account(1), propose(parameters_set(30_000))).ok(account(2), vote(0, true));
    chain.prepare(|state| system_keys::end(state, account(2)));
    chain.ok(account(3), vote(0, true));
    assert_eq!(motion(&chain, 0).stage, Stage::Open, "two present members are for it, three are needed");
    chain.ok(account(4), vote(0, true)).emitted(Event::Passed { motion: 0, due: chain_due() });
}

fn chain_due() -> Moment {
    Chain::new().now().plus(DELAY)
}

#[test]
fn motions_that_wait_keep_their_slots_until_all_are_in_use() {
    let mut chain = council(1, 1);
    for number in 0..SLOTS {
        chain.ok(account(1), propose(parameters_set(10_000 + u64::from(number))));
    }
    chain.refused(account(1), propose(parameters_set(10_000)), Error::TooMany).advance(DELAY);
    assert_eq!(start_block(&mut chain).len(), SLOTS as usize);
    chain.ok(account(1), propose(parameters_set(10_000)));
    assert_eq!(motion(&chain, SLOTS).number, SLOTS, "the numbers go on");
}

#[test]
fn a_slot_in_use_is_passed_over() {
    let mut chain = council(2, 1);
    chain.ok(account(1), propose(parameters_set(30_000)));
    for _ in 0..SLOTS - 1 {
        chain.ok(account(2), propose(Act::CancelMotion { motion: 0 }));
        chain.prepare(|state| {
            let mut waiting = Motions::get(state, &0).unwrap();
            waiting.stage = Stage::Waiting(Moment(u64::MAX));
            Motions::insert(state, &0, &waiting);
        });
    }
    chain.ok(account(2), propose(Act::CancelMotion { motion: 0 }));
    assert_eq!(NextMotion::get(chain.state()), SLOTS + 2, "slot 0 was not free for number 32");
}

#[test]
fn the_last_number_is_never_reached() {
    let mut chain = council(1, 1);
    chain.prepare(|state| NextMotion::put(state, &(u32::MAX - 1)));
    chain.ok(account(1), propose(parameters_set(30_000))).refused(
        account(1),
        propose(parameters_set(30_000)),
        Error::TooMany,
    );
}
