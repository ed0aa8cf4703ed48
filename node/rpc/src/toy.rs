//! An in-memory chain behind [`Backend`]: blocks on demand, a runtime of one call. For tests.
//!
//! Its call is SCALE `(key, Option<value>)`: put or delete. Signatures are not looked at.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use parity_scale_codec::{Compact, Decode, Encode};
use salus_primitives::{
    AccountId, Hash, Header, Height, Moment, RawExtrinsic,
    commit::{CommitCertificate, VoteKind, vote_bytes},
    crypto::{KeyPair, Signature, sha256},
    dispatch::{DispatchError, InvalidTransaction},
    extrinsic::{Era, Extrinsic, SignedExtrinsic},
    header::{Digest, DigestItem, SetChange, Slot, extrinsics_root},
    runtime_api::{CallError, Changes, StateReader},
    storage_key::CODE,
    validator_set::ValidatorSet,
};
use tokio::sync::{broadcast, mpsc};

use crate::{
    backend::{
        Backend, DryRun, ExtrinsicStatus, ExtrinsicWatch, FinalisedBlock, Identity, NodeStatus, NotTried, PeerStatus,
        PoolStatus, Refusal, SubmitError,
    },
    connection::lock,
};

mod runtime;
pub use runtime::ToyRuntime;

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Where the runtime keeps its spec version.
pub const SPEC: &[u8] = b":spec";

/// Where the runtime keeps the id of the validator set.
pub const SET: &[u8] = b":set";

/// The only validator of a set.
pub fn validator(set_id: u64) -> KeyPair {
    KeyPair::from_seed(&[1 + set_id as u8; 32])
}

/// Where the runtime keeps an account's next nonce.
pub fn nonce_key(account: &AccountId) -> Vec<u8> {
    [&b"nonce"[..], &account.0].concat()
}

/// A signed extrinsic of the toy: put `value` under `key`, or delete it.
pub fn put(seed: u8, nonce: u32, key: &[u8], value: Option<&[u8]>) -> RawExtrinsic {
    let signer = KeyPair::from_seed(&[seed; 32]).public();
    let call = (key, value).encode();
    SignedExtrinsic { signer, signature: Signature([7; 64]), era: Era::Immortal, nonce, call }.to_raw()
}

#[derive(Clone)]
struct Entry {
    hash: Hash,
    header: Header,
    extrinsics: Vec<RawExtrinsic>,
    changes: Changes,
    state: Option<Arc<State>>,
}

struct Pooled {
    extrinsic: RawExtrinsic,
    signed: SignedExtrinsic,
    watcher: Option<mpsc::Sender<ExtrinsicStatus>>,
}

struct Inner {
    chain: Vec<Entry>,
    pool: Vec<Pooled>,
    upgrade: bool,
    change: bool,
    refuse: Option<Refusal>,
    status: NodeStatus,
}

/// The chain.
pub struct Toy {
    identity: Identity,
    inner: Mutex<Inner>,
    blocks: broadcast::Sender<Arc<FinalisedBlock>>,
    runtime: ToyRuntime,
}

/// How a toy stands until it is told otherwise: one of four validators, connected to the other three.
pub fn four_hospitals() -> NodeStatus {
    let key = |seed: u8| KeyPair::from_seed(&[seed; 32]).public();
    let peer = |seed: u8| PeerStatus { key: key(seed), validator: true, tip: Some(Height::GENESIS) };
    NodeStatus {
        name: "toy".into(),
        round: 0,
        validator: Some(key(200)),
        in_set: true,
        silent_until: None,
        validators: 4,
        quorum: 3,
        peers: [201, 202, 203].map(peer).to_vec(),
        behind: 0,
        heartbeat_age: Duration::from_millis(1_500),
    }
}

impl Default for Toy {
    fn default() -> Self {
        Self::new(16)
    }
}

fn nonce_of(state: &State, account: &AccountId) -> u32 {
    state.get(&nonce_key(account)).and_then(|bytes| u32::decode(&mut &bytes[..]).ok()).unwrap_or(0)
}

fn set_of(state: &State) -> u64 {
    state.get(SET).and_then(|bytes| u64::decode(&mut &bytes[..]).ok()).unwrap_or(0)
}

fn validators(set_id: u64) -> ValidatorSet {
    ValidatorSet::new(set_id, vec![validator(set_id).public()]).expect("one good key is a set")
}

