//! Honest validators, quiet and noisy links, silent ones, changing sets.

use std::collections::BTreeMap;

use crate::{
    chance::{Conduct, Links},
    harness::{Net, keys, set_of},
};

#[test]
fn one_validator_decides_alone_without_waiting_for_a_timer() {
    let mut net = Net::new(1, 1);
    net.pause = 100;
    net.run_to(20, 2_100);
    net.expect_peace();
    assert!(net.rounds.values().all(|round| *round == 0));
    // One sync before the signatures leave; the commit's own is not among these.
    assert_eq!(net.nodes[0].syncs, 20);
}

#[test]
fn four_validators_agree_over_twenty_heights_in_the_first_round_each() {
    let mut net = Net::new(4, 2);
    net.run_to(20, 10_000);
    net.expect_peace();
    assert!(net.rounds.values().all(|round| *round == 0), "{:?}", net.rounds);
    assert!(net.now < 20 * 150, "{} ms", net.now);
}

#[test]
fn every_size_from_one_to_seven_agrees() {
    for count in 1..=7 {
        let mut net = Net::new(count, u64::from(count));
        net.run_to(5, 20_000);
        net.expect_peace();
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = |seed| {
        let mut net = Net::new(4, seed);
        net.links = Links { delay: (2, 80), lost: 20, doubled: 20 };
        net.run_to(8, 600_000);
        net.trace()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn links_that_lose_and_double_frames_delay_agreement_but_do_not_break_it() {
    for seed in 0..6 {
        let mut net = Net::new(4, seed);
        net.links = Links { delay: (2, 80), lost: 50, doubled: 50 };
        net.run_to(15, 900_000);
        net.expect_peace();
    }
}

#[test]
fn a_silent_proposer_costs_a_round_and_no_more() {
    let mut net = Net::new(4, 5);
    // Height 1 is proposed by validator 1 in round 0.
    net.nodes[1].conduct = Conduct::Silent;
    net.run_to(1, 5_000);
    net.expect_peace();
    assert_eq!(net.rounds.values().max(), Some(&1));
    assert!(net.now >= 1_000, "decided after {} ms, before the proposal was given up", net.now);
    net.run_to(9, 60_000);
    net.expect_peace();
}

#[test]
fn two_silent_validators_of_four_halt_the_chain_until_one_speaks_again() {
    let mut net = Net::new(4, 6);
    net.run_to(3, 10_000);
    net.nodes[0].conduct = Conduct::Silent;
    net.nodes[1].conduct = Conduct::Silent;
    let before = net.height_of(2);
    net.run_for(60_000);
    assert!(net.height_of(2) <= before + 1, "decided without a quorum");
    net.nodes[0].conduct = Conduct::Honest;
    let stuck = net.height_of(2);
    net.run_to(stuck + 5, 60_000);
    net.expect_peace();
}

#[test]
fn a_change_of_the_set_rules_from_the_next_height() {
    let keys = keys(5);
    let mut net = Net::with_keys(keys.clone(), 4, 7);
    let mut five = set_of(&keys);
    five.set_id = 1;
    let mut without_first = set_of(&keys[1..]);
    without_first.set_id = 2;
    net.sets.extend(BTreeMap::from([(6, five), (12, without_first)]));
    net.run_to(20, 60_000);
    net.expect_peace();
    let signers = |height| net.nodes[2].chain[&salus_primitives::Height(height)].1.signatures.len();
    assert!(signers(5) <= 4);
    assert!(signers(6) >= 4, "five validators need four precommits");
    assert!(net.height_of(0) >= 20, "a removed validator follows");
}

#[test]
fn an_idle_network_says_nothing() {
    let mut net = Net::new(4, 8);
    net.last_height = 3;
    net.run_to(3, 10_000);
    net.run_for(1_000);
    let sent = net.sent;
    net.run_for(3_600_000);
    assert_eq!(net.sent, sent, "frames were sent while nothing was to be decided");
    net.expect_peace();
}
