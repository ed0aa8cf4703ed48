//! House rules as a test: who may depend on whom, what pure crates may not name, and how files look.
//! ARCHITECTURE.md shows the same table of dependencies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which crates of ours each crate may depend on, besides those that these depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("salus-primitives", &[]),
    ("salus-support", &["salus-primitives"]),
    ("salus-system", &["salus-support"]),
    ("salus-validators", &["salus-system"]),
    ("salus-registry", &["salus-system"]),
    ("salus-council", &["salus-registry", "salus-validators"]),
    ("salus-patients", &["salus-registry"]),
    ("salus-consent", &["salus-patients"]),
    ("salus-records", &["salus-consent"]),
    ("salus-credits", &["salus-patients"]),
    ("salus-access", &["salus-records", "salus-credits"]),
    ("salus-appointments", &["salus-registry"]),
    ("salus-runtime", &["salus-access", "salus-appointments", "salus-council"]),
    ("salus-chain-spec", &["salus-runtime"]),
    ("salus-consensus", &["salus-primitives"]),
    ("salus-storage", &["salus-primitives"]),
    ("salus-pool", &["salus-primitives"]),
    ("salus-rpc", &["salus-primitives"]),
    ("salus-sync", &["salus-primitives"]),
    ("salus-network", &["salus-consensus", "salus-sync"]),
    ("salus-engine", &["salus-consensus", "salus-storage", "salus-pool", "salus-sync"]),
    ("salus-node", &["salus-engine", "salus-network", "salus-rpc", "salus-chain-spec"]),
    ("salus-fhir", &[]),
    ("salus-client", &["salus-runtime", "salus-fhir"]),
    ("salus-gateway", &["salus-client"]),
    ("salus-weights", &["salus-runtime"]),
    (
        "salus-benches",
        &["salus-node", "salus-client", "salus-engine", "salus-rpc", "salus-chain-spec", "salus-weights"],
    ),
    ("salus-simulation", &["salus-engine", "salus-chain-spec"]),
    ("salus-tests", &["salus-node", "salus-client", "salus-engine", "salus-rpc", "salus-chain-spec"]),
];

/// Libraries that only these crates may name.
const OWNERS: &[(&str, &[&str])] = &[
    ("rocksdb", &["salus-storage"]),
    ("jmt", &["salus-storage"]),
    ("libp2p", &["salus-network"]),
    ("multistream-select", &["salus-network"]),
    ("jsonrpsee", &["salus-rpc", "salus-benches"]),
    ("ed25519-dalek", &["salus-primitives"]),
    ("ed25519-zebra", &["salus-primitives"]),
    ("sha2", &["salus-primitives"]),
    ("blake2", &["salus-primitives"]),
    ("hmac", &["salus-primitives"]),
    ("arc-malachitebft-core-consensus", &["salus-consensus"]),
    ("subxt", &["salus-client", "salus-tests"]),
    ("jsonschema", &["salus-fhir"]),
    ("hpke", &["salus-client"]),
    ("aes-gcm", &["salus-client", "salus-benches"]),
    ("object_store", &["salus-gateway"]),
    ("axum", &["salus-gateway"]),
];

/// Folders whose code is a pure function of its input.
const PURE: &[&str] = &["primitives/src", "pallets", "runtime/src", "node/consensus/src"];

/// What pure code never names.
const IMPURE: &[&str] = &[
    "tokio",
    "tracing::",
    "SystemTime",
    "Instant::",
    "HashMap",
    "HashSet",
    "thread::",
    "fs::",
    "std::env",
    "f32",
    "f64",
    "getrandom",
    "println!",
    "eprintln!",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

/// Direct dependencies by crate: ordinary and build ones, and those for tests apart.
fn dependencies() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let (mut normal, mut dev) = (BTreeSet::new(), BTreeSet::new());
            for dependency in package["dependencies"].as_array().expect("dependencies") {
                let set = if dependency["kind"] == "dev" { &mut dev } else { &mut normal };
                set.insert(text(&dependency["name"]));
            }
            (text(&package["name"]), (normal, dev))
        })
        .collect()
}

/// All that `name` may reach by the table.
fn reachable(name: &str) -> BTreeSet<&'static str> {
    let Some((_, direct)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        panic!("{name} is missing in the table of layers: add it here and in ARCHITECTURE.md")
    };
    direct.iter().flat_map(|below| reachable(below).into_iter().chain([*below])).collect()
}

/// Files under `folder` with one of these endings, `target` and hidden folders left out.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains("test") || path.components().any(|part| part.as_os_str().to_string_lossy().contains("test"))
}

/// Does `word` stand in `code`, and not as the end of a longer word or number?
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[test]
fn dependencies_flow_one_way() {
    for (name, (normal, _)) in dependencies() {
        let allowed = reachable(&name);
        for dependency in normal.iter().filter(|dependency| dependency.starts_with("salus-")) {
            assert!(allowed.contains(dependency.as_str()), "{name} may not depend on {dependency}");
        }
    }
}

