//! The gateway over a real socket, on a chain in memory and a real store: what it gives out, and every way in which it
//! does not.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

mod authorisation;
mod chain;
mod copies;
mod door;
mod erasing;
mod http;
mod releasing;
mod reporting;
mod requests;
mod uploading;
mod world;

use salus_client::door::Refusal;

/// The tests of this folder, for those that want to know what is tested.
const TESTS: &[&str] = &[
    include_str!("authorisation.rs"),
    include_str!("copies.rs"),
    include_str!("door.rs"),
    include_str!("erasing.rs"),
    include_str!("releasing.rs"),
    include_str!("reporting.rs"),
    include_str!("requests.rs"),
    include_str!("uploading.rs"),
    include_str!("../../src/refused.rs"),
];

#[test]
fn every_refusal_is_seen_by_a_test() {
    for refusal in Refusal::ALL {
        let named = format!("Refusal::{refusal}");
        let seen = TESTS.iter().any(|test| {
            let test = test.split_once("#[cfg(test)]").map_or(*test, |(_, tests)| tests);
            test.split(&named).skip(1).any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
        });
        assert!(seen, "no test sees {refusal}");
    }
}
