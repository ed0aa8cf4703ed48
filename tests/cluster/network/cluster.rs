//! A network of validators in a throw-away folder, and what a test says to it.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use salus_primitives::{RawExtrinsic, crypto::KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    chain::{Chain, noop, wire},
    member::{Member, key_of, tail},
    namespaces::Place,
    node::{salus_node, words},
};

/// How long anything may take that should take a moment. Machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Within this finality must be back once enough validators reach each other again.
pub const BACK_WITHIN: Duration = Duration::from_secs(15);
/// Long enough to see that nothing becomes final: more than two heartbeats.
pub const SILENCE: Duration = Duration::from_secs(9);

/// The machine, for one network at a time.
static MACHINE: Mutex<()> = Mutex::new(());

/// Look again and again until there is an answer; none when `within` is over.
pub fn until<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begun.elapsed() > within {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A network of validators. The nodes' numbers begin with 0.
pub struct Cluster {
    /// The nodes, whether they run or not.
    pub nodes: Vec<Member>,
    /// The council's only member.
    pub council: KeyPair,
    folder: Option<TempDir>,
    _machine: MutexGuard<'static, ()>,
}

impl Cluster {
    /// A network of so many validators, all of them running and in touch.
    pub fn of(validators: usize) -> Self {
        let mut cluster = Self::prepared(validators);
        for number in 0..validators {
            cluster.start(number);
        }
        cluster.wait_until_in_touch();
        cluster
    }

    /// The same, each of them at a place of its own and with these arguments besides.
    pub fn at(places: Vec<Place>, arguments: &[&str]) -> Self {
        let mut cluster = Self::prepared(places.len());
        let members = std::mem::take(&mut cluster.nodes).into_iter().zip(places);
        let placed = members.map(|(member, place)| {
            arguments.iter().fold(member.at(place), |member, argument| member.argument(argument))
        });
        cluster.nodes = placed.collect();
        for number in 0..cluster.nodes.len() {
            cluster.start(number);
        }
        cluster.wait_until_in_touch();
        cluster
    }

    /// The same, none of them started yet.
    pub fn prepared(validators: usize) -> Self {
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let out = folder.path().join("net");
        let count = validators.to_string();
        let made = salus_node(["chain-spec", "local", "--validators", &count, "--out", &out.display().to_string()]);
        assert!(made.status.success(), "{}", words(&made));
        let spec = out.join("chain.json");
        let node = |number: usize| {
            Member::new(&format!("node-{number}"), &spec, &out.join(format!("node-{number}"))).argument("--validator")
        };
        let nodes = (1..=validators).map(node).collect();
        Self { nodes, council: key_of(&out.join("council")), folder: Some(folder), _machine: machine }
    }

    /// A file or folder of the network, such as its specification `chain.json`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.as_ref().expect("it is there until the end").path().join("net").join(name)
    }

    /// Where the others that have run are met.
    pub fn addresses_for(&self, number: usize) -> Vec<String> {
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != number);
        others.filter_map(|(_, node)| node.peer_address()).collect()
    }

    /// Start a node, with the addresses of those that run, and wait until it serves; how long that took.
    #[track_caller]
    pub fn start(&mut self, number: usize) -> Duration {
        self.spawn(number);
        self.nodes[number].wait_until_ready()
    }

    /// Start a node and wait for nothing.
    pub fn spawn(&mut self, number: usize) {
        let bootnodes = self.addresses_for(number);
        self.nodes[number].spawn(&bootnodes);
    }

    /// Stop nodes as a service manager does.
    #[track_caller]
    pub fn stop(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.nodes[*number].stop();
        }
    }

    /// kill -9 of all these at one moment.
    pub fn kill(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.nodes[*number].strike();
        }
        for number in numbers {
            self.nodes[*number].bury();
        }
    }

    /// The nodes that run.
    pub fn running(&self) -> impl Iterator<Item = &Member> {
        self.nodes.iter().filter(|node| node.is_on())
    }

    /// Wait until every node that runs reaches all the others.
    #[track_caller]
    pub fn wait_until_in_touch(&self) {
        let running = self.running().count();
        for node in self.running() {
            let reached =
                |node: &Member| node.chain().rpc.ask("salus_status", json!([]))["peers"].as_array().map(Vec::len);
            let met = until(PATIENCE, || reached(node).filter(|peers| peers + 1 >= running));
            assert!(met.is_some(), "{} reaches {:?} peers:\n{}", node.name, reached(node), tail(&node.log()));
        }
    }

    /// The highest height that is final for any node.
    #[track_caller]
    pub fn tip(&self) -> u32 {
        self.running().map(Member::height).max().expect("some node runs")
    }

    /// Wait until `height` is final for every node that runs.
    #[track_caller]
    pub fn wait_for(&self, height: u32, within: Duration) {
        let begun = Instant::now();
        for node in self.running() {
            let mut chain = node.chain();
            let left = within.saturating_sub(begun.elapsed());
            let reached = until(left, || (chain.height().expect("it serves") >= height).then_some(()));
            if reached.is_none() {
                let heights: Vec<u32> = self.running().map(Member::height).collect();
                panic!("{} has not reached {height} within {within:?}, all have {heights:?}", node.name);
            }
        }
    }

    /// Wait until every node has what any has, and see that all of them have the same blocks from `from` on, by hash
    /// and state root; the height that was compared last.
    #[track_caller]
    pub fn agree_from(&self, from: u32) -> u32 {
        let tip = self.tip();
        self.wait_for(tip, PATIENCE);
        let mut chains: Vec<Chain> = self.running().map(Member::chain).collect();
        for height in from.max(1)..=tip {
            let mut blocks =
                chains.iter_mut().map(|chain| chain.block(height).expect("it serves").expect("it is final"));
            let first = blocks.next().expect("some node runs");
            for other in blocks {
                assert_eq!((&other.hash, &other.root), (&first.hash, &first.root), "two blocks at height {height}");
            }
        }
        tip
    }

    /// The same of all blocks.
    #[track_caller]
    pub fn agree(&self) -> u32 {
        self.agree_from(1)
    }

    /// Submit a call of the council's to a node; the extrinsic.
    #[track_caller]
    pub fn submit(&self, number: usize, call: Vec<u8>) -> RawExtrinsic {
        self.submit_by(&self.council, number, call)
    }

    /// Submit a call of this account's to a node; the extrinsic.
    #[track_caller]
    pub fn submit_by(&self, key: &KeyPair, number: usize, call: Vec<u8>) -> RawExtrinsic {
        let mut chain = self.nodes[number].chain();
        let nonce = chain.nonce(key).expect("it serves");
        let raw = chain.sign(key, nonce, call);
        chain.submit(&raw).unwrap_or_else(|failure| panic!("a good extrinsic is refused: {failure:?}"));
        raw
    }

    /// Wait until an extrinsic is final for every node that runs, with one block hash; its height.
    #[track_caller]
    pub fn final_everywhere(&self, raw: &RawExtrinsic, from: u32, within: Duration) -> u32 {
        Self::final_at(self.running(), raw, from, within)
    }

    /// The same for these nodes.
    #[track_caller]
    pub fn final_at<'a>(
        nodes: impl IntoIterator<Item = &'a Member>,
        raw: &RawExtrinsic,
        from: u32,
        within: Duration,
    ) -> u32 {
        let (begun, wire) = (Instant::now(), wire(raw));
        let mut found: Option<(u32, String)> = None;
        for node in nodes {
            let (mut chain, mut height) = (node.chain(), from.max(1));
            let block = until(within.saturating_sub(begun.elapsed()), || {
                let block = chain.block(height).expect("it serves")?;
                height += 1;
                block.extrinsics.contains(&wire).then_some(block)
            });
            let Some(block) = block else {
                panic!("{} has no block up to {} with the extrinsic after {within:?}", node.name, height - 1)
            };
            let here = (block.height, block.hash);
            assert_eq!(*found.get_or_insert(here.clone()), here, "an extrinsic stands in two blocks");
        }
        found.expect("some node runs").0
    }

    /// Something new becomes final through this node, everywhere; at which height.
    #[track_caller]
    pub fn goes_on(&self, number: usize, within: Duration) -> u32 {
        let from = self.nodes[number].height();
        let raw = self.submit(number, noop());
        self.final_everywhere(&raw, from, within)
    }

    /// Something new becomes final through the first of these nodes, for all of these.
    #[track_caller]
    pub fn goes_on_among(&self, numbers: &[usize], within: Duration) -> u32 {
        let from = self.nodes[numbers[0]].height();
        let raw = self.submit(numbers[0], noop());
        Self::final_at(numbers.iter().map(|number| &self.nodes[*number]), &raw, from, within)
    }

    /// Nothing becomes final for a while, with work in the pools; reads are still answered.
    #[track_caller]
    pub fn stands_still(&self) {
        // What was decided when the last node went may still arrive.
        thread::sleep(Duration::from_secs(1));
        let heights = || self.running().map(Member::height).collect::<Vec<_>>();
        let before = heights();
        thread::sleep(SILENCE);
        assert_eq!(heights(), before, "something became final");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        let Some(folder) = self.folder.take().filter(|_| thread::panicking()) else { return };
        println!("the nodes' folders and logs are kept in {}", folder.keep().display());
    }
}
