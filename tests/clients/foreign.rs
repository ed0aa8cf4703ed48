//! The clients of other languages, unmodified, each in a script of its own that goes through every flow.
//!
//! They are no part of this project's build: `foreign/install DIR` fetches them, and `SALUS_FOREIGN_CLIENTS=DIR` says
//! that they are to be tried. Without it these tests say that they were skipped.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use crate::node::{Node, words};

/// Run a script of the folder `foreign` against a node of its own.
fn try_out(script: &str, interpreter: &str, argument: Option<&str>) {
    let Some(clients) = env::var_os("SALUS_FOREIGN_CLIENTS").map(PathBuf::from) else {
        // Directly, so that it shows even though the test passes.
        let _ = writeln!(io::stderr(), "SKIPPED: {script}: SALUS_FOREIGN_CLIENTS does not say where the clients are");
        return;
    };
    // Modules are looked for beside the script.
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/foreign").join(script);
    // One file per test: they run at the same time.
    let there = clients.join(format!("{}{script}", argument.unwrap_or_default()));
    fs::copy(&here, &there).unwrap_or_else(|error| panic!("{}: {error}", there.display()));
    let installed = clients.join(interpreter);
    let interpreter = if installed.is_file() { installed } else { PathBuf::from(interpreter) };
    let node = Node::dev().start();
    let output = Command::new(&interpreter).arg(&there).arg(node.url()).args(argument).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", interpreter.display()));
    assert!(output.status.success(), "{}", words(&output));
    assert!(words(&output).contains("every flow is good"), "{}", words(&output));
}

#[test]
fn polkadot_js_finds_every_flow() {
    try_out("polkadot_js.mjs", "node", None);
}

#[test]
fn polkadot_api_finds_every_flow() {
    try_out("polkadot_api.mjs", "node", None);
}

#[test]
fn polkadot_api_finds_every_flow_without_the_legacy_methods() {
    try_out("polkadot_api.mjs", "node", Some("raw"));
}

#[test]
fn substrate_interface_finds_every_flow() {
    try_out("substrate_interface.py", "substrate-interface/bin/python", None);
}

#[test]
fn async_substrate_interface_finds_every_flow() {
    try_out("async_substrate.py", "async-substrate-interface/bin/python", None);
}
