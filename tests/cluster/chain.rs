//! The chain as a test sees it through a node: blocks, nonces, and extrinsics to submit.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use parity_scale_codec::Encode;
use salus_chain_spec::presets::{development, development_key};
use salus_council::types::{Act, Members};
use salus_primitives::{
    Hash, Height, RawExtrinsic,
    crypto::KeyPair,
    extrinsic::{self, ChainContext, Era},
    signed::CoSigns,
};
use salus_runtime::RuntimeCall;
use serde_json::{Value, json};

use crate::{
    node::Node,
    rpc::{Failure, Rpc},
};

/// How long a test waits for a block.
const PATIENCE: Duration = Duration::from_secs(60);

/// The development chain's specification, changed, in a file in this folder.
pub fn specification(folder: &Path, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut spec: Value = serde_json::from_str(&development().to_json()).expect("it is JSON");
    change(&mut spec);
    let file = folder.join("chain.json");
    fs::write(&file, spec.to_string()).expect("a file can be written");
    file
}

/// The specification of a development chain that makes blocks as fast as its disk lets it.
pub fn quick(folder: &Path) -> PathBuf {
    specification(folder, |spec| spec["genesis"]["parameters"]["block_interval_min"] = 1.into())
}

/// The call that does nothing.
pub fn noop() -> Vec<u8> {
    RuntimeCall::from(salus_system::Call::Noop {}).encode()
}

/// A motion of the council, which passes at once when one aye is enough.
pub fn propose(act: Act) -> Vec<u8> {
    RuntimeCall::from(salus_council::Call::Propose { act, cosign: CoSigns::new() }).encode()
}

/// A motion that makes these keys the council, one of them enough to pass motions.
pub fn council_of(keys: &[&KeyPair]) -> Vec<u8> {
    let members: Vec<_> = keys.iter().map(|key| key.public()).collect();
    propose(Act::CouncilSet { members: Members::try_from(members).expect("a council has room"), threshold: 1 })
}

/// The wire form in hex, as it is submitted.
pub fn wire(raw: &RawExtrinsic) -> String {
    format!("0x{}", hex::encode(raw.encode()))
}

/// A block as a node tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its height.
    pub height: u32,
    /// Its hash, in hex.
    pub hash: String,
    /// Its state root, in hex.
    pub root: String,
    /// Its extrinsics, in hex.
    pub extrinsics: Vec<String>,
}

/// A chain behind a node.
pub struct Chain {
    /// The connection.
    pub rpc: Rpc,
    /// What signatures bind.
    pub context: ChainContext,
}

impl Chain {
    /// The chain of a node that runs.
    pub fn of(node: &Node) -> Self {
        let rpc = Rpc::connect(node.address()).expect("the node serves");
        Self::on(rpc).expect("the node serves")
    }

    /// The chain behind a connection.
    pub fn on(mut rpc: Rpc) -> Result<Self, Failure> {
        let genesis = rpc.call("chain_getBlockHash", json!([0]))?;
        let version = rpc.call("state_getRuntimeVersion", json!([]))?;
        let number = |name: &str| version[name].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a version");
        let context = ChainContext {
            spec_version: number("specVersion"),
            transaction_version: number("transactionVersion"),
            genesis: hash_of(&genesis),
        };
        Ok(Self { rpc, context })
    }

    /// A signed extrinsic that never expires.
    pub fn sign(&self, key: &KeyPair, nonce: u32, call: Vec<u8>) -> RawExtrinsic {
        extrinsic::sign(key, call, Era::Immortal, nonce, &self.context, &self.context.genesis)
    }

    /// The number of the account's next extrinsic, with what is pending.
    pub fn nonce(&mut self, key: &KeyPair) -> Result<u32, Failure> {
        let nonce = self.rpc.call("system_accountNextIndex", json!([key.public().to_string()]))?;
        Ok(u32::try_from(nonce.as_u64().expect("a number")).expect("a nonce is short"))
    }

    /// Submit an extrinsic.
    pub fn submit(&mut self, raw: &RawExtrinsic) -> Result<Value, Failure> {
        self.rpc.call("author_submitExtrinsic", json!([wire(raw)]))
    }

