//! The budget of signatures in front of a real chain: what it lets through, what it refuses, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

use std::sync::Arc;

use parity_scale_codec::Encode;
use salus_chain_spec::presets;
use salus_engine::{Chain, Figures, Hooks, SystemClock};
use salus_node::{
    backend::{Announcer, NodeBackend, Standing},
    genesis,
    metrics::Metrics,
};
use salus_pool::{Limits, Refused};
use salus_primitives::{
    Hash, RawExtrinsic,
    crypto::KeyPair,
    dispatch::InvalidTransaction,
    extrinsic::{ChainContext, Era, sign},
};
use salus_rpc::{Backend, Identity as Who, NotTried, Refusal, SubmitError};
use salus_runtime::{RuntimeCall, SalusRuntime};
use salus_storage::{Database, Identity, Options};
use tokio::sync::watch;

/// A development chain at its genesis, with nobody who makes blocks.
fn chain(folder: &tempfile::TempDir) -> (Arc<Chain>, Hash) {
    let runtime = SalusRuntime::new();
    let genesis = genesis::of(&presets::development(), &runtime).unwrap();
    let identity = Identity { chain_id: "dev".into(), genesis: genesis.hash };
    let database = Database::open(folder.path(), &identity, Options::default()).unwrap();
    let (_, tree) = database.root_after(&genesis.changes).unwrap();
    database.commit(&genesis.block, None, &genesis.changes, tree).unwrap();
    (Chain::new(database, Arc::new(runtime), Arc::new(SystemClock), Limits::default(), Hooks::default()), genesis.hash)
}

fn noop(key: &KeyPair, nonce: u32, genesis: Hash) -> RawExtrinsic {
    let version = salus_system::version();
    let (spec_version, transaction_version) = (version.spec_version, version.transaction_version);
    let context = ChainContext { spec_version, transaction_version, genesis };
    let call = RuntimeCall::System(salus_system::Call::Noop {}).encode();
    sign(key, call, Era::Immortal, nonce, &context, &genesis)
}

fn council() -> KeyPair {
    presets::development_key("council")
}

fn backend(chain: &Arc<Chain>, genesis: Hash) -> NodeBackend {
    let who = Who {
        chain: "dev".into(),
        genesis,
        properties: Default::default(),
        node_name: "salus-node".into(),
        node_version: "0".into(),
    };
    let standing = Standing {
        name: "alone".into(),
        validator: None,
        figures: watch::channel(Figures::default()).1,
        metrics: Metrics::new(),
        peers: Box::new(Vec::new),
    };
    NodeBackend::new(who, Arc::clone(chain), Announcer::default(), Arc::new(standing))
}

#[test]
fn a_used_up_budget_refuses_what_would_have_to_be_verified_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, genesis) = chain(&folder);
    let first = noop(&council(), 0, genesis);
    assert!(chain.submit(first.clone()).is_ok(), "without a limit all is verified");

    chain.signatures.limit(0);
    let second = noop(&council(), 1, genesis);
    assert_eq!(chain.submit(second.clone()), Err(Refused::Busy { retry_after_ms: 1_001 }));
    assert_eq!(chain.pool().status().ready, 1, "what was not verified is not in the pool");
    // Form, signer and nonce are looked at before: a flood of those uses nothing up and is told the truth.
    let stranger = noop(&KeyPair::from_seed(&[9; 32]), 0, genesis);
    assert_eq!(chain.submit(stranger), Err(Refused::Invalid(InvalidTransaction::UnknownSigner)));
    assert_eq!(chain.submit(first), Err(Refused::AlreadyPending));

    chain.signatures.limit(1_000_000);
    assert!(chain.submit(second).is_ok(), "a refusal for want of time is forgotten");
}

#[tokio::test]
async fn who_submits_or_tries_hears_that_the_node_is_busy_and_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, genesis) = chain(&folder);
    let backend = backend(&chain, genesis);
    let good = noop(&council(), 0, genesis);
    assert_eq!(backend.dry_run(&genesis, &good), Ok(Ok(Ok(()))));
    assert_eq!(backend.dry_run(&Hash([7; 32]), &good), Err(NotTried::StateDiscarded));

    chain.signatures.limit(0);
    let Err(SubmitError::Refused { class, text }) = backend.submit(good.clone()).await else { panic!("refused") };
    assert_eq!((class, class.code()), (Refusal::Busy, -32009));
    assert!(class.is_temporary() && text.contains("send again in 1001 ms"), "{text}");
    assert_eq!(backend.dry_run(&genesis, &good), Err(NotTried::Busy(text)));
    assert!(backend.pending().is_empty());
}
