//! Asking a node, and believing what it proves.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use parity_scale_codec::Decode as _;
use salus_primitives::{Hash, Moment, jump, runtime_api::StateReader, storage_key::CODE, validator_set::ValidatorSet};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    ANSWER_BYTES_MAX, Ask, Certified, Checkpoint, KEYS_MAX, Lie, LightError, ProvenState, ROUNDS_MAX, Verifier,
    VerifyError,
};

/// What is trusted before anything was proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    /// A chain from its beginning.
    Genesis {
        /// Hash of the genesis block.
        genesis: Hash,
        /// The validators it names.
        first: ValidatorSet,
    },
    /// A chain from a block on that somebody vouches for. At height 0 that is genesis itself.
    Checkpoint {
        /// Hash of the genesis block.
        genesis: Hash,
        /// The block.
        checkpoint: Checkpoint,
    },
}

impl Trust {
    /// A chain by nothing but the hash of its genesis block.
    pub fn genesis(genesis: Hash) -> Self {
        Self::Checkpoint {
            genesis,
            checkpoint: Checkpoint { height: salus_primitives::Height::GENESIS, hash: genesis },
        }
    }
}

/// How to judge time.
#[derive(Clone)]
pub struct Options {
    /// Age at which the newest block is too old to decide on, ms. An idle chain makes a block every 4 s.
    pub stale_after: u64,
    /// What time it is, ms since the epoch. By default this machine's clock.
    pub clock: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self { stale_after: 12_000, clock: Arc::new(machine_clock) }
    }
}

fn machine_clock() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// An answer of a decision, and what it rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged<T> {
    /// The answer.
    pub answer: T,
    /// The block on whose state it was given.
    pub at: Certified,
    /// All keys that were proven for it: with them [`Light::judge_again`] asks the node once.
    pub keys: BTreeSet<Vec<u8>>,
}

/// A light client of one node. Shared by reference; several may ask at once.
pub struct Light {
    node: Arc<dyn Ask>,
    verifier: Mutex<Verifier>,
    newest: Mutex<Option<Certified>>,
    options: Options,
}

impl core::fmt::Debug for Light {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Light({:?})", self.seen())
    }
}

/// What `salus_proof` answers, as far as it is looked at.
#[derive(Deserialize)]
struct ProofAnswer {
    header: String,
    certificate: Option<String>,
    values: Vec<Option<String>>,
    proof: Vec<String>,
}

/// What `salus_jumps` answers, as far as it is looked at.
#[derive(Deserialize)]
struct JumpsAnswer {
    jumps: String,
}

impl Light {
    /// A light client of `node` that knows by `verifier` what to believe.
    pub fn new(node: Arc<dyn Ask>, verifier: Verifier, options: Options) -> Self {
        Self { node, verifier: Mutex::new(verifier), newest: Mutex::new(None), options }
    }

    /// A light client of `node` that trusts `trust`. From a checkpoint on, no block up to it is taken for the newest.
    ///
    /// # Errors
    /// [`LightError`]; without a checkpoint the node is not asked.
    pub async fn start(node: Arc<dyn Ask>, trust: Trust, options: Options) -> Result<Self, LightError> {
        let (genesis, checkpoint) = match trust {
            Trust::Genesis { genesis, first } => return Ok(Self::new(node, Verifier::new(genesis, first), options)),
            Trust::Checkpoint { genesis, checkpoint } => (genesis, checkpoint),
        };
        let keys = [Verifier::set_key()];
        let answer = ask_proof(&*node, &keys, Some(checkpoint.hash)).await?;
        let at = checkpoint.verify_header(&bytes("header", &answer.header)?).map_err(LightError::lie)?;
        let verifier = Verifier::from_checkpoint(genesis, &prove(&at, &keys, answer)?).map_err(LightError::lie)?;
        let light = Self::new(node, verifier, options);
        *light.lock_newest() = Some(at);
        Ok(light)
    }

    /// Hash of the genesis block.
    pub fn genesis(&self) -> Hash {
        self.lock_verifier().genesis()
    }

    /// The newest block seen so far, none before the first answer. The node is not asked.
    pub fn seen(&self) -> Option<Certified> {
        *self.lock_newest()
    }

    /// How old a block is by this machine's clock, ms; zero for one ahead of it.
    pub fn age(&self, block: &Certified) -> u64 {
        (self.options.clock)().0.saturating_sub(block.time.0)
    }

