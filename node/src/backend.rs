//! The chain as the RPC server sees it.

use std::sync::Arc;

use async_trait::async_trait;
use parity_scale_codec::Encode;
use salus_engine::{Chain, Figures, Status, budget::Metered};
use salus_pool::{DropReason, Refused};
use salus_primitives::{
    AccountId, Block, Hash, Header, Height, RawExtrinsic,
    runtime_api::{Changes, NoneVerified, RuntimeApi, StateReader},
};
use salus_rpc::{
    Backend, DryRun, ExtrinsicStatus, ExtrinsicWatch, FinalisedBlock, Identity, NodeStatus, NotTried, PeerStatus,
    PoolStatus, Refusal, SubmitError,
};
use salus_storage::StorageError;
use tokio::sync::{broadcast, mpsc, watch};

use crate::metrics::Metrics;

use crate::dry_run;

/// Blocks a slow reader may lag behind before it reads them by height.
const BLOCKS_BUFFERED: usize = 64;
/// Statuses a watch can have: ready or waiting, both in turn, and the last.
const STATUSES: usize = 8;

/// Announces finalised blocks to whoever listens.
#[derive(Clone)]
pub struct Announcer(broadcast::Sender<Arc<FinalisedBlock>>);

impl Default for Announcer {
    fn default() -> Self {
        Self(broadcast::channel(BLOCKS_BUFFERED).0)
    }
}

impl Announcer {
    /// Hear of every block from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.0.subscribe()
    }

    /// Announce a block.
    pub fn announce(&self, block: &Block, changes: Changes, hash: Hash) {
        // An error means that nobody listens.
        let _ = self.0.send(Arc::new(FinalisedBlock {
            hash,
            header: block.header.clone(),
            extrinsics: block.extrinsics.clone(),
            changes: Some(changes),
        }));
    }
}

/// This node among the others: what JSON-RPC and metrics tell of it besides its chain.
pub struct Standing {
    /// The name its operator gave it.
    pub name: String,
    /// The key it votes with, none where it only follows.
    pub validator: Option<AccountId>,
    /// What the engine says of itself.
    pub figures: watch::Receiver<Figures>,
    /// What the node measures.
    pub metrics: Arc<Metrics>,
    /// Who is connected. Called for each question, so it must not wait.
    pub peers: Box<dyn Fn() -> Vec<PeerStatus> + Send + Sync>,
}

impl Standing {
    /// How the node stands now, on the newest state of `chain`.
    pub fn status(&self, chain: &Chain) -> NodeStatus {
        let set = chain.runtime.validators(&chain.database.state());
        let figures = *self.figures.borrow();
        NodeStatus {
            name: self.name.clone(),
            round: figures.round,
            validator: self.validator,
            in_set: self.validator.is_some_and(|key| set.index_of(&key).is_some()),
            silent_until: figures.silent_until.map(Height),
            validators: set.len(),
            quorum: set.quorum(),
            peers: (self.peers)(),
            behind: figures.behind,
            heartbeat_age: self.metrics.heartbeat_age(),
        }
    }
}

/// The server's view of this node.
pub struct NodeBackend {
    identity: Identity,
    chain: Arc<Chain>,
    announcer: Announcer,
    standing: Arc<Standing>,
}

/// A disk that cannot be read is no disk to go on with (decision 18).
fn readable<T>(outcome: Result<T, StorageError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => {
            tracing::error!(%error, "the database cannot be read: stopping");
            std::process::abort()
        }
    }
}

impl NodeBackend {
    /// Over a chain whose blocks `announcer` announces, of a node that stands among others as `standing` says.
    pub fn new(identity: Identity, chain: Arc<Chain>, announcer: Announcer, standing: Arc<Standing>) -> Self {
        Self { identity, chain, announcer, standing }
    }

    /// Count a refusal, and say it as clients expect.
    fn refused(&self, refused: Refused) -> SubmitError {
        self.standing.metrics.refused(&refused);
        submit_error(refused)
    }

    fn height_of(&self, hash: &Hash) -> Option<Height> {
        self.header(hash).map(|header| header.number)
    }
}

fn submit_error(refused: Refused) -> SubmitError {
    let class = match refused {
        Refused::Invalid(reason) => return SubmitError::Invalid(reason),
        Refused::TooLarge { .. } => {
            return SubmitError::Invalid(salus_primitives::dispatch::InvalidTransaction::TooLarge);
        }
        Refused::Malformed(_) => return SubmitError::Invalid(salus_primitives::dispatch::InvalidTransaction::Call),
        Refused::AlreadyPending | Refused::AlreadyIncluded { .. } => Refusal::AlreadyImported,
        Refused::NonceTaken { .. } => Refusal::PlaceTaken,
        Refused::NonceGap { .. } => Refusal::NonceGap,
        Refused::AccountFull { .. } => Refusal::AccountQuota,
        Refused::OrganisationFull { .. } => Refusal::OrganisationQuota,
        Refused::PoolFull { .. } | Refused::BareFull { .. } => Refusal::PoolFull,
        Refused::RateLimited { .. } | Refused::Busy { .. } => Refusal::Busy,
    };
    SubmitError::Refused { class, text: refused.to_string() }
}

