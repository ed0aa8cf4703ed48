//! `docs/holes.md`: every test it names is there, and every test of a hole is on it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the root").to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("docs/holes.md names {path}: {error}"))
}

/// The tests that the page names, as (file, name): in the last cell of each row a file stands before its tests.
fn named() -> BTreeSet<(String, String)> {
    let page = read("docs/holes.md");
    let mut found = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cell = row.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default();
        let mut file = None;
        for code in cell.split('`').skip(1).step_by(2) {
            if code.ends_with(".rs") {
                file = Some(code.to_owned());
            } else {
                let file = file.clone().unwrap_or_else(|| panic!("no file stands before `{code}` in: {row}"));
                found.insert((file, code.to_owned()));
            }
        }
    }
    found
}

/// Names of the tests in a file.
fn tests_of(text: &str) -> BTreeSet<String> {
    let after = |line: &str| {
        line.trim_start().strip_prefix("fn ").or(line.trim_start().strip_prefix("async fn ")).map(str::to_owned)
    };
    let mut lines = text.lines();
    let mut found = BTreeSet::new();
    while let Some(line) = lines.next() {
        let attribute = line.trim_start();
        if attribute.starts_with("#[") && attribute.contains("test") {
            let name = lines.find_map(after).unwrap_or_default();
            found.insert(name.split('(').next().unwrap_or_default().to_owned());
        }
    }
    found
}

#[test]
fn every_test_the_page_names_is_there() {
    let named = named();
    assert!(
        named.len() > 50,
        "only {} tests are named: the page is written in another way than this reads",
        named.len()
    );
    for (file, name) in &named {
        assert!(tests_of(&read(file)).contains(name), "{file} has no test {name}");
    }
}

#[test]
fn every_test_of_a_hole_is_on_the_page() {
    let named = named();
    let files = [
        "pallets/access/src/tests/holes.rs",
        "runtime/tests/holes/entering.rs",
        "runtime/tests/holes/storing.rs",
        "runtime/tests/holes/deciding.rs",
    ];
    for file in files {
        for name in tests_of(&read(file)) {
            assert!(named.contains(&(file.to_owned(), name.clone())), "docs/holes.md does not name {name} of {file}");
        }
    }
}