    /// Height of the newest final block.
    pub fn height(&mut self) -> Result<u32, Failure> {
        let header = self.rpc.call("chain_getHeader", json!([]))?;
        Ok(height_of(&header))
    }

    /// The block at a height, none above the newest.
    pub fn block(&mut self, height: u32) -> Result<Option<Seen>, Failure> {
        let hash = self.rpc.call("chain_getBlockHash", json!([height]))?;
        if hash.is_null() {
            return Ok(None);
        }
        let block = self.rpc.call("chain_getBlock", json!([hash]))?;
        let text = |value: &Value| value.as_str().expect("hex").to_owned();
        let extrinsics = block["block"]["extrinsics"].as_array().expect("a list").iter().map(text).collect();
        let header = &block["block"]["header"];
        assert_eq!(height_of(header), height, "the block of a height has that height");
        Ok(Some(Seen { height, hash: text(&hash), root: text(&header["stateRoot"]), extrinsics }))
    }

    /// The blocks of all heights after genesis.
    pub fn blocks(&mut self) -> Vec<Seen> {
        let tip = self.height().expect("the node serves");
        (1..=tip).map(|height| self.block(height).expect("the node serves").expect("it is below the tip")).collect()
    }

    /// Wait until a block holds this extrinsic, looking from `height` on; that block's height.
    ///
    /// # Panics
    /// When none does.
    pub fn wait_for(&mut self, raw: &RawExtrinsic, mut height: u32) -> u32 {
        let (begun, wire) = (Instant::now(), wire(raw));
        loop {
            match self.block(height).expect("the node serves") {
                Some(block) if block.extrinsics.contains(&wire) => return height,
                Some(_) => height += 1,
                None => thread::sleep(Duration::from_millis(5)),
            }
            assert!(begun.elapsed() < PATIENCE, "the extrinsic is in no block");
        }
    }

    /// Submit a call of the council's key and wait until it is final; the block's height.
    ///
    /// # Panics
    /// When it does not come to that: the node is not well.
    pub fn finalise(&mut self, call: Vec<u8>) -> u32 {
        let key = development_key("council");
        let nonce = self.nonce(&key).expect("the node serves");
        let from = self.height().expect("the node serves");
        let raw = self.sign(&key, nonce, call);
        self.submit(&raw).unwrap_or_else(|failure| panic!("a good extrinsic is refused: {failure:?}"));
        self.wait_for(&raw, from)
    }

    /// Make this many blocks, each with an extrinsic; the newest height.
    pub fn grow(&mut self, blocks: u32) -> u32 {
        (0..blocks).map(|_| self.finalise(noop())).last().unwrap_or_default()
    }

    /// How the only extrinsic of a block ended: the event's bytes, none when it took effect.
    pub fn failure_at(&mut self, height: u32) -> Option<Vec<u8>> {
        let hash = self.rpc.ask("chain_getBlockHash", json!([height]));
        let key = format!("0x{}", hex::encode(salus_primitives::storage_key::prefix("System", "Events")));
        let events = self.rpc.ask("state_getStorage", json!([key, hash]));
        let bytes = hex::decode(events.as_str().expect("hex").trim_start_matches("0x")).expect("hex");
        // One event of the first extrinsic by System; 0 is success, 1 failure.
        bytes.strip_prefix(&[4, 0, 0, 0, 0, 0, 0, 1]).map(<[u8]>::to_vec)
    }

    /// An era of `period` blocks that began at `height`, and the hash signed with it.
    pub fn era(&mut self, period: u64, height: u32) -> (Era, Hash) {
        let era = Era::mortal(period, Height(height));
        let birth = era.birth(Height(height)).0;
        (era, hash_of(&self.rpc.ask("chain_getBlockHash", json!([birth]))))
    }
}

/// A hash told in hex.
pub fn hash_of(value: &Value) -> Hash {
    let mut bytes = [0; 32];
    let text = value.as_str().expect("a hash is text");
    hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes).expect("a hash is hex");
    Hash(bytes)
}

fn height_of(header: &Value) -> u32 {
    let text = header["number"].as_str().expect("a header has a number");
    u32::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number is hex")
}
