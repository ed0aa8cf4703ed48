//! What a seed says about a world before it starts: who is in it, how its links are, who lies.

use std::sync::{Arc, OnceLock};

use salus_primitives::{
    Block, Moment, OrganisationId,
    crypto::{KeyPair, sha256_of},
    runtime_api::{Changes, RuntimeApi},
};
use salus_runtime::{GenesisConfig, SalusRuntime};
use salus_storage::MemoryTree;
use salus_system::types::Parameters;
use salus_validators::genesis::GenesisValidator;

use crate::{
    byzantine::Kind,
    chance::Chance,
    link::Quality,
    node::EPOCH,
    planted::{Planted, RuntimeFlaw},
};

/// How many users there are: members of the council, since those are there from genesis on.
pub const USERS: u8 = 6;

/// A world as its seed makes it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// A bug to find.
    pub planted: Option<Planted>,
    /// Validators at genesis.
    pub validators: usize,
    /// Nodes with a key that may become validators.
    pub spares: usize,
    /// Nodes without a key.
    pub followers: usize,
    /// Who lies, and how.
    pub liars: Vec<(usize, Kind)>,
    /// The links in quiet times and while there are faults.
    pub calm: Quality,
    /// While there are faults.
    pub rough: Quality,
    /// How far each clock is off in quiet times, ms.
    pub skews: Vec<i64>,
    /// How often faults come and go again.
    pub cycles: u64,
    /// How long faults last each time, µs.
    pub faults: u64,
    /// How long it may take from the last fault until all go on, µs.
    pub patience: u64,
    /// Mean time between two extrinsics, µs.
    pub pace: u64,
}

const SECOND: u64 = 1_000_000;

impl Setup {
    /// The world of a seed.
    pub fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut chance = Chance::new(seed, 1);
        let validators = chance.pick(&[4, 4, 4, 4, 4, 4, 4, 1, 3, 5, 7]);
        let liars_most = (validators - 1) / 3;
        let mut liars = Vec::new();
        if liars_most > 0 && chance.permille(600) {
            let mut places: Vec<usize> = (0..validators).collect();
            chance.shuffle(&mut places);
            let count = 1 + chance.index(liars_most);
            liars = places[..count].iter().map(|place| (*place, chance.pick(&Kind::ALL))).collect();
        }
        // A member less would leave room for no liar; a member more never hurts.
        let spares = if chance.permille(400) { 1 } else { 0 };
        let followers = usize::from(chance.permille(300));
        let nodes = validators + spares + followers;
        let delay = chance.pick(&[
            (200, 2_000),
            (200, 2_000),
            (2_000, 10_000),
            (2_000, 10_000),
            (5_000, 80_000),
            (5_000, 80_000),
            (5_000, 80_000),
            (300_000, 900_000),
            (900_000, 2_500_000),
        ]);
        let calm = Quality { delay, lost: 0, doubled: 0 };
        let rough = Quality { lost: chance.pick(&[0, 5, 20, 80]), doubled: chance.pick(&[0, 5, 30]), ..calm };
        let skews = (0..nodes).map(|_| chance.within(0, 4_000) as i64 - 2_000).collect();

        let cycles = chance.within(1, 4);
        let faults = chance.within(8, 30) * SECOND;
        let pace = chance.pick(&[300_000, 800_000, 2_000_000, 5_000_000]);
        // Fifteen seconds, and a round's waits for each proposer that lies; where links are slower than a round's first
        // waits, rounds must grow before one can end.
        let patience = match delay.1 {
            0..=100_000 if liars.is_empty() => 15,
            0..=100_000 => 40,
            100_001..=1_000_000 => 120,
            _ => 400,
        } * SECOND;
        Self { seed, planted, validators, spares, followers, liars, calm, rough, skews, cycles, faults, patience, pace }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.validators + self.spares + self.followers
    }

    /// Does this node run the flawed runtime, if one is planted?
    pub fn flaw_of(&self, node: usize) -> Option<RuntimeFlaw> {
        match self.planted {
            Some(Planted::Runtime(flaw @ RuntimeFlaw::Replay)) => Some(flaw),
            Some(Planted::Runtime(flaw)) if self.is_flawed(node) => Some(flaw),
            _ => None,
        }
    }

    /// The one honest node that has the flaw.
    fn is_flawed(&self, node: usize) -> bool {
        let honest = (0..self.validators).find(|node| self.liars.iter().all(|(liar, _)| liar != node));
        honest == Some(node)
    }
}

/// The true runtime, made once: its metadata takes longer than many blocks.
pub fn runtime() -> Arc<dyn RuntimeApi> {
    static RUNTIME: OnceLock<Arc<SalusRuntime>> = OnceLock::new();
    Arc::clone(RUNTIME.get_or_init(|| Arc::new(SalusRuntime::new()))) as _
}

/// A key by its purpose and number.
pub fn key(name: &[u8], number: usize) -> KeyPair {
    KeyPair::from_seed(&sha256_of(&[b"salus simulation ", name, &[number as u8]]).0)
}

/// The keys of `count` nodes, sorted as a set sorts them.
pub fn authorities(count: usize) -> Vec<KeyPair> {
    let mut keys: Vec<_> = (0..count).map(|number| key(b"authority", number)).collect();
    keys.sort_by_key(KeyPair::public);
    keys
}

/// The key of a node's connections.
pub fn network_key(node: usize) -> KeyPair {
    key(b"network", node)
}

/// The key of a user.
pub fn user(number: u8) -> KeyPair {
    key(b"user", usize::from(number))
}

/// The key of the Admin of a node's organisation.
pub fn admin(node: usize) -> KeyPair {
    key(b"admin", node)
}

/// Who answers for a node.
pub fn organisation(node: usize) -> OrganisationId {
    OrganisationId([node as u8 + 1; 16])
}

/// The genesis block and state of a chain whose validators are the first `validators` of `keys`.
pub fn genesis(keys: &[KeyPair], validators: usize) -> (Block, Changes) {
    static RUNTIME: OnceLock<SalusRuntime> = OnceLock::new();
    let validators = keys[..validators].iter().zip(0..).map(|(key, node)| validator(key, node)).collect();
    let config = GenesisConfig {
        time: Moment(EPOCH - 10_000),
        parameters: Parameters { root_delay: 0, ..Parameters::default() },
        council: (0..USERS).map(|number| user(number).public()).collect(),
        threshold: 1,
        validators,
    };
    let changes = config.build(RUNTIME.get_or_init(SalusRuntime::new)).expect("the simulation's genesis is sound");
    let (root, _) = MemoryTree::new().root_after(&changes);
    (salus_runtime::genesis::block(root), changes)
}

/// A node as a validator's entry.
pub fn validator(key: &KeyPair, node: usize) -> GenesisValidator {
    GenesisValidator {
        authority: key.public(),
        peer_id: salus_validators::types::peer_of(&network_key(node).public()),
        organisation: organisation(node),
    }
}
