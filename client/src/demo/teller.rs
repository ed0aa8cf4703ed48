//! Says what happens: one line a step, with block height and time from submit to finalised.

use std::time::Duration;

use crate::chain::Receipt;

/// Prints steps and counts them.
#[derive(Default)]
pub struct Teller {
    steps: usize,
    receipts: usize,
    times: Vec<Duration>,
}

impl Teller {
    /// A new part of the story.
    pub fn chapter(&self, title: &str) {
        println!("\n{title}");
    }

    /// A step that took effect in the block of `receipt`.
    pub fn step(&mut self, receipt: &Receipt, text: &str) {
        self.times.push(receipt.elapsed);
        self.line(&format!("block {:>4}  {:>4} ms", receipt.height, receipt.elapsed.as_millis()), text);
    }

    /// A step that left an access receipt on chain.
    pub fn access(&mut self, receipt: &Receipt, text: &str) {
        self.receipts += 1;
        self.step(receipt, text);
    }

    /// A step that is in no block: a read, a file, a refusal before the chain.
    pub fn aside(&mut self, text: &str) {
        self.line("", text);
    }

    /// More about the step before.
    pub fn detail(&self, text: &str) {
        println!("{:31}{text}", "");
    }

    fn line(&mut self, place: &str, text: &str) {
        self.steps += 1;
        println!("  {:>3}  {place:<24}{text}", self.steps);
    }

    /// Median and longest time from submit to finalised.
    pub fn times(&mut self) -> (Duration, Duration) {
        self.times.sort_unstable();
        let at = |index: usize| self.times.get(index).copied().unwrap_or_default();
        (at(self.times.len() / 2), at(self.times.len().saturating_sub(1)))
    }

    /// How many steps and access receipts there were.
    pub fn counts(&self) -> (usize, usize) {
        (self.steps, self.receipts)
    }
}
