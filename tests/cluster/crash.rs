//! kill -9 at any moment: what was said to be final stays, and the node comes back unaided.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use salus_chain_spec::presets::development_key;
use salus_primitives::crypto::KeyPair;

use crate::{
    chain::{Chain, council_of, noop, quick, wire},
    node::{Node, salus_node, words},
    rpc::{Failure, Rpc},
};

/// How often the node is killed.
const KILLS: u32 = 50;
/// Within this the node must serve again, mostly. Not for every single time: other work may hold the machine.
const USUAL_START: Duration = Duration::from_secs(5);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What the node said is final.
#[derive(Default)]
struct Told {
    /// Hashes of blocks by height.
    blocks: BTreeMap<u32, String>,
    /// Extrinsics in them.
    extrinsics: BTreeSet<String>,
}

impl Told {
    fn tip(&self) -> u32 {
        self.blocks.keys().last().copied().unwrap_or(0)
    }

    /// Note the blocks that are new.
    fn listen(&mut self, chain: &mut Chain) -> Result<(), Failure> {
        while let Some(block) = chain.block(self.tip() + 1)? {
            self.blocks.insert(block.height, block.hash);
            for extrinsic in block.extrinsics {
                assert!(self.extrinsics.insert(extrinsic), "an extrinsic stands in two blocks");
            }
        }
        Ok(())
    }

    /// Is everything there that was told, from `height` on?
    fn hold_the_node_to_it(&self, chain: &mut Chain, height: u32) {
        let tip = chain.height().expect("the node serves");
        assert!(tip >= self.tip(), "height {} was final, now the chain ends at {tip}", self.tip());
        for (height, hash) in self.blocks.range(height..) {
            let block = chain.block(*height).expect("the node serves").expect("it is below the tip");
            assert_eq!(block.hash, *hash, "block {height} was final and is another now");
            assert!(block.extrinsics.iter().all(|extrinsic| self.extrinsics.contains(extrinsic)));
        }
    }
}

/// Submit as fast as the node takes it and note what becomes final, until the time is up or the node is gone.
fn load(chain: &mut Chain, keys: &[KeyPair], told: &mut Told, until: Instant) -> Result<(), Failure> {
    let mut nonces: Vec<u32> = keys.iter().map(|key| chain.nonce(key)).collect::<Result<_, _>>()?;
    while Instant::now() < until {
        for (key, nonce) in keys.iter().zip(&mut nonces) {
            let raw = chain.sign(key, *nonce, noop());
            match chain.submit(&raw) {
                Ok(_) => *nonce += 1,
                // The pool's window or rate: there is enough to do.
                Err(Failure::Refused(_)) => *nonce = chain.nonce(key)?,
                Err(gone) => return Err(gone),
            }
        }
        told.listen(chain)?;
    }
    Ok(())
}

#[test]
fn nothing_final_is_missing_after_fifty_kills_under_load() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let spec = quick(folder.path());
    let mut node = Node::dev().chain(&spec).start();
    let keys: Vec<KeyPair> =
        [development_key("council")].into_iter().chain((1..4).map(|seed| KeyPair::from_seed(&[seed; 32]))).collect();
    let mut chain = Chain::of(&node);
    chain.finalise(council_of(&keys.iter().collect::<Vec<_>>()));

    let (mut told, mut dice, mut starts) = (Told::default(), Dice(7), Vec::new());
    for kill in 0..KILLS {
        // The dice choose the moment; one kill in five falls into the start itself.
        if kill % 5 != 4 {
            let until = Instant::now() + Duration::from_millis(20 + dice.below(400));
            if let Err(failure) = load(&mut chain, &keys, &mut told, until) {
                panic!("before kill {kill} the node went away: {failure:?}\n{}", node.log());
            }
        }
        node.kill();
        node.spawn();
        if kill % 5 == 3 {
            std::thread::sleep(Duration::from_millis(dice.below(60)));
            node.kill();
            node.spawn();
        }
        let start = node.wait_until_ready();
        starts.push(start.unwrap_or_else(|end| panic!("after kill {kill} it ended with {:?}:\n{}", end.code, end.log)));
        chain = Chain::of(&node);
        // Every block is compared in the end; here those that the kill may have torn.
        told.hold_the_node_to_it(&mut chain, told.tip().saturating_sub(8));
    }
    starts.sort();
    let (usual, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    assert!(usual <= USUAL_START, "half of the starts took longer than {usual:?}, the slowest {slowest:?}");

    let until = Instant::now() + Duration::from_secs(1);
    load(&mut chain, &keys, &mut told, until).expect("the node serves");
    told.hold_the_node_to_it(&mut chain, 1);
    println!("{} blocks, {} extrinsics, usual start {usual:?}", told.blocks.len(), told.extrinsics.len());
    assert!(told.extrinsics.len() > KILLS as usize, "there was load");
    every_nonce_stands_once(&mut chain, &keys);
    node.stop();
    let (spec, base) = (spec.display().to_string(), node.folder().display().to_string());
    let checked = salus_node(["check", "--chain", &spec, "--base-path", &base]);
    assert!(checked.status.success(), "{}", words(&checked));
}

