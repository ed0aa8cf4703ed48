//! What goes wrong, and when it ends: faults come in cycles, and after each the world must go on within a bound.

use salus_primitives::Height;

use crate::{
    chance::Chance,
    node::Frame,
    setup::Setup,
    world::{Event, World},
};

/// A step of the faults.
pub enum Step {
    /// Something goes wrong.
    Strike,
    /// What was cut by the strike of this number is whole again.
    Heal(u64),
    /// A clock is right again.
    Clock(usize),
    /// The links are as good as in quiet times.
    Smooth,
    /// Long cut: who is cut off notices.
    Notice(u64),
    /// Nothing goes wrong from here on.
    Calm,
    /// A user sends something new, since progress is judged by it.
    Probe(u64),
    /// Have all gone on?
    Judge(u64),
}

/// Faults of a world.
pub struct Faults {
    /// Cycles left.
    left: u64,
    /// Counts cycles: a verdict is on one of them.
    cycle: u64,
    /// Until when things go wrong.
    until: u64,
    /// Since when all is quiet, and the height then.
    calm: Option<(u64, Height)>,
    strikes: u64,
    /// A validator's log was deleted.
    log_lost: bool,
    /// The strike that cut links last.
    cut_by: Option<u64>,
    chance: Chance,
    /// Longest time from the end of faults until all had gone on, µs.
    pub recovery: u64,
}

impl Faults {
    /// By the seed.
    pub fn new(setup: &Setup) -> Self {
        Self {
            left: setup.cycles,
            cycle: 0,
            until: 0,
            calm: None,
            strikes: 0,
            log_lost: false,
            cut_by: None,
            chance: Chance::new(setup.seed, 6),
            recovery: 0,
        }
    }
}

/// How often something new is sent while progress is awaited, µs.
const PROBE_EVERY: u64 = 1_000_000;

/// Begin a cycle.
pub fn begin(world: &mut World) {
    let faults = &mut world.faults;
    faults.cycle += 1;
    faults.calm = None;
    faults.until = world.now + world.setup.faults;
    let first = faults.chance.within(500_000, 3_000_000);
    world.links.now = world.setup.rough;
    world.at(first, Event::Fault(Step::Strike));
    let length = world.setup.faults;
    world.at(length, Event::Fault(Step::Calm));
}

/// Take a step.
pub fn take(world: &mut World, step: Step) {
    match step {
        Step::Strike => strike(world),
        Step::Heal(strike) => {
            if world.faults.cut_by == Some(strike) {
                heal(world);
            }
        }
        Step::Notice(strike) => {
            if world.faults.cut_by == Some(strike) {
                for (from, to) in world.links.cuts() {
                    world.at(0, Event::Deliver { to, from, frame: Frame::Gone });
                }
            }
        }
        Step::Clock(node) => world.nodes[node].clock.set_error(world.nodes[node].skew),
        Step::Smooth => {
            world.links.calm_down();
            if world.faults.calm.is_none() {
                world.links.now = world.setup.rough;
            }
        }
        Step::Calm => calm(world),
        Step::Probe(cycle) => {
            if world.faults.cycle == cycle && world.faults.calm.is_some() {
                world.probe();
                world.at(PROBE_EVERY, Event::Fault(Step::Probe(cycle)));
            }
        }
        Step::Judge(cycle) => {
            if world.faults.cycle == cycle && world.faults.calm.is_some() {
                let states: Vec<_> = world
                    .nodes
                    .iter()
                    .map(|node| {
                        let round = node.running.as_ref().map(|running| running.engine.figures().round);
                        (node.ledger.height().0, round, node.byzantine)
                    })
                    .collect();
                let waited = world.setup.patience / 1_000_000;
                let what = format!("NO PROGRESS {waited} s after the last fault: (height, round, liar) {states:?}");
                world.oracles.violation(what);
            }
        }
    }
}

fn heal(world: &mut World) {
    world.tell(|| "links heal".to_owned());
    world.faults.cut_by = None;
    world.oracles.marks.hit("partition-healed");
    let cuts = world.links.cuts();
    world.links.heal();
    for (a, b) in cuts {
        world.hello(a, b);
    }
}

/// A node went dark: it comes back after a while, and a power cut that was planned for it is over.
pub fn went_dark(world: &mut World, node: usize) {
    let calm = world.faults.calm.is_some();
    let most = if calm || world.faults.chance.permille(600) { 500_000 } else { 6_000_000 };
    let wait = world.faults.chance.within(50_000, most);
    // Once, and where no liar is the one that may fail: until the height is decided this validator does not sign.
    let spare = world.setup.liars.is_empty() && world.setup.validators >= 4 && !world.faults.log_lost;
    if spare && !calm && world.faults.chance.permille(200) {
        world.faults.log_lost = true;
        world.nodes[node].ledger.lose_log();
    }
    world.at(wait, Event::Restart { node });
}