    /// The newest final block that the node shows, whatever its age.
    ///
    /// # Errors
    /// [`LightError::NodeLied`] or [`LightError::Unreachable`].
    pub async fn newest(&self) -> Result<Certified, LightError> {
        Ok(*self.newest_state(&BTreeSet::new()).await?.at())
    }

    /// The values of `keys` in the newest state, all of one block, in one question.
    ///
    /// # Errors
    /// [`LightError`]; [`LightError::Stale`] when the newest block is too old.
    pub async fn values(&self, keys: &BTreeSet<Vec<u8>>) -> Result<ProvenState, LightError> {
        bounded(keys.len())?;
        let state = self.newest_state(keys).await?;
        self.check_age(state.at())?;
        Ok(state)
    }

    /// The values of `keys` in the state after `at`, which was certified before. Of whatever age.
    ///
    /// # Errors
    /// [`LightError::NodeLied`] or [`LightError::Unreachable`].
    pub async fn values_at(&self, at: &Certified, keys: &BTreeSet<Vec<u8>>) -> Result<ProvenState, LightError> {
        bounded(keys.len())?;
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let answer = ask_proof(&*self.node, &keys, Some(at.hash)).await?;
        let found = salus_primitives::crypto::blake2_256(&bytes("header", &answer.header)?);
        if found != at.hash {
            return Err(LightError::lie(Lie::OtherBlock { found, asked: at.hash }));
        }
        prove(at, &keys, answer)
    }

    /// What `decide` says on the newest state, every key it read being proven, absent ones too. It is run several
    /// times, on more and more keys of one block, and must only read; what it says on too few keys is thrown away.
    ///
    /// # Errors
    /// [`LightError`]; [`LightError::Stale`] when the newest block is too old, at the beginning or at the end.
    pub async fn judge<T>(&self, decide: impl Fn(&dyn StateReader, &Certified) -> T) -> Result<Judged<T>, LightError> {
        self.judge_again(&BTreeSet::new(), decide).await
    }

    /// As [`judge`](Self::judge), asking for `keys` at once: with those of the last time, one question is enough as
    /// long as nothing changed.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub async fn judge_again<T>(
        &self,
        keys: &BTreeSet<Vec<u8>>,
        decide: impl Fn(&dyn StateReader, &Certified) -> T,
    ) -> Result<Judged<T>, LightError> {
        let mut first = keys.clone();
        first.insert(CODE.to_vec());
        let mut state = self.values(&first).await?;
        check_release(&state)?;
        let at = *state.at();
        for _ in 0..ROUNDS_MAX {
            match state.read(|state| decide(state, &at)) {
                Ok(answer) => {
                    self.check_age(&at)?;
                    return Ok(Judged { answer, at, keys: state.keys() });
                }
                Err(unproven) => {
                    bounded(state.len() + unproven.keys.len())?;
                    let more = self.values_at(&at, &unproven.keys).await?;
                    state.join(more).map_err(LightError::lie)?;
                }
            }
        }
        Err(LightError::TooManyRounds)
    }

    fn check_age(&self, block: &Certified) -> Result<(), LightError> {
        let (age, max) = (self.age(block), self.options.stale_after);
        if age > max { Err(LightError::Stale { height: block.height, age, max }) } else { Ok(()) }
    }

    async fn newest_state(&self, keys: &BTreeSet<Vec<u8>>) -> Result<ProvenState, LightError> {
        // What was seen before the question: answers to two questions may come in any order.
        let before = self.seen();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let answer = ask_proof(&*self.node, &keys, None).await?;
        let header = bytes("header", &answer.header)?;
        let certificate = answer.certificate.as_deref().map(|text| bytes("certificate", text)).transpose()?;
        let at = self.certify(&header, certificate.as_deref()).await?;
        let state = prove(&at, &keys, answer)?;
        self.advance(before, at)?;
        Ok(state)
    }

    /// Verify a header, following the validators to its set first if need be.
    async fn certify(&self, header: &[u8], certificate: Option<&[u8]>) -> Result<Certified, LightError> {
        loop {
            let verifier = self.lock_verifier().clone();
            match verifier.verify_header(header, certificate) {
                Err(VerifyError::Ahead { found, known }) => self.follow(verifier, found, known).await?,
                other => return other.map_err(LightError::lie),
            }
        }
    }

    /// Follow the validators some way on from set `known`. Each time some way, so that it comes to an end: no node
    /// makes up jumps.
    async fn follow(&self, mut verifier: Verifier, shown: u64, known: u64) -> Result<(), LightError> {
        let answer: JumpsAnswer = ask(&*self.node, "salus_jumps", vec![known.into()]).await?;
        let file = bytes("jumps", &answer.jumps)?;
        let jumps = jump::from_file(&file, &verifier.genesis()).map_err(LightError::lie)?;
        if jumps.is_empty() {
            return Err(LightError::lie(Lie::NoJumps { shown, known }));
        }
        verifier.follow(&jumps).map_err(LightError::lie)?;
        let mut current = self.lock_verifier();
        if verifier.set().set_id > current.set().set_id {
            *current = verifier;
        }
        Ok(())
    }

    /// Take `at` for the newest block, unless it is older than what was seen before the question.
    fn advance(&self, before: Option<Certified>, at: Certified) -> Result<(), LightError> {
        if let Some(before) = before.filter(|before| at.height < before.height) {
            return Err(LightError::lie(Lie::WentBack { found: at.height, known: before.height }));
        }
        let mut newest = self.lock_newest();
        for seen in before.into_iter().chain(*newest).filter(|seen| seen.height == at.height) {
            if seen.hash != at.hash {
                return Err(LightError::lie(Lie::Fork { height: at.height, first: seen.hash, second: at.hash }));
            }
        }
        if newest.is_none_or(|newest| newest.height < at.height) {
            *newest = Some(at);
        }
        Ok(())
    }

    fn lock_verifier(&self) -> std::sync::MutexGuard<'_, Verifier> {
        self.verifier.lock().expect("nothing panics while it is held")
    }

    fn lock_newest(&self) -> std::sync::MutexGuard<'_, Option<Certified>> {
        self.newest.lock().expect("nothing panics while it is held")
    }
}

