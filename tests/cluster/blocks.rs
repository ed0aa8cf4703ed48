//! A chain's blocks in a file: executed again they lead to the same states, and a file at fault is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use salus_primitives::crypto::KeyPair;
use tempfile::TempDir;

use crate::{
    chain::{Chain, Seen, council_of, quick, specification},
    node::{Node, salus_node, words},
};

/// A chain that was made, and the file of its blocks.
struct Exported {
    folder: TempDir,
    spec: PathBuf,
    file: PathBuf,
    blocks: Vec<Seen>,
}

impl Exported {
    /// A chain of calls that succeed and fail, exported.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let spec = quick(folder.path());
        let base = folder.path().join("first");
        let mut node = Node::dev().chain(&spec).folder(&base).start();
        let mut chain = Chain::of(&node);
        chain.grow(10);
        let member = KeyPair::from_seed(&[1; 32]);
        chain.finalise(council_of(&[&salus_chain_spec::presets::development_key("council"), &member]));
        chain.finalise(council_of(&[]));
        chain.grow(10);
        let blocks = chain.blocks();
        node.stop();
        // The heartbeat may have made more; those are no worse.
        let file = folder.path().join("blocks");
        let this = Self { spec, file, blocks, folder };
        let said = this.run(&["export", "--base-path", &text(&base), "--out", &text(&this.file)]);
        assert!(said.contains("blocks written to"), "{said}");
        this
    }

    /// Run a command on this chain; what it said.
    fn run(&self, arguments: &[&str]) -> String {
        let output = salus_node(arguments.iter().copied().chain(["--chain", &text(&self.spec)]));
        assert!(output.status.success(), "{}", words(&output));
        words(&output)
    }

    /// Replay another file of this chain, which must be refused; what was said.
    fn refused(&self, bytes: &[u8]) -> String {
        let file = self.folder.path().join("bad");
        fs::write(&file, bytes).expect("a file can be written");
        let output = salus_node(["replay", "--chain", &text(&self.spec), &text(&file)]);
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "it was not refused as it should: {said}");
        said
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_replay_finds_the_same_state_root_at_every_height_and_an_import_the_same_tip() {
    let chain = Exported::new();
    let said = chain.run(&["replay", "--roots", &text(&chain.file)]);
    for block in &chain.blocks {
        let line = format!("{} {}", block.height, block.root);
        assert!(said.lines().any(|said| said == line), "{line:?} is missing in {said}");
    }
    assert!(said.contains("every state root the same"), "{said}");

    let base = chain.folder.path().join("second");
    let said = chain.run(&["import", "--base-path", &text(&base), &text(&chain.file)]);
    assert!(said.contains("blocks taken"), "{said}");
    let again = chain.run(&["import", "--base-path", &text(&base), &text(&chain.file)]);
    assert!(again.contains("0 blocks taken"), "{again}");
    let mut node = Node::dev().chain(&chain.spec).folder(&base).start();
    let mut second = Chain::of(&node);
    assert_eq!(second.blocks()[..chain.blocks.len()], chain.blocks[..]);
    second.grow(1);
    node.stop();
    let checked = chain.run(&["check", "--base-path", &text(&base)]);
    assert!(checked.contains("all fit each other"), "{checked}");
}

#[test]
fn a_file_of_blocks_at_fault_is_refused_by_what_is_wrong_with_it() {
    let chain = Exported::new();
    let good = fs::read(&chain.file).expect("it was written");

    assert!(chain.refused(&[]).contains("ends in the middle"));
    assert!(
        chain.refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}.....").contains("not a file of Salus blocks")
    );
    for length in [20, 41, 42, 44, 100, good.len() / 2, good.len() - 9, good.len() - 8, good.len() - 4, good.len() - 1]
    {
        let said = chain.refused(&good[..length]);
        assert!(said.contains("the file ends in the middle of block"), "{length} bytes: {said}");
    }
    let end = good.len() - 4;
    let miscounted = [&good[..end], &7u32.to_le_bytes()].concat();
    assert!(chain.refused(&miscounted).contains("counts 7 blocks"));
    let long = [&good[..42], &u32::MAX.to_le_bytes(), &good[46..]].concat();
    assert!(chain.refused(&long).contains("a block of 4294967295 bytes"));

    let other = tempfile::tempdir().expect("there is a place for temporary files");
    let spec = specification(other.path(), |spec| spec["genesis"]["time"] = 1_700_000_000_000u64.into());
    let output = salus_node(["replay", "--chain", &text(&spec), &text(&chain.file)]);
    assert!(!output.status.success());
    assert!(words(&output).contains("the blocks are of the chain with genesis"), "{}", words(&output));
    let base = text(&other.path().join("base"));
    let output = salus_node(["import", "--chain", &text(&spec), "--base-path", &base, &text(&chain.file)]);
    assert!(!output.status.success());
    assert!(words(&output).contains("the blocks are of the chain with genesis"), "{}", words(&output));
}

#[test]
fn a_flipped_bit_anywhere_in_a_file_of_blocks_is_found() {
    let chain = Exported::new();
    let good = fs::read(&chain.file).expect("it was written");
    // A step that is prime to everything in the file: over its length it meets each part of a block.
    for (place, count) in (0..good.len()).step_by(good.len() / 83 + 1).zip(0u32..) {
        let mut bad = good.clone();
        bad[place] ^= 1 << (count % 8);
        let said = chain.refused(&bad);
        assert!(said.contains("block") || said.contains("height"), "byte {place}: {said}");
    }
}

#[test]
fn a_damaged_import_keeps_the_blocks_before_the_damage() {
    let chain = Exported::new();
    let good = fs::read(&chain.file).expect("it was written");
    let bad = chain.folder.path().join("bad");
    fs::write(&bad, &good[..good.len() / 2]).expect("a file can be written");
    let base = text(&chain.folder.path().join("third"));
    let spec = text(&chain.spec);
    let output = salus_node(["import", "--chain", &spec, "--base-path", &base, &text(&bad)]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("the file ends in the middle of block"), "{}", words(&output));
    let said = chain.run(&["import", "--base-path", &base, &text(&chain.file)]);
    assert!(said.contains(&format!("the newest is {}", chain.blocks.len())), "{said}");
}
