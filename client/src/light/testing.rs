//! A chain in memory that proves what it says, for tests: of any state, at any time, decided by any keys.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use futures::future::BoxFuture;
use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Header, Height, Moment,
    commit::{CommitCertificate, VoteKind, vote_bytes},
    crypto::KeyPair,
    header::{Digest, SetChange, Slot},
    jump::{self, Jump},
    state_proof::{prove, state_root},
    storage_key::CODE,
    validator_set::ValidatorSet,
};
use salus_validators::{storage::Set, types::StoredSet};
use serde_json::{Value, json, value::RawValue};

use super::{Ask, Verifier};
use crate::chain::ChainError;

/// A state, flat.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Most jumps of one answer, as a node has it.
const JUMPS_MAX: usize = 32;

struct Block {
    header: Header,
    certificate: Option<CommitCertificate>,
    state: State,
}

struct Inner {
    blocks: Vec<Block>,
    keys: Vec<KeyPair>,
    set: ValidatorSet,
    jumps: Vec<Jump>,
}

/// A node that tells the truth about a chain of its own making.
pub struct HonestNode {
    genesis: Hash,
    first: ValidatorSet,
    inner: Mutex<Inner>,
}

/// What makes `header` final: these precommits, by place in the set.
///
/// # Panics
/// With more than a hundred signers.
pub fn certify(genesis: &Hash, header: &Header, signers: &[(u16, &KeyPair)]) -> CommitCertificate {
    let (height, value) = (header.number, header.vote_value());
    let signed = signers.iter().map(|(index, key)| {
        let vote = vote_bytes(genesis, height, 0, VoteKind::Precommit, Some(value), &key.public());
        (*index, key.sign(&vote))
    });
    let signatures = signed.collect::<Vec<_>>().try_into().expect("a set has at most a hundred validators");
    CommitCertificate { height, round: 0, value, signatures }
}

fn sorted(set_id: u64, mut keys: Vec<KeyPair>) -> (ValidatorSet, Vec<KeyPair>) {
    keys.sort_by_key(KeyPair::public);
    let set = ValidatorSet::new(set_id, keys.iter().map(KeyPair::public).collect()).expect("keys that make a set");
    (set, keys)
}

fn root(state: &State) -> Hash {
    state_root(state.iter().map(|(key, value)| (&key[..], &value[..])))
}

/// What `:code` holds on a chain of this spec version.
pub fn code(spec_version: u32) -> Vec<u8> {
    (salus_system::version().spec_name, spec_version, Hash::ZERO).encode()
}

impl HonestNode {
    /// A chain at genesis, of `state` and decided by `validators`. Into the state go that set and this release.
    ///
    /// # Panics
    /// When the keys make no set.
    pub fn new(mut state: State, validators: Vec<KeyPair>) -> Self {
        let (set, keys) = sorted(0, validators);
        state.entry(CODE.to_vec()).or_insert_with(|| code(salus_system::version().spec_version));
        state.insert(Set::key(), StoredSet::from(&set).encode());
        let header = Header {
            parent_hash: Hash::ZERO,
            number: Height::GENESIS,
            state_root: root(&state),
            extrinsics_root: salus_primitives::header::extrinsics_root(&[]),
            digest: Digest::default(),
        };
        let (genesis, first) = (header.hash(), set.clone());
        let blocks = vec![Block { header, certificate: None, state }];
        Self { genesis, first, inner: Mutex::new(Inner { blocks, keys, set, jumps: Vec::new() }) }
    }

