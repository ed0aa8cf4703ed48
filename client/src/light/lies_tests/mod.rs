//! A light client of a node that lies, one lie per test: each is told by its name, and no answer comes of it.

mod answers;
mod judging;
mod jumps;

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures::future::BoxFuture;
use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    Hash, Header, Height, Moment,
    commit::{CertificateError, CommitCertificate},
    crypto::KeyPair,
    jump::{self, FileError, Jump, JumpFault},
    runtime_api::StateReader,
    state_proof::{Proof, ProofError},
    storage_key::CODE,
};
use serde_json::{Value, json, value::RawValue};

use super::{
    testing::{HonestNode, State, bytes, certify, code, raw, text},
    *,
};
use crate::chain::ChainError;

type Twist = Box<dyn FnMut(&str, &mut Value) + Send>;

/// A node that changes what the honest one says.
struct Liar {
    honest: Mutex<Arc<HonestNode>>,
    twist: Mutex<Twist>,
    asked: AtomicU64,
}

impl Ask for Liar {
    fn ask<'a>(&'a self, method: &'a str, params: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Relaxed);
            let mut answer = self.honest.lock().unwrap().answer(method, &params)?;
            (self.twist.lock().unwrap())(method, &mut answer);
            Ok(raw(answer))
        })
    }
}

/// A light client, the node it asks, the truth, and a clock.
struct World {
    chain: Arc<HonestNode>,
    node: Arc<Liar>,
    light: Light,
    clock: Arc<AtomicU64>,
}

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn keys(seeds: &[u8]) -> Vec<KeyPair> {
    seeds.iter().map(|seed| key(*seed)).collect()
}

fn sorted(seeds: &[u8]) -> Vec<KeyPair> {
    let mut keys = keys(seeds);
    keys.sort_by_key(KeyPair::public);
    keys
}

const FOUR: [u8; 4] = [1, 2, 3, 4];

fn state() -> State {
    [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")].map(|(key, value)| (key.to_vec(), value.to_vec())).into()
}

fn set_of(keys: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    keys.iter().map(|key| key.to_vec()).collect()
}

fn options(clock: &Arc<AtomicU64>) -> Options {
    let clock = clock.clone();
    Options { clock: Arc::new(move || Moment(clock.load(Relaxed))), ..Options::default() }
}

impl World {
    /// A chain at height 1 and time 1,000, when it is 1,500.
    fn new() -> Self {
        Self::of(HonestNode::new(state(), keys(&FOUR)))
    }

    fn of(chain: HonestNode) -> Self {
        chain.make_block(Moment(1_000), |_| {});
        let (chain, clock) = (Arc::new(chain), Arc::new(AtomicU64::new(1_500)));
        let node = Arc::new(Liar {
            honest: Mutex::new(chain.clone()),
            twist: Mutex::new(Box::new(|_, _| {})),
            asked: AtomicU64::new(0),
        });
        let light = Light::new(node.clone(), chain.verifier(), options(&clock));
        Self { chain, node, light, clock }
    }

    /// From now on answers are changed like this.
    fn lie(&self, twist: impl FnMut(&str, &mut Value) + Send + 'static) {
        *self.node.twist.lock().unwrap() = Box::new(twist);
    }

    /// From now on certificates are these.
    fn certified_by(&self, make: impl Fn(&Header) -> CommitCertificate + Send + 'static) {
        self.lie(move |_, answer| {
            let header = Header::decode(&mut &bytes(&answer["header"])[..]).unwrap();
            answer["certificate"] = json!(text(make(&header).encode()));
        });
    }

    /// What comes of asking for `a`, `b` and a key that is absent.
    async fn ask(&self) -> Result<ProvenState, LightError> {
        self.light.values(&set_of(&[b"a", b"absent", b"b"])).await
    }

    async fn told(&self) -> Lie {
        match self.ask().await {
            Err(LightError::NodeLied { what }) => what,
            other => panic!("it was believed: {other:?}"),
        }
    }
}

fn key_fault(index: usize) -> impl Fn(Lie) -> ProofError {
    move |lie| match lie {
        Lie::Proof(ProofFault::Key { index: found, reason }) if found == index => reason,
        other => panic!("{other:?}"),
    }
}
