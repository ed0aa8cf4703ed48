//! Networks that fall apart and heal: halves, one alone, one that only hears or only speaks, a proposer that is cut off
//! while its block is on the way.

use std::{
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use salus_primitives::{AccountId, Height, crypto::KeyPair, validator_set::ValidatorSet};

use crate::{
    chain::{council_of, noop},
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    namespaces::Wires,
};

/// Four validators, each in a network namespace of its own.
struct Apart {
    cluster: Cluster,
    wires: Wires,
}

impl Apart {
    /// None where the machine has no namespaces for us, which is said.
    fn of_four(arguments: &[&str]) -> Option<Self> {
        match Wires::between(4) {
            Ok(wires) => Some(Self { cluster: Cluster::at(wires.places(), arguments), wires }),
            Err(why) => {
                // Not by a macro: the words of a test that passes are kept from its reader.
                let line = format!("network namespaces are not allowed here: partitions were not tested ({why})\n");
                let _ = io::stderr().write_all(line.as_bytes());
                None
            }
        }
    }

    /// Heal; then everybody has what anybody has, and something new is final everywhere, in time.
    #[track_caller]
    fn heals(&self, through: usize) -> Duration {
        self.wires.heal();
        let healed = Instant::now();
        let tip = self.cluster.tip();
        self.cluster.wait_for(tip, BACK_WITHIN);
        self.cluster.goes_on(through, BACK_WITHIN.saturating_sub(healed.elapsed()));
        healed.elapsed()
    }

    /// All have the same blocks, and nobody saw a validator sign two things.
    #[track_caller]
    fn is_well(&self) {
        self.cluster.agree();
        for node in self.cluster.running() {
            assert_eq!(node.metric("evidence"), 0, "{} saw a validator sign two things", node.name);
        }
    }
}

fn told(what: &str, took: Duration) {
    println!("{what}: {:.1} s from healing to finality everywhere", took.as_secs_f64());
}

#[test]
fn halves_of_a_network_finalise_nothing_and_go_on_within_fifteen_seconds_of_healing() {
    let Some(net) = Apart::of_four(&[]) else { return };
    let before = net.cluster.goes_on(0, PATIENCE);
    net.wires.part(&[2, 3]);
    let waiting = net.cluster.submit(0, noop());
    net.cluster.stands_still();
    net.wires.heal();
    let healed = Instant::now();
    net.cluster.final_everywhere(&waiting, before, BACK_WITHIN);
    told("halves", healed.elapsed());
    net.cluster.goes_on(3, PATIENCE);
    net.is_well();
}

#[test]
fn one_that_is_cut_off_catches_up_and_what_it_took_alone_becomes_final() {
    let Some(net) = Apart::of_four(&[]) else { return };
    let clerk = KeyPair::from_seed(&[9; 32]);
    let made = net.cluster.submit(0, council_of(&[&net.cluster.council, &clerk]));
    net.cluster.final_everywhere(&made, 1, PATIENCE);

    net.wires.part(&[3]);
    let alone = net.cluster.submit_by(&clerk, 3, noop());
    let height = net.cluster.nodes[3].height();
    for door in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]] {
        net.cluster.goes_on_among(&door, PATIENCE);
    }
    let missed = net.cluster.tip() - net.cluster.nodes[3].height();
    assert!(missed >= 3, "the one that is alone missed {missed} blocks");

    net.wires.heal();
    let healed = Instant::now();
    net.cluster.wait_for(net.cluster.tip(), BACK_WITHIN);
    net.cluster.final_everywhere(&alone, height, BACK_WITHIN.saturating_sub(healed.elapsed()));
    told("one alone", healed.elapsed());
    net.is_well();
}

#[test]
fn one_that_only_hears_or_only_speaks_hinders_nobody_and_is_back_within_fifteen_seconds_of_healing() {
    let Some(net) = Apart::of_four(&[]) else { return };
    net.cluster.goes_on(0, PATIENCE);
    for what in ["only hears", "only speaks"] {
        let cut = if what == "only hears" { Wires::mute } else { Wires::deafen };
        cut(&net.wires, 3).expect("it worked when the wires were laid");
        for door in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
            net.cluster.goes_on_among(&door, PATIENCE);
        }
        told(&format!("one that {what}"), net.heals(3));
    }
    net.is_well();
}

#[test]
fn a_proposer_that_is_cut_off_in_the_middle_of_its_round_costs_a_round_and_no_block() {
    // A word takes 50 ms to anybody, so that a cut falls into each part of a round.
    let Some(net) = Apart::of_four(&["--network-delay-ms=50"]) else { return };
    let keys: Vec<AccountId> = net.cluster.nodes.iter().map(|node| node.key("validator").public()).collect();
    let set = ValidatorSet::new(0, keys.clone()).expect("four keys are a set");
    for wait in [60, 120, 180] {
        net.cluster.goes_on(0, PATIENCE);
        let tip = net.cluster.tip();
        net.cluster.wait_for(tip, PATIENCE);
        // The next height may begin, and without work it does not yet.
        thread::sleep(Duration::from_millis(300));
        let proposer = set.proposer(Height(tip + 1), 0);
        let proposer = keys.iter().position(|key| *key == proposer).expect("it is one of the four");
        let others: Vec<usize> = (0..4).filter(|number| *number != proposer).collect();
        let waiting = net.cluster.submit(others[0], noop());
        thread::sleep(Duration::from_millis(wait));
        net.wires.part(&[proposer]);
        let reached = others.iter().map(|number| &net.cluster.nodes[*number]);
        Cluster::final_at(reached, &waiting, tip, PATIENCE);
        net.wires.heal();
        let healed = Instant::now();
        net.cluster.final_everywhere(&waiting, tip, BACK_WITHIN);
        until(BACK_WITHIN, || (net.cluster.nodes[proposer].height() >= net.cluster.tip()).then_some(()))
            .expect("it catches up");
        told(&format!("a proposer cut off after {wait} ms"), healed.elapsed());
    }
    net.is_well();
}
