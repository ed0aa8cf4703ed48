//! kill -9 of one to four nodes at random moments under load, again and again.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use salus_primitives::crypto::KeyPair;

use crate::{
    chain::council_of,
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    told::{Dice, Told, load},
};

/// How often, where `SALUS_KILLS` does not say otherwise.
const KILLS: u32 = 60;
/// Within this a node must serve again, nine times in ten: other work may hold the machine now and then.
const START_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn nothing_final_is_missing_anywhere_after_sixty_kills_of_one_to_four_nodes() {
    let kills = env::var("SALUS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let mut cluster = Cluster::of(4);
    let members: Vec<KeyPair> = (1..=4).map(|seed| KeyPair::from_seed(&[seed; 32])).collect();
    let all: Vec<&KeyPair> = [&cluster.council].into_iter().chain(&members).collect();
    let made = cluster.submit(0, council_of(&all));
    cluster.final_everywhere(&made, 1, PATIENCE);

    let (mut told, mut dice, mut starts, mut backs) = (Told::default(), Dice(11), Vec::new(), Vec::new());
    for kill in 0..kills {
        let until_then = Instant::now() + Duration::from_millis(20 + dice.below(400));
        load(&cluster, &members, &mut told, until_then)
            .unwrap_or_else(|failure| panic!("before kill {kill}: {failure:?}"));
        let victims = victims(&mut dice);
        cluster.kill(&victims);
        for victim in &victims {
            cluster.spawn(*victim);
        }
        // One in five dies again while it starts.
        if kill % 5 == 3 {
            thread::sleep(Duration::from_millis(dice.below(80)));
            cluster.kill(&victims[..1]);
            cluster.spawn(victims[0]);
        }
        let begun = Instant::now();
        starts.extend(victims.iter().map(|victim| cluster.nodes[*victim].wait_until_ready()));

        // Each has what was final, and new blocks come, without a hand's help.
        cluster.wait_for(told.tip(), BACK_WITHIN);
        told.hold_to_it(&cluster, told.tip().saturating_sub(8));
        let mut chain = cluster.nodes[victims[0]].chain();
        let more = until(BACK_WITHIN, || chain.block(told.tip() + 1).expect("it serves"));
        assert!(more.is_some(), "kill {kill} of {victims:?}: nothing new is final after {BACK_WITHIN:?}");
        backs.push(begun.elapsed());
    }
    let last = Instant::now() + Duration::from_secs(1);
    load(&cluster, &members, &mut told, last).expect("all serve");
    cluster.wait_for(told.tip(), BACK_WITHIN);
    told.hold_to_it(&cluster, 1);
    cluster.goes_on(0, BACK_WITHIN);
    cluster.agree();

    starts.sort();
    backs.sort();
    let (usual, slow) = (starts[starts.len() / 2], starts[starts.len() * 9 / 10]);
    println!(
        "{kills} kills, {} blocks, {} extrinsics; starts: usual {usual:?}, one in ten above {slow:?}; finality back: \
         usual {:?}, slowest {:?}",
        told.tip(),
        told.extrinsics(),
        backs[backs.len() / 2],
        backs[backs.len() - 1],
    );
    assert!(slow <= START_WITHIN, "one start in ten took longer than {slow:?}");
    assert!(told.extrinsics() > kills as usize, "there was load");
    for node in cluster.running() {
        assert_eq!(node.metric("evidence"), 0, "{} saw a validator sign two things", node.name);
        let log = node.log();
        for never in ["signed two different things", "signer", "not signing at this height"] {
            assert!(!log.contains(never), "{}: {never}", node.name);
        }
    }
}

/// Whom to kill: one of them half of the time, all four now and then.
fn victims(dice: &mut Dice) -> Vec<usize> {
    let count = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4][usize::try_from(dice.below(10)).expect("below ten")];
    let first = usize::try_from(dice.below(4)).expect("below four");
    (0..count).map(|next| (first + next) % 4).collect()
}
