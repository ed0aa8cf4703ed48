//! What a run tells people: marks met, violations with the command that replays them, and the last line.

use crate::{
    marks::REQUIRED,
    run::{Summary, replay},
};

/// The table of marks.
pub fn marks(summary: &Summary) -> String {
    let mut text = String::new();
    for (mark, meaning) in REQUIRED {
        text.push_str(&format!("{:>12}  {mark:<20} {meaning}\n", summary.marks.count(mark)));
    }
    text
}

/// Each seed that failed, what was wrong, and how to run it again.
pub fn failures(summary: &Summary) -> String {
    let mut text = String::new();
    for (seed, violations) in &summary.failures {
        text.push_str(&format!("seed {seed}: {}\n", violations.join("; ")));
        text.push_str(&format!("  replay it: {}\n", replay(*seed)));
    }
    text
}

/// The last line.
pub fn last_line(summary: &Summary) -> String {
    let missing = summary.marks.missing();
    let met = if missing.is_empty() { "all marks met".to_owned() } else { format!("not met: {}", missing.join(", ")) };
    format!(
        "simulate: {} seeds, {:.1} simulated hours, {} violations, {met}",
        summary.seeds,
        summary.hours(),
        summary.failures.len()
    )
}