/// What makes a block final: the one validator of its set signed.
fn certificate(genesis: &Hash, header: &Header) -> CommitCertificate {
    let key = validator(header.slot().map_or(0, |slot| slot.set_id));
    let value = header.vote_value();
    let vote = vote_bytes(genesis, header.number, 0, VoteKind::Precommit, Some(value), &key.public());
    let signatures = vec![(0, key.sign(&vote))].try_into().expect("one signature is within the bound");
    CommitCertificate { height: header.number, round: 0, value, signatures }
}

impl Toy {
    /// A chain with a genesis block, whose feed of blocks holds `capacity` of them.
    pub fn new(capacity: usize) -> Self {
        let state: State = [(CODE.to_vec(), b"toy runtime 1".to_vec()), (SPEC.to_vec(), 1u32.encode())].into();
        let header = Header {
            parent_hash: Hash::ZERO,
            number: Height::GENESIS,
            state_root: sha256(&state.encode()),
            extrinsics_root: extrinsics_root(&[]),
            digest: Digest::default(),
        };
        let hash = header.hash();
        let genesis =
            Entry { hash, header, extrinsics: Vec::new(), changes: Changes::new(), state: Some(Arc::new(state)) };
        let properties = [("ss58Format".to_owned(), 42.into())].into_iter().collect();
        Self {
            identity: Identity {
                chain: "Toy".into(),
                genesis: hash,
                properties,
                node_name: "salus-toy".into(),
                node_version: "0.1.0".into(),
            },
            inner: Mutex::new(Inner {
                chain: vec![genesis],
                pool: Vec::new(),
                upgrade: false,
                change: false,
                refuse: None,
                status: four_hospitals(),
            }),
            blocks: broadcast::channel(capacity).0,
            runtime: ToyRuntime,
        }
    }

    /// Let the next block raise the spec version and change `:code`.
    pub fn upgrade(&self) {
        lock(&self.inner).upgrade = true;
    }

    /// Let the next block change the validator set.
    pub fn change_validators(&self) {
        lock(&self.inner).change = true;
    }

    /// Refuse every extrinsic for this reason from now on, or no more.
    pub fn refuse(&self, class: Option<Refusal>) {
        lock(&self.inner).refuse = class;
    }

    /// Stand among the others like this from now on.
    pub fn stand(&self, status: NodeStatus) {
        lock(&self.inner).status = status;
    }

    /// Forget the state of a block.
    pub fn prune(&self, hash: &Hash) {
        for entry in lock(&self.inner).chain.iter_mut().filter(|entry| entry.hash == *hash) {
            entry.state = None;
        }
    }

    /// Put values into the next block's state without an extrinsic, then make that block.
    pub fn make_block_with(&self, changes: Changes) -> Hash {
        let mut inner = lock(&self.inner);
        let (block, told) = inner.build(changes);
        drop(inner);
        let hash = block.hash;
        // Nobody may be listening.
        let _ = self.blocks.send(Arc::new(block));
        for (watcher, status) in told {
            let _ = watcher.try_send(status);
        }
        hash
    }

    /// Make a block of everything in the pool whose turn it is.
    pub fn make_block(&self) -> Hash {
        self.make_block_with(Changes::new())
    }

    fn entry<T>(&self, hash: &Hash, with: impl FnOnce(&Entry) -> T) -> Option<T> {
        lock(&self.inner).chain.iter().find(|entry| entry.hash == *hash).map(with)
    }

    fn state(&self, hash: &Hash) -> Option<Arc<State>> {
        self.entry(hash, |entry| entry.state.clone())?
    }

    fn take(
        &self,
        extrinsic: RawExtrinsic,
        watcher: Option<mpsc::Sender<ExtrinsicStatus>>,
    ) -> Result<Hash, SubmitError> {
        let mut inner = lock(&self.inner);
        if let Some(class) = inner.refuse {
            return Err(SubmitError::Refused { class, text: "the toy was told to refuse".into() });
        }
        let signed = match Extrinsic::parse(&extrinsic) {
            Ok(Extrinsic::Signed(signed)) => signed,
            _ => return Err(InvalidTransaction::BadProof.into()),
        };
        <(Vec<u8>, Option<Vec<u8>>)>::decode(&mut &signed.call[..]).map_err(|_| InvalidTransaction::Call)?;
        let next = inner.head().state.as_ref().map_or(0, |state| nonce_of(state, &signed.signer));
        if signed.nonce < next {
            return Err(InvalidTransaction::Stale.into());
        }
        if inner.pool.iter().any(|pooled| pooled.extrinsic == extrinsic) {
            let text = "it is in the pool already".into();
            return Err(SubmitError::Refused { class: Refusal::AlreadyImported, text });
        }
        if let Some(watcher) = &watcher {
            let first = if signed.nonce == next { ExtrinsicStatus::Ready } else { ExtrinsicStatus::Future };
            let _ = watcher.try_send(first);
        }
        let hash = extrinsic.hash();
        inner.pool.push(Pooled { extrinsic, signed, watcher });
        Ok(hash)
    }
}

