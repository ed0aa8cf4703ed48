//! The whole runtime against a small reference model, along random sequences of calls of every pallet.
//!
//! ```text
//! words.rs       what people do, in plain numbers
//! model/         what becomes of it, written from the specification and not from the pallets
//! choose/        what happens next, drawn with an eye on what stands
//! speak.rs       from plain numbers to calls; chain.rs: the real executive, on a state in memory
//! world.rs       chain and model side by side, block by block; agree.rs: they say the same
//! invariants.rs  I3 and I5 to I13 as a block's changes show them; bounds.rs: I5, a bound for each storage item
//! ```
//!
//! `SALUS_SEQUENCES` says how many sequences there are, 5,000 if nothing else is said, and `SALUS_SEED` with which seed
//! they begin. A failure names its seed, leaves out every step that it does not need, and tells the rest in words.
#![allow(clippy::unwrap_used, reason = "a world that cannot be made is a failed test")]

mod agree;
mod bounds;
mod chain;
mod choose;
mod draw;
mod fixtures;
mod found;
mod invariants;
mod model;
mod speak;
mod words;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use choose::Mood;
use draw::{Step, steps};
use world::{Counts, World};

static FOUNDED: LazyLock<World> = LazyLock::new(World::founded);

/// One sequence in this many is signed for real, and one is executed again from its beginning.
const SAMPLE: u64 = 16;

/// A number that whoever runs the tests may set.
#[allow(clippy::disallowed_methods, reason = "a test's size is for whoever runs it")]
fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(number) => number.parse().unwrap_or_else(|_| panic!("{name} is {number:?}, expected a number")),
        Err(_) => otherwise,
    }
}

/// Most calls of one block.
const BLOCK: usize = 4;

/// Take these steps; with words for what was done, if they are wanted.
fn take(steps: &[Step], seed: u64, tells: bool, story: &mut Vec<String>) -> Result<Counts, String> {
    let mut world = FOUNDED.clone();
    (world.tells, world.chain.signs) = (tells, seed.is_multiple_of(SAMPLE));
    let begun = seed.is_multiple_of(SAMPLE).then(|| world.chain.state.clone());
    let mood = Mood::of(seed);
    let mut at = 0;
    let mut outcome = Ok(());
    while at < steps.len() && outcome.is_ok() {
        let wait = steps[at].wait.map_or(0, |number| choose::wait(&world.model, mood, number));
        let mut block = world.begin(wait);
        while at < steps.len() && (block.planned.is_empty() || steps[at].wait.is_none()) && block.planned.len() < BLOCK
        {
            let deed = choose::deed(&mut world.model, mood, steps[at].call);
            world.plan(&mut block, deed);
            at += 1;
        }
        outcome = catch_unwind(AssertUnwindSafe(|| world.finish(&block)))
            .unwrap_or_else(|panic| Err(format!("it panicked: {:?}", panic.downcast_ref::<String>())));
    }
    let outcome = outcome.and_then(|()| world.end());
    let outcome = outcome.and_then(|()| begun.map_or(Ok(()), |state| world.chain.replay(state, 0)));
    story.append(&mut world.story);
    outcome.map(|()| world.counts)
}

/// Leave out every step without which it fails all the same.
fn shrunk(mut steps: Vec<Step>, seed: u64) -> Vec<Step> {
    let fails = |steps: &[Step]| take(steps, seed, false, &mut Vec::new()).is_err();
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let end = (at + size).min(steps.len());
            let left = [&steps[..at], &steps[end..]].concat();
            if fails(&left) {
                steps = left;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    steps
}

fn check(seed: u64) -> Counts {
    match take(&steps(seed), seed, false, &mut Vec::new()) {
        Ok(counts) => counts,
        Err(words) => {
            let (few, mut story) = (shrunk(steps(seed), seed), Vec::new());
            let again = take(&few, seed, true, &mut story).err();
            panic!(
                "seed {seed}: {words}\n\nwith {} steps left: {}\n{}\n\nagain: ./scripts/model --seed {seed} --sequences 1",
                few.len(),
                again.unwrap_or_default(),
                story.join("\n"),
            );
        }
    }
}

/// Things that have to happen, whatever else does.
const SEEN: [&str; 26] = [
    "opened by a rule",
    "opened by default",
    "opened by a guardian",
    "opened in full emergency",
    "opened as emergency summary",
    "denied by a rule",
    "denied without consent",
    "denied as erased",
    "denied as an error",
    "denied for the patient's state",
    "denied as excluded from guardians",
    "denied otherwise",
    "denied five times this day",
    "opening at a suspended organisation",
    "full emergency refused while a review is overdue",
    "releasable",
    "permitted and no longer releasable",
    "released after a revocation",
    "credits earned",
    "credits capped",
    "second recovery cannot be vetoed",
    "quota used up",
    "organisation suspended",
    "suspension of one write",
    "block of refused calls",
    "re-derived",
];

/// Half of the sequences: the two tests run beside each other.
fn half(which: u64) {
    let (count, first) = (setting("SALUS_SEQUENCES", 5_000), setting("SALUS_SEED", 1));
    let mut counts = Counts::default();
    for seed in (first..first + count).filter(|seed| seed % 2 == which) {
        counts.add(check(seed));
    }
    // Few sequences need not meet everything, and more need not meet what is rare more often.
    let enough = (count / 500).min(10);
    let mut rare = Vec::new();
    let mut told = |words: String, fits: bool| {
        println!("{words}");
        if !fits {
            rare.push(words);
        }
    };
    for (name, [done, refused]) in &counts.calls {
        told(format!("{name}: {done} done, {refused} refused"), *done >= enough && *refused >= enough.min(5));
    }
    for what in SEEN {
        let times = counts.seen.get(what).copied().unwrap_or(0);
        told(format!("{what}: {times} times"), times >= enough);
    }
    let calls = counts.calls.len();
    told(format!("calls that were made: {calls} of {CALLS}"), enough < 10 || calls == CALLS);
    assert!(rare.is_empty(), "too rare: {rare:#?}");
}

/// Calls that are told apart.
const CALLS: usize = 64;

#[test]
fn along_any_sequence_of_calls_the_runtime_and_the_model_agree() {
    half(1);
}

#[test]
fn along_any_other_sequence_of_calls_they_agree_too() {
    half(0);
}
