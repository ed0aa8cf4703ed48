//! One file per command.

pub mod blocks;
pub mod chain_spec;
pub mod check;
pub mod key;
pub mod replay;
pub mod run;
pub mod status;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for long work; nothing where no person watches.
fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what)
}