type Told = Vec<(mpsc::Sender<ExtrinsicStatus>, ExtrinsicStatus)>;

impl Inner {
    fn head(&self) -> &Entry {
        self.chain.last().expect("genesis is never removed")
    }

    fn build(&mut self, mut changes: Changes) -> (FinalisedBlock, Told) {
        let parent = self.head().clone();
        let mut state = (*parent.state.clone().unwrap_or_default()).clone();
        let number = parent.header.number.next();
        let set_id = set_of(&state);
        let mut logs =
            vec![Slot { time: Moment(u64::from(number.0) * 1_000), build_round: 0, proposer_index: 0, set_id }.item()];
        if std::mem::take(&mut self.change) {
            let next = validators(set_id + 1);
            changes.insert(SET.to_vec(), Some(next.set_id.encode()));
            logs.push(SetChange { set_id: next.set_id, hash: next.hash() }.item());
        }
        if std::mem::take(&mut self.upgrade) {
            let spec = state.get(SPEC).and_then(|bytes| u32::decode(&mut &bytes[..]).ok()).unwrap_or(0) + 1;
            changes.insert(SPEC.to_vec(), Some(spec.encode()));
            changes.insert(CODE.to_vec(), Some(format!("toy runtime {spec}").into_bytes()));
            logs.push(DigestItem::RuntimeEnvironmentUpdated);
        }
        let (mut extrinsics, mut included) = (Vec::new(), Vec::new());
        self.pool.sort_by_key(|pooled| pooled.signed.nonce);
        let (mut told, mut left) = (Told::new(), Vec::new());
        for pooled in self.pool.drain(..) {
            let next = nonce_of(&state, &pooled.signed.signer);
            if pooled.signed.nonce > next {
                left.push(pooled);
                continue;
            }
            if pooled.signed.nonce < next {
                told.extend(
                    pooled.watcher.map(|watcher| (watcher, ExtrinsicStatus::Invalid(InvalidTransaction::Stale))),
                );
                continue;
            }
            let nonce = (nonce_key(&pooled.signed.signer), Some((next + 1).encode()));
            let call = <(Vec<u8>, Option<Vec<u8>>)>::decode(&mut &pooled.signed.call[..]);
            for (key, value) in [nonce].into_iter().chain(call) {
                match &value {
                    Some(value) => _ = state.insert(key.clone(), value.clone()),
                    None => _ = state.remove(&key),
                }
                changes.insert(key, value);
            }
            included.push((pooled.watcher, extrinsics.len() as u32));
            extrinsics.push(pooled.extrinsic);
        }
        self.pool = left;
        for (key, value) in &changes {
            match value {
                Some(value) => _ = state.insert(key.clone(), value.clone()),
                None => _ = state.remove(key),
            }
        }
        let header = Header {
            parent_hash: parent.hash,
            number,
            state_root: sha256(&state.encode()),
            extrinsics_root: extrinsics_root(&extrinsics),
            digest: Digest { logs },
        };
        let hash = header.hash();
        told.extend(included.into_iter().filter_map(|(watcher, index)| {
            watcher.map(|watcher| (watcher, ExtrinsicStatus::Finalised { block: hash, index }))
        }));
        let (state, changed) = (Some(Arc::new(state)), changes.clone());
        let entry = Entry { hash, header: header.clone(), extrinsics: extrinsics.clone(), changes: changed, state };
        self.chain.push(entry);
        (FinalisedBlock { hash, header, extrinsics, changes: Some(changes) }, told)
    }
}

struct Reader(Arc<State>);

impl StateReader for Reader {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
}

#[async_trait]
impl Backend for Toy {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn finalised(&self) -> (Hash, Header) {
        let inner = lock(&self.inner);
        (inner.head().hash, inner.head().header.clone())
    }

    fn header(&self, hash: &Hash) -> Option<Header> {
        self.entry(hash, |entry| entry.header.clone())
    }

    fn hash_at(&self, height: Height) -> Option<Hash> {
        lock(&self.inner).chain.get(height.0 as usize).map(|entry| entry.hash)
    }

    fn body(&self, hash: &Hash) -> Option<Vec<RawExtrinsic>> {
        self.entry(hash, |entry| entry.extrinsics.clone())
    }