    /// Hash of the genesis block.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// What a light client of this chain starts with.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.genesis, self.first.clone())
    }

    /// The newest header.
    pub fn newest(&self) -> Header {
        self.lock().newest().header.clone()
    }

    /// The header at a height.
    ///
    /// # Panics
    /// Above the newest.
    pub fn header(&self, height: u32) -> Header {
        self.lock().blocks[height as usize].header.clone()
    }

    /// Make a block at `time` whose execution changes the state like this.
    pub fn make_block(&self, time: Moment, change: impl FnOnce(&mut State)) -> Header {
        self.make(time, None, change)
    }

    /// Make a block at `time` after which `validators` decide.
    ///
    /// # Panics
    /// When the keys make no set.
    pub fn change_validators(&self, time: Moment, validators: Vec<KeyPair>) -> Header {
        self.make(time, Some(validators), |_| {})
    }

    fn make(&self, time: Moment, validators: Option<Vec<KeyPair>>, change: impl FnOnce(&mut State)) -> Header {
        let mut inner = self.lock();
        let parent = inner.newest();
        let (mut state, number, parent_hash) =
            (parent.state.clone(), parent.header.number.next(), parent.header.hash());
        change(&mut state);
        let next = validators.map(|keys| sorted(inner.set.set_id + 1, keys));
        let slot = Slot {
            time,
            build_round: 0,
            proposer_index: inner.set.proposer_index(number, 0),
            set_id: inner.set.set_id,
        };
        let mut logs = vec![slot.item()];
        if let Some((set, _)) = &next {
            state.insert(Set::key(), StoredSet::from(set).encode());
            logs.push(SetChange { set_id: set.set_id, hash: set.hash() }.item());
        }
        let header = Header {
            parent_hash,
            number,
            state_root: root(&state),
            extrinsics_root: salus_primitives::header::extrinsics_root(&[]),
            digest: Digest { logs },
        };
        let signers: Vec<(u16, &KeyPair)> = (0..).zip(&inner.keys).take(inner.set.quorum()).collect();
        let certificate = certify(&self.genesis, &header, &signers);
        if let Some((set, keys)) = next {
            inner.jumps.push(Jump { header: header.clone(), certificate: certificate.clone(), set: set.clone() });
            (inner.set, inner.keys) = (set, keys);
        }
        inner.blocks.push(Block { header: header.clone(), certificate: Some(certificate), state });
        header
    }

    /// The answer of `salus_proof` or `salus_jumps`, as a node gives it.
    ///
    /// # Errors
    /// As a node refuses: another method, an unknown block.
    ///
    /// # Panics
    /// On parameters that the light client does not send.
    pub fn answer(&self, method: &str, params: &[Value]) -> Result<Value, ChainError> {
        match method {
            "salus_proof" => {
                let keys = params[0].as_array().expect("a list of keys");
                let keys: Vec<Vec<u8>> = keys.iter().map(bytes).collect();
                self.proof(&keys, params[1].as_str())
            }
            "salus_jumps" => Ok(self.jumps(params[0].as_u64().expect("a number"))),
            _ => Err(ChainError::Refused { code: -32601, message: "Method not found".into() }),
        }
    }

    fn proof(&self, keys: &[Vec<u8>], at: Option<&str>) -> Result<Value, ChainError> {
        let inner = self.lock();
        let named = |block: &&Block| at.is_none_or(|hash| block.header.hash().to_string() == hash);
        let unknown = ChainError::Refused { code: 4003, message: "UnknownBlock".into() };
        let block = inner.blocks.iter().rev().find(named).ok_or(unknown)?;
        Ok(json!({
            "at": block.header.hash().to_string(),
            "height": block.header.number.0,
            "header": text(block.header.encode()),
            "certificate": block.certificate.as_ref().map(|certificate| text(certificate.encode())),
            "values": keys.iter().map(|key| block.state.get(key).map(text)).collect::<Vec<_>>(),
            "proof": [text(prove(&block.state, keys).encode())],
        }))
    }

    fn jumps(&self, from: u64) -> Value {
        let inner = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(inner.jumps.len());
        let to = inner.jumps.len().min(from + JUMPS_MAX);
        json!({
            "setId": inner.set.set_id,
            "jumps": text(jump::to_file(&self.genesis, &inner.jumps[from..to])),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("a test that panicked is over")
    }
}

impl Inner {
    fn newest(&self) -> &Block {
        self.blocks.last().expect("genesis is always there")
    }
}

impl Ask for HonestNode {
    fn ask<'a>(&'a self, method: &'a str, params: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>> {
        Box::pin(async move { self.answer(method, &params).map(raw) })
    }
}

/// An answer as it comes from outside.
pub fn raw(answer: Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(&answer).expect("JSON is JSON")
}

/// Bytes as a node writes them.
pub fn text(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Bytes as a node writes them, read back.
///
/// # Panics
/// When they are none.
pub fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a text");
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).expect("hex")
}