fn status(status: Status) -> ExtrinsicStatus {
    match status {
        Status::Ready => ExtrinsicStatus::Ready,
        Status::Waiting => ExtrinsicStatus::Future,
        Status::Finalised { block, index } => ExtrinsicStatus::Finalised { block, index },
        Status::Dropped(DropReason::Invalid(reason)) => ExtrinsicStatus::Invalid(reason),
        Status::Dropped(DropReason::Usurped { by }) => ExtrinsicStatus::Usurped(by),
        Status::Dropped(reason) => ExtrinsicStatus::Dropped(reason.to_string()),
    }
}

#[async_trait]
impl Backend for NodeBackend {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn finalised(&self) -> (Hash, Header) {
        let (header, hash) = self.chain.database.tip();
        (hash, header)
    }

    fn header(&self, hash: &Hash) -> Option<Header> {
        readable(self.chain.database.header(hash))
    }

    fn hash_at(&self, height: Height) -> Option<Hash> {
        readable(self.chain.database.hash_at(height))
    }

    fn body(&self, hash: &Hash) -> Option<Vec<RawExtrinsic>> {
        readable(self.chain.database.body(hash))
    }

    fn justification(&self, hash: &Hash) -> Option<Vec<u8>> {
        readable(self.chain.database.certificate(hash)).map(|certificate| certificate.encode())
    }

    fn state_at(&self, hash: &Hash) -> Option<Box<dyn StateReader + '_>> {
        let state = self.chain.database.state_at(self.height_of(hash)?).ok()?;
        Some(Box::new(state))
    }

    fn keys_paged(&self, hash: &Hash, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Option<Vec<Vec<u8>>> {
        let state = self.chain.database.state_at(self.height_of(hash)?).ok()?;
        state.keys_paged(prefix, start_after, count).ok()
    }

    fn prefix_changed_at(&self, hash: &Hash, prefix: &[u8]) -> Option<Height> {
        let height = self.height_of(hash)?;
        if prefix.len() < 32 {
            return Some(height);
        }
        let state = self.chain.database.state_at(height).ok()?;
        readable(state.prefix_changed_at(prefix))
    }

    fn read_proof(&self, hash: &Hash, keys: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let proof = self.chain.database.prove(keys, self.height_of(hash)?).ok()?;
        Some(vec![proof.encode()])
    }

    fn runtime(&self) -> &dyn RuntimeApi {
        &*self.chain.runtime
    }

    fn blocks(&self) -> broadcast::Receiver<Arc<FinalisedBlock>> {
        self.announcer.0.subscribe()
    }

    async fn submit(&self, extrinsic: RawExtrinsic) -> Result<Hash, SubmitError> {
        self.chain.submit(extrinsic).map_err(|refused| self.refused(refused))
    }

    async fn submit_and_watch(&self, extrinsic: RawExtrinsic) -> Result<ExtrinsicWatch, SubmitError> {
        let (sender, statuses) = mpsc::channel(STATUSES);
        let listener = Box::new(move |change| sender.try_send(status(change)).is_ok());
        let hash = self.chain.submit_and_watch(extrinsic, listener).map_err(|refused| self.refused(refused))?;
        Ok(ExtrinsicWatch { hash, statuses })
    }

    fn pending(&self) -> Vec<RawExtrinsic> {
        self.chain.pool().pending().map(|pending| pending.extrinsic.clone()).collect()
    }

    fn pool_status(&self) -> PoolStatus {
        let status = self.chain.pool().status();
        PoolStatus { ready: status.ready, waiting: status.waiting, bytes: status.bytes }
    }

    fn node_status(&self) -> NodeStatus {
        self.standing.status(&self.chain)
    }

    fn next_nonce(&self, account: &AccountId, in_state: u32) -> u32 {
        self.chain.next_nonce(account).unwrap_or(in_state)
    }

    fn dry_run(&self, at: &Hash, extrinsic: &RawExtrinsic) -> Result<DryRun, NotTried> {
        let parent = self.height_of(at).ok_or(NotTried::StateDiscarded)?;
        let state = self.chain.database.state_at(parent).map_err(|_| NotTried::StateDiscarded)?;
        let metered = Metered::new(&NoneVerified, &self.chain.signatures);
        let outcome = dry_run::run(&*self.chain.runtime, &state, (parent, *at), extrinsic, &metered);
        match metered.refused() {
            Some(wait) => Err(NotTried::Busy(Refused::busy(wait).to_string())),
            None => Ok(outcome),
        }
    }
}
