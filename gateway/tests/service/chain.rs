//! A chain in memory behind the gateway: every read counts, and a test may change the chain between two of them.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use parity_scale_codec::Decode as _;
use salus_client::door::ExtrinsicState;
use salus_gateway::ledger::{Certified, Ledger, LedgerError, Read, SubmitFailure};
use salus_primitives::{Hash, RawExtrinsic, crypto::KeyPair, extrinsic::Extrinsic};
use salus_runtime::{Runtime, RuntimeCall};
use salus_support::testing::TestChain;

pub type Chain = TestChain<Runtime>;
type Change = Box<dyn FnOnce(&mut Chain, &mut u64) + Send>;

#[derive(Default)]
struct Inner {
    chain: Chain,
    /// How far the newest block lies behind the gateway's clock, ms.
    behind: u64,
    fails: Option<LedgerError>,
    /// What happens after so many more reads.
    change: Option<(usize, Change)>,
    /// How many calls are not taken before one is.
    not_taken: usize,
    /// The calls that were.
    calls: Vec<RuntimeCall>,
    /// How often one was tried.
    tries: usize,
}

impl Inner {
    /// A call of the gateway's own.
    fn make(&mut self, key: &KeyPair, call: RuntimeCall) -> Result<(), SubmitFailure> {
        self.tries += 1;
        if self.not_taken > 0 {
            self.not_taken -= 1;
            return Err(SubmitFailure::NotTaken("the pool is full".into()));
        }
        self.chain.call(key.public(), call.clone()).map_err(SubmitFailure::Refused)?;
        self.calls.push(call);
        Ok(())
    }
}

/// The chain that the gateway of a test reads.
#[derive(Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<Inner>>);

impl MemoryLedger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Do something with the chain.
    pub fn with<T>(&self, work: impl FnOnce(&mut Chain) -> T) -> T {
        work(&mut self.lock().chain)
    }

    /// The gateway's clock: block time and what the newest block lies behind.
    pub fn clock(&self) -> u64 {
        let inner = self.lock();
        inner.chain.now().0 + inner.behind
    }

    /// No block was made for so long.
    pub fn halt(&self, ms: u64) {
        self.lock().behind = ms;
    }

    /// Every question fails so from now on.
    pub fn fail(&self, error: Option<LedgerError>) {
        self.lock().fails = error;
    }

    /// After `reads` more reads, change the chain, or how far its newest block lies behind.
    pub fn after_reads(&self, reads: usize, change: impl FnOnce(&mut Chain, &mut u64) + Send + 'static) {
        self.lock().change = Some((reads, Box::new(change)));
    }

    /// The next calls of the gateway's own are not taken.
    pub fn take_none(&self, calls: usize) {
        self.lock().not_taken = calls;
    }

    /// Calls of the gateway's own that took effect.
    pub fn calls(&self) -> Vec<RuntimeCall> {
        self.lock().calls.clone()
    }

    /// How often the gateway tried to make a call.
    pub fn tries(&self) -> usize {
        self.lock().tries
    }
}

fn newest(chain: &Chain) -> Certified {
    Certified { height: chain.height(), hash: Hash([chain.height().0 as u8; 32]), time: chain.now() }
}

impl Ledger for MemoryLedger {
    fn newest(&self) -> BoxFuture<'_, Result<Certified, LedgerError>> {
        let inner = self.lock();
        let answer = inner.fails.clone().map_or_else(|| Ok(newest(&inner.chain)), Err);
        Box::pin(async move { answer })
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxFuture<'a, Result<Certified, LedgerError>> {
        let mut inner = self.lock();
        if let Some(error) = inner.fails.clone() {
            return Box::pin(async move { Err(error) });
        }
        let at = newest(&inner.chain);
        read(inner.chain.state(), &at);
        let Inner { chain, behind, change, .. } = &mut *inner;
        match change.take() {
            Some((0 | 1, now)) => now(chain, behind),
            Some((reads, later)) => *change = Some((reads - 1, later)),
            None => {}
        }
        Box::pin(async move { Ok(at) })
    }

    fn keys<'a>(&'a self, prefix: &'a [u8], max: usize) -> BoxFuture<'a, Result<Vec<Vec<u8>>, LedgerError>> {
        let inner = self.lock();
        let keys = inner.chain.entries().keys().filter(|key| key.starts_with(prefix)).take(max).cloned().collect();
        Box::pin(async move { Ok(keys) })
    }

    fn submit(
        &self,
        extrinsic: RawExtrinsic,
    ) -> BoxFuture<'_, Result<BoxFuture<'static, ExtrinsicState>, SubmitFailure>> {
        let mut inner = self.lock();
        if inner.not_taken > 0 {
            inner.not_taken -= 1;
            return Box::pin(async { Err(SubmitFailure::NotTaken("the pool is full".into())) });
        }
        let Ok(Extrinsic::Signed(signed)) = Extrinsic::parse(&extrinsic) else { panic!("the gateway has parsed it") };
        let call = RuntimeCall::decode(&mut &signed.call[..]).unwrap();
        let height = inner.chain.height().0;
        let state = match inner.chain.call(signed.signer, call) {
            Ok(()) => ExtrinsicState::Final { height },
            Err(error) => ExtrinsicState::Refused { height, reason: salus_client::chain::explain(&error).to_string() },
        };
        Box::pin(async move { Ok(Box::pin(async move { state }) as BoxFuture<'static, ExtrinsicState>) })
    }

    fn calls<'a>(
        &'a self,
        key: &'a KeyPair,
        calls: Vec<RuntimeCall>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), SubmitFailure>>, SubmitFailure>> {
        let mut inner = self.lock();
        let outcomes = calls.into_iter().map(|call| inner.make(key, call)).collect();
        Box::pin(async move { Ok(outcomes) })
    }
}