fn strike(world: &mut World) {
    if world.now >= world.faults.until || world.faults.calm.is_some() {
        return;
    }
    world.faults.strikes += 1;
    let strike = world.faults.strikes;
    let count = world.nodes.len();
    let chance = &mut world.faults.chance;
    let next = chance.within(200_000, 6_000_000);
    let length =
        if chance.permille(250) { chance.within(3_000_000, 12_000_000) } else { chance.within(200_000, 3_000_000) };
    let node = chance.index(count);
    let kind = chance.below(16);
    world.tell(|| format!("strike {kind} at node {node} for {} ms", length / 1_000));
    let chance = &mut world.faults.chance;
    match kind {
        0 | 1 => {
            let mut order: Vec<_> = (0..count).collect();
            chance.shuffle(&mut order);
            let (one, other) = order.split_at(count / 2);
            cut(world, one.to_vec(), other.to_vec(), true, strike, length);
        }
        2 => cut(world, vec![node], all_but(count, node), true, strike, length),
        3 => cut(world, vec![node], all_but(count, node), false, strike, length),
        4 | 5 => {
            let Some(proposer) = proposer(world) else { return again(world, next) };
            world.oracles.marks.hit("proposer-cut-off");
            cut(world, vec![proposer], all_but(count, proposer), true, strike, length);
        }
        6..=9 => {
            let steps = if chance.permille(300) { 1 } else { chance.within(1, 60) };
            world.nodes[node].ledger.power().cut_after(steps);
        }
        10 => {
            // A second one soon after it came back, perhaps before it has replayed its log.
            let twice = chance.within(1, 12);
            world.nodes[node].ledger.power().cut_after(twice);
        }
        11 => {
            world.oracles.marks.hit("all-dark");
            for node in 0..count {
                let steps = world.faults.chance.within(1, 12);
                world.nodes[node].ledger.power().cut_after(steps);
            }
        }
        12 => {
            let off = chance.pick(&[-3_600_000, -30_000, -6_000, 6_000, 30_000, 3_600_000]);
            world.oracles.marks.hit("clock-off");
            world.nodes[node].clock.set_error(off);
            world.at(length, Event::Fault(Step::Clock(node)));
        }
        13 => {
            world.oracles.marks.hit("frozen");
            world.nodes[node].frozen = world.now + length;
        }
        14 => {
            world.links.slow[node] = chance.within(100_000, 1_500_000);
            world.at(length, Event::Fault(Step::Smooth));
        }
        _ => {
            world.links.now.lost = chance.within(100, 500);
            world.at(length, Event::Fault(Step::Smooth));
        }
    }
    again(world, next);
}

fn again(world: &mut World, next: u64) {
    world.at(next, Event::Fault(Step::Strike));
}

fn all_but(count: usize, node: usize) -> Vec<usize> {
    (0..count).filter(|other| *other != node).collect()
}

fn cut(world: &mut World, one: Vec<usize>, other: Vec<usize>, both: bool, strike: u64, length: u64) {
    for from in &one {
        for to in &other {
            world.links.cut(*from, *to);
            if both {
                world.links.cut(*to, *from);
            }
        }
    }
    world.faults.cut_by = Some(strike);
    world.at(length, Event::Fault(Step::Heal(strike)));
    world.at(3_000_000, Event::Fault(Step::Notice(strike)));
}

/// Whose turn it is at the next height, in the round that most are in.
fn proposer(world: &World) -> Option<usize> {
    let next = world.oracles.height().next();
    let set = world.nodes.iter().filter(|node| node.is_good()).find_map(|node| node.ledger.set_of(next))?;
    let figures = world.nodes.iter().filter_map(|node| node.running.as_ref()).map(|running| running.engine.figures());
    let round = figures.filter(|figures| figures.height == next.0).map(|figures| figures.round).max().unwrap_or(0);
    let proposer = set.proposer(next, round);
    world.nodes.iter().position(|node| node.key.public() == proposer)
}

/// All is well from here on, but for the liars.
fn calm(world: &mut World) {
    if !world.links.cuts().is_empty() {
        heal(world);
    }
    world.links.calm_down();
    for node in 0..world.nodes.len() {
        let it = &mut world.nodes[node];
        it.clock.set_error(it.skew);
        it.frozen = it.frozen.min(world.now + 100_000);
        // A cut that was planned and has not come, comes now, or never.
        it.ledger.power().cut_after(u64::MAX);
        if it.running.is_none() {
            world.at(100_000, Event::Restart { node });
        }
    }
    world.tell(|| "calm".to_owned());
    world.faults.calm = Some((world.now, world.oracles.height()));
    let (patience, cycle) = (world.setup.patience, world.faults.cycle);
    world.at(patience, Event::Fault(Step::Judge(cycle)));
    world.at(PROBE_EVERY, Event::Fault(Step::Probe(cycle)));
}

/// An honest node committed a block: has everybody gone on, with something new of a user?
pub fn committed(world: &mut World) {
    let Some((since, height)) = world.faults.calm else { return };
    world.load.settle(&world.oracles);
    let good = || world.nodes.iter().filter(|node| node.is_good());
    let common = good().map(|node| node.ledger.height()).min().unwrap_or_default();
    let up = good().all(|node| node.running.is_some());
    let fresh = world.load.fresh_by(since, common);
    if !up || !fresh || common.0 <= height.0 + 1 {
        return;
    }
    world.faults.recovery = world.faults.recovery.max(world.now - since);
    world.faults.left = world.faults.left.saturating_sub(1);
    if world.faults.left == 0 {
        finish(world);
    } else {
        begin(world);
    }
}

fn finish(world: &mut World) {
    for node in 0..world.nodes.len() {
        world.count_figures(node);
    }
    world.over = true;
}