#[test]
fn each_heavy_library_is_named_by_its_owner_only() {
    for (name, (normal, _)) in dependencies() {
        for (library, owners) in OWNERS {
            assert!(!normal.contains(*library) || owners.contains(&name.as_str()), "{name} may not name {library}");
        }
    }
}

#[test]
fn cryptography_is_named_in_one_file() {
    for path in files(&root().join("primitives/src"), &[".rs"]) {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        let crypto = path.ends_with("crypto.rs") || path.ends_with("crypto_tests.rs");
        for library in ["ed25519_dalek", "ed25519_zebra", "sha2::", "blake2::"] {
            assert!(crypto || !text.contains(library), "{} names {library}", path.display());
        }
    }
}

#[test]
fn pure_code_names_nothing_impure() {
    for folder in PURE {
        for path in files(&root().join(folder), &[".rs"]).into_iter().filter(|path| !is_test(path)) {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            for (line, number) in text.lines().zip(1..) {
                let code = line.split("//").next().unwrap_or_default();
                for word in IMPURE {
                    assert!(!names(code, word), "{}:{number} names {word}", path.display());
                }
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for path in files(&root(), &[".rs"]) {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        assert!(text.starts_with("//!"), "{}: its first line says what it is for", path.display());
        let length = text.lines().count();
        assert!(is_test(&path) || length <= 500, "{} has {length} lines, the limit is 500", path.display());
    }
}

#[test]
fn nothing_is_unfinished_silenced_or_bound_to_a_machine() {
    // Joined here so that this file does not name them itself.
    let banned = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
        concat!("FIX", "ME"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
    ];
    for path in files(&root(), &[".rs", ".toml", ".md", ".json"]) {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        for word in banned {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}

/// The pallets' folders.
fn pallets() -> Vec<PathBuf> {
    let folders = fs::read_dir(root().join("pallets")).expect("pallets/ is there").flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = folders.filter(|path| path.join("src/lib.rs").is_file()).collect();
    found.retain(|path| fs::read_to_string(path.join("src/lib.rs")).is_ok_and(|text| text.contains("impl Pallet for")));
    found.sort();
    found
}

/// The contract of a pallet: its `lib.rs`, and its errors where they have a file of their own.
fn contract(pallet: &Path) -> String {
    let lib = fs::read_to_string(pallet.join("src/lib.rs")).expect("a source file is readable");
    lib + &fs::read_to_string(pallet.join("src/error.rs")).unwrap_or_default()
}

/// The variants of an enum in `text`, each with the doc comment above it.
fn variants(text: &str, name: &str) -> Vec<(String, String)> {
    let Some((_, body)) = text.split_once(&format!("pub enum {name} {{\n")) else { return Vec::new() };
    let body = body.split("\n}").next().unwrap_or_default();
    let (mut found, mut doc) = (Vec::new(), String::new());
    for line in body.lines() {
        if let Some(words) = line.strip_prefix("    /// ") {
            doc += words;
            doc += " ";
        } else if let Some(rest) = line.strip_prefix("    ")
            && rest.starts_with(|letter: char| letter.is_ascii_uppercase())
        {
            let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
            found.push((name, std::mem::take(&mut doc)));
        }
    }
    found
}

#[test]
fn every_error_of_a_pallet_is_seen_by_a_test_of_it() {
    let mut count = 0;
    for pallet in pallets() {
        let lib = contract(&pallet);
        let tests: String = files(&pallet.join("src"), &[".rs"])
            .into_iter()
            .filter(|path| is_test(path) || path.ends_with("testing.rs"))
            .map(|path| fs::read_to_string(path).expect("a source file is readable"))
            .collect();
        for (error, _) in variants(&lib, "Error") {
            let seen = tests.match_indices(&format!("Error::{error}")).any(|(place, found)| {
                !tests[place + found.len()..].starts_with(|letter: char| letter.is_alphanumeric())
            });
            assert!(seen, "no test of {} sees Error::{error}", pallet.display());
            count += 1;
        }
    }
    assert!(
        count > 80,
        "only {count} errors were found in the pallets: they are written in another way than this reads"
    );
}

#[test]
fn every_call_lists_the_errors_it_can_be_refused_with_and_no_others() {
    for pallet in pallets() {
        let lib = contract(&pallet);
        let errors: BTreeSet<String> = variants(&lib, "Error").into_iter().map(|(error, _)| error).collect();
        let mut listed = BTreeSet::new();
        for (call, doc) in variants(&lib, "Call") {
            // The last sentence, whatever stands between "refused" and "with".
            let list = doc
                .rfind("efused")
                .map(|place| &doc[place..])
                .unwrap_or_else(|| panic!("{}: {call} does not say what it is refused with", pallet.display()));
            for word in list.split('`').skip(1).step_by(2) {
                let error = errors.contains(word);
                assert!(error, "{}: {call} names {word}, which is no error of the pallet", pallet.display());
                listed.insert(word.to_owned());
            }
        }
        assert_eq!(listed, errors, "{}: each error is one of a call, and says so there", pallet.display());
    }
}

#[test]
fn the_architecture_page_shows_the_same_layers() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    for name in dependencies().keys() {
        assert!(page.contains(&format!("`{name}`")), "ARCHITECTURE.md does not mention {name}");
    }
}
