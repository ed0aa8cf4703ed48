//! What holds after any sequence of motions.

use parity_scale_codec::MaxEncodedLen;
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Propose { by: u8, act: u8, about: u32 },
    Vote { by: u8, number: u32, aye: bool },
    Wait { hours: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..7, 0u8..4, 0u32..12).prop_map(|(by, act, about)| Step::Propose { by, act, about }),
        6 => (1u8..7, 0u32..12, prop::bool::weighted(0.8)).prop_map(|(by, number, aye)| Step::Vote { by, number, aye }),
        2 => (0u64..40).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// How often each motion's act was reported done or failed.
type Runs = BTreeMap<u32, u32>;

fn count(runs: &mut Runs, events: &[RuntimeEvent]) {
    for event in events {
        if let RuntimeEvent::Council(Event::Executed { motion } | Event::Failed { motion, .. }) = event {
            *runs.entry(*motion).or_default() += 1;
        }
    }
}

fn take(chain: &mut Chain, step: Step, runs: &mut Runs) {
    let (by, call) = match step {
        Step::Propose { by, act, about } => {
            let act = match act {
                0 => parameters_set(2_000 + u64::from(about)),
                1 => Act::CancelMotion { motion: about },
                // Three members of six, about a different one each time.
                2 => council_set(&[1, 2 + (about % 5) as u8, 3 + (about % 4) as u8], 1 + (about % 3) as u8),
                _ => council_set(&[1, 2, 3, 4], 1 + (about % 4) as u8),
            };
            (by, propose(act))
        }
        Step::Vote { by, number, aye } => (by, vote(number, aye)),
        Step::Wait { hours } => {
            chain.advance(hours * HOUR);
            let events = start_block(chain);
            return count(runs, &events);
        }
    };
    if chain.call(account(by), call).is_ok() {
        let events = chain.events().to_vec();
        count(runs, &events);
    }
}

fn holds(chain: &Chain, runs: &Runs) {
    let members = crate::members(chain.state());
    let threshold = usize::from(Threshold::get(chain.state()));
    assert!(1 <= threshold && threshold <= members.len() && members.len() <= 32);
    assert!(runs.values().all(|times| *times == 1), "a motion runs once: {runs:?}");

    let motions: Vec<Motion> = (0..SLOTS).filter_map(|slot| Motions::get(chain.state(), &slot)).collect();
    assert_eq!(Due::get(chain.state()), motions.iter().filter_map(Motion::due).min());
    let open: Vec<&Motion> = motions.iter().filter(|motion| motion.is_open(&members, chain.now())).collect();
    for motion in &motions {
        assert!(motion.number < NextMotion::get(chain.state()));
        let votes: Vec<AccountId> = motion.ayes.iter().chain(&motion.nays).copied().collect();
        assert!((1..votes.len()).all(|index| !votes[..index].contains(&votes[index])), "one vote each");
        assert!(open.iter().filter(|other| other.proposer == motion.proposer).count() <= 1, "one open each");
        let ran = matches!(motion.stage, Stage::Executed | Stage::Failed(_));
        assert_eq!(ran, runs.contains_key(&motion.number), "what ran is what is marked so");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_runs_each_motion_once_and_leaves_a_council(
        threshold in 1u8..4, steps in prop::collection::vec(step(), 20..60),
    ) {
        let (mut chain, mut runs) = (council(4, threshold), Runs::new());
        for step in steps {
            take(&mut chain, step, &mut runs);
            holds(&chain, &runs);
        }
    }
}

#[test]
fn every_value_of_the_council_is_bounded() {
    // Two lists of 32 votes and an act that adds 33 validators and drops as many.
    assert!(Motion::max_encoded_len() < 7_000, "{}", Motion::max_encoded_len());
    let mut chain = council(32, 32);
    let new: Vec<u8> = (101..133).collect();
    chain.ok(account(1), propose(council_set(&new, 32)));
    for seed in 2..=32 {
        chain.ok(account(seed), vote(0, true));
    }
    let stored = chain.state().get(&Motions::key(&0)).unwrap();
    assert!(stored.len() <= Motion::max_encoded_len());
}