    fn justification(&self, hash: &Hash) -> Option<Vec<u8>> {
        let genesis = self.identity.genesis;
        let certified = |entry: &Entry| entry.header.number.previous().map(|_| certificate(&genesis, &entry.header));
        Some(self.entry(hash, certified)??.encode())
    }

    fn state_at(&self, hash: &Hash) -> Option<Box<dyn StateReader + '_>> {
        Some(Box::new(Reader(self.state(hash)?)))
    }

    fn keys_paged(&self, hash: &Hash, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Option<Vec<Vec<u8>>> {
        let state = self.state(hash)?;
        let keys = state.keys().filter(|key| key.starts_with(prefix));
        Some(keys.filter(|key| start_after.is_none_or(|start| &key[..] > start)).take(count).cloned().collect())
    }

    fn prefix_changed_at(&self, hash: &Hash, prefix: &[u8]) -> Option<Height> {
        let prefix = &prefix[..prefix.len().min(32)];
        let inner = lock(&self.inner);
        let until = inner.chain.iter().position(|entry| entry.hash == *hash)?;
        let changed = |entry: &&Entry| entry.changes.keys().any(|key| key.starts_with(prefix));
        inner.chain[..=until].iter().rev().find(changed).map(|entry| entry.header.number)
    }

    fn read_proof(&self, hash: &Hash, keys: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let state = self.state(hash)?;
        Some(keys.iter().map(|key| (key, state.get(key)).encode()).collect())
    }

    fn runtime(&self) -> &dyn salus_primitives::runtime_api::RuntimeApi {
        &self.runtime
    }

    fn blocks(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.blocks.subscribe()
    }

    async fn submit(&self, extrinsic: RawExtrinsic) -> Result<Hash, SubmitError> {
        self.take(extrinsic, None)
    }

    async fn submit_and_watch(&self, extrinsic: RawExtrinsic) -> Result<ExtrinsicWatch, SubmitError> {
        let (watcher, statuses) = mpsc::channel(4);
        let hash = self.take(extrinsic, Some(watcher))?;
        Ok(ExtrinsicWatch { hash, statuses })
    }

    fn pending(&self) -> Vec<RawExtrinsic> {
        lock(&self.inner).pool.iter().map(|pooled| pooled.extrinsic.clone()).collect()
    }

    fn pool_status(&self) -> PoolStatus {
        let inner = lock(&self.inner);
        let bytes = inner.pool.iter().map(|pooled| pooled.extrinsic.wire_len()).sum();
        let next = |signer: &AccountId| inner.head().state.as_ref().map_or(0, |state| nonce_of(state, signer));
        let ready = inner.pool.iter().filter(|pooled| pooled.signed.nonce <= next(&pooled.signed.signer)).count();
        PoolStatus { ready, waiting: inner.pool.len() - ready, bytes }
    }

    fn node_status(&self) -> NodeStatus {
        lock(&self.inner).status.clone()
    }

    fn dry_run(&self, at: &Hash, extrinsic: &RawExtrinsic) -> Result<DryRun, NotTried> {
        let state = self.state(at).ok_or(NotTried::StateDiscarded)?;
        if lock(&self.inner).refuse == Some(Refusal::Busy) {
            return Err(NotTried::Busy("the toy was told to refuse".into()));
        }
        Ok(match Extrinsic::parse(extrinsic) {
            Ok(Extrinsic::Signed(signed)) if signed.nonce < nonce_of(&state, &signed.signer) => {
                Err(InvalidTransaction::Stale)
            }
            Ok(Extrinsic::Signed(signed)) if signed.call.is_empty() => Ok(Err(DispatchError::BadOrigin)),
            Ok(Extrinsic::Signed(_)) => Ok(Ok(())),
            _ => Err(InvalidTransaction::BadProof),
        })
    }
}

/// What the toy's runtime functions answer besides Substrate's: `Toy_sleep` sleeps so many ms, `Toy_zeros` answers
/// so many zero bytes.
fn own_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>, CallError> {
    let number = u32::decode(&mut &arguments[..]).map_err(|_| CallError::BadArguments(name.to_owned()));
    match name {
        "Toy_sleep" => {
            std::thread::sleep(Duration::from_millis(number?.into()));
            Ok(Vec::new())
        }
        "Toy_zeros" => Ok(vec![0; number? as usize]),
        "TransactionPaymentApi_query_info" => Ok((Compact(100u64), Compact(0u64), 0u8, 0u128).encode()),
        _ => Err(CallError::NotFound(name.to_owned())),
    }
}
