//! Validators that lie, and clocks that do.

use salus_consensus::Evidence;

use crate::{
    chance::{Conduct, Links},
    harness::{Net, offenders},
};

#[test]
fn one_equivocator_of_four_yields_evidence_and_no_fork() {
    for seed in 0..4 {
        let mut net = Net::new(4, seed);
        net.nodes[2].conduct = Conduct::Equivocating;
        net.run_to(12, 600_000);
        net.expect_peace();
        let genesis = net.genesis.hash();
        let all: Vec<Evidence> = [0, 1, 3].iter().flat_map(|node| net.nodes[*node].evidence.clone()).collect();
        assert_eq!(offenders(&all), [net.nodes[2].key.public().0].into());
        assert!(all.iter().all(|evidence| evidence.proves(&genesis)));
        assert!(all.iter().any(|evidence| matches!(evidence, Evidence::Votes(..))));
        assert!(all.iter().any(|evidence| matches!(evidence, Evidence::Proposals(..))));
    }
}

#[test]
fn two_equivocators_of_seven_on_bad_links_neither_fork_nor_halt_the_chain() {
    let mut net = Net::new(7, 21);
    net.links = Links { delay: (2, 60), lost: 10, doubled: 10 };
    net.nodes[1].conduct = Conduct::Equivocating;
    net.nodes[4].conduct = Conduct::Equivocating;
    net.run_to(8, 900_000);
    net.expect_peace();
}

#[test]
fn an_invalid_block_gets_nil_at_once_and_the_next_proposer_is_heard() {
    let mut net = Net::new(4, 22);
    net.nodes[1].conduct = Conduct::BadBlocks;
    net.run_to(1, 5_000);
    net.expect_peace();
    assert_eq!(net.rounds.values().max(), Some(&1));
    // Had anybody waited for the proposal timer, it would have taken 1,000 ms.
    assert!(net.now < 1_000, "{} ms", net.now);
    net.run_to(9, 60_000);
    net.expect_peace();
    let chain = &net.nodes[0].chain;
    assert!(chain.values().all(|(header, _)| header.slot().unwrap().proposer_index != 1));
}

#[test]
fn a_block_from_the_future_is_voted_down_and_the_next_proposer_is_heard() {
    let mut net = Net::new(4, 23);
    net.nodes[1].conduct = Conduct::Hasty(60_000);
    net.run_to(1, 5_000);
    net.expect_peace();
    assert_eq!(net.rounds.values().max(), Some(&1));
    assert_eq!(net.nodes[0].chain[&salus_primitives::Height(1)].0.slot().unwrap().build_round, 1);
}

#[test]
fn one_slow_clock_of_four_neither_stops_its_node_nor_locks_a_height() {
    let mut net = Net::new(4, 24);
    net.nodes[3].clock_error = -60_000;
    net.run_to(15, 120_000);
    net.expect_peace();
}

#[test]
fn a_wrong_clock_and_a_silent_node_are_two_faults_of_four_and_the_chain_goes_on_when_one_is_mended() {
    let mut net = Net::new(4, 25);
    net.nodes[3].clock_error = -60_000;
    net.nodes[0].conduct = Conduct::Silent;
    net.run_for(120_000);
    let halted = net.height_of(1);
    net.run_for(60_000);
    assert!(net.height_of(1) <= halted + 1, "decided without a quorum of clocks");
    net.nodes[3].clock_error = 0;
    net.run_to(halted + 4, 120_000);
    net.expect_peace();
}

#[test]
fn a_slow_clock_survives_crashes_in_the_middle_of_a_height() {
    for seed in 0..4 {
        let mut net = Net::new(4, 30 + seed);
        net.nodes[3].clock_error = -60_000;
        net.nodes[0].conduct = Conduct::Hasty(4_000);
        for _ in 0..10 {
            let wait = 20 + net.random(200);
            net.run_for(wait);
            if net.nodes[3].host.is_some() {
                net.crash(3, 30);
            }
        }
        let reached = net.height_of(1);
        net.run_to(reached + 4, 300_000);
        net.expect_peace();
    }
}
