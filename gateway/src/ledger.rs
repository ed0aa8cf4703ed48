//! The chain as the gateway sees it. Everything that a release or an upload rests on is read through
//! [`Ledger::read`], which gives only what was proven against a header that the validators certified.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use salus_client::door::ExtrinsicState;
use salus_primitives::{Hash, Height, Moment, RawExtrinsic, crypto::KeyPair, runtime_api::StateReader};
use salus_runtime::{RuntimeCall, RuntimeError};

/// A block that the validators certified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certified {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash,
    /// Its time: `now` for whatever is judged on its state.
    pub time: Moment,
}

/// Why the chain was not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LedgerError {
    /// No node can be asked.
    #[error("no node can be asked: {0}")]
    Unavailable(String),
    /// What the node says is not proven.
    #[error("the node's answer is not proven: {0}")]
    NotProven(String),
    /// The newest certified block is too old, by the reader's own measure.
    #[error("the newest certified block is {age} ms old")]
    Stale {
        /// Its age, ms.
        age: u64,
    },
}

/// Why an extrinsic or call did not take effect.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum SubmitFailure {
    /// The chain executed it and refused.
    #[error("the chain refused: {}", salus_client::chain::explain(.0))]
    Refused(RuntimeError),
    /// It is in no block; the node's words.
    #[error("not taken: {0}")]
    NotTaken(String),
    /// The node could not be asked; whether it is in a block is not known.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What reads state. It may run several times, until all that it reads is proven.
pub type Read<'r> = &'r (dyn Fn(&dyn StateReader, &Certified) + Send + Sync);

/// The chain.
pub trait Ledger: Send + Sync + 'static {
    /// The newest certified block.
    fn newest(&self) -> BoxFuture<'_, Result<Certified, LedgerError>>;

    /// Run `read` on the newest certified state until everything it reads is proven; gives that block. Only what the
    /// last run found counts.
    fn read<'a>(&'a self, read: Read<'a>) -> BoxFuture<'a, Result<Certified, LedgerError>>;

    /// Keys that begin with `prefix`, at most `max` of them. The node's word alone: each one's value is to be read,
    /// and a key that the node leaves out is missed.
    fn keys<'a>(&'a self, prefix: &'a [u8], max: usize) -> BoxFuture<'a, Result<Vec<Vec<u8>>, LedgerError>>;

    /// Hand an extrinsic on. When it is taken, the inner future says what becomes of it.
    fn submit(
        &self,
        extrinsic: RawExtrinsic,
    ) -> BoxFuture<'_, Result<BoxFuture<'static, ExtrinsicState>, SubmitFailure>>;

    /// Sign calls, submit them in this order and wait until the last is final; gives what each came to. Nobody else
    /// submits with `key` meanwhile.
    fn calls<'a>(
        &'a self,
        key: &'a KeyPair,
        calls: Vec<RuntimeCall>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), SubmitFailure>>, SubmitFailure>>;
}

/// What `read` finds in the newest certified state, and in which.
///
/// # Errors
/// [`LedgerError`].
pub async fn judge<T: Send>(
    ledger: &dyn Ledger,
    read: impl Fn(&dyn StateReader, &Certified) -> T + Send + Sync,
) -> Result<(T, Certified), LedgerError> {
    let found = Mutex::new(None);
    let at = ledger
        .read(&|state: &dyn StateReader, at: &Certified| {
            let answer = read(state, at);
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        })
        .await?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.map(|answer| (answer, at)).ok_or_else(|| LedgerError::NotProven("nothing was read".to_owned()))
}
