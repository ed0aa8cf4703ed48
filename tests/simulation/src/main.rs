//! `salus-simulate`: runs seeds of the simulator and says what came of them; see docs/simulation.md.

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use salus_simulation::{
    planted::{self, Planted},
    report, run,
};

/// Simulate networks of hospitals, by seed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Plant a bug and look for it, by its name; `all` looks for each in turn and prints the table.
    #[arg(long)]
    planted: Option<String>,
    /// How many seeds run at once: as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// With --seed: tell all that happens, line by line, on standard error.
    #[arg(long, requires = "seed")]
    show: bool,
    /// Go on after a violation.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        if let Some(seed) = run::running_seed() {
            eprintln!("seed {seed} panicked; replay it: {}", run::replay(seed));
        }
    }));
    if let (true, Some(seed)) = (arguments.show, arguments.seed) {
        let outcome = run::play(seed, arguments.planted.as_deref().and_then(planted::named), true);
        println!("{}", outcome.violations.join("\n"));
        return if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match arguments.planted.as_deref() {
        Some("all") => look_for_all(&arguments),
        Some(name) => match planted::named(name) {
            Some(bug) => look_for(&arguments, bug),
            None => {
                let names: Vec<_> = planted::ALL.iter().map(|(name, ..)| *name).collect();
                eprintln!("no planted bug is called {name}; there are: {}", names.join(", "));
                ExitCode::FAILURE
            }
        },
        None => simulate(&arguments),
    }
}

fn simulate(arguments: &Arguments) -> ExitCode {
    let (first, count) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let bar = bar(count);
    let start = Instant::now();
    let summary = run::run_many(first, count, threads(arguments), None, !arguments.keep_going, &|outcome| {
        bar.inc(1);
        if arguments.seed.is_some() {
            bar.println(format!("trace {}", outcome.trace));
        }
    });
    bar.finish_and_clear();
    print!("{}{}", report::marks(&summary), report::failures(&summary));
    println!(
        "{} heights, longest recovery {:.1} s, {} seeds run twice and found equal, {:.0} s",
        summary.heights,
        summary.recovery as f64 / 1e6,
        summary.repeated,
        start.elapsed().as_secs_f64()
    );
    println!("{}", report::last_line(&summary));
    // One seed cannot meet everything.
    let met = arguments.seed.is_some() || summary.marks.missing().is_empty();
    if summary.failures.is_empty() && met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How much of what an oracle says stands in the table, characters.
const SAID_MAX: usize = 120;

/// The first seed that finds a bug, and what it says.
fn search(arguments: &Arguments, bug: Planted) -> Option<(u64, String)> {
    let (first, count) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let bar = bar(count);
    let summary = run::run_many(first, count, threads(arguments), Some(bug), true, &|_| bar.inc(1));
    bar.finish_and_clear();
    let (seed, violations) = summary.failures.into_iter().next()?;
    let mut first = violations.into_iter().next().unwrap_or_default();
    if let Some((end, _)) = first.char_indices().nth(SAID_MAX) {
        first.truncate(end);
        first.push('…');
    }
    Some((seed, first))
}

fn look_for(arguments: &Arguments, bug: Planted) -> ExitCode {
    match search(arguments, bug) {
        Some((seed, violation)) => {
            println!("found by seed {seed}: {violation}");
            ExitCode::SUCCESS
        }
        None => {
            println!("not found");
            ExitCode::FAILURE
        }
    }
}

fn look_for_all(arguments: &Arguments) -> ExitCode {
    println!("| Bug | What is wrong | Seed | What the simulator says |");
    println!("|---|---|---|---|");
    let mut found = 0;
    for (name, bug, meaning) in planted::ALL {
        match search(arguments, *bug) {
            Some((seed, violation)) => {
                found += 1;
                println!("| `{name}` | {meaning} | {seed} | {violation} |");
            }
            None => println!("| `{name}` | {meaning} | - | not found |"),
        }
    }
    println!("simulate: {found} of {} planted bugs found", planted::ALL.len());
    if found == planted::ALL.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn threads(arguments: &Arguments) -> usize {
    arguments.threads.unwrap_or_else(run::cores)
}

/// Drawn on a terminal only.
fn bar(count: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} left");
    ProgressBar::new(count).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
