//! A runtime with something wrong, around the true one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use salus_primitives::{
    Hash, Header, Moment, RawExtrinsic,
    crypto::Claim,
    dispatch::InvalidTransaction,
    evidence::Evidence,
    extrinsic::Extrinsic,
    peer::Peers,
    runtime_api::{
        BlockContext, Built, CallError, Executed, InvalidBlock, RuntimeApi, StateReader, ValidTransaction,
        VerifiedSignatures,
    },
    validator_set::ValidatorSet,
    version::RuntimeVersion,
};
use salus_system::storage::{Account, Number};

use super::RuntimeFlaw;

/// The true runtime with one flaw.
pub struct FlawedRuntime {
    inner: Arc<dyn RuntimeApi>,
    flaw: RuntimeFlaw,
    executed: AtomicU64,
    /// Sets by id, each with the height after which it was first seen.
    sets: Mutex<BTreeMap<u64, (u32, ValidatorSet)>>,
    /// Executed before: what may be included again.
    old: Mutex<BTreeMap<Hash, RawExtrinsic>>,
}

impl FlawedRuntime {
    /// Put `flaw` around `inner`.
    pub fn new(inner: Arc<dyn RuntimeApi>, flaw: RuntimeFlaw) -> Self {
        Self { inner, flaw, executed: AtomicU64::new(0), sets: Mutex::default(), old: Mutex::default() }
    }

    /// Remember these, and leave out those whose nonce was used.
    fn first_time(&self, state: &dyn StateReader, extrinsics: &[RawExtrinsic]) -> Vec<RawExtrinsic> {
        self.old.lock().expect("one thread").extend(extrinsics.iter().map(|raw| (raw.hash(), raw.clone())));
        extrinsics.iter().filter(|raw| !is_used(state, raw)).cloned().collect()
    }
}

fn is_used(state: &dyn StateReader, raw: &RawExtrinsic) -> bool {
    match Extrinsic::parse(raw) {
        Ok(Extrinsic::Signed(signed)) => signed.nonce < Account::get(state, &signed.signer).nonce,
        _ => false,
    }
}

impl RuntimeApi for FlawedRuntime {
    fn version(&self, state: &dyn StateReader) -> RuntimeVersion {
        self.inner.version(state)
    }

    fn metadata(&self, version: u32) -> Option<Vec<u8>> {
        self.inner.metadata(version)
    }

    fn validators(&self, state: &dyn StateReader) -> ValidatorSet {
        let set = self.inner.validators(state);
        if self.flaw != RuntimeFlaw::SetOneHeightLate {
            return set;
        }
        let (height, mut sets) = (Number::get(state), self.sets.lock().expect("one thread"));
        let (first, _) = *sets.entry(set.set_id).or_insert_with(|| (height, set.clone()));
        // The height right after the change is still ruled by the set before.
        match set.set_id.checked_sub(1).and_then(|before| sets.get(&before)) {
            Some((_, before)) if height == first => before.clone(),
            _ => set,
        }
    }

    fn peers(&self, state: &dyn StateReader) -> Peers {
        self.inner.peers(state)
    }

    fn report(&self, evidence: &Evidence) -> RawExtrinsic {
        self.inner.report(evidence)
    }

    fn block_time(&self, state: &dyn StateReader) -> Moment {
        self.inner.block_time(state)
    }

    fn block_interval_min(&self, state: &dyn StateReader) -> u64 {
        self.inner.block_interval_min(state)
    }

    fn validate(
        &self,
        state: &dyn StateReader,
        parent: &Header,
        extrinsic: &RawExtrinsic,
        verified: &dyn VerifiedSignatures,
    ) -> Result<ValidTransaction, InvalidTransaction> {
        self.inner.validate(state, parent, extrinsic, verified)
    }

    fn claims(&self, state: &dyn StateReader, block: &BlockContext, extrinsics: &[RawExtrinsic]) -> Vec<Claim> {
        self.inner.claims(state, block, extrinsics)
    }

    fn execute(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        extrinsics: &[RawExtrinsic],
        verified: &dyn VerifiedSignatures,
    ) -> Result<Executed, InvalidBlock> {
        match self.flaw {
            RuntimeFlaw::Replay => self.inner.execute(state, block, &self.first_time(state, extrinsics), verified),
            RuntimeFlaw::Undeterministic => {
                let mut executed = self.inner.execute(state, block, extrinsics, verified)?;
                if self.executed.fetch_add(1, Ordering::Relaxed) % 40 == 39 {
                    executed.changes.insert(b"a counter of this process".to_vec(), Some(vec![1]));
                }
                Ok(executed)
            }
            RuntimeFlaw::SetOneHeightLate => self.inner.execute(state, block, extrinsics, verified),
        }
    }

    fn build(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        candidates: &mut dyn Iterator<Item = RawExtrinsic>,
        verified: &dyn VerifiedSignatures,
    ) -> Result<Built, InvalidBlock> {
        let mut built = self.inner.build(state, block, candidates, verified)?;
        if self.flaw == RuntimeFlaw::Replay && block.number.0.is_multiple_of(8) {
            let old = self.old.lock().expect("one thread");
            built.extrinsics.extend(old.values().find(|raw| is_used(state, raw)).cloned());
        }
        Ok(built)
    }

    fn call(&self, state: &dyn StateReader, at: &Header, name: &str, arguments: &[u8]) -> Result<Vec<u8>, CallError> {
        self.inner.call(state, at, name, arguments)
    }
}
