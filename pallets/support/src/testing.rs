//! `TestChain`: a runtime table over an in-memory state, for tests that read as sentences.
//!
//! ```text
//! let mut chain = TestChain::<Runtime>::new();
//! chain.ok(ALICE, grant(CLINIC));
//! chain.refused(ALICE, grant(CLINIC), Error::AlreadyGranted);
//! ```

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    AccountId, Hash, Height, Moment,
    crypto::KeyPair,
    runtime_api::{Changes, StateReader},
    signed::{CoSign, CoSigns, cosign},
};

use crate::{Ctx, Overlay, context::Environment, table::RuntimeTable};

/// A chain of one runtime, without blocks: a call at a time, at a height and time the test sets.
pub struct TestChain<R: RuntimeTable> {
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    nonces: BTreeMap<AccountId, u32>,
    environment: Environment,
    events: Vec<R::Event>,
}

impl<R: RuntimeTable> Default for TestChain<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: RuntimeTable> TestChain<R> {
    /// An empty state at height 1, a fixed moment and a fixed genesis hash.
    pub fn new() -> Self {
        Self {
            state: BTreeMap::new(),
            nonces: BTreeMap::new(),
            environment: Environment { height: Height(1), now: Moment(1_800_000_000_000), genesis: Hash([0x47; 32]) },
            events: Vec::new(),
        }
    }

    /// Change state directly: what genesis does.
    pub fn prepare(&mut self, write: impl FnOnce(&mut Overlay<'_>)) -> &mut Self {
        let mut overlay = Overlay::new(&self.state);
        write(&mut overlay);
        let changes = overlay.into_changes();
        self.apply(changes);
        self
    }

    /// Block time.
    pub fn now(&self) -> Moment {
        self.environment.now
    }

    /// Height of the block being executed.
    pub fn height(&self) -> Height {
        self.environment.height
    }

    /// Hash of the genesis block.
    pub fn genesis(&self) -> Hash {
        self.environment.genesis
    }

    /// Let `ms` pass and a block with it.
    pub fn advance(&mut self, ms: u64) -> &mut Self {
        self.environment.now = self.environment.now.plus(ms);
        self.environment.height = self.environment.height.next();
        self
    }

    /// State, to read.
    pub fn state(&self) -> &dyn StateReader {
        &self.state
    }

    /// All of state, for checks over every key.
    pub fn entries(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.state
    }

    /// The events of the last call that was accepted.
    pub fn events(&self) -> &[R::Event] {
        &self.events
    }

    /// The nonce of the next call of `account`.
    pub fn nonce(&self, account: AccountId) -> u32 {
        self.nonces.get(&account).copied().unwrap_or(0)
    }

    /// The co-signatures of `signers` on `call`, whose co-sign list is empty, submitted by `submitter` next.
    pub fn cosigns(&self, submitter: AccountId, call: impl Into<R::Call>, signers: &[&KeyPair]) -> CoSigns {
        let call = call.into().encode();
        let message = cosign(&self.environment.genesis, &submitter, self.nonce(submitter), &call);
        let signed: Vec<_> =
            signers.iter().map(|key| CoSign { account: key.public(), signature: key.sign(&message) }).collect();
        CoSigns::try_from(signed).expect("a call has at most two co-signers")
    }

    /// Make a call: it takes effect or leaves no trace but the nonce.
    ///
    /// # Errors
    /// The pallet's.
    pub fn call(&mut self, caller: AccountId, call: impl Into<R::Call>) -> Result<(), R::Error> {
        let call = call.into();
        let bytes = call.encode();
        let decoded = R::Call::decode(&mut &bytes[..]);
        assert!(decoded.as_ref() == Ok(&call), "a call survives encoding: {call:?}");
        let nonce = self.nonce(caller);
        self.nonces.insert(caller, nonce + 1);

        let mut events = Vec::new();
        let mut overlay = Overlay::new(&self.state);
        overlay.begin();
        let mut ctx = Ctx::new(caller, nonce, &bytes, self.environment, &mut overlay, &mut events);
        let outcome = R::dispatch(&mut ctx, call);
        match outcome {
            Ok(()) => {
                overlay.commit();
                let changes = overlay.into_changes();
                self.apply(changes);
                self.events = events
                    .iter()
                    .map(|event| R::Event::decode(&mut &R::event_bytes(event)[..]).expect("an event survives encoding"))
                    .collect();
            }
            Err(_) => overlay.rollback(),
        }
        outcome
    }

    /// Make a call that must be accepted.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn ok(&mut self, caller: AccountId, call: impl Into<R::Call>) -> &mut Self {
        let call = call.into();
        if let Err(error) = self.call(caller, call.clone()) {
            panic!("{call:?} was refused: {error:?}");
        }
        self
    }

    /// Make a call that must be refused with `error`.
    ///
    /// # Panics
    /// When it is accepted, or refused otherwise.
    #[track_caller]
    pub fn refused(&mut self, caller: AccountId, call: impl Into<R::Call>, error: impl Into<R::Error>) -> &mut Self {
        let (call, before) = (call.into(), self.state.clone());
        let error = error.into();
        assert_eq!(self.call(caller, call.clone()), Err(error), "{call:?}");
        assert!(self.state == before, "a refused call changes nothing");
        self
    }

    /// The last accepted call deposited `event`.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn emitted(&mut self, event: impl Into<R::Event>) -> &mut Self {
        let event = event.into();
        assert!(self.events.contains(&event), "expected {event:?} among {:?}", self.events);
        self
    }

    fn apply(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
    }
}
