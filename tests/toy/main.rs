//! A pallet in three short files, as docs/new-pallet.md shows it: it works, it is short, and the page quotes it
//! letter by letter.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "beds/lib.rs"]
mod beds;

use beds::{Call, Error, Event, storage::Free};
use parity_scale_codec::Encode;
use salus_primitives::{AccountId, OrganisationId, Subject, crypto::KeyPair, subject::Roles};
use salus_support::{table::RuntimeTable, testing::TestChain};
use salus_system::keys;

salus_support::runtime! {
    0 => System: salus_system,
    9 => Beds: beds,
}

/// The files of the pallet, in reading order.
const FILES: [&str; 2] = [include_str!("beds/lib.rs"), include_str!("beds/storage.rs")];
/// What it takes in the third file, the runtime's.
const ROW: &str = "    9 => Beds: beds,\n";
const PAGE: &str = include_str!("../../docs/new-pallet.md");

const HOSPITAL: Subject = Subject::Organisation(OrganisationId([7; 16]));

fn key(seed: u8) -> AccountId {
    KeyPair::from_seed(&[seed; 32]).public()
}

/// A chain that knows a Registrar of the hospital, under seed 1, and a Reviewer, under seed 2.
fn chain() -> TestChain<Runtime> {
    let mut chain = TestChain::new();
    let now = chain.now();
    chain.prepare(|state| {
        for (seed, roles) in [(1, Roles::REGISTRAR), (2, Roles::REVIEWER)] {
            keys::bind(state, now, key(seed), HOSPITAL, roles, None).unwrap();
        }
    });
    chain
}

#[test]
fn a_registrar_reports_and_the_last_report_stands() {
    let mut chain = chain();
    chain.ok(key(1), Call::Report { free: 12 }).emitted(Event::Reported { hospital: HOSPITAL, free: 12 });
    chain.ok(key(1), Call::Report { free: 3 }).emitted(Event::Reported { hospital: HOSPITAL, free: 3 });
    assert_eq!(Free::get(chain.state(), &HOSPITAL), Some(3));
}

#[test]
fn another_officer_and_a_stranger_are_refused_and_leave_no_trace() {
    let mut chain = chain();
    chain.refused(key(2), Call::Report { free: 12 }, Error::NotAuthorised);
    chain.refused(key(3), Call::Report { free: 12 }, Error::NotAuthorised);
    assert_eq!(Free::get(chain.state(), &HOSPITAL), None);
    assert_eq!(chain.events(), []);
}

#[test]
fn the_row_of_the_runtime_gives_it_its_number_and_its_place_in_metadata() {
    assert_eq!(RuntimeCall::from(Call::Report { free: 3 }).encode(), [9, 0, 3, 0]);
    assert_eq!(RuntimeError::from(Error::NotAuthorised).encode(), [9, 0]);
    let pallet = Runtime::pallets().into_iter().find(|pallet| pallet.name == "Beds").unwrap();
    assert_eq!((pallet.index, pallet.storage.len()), (9, 1));
}

#[test]
fn it_takes_fewer_than_sixty_lines_in_three_files_comments_and_blank_lines_included() {
    assert_eq!(include_str!("main.rs").matches(ROW).count(), 1, "the runtime has the row, as it is counted here");
    let lines: usize = FILES.iter().chain([&ROW]).map(|text| text.lines().count()).sum();
    assert!(lines < 60, "{lines} lines");
    assert!(PAGE.contains(&format!("{lines} lines")), "docs/new-pallet.md says how many there are: {lines}");
}

#[test]
fn the_page_quotes_the_files_letter_by_letter() {
    let mut from = 0;
    for file in FILES {
        let quote = format!("```rust\n{file}```\n");
        let at = PAGE[from..].find(&quote).unwrap_or_else(|| panic!("docs/new-pallet.md lacks, in order:\n{file}"));
        from += at + quote.len();
    }
    // The test of the page is a part of this one, and so is its row.
    for block in PAGE[from..].split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        assert!(include_str!("main.rs").contains(block), "tests/toy/main.rs lacks:\n{block}");
    }
}