fn bounded(found: usize) -> Result<(), LightError> {
    if found > KEYS_MAX { Err(LightError::TooManyKeys { found }) } else { Ok(()) }
}

/// Is the state one that this program reads as it was written?
fn check_release(state: &ProvenState) -> Result<(), LightError> {
    let ours = salus_system::version();
    let ours = (ours.spec_name, ours.spec_version);
    // Name and spec version come first in it.
    let value = state.value(CODE).ok().flatten().unwrap_or_default();
    let found = <(String, u32)>::decode(&mut &value[..]).unwrap_or_default();
    if found == ours {
        return Ok(());
    }
    let text = |(name, version): (String, u32)| format!("\"{name}\" of spec version {version}");
    Err(LightError::OtherRelease { found: text(found), ours: text(ours) })
}

fn prove<K: AsRef<[u8]>>(at: &Certified, keys: &[K], answer: ProofAnswer) -> Result<ProvenState, LightError> {
    let value = |text: Option<String>| text.map(|text| bytes("value", &text)).transpose();
    let values = answer.values.into_iter().map(value).collect::<Result<_, _>>()?;
    let [proof] = &answer.proof[..] else { return Err(LightError::lie(Lie::Form { what: "proof" })) };
    at.prove(keys, values, &bytes("proof", proof)?).map_err(LightError::lie)
}

fn bytes(what: &'static str, text: &str) -> Result<Vec<u8>, LightError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|_| LightError::lie(Lie::Form { what }))
}

async fn ask_proof<K: AsRef<[u8]>>(node: &dyn Ask, keys: &[K], at: Option<Hash>) -> Result<ProofAnswer, LightError> {
    let keys: Vec<String> = keys.iter().map(|key| format!("0x{}", hex::encode(key))).collect();
    ask(node, "salus_proof", vec![json!(keys), json!(at.map(|at| at.to_string()))]).await
}

async fn ask<T: DeserializeOwned>(node: &dyn Ask, method: &str, params: Vec<Value>) -> Result<T, LightError> {
    let answer = node.ask(method, params).await?;
    let bytes = answer.get().len();
    if bytes > ANSWER_BYTES_MAX {
        return Err(LightError::lie(Lie::Giant { bytes, max: ANSWER_BYTES_MAX }));
    }
    serde_json::from_str(answer.get()).map_err(|_| LightError::lie(Lie::Form { what: "answer" }))
}
