//! What nodes said is final, so that it can be held against them; and the load that gives them something to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use salus_primitives::crypto::KeyPair;

use crate::{
    chain::{Chain, noop},
    cluster::Cluster,
    rpc::Failure,
};

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// The next number, below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What any node said is final.
#[derive(Default)]
pub struct Told {
    /// Hashes of blocks by height.
    blocks: BTreeMap<u32, String>,
    /// Extrinsics in them.
    extrinsics: BTreeSet<String>,
}

impl Told {
    /// The highest block that was told.
    pub fn tip(&self) -> u32 {
        self.blocks.keys().last().copied().unwrap_or(0)
    }

    /// How many extrinsics.
    pub fn extrinsics(&self) -> usize {
        self.extrinsics.len()
    }

    /// Note the blocks that are new.
    pub fn listen(&mut self, chain: &mut Chain) -> Result<(), Failure> {
        while let Some(block) = chain.block(self.tip() + 1)? {
            self.blocks.insert(block.height, block.hash);
            for extrinsic in block.extrinsics {
                assert!(self.extrinsics.insert(extrinsic), "an extrinsic stands in two blocks");
            }
        }
        Ok(())
    }

    /// Every node that runs has everything that was told, from `height` on.
    #[track_caller]
    pub fn hold_to_it(&self, cluster: &Cluster, height: u32) {
        for node in cluster.running() {
            let mut chain = node.chain();
            for (height, hash) in self.blocks.range(height..) {
                let block = chain.block(*height).expect("it serves");
                let block = block.unwrap_or_else(|| panic!("block {height} was final, {} has none", node.name));
                assert_eq!(block.hash, *hash, "block {height} was final and is another at {}", node.name);
                assert!(block.extrinsics.iter().all(|extrinsic| self.extrinsics.contains(extrinsic)));
            }
        }
    }
}

/// Submit to each node in turn, by a key of its own, as fast as they take it, and note what becomes final.
pub fn load(cluster: &Cluster, keys: &[KeyPair], told: &mut Told, until: Instant) -> Result<(), Failure> {
    let mut doors = Vec::new();
    for (node, key) in cluster.nodes.iter().zip(keys).filter(|(node, _)| node.is_on()) {
        let mut chain = node.try_chain()?;
        let nonce = chain.nonce(key)?;
        doors.push((chain, key, nonce));
    }
    loop {
        for (chain, key, nonce) in &mut doors {
            for _ in 0..8 {
                let raw = chain.sign(key, *nonce, noop());
                match chain.submit(&raw) {
                    Ok(_) => *nonce += 1,
                    // The pool's window or rate: there is enough to do.
                    Err(Failure::Refused(_)) => {
                        *nonce = chain.nonce(key)?;
                        break;
                    }
                    Err(gone) => return Err(gone),
                }
            }
            told.listen(chain)?;
        }
        if Instant::now() >= until {
            return Ok(());
        }
    }
}