/// The chain holds each account's extrinsics in the order of their nonces, without a gap and none twice.
fn every_nonce_stands_once(chain: &mut Chain, keys: &[KeyPair]) {
    let all: Vec<String> = chain.blocks().into_iter().flat_map(|block| block.extrinsics).collect();
    for (key, first) in keys.iter().zip([1, 0, 0, 0]) {
        let mut expected = (first..).map(|nonce| wire(&chain.sign(key, nonce, noop())));
        let mut next = expected.next();
        let mut count = 0;
        for extrinsic in &all {
            if next.as_ref() == Some(extrinsic) {
                next = expected.next();
                count += 1;
            }
        }
        let public = format!("8400{}", hex::encode(key.public().0));
        let own = all.iter().filter(|extrinsic| extrinsic.contains(&public)).count() - first as usize;
        assert_eq!(count, own, "an extrinsic of {} is out of order", key.public());
    }
}

#[test]
fn a_node_killed_while_it_makes_its_first_block_starts_from_scratch() {
    let mut dice = Dice(99);
    for _ in 0..5 {
        let mut node = Node::dev().start();
        node.kill();
        fs::remove_dir_all(node.folder().join("dev")).expect("the data folder is there");
        node.spawn();
        std::thread::sleep(Duration::from_millis(dice.below(40)));
        node.kill();
        node.restart();
        let mut chain = Chain::of(&node);
        chain.grow(1);
    }
}

#[test]
fn stopping_and_starting_again_continues_the_chain() {
    let mut node = Node::dev().start();
    let mut told = Told::default();
    for signal in ["TERM", "INT", "TERM"] {
        let mut chain = Chain::of(&node);
        chain.grow(3);
        told.listen(&mut chain).expect("the node serves");
        let end = node.signal(signal);
        assert_eq!(end.code, Some(0), "{signal}:\n{}", end.log);
        assert!(end.log.contains("stopped"), "{signal}: the last word is missing:\n{}", end.log);
        assert!(!node.folder().join("dev/rpc").exists(), "nobody should find the node where it is no longer");
        node.restart();
        told.hold_the_node_to_it(&mut Chain::of(&node), 1);
    }
    let mut chain = Chain::of(&node);
    let height = chain.grow(1);
    assert!(height > told.tip());
}

#[test]
fn stopping_under_load_leaves_nothing_half_done() {
    let mut node = Node::dev().start();
    let keys = [development_key("council")];
    let mut told = Told::default();
    for _ in 0..5 {
        let mut chain = Chain::of(&node);
        let until = Instant::now() + Duration::from_millis(300);
        load(&mut chain, &keys, &mut told, until).expect("the node serves");
        // A client that keeps its connection open does not hold the node up.
        let waiting = Rpc::connect(node.address()).expect("the node serves");
        node.stop();
        drop(waiting);
        node.restart();
        told.hold_the_node_to_it(&mut Chain::of(&node), 1);
    }
}
